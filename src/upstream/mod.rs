//! The client of the upstream service. Calls are limited in time, size and retries, and a circuit breaker stops calls
//! while the service is down.

pub mod breaker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument;

use breaker::Breaker;

use crate::core::config::UpstreamSettings;
use crate::core::telemetry::traces::TRACE;
use crate::core::trace_context::TraceContext;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Idle connections that are kept open.
const MAX_IDLE_CONNECTIONS: usize = 32;
/// The delay before the first retry. It doubles with each further one.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Calls the upstream service. Clones share the connections and the circuit breaker.
#[derive(Clone)]
pub struct Upstream(Arc<Inner>);

struct Inner {
    /// The service's address and the HTTP client. `None` without `upstream.base_url`.
    target: Option<(Url, Client)>,
    settings: UpstreamSettings,
    breaker: Breaker,
    /// Spreads the retries of calls that failed together.
    jitter: AtomicU32,
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The service is down: it cannot be reached, or responds with 5xx.
    #[error("the upstream service is down")]
    Down,
    /// The service does not respond in time.
    #[error("the upstream service timed out")]
    TimedOut,
    /// The service responds with 404.
    #[error("the upstream service responded with 404")]
    NotFound,
    /// The service is up, but the response cannot be used: another status, not JSON, or too large.
    #[error("the upstream service sent an unusable response")]
    Unusable,
}

impl UpstreamError {
    /// Whether the circuit breaker counts the error. After any other error the service is up.
    fn is_outage(self) -> bool {
        matches!(self, Self::Down | Self::TimedOut)
    }
}

/// A failed attempt.
enum Attempt {
    /// The next attempt may succeed.
    Retryable(UpstreamError),
    /// The next attempt would fail too.
    Fatal(UpstreamError),
}

impl Upstream {
    /// Creates the client from the `upstream` settings. Does not connect.
    ///
    /// # Errors
    /// When the address is invalid. The message names the setting.
    pub fn new(settings: &UpstreamSettings) -> Result<Self, String> {
        let target = settings.base_url.as_deref().map(connect).transpose()?;
        let breaker = Breaker::default();
        Ok(Self(Arc::new(Inner { target, settings: settings.clone(), breaker, jitter: AtomicU32::default() })))
    }

    // only with observability
    /// Whether calls are made: false after several outages in a row. `None` without `upstream.base_url`.
    #[must_use]
    pub fn is_up(&self) -> Option<bool> {
        self.0.target.as_ref().map(|_| self.0.breaker.is_closed())
    }

    /// Reads the JSON at a path below the service's address. Outages and 429 are retried, all attempts together within
    /// `upstream.timeout_seconds`.
    ///
    /// # Errors
    /// When the call fails. While the service is known to be down, it fails without a call.
    pub async fn get(&self, path: &str, trace: &TraceContext) -> Result<Value, UpstreamError> {
        let inner = &*self.0;
        let Some((base, client)) = &inner.target else { return Err(UpstreamError::Down) };
        let Ok(url) = base.join(path) else { return Err(UpstreamError::Unusable) };
        let now = Instant::now();
        if !inner.breaker.allows(now) {
            return Err(UpstreamError::Down);
        }
        let deadline = now + Duration::from_secs(inner.settings.timeout_seconds);
        let timed_out = |_| Err(UpstreamError::TimedOut);
        let outcome = timeout_at(deadline, inner.get_with_retries(client, url, trace)).await.unwrap_or_else(timed_out);
        inner.breaker.record(!outcome.as_ref().is_err_and(|error| error.is_outage()), Instant::now());
        outcome
    }
}

fn connect(base: &str) -> Result<(Url, Client), String> {
    let url = format!("{}/", base.trim_end_matches('/')).parse();
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        // A redirect could lead anywhere.
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
    async fn get_with_retries(&self, client: &Client, url: Url, trace: &TraceContext) -> Result<Value, UpstreamError> {
        let mut retries = 0;
        loop {
            let span = tracing::info_span!(target: TRACE, "upstream request", otel.kind = "client", path = url.path());
            match self.attempt(client, url.clone(), trace).instrument(span).await {
                Ok(value) => return Ok(value),
                Err(Attempt::Retryable(_)) if retries < self.settings.retries => sleep(self.retry_delay(retries)).await,
                Err(Attempt::Retryable(error) | Attempt::Fatal(error)) => return Err(error),
            }
            retries += 1;
        }
    }

    async fn attempt(&self, client: &Client, url: Url, trace: &TraceContext) -> Result<Value, Attempt> {
        let path = url.path().to_owned();
        let response = client.get(url).headers(trace.headers()).send().await.map_err(|error| {
            // The message would contain the whole URL, which may hold a secret.
            tracing::warn!(path, cause = %error.without_url(), "the upstream service cannot be reached");
            Attempt::Retryable(UpstreamError::Down)
        })?;
        let status = response.status();
        if status != StatusCode::OK {
            tracing::warn!(path, %status, "the upstream service responded with an error");
            return Err(match status {
                StatusCode::NOT_FOUND => Attempt::Fatal(UpstreamError::NotFound),
                StatusCode::TOO_MANY_REQUESTS => Attempt::Retryable(UpstreamError::Unusable),
                status if status.is_server_error() => Attempt::Retryable(UpstreamError::Down),
                _ => Attempt::Fatal(UpstreamError::Unusable),
            });
        }
        let body = self.read_body(response, &path).await?;
        serde_json::from_slice(&body).map_err(|_| {
            tracing::warn!(path, "the response of the upstream service is not JSON");
            Attempt::Fatal(UpstreamError::Unusable)
        })
    }

    async fn read_body(&self, mut response: Response, path: &str) -> Result<Vec<u8>, Attempt> {
        let mut body = Vec::new();
        let aborted = |error: reqwest::Error| {
            tracing::warn!(path, cause = %error.without_url(), "the response of the upstream service was cut off");
            Attempt::Retryable(UpstreamError::Down)
        };
        while let Some(chunk) = response.chunk().await.map_err(aborted)? {
            if body.len() + chunk.len() > self.settings.max_body_bytes {
                tracing::warn!(path, "the response of the upstream service is over upstream.max_body_bytes");
                return Err(Attempt::Fatal(UpstreamError::Unusable));
            }
            body.extend(chunk);
        }
        Ok(body)
    }

    /// The delay before a retry: between half and all of a time that doubles with each retry.
    fn retry_delay(&self, retries: u32) -> Duration {
        let longest = FIRST_RETRY_DELAY * 2_u32.saturating_pow(retries);
        let step = self.jitter.fetch_add(7, Ordering::Relaxed) % 16;
        longest / 2 + longest / 32 * step
    }
}
