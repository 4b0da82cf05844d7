"""What the service answers with, field by field; the OpenAPI document is made from it."""

from dataclasses import asdict
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from visavis import session as s

Time = str
_TIME = "UTC, ISO 8601 with microseconds."
_MORE = ConfigDict(json_schema_serialization_defaults_required=True)


class Answer(BaseModel):
    """Base of all."""

    model_config = _MORE


Item = TypeVar("Item", bound=Answer)


class Page(Answer, Generic[Item]):
    """Some of several things, and whether there are more behind them."""

    object: Literal["list"] = "list"
    data: list[Item]
    has_more: bool

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """What a page of such things is called in the OpenAPI document."""
        return f"{params[0].__name__}List"

    @classmethod
    def cut(cls, found: list[Item], limit: int) -> Self:
        """A page of what was found, one more than fit on it at most."""
        return cls(data=found[:limit], has_more=len(found) > limit)


# --- decisions ------------------------------------------------------------------------------------------------------


class FalseMatchRate(Answer):
    """How often two strangers reach this score: the estimate and its 95 % interval."""

    value: float
    lower: float
    upper: float
    extrapolated: bool


class DecisionPolicy(Answer):
    """The policy that was decided by."""

    name: str
    fmr_target: float
    threshold: float
    version: int | str
    condition: str
    extrapolated: bool


class Reasons(Answer):
    """Why, by stable codes. reference, probe: what was wrong with a photo. pair: of the outcome."""

    reference: list[str]
    probe: list[str]
    pair: list[str]


class Model(Answer):
    """The embedding model, by its file's hash."""

    id: str
    sha256: str


class PairCounts(Answer):
    """Of the calibration's data."""

    mated: int
    non_mated: int


class CalibrationRef(Answer):
    """The data that the threshold comes from."""

    dataset: str
    pairs: PairCounts
    date: str


class Turn(Answer):
    """What one turn of the head told: how far it went, and how far tip and root of the nose stand out, in inter-eye distances."""

    axis: str
    angle_deg: float
    tip: float
    nasion: float
    views: int


class Liveness(Answer):
    """Whether it was checked that a person stood there, how, and why it did not pass."""

    status: Literal["passed", "failed", "inconclusive", "not_checked"]
    method: str | None
    reasons: list[str]
    turns: list[Turn]


class QualityMeasure(Answer):
    """A measure of ISO/IEC 29794-5; null where the photo tells nothing of it."""

    raw: float | None
    score: float | None


class FaceReport(Answer):
    """The face that was looked at."""

    box_px: list[float]
    frame: int
    frames: int
    quality: dict[str, QualityMeasure]


class Faces(Answer):
    """Of both photos; null where none was found."""

    reference: FaceReport | None
    probe: FaceReport | None


class Link(Answer):
    """One link of the chain from the document to the person."""

    status: Literal["passed", "failed", "inconclusive", "not_checked"]
    reasons: list[str]


class Links(Answer):
    """All of them."""

    reading: Link
    authenticity: Link
    expiry: Link
    liveness: Link
    face: Link


class DocumentField(Answer):
    """What the document says of a field that was asked for, and how far it can be relied on."""

    value: str | bool | list[str] | None
    standing: Literal["signed", "checked", "unchecked", "failed"]


class DocumentReport(Answer):
    """What the document that was shown is worth. fields: those that were asked for, after a match."""

    sources: list[Literal["page", "chip"]]
    authenticity: Literal["authentic", "authentic_presence_not_proven", "page_only", "failed"]
    links: Links
    weakest_link: Literal["reading", "authenticity", "expiry", "liveness", "face"]
    fields: dict[str, DocumentField]


class TimingsMs(Answer):
    """Milliseconds on the wall clock."""

    reference: float
    probe: float
    total: float


class Decision(Answer):
    """The answer to one comparison, for the operator: it holds the score."""

    outcome: Literal["match", "no_match", "inconclusive"]
    reasons: Reasons
    score: float | None
    fmr: FalseMatchRate | None
    policy: DecisionPolicy
    model: Model
    calibration: CalibrationRef
    liveness: Liveness
    document: DocumentReport | None
    faces: Faces
    timings_ms: TimingsMs | None
    version: str


class Comparison(Decision):
    """Two photos, one decision; nothing of the two is kept."""

    object: Literal["comparison"] = "comparison"


class Policy(Answer):
    """A policy by which one may decide."""

    object: Literal["policy"] = "policy"
    name: str
    fmr_target: float = Field(description="The share of strangers that it lets match.")
    condition: str = Field(description="`photo`, or `document` for portraits in documents.")


# --- sessions -------------------------------------------------------------------------------------------------------

Status = Literal["requires_input", "processing", "verified", "enrolled", "canceled", "expired"]


class Transaction(Answer):
    """A payment that is approved by being verified."""

    amount: str
    currency: str
    payee: str


class EvidenceTerms(Answer):
    """Under which photos are kept, if the person agrees."""

    text: str
    version: str
    locale: str
    retention_days: int

    @classmethod
    def of(cls, session: s.AnySession) -> Self | None:
        """The same from a session that has such."""
        return None if session.evidence is None else cls(**asdict(session.evidence))


class DocumentTerms(Answer):
    """What is asked of a document."""

    authenticity: Literal["authentic", "authentic_presence_not_proven", "page_only"]
    expired_accepted: bool
    fields: list[str]

    @classmethod
    def of(cls, wanted: s.Wanted) -> Self | None:
        """The same from a session that asks for one."""
        return None if wanted.document is None else cls(**asdict(wanted.document))


LivenessPolicy = Literal["required", "not_checked"]
Alternative = Literal["move_camera", "review"]


class Session(Answer):
    """What both kinds of session have."""

    id: str
    status: Status
    purpose: str
    attempts_left: int
    last_error: str | None = Field(description="The code of what the last submission lacked.")
    liveness: LivenessPolicy
    alternatives: list[Alternative]
    evidence: EvidenceTerms | None
    evidence_kept: int = Field(description="How often the person agreed, and photos were kept.")
    return_url: str | None
    created_at: Time = Field(description=_TIME)
    expires_at: Time = Field(description=_TIME)


class VerificationSession(Session):
    """A verification session as its application sees it."""

    object: Literal["verification_session"] = "verification_session"
    policy: str
    against: Literal["subject", "credential", "upload", "document"]
    document: DocumentTerms | None
    subject: str | None
    transaction: Transaction | None
    nonce: str | None
    redacted_at: Time | None

    @classmethod
    def of(cls, session: s.VerificationSession, **more: Any) -> Self:
        """The same from a session."""
        wanted = session.wanted
        payment = None if wanted.payment is None else Transaction(**wanted.payment.to_dict())
        return cls(
            **_session(session),
            policy=wanted.policy,
            against=wanted.against.value,
            document=DocumentTerms.of(wanted),
            subject=wanted.subject_id,
            transaction=payment,
            nonce=wanted.nonce,
            redacted_at=None if session.redacted_at is None else s.stamp(session.redacted_at),
            **more,
        )


class OpenedVerificationSession(VerificationSession):
    """A session that was just opened. client_secret, url: told this once."""

    client_secret: str
    url: str


class Enrolment(Session):
    """An enrolment as its application sees it."""

    object: Literal["enrolment"] = "enrolment"
    subject: str
    consent: str
    yields: Literal["reference", "credential"]

    @classmethod
    def of(cls, session: s.EnrolmentSession, **more: Any) -> Self:
        """The same from a session."""
        wanted = session.wanted
        return cls(
            **_session(session),
            subject=wanted.subject_id,
            consent=wanted.consent_id,
            yields=wanted.yields.value,
            **more,
        )


class OpenedEnrolment(Enrolment):
    """An enrolment that was just opened. client_secret, url: told this once."""

    client_secret: str
    url: str


class VerificationReport(Answer):
    """The answer to one attempt. jws: signed, without the score."""

    id: str
    object: Literal["verification_report"] = "verification_report"
    verification_session: str
    subject: str | None
    created_at: Time
    decision: Decision
    jws: str

    @classmethod
    def of(cls, report: s.Report) -> Self:
        """The same from a report."""
        return cls(
            id=report.id,
            verification_session=report.session_id,
            subject=report.subject_id,
            created_at=s.stamp(report.created_at),
            decision=Decision(**report.decision),
            jws=report.jws,
        )


class Receipt(Answer):
    """Of a redaction: signed with the key of the audit log (docs/formats.md)."""

    session: str
    redacted_at: Time
    reports: int
    evidence: int
    key: str
    signature: str


# --- the client's view ----------------------------------------------------------------------------------------------


class Capture(Answer):
    """A session as its client sees it: no score, towards which one could climb."""

    id: str
    object: Literal["capture"] = "capture"
    kind: Literal["verification_session", "enrolment"]
    status: Status
    purpose: str
    against: Literal["subject", "credential", "upload", "document"] | None
    document: DocumentTerms | None
    yields: Literal["reference", "credential"] | None
    transaction: Transaction | None
    evidence: EvidenceTerms | None
    return_url: str | None
    liveness: LivenessPolicy = Field(description="`required`: connect to `/live`. `not_checked`: submit photos.")
    alternatives: list[Alternative] = Field(description="For people who cannot turn their head.")
    attempts_left: int
    last_error: str | None


class DocumentLook(Answer):
    """What was said of a document that was shown; nothing of it is kept. ready: whether the capture may begin with it. reasons:
    why not, by stable codes. pages: what is wrong with each photo of a side, in their order."""

    object: Literal["document_look"] = "document_look"
    ready: bool
    reasons: list[str]
    pages: list[list[str]]


class ChipChallenge(Answer):
    """What a chip answers to show that it is there, within ten minutes (docs/documents.md)."""

    object: Literal["chip_challenge"] = "chip_challenge"
    challenge: str = Field(description="Its name; send it back with the answers.")
    active_command: str = Field(description="INTERNAL AUTHENTICATE, in hex, for a chip with DG15.")
    chip_commands: list[str] = Field(description="For a chip whose DG14 was sent, in order, in hex.")


class SubmittedPhoto(Answer):
    """What was said of a photo. reasons: why it was refused."""

    reasons: list[str]


class Code(Answer):
    """Handed out once. text: of the code. svg, png: its picture, for printing and for keeping; the PNG in Base64."""

    name: Literal["claim", "credential", "holder"]
    text: str
    svg: str
    png: Base64Bytes


class Enrolled(Capture):
    """An enrolment after photos were submitted. codes: what the subject must keep, told this once."""

    photos: list[SubmittedPhoto]
    codes: list[Code]


# --- subjects and credentials ---------------------------------------------------------------------------------------


class Subject(Answer):
    """Who is enrolled."""

    object: Literal["subject"] = "subject"
    id: str
    name: str = Field(description="The operator's own.")
    created_at: Time

    @classmethod
    def of(cls, subject: s.Subject) -> Self:
        """The same from a subject."""
        return cls(id=subject.id, name=subject.name, created_at=s.stamp(subject.created_at))


class Withdrawal(Answer):
    """How many consents were withdrawn, references destroyed, credentials revoked, and how much evidence destroyed."""

    object: Literal["withdrawal"] = "withdrawal"
    consents: int
    references: int
    credentials: int
    evidence: int


class SubjectExport(Answer):
    """Everything held about a subject."""

    object: Literal["subject_export"] = "subject_export"
    subject: dict[str, Any]
    consents: list[dict[str, Any]]
    references: list[dict[str, Any]]
    credentials: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    audit: list[dict[str, Any]]


class ErasureReceipt(Answer):
    """Of an erasure: signed with the key of the audit log (docs/formats.md)."""

    object: Literal["erasure_receipt"] = "erasure_receipt"
    subject: str
    erased_at: Time
    final_at: Time = Field(description="From then on no back-up can undo it.")
    references: int
    consents: int
    credentials: list[dict[str, Any]]
    evidence: int
    key: str
    signature: str


class Credential(Answer):
    """What is known of a credential that was issued here; its template is nowhere here."""

    object: Literal["credential"] = "credential"
    id: str = Field(description="Its `cti`, in hex.")
    subject: str | None
    purposes: list[str]
    issued_at: Time
    expires_at: Time
    revoked_at: Time | None

    @classmethod
    def of(cls, issued: s.Issued) -> Self:
        """The same from what the issuer keeps."""
        return cls(
            id=issued.cti.hex(),
            subject=issued.subject_id,
            purposes=list(issued.purposes),
            issued_at=s.stamp(issued.issued_at),
            expires_at=s.stamp(issued.expires_at),
            revoked_at=None if issued.revoked_at is None else s.stamp(issued.revoked_at),
        )


# --- events and the audit log ---------------------------------------------------------------------------------------


class WebhookEndpoint(Answer):
    """Where an application is told of events."""

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: str
    url: str
    events: list[str] = Field(description="Which types; all where it is empty.")
    disabled: bool
    created_at: Time

    @classmethod
    def of(cls, endpoint: s.Endpoint, **more: Any) -> Self:
        """The same from an endpoint."""
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            events=sorted(endpoint.types),
            disabled=endpoint.disabled,
            created_at=s.stamp(endpoint.created_at),
            **more,
        )


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint with its secret, which is told this once."""

    secret: str = Field(examples=["whsec_…"])


class Delivery(Answer):
    """What became of an event at an endpoint."""

    endpoint: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    due_at: Time
    last_status: int | None
    last_error: str | None

    @classmethod
    def of(cls, delivery: s.Delivery) -> Self:
        """The same from a delivery."""
        return cls(
            endpoint=delivery.endpoint_id,
            state=delivery.state.value,
            attempts=delivery.attempts,
            due_at=s.stamp(delivery.due_at),
            last_status=delivery.last_status,
            last_error=delivery.last_error,
        )


class Event(Answer):
    """What happened, as it is sent to endpoints, and what became of that."""

    object: Literal["event"] = "event"
    id: str
    type: str
    created_at: Time
    data: dict[str, Any]
    deliveries: list[Delivery]

    @classmethod
    def of(cls, event: s.Happening, deliveries: list[s.Delivery]) -> Self:
        """The same from an event."""
        return cls(
            id=event.id,
            type=event.type,
            created_at=s.stamp(event.created_at),
            data=dict(event.data),
            deliveries=[Delivery.of(each) for each in deliveries],
        )


class AuditEntry(Answer):
    """An entry of the audit log. hash: of the entry before and this one (docs/formats.md)."""

    number: int
    at: Time
    event: str
    details: dict[str, str | int | bool | None]
    hash: str


class AuditHead(Answer):
    """The state of the audit log, signed: keep it where the operator of the database cannot change it."""

    number: int
    hash: str
    at: Time
    key: str
    signature: str


# --- the rest -------------------------------------------------------------------------------------------------------


class Health(Answer):
    """That it answers."""

    status: Literal["ok"] = "ok"


class PublicKey(Answer):
    """A key of the signed reports (RFC 7517, RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    alg: str
    use: str


class KeySet(Answer):
    """All of them, newest last."""

    keys: list[PublicKey]


class Problem(BaseModel):
    """A fault (RFC 9457). code: stable, see docs/errors.md. parameter: what was at fault, where one thing was."""

    type: str = Field(examples=["urn:visavis:error:session_closed"])
    title: str
    status: int
    detail: str
    code: str
    parameter: str | None = None


def _session(session: s.VerificationSession | s.EnrolmentSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "status": session.status.value,
        "purpose": session.wanted.purpose,
        "attempts_left": session.attempts_left,
        "last_error": session.last_error,
        "liveness": session.wanted.liveness.value,
        "alternatives": [each.value for each in session.wanted.alternatives],
        "evidence": EvidenceTerms.of(session),
        "evidence_kept": session.evidence_kept,
        "return_url": session.return_url,
        "created_at": s.stamp(session.created_at),
        "expires_at": s.stamp(session.expires_at),
    }
