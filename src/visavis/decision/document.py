"""What a document is asked for, and what it is worth: the links of the chain from the document to the person before the camera.

Each link passed, failed, is open, or was not looked at. A chain holds as much as its weakest link, and that is named.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from visavis.document import Authenticity, Document, Said, Source, check_fields
from visavis.document.mrz import MrzFormat, Standing
from visavis.document.page import PageReason
from visavis.errors import InputInvalid

FIELDS_MAX = 20


@dataclass(frozen=True, slots=True)
class DocumentTerms:
    """What is asked of a document.

    authenticity: at least that. expired_accepted: whether one is taken whose time is over. fields: what is answered, and nothing
    else is. Raises InputInvalid for a field that no document has.
    """

    authenticity: Authenticity = Authenticity.PAGE_ONLY
    expired_accepted: bool = False
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.authenticity is Authenticity.FAILED:
            raise InputInvalid("ask for a document that did not fail: `page_only`, or more")
        if len(self.fields) > FIELDS_MAX or len(set(self.fields)) != len(self.fields):
            raise InputInvalid(f"ask for up to {FIELDS_MAX} fields of a document, each once")
        check_fields(self.fields)


class Link(StrEnum):
    """Of the chain, in the order in which they are looked at."""

    READING = "reading"
    AUTHENTICITY = "authenticity"
    EXPIRY = "expiry"
    LIVENESS = "liveness"
    FACE = "face"


class LinkStatus(StrEnum):
    """How a link holds."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one link. reasons: stable codes; also of a link that passed, where something is to be known of it."""

    status: LinkStatus
    reasons: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it passed."""
        return self.status is LinkStatus.PASSED

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"status": self.status.value, "reasons": list(self.reasons)}


@dataclass(frozen=True, slots=True, repr=False)
class DocumentReport:
    """What was found of a document. said: the fields that were asked for; none where the person is not its holder."""

    sources: tuple[Source, ...]
    verdict: Authenticity
    reading: Finding
    authenticity: Finding
    expiry: Finding
    said: dict[str, Said] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<DocumentReport {self.verdict.value}>"

    @property
    def holds(self) -> bool:
        """Whether a person may be compared with its portrait."""
        return self.reading.holds and self.authenticity.holds and self.expiry.holds

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why nobody may be, the first link's first."""
        links = (self.reading, self.authenticity, self.expiry)
        return tuple(reason for link in links if not link.holds for reason in link.reasons)

    def chain(self, *, liveness: Finding, face: Finding) -> dict[Link, Finding]:
        """All links."""
        return {
            Link.READING: self.reading,
            Link.AUTHENTICITY: self.authenticity,
            Link.EXPIRY: self.expiry,
            Link.LIVENESS: liveness,
            Link.FACE: face,
        }

    def weakest(self, chain: dict[Link, Finding]) -> Link:
        """The link that the answer hangs on: the first that failed, else the first that is open, else, of a chain that holds, the
        one that shows least: a document that may be forged, a person who may be a photo, files that may be a copy, and last the
        comparison of faces, which is never certain."""
        for status in (LinkStatus.FAILED, LinkStatus.INCONCLUSIVE):
            for link, finding in chain.items():
                if finding.status is status:
                    return link
        if self.verdict is Authenticity.PAGE_ONLY:
            return Link.AUTHENTICITY
        if chain[Link.LIVENESS].status is LinkStatus.NOT_CHECKED:
            return Link.LIVENESS
        return Link.FACE if self.verdict is Authenticity.AUTHENTIC else Link.AUTHENTICITY

    def to_dict(self, *, liveness: Finding, face: Finding) -> dict[str, Any]:
        """The report as plain values for JSON; the keys are stable."""
        chain = self.chain(liveness=liveness, face=face)
        return {
            "sources": [source.value for source in self.sources],
            "authenticity": self.verdict.value,
            "links": {link.value: finding.to_dict() for link, finding in chain.items()},
            "weakest_link": self.weakest(chain).value,
            "fields": {
                name: {
                    "value": list(said.value) if isinstance(said.value, tuple) else said.value,
                    "standing": said.standing.value,
                }
                for name, said in self.said.items()
            },
        }


VISA = "visa"
"""Why a visa is not taken: it is no identity document."""
UNCONFIRMED, UNKNOWN_EXPIRY, EXPIRED = "fields_unconfirmed", "expiry_unknown", "document_expired"
CHIP_REQUIRED, PRESENCE_REQUIRED = "chip_required", "chip_presence_required"
_CONFIRMED = ("document_number", "birth_date", "expiry_date")


def judge_document(document: Document, terms: DocumentTerms, *, today: date) -> DocumentReport:
    """What a document is worth under these terms, on that day."""
    return DocumentReport(
        document.sources,
        document.authenticity,
        _reading(document),
        _authenticity(document, terms),
        _expiry(document, terms, today),
    )


def _reading(document: Document) -> Finding:
    if document.chip is not None and document.chip.reasons:  # what nobody signed is not read
        return Finding(LinkStatus.NOT_CHECKED)
    if document.zone is None or document.portrait is None:
        return Finding(LinkStatus.INCONCLUSIVE, document.lacks or (UNCONFIRMED,))
    if PageReason.SEVERAL_DOCUMENTS.value in document.lacks:
        return Finding(LinkStatus.INCONCLUSIVE, document.lacks)
    if document.zone.format in (MrzFormat.MRV_A, MrzFormat.MRV_B):
        return Finding(LinkStatus.FAILED, (VISA,))
    confirmed = all(getattr(document.zone, name).standing is Standing.CHECKED for name in _CONFIRMED)
    if document.zone.document_number.value is None:
        confirmed = False
    return (
        Finding(LinkStatus.PASSED) if confirmed else Finding(LinkStatus.INCONCLUSIVE, document.lacks or (UNCONFIRMED,))
    )


def _authenticity(document: Document, terms: DocumentTerms) -> Finding:
    verdict = document.authenticity
    if verdict is Authenticity.FAILED:
        return Finding(LinkStatus.FAILED, document.doubts)
    if not verdict.reaches(terms.authenticity):
        lacking = CHIP_REQUIRED if verdict is Authenticity.PAGE_ONLY else PRESENCE_REQUIRED
        return Finding(LinkStatus.FAILED, (lacking,))
    if document.chip is None and document.zone is None:  # it may be no document
        return Finding(LinkStatus.NOT_CHECKED)
    return Finding(LinkStatus.PASSED, document.notes)


def _expiry(document: Document, terms: DocumentTerms, today: date) -> Finding:
    if document.zone is None:
        return Finding(LinkStatus.NOT_CHECKED)
    expired = document.expired(today)
    if expired is None:
        return Finding(LinkStatus.INCONCLUSIVE, (UNKNOWN_EXPIRY,))
    if expired:
        return Finding(LinkStatus.PASSED if terms.expired_accepted else LinkStatus.FAILED, (EXPIRED,))
    return Finding(LinkStatus.PASSED)
