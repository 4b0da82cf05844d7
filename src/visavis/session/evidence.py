"""Photos that are kept as evidence, where the operator, the application and the person all want it. In this order:

(1) The operator gives the service a public key. Its private half is kept somewhere else: here nobody can look at what is kept.
(2) An application names the terms when it opens a session: the text that the person is shown, and for how many days.
(3) The person agrees, with the photos that they submit. Who does not is verified all the same, and nothing is kept.
(4) The photos are sealed for that key and under a shred, and kept in the transaction of the report or enrolment.
(5) When the days are over, or session, consent or subject go before, the shred is destroyed: no copy can be opened any more.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from zipfile import ZipFile, ZipInfo

from visavis.errors import EvidenceUnknown, ImageError, InputInvalid, VisavisError
from visavis.image import sniff
from visavis.session.audit import Event, stamp
from visavis.session.inquiry import AnySession, Evidence, Report
from visavis.session.ports import Transaction, Vault
from visavis.template import SHRED_BYTES, Envelope, Secret

_SUFFIXES = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "HEIF": "heic",
    "AVIF": "avif",
    "JPEG2000": "jp2",
    "TIFF": "tif",
}


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """Evidence that is sealed and still to be kept."""

    evidence: Evidence
    envelope: Envelope


def check_agreed(session: AnySession, *, agreed: bool) -> None:
    """Raises InputInvalid where a person agrees to what the session does not ask for."""
    if agreed and session.evidence is None:
        raise InputInvalid("this session keeps no photos; there is nothing to agree to")


def evidence_of(
    public: bytes | None,
    session: AnySession,
    photos: Mapping[str, bytes],
    now: datetime,
    *,
    agreed: bool,
    subject_id: str | None,
    report: Report | None = None,
) -> Prepared | None:
    """Seal photos under the session's terms (4). photos: by what they are. None where nothing is to be kept.

    public: the operator's key, None where there is none.
    """
    terms = session.evidence
    if public is None or terms is None or not agreed or not photos:
        return None
    evidence = Evidence(
        id=secrets.token_bytes(16),
        session_id=session.id,
        report_id=None if report is None else report.id,
        subject_id=subject_id,
        purpose=session.wanted.purpose,
        text_sha256=terms.text_sha256,
        text_version=terms.version,
        locale=terms.locale,
        created_at=now,
        expires_at=now + timedelta(days=terms.retention_days),
    )
    about = {**evidence.to_dict(), "text": terms.text}
    contents = _archive(about, photos, now, None if report is None else report.jws)
    return Prepared(evidence, Envelope.seal(contents, envelope_id=evidence.id, public=public))


@contextmanager
def keeping(vault: Vault, prepared: Prepared | None) -> Iterator[Callable[[Transaction], None]]:
    """Gives what keeps it, if it is any, in a transaction within the block (4). The shred comes first, so that evidence in the
    database has one, or was restored from a back-up. Where the transaction fails, the shred is destroyed again."""
    try:
        yield lambda tx: None if prepared is None else _keep(vault, tx, prepared)
    except BaseException:
        if prepared is not None:
            with suppress(VisavisError), vault.store.writing() as tx:  # which waits for what may still be committed
                for stray in tx.evidence.unknown([prepared.evidence.id]):
                    vault.shreds.destroy(stray)
        raise


def _keep(vault: Vault, tx: Transaction, prepared: Prepared) -> None:
    evidence = prepared.evidence
    with Secret.random(SHRED_BYTES) as shred:
        vault.shreds.put(evidence.id, shred)
        tx.evidence.add(evidence, prepared.envelope.under(shred))
    tx.audit.append(
        Event.EVIDENCE_KEPT,
        {
            "evidence": evidence.name,
            "session": evidence.session_id,
            "subject": evidence.subject_id,
            "text_sha256": evidence.text_sha256,
            "expires_at": stamp(evidence.expires_at),
            "sha256": prepared.envelope.sha256(),
        },
        at=evidence.created_at,
    )


def destroy_evidence(vault: Vault, tx: Transaction, found: Iterable[Evidence]) -> int:
    """Destroy evidence for good (5). How much it was."""
    count = 0
    for count, evidence in enumerate(found, 1):  # noqa: B007
        vault.shreds.destroy(evidence.id)
        tx.evidence.remove(evidence.id)
    return count


def export_evidence(vault: Vault, name: str) -> Envelope:
    """Evidence as who holds the private key can open it. Logged. Raises EvidenceUnknown, EvidenceUnreadable."""
    now = vault.clock()
    with vault.store.writing() as tx:
        evidence = _found(tx, name)
        if now >= evidence.expires_at:
            raise EvidenceUnknown("the time for which this evidence is kept is over")
        kept = tx.evidence.sealed(evidence.id)
        assert kept is not None  # noqa: S101 - it is in the same row
        with vault.shreds.get(evidence.id) as shred:
            envelope = Envelope.from_under(shred, kept, envelope_id=evidence.id)
        tx.audit.append(Event.EVIDENCE_EXPORTED, _details(evidence), at=now)
    return envelope


def erase_evidence(vault: Vault, name: str) -> None:
    """Destroy evidence before its time. Logged. Raises EvidenceUnknown."""
    with vault.store.writing() as tx:
        evidence = _found(tx, name)
        destroy_evidence(vault, tx, [evidence])
        tx.audit.append(Event.EVIDENCE_ERASED, _details(evidence), at=vault.clock())
    vault.store.scrub()


def _found(tx: Transaction, name: str) -> Evidence:
    evidence_id = Evidence.id_of(name)
    found = None if evidence_id is None else tx.evidence.get(evidence_id)
    if found is None:
        raise EvidenceUnknown("there is no evidence with this id; `visavis evidence list` lists what is kept")
    return found


def _details(evidence: Evidence) -> dict[str, str | None]:
    return {"evidence": evidence.name, "session": evidence.session_id, "subject": evidence.subject_id}


def _archive(about: Mapping[str, str | None], photos: Mapping[str, bytes], now: datetime, jws: str | None) -> bytes:
    """A ZIP archive with the photos as they came, the signed answer, and what they are evidence of."""
    files = {"about.json": json.dumps(about, indent=2).encode()}
    if jws is not None:
        files["report.jws"] = jws.encode()
    files |= {f"{name}.{_suffix(data)}": data for name, data in photos.items()}
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(ZipInfo(name, now.timetuple()[:6]), data)
    return buffer.getvalue()


def _suffix(photo: bytes) -> str:
    try:
        return _SUFFIXES.get(sniff(photo), "bmp")
    except ImageError:
        return "bin"
