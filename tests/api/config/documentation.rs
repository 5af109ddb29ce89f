//! The settings are described once, in `config/default.toml`. Everything else follows it.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use keel::core::config::Settings;

/// A key of `config/default.toml`, also one that is commented out.
struct Setting {
    section: String,
    key: String,
    /// The value in the file. An example if the key is commented out.
    value: String,
    is_optional: bool,
    /// The comment above it, or above the keys before it.
    description: String,
}

impl Setting {
    /// `server.port`
    fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// `APP__SERVER__PORT`
    fn variable(&self) -> String {
        format!("APP__{}", self.name().to_uppercase().replace('.', "__"))
    }

    fn all() -> Vec<Self> {
        Self::of("config/default.toml")
    }

    fn of(file: &str) -> Vec<Self> {
        let (mut section, mut description, mut was_key) = (String::new(), String::new(), false);
        let mut settings = Vec::new();
        for line in read(file).lines() {
            let (comment, text) = match line.strip_prefix("# ") {
                Some(text) => (true, text),
                None => (false, line),
            };
            if let Some(name) = text.strip_prefix('[').filter(|_| !comment) {
                name.trim_end_matches(']').clone_into(&mut section);
                description.clear();
            } else if let Some((key, value)) = text.split_once(" = ")
                && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            {
                let (section, key, value) = (section.clone(), key.to_owned(), value.to_owned());
                settings.push(Self { section, key, value, is_optional: comment, description: description.clone() });
                was_key = true;
            } else if comment {
                if was_key {
                    description.clear();
                }
                was_key = false;
                write!(description, "{}{text}", if description.is_empty() { "" } else { " " }).unwrap();
            }
        }
        settings
    }
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap()
}

#[test]
fn default_toml_names_every_setting_and_no_other() {
    let schema = keel::validation::schema::schema_of::<Settings>();
    let members = |schema: &serde_json::Value| -> Vec<String> {
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let mut settings = Vec::new();
    for section in members(&schema) {
        let pointer = schema["properties"][&section]["$ref"].as_str().unwrap().trim_start_matches('#');
        let keys = members(schema.pointer(pointer).unwrap());
        settings.extend(keys.into_iter().map(|key| format!("{section}.{key}")));
    }
    let documented: HashSet<String> = Setting::all().iter().map(Setting::name).collect();
    assert_eq!(documented, settings.into_iter().collect());
}

#[test]
fn env_example_names_every_setting() {
    let example = read(".env.example");
    let missing: Vec<String> = Setting::all()
        .iter()
        .map(|setting| format!("{}=", setting.variable()))
        .filter(|variable| !example.contains(variable))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The page `docs/configuration.md`.
fn configuration_page() -> String {
    let mut page = "# Configuration\n\n\
        Generated from `config/default.toml` by the tests:\n\
        `UPDATE_DOCS=1 cargo test --test api configuration_page` writes it again.\n\n\
        Later layers override earlier ones: `config/default.toml`, `config/{APP_ENV}.toml`, `config/local.toml`,\n\
        `.env`, the environment. The variable of a key is `APP__SECTION__KEY`: `APP__SERVER__PORT=9000` sets\n\
        `server.port`. A list is separated by commas. An unknown key or an invalid value stops the start.\n"
        .to_owned();
    let settings = Setting::all();
    let environments = ["development", "production"];
    let differences = environments.map(|name| (name, Setting::of(&format!("config/{name}.toml"))));
    let mut section = "";
    for setting in &settings {
        if setting.section != section {
            section = &setting.section;
            write!(page, "\n## {section}\n\n| key | default | meaning |\n| --- | --- | --- |\n").unwrap();
        }
        let mut default = if setting.is_optional { "unset".to_owned() } else { format!("`{}`", setting.value) };
        for (environment, values) in &differences {
            if let Some(Setting { value, .. }) = values.iter().find(|other| other.name() == setting.name()) {
                write!(default, ", in {environment} `{value}`").unwrap();
            }
        }
        let description = setting.description.replace('|', "\\|");
        writeln!(page, "| `{}` | {default} | {description} |", setting.key).unwrap();
    }
    page
}

#[test]
fn configuration_page_is_current() {
    let (page, file) = (configuration_page(), path("docs/configuration.md"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let current = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        current == page,
        "docs/configuration.md differs from config/default.toml; its first lines say how to update it"
    );
}

#[test]
fn every_setting_is_described() {
    let undescribed: Vec<String> =
        Setting::all().iter().filter(|setting| setting.description.is_empty()).map(Setting::name).collect();
    assert!(undescribed.is_empty(), "{undescribed:?}");
}
