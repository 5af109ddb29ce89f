//! When a failed job runs again.

use chrono::TimeDelta;

/// The delay after the first failure. It doubles with each further one, up to the longest.
const FIRST_DELAY: TimeDelta = TimeDelta::seconds(2);
const LONGEST_DELAY: TimeDelta = TimeDelta::hours(1);
/// The delay while a service that the job needs is down.
const OUTAGE_DELAY: TimeDelta = TimeDelta::seconds(30);
/// The age at which a job is dead because of an outage.
const LONGEST_OUTAGE: TimeDelta = TimeDelta::days(3);

/// Whether a failed job runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: it would fail again.
    Never,
    /// After delays that double, until `jobs.max_attempts` are used up.
    WithBackoff,
    /// Every half minute until the service that it needs is back, for at most three days. These attempts do not count.
    Outage,
}

/// The failed attempt.
pub(super) struct Failed {
    /// Its number, from 1.
    pub attempt: u32,
    /// Attempts before the job is dead.
    pub max_attempts: u32,
    /// The time since the job was queued, or queued again by an operator.
    pub age: TimeDelta,
}

impl Retry {
    /// The delay before the next attempt. `None` when the job is dead.
    pub(super) fn delay(self, failed: &Failed) -> Option<TimeDelta> {
        match self {
            Self::Never => None,
            Self::WithBackoff => {
                (failed.attempt < failed.max_attempts).then(|| spread(backoff(failed.attempt), jitter()))
            }
            Self::Outage => (failed.age < LONGEST_OUTAGE).then(|| spread(OUTAGE_DELAY, jitter())),
        }
    }
}

fn backoff(attempt: u32) -> TimeDelta {
    (FIRST_DELAY * 2_i32.pow(attempt.clamp(1, 20) - 1)).min(LONGEST_DELAY)
}

/// Adds or subtracts up to half of the delay, so that jobs that failed together do not run again together.
fn spread(delay: TimeDelta, jitter: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "an hour at most")]
    TimeDelta::milliseconds((delay.num_milliseconds() as f64 * (0.5 + jitter)) as i64)
}

/// A random number from 0 to 1.
fn jitter() -> f64 {
    // Without a source of randomness delays are not spread.
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_an_hour() {
        let delays = [1, 2, 3, 11, 12, 1000].map(|attempt| backoff(attempt).num_seconds());
        assert_eq!(delays, [2, 4, 8, 2048, 3600, 3600]);
    }

    #[test]
    fn outage_is_retried_for_three_days_whatever_the_attempts() {
        let failed = |days| Failed { attempt: 1000, max_attempts: 3, age: TimeDelta::days(days) };
        assert!(Retry::Outage.delay(&failed(2)).is_some_and(|delay| delay <= TimeDelta::seconds(45)));
        assert_eq!(Retry::Outage.delay(&failed(3)), None);
    }

    #[test]
    fn delays_are_spread_by_half() {
        let spread = [0.0, 0.5, 1.0].map(|jitter| spread(TimeDelta::seconds(2), jitter).num_milliseconds());
        assert_eq!(spread, [1000, 2000, 3000]);
    }
}
