"""What the service does by itself while it runs: sessions expire, events are sent, and what was kept long enough is erased."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool

from visavis.api.service import Service
from visavis.errors import VisavisError
from visavis.session import expire_sessions, sweep

_MINUTE_S, _DAY_S = 60.0, 86_400.0
_log = logging.getLogger("visavis.tending")


@asynccontextmanager
async def tended(service: Service) -> AsyncIterator[None]:
    """Tend the service for the length of the block. Several processes may do so at the same time."""
    vault = service.desk.vault
    tasks = [
        asyncio.create_task(_every(_MINUTE_S, lambda: expire_sessions(vault))),
        asyncio.create_task(_every(_DAY_S, lambda: sweep(vault))),
        asyncio.create_task(service.courier.run()),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _every(seconds: float, act: Callable[[], object]) -> None:
    """Do it now, and so often from now on. A fault is logged, and it is tried again the next time."""
    while True:
        try:
            await run_in_threadpool(act)
        except VisavisError as error:
            _log.error("fault", extra={"code": error.code, "detail": str(error)})
        await asyncio.sleep(seconds)
