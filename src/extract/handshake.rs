//! The handshake of a WebSocket (RFC 6455, section 4.2).

use std::future::Future;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Request, Response};
use hyper::upgrade::{OnUpgrade, Upgraded};
use tokio_tungstenite::tungstenite::handshake::server::create_response;

use crate::error::{Error, Result};

/// A client that asks for a WebSocket, as it should.
///
/// # Errors
/// 426 for every other request.
pub struct Handshake {
    upgrade: OnUpgrade,
    answer: Response<Body>,
}

impl<S: Sync> FromRequestParts<S> for Handshake {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let mut asked = Request::new(());
        asked.method_mut().clone_from(&parts.method);
        *asked.version_mut() = parts.version;
        asked.headers_mut().clone_from(&parts.headers);
        let answer = create_response(&asked).map_err(|_| Error::UpgradeRequired)?;
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(Error::UpgradeRequired)?;
        Ok(Self { upgrade, answer: answer.map(|()| Body::empty()) })
    }
}

impl Handshake {
    /// The answer 101. What is made of the connection runs by itself afterwards.
    pub fn accept<F>(self, serve: impl FnOnce(Upgraded) -> F + Send + 'static) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            // Fails when the client is gone before it was answered.
            if let Ok(upgraded) = self.upgrade.await {
                serve(upgraded).await;
            }
        });
        self.answer
    }
}
