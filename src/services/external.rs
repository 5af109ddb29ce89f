//! Data of the upstream service.

use futures_util::future::join3;
use serde_json::Value;

use crate::core::trace_context::TraceContext;
use crate::error::Result;
use crate::schemas::external::{CombinedData, CombinedFilter, ExternalData};
use crate::upstream::Upstream;

/// Makes one call.
///
/// # Errors
/// 404 when the upstream service returns 404, 502 when it fails, 504 when it does not respond in time.
pub async fn read(upstream: &Upstream, trace: &TraceContext) -> Result<ExternalData> {
    Ok(ExternalData(upstream.get("data", trace).await?))
}

/// Makes three calls at the same time.
///
/// # Errors
/// As for [`read`], for the first part that fails; with `partial` only when all three fail.
pub async fn combine(upstream: &Upstream, trace: &TraceContext, filter: CombinedFilter) -> Result<CombinedData> {
    let get = |path| upstream.get(path, trace);
    let (users, posts, comments) = join3(get("users"), get("posts"), get("comments")).await;
    let parts = [("users", &users), ("posts", &posts), ("comments", &comments)];
    let failed: Vec<String> =
        parts.iter().filter(|(_, part)| part.is_err()).map(|(name, _)| (*name).to_owned()).collect();
    if !filter.partial || failed.len() == parts.len() {
        return Ok(CombinedData { users: users?, posts: posts?, comments: comments?, failed });
    }
    let [users, posts, comments] = [users, posts, comments].map(|part| part.unwrap_or(Value::Null));
    Ok(CombinedData { users, posts, comments, failed })
}
