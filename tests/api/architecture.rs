//! Who may import whom. The rules stand in docs/architecture.md.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder or file of `src/`, and what no line of it may name.
const RULES: &[(&str, &[&str])] = &[
    (
        "core",
        &[
            "crate::auth",
            "crate::routes",
            "crate::services",
            "crate::schemas",
            "crate::entities",
            "crate::middleware",
            "crate::app",
            "crate::cli",
        ],
    ),
    ("error.rs", &["crate::routes", "crate::services", "crate::schemas", "crate::entities", "crate::middleware"]),
    (
        "mail.rs",
        &["crate::auth", "crate::routes", "crate::services", "crate::schemas", "crate::entities", "axum", "sea_orm"],
    ),
    (
        "upstream.rs",
        &["crate::auth", "crate::routes", "crate::services", "crate::schemas", "crate::entities", "axum::Json"],
    ),
    (
        "realtime",
        &[
            "crate::auth",
            "crate::routes",
            "crate::services",
            "crate::schemas",
            "crate::entities",
            "crate::middleware",
            "crate::app",
            "crate::cli",
            "sea_orm",
        ],
    ),
    ("entities", &["crate::", "axum", "utoipa", "schemars"]),
    (
        "schemas",
        &["crate::auth", "crate::routes", "crate::services", "crate::entities", "crate::error", "axum::", "sea_orm"],
    ),
    (
        "services",
        &[
            "crate::auth",
            "crate::routes",
            "crate::extract",
            "crate::middleware",
            "crate::app",
            "crate::jobs",
            "crate::mail",
            "axum",
            "http::",
            "TransactionTrait",
            "utoipa",
        ],
    ),
    (
        "jobs",
        &[
            "crate::auth",
            "crate::routes",
            "crate::extract",
            "crate::entities",
            "crate::middleware",
            "crate::app",
            "crate::cli",
            "axum",
        ],
    ),
    ("extract", &["crate::routes", "crate::services", "crate::schemas", "crate::entities", "sea_orm"]),
    ("auth.rs", &["crate::routes", "crate::entities", "sea_orm"]),
    ("middleware", &["crate::routes", "crate::services", "crate::schemas", "crate::entities", "sea_orm"]),
    ("routes", &["crate::entities", "crate::middleware", "crate::app", "sea_orm"]),
    ("../migrations", &["crate::", "keel::"]),
];

#[test]
fn every_layer_imports_only_what_it_may() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for (place, forbidden) in RULES {
        let files = rust_files(&source.join(place));
        assert!(!files.is_empty(), "{place} is gone: the rule protects nothing");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                for name in forbidden.iter().filter(|name| names(line, name)) {
                    broken.push(format!("{}:{} names {name}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A table that has no routes of its own: part of another resource.
const PARTS: [&str; 5] = ["item_tag", "tag", "email_token", "idempotency_key", "job"];

#[test]
fn every_resource_has_its_file_in_every_layer() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entity in rust_files(&source.join("entities")) {
        let name = entity.file_stem().unwrap().to_str().unwrap();
        if name == "mod" || PARTS.contains(&name) {
            continue;
        }
        for layer in ["schemas", "services", "routes", "../tests/api"] {
            let file = source.join(layer).join(name).with_extension("rs");
            assert!(file.exists(), "{} is missing", file.display());
        }
    }
}

/// Whether the line has the name as a path of its own, not inside a longer word.
fn names(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let starts = !line[..at].ends_with(is_word);
        let ends = name.ends_with(':') || !line[at + name.len()..].starts_with(is_word);
        starts && ends
    })
}

fn rust_files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(
            |path| {
                if path.is_dir() || path.extension().is_some_and(|e| e == "rs") { rust_files(&path) } else { vec![] }
            },
        )
        .collect()
}
