//! The pages that the service gives of itself: `/openapi.json`, `/docs`, `/redoc`, and on a developer's machine `/chat`.
//! All of it is served from the binary, nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use aide::redoc::Redoc;
use axum::Router;
use axum::body::Bytes;
use axum::extract::RawPathParams;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, OAuth2, Password, Scopes, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder, Server};

use crate::core::config::{Environment, Settings};
use crate::routes::API;
use crate::schemas::message::{ErrorRead, InvalidRead};
use crate::schemas::scope::SCOPES;

/// Swagger UI.
pub const DOCS: &str = "/docs";
/// ReDoc.
pub const REDOC: &str = "/redoc";
/// Talks to the other windows that show it; in development alone.
pub const CHAT: &str = "/chat";
/// The OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";

/// What the pages may do: nothing beyond this server.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'";

/// The document before the routes are in it.
#[must_use]
pub fn outline() -> OpenApi {
    let tags = [
        ("login", "Logging in, staying so, and logging out"),
        ("recovery", "What mailed links are for"),
        ("users", "People who can log in"),
        ("sessions", "Where the caller is logged in"),
        ("api-keys", "Keys with which machines act for the caller"),
        ("audit-events", "What happened to accounts"),
        ("items", "Things that users own"),
        ("notifications", "Mails that users have sent"),
        ("realtime", "Messages between those who are connected"),
        ("external", "What another service knows"),
        ("health", "How the process is"),
        ("root", "The greeting"),
    ];
    let tags = tags.map(|(name, description)| {
        let mut tag = Tag::new(name);
        tag.description = Some(description.to_owned());
        tag
    });
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
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .components(Some(components))
        .build()
}

/// A type's schema and those inside it, by name.
fn schemas<T: ToSchema>() -> Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)> {
    let mut all = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut all);
    all
}

/// What goes for all operations, in one pass over the document: unique ids, and the errors that follow
/// from what an operation takes.
pub fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let has_path_parameter = path.contains('{');
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            complete_operation(operation, has_path_parameter);
        }
    }
}

fn complete_operation(operation: &mut Operation, has_path_parameter: bool) {
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

/// The routes of the pages. `document` is serialised once, here.
pub fn router(document: &OpenApi, settings: &Settings) -> Router {
    let mut pages = Router::new();
    if settings.environment == Environment::Development {
        pages = pages.route(CHAT, get(async || Html(include_str!("chat.html"))));
    }
    let policy = HeaderValue::from_static(PAGE_POLICY);
    let policy = SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, policy);
    if !settings.server.docs {
        return pages.layer(policy);
    }
    let json = Bytes::from(document.to_json().unwrap_or_default());
    let title = document.info.title.clone();
    let docs = Bytes::from(SWAGGER_PAGE.replace("{title}", &title));
    let pages = pages
        .route(DOCS, get(async || Html(docs)))
        .route(&format!("{DOCS}/{{file}}"), get(swagger_file))
        // Made when it is asked for: it is a megabyte.
        .route(REDOC, get(async move || Html(redoc_page(&title))))
        .layer(policy);
    Router::new().route(OPENAPI, get(async || ([(header::CONTENT_TYPE, "application/json")], json))).merge(pages)
}

/// ReDoc with its bundle inside, and with the one picture that it would fetch from elsewhere replaced.
fn redoc_page(title: &str) -> String {
    let icon = format!("{DOCS}/favicon-32x32.png");
    Redoc::new(OPENAPI)
        .with_title(title)
        .html()
        .replacen("<head>", &format!("<head>\n    <link rel=\"icon\" type=\"image/png\" href=\"{icon}\">"), 1)
        .replace("https://cdn.redoc.ly/redoc/logo-mini.svg", &icon)
}

/// Swagger UI's own page expects to stand below a slash, which no path of ours ends with.
const SWAGGER_PAGE: &str = r##"<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script>
    SwaggerUIBundle({
      url: "/openapi.json",
      dom_id: "#swagger-ui",
      deepLinking: true,
      displayRequestDuration: true,
      persistAuthorization: true,
      tryItOutEnabled: true,
      // The field for an API key would take the focus, and the login above it would be out of sight.
      plugins: [() => ({ wrapComponents: { Input: (Input, system) => (props) =>
        system.React.createElement(Input, { ...props, autoFocus: false }) } })],
    });
  </script>
</body>
</html>
"##;

/// The files of Swagger UI, which are compiled in.
async fn swagger_file(path: RawPathParams) -> Response {
    static CONFIG: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> =
        LazyLock::new(|| Arc::new(utoipa_swagger_ui::Config::from(OPENAPI)));
    let file = path.iter().next().map_or("", |(_, file)| file);
    match utoipa_swagger_ui::serve(file, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => ([(header::CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
