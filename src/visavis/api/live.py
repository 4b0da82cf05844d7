"""A session's live capture over a WebSocket: pictures in, guidance out. docs/liveness.md tells the protocol.

(1) The client says whose session it is, that the person has agreed, and what they show besides their face.
(2) It is answered with a nonce, and sends pictures (see `stream`).
(3) The newest frame is looked at, as soon as there is a thread for it; those that came before and were not are dropped. Each that
    was is answered with guidance.
(4) When the capture is over, it is told where the session stands.

Everything is in memory, and goes with the connection.
"""

import asyncio
import json
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from visavis.api import problem
from visavis.api.capture import TEXT_MAX, capture_of, enrolled_of
from visavis.api.service import Service
from visavis.api.stream import Kind, Stream
from visavis.errors import ClientSecretRefused, InputInvalid, RateLimited, RequestTooSlow, StreamBroken, VisavisError
from visavis.image import Photo
from visavis.session import (
    FRAME_BYTES_MAX,
    Against,
    Agreed,
    AnySession,
    Capture,
    Enrolled,
    LiveCapture,
    Wanted,
    begin_capture,
    break_off,
    finish_capture,
    request_review,
)
from visavis.template import CLAIM_PREFIX, CREDENTIAL_PREFIX, HOLDER_PREFIX, read_qr

SUBPROTOCOL = "visavis.live.1"
LONG_SIDE_PX = 640
_START_S, _IDLE_S, _SENT_S = 10.0, 10.0, 10.0
_A_SECOND_MAX = 40
_POLICY_VIOLATION, _TRY_AGAIN = 1008, 1013
_PREFIXES = {Kind.CLAIM: CLAIM_PREFIX, Kind.CREDENTIAL: CREDENTIAL_PREFIX, Kind.HOLDER: HOLDER_PREFIX}
_NEEDED = {Against.SUBJECT: Kind.CLAIM, Against.CREDENTIAL: Kind.CREDENTIAL, Against.UPLOAD: Kind.REFERENCE}
Text = Annotated[str | None, Field(max_length=TEXT_MAX)]


class Consent(BaseModel):
    """What the person was shown, and agreed to."""

    model_config = ConfigDict(extra="forbid", strict=True)
    version: str = Field(max_length=200)
    locale: str = Field(max_length=35)


class Start(BaseModel):
    """The client's first message."""

    model_config = ConfigDict(extra="forbid", strict=True)
    type: Literal["start"]
    secret: str = Field(max_length=200)
    consent: Consent
    claim: Text = None
    credential: Text = None
    holder: Text = None
    evidence_agreed: bool = False
    alternative: Literal["move_camera", "review"] | None = None


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.websocket("/v1/capture/{session_id}/live")
    async def live(websocket: WebSocket, session_id: str) -> None:
        address = websocket.client.host if websocket.client else ""
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None)
        with suppress(WebSocketDisconnect, TimeoutError):
            try:
                with service.studio.connected(address):
                    await _conduct(service, websocket, session_id)
            except VisavisError as error:
                if isinstance(error, ClientSecretRefused):
                    websocket.scope["state"]["failed"]()
                await _refuse(websocket, problem.told(error, websocket.scope))
            except (WebSocketDisconnect, TimeoutError):
                raise
            except Exception as error:  # noqa: BLE001 - of a fault nobody foresaw nothing but its type is told, and that not to the client
                await _refuse(websocket, problem.unforeseen(error, websocket.scope))

    return routes


async def _conduct(service: Service, websocket: WebSocket, session_id: str) -> None:
    """One connection, from its first message on. Raises what is to be told to the client."""
    start = await _first(websocket)
    desk = service.desk
    agreed = Agreed(start.consent.version, start.consent.locale)
    with service.studio.place():
        mine = await run_in_threadpool(begin_capture, desk, session_id, start.secret, agreed)
        ended = await _ended(service, websocket, mine, start)
    told = enrolled_of(service, ended) if isinstance(ended, Enrolled) else capture_of(service, ended)
    await _send(websocket, {"type": "done", "capture": told.model_dump(mode="json")})
    await websocket.close()


async def _ended(service: Service, websocket: WebSocket, mine: AnySession, start: Start) -> AnySession | Enrolled:
    """Capture for a session that is taken, to its end; it is given back where it breaks off."""
    desk, over = service.desk, False
    if start.alternative == "review":
        return await run_in_threadpool(request_review, desk, mine)
    shooting = _Shooting(service, websocket, mine, start)
    try:
        await shooting.run()
        over = True
        result = shooting.live.result
        assert result is not None  # noqa: S101 - that is when it ends
        service.metrics.captured(result.pad)
        return await run_in_threadpool(finish_capture, desk, mine, result, shooting.capture())
    except VisavisError as error:
        if not over:
            await _break_off(service, mine, shooting, error.code)
        raise
    except BaseException:
        if not over:
            await _break_off(service, mine, shooting)
        raise
    finally:
        shooting.live.close()


async def _break_off(service: Service, mine: AnySession, shooting: "_Shooting", *error: str) -> None:
    """Give the session back, also when this task is being ended."""
    with anyio.CancelScope(shield=True), suppress(VisavisError):
        challenged = shooting.live.challenged
        await run_in_threadpool(
            lambda: break_off(service.desk, mine, challenged=challenged, **({"error": error[0]} if error else {}))
        )


@dataclass
class _Shooting:
    """The pictures of one capture, as they come in."""

    service: Service
    websocket: WebSocket
    session: AnySession
    start: Start
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def __post_init__(self) -> None:
        desk = self.service.desk
        self.live = LiveCapture(desk.models.current, passive=desk.passive)
        self._stream = Stream(self.start.secret, self.nonce)
        self._texts = {
            Kind.CLAIM: self.start.claim,
            Kind.CREDENTIAL: self.start.credential,
            Kind.HOLDER: self.start.holder,
        }
        self._reference: bytes | None = None
        self._newest: tuple[int, bytes, float] | None = None
        self._fresh, self._stopped = asyncio.Event(), False
        self._times: deque[float] = deque(maxlen=_A_SECOND_MAX)

    async def run(self) -> None:
        """Until the capture is over. Raises WebSocketDisconnect when the client goes, or what is to be told to it."""
        await _send(
            self.websocket,
            {
                "type": "ready",
                "nonce": self.nonce.hex(),
                "frame_bytes_max": FRAME_BYTES_MAX,
                "long_side_px": LONG_SIDE_PX,
            },
        )
        looker, reader = asyncio.create_task(self._look()), asyncio.create_task(self._read())
        try:
            await asyncio.wait({looker, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            self._stopped = True  # and is not cancelled: a frame is looked at to its end
            self._fresh.set()
            await asyncio.gather(looker, reader, return_exceptions=True)
        looker.result()
        if self.live.result is None:
            reader.result()

    def capture(self) -> Capture:
        """What came besides the frames."""
        claim, credential, holder = (self._texts[kind] for kind in (Kind.CLAIM, Kind.CREDENTIAL, Kind.HOLDER))
        return Capture((), claim, credential, holder, self._reference, agreed=self.start.evidence_agreed)

    async def _read(self) -> None:
        """Take in pictures as they come."""
        while True:
            kind, number, picture = self._stream.take(await _binary(self.websocket))
            now = time.monotonic()
            if len(self._times) == _A_SECOND_MAX and now - self._times[0] < 1:
                raise RateLimited(f"a client sends {_A_SECOND_MAX} pictures a second at most")
            self._times.append(now)
            if kind is Kind.FRAME:
                if self._newest is None:
                    self._check_complete()
                self._newest = number, picture, now
                self._fresh.set()
            elif self._newest is not None:
                raise StreamBroken("photos of codes and documents come before the first frame")
            elif kind is Kind.REFERENCE:
                self._reference = picture
            else:
                self._texts[kind] = await run_in_threadpool(lambda: read_qr(Photo(picture), _PREFIXES[kind]))  # noqa: B023

    def _check_complete(self) -> None:
        """Raises InputInvalid where something is missing that the person should not be captured without."""
        if isinstance(self.session.wanted, Wanted):
            kind = _NEEDED[self.session.wanted.against]
            if (self._reference if kind is Kind.REFERENCE else self._texts[kind]) is None:
                raise InputInvalid(f"before the first frame, send the {kind.name.lower()}")

    async def _look(self) -> None:
        """Look at the newest frame, again and again, until the capture is over."""
        while self.live.result is None:
            await self._fresh.wait()
            async with self.service.studio.looking:
                if self._stopped or self._newest is None:
                    return
                self._fresh.clear()
                number, frame, at_s = self._newest
                guided = await run_in_threadpool(self.live.see, frame, at_s)
            progress = round(guided.progress, 3)
            await _send(
                self.websocket,
                {"type": "guidance", "frame": number, "code": guided.code.value, "progress": progress},
            )


async def _first(websocket: WebSocket) -> Start:
    """Raises InputInvalid or RequestTooSlow."""
    message = await _received(websocket, _START_S)
    try:
        return Start.model_validate_json(message.get("text") or "")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputInvalid(f"expected a `start` message: {where or 'it'}: {first['msg']}") from None


async def _binary(websocket: WebSocket) -> bytes:
    message = await _received(websocket, _IDLE_S)
    picture: bytes | None = message.get("bytes")
    if picture is None:
        raise StreamBroken("after the first message, only pictures are expected")
    return picture


async def _received(websocket: WebSocket, patience_s: float) -> Any:
    try:
        async with asyncio.timeout(patience_s):
            message = await websocket.receive()
    except TimeoutError:
        raise RequestTooSlow(f"nothing came within {patience_s:.0f} s") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    return message


async def _send(websocket: WebSocket, message: dict[str, Any]) -> None:
    """Raises TimeoutError where the client does not read."""
    async with asyncio.timeout(_SENT_S):
        await websocket.send_text(json.dumps(message, separators=(",", ":")))


async def _refuse(websocket: WebSocket, told: problem.Told) -> None:
    message = {"type": "error", "code": told.code, "message": told.detail, "retry_after_s": told.retry_after_s}
    await _send(websocket, message)
    await websocket.close(_POLICY_VIOLATION if told.retry_after_s is None else _TRY_AGAIN)
