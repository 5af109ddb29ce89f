//! Reads text as the types of a schema. Query strings and environment variables hold only text: `{"limit": "5"}`
//! becomes `{"limit": 5}` where the schema says integer. What cannot be read stays text, and breaks the schema.

use schemars::JsonSchema;
use serde_json::{Number, Value};

use super::compiled;

/// Where text stands for values of other types.
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
pub fn read_text<T: JsonSchema + 'static>(value: &mut Value, coercion: Coercion) {
    let root = &compiled::<T>().schema;
    walk(root, root, value, coercion);
}

fn walk(root: &Value, schema: &Value, value: &mut Value, coercion: Coercion) {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = root.pointer(pointer.trim_start_matches('#'));
        return target.into_iter().for_each(|target| walk(root, target, value, coercion));
    }
    if let Some(branches) = schema["anyOf"].as_array() {
        return branches.iter().for_each(|branch| walk(root, branch, value, coercion));
    }
    if let Value::String(text) = value
        && let Some(read) = read_scalar(schema, text, coercion)
    {
        *value = read;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                walk(root, &schema["properties"][name.as_str()], member, coercion);
            }
        }
        Value::Array(items) => {
            // A list that is far too long is cut off: the problems of a million items help no client.
            if let Some(max) = schema["maxItems"].as_u64().and_then(|max| usize::try_from(max).ok()) {
                items.truncate(max.saturating_add(2));
            }
            for item in items {
                walk(root, &schema["items"], item, coercion);
            }
        }
        _ => {}
    }
}

fn read_scalar(schema: &Value, text: &str, coercion: Coercion) -> Option<Value> {
    let names = |wanted: &str| match &schema["type"] {
        Value::String(name) => name == wanted,
        Value::Array(names) => names.iter().any(|name| name == wanted),
        _ => false,
    };
    if schema["format"] == "decimal" {
        return read_decimal(text);
    }
    if coercion == Coercion::Body || names("string") {
        None
    } else if names("integer") {
        read_integer(text)
    } else if names("number") {
        text.parse().ok().and_then(Number::from_f64).map(Value::Number)
    } else if names("boolean") {
        text.parse::<bool>().ok().map(Value::Bool)
    } else if names("array") && coercion == Coercion::Query {
        Some(Value::from(vec![text]))
    } else if names("array") {
        // `[::1]` is no JSON, but an address.
        let json = serde_json::from_str(text).ok().filter(Value::is_array);
        json.or_else(|| Some(text.split(',').map(|item| Value::from(item.trim())).collect()))
    } else {
        None
    }
}

/// Decimals as JSON writes numbers, as far as a double is exact. The rest stays text ("1e3", "01", "-0", "1.000", too
/// many places), which the pattern of a decimal refuses.
fn read_decimal(text: &str) -> Option<Value> {
    let is_plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    let is_exact = !text.contains('.') || text.bytes().filter(u8::is_ascii_digit).count() <= 15;
    // As numbers these would be valid, but not as text.
    let has_surplus_zeros = text.split_once('.').is_some_and(|(_, places)| places.len() > 2 && places.ends_with('0'));
    let is_negative_zero = text.starts_with('-') && text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    let is_number = is_plain && is_exact && !has_surplus_zeros && !is_negative_zero;
    let number = serde_json::from_str(text).ok().filter(|_| is_number);
    number.and_then(Number::from_f64).map(Value::Number)
}

/// Integers of any length; those beyond 64 bits as the nearest double, which is out of the bounds of every integer.
fn read_integer(text: &str) -> Option<Value> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<f64>().ok().filter(|_| is_integer).and_then(Number::from_f64).map(Value::Number)
}
