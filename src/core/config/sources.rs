//! Where settings come from. Later wins: `default.toml`, `{APP_ENV}.toml`, `local.toml`, `.env`, the environment. The
//! first two are compiled in; files of the same name add to them.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use config::{Config, ConfigBuilder, File, FileFormat, builder::DefaultState};
use serde_json::Value;

use super::settings::Environment;
use super::{ConfigError, problem};
use crate::validation::schema::Problem;

/// The short names that platforms set, with the setting of each.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("HOST", "server.host"),
    ("PORT", "server.port"),
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "redis.url"),
    ("SECRET_KEY", "auth.secret_key"),
    ("SMTP_URL", "mail.smtp_url"),         // only with jobs
    ("FRONTEND_URL", "mail.frontend_url"), // only with jobs
    ("FIRST_SUPERUSER", "first_superuser.email"),
    ("FIRST_SUPERUSER_PASSWORD", "first_superuser.password"),
];

/// The sources of settings, as values, so that tests can provide their own.
#[derive(Debug, Default)]
pub struct Sources {
    /// The folder of the TOML files, which need not exist.
    pub folder: Option<PathBuf>,
    /// The variables of `.env`.
    pub dotenv: HashMap<String, String>,
    /// The variables of the process.
    pub variables: HashMap<String, String>,
}

/// All layers in one.
pub(super) struct Merged {
    pub(super) environment: Environment,
    /// As they were written: values from variables are still text.
    pub(super) values: Value,
    /// Whether the operator has set the first superuser's password.
    pub(super) has_own_superuser: bool,
}

impl Sources {
    /// The sources of this process: its environment, `.env` in the working folder, and the files in `APP_CONFIG_DIR` or
    /// `./config`.
    ///
    /// # Errors
    /// When `.env` exists but cannot be read, for a value that is not UTF-8, and when `APP_CONFIG_DIR` is not a folder.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Result<Self, ConfigError> {
        let dotenv = match dotenvy::from_path_iter(".env") {
            Ok(variables) => variables.collect::<Result<_, _>>(),
            Err(error) if error.not_found() => Ok(HashMap::new()),
            Err(error) => Err(error),
        };
        let dotenv: HashMap<String, String> = dotenv.map_err(|error| match error {
            // The error quotes the line, which may hold a secret.
            dotenvy::Error::LineParse(_, at) => {
                vec![problem(".env", format!("cannot be read at character {at} of a line"))]
            }
            error => vec![problem(".env", error.to_string())],
        })?;
        let mut variables = HashMap::new();
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => _ = variables.insert(name, value),
                (Ok(name), Err(_)) if is_setting(&name) => return Err(vec![problem(&name, "is not UTF-8")].into()),
                // A variable of another program.
                _ => {}
            }
        }
        let mut sources = Self { folder: None, dotenv, variables };
        sources.folder = match sources.get("APP_CONFIG_DIR").map(PathBuf::from) {
            Some(folder) if !folder.is_dir() => return Err(vec![problem("APP_CONFIG_DIR", "is not a folder")].into()),
            Some(folder) => Some(folder),
            None => Some("config".into()),
        };
        Ok(sources)
    }

    /// A variable that is not a setting, such as `RUST_LOG`. Empty counts as absent, and does not hide that of `.env`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let layers = [&self.variables, &self.dotenv];
        let mut values = layers.into_iter().filter_map(|variables| variables.get(name)).map(String::as_str);
        values.find(|value| !value.is_empty())
    }

    /// Merges all layers.
    pub(super) fn merge(&self) -> Result<Merged, ConfigError> {
        let (environment, name, differences) = match self.get("APP_ENV").unwrap_or("development") {
            "development" => {
                (Environment::Development, "development", include_str!("../../../config/development.toml"))
            }
            "production" => (Environment::Production, "production", include_str!("../../../config/production.toml")),
            _ => return Err(vec![problem("APP_ENV", "Input should be 'development' or 'production'")].into()),
        };
        let own = self.own_layers()?;
        let has_own_superuser = own.get_string("first_superuser.password").is_ok();
        let mut builder = Config::builder();
        for (name, compiled_in) in [("default", include_str!("../../../config/default.toml")), (name, differences)] {
            builder = builder.add_source(File::from_str(compiled_in, FileFormat::Toml));
            builder = self.add_file(builder, name)?;
        }
        let merged = builder.add_source(own).build().and_then(Config::try_deserialize).map_err(unreadable)?;
        Ok(Merged { environment, values: merged, has_own_superuser })
    }

    /// The layers that only the operator writes: `local.toml`, `.env` and the environment.
    fn own_layers(&self) -> Result<Config, ConfigError> {
        let mut builder = self.add_file(Config::builder(), "local")?;
        for variables in [&self.dotenv, &self.variables] {
            builder = add_variables(builder, variables)?;
        }
        Ok(builder.build().map_err(unreadable)?)
    }

    /// Adds a file, if there is one. A link that leads nowhere is an error: the operator meant a file.
    fn add_file(
        &self,
        builder: ConfigBuilder<DefaultState>,
        name: &str,
    ) -> Result<ConfigBuilder<DefaultState>, ConfigError> {
        let Some(folder) = &self.folder else { return Ok(builder) };
        let path = folder.join(format!("{name}.toml"));
        // `config` takes a file that cannot be read for one that is missing.
        match fs::read(&path) {
            Ok(_) => Ok(builder.add_source(File::from(path))),
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => Ok(builder),
            Err(error) => Err(vec![problem(&path.to_string_lossy(), format!("cannot be read: {error}"))].into()),
        }
    }
}

fn unreadable(error: config::ConfigError) -> Vec<Problem> {
    match error {
        // The lines after the first quote the file, which may hold a secret.
        config::ConfigError::FileParse { uri, cause } => {
            let cause = cause.to_string();
            vec![problem(&uri.unwrap_or_default(), cause.lines().next().unwrap_or_default())]
        }
        error => vec![problem("config", error.to_string())],
    }
}

fn is_setting(name: &str) -> bool {
    name.starts_with("APP_") || SHORT_NAMES.iter().any(|(short, _)| *short == name)
}

/// Adds the short names first, so that the long name wins within one layer. An empty variable counts as absent.
fn add_variables(
    mut builder: ConfigBuilder<DefaultState>,
    variables: &HashMap<String, String>,
) -> Result<ConfigBuilder<DefaultState>, ConfigError> {
    let short = SHORT_NAMES.iter().filter_map(|(name, key)| Some(((*key).to_owned(), variables.get(*name)?)));
    let long = variables
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("APP__")?.to_lowercase().replace("__", "."), value)));
    for (key, value) in short.chain(long).filter(|(_, value)| !value.is_empty()) {
        let unknown = || vec![problem(&key, "is not the name of a setting")];
        if !has_only_characters_of_names(&key) {
            return Err(unknown().into());
        }
        builder = builder.set_override(&key, value.as_str()).map_err(|_| unknown())?;
    }
    Ok(builder)
}

/// `config` would read `[9]` as an index, and make a list of that length.
fn has_only_characters_of_names(key: &str) -> bool {
    key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
}
