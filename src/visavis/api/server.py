"""The server under the application: how a connection is limited before there is a request."""

import asyncio
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from visavis.api.app import make_app
from visavis.api.service import Service

HEADERS_BYTES_MAX = 16_384
CONNECTIONS_MAX = 1_000


class Connection(H11Protocol):
    """A connection that is closed where the next request's headers do not come in time. headers_s: from its begin, or from the
    first byte of a later request."""

    headers_s = 10.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.headers_s, transport.close)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(self.headers_s, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._in_time()
        super().connection_lost(exc)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def server_of(service: Service, **settings: Any) -> uvicorn.Server:
    """A server of the service. settings: further ones of uvicorn's, such as host and port."""
    config = uvicorn.Config(
        make_app(service),
        http=type("Connection", (Connection,), {"headers_s": service.headers_s}),
        h11_max_incomplete_event_size=HEADERS_BYTES_MAX,
        limit_concurrency=CONNECTIONS_MAX,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=10,
        **{"timeout_graceful_shutdown": 20, **settings},
    )
    return uvicorn.Server(config)
