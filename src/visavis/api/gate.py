"""What a request passes before anything of its body is read: an id, a key or a secret, and bounds on its rate and body.

Plain ASGI, so that it holds for every route there is and will be.
"""

import asyncio
import logging
import re
import secrets
import time

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visavis.api import problem
from visavis.api.rates import Rate
from visavis.api.service import Service, origin_of
from visavis.errors import (
    ApiKeyRefused,
    ClientSecretRefused,
    InputInvalid,
    OriginRefused,
    RequestTooLarge,
    RequestTooSlow,
    SessionUnknown,
    VisavisError,
)
from visavis.session import authenticate, shown_to

HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"strict-transport-security": b"max-age=63072000",
    b"x-content-type-options": b"nosniff",
}
"""Of every answer that does not set them itself."""
_CAPTURE = re.compile("/v1/capture/([^/]+)(/.*)?")
_LIVE = re.compile("/v1/capture/[^/]+/live")
_PHOTOS = re.compile("/v1/(comparisons|capture/[^/]+(/(photos|document))?)")
_log = logging.getLogger("visavis.access")


class Gate:
    """ASGI middleware: authentication, bounds, security headers, and a line in the log for each request."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        rates = service.rates
        self._by_key, self._by_address = Rate(rates.by_key), Rate(rates.by_address)
        self._failed = Rate(rates.failed_by_address)
        self._origins = {*_same_machine(origin_of(service.base_url)), *service.page_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, request_id = time.perf_counter(), 500, f"req_{secrets.token_hex(12)}"
        held: _Held | None = None
        scope.setdefault("state", {})["request_id"] = request_id

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                known = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in HEADERS.items() if name not in known]
                message = {**message, "headers": [*headers, (b"x-request-id", request_id.encode())]}
            await send(message)

        try:
            await self._admit(scope)
            held = _Held(receive, self._service, photos=_with_photos(scope))
            await self._app(scope, held.receive, answer)
        except VisavisError as error:
            await problem.of(error, scope)(scope, receive, answer)
        finally:
            if held is not None:
                held.let_go()
            self._note(scope, scope["method"], status, started)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a live capture: who asks is known by its first message."""
        started, status = time.perf_counter(), 101
        scope.setdefault("state", {})["request_id"] = f"req_{secrets.token_hex(12)}"
        address = str((scope.get("client") or ("",))[0])
        scope["state"]["failed"] = lambda: self._failed.take(address)
        try:
            if not _LIVE.fullmatch(scope["path"]):
                raise SessionUnknown("there is nothing here to connect to")
            self._check_origin(scope)
            self._by_address.take(address)
            await self._app(scope, receive, send)
        except VisavisError as error:
            answer = problem.of(error, scope)
            status = answer.status_code
            await answer(scope, receive, send)
        finally:
            self._note(scope, "GET", status, started)

    def _check_origin(self, scope: Scope) -> None:
        """Raises OriginRefused where a page of another site connects, and the operator does not let it."""
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        if any(origin not in self._origins for origin in origins):
            raise OriginRefused(
                "this page's site is none that may capture here; the operator names it with --page-origin"
            )

    def _note(self, scope: Scope, method: str, status: int, started: float) -> None:
        """A line in the log, and a figure in the metrics."""
        key = scope["state"].get("api_key")
        route = getattr(scope.get("route"), "path", None)
        seconds = time.perf_counter() - started
        self._service.metrics.request(method, route, status, seconds)
        _log.info(
            "request",
            extra={
                "request_id": scope["state"]["request_id"],
                "method": method,
                "route": route,
                "status": status,
                "ms": round(1e3 * seconds, 1),
                "application": None if key is None else key.application,
                "code": scope["state"].get("code"),
            },
        )

    async def _admit(self, scope: Scope) -> None:
        """Raises ApiKeyRefused, ClientSecretRefused or RateLimited."""
        path: str = scope["path"]
        if not path.isprintable():  # routes match before a line's end, and what is bounded here does not
            raise InputInvalid("an address has no characters that cannot be seen")
        address = str((scope.get("client") or ("",))[0])
        if not path.startswith(("/v1/", "/metrics")):
            self._by_address.take(address)
            return
        if _with_photos(scope):
            self._service.room.check()  # before a key is looked up or a body read: to turn away must cost little
        desk, capture = self._service.desk, _CAPTURE.fullmatch(path)
        try:
            token = _bearer(scope)
            if capture:
                self._by_address.take(address)
                scope["state"]["session"] = await run_in_threadpool(shown_to, desk, capture[1], token)
            else:
                key = await run_in_threadpool(authenticate, desk.vault, token)
                self._by_key.take(key.id)
                scope["state"]["api_key"] = key
            scope["state"]["token"] = token
        except (ApiKeyRefused, ClientSecretRefused):
            self._failed.take(address)  # who shows a good one is not turned away for others at the same address
            raise


def _same_machine(origin: str) -> set[str]:
    """An origin, and the other names of the loopback where it has one."""
    names = ("//127.0.0.1", "//localhost")
    return {origin, *(origin.replace(one, other) for one in names for other in names if one in origin)}


def _bearer(scope: Scope) -> str:
    """The token of the one Authorization header. Raises ApiKeyRefused."""
    found: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) == 1:
        kind, _, token = found[0].decode("latin-1").partition(" ")
        if kind.lower() == "bearer" and token.isascii() and len(token) <= 200:
            return token
    raise ApiKeyRefused(
        "expected `Authorization: Bearer` with an API key, or below /v1/capture the session's client secret"
    )


def _with_photos(scope: Scope) -> bool:
    return scope["method"] == "POST" and _PHOTOS.fullmatch(scope["path"]) is not None


class _Held:
    """A request's body as it comes in: no more of it than is allowed, in no more time, and counted with all others. photos: takes
    a place in the room once it is whole, and not before: who sends slowly holds none."""

    def __init__(self, receive: Receive, service: Service, *, photos: bool) -> None:
        self._receive, self._service = receive, service
        self._photos, self._placed = photos, False
        self._size, self._complete = 0, False
        self._deadline = time.monotonic() + service.body_s

    async def receive(self) -> Message:
        """See ASGI. Raises RequestTooLarge, RequestTooSlow or Overloaded."""
        service = self._service
        if self._complete:
            return await self._receive()  # when the client goes away
        try:
            async with asyncio.timeout(max(0.001, self._deadline - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise RequestTooSlow(f"the request's body did not come within {service.body_s:.0f} s") from None
        if message["type"] == "http.request":
            count = len(message.get("body", b""))
            if self._size + count > service.body_max:
                raise RequestTooLarge(f"a request has {service.body_max:,} bytes at most")
            service.intake.take(count)
            self._size += count
            self._complete = not message.get("more_body", False)
            if self._complete and self._photos:
                service.room.take()
                self._placed = True
        return message

    def let_go(self) -> None:
        """The request is over."""
        self._service.intake.give_back(self._size)
        if self._placed:
            self._service.room.leave()
