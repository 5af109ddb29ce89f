//! Every bound that the document states, and none that it does not, is the service's.

use axum::http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::cases::{Case, Written, cases, input};
use crate::support::document::{DOCUMENT, Operation, operations};
use crate::support::{Client, Response, TestApp};

/// One part of a request, as one object.
struct Part {
    /// What a problem's `loc` begins with.
    name: &'static str,
    written: Written,
    schema: Value,
}

#[tokio::test]
async fn documented_rules_are_enforced_and_no_others() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let mut wrong = Vec::new();
    for operation in operations() {
        let parts = parts(&operation);
        for part in &parts {
            let (mut accepted, mut refused) = (0, 0);
            for case in cases(&part.schema, part.written) {
                let Some(response) = send(&root, &operation, &parts, part, &case).await else { continue };
                *(if case.accepted { &mut accepted } else { &mut refused }) += 1;
                if !is_as_expected(part, &case, &response) {
                    let (value, body) = (case.value.unwrap_or_default(), String::from_utf8_lossy(&response.body));
                    let place = json!(case.place);
                    let expected = if case.accepted { "accepted" } else { "refused" };
                    let status = response.status;
                    wrong.push(format!(
                        "{} {}{place} {value} is not {expected} there: {status} {body}",
                        response.asked, part.name
                    ));
                }
            }
            assert!(
                accepted > 0 && refused > 0,
                "{} {}: {} has no bounds",
                operation.method,
                operation.path,
                part.name
            );
        }
    }
    assert!(wrong.is_empty(), "{} of the inputs:\n{}", wrong.len(), wrong.join("\n"));
}

/// JSON knows one kind of number: 30.0 is an integer, and what JavaScript may write for it.
#[tokio::test]
async fn integer_with_a_zero_fraction_is_accepted() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let response = ann.json(Method::PATCH, "/users/me", json!({ "age": 30.0 })).await;
    assert_eq!(response.ok::<Value>()["age"], 30);
}

#[test]
#[should_panic(expected = "uniqueItems")]
fn contract_walker_fails_on_an_unknown_keyword() {
    cases(&json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true }), Written::Json);
}

#[test]
#[should_panic(expected = "ipv4")]
fn contract_walker_fails_on_an_unknown_format() {
    cases(&json!({ "type": "string", "format": "ipv4" }), Written::Json);
}

/// A refusal has to name the place, and no other. Any other response of the operation shows
/// that the input was accepted: there is no such user, the password is wrong.
fn is_as_expected(part: &Part, case: &Case, response: &Response) -> bool {
    if case.accepted {
        let accepted = [
            StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED,
            StatusCode::NOT_FOUND,
            StatusCode::CONFLICT,
            StatusCode::UPGRADE_REQUIRED,
            StatusCode::BAD_GATEWAY,
        ];
        return response.status.is_success() || accepted.contains(&response.status) || is_unknown_reference(response);
    }
    if response.status != StatusCode::UNPROCESSABLE_ENTITY {
        return is_refused_by_oauth(response);
    }
    let place: Vec<Value> = [part.name.into()].into_iter().chain(case.place.iter().cloned()).collect();
    let body: Value = response.read();
    let problems = body["detail"].as_array().unwrap();
    !problems.is_empty() && problems.iter().all(|problem| problem["loc"] == json!(place)) && !is_echoed(case, response)
}

/// A well-formed id of a row that does not exist is refused by the service, not by the schema.
fn is_unknown_reference(response: &Response) -> bool {
    let body: Value = response.read();
    let problems = body["detail"].as_array().map_or(&[][..], Vec::as_slice);
    response.status == StatusCode::UNPROCESSABLE_ENTITY
        && problems.iter().all(|problem| {
            problem["loc"].to_string().ends_with("_id\"]")
                && problem["msg"].as_str().is_some_and(|msg| msg.ends_with("not found"))
        })
}

/// The token endpoint refuses a refresh that is malformed in the words of RFC 6749.
fn is_refused_by_oauth(response: &Response) -> bool {
    let codes = ["invalid_request", "unsupported_grant_type"];
    let error = |code: &str| response.read::<Value>()["error"] == code;
    response.status == StatusCode::BAD_REQUEST && codes.into_iter().any(error)
}

/// A rejected value may be a password. Short ones are in any text.
fn is_echoed(case: &Case, response: &Response) -> bool {
    let sent = match &case.value {
        Some(Value::String(text)) if text.chars().count() > 3 => json!(text).to_string(),
        _ => return false,
    };
    String::from_utf8_lossy(&response.body).contains(sent.trim_matches('"'))
}

fn parts(operation: &Operation) -> Vec<Part> {
    let parameters = operation.value["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    // What a key may be is tried in `idempotency`.
    let is_tried = |parameter: &Value| parameter["in"] != "header" || parameter["name"] == "Idempotency-Key";
    for parameter in parameters.iter().filter(|parameter| !is_tried(parameter)) {
        let rules = parameter["schema"].as_object().unwrap();
        assert!(rules.keys().all(|name| name == "type"), "the walker does not send headers: {parameter}");
    }
    let mut parts = Vec::new();
    for name in ["path", "query"] {
        let of_part = || parameters.iter().filter(|parameter| parameter["in"] == name);
        let member = |parameter: &Value| (parameter["name"].as_str().unwrap().to_owned(), parameter["schema"].clone());
        let properties: Value = of_part().map(member).collect();
        let required = of_part().filter(|parameter| parameter["required"] == true).map(|parameter| &parameter["name"]);
        let required: Vec<&Value> = required.collect();
        if of_part().next().is_some() {
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            parts.push(Part { name, written: Written::Text, schema });
        }
    }
    for (media_type, content) in operation.value["requestBody"]["content"].as_object().into_iter().flatten() {
        let written = match media_type.as_str() {
            "application/json" => Written::Json,
            "application/x-www-form-urlencoded" => Written::Text,
            other => panic!("the walker does not know how to write {other}"),
        };
        parts.extend(alternatives(&content["schema"]).into_iter().map(|schema| Part { name: "body", written, schema }));
    }
    parts
}

/// A body of several shapes is tried in each.
fn alternatives(schema: &Value) -> Vec<Value> {
    let resolved = schema["$ref"].as_str().and_then(|target| DOCUMENT.pointer(target.trim_start_matches('#')));
    match resolved.unwrap_or(schema)["anyOf"].as_array() {
        Some(shapes) => shapes.clone(),
        None => vec![schema.clone()],
    }
}

/// The request with the case in its part; `None` when it cannot be written so: there is no null in a form.
async fn send(client: &Client, operation: &Operation, parts: &[Part], varied: &Part, case: &Case) -> Option<Response> {
    let (mut path, mut body, mut media_type) = (operation.path.to_owned(), String::new(), "");
    // Of a body's alternatives only the varied one.
    for part in parts.iter().filter(|part| part.name != varied.name || std::ptr::eq(*part, varied)) {
        let value = if part.name == varied.name {
            input(&part.schema, &case.place, case.value.as_ref())?
        } else {
            // Nothing at a place that does not matter: the shortest right input.
            input(&part.schema, &["no_such_member".into()], None)?
        };
        match (part.name, part.written) {
            ("path", _) => path = fill(path, &value)?,
            ("query", _) => path = format!("{path}?{}", encoded(&value)?),
            (_, Written::Json) => (body, media_type) = (value.to_string(), "application/json"),
            (_, Written::Text) => (body, media_type) = (encoded(&value)?, "application/x-www-form-urlencoded"),
        }
    }
    let headers = [("content-type", media_type)];
    let headers = if media_type.is_empty() { &[][..] } else { &headers };
    Some(client.send(operation.method.clone(), &path, headers, body.into()).await)
}

/// A path without a parameter, or with an empty one, is another path.
fn fill(path: String, parameters: &Value) -> Option<String> {
    let path = parameters.as_object()?.iter().try_fold(path, |path, (name, value)| {
        let value = value.as_str().filter(|text| !text.is_empty())?;
        Some(path.replace(&format!("{{{name}}}"), &utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()))
    })?;
    (!path.contains('{')).then_some(path)
}

pub(super) fn encoded(members: &Value) -> Option<String> {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members.as_object()? {
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return None,
            };
            pairs.append_pair(name, &text);
        }
    }
    Some(pairs.finish())
}
