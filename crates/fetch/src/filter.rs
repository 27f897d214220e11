//! Which addresses on the net may be fetched from at a user's wish.
//!
//! Decided twice: for the text of the URI, and for every network address its host resolves to. The fetch then connects to
//! exactly the addresses that passed, so a name that resolves differently a moment later gains nothing.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use thiserror::Error;
use url::{Host, Url};

use crate::CONNECT_TIME;

/// Why a URI is not fetched. For the log; clients only hear that it did not pass.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It is no absolute URL with a host.
    #[error("it is no URL with a host")]
    NotAUrl,
    /// Scheme, host or port are not allowed.
    #[error("its {0} is not allowed")]
    Part(&'static str),
    /// The name does not resolve.
    #[error("its host cannot be resolved")]
    Unresolved(#[source] io::Error),
    /// Every address of the host is out of bounds.
    #[error("its host has no address that may be fetched from")]
    Address,
}

/// The rules of `[import_filtering_opts]`. Of each pair a list of what is allowed, if there is one, makes the other void.
#[derive(Debug, Clone)]
pub struct UriFilter {
    /// `allowed_schemes`.
    pub allowed_schemes: Vec<String>,
    /// `disallowed_schemes`.
    pub disallowed_schemes: Vec<String>,
    /// `allowed_hosts`. A host on this list may have any address, be it inside of this machine.
    pub allowed_hosts: Vec<String>,
    /// `disallowed_hosts`. Addresses on this list are also refused to names that resolve to them.
    pub disallowed_hosts: Vec<String>,
    /// `allowed_ports`. A URI that names no port is not asked.
    pub allowed_ports: Vec<u16>,
    /// `disallowed_ports`.
    pub disallowed_ports: Vec<u16>,
}

impl Default for UriFilter {
    /// Glance's defaults: http and https on their own ports, from anywhere but this machine and its link.
    fn default() -> Self {
        Self {
            allowed_schemes: vec!["http".to_owned(), "https".to_owned()],
            disallowed_schemes: Vec::new(),
            allowed_hosts: Vec::new(),
            disallowed_hosts: Vec::new(),
            allowed_ports: vec![80, 443],
            disallowed_ports: Vec::new(),
        }
    }
}

impl UriFilter {
    /// Checks a URI and finds the addresses it may be fetched from, in the order the resolver gave them.
    pub async fn admit(&self, uri: &str) -> Result<(Url, Vec<SocketAddr>), Refusal> {
        let url = self.admit_text(uri)?;
        let port = url.port_or_known_default().ok_or(Refusal::Part("port"))?;
        let host = url.host().ok_or(Refusal::NotAUrl)?;
        let is_trusted = self.trusts(&host.to_string());
        let found: Vec<SocketAddr> = match host {
            Host::Ipv4(ip) => vec![(ip, port).into()],
            Host::Ipv6(ip) => vec![(ip, port).into()],
            Host::Domain(name) => resolve(name, port).await.map_err(Refusal::Unresolved)?,
        };
        let admitted = self.admit_addresses(found, is_trusted);
        if admitted.is_empty() {
            Err(Refusal::Address)
        } else {
            Ok((url, admitted))
        }
    }

    /// Those of a host's addresses that may be fetched from.
    fn admit_addresses(&self, found: Vec<SocketAddr>, is_trusted: bool) -> Vec<SocketAddr> {
        let mut admitted: Vec<SocketAddr> = Vec::with_capacity(found.len());
        for address in found {
            let passes = is_trusted || (may_be_reached(address.ip()) && !self.bans(address.ip()));
            if passes && !admitted.contains(&address) {
                admitted.push(address);
            }
        }
        admitted
    }

    /// The checks that need no resolver.
    fn admit_text(&self, uri: &str) -> Result<Url, Refusal> {
        let uri = uri.trim();
        // The parser leaves such characters out and takes `\` for `/`, others do not: it would be two different URIs.
        if uri
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
        {
            return Err(Refusal::NotAUrl);
        }
        let url = Url::parse(uri).map_err(|_| Refusal::NotAUrl)?;
        let written = written_host(uri).ok_or(Refusal::NotAUrl)?;
        let host = url.host().ok_or(Refusal::NotAUrl)?;
        // Only http is spoken, whatever the lists say.
        if !matches!(url.scheme(), "http" | "https")
            || !permits(
                &self.allowed_schemes,
                &self.disallowed_schemes,
                &url.scheme().to_owned(),
            )
        {
            return Err(Refusal::Part("scheme"));
        }
        // Compat: an IPv4 address written as anything but four decimal numbers is refused; `url` has already decoded it.
        if let Host::Ipv4(ip) = host
            && written != ip.to_string()
        {
            return Err(Refusal::Part("host"));
        }
        let name = unbracketed(&host.to_string());
        let hosts_permit = if self.allowed_hosts.is_empty() {
            !self
                .disallowed_hosts
                .iter()
                .any(|banned| same_host(banned, &name))
        } else {
            self.trusts(&name)
        };
        if !hosts_permit {
            return Err(Refusal::Part("host"));
        }
        // `Url` hides a port that is the scheme's own, which Glance would have checked.
        let port = written_port(uri, &url);
        if port.is_some_and(|port| !permits(&self.allowed_ports, &self.disallowed_ports, &port)) {
            return Err(Refusal::Part("port"));
        }
        Ok(url)
    }

    fn trusts(&self, host: &str) -> bool {
        let host = unbracketed(host);
        self.allowed_hosts
            .iter()
            .any(|allowed| same_host(allowed, &host))
    }

    fn bans(&self, address: IpAddr) -> bool {
        self.allowed_hosts.is_empty()
            && self
                .disallowed_hosts
                .iter()
                .filter_map(|banned| unbracketed(banned).parse::<IpAddr>().ok())
                .any(|banned| banned == address || banned == address.to_canonical())
    }
}

fn permits<T: PartialEq>(allowed: &[T], disallowed: &[T], given: &T) -> bool {
    if allowed.is_empty() {
        !disallowed.contains(given)
    } else {
        allowed.contains(given)
    }
}

fn unbracketed(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

/// A dot at the end of a name only says that it is whole.
fn same_host(listed: &str, host: &str) -> bool {
    let listed = unbracketed(listed);
    let (listed, host) = (listed.trim_end_matches('.'), host.trim_end_matches('.'));
    match (listed.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        (Ok(listed), Ok(host)) => listed == host,
        _ => listed.eq_ignore_ascii_case(host),
    }
}

/// What stands between the scheme and the path. The parser makes up for much that is missing there; nothing is made up
/// for here.
fn authority(uri: &str) -> Option<&str> {
    let rest = uri.split_once("://")?.1;
    rest.split(['/', '?', '#', '\\'])
        .next()
        .filter(|authority| !authority.is_empty())
}

/// The host in the text of the URI, as it is written there.
fn written_host(uri: &str) -> Option<&str> {
    let host_and_port = authority(uri)?.rsplit('@').next()?;
    if let Some(end) = host_and_port.find(']') {
        return Some(&host_and_port[..=end]);
    }
    host_and_port.split(':').next()
}

/// The port in the text of the URI, even if it is the one the scheme has anyway.
fn written_port(uri: &str, url: &Url) -> Option<u16> {
    url.port().or_else(|| {
        let host_and_port = authority(uri)?.rsplit('@').next()?;
        let (host, port) = host_and_port.rsplit_once(':')?;
        let is_inside_brackets = host.contains('[') && !host.contains(']');
        if is_inside_brackets {
            None
        } else {
            port.parse().ok()
        }
    })
}

/// Asks the resolver, which may be one that never answers.
async fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let asked = tokio::time::timeout(CONNECT_TIME, tokio::net::lookup_host((name, port)));
    Ok(asked.await??.collect())
}

/// Whether an address is one that a user's wish may lead to.
///
/// Refused are those that mean this machine, its link or a group, and those where clouds answer with credentials. An IPv6
/// address that carries an IPv4 one is judged by what it carries. Private networks may be reached: that is where sites
/// keep their mirrors.
fn may_be_reached(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => v4_may_be_reached(ip),
        IpAddr::V6(ip) => match carried_v4(ip) {
            Some(carried) => v4_may_be_reached(carried),
            None => v6_may_be_reached(ip),
        },
    }
}

fn v4_may_be_reached(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_here = a == 0 || ip.is_loopback() || ip.is_link_local();
    let is_group = ip.is_multicast() || ip.is_broadcast() || a >= 240;
    // IETF protocol assignments: 192.0.0.192 is a metadata service, nothing there serves images.
    let is_protocol = (a, b, c) == (192, 0, 0);
    let is_metadata =
        ip == Ipv4Addr::new(100, 100, 100, 200) || ip == Ipv4Addr::new(168, 63, 129, 16);
    !(is_here || is_group || is_protocol || is_metadata)
}

fn v6_may_be_reached(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let is_link_local = first & 0xffc0 == 0xfe80;
    // fec0::/10 was "site local" and is routed by nobody.
    let is_site_local = first & 0xffc0 == 0xfec0;
    let is_metadata = ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    !(ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || is_link_local
        || is_site_local
        || is_metadata)
}

/// The IPv4 address inside of mapped, compatible, NAT64 (well-known and local-use), 6to4 and Teredo addresses.
fn carried_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = ip.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(of(high, low)),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(of(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x64, 0xff9b, 1, _, _, _, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(of(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(text: &str) -> bool {
        may_be_reached(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_this_machine_and_of_metadata_services_are_out_of_bounds() {
        for text in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.0.192",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::127.0.0.1",
            "2002:7f00:1::1",
            "2001:0:1234::8000:fffe",
        ] {
            assert!(!reached(text), "{text}");
        }
        for text in [
            "8.8.8.8",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.64.0.1",
            "2600::1",
            "fd12::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(reached(text), "{text}");
        }
    }

    #[test]
    fn texts_are_judged_before_anything_is_resolved() {
        let filter = UriFilter::default();
        for refused in [
            "",
            "no url",
            "file:///etc/passwd",
            "ftp://example.org/x",
            "http://",
            "http:///x",
            "http://example.org:8080/x",
            "http://2130706433/x",
            "http://0x7f.1/x",
            "http://0177.0.0.1/x",
            // What is looked for is the host, not just any place where the address might stand.
            "http://167772161/10.0.0.1",
            "http://10.0.0.1@167772161/x",
            "http://10.0.0.1\\@167772161:99/x",
            "http://exa\tmple.org/x",
            "http://example.org:8\n0/x",
            "http://example.org/a b",
        ] {
            assert!(filter.admit_text(refused).is_err(), "{refused}");
        }
        for admitted in [
            "http://example.org/x",
            "HTTPS://Example.org:443/x",
            "http://example.org:80/x",
            "http://10.0.0.1/x",
            "http://[2600::1]/x",
            "http://user:secret@example.org/x",
        ] {
            assert!(filter.admit_text(admitted).is_ok(), "{admitted}");
        }
    }

    #[test]
    fn a_list_of_the_allowed_makes_the_other_void() {
        let filter = UriFilter {
            allowed_hosts: vec!["mirror.example.org".into(), "::1".into()],
            disallowed_hosts: vec!["mirror.example.org".into()],
            allowed_ports: Vec::new(),
            disallowed_ports: vec![22, 80],
            ..UriFilter::default()
        };
        assert!(
            filter
                .admit_text("http://MIRROR.example.org:9000/x")
                .is_ok()
        );
        assert!(filter.admit_text("http://[::1]/x").is_ok());
        assert!(filter.admit_text("http://other.example.org/x").is_err());
        assert!(filter.admit_text("http://mirror.example.org:22/x").is_err());
        // The port is written, so it counts, though it is the one http has anyway.
        assert!(filter.admit_text("http://mirror.example.org:80/x").is_err());
        assert!(filter.admit_text("http://mirror.example.org/x").is_ok());
    }

    #[test]
    fn a_dot_at_the_end_makes_no_other_host() {
        let banning = UriFilter {
            disallowed_hosts: vec!["evil.example.org".into()],
            ..UriFilter::default()
        };
        assert!(banning.admit_text("http://evil.example.org./x").is_err());
        let trusting = UriFilter {
            allowed_hosts: vec!["mirror.example.org.".into()],
            ..UriFilter::default()
        };
        assert!(trusting.admit_text("http://mirror.example.org/x").is_ok());
    }

    #[test]
    fn of_several_addresses_those_remain_that_may_be_reached() {
        let all = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let found = all(&[
            "127.0.0.1:80",
            "192.0.2.7:80",
            "[::ffff:169.254.169.254]:80",
            "10.1.2.3:80",
            "192.0.2.7:80",
            "[2600::1]:80",
        ]);
        let filter = UriFilter {
            disallowed_hosts: vec!["10.1.2.3".into()],
            ..UriFilter::default()
        };
        assert_eq!(
            filter.admit_addresses(found.clone(), false),
            all(&["192.0.2.7:80", "[2600::1]:80"])
        );
        assert_eq!(filter.admit_addresses(found, true).len(), 5);
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_resolve_to() {
        let filter = UriFilter::default();
        let refused = filter.admit("http://localhost/x").await;
        assert!(
            matches!(refused, Err(Refusal::Address | Refusal::Unresolved(_))),
            "{refused:?}"
        );
        assert!(matches!(
            filter.admit("http://169.254.169.254/latest").await,
            Err(Refusal::Address)
        ));
        let trusting = UriFilter {
            allowed_hosts: vec!["127.0.0.1".into()],
            allowed_ports: Vec::new(),
            ..UriFilter::default()
        };
        let (_, addresses) = trusting.admit("http://127.0.0.1:8123/x").await.unwrap();
        assert_eq!(addresses, ["127.0.0.1:8123".parse().unwrap()]);
        let banning = UriFilter {
            disallowed_hosts: vec!["10.1.2.3".into()],
            ..UriFilter::default()
        };
        assert!(
            banning.admit("http://[::ffff:10.1.2.3]/x").await.is_err(),
            "the same address in other clothes"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_filter_panic(uri in "\\PC{0,60}") {
            let _ = UriFilter::default().admit_text(&uri);
        }

        #[test]
        fn an_ipv4_address_is_judged_alike_in_every_form(octets: [u8; 4]) {
            let v4 = Ipv4Addr::from(octets);
            let [high, low] = [u16::from_be_bytes([octets[0], octets[1]]), u16::from_be_bytes([octets[2], octets[3]])];
            for carrier in [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                proptest::prop_assert_eq!(may_be_reached(carrier.into()), may_be_reached(v4.into()));
            }
        }
    }
}
