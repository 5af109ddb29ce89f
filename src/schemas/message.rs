//! Answers that only say something, and errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::schema::{Problem, documented};

/// A sentence.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// What there is to say.
    pub message: String,
}

/// The greeting at `/`, with links to the documents.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Greeting {
    /// The greeting.
    pub message: String,
    /// The interactive documentation.
    pub docs: String,
    /// The documentation for reading.
    pub redoc: String,
    /// The OpenAPI document.
    pub openapi: String,
}

/// How the service is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`, or `degraded` while the process goes on without something.
    pub status: String,
}

/// Public keys (RFC 7517).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "JwkSet")]
pub struct JwkSetRead {
    /// The keys.
    pub keys: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Every error but an invalid request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorRead {
    /// What went wrong.
    pub detail: String,
}

/// A login that failed, in the form of RFC 6749.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LoginError")]
pub struct LoginErrorRead {
    /// Always `invalid_grant`.
    pub error: String,
    /// What went wrong.
    pub error_description: String,
    /// The same.
    pub detail: String,
}

/// An invalid request: everything that is wrong with it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HTTPValidationError")]
pub struct InvalidRead {
    /// Everything that is wrong.
    pub detail: Vec<Problem>,
}

documented!(Message, Greeting, Health, JwkSetRead, ErrorRead, LoginErrorRead, InvalidRead);
