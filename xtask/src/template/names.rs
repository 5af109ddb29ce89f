//! The names of a project.

use std::path::Path;

use anyhow::{Context, Result, bail};
use regex::Regex;

/// The name of the template, which nothing in a project has.
pub const TEMPLATE: &str = "keel";

/// Words that a crate cannot be called: keywords, and crates that every build has.
const RESERVED: &str = "abstract alloc as async await become box break build const continue core crate deps do dyn else \
    enum examples extern false final fn for gen if impl in incremental let loop macro match mod move mut override priv \
    proc_macro pub ref return self static std struct super test trait true try type typeof unsafe unsized use virtual \
    where while xtask yield";

/// The names of a project.
#[derive(Clone)]
pub struct Names {
    /// Of the package and the binary: `acme-orders`.
    pub package: String,
    /// Of the library, in Rust: `acme_orders`.
    pub library: String,
}

impl Names {
    /// Checks a project's name. `lock` is the text of `Cargo.lock`.
    ///
    /// # Errors
    /// When the name cannot be the name of a package, or is the name of a dependency.
    pub fn new(name: &str, lock: &str) -> Result<Self> {
        let is_valid = |name: &str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        let problem = if name.is_empty() {
            "it is empty"
        } else if name.len() > 40 {
            "it has more than 40 characters"
        } else if name.starts_with(|first: char| first.is_ascii_digit()) {
            "it begins with a digit"
        } else if name.starts_with(['-', '_']) || name.ends_with(['-', '_']) || name.contains("--") {
            "it begins or ends with a dash, or has two of them in a row"
        } else if !is_valid(name) {
            "it may have small letters, digits and dashes only"
        } else if RESERVED.split_whitespace().any(|word| word == name.replace('-', "_")) {
            "Rust uses this word itself"
        } else if is_dependency(name, lock) {
            "a dependency has this name"
        } else if name.contains(TEMPLATE) {
            "it is the name of the template"
        } else {
            return Ok(Self { package: name.to_owned(), library: name.replace('-', "_") });
        };
        bail!("`{name}` cannot be the project's name: {problem}");
    }

    /// The text with these names in place of the template's.
    ///
    /// # Errors
    /// Never: the patterns are fixed.
    pub fn apply(&self, path: &Path, text: &str) -> Result<String> {
        // Kubernetes allows no underscores in names.
        let package =
            if path.starts_with("deploy/kubernetes") { self.package.replace('_', "-") } else { self.package.clone() };
        // Two steps, so that a name which contains the old one is not replaced again.
        let rules = [
            (r#"(?m)(^\[lib\]\nname = )"keel""#, "$1\"%library%\""),
            ("CARGO_BIN_EXE_keel", "CARGO_BIN_EXE_%package%"),
            (r"keel(::|\\?_|=(?:off|error|warn|info|debug|trace))", "%library%$1"),
            ("(_|use |crate )keel", "$1%library%"),
            ("[kK]eel", "%package%"),
            ("KEEL", "%upper%"),
        ];
        let mut text = text.to_owned();
        for (pattern, replacement) in rules {
            text = Regex::new(pattern).context(pattern)?.replace_all(&text, replacement).into_owned();
        }
        Ok(text
            .replace("%package%", &package)
            .replace("%library%", &self.library)
            .replace("%upper%", &self.library.to_uppercase()))
    }
}

fn is_dependency(name: &str, lock: &str) -> bool {
    let same = |other: &str| other.replace('-', "_") == name.replace('-', "_");
    lock.lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .any(|other| other != TEMPLATE && same(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"keel\"\n[[package]]\nname = \"tokio-util\"\n";

    #[test]
    fn names_that_cannot_be_packages_are_refused_with_the_reason() {
        for (name, reason) in [
            ("", "empty"),
            ("1st", "digit"),
            ("-a", "dash"),
            ("a--b", "dash"),
            ("Orders", "small letters"),
            ("a b", "small letters"),
            ("async", "Rust uses"),
            ("proc-macro", "Rust uses"),
            ("tokio_util", "dependency"),
            ("keel", "template"),
        ] {
            let error = Names::new(name, LOCK).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(reason), "{name}: {error}");
        }
        assert!(Names::new("acme-orders", LOCK).is_ok());
    }

    #[test]
    fn code_gets_the_name_of_the_library_and_texts_that_of_the_package() -> Result<()> {
        let names = Names::new("acme-orders", LOCK)?;
        let text = "use keel::app; // Keel\nRUST_LOG=keel=debug KEEL_X keel_test `keel doctor` CARGO_BIN_EXE_keel";
        let expected = "use acme_orders::app; // acme-orders\nRUST_LOG=acme_orders=debug ACME_ORDERS_X acme_orders_test \
                        `acme-orders doctor` CARGO_BIN_EXE_acme-orders";
        assert_eq!(names.apply(Path::new("x.md"), text)?, expected);
        Ok(())
    }
}
