//! Files for developers and operators that the compiler does not read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
}

#[test]
fn deployment_files_name_settings_that_exist() {
    let example = fs::read_to_string(repository().join(".env.example")).unwrap();
    let variable = Regex::new("APP__[A-Z_]+[A-Z]").unwrap();
    let mut files = files_of(&repository().join("deploy"));
    files.extend(["docker-compose.yml", "docker-compose.production.yml"].map(|file| repository().join(file)));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for name in variable.find_iter(&text).map(|found| found.as_str()) {
            assert!(example.contains(&format!("{name}=")), "{}: {name} is no setting", file.display());
        }
    }
}

#[test]
fn image_is_for_production_and_compose_is_for_this_machine() {
    let read = |file: &str| fs::read_to_string(repository().join(file)).unwrap();
    assert!(read("Dockerfile").contains("APP_ENV=production"));
    let compose = read("docker-compose.yml");
    assert!(compose.starts_with("# DEVELOPMENT") && compose.contains("APP_ENV: development"));
    let ports = Regex::new(r#"- "([^"]*:\d+)"\n"#).unwrap();
    let published: Vec<&str> = ports.captures_iter(&compose).map(|found| found.extract::<1>().1[0]).collect();
    assert!(!published.is_empty());
    assert!(published.iter().all(|port| port.starts_with("127.0.0.1:")), "{published:?}");
    let production = read("docker-compose.production.yml");
    assert!(production.contains("APP_ENV: production") && production.contains("APP__SERVER__DOCS:-false"));
}

#[test]
fn dashboard_and_alerts_name_metrics_that_exist() {
    let described = fs::read_to_string(repository().join("src/cli/metrics.rs")).unwrap();
    let metric = Regex::new(r#"describe_\w+!\(\s*"(\w+)""#).unwrap();
    let metrics: Vec<&str> = metric.captures_iter(&described).map(|found| found.extract::<1>().1[0]).collect();
    // Prometheus itself has the first two. With a colon it is the name of a recorded rule.
    let is_ours =
        |name: &str| !["up", "ALERTS"].contains(&name) && !name.starts_with("process_") && !name.contains(':');
    let name = Regex::new(r"([\w:]+)\{").unwrap();
    let mut files = files_of(&repository().join("deploy/prometheus"));
    files.extend(files_of(&repository().join("deploy/grafana")));
    let mut found = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "yml" || kind == "json")) {
        let text = fs::read_to_string(file).unwrap();
        for used in name.captures_iter(&text).map(|found| found.extract::<1>().1[0]).filter(|name| is_ours(name)) {
            let base =
                ["_bucket", "_count", "_sum"].iter().find_map(|suffix| used.strip_suffix(suffix)).unwrap_or(used);
            assert!(metrics.contains(&base) || metrics.contains(&used), "{}: no metric {used}", file.display());
            found += 1;
        }
    }
    assert!(found > 0, "no queries were found");
}

#[test]
fn every_alert_has_a_section_in_the_operations_guide() {
    let rules = fs::read_to_string(repository().join("deploy/prometheus/alerts.yml")).unwrap();
    let guide = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(guide.contains(&format!("\n### {alert}\n")), "{alert} has no section");
        let link = format!("docs/operations.md#{}", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} does not link to its section");
    }
}

#[test]
fn new_migration_becomes_the_last_one_of_the_list() {
    let folder = tempfile::tempdir().unwrap();
    for file in files_of(&repository().join("migrations")) {
        fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }

    let output = Command::new("sh").arg(folder.path().join("new.sh")).arg("create_notes").output().unwrap();

    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let module = printed.trim().strip_prefix("migrations/").unwrap().strip_suffix(".rs").unwrap();
    assert!(folder.path().join(format!("{module}.rs")).exists());
    let list = fs::read_to_string(folder.path().join("mod.rs")).unwrap();
    assert!(list.contains(&format!("mod {module};\n\n")), "{list}");
    assert!(list.contains(&format!("Box::new({module}::Migration),\n        ]")), "{list}");
}

#[test]
fn new_migration_needs_a_name_in_snake_case() {
    let script = repository().join("migrations/new.sh");
    for arguments in [&[][..], &["Create-Notes"], &["create notes"], &["create_notes", "more"]] {
        let output = Command::new("sh").arg(&script).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
