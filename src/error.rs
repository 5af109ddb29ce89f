//! The errors of a request, and one table with their statuses and codes.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;

use crate::core::database::{self, UniqueConstraint};
use crate::core::security::{HashError, InvalidToken};
use crate::rate_limit::RateLimitStatus;
use crate::upstream::UpstreamError;
use crate::validation::schema::Problem;

/// The result of handlers, services and extractors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request failed. Handlers, services and extractors return it; `middleware::errors` writes the body.
/// `Clone`, because it is passed on in the extensions of the response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// 400: the request cannot be served as it is.
    #[error("{0}")]
    BadRequest(&'static str),
    /// 400: the current password in the request is wrong.
    #[error("Incorrect password")]
    IncorrectPassword,
    /// 400 in the format of RFC 6749: the login failed.
    #[error("Incorrect email or password")]
    InvalidGrant,
    // only with jobs
    /// 400 in the format of RFC 6749: the password is right, but the email address is not verified.
    #[error("The email address is not verified")]
    EmailNotVerified,
    /// 400 in the format of RFC 6749: the refresh token is unknown, expired or already used.
    #[error("The refresh token is not valid")]
    InvalidRefreshToken,
    /// 400 in the format of RFC 6749: a refresh without a well-formed refresh token.
    #[error("A refresh needs grant_type=refresh_token and a refresh_token")]
    InvalidTokenRequest,
    /// 400 in the format of RFC 6749.
    #[error("grant_type must be password or refresh_token")]
    UnsupportedGrantType,
    /// 401: no token, or an invalid one.
    #[error("Could not validate credentials")]
    Unauthorized,
    /// 403: authenticated, but not allowed.
    #[error("The user doesn't have enough privileges")]
    Forbidden,
    /// 403: the token or key does not have the scope (RFC 6750).
    #[error("Not enough permissions")]
    InsufficientScope,
    /// 403: needs a recent login, or the password in the request.
    #[error("Log in again, or send current_password where the route accepts it")]
    RecentLoginRequired,
    // only with realtime
    /// 403: a browser page of an origin that the settings do not allow.
    #[error("Pages of this origin may not connect")]
    ForeignOrigin,
    /// 404: missing, or not visible to the caller.
    #[error("{0}")]
    NotFound(&'static str),
    /// 405: the path exists, but not with this method.
    #[error("Method Not Allowed")]
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    #[error("The request body did not arrive in time")]
    RequestTimeout,
    /// 409: conflicts with what is stored.
    #[error("{0}")]
    Conflict(&'static str),
    /// 412: changed since the client read it.
    #[error("The resource has changed since it was read")]
    PreconditionFailed,
    /// 413: the body is larger than `server.max_body_bytes`.
    #[error("The request body is too large")]
    PayloadTooLarge,
    /// 414: path and query are too long.
    #[error("The URI is too long")]
    UriTooLong,
    /// 415: the body has another media type than expected.
    #[error("Expected a body of type {0}")]
    UnsupportedMediaType(&'static str),
    /// 422: the input is invalid, with the list of all problems.
    #[error("The request is not valid")]
    Invalid(Vec<Problem>),
    // only with realtime
    /// 426: only a WebSocket handshake is accepted here.
    #[error("Expected a WebSocket handshake")]
    UpgradeRequired,
    // only with realtime
    /// 429: the user has too many open connections.
    #[error("Too many open connections")]
    TooManyConnections,
    /// 429: over a rate limit.
    #[error("Too many requests")]
    TooManyRequests(RateLimitStatus),
    // only with external
    /// 502: the upstream service failed.
    #[error("The upstream service failed")]
    BadGateway,
    // only with external
    /// 504: the upstream service did not respond in time.
    #[error("The upstream service takes too long")]
    GatewayTimeout,
    /// 503: a dependency is down, or the request took longer than `server.request_timeout_seconds`. The text is for the
    /// log.
    #[error("Service temporarily unavailable")]
    Unavailable(Arc<str>),
    /// 500: a bug. The text is for the log.
    #[error("Internal Server Error")]
    Internal(Arc<str>),
    /// Any other status that a layer or a handler returns without a body.
    #[error("{}", .0.canonical_reason().unwrap_or("Error"))]
    Status(StatusCode),
}

/// `Retry-After` in seconds, for errors without a time of their own.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

impl Error {
    /// The table: status, and the code that names the failure for programs.
    #[must_use]
    pub fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) | Self::IncorrectPassword => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::InvalidGrant | Self::EmailNotVerified | Self::InvalidRefreshToken => {
                (StatusCode::BAD_REQUEST, "invalid_grant")
            }
            Self::InvalidTokenRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::RecentLoginRequired => (StatusCode::FORBIDDEN, "recent_login_required"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign_origin"), // only with realtime
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "uri_too_long"),
            Self::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "validation_error"),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "upgrade_required"), // only with realtime
            Self::TooManyConnections => (StatusCode::TOO_MANY_REQUESTS, "too_many_connections"), // only with realtime
            Self::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, "bad_gateway"), // only with external
            Self::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, "gateway_timeout"), // only with external
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
            Self::Status(status) => (*status, "error"),
        }
    }

    /// Whether the body follows RFC 6749, section 5.2.
    #[must_use]
    pub fn is_token_endpoint_error(&self) -> bool {
        matches!(
            self,
            Self::InvalidGrant
                | Self::EmailNotVerified // only with jobs
                | Self::InvalidRefreshToken
                | Self::InvalidTokenRequest
                | Self::UnsupportedGrantType
        )
    }

    /// The cause of a 5xx, for the log only.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// The error for a status without a body, as the router and layers return it.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound("Not Found"),
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable("the request took too long".into()),
            status => Self::Status(status),
        }
    }

    /// An error that only a bug can cause. `cause` goes to the log.
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
            Self::TooManyRequests(status) => {
                status.add_to(headers);
            }
            // only with realtime
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
    /// 503 if the database is unavailable, otherwise 500.
    fn from(error: DbErr) -> Self {
        if database::is_unavailable(&error) {
            Self::Unavailable(error.to_string().into())
        } else {
            Self::internal(error)
        }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Unavailable(error.to_string().into()),
            HashError::Failed(_) => Self::internal(error),
        }
    }
}

impl From<InvalidToken> for Error {
    fn from(_: InvalidToken) -> Self {
        Self::Unauthorized
    }
}

impl From<RateLimitStatus> for Error {
    fn from(status: RateLimitStatus) -> Self {
        Self::TooManyRequests(status)
    }
}

// only with external
impl From<UpstreamError> for Error {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Down | UpstreamError::Unusable => Self::BadGateway,
            UpstreamError::TimedOut => Self::GatewayTimeout,
            UpstreamError::NotFound => Self::NotFound("Not found in the upstream service"),
        }
    }
}

/// A unique constraint, and the error that the client gets when it is violated.
#[derive(Debug, Clone, Copy)]
pub struct UniqueConflict {
    /// The constraint.
    pub constraint: UniqueConstraint,
    /// The detail of the 409.
    pub message: &'static str,
}

/// 409 if the statement violated one of these constraints, otherwise the same as `Error::from`.
#[must_use]
pub fn on_unique(error: DbErr, conflicts: &[UniqueConflict]) -> Error {
    match conflicts.iter().find(|conflict| conflict.constraint.is_violated_by(&error)) {
        Some(conflict) => Error::Conflict(conflict.message),
        None => error.into(),
    }
}
