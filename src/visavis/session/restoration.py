"""What a restored back-up of the database has forgotten, done again from the exported audit log. In this order:

(1) The exported log must be the database's own, and go on where that ends.
(2) The entries behind its end are put back as they were, so that heads signed meanwhile still vouch for the log. Where the
    database has gone on without them, they can be done again only, if one says so: the log stays without them.
(3) What they say is done again: credentials that were issued are known, those revoked are revoked, consents that were withdrawn
    are withdrawn, subjects who were erased are erased; API keys that were revoked are revoked, sessions that were redacted are
    redacted, evidence that was erased is erased, and nothing is sent to webhook endpoints that were removed or changed. All this
    is one transaction.
(4) Shreds and rows are destroyed; if that breaks off, the next sweep does it.

Who was enrolled, or renewed a claim, after the back-up was made cannot be brought back: no copy of their references is left.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from visavis.errors import AuditBroken
from visavis.session.audit import Entry, Event
from visavis.session.custody import destroy
from visavis.session.erasure import begin_erasure, begin_withdrawal, finish_erasure
from visavis.session.evidence import destroy_evidence
from visavis.session.hosted import redact
from visavis.session.ports import Transaction, Vault
from visavis.session.value import Issued, Receipt, Reference


@dataclass(frozen=True, slots=True)
class Restored:
    """entries: put back. credentials: known again. revoked: of those that were known, these are revoked again. consents:
    withdrawn again. subjects: receipts of those erased again."""

    entries: int
    credentials: int
    revoked: int
    consents: int
    subjects: Sequence[Receipt]


def restore(vault: Vault, log: Iterable[Entry], *, forked: bool = False) -> Restored:
    """Bring a restored database up to its exported log, before anything else is written to it.

    log: entries in their order, from the one that follows the database's last at the latest. forked: whether the database may
    have gone on without them. Raises AuditBroken when it has and must not, or the log is another's.
    """
    now = vault.clock()
    retired: list[Reference] = []
    consents = 0
    with vault.store.writing() as tx:
        missing = _missing(tx, log, forked=forked)  # (1), (2)
        again = _Again.of(missing)  # (3)
        for issued in again.issued.values():
            known = issued.subject_id is not None and tx.subjects.get(issued.subject_id) is not None
            tx.credentials.add(issued if known else replace(issued, subject_id=None, consent_id=None))
        for cti in again.revoked:
            tx.credentials.revoke(cti, now)
        for key_id in again.keys:
            tx.api_keys.revoke(key_id, now)
        for session_id in again.redacted:
            session = tx.sessions.get(session_id)
            if session is not None:
                redact(vault, tx, session, now)
        kept = {each.name: each for each in tx.evidence.of()} if again.evidence else {}
        destroy_evidence(vault, tx, [kept[name] for name in again.evidence if name in kept])
        for endpoint_id, change in again.endpoints.items():
            endpoint = tx.outbox.endpoint(endpoint_id)
            if change == "removed":
                tx.outbox.remove_endpoint(endpoint_id)
            elif endpoint is not None:  # how it was changed no log says
                tx.outbox.put_endpoint(replace(endpoint, disabled=True))
        for subject_id, purpose in again.withdrawn:
            if tx.subjects.get(subject_id) is not None:
                withdrawn, references = begin_withdrawal(vault, tx, subject_id, purpose, now)
                consents += withdrawn.consents
                retired += references
        subjects = [subject for subject in map(tx.subjects.get, sorted(again.erased)) if subject is not None]
        erased = [(subject, begin_erasure(tx, subject, now)) for subject in subjects]
        if missing:
            tx.audit.append(Event.RESTORED, {"entries": len(missing), "subjects": len(erased)}, at=now)
    destroy(vault, retired)  # (4)
    receipts = [finish_erasure(vault, subject, references) for subject, references in erased]
    vault.store.scrub()
    return Restored(len(missing), len(again.issued), len(again.revoked), consents, receipts)


def _missing(tx: Transaction, log: Iterable[Entry], *, forked: bool) -> list[dict[str, Any]]:
    """The entries that the database's log is without, put back into it unless it has gone on."""
    missing: list[dict[str, Any]] = []
    own: Iterator[Entry] | None = None
    common = apart = False
    for entry in log:
        own = tx.audit.entries(after=entry.number - 1) if own is None else own
        ours = None if apart else next(own, None)
        if ours is not None and ours.hash == entry.hash:
            common = True
            continue
        apart = apart or ours is not None
        if not apart:
            tx.audit.restore(entry)
        elif not (forked and common):
            raise AuditBroken(
                f"entry {entry.number} is another one here: this is another log, or the database has gone on without it. If it "
                "has, --forked does again what the log says; its entries cannot be put back"
            )
        missing.append(entry.to_dict())
    if not missing and (own is None or next(own, None) is not None):
        raise AuditBroken("the exported log ends before this database's: it is too old to restore anything from")
    return missing


@dataclass(slots=True)
class _Again:
    """What entries say that must be done again. withdrawn: subjects and purposes. endpoints: what became of each at last."""

    issued: dict[bytes, Issued] = field(default_factory=dict)
    revoked: list[bytes] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    endpoints: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[dict[str, Any]]) -> "_Again":
        again = cls()
        for entry in entries:
            try:
                again._take(entry["event"], entry["details"], datetime.fromisoformat(entry["at"]))
            except (LookupError, TypeError, ValueError):
                raise AuditBroken(f"entry {entry['number']} does not say what such entries do") from None
        return again

    def _take(self, event: str, details: dict[str, Any], at: datetime) -> None:
        match event:
            case Event.CREDENTIAL_ISSUED:
                self.issued[bytes.fromhex(details["cti"])] = Issued(
                    bytes.fromhex(details["cti"]),
                    details["subject"],
                    details["consent"],
                    details["index"],
                    (details["purpose"],),
                    at,
                    datetime.fromisoformat(details["expires_at"]),
                )
            case Event.CREDENTIAL_REVOKED:
                cti = bytes.fromhex(details["cti"])
                if cti not in self.issued:
                    self.revoked.append(cti)
                self._revoke(at, lambda each: each.cti == cti)
            case Event.CONSENT_WITHDRAWN:
                subject, purpose = details["subject"], details["purpose"]
                self.withdrawn.append((subject, purpose))
                self._revoke(at, lambda each: each.subject_id == subject and purpose in each.purposes)
            case Event.API_KEY_REVOKED:
                self.keys.append(str(details["key"]))
            case Event.REDACTED:
                self.redacted.append(str(details["session"]))
            case Event.EVIDENCE_ERASED:
                self.evidence.append(str(details["evidence"]))
            case Event.WEBHOOK_ENDPOINT:
                self.endpoints[str(details["endpoint"])] = str(details["change"])
            case Event.ERASURE_BEGUN | Event.ERASED:
                self.erased.add(details["subject"])
                self._revoke(at, lambda each: each.subject_id == details["subject"])

    def _revoke(self, at: datetime, which: Callable[[Issued], bool]) -> None:
        for cti, issued in self.issued.items():
            if issued.revoked_at is None and which(issued):
                self.issued[cti] = replace(issued, revoked_at=at)
