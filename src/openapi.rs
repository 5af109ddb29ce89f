//! The OpenAPI document: the parts written by hand, and those derived from the routes.

use std::borrow::Cow;

use axum::http::StatusCode;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, OAuth2, Password, Scopes, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
    Server, Tag,
};

use crate::routes::{API, TOKEN};
use crate::schemas::message::{ErrorRead, InvalidRead};
use crate::schemas::scope::{KeyScopes, SCOPES};

/// The document without the routes: title, servers, security schemes, error schemas.
#[must_use]
pub fn base_document() -> OpenApi {
    let scopes = SCOPES.iter().map(|(name, _, description)| (*name, *description)).collect::<Scopes>();
    let login = Password::with_refresh_url(format!("{API}/login/access-token"), scopes, TOKEN.to_owned());
    let key = ApiKeyValue::with_description("X-API-Key", "Also as `Authorization: Bearer …`."); // only with api_keys
    let mut components = Components::new();
    components.add_security_scheme("oauth2", SecurityScheme::OAuth2(OAuth2::new([Flow::Password(login)])));
    components.add_security_scheme("x_api_key", SecurityScheme::ApiKey(ApiKey::Header(key))); // only with api_keys
    for (name, schema) in schemas::<ErrorRead>().into_iter().chain(schemas::<InvalidRead>()) {
        components.schemas.insert(name, schema);
    }
    let info = InfoBuilder::new()
        .title(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")));
    OpenApiBuilder::new().info(info).servers(Some([Server::new("/")])).components(Some(components)).build()
}

/// The schema of a type and those of the types inside it, by name.
fn schemas<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut all = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut all);
    all
}

/// Completes the document from its operations: the list of tags, unique ids, and the errors that each may return.
pub fn finalize(document: &mut OpenApi) {
    let mut tags: Vec<Tag> = Vec::new();
    for (path, item) in &mut document.paths.paths {
        let has_path_parameter = path.contains('{');
        if let Some(RefOr::T(body)) = item.delete.as_mut().and_then(|operation| operation.request_body.as_mut()) {
            // A DELETE may have a body, but needs none. For an `Option` utoipa would document `null`.
            body.required = Some(Required::False);
        }
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let tag = operation.tags.iter().flatten().next().map(Tag::new).unwrap_or_default();
            set_id(operation, &tag.name);
            add_errors(operation, has_path_parameter);
            allow_keys(operation); // only with api_keys
            describe_responses(operation);
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    document.tags = Some(tags);
}

/// `users-read_user`: the tag and the handler's name.
fn set_id(operation: &mut Operation, tag: &str) {
    operation.operation_id = operation.operation_id.as_ref().map(|name| format!("{tag}-{name}"));
}

/// Adds the errors that follow from the operation's inputs, unless the route documents them itself.
fn add_errors(operation: &mut Operation, has_path_parameter: bool) {
    let takes_body = operation.request_body.is_some();
    let takes_input = takes_body || operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
    let mut errors = vec![(StatusCode::SERVICE_UNAVAILABLE, ErrorRead::name())];
    if operation.security.is_some() {
        errors.push((StatusCode::UNAUTHORIZED, ErrorRead::name()));
        errors.push((StatusCode::FORBIDDEN, ErrorRead::name()));
    }
    if has_path_parameter {
        errors.push((StatusCode::NOT_FOUND, ErrorRead::name()));
    }
    if takes_body {
        errors.push((StatusCode::PAYLOAD_TOO_LARGE, ErrorRead::name()));
        errors.push((StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorRead::name()));
    }
    if takes_input {
        errors.push((StatusCode::UNPROCESSABLE_ENTITY, InvalidRead::name()));
    }
    for (status, schema) in errors {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let error = ResponseBuilder::new().content("application/json", content).build();
        operation.responses.responses.entry(status.as_str().to_owned()).or_insert_with(|| error.into());
    }
}

// only with api_keys
/// Adds authentication by API key if a key can have the scopes of the operation.
fn allow_keys(operation: &mut Operation) {
    let Some(security) = &mut operation.security else { return };
    let scopes: Vec<String> = security.iter().flat_map(oauth2_scopes).collect();
    if KeyScopes::try_from(Cow::from(scopes.join(" "))).is_ok() {
        security.push(SecurityRequirement::new("x_api_key", [""; 0]));
    }
}

// only with api_keys
/// The scopes of a requirement, which has no accessor for them.
fn oauth2_scopes(requirement: &SecurityRequirement) -> Vec<String> {
    let mut schemes = serde_json::to_value(requirement).unwrap_or_default();
    serde_json::from_value(schemes["oauth2"].take()).unwrap_or_default()
}

/// OpenAPI requires a description of every response: by default, the name of the status.
fn describe_responses(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status: Option<StatusCode> = status.parse().ok();
            let reason = status.and_then(|status| status.canonical_reason());
            reason.unwrap_or_default().clone_into(&mut response.description);
        }
    }
}
