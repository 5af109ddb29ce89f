//! From a finding of the JSON Schema to problems in pydantic's words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::paths::LocationSegment;
use serde_json::{Value, json};

use super::formats;
use super::problem::{Loc, Problem};

/// Where a check began: the whole schema, and the part of the request that the value is.
#[derive(Clone, Copy)]
pub(super) struct Checked<'a> {
    pub(super) schema: &'a Value,
    pub(super) root: Option<&'static str>,
}

/// The problems that one finding stands for.
pub(super) fn translate(checked: Checked<'_>, error: &ValidationError<'_>) -> Vec<Problem> {
    let mut loc = location(checked, error);
    let rules = rules(checked, error);
    let value: &Value = error.instance();
    let text = value.as_str().unwrap_or_default();
    let problem = match error.kind() {
        Kind::AnyOf { context } => return best_branch(checked, context),
        Kind::AdditionalProperties { unexpected } => {
            let below = |name: &String| loc.iter().cloned().chain([Loc::Name(name.clone())]).collect();
            let forbidden = |name| Problem::new(below(name), "extra_forbidden", "Extra inputs are not permitted");
            return unexpected.iter().map(forbidden).collect();
        }
        Kind::Required { property } => {
            loc.push(property.as_str().unwrap_or_default().into());
            Problem::new(loc, "missing", "Field required")
        }
        // The error of the enum lists the options already.
        Kind::Type { .. } if rules.get("enum").is_some() => return Vec::new(),
        Kind::Type { .. } => wrong_type(loc, rules, value),
        Kind::MinLength { limit } => Problem::too_short(loc, *limit),
        Kind::MaxLength { limit } => {
            let msg = format!("String should have at most {limit} character{}", plural(*limit));
            Problem::new(loc, "string_too_long", msg).with("max_length", json!(limit))
        }
        Kind::MinItems { limit } => list_length(loc, "too_short", "at least", "min_length", *limit, value),
        Kind::MaxItems { limit } => list_length(loc, "too_long", "at most", "max_length", *limit, value),
        Kind::Pattern { .. } if is_decimal(rules) => wrong_decimal(loc, rules, text),
        Kind::Pattern { pattern } => {
            Problem::new(loc, "string_pattern_mismatch", format!("String should match pattern '{pattern}'"))
                .with("pattern", json!(pattern))
        }
        Kind::Minimum { limit } => bound(loc, "greater_than_equal", "greater than or equal to", "ge", limit),
        Kind::Maximum { limit } => bound(loc, "less_than_equal", "less than or equal to", "le", limit),
        Kind::ExclusiveMinimum { limit } => bound(loc, "greater_than", "greater than", "gt", limit),
        Kind::ExclusiveMaximum { limit } => bound(loc, "less_than", "less than", "lt", limit),
        Kind::MultipleOf { .. } if is_decimal(rules) => too_many_places(loc, rules),
        Kind::MultipleOf { .. } => {
            let step = &rules["multipleOf"];
            Problem::new(loc, "multiple_of", format!("Input should be a multiple of {step}"))
                .with("multiple_of", step.clone())
        }
        Kind::Format { format } => formats::problem(loc, format, text),
        Kind::Enum { options } => one_of(loc, options.as_array().into_iter().flatten()),
        Kind::Constant { expected_value } => one_of(loc, [&**expected_value]),
        // An enum whose variants have a documentation of their own.
        Kind::OneOfNotValid { .. } => {
            one_of(loc, rules["oneOf"].as_array().into_iter().flatten().map(|variant| &variant["const"]))
        }
        other => Problem::value_error(loc, &format!("the rule '{}' is broken", other.keyword())),
    };
    vec![problem]
}

fn location(checked: Checked<'_>, error: &ValidationError<'_>) -> Vec<Loc> {
    let steps = error.instance_path().iter().map(|step| match step {
        LocationSegment::Property(name) => Loc::Name(name.to_string()),
        LocationSegment::Index(index) => Loc::Index(index),
    });
    checked.root.map(Loc::from).into_iter().chain(steps).collect()
}

/// The schema that has the violated keyword: all rules for the value.
fn rules<'a>(checked: Checked<'a>, error: &ValidationError<'_>) -> &'a Value {
    let keyword = error.schema_path().as_str();
    let parent = keyword.rsplit_once('/').map_or("", |(parent, _)| parent);
    checked.schema.pointer(parent).unwrap_or(&Value::Null)
}

/// `anyOf` says only that no branch fits. Returns the problems of the branch that the client meant: one that accepts the
/// type of the value, unlike `null`.
fn best_branch(checked: Checked<'_>, branches: &[Vec<ValidationError<'static>>]) -> Vec<Problem> {
    let is_meant = |branch: &&Vec<ValidationError<'static>>| {
        !branch.iter().any(|error| matches!(error.kind(), Kind::Type { .. }) && is_outermost(error, branch))
    };
    let branch = branches.iter().find(is_meant).or_else(|| branches.first());
    branch.into_iter().flatten().flat_map(|error| translate(checked, error)).collect()
}

/// Whether the error is about the value that the whole branch is about, not about a part of it.
fn is_outermost(error: &ValidationError<'_>, branch: &[ValidationError<'static>]) -> bool {
    let depth = |error: &ValidationError<'_>| error.instance_path().iter().count();
    branch.iter().all(|other| depth(error) <= depth(other))
}

fn bound(loc: Vec<Loc>, kind: &str, relation: &str, ctx: &str, limit: &Value) -> Problem {
    Problem::new(loc, kind, format!("Input should be {relation} {limit}")).with(ctx, limit.clone())
}

fn one_of<'a>(loc: Vec<Loc>, options: impl IntoIterator<Item = &'a Value>) -> Problem {
    let quoted: Vec<String> =
        options.into_iter().filter_map(Value::as_str).map(|option| format!("'{option}'")).collect();
    let expected = match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    };
    Problem::new(loc, "enum", format!("Input should be {expected}")).with("expected", json!(expected))
}

fn list_length(loc: Vec<Loc>, kind: &str, relation: &str, ctx: &str, limit: u64, list: &Value) -> Problem {
    let length = list.as_array().map_or(0, |items| items.len() as u64);
    // `read_text` cuts a list off at two items too many: how many there were is not known then.
    let (length, actual) =
        if length > limit + 1 { (Value::Null, "more".to_owned()) } else { (length.into(), length.to_string()) };
    let msg = format!("List should have {relation} {limit} item{} after validation, not {actual}", plural(limit));
    Problem::new(loc, kind, msg).with("field_type", json!("List")).with(ctx, json!(limit)).with("actual_length", length)
}

fn is_decimal(rules: &Value) -> bool {
    rules["format"] == "decimal"
}

/// A text that is no decimal, or has too many places. [`read_text`](super::read_text) has turned plain ones into
/// numbers.
fn wrong_decimal(loc: Vec<Loc>, rules: &Value, text: &str) -> Problem {
    if is_infinite(text) {
        return not_finite(loc);
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.trim_start_matches('-').split_once('.') {
        Some((whole, places)) if digits(whole) && digits(places) => too_many_places(loc, rules),
        _ => Problem::new(loc, "decimal_parsing", "Input should be a valid decimal"),
    }
}

fn too_many_places(loc: Vec<Loc>, rules: &Value) -> Problem {
    let step = rules["multipleOf"].to_string();
    let places = step.split_once('.').map_or(0, |(_, places)| places.len() as u64);
    let msg = format!("Decimal input should have no more than {places} decimal place{}", plural(places));
    Problem::new(loc, "decimal_max_places", msg).with("decimal_places", json!(places))
}

/// Whether the text stands for no number or an infinite one: `NaN`, `-inf`, `Infinity`.
fn is_infinite(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|number| !number.is_finite()) && !text.contains(|c: char| c.is_ascii_digit())
}

fn not_finite(loc: Vec<Loc>) -> Problem {
    Problem::new(loc, "finite_number", "Input should be a finite number")
}

/// pydantic has one error for text that cannot be read as the type, and another one for a value of a wrong type.
fn wrong_type(loc: Vec<Loc>, rules: &Value, value: &Value) -> Problem {
    let allows = |name: &str| match &rules["type"] {
        Value::Array(names) => names.iter().any(|allowed| allowed == name),
        only => only == name,
    };
    let text = value.as_str();
    let (kind, msg) = match rules["format"].as_str() {
        Some("decimal") => ("decimal_type", "Decimal input should be an integer, float, string or Decimal object"),
        Some("uuid") => ("uuid_type", "UUID input should be a string, bytes or UUID object"),
        Some("date") => ("date_type", "Input should be a valid date"),
        Some("date-time") => ("datetime_type", "Input should be a valid datetime"),
        _ if allows("string") => ("string_type", "Input should be a valid string"),
        _ if allows("integer") && text.is_some_and(|text| text.parse::<i64>().is_err()) => {
            ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
        }
        _ if allows("integer") && value.is_number() => {
            ("int_from_float", "Input should be a valid integer, got a number with a fractional part")
        }
        _ if allows("integer") => ("int_type", "Input should be a valid integer"),
        _ if allows("number") && text.is_some_and(is_infinite) => return not_finite(loc),
        _ if allows("number") && text.is_some_and(|text| text.parse::<f64>().is_err()) => {
            ("float_parsing", "Input should be a valid number, unable to parse string as a number")
        }
        _ if allows("number") => ("float_type", "Input should be a valid number"),
        _ if allows("boolean") && text.is_some_and(|text| text.parse::<bool>().is_err()) => {
            ("bool_parsing", "Input should be a valid boolean, unable to interpret input")
        }
        _ if allows("boolean") => ("bool_type", "Input should be a valid boolean"),
        _ if allows("array") => ("list_type", "Input should be a valid list"),
        _ => ("model_attributes_type", "Input should be a valid dictionary or object to extract fields from"),
    };
    Problem::new(loc, kind, msg)
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
