"""The server under the application: how a connection is limited before there is a request."""

import asyncio
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from visavis.api.app import make_app
from visavis.api.service import Service
from visavis.api.stream import MESSAGE_BYTES_MAX

HEADERS_BYTES_MAX = 16_384
CONNECTIONS_MAX = 1_000
BYTES_S_MIN = 1_024


class _Read:
    """A protocol whose connection is dropped where its client does not read: unless in a while less is unread than before, by as
    much as the slowest of networks carries."""

    headers_s = 10.0
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()  # type: ignore[misc]
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()  # type: ignore[misc]
        _stop(self._unread)

    def _watch(self, unread: int) -> None:
        def look() -> None:
            left = self.transport.get_write_buffer_size()
            if unread - left < BYTES_S_MIN * self.headers_s:
                self.transport.abort()
            else:
                self._watch(left)

        _stop(self._unread)
        self._unread = self.loop.call_later(self.headers_s, look)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        _stop(self._unread)
        super().connection_lost(exc)  # type: ignore[misc]


class Connection(_Read, H11Protocol):
    """A connection that is closed where its client keeps it waiting: for the headers of the next request, for the rest of a body
    that nobody reads any more, or for its answers to be read. headers_s: for how long each of these may take."""

    transport: asyncio.Transport
    _late: asyncio.TimerHandle | None = None
    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        transport.set_write_buffer_limits(high=0)  # to be told of whatever is not read
        super().connection_made(transport)
        self._late = self.loop.call_later(self.headers_s, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        answered = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if self.conn.their_state is not h11.IDLE and not answered:
            _stop(self._late)
            self._late = None
        elif self._late is None:
            self._late = self.loop.call_later(self.headers_s, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close it; what its client has not read a while later is dropped."""
        self.transport.close()
        _stop(self._end)
        self._end = self.loop.call_later(self.headers_s, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        for timer in (self._late, self._end):
            _stop(timer)
        super().connection_lost(exc)


class LiveConnection(_Read, WebSocketsSansIOProtocol):
    """The same, once it is a WebSocket."""

    def handle_ping(self) -> None:
        """Answer, unless what was answered before is still unread: pings are no reason to hold more."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def server_of(service: Service, **settings: Any) -> uvicorn.Server:
    """A server of the service. settings: further ones of uvicorn's, such as host and port."""
    config = uvicorn.Config(
        make_app(service),
        http=type("Connection", (Connection,), {"headers_s": service.headers_s}),
        h11_max_incomplete_event_size=HEADERS_BYTES_MAX,
        limit_concurrency=CONNECTIONS_MAX,
        ws=type("LiveConnection", (LiveConnection,), {"headers_s": service.headers_s}),
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # pictures are packed already, and what unpacks could be made to
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=10,
        **{"timeout_graceful_shutdown": 20, **settings},
    )
    return uvicorn.Server(config)
