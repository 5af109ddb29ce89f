//! Compresses the bodies that are worth the work.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use futures_util::future::ready;
use tower::{ServiceExt, service_fn};
use tower_http::compression::Compression;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// Smaller bodies, in bytes, gain nothing.
const WORTH_IT: u64 = 1024;

/// Whether the answer is large enough, has no `ETag`, which names these very bytes, and is no stream of events.
pub(super) fn is_worth_it(response: &Response) -> bool {
    predicate().should_compress(response)
}

/// The answer, compressed as the client accepts it.
///
/// `tower_http`'s service is put around the answer and not around the router: its body holds the encoders and is
/// thousands of bytes long, which small answers would be moved about in.
pub(super) async fn compress(mut response: Response, accepted: Option<HeaderValue>) -> Response {
    let mut request = Request::new(Body::empty());
    if let Some(accepted) = accepted {
        request.headers_mut().insert(header::ACCEPT_ENCODING, accepted);
    }
    let answer = service_fn(move |_: Request| ready(Ok::<_, Infallible>(std::mem::take(&mut response))));
    let Ok(compressed) = Compression::new(answer).compress_when(predicate()).oneshot(request).await;
    compressed.map(Body::new)
}

fn predicate() -> impl Predicate {
    // Events would wait in the encoder for one another.
    SizeAbove::new(WORTH_IT).and(has_no_etag).and(NotForContentType::SSE)
}

fn has_no_etag(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ETAG)
}
