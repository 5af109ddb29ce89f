//! What another service says, as it is passed on.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use validator::Validate;

use crate::validation::schema::{documented, documented_parameters};

/// Whatever the other service says.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExternalData(#[schemars(schema_with = "anything")] pub Value);

/// Any JSON.
fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["object", "array", "string", "number", "boolean", "null"] })
}

/// What three calls said.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct CombinedData {
    /// The other service's users.
    #[schemars(schema_with = "anything")]
    pub users: Value,
    /// Its posts.
    #[schemars(schema_with = "anything")]
    pub posts: Value,
    /// Its comments.
    #[schemars(schema_with = "anything")]
    pub comments: Value,
    /// The parts that could not be had, which are null.
    pub failed: Vec<String>,
}

/// Whether a part may be missing.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct CombinedFilter {
    /// Answer what there is, and name what failed, instead of failing as a whole.
    #[serde(default)]
    pub partial: bool,
}

documented!(ExternalData, CombinedData);
documented_parameters!(Query: CombinedFilter);
