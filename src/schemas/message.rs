//! Messages and errors in responses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::schema::{Problem, documented};

/// A message.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// The text.
    pub message: String,
}

/// The greeting at `/`, with links to the documents.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Greeting {
    /// The greeting.
    pub message: String,
    /// The interactive documentation. Like the others, absent with `server.docs = false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// The reference documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redoc: Option<String>,
    /// The OpenAPI document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openapi: Option<String>,
}

/// The health of the service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`, or `degraded` while an optional dependency is down.
    pub status: String,
}

/// Public keys (RFC 7517).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "JwkSet")]
pub struct JwkSetRead {
    /// The keys.
    pub keys: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// An error.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorRead {
    /// What went wrong.
    pub detail: String,
}

/// A failed login or refresh, in the format of RFC 6749.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LoginError")]
pub struct LoginErrorRead {
    /// `invalid_grant`, `invalid_request` or `unsupported_grant_type`.
    pub error: String,
    /// What went wrong.
    pub error_description: String,
    /// The same as `error_description`.
    pub detail: String,
}

/// An invalid request, with every problem.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HTTPValidationError")]
pub struct InvalidRead {
    /// Every problem of the request.
    pub detail: Vec<Problem>,
}

documented!(Message, Greeting, Health, JwkSetRead, ErrorRead, LoginErrorRead, InvalidRead);
