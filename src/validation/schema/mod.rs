//! What is made of a type's JSON Schema: the OpenAPI document ([`document`](mod@document)), the complete list of an
//! input's problems ([`problems`]), and typed values from text such as query strings and environment variables
//! ([`read_text`]).
//!
//! Only inputs that were already refused come here, and queries and forms with an empty value: nothing of it slows down
//! any other valid request.

mod coercion;
mod document;
mod formats;
mod problem;
mod translate;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

pub use coercion::{Coercion, read_text};
pub use document::{document, document_name, documented_parts, parameters};
pub(crate) use document::{documented, documented_parameters};
pub use formats::{is_email, parse_date, parse_date_time};
pub use problem::{Loc, Problem};
use translate::{Checked, translate};

/// A type's JSON Schema and the validator compiled from it.
struct Compiled {
    schema: Value,
    validator: Validator,
}

/// The most problems of one input that are listed: a response must not outgrow the request.
const MAX_PROBLEMS: usize = 100;

/// The JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1) of `T` in requests.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Every rule of the schema of `T` that `value` breaks, in pydantic's words, each located below `root` (such as
/// `body`).
///
/// # Panics
/// Panics when the schema of `T` is itself invalid, which the tests would have shown.
#[must_use]
pub fn problems<T: JsonSchema + 'static>(root: Option<&'static str>, value: &Value) -> Vec<Problem> {
    let Compiled { schema, validator } = compiled::<T>();
    let checked = Checked { schema, root };
    validator.iter_errors(value).flat_map(|error| translate(checked, &error)).take(MAX_PROBLEMS).collect()
}

/// The compiled schema of `T`, made when it is first needed and kept for the life of the process.
#[expect(clippy::expect_used, reason = "a type's schema is fixed at compile time and seen by the tests")]
fn compiled<T: JsonSchema + 'static>() -> &'static Compiled {
    static CACHE: OnceLock<Mutex<HashMap<TypeId, &'static Compiled>>> = OnceLock::new();
    let mut cache = CACHE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    cache.entry(TypeId::of::<T>()).or_insert_with(|| {
        let mut schema = schema_of::<T>();
        bound_integers(&mut schema);
        let validator = formats::with_formats(jsonschema::options()).build(&schema).expect("a type's schema compiles");
        Box::leak(Box::new(Compiled { schema, validator }))
    })
}

/// Adds the bounds that the format of an integer stands for, such as `int32`: no validator knows them.
fn bound_integers(schema: &mut Value) {
    if let Some(members) = schema.as_object_mut() {
        let bounds = match members.get("format").and_then(Value::as_str) {
            Some("int32") => Some((i64::from(i32::MIN), i32::MAX.unsigned_abs().into())),
            Some("int64") => Some((i64::MIN, i64::MAX.unsigned_abs())),
            Some("uint32") => Some((0, u32::MAX.into())),
            Some("uint64") => Some((0, u64::MAX)),
            _ => None,
        };
        if let Some((min, max)) = bounds {
            members.entry("minimum").or_insert(min.into());
            members.entry("maximum").or_insert(max.into());
        }
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(bound_integers),
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}
