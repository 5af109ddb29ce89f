//! Server-Sent Events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;

use super::hub::Subscriber;

/// The messages of the room as an endless response. When the server ends it, the last event is named `close` and holds
/// code and reason.
#[must_use]
pub fn events(subscriber: Subscriber) -> Response {
    let keep_alive = Duration::from_secs(subscriber.hub().settings().ping_seconds);
    let stream = unfold(Some(subscriber), async |subscriber| {
        let mut subscriber = subscriber?;
        let connection = Arc::clone(&subscriber.connection);
        tokio::select! {
            biased;
            reason = connection.closed() => {
                let (code, reason) = reason.code_and_reason();
                Some((Ok(Event::default().event("close").data(format!("{code} {reason}"))), None))
            }
            text = subscriber.next() => {
                // Each line is a field of the event. A CR and an LF would otherwise be two ends of a line.
                let lines = text?.as_str().replace("\r\n", "\n").replace('\r', "\n");
                Some((Ok::<_, Infallible>(Event::default().data(lines)), Some(subscriber)))
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(keep_alive)).into_response()
}
