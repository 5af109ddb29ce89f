//! The documentation pages: `/openapi.json`, `/docs` (Swagger UI), `/redoc` (ReDoc), and in development the example
//! `/chat`. Everything is served from the binary and loads nothing from elsewhere.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, OnceLock};

use aide::redoc::Redoc;
use axum::Router;
use axum::body::Bytes;
use axum::extract::RawPathParams;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;

use super::API;
use crate::core::config::{Environment, Settings};

/// Swagger UI.
pub const DOCS: &str = "/docs";
/// ReDoc.
pub const REDOC: &str = "/redoc";
// only with realtime
/// An example of WebSockets, in development only.
pub const CHAT: &str = "/chat";
/// The OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";

/// What the pages may load: nothing beyond this server.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'",
);

/// The routes of the pages. `document` is serialised once, here.
pub fn router(document: &OpenApi, settings: &Settings) -> Router {
    let mut pages = Router::new();
    // only with realtime
    if settings.environment == Environment::Development {
        pages = pages.route(CHAT, get(async || Html(include_str!("../../templates/chat.html"))));
    }
    let headers = ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .layer(SetResponseHeaderLayer::overriding(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")))
        .layer(SetResponseHeaderLayer::overriding(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")));
    if !settings.server.docs {
        // `route_layer` needs a route. `layer` would also set the headers of the router's own 404.
        return if pages.has_routes() { pages.route_layer(headers) } else { pages };
    }
    let json = Bytes::from(document.to_json().unwrap_or_default());
    let title = document.info.title.clone();
    let docs = Bytes::from(SWAGGER_PAGE.replace("{title}", &title));
    let mut pages = pages
        .route(DOCS, get(async || Html(docs)))
        .route(&format!("{DOCS}/{{file}}"), get(swagger_file))
        .route(REDOC, get(async move |headers: HeaderMap| redoc(&headers, &title)))
        .route_layer(headers);
    let document = get(async || ([(header::CONTENT_TYPE, "application/json")], json));
    // only with fastapi_dashboard
    if settings.server.fastapi_dashboard {
        pages = pages.route(&format!("{API}{OPENAPI}"), document.clone());
    }
    pages.route(OPENAPI, document)
}

/// ReDoc's page is a megabyte. It is kept compressed, because compressing it again for each request would take long.
fn redoc(headers: &HeaderMap, title: &str) -> Response {
    static COMPRESSED: OnceLock<Bytes> = OnceLock::new();
    let vary = [(header::VARY, "accept-encoding")];
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    if !accepted.is_some_and(|encodings| encodings.contains("gzip")) {
        return (vary, Html(redoc_page(title))).into_response();
    }
    let page = COMPRESSED.get_or_init(|| gzip(&redoc_page(title)).unwrap_or_default().into());
    (vary, [(header::CONTENT_ENCODING, "gzip")], Html(page.clone())).into_response()
}

fn gzip(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// ReDoc with its bundle inlined. The one image that it would load from elsewhere is replaced.
fn redoc_page(title: &str) -> String {
    let icon = format!("{DOCS}/favicon-32x32.png");
    Redoc::new(OPENAPI)
        .with_title(title)
        .html()
        .replacen("<head>", &format!("<head>\n    <link rel=\"icon\" type=\"image/png\" href=\"{icon}\">"), 1)
        .replace("https://cdn.redoc.ly/redoc/logo-mini.svg", &icon)
}

/// Swagger UI's own page expects a path with a trailing slash, which the service does not use.
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

/// The files of Swagger UI, which are compiled in, most of them compressed. Every browser accepts gzip.
async fn swagger_file(path: RawPathParams) -> Response {
    static CONFIG: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> =
        LazyLock::new(|| Arc::new(utoipa_swagger_ui::Config::from(OPENAPI)));
    let file = path.iter().next().map_or("", |(_, file)| file);
    match utoipa_swagger_ui::serve(file, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => {
            let encoding = file.gzpipped.then_some([(header::CONTENT_ENCODING, "gzip")]);
            ([(header::CONTENT_TYPE, file.content_type)], encoding, file.bytes.into_owned()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
