//! Tags of items.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
};
use uuid::Uuid;

use crate::core::database::{Db, begin_write};
use crate::entities::{item_tag, tag};
use crate::error::Result;
use crate::schemas::text::Tag;

/// The tags of these items; items without tags are absent. One prepared statement for any number of items.
pub(super) async fn of_items(db: &impl ConnectionTrait, items: &[Uuid]) -> Result<HashMap<Uuid, Vec<String>>> {
    let mut tags: HashMap<Uuid, Vec<String>> = HashMap::with_capacity(items.len());
    if items.is_empty() {
        return Ok(tags);
    }
    let rows: Vec<(Uuid, String)> = item_tag::Entity::find()
        .select_only()
        .column(item_tag::Column::ItemId)
        .column(tag::Column::Name)
        .join(JoinType::InnerJoin, item_tag::Relation::Tag.def())
        .filter(is_one_of(db.get_database_backend(), items))
        .into_tuple()
        .all(db)
        .await?;
    for (item, name) in rows {
        tags.entry(item).or_default().push(name);
    }
    Ok(tags)
}

/// Whether `item_id` is one of these. Takes one parameter: a list of parameters would need a statement for each length.
fn is_one_of(backend: DbBackend, items: &[Uuid]) -> Expr {
    let join = |id: fn(&Uuid) -> String| items.iter().map(id).collect::<Vec<_>>().join(",");
    if backend == DbBackend::Postgres {
        let array = format!("{{{}}}", join(Uuid::to_string));
        // A subquery parses the text once. As a condition (`= ANY`), a scan of the table would parse it for every row.
        return Expr::cust_with_values("item_tags.item_id IN (SELECT unnest(CAST($1 AS uuid[])))", [array]);
    }
    let array = format!("[{}]", join(|id| format!("\"{}\"", id.simple())));
    Expr::cust_with_values("item_tags.item_id IN (SELECT unhex(value) FROM json_each(?))", [array])
}

/// The ids of the items that have the tag.
pub(super) fn items_with(name: String) -> SelectStatement {
    Query::select()
        .column((item_tag::Entity, item_tag::Column::ItemId))
        .from(item_tag::Entity)
        .inner_join(
            tag::Entity,
            Expr::col((tag::Entity, tag::Column::Id)).equals((item_tag::Entity, item_tag::Column::TagId)),
        )
        .and_where(Expr::col((tag::Entity, tag::Column::Name)).eq(name))
        .take()
}

/// Replaces the tags of the item, inside the caller's transaction. Returns them in alphabetical order.
pub(super) async fn replace(db: &impl ConnectionTrait, item: Uuid, tags: Vec<Tag>) -> Result<Vec<String>> {
    item_tag::Entity::delete_many().filter(item_tag::Column::ItemId.eq(item)).exec(db).await?;
    assign(db, item, tags).await
}

/// The same as [`replace`], for an item that has no tags yet.
pub(super) async fn assign(db: &impl ConnectionTrait, item: Uuid, tags: Vec<Tag>) -> Result<Vec<String>> {
    let mut names: Vec<String> = tags.into_iter().map(Tag::into_inner).collect();
    // Sorted, so that two transactions that create the same tags cannot deadlock.
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(names);
    }
    let ids = find_or_create(db, &names).await?;
    let links = ids.into_iter().map(|tag| item_tag::ActiveModel { item_id: Set(item), tag_id: Set(tag) });
    item_tag::Entity::insert_many(links).exec_without_returning(db).await?;
    Ok(names)
}

/// The ids of the tags, locked against deletion until the transaction ends.
async fn find_or_create(db: &impl ConnectionTrait, names: &[String]) -> Result<Vec<Uuid>> {
    loop {
        let new = names.iter().map(|name| tag::ActiveModel { id: Set(Uuid::now_v7()), name: Set(name.clone()) });
        let unless_exists = OnConflict::column(tag::Column::Name).do_nothing().to_owned();
        tag::Entity::insert_many(new).on_conflict(unless_exists).exec_without_returning(db).await?;
        let ids: Vec<Uuid> = tag::Entity::find()
            .select_only()
            .column(tag::Column::Id)
            .filter(tag::Column::Name.is_in(names))
            .order_by_asc(tag::Column::Name)
            .lock(LockType::KeyShare)
            .into_tuple()
            .all(db)
            .await?;
        // A tag that existed may have been deleted as an orphan between the two statements.
        if ids.len() == names.len() {
            return Ok(ids);
        }
    }
}

/// How many tags one statement deletes. SQLite takes 32,766 parameters.
const BATCH: usize = 1000;

/// Deletes the tags that no item has, and returns their number.
///
/// # Errors
/// If the database is unavailable.
pub async fn delete_orphaned(db: &Db) -> Result<u64> {
    let mut count = 0;
    loop {
        let (found, deleted) = delete_batch(db).await?;
        count += deleted;
        if found < BATCH {
            return Ok(count);
        }
    }
}

/// Deletes up to [`BATCH`] orphaned tags. Returns how many it found, and how many of them it deleted.
async fn delete_batch(db: &Db) -> Result<(usize, u64)> {
    let transaction = begin_write(db).await?;
    // A tag that is being assigned is locked by the other transaction, and is skipped.
    let ids: Vec<Uuid> = tag::Entity::find()
        .select_only()
        .column(tag::Column::Id)
        .filter(is_orphaned())
        .limit(BATCH as u64)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(&transaction)
        .await?;
    let found = ids.len();
    // Checked again under the lock: an assignment may have been committed since the first statement began.
    let deleted = tag::Entity::delete_many().filter(tag::Column::Id.is_in(ids)).filter(is_orphaned());
    let count = deleted.exec(&transaction).await?.rows_affected;
    transaction.commit().await?;
    Ok((found, count))
}

fn is_orphaned() -> Expr {
    let links = Query::select()
        .expr(Expr::value(1))
        .from(item_tag::Entity)
        .and_where(Expr::col((item_tag::Entity, item_tag::Column::TagId)).equals((tag::Entity, tag::Column::Id)))
        .take();
    Expr::exists(links).not()
}
