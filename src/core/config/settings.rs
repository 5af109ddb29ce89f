//! Every setting, by section. `config/default.toml` has the defaults and describes each one.
#![expect(missing_docs, reason = "each key is described once, in config/default.toml")]

use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// All settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(skip)]
    pub environment: Environment,
    pub server: ServerSettings,
    pub cors: CorsSettings,
    pub database: DatabaseSettings,
    pub redis: RedisSettings,
    pub auth: AuthSettings,
    pub audit: AuditSettings,
    pub rate_limit: RateLimitSettings,
    pub mail: MailSettings,           // only with jobs
    pub jobs: JobSettings,            // only with jobs
    pub websocket: WebsocketSettings, // only with realtime
    pub upstream: UpstreamSettings,   // only with external
    pub first_superuser: FirstSuperuser,
    pub metrics: MetricsSettings, // only with observability
    pub telemetry: TelemetrySettings,
}

/// The environment of the process: `APP_ENV`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Environment {
    #[default]
    Development,
    Production,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    #[schemars(length(min = 1))]
    pub host: String,
    pub port: u16,
    #[schemars(regex(pattern = r"^https?://[^\s?#]*[^\s?#/]$"))]
    pub public_url: Option<String>,
    #[schemars(inner(regex(pattern = r"^(\*|(\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$")))]
    pub allowed_hosts: Vec<String>,
    /// As networks: `10.0.0.0/8`.
    #[schemars(with = "Vec<String>", inner(regex(pattern = r"^[0-9a-fA-F.:]+/[0-9]+$")))]
    pub trusted_proxies: Vec<IpNet>,
    #[schemars(range(min = 1))]
    pub max_body_bytes: usize,
    #[schemars(range(min = 1, max = 86_400))]
    pub request_timeout_seconds: u64,
    #[schemars(range(min = 1, max = 86_400))]
    pub header_timeout_seconds: u64,
    #[schemars(range(min = 1, max = 86_400))]
    pub body_timeout_seconds: u64,
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    #[schemars(range(max = 86_400))]
    pub drain_delay_seconds: u64,
    #[schemars(range(max = 86_400))]
    pub shutdown_grace_seconds: u64,
    pub docs: bool,
    pub fastapi_dashboard: bool, // only with fastapi_dashboard
    #[schemars(length(min = 1))]
    pub static_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsSettings {
    // As browsers send them: without the default port.
    #[schemars(inner(regex(
        pattern = r"^(\*|(?!http:.*:80$|https:.*:443$)https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]*)?)$"
    )))]
    pub allowed_origins: Vec<String>,
    pub allow_credentials: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    #[schemars(with = "String", regex(pattern = "^(sqlite:|postgres(ql)?://)"))]
    pub url: SecretString,
    // One connection listens for jobs. // only with jobs
    #[schemars(range(min = 2, max = 10_000))]
    pub max_connections: u32,
    #[schemars(range(min = 1, max = 3_600_000))]
    pub acquire_timeout_ms: u64,
    #[schemars(range(min = 1, max = 3_600_000))]
    pub statement_timeout_ms: u64,
    #[schemars(range(min = 1, max = 3_600_000))]
    pub lock_timeout_ms: u64,
    pub auto_migrate: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    #[schemars(with = "String", length(min = 32))]
    pub secret_key: SecretString,
    #[schemars(with = "Vec<String>", inner(length(min = 32)))]
    pub previous_secret_keys: Vec<SecretString>,
    #[schemars(with = "Option<String>", regex(pattern = "^-----BEGIN PRIVATE KEY-----"))]
    pub private_key: Option<SecretString>,
    #[schemars(inner(regex(pattern = "^[A-Za-z0-9_-]{43}$")))]
    pub previous_public_keys: Vec<String>,
    #[schemars(length(min = 1))]
    pub issuer: String,
    #[schemars(length(min = 1))]
    pub audience: String,
    #[schemars(range(min = 1))]
    pub access_token_seconds: u32,
    #[schemars(range(min = 1))]
    pub refresh_token_seconds: u32,
    #[schemars(range(min = 1))]
    pub session_seconds: u32,
    #[schemars(range(max = 10))]
    pub refresh_grace_seconds: u32,
    #[schemars(range(max = 1000))]
    pub session_cache_ms: u64,
    pub recent_login_seconds: u32,
    // only with api_keys
    // The document states the same maximum: schemas::api_key.
    #[schemars(range(min = 1, max = 365))]
    pub api_key_max_days: u32,
    // only with jobs: begin
    #[schemars(range(min = 60))]
    pub reset_token_seconds: u32,
    #[schemars(range(min = 3600))]
    pub verification_token_seconds: u32,
    pub require_verified_email: bool,
    // only with jobs: end
    #[schemars(range(min = 8, max = 128))]
    pub password_min_length: usize,
    #[schemars(range(min = 1, max = 1024))]
    pub hash_concurrency: usize,
    #[schemars(range(min = 8, max = 4_194_304))]
    pub hash_memory_kib: u32,
    #[schemars(range(min = 1, max = 1000))]
    pub hash_iterations: u32,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    #[schemars(range(min = 1, max = 36_500))]
    pub keep_days: u32,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    #[schemars(with = "Option<String>", regex(pattern = "^rediss?://"))]
    pub url: Option<SecretString>,
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[\w:.-]+$"))]
    pub prefix: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitSettings {
    pub enabled: bool,
    #[schemars(range(min = 1, max = 1_000_000))]
    pub login_attempts: u32,
    #[schemars(range(min = 1, max = 86_400))]
    pub login_window_seconds: u32,
    #[schemars(range(max = 1_000_000))]
    pub requests_per_second: u32,
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: u32,
}

// only with jobs
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    #[schemars(with = "Option<String>", regex(pattern = "^smtps?://"))]
    pub smtp_url: Option<SecretString>,
    #[schemars(length(min = 3))]
    pub from: String,
    #[schemars(regex(pattern = r"^https?://[^\s]+$"))]
    pub frontend_url: String,
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: u64,
}

// only with jobs
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSettings {
    pub in_process: bool,
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: usize,
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: u32,
    #[schemars(range(min = 1, max = 45))]
    pub lease_seconds: u32,
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
}

// only with realtime
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebsocketSettings {
    #[schemars(range(min = 1, max = 16_777_216))]
    pub max_message_bytes: usize,
    #[schemars(range(min = 1, max = 65_536))]
    pub messages_per_second: u32,
    #[schemars(range(min = 1, max = 65_536))]
    pub queue_messages: usize,
    #[schemars(range(min = 1, max = 3600))]
    pub ping_seconds: u64,
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections_per_user: usize,
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
}

// only with external
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSettings {
    #[schemars(regex(pattern = r"^https?://[^\s]+$"))]
    pub base_url: Option<String>,
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: u64,
    #[schemars(range(max = 10))]
    pub retries: u32,
    #[schemars(range(min = 1))]
    pub max_body_bytes: usize,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstSuperuser {
    /// Whether this is the default of development, which has a published password.
    #[serde(skip)]
    pub is_default: bool,
    #[schemars(email)]
    pub email: Option<String>,
    #[schemars(with = "Option<String>", length(min = 8, max = 128))]
    pub password: Option<SecretString>,
}

// only with observability
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    #[schemars(length(min = 1))]
    pub host: String,
    pub port: Option<u16>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    pub log_format: LogFormat,
    #[schemars(range(min = 1, max = 3_600_000))]
    pub slow_statement_ms: u64,
    // only with observability: begin
    #[schemars(regex(pattern = r"^https?://[^\s?#]+$"))]
    pub otlp_endpoint: Option<String>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample_ratio: f64,
    // only with observability: end
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Pretty,
    Json,
}
