//! Schemas as parts of the OpenAPI document.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema};

use super::schema_of;

/// Derives the `utoipa` traits of each type from its `JsonSchema`: `documented!(UserCreate, UserRead)`. A macro,
/// because the traits and `JsonSchema` are both foreign.
macro_rules! documented {
    ($($type:ty),+ $(,)?) => { $(
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::validation::schema::document::<$type>()
            }
        }
        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $crate::validation::schema::document_name::<$type>()
            }
            fn schemas(out: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                out.extend($crate::validation::schema::documented_parts::<$type>());
            }
        }
    )+ };
}

/// The same for the types of query and path parameters: `documented_parameters!(Query: Paging)`.
macro_rules! documented_parameters {
    ($place:ident: $($type:ty),+ $(,)?) => { $(
        impl utoipa::IntoParams for $type {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                $crate::validation::schema::parameters::<$type>(&utoipa::openapi::path::ParameterIn::$place)
            }
        }
    )+ };
}

pub(crate) use {documented, documented_parameters};

/// The name of `T` among the document's components.
#[must_use]
pub fn document_name<T: JsonSchema>() -> Cow<'static, str> {
    T::schema_name()
}

/// The schema of `T`; the types inside it are references.
#[must_use]
pub fn document<T: JsonSchema>() -> RefOr<Schema> {
    let mut schema = schema_of::<T>();
    if let Some(members) = schema.as_object_mut() {
        members.remove("components");
        members.remove("title");
    }
    convert(schema)
}

/// The named types inside `T`, which the document holds as components of their own.
pub fn documented_parts<T: JsonSchema>() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    let parts = match schema_of::<T>()["components"]["schemas"].take() {
        Value::Object(parts) => parts,
        _ => serde_json::Map::new(),
    };
    parts.into_iter().map(|(name, schema)| (name, convert(schema)))
}

/// The members of `T` as parameters of a path or a query.
#[must_use]
pub fn parameters<T: JsonSchema>(place: &ParameterIn) -> Vec<Parameter> {
    let schema = schema_of::<T>();
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let members = schema["properties"].as_object().into_iter().flatten();
    members
        .map(|(name, member)| {
            let mut member = inlined(&schema, member.clone());
            let description = member.as_object_mut().and_then(|member| member.remove("description"));
            ParameterBuilder::new()
                .name(name)
                .parameter_in(place.clone())
                .required(if required(name) { Required::True } else { Required::False })
                .description(description.as_ref().and_then(Value::as_str))
                .schema(Some(convert(member)))
                .build()
        })
        .collect()
}

/// A parameter cannot be null, only absent, and few tools follow references in parameters.
fn inlined(root: &Value, mut member: Value) -> Value {
    if let Some(branches) = member["anyOf"].as_array()
        && let Some(branch) = branches.iter().find(|branch| branch["type"] != "null")
    {
        let mut branch = branch.clone();
        if let (Some(target), Some(description)) = (branch.as_object_mut(), member.get("description")) {
            target.insert("description".to_owned(), description.clone());
        }
        member = branch;
    }
    if let Some(pointer) = member["$ref"].as_str()
        && let Some(target) = root.pointer(pointer.trim_start_matches('#'))
    {
        let mut target = target.clone();
        if let (Some(merged), Some(own)) = (target.as_object_mut(), member.as_object()) {
            merged.extend(
                own.iter().filter(|(name, _)| *name != "$ref").map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        member = target;
    }
    if let Some(kinds) = member["type"].as_array() {
        let kinds: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
        member["type"] = match kinds.as_slice() {
            [only] => only.clone(),
            _ => kinds.into(),
        };
    }
    member
}

/// `utoipa`'s `Schema` reads JSON Schema. A keyword that it does not know fails loudly.
#[expect(clippy::expect_used, reason = "a type's schema is fixed at compile time and seen by the tests")]
fn convert(schema: Value) -> RefOr<Schema> {
    serde_json::from_value(schema).expect("a JSON Schema is an OpenAPI schema")
}
