//! The client's address, also behind proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// The address at the other end of the connection, which the server puts into a request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The client's address: the peer's, unless the peer is a `trusted` proxy. Then `X-Forwarded-For` is read from right to
/// left, up to the first address that is not a trusted proxy. Addresses further to the left come from the client itself
/// and are ignored.
#[must_use]
pub fn client_address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer?.ip().to_canonical();
    // All lines of the header are one list.
    let lines = headers.get_all("x-forwarded-for").iter().rev().map(HeaderValue::as_bytes);
    for hop in lines.flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        if !is_trusted(&address) {
            break;
        }
        // An invalid entry ends the search: the proxy that wrote it is the last known address.
        let Some(hop) = std::str::from_utf8(hop).ok().and_then(|hop| parse(hop.trim())) else { break };
        address = hop;
    }
    Some(address)
}

/// Reads `10.0.0.1` or `2001:db8::1`, either with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}
