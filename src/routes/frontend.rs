//! The single-page application in the folder `server.static_dir`, served beside the API. The API goes first: only
//! paths that no route has get here.

use std::path::Path;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use super::docs::{DOCS, OPENAPI, REDOC};
use crate::core::config::ServerSettings;
use crate::error::Error;

const INDEX: &str = "index.html";
/// Files that the pages load. A missing one is a 404, not the index page.
const ASSETS: &str = "/assets/";
/// These paths belong to the API whether or not it has a route there. They never get a page.
const RESERVED: [&str; 6] = ["/api", "/health", "/.well-known", DOCS, REDOC, OPENAPI];
/// No file system has longer names, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// Linux allows 4096 bytes for a path with its folder.
const MAX_PATH_BYTES: usize = 1024;

/// What the pages may load: everything from this server, and images that scripts create.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
     object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
);
/// For files with a hash of their content in their names, which get another name when they change.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For files that keep their names: a browser asks with each use whether they have changed.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Checks that the folder holds an application.
///
/// # Errors
/// When there is no `index.html`; names the setting and the folder.
pub fn check(settings: &ServerSettings) -> Result<(), String> {
    match &settings.static_dir {
        Some(folder) if !folder.join(INDEX).is_file() => {
            Err(format!("server.static_dir: no {INDEX} in the folder {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Adds the application to the router. A path without a file is a page: it gets `index.html`, and the application's own
/// router does the rest. `/` is the API's greeting for programs, and a page for browsers.
pub fn add(router: Router, folder: &Path) -> Router {
    let index = ServeFile::new(folder.join(INDEX)).precompressed_br().precompressed_gzip();
    // A redirect from a folder to its slash would go in circles, because `NormalizePath` takes the slash away.
    let files = ServeDir::new(folder).append_index_html_on_directories(false).precompressed_br().precompressed_gzip();
    let frontend = Frontend { pages: files.clone().fallback(index), files };
    let root = from_fn_with_state(frontend.clone(), serve_root);
    router.fallback(move |request: Request| frontend.serve(request)).layer(root)
}

#[derive(Clone)]
struct Frontend {
    files: ServeDir,
    /// The same, with `index.html` for paths without a file.
    pages: ServeDir<ServeFile>,
}

impl Frontend {
    async fn serve(self, request: Request) -> Response {
        let path = request.uri().path();
        if !is_read(request.method()) || !may_be_served(path) {
            return Error::NotFound("Not Found").into_response();
        }
        let is_asset = path.starts_with(ASSETS);
        let is_hashed = is_asset && has_hash(path);
        let mut response = if is_asset {
            self.files.oneshot(request).await.into_response()
        } else {
            self.pages.oneshot(request).await.into_response()
        };
        if !response.status().is_client_error() && !response.status().is_server_error() {
            add_headers(response.headers_mut(), is_hashed);
        }
        response
    }
}

async fn serve_root(State(frontend): State<Frontend>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/" {
        return next.run(request).await;
    }
    let mut response = if is_read(request.method()) && accepts_html(request.headers()) {
        frontend.serve(request).await
    } else {
        next.run(request).await
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| range.trim().starts_with("text/html"))
}

/// Whether a file or a page may be at this path: not one of the API, not a hidden file, and none that leaves the
/// folder.
fn may_be_served(path: &str) -> bool {
    let Ok(path) = percent_decode_str(path).decode_utf8() else { return false };
    let is_reserved = RESERVED
        .iter()
        .any(|reserved| path.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let is_file_name = |name: &str| {
        !name.starts_with('.') && name.len() <= MAX_NAME_BYTES && !name.contains(|c: char| c.is_control() || c == '\\')
    };
    !is_reserved && path.len() <= MAX_PATH_BYTES && path.split('/').all(is_file_name)
}

/// Whether a file's name ends with eight characters of a hash, as bundlers write them: `index-CxpDudTf.js`. When in
/// doubt it does not, and the browser asks each time.
fn has_hash(path: &str) -> bool {
    let Some((stem, _extension)) = path.rsplit_once('.') else { return false };
    let Some((name, hash)) = stem.len().checked_sub(8).and_then(|at| stem.split_at_checked(at)) else { return false };
    name.ends_with(['-', '.'])
        && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && (hash.bytes().any(|byte| byte.is_ascii_digit())
            || hash.bytes().skip(1).any(|byte| byte.is_ascii_uppercase()))
}

fn add_headers(headers: &mut HeaderMap, is_hashed: bool) {
    headers.insert(header::CACHE_CONTROL, if is_hashed { IMMUTABLE } else { REVALIDATE });
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    // `ServeDir` names the exact bytes of the file, and compression changes them.
    if let Some(strong) = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'))
        && let Ok(weak) = HeaderValue::try_from(format!("W/{strong}"))
    {
        headers.insert(header::ETAG, weak);
    }
}
