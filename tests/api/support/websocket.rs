//! A WebSocket client, and one of Server-Sent Events.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::socket::{Socket, TIMEOUT};

/// An open socket.
pub struct Chat(pub WebSocketStream<TcpStream>);

impl Chat {
    /// The handshake for a path below `/api/v1`; the status when it is refused.
    pub async fn open(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://testserver/api/v1{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match timeout(TIMEOUT, client_async(request, stream)).await.expect("a response comes") {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// With an access token, in a room.
    pub async fn enter(address: SocketAddr, token: &str, room: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self::open(address, &format!("/ws?room={room}"), &[("authorization", &bearer)]).await.expect("it opens")
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next text.
    pub async fn hear(&mut self) -> String {
        // Pings come in the meantime.
        let message = async {
            loop {
                match self.0.next().await.expect("it is open").unwrap() {
                    Message::Text(text) => return text.to_string(),
                    Message::Close(frame) => panic!("closed: {frame:?}"),
                    _ => {}
                }
            }
        };
        timeout(TIMEOUT, message).await.expect("a message arrives")
    }

    /// Asserts that nothing arrives for a while.
    pub async fn hears_nothing(&mut self) {
        let heard = timeout(Duration::from_millis(300), self.0.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    /// The code and reason with which the server closes, whatever it says before.
    pub async fn closed(&mut self) -> (u16, String) {
        let closed = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => {
                        // The library responds to it, and the server then closes the connection.
                        while self.0.next().await.is_some() {}
                        return (frame.code.into(), frame.reason.to_string());
                    }
                    Some(Ok(_)) => {}
                    other => panic!("closed without a word: {other:?}"),
                }
            }
        };
        timeout(TIMEOUT, closed).await.expect("it is closed")
    }
}

/// A stream of events.
pub struct Events(Socket);

impl Events {
    /// Opens the stream. Returns it with the head of the response.
    pub async fn open(address: SocketAddr, path: &str, headers: &str) -> (Self, String) {
        let mut socket = Socket::connect(address).await;
        socket.send(format!("GET /api/v1{path} HTTP/1.1\r\nHost: testserver\r\n{headers}\r\n")).await;
        let mut events = Self(socket);
        let head = events.until("\r\n\r\n").await;
        (events, head.to_lowercase())
    }

    pub async fn enter(address: SocketAddr, token: &str, room: &str) -> Self {
        let (events, head) =
            Self::open(address, &format!("/events?room={room}"), &format!("Authorization: Bearer {token}\r\n")).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        events
    }

    /// What comes up to and with this text.
    pub async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        let reading = async {
            while !read.ends_with(end.as_bytes()) {
                read.push(self.0.0.read_u8().await.expect("it goes on"));
            }
        };
        timeout(TIMEOUT, reading).await.unwrap_or_else(|_| panic!("{end:?} does not come"));
        String::from_utf8(read).unwrap()
    }

    /// The next event: its lines, without keep-alives.
    pub async fn hear(&mut self) -> String {
        loop {
            // Events come in chunks of HTTP: a line with the size before each, an empty one behind it.
            let event = self.until("\n\n").await;
            let lines: Vec<&str> = event.lines().filter(|line| line.contains(": ")).collect();
            if !lines.is_empty() {
                return lines.join("\n");
            }
        }
    }

    /// Whatever still comes, to the end of the stream.
    pub async fn ended(mut self) -> String {
        self.until("\r\n0\r\n\r\n").await
    }
}
