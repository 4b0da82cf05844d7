"""The two clients: they differ in how they send, and how they wait."""

import asyncio
import ipaddress
import os
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

import httpx

from visavis._version import __version__
from visavis.client import request as r
from visavis.client.captures import Captures
from visavis.client.patience import Lost, Patience, Tries
from visavis.client.request import Answer, Call, Listing, Request
from visavis.client.resource import Later, M, Now
from visavis.client.resources import (
    Audit,
    Comparisons,
    Credentials,
    Enrolments,
    Events,
    Policies,
    Subjects,
    VerificationReports,
    VerificationSessions,
    WebhookEndpoints,
)
from visavis.errors import InputInvalid

T = TypeVar("T")
API_KEY = "VISAVIS_API_KEY"
"""The environment's variable with the API key."""
ANSWER_MAX = 64 * 1024 * 1024
_CONNECT_S = 10.0
_VISIBLE = re.compile("[!-~]+")
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Options(TypedDict, total=False):
    """retries: how often a request is sent again at most. timeout_s: for how long the service may be silent. deadline_s: for how
    long a call may take, its repetitions and pauses included. ssl_context: to trust other certificates than the usual ones, or to
    show one."""

    retries: int
    timeout_s: float
    deadline_s: float
    ssl_context: ssl.SSLContext | None


class _Client(Generic[M]):
    """What both have."""

    def __init__(self, base_url: str, api_key: str | None = None, **options: Unpack[Options]) -> None:
        ssl_context = options.pop("ssl_context", None)
        self._base_url, self._patience = _checked(base_url), Patience(**options)  # type: ignore[misc]  # the rest is its fields
        given = os.environ.get(API_KEY) if api_key is None else api_key
        self._api_key = None if given is None else r.token(given, "an API key")
        self._http_options: dict[str, Any] = {
            "verify": True if ssl_context is None else ssl_context,
            "trust_env": self._base_url.startswith("https:"),  # a key that is sent in the clear goes through no proxy
            "follow_redirects": False,
            "headers": {"User-Agent": f"visavis-client/{__version__}", "Accept": "application/json, */*;q=0.1"},
        }
        self.verification_sessions: VerificationSessions[M] = VerificationSessions(self)
        self.reports: VerificationReports[M] = VerificationReports(self)
        self.enrolments: Enrolments[M] = Enrolments(self)
        self.comparisons: Comparisons[M] = Comparisons(self)
        self.policies: Policies[M] = Policies(self)
        self.subjects: Subjects[M] = Subjects(self)
        self.credentials: Credentials[M] = Credentials(self)
        self.webhook_endpoints: WebhookEndpoints[M] = WebhookEndpoints(self)
        self.events: Events[M] = Events(self)
        self.audit: Audit[M] = Audit(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._base_url}>"

    def capture(self, session_id: str, client_secret: str) -> Captures[M]:
        """What the client of a session may do with its secret. Raises InputInvalid."""
        return Captures(self, session_id, client_secret)

    def run(self, call: Call[Any]) -> Any:
        """See `Sender`."""
        raise NotImplementedError

    def walk(self, listing: Listing[Any]) -> Any:
        """See `Sender`."""
        raise NotImplementedError

    def _parts(self, request: Request, left_s: float) -> dict[str, Any]:
        """What httpx sends."""
        silent_s = min(self._patience.timeout_s, left_s)
        return {
            "method": request.method,
            "url": self._base_url + request.path,
            "params": request.query,
            "content": request.content,
            "headers": request.headers(self._api_key),
            "timeout": httpx.Timeout(silent_s, connect=min(_CONNECT_S, silent_s)),
        }


class Visavis(_Client[Now]):
    """A client of the service, for any number of threads. Close it, or use it in a `with` statement.

    base_url: where the service is reached; https, or http on this machine itself. api_key: by default the environment's
    VISAVIS_API_KEY; a client of captures alone needs none. Raises InputInvalid. Further arguments:

    retries: how often a request is sent again at most, 3 times by default. timeout_s: for how long the service may be silent,
    30 s. deadline_s: for how long a call may take, its repetitions and pauses included, 60 s. ssl_context: to trust other
    certificates than the usual ones, or to show one.
    """

    def __init__(self, base_url: str, api_key: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(base_url, api_key, **options)
        self._http = httpx.Client(**self._http_options)

    def run(self, call: Call[T]) -> T:
        """Send what a call says, as often as it takes, and read the answer. Raises ServiceError or ServiceUnreachable."""
        tries = Tries(call.request, self._patience)
        while True:
            came = self._send(call.request, tries.left_s)
            if isinstance(came, Answer) and came.good:
                return call.read(came)
            time.sleep(tries.pause_s(came))

    def walk(self, listing: Listing[T]) -> Iterator[T]:
        """All that is listed; a page is asked for when it is come to. Raises as `run` does."""
        cursor: str | int | None = None
        while True:
            page = self.run(listing.page(cursor))
            yield from page.data
            cursor = listing.after(page)
            if cursor is None:
                return

    def key_set(self) -> Mapping[str, Any]:
        """The public keys of the reports, as a JSON Web Key Set."""
        return self.run(_KEY_SET)

    def _send(self, request: Request, left_s: float) -> Answer | Lost:
        content, ends = bytearray(), time.monotonic() + left_s
        try:
            with self._http.stream(**self._parts(request, left_s)) as response:
                for chunk in response.iter_bytes():
                    _append(content, chunk, response)
                    if time.monotonic() > ends:
                        return _LATE
                return Answer(response.status_code, _headers(response), bytes(content))
        except httpx.RequestError as error:
            return _lost(error)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncVisavis(_Client[Later]):
    """A client of the service for asyncio: what `Visavis` gives is awaited here, and lists are iterated with `async for`.

    See `Visavis` for its arguments. Close it, or use it in an `async with` statement; it belongs to one event loop. Photos that
    are named by their path are read while the loop waits: give bytes where that matters.
    """

    def __init__(self, base_url: str, api_key: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(base_url, api_key, **options)
        self._http = httpx.AsyncClient(**self._http_options)

    async def run(self, call: Call[T]) -> T:
        """See `Visavis.run`."""
        tries = Tries(call.request, self._patience)
        while True:
            came = await self._send(call.request, tries.left_s)
            if isinstance(came, Answer) and came.good:
                return call.read(came)
            await asyncio.sleep(tries.pause_s(came))

    async def walk(self, listing: Listing[T]) -> AsyncIterator[T]:
        """See `Visavis.walk`."""
        cursor: str | int | None = None
        while True:
            page = await self.run(listing.page(cursor))
            for each in page.data:
                yield each
            cursor = listing.after(page)
            if cursor is None:
                return

    async def key_set(self) -> Mapping[str, Any]:
        """See `Visavis.key_set`."""
        return await self.run(_KEY_SET)

    async def _send(self, request: Request, left_s: float) -> Answer | Lost:
        content = bytearray()
        try:
            async with (
                asyncio.timeout(left_s),
                self._http.stream(**self._parts(request, left_s)) as response,
            ):
                async for chunk in response.aiter_bytes():
                    _append(content, chunk, response)
                return Answer(response.status_code, _headers(response), bytes(content))
        except TimeoutError:
            return _LATE
        except httpx.RequestError as error:
            return _lost(error)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


_KEY_SET = Call(Request("GET", "/.well-known/jwks.json", public=True), r.mapping)
_LATE = Lost("the deadline passed", sent=True)


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if (
        not host
        or parts.scheme not in ("https", "http")
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or not _VISIBLE.fullmatch(base_url)
    ):
        raise InputInvalid("expected a base_url such as https://verify.example, without user, query and fragment")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise InputInvalid("expected a base_url that begins with https://; http is for this machine itself")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _append(content: bytearray, chunk: bytes, response: httpx.Response) -> None:
    content += chunk
    if len(content) > ANSWER_MAX:
        raise Answer(response.status_code, _headers(response), b"").unreadable("it is too large")


def _lost(error: httpx.RequestError) -> Lost:
    """The error itself holds the request with its key; it goes no further."""
    return Lost(f"{type(error).__name__}: {error}", sent=not isinstance(error, _NOT_SENT))
