//! Dates and times in requests. `chrono` alone accepts more than RFC 3339 allows, such as `2026-1-1 0:0:0Z`; these
//! types accept exactly what the document says. Responses can use `chrono`'s types.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::schema::{parse_date, parse_date_time};

/// A point in time: `2026-01-31T12:00:00Z`. Truncated to microseconds, which both databases can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", with = "DateTime<Utc>")]
pub struct Timestamp(DateTime<Utc>);

impl TryFrom<String> for Timestamp {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_date_time(&text).map(|time| Self(time.trunc_subsecs(6)))
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(Timestamp(time): Timestamp) -> Self {
        time
    }
}

/// A day: `2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", with = "NaiveDate")]
pub struct Date(NaiveDate);

impl TryFrom<String> for Date {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_date(&text).map(Self)
    }
}

impl From<Date> for NaiveDate {
    fn from(Date(date): Date) -> Self {
        date
    }
}
