//! The server on a socket, and a client that sends exact bytes.

use std::net::SocketAddr;
use std::time::Duration;

use keel::core::config::ServerSettings;
use keel::server::{self, Readiness};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// When a test gives up waiting for what must happen; far beyond what it takes.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A server of `keel::server`, on a port of its own.
pub struct TestServer {
    pub address: SocketAddr,
    signals: mpsc::Sender<()>,
    task: JoinHandle<()>,
}

impl TestServer {
    pub async fn start(app: server::App, settings: ServerSettings, readiness: Readiness) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (signals, received) = mpsc::channel(2);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = server::serve(listener, app, settings.clone(), readiness.clone()) => {}
                () = server::shut_down(settings, readiness, received) => {}
            }
        });
        Self { address, signals, task }
    }

    /// What SIGTERM is to the process.
    pub fn signal(&self) {
        self.signals.try_send(()).unwrap();
    }

    /// Waits until the server has ended.
    pub async fn ended(self) {
        timeout(TIMEOUT, self.task).await.expect("the server ends").unwrap();
    }

    pub async fn connect(&self) -> Socket {
        Socket::connect(self.address).await
    }
}

/// A connection.
pub struct Socket(pub TcpStream);

impl Socket {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A server that refuses a request early may close before it has taken all of it.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// `GET path`, and its response.
    pub async fn get(&mut self, path: &str) -> RawResponse {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: testserver\r\n\r\n")).await;
        self.response().await
    }

    /// The next response, read by its `Content-Length`.
    pub async fn response(&mut self) -> RawResponse {
        timeout(TIMEOUT, self.read_response()).await.expect("a response comes")
    }

    async fn read_response(&mut self) -> RawResponse {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("a response's head"));
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = RawResponse { status, head, body: Vec::new() };
        response.body.resize(response.header("content-length").map_or(0, |length| length.parse().unwrap()), 0);
        self.0.read_exact(&mut response.body).await.expect("a response's body");
        response
    }

    /// Whatever the server still says, until it closes the connection.
    pub async fn closed(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset closes as well.
        let _ = timeout(TIMEOUT, self.0.read_to_end(&mut rest)).await.expect("the connection is closed");
        rest
    }
}

/// A response as it came over the wire; the head in lower case.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl RawResponse {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
