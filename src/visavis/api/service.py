"""What all requests share."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from visavis.api.courier import Courier
from visavis.api.metrics import Metrics
from visavis.errors import Overloaded, RateLimited
from visavis.session import Desk

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

RETRY_AFTER_S = 1.0
CONNECTIONS_MAX, CONNECTIONS_BY_ADDRESS_MAX = 500, 20
"""Of live captures; the server takes more, so that others are served besides."""


class Room:
    """So many requests may look at photos at a time, waiting ones included; the next is turned away at once. Used from one event
    loop alone."""

    def __init__(self, places: int) -> None:
        self.places, self.taken = places, 0

    def check(self) -> None:
        """Raises Overloaded when there is no place."""
        if self.taken >= self.places:
            raise overloaded("more photos are submitted than this service can look at")

    def take(self) -> None:
        """Take a place. Raises Overloaded when there is none."""
        self.check()
        self.taken += 1

    def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1


class Studio:
    """So many live captures at a time, and so many frames looked at at once; so many connections in all, and of one address,
    before it is known whose they are. Used from one event loop alone."""

    def __init__(self, places: int = 8, threads: int = 2) -> None:
        self.places, self.taken = places, 0
        self.looking = asyncio.Semaphore(threads)
        self._connected: Counter[str] = Counter()

    @contextmanager
    def connected(self, address: str) -> Iterator[None]:
        """Count a connection for the length of the block. Raises Overloaded or RateLimited when there are too many."""
        if self._connected.total() >= CONNECTIONS_MAX:
            raise overloaded("more clients are connected than this service can serve")
        if self._connected[address] >= CONNECTIONS_BY_ADDRESS_MAX:
            error = RateLimited("too many captures at a time from one address")
            error.retry_after_s = 10.0
            raise error
        self._connected[address] += 1
        try:
            yield
        finally:
            self._connected[address] -= 1
            self._connected += Counter()  # without those that are at zero

    @contextmanager
    def place(self) -> Iterator[None]:
        """Capture for the length of the block. Raises Overloaded when there is no place."""
        if self.taken >= self.places:
            raise overloaded("more people are captured than this service can look at")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Intake:
    """So many bytes of bodies are held at a time. Used from one event loop alone."""

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max

    def take(self, count: int) -> None:
        """Raises Overloaded, and takes nothing, when there is not so much left."""
        if count > self._left:
            raise overloaded("more is sent to this service than it can hold")
        self._left -= count

    def give_back(self, count: int) -> None:
        """What was taken and is let go."""
        self._left += count


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them."""
    parts = urlsplit(url)
    host = (
        (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else f"[{parts.hostname}]"
    )
    usual = parts.port in (None, {"https": 443, "http": 80}.get(parts.scheme))
    return f"{parts.scheme}://{host}" + ("" if usual else f":{parts.port}")


def overloaded(why: str) -> Overloaded:
    """Too much to do, for a moment."""
    error = Overloaded(why)
    error.retry_after_s = RETRY_AFTER_S
    return error


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute: of one API key; from one address, for what needs none; from one address with a key or secret that is
    refused; captures that are compared with one subject; and looks at documents, and challenges to chips, of one session."""

    by_key: int = 3_000
    by_address: int = 300
    failed_by_address: int = 20
    by_subject: int = 30
    by_session: int = 20


@dataclass(frozen=True)
class Service:
    """desk: what sessions are conducted with. base_url: where clients reach the service, without a slash at its end. room: for
    requests with photos. public_keys: of the reports, newest last. courier: sends events. studio: for live captures.
    page_origins: of sites whose pages may capture here, besides the service's own. body_max: bytes of a request's body. body_s,
    headers_s: for how long body and headers are waited for. intake: for all bodies together. rates: how often one may ask.
    tracer: for traces, where they are kept."""

    desk: Desk
    base_url: str
    room: Room
    public_keys: Callable[[], tuple[bytes, ...]]
    courier: Courier
    metrics: Metrics
    body_max: int = 32 * 1024 * 1024
    studio: Studio = field(default_factory=Studio)
    page_origins: frozenset[str] = frozenset()
    body_s: float = 20.0
    headers_s: float = 10.0
    intake: Intake = field(default_factory=lambda: Intake(1024 * 1024 * 1024))
    rates: Rates = Rates()
    tracer: "Tracer | None" = None

    def page_url(self, session_id: str, secret: str) -> str:
        """The page of a session. The secret stands behind the #, which browsers send to nobody."""
        return f"{self.base_url}/verify/{session_id}#{secret}"
