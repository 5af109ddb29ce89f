//! Values for the tests of a resource.

use super::field::{Field, Kind};
use super::model::Other;

/// Values of a field, as JSON in Rust's `json!`.
pub struct Samples {
    /// A valid value as plain JSON, with `UNIQUE_NUMBER`, `UNIQUE_TEXT` or `UNIQUE_CODE` where it must be unique.
    pub json: String,
    /// A valid value. Of a unique field it depends on `number`.
    pub first: String,
    /// Another valid value.
    pub second: String,
    /// Invalid values, with the kind of the problem.
    pub invalid: Vec<(String, String)>,
}

impl Samples {
    /// The values of a field.
    pub fn of(field: &Field, target: Option<&Other>) -> Self {
        let (first, second) = valid(field, target);
        let json = match field.kind {
            Kind::Ref(_) => format!("\"{{{first}}}\""),
            Kind::String if field.unique && field.length() < 8 => {
                format!("\"{}UNIQUE_CODE\"", "k".repeat(least_length(field).saturating_sub(2)))
            }
            Kind::String if field.unique => {
                format!("\"{}UNIQUE_TEXT\"", "k".repeat(least_length(field).saturating_sub(8)))
            }
            Kind::Uuid if field.unique => "\"00000000-0000-7000-8000-0000UNIQUE_TEXT\"".into(),
            Kind::Int | Kind::Bigint if field.unique => format!("{}+UNIQUE_NUMBER", number(field, 0)),
            _ => first.clone(),
        };
        let first = if field.unique { unique(field) } else { first };
        Self { json, first, second, invalid: invalid(field) }
    }
}

fn number(field: &Field, least: i64) -> i64 {
    let end = |end: &Option<String>| end.as_ref().and_then(|text| text.parse::<f64>().ok());
    #[expect(clippy::cast_possible_truncation, reason = "ends are below 2^53")]
    let (low, high) = (end(&field.min).map(|low| low.ceil() as i64), end(&field.max).map(|high| high.floor() as i64));
    low.map_or(least, |low| low.max(least)).min(high.unwrap_or(i64::MAX))
}

/// A text of a valid length.
fn text(field: &Field, word: &str) -> String {
    let min: usize = field.min.as_ref().and_then(|min| min.parse().ok()).unwrap_or(1);
    let max = field.max.as_ref().and_then(|max| max.parse().ok()).unwrap_or(255);
    let repeated = word.chars().cycle().take(min.max(word.len())).collect::<String>();
    repeated.chars().take(max).collect()
}

fn valid(field: &Field, target: Option<&Other>) -> (String, String) {
    let quoted = |text: String| format!("\"{text}\"");
    match &field.kind {
        Kind::String | Kind::Text => (quoted(text(field, "kettle")), quoted(text(field, "teapot"))),
        Kind::Int | Kind::Bigint => (number(field, 1).to_string(), number(field, 2).to_string()),
        Kind::Decimal => (format!("{}.0", number(field, 2)), format!("{}.0", number(field, 3))),
        Kind::Float => (format!("{}.0", number(field, 1)), format!("{}.0", number(field, 2))),
        Kind::Bool => ("true".into(), "false".into()),
        Kind::Uuid => (
            quoted("0190a6d0-0000-7000-8000-000000000001".into()),
            quoted("0190a6d0-0000-7000-8000-000000000002".into()),
        ),
        Kind::Date => (quoted("2030-01-31".into()), quoted("2031-02-28".into())),
        Kind::Datetime => (quoted("2030-01-31T12:00:00Z".into()), quoted("2031-02-28T12:00:00Z".into())),
        Kind::Json => ("{ \"color\": \"red\" }".into(), "{ \"sizes\": [1, 2] }".into()),
        Kind::Enum(values) => (quoted(values[0].clone()), quoted(values[1].clone())),
        Kind::Ref(_) | Kind::User => {
            let id = target.map_or_else(|| "id".to_owned(), |target| format!("{}_id", target.name));
            (id.clone(), id)
        }
    }
}

fn least_length(field: &Field) -> usize {
    field.min.as_ref().and_then(|min| min.parse().ok()).unwrap_or(0)
}

/// A value that differs with `number`.
fn unique(field: &Field) -> String {
    let max = usize::try_from(field.length()).unwrap_or(usize::MAX);
    match field.kind {
        Kind::String => format!("format!(\"{{number:k>{}}}\")", least_length(field).max(8.min(max))),
        Kind::Uuid => "Uuid::from_u128(u128::try_from(number).unwrap())".into(),
        _ => match number(field, 0) {
            0 => "number".into(),
            least => format!("number + {least}"),
        },
    }
}

fn invalid(field: &Field) -> Vec<(String, String)> {
    let mut all: Vec<(String, &str)> = Vec::new();
    let length = field.max.as_ref().map_or(if field.kind == Kind::Text { 10_000 } else { 255 }, |_| field.length());
    match &field.kind {
        Kind::String | Kind::Text => {
            all.push(("5".into(), "string_type"));
            all.push((format!("\"x\".repeat({})", length + 1), "string_too_long"));
            let nul = match field.min.as_deref() {
                None | Some("0" | "1") => "\"\\0\"".to_owned(),
                Some(min) => format!("\"\\0\".repeat({min})"),
            };
            all.push((nul, "string_pattern_mismatch"));
            if field.min.as_deref().is_some_and(|min| min != "0") {
                all.push(("\"\"".into(), "string_too_short"));
            }
        }
        Kind::Int | Kind::Bigint => {
            all.push(("\"x\"".into(), "int_parsing"));
            all.push(("1.5".into(), "int_from_float"));
        }
        Kind::Decimal => {
            all.push(("\"x\"".into(), "decimal_parsing"));
            all.push(("\"1.999\"".into(), "decimal_max_places"));
            if field.min.as_deref() == Some("0.01") {
                all.push(("0".into(), "greater_than"));
            } else {
                all.push(("-1".into(), "greater_than_equal"));
            }
        }
        Kind::Float => all.push(("\"x\"".into(), "float_parsing")),
        Kind::Bool => all.push(("\"x\"".into(), "bool_parsing")),
        Kind::Uuid | Kind::Ref(_) => all.push(("\"x\"".into(), "uuid_parsing")),
        Kind::Date => all.push(("\"2030-02-30\"".into(), "date_from_datetime_parsing")),
        Kind::Datetime => all.push(("\"2030-01-31T12:00:00\"".into(), "timezone_aware")),
        Kind::Json => {
            all.push(("[]".into(), "model_attributes_type"));
            all.push(("{ \"a\": \"\\0\" }".into(), "value_error"));
        }
        Kind::Enum(_) => all.push(("\"other\"".into(), "enum")),
        Kind::User => {}
    }
    if matches!(field.kind, Kind::Int | Kind::Bigint | Kind::Float) {
        let beyond = |end: &Option<String>, step: i64| {
            let end = end.as_ref()?;
            match field.kind {
                Kind::Float => end
                    .parse::<f64>()
                    .ok()
                    .map(|end| format!("{:?}", end + f64::from(i32::try_from(step).unwrap_or(1)))),
                _ => end.parse::<i64>().ok().map(|end| (end + step).to_string()),
            }
        };
        all.extend(beyond(&field.min, -1).map(|value| (value, "greater_than_equal")));
        all.extend(beyond(&field.max, 1).map(|value| (value, "less_than_equal")));
    }
    if let (Kind::Decimal, Some(max)) = (&field.kind, &field.max)
        && let Ok(max) = max.parse::<f64>()
    {
        all.push((format!("{:?}", max + 1.0), "less_than_equal"));
    }
    all.into_iter().map(|(value, kind)| (value, kind.to_owned())).collect()
}
