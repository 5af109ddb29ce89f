//! Pages of lists.

use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryOrder, QuerySelect, Select};

use crate::error::Result;
use crate::schemas::page::{Page, Paging};

/// One page of the selected rows, newest first, ties broken by id, and their total number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn newest_first<E>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    (created_at, id): (E::Column, E::Column),
    Paging { skip, limit }: Paging,
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
{
    let count = select.clone().count(db).await?;
    let part = select.order_by_desc(created_at).order_by_desc(id);
    let data = part.offset(skip.unsigned_abs()).limit(limit.unsigned_abs()).all(db).await?;
    Ok(Page { data, count })
}
