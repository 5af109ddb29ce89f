//! Reads and checks what a client sends: [`ValidJson`], [`ValidQuery`], [`ValidPath`], [`ValidForm`].
//!
//! A type states its rules once, with `#[derive(Deserialize, Validate, JsonSchema)]`. A valid request costs one typed
//! deserialisation and one `validate()`. Only a refused one is read again as plain JSON and checked against the JSON
//! Schema of the same type, which finds all problems at once ([`schema`]).

mod both;
mod form;
mod json;
mod path;
mod query;
pub mod schema;
mod strict;

use std::cell::Cell;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

pub use both::{Both, join};
pub use form::ValidForm;
pub use json::{ValidJson, parse_json, read_json};
pub use path::ValidPath;
pub use query::ValidQuery;
use schema::{Loc, Problem};
use strict::Strict;

use crate::error::{Error, Result};

/// Returns the value if it was parsed and passes its own rules, otherwise every problem of the input.
///
/// `plain` parses the same input again as untyped JSON. It is called only for a refused input.
fn accept<T>(root: &'static str, typed: Option<T>, plain: impl FnOnce() -> Result<Value>) -> Result<T>
where
    T: DeserializeOwned + Validate + JsonSchema + 'static,
{
    let broken = match typed.map(|value| (value.validate(), value)) {
        Some((Ok(()), value)) => return Ok(value),
        Some((Err(errors), _)) => Some(errors),
        None => None,
    };
    let plain = plain()?;
    let mut problems = schema::problems::<T>(Some(root), &plain);
    match broken {
        Some(errors) => collect_rules(&mut vec![Loc::from(root)], &errors, problems.is_empty(), &mut problems),
        None if problems.is_empty() => problems.push(unreadable::<T>(root, plain)),
        None => {}
    }
    Err(Error::Invalid(problems))
}

/// The problem of an input that passes the schema although the type refused it. It has the place, but not serde's
/// reason, which quotes the value.
fn unreadable<T: DeserializeOwned>(root: &'static str, plain: Value) -> Problem {
    let mut loc = vec![Loc::from(root)];
    if let Err(error) = serde_path_to_error::deserialize::<_, T>(Strict::new(plain, &Cell::new(false))) {
        loc.extend(error.path().iter().filter_map(|step| match step {
            Segment::Seq { index } => Some(Loc::Index(*index)),
            Segment::Map { key } => Some(Loc::from(key.as_str())),
            _ => None,
        }));
    }
    Problem::value_error(loc, "Input cannot be read")
}

/// Adds the broken rules that only `validator` checks: those over several members. The schema has reported the others,
/// unless it reported nothing: then `all` adds every broken rule. Code and message are copied, never the value.
fn collect_rules(loc: &mut Vec<Loc>, errors: &ValidationErrors, all: bool, out: &mut Vec<Problem>) {
    for (field, kind) in errors.errors() {
        let whole = field == "__all__";
        if !whole {
            loc.push(Loc::Name(field.to_string()));
        }
        match kind {
            ValidationErrorsKind::Field(errors) if whole || all => {
                out.extend(
                    errors.iter().map(|error| {
                        Problem::value_error(loc.clone(), error.message.as_deref().unwrap_or(&error.code))
                    }),
                );
            }
            ValidationErrorsKind::Field(_) => {}
            ValidationErrorsKind::Struct(errors) => collect_rules(loc, errors, all, out),
            ValidationErrorsKind::List(items) => {
                for (index, errors) in items {
                    loc.push(Loc::Index(*index));
                    collect_rules(loc, errors, all, out);
                    loc.pop();
                }
            }
        }
        if !whole {
            loc.pop();
        }
    }
}
