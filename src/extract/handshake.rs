//! The handshake of a WebSocket (RFC 6455, section 4.2).

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Request, Response};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::server::create_response;

use crate::error::{Error, Result};

/// A valid WebSocket handshake.
///
/// # Errors
/// 426 for every other request.
pub struct Handshake {
    upgrade: OnUpgrade,
    response: Response<Body>,
}

impl<S: Sync> FromRequestParts<S> for Handshake {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let mut request = Request::new(());
        request.method_mut().clone_from(&parts.method);
        *request.version_mut() = parts.version;
        request.headers_mut().clone_from(&parts.headers);
        let response = create_response(&request).map_err(|_| Error::UpgradeRequired)?;
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(Error::UpgradeRequired)?;
        Ok(Self { upgrade, response: response.map(|()| Body::empty()) })
    }
}

impl Handshake {
    /// The response 101, and the connection, which opens once the response is sent.
    #[must_use]
    pub fn accept(self) -> (Response<Body>, OnUpgrade) {
        (self.response, self.upgrade)
    }
}
