//! The server on a socket, and a client that says exactly the bytes it is told to.

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

/// A server of `core::server`, on a port of its own.
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

    /// `GET path`, and its answer.
    pub async fn get(&mut self, path: &str) -> RawAnswer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: testserver\r\n\r\n")).await;
        self.answer().await
    }

    /// The next answer, of a length that its head tells.
    pub async fn answer(&mut self) -> RawAnswer {
        timeout(TIMEOUT, self.read_answer()).await.expect("an answer comes")
    }

    async fn read_answer(&mut self) -> RawAnswer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("an answer's head"));
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = RawAnswer { status, head, body: Vec::new() };
        answer.body.resize(answer.header("content-length").map_or(0, |length| length.parse().unwrap()), 0);
        self.0.read_exact(&mut answer.body).await.expect("an answer's body");
        answer
    }

    /// Whatever the server still says, until it closes the connection.
    pub async fn closed(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset closes as well.
        let _ = timeout(TIMEOUT, self.0.read_to_end(&mut rest)).await.expect("the connection is closed");
        rest
    }
}

/// An answer as it came over the wire; the head in lower case.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl RawAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
