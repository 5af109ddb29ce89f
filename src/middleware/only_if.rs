//! A layer that some requests pass and the others do without.

use std::task::{Context, Poll};

use axum::extract::Request;
use futures_util::future::Either;
use tower::{Layer, Service};

/// Sends a request through the layer if it is one that `applies` names, else past it.
#[derive(Clone)]
pub(super) struct OnlyIf<L, S> {
    applies: fn(&Request) -> bool,
    layered: L,
    inner: S,
}

impl<L, S: Clone> OnlyIf<L, S> {
    pub(super) fn new(applies: fn(&Request) -> bool, layer: &impl Layer<S, Service = L>, inner: S) -> Self {
        Self { applies, layered: layer.layer(inner.clone()), inner }
    }
}

impl<L, S> Service<Request> for OnlyIf<L, S>
where
    L: Service<Request, Response = S::Response, Error = S::Error>,
    S: Service<Request>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<L::Future, S::Future>;

    /// Ready when the inner service is: the layers used here are no slower.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if (self.applies)(&request) {
            Either::Left(self.layered.call(request))
        } else {
            Either::Right(self.inner.call(request))
        }
    }
}
