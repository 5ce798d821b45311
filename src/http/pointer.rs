//! Where a URL that somebody sent us may lead: nowhere but to hosts that the system's file names.
//!
//! What such a URL is asked with are the connection's credentials, so whoever could choose the host would get them.

use regex::Regex;
use url::{Host, Url};

use super::authority;

/// The longest URL that is followed. ShipStation's have at most 200 characters.
const LONGEST: usize = 2048;

/// Reads a URL that came from outside, if it may be followed: below the connection's own base URL's authority, or by
/// https and the usual port at a host that one of `hosts` matches wholly.
///
/// # Errors
/// What is wrong with it, without any of it.
pub fn check(text: &str, hosts: &[Regex], own_base: &Url) -> Result<Url, &'static str> {
    if text.len() > LONGEST {
        return Err("the URL is too long");
    }
    // A parser leaves some of these out, and another one does not.
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("the URL holds characters that no URL has");
    }
    let url = Url::parse(text).map_err(|_| "it is no URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user name or a password");
    }
    if url.scheme() == own_base.scheme() && authority(&url) == authority(own_base) {
        return Ok(url);
    }
    if url.scheme() != "https" {
        return Err("the URL is not https");
    }
    if url.port().is_some() {
        return Err("the URL names a port");
    }
    if !matches!(url.host(), Some(Host::Domain(_))) {
        return Err("the URL names an address and no host");
    }
    if leads_there(&url, hosts) { Ok(url) } else { Err("the URL leads to a host that is not the system's") }
}

/// Whether a URL leads by https and the usual port to a host, named and not by its address, that one of `hosts` matches
/// wholly.
pub(super) fn leads_there(url: &Url, hosts: &[Regex]) -> bool {
    let Some(Host::Domain(name)) = url.host() else { return false };
    url.scheme() == "https"
        && url.port().is_none()
        && !name.ends_with('.')
        && hosts.iter().any(|pattern| is_wholly(pattern, name))
}

/// Whether `pattern` matches all of `name`, anchored or not.
fn is_wholly(pattern: &Regex, name: &str) -> bool {
    pattern.find(name).is_some_and(|found| found.len() == name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Url, &'static str> {
        let hosts = [Regex::new(r"^ssapi\d*\.shipstation\.com$").unwrap()];
        check(text, &hosts, &Url::parse("http://127.0.0.1:8080/base").unwrap())
    }

    #[test]
    fn the_systems_hosts_and_our_own_may_be_followed() {
        for text in [
            "https://ssapi.shipstation.com/shipments?batchId=144015674&includeShipmentItems=False",
            "https://ssapi6.shipstation.com/shipments?batchId=190671332",
            "https://SSAPI11.shipstation.com:443/orders?storeID=123456",
            "http://127.0.0.1:8080/shipments?batchId=1",
        ] {
            assert!(checked(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nothing_else_may() {
        for text in [
            "",
            "/shipments?batchId=1",
            "//ssapi.shipstation.com/",
            "http://ssapi.shipstation.com/",
            "ftp://ssapi.shipstation.com/",
            "file:///etc/passwd",
            "https://evil.example.com/?ssapi.shipstation.com",
            "https://evil.example.com/ssapi.shipstation.com",
            "https://evil.example.com#ssapi.shipstation.com",
            "https://ssapi.shipstation.com.evil.example.com/",
            "https://xssapi.shipstation.com/",
            "https://ssapi.shipstation.com./",
            "https://ssapi.shipstation.com:8443/",
            "https://ssapi.shipstation.com:80/",
            "https://user@ssapi.shipstation.com/",
            "https://user:pass@ssapi.shipstation.com/",
            "https://ssapi.shipstation.com@evil.example.com/",
            "https://ssapi.shipstation.com:443@evil.example.com/",
            "https://evil.example.com\\@ssapi.shipstation.com/",
            "https://ssapi.shipstation.com\\.evil.example.com/",
            "https://ssapi.ship\tstation.com/",
            " https://ssapi.shipstation.com/",
            "https://ssapi.shipstation.com/\r\nHost: evil",
            "https://127.0.0.1/",
            "https://127.0.0.1:8080/",
            "http://127.0.0.1/",
            "http://127.0.0.1:8081/",
            "http://localhost:8080/",
            "https://169.254.169.254/latest/meta-data",
            "http://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://１２７.0.0.1/",
            "https://ssapi１.shipstation.com.evil.example.com/",
        ] {
            assert!(checked(text).is_err(), "{text}");
        }
        let long = format!("https://ssapi.shipstation.com/{}", "x".repeat(2048));
        assert_eq!(checked(&long), Err("the URL is too long"));
    }

    #[test]
    fn a_pattern_without_anchors_must_match_all_the_same() {
        let own = Url::parse("https://api.example.com/").unwrap();
        let hosts = [Regex::new(r"api\.example\.org").unwrap()];
        assert!(check("https://api.example.org/x", &hosts, &own).is_ok());
        assert!(check("https://api.example.org.evil.example.com/x", &hosts, &own).is_err());
        assert!(check("https://evil-api.example.org/x", &hosts, &own).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_without_what_came() {
        for text in ["https://evil.example.com/canary", "https://canary:canary@ssapi.shipstation.com/"] {
            assert!(!checked(text).unwrap_err().contains("canary"));
        }
    }
}
