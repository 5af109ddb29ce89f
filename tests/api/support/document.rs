//! Checks responses against the OpenAPI document: the status is documented, the body matches its schema.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use axum::http::Method;
use jsonschema::Validator;
use keel::routes::Dashboard;
use serde_json::{Value, json};

use super::client::Response;

/// The document with every operation that there is.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(keel::app::document(Dashboard::WithPrivate)).unwrap());

/// The statuses that any request may get before it reaches its operation: an untrusted host, a wrong method, a body
/// that does not arrive, too many requests from one address.
const BEFORE_THE_OPERATION: [u16; 4] = [400, 405, 408, 429];

/// One method of one path.
pub struct Operation {
    pub method: Method,
    pub path: &'static str,
    pub value: &'static Value,
}

/// Every operation of the document.
pub fn operations() -> impl Iterator<Item = Operation> {
    DOCUMENT["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().filter_map(|(method, value)| {
            let method: Method = method.to_uppercase().parse().ok()?;
            Some(Operation { method, path, value })
        })
    })
}

/// Panics if the response is not as documented.
#[track_caller]
pub fn check(method: &Method, path: &str, response: &Response) {
    let Some(operation) = find(method, path) else { return };
    let status = response.status.as_u16();
    let documented = &operation.value["responses"][status.to_string()];
    let may_be_off = ["utils", "private"].contains(&operation.value["tags"][0].as_str().unwrap_or_default());
    if may_be_off && status == 404 {
        return;
    }
    if documented.is_null() {
        assert!(
            BEFORE_THE_OPERATION.contains(&status),
            "{}: {status} is not documented: {}",
            response.asked,
            String::from_utf8_lossy(&response.body)
        );
        return;
    }
    let schema = &documented["content"]["application/json"]["schema"];
    if let Some(media_type) = documented["content"].as_object().and_then(|content| content.keys().next())
        && media_type != "application/json"
    {
        assert!(response.header("content-type").starts_with(media_type), "{}: not {media_type}", response.asked);
    } else if schema.is_null() {
        assert!(response.body.is_empty(), "{}: {status} has a body that is not documented", response.asked);
    } else if response.header("content-type") == "application/json" && method != Method::HEAD {
        let body: Value = response.read();
        let errors: Vec<String> = validator(schema).iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {status} does not match its schema: {errors:?}: {body}", response.asked);
    }
    for header in documented["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(response.headers.contains_key(header), "{}: {status} lacks {header}", response.asked);
    }
}

/// The operation of a path. A fixed path has precedence over one with parameters.
fn find(method: &Method, path: &str) -> Option<Operation> {
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    let fits = |operation: &Operation| {
        let (template, actual) = (operation.path.split('/'), path.split('/'));
        operation.method == method
            && template.clone().count() == actual.clone().count()
            && template.zip(actual).all(|(template, actual)| template == actual || template.starts_with('{'))
    };
    operations().filter(fits).min_by_key(|operation| operation.path.matches('{').count())
}

fn validator(schema: &Value) -> Arc<Validator> {
    static CACHE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut cache = CACHE.lock().unwrap();
    let compile = || {
        let root = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        Arc::new(jsonschema::options().should_validate_formats(true).build(&root).unwrap())
    };
    Arc::clone(cache.entry(schema.to_string()).or_insert_with(compile))
}
