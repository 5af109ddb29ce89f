//! Inputs at and past every bound of a JSON Schema, made from the schema alone.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::samples::{Rules, allows, count, list, minimal, required, resolved, sample, shifted, text, usual_length};

/// How an input is written: JSON keeps the types, in a query or a form everything is text.
#[derive(Clone, Copy, PartialEq)]
pub enum Written {
    Json,
    Text,
}

/// What stands at one place of an input that is otherwise right and as short as can be.
pub struct Case {
    /// Where: `["address", "street"]`.
    pub place: Vec<Value>,
    /// `None`: the place is left out.
    pub value: Option<Value>,
    pub accepted: bool,
}

/// Keywords that do not restrict the values.
const ANNOTATIONS: [&str; 6] = ["description", "title", "example", "examples", "default", "deprecated"];

/// One character in otherwise good text; the pattern itself says whether it may be there.
const CHARACTERS: [char; 14] =
    ['\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', ' ', '!', '%', '-', '_', 'é', '🫖'];

/// Texts that are, or are nearly, numbers.
const NUMERALS: [&str; 17] =
    ["0", "0.00", "1", "1.5", "1.50", "0.01", "1.555", "01", "1e0", "+1", " 1", "1 ", ".5", "1.", "-1", "NaN", "١"];

const NO_EMAILS: [&str; 10] = [
    "",
    "x",
    "x@",
    "@example.com",
    "a b@example.com",
    "é@example.com",
    "x@é.com",
    "x@example.com\n",
    // An address literal at the end must not excuse what stands before it.
    "x@y[127.0.0.1]",
    "x@\r\nSubject: y\0[127.0.0.1]",
];

const NO_UUIDS: [&str; 4] = ["7", "x", "0190a6d0-0000-7000-8000-00000000000", "0190a6d0-0000-7000-8000-00000000000g"];

/// What `chrono` reads and RFC 3339 does not allow, among others.
const NO_DATES: [&str; 12] = [
    "",
    "x",
    "2026",
    "2026-1-1",
    "2026-13-01",
    "2026-02-30",
    "2026-00-10",
    "0000-01-01",
    " 2026-01-01",
    "2026-01-01 ",
    "+2026-01-01",
    "2026-01-01T00:00:00Z",
];

const NO_DATE_TIMES: [&str; 19] = [
    "",
    "x",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01 00:00:00Z",
    "2026-1-1T0:0:0Z",
    "2026-01-01T00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-12-31T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00+0100",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00\u{2212}01:00",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00ZZ",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "+12026-01-01T00:00:00Z",
    "1767225600",
];

const NO_CURSORS: [&str; 5] = ["", "x", "é", "AAAA", "W10"];

/// Every case of the schema.
///
/// # Panics
/// On a keyword that it does not know: a rule must not go untested because it is new.
pub fn cases(schema: &Value, written: Written) -> Vec<Case> {
    let mut cases = Vec::new();
    walk(schema, written, &mut Vec::new(), &mut cases);
    cases
}

fn walk(schema: &Value, written: Written, place: &mut Vec<Value>, cases: &mut Vec<Case>) {
    let rules = resolved(schema);
    for (value, accepted) in probes(&rules, written) {
        cases.push(Case { place: place.clone(), value: Some(value), accepted });
    }
    for (name, member) in rules.get("properties").and_then(Value::as_object).into_iter().flatten() {
        place.push(name.as_str().into());
        cases.push(Case { place: place.clone(), value: None, accepted: !required(&rules).contains(&name.as_str()) });
        walk(member, written, place, cases);
        place.pop();
    }
    if allows(&rules, "object") && rules.contains_key("properties") {
        place.push("no_such_member".into());
        cases.push(Case { place: place.clone(), value: Some(json!("x")), accepted: true });
        place.pop();
    }
    if let Some(items) = rules.get("items") {
        place.push(0.into());
        walk(items, written, place, cases);
        place.pop();
    }
}

/// The shortest right input, with this value at this place.
pub fn input(schema: &Value, place: &[Value], value: Option<&Value>) -> Option<Value> {
    let Some((step, rest)) = place.split_first() else { return value.cloned() };
    let rules = resolved(schema);
    let Some(name) = step.as_str() else { return Some(json!([input(&rules["items"], rest, value)])) };
    let mut members = minimal(&rules);
    match input(&rules["properties"][name], rest, value) {
        Some(member) => members.insert(name.to_owned(), member),
        None => members.remove(name),
    };
    Some(members.into())
}

/// Values at and past each bound, and whether they are right.
fn probes(rules: &Rules, written: Written) -> Vec<(Value, bool)> {
    let mut probes = vec![(sample(rules), true)];
    for (keyword, bound) in rules {
        match keyword.as_str() {
            "type" => probes.extend(wrong_types(rules, written)),
            "enum" => {
                probes.extend(bound.as_array().unwrap().iter().map(|option| (option.clone(), true)));
                probes.extend([(json!("no such option"), false), (json!(""), false)]);
            }
            "minLength" => probes.extend(lengths(rules, count(bound), count(bound).checked_sub(1))),
            "maxLength" => probes.extend(lengths(rules, count(bound), Some(count(bound) + 1))),
            "minItems" => {
                probes.push((list(rules, count(bound)), true));
                probes.push((list(rules, count(bound) - 1), false));
            }
            "maxItems" => {
                probes.push((list(rules, count(bound)), true));
                probes.push((list(rules, count(bound) + 1), false));
            }
            "minimum" => probes.extend([(bound.clone(), true), (shifted(rules, bound, -1), false)]),
            "maximum" => probes.extend([(bound.clone(), true), (shifted(rules, bound, 1), false)]),
            "exclusiveMinimum" => probes.extend([(shifted(rules, bound, 1), true), (bound.clone(), false)]),
            "exclusiveMaximum" => probes.extend([(shifted(rules, bound, -1), true), (bound.clone(), false)]),
            "multipleOf" => probes.push((json!(bound.as_f64().unwrap() / 2.0), false)),
            "pattern" => probes.extend(patterned(rules, bound.as_str().unwrap())),
            "oneOf" => probes.extend([(json!("no such option"), false), (json!(""), false)]),
            "format" => probes.extend(formatted(rules, bound.as_str().unwrap())),
            "required" | "properties" | "items" => {}
            // Any object.
            "additionalProperties" if *bound == true => {}
            keyword if ANNOTATIONS.contains(&keyword) => {}
            unknown => panic!("the walker does not know the keyword '{unknown}': teach it, or the rule goes untested"),
        }
    }
    if let Some(example) = rules.get("examples") {
        probes.push((example[0].clone(), true));
    }
    probes
}

fn wrong_types(rules: &Rules, written: Written) -> Vec<(Value, bool)> {
    if written == Written::Text {
        // All that text can get wrong: not to be readable, and to be there twice.
        let unreadable = if allows(rules, "string") || allows(rules, "array") { &[][..] } else { &["x", "", "7 "] };
        let twice = (!allows(rules, "array")).then(|| json!(["7", "8"]));
        return unreadable.iter().map(|text| json!(text)).chain(twice).map(|value| (value, false)).collect();
    }
    let values = [
        (json!(null), ["null", ""]),
        (json!(true), ["boolean", ""]),
        (json!(7), ["integer", "number"]),
        (json!(7.5), ["number", ""]),
        (json!("7"), ["string", ""]),
        (json!([]), ["array", ""]),
        (json!({}), ["object", ""]),
    ];
    let refused = values.into_iter().filter(|(_, names)| !names.iter().any(|name| allows(rules, name)));
    // serde reads a list of an object's members as that object.
    let members = rules.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let listed = allows(rules, "object").then(|| members.map(|member| sample(&resolved(member))).collect());
    let refused = refused.map(|(value, _)| value).chain(listed).map(|value| (value, false));
    refused.chain(allows(rules, "null").then_some((Value::Null, true))).collect()
}

fn lengths(rules: &Rules, good: usize, bad: Option<usize>) -> Vec<(Value, bool)> {
    let good = (text(rules, good).into(), true);
    [good].into_iter().chain(bad.map(|bad| (text(rules, bad).into(), false))).collect()
}

fn patterned(rules: &Rules, pattern: &str) -> Vec<(Value, bool)> {
    let pattern = Regex::new(pattern).unwrap();
    if allows(rules, "number") {
        // A number that is written as text keeps the rules for numbers as well.
        let keeps = |text: &str| pattern.is_match(text) && text.parse().is_ok_and(|number| is_within(rules, number));
        return NUMERALS.iter().map(|text| (json!(text), keeps(text))).collect();
    }
    let good = text(rules, usual_length(rules));
    let altered = CHARACTERS.iter().flat_map(|character| {
        let mut inside: Vec<char> = good.chars().collect();
        let mut last = inside.clone();
        inside[1] = *character;
        *last.last_mut().unwrap() = *character;
        [inside, last].map(String::from_iter)
    });
    altered.map(|text| (json!(text), pattern.is_match(&text))).collect()
}

fn is_within(rules: &Rules, number: f64) -> bool {
    let bound = |name: &str, otherwise: f64| rules.get(name).map_or(otherwise, |bound| bound.as_f64().unwrap());
    (bound("minimum", f64::MIN)..=bound("maximum", f64::MAX)).contains(&number)
        && number > bound("exclusiveMinimum", f64::MIN)
        && number < bound("exclusiveMaximum", f64::MAX)
}

fn formatted(rules: &Rules, format: &str) -> Vec<(Value, bool)> {
    let refused: Vec<Value> = match format {
        "date" => NO_DATES.iter().map(|text| json!(text)).collect(),
        "date-time" => NO_DATE_TIMES.iter().map(|text| json!(text)).collect(),
        "cursor" => NO_CURSORS.iter().map(|text| json!(text)).collect(),
        "double" => ["NaN", "inf", "-Infinity", "1e999"].iter().map(|text| json!(text)).collect(),
        "uint32" if rules.get("maximum").is_none() => vec![json!(u64::from(u32::MAX) + 1)],
        "uint64" if rules.get("maximum").is_none() => vec![json!(18_446_744_073_709_551_616.0)],
        "email" => NO_EMAILS.iter().map(|text| json!(text)).collect(),
        "uuid" => NO_UUIDS.iter().map(|text| json!(text)).collect(),
        "int32" => vec![json!(i64::from(i32::MAX) + 1), json!(i64::from(i32::MIN) - 1)],
        "int64" => vec![json!(i64::MAX.unsigned_abs() + 1)],
        // Decimals have a pattern and small integers have bounds, which are tried elsewhere. `password` is a hint for
        // forms.
        "decimal" | "uint8" | "uint16" | "uint32" | "uint64" | "int8" | "int16" | "password" => Vec::new(),
        unknown => panic!("the walker does not know the format '{unknown}': teach it, or it goes untested"),
    };
    refused.into_iter().map(|value| (value, false)).collect()
}
