//! Compares what `new-resource` writes with the sample resource, which people have written, and with the documentation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use regex::Regex;

use crate::files::{self, Files};
use crate::resource;

/// Lines of a generated `item` that the hand-written one does not have, and why.
const DIFFERENCES: [(&str, &str); 16] = [
    (r"^\s*//[/!]", "people know what a field means; lists of items have more orders than one"),
    (r"^use |^    \w+(, \w+)*,$", "imports follow from the rest"),
    (r"\b(Path: ItemPath|params\(Paging\)|ValidQuery\(paging\))", "items have filters, and a second path"),
    (r"item::list\(&db, &caller, paging\)", "items have filters"),
    (r"pub async fn list\(|let position|newest_first\(|page\.map\(read_model\)", "items have filters and orders"),
    (r"fn read_model\(item: item::Model\) -> ItemRead", "items have tags"),
    (r"read_model\(item\)", "items have tags"),
    (r"let Item(Create|Update) \{ .* \} = data;", "items have tags"),
    (
        r"^    ItemRead \{$|^        \w+(: \w+\.map\(Amount::from_minor_units\))?,$|^    \}$",
        "without variables it is longer",
    ),
    (r"\.one\(db\)\.await\?\.ok_or\(NOT_FOUND\)\?;", "items are read with their tags"),
    (r"if key\.is_none\(\) \{", "items with tags need a transaction"),
    (r"(price|tax): Set\(", "a rule compares price and tax, so that both are known before"),
    (r"available_from: Set\(available_from\.map_or", "the generator names the variable after the field"),
    (r#"column_type = "Text", nullable"#, "the description of an item is short"),
    (r"^#\[derive\(.*JsonSchema\)\]$", "the condition of an item has a default"),
    (r#"rename_all = "snake_case""#, "values of the generator may have several words"),
];

fn repository() -> Result<Files> {
    files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

fn generated(files: &Files, name: &str, fields: &[&str]) -> Result<Files> {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    resource::add_by_name(files, name, &fields)
}

/// Lines of code, whatever their indentation and line breaks.
fn lines(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn generated_item_differs_from_the_sample_only_where_it_is_listed() -> Result<()> {
    let before = repository()?;
    let without = resource::remove::remove(&before, "item", &|_| true)?;
    let fields = [
        "title:string:1..255",
        "description:text:..255?",
        "price:decimal:0.01..?",
        "tax:decimal?",
        "condition:enum(new,used,refurbished)",
        "available_from:datetime?",
        "owner:user",
    ];
    let after = generated(&without, "item", &fields)?;
    let mut used = BTreeSet::new();
    for layer in ["entities", "schemas", "services", "routes"] {
        let path = PathBuf::from(format!("src/{layer}/item.rs"));
        let (sample, new) = (before.get(&path).context("the sample")?, after.get(&path).context("the new file")?);
        let sample = lines(sample);
        for line in lines(new).into_iter().filter(|line| !sample.contains(line)) {
            let listed =
                DIFFERENCES.iter().position(|(pattern, _)| Regex::new(pattern).is_ok_and(|it| it.is_match(line)));
            used.insert(listed.with_context(|| format!("{}: the sample has no line `{line}`", path.display()))?);
        }
    }
    assert_eq!(used.len(), DIFFERENCES.len(), "all of these differences are there: {used:?}");
    Ok(())
}

#[test]
fn documentation_lists_the_files_that_the_generator_writes() -> Result<()> {
    let before = repository()?;
    let after = generated(&before, "note", &["title:string:1..80", "body:text?", "owner:user"])?;
    let manual = before.get(Path::new("docs/architecture.md")).context("architecture.md")?;
    let section = manual.split("## Add a resource").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows =
        section.context("the section")?.lines().filter(|line| line.starts_with("| ") && !line.contains("new file"));
    let path = Regex::new(r"`([a-z]+/[\w./…]+\.rs)`")?;
    let (mut new, mut changed) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        let columns: Vec<&str> = row.split(" | ").collect();
        let paths = |column: &str| path.captures_iter(column).map(|found| found[1].to_owned()).collect::<Vec<_>>();
        new.extend(paths(columns.get(1).context("a column")?).into_iter().take(1));
        changed.extend(paths(columns.get(2).context("a column")?));
    }
    // A migration's name begins with its date.
    let date = Regex::new(r"/m\d{8}_\d{6}_")?;
    let named = |path: &Path| date.replace(&path.to_string_lossy(), "/m…_").into_owned();
    let paths = files::changed(&before, &after);
    let (were, are_new): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(|path| before.contains_key(**path));
    assert_eq!(new, are_new.iter().map(|path| named(path)).collect());
    let were: BTreeSet<String> = were.iter().map(|path| named(path)).filter(|path| path != "CHANGELOG.md").collect();
    assert_eq!(changed, were);
    Ok(())
}
