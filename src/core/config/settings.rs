//! Every setting, by section. The defaults and what each means stand in `config/default.toml`.
#![expect(missing_docs, reason = "each key is described once, in config/default.toml")]

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
    pub auth: AuthSettings,
    pub first_superuser: FirstSuperuser,
    pub telemetry: TelemetrySettings,
}

/// Where the process runs: `APP_ENV`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Environment {
    #[default]
    Development,
    Test,
    Production,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    #[schemars(length(min = 1))]
    pub host: String,
    pub port: u16,
    #[schemars(inner(length(min = 1)))]
    pub allowed_hosts: Vec<String>,
    #[schemars(range(min = 1))]
    pub max_body_bytes: usize,
    #[schemars(range(min = 1))]
    pub request_timeout_seconds: u64,
    #[schemars(range(min = 1))]
    pub header_timeout_seconds: u64,
    #[schemars(range(min = 1))]
    pub body_timeout_seconds: u64,
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    pub drain_delay_seconds: u64,
    pub shutdown_grace_seconds: u64,
    pub docs: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsSettings {
    #[schemars(inner(regex(pattern = r"^(\*|https?://[^/*\s]+)$")))]
    pub allowed_origins: Vec<String>,
    pub allow_credentials: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    #[schemars(with = "String", regex(pattern = "^(sqlite:|postgres(ql)?://)"))]
    pub url: SecretString,
    #[schemars(range(min = 1, max = 10_000))]
    pub max_connections: u32,
    #[schemars(range(min = 1))]
    pub acquire_timeout_ms: u64,
    #[schemars(range(min = 1))]
    pub statement_timeout_ms: u64,
    pub auto_migrate: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    #[schemars(with = "String", length(min = 32))]
    pub secret_key: SecretString,
    #[schemars(length(min = 1))]
    pub issuer: String,
    #[schemars(length(min = 1))]
    pub audience: String,
    #[schemars(range(min = 1))]
    pub access_token_seconds: u32,
    #[schemars(range(min = 1, max = 1024))]
    pub hash_concurrency: usize,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstSuperuser {
    #[schemars(email)]
    pub email: Option<String>,
    #[schemars(with = "Option<String>", length(min = 8, max = 128))]
    pub password: Option<SecretString>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Pretty,
    Json,
}
