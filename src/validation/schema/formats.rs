//! The formats of text that the document names. One function for each: the type and the JSON Schema both use it, so
//! that the two cannot disagree.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use jsonschema::ValidationOptions;
use uuid::Uuid;
use validator::ValidateEmail;

use super::problem::{Loc, Problem};

/// Teaches the validator of a schema the formats.
pub(super) fn with_formats(options: ValidationOptions<'_>) -> ValidationOptions<'_> {
    options
        .should_validate_formats(true)
        .with_format("email", is_email)
        .with_format("uuid", |text: &str| Uuid::parse_str(text).is_ok())
        .with_format("date", |text: &str| parse_date(text).is_ok())
        .with_format("date-time", |text: &str| parse_date_time(text).is_ok())
}

/// What is wrong with a text that breaks its format.
pub(super) fn problem(loc: Vec<Loc>, format: &str, text: &str) -> Problem {
    match format {
        "email" => Problem::new(loc, "value_error", "value is not a valid email address"),
        "uuid" => {
            let reason = Uuid::parse_str(text).err().map(|error| error.to_string()).unwrap_or_default();
            unparsable(loc, "uuid_parsing", "Input should be a valid UUID", &reason)
        }
        "date" if parse_date_time(text).is_ok() => {
            let msg = "Datetimes provided to dates should have zero time - e.g. be exact dates";
            Problem::new(loc, "date_from_datetime_inexact", msg)
        }
        "date" => {
            let reason = parse_date(text).err().unwrap_or_default();
            unparsable(loc, "date_from_datetime_parsing", "Input should be a valid date or datetime", reason)
        }
        "date-time" => match parse_date_time(text) {
            Err(NO_OFFSET) => Problem::new(loc, "timezone_aware", NO_OFFSET),
            result => {
                let reason = result.err().unwrap_or_default();
                unparsable(loc, "datetime_from_date_parsing", "Input should be a valid datetime or date", reason)
            }
        },
        _ => Problem::value_error(loc, &format!("the format '{format}' is broken")),
    }
}

fn unparsable(loc: Vec<Loc>, kind: &str, msg: &str, reason: &str) -> Problem {
    Problem::new(loc, kind, format!("{msg}, {reason}")).with("error", reason.into())
}

/// Whether the text is an email address that other servers accept. ASCII only (RFC 5321): the databases then agree on
/// which addresses differ only in case.
#[must_use]
pub fn is_email(text: &str) -> bool {
    // `validator` lets anything stand before an address literal, line ends included.
    let literal_is_the_domain = text.split_once('[').is_none_or(|(before, _)| before.ends_with('@'));
    literal_is_the_domain
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.validate_email()
        && text.parse::<lettre::Address>().is_ok()
}

const TOO_SHORT: &str = "input is too short";
const EXTRA_CHARACTERS: &str = "unexpected extra characters at the end of the input";
const NO_OFFSET: &str = "Input should have timezone info";

/// Reads `2026-01-31`, the full-date of RFC 3339.
///
/// # Errors
/// The reason, in pydantic's words.
pub fn parse_date(text: &str) -> Result<NaiveDate, &'static str> {
    match text.as_bytes() {
        date if date.len() < 10 => Err(TOO_SHORT),
        date if date.len() == 10 => read_date(date),
        longer => read_date(&longer[..10]).and(Err("invalid datetime separator, expected `T`, `t`, `_` or space")),
    }
}

fn read_date(date: &[u8]) -> Result<NaiveDate, &'static str> {
    let number = |range: std::ops::Range<usize>| {
        date[range]
            .iter()
            .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
    };
    let separator = |at: usize| if date[at] == b'-' { Ok(()) } else { Err("invalid date separator, expected `-`") };
    let year = number(0..4).ok_or("invalid character in year")?;
    separator(4)?;
    let month = number(5..7).ok_or("invalid character in month")?;
    separator(7)?;
    let day = number(8..10).ok_or("invalid character in day")?;
    match (year, month) {
        (0, _) => Err("year 0 is out of range"),
        (_, 1..=12) => {
            NaiveDate::from_ymd_opt(year.cast_signed(), month, day).ok_or("day value is outside expected range")
        }
        _ => Err("month value is outside expected range of 1-12"),
    }
}

/// Reads `2026-01-31T12:00:00.5+01:00`, the date-time of RFC 3339, in years that have four digits in UTC, too. Leap
/// seconds are refused: no database stores them.
///
/// # Errors
/// The reason, in pydantic's words.
pub fn parse_date_time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let Some((date, time)) = text.as_bytes().split_at_checked(10) else { return Err(TOO_SHORT) };
    let date = read_date(date)?;
    if time.is_empty() {
        return Err(NO_OFFSET);
    }
    if !text.is_ascii() || !matches!(time[0], b'T' | b't') {
        return Err(EXTRA_CHARACTERS);
    }
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| {
        let lacks_offset = DateTime::parse_from_rfc3339(&format!("{text}Z")).is_ok();
        if lacks_offset { NO_OFFSET } else { EXTRA_CHARACTERS }
    })?;
    if time.nanosecond() >= 1_000_000_000 || date != time.date_naive() {
        return Err(EXTRA_CHARACTERS);
    }
    let time = time.to_utc();
    if (1..=9999).contains(&time.year()) { Ok(time) } else { Err("year is out of range") }
}
