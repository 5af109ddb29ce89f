//! The Redis server of the tests that need one.

use std::sync::LazyLock;

/// `TEST_REDIS_URL`, such as `redis://127.0.0.1:6379`.
#[expect(clippy::disallowed_methods, reason = "the suite has this one setting of its own")]
pub fn redis_url() -> Option<&'static str> {
    static URL: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("TEST_REDIS_URL").ok().filter(|url| !url.is_empty()));
    URL.as_deref()
}
