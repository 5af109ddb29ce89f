//! `openapi.json` and the Grafana dashboard without what was left out.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::parts::Part;

/// The OpenAPI document without the paths, scopes and schemes of these parts, and without schemas that only they used.
///
/// # Errors
/// When it is not JSON.
pub fn openapi(text: &str, left_out: &[&Part]) -> Result<String> {
    let mut document: Value = serde_json::from_str(text).context("openapi.json")?;
    let is_out = |path: &str| left_out.iter().flat_map(|part| &part.paths).any(|prefix| is_below(path, prefix));
    let schemes: BTreeSet<&str> = left_out.iter().flat_map(|part| &part.schemes).map(String::as_str).collect();
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|path, _| !is_out(path));
        let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
        for operation in operations.filter_map(Value::as_object_mut) {
            if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
                parameters.retain(|parameter| {
                    parameter["in"] != "header" || parameter["name"].as_str().is_none_or(|name| !schemes.contains(name))
                });
                if parameters.is_empty() {
                    operation.shift_remove("parameters");
                }
            }
            if let Some(ways) = operation.get_mut("security").and_then(Value::as_array_mut) {
                ways.retain(|way| way.as_object().is_none_or(|way| !way.keys().any(|name| schemes.contains(&**name))));
            }
        }
    }
    if let Some(all) = document["components"]["securitySchemes"].as_object_mut() {
        all.retain(|name, _| !schemes.contains(&**name));
        for scheme in all.values_mut() {
            for flow in
                scheme.get_mut("flows").and_then(Value::as_object_mut).into_iter().flat_map(|flows| flows.values_mut())
            {
                if let Some(scopes) = flow["scopes"].as_object_mut() {
                    scopes.retain(|name, _| !schemes.contains(&**name));
                }
            }
        }
    }
    remove_names(&mut document, &schemes);
    // Tags and schemas that no operation names.
    let used = document["paths"].to_string();
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.retain(|tag| used.contains(&format!("\"tags\":[{}]", tag["name"])));
    }
    loop {
        let text = document.to_string();
        let Some(schemas) = document["components"]["schemas"].as_object_mut() else { break };
        let before = schemas.len();
        schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if schemas.len() == before {
            break;
        }
    }
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Removes scopes from the patterns of texts that list them, `^ *((me|items)( +(me|items))*)? *$`, and other names from
/// enums.
fn remove_names(value: &mut Value, names: &BTreeSet<&str>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(pattern) if key == "pattern" && pattern.contains('|') => {
                        *pattern = without_names(pattern, names);
                    }
                    Value::Array(values) if key == "enum" => {
                        values.retain(|value| value.as_str().is_none_or(|value| !names.contains(value)));
                    }
                    member => remove_names(member, names),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| remove_names(value, names)),
        _ => {}
    }
}

fn without_names(pattern: &str, names: &BTreeSet<&str>) -> String {
    let parts = pattern.split_inclusive(['(', ')']).map(|part| {
        let (alternatives, bracket) = part.split_at(part.trim_end_matches(['(', ')']).len());
        if !alternatives.split('|').any(|name| names.contains(name)) {
            return part.to_owned();
        }
        let kept: Vec<&str> = alternatives.split('|').filter(|name| !names.contains(name)).collect();
        kept.join("|") + bracket
    });
    parts.collect()
}

/// `/items` and `/items/{item_id}` are below `/items`.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The dashboard without panels that show these metrics alone.
///
/// # Errors
/// When it is not JSON.
pub fn dashboard(text: &str, metrics: &[&str]) -> Result<String> {
    let mut document: Value = serde_json::from_str(text).context("the dashboard")?;
    if let Some(panels) = document["panels"].as_array_mut() {
        for panel in panels.iter_mut() {
            if let Some(targets) = panel["targets"].as_array_mut() {
                targets.retain(|target| !metrics.iter().any(|metric| target.to_string().contains(metric)));
            }
        }
        panels.retain(|panel| panel["targets"].as_array().is_none_or(|targets| !targets.is_empty()));
        // Headings above nothing.
        let is_row = |panel: &Value| panel["type"] == "row";
        let empty: Vec<usize> = (0..panels.len())
            .filter(|&index| is_row(&panels[index]) && panels.get(index + 1).is_none_or(is_row))
            .collect();
        for index in empty.into_iter().rev() {
            panels.remove(index);
        }
    }
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
