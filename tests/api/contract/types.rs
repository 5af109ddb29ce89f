//! Every type that a resource may need, in bodies and queries: enforced, documented, refused in pydantic's words.

use axum::extract::FromRequestParts;
use axum::http::Request;
use keel::error::Error;
use keel::schemas::amount::Price;
use keel::schemas::patch;
use keel::schemas::time::{Date, Timestamp};
use keel::validation::schema::schema_of;
use keel::validation::{ValidQuery, parse_json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;
use validator::Validate;

use super::bounds::encoded;
use super::cases::{Written, cases, input};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Color {
    Red,
    Green,
    Blue,
}

/// An enum whose variants have a documentation of their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Size {
    /// Fits into a pocket.
    Small,
    /// Does not.
    Large,
}

/// What a query can hold.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[expect(dead_code, reason = "they are only read")]
struct Flat {
    #[validate(length(min = 2, max = 30))]
    text: String,
    integer: i64,
    #[validate(range(min = 1, max = 10))]
    small: u8,
    float: f64,
    // schemars does not read this bound of validator.
    #[validate(range(exclusive_min = 0.0, max = 1.0))]
    #[schemars(extend("exclusiveMinimum" = 0))]
    share: f64,
    boolean: bool,
    decimal: Price,
    uuid: Uuid,
    date: Date,
    time: Timestamp,
    color: Color,
    size: Size,
    #[validate(length(min = 1, max = 3))]
    list: Vec<i32>,
    #[serde(default)]
    maybe_date: Option<Date>,
    #[serde(default)]
    maybe_color: Option<Color>,
    #[serde(default)]
    maybe_float: Option<f64>,
}

#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "they are only read")]
struct Inner {
    uuid: Uuid,
    #[validate(length(max = 2))]
    dates: Vec<Date>,
}

/// What a body can hold besides.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[expect(dead_code, reason = "they are only read")]
struct Nested {
    #[validate(nested)]
    inner: Inner,
    #[validate(nested)]
    inners: Vec<Inner>,
    #[serde(default)]
    #[validate(nested)]
    maybe_inner: Option<Inner>,
    #[serde(default, deserialize_with = "patch::required")]
    #[schemars(with = "Timestamp")]
    changed_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "patch::optional")]
    #[expect(clippy::option_option, reason = "absent, null and a value are three cases")]
    cleared_time: Option<Option<Timestamp>>,
}

async fn parse_query(query: &str) -> Result<Flat, Error> {
    let (mut parts, ()) = Request::builder().uri(format!("/?{query}")).body(()).unwrap().into_parts();
    ValidQuery::from_request_parts(&mut parts, &()).await.map(|ValidQuery(flat)| flat)
}

fn walk_json<T: serde::de::DeserializeOwned + Validate + JsonSchema + 'static>() {
    let schema = schema_of::<T>();
    for case in cases(&schema, Written::Json) {
        let Some(input) = input(&schema, &case.place, case.value.as_ref()) else { continue };
        let result = parse_json::<T>(input.to_string().as_bytes()).map(|_| ());
        assert_eq!(result.is_ok(), case.accepted, "{} {:?}: {result:?}", json!(case.place), case.value);
        if let Err(Error::Invalid(problems)) = result {
            let unreadable = problems.iter().any(|problem| problem.msg.contains("Input cannot be read"));
            assert!(!unreadable, "{} {:?}: the schema does not know why", json!(case.place), case.value);
        }
    }
}

#[tokio::test]
async fn every_type_is_accepted_and_refused_in_a_body_as_its_schema_says() {
    walk_json::<Flat>();
    walk_json::<Nested>();
}

#[tokio::test]
async fn every_type_is_accepted_and_refused_in_a_query_as_its_schema_says() {
    let schema = schema_of::<Flat>();
    for case in cases(&schema, Written::Text) {
        let Some(query) = input(&schema, &case.place, case.value.as_ref()).and_then(|input| encoded(&input)) else {
            continue;
        };
        let result = parse_query(&query).await.map(|_| ());
        assert_eq!(result.is_ok(), case.accepted, "{} {:?}: {result:?}", json!(case.place), case.value);
    }
}

/// `type` and `msg` for a value at a place of an otherwise valid body.
fn problem(place: &str, value: &Value) -> (String, String) {
    let schema = schema_of::<Flat>();
    let body = input(&schema, &[place.into()], Some(value)).unwrap();
    let Err(Error::Invalid(problems)) = parse_json::<Flat>(body.to_string().as_bytes()) else {
        panic!("{place} {value} is accepted")
    };
    let [problem] = problems.as_slice() else { panic!("{place} {value}: {problems:?}") };
    assert_eq!(problem.dotted(), format!("body.{place}"));
    (problem.kind.clone(), problem.msg.clone())
}

/// The expectations are what pydantic 2.14 gives for the same types and values, except where a JSON Schema is stricter.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of expectations")]
fn every_type_is_refused_in_the_words_of_pydantic() {
    const DATE: &str = "Input should be a valid date or datetime";
    const TIME: &str = "Input should be a valid datetime or date";
    const EXTRA: &str = "unexpected extra characters at the end of the input";
    for (place, value, kind, msg) in [
        ("text", json!(5), "string_type", "Input should be a valid string".to_owned()),
        ("text", json!(null), "string_type", "Input should be a valid string".into()),
        ("text", json!("a"), "string_too_short", "String should have at least 2 characters".into()),
        (
            "integer",
            json!("x"),
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer".into(),
        ),
        ("integer", json!("7"), "int_type", "Input should be a valid integer".into()),
        (
            "integer",
            json!(1.5),
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part".into(),
        ),
        ("integer", json!(null), "int_type", "Input should be a valid integer".into()),
        ("integer", json!(true), "int_type", "Input should be a valid integer".into()),
        (
            "integer",
            json!(1e300),
            "less_than_equal",
            "Input should be less than or equal to 9223372036854775807".into(),
        ),
        ("small", json!(0), "greater_than_equal", "Input should be greater than or equal to 1".into()),
        (
            "float",
            json!("x"),
            "float_parsing",
            "Input should be a valid number, unable to parse string as a number".into(),
        ),
        ("float", json!("NaN"), "finite_number", "Input should be a finite number".into()),
        ("float", json!("7.5"), "float_type", "Input should be a valid number".into()),
        ("float", json!(null), "float_type", "Input should be a valid number".into()),
        ("share", json!(0), "greater_than", "Input should be greater than 0".into()),
        ("boolean", json!("x"), "bool_parsing", "Input should be a valid boolean, unable to interpret input".into()),
        ("boolean", json!(null), "bool_type", "Input should be a valid boolean".into()),
        ("boolean", json!([]), "bool_type", "Input should be a valid boolean".into()),
        ("decimal", json!("x"), "decimal_parsing", "Input should be a valid decimal".into()),
        ("decimal", json!(""), "decimal_parsing", "Input should be a valid decimal".into()),
        ("decimal", json!("NaN"), "finite_number", "Input should be a finite number".into()),
        ("decimal", json!("-Infinity"), "finite_number", "Input should be a finite number".into()),
        (
            "decimal",
            json!("1.999"),
            "decimal_max_places",
            "Decimal input should have no more than 2 decimal places".into(),
        ),
        (
            "decimal",
            json!(1.999),
            "decimal_max_places",
            "Decimal input should have no more than 2 decimal places".into(),
        ),
        ("decimal", json!(0), "greater_than", "Input should be greater than 0".into()),
        (
            "decimal",
            json!(true),
            "decimal_type",
            "Decimal input should be an integer, float, string or Decimal object".into(),
        ),
        (
            "uuid",
            json!("0190a6d0-0000-7000-8000-00000000000"),
            "uuid_parsing",
            "Input should be a valid UUID, invalid group length in group 4: expected 12, found 11".into(),
        ),
        ("uuid", json!(5), "uuid_type", "UUID input should be a string, bytes or UUID object".into()),
        ("date", json!("x"), "date_from_datetime_parsing", format!("{DATE}, input is too short")),
        (
            "date",
            json!("2026-13-01"),
            "date_from_datetime_parsing",
            format!("{DATE}, month value is outside expected range of 1-12"),
        ),
        (
            "date",
            json!("2026-02-30"),
            "date_from_datetime_parsing",
            format!("{DATE}, day value is outside expected range"),
        ),
        (
            "date",
            json!("2026/01/01"),
            "date_from_datetime_parsing",
            format!("{DATE}, invalid date separator, expected `-`"),
        ),
        ("date", json!(" 2026-01-01"), "date_from_datetime_parsing", format!("{DATE}, invalid character in year")),
        (
            "date",
            json!("2026-01-01T01:00:00Z"),
            "date_from_datetime_inexact",
            "Datetimes provided to dates should have zero time - e.g. be exact dates".into(),
        ),
        ("date", json!(true), "date_type", "Input should be a valid date".into()),
        ("time", json!("x"), "datetime_from_date_parsing", format!("{TIME}, input is too short")),
        ("time", json!("2026-01-01"), "timezone_aware", "Input should have timezone info".into()),
        ("time", json!("2026-01-01T00:00:00"), "timezone_aware", "Input should have timezone info".into()),
        (
            "time",
            json!("2026-13-01T00:00:00Z"),
            "datetime_from_date_parsing",
            format!("{TIME}, month value is outside expected range of 1-12"),
        ),
        (
            "time",
            json!("2026-x1-01T00:00:00Z"),
            "datetime_from_date_parsing",
            format!("{TIME}, invalid character in month"),
        ),
        ("time", json!("2026-01-01T24:00:00Z"), "datetime_from_date_parsing", format!("{TIME}, {EXTRA}")),
        ("time", json!("2026-12-31T23:59:60Z"), "datetime_from_date_parsing", format!("{TIME}, {EXTRA}")),
        ("time", json!([]), "datetime_type", "Input should be a valid datetime".into()),
        ("color", json!("x"), "enum", "Input should be 'red', 'green' or 'blue'".into()),
        ("color", json!(5), "enum", "Input should be 'red', 'green' or 'blue'".into()),
        ("color", json!(null), "enum", "Input should be 'red', 'green' or 'blue'".into()),
        ("size", json!("x"), "enum", "Input should be 'small' or 'large'".into()),
        ("size", json!(5), "enum", "Input should be 'small' or 'large'".into()),
        ("list", json!("x"), "list_type", "Input should be a valid list".into()),
        ("list", json!([]), "too_short", "List should have at least 1 item after validation, not 0".into()),
        ("list", json!([1, 2, 3, 4]), "too_long", "List should have at most 3 items after validation, not 4".into()),
        (
            "list",
            json!([1, 2, 3, 4, 5, 6]),
            "too_long",
            "List should have at most 3 items after validation, not more".into(),
        ),
        ("maybe_date", json!(5), "date_type", "Input should be a valid date".into()),
        ("maybe_color", json!("x"), "enum", "Input should be 'red', 'green' or 'blue'".into()),
        ("maybe_color", json!(5), "enum", "Input should be 'red', 'green' or 'blue'".into()),
        ("maybe_float", json!([]), "float_type", "Input should be a valid number".into()),
    ] {
        assert_eq!(problem(place, &value), (kind.to_owned(), msg), "{place}: {value}");
    }
}

#[test]
fn problems_of_every_type_are_listed_at_once() {
    let body = json!({
        "text": 1, "integer": "x", "small": 300, "float": "x", "share": 2, "boolean": 1, "decimal": "x", "uuid": "x",
        "date": "x", "time": "x", "color": "x", "size": "x", "list": ["x"], "maybe_date": "x", "maybe_color": "x",
        "maybe_float": "x",
    });
    let Err(Error::Invalid(problems)) = parse_json::<Flat>(body.to_string().as_bytes()) else { panic!("accepted") };
    let places: std::collections::HashSet<String> =
        problems.iter().map(keel::validation::schema::Problem::dotted).collect();
    assert_eq!(places.len(), body.as_object().unwrap().len(), "{places:?}");
    let nested = json!({ "inner": { "uuid": 1, "dates": ["x", "2026-01-01", "x"] }, "inners": [5, {}], "maybe_inner": [], "changed_time": null, "cleared_time": 5 });
    let Err(Error::Invalid(problems)) = parse_json::<Nested>(nested.to_string().as_bytes()) else { panic!("accepted") };
    let mut told: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.dotted(), problem.kind)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "body.changed_time: datetime_type",
            "body.cleared_time: datetime_type",
            "body.inner.dates.0: date_from_datetime_parsing",
            "body.inner.dates.2: date_from_datetime_parsing",
            "body.inner.dates: too_long",
            "body.inner.uuid: uuid_type",
            "body.inners.0: model_attributes_type",
            "body.inners.1.dates: missing",
            "body.inners.1.uuid: missing",
            "body.maybe_inner: model_attributes_type",
        ]
    );
}
