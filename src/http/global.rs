//! Which addresses belong to the open network, and a resolver that gives no others.
//!
//! What a sender points at is asked with the connection's credentials from inside our network. A host whose name is
//! right can still have an address of that network: in a zone that was taken over, or with an answer that changes
//! between a check and its use. So names are resolved once, each address is looked at, and the connection goes to
//! exactly what was looked at.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Networks of IPv4 that are not the open network: (first address, length of the prefix). IANA's registry of special
/// addresses, less those that are reachable from everywhere.
const CLOSED_4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// All of the open network of IPv6, from which [`CLOSED_6`] is taken: no loopback, local, site or multicast address is
/// in it.
const OPEN_6: (u128, u32) = (0x2000 << 112, 3);

/// Networks within [`OPEN_6`] that are not the open network: protocol assignments with Teredo, documentation, 6to4
/// (which hides an IPv4 address), documentation.
const CLOSED_6: &[(u128, u32)] =
    &[(0x2001 << 112, 23), (0x2001_0db8 << 96, 32), (0x2002 << 112, 16), (0x3fff << 112, 20)];

/// IPv4 addresses behind translators: the last 32 bits say which.
const TRANSLATED: (u128, u32) = (0x0064_ff9b << 96, 96);

/// Whether an address belongs to the open network.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_4(address),
        IpAddr::V6(address) => is_global_6(address),
    }
}

fn is_global_4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    let within = |(first, length): &([u8; 4], u32)| (bits ^ u32::from_be_bytes(*first)) >> (32 - length) == 0;
    !CLOSED_4.iter().any(within)
}

fn is_global_6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_global_4(mapped);
    }
    let bits = address.to_bits();
    let within = |(first, length): &(u128, u32)| (bits ^ first) >> (128 - length) == 0;
    if within(&TRANSLATED) {
        let [.., a, b, c, d] = address.octets();
        return is_global_4(Ipv4Addr::new(a, b, c, d));
    }
    within(&OPEN_6) && !CLOSED_6.iter().any(within)
}

/// A name leads to an address that is not of the open network.
#[derive(Debug)]
pub(super) struct Closed(IpAddr);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its name leads to {}, which is not an address of the open network", self.0)
    }
}

impl std::error::Error for Closed {}

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// Resolves names, and refuses those that have an address outside the open network.
#[derive(Clone)]
pub(super) struct GlobalOnly(Lookup);

impl GlobalOnly {
    /// One that asks the system.
    pub(super) fn system() -> Self {
        Self(Arc::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        }))
    }
}

impl Resolve for GlobalOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            // One that is open does not excuse another that is not: whoever wrote both wanted the other.
            match found.iter().map(SocketAddr::ip).find(|address| !is_global(*address)) {
                Some(address) => Err(Closed(address).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn open(address: &str) -> bool {
        is_global(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_networks_are_not_global_from_their_first_to_their_last() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "239.255.255.255"),
            ("240.0.0.0", "255.255.255.255"),
            ("::", "::"),
            ("::1", "::1"),
            ("::2", "::ffff"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            ("100::", "100::ffff:ffff:ffff:ffff"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::ffff:10.0.0.0", "::ffff:10.255.255.255"),
            ("::ffff:127.0.0.1", "::ffff:169.254.169.254"),
            ("64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255"),
            ("64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"),
        ] {
            assert!(!open(first), "{first}");
            assert!(!open(last), "{last}");
        }
    }

    #[test]
    fn their_neighbours_are_global() {
        for address in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::",
            "2001:4860:4860::8888",
            "2003::",
            "2606:4700::1111",
            "3ffe:ffff::",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(open(address), "{address}");
        }
    }

    async fn resolved(answers: &'static [&'static [&'static str]]) -> Vec<Result<Vec<IpAddr>, String>> {
        let asked = Arc::new(AtomicUsize::new(0));
        let resolver = GlobalOnly(Arc::new(move |_| {
            let answer = answers[asked.fetch_add(1, Ordering::SeqCst)];
            let found = answer.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
            Box::pin(async move { Ok(found) })
        }));
        let mut all = Vec::new();
        for _ in answers {
            let found = resolver.resolve("ssapi.shipstation.com".parse().unwrap()).await;
            let found = found.map(|found| found.map(|address| address.ip()).collect());
            all.push(found.map_err(|error| error.to_string()));
        }
        all
    }

    #[tokio::test]
    async fn what_is_resolved_is_looked_at_each_time() {
        let found = resolved(&[&["8.8.8.8", "2606:4700::1111"], &["127.0.0.1"]]).await;
        assert_eq!(found[0].as_ref().unwrap().len(), 2);
        let refused = found[1].as_ref().unwrap_err();
        assert_eq!(refused, "its name leads to 127.0.0.1, which is not an address of the open network");
    }

    #[tokio::test]
    async fn one_closed_address_among_others_is_enough() {
        let found = resolved(&[&["8.8.8.8", "10.0.0.1"], &["::ffff:169.254.169.254", "8.8.8.8"]]).await;
        assert!(found.iter().all(Result::is_err), "{found:?}");
    }
}
