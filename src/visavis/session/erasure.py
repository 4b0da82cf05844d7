"""Erasure, withdrawal of consent, and the clocks of retention.

Erasure destroys the shreds first: from then on no copy of a sealed template can be opened, back-ups of the database included.
Only back-ups of the store of shreds can undo that, and they are kept for so many days as the operator says; the receipt names
the date.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from visavis.errors import ConsentInvalid, StoreUnusable, SubjectUnknown
from visavis.session.audit import Event, line_of, stamp
from visavis.session.custody import destroy, retire
from visavis.session.evidence import destroy_evidence
from visavis.session.hosted import forget_about
from visavis.session.inquiry import Evidence
from visavis.session.limits import DEFAULT_ATTEMPT_LIMITS, REMEMBERED, AttemptLimits
from visavis.session.ports import Transaction, Vault
from visavis.session.receipts import sign_receipt
from visavis.session.value import Receipt, Reference, ReferenceState, Subject

PENDING_MAX = timedelta(hours=1)
"""After so long a reference whose claim was never handed out belongs to an enrolment that broke off."""
UNUSED_MAX = timedelta(days=1)
"""After so long a consent from which nothing was made is no ground any more to keep its subject."""
_PAGE, _EVIDENCE_AT_ONCE = 1000, 10
_ORPHANS_FREE, _ORPHANS_SHARE_MAX = 10, 0.01
CREDENTIALS_REMEMBERED = timedelta(days=90)
"""For how long an issuer remembers an expired credential."""


def erase_subject(vault: Vault, subject_id: str) -> Receipt:
    """Erase everything about a subject, and sign a receipt. In this order:

    (1) All references are retired, all credentials revoked, and the subject marked.
    (2) The shreds are destroyed, then the rows of the references.
    (3) Evidence is destroyed, subject and consents are removed; credentials, which their subject carries, stay revoked until they
        expire.
    An erasure that broke off is completed by the next sweep. Raises SubjectUnknown.
    """
    with vault.store.writing() as tx:  # (1)
        subject = tx.subjects.get(subject_id)
        if subject is None:
            raise SubjectUnknown("there is no subject with this id")
        retired = begin_erasure(tx, subject, vault.clock())
    receipt = finish_erasure(vault, subject, retired)
    vault.store.scrub()
    return receipt


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """How many consents were withdrawn, references destroyed, credentials revoked, and how much evidence destroyed."""

    consents: int
    references: int
    credentials: int
    evidence: int


def withdraw_consent(vault: Vault, subject_id: str, purpose: str) -> Withdrawn:
    """Withdraw a subject's consents for a purpose, destroy its references and revoke its credentials for it.

    Raises SubjectUnknown, or ConsentInvalid when there is none.
    """
    with vault.store.writing() as tx:
        if tx.subjects.get(subject_id) is None:
            raise SubjectUnknown("there is no subject with this id")
        withdrawn, retired = begin_withdrawal(vault, tx, subject_id, purpose, vault.clock())
        if not withdrawn.consents:
            raise ConsentInvalid(f"there is no consent for {purpose!r} that could be withdrawn")
    destroy(vault, retired)
    vault.store.scrub()
    return withdrawn


def begin_withdrawal(
    vault: Vault, tx: Transaction, subject_id: str, purpose: str, now: datetime
) -> tuple[Withdrawn, list[Reference]]:
    """Withdraw and revoke; the references that are returned are to be destroyed."""
    consents = [
        each for each in tx.consents.of(subject_id) if each.text.purpose == purpose and each.withdrawn_at is None
    ]
    for consent in consents:
        tx.consents.withdraw(consent.id, now)
    retired = retire(tx, (each for each in tx.references.of(subject_id) if each.purpose == purpose))
    photos = [each for each in tx.evidence.of(subject_id=subject_id) if consents and each.purpose == purpose]
    evidence = destroy_evidence(vault, tx, photos)
    revoked = _revoke(tx, subject_id, now, {consent.id for consent in consents})
    tx.audit.append(
        Event.CONSENT_WITHDRAWN,
        {
            "subject": subject_id,
            "purpose": purpose,
            "references": len(retired),
            "credentials": revoked,
            "evidence": evidence,
        },
        at=now,
    )
    return Withdrawn(len(consents), len(retired), revoked, evidence), retired


@dataclass(frozen=True, slots=True)
class Swept:
    """references: destroyed since they expired, were replaced, or were never completed. orphans: references without a shred.
    shreds: those that belong to nothing, which a back-up brought back. evidence: destroyed since its time is over, or removed
    since it had no shred. subjects: receipts of those who were erased, since an erasure
    had broken off or nothing of them was left to keep."""

    references: int
    orphans: int
    shreds: int
    evidence: int
    subjects: Sequence[Receipt]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "references": self.references,
            "orphans": self.orphans,
            "shreds": self.shreds,
            "evidence": self.evidence,
            "subjects": [receipt.to_dict() for receipt in self.subjects],
        }


def sweep(vault: Vault, *, allow_many: bool = False, limits: AttemptLimits = DEFAULT_ATTEMPT_LIMITS) -> Swept:
    """Finish what broke off and erase what has expired. To be run at every start, and at least once a day.

    Raises StoreUnusable when many references have no shred, or many shreds belong to nothing, which looks like the wrong store of
    shreds or an old copy of one of the two; allow_many: they are to be removed all the same.
    """
    now, done = vault.clock(), {"references": 0, "orphans": 0, "shreds": 0, "evidence": 0, "subjects": 0}
    receipts: list[Receipt] = []
    try:
        done["evidence"] = _destroy_overdue(vault, now)
        done["references"] = _destroy_due(vault, now)
        with vault.store.writing() as tx:
            tx.attempts.prune(before=now - REMEMBERED, failures_max=limits.failures_max)
            tx.credentials.prune(before=now - CREDENTIALS_REMEMBERED)
        # What has expired is gone by now, whatever is wrong with the rest.
        orphans, stray = _orphans(vault, allow_many=allow_many), _stray(vault, allow_many=allow_many)
        lost = _lost(vault, allow_many=allow_many)
        with vault.store.writing() as tx:
            done["evidence"] += destroy_evidence(vault, tx, lost)
            for record_id in orphans:
                tx.references.set_state(record_id, ReferenceState.RETIRED)
        done["orphans"] = _destroy_due(vault, now)
        for begin in range(0, len(stray), _PAGE):
            done["shreds"] += _destroy_stray(vault, stray[begin : begin + _PAGE])
        with vault.store.writing() as tx:
            subjects = tx.subjects.leaving(now=now, unused_since=now - UNUSED_MAX)
            leaving = [(subject, begin_erasure(tx, subject, now)) for subject in subjects]
        for subject, retired in leaving:
            receipts.append(finish_erasure(vault, subject, retired))
            done["subjects"] += 1
    finally:
        if any(done.values()):
            with vault.store.writing() as tx:
                tx.audit.append(Event.SWEPT, done, at=now)
            vault.store.scrub()
    return Swept(done["references"], done["orphans"], done["shreds"], done["evidence"], receipts)


def _destroy_overdue(vault: Vault, now: datetime) -> int:
    """Evidence whose time is over, a little at a time, since it may be large. How much it was."""
    count = 0
    while True:
        with vault.store.writing() as tx:
            found = destroy_evidence(vault, tx, tx.evidence.due(now=now, limit=_EVIDENCE_AT_ONCE))
        count += found
        if found < _EVIDENCE_AT_ONCE:
            return count


def _destroy_due(vault: Vault, now: datetime) -> int:
    """References that expired, are retired, or were never completed. How many they were."""
    with vault.store.writing() as tx:
        due = retire(tx, tx.references.due(now=now, pending_before=now - PENDING_MAX))
    destroy(vault, due)
    return len(due)


def _orphans(vault: Vault, *, allow_many: bool) -> list[bytes]:
    """Active references without a shred: nothing opens them. An active one had its shred before it became so."""
    with vault.store.reading() as tx:
        active = tx.references.count()
        orphans = [record_id for ids in _pages(tx.references.ids) for record_id in vault.shreds.missing(ids)]
    if _many(len(orphans), active) and not allow_many:
        raise StoreUnusable(
            f"{len(orphans):,} of {active:,} references have no shred; is this the right store of shreds, and its newest copy? "
            "They cannot be opened without; --allow-many removes them"
        )
    return orphans


def _lost(vault: Vault, *, allow_many: bool) -> list[Evidence]:
    """Evidence without a shred, which a restored back-up brought back: nobody can open it."""
    count, missing = 0, list[bytes]()
    with vault.store.reading() as tx:
        for ids in _pages(tx.evidence.ids):
            count += len(ids)
            missing += vault.shreds.missing(ids)
        lost = [found for found in map(tx.evidence.get, missing) if found is not None]
    if _many(len(lost), count) and not allow_many:
        raise StoreUnusable(
            f"{len(lost):,} of {count:,} pieces of evidence have no shred; is this the newest copy of the store of shreds? They "
            "cannot be opened without; --allow-many removes them"
        )
    return lost


def _unknown(tx: Transaction, ids: Sequence[bytes]) -> Sequence[bytes]:
    """Those of the ids that neither a reference nor evidence has."""
    return tx.evidence.unknown(tx.references.unknown(ids))


def _stray(vault: Vault, *, allow_many: bool) -> Sequence[bytes]:
    """Shreds that belong to nothing: what a restored back-up undid of an erasure."""
    count, stray = 0, list[bytes]()
    for ids in _pages(vault.shreds.ids):
        count += len(ids)
        with vault.store.reading() as tx:
            stray += _unknown(tx, ids)
    if _many(len(stray), count) and not allow_many:
        raise StoreUnusable(
            f"{len(stray):,} of {count:,} shreds belong to nothing; is this the right database, and its newest copy? Where "
            "a back-up brought them back, --allow-many destroys them"
        )
    return stray


def _destroy_stray(vault: Vault, shreds: Sequence[bytes]) -> int:
    """Destroy those that still belong to nothing: evidence may have been kept meanwhile, whose shred comes before it."""
    with vault.store.writing() as tx:
        stray = _unknown(tx, shreds)
        for record_id in stray:
            vault.shreds.destroy(record_id)
    return len(stray)


def _many(found: int, of: int) -> bool:
    return found > max(_ORPHANS_FREE, _ORPHANS_SHARE_MAX * of) or (found > 1 and 2 * found >= of)


def _pages(ids: Callable[..., Sequence[bytes]]) -> Iterator[Sequence[bytes]]:
    """All ids, a page at a time."""
    page = ids()
    while page:
        yield page
        page = ids(after=page[-1])


def begin_erasure(tx: Transaction, subject: Subject, now: datetime) -> list[Reference]:
    """Step (1). Returns what is to be destroyed."""
    tx.subjects.begin_erasure(subject.id)
    _revoke(tx, subject.id, now)
    retired = retire(tx, tx.references.of(subject.id))
    if not subject.erasing:
        tx.audit.append(Event.ERASURE_BEGUN, {"subject": subject.id, "references": len(retired)}, at=now)
    return retired


def finish_erasure(vault: Vault, subject: Subject, retired: list[Reference]) -> Receipt:
    """Steps (2) and (3)."""
    destroy(vault, retired)  # (2)
    now = vault.clock()
    with vault.store.writing() as tx:  # (3)
        begun = [entry.to_dict() for entry in tx.audit.entries(subject_id=subject.id)]
        counts = [each["details"]["references"] for each in begun if each["event"] == Event.ERASURE_BEGUN]
        content: dict[str, Any] = {
            "subject": subject.id,
            "erased_at": stamp(now),
            "final_at": stamp(now + timedelta(days=vault.shred_backup_days)),
            "references": max([len(retired), *counts]),  # also of an erasure that broke off when some were gone
            "consents": len(tx.consents.of(subject.id)),
            "credentials": [
                {"cti": each.cti.hex(), "expires_at": stamp(each.expires_at)} for each in tx.credentials.of(subject.id)
            ],
        }
        _revoke(tx, subject.id, now)
        content["evidence"] = destroy_evidence(vault, tx, tx.evidence.of(subject_id=subject.id))
        tx.credentials.detach(subject.id)
        forget_about(tx, subject.id, now)
        tx.subjects.remove(subject.id)
        receipt_sha256 = sha256(line_of(content).encode()).hexdigest()
        tx.audit.append(Event.ERASED, {"subject": subject.id, "receipt_sha256": receipt_sha256}, at=now)
    return sign_receipt(vault, content)


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
