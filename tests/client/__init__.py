"""The client against the real service, and against servers that fail on purpose."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import iscoroutine
from typing import Any, cast

from visavis.client import AsyncVisavis, Visavis
from visavis.client.resource import Resource

KINDS = ("at once", "awaited")


class Waiting:
    """Something of `AsyncVisavis`, used as if it answered at once: every test holds for both clients."""

    def __init__(self, thing: Any, runner: asyncio.Runner) -> None:
        self._thing, self._runner = thing, runner

    def __repr__(self) -> str:
        return repr(self._thing)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        return Waiting(found, self._runner) if isinstance(found, Resource) else self._wait(found)

    def _wait(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            made = method(*arguments, **named)
            if iscoroutine(made):
                return self._runner.run(made)
            if isinstance(made, AsyncIterator):
                return self._walk(made)
            return Waiting(made, self._runner) if isinstance(made, Resource) else made

        return called

    def _walk(self, iterator: AsyncIterator[Any]) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(iterator)

        while True:
            try:
                yield self._runner.run(step())
            except StopAsyncIteration:
                return


@contextmanager
def client_of(kind: str, url: str, api_key: str | None = None, **options: Any) -> Iterator[Visavis]:
    """Either client."""
    if kind == "at once":
        with Visavis(url, api_key, **options) as client:
            yield client
        return
    with asyncio.Runner() as runner:
        slow = AsyncVisavis(url, api_key, **options)
        try:
            yield cast("Visavis", Waiting(slow, runner))
        finally:
            runner.run(slow.close())


@dataclass(frozen=True)
class Asked:
    """A request as a server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Failing:
    """A server that answers what it was told to, in this order: bytes that are sent as they are, or nothing before it hangs up.
    A number is so many seconds of silence."""

    url: str
    answers: list[bytes | float | None] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def will(self, *answers: bytes | float | None) -> None:
        self.answers.extend(answers)


def answer(status: int, body: bytes = b"{}", **headers: str) -> bytes:
    """An HTTP answer."""
    kind = "application/problem+json" if status >= 400 else "application/json"
    named = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def failing() -> Iterator[Failing]:
    """Serve for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.close_connection = True
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.asked.append(Asked(self.command, self.path, headers, body))
            told = made.answers.pop(0)
            if isinstance(told, float):
                stop.wait(told)
            elif told is not None:
                parts = told.split(b"\0slowly\0")
                for number, part in enumerate(parts):
                    if number:
                        time.sleep(0.05)
                    try:
                        self.wfile.write(part)
                    except OSError:  # nobody waits any more
                        return

        def log_message(self, *_: Any) -> None:
            pass

    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    made = Failing(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()
