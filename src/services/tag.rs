//! Tags of items.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::entities::{item_tag, tag};
use crate::error::Result;
use crate::schemas::text::Tag;

/// Gives the item exactly these tags, and says them back in alphabetical order. Tags that nobody had
/// yet are made. Runs inside the caller's transaction.
pub(super) async fn replace(db: &impl ConnectionTrait, item: Uuid, tags: Vec<Tag>) -> Result<Vec<String>> {
    item_tag::Entity::delete_many().filter(item_tag::Column::ItemId.eq(item)).exec(db).await?;
    assign(db, item, tags).await
}

/// The same for an item that has no tags yet.
pub(super) async fn assign(db: &impl ConnectionTrait, item: Uuid, tags: Vec<Tag>) -> Result<Vec<String>> {
    let mut names: Vec<String> = tags.into_iter().map(Tag::into_inner).collect();
    // In order, so that two transactions that make the same tags never wait for each other in a circle.
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(names);
    }
    let made = names.iter().map(|name| tag::ActiveModel { id: Set(Uuid::now_v7()), name: Set(name.clone()) });
    // Another transaction may be making the same tag: the constraint decides, and both find it below.
    let unless_there = OnConflict::column(tag::Column::Name).do_nothing().to_owned();
    tag::Entity::insert_many(made).on_conflict(unless_there).exec_without_returning(db).await?;
    let found = tag::Entity::find().filter(tag::Column::Name.is_in(&names)).all(db).await?;
    let links = found.into_iter().map(|tag| item_tag::ActiveModel { item_id: Set(item), tag_id: Set(tag.id) });
    item_tag::Entity::insert_many(links).exec_without_returning(db).await?;
    Ok(names)
}
