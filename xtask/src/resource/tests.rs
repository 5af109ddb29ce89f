//! On the texts of this repository.

use std::path::Path;

use anyhow::{Context, Result};

use super::model::Access;
use super::{Field, add, add_by_name, remove};
use crate::files::{self, Files};

fn project() -> Result<Files> {
    files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

fn fields(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn resource_that_is_removed_again_leaves_nothing() -> Result<()> {
    let before = project()?;
    let with = add_by_name(&before, "order_line", &fields(&["title:string:1..80!", "price:decimal?", "owner:user"]))?;
    for layer in ["entities", "schemas", "services", "routes"] {
        assert!(with.contains_key(Path::new(&format!("src/{layer}/order_line.rs"))), "{layer}");
    }
    let routes = with.get(Path::new("src/routes/mod.rs")).context("routes")?;
    assert!(routes.contains(".nest(\"/order-lines\", order_line::router())"), "{routes}");
    let after = remove::remove(&with, "order_line", &|_| true)?;
    let changed = files::changed(&before, &after);
    // The heading of the changelog may be new.
    assert!(changed.iter().all(|path| path.ends_with("CHANGELOG.md")), "{changed:?}");
    Ok(())
}

#[test]
fn released_migration_stays_and_another_one_drops_the_table() -> Result<()> {
    let with = add_by_name(&project()?, "order_line", &fields(&["title:string", "owner:user"]))?;
    let after = remove::remove(&with, "order_line", &|_| false)?;
    let migrations = |end: &str| after.keys().filter(|path| path.to_string_lossy().ends_with(end)).count();
    assert_eq!((migrations("_create_order_lines.rs"), migrations("_drop_order_lines.rs")), (1, 1));
    let drop = after.iter().find(|(path, _)| path.to_string_lossy().ends_with("_drop_order_lines.rs"));
    assert!(drop.is_some_and(|(_, text)| text.contains("_create_order_lines::Migration.up(manager)")));
    Ok(())
}

#[test]
fn resource_that_another_one_refers_to_is_not_removed() -> Result<()> {
    let boards = add_by_name(&project()?, "board", &fields(&["title:string", "owner:user"]))?;
    let cards = add_by_name(&boards, "card", &fields(&["board:ref(board)", "owner:user"]))?;
    let error = remove::remove(&cards, "board", &|_| true).err().context("an error")?;
    assert!(error.to_string().contains("card.rs refers to `board`"), "{error}");
    Ok(())
}

#[test]
fn invalid_resources_are_refused_with_the_reason() -> Result<()> {
    let project = project()?;
    for (name, texts, reason) in [
        ("session", &["title:string"][..], "already"),
        ("page", &["title:string"], "exists already"),
        ("sheep", &["title:string"], "--plural"),
        ("Order", &["title:string"], "snake case"),
        ("type", &["title:string"], "reserved"),
        ("note", &["owner:user"], "at least one field"),
        ("note", &["title:string", "title:text"], "twice"),
        ("note", &["title:string", "a:user", "b:user"], "one owner"),
        ("note", &["board:ref(board)"], "no such resource"),
        ("note", &["code:string:1..1!"], "two characters"),
    ] {
        let error = add_by_name(&project, name, &fields(texts)).err().map(|error| format!("{error:#}"));
        assert!(error.as_ref().is_some_and(|error| error.contains(reason)), "{name} {texts:?}: {error:?}");
    }
    let access = Access { parent: Some("board".to_owned()), ..Access::default() };
    let title = vec![Field::parse("title:string")?];
    let error = add(&project, "note", None, title, &access).err().context("an error")?;
    assert!(error.to_string().contains("--parent board: there is no such resource"), "{error}");
    Ok(())
}
