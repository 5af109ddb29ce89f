//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The address that the connection comes from, as the server puts it into a request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What a request tells about the program that sent it, and where it runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// Its address; unknown where there is no connection, as in tests.
    pub address: Option<IpAddr>,
    /// What it calls itself, cut to what is stored.
    pub user_agent: Option<String>,
}

/// Characters of a user agent that are stored.
pub const USER_AGENT_LENGTH: usize = 255;

/// The client's address: the peer's or, when the peer is a proxy of ours, the last one in `X-Forwarded-For` that
/// no proxy of ours has written about another. What a client writes there itself stands further left.
#[must_use]
pub fn address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer?.ip().to_canonical();
    // All lines of the header are one list.
    let lines = headers.get_all("x-forwarded-for").iter().rev().map(HeaderValue::as_bytes);
    for hop in lines.flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        if !is_trusted(&address) {
            break;
        }
        // What is no address ends the chain: the proxy that wrote it is all that is known.
        let Some(hop) = std::str::from_utf8(hop).ok().and_then(|hop| parse(hop.trim())) else { break };
        address = hop;
    }
    Some(address)
}

/// `10.0.0.1`, `2001:db8::1`, either with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// What counts as one client for a limit: an IPv6 customer has a whole network of 64 bits.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
