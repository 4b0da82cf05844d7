"""What the client of a verification session may do with its secret: see what is asked for, and submit a capture.

No score is told here: who is told scores can climb towards one.
"""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile

from visavis.api.service import Service
from visavis.errors import InputInvalid
from visavis.image import Photo
from visavis.session import Capture, VerificationSession, submit
from visavis.template import CLAIM_PREFIX, CREDENTIAL_PREFIX, HOLDER_PREFIX, read_qr

FRAMES_MAX = 10
_TEXT_MAX = 16_384


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/capture/{session_id}", tags=["capture"])

    @routes.get("")
    def show(session_id: str, request: Request) -> dict[str, Any]:  # noqa: ARG001 - the gate has looked it up
        """What the session asks its client for."""
        return _plain(request.state.session)

    @routes.post("")
    def take(
        session_id: str,
        request: Request,
        probe: Annotated[list[UploadFile], File(description="One to ten frames of one capture.")],
        claim: Annotated[str | None, Form(description="The text of the claim's code.")] = None,
        claim_photo: Annotated[UploadFile | None, File(description="A photo of the claim's code.")] = None,
        credential: Annotated[str | None, Form()] = None,
        credential_photo: Annotated[UploadFile | None, File()] = None,
        holder: Annotated[str | None, Form()] = None,
        holder_photo: Annotated[UploadFile | None, File()] = None,
        reference: Annotated[UploadFile | None, File(description="The photo to compare with.")] = None,
    ) -> dict[str, Any]:
        """Submit a capture, and wait for where the session stands then."""
        if len(probe) > FRAMES_MAX:
            raise InputInvalid(f"a capture has {FRAMES_MAX} frames at most")
        with service.room.place():
            taken = Capture(
                frames=[frame.file.read() for frame in probe],
                claim=_code(claim, claim_photo, CLAIM_PREFIX),
                credential=_code(credential, credential_photo, CREDENTIAL_PREFIX),
                holder=_code(holder, holder_photo, HOLDER_PREFIX),
                reference=None if reference is None else reference.file.read(),
            )
            return _plain(submit(service.desk, session_id, request.state.client_secret, taken))

    return routes


def _code(text: str | None, photo: UploadFile | None, prefix: str) -> str | None:
    """A code as its text, or read from a photo of it. Raises CodeUnreadable, or an ImageError."""
    if photo is not None:
        return read_qr(Photo(photo.file.read()), prefix)
    if text is not None and len(text) > _TEXT_MAX:
        raise InputInvalid("the text of a code is shorter")
    return None if text is None else text.strip()


def _plain(session: VerificationSession) -> dict[str, Any]:
    wanted = session.wanted
    return {
        "id": session.id,
        "object": "capture",
        "status": session.status.value,
        "purpose": wanted.purpose,
        "against": wanted.against.value,
        "transaction": None if wanted.payment is None else wanted.payment.to_dict(),
        "attempts_left": session.attempts_left,
        "last_error": session.last_error,
    }
