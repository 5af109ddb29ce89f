//! Limits of all processes together.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{Outcome, Quota};

/// The same steps as in `memory`, by Redis's clock and in one go. Answers the debt, and how long to wait, or -1.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local cost, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
        local debt = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or now) - now, 0), whole)
        local new = debt + cost
        if new > whole then return {debt, new - whole} end
        if new <= 0 then
            redis.call('DEL', KEYS[1])
            return {0, -1}
        end
        redis.call('SET', KEYS[1], string.format('%.0f', now + new), 'PX', math.ceil(new / 1000))
        return {new, -1}
        ",
    )
});

/// How long Redis may take; a limit must not be slower than what it protects.
const TIMEOUT: Duration = Duration::from_millis(250);
/// How long Redis is not asked again after it failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A connection that is made anew when it breaks. Clones share it.
#[derive(Clone)]
pub(super) struct Redis {
    connection: ConnectionManager,
    /// What the names of keys begin with: `redis.prefix`.
    prefix: String,
    /// Milliseconds since `start` until which Redis is left alone.
    resting_until: Arc<AtomicI64>,
    start: Instant,
}

impl Redis {
    pub(super) fn new(url: &SecretString, prefix: &str) -> Result<Self, String> {
        let refused = |_| "redis.url: not the address of a Redis server".to_owned();
        let client = Client::open(url.expose_secret()).map_err(refused)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(refused)?;
        Ok(Self { connection, prefix: prefix.to_owned(), resting_until: Arc::default(), start: Instant::now() })
    }

    pub(super) async fn answers(&self) -> bool {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(TIMEOUT, ping.query_async::<()>(&mut connection));
        matches!(answer.await, Ok(Ok(())))
    }

    /// `None` while Redis is away.
    pub(super) async fn take(&self, key: &str, quota: Quota, tries: i64) -> Option<Outcome> {
        let now = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        let resting_until = self.resting_until.load(Ordering::Relaxed);
        if now < resting_until {
            return None;
        }
        let mut call = TAKE.key(format!("{}:limit:{key}", self.prefix));
        call.arg(tries * quota.interval()).arg(quota.whole());
        let answer = tokio::time::timeout(TIMEOUT * 2, call.invoke_async(&mut self.connection.clone())).await;
        match answer {
            Ok(Ok((debt, wait))) => {
                if resting_until > 0 && self.resting_until.swap(0, Ordering::Relaxed) > 0 {
                    tracing::info!("Redis is back: limits count for all processes again");
                }
                Some(Outcome { debt, wait: Some(wait).filter(|wait| *wait >= 0) })
            }
            failure => {
                let until = now + i64::try_from(RETRY_DELAY.as_millis()).unwrap_or_default();
                if self.resting_until.swap(until, Ordering::Relaxed) == 0 {
                    let cause: Option<redis::RedisError> = failure.ok().and_then(Result::err);
                    tracing::warn!(?cause, "Redis does not answer: limits count for this process alone");
                }
                None
            }
        }
    }
}
