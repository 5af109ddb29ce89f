//! Reads and checks what a client sends: [`ValidJson`], [`ValidQuery`], [`ValidPath`], [`ValidForm`], and [`Both`] for
//! two of them at once.
//!
//! # One type, three uses
//! A request type states its rules once:
//!
//! ```ignore
//! #[derive(Deserialize, Validate, JsonSchema)]
//! pub struct NoteCreate {
//!     /// The note's title.
//!     #[validate(length(min = 1, max = 255))]
//!     pub title: String,
//!     pub remind_at: Option<Timestamp>,
//! }
//! documented!(NoteCreate);
//! ```
//!
//! From it come
//! 1. **the document**: `schemars` reads the fields, their comments and the `validate` attributes. `documented!` and
//!    `documented_parameters!` put the result into the OpenAPI document (`schema/document.rs`).
//! 2. **the fast path**: a valid request costs one typed deserialisation and one `validate()`. Two exceptions: a query or
//!    form with an empty value is also checked against the schema, because serde takes it for an absent number, and JSON
//!    with unknown members is parsed once more, because serde skips them unread.
//! 3. **complete errors**: a refused request is read again, as untyped JSON, and checked against the JSON Schema
//!    of the same type ([`schema::problems`]). That lists every problem at once, located and named as FastAPI does it.
//!    What only `validate()` finds, such as a broken rule over two fields, is added.
//!
//! # The two paths agree
//! What the typed path accepts, the schema has to accept, and the other way round. Where serde and JSON Schema differ
//! by nature, `strict.rs` corrects serde on every level: no list for an object, no object for an enum, `30.0` is an
//! integer, `NaN` is no number.
//! Where a text has a format, the type and the schema call the same function (`schema/formats.rs`). If they still
//! disagree, the client gets "Input cannot be read" at the place, and the contract test (`tests/api/contract/`) fails:
//! it derives inputs at and past every rule of the document, for every operation, and for every type in
//! `contract/types.rs`.
//!
//! | a field of type | is documented as |
//! | --- | --- |
//! | `String`, with `length` and `regex` | `string` |
//! | `i32`, `i64`, `u8`, …, with `range` | `integer` with its format and bounds |
//! | `f64` (`schemars` does not read `exclusive_min`: `#[schemars(extend("exclusiveMinimum" = 0))]`) | `number` |
//! | `bool` | `boolean` |
//! | `schemas::amount::Amount` | `number` or `string`, format `decimal` |
//! | `Uuid` | `string`, format `uuid` |
//! | `schemas::time::{Date, Timestamp}` | `string`, format `date` or `date-time` |
//! | an enum without data | `string` with its options |
//! | `Vec<T>`, a struct with `nested`, `Option<T>` | `array`, `object`, or null |
//!
//! A new format needs an entry in `schema/formats.rs` and in the contract test, which fails until it has one.

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
pub use json::{ValidJson, parse_json, read_body, read_json};
pub use path::ValidPath;
pub use query::ValidQuery;
use schema::{Loc, Problem};
use strict::Strict;

use crate::error::{Error, Result};

/// Returns the value if it was read and passes its own rules, else every problem of the input.
///
/// `plain` reads the same input as untyped JSON. It is called only if the typed value is missing or invalid.
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

/// The problem of an input that the type refuses although its schema accepts it. serde's reason is left out, because it
/// quotes the value.
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

/// Adds what only `validator` finds: rules over several fields. Rules of single fields are added only when the schema
/// found no problem (`all`). Code and message are copied, never the value.
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
