//! One thing that is wrong with an input, in the words that pydantic uses, and how a finding of the
//! JSON Schema becomes one. The rejected value itself is never in it.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::LocationSegment;
use jsonschema::{JsonType, ValidationError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A step on the way to the value: a member's name or an index in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Loc {
    /// A member's name, or where the value stood: `body`, `query`, `path`.
    Name(String),
    /// A position in a list, or in the text of a malformed body.
    Index(usize),
}

impl From<&str> for Loc {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// One thing that is wrong with an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ValidationError")]
pub struct Problem {
    /// Where: `["body", "address", "street"]`.
    pub loc: Vec<Loc>,
    /// What, for people.
    pub msg: String,
    /// What, for programs, as pydantic names it: `string_too_short`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The bound that was broken, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctx: Option<Map<String, Value>>,
}

impl Problem {
    /// A problem without a bound.
    pub fn new(loc: Vec<Loc>, kind: &str, msg: impl Into<String>) -> Self {
        Self { loc, msg: msg.into(), kind: kind.to_owned(), ctx: None }
    }

    /// A rule that no schema can state, such as one over two members.
    #[must_use]
    pub fn value_error(loc: Vec<Loc>, reason: &str) -> Self {
        Self::new(loc, "value_error", format!("Value error, {reason}")).with("error", json!({}))
    }

    /// A text of fewer characters than it must have.
    #[must_use]
    pub fn too_short(loc: Vec<Loc>, least: impl Into<Value>) -> Self {
        let least = least.into();
        Self::new(loc, "string_too_short", format!("String should have at least {least} characters"))
            .with("min_length", least)
    }

    /// A number over the maximum.
    #[must_use]
    pub fn too_large(loc: Vec<Loc>, most: impl Into<Value>) -> Self {
        let most = most.into();
        Self::new(loc, "less_than_equal", format!("Input should be less than or equal to {most}")).with("le", most)
    }

    /// Adds a member to `ctx`.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.ctx.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// The place as one would write it: `address.street`.
    #[must_use]
    pub fn dotted(&self) -> String {
        let steps = self.loc.iter().map(|step| match step {
            Loc::Name(name) => name.clone(),
            Loc::Index(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(".")
    }
}

/// The problems that one finding of the schema stands for.
pub(super) fn translate(root: Option<&'static str>, error: &ValidationError<'_>) -> Vec<Problem> {
    let loc = root.map(Loc::from).into_iter().chain(error.instance_path().iter().map(|step| match step {
        LocationSegment::Property(name) => Loc::Name(name.to_string()),
        LocationSegment::Index(index) => Loc::Index(index),
    }));
    let mut loc: Vec<Loc> = loc.collect();
    let problem = match error.kind() {
        Kind::AnyOf { context } => return best_branch(root, context),
        Kind::AdditionalProperties { unexpected } => {
            return unexpected
                .iter()
                .map(|name| {
                    let loc = loc.iter().cloned().chain([Loc::Name(name.clone())]).collect();
                    Problem::new(loc, "extra_forbidden", "Extra inputs are not permitted")
                })
                .collect();
        }
        Kind::Required { property } => {
            loc.push(property.as_str().unwrap_or_default().into());
            Problem::new(loc, "missing", "Field required")
        }
        Kind::Type { kind } => wrong_type(loc, kind, error.instance()),
        Kind::MinLength { limit } => {
            let msg = format!("String should have at least {limit} character{}", plural(*limit));
            Problem::new(loc, "string_too_short", msg).with("min_length", json!(limit))
        }
        Kind::MaxLength { limit } => {
            let msg = format!("String should have at most {limit} character{}", plural(*limit));
            Problem::new(loc, "string_too_long", msg).with("max_length", json!(limit))
        }
        Kind::MinItems { limit } => {
            let msg = format!("List should have at least {limit} item{}", plural(*limit));
            Problem::new(loc, "too_short", msg).with("min_length", json!(limit))
        }
        Kind::MaxItems { limit } => {
            let msg = format!("List should have at most {limit} item{}", plural(*limit));
            Problem::new(loc, "too_long", msg).with("max_length", json!(limit))
        }
        Kind::Pattern { pattern } if pattern.starts_with(super::coercion::DECIMAL_PATTERN_START) => {
            Problem::new(loc, "decimal_parsing", "Input should be a valid decimal")
        }
        Kind::Pattern { pattern } => {
            Problem::new(loc, "string_pattern_mismatch", format!("String should match pattern '{pattern}'"))
                .with("pattern", json!(pattern))
        }
        Kind::Minimum { limit } => bound(loc, "greater_than_equal", "greater than or equal to", "ge", limit),
        Kind::Maximum { limit } => bound(loc, "less_than_equal", "less than or equal to", "le", limit),
        Kind::ExclusiveMinimum { limit } => bound(loc, "greater_than", "greater than", "gt", limit),
        Kind::ExclusiveMaximum { limit } => bound(loc, "less_than", "less than", "lt", limit),
        Kind::MultipleOf { .. } => {
            Problem::new(loc, "decimal_max_places", "Decimal input should have no more than 2 decimal places")
                .with("decimal_places", json!(2))
        }
        Kind::Format { format } if format == "uuid" => {
            Problem::new(loc, "uuid_parsing", "Input should be a valid UUID")
        }
        Kind::Format { format } if format == "email" => {
            Problem::new(loc, "value_error", "value is not a valid email address")
        }
        Kind::Enum { options } => one_of(loc, options.as_array().map_or(&[][..], Vec::as_slice)),
        Kind::Constant { expected_value } => one_of(loc, std::slice::from_ref(expected_value)),
        other => Problem::new(loc, "value_error", format!("Value error, the rule '{}' is broken", other.keyword())),
    };
    vec![problem]
}

/// `anyOf` says only that no branch fits; what helps is what is wrong with the branch that was meant.
/// Branches that refuse the value's very type (as `null` does) were not.
fn best_branch(root: Option<&'static str>, branches: &[Vec<ValidationError<'static>>]) -> Vec<Problem> {
    let meant = |branch: &&Vec<ValidationError<'static>>| {
        !branch.iter().any(|error| matches!(error.kind(), Kind::Type { .. }) && is_outermost(error, branch))
    };
    let branch = branches.iter().find(meant).or_else(|| branches.first());
    branch.into_iter().flatten().flat_map(|error| translate(root, error)).collect()
}

/// Whether the error is about the value that the whole branch is about, not about a part of it.
fn is_outermost(error: &ValidationError<'_>, branch: &[ValidationError<'static>]) -> bool {
    let depth = |error: &ValidationError<'_>| error.instance_path().iter().count();
    branch.iter().all(|other| depth(error) <= depth(other))
}

fn bound(loc: Vec<Loc>, kind: &str, relation: &str, ctx: &str, limit: &Value) -> Problem {
    Problem::new(loc, kind, format!("Input should be {relation} {limit}")).with(ctx, limit.clone())
}

fn one_of(loc: Vec<Loc>, options: &[Value]) -> Problem {
    let quoted: Vec<String> = options.iter().filter_map(Value::as_str).map(|option| format!("'{option}'")).collect();
    let expected = match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    };
    Problem::new(loc, "enum", format!("Input should be {expected}")).with("expected", json!(expected))
}

/// pydantic tells text that could not be read as a number from a value of another type.
fn wrong_type(loc: Vec<Loc>, expected: &TypeKind, actual: &Value) -> Problem {
    let allows = |kind: JsonType| match expected {
        TypeKind::Single(single) => *single == kind,
        TypeKind::Multiple(set) => set.contains(kind),
    };
    let (kind, msg) = if allows(JsonType::String) && allows(JsonType::Number) {
        ("decimal_type", "Decimal input should be an integer, float or string")
    } else if allows(JsonType::String) {
        ("string_type", "Input should be a valid string")
    } else if allows(JsonType::Integer) {
        match actual {
            Value::String(_) => {
                ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
            }
            Value::Number(_) => {
                ("int_from_float", "Input should be a valid integer, got a number with a fractional part")
            }
            _ => ("int_type", "Input should be a valid integer"),
        }
    } else if allows(JsonType::Number) {
        ("float_type", "Input should be a valid number")
    } else if allows(JsonType::Boolean) {
        match actual {
            Value::String(_) => ("bool_parsing", "Input should be a valid boolean, unable to interpret input"),
            _ => ("bool_type", "Input should be a valid boolean"),
        }
    } else if allows(JsonType::Array) {
        ("list_type", "Input should be a valid list")
    } else {
        ("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
    };
    Problem::new(loc, kind, msg)
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
