//! The client of a request.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use crate::core::client::{Client, USER_AGENT_LENGTH};
use crate::core::config::Settings;
use crate::server::{Peer, client_address};

/// The client's IP address and `User-Agent`.
pub struct FromClient(pub Client);

impl<S> FromRequestParts<S> for FromClient
where
    S: Send + Sync,
    Arc<Settings>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get().map(|Peer(address)| *address);
        let settings = Arc::<Settings>::from_ref(state);
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(Client {
            address: client_address(peer, &parts.headers, &settings.server.trusted_proxies),
            user_agent: agent.map(|agent| agent.chars().take(USER_AGENT_LENGTH).collect()),
        }))
    }
}
