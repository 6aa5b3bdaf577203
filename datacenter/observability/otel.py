"""OpenTelemetry: sends spans by OTLP over HTTP. Imported only if tracing is on; see `tracing.py`."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from datacenter.observability.tracing import Attributes, Kind, NoTracing, Span
from datacenter.settings.model import TracingSettings

W3C = TraceContextTextMapPropagator()
TRACEPARENT = "traceparent"
NOTHING = NoTracing()


class OpenTelemetrySpan:
    """One span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set_attributes(self, attributes: Attributes, *, name: str | None = None) -> None:
        if name is not None:
            self._span.update_name(name)
        self._span.set_attributes(attributes)

    def end(self, failure: str | None = None) -> None:
        if failure is not None:
            self._span.set_attribute("error.type", failure)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


class OpenTelemetryTracer:
    """Sends in batches from its own thread; if the collector is away, spans are lost and nothing else happens."""

    def __init__(self, settings: TracingSettings, process: str) -> None:
        about = Resource.create({"service.name": f"datacenter-{process}", "service.namespace": "datacenter"})
        self._provider = TracerProvider(
            resource=about, sampler=ParentBasedTraceIdRatio(settings.sample_ratio), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=f"{settings.endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("datacenter")

    @contextmanager
    def span(self, name: str, kind: Kind, attributes: Attributes, parent: str | None) -> Iterator[Span]:
        within = W3C.extract({TRACEPARENT: parent}) if parent else None
        started = self._tracer.start_span(name, within, trace.SpanKind[kind], attributes)
        token = context.attach(trace.set_span_in_context(started))
        failure: str | None = None
        try:
            yield OpenTelemetrySpan(started)
        except BaseException as error:
            failure = getattr(error, "code", None) or type(error).__name__
            raise
        finally:
            context.detach(token)
            OpenTelemetrySpan(started).end(failure if isinstance(failure, str) else None)

    def begin(self, name: str, attributes: Attributes) -> Span:
        if not trace.get_current_span().get_span_context().is_valid:
            return NOTHING
        return OpenTelemetrySpan(self._tracer.start_span(name, None, trace.SpanKind.CLIENT, attributes))

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        W3C.inject(carrier)
        return carrier.get(TRACEPARENT)

    def trace_id(self) -> str | None:
        present = trace.get_current_span().get_span_context()
        return trace.format_trace_id(present.trace_id) if present.is_valid else None

    def close(self) -> None:
        self._provider.shutdown()
