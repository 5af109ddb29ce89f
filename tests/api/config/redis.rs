//! `redis.url`.

use keel::core::clock::Clock;
use keel::rate_limit::Limiter;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::app::settings;
use crate::support::socket::TIMEOUT;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

#[tokio::test]
async fn rediss_connects_with_tls() {
    for (scheme, is_tls) in [("rediss", true), ("redis", false)] {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut settings = settings();
        settings.redis.url = Some(format!("{scheme}://{}", server.local_addr().unwrap()).into());
        let limiter = Limiter::new(&settings, Clock::system()).unwrap();
        let connected = async {
            let (mut connection, _) = server.accept().await.unwrap();
            connection.read_u8().await.unwrap()
        };
        let (is_degraded, first) = tokio::join!(limiter.is_degraded(), timeout(TIMEOUT, connected));
        assert!(is_degraded);
        assert_eq!(first.unwrap() == HANDSHAKE, is_tls, "{scheme}");
    }
}

#[test]
fn invalid_redis_url_is_refused_without_its_value() {
    for url in ["redis://", "rediss://:s3cr3t-7f3a@host:port", "redis://localhost/s3cr3t-7f3a"] {
        let mut settings = settings();
        settings.redis.url = Some(url.to_owned().into());
        let error = Limiter::new(&settings, Clock::system()).map(|_| ()).unwrap_err();
        assert!(error.starts_with("redis.url: ") && !error.contains(super::MARKER), "{error}");
    }
}
