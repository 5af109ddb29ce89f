//! Every route of the service, one line per resource.

mod api_key;
mod audit_event;
pub mod docs;
mod external;
mod fastapi_dashboard;
pub mod frontend;
mod health;
mod item;
mod login;
mod notification;
mod password_attempt;
mod realtime;
mod recovery;
pub mod response;
mod root;
mod session;
mod ticket;
mod user;
mod well_known;

use axum::http::{HeaderValue, header};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;

pub use fastapi_dashboard::Dashboard;

use crate::state::AppState;

/// The path prefix of the versioned API.
pub const API: &str = "/api/v1";
/// The OAuth2 token endpoint.
pub const TOKEN: &str = "/token";
/// The public keys of the access tokens.
pub const JWKS: &str = "/.well-known/jwks.json";

/// The health routes.
#[must_use]
pub fn health() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().nest("/health", health::router())
}

/// All routes, with their documentation.
pub fn router(dashboard: Dashboard) -> OpenApiRouter<AppState> {
    // Responses to authenticated requests must not be cached.
    let no_store = SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let api = OpenApiRouter::new()
        .merge(login::router())
        .merge(recovery::router())
        .nest("/users", user::router())
        .nest("/users/me/sessions", session::router())
        .nest("/users/me/api-keys", api_key::router())
        .nest("/audit-events", audit_event::router())
        .merge(external::router())
        .nest("/items", item::router())
        .nest("/users/{user_id}/items", item::router_of_owner())
        .nest("/notifications", notification::router())
        .merge(ticket::router())
        .merge(realtime::router())
        .merge(fastapi_dashboard::router(dashboard))
        .layer(no_store.clone());
    OpenApiRouter::new()
        .merge(root::router())
        .merge(health())
        .merge(login::token_router().layer(no_store))
        .nest(API, api)
        .nest("/.well-known", well_known::router())
}
