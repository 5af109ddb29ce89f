//! HTML form bodies, which OAuth2 uses for logins.

use axum::extract::{FromRequest, Request};
use axum::http::header;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use validator::Validate;

use super::json::read_body;
use super::query::parse_pairs;
use crate::error::{Error, Result};

/// A form body as a valid `T`.
///
/// # Errors
/// 415 with another media type, 422 with every problem of the form.
pub struct ValidForm<T>(pub T);

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

impl<S, T> FromRequest<S> for ValidForm<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate + JsonSchema + 'static,
{
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(MEDIA_TYPE) || request.headers().contains_key(header::CONTENT_ENCODING)
        {
            return Err(Error::UnsupportedMediaType(MEDIA_TYPE));
        }
        parse_pairs("body", &read_body(request).await?).map(Self)
    }
}
