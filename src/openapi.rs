//! The OpenAPI document: what is written here once, and what is derived from the routes.

use axum::http::StatusCode;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, OAuth2, Password, Scopes, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder, Server};

use crate::routes::API;
use crate::schemas::message::{ErrorRead, InvalidRead};
use crate::schemas::scope::SCOPES;

/// The document without the routes: title, servers, security schemes, error schemas.
#[must_use]
pub fn base_document() -> OpenApi {
    let scopes = SCOPES.iter().map(|(name, _, description)| (*name, *description)).collect::<Scopes>();
    let login = Password::new(format!("{API}/login/access-token"), scopes);
    let key = ApiKeyValue::with_description("X-API-Key", "Also as `Authorization: Bearer kl_…`.");
    let mut components = Components::new();
    components.add_security_scheme("oauth2", SecurityScheme::OAuth2(OAuth2::new([Flow::Password(login)])));
    components.add_security_scheme("x_api_key", SecurityScheme::ApiKey(ApiKey::Header(key)));
    for (name, schema) in schemas::<ErrorRead>().into_iter().chain(schemas::<InvalidRead>()) {
        components.schemas.insert(name, schema);
    }
    let info = InfoBuilder::new()
        .title(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")));
    OpenApiBuilder::new().info(info).servers(Some([Server::new("/")])).components(Some(components)).build()
}

/// A type's schema and those inside it, by name.
fn schemas<T: ToSchema>() -> Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)> {
    let mut all = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut all);
    all
}

/// Adds what holds for all operations: unique ids, and the errors that follow from what an operation takes.
pub fn finalize(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let has_path_parameter = path.contains('{');
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            finalize_operation(operation, has_path_parameter);
        }
    }
}

fn finalize_operation(operation: &mut Operation, has_path_parameter: bool) {
    let tag = operation.tags.iter().flatten().next().map_or("", String::as_str);
    operation.operation_id = operation.operation_id.as_ref().map(|name| format!("{tag}-{name}"));
    let takes_body = operation.request_body.is_some();
    let takes_input = takes_body || operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
    let mut errors = vec![(StatusCode::SERVICE_UNAVAILABLE, ErrorRead::name())];
    if let Some(security) = &mut operation.security {
        errors.push((StatusCode::UNAUTHORIZED, ErrorRead::name()));
        errors.push((StatusCode::FORBIDDEN, ErrorRead::name()));
        // Keys have scopes, but never the one of the account itself; what needs none at all is about a login.
        let scopes = serde_json::to_string(security).unwrap_or_default();
        if !scopes.contains("[]") && !scopes.contains("\"me\"") {
            security.push(SecurityRequirement::new("x_api_key", [""; 0]));
        }
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
    let responses = &mut operation.responses.responses;
    for (status, schema) in errors {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let error = ResponseBuilder::new().content("application/json", content).build();
        responses.entry(status.as_str().to_owned()).or_insert_with(|| error.into());
    }
    for (status, response) in responses {
        if let utoipa::openapi::RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
            status
                .and_then(|status| status.canonical_reason())
                .unwrap_or_default()
                .clone_into(&mut response.description);
        }
    }
}
