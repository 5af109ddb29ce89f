//! Query strings.

use std::cell::Cell;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, map::Entry};
use validator::Validate;

use super::{Strict, accept};
use crate::error::{Error, Result};
use crate::validation::schema::{self, Coercion, Problem};

/// The query string as a valid `T`. A repeated key is a list.
///
/// # Errors
/// 422 with every problem of the query.
pub struct ValidQuery<T>(pub T);

impl<S, T> FromRequestParts<S> for ValidQuery<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate + JsonSchema + 'static,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parse_pairs("query", parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// Reads `key=value&key=value`, the form of a query string and of an HTML form's body.
pub(super) fn parse_pairs<T>(root: &'static str, encoded: &[u8]) -> Result<T>
where
    T: DeserializeOwned + Validate + JsonSchema + 'static,
{
    if percent_decode(encoded).decode_utf8().is_err() {
        // Decoding would replace invalid bytes, so that different inputs would become equal.
        let problem = Problem::new(vec![root.into()], "string_unicode", "Input should be valid UTF-8");
        return Err(Error::Invalid(vec![problem]));
    }
    let deserializer = serde_html_form::Deserializer::from_bytes(encoded);
    let typed = T::deserialize(Strict::new(deserializer, &Cell::new(false))).ok();
    accept(root, typed, || {
        let mut value = collect_pairs(form_urlencoded::parse(encoded));
        schema::read_text::<T>(&mut value, Coercion::Query);
        Ok(value)
    })
}

/// Collects the pairs in a JSON object. A key that occurs once is text, a repeated key is a list.
fn collect_pairs<'a>(pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>) -> Value {
    let mut members = Map::new();
    for (name, text) in pairs {
        let text = Value::from(text);
        match members.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(text);
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Value::Array(items) => items.push(text),
                first => *first = Value::Array(vec![first.take(), text]),
            },
        }
    }
    Value::Object(members)
}
