//! The other way to listen: Server-Sent Events.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;

use super::member::Member;

/// What is said in the room, as an answer that does not end by itself. When the server ends it, the last event is
/// called `close` and holds code and reason.
#[must_use]
pub fn events(member: Member) -> Response {
    let every = Duration::from_secs(member.hub().settings().ping_seconds);
    let stream = unfold(Some(member), async |member| {
        let mut member = member?;
        Some(match member.next().await {
            Ok(text) => (Ok::<_, Infallible>(Event::default().data(text.as_str())), Some(member)),
            Err(end) => {
                let (code, reason) = end.code_and_reason();
                (Ok(Event::default().event("close").data(format!("{code} {reason}"))), None)
            }
        })
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(every)).into_response()
}
