//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that may be sent again.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, OriginalUri, Request};
use axum::http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::Type;
use validator::Validate;

use super::etag::parameter;
use crate::core::security::hash_secret;
use crate::error::{Error, Result};
use crate::services::account::AccountContext;
use crate::services::idempotency::{HEADER, IdempotencyKey};
use crate::validation::schema::Problem;
use crate::validation::{Both, join, parse_json, read_json};

/// The `Idempotency-Key` header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The maximum length of a key.
const MAX_LENGTH: usize = 255;

/// A valid JSON body, and the key with which the request may be sent again.
///
/// # Errors
/// As for `ValidJson`; 422 for a key that is empty, too long, or sent twice.
pub struct Idempotent<T> {
    /// Identifies the request; `None` without the header.
    pub key: Option<IdempotencyKey>,
    /// The body.
    pub data: T,
}

impl<S, T> FromRequest<S> for Idempotent<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate + JsonSchema + 'static,
    Arc<AccountContext>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let client_key = client_key(&request);
        // A nested router removes its prefix from the path of the request.
        let path = request.extensions().get::<OriginalUri>().map_or_else(|| request.uri().path(), |uri| uri.path());
        let target = format!("{} {path}\n", request.method());
        let body = read_json(request).await?;
        let Both(client_key, data) = join(client_key, parse_json(&body))?;
        let key = client_key.map(|client_key| IdempotencyKey {
            key_hash: hash_secret(client_key),
            // Keyed, because a body may contain a password.
            fingerprint: Arc::<AccountContext>::from_ref(state).tokens.fingerprint(&[target.as_bytes(), &body]),
        });
        Ok(Self { key, data })
    }
}

fn client_key(request: &Request) -> Result<Option<String>> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if is_valid(value) => Ok(value.to_str().ok().map(str::to_owned)),
        _ => {
            let loc = vec!["header".into(), HEADER.into()];
            Err(Error::Invalid(vec![Problem::value_error(loc, "The key must be one text of 1 to 255 characters")]))
        }
    }
}

fn is_valid(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The header as a parameter in the document.
pub struct IdempotencyHeader;

impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A unique text of the client's choice, such as a UUID. A request that is sent again with the \
            same key within 24 hours is not executed again and gets the first response.";
        let rules = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_LENGTH))
            .pattern(Some(r"^[\x20-\x7e]*$"));
        vec![parameter(HEADER, description, rules)]
    }
}
