//! Traces (OpenTelemetry), sent over OTLP/HTTP, and the trace context that is passed between processes (W3C Trace
//! Context).
//!
//! Spans of this crate and of SeaORM are part of the trace: `#[tracing::instrument]` adds one. A span with the target
//! [`TRACE`] is not in the log.

use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Level, Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::core::config::TelemetrySettings;
use crate::core::headers::TRACEPARENT;

/// The target of spans that are not in the log.
pub const TRACE: &str = "trace";
/// Targets of the spans of database operations.
const DATABASE: &str = "sea_orm::";

/// Whether it is about a database operation.
pub(super) fn is_of_database(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(DATABASE)
}

/// Whether the log leaves the span out.
pub(super) fn is_for_traces_alone(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && (metadata.target() == TRACE || is_of_database(metadata))
}

/// Whether a span, or a warning inside of it, is part of the trace.
pub(super) fn is_traced(metadata: &Metadata<'_>) -> bool {
    let most_verbose = if metadata.is_span() { Level::INFO } else { Level::WARN };
    let target = metadata.target();
    *metadata.level() <= most_verbose
        && (target == TRACE || target.starts_with(env!("CARGO_CRATE_NAME")) || is_of_database(metadata))
}

/// Sends spans in batches, from a thread of its own. `None` without `telemetry.otlp_endpoint`.
pub(super) fn provider(settings: &TelemetrySettings) -> Result<Option<SdkTracerProvider>, String> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        // Without the error, which has the address, and perhaps a password in it.
        .map_err(|_| "telemetry.otlp_endpoint: not an HTTP address".to_owned())?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_sampler(sampler);
    Ok(Some(provider.with_resource(resource()).build()))
}

/// What describes the process in the trace. Without `OTEL_SERVICE_NAME` its name is that of the package.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version.clone()).build();
    let name = resource.get(&Key::from_static_str("service.name"));
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return resource;
    }
    Resource::builder().with_attribute(version).with_service_name(env!("CARGO_PKG_NAME")).build()
}

/// Makes a new span part of the trace that `traceparent` names, or of a new one, and writes the ids into its fields
/// `trace_id` and `span_id` for the log. Does nothing while traces are off. Call it before the span is entered.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if set_parent(span, headers) {
        write_ids(span);
    }
}

// only with jobs
/// The same for a job whose `traceparent` was stored: its span becomes that of a consumer, which the field `otel.kind`
/// says.
pub fn continue_stored_trace(span: &Span, traceparent: Option<&str>) {
    let mut headers = HeaderMap::new();
    if let Some(Ok(value)) = traceparent.map(str::parse) {
        headers.insert(TRACEPARENT, value);
    }
    if set_parent(span, &headers) {
        // Reading the ids starts the span, and its kind cannot change then.
        span.record("otel.kind", "consumer");
        write_ids(span);
    }
}

/// Makes the span part of the trace that the headers name. Returns whether traces are on.
fn set_parent(span: &Span, headers: &HeaderMap) -> bool {
    span.set_parent(TraceContextPropagator::new().extract(&HeaderExtractor(headers))).is_ok()
}

fn write_ids(span: &Span) {
    let context = span.context();
    let ids = context.span().span_context().clone();
    // In one call: each one formats all fields of the span again.
    tracing::record_all!(span, trace_id = %ids.trace_id(), span_id = %ids.span_id());
}

/// Renames the current span in the trace. The name is not built while traces are off.
pub fn rename_current(name: impl FnOnce() -> String) {
    let context = Span::current().context();
    if context.span().span_context().is_valid() {
        context.span().update_name(name());
    }
}

/// The `traceparent` of the current span. `None` while traces are off.
#[must_use]
pub fn traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let ids = span.span_context();
    let (trace, span, flags) = (ids.trace_id(), ids.span_id(), ids.trace_flags().to_u8());
    ids.is_valid().then(|| format!("00-{trace}-{span}-{flags:02x}"))
}
