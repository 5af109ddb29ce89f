//! One source of constraints. A type that derives `JsonSchema` and `Validate` states its rules once;
//! this module turns them into the document ([`document`](mod@document)), into the complete list of what is wrong
//! with an input ([`problems`]), and reads text (query strings, environment variables) as the types
//! that the schema names ([`read_text`]).
//!
//! Only inputs that were already refused come here, so nothing in it is on the path of a good request.

mod coercion;
mod document;
mod problem;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use validator::ValidateEmail;

pub use coercion::{Coercion, read_text};
pub use document::{document, document_name, documented_parts, parameters};
pub(crate) use document::{documented, documented_parameters};
pub use problem::{Loc, Problem};

/// A type's JSON Schema and the validator compiled from it.
struct Compiled {
    schema: Value,
    validator: Validator,
}

/// So many problems of one input are told at most: an answer must not outgrow what was asked.
const MAX_PROBLEMS: usize = 100;

/// The JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1) of `T` as it is received.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Everything that is wrong with `value` as a `T`: the schema's findings, in FastAPI's words, each
/// located below `root` (such as `body`). Empty when the schema has nothing against it.
///
/// # Panics
/// Panics when the schema of `T` is itself invalid, which the tests would have shown.
#[must_use]
pub fn problems<T: JsonSchema + 'static>(root: Option<&'static str>, value: &Value) -> Vec<Problem> {
    compiled::<T>()
        .validator
        .iter_errors(value)
        .flat_map(|error| problem::translate(root, &error))
        .take(MAX_PROBLEMS)
        .collect()
}

/// Whether the text is an email address, of ASCII (RFC 5321): both databases then agree on what differs
/// by case only. `validator` itself lets anything stand before an address literal, line ends included. And one that
/// mail can be sent to, as `lettre` understands it.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let literal_is_the_domain = text.split_once('[').is_none_or(|(before, _)| before.ends_with('@'));
    literal_is_the_domain
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.validate_email()
        && text.parse::<lettre::Address>().is_ok()
}

/// The compiled schema of `T`, made at its first use and kept for the life of the process.
#[expect(clippy::expect_used, reason = "a type's schema is fixed at compile time and seen by the tests")]
fn compiled<T: JsonSchema + 'static>() -> &'static Compiled {
    static CACHE: OnceLock<Mutex<HashMap<TypeId, &'static Compiled>>> = OnceLock::new();
    let mut cache = CACHE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    cache.entry(TypeId::of::<T>()).or_insert_with(|| {
        let schema = schema_of::<T>();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            // The same check as the typed path runs, so that the two cannot disagree.
            .with_format("email", is_email)
            .with_format("uuid", |text: &str| uuid::Uuid::parse_str(text).is_ok())
            .build(&schema)
            .expect("a type's schema compiles");
        Box::leak(Box::new(Compiled { schema, validator }))
    })
}
