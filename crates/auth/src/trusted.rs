//! Which neighbours may speak identity headers.
//!
//! The decision is by the address of the connection itself, never by a forwarding header, which a stranger can write.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use crate::Error;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Reached over the network, or loopback.
    Ip(IpAddr),
    /// Reached over a unix socket, whose file permissions already chose who may connect.
    Unix,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address.ip())
    }
}

/// The peers whose identity headers are believed. By default the machine itself: loopback addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedSources(Vec<Source>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Loopback,
    Unix,
    Network { base: IpAddr, prefix: u8 },
}

impl Default for TrustedSources {
    fn default() -> Self {
        Self(vec![Source::Loopback])
    }
}

impl TrustedSources {
    /// Exactly the listed ones: addresses (`10.0.0.7`), networks (`10.0.0.0/24`, `fd00::/8`), `loopback`, `unix`.
    ///
    /// An empty list trusts nobody. The first entry that is none of these is the error.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, Error> {
        let sources = entries.iter().map(|entry| Source::parse(entry.as_ref()));
        Ok(Self(sources.collect::<Result<_, _>>()?))
    }

    /// Whether this peer's identity headers are believed.
    pub fn trusts(&self, peer: Peer) -> bool {
        self.0.iter().any(|source| source.contains(peer))
    }
}

impl Source {
    fn parse(entry: &str) -> Result<Self, Error> {
        let invalid = || Error::InvalidSource(entry.to_owned());
        let entry = entry.trim();
        match entry {
            "loopback" | "localhost" => return Ok(Self::Loopback),
            "unix" => return Ok(Self::Unix),
            _ => {}
        }
        let (base, prefix) = match entry.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (entry, None),
        };
        let base = IpAddr::from_str(base).map_err(|_| invalid())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(text) => u8::from_str(text).map_err(|_| invalid())?,
        };
        if prefix > width {
            return Err(invalid());
        }
        // An IPv4 network may be written as a mapped one: the first 96 bits only say that it is mapped.
        Ok(match base.to_canonical() {
            base @ IpAddr::V4(_) if width == 128 => Self::Network {
                base,
                prefix: prefix.saturating_sub(96),
            },
            base => Self::Network { base, prefix },
        })
    }

    fn contains(&self, peer: Peer) -> bool {
        match (self, peer) {
            (Self::Unix, Peer::Unix) => true,
            (Self::Unix, Peer::Ip(_)) | (Self::Loopback | Self::Network { .. }, Peer::Unix) => {
                false
            }
            // A socket bound to `::` sees IPv4 neighbours as mapped addresses.
            (Self::Loopback, Peer::Ip(ip)) => ip.to_canonical().is_loopback(),
            (Self::Network { base, prefix }, Peer::Ip(ip)) => match (*base, ip.to_canonical()) {
                (IpAddr::V4(base), IpAddr::V4(ip)) => {
                    same_prefix(base.to_bits().into(), ip.to_bits().into(), *prefix, 32)
                }
                (IpAddr::V6(base), IpAddr::V6(ip)) => {
                    same_prefix(base.to_bits(), ip.to_bits(), *prefix, 128)
                }
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
            },
        }
    }
}

fn same_prefix(base: u128, ip: u128, prefix: u8, width: u8) -> bool {
    let differing = (base ^ ip).checked_shr(u32::from(width - prefix));
    differing.unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::{Peer, TrustedSources};

    fn ip(text: &str) -> Peer {
        Peer::Ip(text.parse().unwrap())
    }

    #[test]
    fn the_machine_itself_by_default() {
        let sources = TrustedSources::default();
        for own in ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(sources.trusts(ip(own)), "{own}");
        }
        assert!(!sources.trusts(ip("10.0.0.1")));
        assert!(!sources.trusts(ip("fe80::1")));
        assert!(!sources.trusts(Peer::Unix));
    }

    #[test]
    fn networks_contain_their_addresses_only() {
        let sources =
            TrustedSources::parse(&["10.1.0.0/16", "192.0.2.7", "fd00::/8", "unix"]).unwrap();
        for inside in ["10.1.255.3", "::ffff:10.1.0.9", "192.0.2.7", "fd12::9"] {
            assert!(sources.trusts(ip(inside)), "{inside}");
        }
        for outside in ["10.2.0.1", "192.0.2.8", "fe00::1", "127.0.0.1", "::1"] {
            assert!(!sources.trusts(ip(outside)), "{outside}");
        }
        assert!(sources.trusts(Peer::Unix));
    }

    #[test]
    fn edges_of_prefixes() {
        let all = TrustedSources::parse(&["0.0.0.0/0"]).unwrap();
        assert!(all.trusts(ip("203.0.113.9")));
        assert!(!all.trusts(ip("2001:db8::1")));
        assert!(
            TrustedSources::parse(&["::/0"])
                .unwrap()
                .trusts(ip("2001:db8::1"))
        );
        let mapped = TrustedSources::parse(&["::ffff:10.0.0.0/104"]).unwrap();
        assert!(mapped.trusts(ip("10.9.9.9")));
        assert!(!mapped.trusts(ip("11.0.0.1")));
    }

    #[test]
    fn an_empty_list_trusts_nobody_and_nonsense_is_refused() {
        let none = TrustedSources::parse::<&str>(&[]).unwrap();
        assert!(!none.trusts(ip("127.0.0.1")));
        for nonsense in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::1/129",
            "example.org",
            "10.0.0.1/",
            "10.0.0.1/-1",
        ] {
            let error = TrustedSources::parse(&[nonsense]).unwrap_err();
            assert!(
                error.to_string().contains(&format!("`{nonsense}`")),
                "{nonsense}"
            );
        }
    }
}
