//! What the document says, and that the service keeps to it.

mod bounds;
mod cases;
mod samples;
mod types;

use std::collections::HashSet;

use keel::routes::Dashboard;
use serde_json::Value;

use crate::support::document::{DOCUMENT, operations};

#[test]
fn operation_ids_are_unique_and_made_of_tag_and_function() {
    let mut seen = HashSet::new();
    for operation in operations() {
        let id = operation.value["operationId"].as_str().expect("every operation has an id");
        let tag = operation.value["tags"][0].as_str().expect("every operation has a tag");
        let function = id.strip_prefix(&format!("{tag}-")).unwrap_or_else(|| panic!("{id} does not begin with {tag}-"));
        let is_name = function.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        assert!(is_name && !function.is_empty(), "{id} does not end with a function's name");
        assert!(seen.insert(id), "{id} is there twice");
    }
    assert!(!seen.is_empty());
}

#[test]
fn every_reference_resolves() {
    fn check(value: &Value, count: &mut usize) {
        if let Some(target) = value["$ref"].as_str() {
            assert!(DOCUMENT.pointer(target.trim_start_matches('#')).is_some(), "{target} leads nowhere");
            *count += 1;
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| check(member, count)),
            Value::Array(items) => items.iter().for_each(|item| check(item, count)),
            _ => {}
        }
    }
    let mut count = 0;
    check(&DOCUMENT, &mut count);
    assert!(count > 0);
}

#[test]
fn every_operation_has_a_summary_and_declared_tags() {
    let declared: Vec<&Value> = DOCUMENT["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for operation in operations() {
        let (method, path) = (&operation.method, operation.path);
        assert!(
            operation.value["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{method} {path}: no summary"
        );
        let tags = operation.value["tags"].as_array().unwrap();
        assert_eq!(tags.len(), 1, "{method} {path}");
        assert!(declared.contains(&&tags[0]), "{method} {path}: {} is not among the document's tags", tags[0]);
    }
}

#[test]
fn possible_error_statuses_are_documented() {
    for operation in operations() {
        let documents = |status: &str| operation.value["responses"].get(status).is_some();
        let has = |member: &str| operation.value.get(member).is_some();
        let (method, path) = (&operation.method, operation.path);
        let takes_input = has("requestBody") || has("parameters");
        assert_eq!(takes_input, documents("422"), "{method} {path}: 422");
        assert_eq!(has("requestBody"), documents("415") && documents("413"), "{method} {path}: 413 and 415");
        // A refresh token is no token of a caller, but as good or bad as one.
        let shows_token = has("security") || path.ends_with("/login/refresh");
        assert_eq!(shows_token, documents("401"), "{method} {path}: 401");
        assert_eq!(has("security"), documents("403"), "{method} {path}: 403");
    }
}

#[test]
fn every_documented_error_has_the_one_schema() {
    for operation in operations() {
        for (status, response) in operation.value["responses"].as_object().unwrap() {
            let Some(body) = response.get("content").filter(|_| status.starts_with(['4', '5'])) else { continue };
            let expected = match status.as_str() {
                "422" => "HTTPValidationError",
                "400" if operation.value["tags"][0] == "login" => "LoginError",
                _ => "Error",
            };
            let schema = &body["application/json"]["schema"]["$ref"];
            assert_eq!(schema, &format!("#/components/schemas/{expected}"), "{} {}", operation.method, operation.path);
        }
    }
}

/// A review sees in the file what a client will see.
#[test]
fn the_checked_in_document_is_up_to_date() {
    const REGENERATE: &str = "regenerate it with: cargo run -- openapi > openapi.json";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("openapi.json: {error}; {REGENERATE}"));
    let checked_in: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("openapi.json: {error}; {REGENERATE}"));
    // Not assert_eq: two whole documents say nothing to a reader.
    let document = serde_json::to_value(keel::app::document(Dashboard::Off)).unwrap();
    assert!(checked_in == document, "openapi.json is not the document of this code; {REGENERATE}");
}
