//! Where other systems tell us.

use std::net::SocketAddr;
use std::path::Path;

use url::{Host, Url};

use crate::spec::model::{Intake, IntakeTls};
use crate::spec::raw::Written;
use crate::spec::raw::config::RawIntake;

use super::checker::Checker;

const BODY_LIMIT: u32 = 256 * 1024;
const RATE: u32 = 2_000;

/// Reads it.
pub fn intake(checker: &mut Checker<'_>, raw: &RawIntake, directory: &Path) -> Option<Intake> {
    let listen = raw.listen.as_ref().and_then(|written| address(checker, written));
    let url = raw.url.as_ref().and_then(|written| public_url(checker, written));
    let tls = match &raw.tls {
        Some(raw) => {
            let file = |path: &Option<Written<String>>| Some(directory.join(&path.as_ref()?.value));
            Some(IntakeTls { certificate: file(&raw.certificate)?, key: file(&raw.key)? })
        }
        None => None,
    };
    Some(Intake {
        listen: listen?,
        url: url?,
        tls,
        body_limit: raw.body_limit.unwrap_or(BODY_LIMIT) as usize,
        rate: raw.rate.unwrap_or(RATE),
    })
}

fn address(checker: &mut Checker<'_>, written: &Written<String>) -> Option<SocketAddr> {
    let found = written.parse().ok();
    if found.is_none() {
        let headline = format!("`{}` is not an address with a port", written.value);
        let help = "write for example `127.0.0.1:8480`, or `0.0.0.0:8480` to listen at all addresses";
        checker.report("not-an-address", written.node, headline, help);
    }
    found
}

/// What senders are told, without a slash at its end. Only what stays on this machine may go without TLS.
fn public_url(checker: &mut Checker<'_>, written: &Written<String>) -> Option<String> {
    let wrong = match Url::parse(written) {
        Ok(url) => match fault(&url) {
            None => return Some(url.as_str().trim_end_matches('/').to_owned()),
            Some(fault) => fault,
        },
        Err(_) => "is not a URL",
    };
    let headline = format!("`{}` {wrong}", written.value);
    checker.report("not-a-url", written.node, headline, "write for example `https://hooks.example.com`");
    None
}

fn fault(url: &Url) -> Option<&'static str> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Some("is not a URL"),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Some("is not safe: senders would send their secrets in the clear"),
        _ => return Some("is not a URL that senders can use"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("holds a user or password, which senders would see");
    }
    (url.query().is_some() || url.fragment().is_some())
        .then_some("has a query or fragment, but paths are added to it")
}
