//! The clock, as a dependency that tests replace. Other code does not read the system's time, except for the ids of
//! rows (`Uuid::now_v7`).

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Gives the current time. Clones share the source.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system's time")]
    pub fn system() -> Self {
        Self::new(Utc::now)
    }

    /// A clock that returns what `now` returns, for tests.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time in UTC, truncated to microseconds, which both databases can store.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)().trunc_subsecs(6)
    }
}

/// The time `seconds` after `time`.
#[must_use]
pub fn seconds_after(time: DateTime<Utc>, seconds: u32) -> DateTime<Utc> {
    time + TimeDelta::seconds(seconds.into())
}
