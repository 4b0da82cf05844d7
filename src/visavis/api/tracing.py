"""Traces with OpenTelemetry: one span a request, named by its route, with nothing of what was sent."""

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visavis._version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class Traced:
    """ASGI middleware. A caller's own trace is continued, where its headers name one (W3C Trace Context)."""

    def __init__(self, app: ASGIApp, tracer: "Tracer") -> None:
        self._app, self._tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        parent = TraceContextTextMapPropagator().extract(carrier)
        with self._tracer.start_as_current_span(
            scope["method"], parent, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                await self._app(scope, receive, answer)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("visavis.request_id", scope.get("state", {}).get("request_id", ""))
                if status >= 500:
                    span.set_status(StatusCode.ERROR)


def exported() -> "Tracer":
    """A tracer whose spans are sent by OTLP over HTTP, as the variables OTEL_EXPORTER_OTLP_… say.

    Raises ModuleNotFoundError where OpenTelemetry is not installed.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "visavis", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("visavis", __version__)
