"""Erasure, withdrawal of consent, and the clocks of retention.

Erasure destroys the shreds first: from then on no copy of a sealed template can be opened, back-ups of the database included.
Only back-ups of the store of shreds can undo that, and they are kept for so many days as the operator says; the receipt names
the date.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from visavis.errors import ConsentInvalid, StoreUnusable, SubjectUnknown
from visavis.session.audit import Event, line_of, stamp
from visavis.session.custody import destroy, retire
from visavis.session.limits import REMEMBERED
from visavis.session.ports import Transaction, Vault
from visavis.session.value import Receipt, Reference, ReferenceState, Subject

PENDING_MAX = timedelta(hours=1)
"""After so long a reference whose claim was never handed out belongs to an enrolment that broke off."""
_ORPHANS_FREE, _ORPHANS_SHARE_MAX = 10, 0.01
CREDENTIALS_REMEMBERED = timedelta(days=90)
"""For how long an issuer remembers an expired credential."""


def erase_subject(vault: Vault, subject_id: str) -> Receipt:
    """Erase everything about a subject, and sign a receipt. In this order:

    (1) All references are retired, all credentials revoked, and the subject marked.
    (2) The shreds are destroyed, then the rows of the references.
    (3) Subject and consents are removed; credentials, which their subject carries, stay revoked until they expire.
    An erasure that broke off is completed by the next sweep. Raises SubjectUnknown.
    """
    with vault.store.writing() as tx:  # (1)
        subject = tx.subjects.get(subject_id)
        if subject is None:
            raise SubjectUnknown("there is no subject with this id")
        retired = _begin_erasure(tx, subject, vault.clock())
    return _finish_erasure(vault, subject, retired)


def withdraw_consent(vault: Vault, subject_id: str, purpose: str) -> int:
    """Withdraw a subject's consents for a purpose, destroy its references and revoke its credentials for it.

    Returns how many consents were withdrawn. Raises SubjectUnknown, or ConsentInvalid when there is none.
    """
    now = vault.clock()
    with vault.store.writing() as tx:
        if tx.subjects.get(subject_id) is None:
            raise SubjectUnknown("there is no subject with this id")
        consents = [
            each for each in tx.consents.of(subject_id) if each.text.purpose == purpose and each.withdrawn_at is None
        ]
        if not consents:
            raise ConsentInvalid(f"there is no consent for {purpose!r} that could be withdrawn")
        for consent in consents:
            tx.consents.withdraw(consent.id, now)
        retired = retire(tx, (each for each in tx.references.of(subject_id) if each.purpose == purpose))
        revoked = _revoke(tx, subject_id, now, {consent.id for consent in consents})
        tx.audit.append(
            Event.CONSENT_WITHDRAWN,
            {"subject": subject_id, "purpose": purpose, "references": len(retired), "credentials": revoked},
            at=now,
        )
    destroy(vault, retired)
    return len(consents)


@dataclass(frozen=True, slots=True)
class Swept:
    """references: destroyed since they expired, were replaced, or were never completed. orphans: rows without a shred.
    subjects: erased, since an erasure had broken off or nothing of them was left to keep."""

    references: int
    orphans: int
    subjects: int


def sweep(vault: Vault, *, allow_many: bool = False) -> Swept:
    """Finish what broke off and erase what has expired. To be run at every start, and at least once a day.

    Raises StoreUnusable when more than one reference in a hundred has no shred, which looks like the wrong store of shreds or
    an old copy of it; allow_many: they are to be removed all the same.
    """
    now = vault.clock()
    with vault.store.reading() as tx:
        active = tx.references.count()
        orphans = [record_id for ids in _pages(tx) for record_id in vault.shreds.missing(ids)]
    if len(orphans) > max(_ORPHANS_FREE, _ORPHANS_SHARE_MAX * active) and not allow_many:
        raise StoreUnusable(
            f"{len(orphans):,} of {active:,} references have no shred; is this the right store of shreds, and its newest copy? "
            "They cannot be opened without; say so explicitly to remove them"
        )
    with vault.store.writing() as tx:
        for record_id in orphans:
            tx.references.set_state(record_id, ReferenceState.RETIRED)
        tx.attempts.prune(before=now - REMEMBERED)
        tx.credentials.prune(before=now - CREDENTIALS_REMEMBERED)
        due = retire(tx, tx.references.due(now=now, pending_before=now - PENDING_MAX))
    destroy(vault, due)
    with vault.store.writing() as tx:
        leaving = [(subject, _begin_erasure(tx, subject, now)) for subject in tx.subjects.leaving(now=now)]
    for subject, retired in leaving:
        _finish_erasure(vault, subject, retired)
    swept = Swept(len(due) - len(orphans), len(orphans), len(leaving))
    if any((swept.references, swept.orphans, swept.subjects)):
        with vault.store.writing() as tx:
            counts = {"references": swept.references, "orphans": swept.orphans, "subjects": swept.subjects}
            tx.audit.append(Event.SWEPT, counts, at=now)
    return swept


def _begin_erasure(tx: Transaction, subject: Subject, now: datetime) -> list[Reference]:
    tx.subjects.begin_erasure(subject.id)
    _revoke(tx, subject.id, now)
    if not subject.erasing:
        tx.audit.append(Event.ERASURE_BEGUN, {"subject": subject.id}, at=now)
    return retire(tx, tx.references.of(subject.id))


def _finish_erasure(vault: Vault, subject: Subject, retired: list[Reference]) -> Receipt:
    destroy(vault, retired)  # (2)
    now = vault.clock()
    with vault.store.writing() as tx:  # (3)
        content: dict[str, Any] = {
            "subject": subject.id,
            "erased_at": stamp(now),
            "final_at": stamp(now + timedelta(days=vault.shred_backup_days)),
            "references": len(retired),
            "consents": len(tx.consents.of(subject.id)),
            "credentials": [
                {"cti": each.cti.hex(), "expires_at": stamp(each.expires_at)} for each in tx.credentials.of(subject.id)
            ],
        }
        line = line_of(content)
        _revoke(tx, subject.id, now)
        tx.credentials.detach(subject.id)
        tx.subjects.remove(subject.id)
        tx.audit.append(
            Event.ERASED, {"subject": subject.id, "receipt_sha256": sha256(line.encode()).hexdigest()}, at=now
        )
    signer = vault.audit_signer
    return Receipt(content, signer.public, signer.sign(b"visavis receipt v1" + line.encode()))


def _revoke(tx: Transaction, subject_id: str, now: datetime, consents: set[str] | None = None) -> int:
    """Revoke a subject's credentials, or those under these consents; how many."""
    revoked = [
        each
        for each in tx.credentials.of(subject_id)
        if each.revoked_at is None and (consents is None or each.consent_id in consents)
    ]
    for each in revoked:
        tx.credentials.revoke(each.cti, now)
    return len(revoked)


def _pages(tx: Transaction) -> Iterator[Sequence[bytes]]:
    """Ids of active references, a page at a time."""
    page = tx.references.ids()
    while page:
        yield page
        page = tx.references.ids(after=page[-1])
