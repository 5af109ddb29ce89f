//! Versions of a resource: `ETag`, `If-None-Match`, `If-Match` (RFC 9110, section 13).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The entity tag of a version: `"3"`.
#[must_use]
pub fn etag(version: i64) -> HeaderValue {
    // A quoted number is always a valid header.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The versions that `If-Match` allows to be changed; `None` allows any. A weak tag, or one that this service has not
/// issued, matches no version.
pub struct IfMatch(pub Option<Vec<i64>>);

/// The versions that the client has, from `If-None-Match`; `*` stands for any.
pub struct IfNoneMatch {
    any: bool,
    versions: Vec<i64>,
}

impl IfNoneMatch {
    /// Whether the client has this version.
    #[must_use]
    pub fn has(&self, version: i64) -> bool {
        self.any || self.versions.contains(&version)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let tags = tags(&parts.headers, &header::IF_MATCH);
        let any = tags.is_empty() || tags.contains(&"*");
        Ok(Self((!any).then(|| tags.into_iter().filter_map(version).collect())))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let tags = tags(&parts.headers, &header::IF_NONE_MATCH);
        // Caches may make a tag weak, which does not matter for reading.
        let versions = tags.iter().filter_map(|tag| version(tag.trim_start_matches("W/"))).collect();
        Ok(Self { any: tags.contains(&"*"), versions })
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![parameter("If-Match", "The `ETag` of the version to change, several of them, or `*`.", text())]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![parameter(
            "If-None-Match",
            "The `ETag` of the version that the client has, several of them, or `*`.",
            text(),
        )]
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// An optional header in the document.
pub(super) fn parameter(name: &str, description: &str, rules: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(rules))
        .build()
}

fn tags<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h str> {
    // A value that is not text counts as a tag that matches nothing.
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
    values.flat_map(|value| value.split(',')).map(str::trim).collect()
}

fn version(tag: &str) -> Option<i64> {
    let version = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    // Tags are compared as text: `"01"` is another tag.
    (etag(version).as_bytes() == tag.as_bytes()).then_some(version)
}
