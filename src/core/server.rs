//! Accepts connections and serves them: with a time limit on everything a client does, a limit on how
//! many there are, and an end that comes in time.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::Service;

use super::client::Peer;
use super::config::ServerSettings;
use super::connection_timer::ConnectionTimer;
use super::readiness::Readiness;
use super::strict_heads::StrictHeads;

/// Request line and headers together may take this much; more is answered 431.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// How long to rest when the system has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `signal` yields for the first time, then finishes: not ready at once, no new connections
/// after `drain_delay_seconds`, and the end after `shutdown_grace_seconds` or at the second signal. Upgraded connections
/// count like the others; whoever holds them learns from `readiness` that they have to close.
/// `signal` makes a future that is done when the process is asked to end. `service` is always ready, as
/// axum's router is: it is called without being asked.
pub async fn serve<S, F>(
    listener: TcpListener,
    service: S,
    settings: &ServerSettings,
    readiness: Readiness,
    mut signal: impl FnMut() -> F,
) where
    S: Service<Request<Body>, Response = Response, Error = std::convert::Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    F: Future<Output = ()>,
{
    let connections = Connections::new(service, settings);
    let at_once = {
        let mut stop = pin!(async {
            signal().await;
            tracing::info!("stopping: not ready any more");
            readiness.drain();
            let delay = Duration::from_secs(settings.drain_delay_seconds);
            timeout(delay, signal()).await.is_ok()
        });
        loop {
            tokio::select! {
                // A second signal in the meantime ends everything now.
                at_once = &mut stop => break at_once,
                accepted = connections.accept(&listener) => match accepted {
                    Ok((stream, peer, permit)) => {
                        tokio::spawn(connections.serve(stream, peer, permit));
                    }
                    // A client that hung up while it was being accepted.
                    Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionReset) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    };

    if at_once {
        tracing::warn!("stopped at once: second signal");
        return;
    }
    drop(listener);
    tracing::info!(open = connections.open(), "stopping: no new connections");
    readiness.stop();
    let grace = Duration::from_secs(settings.shutdown_grace_seconds);
    tokio::select! {
        () = connections.shut_down() => tracing::info!("stopped: every request was answered"),
        () = sleep(grace) => tracing::warn!("stopped: the grace period is over"),
        () = signal() => tracing::warn!("stopped at once: second signal"),
    }
}

/// A request without a body, which is nearly each, needs no box for it.
fn body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() { Body::empty() } else { Body::new(incoming) }
}

/// How connections are taken and served.
struct Connections<S> {
    service: S,
    http: http1::Builder,
    max: usize,
    permits: Arc<Semaphore>,
    write_timeout: Duration,
    stopping: watch::Sender<bool>,
}

/// What the stream of a connection and its service share.
pub(super) struct Shared {
    /// Given back when both are gone: an upgraded connection outlives its service.
    _permit: OwnedSemaphorePermit,
    /// Whether we answered 101.
    pub(super) is_upgraded: AtomicBool,
}

impl<S> Connections<S>
where
    S: Service<Request<Body>, Response = Response, Error = std::convert::Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    fn new(service: S, settings: &ServerSettings) -> Self {
        let mut http = http1::Builder::new();
        // Covers the wait for the next request on an idle connection, too.
        http.header_read_timeout(Duration::from_secs(settings.header_timeout_seconds))
            // Up to 100 headers, hyper's own limit; more are answered 431 as well.
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(MAX_HEADER_BYTES);
        Self {
            service,
            http,
            max: settings.max_connections,
            permits: Arc::new(Semaphore::new(settings.max_connections)),
            write_timeout: Duration::from_secs(settings.body_timeout_seconds),
            stopping: watch::Sender::new(false),
        }
    }

    /// The next connection, once there is room for it; until then clients wait in the system's queue.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        // Of no use to a client that is gone again already, which is no reason to hold up the others.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer(peer), permit))
    }

    /// How many there are.
    fn open(&self) -> usize {
        self.max - self.permits.available_permits()
    }

    /// Lets every connection finish what it does, and waits until the last one is gone.
    async fn shut_down(&self) {
        self.stopping.send_replace(true);
        let all = u32::try_from(self.max).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: Peer,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let shared = Arc::new(Shared { _permit: permit, is_upgraded: AtomicBool::new(false) });
        let mut stream = TimeoutStream::new(StrictHeads::new(stream, Arc::clone(&shared)));
        stream.set_write_timeout(Some(self.write_timeout));
        // HTTP/1 has one request at a time on a connection, so that one clone serves them all.
        let service = RefCell::new(self.service.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let shared = Arc::clone(&shared);
            let answer = service.borrow_mut().call(request.map(body));
            answer.inspect(move |answer| {
                if answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::SWITCHING_PROTOCOLS) {
                    shared.is_upgraded.store(true, Ordering::Relaxed);
                }
            })
        });
        let mut http = self.http.clone();
        http.timer(ConnectionTimer::default());
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service).with_upgrades();
        let mut stopping = self.stopping.subscribe();
        async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                biased;
                ended = connection.as_mut() => ended,
                _ = stopping.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }
}
