//! Pagination: by offset, or by a cursor that continues after another page.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Asterisk, Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect, Select,
    Value,
};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::schemas::page::{Cursor, Page, Paging, SortKey};
use crate::validation::schema::Problem;

/// How a list is sorted: by a key that is never null, ties broken by id in the same direction. An index over key and id
/// makes every page equally cheap.
pub(super) struct Sorting<E: EntityTrait, K> {
    /// The order's name. A cursor of another order is refused.
    pub(super) name: &'static str,
    pub(super) key: Expr,
    pub(super) id: E::Column,
    pub(super) order: Order,
    /// Key and id of a row.
    pub(super) position: fn(&E::Model) -> (K, Uuid),
}

/// A page of the selected rows, newest first.
pub(super) async fn newest_first<E>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    (created_at, id): (E::Column, E::Column),
    position: fn(&E::Model) -> (DateTime<Utc>, Uuid),
    paging: Paging,
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
{
    let key = Expr::col(created_at.as_column_ref());
    read(db, select, Sorting { name: "-created_at", key, id, order: Order::Desc, position }, paging).await
}

/// A page of the selected rows, sorted.
///
/// # Errors
/// 422 for a cursor of another list.
pub(super) async fn read<E, K>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    sorting: Sorting<E, K>,
    Paging { skip, limit, cursor }: Paging,
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
    K: SortKey + Into<Value>,
{
    let (skip, limit) = (skip.unsigned_abs(), limit.unsigned_abs());
    let part = match &cursor {
        Some(cursor) => select.clone().filter(follows(&sorting, cursor)?),
        None => select.clone().offset(skip),
    };
    // One row more than the page holds shows whether another page follows.
    let mut data = sorted(part, &sorting).limit(limit + 1).all(db).await?;
    let is_last = data.len() as u64 <= limit;
    data.truncate(limit.try_into().unwrap_or(usize::MAX));
    let count = match (cursor, is_last && (skip == 0 || !data.is_empty())) {
        (Some(_), _) => None,
        (None, true) => Some(skip + data.len() as u64),
        (None, false) => Some(count(db, select).await?),
    };
    let next_cursor = data.last().filter(|_| !is_last).map(|row| {
        let (key, id) = (sorting.position)(row);
        Cursor::new(sorting.name, &key, id).map_err(Error::internal)
    });
    Ok(Page { data, count, next_cursor: next_cursor.transpose()? })
}

fn sorted<E: EntityTrait, K>(select: Select<E>, sorting: &Sorting<E, K>) -> Select<E> {
    select.order_by(sorting.key.clone(), sorting.order.clone()).order_by(sorting.id, sorting.order.clone())
}

/// The condition for rows after the cursor.
fn follows<E: EntityTrait, K: SortKey + Into<Value>>(sorting: &Sorting<E, K>, cursor: &Cursor) -> Result<Expr> {
    let Some((key, id)) = cursor.position::<K>(sorting.name) else {
        let loc = vec!["query".into(), "cursor".into()];
        return Err(Error::Invalid(vec![Problem::value_error(loc, "The cursor does not belong to this list")]));
    };
    let row = Expr::tuple([sorting.key.clone(), Expr::col(sorting.id.as_column_ref())]);
    let last = Expr::tuple([Expr::value(key), Expr::value(id)]);
    Ok(if sorting.order == Order::Desc { row.lt(last) } else { row.gt(last) })
}

async fn count<E: EntityTrait>(db: &impl ConnectionTrait, select: Select<E>) -> Result<u64> {
    let count = select.select_only().expr(Expr::col(Asterisk).count()).into_tuple::<i64>().one(db).await?;
    Ok(count.unwrap_or_default().unsigned_abs())
}
