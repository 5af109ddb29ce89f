//! Items: queries, permissions and changes.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, ModelTrait, Order, QueryFilter,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::account::user::{User, user_deleted};
use super::idempotency::{IdempotencyKey, once};
use super::page::{self, Sorting};
use super::tag as tags;
use crate::core::database::{self, Db, begin_write, insert};
use crate::entities::item::{self, ActiveModel, Column, Entity};
use crate::entities::tag;
use crate::error::{Error, Result};
use crate::schemas::amount::Amount;
use crate::schemas::item::{
    ItemCreate, ItemFilter, ItemPage, ItemRead, ItemSort, ItemUpdate, UserItemPath, tax_below_price,
};
use crate::schemas::page::{Page, Paging};
use crate::schemas::versioned::Versioned;
use crate::validation::schema::Problem;

const NOT_FOUND: Error = Error::NotFound("Item not found");

fn read_model(item: item::Model, mut tags: Vec<String>) -> ItemRead {
    let item::Model {
        id,
        owner_id,
        title,
        description,
        price,
        tax,
        condition,
        available_from,
        version: _,
        created_at,
        updated_at,
    } = item;
    let (price, tax) = (price.map(Amount::from_minor_units), tax.map(Amount::from_minor_units));
    tags.sort_unstable();
    ItemRead { id, title, description, price, tax, condition, available_from, tags, owner_id, created_at, updated_at }
}

fn names(tags: Vec<tag::Model>) -> Vec<String> {
    tags.into_iter().map(|tag| tag.name).collect()
}

/// The items that the caller may see: all for a superuser, otherwise their own. Every query of items starts here.
fn visible_to(caller: &User) -> Select<Entity> {
    let own = (!caller.is_superuser).then(|| Column::OwnerId.eq(caller.id));
    Entity::find().filter(Condition::all().add_option(own))
}

/// One item.
///
/// # Errors
/// 404 if the item does not exist or is not visible to the caller.
pub async fn read(db: &impl ConnectionTrait, caller: &User, id: Uuid) -> Result<Versioned<ItemRead>> {
    let found = visible_to(caller).filter(Column::Id.eq(id)).find_with_related(tag::Entity).all(db).await?;
    let (item, tags) = found.into_iter().next().ok_or(NOT_FOUND)?;
    Ok(Versioned { version: item.version, data: read_model(item, names(tags)) })
}

/// One item of one user.
///
/// # Errors
/// 404 if the item does not exist, is not the user's, or is not visible to the caller.
pub async fn read_of_owner(
    db: &impl ConnectionTrait,
    caller: &User,
    UserItemPath { user_id, item_id }: UserItemPath,
) -> Result<Versioned<ItemRead>> {
    let found = read(db, caller, item_id).await?;
    if found.data.owner_id == user_id { Ok(found) } else { Err(NOT_FOUND) }
}

/// A page of the items that the caller may see: at most three statements, for items, count and tags.
///
/// # Errors
/// 422 for a cursor of another list or order.
pub async fn list(db: &impl ConnectionTrait, caller: &User, filter: ItemFilter, paging: Paging) -> Result<ItemPage> {
    let sort = filter.sort;
    let page = read_sorted(db, filtered(visible_to(caller), filter), sort, paging).await?;
    let ids: Vec<Uuid> = page.data.iter().map(|item| item.id).collect();
    let mut tags = tags::of_items(db, &ids).await?;
    Ok(page.map(|item| {
        let tags = tags.remove(&item.id).unwrap_or_default();
        read_model(item, tags)
    }))
}

fn filtered(select: Select<Entity>, filter: ItemFilter) -> Select<Entity> {
    let ItemFilter { q, tags, min_price, max_price, sort: _ } = filter;
    let mut select = select
        .apply_if(min_price, |select, min| {
            select.filter(price_key().gte(min.minor_units()).and(price_key().lt(NO_PRICE)))
        })
        .apply_if(max_price, |select, max| select.filter(price_key().lte(max.minor_units())));
    if let Some(text) = q {
        let pattern = like_pattern(&text);
        let contains =
            |column: Column| Expr::from(Func::lower(Expr::col(column.as_column_ref()))).like(pattern.clone());
        select = select.filter(Condition::any().add(contains(Column::Title)).add(contains(Column::Description)));
    }
    for name in tags {
        select = select.filter(Column::Id.in_subquery(tags::items_with(name.into_inner())));
    }
    select
}

/// A pattern for texts that contain this one, in lower case. The wildcards of LIKE are escaped.
fn like_pattern(text: &str) -> LikeExpr {
    let escaped = text.to_ascii_lowercase().replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    LikeExpr::new(format!("%{escaped}%")).escape('\\')
}

/// The sort key of an item without a price, which counts as the most expensive.
const NO_PRICE: i64 = i64::MAX;

/// The price as a sort key. Must be the same text as in the index, so the constant is not a parameter.
fn price_key() -> Expr {
    Expr::cust(format!("COALESCE(price, {NO_PRICE})"))
}

async fn read_sorted(
    db: &impl ConnectionTrait,
    select: Select<Entity>,
    sort: ItemSort,
    paging: Paging,
) -> Result<Page<item::Model>> {
    let (name, order) = match sort {
        ItemSort::CreatedAt => ("created_at", Order::Asc),
        ItemSort::CreatedAtDescending => ("-created_at", Order::Desc),
        ItemSort::Title => ("title", Order::Asc),
        ItemSort::TitleDescending => ("-title", Order::Desc),
        ItemSort::Price => ("price", Order::Asc),
        ItemSort::PriceDescending => ("-price", Order::Desc),
    };
    let (key, id) = (|column: Column| Expr::col(column.as_column_ref()), Column::Id);
    match sort {
        ItemSort::CreatedAt | ItemSort::CreatedAtDescending => {
            let position = |item: &item::Model| (item.created_at, item.id);
            page::read(db, select, Sorting { name, key: key(Column::CreatedAt), id, order, position }, paging).await
        }
        ItemSort::Title | ItemSort::TitleDescending => {
            let position = |item: &item::Model| (item.title.clone(), item.id);
            page::read(db, select, Sorting { name, key: key(Column::Title), id, order, position }, paging).await
        }
        ItemSort::Price | ItemSort::PriceDescending => {
            let position = |item: &item::Model| (item.price.unwrap_or(NO_PRICE), item.id);
            page::read(db, select, Sorting { name, key: price_key(), id, order, position }, paging).await
        }
    }
}

/// Creates an item owned by the caller. Requests with the same key create one item.
///
/// # Errors
/// 401 if the caller was deleted in the meantime.
pub async fn create(
    db: &Db,
    caller: &User,
    now: DateTime<Utc>,
    key: Option<IdempotencyKey>,
    data: ItemCreate,
) -> Result<Versioned<ItemRead>> {
    let ItemCreate { title, description, price, tax, condition, available_from, tags } = data;
    let item = ActiveModel {
        id: Set(Uuid::now_v7()),
        owner_id: Set(caller.id),
        title: Set(title),
        description: Set(description),
        price: Set(price.map(Amount::minor_units)),
        tax: Set(tax.map(Amount::minor_units)),
        condition: Set(condition.as_str().to_owned()),
        available_from: Set(available_from.map(Into::into)),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    if key.is_none() && tags.is_empty() {
        // One statement needs no transaction around it.
        let item = insert(db, item).await.map_err(user_deleted)?;
        return Ok(Versioned { version: item.version, data: read_model(item, Vec::new()) });
    }
    once(db, caller.id, key, now, async |transaction| {
        let item = insert(transaction, item).await.map_err(user_deleted)?;
        let tags = tags::assign(transaction, item.id, tags).await?;
        Ok(Versioned { version: item.version, data: read_model(item, tags) })
    })
    .await
}

/// Replaces all fields that a client can set.
///
/// # Errors
/// As for [`update`].
pub async fn replace(
    db: &Db,
    caller: &User,
    id: Uuid,
    expected: Option<Vec<i64>>,
    now: DateTime<Utc>,
    data: ItemCreate,
) -> Result<Versioned<ItemRead>> {
    let ItemCreate { title, description, price, tax, condition, available_from, tags } = data;
    let all = ItemUpdate {
        title: Some(title),
        description: Some(description),
        price: Some(price),
        tax: Some(tax),
        condition: Some(condition),
        available_from: Some(available_from),
        tags: Some(tags),
    };
    update(db, caller, id, expected, now, all).await
}

/// Changes what is present in `data`.
///
/// # Errors
/// 404 if the item does not exist or is not visible to the caller, 412 if its version is none of those `expected`, 422
/// if the tax would not be less than the price.
pub async fn update(
    db: &Db,
    caller: &User,
    id: Uuid,
    expected: Option<Vec<i64>>,
    now: DateTime<Utc>,
    data: ItemUpdate,
) -> Result<Versioned<ItemRead>> {
    let ItemUpdate { title, description, price, tax, condition, available_from, tags } = data;
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
        condition: Set(condition.map_or(old.condition, |condition| condition.as_str().to_owned())),
        available_from: Set(available_from.map_or(old.available_from, |time| time.map(Into::into))),
        version: Set(old.version + 1),
        created_at: Unchanged(old.created_at),
        updated_at: Set(now),
    };
    let item = database::update(&transaction, item).await?;
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
/// 404 if the item does not exist or is not visible to the caller, 412 if its version is none of those `expected`.
pub async fn delete(db: &Db, caller: &User, id: Uuid, expected: Option<Vec<i64>>) -> Result<()> {
    let transaction = begin_write(db).await?;
    lock(&transaction, caller, id, expected).await?;
    Entity::delete_by_id(id).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Locks the item until the transaction ends, and checks its version if the client expects one.
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
