//! Rate limits by the generic cell rate algorithm (GCRA): a quota of attempts that come back evenly over its period.
//! One number per key is stored: when the quota is full again.
//!
//! Stored in memory or, when `redis.url` is set, in Redis for all processes together. While Redis does not respond,
//! each process counts for itself.

mod memory;
mod quota;
mod redis;

use std::net::IpAddr;
use std::time::Duration;

use crate::core::clock::Clock;
use crate::core::config::Settings;
use crate::core::security::hash_secret;

use self::memory::Memory;
use self::quota::Outcome;
use self::redis::Redis;

pub use self::quota::{Quota, RATELIMIT_LIMIT, RATELIMIT_REMAINING, RATELIMIT_RESET, RateLimitStatus};

/// What is limited per account and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A login or another check of a password. The account is the user, or a name without a user.
    Login,
    // only with jobs
    /// A request that sends a mail. The account is its recipient or sender.
    Mail,
    /// A sign-up. The account is the email address.
    Signup,
    /// A token refresh. The account is the session.
    Refresh,
}

/// The limits of an action, in multiples of `rate_limit.login_attempts`.
struct ActionLimits {
    /// Part of the keys, and the name in the metrics.
    name: &'static str,
    per_account: u32,
    per_address: u32,
}

impl Action {
    fn limits(self) -> ActionLimits {
        // Many accounts may share one address: a company, a mobile network.
        match self {
            Self::Login => ActionLimits { name: "login", per_account: 1, per_address: 50 },
            Self::Mail => ActionLimits { name: "mail", per_account: 1, per_address: 50 }, // only with jobs
            Self::Signup => ActionLimits { name: "signup", per_account: 10, per_address: 10 },
            Self::Refresh => ActionLimits { name: "refresh", per_account: 10, per_address: 50 },
        }
    }
}

/// How long a network stays known after a login.
const KNOWN_NETWORK_TTL: Duration = Duration::from_hours(30 * 24);

/// A quota, and the key under which it is counted.
#[derive(Clone)]
struct Charge {
    key: String,
    quota: Quota,
}

/// Counts attempts.
pub struct Limiter {
    memory: Memory,
    redis: Option<Redis>,
    clock: Clock,
    /// Attempts of one account, of which each action has a multiple; `None` when limits are disabled.
    attempts: Option<Quota>,
    /// Requests of one address; `None` when they are not limited.
    requests: Option<Quota>,
}

impl Limiter {
    /// Creates the limiter from the `rate_limit` and `redis` settings. Does not connect yet.
    ///
    /// # Errors
    /// When `redis.url` is not the address of a Redis server; the message names the setting.
    pub fn new(settings: &Settings, clock: Clock) -> Result<Self, String> {
        let limits = &settings.rate_limit;
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let attempts = Quota { burst: limits.login_attempts, period: seconds(limits.login_window_seconds) };
        let rate = limits.requests_per_second;
        let requests = Quota { burst: limits.burst, period: seconds(limits.burst) / rate.max(1) };
        Ok(Self {
            memory: Memory::default(),
            redis: Redis::new(&settings.redis)?,
            clock,
            attempts: limits.enabled.then_some(attempts),
            requests: Some(requests).filter(|_| limits.enabled && rate > 0),
        })
    }

    /// Counts a request; `None` when requests are not limited.
    pub async fn request(&self, address: Option<IpAddr>) -> Option<RateLimitStatus> {
        let (quota, address) = (self.requests?, address?);
        let charge = Charge { key: format!("request:{}", network(address)), quota };
        let status = quota.status(self.charge(&charge, 1).await);
        // only with observability
        if status.retry_after.is_some() {
            count_refusal("request");
        }
        Some(status)
    }

    /// Whether requests are limited.
    #[must_use]
    pub fn limits_requests(&self) -> bool {
        self.requests.is_some()
    }

    /// Whether Redis is configured and does not respond.
    pub async fn is_degraded(&self) -> bool {
        match &self.redis {
            Some(redis) => !redis.responds().await,
            None => false,
        }
    }

    /// Counts an attempt of `action` on an account, which need not exist, from an address. Counted before the attempt
    /// is made; [`Attempt::succeeded`] gives it back, so that correct passwords use no quota.
    ///
    /// A network from which the account has logged in lately has a quota of its own: guesses from elsewhere cannot
    /// lock the owner out.
    ///
    /// # Errors
    /// 429 when a quota is used up.
    pub async fn attempt(
        &self,
        action: Action,
        account: &str,
        address: Option<IpAddr>,
    ) -> Result<Attempt<'_>, RateLimitStatus> {
        let mut attempt = Attempt { limiter: self, charges: Vec::new(), known_network_key: None };
        let Some(quota) = self.attempts else { return Ok(attempt) };
        let ActionLimits { name, per_account, per_address } = action.limits();
        // Hashed: users type passwords and long texts into name fields.
        let mut account = format!("{name}:account:{}", hash_secret(account.to_lowercase()));
        // The address first: a client over its limit must not use up quotas of accounts.
        if let Some(network) = address.map(network) {
            attempt.add(name, format!("{name}:address:{network}"), quota.times(per_address)).await?;
            if action == Action::Login {
                let own_account = format!("{account}@{network}");
                let known_network_key = format!("known:{own_account}");
                if self.is_known_network(&known_network_key).await {
                    account = own_account;
                }
                attempt.known_network_key = Some(known_network_key);
            }
        }
        attempt.add(name, account, quota.times(per_account)).await?;
        Ok(attempt)
    }

    /// Takes attempts from the quota; a negative number gives them back.
    async fn charge(&self, charge: &Charge, attempts: i64) -> Outcome {
        if let Some(redis) = &self.redis
            && let Some(outcome) = redis.charge(charge, attempts).await
        {
            return outcome;
        }
        self.memory.charge(charge, attempts, self.now())
    }

    async fn is_known_network(&self, key: &str) -> bool {
        if let Some(redis) = &self.redis
            && let Some(is_known) = redis.is_known_network(key).await
        {
            return is_known;
        }
        self.memory.is_known_network(key, self.now())
    }

    /// Remembers a network for [`KNOWN_NETWORK_TTL`], always in memory too: Redis may fail later.
    async fn remember_network(&self, key: &str) {
        let now = self.now();
        let ttl = i64::try_from(KNOWN_NETWORK_TTL.as_micros()).unwrap_or(i64::MAX / 4);
        self.memory.remember_network(key, now + ttl, now);
        if let Some(redis) = &self.redis {
            redis.remember_network(key, KNOWN_NETWORK_TTL).await;
        }
    }

    /// Microseconds since 1970.
    fn now(&self) -> i64 {
        self.clock.now().timestamp_micros()
    }
}

// only with observability
fn count_refusal(limit: &'static str) {
    metrics::counter!("rate_limit_refusals_total", "limit" => limit).increment(1);
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

/// An attempt that was counted.
#[must_use]
pub struct Attempt<'a> {
    limiter: &'a Limiter,
    charges: Vec<Charge>,
    /// The key that makes the client's network known to the account, if this is a login.
    known_network_key: Option<String>,
}

impl Attempt<'_> {
    async fn add(&mut self, action: &'static str, key: String, quota: Quota) -> Result<(), RateLimitStatus> {
        let charge = Charge { key, quota };
        let status = quota.status(self.limiter.charge(&charge, 1).await);
        if status.retry_after.is_some() {
            count_refusal(action); // only with observability
            return Err(status);
        }
        self.charges.push(charge);
        Ok(())
    }

    /// Gives the attempt back, because it was no guess.
    pub async fn give_back(&self) {
        for charge in &self.charges {
            self.limiter.charge(charge, -1).await;
        }
    }

    /// Gives the attempt back, and remembers the network of a login.
    pub async fn succeeded(self) {
        self.give_back().await;
        if let Some(key) = &self.known_network_key {
            self.limiter.remember_network(key).await;
        }
    }
}
