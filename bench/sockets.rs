//! `sockets`

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Outcome;

/// Opens idle sockets and reads the server's memory; then sends messages to a room of listeners, some of which never
/// read, and prints the latency for the others.
///
/// The server and the system need higher limits than usual:
///
///   ulimit -n 20000; APP__WEBSOCKET__MAX_CONNECTIONS_PER_USER=20000 APP__WEBSOCKET__MAX_CONNECTIONS=20000
///   APP__SERVER__MAX_CONNECTIONS=20000 keel serve
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::doc_markdown, reason = "it is shown in a terminal")]
pub struct Options {
    /// The server's address, http only
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
    /// The user that opens the sockets
    #[arg(long, default_value = "admin@example.com")]
    email: String,
    /// The user's password
    #[arg(long, default_value = "changethis")]
    password: String,
    /// The server's process, to read its memory (Linux)
    #[arg(long)]
    pid: Option<u32>,
    /// Number of idle sockets
    #[arg(long, default_value_t = 5000)]
    idle: usize,
    /// Number of sockets in the room that gets messages
    #[arg(long, default_value_t = 500)]
    listeners: usize,
    /// Number of them that never read
    #[arg(long, default_value_t = 10)]
    stalled: usize,
    /// Messages per second
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Duration of the measurement
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Length of a message
    #[arg(long, default_value_t = 100)]
    bytes: usize,
}

type Socket = WebSocketStream<TcpStream>;

/// Handshakes at the same time.
const CONCURRENCY: usize = 50;
/// How long the last messages may take after all were sent.
const LAST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// # Errors
/// When the server cannot be reached, or refuses something.
pub async fn run(options: Options) -> Outcome {
    let options = Arc::new(options);
    let token = log_in(&options).await?;
    report("before", &options);
    let idle = open(&options, &token, "bench-idle", options.idle).await?;
    let mut kept = JoinSet::new();
    for socket in idle {
        // Reading answers pings.
        kept.spawn(socket.for_each(async |_| {}));
    }
    sleep(Duration::from_secs(3)).await;
    report(&format!("{} idle sockets, {} still open", options.idle, count_open(&mut kept)), &options);
    if options.listeners > 0 {
        broadcast(&options, &token).await?;
    }
    println!("idle sockets still open: {}", count_open(&mut kept));
    Ok(())
}

/// The number of sockets that are still open.
fn count_open(kept: &mut JoinSet<()>) -> usize {
    while kept.try_join_next().is_some() {}
    kept.len()
}

async fn log_in(options: &Options) -> Outcome<String> {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("username", &options.email), ("password", &options.password)])
        .finish();
    let request = reqwest::Client::new()
        .post(format!("{}/token", options.url))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    let response: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(response["access_token"].as_str().ok_or("no access_token in the response")?.to_owned())
}

async fn open(options: &Options, token: &str, room: &str, number: usize) -> Outcome<Vec<Socket>> {
    let address = options.url.strip_prefix("http://").ok_or("--url has to begin with http://")?;
    let connect = async |_: usize| -> Outcome<Socket> {
        let mut request = format!("ws://{address}/api/v1/ws?room={room}").into_client_request()?;
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?);
        // Thousands of buffers of the default size would fill the client's memory.
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(client_async_with_config(request, stream, Some(config)).await?.0)
    };
    stream::iter(0..number).map(connect).buffer_unordered(CONCURRENCY).try_collect().await
}

async fn broadcast(options: &Arc<Options>, token: &str) -> Outcome {
    let reading = options.listeners.saturating_sub(options.stalled);
    let stalled = open(options, token, "bench", options.listeners - reading).await?;
    let mut listeners = JoinSet::new();
    let (start, sent) = (Instant::now(), options.rate * options.seconds);
    for socket in open(options, token, "bench", reading).await? {
        listeners.spawn(listen(socket, start, sent));
    }
    report(&format!("{} listeners, {} of them stalled", options.listeners, stalled.len()), options);
    // The sender reads too, because reading answers pings.
    let sender = open(options, token, "bench", 1).await?.pop().ok_or("no sender")?;
    let (mut sender, received) = sender.split();
    tokio::spawn(received.for_each(async |_| {}));
    let mut tick = interval(Duration::from_secs(1) / options.rate);
    for _ in 0..sent {
        tick.tick().await;
        let mut text = format!("{} ", start.elapsed().as_micros());
        text.extend(std::iter::repeat_n('x', options.bytes.saturating_sub(text.len())));
        sender.send(Message::text(text)).await?;
    }
    // No socket is closed before all are done: the room would get a message.
    let (all, kept): (Vec<_>, Vec<_>) = listeners.join_all().await.into_iter().unzip();
    let sent = usize::try_from(sent)?;
    let whole = all.iter().filter(|latencies| latencies.len() == sent).count();
    let mut latencies: Vec<u64> = all.into_iter().flatten().collect();
    latencies.sort_unstable();
    report("afterwards", options);
    let at = |share: usize| latencies.get((latencies.len() * share / 1000).min(latencies.len().saturating_sub(1)));
    let milliseconds = |micros: Option<&u64>| micros.map_or(0, |micros| *micros).div_ceil(1000);
    println!("received {} of {}", latencies.len(), reading * sent);
    println!("{whole} of {reading} listeners received everything");
    println!(
        "latency p50 {} ms, p99 {} ms, max {} ms",
        milliseconds(at(500)),
        milliseconds(at(990)),
        milliseconds(latencies.last())
    );
    drop((stalled, kept));
    Ok(())
}

/// The latency of each message, in microseconds.
async fn listen(mut socket: Socket, start: Instant, expected: u32) -> (Vec<u64>, Socket) {
    let mut latencies = Vec::new();
    while latencies.len() < usize::try_from(expected).unwrap_or(usize::MAX) {
        // The first message comes when all sockets are open.
        let limit = if latencies.is_empty() { Duration::from_mins(1) } else { LAST_MESSAGE_TIMEOUT };
        let Ok(Some(Ok(message))) = timeout(limit, socket.next()).await else { break };
        let sent_at =
            message.to_text().ok().and_then(|text| text.strip_prefix("Message: ")?.split(' ').next()?.parse().ok());
        if let Some(sent_at) = sent_at {
            let now = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            latencies.push(now.saturating_sub(sent_at));
        }
    }
    (latencies, socket)
}

fn report(when: &str, options: &Options) {
    let memory = options.pid.and_then(resident_kib).map_or_else(String::new, |kib| format!(": {} MiB", kib / 1024));
    println!("{when}{memory}");
}

/// The memory of the process, in KiB.
fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().split(' ').next()?.parse().ok()
}
