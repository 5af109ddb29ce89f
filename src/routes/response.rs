//! Responses with more than a body.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;

use super::API;
use crate::extract::{IfNoneMatch, etag};
use crate::schemas::versioned::Versioned;

/// 201 with the new resource, its `Location` and its `ETag`.
pub struct Created<T> {
    /// The path below the base of the API: `/users/…`.
    pub path: String,
    /// The new resource.
    pub new: Versioned<T>,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let location = format!("{API}{}", self.path);
        (StatusCode::CREATED, AppendHeaders([(header::LOCATION, location)]), WithEtag(self.new)).into_response()
    }
}

/// A resource with its `ETag`.
pub struct WithEtag<T>(pub Versioned<T>);

impl<T: Serialize> IntoResponse for WithEtag<T> {
    fn into_response(self) -> Response {
        let Versioned { data, version } = self.0;
        (AppendHeaders([(header::ETAG, etag(version))]), Json(data)).into_response()
    }
}

/// 304 if the client has this version, otherwise the resource with its `ETag`.
pub fn or_not_modified<T: Serialize>(found: Versioned<T>, known: &IfNoneMatch) -> Response {
    if known.has(found.version) {
        return (StatusCode::NOT_MODIFIED, AppendHeaders([(header::ETAG, etag(found.version))])).into_response();
    }
    WithEtag(found).into_response()
}
