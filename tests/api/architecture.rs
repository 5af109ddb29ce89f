//! What each module may import, and that no files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module of `src/`, and what its files may import besides their own module.
struct Module {
    name: &'static str,
    /// Other modules of `src/`.
    modules: &'static str,
    /// Those of [`FRAMEWORKS`]. Any other crate may be used everywhere.
    frameworks: &'static str,
}

const fn module(name: &'static str, modules: &'static str, frameworks: &'static str) -> Module {
    Module { name, modules, frameworks }
}

/// Crates that belong to certain layers.
const FRAMEWORKS: &[&str] = &[
    "axum",
    "http_body_util",
    "hyper",
    "hyper_util",
    "lettre",
    "redis",
    "reqwest",
    "sea_orm",
    "sea_orm_migration",
    "tokio_tungstenite",
    "tower",
    "tower_http",
    "utoipa",
    "utoipa_axum",
];

/// Everything that is allowed. A new module starts with nothing. `a/b` is a part of `a` with a row of its own.
#[rustfmt::skip]
const MODULES: &[Module] = &[
    // The ground.
    module("core", "migrations validation/schema", "axum sea_orm sea_orm_migration"),
    module("error", "core rate_limit upstream validation/schema", "axum sea_orm"),
    module("migrations", "", "sea_orm_migration"),
    // What is stored, and the types of requests and responses.
    module("entities", "", "sea_orm"),
    module("schemas", "validation/schema", ""),
    module("validation/schema", "", "lettre utoipa"),
    // Clients of other services.
    module("mail", "core", "lettre"), // only with jobs
    module("rate_limit", "core", "axum redis"),
    module("upstream", "core", "reqwest"), // only with external
    // What is allowed, and every query.
    module("services", "core entities error jobs rate_limit schemas server upstream validation/schema", "sea_orm"),
    module("jobs", "core entities error mail schemas server services", "sea_orm"), // only with jobs
    module("realtime", "core error server services", "axum hyper hyper_util redis tokio_tungstenite"), // only with realtime
    // What a handler's signature may ask for.
    module("validation", "error validation/schema", "axum http_body_util tower_http"),
    module("extract", "core error schemas server services validation validation/schema", "axum hyper tokio_tungstenite utoipa"),
    module("auth", "core error extract schemas services state validation", "axum"),
    // What every request passes, and the routes.
    module("middleware", "auth core error extract rate_limit server validation/schema", "axum http_body_util tower tower_http"),
    module("routes", "auth core error extract jobs rate_limit realtime schemas server services state upstream validation",
        "axum tower tower_http utoipa utoipa_axum"),
    module("openapi", "routes schemas", "axum utoipa"),
    // What a process is made of.
    module("state", "core rate_limit realtime server services upstream", "axum"),
    module("app", "middleware openapi routes server state", "axum utoipa utoipa_axum"),
    module("server", "core", "axum hyper hyper_util tower"),
    module("cli", "app core jobs mail rate_limit realtime routes schemas server services state upstream", "axum tower"),
    module("main", "", ""),
    module("lib", "", ""),
];

#[test]
fn every_module_imports_only_what_the_table_allows() {
    let mut violations = BTreeSet::new();
    for file in SourceFile::all() {
        let module = module_of(&file.path);
        let row = MODULES.iter().find(|row| row.name == module);
        let row = row.unwrap_or_else(|| panic!("{module} has no row in the table: what may it import?"));
        for import in file.imports() {
            let other = module_of(&import);
            if other != module && !row.modules.split(' ').any(|allowed| allowed == other) {
                violations.insert(format!("{} imports {}", file.name(), import.join("::")));
            }
        }
        for framework in FRAMEWORKS.iter().filter(|framework| file.names_crate(framework)) {
            if !row.frameworks.split(' ').any(|allowed| allowed == *framework) {
                violations.insert(format!("{} names {framework}", file.name()));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn table_names_only_modules_that_exist() {
    let modules: BTreeSet<String> = SourceFile::all().iter().map(|file| module_of(&file.path)).collect();
    for row in MODULES {
        for name in row.modules.split_whitespace().chain([row.name]) {
            assert!(modules.contains(name), "{name} does not exist");
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let files = SourceFile::all();
    let paths: BTreeSet<&[String]> = files.iter().map(|file| file.path.as_slice()).collect();
    let mut graph: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for file in &files {
        let targets = file.imports().into_iter().filter_map(|import| file_of(&import, &paths));
        graph.insert(&file.path, targets.filter(|target| *target != file.path).collect());
    }
    // Files that import none of the remaining files are in no circle.
    loop {
        let remaining: BTreeSet<&[String]> = graph.keys().copied().collect();
        graph.retain(|_, targets| targets.iter().any(|target| remaining.contains(target)));
        if graph.len() == remaining.len() {
            break;
        }
    }
    let Some((first, _)) = graph.first_key_value() else { return };
    let mut walk = vec![*first];
    let circle = loop {
        let next = *graph[walk.last().unwrap()].iter().find(|target| graph.contains_key(*target)).unwrap();
        if let Some(start) = walk.iter().position(|seen| *seen == next) {
            break walk.split_off(start);
        }
        walk.push(next);
    };
    panic!("a circle: {}", circle.iter().map(|path| path.join("::")).collect::<Vec<_>>().join(" → "));
}

#[test]
fn every_resource_has_its_file_in_every_layer() {
    let files = SourceFile::all();
    let in_layer = |layer: &str, name: &str| {
        files.iter().any(|file| file.path[0] == layer && file.path.len() > 1 && file.path.last().unwrap() == name)
    };
    let entities = files.iter().filter(|file| file.path[0] == "entities" && file.path.len() > 1);
    let names: Vec<&String> = entities.map(|file| &file.path[1]).filter(|name| in_layer("routes", name)).collect();
    assert!(!names.is_empty());
    for name in names {
        assert!(in_layer("schemas", name), "schemas/{name}.rs is missing");
        assert!(in_layer("services", name), "{name}.rs is missing in services");
        let tests = root().join("tests/api").join(name).with_extension("rs");
        assert!(tests.exists(), "{} is missing", tests.display());
    }
}

/// One file of `src/` or `migrations/`.
struct SourceFile {
    /// Its path as a module: `["services", "page"]`.
    path: Vec<String>,
    /// Its code without comments.
    code: String,
}

impl SourceFile {
    fn all() -> Vec<Self> {
        let mut files = Vec::new();
        read_folder(&root().join("src"), &[], &mut files);
        read_folder(&root().join("migrations"), &["migrations".to_owned()], &mut files);
        files
    }

    fn name(&self) -> String {
        self.path.join("::")
    }

    /// Every path that begins with `crate::` or `super::`, without that beginning.
    fn imports(&self) -> Vec<Vec<String>> {
        let mut imports = Vec::new();
        for (start, root) in [("crate::", &[][..]), ("super::", self.path.split_last().map_or(&[][..], |(_, up)| up))] {
            for (at, _) in self.code.match_indices(start) {
                if !self.code[..at].ends_with(is_word) {
                    expand(root, &self.code[at + start.len()..], &mut imports);
                }
            }
        }
        // `super::*` stands in unit tests, and `super::super` leads here a second time.
        imports.retain(|import| import.last().is_some_and(|name| !name.is_empty() && name != "super"));
        imports
    }

    fn names_crate(&self, name: &str) -> bool {
        let path = format!("{name}::");
        self.code.match_indices(&path).any(|(at, _)| !self.code[..at].ends_with(|c| is_word(c) || c == ':'))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The paths of a tree of imports: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(root: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let (name, rest) = tree.split_at(tree.find(|c| !is_word(c)).unwrap_or(tree.len()));
    if let Some(group) = tree.strip_prefix('{') {
        for branch in branches(group) {
            expand(root, branch.trim_start(), paths);
        }
        return;
    }
    let path: Vec<String> = root.iter().cloned().chain([name.to_owned()]).collect();
    match rest.strip_prefix("::") {
        Some(rest) if rest.starts_with(|c| is_word(c) || c == '{') => expand(&path, rest, paths),
        _ => paths.push(path),
    }
}

/// The parts of a group between commas, up to its closing brace.
fn branches(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut branches) = (0, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' => {
                branches.push(&group[start..at]);
                break;
            }
            ',' if depth == 0 => {
                branches.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.retain(|branch| !branch.trim().is_empty());
    branches
}

/// The row of the table for a path: the longest name that it begins with.
fn module_of(path: &[String]) -> String {
    let part = path.get(..2).map(|part| part.join("/")).unwrap_or_default();
    if MODULES.iter().any(|row| row.name == part) { part } else { path[0].clone() }
}

/// The file in which a path is declared, as far as its text tells.
fn file_of<'a>(import: &[String], files: &BTreeSet<&'a [String]>) -> Option<&'a [String]> {
    (1..=import.len()).rev().find_map(|length| files.get(&import[..length]).copied())
}

fn read_folder(folder: &Path, module: &[String], files: &mut Vec<SourceFile>) {
    let entries: BTreeSet<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for entry in entries {
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let path: Vec<String> = module.iter().cloned().chain([name]).collect();
        if entry.is_dir() {
            read_folder(&entry, &path, files);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let path = if path.last().unwrap() == "mod" { module.to_vec() } else { path };
            let text = fs::read_to_string(&entry).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            files.push(SourceFile { path, code });
        }
    }
}
