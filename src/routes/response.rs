//! Answers that are more than a body.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;

use super::API;
use crate::extract::{IfNoneMatch, etag};
use crate::schemas::versioned::Versioned;

/// 201 with what is new, where it is (`/items/…`), and its version.
pub(super) struct Created<T> {
    pub path: String,
    pub new: Versioned<T>,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let location = format!("{API}{}", self.path);
        (StatusCode::CREATED, AppendHeaders([(header::LOCATION, location)]), WithEtag(self.new)).into_response()
    }
}

/// What was read or changed, and its version.
pub(super) struct WithEtag<T>(pub Versioned<T>);

impl<T: Serialize> IntoResponse for WithEtag<T> {
    fn into_response(self) -> Response {
        let Versioned { data, version } = self.0;
        (AppendHeaders([(header::ETAG, etag(version))]), Json(data)).into_response()
    }
}

/// What was read, or 304 when the client has this version of it.
pub(super) fn or_not_modified<T: Serialize>(found: Versioned<T>, known: &IfNoneMatch) -> Response {
    if known.has(found.version) {
        return (StatusCode::NOT_MODIFIED, AppendHeaders([(header::ETAG, etag(found.version))])).into_response();
    }
    WithEtag(found).into_response()
}
