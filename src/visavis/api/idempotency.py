"""`Idempotency-Key`: a POST that is repeated with the same key is carried out once, and answered alike.

Not where nothing is changed: a challenge that was kept would be over, and of a document nothing is kept. Plain ASGI, behind the
gate: who asks is known. See `visavis.session.idempotency`.
"""

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visavis.api.service import Service
from visavis.session import Asked, abandon_request, begin_request, finish_request

HEADER = b"idempotency-key"
CHANGES_NOTHING = re.compile("/v1/capture/[^/]+/(document|chip_challenge)")
"""Paths of which a POST is carried out each time."""


class Idempotent:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._vault = app, service.desk.vault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        token = scope.get("state", {}).get("token")
        key = next((value for name, value in scope.get("headers", ()) if name == HEADER), None)
        post = scope["type"] == "http" and scope["method"] == "POST" and not CHANGES_NOTHING.fullmatch(scope["path"])
        if not post or token is None or key is None:
            await self._app(scope, receive, send)
            return
        body = await _whole(receive)
        if body is None:  # the client went away
            return
        asked = Asked(token, key.decode("latin-1"), _hash(scope, body))
        kept = await run_in_threadpool(begin_request, self._vault, asked)
        if kept is not None:
            await _again(kept, send)
            return
        answer: list[Message] = []
        try:
            await self._app(scope, _replayed(body, receive), _collect(answer))
        except Exception:
            await run_in_threadpool(abandon_request, self._vault, asked)
            raise
        if answer and 200 <= answer[0]["status"] < 300:
            # A fault here leaves a request of which a repetition is told that nobody knows what came of it.
            await run_in_threadpool(finish_request, self._vault, asked, _packed(answer))
        else:
            await run_in_threadpool(abandon_request, self._vault, asked)
        for message in answer:
            await send(message)


async def _whole(receive: Receive) -> bytes | None:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _hash(scope: Scope, body: bytes) -> bytes:
    """Of what is asked. The boundary between the parts of a form is drawn anew by each client that repeats it."""
    kind: bytes = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    _, _, boundary = kind.partition(b"boundary=")
    boundary = boundary.split(b";")[0].strip(b'" ')
    told = sha256(f"{scope['path']}?{scope['query_string'].decode('latin-1')}\0".encode())
    told.update(body.replace(b"--" + boundary, b"--") if boundary else body)
    return told.digest()


def _replayed(body: bytes, receive: Receive) -> Receive:
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _collect(answer: list[Message]) -> Send:
    async def collect(message: Message) -> None:
        answer.append(message)

    return collect


def _packed(answer: list[Message]) -> bytes:
    start, body = answer[0], b"".join(message.get("body", b"") for message in answer[1:])
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in start["headers"]]
    return json.dumps({"status": start["status"], "headers": headers, "body": b64encode(body).decode()}).encode()


async def _again(kept: bytes, send: Send) -> None:
    value = json.loads(kept)
    headers = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in value["headers"]]
    headers.append((b"idempotent-replayed", b"true"))
    await send({"type": "http.response.start", "status": value["status"], "headers": headers})
    await send({"type": "http.response.body", "body": b64decode(value["body"])})
