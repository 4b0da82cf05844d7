"""What the service does by itself while it runs: sessions expire, events are sent, and what was kept long enough is erased."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio import to_thread
from starlette.concurrency import run_in_threadpool

from visavis.api.log import tell_fault
from visavis.api.service import Service
from visavis.session import expire_sessions, sweep

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3_600.0, 86_400.0
_OTHERS = 40
"""Threads besides those in which photos are looked at or wait: for keys, events and what else is short."""
_log = logging.getLogger("visavis.tending")


@asynccontextmanager
async def tended(service: Service) -> AsyncIterator[None]:
    """Tend the service for the length of the block. Several processes may do so at the same time."""
    vault = service.desk.vault
    to_thread.current_default_thread_limiter().total_tokens = service.room.places + service.studio.places + _OTHERS
    async with anyio.create_task_group() as tasks:  # which waits for their threads; tasks of asyncio would leave them
        tasks.start_soon(_every, _MINUTE_S, lambda: expire_sessions(vault))
        tasks.start_soon(_every, _DAY_S, lambda: sweep(vault), _HOUR_S)
        tasks.start_soon(service.courier.run)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()


async def _every(seconds: float, act: Callable[[], object], again_s: float | None = None) -> None:
    """Do it now, and so often from now on. again_s: after a fault, which is logged, it is tried again so soon."""
    while True:
        wait_s = seconds
        try:
            await run_in_threadpool(act)
        except Exception as error:  # noqa: BLE001 - whatever it was, the service goes on
            tell_fault(_log, error)
            wait_s = again_s or seconds
        await asyncio.sleep(wait_s)
