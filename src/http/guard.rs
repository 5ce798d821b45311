//! Where a request may go: to the connection's own hosts, in the open only on this machine; and where a sender may point,
//! by https only.

use regex::Regex;
use url::{Host, Url};

use super::{SendError, pointer};

/// `host:port` of a URL, as lists of allowed hosts hold it.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What a sentence for people calls the other side: the host, with its port where that is unusual.
pub(super) fn name(url: &Url) -> String {
    let host = url.host_str().unwrap_or("an unknown host");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What a connection may reach.
#[derive(Debug)]
pub(super) struct Reach {
    /// Its own hosts, each as [`authority`] writes it.
    pub(super) hosts: Vec<String>,
    /// Where senders may point besides.
    pub(super) pointed: Vec<Regex>,
    pub(super) allow_plain_http: bool,
}

/// Whose host a URL leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The connection's own, which may be in our network.
    Own,
    /// One that a sender pointed at, which may not.
    Pointed,
}

/// Refuses a URL that this connection may not reach.
pub(super) fn check(url: &Url, reach: &Reach) -> Result<Place, SendError> {
    let Reach { hosts, pointed, allow_plain_http } = reach;
    let refuse = |reason: String| Err(SendError::NotSent { reason, permanent: true });
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(format!("`{}:` addresses cannot be reached; use https.", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(format!(
            "The address of {} holds a user name or password; credentials belong in the vault.",
            name(url)
        ));
    }
    let own = hosts.contains(&authority(url));
    if !own && pointer::leads_there(url, pointed) {
        return Ok(Place::Pointed);
    }
    if !own {
        return refuse(format!(
            "{} is not a host of this connection, so nothing was sent there; it may reach only {}.",
            authority(url),
            if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") },
        ));
    }
    if url.scheme() == "http" && !*allow_plain_http && !is_loopback(url) {
        return refuse(format!(
            "{} would be reached by plain http, where credentials can be read on the way; use https, or set \
             `allow_plain_http: true` for this connection.",
            name(url)
        ));
    }
    Ok(Place::Own)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, allow_plain_http: bool) -> Option<String> {
        let url = Url::parse(url).unwrap();
        let hosts =
            ["api.example.com:443", "api.example.com:80", "127.0.0.1:8080", "[::1]:8080", "localhost:8080"];
        let pointed = vec![Regex::new(r"ssapi\d*\.shipstation\.com|any\..*").unwrap()];
        let reach = Reach { hosts: hosts.map(str::to_owned).into(), pointed, allow_plain_http };
        match check(&url, &reach) {
            Ok(Place::Pointed) => Some("pointed".to_owned()),
            Ok(Place::Own) => None,
            Err(SendError::NotSent { reason, permanent: true }) => Some(reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn own_hosts_may_be_reached() {
        for url in [
            "https://api.example.com/x?y=z",
            "https://API.example.com:443/",
            "http://127.0.0.1:8080/",
            "http://[::1]:8080/",
        ] {
            assert_eq!(refusal(url, false), None, "{url}");
        }
        assert_eq!(refusal("http://api.example.com/", true), None);
    }

    #[test]
    fn where_senders_point_may_be_reached_by_https_only() {
        for url in ["https://ssapi.shipstation.com/x", "https://SSAPI6.shipstation.com:443/x"] {
            assert_eq!(refusal(url, false).as_deref(), Some("pointed"), "{url}");
        }
        for url in [
            "http://ssapi.shipstation.com/x",
            "https://ssapi.shipstation.com:8443/x",
            "https://ssapi.shipstation.com.evil.example.com/x",
            "https://xssapi.shipstation.com/x",
            "https://any.example.com./x",
            "https://[::1]/x",
            "https://10.0.0.1/x",
        ] {
            assert!(refusal(url, true).unwrap().contains("is not a host of this connection"), "{url}");
        }
        let reason = refusal("https://user@ssapi.shipstation.com/x", false).unwrap();
        assert!(reason.contains("user name or password"), "{reason}");
    }

    #[test]
    fn nothing_else_may() {
        for url in [
            "https://evil.example.com/?api.example.com",
            "https://api.example.com.evil.example.com/",
            "https://api.example.com./",
            "https://api.example.com:8443/",
            "https://169.254.169.254/latest/meta-data",
            "http://0x7f.1:9/",
        ] {
            assert!(refusal(url, true).unwrap().contains("is not a host of this connection"), "{url}");
        }
        assert!(refusal("ftp://api.example.com/", true).unwrap().contains("use https"));
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_not_repeated() {
        let reason = refusal("https://user:hunter2@api.example.com/", false).unwrap();
        assert!(
            reason.contains("vault") && !reason.contains("hunter2") && !reason.contains("user:"),
            "{reason}"
        );
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(refusal("http://api.example.com/", false).unwrap().contains("allow_plain_http"));
        assert_eq!(refusal("http://localhost:8080/", false), None);
    }
}
