//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that may be sent again.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, Request};
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
use crate::services::idempotency::IdempotencyKey;
use crate::validation::schema::Problem;
use crate::validation::{Both, join, parse_json, read_json};

/// The header of the key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header as the document spells it.
const NAME: &str = "Idempotency-Key";
/// Characters of a key: a UUID is enough.
const MAX_LENGTH: usize = 255;

/// A JSON body as a `T` that keeps its rules, and the key under which the request may be sent again.
///
/// # Errors
/// As for `ValidJson`; 422 for a key that is empty, too long, or given twice.
pub struct Idempotent<T> {
    /// What the service does once.
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
        let chosen = chosen(&request);
        let target = format!("{} {}\n", request.method(), request.uri().path());
        let body = read_json(request).await?;
        let Both(chosen, data) = join(chosen, parse_json(&body))?;
        let key = chosen.map(|chosen| IdempotencyKey {
            key_hash: hash_secret(chosen),
            // With a key of ours: a body may hold a password.
            fingerprint: Arc::<AccountContext>::from_ref(state).tokens.fingerprint(&[target.as_bytes(), &body]),
        });
        Ok(Self { key, data })
    }
}

fn chosen(request: &Request) -> Result<Option<String>> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if is_good(value) => Ok(value.to_str().ok().map(str::to_owned)),
        _ => {
            let loc = vec!["header".into(), NAME.into()];
            Err(Error::Invalid(vec![Problem::value_error(loc, "The key must be one text of 1 to 255 characters")]))
        }
    }
}

fn is_good(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The header, for the document.
pub struct IdempotencyHeader;

impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A text of your choice, such as a UUID: a request that comes again with it within 24 hours is \
            not done again, and answered as the first one was.";
        let rules = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_LENGTH))
            .pattern(Some(r"^[\x20-\x7e]*$"));
        vec![parameter(NAME, description, rules)]
    }
}
