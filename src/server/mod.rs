//! Accepts connections and serves them. `axum::serve` has no timeouts, no connection limit and no deadline for its
//! shutdown, so this module has its own loop on hyper.

mod peer;
mod readiness;
mod shutdown;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

pub use peer::{Peer, client_address};
pub use readiness::{Dependencies, Readiness};
pub use shutdown::shut_down;

use crate::core::config::ServerSettings;
use crate::core::telemetry::Counted;

/// The whole application: what the server calls for each request.
pub type App = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The largest request line and headers together, in bytes. Larger ones get 431, and so do more than 100 headers.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// How long to wait after a failed accept, as when the process has no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// How long a new connection may take for its first request once the server stops.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves until [`Readiness::stopping`], then lets every connection finish its request. Returns when the last one is
/// closed. The caller sets the deadline for that.
pub async fn serve(listener: TcpListener, app: App, settings: ServerSettings, readiness: Readiness) {
    let permits = Arc::new(Semaphore::new(settings.max_connections));
    let connections = TaskTracker::new();
    let start = |stream, peer, permit| {
        let writes = Writes { tasks: connections.clone(), permit: Arc::new(permit) };
        let connection = serve_connection(stream, peer, app.clone(), settings.clone(), readiness.clone(), writes);
        connections.spawn(async move {
            let _open = Counted::new(metrics::gauge!("http_server_connections"));
            connection.await;
        });
    };
    let mut stopping = pin!(readiness.stopping());
    loop {
        let accepted = tokio::select! {
            () = &mut stopping => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => start(stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    // Clients that are in the system's queue have connected already: closing the listener would reset them.
    for (stream, peer) in queued(listener) {
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { break };
        start(stream, peer, permit);
    }
    connections.close();
    tracing::info!(open = connections.len(), "stopped accepting connections");
    connections.wait().await;
}

/// The next connection. While `max_connections` are open, clients wait in the system's queue.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Fails if the client has already disconnected, which the next read reports.
                let _ = stream.set_nodelay(true);
                return Ok((stream, Peer(peer), permit));
            }
            // The client hung up while it was being accepted.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => return Err(error),
        }
    }
}

/// The connections in the system's queue. Read with the system's own call: tokio's could report an empty queue before
/// it has heard of the last connections.
fn queued(listener: TcpListener) -> impl Iterator<Item = (TcpStream, Peer)> {
    let listener = listener.into_std().ok();
    std::iter::from_fn(move || {
        // Does not block: there is an error when the queue is empty.
        let (stream, peer) = listener.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        let stream = TcpStream::from_std(stream).ok()?;
        let _ = stream.set_nodelay(true);
        Some((stream, Peer(peer)))
    })
}

/// Held by a request that may change something until it is done, even if its connection is closed before.
#[derive(Clone)]
struct Writes {
    /// The server waits for them before it ends.
    tasks: TaskTracker,
    /// The connection counts towards `max_connections`.
    permit: Arc<OwnedSemaphorePermit>,
}

/// Runs a request that may change something on a task of its own, so that it completes even if the client disconnects
/// meanwhile: hyper drops the requests of a closed connection. A page that sends a form and is left at once would lose
/// the form, or not, depending on the moment.
///
/// While the process drains, the response closes the connection. Otherwise a proxy might use the connection again at
/// the moment at which the server closes it.
async fn respond(app: App, request: Request<Body>, writes: Writes, readiness: Readiness) -> io::Result<Response<Body>> {
    let is_safe = request.method().is_safe();
    let response = app.oneshot(request);
    let Ok(mut response) = if is_safe {
        response.await
    } else {
        let Writes { tasks, permit } = writes;
        let completed = tasks.spawn(async move {
            let _permit = permit;
            response.await
        });
        completed.await?
    };
    if readiness.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Serves the requests of one connection.
async fn serve_connection(
    stream: TcpStream,
    peer: Peer,
    app: App,
    settings: ServerSettings,
    readiness: Readiness,
    writes: Writes,
) {
    let mut stream = TimeoutStream::new(stream);
    // For clients that do not read their response.
    stream.set_write_timeout(Some(Duration::from_secs(settings.body_timeout_seconds)));
    let (draining, first_request) = (readiness.clone(), Arc::new(Notify::new()));
    let has_request = Arc::clone(&first_request);
    let service = service_fn(move |request: Request<Incoming>| {
        has_request.notify_one();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        respond(app.clone(), request, writes.clone(), draining.clone())
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also limits the wait for the next request on an idle connection.
        .header_read_timeout(Duration::from_secs(settings.header_timeout_seconds))
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = readiness.stopping() => {
            // hyper would close a connection without any request at once, although the first one may be on its way.
            let first_request = timeout(FIRST_REQUEST_TIMEOUT, first_request.notified());
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                _ = first_request => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended with an error");
    }
}
