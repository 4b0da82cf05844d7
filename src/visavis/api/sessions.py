"""Verification sessions and their reports, for the application that asks for them."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.decision import DEFAULT_DOCUMENT_POLICY, DEFAULT_POLICY, FIELDS_MAX, DocumentTerms
from visavis.document import Authenticity
from visavis.session import (
    EVIDENCE_DAYS_MAX,
    EVIDENCE_TEXT_MAX,
    Against,
    Alternative,
    ApiKey,
    EvidenceTerms,
    LivenessPolicy,
    Payment,
    Scope,
    Wanted,
    cancel_session,
    find_session,
    open_session,
    redact_session,
    report_of,
    reports_of,
    sessions_of,
)

Owner = Annotated[ApiKey, Depends(needs(Scope.VERIFICATION_SESSIONS))]
Reader = Annotated[ApiKey, Depends(needs(Scope.REPORTS))]
Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str | None, Query(description="The id behind which the page begins.", max_length=64)]


Purpose = Annotated[str, Field(examples=["payment"], pattern="^[a-z0-9][a-z0-9_.-]{0,63}$")]
Locale = Annotated[
    str,
    Field(examples=["en"], description="BCP 47", max_length=35, pattern="^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*$"),
]
ReturnUrl = Annotated[
    str | None,
    Field(
        description="Where the page sends the user when the session is over.",
        examples=["https://shop.example/orders/77"],
    ),
]
PolicyName = Annotated[str, Field(description="A policy's name, as `/v1/policies` lists them.", max_length=64)]


def _whole(value: object) -> object:
    """JSON has one kind of number: 3.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]


class Body(BaseModel):
    """Base of what is asked for: nothing else than it names, and of no other type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TransactionBody(Body):
    """A payment that is approved by being verified; it is signed with the answer."""

    amount: str = Field(examples=["12.50"], pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")
    currency: str = Field(examples=["EUR"], description="ISO 4217", pattern="^[A-Z]{3}$")
    payee: str = Field(examples=["Bakery"], min_length=1, max_length=200)


class EvidenceBody(Body):
    """Under which photos are kept as evidence, if the person agrees; the operator must have switched it on."""

    text: str = Field(description="What the person is shown, and asked to agree to.", max_length=EVIDENCE_TEXT_MAX)
    version: str = Field(examples=["2026-01"], min_length=1, max_length=200)
    locale: Locale
    retention_days: Whole = Field(ge=1, le=EVIDENCE_DAYS_MAX, description="After so many days they are erased.")

    def terms(self) -> EvidenceTerms:
        """The same, checked. Raises ConsentInvalid."""
        return EvidenceTerms(self.text, self.version, self.locale, self.retention_days)


Liveness = Annotated[
    Literal["required", "not_checked"],
    Field(
        description="`required`: on the page, or over `/live` (docs/liveness.md). `not_checked` takes photos as they are "
        "uploaded: a photo of a photo passes."
    ),
]
Alternatives = Annotated[
    list[Literal["move_camera", "review"]],
    Field(
        description="For people who cannot turn their head: the camera is moved round it, or the session ends as `canceled` with "
        "`review_requested`, for your people to take care of it.",
        max_length=2,
    ),
]


class DocumentBody(Body):
    """What is asked of an identity document (docs/documents.md)."""

    authenticity: Literal["authentic", "authentic_presence_not_proven", "page_only"] = Field(
        default="page_only",
        description="At least that: a photo of the page, which may be forged; the chip's files, which the state signed; or these "
        "and the chip's own answer.",
    )
    expired_accepted: bool = False
    fields: list[Annotated[str, Field(max_length=40)]] = Field(
        default=[],
        description="What you are told of the document after a match, and nothing else is: `surname`, `document_number`, "
        "`over_18`, …",
        max_length=FIELDS_MAX,
    )

    def terms(self) -> DocumentTerms:
        """The same, checked. Raises InputInvalid."""
        return DocumentTerms(Authenticity(self.authenticity), self.expired_accepted, tuple(self.fields))


class SessionBody(Body):
    """What is asked for."""

    purpose: Purpose
    against: Literal["subject", "credential", "upload", "document"]
    subject: str | None = Field(None, description="The subject's id, where the person is compared with one.")
    document: DocumentBody | None = Field(None, description="Where the person is compared with a document.")
    policy: PolicyName | None = Field(None, description="`1e-4` where none is named, `document-1e-4` for documents.")
    attempts: Whole = Field(3, ge=1, le=10)
    expires_in_s: Whole = Field(900, ge=30, le=86_400)
    nonce: str | None = Field(None, min_length=1, max_length=200)
    transaction: TransactionBody | None = None
    evidence: EvidenceBody | None = None
    return_url: ReturnUrl = None
    liveness: Liveness = "required"
    alternatives: Alternatives = Field(["move_camera"])


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["verification sessions"])
    desk = service.desk

    @routes.post("/verification_sessions", status_code=201)
    def create_verification_session(body: SessionBody, key: Owner) -> m.OpenedVerificationSession:
        """Open a session. Send your user to its `url`; the client's secret in it is told this once."""
        payment = None if body.transaction is None else Payment(**body.transaction.model_dump())
        against = Against(body.against)
        document = body.document or (DocumentBody() if against is Against.DOCUMENT else None)
        session, secret = open_session(
            desk,
            application=key.application,
            wanted=Wanted(
                body.purpose,
                body.policy or (DEFAULT_POLICY if document is None else DEFAULT_DOCUMENT_POLICY),
                against,
                body.subject,
                payment,
                body.nonce,
                LivenessPolicy(body.liveness),
                tuple(map(Alternative, body.alternatives)),
                None if document is None else document.terms(),
            ),
            attempts=body.attempts,
            life=timedelta(seconds=body.expires_in_s),
            evidence=None if body.evidence is None else body.evidence.terms(),
            return_url=body.return_url,
        )
        return m.OpenedVerificationSession.of(session, client_secret=secret, url=service.page_url(session.id, secret))

    @routes.get("/verification_sessions")
    def list_verification_sessions(
        key: Owner, limit: Limit = 20, starting_after: After = None
    ) -> m.Page[m.VerificationSession]:
        """Your sessions, newest first."""
        found = sessions_of(desk, Wanted, application=key.application, before=starting_after, limit=limit + 1)
        return m.Page.cut([m.VerificationSession.of(each) for each in found], limit)

    @routes.get("/verification_sessions/{session_id}")
    def get_verification_session(session_id: str, key: Owner) -> m.VerificationSession:
        """A session as it is now."""
        return m.VerificationSession.of(find_session(desk, session_id, Wanted, application=key.application))

    @routes.post("/verification_sessions/{session_id}/cancel")
    def cancel_verification_session(session_id: str, key: Owner) -> m.VerificationSession:
        """End a session."""
        return m.VerificationSession.of(cancel_session(desk, session_id, Wanted, application=key.application))

    @routes.post("/verification_sessions/{session_id}/redact")
    def redact_verification_session(session_id: str, key: Owner) -> m.Receipt:
        """Forget what a session that is over holds of the person. The answer is a signed receipt."""
        return m.Receipt(**redact_session(desk, session_id, application=key.application).to_dict())

    @routes.get("/verification_sessions/{session_id}/reports", tags=["verification reports"])
    def list_verification_reports(session_id: str, key: Reader) -> m.Page[m.VerificationReport]:
        """A session's reports, oldest first."""
        found = reports_of(desk, session_id, application=key.application)
        return m.Page(data=[m.VerificationReport.of(each) for each in found], has_more=False)

    @routes.get("/verification_reports/{report_id}", tags=["verification reports"])
    def get_verification_report(report_id: str, key: Reader) -> m.VerificationReport:
        """A report: the decision with its score, and the signed answer without."""
        return m.VerificationReport.of(report_of(desk, report_id, application=key.application))

    return routes
