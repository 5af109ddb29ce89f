//! Accepts connections and serves them: with a time limit on everything a client does, a limit on how
//! many there are, and an end that comes in time.

use std::future::Future;
use std::io;
use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::Service;

use super::client::Peer;
use super::config::ServerSettings;
use super::readiness::Readiness;
use super::strict_heads::StrictHeads;

/// Request line and headers together may take this much; more is answered 431.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// How long to rest when the system has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `signal` yields for the first time, then finishes: not ready at once, no new connections
/// after `drain_delay_seconds`, and the end after `shutdown_grace_seconds` or at the second signal.
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
    let graceful = GracefulShutdown::new();

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
                        let connection = connections.serve(stream, peer, &graceful);
                        tokio::spawn(async move {
                            connection.await;
                            drop(permit);
                        });
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
    tracing::info!(open = graceful.count(), "stopping: no new connections");
    let grace = Duration::from_secs(settings.shutdown_grace_seconds);
    tokio::select! {
        () = graceful.shutdown() => tracing::info!("stopped: every request was answered"),
        () = sleep(grace) => tracing::warn!("stopped: the grace period is over"),
        () = signal() => tracing::warn!("stopped at once: second signal"),
    }
}

/// How connections are taken and served.
struct Connections<S> {
    service: S,
    http: http1::Builder,
    permits: Arc<Semaphore>,
    write_timeout: Duration,
}

impl<S> Connections<S>
where
    S: Service<Request<Body>, Response = Response, Error = std::convert::Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    fn new(service: S, settings: &ServerSettings) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // Covers the wait for the next request on an idle connection, too.
            .header_read_timeout(Duration::from_secs(settings.header_timeout_seconds))
            // Up to 100 headers, hyper's own limit; more are answered 431 as well.
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(MAX_HEADER_BYTES);
        Self {
            service,
            http,
            permits: Arc::new(Semaphore::new(settings.max_connections)),
            write_timeout: Duration::from_secs(settings.body_timeout_seconds),
        }
    }

    /// The next connection, once there is room for it; until then clients wait in the system's queue.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        // Of no use to a client that is gone again already, which is no reason to hold up the others.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer(peer), permit))
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: Peer,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + use<S> {
        // HTTP/1 has one request at a time on a connection, so that one clone serves them all.
        let service = Mutex::new(self.service.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            service.lock().unwrap_or_else(PoisonError::into_inner).call(request.map(Body::new))
        });
        let mut stream = TimeoutStream::new(StrictHeads::new(stream));
        stream.set_write_timeout(Some(self.write_timeout));
        let connection = graceful.watch(self.http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }
}
