//! `/ws` and `/events`

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::{CurrentSession, SocketAccess};
use crate::error::Result;
use crate::extract::{Handshake, KnownOrigin};
use crate::realtime::{self, Hub};
use crate::schemas::message::ErrorRead;
use crate::schemas::realtime::{EventsQuery, SocketQuery};
use crate::schemas::scope::ME;
use crate::state::AppState;
use crate::validation::ValidQuery;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(open_socket)).routes(routes!(read_events))
}

/// Open a WebSocket and join a room.
///
/// Every client of the room, the sender included, gets each text as `Message: {text}`, and `A client disconnected` when
/// a client leaves.
#[utoipa::path(
    get, path = "/ws", tag = "realtime", security(("oauth2" = ["me"])), params(SocketQuery),
    responses(
        (status = SWITCHING_PROTOCOLS, headers(("Upgrade" = String), ("Sec-WebSocket-Accept" = String))),
        (status = UPGRADE_REQUIRED, body = ErrorRead, headers(("Upgrade" = String), ("Sec-WebSocket-Version" = String))),
        (status = TOO_MANY_REQUESTS, body = ErrorRead, headers(("Retry-After" = String))),
    ),
)]
async fn open_socket(
    State(hub): State<Hub>,
    _: KnownOrigin,
    SocketAccess(principal): SocketAccess,
    ValidQuery(SocketQuery { room, ticket: _ }): ValidQuery<SocketQuery>,
    handshake: Handshake,
) -> Result<Response> {
    let subscriber = hub.admit(principal, room.into_inner())?;
    let (response, connection) = handshake.accept();
    hub.spawn(realtime::serve_socket(connection, subscriber));
    Ok(response)
}

/// Read the messages of a room as Server-Sent Events.
///
/// Before the server ends the stream, it sends an event `close` with the close code of a WebSocket and the reason.
#[utoipa::path(
    get, path = "/events", tag = "realtime", security(("oauth2" = ["me"])), params(EventsQuery),
    responses(
        (status = OK, content_type = "text/event-stream", body = String),
        (status = TOO_MANY_REQUESTS, body = ErrorRead, headers(("Retry-After" = String))),
    ),
)]
async fn read_events(
    State(hub): State<Hub>,
    session: CurrentSession<ME>,
    ValidQuery(EventsQuery { room }): ValidQuery<EventsQuery>,
) -> Result<Response> {
    let subscriber = hub.admit(session.into(), room.into_inner())?;
    // Proxies would buffer the events.
    let unbuffered = [(header::CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, realtime::events(subscriber)).into_response())
}
