//! Answers that are more than a body.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::API;
use crate::extract::{IfNoneMatch, etag};
use crate::schemas::item::ItemRead;
use crate::services::item::Versioned;

/// 201 with the new item, where it is, and its version.
pub(super) struct Created(pub Versioned);

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let location = format!("{API}/items/{}", self.0.item.id);
        (StatusCode::CREATED, AppendHeaders([(header::LOCATION, location)]), Tagged(self.0)).into_response()
    }
}

/// The item and its version.
pub(super) struct Tagged(pub Versioned);

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        let Versioned { item, version } = self.0;
        (AppendHeaders([(header::ETAG, etag(version))]), Json::<ItemRead>(item)).into_response()
    }
}

/// The item, or 304 when the client has this version of it.
pub(super) fn unless_known(found: Versioned, known: &IfNoneMatch) -> Response {
    if known.has(found.version) {
        return (StatusCode::NOT_MODIFIED, AppendHeaders([(header::ETAG, etag(found.version))])).into_response();
    }
    Tagged(found).into_response()
}
