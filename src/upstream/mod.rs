//! The one other service that this one calls over HTTP. A call is bounded in every way: in time, in size, in tries,
//! and in how long a service that is down is called at all.

pub mod breaker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use breaker::Breaker;

use crate::core::config::UpstreamSettings;
use crate::core::trace_context::TraceContext;

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Idle connections that are kept.
const POOL: usize = 32;
/// The rest before the first retry; it doubles with each.
const BACKOFF: Duration = Duration::from_millis(50);

/// Calls the other service. Clones share its connections.
#[derive(Clone)]
pub struct Upstream(Arc<Inner>);

struct Inner {
    /// Where the service is, and what calls it.
    target: Option<(Url, Client)>,
    settings: UpstreamSettings,
    breaker: Breaker,
    /// Makes that those who failed together do not come again together.
    jitter: AtomicU32,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It is not there, or answers what is no answer.
    #[error("the upstream failed")]
    Failed,
    /// It takes too long.
    #[error("the upstream takes too long")]
    TooSlow,
}

/// What came of one try.
enum Attempt {
    Answer(Value),
    /// It may be better next time.
    Retryable,
    /// It will be no better next time.
    Fatal,
}

impl Upstream {
    /// As `upstream` in the settings says. Does not connect yet.
    ///
    /// # Errors
    /// For an address that is none; names the setting.
    pub fn new(settings: &UpstreamSettings) -> Result<Self, String> {
        let target = settings.base_url.as_deref().map(connect).transpose()?;
        let breaker = Breaker::default();
        Ok(Self(Arc::new(Inner { target, settings: settings.clone(), breaker, jitter: AtomicU32::default() })))
    }

    /// The JSON at a path below the service's address. Attempt again when it fails in a way that may pass, all tries
    /// together within `upstream.timeout_seconds`. Only reading is tried again.
    ///
    /// # Errors
    /// When there is no answer, also without asking while the service is known to be down.
    pub async fn get(&self, path: &str, trace: &TraceContext) -> Result<Value, UpstreamError> {
        let inner = &*self.0;
        let Some((base, client)) = &inner.target else { return Err(UpstreamError::Failed) };
        let Ok(url) = base.join(path) else { return Err(UpstreamError::Failed) };
        let now = Instant::now();
        if !inner.breaker.allows(now) {
            return Err(UpstreamError::Failed);
        }
        let deadline = now + Duration::from_secs(inner.settings.timeout_seconds);
        let outcome = match timeout_at(deadline, inner.tries(client, url, trace)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(UpstreamError::TooSlow),
        };
        inner.breaker.note(outcome.is_ok(), Instant::now());
        outcome
    }
}

fn connect(base: &str) -> Result<(Url, Client), String> {
    let url = format!("{}/", base.trim_end_matches('/')).parse();
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(POOL)
        // A redirect would lead out of where the operator has pointed.
        .redirect(reqwest::redirect::Policy::none())
        .build();
    match (url, client) {
        (Ok(url), Ok(client)) => Ok((url, client)),
        (Err(error), _) => Err(format!("upstream.base_url: {error}")),
        (_, Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            Err(format!("upstream: {error}: {cause}"))
        }
    }
}

impl Inner {
    async fn tries(&self, client: &Client, url: Url, trace: &TraceContext) -> Result<Value, UpstreamError> {
        for retry in 0..=self.settings.retries {
            match self.try_once(client, url.clone(), trace).await {
                Attempt::Answer(answer) => return Ok(answer),
                Attempt::Fatal => break,
                Attempt::Retryable if retry < self.settings.retries => sleep(self.rest(retry)).await,
                Attempt::Retryable => {}
            }
        }
        Err(UpstreamError::Failed)
    }

    async fn try_once(&self, client: &Client, url: Url, trace: &TraceContext) -> Attempt {
        let path = url.path().to_owned();
        let mut request = client.get(url);
        for (name, value) in trace.headers() {
            request = request.header(name, value);
        }
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                // Its text has the whole address, which may hold a secret.
                tracing::warn!(path, cause = %error.without_url(), "the upstream cannot be reached");
                return Attempt::Retryable;
            }
        };
        let status = response.status();
        if status != StatusCode::OK {
            tracing::warn!(path, %status, "the upstream refuses");
            let may_pass = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return if may_pass { Attempt::Retryable } else { Attempt::Fatal };
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= self.settings.max_body_bytes => body.extend(chunk),
                Ok(Some(_)) => {
                    tracing::warn!(path, "the upstream answers more than upstream.max_body_bytes");
                    return Attempt::Fatal;
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(path, cause = %error.without_url(), "the upstream breaks off");
                    return Attempt::Retryable;
                }
            }
        }
        serde_json::from_slice(&body).map_or_else(
            |_| {
                tracing::warn!(path, "the upstream answers no JSON");
                Attempt::Fatal
            },
            Attempt::Answer,
        )
    }

    /// Twice as long each time, and between half and the whole of that.
    fn rest(&self, retry: u32) -> Duration {
        let whole = BACKOFF * 2_u32.saturating_pow(retry);
        let step = self.jitter.fetch_add(7, Ordering::Relaxed) % 16;
        whole / 2 + whole / 32 * step
    }
}
