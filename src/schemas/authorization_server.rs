//! The metadata of an OAuth2 server.

use schemars::JsonSchema;
use serde::Serialize;

use crate::validation::schema::documented;

/// What OAuth2 clients have to know of this server (RFC 8414).
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuthorizationServer {
    /// The server's address, `server.public_url`; the `iss` of the access tokens.
    pub issuer: String,
    /// Where tokens come from.
    pub token_endpoint: String,
    /// The public keys of the access tokens; absent when they are signed with a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Every scope.
    pub scopes_supported: Vec<String>,
    /// Empty: there is no authorization endpoint. The member is required.
    pub response_types_supported: Vec<String>,
    /// The grants of the token endpoint.
    pub grant_types_supported: Vec<String>,
    /// Always `none`: clients have no secrets of their own.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// The documentation for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
}

documented!(AuthorizationServer);
