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
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from visavis.api import models as m
from visavis.api import problem
from visavis.api.capture import TEXT_MAX, AnswerBody, capture_of, enrolled_of
from visavis.api.service import Service
from visavis.api.stream import PHOTO_BYTES_MAX, Kind, Stream
from visavis.errors import (
    ClientSecretRefused,
    DocumentRefused,
    InputInvalid,
    RateLimited,
    RequestTooSlow,
    StreamBroken,
    VisavisError,
)
from visavis.image import Limits, Photo
from visavis.session import (
    CAPTURE_S,
    CHIP_FILES_MAX,
    FRAME_BYTES_MAX,
    INTERRUPTED,
    PAGES_MAX,
    Agreed,
    Alternative,
    AnySession,
    Beginning,
    Capture,
    Enrolled,
    LiveCapture,
    LiveResult,
    Papers,
    Shown,
    begin_capture,
    break_off,
    check_ready,
    finish_capture,
    read_papers,
    request_review,
)
from visavis.template import CLAIM_PREFIX, CREDENTIAL_PREFIX, HOLDER_PREFIX, read_qr

SUBPROTOCOL = "visavis.live.1"
LONG_SIDE_PX = 640
FIRST_CHARS_MAX = 131_072
_START_S, _IDLE_S, _SENT_S = 10.0, 10.0, 10.0
_PHOTO_S = 60.0
"""For how long a photo of a code may take to come."""
_WHOLE_S = 2 * CAPTURE_S + 20
"""For how long a session is captured for in all, photos of codes included."""
_A_SECOND_MAX = 40
_CODE_LIMITS = Limits(PHOTO_BYTES_MAX, 16_000_000)
_POLICY_VIOLATION, _TRY_AGAIN, _GOING_AWAY = 1008, 1013, 1012
_PREFIXES = {Kind.CLAIM: CLAIM_PREFIX, Kind.CREDENTIAL: CREDENTIAL_PREFIX, Kind.HOLDER: HOLDER_PREFIX}
Text = Annotated[str | None, Field(max_length=TEXT_MAX, repr=False)]


class Consent(BaseModel):
    """What the person was shown, and agreed to."""

    model_config = ConfigDict(extra="forbid", strict=True)
    version: str = Field(max_length=200)
    locale: str = Field(max_length=35)


class Start(BaseModel):
    """The client's first message."""

    model_config = ConfigDict(extra="forbid", strict=True)
    type: Literal["start"]
    secret: str = Field(max_length=200, repr=False)
    consent: Consent
    claim: Text = None
    credential: Text = None
    holder: Text = None
    chip_answer: AnswerBody | None = Field(None, repr=False)
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
                    told = await _told(service, websocket, session_id)
                    if told is not None:
                        await _refuse(websocket, told)
            except VisavisError as error:  # too many are connected
                await _refuse(websocket, problem.told(error, websocket.scope))

    return routes


async def _told(service: Service, websocket: WebSocket, session_id: str) -> problem.Told | None:
    """Serve a connection, to its end. What its client is to be told of a fault."""
    try:
        await _conduct(service, websocket, session_id)
    except ClientSecretRefused as error:
        try:
            websocket.scope["state"]["failed"]()
        except RateLimited as limited:
            return problem.told(limited, websocket.scope)
        return problem.told(error, websocket.scope)
    except VisavisError as error:
        return problem.told(error, websocket.scope)
    except (WebSocketDisconnect, TimeoutError):
        raise
    except Exception as error:  # noqa: BLE001 - of a fault that nobody foresaw its type is told, and to the operator alone
        return problem.unforeseen(error, websocket.scope)
    return None


async def _conduct(service: Service, websocket: WebSocket, session_id: str) -> None:
    """One connection, from its first message on. Raises what is to be told to the client."""
    start = await _first(websocket)
    beginning = Beginning(
        Agreed(start.consent.version, start.consent.locale),
        None if start.alternative is None else Alternative(start.alternative),
        evidence=start.evidence_agreed,
    )
    with service.studio.place():
        mine = await run_in_threadpool(begin_capture, service.desk, session_id, start.secret, beginning)
        ended = await _ended(service, websocket, mine, start)
    told = await run_in_threadpool(_answer, service, ended)  # which draws codes
    await _send(websocket, {"type": "done", "capture": told.model_dump(mode="json")})
    await _close(websocket, 1000)


def _answer(service: Service, ended: AnySession | Enrolled) -> m.Capture:
    return enrolled_of(service, ended) if isinstance(ended, Enrolled) else capture_of(service, ended)


async def _ended(service: Service, websocket: WebSocket, mine: AnySession, start: Start) -> AnySession | Enrolled:
    """Capture for a session that is taken, to its end; it is given back where it breaks off."""
    desk = service.desk
    if start.alternative == "review":
        return await run_in_threadpool(request_review, desk, mine)
    shooting = _Shooting(service, websocket, mine, start)
    try:
        result = await shooting.run()
    except BaseException as error:
        with anyio.CancelScope(shield=True), suppress(VisavisError):  # also when this task is being ended
            code = error.code if isinstance(error, VisavisError) else INTERRUPTED
            if isinstance(error, DocumentRefused):
                code = error.reasons[0]
            asked = _is_theirs(error) and shooting.live.challenged
            await run_in_threadpool(break_off, desk, mine, shooting.capture(), challenged=asked, error=code)
        raise
    finally:
        shooting.live.close()
    service.metrics.captured(result.pad)
    return await run_in_threadpool(finish_capture, desk, mine, result, shooting.capture())


def _is_theirs(error: BaseException) -> bool:
    """Whether a fault is the client's, and none of the service."""
    if isinstance(error, WebSocketDisconnect):
        return error.code != _GOING_AWAY
    return isinstance(error, TimeoutError) or (isinstance(error, VisavisError) and not problem.is_ours(error))


@dataclass(repr=False)
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
        texts = {Kind.CLAIM: self.start.claim, Kind.CREDENTIAL: self.start.credential, Kind.HOLDER: self.start.holder}
        self._texts = {kind: None if text is None else text.strip() for kind, text in texts.items()}
        self._reference: bytes | None = None
        self._document: dict[Kind, list[bytes]] = {Kind.PAGE: [], Kind.CHIP: []}
        self._shown: Shown | None = None
        self._photographed: Counter[Kind] = Counter()
        self._newest: tuple[int, bytes, float] | None = None
        self._arrived_s, self._gap_s = 0.0, 0.0
        self._fresh, self._stopped = asyncio.Event(), False
        self._times: deque[float] = deque(maxlen=_A_SECOND_MAX)

    async def run(self) -> LiveResult:
        """Until the capture is over. Raises WebSocketDisconnect when the client goes, or what is to be told to it."""
        hello = {"nonce": self.nonce.hex(), "frame_bytes_max": FRAME_BYTES_MAX, "long_side_px": LONG_SIDE_PX}
        await _send(self.websocket, {"type": "ready", **hello})
        looker, reader = asyncio.create_task(self._look()), asyncio.create_task(self._read())
        try:
            await asyncio.wait({looker, reader}, timeout=_WHOLE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            self._stopped = True  # and is not cancelled: a frame is looked at to its end
            self._fresh.set()
            await asyncio.gather(looker, reader, return_exceptions=True)
        if self.live.result is not None:  # whoever hung up then, it counts
            return self.live.result
        if not reader.cancelled():
            reader.result()
        looker.result()
        raise RequestTooSlow(f"a capture is over within {_WHOLE_S:.0f} s")

    def capture(self) -> Capture:
        """What came besides the frames."""
        claim, credential, holder = (self._texts[kind] for kind in (Kind.CLAIM, Kind.CREDENTIAL, Kind.HOLDER))
        agreed = self.start.evidence_agreed
        return Capture((), claim, credential, holder, self._reference, shown=self._shown, agreed=agreed)

    async def _read(self) -> None:
        """Take in pictures as they come."""
        while True:
            patience_s = _PHOTO_S if self._newest is None else _IDLE_S
            kind, number, picture = self._stream.take(await _binary(self.websocket, patience_s))
            now = time.monotonic()
            if len(self._times) == _A_SECOND_MAX and now - self._times[0] < 1:
                raise RateLimited(f"a client sends {_A_SECOND_MAX} pictures a second at most")
            self._times.append(now)
            if kind is not Kind.FRAME:
                await self._take(kind, picture)
                continue
            if self._newest is None:
                await self._read_document()
                await run_in_threadpool(check_ready, self.service.desk, self.session, self.capture())
                self._arrived_s = now = time.monotonic()  # reading a document takes a while
            self._gap_s = max(self._gap_s, now - self._arrived_s)
            self._newest, self._arrived_s = (number, picture, now), now
            self._fresh.set()

    async def _take(self, kind: Kind, picture: bytes) -> None:
        """Take a photo of a code, or the one to compare with, or a part of a document."""
        files = self._document.get(kind)
        most = {Kind.PAGE: PAGES_MAX, Kind.CHIP: CHIP_FILES_MAX}.get(kind, 1)
        if self._newest is not None or self._photographed[kind] >= most:
            raise StreamBroken("photos of codes and documents come before the first frame, one of each, or each side")
        self._photographed[kind] += 1
        if files is not None:
            files.append(picture)
            return
        if kind is Kind.REFERENCE:
            self._reference = picture
            return
        async with self.service.studio.looking:
            photo, prefix = await run_in_threadpool(Photo, picture, limits=_CODE_LIMITS), _PREFIXES[kind]
            self._texts[kind] = await run_in_threadpool(read_qr, photo, prefix)

    async def _read_document(self) -> None:
        """Read the document of which photos and files came, if any did."""
        pages, chip = (tuple(self._document[kind]) for kind in (Kind.PAGE, Kind.CHIP))
        if not pages and not chip:
            return
        answer = None if self.start.chip_answer is None else self.start.chip_answer.answer()
        papers = Papers(pages, chip, answer)
        self._shown = await run_in_threadpool(read_papers, self.service.desk, self.session, papers)

    async def _look(self) -> None:
        """Look at the newest frame, again and again, until the capture is over."""
        while self.live.result is None:
            await self._fresh.wait()
            async with self.service.studio.looking:
                if self._stopped or self._newest is None:
                    return
                self._fresh.clear()
                (number, frame, at_s), gap_s = self._newest, self._gap_s
                self._gap_s = 0.0
                guided = await run_in_threadpool(partial(self.live.see, frame, at_s, gap_s=gap_s))
            said = {"frame": number, "code": guided.code.value, "progress": round(guided.progress, 3)}
            await _send(self.websocket, {"type": "guidance", **said})


async def _first(websocket: WebSocket) -> Start:
    """Raises InputInvalid or RequestTooSlow."""
    text = (await _received(websocket, _START_S)).get("text") or ""
    if len(text) > FIRST_CHARS_MAX:
        raise InputInvalid(f"the first message has {FIRST_CHARS_MAX:,} characters at most")
    try:
        return Start.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        known = [str(part) for part in first["loc"] if part in {*Start.model_fields, *Consent.model_fields}]
        where = ".".join(known) or "it"
        raise InputInvalid(f"expected a `start` message: {where}: {first['msg']}") from None


async def _binary(websocket: WebSocket, patience_s: float) -> bytes:
    message = await _received(websocket, patience_s)
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


async def _close(websocket: WebSocket, code: int) -> None:
    """Raises TimeoutError where the client does not read."""
    async with asyncio.timeout(_SENT_S):
        await websocket.close(code)


async def _refuse(websocket: WebSocket, told: problem.Told) -> None:
    message = {"type": "error", "code": told.code, "message": told.detail, "retry_after_s": told.retry_after_s}
    await _send(websocket, message)
    await _close(websocket, _POLICY_VIOLATION if told.retry_after_s is None else _TRY_AGAIN)
