"""What all requests share."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from visavis.errors import Overloaded
from visavis.session import Desk

RETRY_AFTER_S = 1.0


class Room:
    """So many requests may look at photos at a time, waiting ones included; the next is turned away at once."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for the length of the block. Raises Overloaded when there is none."""
        if not self._places.acquire(blocking=False):
            error = Overloaded("more photos are submitted than this service can look at")
            error.retry_after_s = RETRY_AFTER_S
            raise error
        try:
            yield
        finally:
            self._places.release()


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute: of one API key; from one address, for what needs none; and from one address with a key or secret that is
    refused."""

    by_key: int = 3_000
    by_address: int = 300
    failed_by_address: int = 20


@dataclass(frozen=True)
class Service:
    """desk: what sessions are conducted with. base_url: where clients reach the service, without a slash at its end. room: for
    requests with photos. public_keys: of the reports, newest last. body_max: bytes of a request. body_s: for how long one is
    waited for. rates: how often one may ask."""

    desk: Desk
    base_url: str
    room: Room
    public_keys: Callable[[], tuple[bytes, ...]]
    body_max: int = 32 * 1024 * 1024
    body_s: float = 20.0
    rates: Rates = Rates()
