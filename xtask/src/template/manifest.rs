//! `Cargo.toml` without dependencies that the code does not use any more.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item};

/// The sections of `Cargo.toml` that list dependencies.
const SECTIONS: [&str; 2] = ["dependencies", "dev-dependencies"];

/// The names of the dependencies in `Cargo.toml`.
///
/// # Errors
/// When it is not TOML.
pub fn dependencies(manifest: &str) -> Result<Vec<String>> {
    let document: DocumentMut = manifest.parse().context("Cargo.toml")?;
    let tables = SECTIONS.iter().filter_map(|section| document.get(section).and_then(Item::as_table));
    Ok(tables.flat_map(|table| table.iter().map(|(name, _)| name.to_owned())).collect())
}

/// `Cargo.toml` without these dependencies, and with others for tests alone.
///
/// # Errors
/// When it is not TOML.
pub fn without(manifest: &str, unused: &[String], for_tests: &[String]) -> Result<String> {
    let mut document: DocumentMut = manifest.parse().context("Cargo.toml")?;
    for section in SECTIONS {
        let Some(table) = document.get_mut(section).and_then(Item::as_table_mut) else { continue };
        table.retain(|name, _| !unused.iter().any(|other| other == name));
    }
    for name in for_tests {
        let moved = document["dependencies"].as_table_mut().and_then(|table| table.remove(name));
        if let Some(moved) = moved {
            document["dev-dependencies"][name] = moved;
        }
    }
    if let Some(table) = document["dev-dependencies"].as_table_mut() {
        table.sort_values();
    }
    Ok(document.to_string())
}

/// `Cargo.toml` without profiles of packages that are not in the lock file, which would be warnings.
///
/// # Errors
/// When it is not TOML.
pub fn without_profiles(manifest: &str, packages: &BTreeSet<String>) -> Result<String> {
    let mut document: DocumentMut = manifest.parse().context("Cargo.toml")?;
    for profile in ["dev", "release"] {
        let of_packages = document["profile"][profile].get_mut("package").and_then(Item::as_table_like_mut);
        let Some(table) = of_packages else { continue };
        let removed: Vec<String> =
            table.iter().map(|(name, _)| name.to_owned()).filter(|name| !packages.contains(name)).collect();
        for name in removed {
            table.remove(&name);
        }
    }
    Ok(document.to_string())
}
