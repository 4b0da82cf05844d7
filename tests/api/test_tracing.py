import time
from collections.abc import Callable

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.api import Running
from tests.api.test_service import ANNA, opened, submitted


def test_a_span_a_request_and_nothing_of_what_was_sent(serve: Callable[..., Running], api_key: str) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    server = serve(tracer=provider.get_tracer("test"))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with server.client(api_key) as shop:
        session = opened(shop)
        submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo(1))
        answer = shop.get("/v1/subjects/sub_1/export", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    exporting = "GET /v1/subjects/{subject_id}/export"
    deadline = time.monotonic() + 10  # a span ends a moment after its answer came
    spans: dict[str, ReadableSpan] = {}
    while exporting not in spans and time.monotonic() < deadline:
        time.sleep(0.01)
        spans = {span.name: span for span in kept.get_finished_spans()}
    assert {"POST /v1/verification_sessions", "POST /v1/capture/{session_id}"} < set(spans)
    last = spans[exporting]
    assert last.attributes is not None
    assert last.attributes["http.response.status_code"] == 404
    assert last.attributes["visavis.request_id"] == answer.headers["x-request-id"]
    assert last.context is not None
    assert format(last.context.trace_id, "032x") == trace
    told = " ".join(_text(span) for span in spans.values())
    for secret in (session["id"], session["client_secret"], api_key, "sub_1", "vsk_", "vscs_"):
        assert secret not in told


def _text(span: ReadableSpan) -> str:
    return str(span.to_json())
