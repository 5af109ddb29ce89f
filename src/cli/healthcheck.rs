//! `healthcheck`: asks the running server or worker whether it is ready. The image has no curl.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Outcome;
use crate::core::config::Settings;

const TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST: &[u8] = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

pub(super) async fn run(settings: &Settings) -> Outcome {
    // A server that listens on all addresses is reachable at the local one.
    let host = match settings.server.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let response = timeout(TIMEOUT, request(host, settings.server.port));
    let response = response.await.map_err(|_| "the server does not respond in time")??;
    match response.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => Err(format!("not ready: status {status}").into()),
        None => Err("the response is not HTTP".into()),
    }
}

async fn request(host: &str, port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(REQUEST).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}
