//! Everything that can go wrong with a request, and the one table that says what the client is told.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::{DbErr, SqlErr};

use crate::core::database;
use crate::core::rate_limit::Allowance;
use crate::core::schema::Problem;
use crate::upstream::UpstreamError;

/// The result of everything a request runs through.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A request's failure. Handlers, services and extractors return it; `middleware::errors` writes the
/// answer. Cheap to clone, because it travels in the response's extensions.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// 400: the request cannot be served as it stands.
    #[error("{0}")]
    BadRequest(&'static str),
    /// 400 in the form of RFC 6749: the login does not hold.
    #[error("Incorrect email or password")]
    InvalidGrant,
    /// 400 in the form of RFC 6749: the password is right, but nobody has shown that the address is.
    #[error("The email address is not verified")]
    EmailNotVerified,
    /// 401: no token, or one that is no good.
    #[error("Could not validate credentials")]
    Unauthorized,
    /// 403: known, but not allowed.
    #[error("The user doesn't have enough privileges")]
    Forbidden,
    /// 403: a token or key that is not for this (RFC 6750).
    #[error("Not enough permissions")]
    InsufficientScope,
    /// 403: allowed to who has logged in just now, or shows the password.
    #[error("Log in again, or send current_password, to change the email address")]
    RecentLoginRequired,
    /// 403: a page of another origin, which the settings do not name.
    #[error("Pages of this origin may not connect")]
    ForeignOrigin,
    /// 404: missing, or somebody else's.
    #[error("{0}")]
    NotFound(&'static str),
    /// 405: the path exists, the method does not.
    #[error("Method Not Allowed")]
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    #[error("The request body did not arrive in time")]
    RequestTimeout,
    /// 409: it would break what is stored.
    #[error("{0}")]
    Conflict(&'static str),
    /// 412: changed since the client read it.
    #[error("The resource has changed since it was read")]
    PreconditionFailed,
    /// 413: the body is over `server.max_body_bytes`.
    #[error("The request body is too large")]
    PayloadTooLarge,
    /// 414: path and query are too long.
    #[error("The URI is too long")]
    UriTooLong,
    /// 415: the body is not of the expected media type.
    #[error("Expected a body of type {0}")]
    UnsupportedMediaType(&'static str),
    /// 422: the input breaks these rules.
    #[error("The request is not valid")]
    Invalid(Vec<Problem>),
    /// 426: only a WebSocket's handshake is answered here.
    #[error("Expected a WebSocket handshake")]
    UpgradeRequired,
    /// 429: the user has as many connections open as he may.
    #[error("Too many open connections")]
    TooManyConnections,
    /// 429: too often; when it may be tried again.
    #[error("Too many requests")]
    TooManyRequests(Allowance),
    /// 502: another service, which this one asks, failed.
    #[error("The upstream service failed")]
    BadGateway,
    /// 504: another service takes too long.
    #[error("The upstream service takes too long")]
    GatewayTimeout,
    /// 503: a dependency is down, or the server's own deadline has passed. The text is for the log.
    #[error("Service temporarily unavailable")]
    Unavailable(Arc<str>),
    /// 500: our fault. The cause is for the log.
    #[error("Internal Server Error")]
    Internal(Arc<str>),
}

/// Seconds after which a client may try again, as `Retry-After` says on a 503, and where no quota knows better.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

impl Error {
    /// The table: status, and the code that names the failure for programs.
    #[must_use]
    pub fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::InvalidGrant | Self::EmailNotVerified => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::RecentLoginRequired => (StatusCode::FORBIDDEN, "recent_login_required"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign_origin"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "uri_too_long"),
            Self::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "validation_error"),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "upgrade_required"),
            Self::TooManyConnections => (StatusCode::TOO_MANY_REQUESTS, "too_many_connections"),
            Self::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, "bad_gateway"),
            Self::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, "gateway_timeout"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// What the log is told beside the text for the client.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// The error that a bare status from a layer or the router stands for.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound("Not Found"),
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::PayloadTooLarge,
            status if status.is_client_error() => Self::BadRequest("Bad Request"),
            status => Self::Internal(format!("a layer answered {status}").into()),
        }
    }

    /// An error that only a mistake of ours can cause; `cause` goes to the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string().into())
    }
}

impl IntoResponse for Error {
    /// Status and headers; the body is written by `middleware::errors`.
    fn into_response(self) -> Response {
        let mut response = self.status_and_code().0.into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::InsufficientScope => {
                let challenge = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::TooManyRequests(allowance) => {
                allowance.add_to(headers);
            }
            Self::UpgradeRequired => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            Self::Unavailable(_) | Self::TooManyConnections => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbErr> for Error {
    /// A database that cannot be reached or cannot write now is a 503, anything else our mistake.
    fn from(error: DbErr) -> Self {
        if database::is_unavailable(&error) {
            Self::Unavailable(error.to_string().into())
        } else {
            Self::internal(error)
        }
    }
}

impl From<UpstreamError> for Error {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Failed => Self::BadGateway,
            UpstreamError::TooSlow => Self::GatewayTimeout,
        }
    }
}

/// Turns the violation of a named unique constraint into the conflict it means:
/// `on_unique(error, &[("users_email_key", "…")])`. Both databases name the constraint in the message.
#[must_use]
pub fn on_unique(error: DbErr, conflicts: &[(&str, &'static str)]) -> Error {
    if let Some(SqlErr::UniqueConstraintViolation(message)) = error.sql_err()
        && let Some((_, text)) = conflicts.iter().find(|(name, _)| message.contains(name))
    {
        return Error::Conflict(text);
    }
    error.into()
}
