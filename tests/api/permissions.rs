//! Who may do what. The tests of each resource hold the rows of its operations; this file runs them all.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex};

use axum::http::{Method, StatusCode};
use regex::{Captures, Regex};
use serde_json::{Value, json};
use wiremock::matchers::any; // only with external
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::PERMISSIONS;
use crate::support::document::operations;
use crate::support::{Client, TestApp};

/// The operations of one resource, and what stands in their paths and bodies.
pub struct Permissions {
    pub rows: &'static [Row],
    pub placeholders: &'static [Placeholder],
}

/// One operation.
pub struct Row {
    /// The operation's id in the document.
    operation: &'static str,
    /// A query instead, if it begins with `?`. May contain placeholders, and the owner's tokens: `REFRESH`,
    /// `RESET_TOKEN`, `VERIFY_TOKEN`.
    body: &'static str,
    /// The status for an anonymous caller, the owner, another user and a superuser.
    statuses: [u16; 4],
}

pub const fn row(operation: &'static str, body: &'static str, statuses: [u16; 4]) -> Row {
    Row { operation, body, statuses }
}

/// A text in paths and bodies that stands for something that belongs to the owner.
pub struct Placeholder {
    name: &'static str,
    method: Method,
    path: &'static str,
    body: &'static str,
    /// Where the value is in the response, as a JSON pointer.
    value: &'static str,
    is_of_superusers: bool,
}

impl Placeholder {
    /// Something that the owner reads.
    pub const fn read(name: &'static str, path: &'static str, value: &'static str) -> Self {
        Self { name, method: Method::GET, path, body: "", value, is_of_superusers: false }
    }

    /// Something that the owner creates. Path and body may contain other placeholders.
    #[allow(dead_code, reason = "not every project has such a resource")]
    pub const fn created(name: &'static str, path: &'static str, body: &'static str, value: &'static str) -> Self {
        Self { name, method: Method::POST, path, body, value, is_of_superusers: false }
    }

    /// Something that only a superuser can create.
    #[allow(dead_code, reason = "not every project has such a resource")]
    pub const fn created_by_superuser(
        name: &'static str,
        path: &'static str,
        body: &'static str,
        value: &'static str,
    ) -> Self {
        Self { name, method: Method::POST, path, body, value, is_of_superusers: true }
    }
}

/// The values of placeholders for one owner. Each is created once, so that a path and a body name the same thing.
struct Values<'a> {
    app: &'a TestApp,
    owner: &'a Client,
    known: HashMap<&'static str, String>,
}

impl<'a> Values<'a> {
    fn of(app: &'a TestApp, owner: &'a Client) -> Self {
        Self { app, owner, known: HashMap::new() }
    }

    /// The text with values in place of the placeholders of all resources, and where they must be unique.
    async fn fill(&mut self, text: &str) -> String {
        let mut filled = with_unique_values(text);
        for placeholder in PERMISSIONS.iter().flat_map(|resource| resource.placeholders) {
            if filled.contains(placeholder.name) {
                let value = Box::pin(self.value(placeholder)).await;
                filled = filled.replace(placeholder.name, &value);
            }
        }
        filled
    }

    async fn value(&mut self, placeholder: &'static Placeholder) -> String {
        if let Some(known) = self.known.get(placeholder.name) {
            return known.clone();
        }
        let (path, body) = (self.fill(placeholder.path).await, self.fill(placeholder.body).await);
        let client = if placeholder.is_of_superusers {
            self.app.superuser(&format!("root-{}", uuid::Uuid::new_v4().simple())).await
        } else {
            self.owner.clone()
        };
        let json = [("content-type", "application/json")];
        let response: Value = client.send(placeholder.method.clone(), &path, &json, body.into()).await.read();
        let value = response.pointer(placeholder.value).and_then(Value::as_str);
        let value = value.unwrap_or_else(|| panic!("no value for {}: {response}", placeholder.name)).to_owned();
        self.known.insert(placeholder.name, value.clone());
        value
    }
}

/// The text with values that no other call gets in place of `UNIQUE_TEXT` (eight digits), `UNIQUE_CODE` (two characters
/// for the first 1,296 calls) and `1900+UNIQUE_NUMBER`.
fn with_unique_values(text: &str) -> String {
    static CALLS: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(\d+)\+UNIQUE_NUMBER").unwrap());
    let mut calls = CALLS.lock().unwrap();
    let number = calls.entry(text.to_owned()).or_default();
    *number += 1;
    let filled = text.replace("UNIQUE_TEXT", &format!("{number:08}")).replace("UNIQUE_CODE", &code(*number));
    let added = |found: &Captures<'_>| (found[1].parse::<usize>().unwrap() + *number).to_string();
    NUMBER.replace_all(&filled, added).into_owned()
}

/// The number to base 36, in two digits or more.
fn code(number: usize) -> String {
    let digit = |number: usize| char::from_digit(u32::try_from(number % 36).unwrap(), 36).unwrap();
    let first = if number < 36 * 36 { digit(number / 36).to_string() } else { code(number / 36) };
    format!("{first}{}", digit(number))
}

/// The value of a placeholder, such as the id of a new row of another resource that belongs to the client.
#[allow(dead_code, reason = "not every project has a resource that refers to another one")]
pub async fn value_of(app: &TestApp, client: &Client, name: &str) -> String {
    Values::of(app, client).fill(name).await
}

fn rows() -> impl Iterator<Item = &'static Row> {
    PERMISSIONS.iter().flat_map(|resource| resource.rows)
}

#[tokio::test]
async fn every_operation_allows_exactly_the_callers_of_its_row() {
    // only with external: begin
    let upstream = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(Value::Array(Vec::new())))
        .mount(&upstream)
        .await;
    // only with external: end
    let app = TestApp::with(|settings| settings.upstream.base_url = Some(upstream.uri())).await;
    // The last superuser cannot be deleted.
    app.superuser("spare").await;
    for (number, row) in rows().enumerate() {
        let mut statuses = [0; 4];
        for (caller, status) in statuses.iter_mut().enumerate() {
            // New users for each call, because it may delete them.
            let owner = app.user(&format!("owner-{number}-{caller}")).await;
            let client = match caller {
                0 => app.anonymous(),
                1 => owner.clone(),
                2 => app.user(&format!("other-{number}")).await,
                _ => app.superuser(&format!("root-{number}")).await,
            };
            *status = call(&app, &client, &owner, row).await.as_u16();
        }
        assert_eq!(statuses, row.statuses, "{} by an anonymous caller, owner, another user, superuser", row.operation);
    }
}

async fn call(app: &TestApp, client: &Client, owner: &Client, row: &Row) -> StatusCode {
    let operation = operations().find(|operation| operation.value["operationId"] == *row.operation);
    let operation = operation.unwrap_or_else(|| panic!("{} has a row, but is not in the document", row.operation));
    let mut values = Values::of(app, owner);
    let mut path = values.fill(operation.path).await;
    assert!(!path.contains('{'), "{path}: add a placeholder to the PERMISSIONS of its resource");
    let content = operation.value["requestBody"]["content"].as_object();
    let media_type = content.and_then(|content| content.keys().next());
    let headers: Vec<(&str, &str)> =
        media_type.map(|media_type| ("content-type", media_type.as_str())).into_iter().collect();
    let mut body = values.fill(row.body).await.replace("REFRESH", owner.refresh_token.as_ref().unwrap());
    body = fill_mailed_tokens(app, owner, body).await; // only with jobs
    if body.starts_with('?') {
        path.push_str(&std::mem::take(&mut body));
    }
    client.send(operation.method.clone(), &path, &headers, body.into()).await.status
}

// only with jobs
/// Fills the tokens that are mailed to the owner.
async fn fill_mailed_tokens(app: &TestApp, owner: &Client, mut body: String) -> String {
    let email = &owner.user.as_ref().unwrap().email;
    // The mail for the new account has a link, too.
    app.outbox.unread().await;
    if body.contains("RESET_TOKEN") {
        app.anonymous().post("/password-recovery", json!({ "email": email })).await.expect(StatusCode::OK);
        body = body.replace("RESET_TOKEN", &app.outbox.token(email).await);
    }
    if body.contains("VERIFY_TOKEN") {
        let email = format!("new-{email}");
        owner.patch("/users/me", json!({ "email": email })).await.expect(StatusCode::OK);
        app.anonymous().post("/email-verification", json!({ "email": email })).await.expect(StatusCode::OK);
        body = body.replace("VERIFY_TOKEN", &app.outbox.token(&email).await);
    }
    body
}

#[test]
fn every_operation_has_one_row() {
    let mut missing = HashSet::new();
    for row in rows() {
        assert!(missing.insert(row.operation), "{} has two rows", row.operation);
    }
    for operation in operations() {
        let id = operation.value["operationId"].as_str().unwrap();
        assert!(missing.remove(id), "{id} ({} {}) has no row: who may do it?", operation.method, operation.path);
    }
    assert!(missing.is_empty(), "rows without an operation: {missing:?}");
}

/// With the calls above this means that the tests see every operation do its work.
#[test]
fn every_operation_succeeds_for_some_caller() {
    for Row { operation, statuses, .. } in rows() {
        let succeeds = |status: &u16| (200..300).contains(status) || *status == StatusCode::UPGRADE_REQUIRED;
        assert!(statuses.iter().any(succeeds), "{operation}");
    }
}

#[test]
fn operations_with_documented_security_refuse_anonymous_callers() {
    for operation in operations() {
        let row = rows().find(|row| operation.value["operationId"] == *row.operation);
        let Some(Row { operation: id, statuses: [anonymous, ..], .. }) = row else { continue };
        let documented = operation.value.get("security").is_some();
        assert_eq!(*anonymous == StatusCode::UNAUTHORIZED, documented, "{id}");
    }
}
