//! Path parameters.

use std::cell::Cell;

#[expect(clippy::disallowed_types, reason = "this is what replaces axum's own extractor")]
use axum::extract::Path;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;
use validator::Validate;

use super::{Strict, accept};
use crate::error::{Error, Result};
use crate::validation::schema::{self, Coercion};

/// The path's parameters as a valid `T`.
///
/// # Errors
/// 422 with every problem of the parameters; 404 for a path that is not text at all.
pub struct ValidPath<T>(pub T);

impl<S, T> FromRequestParts<S> for ValidPath<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate + JsonSchema + Send + 'static,
{
    type Rejection = Error;

    #[expect(clippy::disallowed_types, reason = "this is what replaces axum's own extractor")]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let typed = Path::<StrictPath<T>>::from_request_parts(parts, state).await;
        let raw = RawPathParams::from_request_parts(parts, state).await;
        let raw = raw.map_err(|_| Error::NotFound("Not Found"))?;
        accept("path", typed.ok().map(|Path(StrictPath(value))| value), || {
            let mut value = raw.iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
            schema::read_text::<T>(&mut value, Coercion::Query);
            Ok(value)
        })
        .map(Self)
    }
}

/// Reads path parameters strictly, as their schema says.
struct StrictPath<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for StrictPath<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Strict::new(deserializer, &Cell::new(false))).map(Self)
    }
}
