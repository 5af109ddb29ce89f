//! `/items`, and `/users/{user_id}/items`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::response::{Created, WithEtag, or_not_modified};
use crate::auth::CurrentUser;
use crate::core::clock::Clock;
use crate::core::database::Db;
use crate::error::Result;
use crate::extract::{IdempotencyHeader, Idempotent, IfMatch, IfNoneMatch};
use crate::schemas::item::{ItemCreate, ItemFilter, ItemPage, ItemPath, ItemRead, ItemUpdate, UserItemPath};
use crate::schemas::message::ErrorRead;
use crate::schemas::page::Paging;
use crate::schemas::scope::{ITEMS, ITEMS_READ};
use crate::services::item;
use crate::state::AppState;
use crate::validation::{Both, ValidJson, ValidPath, ValidQuery};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_items, create_item)).routes(routes!(
        read_item,
        replace_item,
        update_item,
        delete_item
    ))
}

/// The items of one owner.
pub(super) fn router_of_owner() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_user_item))
}

/// List the caller's items.
///
/// A superuser gets the items of all users.
#[utoipa::path(
    get, path = "/", tag = "items", security(("oauth2" = ["items:read"])), params(ItemFilter, Paging),
    responses((status = OK, body = ItemPage)),
)]
async fn read_items(
    State(db): State<Db>,
    CurrentUser(caller): CurrentUser<ITEMS_READ>,
    Both(ValidQuery(filter), ValidQuery(paging)): Both<ValidQuery<ItemFilter>, ValidQuery<Paging>>,
) -> Result<Json<ItemPage>> {
    item::list(&db, &caller, filter, paging).await.map(Json)
}

/// Create an item owned by the caller.
#[utoipa::path(
    post, path = "/", tag = "items", security(("oauth2" = ["items"])), request_body = ItemCreate,
    params(IdempotencyHeader),
    responses((status = CREATED, body = ItemRead, headers(("Location" = String), ("ETag" = String)))),
)]
async fn create_item(
    State(db): State<Db>,
    State(clock): State<Clock>,
    CurrentUser(caller): CurrentUser<ITEMS>,
    Idempotent { key, data }: Idempotent<ItemCreate>,
) -> Result<Created<ItemRead>> {
    let new = item::create(&db, &caller, clock.now(), key, data).await?;
    Ok(Created { path: format!("/items/{}", new.data.id), new })
}

/// Read an item.
#[utoipa::path(
    get, path = "/{item_id}", tag = "items", security(("oauth2" = ["items:read"])),
    params(ItemPath, IfNoneMatch),
    responses(
        (status = OK, body = ItemRead, headers(("ETag" = String))), (status = NOT_MODIFIED, headers(("ETag" = String))),
    ),
)]
async fn read_item(
    State(db): State<Db>,
    CurrentUser(caller): CurrentUser<ITEMS_READ>,
    ValidPath(ItemPath { item_id }): ValidPath<ItemPath>,
    known: IfNoneMatch,
) -> Result<Response> {
    Ok(or_not_modified(item::read(&db, &caller, item_id).await?, &known))
}

/// Replace an item.
///
/// Optional fields that are absent are cleared.
#[utoipa::path(
    put, path = "/{item_id}", tag = "items", security(("oauth2" = ["items"])), request_body = ItemCreate,
    params(ItemPath, IfMatch),
    responses(
        (status = OK, body = ItemRead, headers(("ETag" = String))), (status = PRECONDITION_FAILED, body = ErrorRead),
    ),
)]
async fn replace_item(
    State(db): State<Db>,
    State(clock): State<Clock>,
    CurrentUser(caller): CurrentUser<ITEMS>,
    IfMatch(expected): IfMatch,
    Both(ValidPath(ItemPath { item_id }), ValidJson(data)): Both<ValidPath<ItemPath>, ValidJson<ItemCreate>>,
) -> Result<WithEtag<ItemRead>> {
    item::replace(&db, &caller, item_id, expected, clock.now(), data).await.map(WithEtag)
}

/// Change an item.
///
/// Absent fields stay the same; `null` clears a field.
#[utoipa::path(
    patch, path = "/{item_id}", tag = "items", security(("oauth2" = ["items"])), request_body = ItemUpdate,
    params(ItemPath, IfMatch),
    responses(
        (status = OK, body = ItemRead, headers(("ETag" = String))), (status = PRECONDITION_FAILED, body = ErrorRead),
    ),
)]
async fn update_item(
    State(db): State<Db>,
    State(clock): State<Clock>,
    CurrentUser(caller): CurrentUser<ITEMS>,
    IfMatch(expected): IfMatch,
    Both(ValidPath(ItemPath { item_id }), ValidJson(data)): Both<ValidPath<ItemPath>, ValidJson<ItemUpdate>>,
) -> Result<WithEtag<ItemRead>> {
    item::update(&db, &caller, item_id, expected, clock.now(), data).await.map(WithEtag)
}

/// Delete an item.
#[utoipa::path(
    delete, path = "/{item_id}", tag = "items", security(("oauth2" = ["items"])),
    params(ItemPath, IfMatch),
    responses((status = NO_CONTENT), (status = PRECONDITION_FAILED, body = ErrorRead)),
)]
async fn delete_item(
    State(db): State<Db>,
    CurrentUser(caller): CurrentUser<ITEMS>,
    IfMatch(expected): IfMatch,
    ValidPath(ItemPath { item_id }): ValidPath<ItemPath>,
) -> Result<StatusCode> {
    item::delete(&db, &caller, item_id, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read one item of a user.
#[utoipa::path(
    get, path = "/{item_id}", tag = "items", security(("oauth2" = ["items:read"])),
    params(UserItemPath, IfNoneMatch),
    responses(
        (status = OK, body = ItemRead, headers(("ETag" = String))), (status = NOT_MODIFIED, headers(("ETag" = String))),
    ),
)]
async fn read_user_item(
    State(db): State<Db>,
    CurrentUser(caller): CurrentUser<ITEMS_READ>,
    ValidPath(path): ValidPath<UserItemPath>,
    known: IfNoneMatch,
) -> Result<Response> {
    Ok(or_not_modified(item::read_of_owner(&db, &caller, path).await?, &known))
}
