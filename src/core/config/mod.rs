//! The settings: their types ([`settings`]), where they come from ([`sources`]), and what production refuses
//! ([`production`]).

mod derived;
mod production;
mod settings;
mod sources;

pub use settings::{
    AuditSettings, AuthSettings, CorsSettings, DatabaseSettings, Environment, FirstSuperuser, JobSettings, LogFormat,
    MailSettings, RateLimitSettings, RedisSettings, ServerSettings, Settings, TelemetrySettings, UpstreamSettings,
    WebsocketSettings,
};
use sources::Merged;
pub use sources::Sources;

use crate::validation::schema::{self, Coercion, Loc, Problem};

/// Everything that is wrong with the settings. Prints keys, never values.
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
/// Every unknown key, invalid value and refused setting at once.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    let Merged { environment, values: mut merged, has_own_superuser } = sources.merge()?;
    derived::fill_in(environment, &mut merged);
    schema::read_text::<Settings>(&mut merged, Coercion::Setting);
    let mut problems = schema::problems::<Settings>(None, &merged);
    // Reported together with the problems above, for all values that can be read.
    production::refuse(environment, &merged, &mut problems);
    if !problems.is_empty() {
        return Err(ConfigError(problems));
    }
    // What the schema does not know, such as the longest prefix of a network. The text of the error may have the value.
    let mut settings: Settings = serde_path_to_error::deserialize(merged)
        .map_err(|error| vec![problem(&error.path().to_string(), "is malformed or out of range")])?;
    settings.environment = environment;
    settings.first_superuser.is_default = !has_own_superuser;
    Ok(settings)
}
