"""Metrics for Prometheus: how much, how fast and with what outcome; nothing of whom."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from visavis.decision import Decision
from visavis.pad import PadResult

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Of one process: behind several, each is asked for its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Histogram(
            "visavis_request_seconds",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=registry,
            buckets=_SECONDS,
        )
        self._steps = Histogram(
            "visavis_step_seconds",
            "Time that each step of a comparison took.",
            ("step",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._decisions = Counter(
            "visavis_decisions", "Decisions by policy and outcome.", ("policy", "outcome"), registry=registry
        )
        self._refused = Counter(
            "visavis_acquisition_failures", "Photos that could not be used.", ("photo", "reason"), registry=registry
        )
        self._deliveries = Counter(
            "visavis_webhook_deliveries", "Attempts to deliver an event, by result.", ("result",), registry=registry
        )
        self._captures = Counter(
            "visavis_live_captures", "Live captures by verdict and reason.", ("status", "reason"), registry=registry
        )
        self._gauges: dict[str, Gauge] = {}

    def request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count a request. route: its template, so that no id becomes a label."""
        known = method if method in ("GET", "POST", "PATCH", "DELETE") else "other"
        self._requests.labels(known, route or "none", str(status)).observe(seconds)

    def decided(self, decision: Decision) -> None:
        """Count a decision, and the time that its steps took."""
        self._decisions.labels(decision.policy.name, decision.outcome.value).inc()
        for photo, report in (("reference", decision.reference), ("probe", decision.probe)):
            for reason in report.reasons:
                self._refused.labels(photo, reason.value).inc()
        if decision.timings is not None:
            for step in ("reference", "probe", "total"):
                self._steps.labels(step).observe(getattr(decision.timings, f"{step}_ms") / 1e3)

    def captured(self, pad: PadResult) -> None:
        """Count a live capture that came to its end."""
        for reason in pad.reasons or ("none",):
            self._captures.labels(pad.status.value, str(reason)).inc()

    def delivery(self, result: str) -> None:
        """Count an attempt to deliver an event."""
        self._deliveries.labels(result).inc()

    def watch(self, name: str, words: str, value: Callable[[], float]) -> None:
        """Ask for a value whenever the metrics are read."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, words, registry=self._registry)
        self._gauges[name].set_function(value)

    def read(self) -> bytes:
        """All of them, in the text format."""
        return generate_latest(self._registry)
