//! The settings: what they are ([`settings`]), where they come from ([`sources`]), and what production
//! refuses ([`production`]).

mod production;
mod settings;
mod sources;

pub use settings::{
    AuditSettings, AuthSettings, CorsSettings, DatabaseSettings, Environment, FirstSuperuser, JobSettings, LogFormat,
    MailSettings, RateLimitSettings, RedisSettings, ServerSettings, Settings, TelemetrySettings, UpstreamSettings,
    WebsocketSettings,
};
pub use sources::Sources;

use crate::validation::schema::{self, Coercion, Loc, Problem};

/// Why there are no settings: everything that is wrong with them. Prints keys, never values.
#[derive(Debug)]
pub struct ConfigError(Vec<Problem>);

impl std::error::Error for ConfigError {}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the configuration is not valid:")?;
        for problem in &self.0 {
            write!(f, "\n  {}: {}", problem.dotted(), problem.msg)?;
        }
        Ok(())
    }
}

impl From<Vec<Problem>> for ConfigError {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

/// A problem with the setting at a dotted key.
fn problem(key: &str, message: impl Into<String>) -> Problem {
    Problem::new(key.split('.').map(Loc::from).collect(), "value_error", message)
}

/// Reads, merges and checks the settings.
///
/// # Errors
/// Every unknown key, wrong value and refusal at once.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    let (environment, mut merged) = sources.merge()?;
    schema::read_text::<Settings>(&mut merged, Coercion::Setting);
    let mut problems = schema::problems::<Settings>(None, &merged);
    // What production refuses is told together with the rest, as far as it can be read.
    production::refuse(environment, &merged, &mut problems);
    if !problems.is_empty() {
        return Err(ConfigError(problems));
    }
    let settings =
        serde_json::from_value::<Settings>(merged).map_err(|error| vec![problem("settings", error.to_string())])?;
    Ok(Settings { environment, ..settings })
}
