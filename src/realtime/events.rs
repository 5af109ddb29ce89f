//! The other way to listen: Server-Sent Events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;

use super::subscriber::Subscriber;

/// What is said in the room, as an answer that does not end by itself. When the server ends it, the last event is
/// called `close` and holds code and reason.
#[must_use]
pub fn events(member: Subscriber) -> Response {
    let every = Duration::from_secs(member.hub().settings().ping_seconds);
    let stream = unfold(Some(member), async |member| {
        let mut member = member?;
        let connection = Arc::clone(&member.connection);
        tokio::select! {
            biased;
            end = connection.ended() => {
                let (code, reason) = end.code_and_reason();
                Some((Ok(Event::default().event("close").data(format!("{code} {reason}"))), None))
            }
            text = member.next() => Some((Ok::<_, Infallible>(Event::default().data(text?.as_str())), Some(member))),
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(every)).into_response()
}
