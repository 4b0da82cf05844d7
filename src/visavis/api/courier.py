"""Sending events to webhook endpoints: see `visavis.session.outbox`, of which this is step (3)."""

import asyncio
import logging
import ssl
from collections import Counter
from contextlib import suppress

import anyio
import httpcore
from starlette.concurrency import run_in_threadpool

from visavis._version import __version__
from visavis.api.log import tell_fault
from visavis.api.metrics import Metrics
from visavis.api.network import AddressRefused, Network
from visavis.errors import InputInvalid, VisavisError
from visavis.session import DeliveryState, Most, Sending, Vault, headers_of, settle_delivery, take_due

SEND_S = 15.0
"""For how long an endpoint is waited for."""
_LOOK_S = 0.5
_AT_ONCE, _AT_ONCE_APPLICATION, _AT_ONCE_EACH = 64, 16, 8
"""So many are sent at a time, of one application, and to one endpoint: who does not answer keeps nobody else waiting."""
_log = logging.getLogger("visavis.webhooks")


class Courier:
    """Sends what is due. allow_private: also to addresses that are not public, and without TLS."""

    def __init__(self, vault: Vault, metrics: Metrics, *, allow_private: bool = False) -> None:
        self._vault, self._metrics, self._allow_private = vault, metrics, allow_private
        self._in_work: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()

    def check(self, url: str) -> None:
        """Raises InputInvalid for an address that nothing would be sent to."""
        if not self._allow_private and not url.startswith("https://"):
            raise InputInvalid(
                "expected an address that begins with https://; events are sent over TLS alone, unless the operator starts the "
                "service with --allow-private-webhooks"
            )

    async def run(self) -> None:
        """Look for what is due, again and again, and send it; until cancelled, when what is being sent is still waited for."""
        async with httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=_AT_ONCE,
            max_keepalive_connections=0,
            network_backend=Network(allow_private=self._allow_private),
        ) as pool:
            try:
                while True:
                    self._freed.clear()
                    await self._look(pool)
                    with suppress(TimeoutError):  # where one was sent, the next may be due
                        async with asyncio.timeout(_LOOK_S):  # `wait_for` loses a cancellation on Python 3.11
                            await self._freed.wait()
            finally:
                with anyio.CancelScope(shield=True):
                    await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, pool: httpcore.AsyncConnectionPool) -> None:
        free = _AT_ONCE - len(self._tasks)
        if free <= 0:
            return
        most = Most(free, _AT_ONCE_APPLICATION, _AT_ONCE_EACH)
        try:
            taken = await run_in_threadpool(take_due, self._vault, most, in_work=[*self._in_work.elements()])
        except Exception as error:  # noqa: BLE001 - it looks again in a moment
            tell_fault(_log, error)
            return
        for sending in taken:
            self._in_work[sending.endpoint.application, sending.endpoint.id] += 1
            task = asyncio.create_task(self._send(pool, sending))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, pool: httpcore.AsyncConnectionPool, sending: Sending) -> None:
        try:
            status, error = await self._post(pool, sending)
            settled = await run_in_threadpool(settle_delivery, self._vault, sending, status=status, error=error)
            self._metrics.delivery("failed" if settled.state is DeliveryState.PENDING else settled.state.value)
        except Exception as fault:  # noqa: BLE001 - it is due again when its lease ends
            tell_fault(_log, fault)
        finally:
            self._in_work.subtract([(sending.endpoint.application, sending.endpoint.id)])
            self._freed.set()

    async def _post(self, pool: httpcore.AsyncConnectionPool, sending: Sending) -> tuple[int | None, str | None]:
        """The status of the answer, and what is wrong with it or came instead. Of the answer nothing else is read."""
        try:
            self.check(sending.endpoint.url)
            signed = await run_in_threadpool(headers_of, self._vault, sending)
            headers = [*signed.items(), ("user-agent", f"visavis/{__version__}")]
            async with (
                asyncio.timeout(SEND_S),
                pool.stream(
                    "POST", sending.endpoint.url, headers=headers, content=sending.event.body.encode()
                ) as answer,
            ):
                return answer.status, None if 200 <= answer.status < 300 else "status"
        except AddressRefused:
            return None, "address_refused"
        except (TimeoutError, httpcore.TimeoutException):
            return None, "timeout"
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return None, "unreachable"
        except VisavisError as error:
            return None, error.code
