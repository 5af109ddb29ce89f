//! Text read as the types that a schema names. A query string and an environment variable hold only
//! text; `{"limit": "5"}` becomes `{"limit": 5}` where the schema says integer, and stays text where
//! it cannot be read, so that the schema then says what is wrong with it.

use schemars::JsonSchema;
use serde_json::{Number, Value};

use super::compiled;

/// How the pattern of every decimal written as text begins (see `schemas::amount`).
pub(super) const DECIMAL_PATTERN_START: &str = "^(?:[1-9][0-9]{0,9}";

/// How much of the text in an input stands for something else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coercion {
    /// A JSON body: only decimals may be written as text, `"9.90"`.
    Body,
    /// A query string: everything is text, and a single text where a list belongs is a list of one.
    Query,
    /// A setting: the same, but a list is written as JSON or separated by commas.
    Setting,
}

/// Reads the text in `value` as what the schema of `T` says should stand there.
pub fn read_text<T: JsonSchema + 'static>(value: &mut Value, reading: Coercion) {
    let root = &compiled::<T>().schema;
    walk(root, root, value, reading);
}

fn walk(root: &Value, schema: &Value, value: &mut Value, reading: Coercion) {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = root.pointer(pointer.trim_start_matches('#'));
        return target.into_iter().for_each(|target| walk(root, target, value, reading));
    }
    if let Some(branches) = schema["anyOf"].as_array() {
        return branches.iter().for_each(|branch| walk(root, branch, value, reading));
    }
    if let Value::String(text) = value
        && let Some(read) = read_scalar(schema, text, reading)
    {
        *value = read;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                walk(root, &schema["properties"][name.as_str()], member, reading);
            }
        }
        Value::Array(items) => {
            // One too many shows that there are too many; what is wrong with each of a million helps nobody.
            if let Some(most) = schema["maxItems"].as_u64().and_then(|most| usize::try_from(most).ok()) {
                items.truncate(most.saturating_add(1));
            }
            for item in items {
                walk(root, &schema["items"], item, reading);
            }
        }
        _ => {}
    }
}

fn read_scalar(schema: &Value, text: &str, reading: Coercion) -> Option<Value> {
    let names = |wanted: &str| match &schema["type"] {
        Value::String(name) => name == wanted,
        Value::Array(names) => names.iter().any(|name| name == wanted),
        _ => false,
    };
    if names("string") && names("number") {
        // Digits alone, as JSON writes numbers; the rest ("1e3", "01") stays text, which the pattern refuses.
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
        return serde_json::from_str(text).ok().filter(|_| plain).and_then(Number::from_f64).map(Value::Number);
    }
    if reading == Coercion::Body || names("string") {
        None
    } else if names("integer") {
        text.parse::<i64>().ok().map(Value::from)
    } else if names("number") {
        text.parse().ok().and_then(Number::from_f64).map(Value::Number)
    } else if names("boolean") {
        text.parse::<bool>().ok().map(Value::Bool)
    } else if names("array") && reading == Coercion::Query {
        Some(Value::from(vec![text]))
    } else if names("array") {
        // `[::1]` is no JSON, but an address.
        let json = serde_json::from_str(text).ok().filter(Value::is_array);
        json.or_else(|| Some(text.split(',').map(|item| Value::from(item.trim())).collect()))
    } else {
        None
    }
}
