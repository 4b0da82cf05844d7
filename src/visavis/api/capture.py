"""What the client of a session may do with its secret: see what is asked for, and submit a capture or photos.

No score is told here: who is told scores can climb towards one.
"""

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile

from visavis.api import models as m
from visavis.api.rates import Rate
from visavis.api.service import Service
from visavis.errors import InputInvalid
from visavis.image import Photo
from visavis.session import CAPTURES_MAX, AnySession, Capture, Enrolled, Wanted, enrol, submit
from visavis.template import CLAIM_PREFIX, CREDENTIAL_PREFIX, HOLDER_PREFIX, qr_png, qr_svg, read_qr

FRAMES_MAX = 10
Agreed = Annotated[
    bool, Form(description="Whether the person agrees that the photos are kept, under the session's `evidence`.")
]
TEXT_MAX = 16_384


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/capture/{session_id}", tags=["capture"])
    by_subject = Rate(service.rates.by_subject)

    @routes.get("")
    def get_capture(session_id: str, request: Request) -> m.Capture:  # noqa: ARG001 - the gate has looked it up
        """What the session asks its client for."""
        return capture_of(service, request.state.session)

    @routes.post("")
    def submit_capture(
        session_id: str,
        request: Request,
        probe: Annotated[
            list[UploadFile], File(description="One to ten frames of one capture.", max_length=FRAMES_MAX)
        ],
        claim: Annotated[str | None, Form(description="The text of the claim's code.")] = None,
        claim_photo: Annotated[UploadFile | None, File(description="A photo of the claim's code.")] = None,
        credential: Annotated[str | None, Form(description="The text of the credential's code.")] = None,
        credential_photo: Annotated[UploadFile | None, File(description="A photo of it.")] = None,
        holder: Annotated[str | None, Form(description="The text of the code of the holder's secret.")] = None,
        holder_photo: Annotated[UploadFile | None, File(description="A photo of it.")] = None,
        reference: Annotated[UploadFile | None, File(description="The photo to compare with.")] = None,
        evidence_agreed: Agreed = False,
    ) -> m.Capture:
        """Submit a capture to a verification session, and wait for where the session stands then."""
        session: AnySession = request.state.session
        if session.wanted.subject_id is not None:
            by_subject.take(session.wanted.subject_id)
        taken = Capture(
            frames=[frame.file.read() for frame in probe],
            claim=_code(claim, claim_photo, CLAIM_PREFIX),
            credential=_code(credential, credential_photo, CREDENTIAL_PREFIX),
            holder=_code(holder, holder_photo, HOLDER_PREFIX),
            reference=None if reference is None else reference.file.read(),
            agreed=evidence_agreed,
        )
        return capture_of(service, submit(service.desk, session_id, request.state.token, taken))

    @routes.post("/photos")
    def submit_photos(
        session_id: str,
        request: Request,
        photo: Annotated[
            list[UploadFile],
            File(description="One to five photos of the person, as they look today.", max_length=CAPTURES_MAX),
        ],
        evidence_agreed: Agreed = False,
    ) -> m.Enrolled:
        """Submit photos to an enrolment. Where all are taken, what the subject must keep is handed out, this once."""
        photos = [each.file.read() for each in photo]
        done = enrol(service.desk, session_id, request.state.token, photos, agreed=evidence_agreed)
        return enrolled_of(service, done)

    return routes


def capture_of(service: Service, session: AnySession) -> m.Capture:
    """A session as its client sees it: without terms that nothing is kept under any more."""
    return m.Capture(**_plain(service, session))


def enrolled_of(service: Service, done: Enrolled) -> m.Enrolled:
    """An enrolment after photos were submitted, with what is handed out."""
    return m.Enrolled(
        **_plain(service, done.session),
        photos=[m.SubmittedPhoto(reasons=[reason.value for reason in reasons]) for reasons in done.photos],
        codes=_codes(done),
    )


def _codes(done: Enrolled) -> list[m.Code]:
    texts = {"claim": done.claim, "credential": done.credential, "holder": done.holder}
    return [
        m.Code(name=name, text=text, svg=qr_svg(text).decode(), png=b64encode(qr_png(text)))  # type: ignore[arg-type]
        for name, text in texts.items()
        if text is not None
    ]


def _code(text: str | None, photo: UploadFile | None, prefix: str) -> str | None:
    """A code as its text, or read from a photo of it. Raises CodeUnreadable, or an ImageError."""
    if photo is not None:
        return read_qr(Photo(photo.file.read()), prefix)
    if text is not None and len(text) > TEXT_MAX:
        raise InputInvalid("the text of a code is shorter")
    return None if text is None else text.strip()


def _plain(service: Service, session: AnySession) -> dict[str, Any]:
    wanted, kept = session.wanted, service.desk.evidence_key is not None
    special: dict[str, Any]
    if isinstance(wanted, Wanted):
        payment = None if wanted.payment is None else wanted.payment.to_dict()
        special = {"against": wanted.against.value, "yields": None, "transaction": payment}
    else:
        special = {"against": None, "yields": wanted.yields.value, "transaction": None}
    return {
        **special,
        "id": session.id,
        "kind": wanted.kind,
        "status": session.status.value,
        "purpose": wanted.purpose,
        "liveness": wanted.liveness.value,
        "alternatives": [each.value for each in wanted.alternatives],
        "attempts_left": session.attempts_left,
        "last_error": session.last_error,
        "evidence": m.EvidenceTerms.of(session) if kept else None,
        "return_url": session.return_url,
    }
