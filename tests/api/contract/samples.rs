//! Values that keep the rules of a JSON Schema, made from the schema alone.

use chrono::{DateTime, Utc};
use keel::schemas::page::Cursor;
use regex::Regex;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::document::DOCUMENT;

/// A schema's keywords.
pub type Rules = Map<String, Value>;

/// The schema without references; `anyOf` with null is a type more.
pub fn resolved(schema: &Value) -> Rules {
    let mut rules = schema.as_object().expect("a schema is an object").clone();
    if let Some(target) = rules.remove("$ref") {
        let target =
            DOCUMENT.pointer(target.as_str().unwrap().trim_start_matches('#')).expect("the reference resolves");
        let own = std::mem::replace(&mut rules, resolved(target));
        rules.extend(own);
    }
    if let Some(branches) = rules.remove("anyOf") {
        let (nulls, others): (Vec<&Value>, Vec<&Value>) =
            branches.as_array().unwrap().iter().partition(|branch| branch["type"] == "null");
        let ([_], [other]) = (nulls.as_slice(), others.as_slice()) else {
            panic!("the walker knows anyOf only as 'this or null': {branches}")
        };
        rules.extend(resolved(other));
        rules.insert("type".into(), types(&rules).into_iter().chain(["null"]).collect());
    }
    rules
}

pub fn types(rules: &Rules) -> Vec<&str> {
    match rules.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        None if rules.contains_key("oneOf") => vec!["string"],
        _ => panic!("a schema names its type: {rules:?}"),
    }
}

pub fn allows(rules: &Rules, name: &str) -> bool {
    types(rules).contains(&name)
}

pub fn required(rules: &Rules) -> Vec<&str> {
    rules.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// An object with what is required and nothing else.
pub fn minimal(rules: &Rules) -> Rules {
    required(rules).into_iter().map(|name| (name.to_owned(), sample(&resolved(&rules["properties"][name])))).collect()
}

/// A value that keeps all rules.
pub fn sample(rules: &Rules) -> Value {
    if let Some(options) = rules.get("enum") {
        return options[0].clone();
    }
    if let Some(variants) = rules.get("oneOf") {
        return variants[0]["const"].clone();
    }
    match types(rules)[0] {
        "object" => minimal(rules).into(),
        "array" => list(rules, rules.get("minItems").map_or(1, count)),
        "boolean" => json!(true),
        "integer" | "number" => number(rules),
        "string" => text(rules, usual_length(rules)).into(),
        other => panic!("the walker has no sample of type {other}"),
    }
}

pub fn count(bound: &Value) -> usize {
    bound.as_u64().and_then(|bound| bound.try_into().ok()).expect("a count")
}

pub fn list(rules: &Rules, length: usize) -> Value {
    vec![sample(&resolved(&rules["items"])); length].into()
}

/// The least right number.
pub fn number(rules: &Rules) -> Value {
    match (rules.get("minimum"), rules.get("exclusiveMinimum")) {
        (Some(least), _) => least.clone(),
        (None, Some(below)) => shifted(rules, below, 1),
        (None, None) => json!(1),
    }
}

/// The number some steps away; a step is the least that makes a difference.
pub fn shifted(rules: &Rules, from: &Value, steps: i32) -> Value {
    if allows(rules, "integer") {
        return json!(from.as_i64().unwrap() + i64::from(steps));
    }
    let step = rules.get("multipleOf").map_or(0.5, |step| step.as_f64().unwrap());
    json!(from.as_f64().unwrap() + f64::from(steps) * step)
}

pub fn usual_length(rules: &Rules) -> usize {
    let bound = |name: &str| rules.get(name).map(count);
    bound("minLength").unwrap_or(0).max(20).min(bound("maxLength").unwrap_or(20))
}

/// Text of this many characters that keeps pattern and format, of more than one byte each where it may.
pub fn text(rules: &Rules, length: usize) -> String {
    match rules.get("format").and_then(Value::as_str) {
        Some("uuid") => return Uuid::now_v7().to_string(),
        Some("email") => return email(length),
        Some("date") => return "2028-02-29".to_owned(),
        Some("date-time") => return "2028-02-29t23:59:59.123456789+01:00".to_owned(),
        Some("cursor") => return cursor(),
        // Nothing that is easily guessed, of one byte and of more.
        Some("password") => return "q7ßk2vØw9z🫖m4xé8".chars().cycle().take(length).collect(),
        _ => {}
    }
    let Some(pattern) = rules.get("pattern").and_then(Value::as_str) else { return "🫖".repeat(length) };
    let repeated = ["🫖", "é", "a"].map(|character| character.repeat(length));
    let literal = [pattern.trim_start_matches('^').trim_end_matches('$').to_owned()];
    let pattern = Regex::new(pattern).unwrap();
    // What names of scopes look like.
    let names = ["users".to_owned()];
    let mut fitting = repeated.into_iter().chain(literal).chain(names).filter(|text| pattern.is_match(text));
    fitting.next().unwrap_or_else(|| panic!("no text for {pattern}: teach the walker"))
}

/// A cursor of every list that is sorted as it is by default.
fn cursor() -> String {
    let cursor = Cursor::new("-created_at", &DateTime::<Utc>::UNIX_EPOCH, Uuid::now_v7()).unwrap();
    json!(cursor).as_str().unwrap().to_owned()
}

/// An address of this length: at most 64 characters before the `@`, labels of at most 63 behind it.
pub fn email(length: usize) -> String {
    const END: &str = ".example.com";
    let local = "a".repeat((length - END.len() - 2).min(64));
    let labels: String =
        (0..length - END.len() - 1 - local.len()).map(|at| if at % 50 == 49 { '.' } else { 'b' }).collect();
    format!("{local}@{labels}{END}")
}
