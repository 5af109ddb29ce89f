//! `/external-data` and `/combined-data`: data of the upstream service.

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::CurrentUser;
use crate::error::Result;
use crate::extract::FromTrace;
use crate::schemas::external::{CombinedData, CombinedFilter, ExternalData};
use crate::schemas::message::ErrorRead;
use crate::schemas::scope::EXTERNAL;
use crate::services::external;
use crate::state::AppState;
use crate::upstream::Upstream;
use crate::validation::ValidQuery;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_external_data)).routes(routes!(read_combined_data))
}

/// Read data of the upstream service.
#[utoipa::path(
    get, path = "/external-data", tag = "external", security(("oauth2" = ["external"])),
    responses(
        (status = OK, body = ExternalData), (status = NOT_FOUND, body = ErrorRead),
        (status = BAD_GATEWAY, body = ErrorRead), (status = GATEWAY_TIMEOUT, body = ErrorRead),
    ),
)]
async fn read_external_data(
    State(upstream): State<Upstream>,
    _: CurrentUser<EXTERNAL>,
    FromTrace(trace): FromTrace,
) -> Result<Json<ExternalData>> {
    external::read(&upstream, &trace).await.map(Json)
}

/// Read users, posts and comments of the upstream service, with three calls at the same time.
#[utoipa::path(
    get, path = "/combined-data", tag = "external", security(("oauth2" = ["external"])), params(CombinedFilter),
    responses(
        (status = OK, body = CombinedData), (status = NOT_FOUND, body = ErrorRead),
        (status = BAD_GATEWAY, body = ErrorRead), (status = GATEWAY_TIMEOUT, body = ErrorRead),
    ),
)]
async fn read_combined_data(
    State(upstream): State<Upstream>,
    _: CurrentUser<EXTERNAL>,
    FromTrace(trace): FromTrace,
    ValidQuery(filter): ValidQuery<CombinedFilter>,
) -> Result<Json<CombinedData>> {
    external::combine(&upstream, &trace, filter).await.map(Json)
}
