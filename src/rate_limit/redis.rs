//! Limits of all processes together.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult, Script};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout};

use super::{Charge, Outcome};
use crate::core::config::RedisSettings;

/// The same steps as in `memory`, atomically and by Redis's clock. Returns what is used, and the wait or -1.
static CHARGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local cost, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
        local used = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or now) - now, 0), capacity)
        local new = used + cost
        if new > capacity then return {used, new - capacity} end
        if new <= 0 then
            redis.call('DEL', KEYS[1])
            return {0, -1}
        end
        redis.call('SET', KEYS[1], string.format('%.0f', now + new), 'PX', math.ceil(new / 1000))
        return {new, -1}
        ",
    )
});

/// How long Redis may take. A limit must not be slower than the request that it protects.
const TIMEOUT: Duration = Duration::from_millis(250);
/// How long no call is made after a failure.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A connection that reconnects by itself. Clones share it.
#[derive(Clone)]
pub(super) struct Redis {
    connection: ConnectionManager,
    /// `redis.prefix`.
    prefix: String,
    /// No call is made before this time, in milliseconds since `start`; 0 while Redis responds.
    retry_at: Arc<AtomicI64>,
    start: Instant,
}

impl Redis {
    /// `None` without `redis.url`. Does not connect yet.
    ///
    /// # Errors
    /// When `redis.url` is not the address of a Redis server; the message names the setting.
    pub(super) fn new(settings: &RedisSettings) -> Result<Option<Self>, String> {
        let Some(url) = &settings.url else { return Ok(None) };
        let refused = |_| "redis.url: not the address of a Redis server".to_owned();
        let client = Client::open(url.expose_secret()).map_err(refused)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(refused)?;
        let prefix = settings.prefix.clone();
        Ok(Some(Self { connection, prefix, retry_at: Arc::default(), start: Instant::now() }))
    }

    /// Whether Redis responds to a ping. If so, the next call is made at once: a process that is no longer `degraded`
    /// shares its limits.
    pub(super) async fn responds(&self) -> bool {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        let responds = matches!(timeout(TIMEOUT, ping.query_async::<()>(&mut connection)).await, Ok(Ok(())));
        if responds && self.retry_at.load(Ordering::Relaxed) > 0 {
            self.retry_at.store(1, Ordering::Relaxed);
        }
        responds
    }

    /// Charges the quota. `None` while Redis does not respond.
    pub(super) async fn charge(&self, charge: &Charge, attempts: i64) -> Option<Outcome> {
        let quota = charge.quota;
        let mut connection = self.connection.clone();
        let mut call = CHARGE.key(self.full_key(&charge.key));
        call.arg(attempts * quota.interval()).arg(quota.capacity());
        let (used, wait) = self.guarded(call.invoke_async(&mut connection)).await?;
        Some(Outcome { used, wait: Some(wait).filter(|wait| *wait >= 0) })
    }

    /// Remembers a network that an account has logged in from, for `ttl`. `None` while Redis does not respond.
    pub(super) async fn remember_network(&self, key: &str, ttl: Duration) -> Option<()> {
        let mut connection = self.connection.clone();
        let call = redis::cmd("SET").arg(self.full_key(key)).arg(1).arg("EX").arg(ttl.as_secs()).take();
        self.guarded(call.query_async(&mut connection)).await
    }

    /// Whether the network is remembered. `None` while Redis does not respond.
    pub(super) async fn is_known_network(&self, key: &str) -> Option<bool> {
        let mut connection = self.connection.clone();
        let call = redis::cmd("EXISTS").arg(self.full_key(key)).take();
        self.guarded(call.query_async(&mut connection)).await
    }

    fn full_key(&self, key: &str) -> String {
        format!("{}:limit:{key}", self.prefix)
    }

    /// The result of the call, with a timeout. After a failure no call is made for [`RETRY_DELAY`].
    async fn guarded<T>(&self, call: impl Future<Output = RedisResult<T>>) -> Option<T> {
        let now = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        let retry_at = self.retry_at.load(Ordering::Relaxed);
        if now < retry_at {
            return None;
        }
        match timeout(TIMEOUT * 2, call).await {
            Ok(Ok(value)) => {
                if retry_at > 0 && self.retry_at.swap(0, Ordering::Relaxed) > 0 {
                    tracing::info!("Redis is available again: limits are shared by all processes");
                }
                Some(value)
            }
            failure => {
                let until = now + i64::try_from(RETRY_DELAY.as_millis()).unwrap_or_default();
                if self.retry_at.swap(until, Ordering::Relaxed) == 0 {
                    let cause: Option<RedisError> = failure.ok().and_then(Result::err);
                    tracing::warn!(?cause, "Redis does not respond: each process counts limits for itself");
                }
                None
            }
        }
    }
}
