//! JSON bodies.

use std::cell::Cell;

use axum::body::Bytes;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::header;
use http_body_util::{BodyExt, LengthLimitError};
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use tower_http::timeout::TimeoutError;
use validator::Validate;

use super::{Strict, accept};
use crate::error::{Error, Result};
use crate::validation::schema::{self, Coercion, Problem};

/// A JSON body as a valid `T`.
///
/// # Errors
/// 415 without a JSON media type, 422 with every problem of the body.
pub struct ValidJson<T>(pub T);

impl<S, T> FromRequest<S> for ValidJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate + JsonSchema + 'static,
{
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        parse_json(&read_json(request).await?).map(Self)
    }
}

/// For a body that may be left out: `Option<ValidJson<T>>` is `None` without `Content-Type`, and for an empty body.
impl<S, T> OptionalFromRequest<S> for ValidJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate + JsonSchema + 'static,
{
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>> {
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        let body = read_json(request).await?;
        if body.is_empty() { Ok(None) } else { parse_json(&body).map(|data| Some(Self(data))) }
    }
}

/// The body of a request with a JSON media type.
///
/// # Errors
/// 415 with another media type; 413 and 408 as for every body.
pub async fn read_json(request: Request) -> Result<Bytes> {
    if !is_json(&request) {
        return Err(Error::UnsupportedMediaType("application/json"));
    }
    read_body(request).await
}

/// Reads JSON as a valid `T`.
///
/// # Errors
/// 422 with every problem of the body.
pub fn parse_json<T>(body: &[u8]) -> Result<T>
where
    T: DeserializeOwned + Validate + JsonSchema + 'static,
{
    // serde_json checks only the members that it keeps.
    let text = std::str::from_utf8(body)
        .map_err(|error| Error::Invalid(vec![malformed(error.valid_up_to(), "invalid UTF-8")]))?;
    let ignored = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let typed = T::deserialize(Strict::new(&mut deserializer, &ignored)).ok().filter(|_| deserializer.end().is_ok());
    if ignored.get() {
        // Members that the type does not know were skipped unread: they may hold duplicate keys or lone surrogates.
        plain(text)?;
    }
    accept("body", typed, || {
        let mut value = plain(text)?;
        schema::read_text::<T>(&mut value, Coercion::Body);
        Ok(value)
    })
}

/// The text as untyped JSON.
fn plain(text: &str) -> Result<Value> {
    serde_json::from_str(text).map(|Unique(value)| value).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        Error::Invalid(vec![malformed(offset(text, error.line(), error.column()), reason)])
    })
}

/// Whether the body is uncompressed `application/json`, or based on it (`application/merge-patch+json`).
fn is_json(request: &Request) -> bool {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/");
    let is_json = subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"));
    is_json && !request.headers().contains_key(header::CONTENT_ENCODING)
}

/// The whole body. `middleware::body_limit` bounds its size and the time it may take.
///
/// # Errors
/// 413 over the size, 408 over the time, 400 if the client ends it early.
pub async fn read_body(request: Request) -> Result<Bytes> {
    let mut body = request.into_body();
    // Into one buffer: a client may send a chunk for every byte.
    let mut bytes = Vec::new();
    let error = loop {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default()),
            Some(Err(error)) => break error,
            None => return Ok(bytes.into()),
        }
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Err(Error::PayloadTooLarge);
        }
        if error.is::<TimeoutError>() {
            return Err(Error::RequestTimeout);
        }
        cause = error.source();
    }
    Err(Error::BadRequest("The request body could not be read"))
}

fn malformed(offset: usize, reason: &str) -> Problem {
    Problem::new(vec!["body".into(), schema::Loc::Index(offset)], "json_invalid", "JSON decode error")
        .with("error", json!(reason))
}

/// The offset in the text at which `serde_json` stopped, from its line and column.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column.saturating_sub(1)
}

/// Untyped JSON without duplicate keys. In `serde_json`'s own `Value` the last one wins.
struct Unique(Value);

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(member))) = map.next_entry::<String, _>()? {
            if members.insert(name, member).is_some() {
                return Err(A::Error::custom("duplicate key"));
            }
        }
        Ok(Value::Object(members))
    }
}
