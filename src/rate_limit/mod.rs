//! Limits: how often something may be tried. By the generic cell rate algorithm: a quota of `burst` tries that
//! comes back evenly over `period`. One number a key says all: when the quota will be whole again.
//!
//! Kept in memory or, when `redis.url` is set, in Redis for all processes together. While Redis is away each process
//! goes on counting for itself.

mod memory;
mod redis;

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};

use crate::core::clock::Clock;
use crate::core::config::Settings;
use crate::core::security::hash_secret;

use self::memory::Memory;
use self::redis::Redis;

/// So many tries at once, which come back evenly over the period.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Tries at once.
    pub burst: u32,
    /// Until a spent quota is whole again.
    pub period: Duration,
}

impl Quota {
    /// Microseconds until one try comes back.
    fn interval(self) -> i64 {
        (self.whole() / i64::from(self.burst)).max(1)
    }

    /// Microseconds until all of them come back.
    fn whole(self) -> i64 {
        i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX / 4)
    }

    fn status(self, outcome: Outcome) -> RateLimitStatus {
        let seconds = |micros: i64| u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000);
        let remaining = (self.whole() - outcome.debt).max(0) / self.interval();
        RateLimitStatus {
            limit: self.burst,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX).min(self.burst),
            reset: seconds(outcome.debt),
            retry_after: outcome.wait.map(|wait| seconds(wait).max(1)),
        }
    }
}

/// What taking from a quota led to, in microseconds.
#[derive(Clone, Copy)]
struct Outcome {
    /// Until the quota is whole again.
    debt: i64,
    /// Until there is something to take; `None` when it was taken.
    wait: Option<i64>,
}

/// What a quota has to say about a try. Times are in seconds.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitStatus {
    /// Tries at once.
    pub limit: u32,
    /// Tries that are left.
    pub remaining: u32,
    /// Until all are back.
    pub reset: u64,
    /// Until the next try; `None` when this one was allowed.
    pub retry_after: Option<u64>,
}

impl RateLimitStatus {
    /// Says it in headers: `RateLimit-Limit`, `-Remaining` and `-Reset` (draft-ietf-httpapi-ratelimit-headers-05), and
    /// `Retry-After` when the try was not allowed.
    pub fn add_to(self, headers: &mut HeaderMap) {
        headers.insert("ratelimit-limit", self.limit.into());
        headers.insert("ratelimit-remaining", self.remaining.into());
        headers.insert("ratelimit-reset", self.reset.into());
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}

/// What is limited, beside requests in general, and how much more of it is normal than of failed logins.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// A login, by the name that was typed.
    Login,
    /// A mail that was asked for, by its address.
    Mail,
    /// A sign-up, by its address.
    Signup,
    /// A refresh, by its session.
    Refresh,
}

impl Action {
    fn name_and_factor(self) -> (&'static str, u32) {
        match self {
            Self::Login => ("login", 1),
            Self::Mail => ("mail", 1),
            Self::Signup => ("signup", 10),
            Self::Refresh => ("refresh", 10),
        }
    }
}

/// Accounts that may share one address.
const ACCOUNTS_AN_ADDRESS: u32 = 50;

/// Counts tries.
pub struct Limiter {
    memory: Memory,
    redis: Option<Redis>,
    clock: Clock,
    /// What one account may try; `None` without limits.
    attempts: Option<Quota>,
    requests: Option<Quota>,
}

impl Limiter {
    /// As `rate_limit` and `redis` in the settings say. Does not connect yet.
    ///
    /// # Errors
    /// For an address of Redis that is none; names the setting.
    pub fn new(settings: &Settings, clock: Clock) -> Result<Self, String> {
        let limits = &settings.rate_limit;
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let attempts = Quota { burst: limits.login_attempts, period: seconds(limits.login_window_seconds) };
        let rate = limits.requests_per_second;
        let requests = Quota { burst: limits.burst, period: seconds(limits.burst) / rate.max(1) };
        Ok(Self {
            memory: Memory::default(),
            redis: settings.redis.url.as_ref().map(|url| Redis::new(url, &settings.redis.prefix)).transpose()?,
            clock,
            attempts: limits.enabled.then_some(attempts),
            requests: Some(requests).filter(|_| limits.enabled && rate > 0),
        })
    }

    /// Counts a request; `None` when requests in general are not limited.
    pub async fn request(&self, address: Option<IpAddr>) -> Option<RateLimitStatus> {
        let (quota, address) = (self.requests?, address?);
        Some(quota.status(self.take(&format!("request:{}", network(address)), quota, 1).await))
    }

    /// Whether requests in general are limited.
    #[must_use]
    pub fn limits_requests(&self) -> bool {
        self.requests.is_some()
    }

    /// Whether there is a Redis that does not answer.
    pub async fn is_degraded(&self) -> bool {
        match &self.redis {
            Some(redis) => !redis.answers().await,
            None => false,
        }
    }

    /// Counts a try of `action` on an account, existing or not, from an address. [`Attempt::succeeded`] takes it
    /// back: who knows his password is not hindered by how often he uses it.
    ///
    /// # Errors
    /// 429 when there were too many.
    pub async fn attempt(
        &self,
        action: Action,
        account: &str,
        address: Option<IpAddr>,
    ) -> Result<Attempt<'_>, RateLimitStatus> {
        let (name, factor) = action.name_and_factor();
        let mut taken = Vec::new();
        let Some(quota) = self.attempts else { return Ok(Attempt { limiter: self, taken }) };
        let larger = |factor: u32| Quota { burst: quota.burst.saturating_mul(factor), ..quota };
        // Names are hashed: what was typed may be a password, and be long.
        let account = hash_secret(account.to_lowercase());
        let account = format!("{name}:account:{account}");
        // The address first: who is over its limit uses up nothing of somebody else's account.
        let address = address.map(|address| {
            let key = format!("{name}:address:{}", network(address));
            (key, larger(factor.max(ACCOUNTS_AN_ADDRESS)))
        });
        for (key, quota) in address.into_iter().chain([(account, larger(factor))]) {
            let status = quota.status(self.take(&key, quota, 1).await);
            if status.retry_after.is_some() {
                return Err(status);
            }
            taken.push((key, quota));
        }
        Ok(Attempt { limiter: self, taken })
    }

    /// Takes so many tries from the quota of a key; a negative number gives back.
    async fn take(&self, key: &str, quota: Quota, tries: i64) -> Outcome {
        if let Some(redis) = &self.redis
            && let Some(outcome) = redis.take(key, quota, tries).await
        {
            return outcome;
        }
        self.memory.take(key, quota, tries, micros(self.clock.now()))
    }
}

/// The network that counts as one client: an IPv6 customer has a whole /64.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn micros(now: DateTime<Utc>) -> i64 {
    now.timestamp_micros()
}

/// A try that was counted.
#[must_use]
pub struct Attempt<'a> {
    limiter: &'a Limiter,
    taken: Vec<(String, Quota)>,
}

impl Attempt<'_> {
    /// The try was no guess: it does not count.
    pub async fn succeeded(self) {
        for (key, quota) in &self.taken {
            self.limiter.take(key, *quota, -1).await;
        }
    }
}
