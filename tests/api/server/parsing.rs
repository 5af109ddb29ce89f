//! Requests that a strict reader refuses: those that two servers in a row could understand differently.

use axum::Router;
use axum::routing::{get, post};

use super::start;
use crate::support::TestApp;
use crate::support::socket::{Socket, TestServer};

async fn echo() -> TestServer {
    let router = Router::new().route("/", get(async || "hello")).route("/", post(async |body: String| body));
    start(router, |_| {}).await
}

/// The status of the answer to these bytes. After a refusal the connection is closed, and nothing that
/// came behind the request was understood as another one.
async fn status(server: &TestServer, bytes: impl AsRef<[u8]>) -> u16 {
    let mut client = server.connect().await;
    client.send(bytes).await;
    let answer = client.answer().await;
    if answer.status >= 400 {
        let rest = client.closed().await;
        assert!(rest.is_empty(), "{}: a second answer: {}", answer.head, String::from_utf8_lossy(&rest));
    }
    answer.status
}

/// Those of the requests that are answered otherwise.
async fn answered_otherwise(
    requests: impl IntoIterator<Item = impl Into<String>>,
    expected: u16,
) -> Vec<(u16, String)> {
    let server = echo().await;
    let mut others = Vec::new();
    for request in requests {
        let request = request.into();
        let status = status(&server, &request).await;
        if status != expected {
            others.push((status, request));
        }
    }
    others
}

fn with_header(header: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: testserver\r\n{header}\r\n\r\n")
}

#[tokio::test]
async fn a_header_block_is_at_most_64_kib() {
    let long = |length: usize| with_header(&format!("X-Long: {}", "x".repeat(length)));
    assert_eq!(status(&echo().await, long(60 * 1024)).await, 200);
    assert_eq!(status(&echo().await, format!("GET / HTTP/1.1\r\nX-Long: {}", "x".repeat(66 * 1024))).await, 431);
    for length in [66, 100, 200] {
        assert_eq!(status(&echo().await, long(length * 1024)).await, 431, "{length} KiB");
    }
}

#[tokio::test]
async fn there_are_at_most_100_headers() {
    let server = echo().await;
    // With `Host` one more.
    let headers = |count: usize| with_header(&vec!["X-Many: x"; count - 1].join("\r\n"));
    assert_eq!(status(&server, headers(100)).await, 200);
    assert_eq!(status(&server, headers(101)).await, 431);
}

#[tokio::test]
async fn a_uri_that_is_too_long_is_refused() {
    let app = TestApp::start().await;
    let server = TestServer::start(app.app.clone(), super::patient(|_| {}), app.state.readiness.clone()).await;
    let request = |uri: &str| format!("GET {uri} HTTP/1.1\r\nHost: testserver\r\n\r\n");
    let long = "x".repeat(7 * 1024);
    assert_eq!(server.connect().await.get(&format!("/{long}")).await.status, 404);
    assert_eq!(server.connect().await.get(&format!("/?{long}")).await.status, 200);
    let too_long = "x".repeat(40 * 1024);
    for uri in [format!("/{too_long}"), format!("/?{too_long}"), format!("/api/v1/items?q={too_long}")] {
        assert_eq!(server.connect().await.get(&uri).await.status, 414);
    }
    // More than a whole head may have.
    assert!(matches!(status(&server, request(&format!("/{}", "x".repeat(100 * 1024)))).await, 414 | 431));
}

#[tokio::test]
async fn a_body_has_one_length() {
    let lengths = [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity",
        // What stands further right counts as well.
        concat!("Transfer-Encoding: chunked", "                                                  ", ", chunked"),
    ];
    let smuggled = "0\r\n\r\nGET / HTTP/1.1\r\nHost: testserver\r\n\r\n";
    let requests = lengths.map(|length| format!("POST / HTTP/1.1\r\nHost: testserver\r\n{length}\r\n\r\n{smuggled}"));
    let others = answered_otherwise(requests, 400).await;
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn a_head_that_is_malformed_is_refused() {
    let requests = [
        "GET / HTTP/1.1\r\nHost : testserver\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: testserver\r\nContent-Length : 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: testserver\r\n folded: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: testserver\r\nX-Nul: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: testserver\r\nX-Return: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: testserver\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: testserver\r\n: no name\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: testserver\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / / HTTP/1.1\r\nHost: testserver\r\n\r\n",
        "G\x01T / HTTP/1.1\r\nHost: testserver\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x03\x03 this is how TLS begins\r\n\r\n",
    ];
    let others = answered_otherwise(requests, 400).await;
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn a_line_ends_with_both_its_characters() {
    let requests = [
        "GET / HTTP/1.1\nHost: testserver\n\n",
        "GET / HTTP/1.1\r\nHost: testserver\n\r\n",
        "GET / HTTP/1.1\r\nHost: testserver\r\n\n",
        "POST / HTTP/1.1\r\nHost: testserver\r\nX-Half: a\nContent-Length: 5\r\n\r\nhello",
    ];
    let others = answered_otherwise(requests, 400).await;
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn http_2_is_not_spoken() {
    let server = echo().await;
    let mut client = server.connect().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    client.closed().await;
}

#[tokio::test]
async fn chunks_that_are_malformed_are_not_a_body() {
    let chunks = [
        "x\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "5;x\nhello\r\n0\r\n\r\n",
        "0;x\n",
        "0;x\n\r\n",
        "0\r\nX-Half: a\n\r\n",
    ];
    let head = "POST / HTTP/1.1\r\nHost: testserver\r\nTransfer-Encoding: chunked";
    let others = answered_otherwise(chunks.map(|chunks| format!("{head}\r\n\r\n{chunks}")), 400).await;
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_turn() {
    let server = echo().await;
    let mut client = server.connect().await;
    let post = "POST / HTTP/1.1\r\nHost: testserver\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "POST / HTTP/1.1\r\nHost: testserver\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbye\r\n0\r\n\r\n";
    client.send(format!("{post}{chunked}{post}")).await;
    for body in ["hello", "bye", "hello"] {
        assert_eq!(client.answer().await.body, body.as_bytes());
    }
}

/// In as many pieces as there are bytes, each of which may be a read of its own.
async fn byte_by_byte(client: &mut Socket, bytes: &str) {
    for byte in bytes.bytes() {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_is_understood_in_whatever_pieces_it_comes() {
    let server = echo().await;
    let mut client = server.connect().await;
    let chunked = "POST / HTTP/1.1\r\nHost: testserver\r\nTransfer-Encoding: chunked\r\n\r\n\
        3;an=extension\r\na\nb\r\n000B\r\nhello\r\n\r\nyo\r\n0\r\nA: trailer\r\n\r\n";
    let get = "GET / HTTP/1.1\r\nHost: testserver\r\n\r\n";
    for _ in 0..2 {
        byte_by_byte(&mut client, chunked).await;
        assert_eq!(client.answer().await.body, b"a\nbhello\r\n\r\nyo");
        byte_by_byte(&mut client, get).await;
        assert_eq!(client.answer().await.body, b"hello");
        client.send([chunked, get].concat()).await;
        assert_eq!(client.answer().await.body, b"a\nbhello\r\n\r\nyo");
        assert_eq!(client.answer().await.body, b"hello");
    }
    let refused = "POST / HTTP/1.1\r\nHost: testserver\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    byte_by_byte(&mut client, refused).await;
    assert_eq!(client.answer().await.status, 400);
    assert!(client.closed().await.is_empty());
}

#[tokio::test]
async fn a_body_may_look_like_a_malformed_head() {
    let server = echo().await;
    let mut client = server.connect().await;
    let body = "GET / HTTP/1.1\nHost : x\nContent-Length: 1\nContent-Length: 2\n\n";
    let post = format!("POST / HTTP/1.1\r\nHost: testserver\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for _ in 0..2 {
        client.send(format!("{post}{post}")).await;
        assert_eq!(client.answer().await.body, body.as_bytes());
        assert_eq!(client.answer().await.body, body.as_bytes());
    }
}

#[tokio::test]
async fn nothing_before_it_makes_an_ambiguous_head_acceptable() {
    let server = echo().await;
    let inner = "GET /x HTTP/1.1\r\nUpgrade: x\r\n\r\n";
    let before = [
        "GET / HTTP/1.1\r\nHost: testserver\r\nUpgrade: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: testserver\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_owned(),
        format!(
            "POST / HTTP/1.1\r\nHost: testserver\r\nContent-Length: {}{}\r\n\r\n{inner}",
            "0".repeat(60),
            inner.len()
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: testserver\r\nTransfer-Encoding: chunked\r\n\r\n{}{:x}\r\n{inner}\r\n0\r\n\r\n",
            "0".repeat(64),
            inner.len()
        ),
    ];
    for before in before {
        let mut client = server.connect().await;
        client.send(format!("{before}GET / HTTP/1.1\nHost: testserver\n\n")).await;
        let answers = String::from_utf8(client.closed().await).unwrap();
        assert!(answers.matches("HTTP/1.1 200").count() <= 1, "{before}: {answers}");
        assert_eq!(answers.matches("HTTP/1.1 400").count(), 1, "{before}: {answers}");
    }
}
