//! Quotas, and what is left of them.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};

/// `RateLimit-Limit` (draft-ietf-httpapi-ratelimit-headers-05).
pub const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
/// `RateLimit-Remaining`.
pub const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// `RateLimit-Reset`.
pub const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How many attempts are allowed at once, and how fast they come back.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Attempts at once.
    pub burst: u32,
    /// How long an empty quota takes to be full again.
    pub period: Duration,
}

impl Quota {
    /// The same rate for `factor` times as many attempts.
    pub(super) fn times(self, factor: u32) -> Self {
        Self { burst: self.burst.saturating_mul(factor), ..self }
    }

    /// Microseconds until one attempt comes back.
    pub(super) fn interval(self) -> i64 {
        (self.capacity() / i64::from(self.burst)).max(1)
    }

    /// Microseconds until all attempts have come back.
    pub(super) fn capacity(self) -> i64 {
        i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX / 4)
    }

    pub(super) fn status(self, outcome: Outcome) -> RateLimitStatus {
        let seconds = |micros: i64| u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000);
        let remaining = (self.capacity() - outcome.used).max(0) / self.interval();
        RateLimitStatus {
            limit: self.burst,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX).min(self.burst),
            reset: seconds(outcome.used),
            retry_after: outcome.wait.map(|wait| seconds(wait).max(1)),
        }
    }
}

/// The state of a quota after an attempt, in microseconds.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    /// Until the quota is full again.
    pub(super) used: i64,
    /// Until the attempt would be allowed; `None` when it was.
    pub(super) wait: Option<i64>,
}

/// The state of a quota as clients see it. Times are in seconds.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitStatus {
    /// Attempts at once.
    pub limit: u32,
    /// Attempts left.
    pub remaining: u32,
    /// Until the quota is full again.
    pub reset: u64,
    /// Until the next attempt; `None` when this one was allowed.
    pub retry_after: Option<u64>,
}

impl RateLimitStatus {
    /// Adds the `RateLimit-*` headers, and `Retry-After` when the attempt was refused.
    pub fn add_to(self, headers: &mut HeaderMap) {
        headers.insert(RATELIMIT_LIMIT, self.limit.into());
        headers.insert(RATELIMIT_REMAINING, self.remaining.into());
        headers.insert(RATELIMIT_RESET, self.reset.into());
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}
