//! What a handler takes from a request: typed, validated, and refused with every problem at once.
//!
//! A good request costs one typed deserialisation and one `validate()`. Only a refused one is read
//! again as plain JSON and held against the schema of the same type, which finds all problems.

mod both;
mod etag;
mod form;
mod json;
mod path;
mod query;

use schemars::JsonSchema;
use serde_json::Value;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

pub use both::Both;
pub use etag::{IfMatch, IfNoneMatch, etag};
pub use form::ValidForm;
pub use json::ValidJson;
pub use path::ValidPath;
pub use query::ValidQuery;

use crate::core::schema::{self, Loc, Problem};
use crate::error::Error;

/// Ends the typed path: a value that passes its own rules, or every problem of the input.
///
/// `plain` reads the same input again as untyped JSON; it is called only when it is needed.
fn accept<T>(
    root: &'static str,
    typed: Result<T, String>,
    plain: impl FnOnce() -> Result<Value, Problem>,
) -> Result<T, Error>
where
    T: Validate + JsonSchema + 'static,
{
    let (broken, unreadable) = match typed {
        Ok(value) => match value.validate() {
            Ok(()) => return Ok(value),
            Err(errors) => (Some(errors), None),
        },
        Err(error) => (None, Some(error)),
    };
    let plain = plain().map_err(|problem| Error::Invalid(vec![problem]))?;
    let mut problems = schema::problems::<T>(Some(root), &plain);
    if let Some(errors) = broken {
        collect_rules(&mut vec![Loc::from(root)], &errors, problems.is_empty(), &mut problems);
    }
    if let Some(reason) = unreadable
        && problems.is_empty()
    {
        // The schema has nothing against it, yet the type refused it: say what the type said.
        problems.push(Problem::value_error(vec![root.into()], &reason));
    }
    Err(Error::Invalid(problems))
}

/// Adds what only `validator` knows: rules over several members. The schema has found the others,
/// unless it found nothing at all (`all`). Code and message are copied, never the value.
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
