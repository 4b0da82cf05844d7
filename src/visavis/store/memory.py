"""The store in memory: for what must leave nothing on a disk, and ends with the process."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from visavis.errors import AuditBroken, SubjectEnrolled
from visavis.session import (
    GENESIS,
    Consent,
    Detail,
    Entry,
    Event,
    Issued,
    Reference,
    ReferenceState,
    Stored,
    Subject,
    Transaction,
)
from visavis.store.memory_service import Answers, ApiKeys, EvidenceBox, Failures, Outbox, Sessions
from visavis.store.undo import Table
from visavis.template import SHRED_BYTES, Secret

_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class MemoryStore:
    """A `Store`. Transactions of several threads wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        consents, references, credentials = Consents(), References(), Credentials()
        evidence, attempts, audit = EvidenceBox(), Attempts(), Audit()
        subjects = Subjects(consents, references, credentials, evidence)
        keys, sessions, checks, outbox, answers = ApiKeys(), Sessions(evidence), KeyChecks(), Outbox(), Answers()
        failures = Failures()
        self._transaction = Transaction(
            subjects,
            consents,
            references,
            attempts,
            credentials,
            audit,
            keys,
            sessions,
            checks,
            outbox,
            answers,
            evidence,
            failures,
        )
        self._tables: tuple[Table[Any, Any], ...] = (
            subjects.rows,
            consents.rows,
            references.rows,
            attempts.rows,
            attempts.minutes,
            credentials.rows,
            audit.rows,
            keys.rows,
            sessions.rows,
            sessions.answers,
            checks.rows,
            outbox.events,
            outbox.rows,
            outbox.sites,
            answers.rows,
            evidence.rows,
            failures.rows,
        )

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """See `Store`."""
        with self._lock:
            try:
                yield self._transaction
            except BaseException:
                self._end(Table.roll_back)
                raise
            self._end(Table.commit)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """See `Store`."""
        with self._lock:
            try:
                yield self._transaction
            finally:
                self._end(Table.roll_back)

    def scrub(self) -> None:
        """See `Store`; nothing is kept."""

    def _end(self, how: Callable[[Table[Any, Any]], None]) -> None:
        for table in self._tables:
            how(table)


class Consents:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[str, Consent] = Table()

    def add(self, consent: Consent) -> None:
        """See the Protocol."""
        self.rows[consent.id] = consent

    def of(self, subject_id: str) -> Sequence[Consent]:
        """See the Protocol."""
        found = (consent for consent in self.rows.values() if consent.subject_id == subject_id)
        return sorted(found, key=lambda consent: (consent.given_at, consent.id))

    def withdraw(self, consent_id: str, at: datetime) -> None:
        """See the Protocol."""
        if consent_id in self.rows:
            self.rows[consent_id] = replace(self.rows[consent_id], withdrawn_at=at)


class References:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[bytes, Stored] = Table()
        self._decoy = Stored(
            Reference(bytes(16), "", "", "", False, 1, ReferenceState.ACTIVE, _BEGINNING, _BEGINNING, _END), b""
        )

    def add(self, reference: Reference, sealed: bytes) -> None:
        """See the Protocol."""
        self.rows[reference.record_id] = Stored(reference, sealed)

    def find(self, record_id: bytes, *, now: datetime) -> Stored | None:
        """See the Protocol."""
        found = self.rows.get(record_id, self._decoy)
        usable = found.reference.state is ReferenceState.ACTIVE and found.reference.expires_at > now
        return found if usable and found is not self._decoy else None

    def reseal(self, record_id: bytes, *, old: bytes, new: bytes, at: datetime) -> bool:
        """See the Protocol."""
        found = self.rows.get(record_id)
        if found is None or found.sealed != old:
            return False
        self.rows[record_id] = Stored(replace(found.reference, sealed_at=at), new)
        return True

    def set_state(self, record_id: bytes, state: ReferenceState) -> None:
        """See the Protocol."""
        found = self.rows.get(record_id)
        if found is not None:
            self.rows[record_id] = Stored(replace(found.reference, state=state), found.sealed)

    def of(self, subject_id: str) -> Sequence[Reference]:
        """See the Protocol."""
        return self._several(lambda reference: reference.subject_id == subject_id)

    def sealed(self, record_id: bytes) -> bytes | None:
        """See the Protocol."""
        found = self.rows.get(record_id)
        return None if found is None else found.sealed

    def due(self, *, now: datetime, pending_before: datetime) -> Sequence[Reference]:
        """See the Protocol."""

        def is_due(reference: Reference) -> bool:
            if reference.state is ReferenceState.PENDING:
                return reference.created_at < pending_before
            return reference.state is ReferenceState.RETIRED or reference.expires_at <= now

        return self._several(is_due)

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """See the Protocol."""
        return sorted(record_id for record_id in self._active() if record_id > after)[:limit]

    def unknown(self, record_ids: Sequence[bytes]) -> Sequence[bytes]:
        """See the Protocol."""
        return [record_id for record_id in record_ids if record_id not in self.rows]

    def count(self) -> int:
        """See the Protocol."""
        return sum(1 for _ in self._active())

    def by_key_version(self) -> Mapping[int, int]:
        """See the Protocol."""
        return Counter(int.from_bytes(stored.sealed[40:44], "big") for stored in self.rows.values())

    def remove(self, record_id: bytes) -> None:
        """See the Protocol."""
        self.rows.drop(record_id)

    def _active(self) -> Iterator[bytes]:
        active = ReferenceState.ACTIVE
        return (record_id for record_id, stored in self.rows.items() if stored.reference.state is active)

    def _several(self, condition: Any) -> list[Reference]:
        found = [stored.reference for stored in self.rows.values() if condition(stored.reference)]
        return sorted(found, key=lambda reference: (reference.created_at, reference.record_id))


class Credentials:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[bytes, Issued] = Table()

    def add(self, issued: Issued) -> None:
        """See the Protocol."""
        self.rows[issued.cti] = issued

    def get(self, cti: bytes) -> Issued | None:
        """See the Protocol."""
        return self.rows.get(cti)

    def of(self, subject_id: str) -> Sequence[Issued]:
        """See the Protocol."""
        found = (issued for issued in self.rows.values() if issued.subject_id == subject_id)
        return sorted(found, key=lambda issued: (issued.issued_at, issued.cti))

    def taken(self, *, now: datetime) -> frozenset[int]:
        """See the Protocol."""
        return frozenset(issued.index for issued in self.rows.values() if issued.expires_at > now)

    def revoked(self, *, now: datetime) -> Sequence[int]:
        """See the Protocol."""
        return [each.index for each in self.rows.values() if each.revoked_at is not None and each.expires_at > now]

    def revoke(self, cti: bytes, at: datetime) -> None:
        """See the Protocol."""
        if cti in self.rows:
            self.rows[cti] = replace(self.rows[cti], revoked_at=at)

    def detach(self, subject_id: str) -> None:
        """See the Protocol."""
        for issued in self.of(subject_id):
            self.rows[issued.cti] = replace(issued, subject_id=None, consent_id=None)

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        self.rows.drop(*[cti for cti, issued in self.rows.items() if issued.expires_at < before])


class Subjects:
    """See the Protocol."""

    def __init__(
        self, consents: Consents, references: References, credentials: Credentials, evidence: EvidenceBox
    ) -> None:
        self.rows: Table[str, Subject] = Table()
        self._consents, self._references, self._credentials = consents, references, credentials
        self._evidence = evidence

    def add(self, subject: Subject) -> None:
        """See the Protocol."""
        if self.named(subject.name) is not None:
            raise SubjectEnrolled("a subject of this name was just added; try again")
        self.rows[subject.id] = subject

    def get(self, subject_id: str) -> Subject | None:
        """See the Protocol."""
        return self.rows.get(subject_id)

    def named(self, name: str) -> Subject | None:
        """See the Protocol."""
        return next((subject for subject in self.rows.values() if subject.name == name), None)

    def page(self, *, after: str = "", limit: int = 100) -> Sequence[Subject]:
        """See the Protocol."""
        return sorted((each for each in self.rows.values() if each.name > after), key=lambda each: each.name)[:limit]

    def leaving(self, *, now: datetime, unused_since: datetime) -> Sequence[Subject]:
        """See the Protocol."""
        return [each for each in self.rows.values() if each.erasing or not self._kept(each.id, now, unused_since)]

    def begin_erasure(self, subject_id: str) -> None:
        """See the Protocol."""
        if subject_id in self.rows:
            self.rows[subject_id] = replace(self.rows[subject_id], erasing=True)

    def remove(self, subject_id: str) -> None:
        """See the Protocol."""
        self._consents.rows.drop(*[consent.id for consent in self._consents.of(subject_id)])
        self.rows.drop(subject_id)

    def _kept(self, subject_id: str, now: datetime, unused_since: datetime) -> bool:
        return (
            bool(self._references.of(subject_id) or self._evidence.of(subject_id=subject_id))
            or any(issued.expires_at > now for issued in self._credentials.of(subject_id))
            or any(each.withdrawn_at is None and each.given_at > unused_since for each in self._consents.of(subject_id))
        )


class Attempts:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[bytes, tuple[bytes, int, datetime]] = Table()
        self.minutes: Table[tuple[str, int], int] = Table()

    def begin(self, key: bytes, record_id: bytes, *, at: datetime) -> tuple[int, datetime | None]:
        """See the Protocol."""
        before = self.rows.get(key)
        failed = 0 if before is None else before[1]
        self.rows[key] = record_id, failed + 1, at
        return failed, None if before is None else before[2]

    def undo(self, key: bytes) -> None:
        """See the Protocol."""
        if key in self.rows:
            record_id, failed, last = self.rows[key]
            if failed <= 1:
                del self.rows[key]
            else:
                self.rows[key] = record_id, failed - 1, last

    def clear(self, key: bytes) -> None:
        """See the Protocol."""
        self.rows.drop(key)

    def count_opening(self, minute: int) -> int:
        """See the Protocol."""
        return self._count("opened", minute)

    def count_refusal(self, minute: int) -> int:
        """See the Protocol."""
        return self._count("refused", minute)

    def of(self, record_id: bytes) -> Sequence[tuple[int, datetime]]:
        """See the Protocol."""
        found = [(last, failed) for record, failed, last in self.rows.values() if record == record_id]
        return [(failed, last) for last, failed in sorted(found)]

    def prune(self, *, before: datetime, failures_max: int) -> None:
        """See the Protocol."""
        rows = self.rows.items()
        self.rows.drop(*[key for key, (_, failed, last) in rows if last < before and failed < failures_max])
        self.minutes.drop(*[each for each in self.minutes if each[1] < int(before.timestamp()) // 60])

    def _count(self, what: str, minute: int) -> int:
        self.minutes[what, minute] = self.minutes.get((what, minute), 0) + 1
        return self.minutes[what, minute]

    def forget(self, record_id: bytes) -> None:
        """See the Protocol."""
        self.rows.drop(*[key for key, (record, _, _) in self.rows.items() if record == record_id])


class Audit:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[int, tuple[Entry, str | None]] = Table()

    def append(self, event: Event, details: Mapping[str, Detail], *, at: datetime) -> Entry:
        """See the Protocol."""
        entry = Entry.after(*self.tip(), event, details, at)
        self.restore(entry)
        return entry

    def restore(self, entry: Entry) -> None:
        """See the Protocol."""
        if not entry.follows(*self.tip()):
            raise AuditBroken(f"entry {entry.number} does not follow the last one of this log")
        self.rows[entry.number] = entry, entry.subject_id

    def tip(self) -> tuple[int, bytes]:
        """See the Protocol."""
        number = len(self.rows)
        return number, self.rows[number][0].hash if number else GENESIS

    def entries(self, *, after: int = 0, subject_id: str | None = None) -> Iterator[Entry]:
        """See the Protocol."""
        for number in range(after + 1, len(self.rows) + 1):
            entry, subject = self.rows[number]
            if subject_id in (None, subject):
                yield entry


class KeyChecks:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[int, bytes] = Table()

    def add(self, version: int, check: bytes) -> None:
        """See the Protocol."""
        if version not in self.rows:
            self.rows[version] = check

    def all(self) -> Mapping[int, bytes]:
        """See the Protocol."""
        return dict(self.rows)


class MemoryShreds:
    """A `Shreds`."""

    def __init__(self) -> None:
        self._shreds: dict[bytes, Secret] = {}
        self._decoy = Secret.random(SHRED_BYTES)

    def put(self, record_id: bytes, shred: Secret) -> None:
        """See `Shreds`."""
        self._shreds[record_id] = Secret(shred.view)

    def get(self, record_id: bytes) -> Secret:
        """See `Shreds`."""
        return Secret(self._shreds.get(record_id, self._decoy).view)

    def destroy(self, record_id: bytes) -> None:
        """See `Shreds`."""
        shred = self._shreds.pop(record_id, None)
        if shred is not None:
            shred.wipe()

    def missing(self, record_ids: Sequence[bytes]) -> Sequence[bytes]:
        """See `Shreds`."""
        return [record_id for record_id in record_ids if record_id not in self._shreds]

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """See `Shreds`."""
        return sorted(record_id for record_id in self._shreds if record_id > after)[:limit]
