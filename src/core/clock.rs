//! The time, as a value that is passed in: a test sets it, the rest of the code never asks the system.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Gives the current time. Clones share the same source.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn system() -> Self {
        Self::new(Utc::now)
    }

    /// A clock that answers whatever `now` says, for tests.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time in UTC, cut to microseconds: what both databases can store and give back.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)().trunc_subsecs(6)
    }
}

/// The time that many seconds after `time`.
#[must_use]
pub fn seconds_after(time: DateTime<Utc>, seconds: u32) -> DateTime<Utc> {
    time + TimeDelta::seconds(seconds.into())
}
