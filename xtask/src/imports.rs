//! Imports of what was cut.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

static USE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^[ \t]*(?:pub(?:\([a-z]+\))? )?use ([^;]+);.*\n").ok());
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z_][A-Za-z0-9_]*").ok());
static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^\s*//.*$").ok());

/// The words of the code, without imports and comments.
fn words(text: &str) -> BTreeSet<&str> {
    let (Some(import), Some(word), Some(comment)) = (USE.as_ref(), WORD.as_ref(), COMMENT.as_ref()) else {
        return BTreeSet::new();
    };
    let skipped: Vec<_> = import.find_iter(text).chain(comment.find_iter(text)).map(|found| found.range()).collect();
    word.find_iter(text)
        .filter(|found| !skipped.iter().any(|range| range.contains(&found.start())))
        .map(|found| found.as_str())
        .collect()
}

/// `after` without the imports of names that occurred only in what was cut from `before`. Names that never occur, such
/// as those of traits, stay.
pub fn remove_unused(before: &str, after: &str) -> String {
    let Some(import) = USE.as_ref() else { return after.to_owned() };
    let (old, new) = (words(before), words(after));
    let removed: BTreeSet<&str> = old.difference(&new).copied().collect();
    if removed.is_empty() {
        return after.to_owned();
    }
    import
        .replace_all(after, |found: &regex::Captures<'_>| {
            // A re-export is used elsewhere.
            if found[0].trim_start().starts_with("pub") {
                return found[0].to_owned();
            }
            if !names(&found[1]).any(|name| removed.contains(name)) {
                return found[0].to_owned();
            }
            match without(&found[1], &removed) {
                Some(tree) => found[0].replace(&found[1], &tree),
                None => String::new(),
            }
        })
        .into_owned()
}

/// The names in the tree of a `use`.
fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.split(|character: char| !character.is_alphanumeric() && character != '_')
}

/// The text without imports and re-exports of names that are not defined any more.
pub fn remove_names(text: &str, undefined: &BTreeSet<&str>) -> String {
    let Some(import) = USE.as_ref() else { return text.to_owned() };
    import
        .replace_all(text, |found: &regex::Captures<'_>| {
            if !["crate::", "super::", "self::"].iter().any(|start| found[1].starts_with(start))
                && !found[0].trim_start().starts_with("pub")
                && !found[1].starts_with("keel")
                || !names(&found[1]).any(|name| undefined.contains(name))
            {
                return found[0].to_owned();
            }
            match without(&found[1], undefined) {
                Some(tree) => found[0].replace(&found[1], &tree),
                None => String::new(),
            }
        })
        .into_owned()
}

/// The tree of a `use` without these names; `None` when nothing is left.
fn without(tree: &str, removed: &BTreeSet<&str>) -> Option<String> {
    let tree = tree.trim();
    if let Some((path, list)) = tree.split_once('{') {
        let list = list.strip_suffix('}')?;
        let module = path.trim_end_matches("::").rsplit("::").next().unwrap_or(path);
        let is_removed = |entry: &str| entry.trim() == "self" && removed.contains(module);
        let entries = split(list).into_iter().filter(|entry| !is_removed(entry));
        let kept: Vec<String> = entries.filter_map(|entry| without(entry, removed)).collect();
        return match kept.as_slice() {
            [] => None,
            [only] if only != "self" => Some(format!("{path}{only}")),
            [_] => Some(path.trim_end_matches("::").to_owned()),
            _ => Some(format!("{path}{{{}}}", kept.join(", "))),
        };
    }
    let name = tree.rsplit_once(" as ").map_or_else(|| tree.rsplit("::").next().unwrap_or(tree), |(_, name)| name);
    (!removed.contains(name.trim())).then(|| tree.to_owned())
}

/// Splits at the commas outside of braces.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_the_cut_used_are_not_imported() {
        let imports = "use a::{B, c::{D, E}};\nuse f::Trait;\nuse g::H;\nuse i::{self, J};\n";
        let before = format!("{imports}\nfn x() {{ B::new(D, E, H, i::x(), J); }}\n");
        let after = format!("{imports}\nfn x() {{ B::new(D, J); }}\n");
        let expected = "use a::{B, c::D};\nuse f::Trait;\nuse i::J;\n\nfn x() { B::new(D, J); }\n";
        assert_eq!(remove_unused(&before, &after), expected);
    }
}
