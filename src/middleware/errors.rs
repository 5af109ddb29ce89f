//! Writes the body of every error: in FastAPI's shape, or as problem details (RFC 9457) when the client asks for them.

use std::any::Any;
use std::convert::Infallible;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use tower::{Service, ServiceExt, service_fn};

use crate::core::headers::REQUEST_ID;
use crate::error::Error;
use crate::validation::schema::Problem;

const PROBLEM_JSON: &str = "application/problem+json";

/// RFC 9457, with a code for programs and every problem of an invalid request.
#[derive(Serialize)]
struct ProblemDetails<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Problem],
}

/// Whether the client asks for problem details, by naming them in `Accept`. All others get FastAPI's shape.
fn accepts_problem_details(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut essences = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    essences.any(|essence| essence.trim().eq_ignore_ascii_case(PROBLEM_JSON))
}

/// The layer: every request runs [`render_error`]. `from_fn` would be shorter, but would allocate a box for the service
/// below it in every request, which costs 0.5 µs.
pub(super) fn layer<S, B>(
    inner: S,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone
where
    S: Service<Request, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    service_fn(move |request| render_error(inner.clone(), request))
}

/// Writes the body of a response that carries an [`Error`], and logs its cause. A 4xx or 5xx without a body, such as
/// the router's own 404 and 405, gets one, too, and keeps its headers. Any other response stays as it is.
async fn render_error<S, B>(inner: S, request: Request) -> Result<Response, Infallible>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let accepts_problem_details = accepts_problem_details(request.headers());
    let request_id = request.headers().get(REQUEST_ID).cloned();
    let mut response = inner.oneshot(request).await?.map(Body::new);
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response);
    }
    let error = match response.extensions_mut().remove::<Error>() {
        Some(error) => error,
        None if response.body().is_end_stream() => Error::from_status(status),
        None => return Ok(response),
    };
    let request_id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    log(&error, request_id);
    let (body, media_type) = if accepts_problem_details {
        (problem_details(&error, status, request_id), PROBLEM_JSON)
    } else {
        (fastapi(&error), "application/json")
    };
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    // A status without a body lacks the headers of the error, and its length is that of the empty body.
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(error.into_response().headers_mut().drain());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

/// The response to a request whose handler panics. The message goes to the log.
#[expect(clippy::needless_pass_by_value, reason = "tower-http expects this signature")]
pub(super) fn from_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::internal(format!("panic: {}", message.unwrap_or("no message"))).into_response()
}

/// Logs the request id explicitly, because the span is missing when `RUST_LOG` keeps only warnings and errors.
fn log(error: &Error, request_id: &str) {
    match error.cause() {
        Some(cause) if matches!(error, Error::Internal(_)) => tracing::error!(request_id, ?cause, "internal error"),
        Some(cause) => tracing::warn!(request_id, ?cause, "unavailable"),
        None => {}
    }
}

fn fastapi(error: &Error) -> Vec<u8> {
    let body = match error {
        Error::Invalid(problems) => json!({ "detail": problems }),
        _ if error.is_token_endpoint_error() => json!({
            "error": error.status_and_code().1, "error_description": error.to_string(), "detail": error.to_string(),
        }),
        _ => json!({ "detail": error.to_string() }),
    };
    body.to_string().into_bytes()
}

fn problem_details(error: &Error, status: StatusCode, request_id: &str) -> Vec<u8> {
    let (_, code) = error.status_and_code();
    let errors = if let Error::Invalid(problems) = error { problems.as_slice() } else { &[] };
    let details = ProblemDetails {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: error.to_string(),
        code,
        request_id,
        errors,
    };
    serde_json::to_vec(&details).unwrap_or_default()
}
