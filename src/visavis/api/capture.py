"""What the client of a session may do with its secret: see what is asked for, and submit a capture or photos.

No score is told here: who is told scores can climb towards one.
"""

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visavis.api import models as m
from visavis.api.rates import Rate
from visavis.api.service import Service
from visavis.errors import InputInvalid
from visavis.image import Photo
from visavis.session import (
    CAPTURES_MAX,
    CHIP_FILES_MAX,
    COMMANDS_MAX,
    PAGES_MAX,
    AnySession,
    Capture,
    ChipAnswer,
    Enrolled,
    Papers,
    Wanted,
    challenge_chip,
    enrol,
    look_at_papers,
    submit,
)
from visavis.template import CLAIM_PREFIX, CREDENTIAL_PREFIX, HOLDER_PREFIX, qr_png, qr_svg, read_qr

FRAMES_MAX = 10
Agreed = Annotated[
    bool, Form(description="Whether the person agrees that the photos are kept, under the session's `evidence`.")
]
TEXT_MAX = 16_384
Pages = File(description="Photos of the document, one a side.", max_length=PAGES_MAX)
ChipFiles = File(description="Files of its chip, as they were read, in any order.", max_length=CHIP_FILES_MAX)
ChipAnswerText = Annotated[
    str | None,
    Form(
        description="What the chip answered to a challenge: JSON with `challenge`, `active` and `chip` (docs/documents.md)."
    ),
]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/capture/{session_id}", tags=["capture"])
    by_subject = Rate(service.rates.by_subject)
    by_session = Rate(service.rates.by_session)

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
        document_page: Annotated[list[UploadFile], Pages] = [],  # noqa: B006 - nobody changes it
        document_chip: Annotated[list[UploadFile], ChipFiles] = [],  # noqa: B006
        chip_answer: ChipAnswerText = None,
        evidence_agreed: Agreed = False,
    ) -> m.Capture:
        """Submit a capture to a verification session, and wait for where the session stands then."""
        session: AnySession = request.state.session
        if session.wanted.subject_id is not None:
            by_subject.take(session.wanted.subject_id)
        papers = _papers(document_page, document_chip, chip_answer)
        if papers is not None:
            by_session.take(session_id)
        taken = Capture(
            frames=[frame.file.read() for frame in probe],
            claim=_code(claim, claim_photo, CLAIM_PREFIX),
            credential=_code(credential, credential_photo, CREDENTIAL_PREFIX),
            holder=_code(holder, holder_photo, HOLDER_PREFIX),
            reference=None if reference is None else reference.file.read(),
            papers=papers,
            agreed=evidence_agreed,
        )
        return capture_of(service, submit(service.desk, session_id, request.state.token, taken))

    @routes.post("/document")
    def look_at_document(
        session_id: str,
        request: Request,
        document_page: Annotated[list[UploadFile], Pages] = [],  # noqa: B006 - nobody changes it
        document_chip: Annotated[list[UploadFile], ChipFiles] = [],  # noqa: B006
        chip_answer: ChipAnswerText = None,
    ) -> m.DocumentLook:
        """Have a document looked at before the person is captured. Nothing is kept, and no attempt used up."""
        by_session.take(session_id)
        papers = _papers(document_page, document_chip, chip_answer) or Papers()
        report, document = look_at_papers(service.desk, request.state.session, papers)
        pages = [list(faults) for faults in document.faults]
        return m.DocumentLook(ready=report.holds, reasons=list(report.reasons), pages=pages)

    @routes.post("/chip_challenge")
    def make_chip_challenge(
        session_id: str,
        request: Request,
        dg14: Annotated[UploadFile | None, File(description="The chip's file DG14, where it has one.")] = None,
    ) -> m.ChipChallenge:
        """A challenge that the chip of the document answers, so that its files are known for no copy."""
        by_session.take(session_id)
        name, challenge = challenge_chip(service.desk, request.state.session)
        commands = [] if dg14 is None else challenge.chip_commands(dg14.file.read())
        return m.ChipChallenge(
            challenge=name,
            active_command=challenge.active_command.hex(),
            chip_commands=[command.hex() for command in commands],
        )

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


class AnswerBody(BaseModel):
    """What a chip answered: hex."""

    model_config = ConfigDict(extra="forbid", strict=True)
    challenge: str = Field(max_length=40)
    active: str | None = Field(None, max_length=2_048, pattern="^([0-9a-fA-F]{2})+$", repr=False)
    chip: list[Annotated[str, Field(max_length=2_048, pattern="^([0-9a-fA-F]{2})+$")]] = Field(
        [], max_length=COMMANDS_MAX, repr=False
    )

    def answer(self) -> ChipAnswer:
        """The same in bytes."""
        active = None if self.active is None else bytes.fromhex(self.active)
        return ChipAnswer(self.challenge, active, tuple(map(bytes.fromhex, self.chip)))


def _papers(pages: list[UploadFile], chip: list[UploadFile], answer: str | None) -> Papers | None:
    """What is shown of a document; None where nothing is. Raises InputInvalid."""
    if not pages and not chip:
        return None
    read = None
    if answer is not None:
        try:
            read = AnswerBody.model_validate_json(answer).answer()
        except ValidationError:
            raise InputInvalid("expected chip_answer as JSON with `challenge`, `active` and `chip`, in hex") from None
    return Papers(tuple(page.file.read() for page in pages), tuple(file.file.read() for file in chip), read)


def _plain(service: Service, session: AnySession) -> dict[str, Any]:
    wanted, kept = session.wanted, service.desk.evidence_key is not None
    special: dict[str, Any]
    if isinstance(wanted, Wanted):
        payment = None if wanted.payment is None else wanted.payment.to_dict()
        special = {
            "against": wanted.against.value,
            "document": m.DocumentTerms.of(wanted),
            "yields": None,
            "transaction": payment,
        }
    else:
        special = {"against": None, "document": None, "yields": wanted.yields.value, "transaction": None}
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
