//! Resources of different shapes are added to a project, tested on both databases, and removed again.

use anyhow::{Result, bail};

use super::project::Project;
use crate::answers::git;

/// A parent, a public one that superusers write, and one below the first with every type and a reference to the second.
const RESOURCES: [&[&str]; 3] = [
    &["board", "title:string:1..80!", "note:text?"],
    &["country", "code:string:2..2!", "population:bigint:0..", "--public", "--superuser"],
    &[
        "card",
        "title:string:1..80",
        "price:decimal?",
        "state:enum(draft,live)",
        "country:ref(country)?",
        "position:int:0..1000!",
        "views:bigint",
        "weight:float?",
        "is_done:bool",
        "token:uuid?",
        "due:date?",
        "published_at:datetime?",
        "extra:json?",
        "owner:user",
        "--parent",
        "board",
    ],
];

/// Adds, tests and removes them. `quick` adds the first one alone.
pub fn check(project: &Project, quick: bool) -> Result<()> {
    let resources = if quick { &RESOURCES[..1] } else { &RESOURCES };
    for resource in resources {
        project.xtask(&[&["new-resource"], *resource].concat())?;
        project.commit("a resource")?;
    }
    project.cargo(&["fmt", "--check"])?;
    project.cargo(&["clippy", "--quiet", "--locked", "--all-targets", "--", "-D", "warnings"])?;
    let own: Vec<String> = resources.iter().map(|resource| format!("{}::", resource[0])).collect();
    // And the tests that cover all resources.
    let mut names: Vec<&str> = own.iter().map(String::as_str).collect();
    names.extend(["permissions::", "contract::", "architecture::", "documents::", "drift::"]);
    project.on_sqlite(&names)?;
    project.on_postgresql(&names)?;
    for resource in resources.iter().rev() {
        project.xtask(&["remove-resource", resource[0], "--delete-migration"])?;
        project.commit("without the resource")?;
    }
    let left = git(&project.folder, &["diff", "--stat", &format!("HEAD~{}", 2 * resources.len()), "HEAD"])?;
    if !left.is_empty() {
        bail!("left over:\n{left}");
    }
    Ok(())
}

/// Removes the sample resource, whose migration stays and gets one that drops its tables.
pub fn remove_sample(project: &Project) -> Result<()> {
    project.xtask(&["remove-resource", "item"])?;
    project.cargo(&["clippy", "--quiet", "--locked", "--all-targets", "--", "-D", "warnings"])?;
    project.on_sqlite(&[])?;
    project.on_postgresql(&["migrations", "permissions::", "contract::"])
}
