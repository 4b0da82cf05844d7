"""What all requests share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from visavis.api.courier import Courier
from visavis.api.metrics import Metrics
from visavis.errors import Overloaded
from visavis.session import Desk

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

RETRY_AFTER_S = 1.0


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


def overloaded(why: str) -> Overloaded:
    """Too much to do, for a moment."""
    error = Overloaded(why)
    error.retry_after_s = RETRY_AFTER_S
    return error


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute: of one API key; from one address, for what needs none; from one address with a key or secret that is
    refused; and captures that are compared with one subject."""

    by_key: int = 3_000
    by_address: int = 300
    failed_by_address: int = 20
    by_subject: int = 30


@dataclass(frozen=True)
class Service:
    """desk: what sessions are conducted with. base_url: where clients reach the service, without a slash at its end. room: for
    requests with photos. public_keys: of the reports, newest last. courier: sends events. body_max: bytes of a request's body.
    body_s, headers_s: for how long body and headers are waited for. intake: for all bodies together. rates: how often one may
    ask. tracer: for traces, where they are kept."""

    desk: Desk
    base_url: str
    room: Room
    public_keys: Callable[[], tuple[bytes, ...]]
    courier: Courier
    metrics: Metrics
    body_max: int = 32 * 1024 * 1024
    body_s: float = 20.0
    headers_s: float = 10.0
    intake: Intake = field(default_factory=lambda: Intake(1024 * 1024 * 1024))
    rates: Rates = Rates()
    tracer: "Tracer | None" = None

    def page_url(self, session_id: str, secret: str) -> str:
        """The page of a session. The secret stands behind the #, which browsers send to nobody."""
        return f"{self.base_url}/verify/{session_id}#{secret}"
