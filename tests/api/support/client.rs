//! A client of the application. Every response it gets is held against the OpenAPI document.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use keel::schemas::user::UserRead;
use keel::server::App;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use super::document;

/// A client, with the token of a user or without one.
#[derive(Clone)]
pub struct Client {
    pub app: App,
    pub token: Option<String>,
    pub refresh_token: Option<String>,
    pub user: Option<UserRead>,
}

impl Client {
    pub fn new(app: App, token: Option<String>) -> Self {
        Self { app, token, refresh_token: None, user: None }
    }

    /// The id of the client's user.
    pub fn id(&self) -> Uuid {
        self.user.as_ref().expect("a client of a user").id
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Response {
        self.json(Method::PUT, path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Response {
        self.json(Method::PATCH, path, body).await
    }

    pub async fn json(&self, method: Method, path: &str, body: Value) -> Response {
        self.send(method, path, &[("content-type", "application/json")], body.to_string().into()).await
    }

    /// Posts an HTML form, as OAuth2 requires.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, path, &[("content-type", "application/x-www-form-urlencoded")], body.into()).await
    }

    /// Sends any request. The given headers replace the default ones.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Response {
        let path = full(path);
        let given = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let mut request = Request::builder().method(&method).uri(&path);
        if !given("host") {
            request = request.header(header::HOST, "testserver");
        }
        if let Some(token) = &self.token
            && !given("authorization")
        {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.request(request.body(body).unwrap()).await
    }

    /// Sends the request as it is, and checks the response against the document.
    pub async fn request(&self, request: Request<Body>) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // An event stream does not end.
        let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "text/event-stream");
        let body = if is_stream { Bytes::new() } else { body.collect().await.unwrap().to_bytes() };
        let response =
            Response { asked: format!("{method} {path}"), status: parts.status, headers: parts.headers, body };
        document::check(&method, &path, &response);
        response
    }
}

/// Adds the base path of the API: tests write `/users/me`.
fn full(path: &str) -> String {
    let outside = ["/health", "/token", "/.well-known", "/docs", "/redoc", "/chat", "/openapi.json", "/api/"];
    if path == "/" || path.starts_with("/?") || outside.iter().any(|prefix| path.starts_with(prefix)) {
        path.to_owned()
    } else {
        format!("/api/v1{path}")
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    pub asked: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[expect(clippy::wrong_self_convention, reason = "a sentence: `ann.get(path).await.is_not_found()`")]
impl Response {
    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, String::from_utf8_lossy(&self.body));
        self
    }

    #[track_caller]
    pub fn ok<T: DeserializeOwned>(self) -> T {
        self.expect(StatusCode::OK).read()
    }

    #[track_caller]
    pub fn created<T: DeserializeOwned>(self) -> T {
        self.expect(StatusCode::CREATED).read()
    }

    #[track_caller]
    pub fn is_no_content(self) {
        assert!(self.expect(StatusCode::NO_CONTENT).body.is_empty());
    }

    /// Asserts an error with this status, and returns its text.
    #[track_caller]
    pub fn error(self, status: StatusCode) -> String {
        let body: Value = self.expect(status).read();
        body["detail"].as_str().expect("the detail of an error is a text").to_owned()
    }

    #[track_caller]
    pub fn is_not_found(self) {
        self.error(StatusCode::NOT_FOUND);
    }

    #[track_caller]
    pub fn is_unauthorized(self) {
        assert_eq!(self.headers["www-authenticate"], "Bearer");
        assert_eq!(self.error(StatusCode::UNAUTHORIZED), "Could not validate credentials");
    }

    /// Asserts a 422, and returns its problems as `place: type`, sorted: `["body.age: less_than_equal"]`.
    #[track_caller]
    pub fn problems(self) -> Vec<String> {
        let body: Value = self.expect(StatusCode::UNPROCESSABLE_ENTITY).read();
        let mut problems: Vec<String> =
            body["detail"].as_array().expect("a list of problems").iter().map(problem).collect();
        problems.sort();
        problems
    }

    #[track_caller]
    pub fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, String::from_utf8_lossy(&self.body)))
    }

    /// The text of a header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn problem(problem: &Value) -> String {
    let loc = problem["loc"].as_array().unwrap().iter();
    let loc: Vec<String> = loc.map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned)).collect();
    format!("{}: {}", loc.join("."), problem["type"].as_str().unwrap())
}
