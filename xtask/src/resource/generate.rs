//! The files of a resource, from the templates.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use heck::ToUpperCamelCase;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Value, json};

use super::model::Resource;
use crate::files::Files;

/// The templates, with the file that each makes.
const TEMPLATES: [(&str, &str, &str); 6] = [
    ("migration", "migrations/$migration.rs", include_str!("templates/migration.rs.jinja")),
    ("entity", "src/entities/$name.rs", include_str!("templates/entity.rs.jinja")),
    ("schema", "src/schemas/$name.rs", include_str!("templates/schema.rs.jinja")),
    ("service", "src/services/$name.rs", include_str!("templates/service.rs.jinja")),
    ("route", "src/routes/$name.rs", include_str!("templates/route.rs.jinja")),
    ("test", "tests/api/$name.rs", include_str!("templates/test.rs.jinja")),
];

/// Adds the files.
///
/// # Errors
/// When one exists already, or the result is not Rust.
pub fn add(files: &mut Files, resource: &Resource) -> Result<()> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let facts = facts(resource)?;
    for (name, path, template) in TEMPLATES {
        let path = PathBuf::from(path.replace("$name", &resource.name).replace("$migration", &resource.migration));
        if files.contains_key(&path) {
            bail!("{} exists already", path.display());
        }
        environment.add_template(name, template)?;
        let text = environment.get_template(name)?.render(Serde(&facts))?;
        files.insert(path.clone(), format(&text).with_context(|| path.display().to_string())?);
    }
    Ok(())
}

/// What follows from a resource: who is asked, what is imported.
fn facts(resource: &Resource) -> Result<Value> {
    let Resource { fields, public, superuser, idempotency, .. } = resource;
    let kinds: BTreeSet<&str> = fields.iter().map(|field| field.kind).collect();
    let inputs: BTreeSet<&str> = fields.iter().map(|field| field.input.as_str()).collect();
    let some = |names: &[&'static str]| names.iter().copied().filter(|name| inputs.contains(name)).collect::<Vec<_>>();
    let patterns: Vec<&str> = [("string", "LINE"), ("text", "LINES")]
        .iter()
        .filter(|(kind, _)| kinds.contains(kind))
        .map(|(_, pattern)| *pattern)
        .collect();
    let functions = |definition: &str| definition.split('(').next().unwrap_or_default().to_owned();
    let mut column_types: BTreeSet<String> = fields.iter().map(|field| functions(&field.column_definition)).collect();
    column_types.extend(["big_integer", "timestamp_with_time_zone", "uuid"].map(str::to_owned));

    let targets: Vec<_> =
        resource.parent.iter().chain(fields.iter().filter_map(|field| field.target.as_ref())).collect();
    let has_foreign = !targets.is_empty();
    let parent_needs = resource.parent.as_ref().is_some_and(|parent| parent.needs_caller);
    let refs_need = fields.iter().filter_map(|field| field.target.as_ref()).any(|target| target.needs_caller);
    let has_owner = resource.owner.is_some();
    let owned = has_owner && !public && !superuser;
    let delete_caller = !superuser;
    let update_caller = delete_caller || refs_need;
    let create_caller = has_owner || *idempotency || parent_needs || refs_need;

    let mut guards = BTreeSet::new();
    let mut scopes = Vec::new();
    if !superuser {
        scopes.push(resource.scope.clone());
    }
    if !public {
        scopes.push(format!("{}_READ", resource.scope));
    }
    if !scopes.is_empty() {
        guards.insert("CurrentUser");
    }
    if *superuser {
        guards.insert("Superuser");
    }
    let maps_errors = resource.has_unique || has_foreign;
    let map_err = match (maps_errors, has_owner) {
        (true, _) => ".map_err(refused)",
        (false, true) => ".map_err(user_deleted)",
        (false, false) => "",
    };
    let map_err_of_update = if resource.has_unique || resource.has_refs { ".map_err(refused)" } else { "" };
    let ids: Vec<String> = targets.iter().map(|target| format!("{}_id", target.name)).collect();
    let required: Vec<_> = fields.iter().filter(|field| !field.optional).collect();
    let optional: Vec<_> = fields.iter().filter(|field| field.optional).collect();
    let changeable: Vec<_> = fields.iter().filter(|field| field.kind != "ref").collect();
    let members: Vec<String> = fields.iter().map(|field| format!("\"{}\": {}", field.column, field.json)).collect();
    let body = format!("{{ {} }}", members.join(", "));
    let mut facts = serde_json::to_value(resource)?;
    let derived = json!({
        "kinds": kinds,
        "patterns": patterns,
        "column_types": column_types,
        "amounts": some(&["Price", "Tax"]),
        "times": some(&["Date", "Timestamp"]),
        "has_foreign": has_foreign,
        "delete_caller": delete_caller,
        "update_caller": update_caller,
        "create_caller": create_caller,
        "read_caller": owned,
        "list_caller": owned || parent_needs,
        "needs_user": delete_caller || update_caller || create_caller || owned || parent_needs,
        "uses_user_deleted": !maps_errors && has_owner,
        "guards": guards,
        "scopes": scopes,
        "maps_errors": maps_errors,
        "map_err": map_err,
        "map_err_of_update": map_err_of_update,
        "changeable_fields": changeable,
        "optional_fields": optional,
        "required_fields": required,
        "needs_validation_error": kinds.contains("json") || fields.iter().any(|field| field.decimal_max.is_some()),
        "owner_variant": resource.owner.as_ref().map(|owner| owner.to_upper_camel_case()),
        "parent_variant": resource.parent.as_ref().map(|parent| format!("{}_id", parent.name).to_upper_camel_case()),
        "targets": targets.iter().map(|target| target.name.clone()).collect::<BTreeSet<_>>(),
        "has_ids": !ids.is_empty(),
        "id_names": ids,
        "needs_uuid": resource.has_refs || fields.iter().any(|field| field.kind == "uuid" && field.unique),
        "permission_body": body,
        "statuses": statuses(resource, owned, parent_needs, refs_need),
        "create_errors": create_errors(resource),
        "update_errors": errors(resource, owned, true),
        "delete_errors": errors(resource, owned, false),
    });
    if let (Some(facts), Value::Object(derived)) = (facts.as_object_mut(), derived) {
        facts.extend(derived);
    }
    Ok(facts)
}

/// The expected statuses of each operation: anonymous, owner, another user, superuser.
fn statuses(resource: &Resource, owned: bool, parent_needs: bool, refs_need: bool) -> Value {
    let Resource { public, superuser, .. } = resource;
    let list = if *public { [200; 4] } else { [401, 200, 200, 200] };
    let (create, write, delete) = match (superuser, public) {
        (true, _) => ([401, 403, 403, 201], [401, 403, 403, 200], [401, 403, 403, 204]),
        (false, true) => ([401, 201, 201, 201], [401, 200, 403, 200], [401, 204, 403, 204]),
        (false, false) => ([401, 201, 201, 201], [401, 200, 404, 200], [401, 204, 404, 204]),
    };
    let read = if owned { [401, 200, 404, 200] } else { list };
    // What belongs to the owner is not there for another user.
    let (list, create) = (
        if parent_needs { [list[0], 200, 404, 200] } else { list },
        if (parent_needs || refs_need) && !superuser {
            [401, 201, if parent_needs { 404 } else { 422 }, 201]
        } else {
            create
        },
    );
    json!({ "list": list, "create": create, "read": read, "write": write, "delete": delete })
}

fn create_errors(resource: &Resource) -> String {
    let mut parts = Vec::new();
    if resource.has_unique || resource.has_refs || resource.parent.is_some() {
        if let Some(parent) = &resource.parent {
            parts.push(format!("404 if the {} does not exist", parent.words));
        }
        if resource.has_unique {
            parts.push("409 if a unique field is taken".to_owned());
        }
        if resource.has_refs {
            parts.push("422 if it refers to what does not exist".to_owned());
        }
    } else if resource.owner.is_some() {
        parts.push("401 if the caller was deleted in the meantime".to_owned());
    } else {
        parts.push("When the database cannot be reached".to_owned());
    }
    parts.join(", ") + "."
}

fn errors(resource: &Resource, owned: bool, is_update: bool) -> String {
    let words = &resource.words;
    let mut parts = Vec::new();
    if resource.public && !resource.superuser {
        parts.push(format!("403 if the {words} is another user's"));
    }
    parts.push(format!(
        "404 if the {words} does not exist{}",
        if owned { " or is not visible to the caller" } else { "" }
    ));
    if is_update && resource.has_unique {
        parts.push("409 if a unique field is taken".to_owned());
    }
    parts.push("412 if its version is none of those `expected`".to_owned());
    if is_update && resource.has_refs {
        parts.push("422 if it refers to what does not exist".to_owned());
    }
    parts.join(", ") + "."
}

/// The text as rustfmt writes it.
///
/// # Errors
/// When it is not Rust.
pub fn format(text: &str) -> Result<String> {
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024", "--emit", "stdout"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    if Path::new("rustfmt.toml").exists() {
        command.args(["--config-path", "rustfmt.toml"]);
    }
    let mut process = command.spawn().context("rustfmt: rustup component add rustfmt")?;
    process.stdin.take().context("rustfmt takes no input")?.write_all(wrap(text).as_bytes())?;
    let output = process.wait_with_output()?;
    if !output.status.success() {
        bail!("rustfmt refuses the generated code");
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The text with comments of at most 120 characters a line, which rustfmt does not break.
fn wrap(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let Some(comment) = line.trim_start().strip_prefix("/// ").filter(|_| line.chars().count() > 120) else {
            out += line;
            out.push('\n');
            continue;
        };
        let mut current = format!("{indent}///");
        for word in comment.split(' ') {
            if current.chars().count() + 1 + word.chars().count() > 120 {
                out += &current;
                out.push('\n');
                current = format!("{indent}///");
            }
            current.push(' ');
            current += word;
        }
        out += &current;
        out.push('\n');
    }
    out
}
