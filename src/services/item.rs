//! Items: finding them, and what is allowed with them.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, NullOrdering, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, LoaderTrait,
    ModelTrait, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::account::user::{User, user_deleted};
use super::idempotency::once;
use super::tag as tags;
use crate::core::database::{Db, begin_write};
use crate::entities::item::{self, ActiveModel, Column, Entity};
use crate::entities::{item_tag, tag};
use crate::error::{Error, Result};
use crate::schemas::amount::Amount;
use crate::schemas::item::{ItemCreate, ItemFilter, ItemPage, ItemRead, ItemSort, ItemUpdate, tax_below_price};
use crate::schemas::page::{Page, Paging};
use crate::schemas::versioned::Versioned;
use crate::services::idempotency::IdempotencyKey;
use crate::validation::schema::Problem;

const NOT_FOUND: Error = Error::NotFound("Item not found");

fn read_model(item: item::Model, mut tags: Vec<String>) -> ItemRead {
    let item::Model { id, owner_id, title, description, price, tax, version: _, created_at, updated_at } = item;
    let (price, tax) = (price.map(Amount::from_minor_units), tax.map(Amount::from_minor_units));
    tags.sort_unstable();
    ItemRead { id, title, description, price, tax, tags, owner_id, created_at, updated_at }
}

fn names(tags: Vec<tag::Model>) -> Vec<String> {
    tags.into_iter().map(|tag| tag.name).collect()
}

/// The only door to items: a user sees his own, a superuser all.
fn visible_to(caller: &User) -> Select<Entity> {
    let own = (!caller.is_superuser).then(|| Column::OwnerId.eq(caller.id));
    Entity::find().filter(Condition::all().add_option(own))
}

/// One item.
///
/// # Errors
/// 404 when it is missing or somebody else's.
pub async fn read(db: &impl ConnectionTrait, caller: &User, id: Uuid) -> Result<Versioned<ItemRead>> {
    let found = visible_to(caller).filter(Column::Id.eq(id)).find_with_related(tag::Entity).all(db).await?;
    let (item, tags) = found.into_iter().next().ok_or(NOT_FOUND)?;
    Ok(Versioned { version: item.version, data: read_model(item, names(tags)) })
}

/// One item of one user.
///
/// # Errors
/// 404 when it is missing, not that user's, or not for the caller to see.
pub async fn read_of_owner(
    db: &impl ConnectionTrait,
    caller: &User,
    owner: Uuid,
    id: Uuid,
) -> Result<Versioned<ItemRead>> {
    let found = read(db, caller, id).await?;
    if found.data.owner_id == owner { Ok(found) } else { Err(NOT_FOUND) }
}

/// Some of the items that the caller may see.
pub async fn list(db: &impl ConnectionTrait, caller: &User, filter: ItemFilter, paging: Paging) -> Result<ItemPage> {
    let ItemFilter { q, tags, min_price, max_price, sort } = filter;
    let mut select = visible_to(caller)
        .apply_if(min_price, |select, least| select.filter(Column::Price.gte(least.minor_units())))
        .apply_if(max_price, |select, most| select.filter(Column::Price.lte(most.minor_units())));
    if let Some(text) = q {
        // Letters, digits and blanks only: nothing in it means something to LIKE.
        let pattern = LikeExpr::new(format!("%{}%", text.to_ascii_lowercase()));
        let contains =
            |column: Column| Expr::from(Func::lower(Expr::col(column.as_column_ref()))).like(pattern.clone());
        select = select.filter(Condition::any().add(contains(Column::Title)).add(contains(Column::Description)));
    }
    for name in tags {
        select = select.filter(Column::Id.in_subquery(having_tag(name.into_inner())));
    }
    let count = select.clone().count(db).await?;
    let items =
        ordered(select, sort).offset(paging.skip.unsigned_abs()).limit(paging.limit.unsigned_abs()).all(db).await?;
    let tags = items.load_many_to_many(tag::Entity, item_tag::Entity, db).await?;
    let data = items.into_iter().zip(tags).map(|(item, tags)| read_model(item, names(tags))).collect();
    Ok(Page { data, count })
}

/// The ids of the items that have the tag.
fn having_tag(name: String) -> sea_orm::sea_query::SelectStatement {
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

fn ordered(select: Select<Entity>, sort: ItemSort) -> Select<Entity> {
    let (column, order) = match sort {
        ItemSort::CreatedAt => (Column::CreatedAt, Order::Asc),
        ItemSort::CreatedAtDescending => (Column::CreatedAt, Order::Desc),
        ItemSort::Title => (Column::Title, Order::Asc),
        ItemSort::TitleDescending => (Column::Title, Order::Desc),
        ItemSort::Price => (Column::Price, Order::Asc),
        ItemSort::PriceDescending => (Column::Price, Order::Desc),
    };
    let select = match sort {
        // The databases disagree on where NULL goes; PostgreSQL's way is the one its index has.
        ItemSort::Price => select.order_by_with_nulls(column, order.clone(), NullOrdering::Last),
        ItemSort::PriceDescending => select.order_by_with_nulls(column, order.clone(), NullOrdering::First),
        _ => select.order_by(column, order.clone()),
    };
    select.order_by(Column::Id, order)
}

/// A new item, owned by the caller: one, also when the request comes again under the same key.
///
/// # Errors
/// 401 when the caller was deleted in the meantime.
pub async fn create(
    db: &Db,
    caller: &User,
    now: DateTime<Utc>,
    key: Option<IdempotencyKey>,
    data: ItemCreate,
) -> Result<Versioned<ItemRead>> {
    let ItemCreate { title, description, price, tax, tags } = data;
    let item = ActiveModel {
        id: Set(Uuid::now_v7()),
        owner_id: Set(caller.id),
        title: Set(title),
        description: Set(description),
        price: Set(price.map(Amount::minor_units)),
        tax: Set(tax.map(Amount::minor_units)),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    once(db, caller.id, key, now, async |transaction| {
        let item = item.insert(transaction).await.map_err(user_deleted)?;
        let tags = tags::assign(transaction, item.id, tags).await?;
        Ok(Versioned { version: item.version, data: read_model(item, tags) })
    })
    .await
}

/// Everything about the item that a client can say.
pub async fn replace(
    db: &Db,
    caller: &User,
    id: Uuid,
    expected: Option<Vec<i64>>,
    now: DateTime<Utc>,
    data: ItemCreate,
) -> Result<Versioned<ItemRead>> {
    let ItemCreate { title, description, price, tax, tags } = data;
    let all = ItemUpdate {
        title: Some(title),
        description: Some(description),
        price: Some(price),
        tax: Some(tax),
        tags: Some(tags),
    };
    update(db, caller, id, expected, now, all).await
}

/// Changes what `data` says.
///
/// # Errors
/// 404 when the item is missing or somebody else's, 412 when it is in none of the `expected` versions, 422
/// when the tax would not be less than the price.
pub async fn update(
    db: &Db,
    caller: &User,
    id: Uuid,
    expected: Option<Vec<i64>>,
    now: DateTime<Utc>,
    data: ItemUpdate,
) -> Result<Versioned<ItemRead>> {
    let ItemUpdate { title, description, price, tax, tags } = data;
    let transaction = begin_write(db).await?;
    let old = lock(&transaction, caller, id, expected).await?;
    let price = price.unwrap_or(old.price.map(Amount::from_minor_units));
    let tax = tax.unwrap_or(old.tax.map(Amount::from_minor_units));
    tax_below_price(price, tax).map_err(|error| {
        Error::Invalid(vec![Problem::value_error(vec!["body".into()], error.message.as_deref().unwrap_or_default())])
    })?;
    let item = ActiveModel {
        id: Unchanged(id),
        owner_id: Unchanged(old.owner_id),
        title: Set(title.unwrap_or(old.title)),
        description: Set(description.unwrap_or(old.description)),
        price: Set(price.map(Amount::minor_units)),
        tax: Set(tax.map(Amount::minor_units)),
        version: Set(old.version + 1),
        created_at: Unchanged(old.created_at),
        updated_at: Set(now),
    };
    let item = item.update(&transaction).await?;
    let tags = match tags {
        Some(tags) => tags::replace(&transaction, id, tags).await?,
        None => names(item.find_related(tag::Entity).all(&transaction).await?),
    };
    transaction.commit().await?;
    Ok(Versioned { version: item.version, data: read_model(item, tags) })
}

/// Deletes the item.
///
/// # Errors
/// 404 when it is missing or somebody else's, 412 when it is in none of the `expected` versions.
pub async fn delete(db: &Db, caller: &User, id: Uuid, expected: Option<Vec<i64>>) -> Result<()> {
    let transaction = begin_write(db).await?;
    lock(&transaction, caller, id, expected).await?;
    Entity::delete_by_id(id).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// The item, which nobody else can change until the transaction ends, in a version that the client
/// expects, if it expects one.
async fn lock(
    transaction: &DatabaseTransaction,
    caller: &User,
    id: Uuid,
    expected: Option<Vec<i64>>,
) -> Result<item::Model> {
    let item =
        visible_to(caller).filter(Column::Id.eq(id)).lock_exclusive().one(transaction).await?.ok_or(NOT_FOUND)?;
    match expected {
        Some(versions) if !versions.contains(&item.version) => Err(Error::PreconditionFailed),
        _ => Ok(item),
    }
}
