//! Writes the answer of every error: in FastAPI's shape, or as problem details (RFC 9457) when asked.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::core::schema::Problem;
use crate::error::Error;

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

/// The form in which a client wants to be told of errors.
#[derive(Clone, Copy)]
pub(super) enum Format {
    /// `{"detail": …}`
    FastApi,
    /// `application/problem+json`
    ProblemDetails,
}

impl Format {
    /// Problem details for who names them in `Accept`, FastAPI's shape for everybody else.
    pub(super) fn accepted_by(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut essences = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        if essences.any(|essence| essence.trim().eq_ignore_ascii_case(PROBLEM_JSON)) {
            Self::ProblemDetails
        } else {
            Self::FastApi
        }
    }
}

/// Gives an error its body and the log its line. Bare statuses from layers and from the router's own
/// fallbacks are errors, too; their headers, such as `Allow`, stay.
pub(super) fn render(response: &mut Response, format: Format, request_id: &HeaderValue) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let error = response.extensions_mut().remove::<Error>().unwrap_or_else(|| Error::from_status(status));
    let request_id = request_id.to_str().unwrap_or_default();
    log(&error, request_id);
    let (body, media_type) = match format {
        Format::FastApi => (fastapi(&error), "application/json"),
        Format::ProblemDetails => (problem_details(&error, request_id), PROBLEM_JSON),
    };
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    // A layer's bare answer lacks what the error says in headers, and describes the body it had.
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(error.into_response().headers_mut().drain());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
}

/// The span has the id as well, but not where `RUST_LOG` leaves only warnings and errors.
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
        Error::InvalidGrant | Error::EmailNotVerified => json!({
            "error": error.status_and_code().1, "error_description": error.to_string(), "detail": error.to_string(),
        }),
        _ => json!({ "detail": error.to_string() }),
    };
    body.to_string().into_bytes()
}

fn problem_details(error: &Error, request_id: &str) -> Vec<u8> {
    let (status, code) = error.status_and_code();
    let errors = if let Error::Invalid(problems) = error { problems.as_slice() } else { &[] };
    let details = ProblemDetails {
        r#type: "about:blank",
        title: title(status),
        status: status.as_u16(),
        detail: error.to_string(),
        code,
        request_id,
        errors,
    };
    serde_json::to_vec(&details).unwrap_or_default()
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}
