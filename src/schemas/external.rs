//! Data of the upstream service, as it is passed on.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use validator::Validate;

use crate::validation::schema::{documented, documented_parameters};

/// The JSON of the upstream service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExternalData(#[schemars(schema_with = "anything")] pub Value);

/// Any JSON. For utoipa a null is no type at all; a list of all types is more than some generators of clients can read.
fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": null })
}

/// The results of three calls.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct CombinedData {
    /// The users.
    #[schemars(schema_with = "anything")]
    pub users: Value,
    /// The posts.
    #[schemars(schema_with = "anything")]
    pub posts: Value,
    /// The comments.
    #[schemars(schema_with = "anything")]
    pub comments: Value,
    /// The names of the parts that failed, which are null.
    pub failed: Vec<String>,
}

/// Whether a part may be missing.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct CombinedFilter {
    /// Return the parts that succeed and name those that failed, instead of failing as a whole.
    #[serde(default)]
    pub partial: bool,
}

documented!(ExternalData, CombinedData);
documented_parameters!(Query: CombinedFilter);
