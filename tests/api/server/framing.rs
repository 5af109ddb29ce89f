//! Requests whose framing is ambiguous, and requests that are too large (RFC 9112). hyper does the work.

use axum::Router;
use axum::routing::any;

use super::start;
use crate::support::TestApp;
use crate::support::socket::TestServer;

async fn echo() -> TestServer {
    start(Router::new().fallback(any(async |body: String| body)), |_| {}).await
}

/// Sends the bytes and reads until the server closes the connection.
async fn closed_after(server: &TestServer, bytes: &str) -> String {
    let mut client = server.connect().await;
    client.send(bytes).await;
    String::from_utf8(client.closed().await).unwrap()
}

const NEXT: &str = "GET /smuggled HTTP/1.1\r\nHost: testserver\r\n\r\n";

#[tokio::test]
async fn ambiguous_request_is_refused_and_the_connection_closed() {
    let server = echo().await;
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length : 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 6\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: testserver\r\n{headers}\r\n0\r\n\r\n{NEXT}");
        let response = closed_after(&server, &request).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{headers}: {response}");
        assert_eq!(response.matches("HTTP/1.1").count(), 1, "{headers}: {response}");
    }
}

/// hyper reads these as chunked.
#[tokio::test]
async fn transfer_coding_before_chunked_is_refused() {
    let server = TestApp::start().await.listen().await;
    for headers in ["Transfer-Encoding: foo, chunked\r\n", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"]
    {
        let mut client = server.connect().await;
        client.send(format!("POST /token HTTP/1.1\r\nHost: testserver\r\n{headers}\r\n0\r\n\r\n")).await;
        assert_eq!(client.response().await.status, 400, "{headers}");
    }
}

#[tokio::test]
async fn content_length_beside_transfer_encoding_gets_one_response_and_a_closed_connection() {
    let server = echo().await;
    for headers in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"]
    {
        let request = format!("POST / HTTP/1.1\r\nHost: testserver\r\n{headers}\r\n3\r\nabc\r\n0\r\n\r\n{NEXT}");
        let response = closed_after(&server, &request).await;
        assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("abc"), "{headers}: {response}");
        assert_eq!(response.matches("HTTP/1.1").count(), 1, "{headers}: {response}");
    }
}

#[tokio::test]
async fn headers_over_64_kib_or_100_are_a_431() {
    let server = echo().await;
    let long = format!("X-Long: {}\r\n", "x".repeat(65 * 1024));
    for headers in [long, "X-Many: x\r\n".repeat(100)] {
        let request = format!("GET / HTTP/1.1\r\nHost: testserver\r\n{headers}\r\n");
        let response = closed_after(&server, &request).await;
        assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
    }
    let mut client = server.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: testserver\r\n{}\r\n", "X-Many: x\r\n".repeat(99))).await;
    assert_eq!(client.response().await.status, 200);
}

#[tokio::test]
async fn uri_that_is_too_long_is_a_414() {
    let server = TestApp::start().await.listen().await;
    let mut client = server.connect().await;
    assert_eq!(client.get(&format!("/?q={}", "x".repeat(8000))).await.status, 200);
    assert_eq!(client.get(&format!("/?q={}", "x".repeat(9000))).await.status, 414);
}
