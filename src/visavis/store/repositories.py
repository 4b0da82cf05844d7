"""The session's repositories in SQL. Each asks for what its Protocol says and nothing more."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from visavis.errors import AuditBroken, SubjectEnrolled
from visavis.session import (
    Consent,
    ConsentText,
    Detail,
    Entry,
    Event,
    Issued,
    Reference,
    ReferenceState,
    Stored,
    Subject,
)
from visavis.store import tables as t

DECOY_ID = bytes(16)
"""The row that is read where there is none with the id asked for, so that both take the same work."""
_TIP = 1
_TIP_ROW = select(t.audit_tip.c.number, t.audit_tip.c.hash).where(t.audit_tip.c.id == _TIP)
_PAGE = 1000
_PENDING = t.deliveries.c.state == literal_column("'pending'")

_INFO = [column for column in t.references.c if column.name != "sealed"]
_WANTED = (
    select(t.references.c.record_id)
    .where(
        t.references.c.record_id == bindparam("wanted"),
        t.references.c.state == ReferenceState.ACTIVE.value,
        t.references.c.expires_at > bindparam("now"),
    )
    .scalar_subquery()
)
FIND = select(t.references).where(t.references.c.record_id == func.coalesce(_WANTED, bindparam("decoy")))


class Repository:
    """Works in one connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def upsert(self, table: Any) -> Any:
        """An insertion that may say what happens where the row is there already."""
        return (sqlite if self.connection.dialect.name == "sqlite" else postgresql).insert(table)


class Subjects(Repository):
    """See the Protocol."""

    def add(self, subject: Subject) -> None:
        """See the Protocol."""
        try:
            self.connection.execute(
                insert(t.subjects).values(values_of(subject, "id", "name", "created_at", "erasing"))
            )
        except IntegrityError:
            raise SubjectEnrolled("a subject of this name was just added; try again") from None

    def get(self, subject_id: str) -> Subject | None:
        """See the Protocol."""
        return self._one(t.subjects.c.id == subject_id)

    def named(self, name: str) -> Subject | None:
        """See the Protocol."""
        return self._one(t.subjects.c.name == name)

    def page(self, *, after: str = "", limit: int = 100) -> Sequence[Subject]:
        """See the Protocol."""
        chosen = select(t.subjects).where(t.subjects.c.name > after).order_by(t.subjects.c.name).limit(limit)
        return [_subject(row) for row in self.connection.execute(chosen)]

    def leaving(self, *, now: datetime, unused_since: datetime) -> Sequence[Subject]:
        """See the Protocol."""
        mine = t.subjects.c.id
        kept = or_(
            exists().where(t.references.c.subject_id == mine),
            exists().where(t.evidence.c.subject_id == mine),
            exists().where(t.credentials.c.subject_id == mine, t.credentials.c.expires_at > now),
            exists().where(
                t.consents.c.subject_id == mine,
                t.consents.c.withdrawn_at.is_(None),
                t.consents.c.given_at > unused_since,
            ),
        )
        chosen = select(t.subjects).where(or_(t.subjects.c.erasing, ~kept))
        return [_subject(row) for row in self.connection.execute(chosen)]

    def begin_erasure(self, subject_id: str) -> None:
        """See the Protocol."""
        self.connection.execute(update(t.subjects).where(t.subjects.c.id == subject_id).values(erasing=True))

    def remove(self, subject_id: str) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.consents).where(t.consents.c.subject_id == subject_id))
        self.connection.execute(delete(t.subjects).where(t.subjects.c.id == subject_id))

    def _one(self, condition: Any) -> Subject | None:
        row = self.connection.execute(select(t.subjects).where(condition)).first()
        return None if row is None else _subject(row)


class Consents(Repository):
    """See the Protocol."""

    def add(self, consent: Consent) -> None:
        """See the Protocol."""
        values = values_of(consent, "id", "subject_id", "given_at", "ends_at", "recorded_by", "withdrawn_at")
        text = values_of(consent.text, "purpose", "text_sha256", "locale", "retention_days", "renewal")
        self.connection.execute(insert(t.consents).values({**values, **text, "text_version": consent.text.version}))

    def of(self, subject_id: str) -> Sequence[Consent]:
        """See the Protocol."""
        chosen = select(t.consents).where(t.consents.c.subject_id == subject_id)
        rows = self.connection.execute(chosen.order_by(t.consents.c.given_at, t.consents.c.id))
        return [
            Consent(
                row.id,
                row.subject_id,
                ConsentText(
                    row.text_sha256, row.text_version, row.locale, row.purpose, row.retention_days, row.renewal
                ),
                row.given_at,
                row.recorded_by,
                row.withdrawn_at,
            )
            for row in rows
        ]

    def withdraw(self, consent_id: str, at: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(update(t.consents).where(t.consents.c.id == consent_id).values(withdrawn_at=at))


class References(Repository):
    """See the Protocol."""

    def add(self, reference: Reference, sealed: bytes) -> None:
        """See the Protocol."""
        values = {column.name: getattr(reference, column.name) for column in _INFO}
        self.connection.execute(
            insert(t.references).values({**values, "state": reference.state.value, "sealed": sealed})
        )

    def find(self, record_id: bytes, *, now: datetime) -> Stored | None:
        """See the Protocol: one statement reads one row, that with the id or the decoy."""
        row = self.connection.execute(FIND, {"wanted": record_id, "now": now, "decoy": DECOY_ID}).one()
        stored = Stored(_reference(row), row.sealed)
        return stored if row.record_id == record_id and record_id != DECOY_ID else None

    def reseal(self, record_id: bytes, *, old: bytes, new: bytes, at: datetime) -> bool:
        """See the Protocol."""
        same = and_(t.references.c.record_id == record_id, t.references.c.sealed == old)
        return self.connection.execute(update(t.references).where(same).values(sealed=new, sealed_at=at)).rowcount == 1

    def set_state(self, record_id: bytes, state: ReferenceState) -> None:
        """See the Protocol."""
        self.connection.execute(
            update(t.references).where(t.references.c.record_id == record_id).values(state=state.value)
        )

    def of(self, subject_id: str) -> Sequence[Reference]:
        """See the Protocol."""
        return self._several(t.references.c.subject_id == subject_id)

    def sealed(self, record_id: bytes) -> bytes | None:
        """See the Protocol."""
        chosen = select(t.references.c.sealed).where(t.references.c.record_id == record_id)
        return self.connection.execute(chosen).scalar()

    def due(self, *, now: datetime, pending_before: datetime) -> Sequence[Reference]:
        """See the Protocol."""
        c = t.references.c
        retired = c.state == ReferenceState.RETIRED.value
        broken_off = and_(c.state == ReferenceState.PENDING.value, c.created_at < pending_before)
        # Two statements, each by an index of its own: the first by the one of rows that are not active, which it must name.
        return [
            *self._several(and_(c.state != literal_column("'active'"), or_(retired, broken_off))),
            *self._several(and_(c.expires_at <= now, c.state == ReferenceState.ACTIVE.value)),
        ]

    def ids(self, *, after: bytes = b"", limit: int = _PAGE) -> Sequence[bytes]:
        """See the Protocol."""
        c = t.references.c
        chosen = select(c.record_id).where(
            c.record_id > after, c.record_id != DECOY_ID, c.state == ReferenceState.ACTIVE.value
        )
        return list(self.connection.execute(chosen.order_by(c.record_id).limit(limit)).scalars())

    def unknown(self, record_ids: Sequence[bytes]) -> Sequence[bytes]:
        """See the Protocol."""
        chosen = select(t.references.c.record_id).where(t.references.c.record_id.in_(record_ids))
        known = set(self.connection.execute(chosen).scalars())
        return [record_id for record_id in record_ids if record_id not in known]

    def count(self) -> int:
        """See the Protocol."""
        chosen = select(func.count()).where(t.references.c.state == ReferenceState.ACTIVE.value)
        return self.connection.execute(chosen.where(t.references.c.record_id != DECOY_ID)).scalar_one()

    def by_key_version(self) -> Mapping[int, int]:
        """See the Protocol."""
        version = func.substr(t.references.c.sealed, 41, 4)
        chosen = select(version, func.count()).where(t.references.c.record_id != DECOY_ID).group_by(version)
        return {int.from_bytes(row[0], "big"): row[1] for row in self.connection.execute(chosen)}

    def remove(self, record_id: bytes) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.references).where(t.references.c.record_id == record_id))

    def _several(self, condition: Any) -> list[Reference]:
        chosen = select(*_INFO).where(condition, t.references.c.record_id != DECOY_ID)
        rows = self.connection.execute(chosen.order_by(t.references.c.created_at, t.references.c.record_id))
        return [_reference(row) for row in rows]


class Attempts(Repository):
    """See the Protocol."""

    def begin(self, key: bytes, record_id: bytes, *, at: datetime) -> tuple[int, datetime | None]:
        """See the Protocol."""
        table = t.attempts
        new = self.upsert(table).values(key=key, record_id=record_id, failed=1, last_at=at, previous_at=None)
        counted = new.on_conflict_do_update(
            index_elements=[table.c.key],
            set_={"failed": table.c.failed + 1, "previous_at": table.c.last_at, "last_at": at},
        ).returning(table.c.failed, table.c.previous_at)
        failed, previous = self.connection.execute(counted).one()
        return failed - 1, previous

    def undo(self, key: bytes) -> None:
        """See the Protocol."""
        failed = t.attempts.c.failed
        self.connection.execute(delete(t.attempts).where(t.attempts.c.key == key, failed <= 1))
        self.connection.execute(update(t.attempts).where(t.attempts.c.key == key).values(failed=failed - 1))

    def clear(self, key: bytes) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.attempts).where(t.attempts.c.key == key))

    def count_opening(self, minute: int) -> int:
        """See the Protocol."""
        return self._count(t.minutes.c.opened, minute)

    def count_refusal(self, minute: int) -> int:
        """See the Protocol."""
        return self._count(t.minutes.c.refused, minute)

    def of(self, record_id: bytes) -> Sequence[tuple[int, datetime]]:
        """See the Protocol."""
        c = t.attempts.c
        chosen = select(c.failed, c.last_at).where(c.record_id == record_id).order_by(c.last_at, c.failed)
        return [(row.failed, row.last_at) for row in self.connection.execute(chosen)]

    def prune(self, *, before: datetime, failures_max: int) -> None:
        """See the Protocol."""
        old = and_(t.attempts.c.last_at < before, t.attempts.c.failed < failures_max)
        self.connection.execute(delete(t.attempts).where(old))
        self.connection.execute(delete(t.minutes).where(t.minutes.c.minute < int(before.timestamp()) // 60))

    def _count(self, column: Any, minute: int) -> int:
        counted = (
            self.upsert(t.minutes)
            .values({"minute": minute, "opened": 0, "refused": 0, column.name: 1})
            .on_conflict_do_update(index_elements=[t.minutes.c.minute], set_={column.name: column + 1})
            .returning(column)
        )
        return int(self.connection.execute(counted).scalar_one())

    def forget(self, record_id: bytes) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.attempts).where(t.attempts.c.record_id == record_id))


class Credentials(Repository):
    """See the Protocol."""

    def add(self, issued: Issued) -> None:
        """See the Protocol."""
        values = values_of(issued, "cti", "subject_id", "consent_id", "issued_at", "expires_at", "revoked_at")
        purposes = " ".join(issued.purposes)
        self.connection.execute(insert(t.credentials).values({**values, "place": issued.index, "purposes": purposes}))

    def get(self, cti: bytes) -> Issued | None:
        """See the Protocol."""
        return next(iter(self._several(t.credentials.c.cti == cti)), None)

    def of(self, subject_id: str) -> Sequence[Issued]:
        """See the Protocol."""
        return self._several(t.credentials.c.subject_id == subject_id)

    def taken(self, *, now: datetime) -> frozenset[int]:
        """See the Protocol."""
        chosen = select(t.credentials.c.place).where(t.credentials.c.expires_at > now)
        return frozenset(self.connection.execute(chosen).scalars())

    def revoked(self, *, now: datetime) -> Sequence[int]:
        """See the Protocol."""
        chosen = select(t.credentials.c.place).where(
            t.credentials.c.expires_at > now, t.credentials.c.revoked_at.is_not(None)
        )
        return list(self.connection.execute(chosen).scalars())

    def revoke(self, cti: bytes, at: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(update(t.credentials).where(t.credentials.c.cti == cti).values(revoked_at=at))

    def detach(self, subject_id: str) -> None:
        """See the Protocol."""
        mine = update(t.credentials).where(t.credentials.c.subject_id == subject_id)
        self.connection.execute(mine.values(subject_id=None, consent_id=None))

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.credentials).where(t.credentials.c.expires_at < before))

    def _several(self, condition: Any) -> list[Issued]:
        chosen = select(t.credentials).where(condition).order_by(t.credentials.c.issued_at, t.credentials.c.cti)
        return [
            Issued(
                row.cti,
                row.subject_id,
                row.consent_id,
                row.place,
                tuple(row.purposes.split()),
                row.issued_at,
                row.expires_at,
                row.revoked_at,
            )
            for row in self.connection.execute(chosen)
        ]


class Audit(Repository):
    """See the Protocol."""

    def append(self, event: Event, details: Mapping[str, Detail], *, at: datetime) -> Entry:
        """See the Protocol."""
        entry = Entry.after(*self.connection.execute(_TIP_ROW.with_for_update()).one(), event, details, at)
        self._put(entry)
        return entry

    def restore(self, entry: Entry) -> None:
        """See the Protocol."""
        if not entry.follows(*self.connection.execute(_TIP_ROW.with_for_update()).one()):
            raise AuditBroken(f"entry {entry.number} does not follow the last one of this log")
        self._put(entry)

    def _put(self, entry: Entry) -> None:
        values = {"number": entry.number, "line": entry.line, "hash": entry.hash, "subject_id": entry.subject_id}
        self.connection.execute(insert(t.audit).values(values))
        moved = update(t.audit_tip).where(t.audit_tip.c.id == _TIP)
        self.connection.execute(moved.values(number=entry.number, hash=entry.hash))

    def tip(self) -> tuple[int, bytes]:
        """See the Protocol."""
        number, last = self.connection.execute(_TIP_ROW).one()
        return number, last

    def entries(self, *, after: int = 0, subject_id: str | None = None) -> Iterator[Entry]:
        """See the Protocol."""
        while True:
            chosen = select(t.audit.c.number, t.audit.c.line, t.audit.c.hash).where(t.audit.c.number > after)
            if subject_id is not None:
                chosen = chosen.where(t.audit.c.subject_id == subject_id)
            rows = self.connection.execute(chosen.order_by(t.audit.c.number).limit(_PAGE)).all()
            yield from (Entry(number, line, last) for number, line, last in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].number


class KeyChecks(Repository):
    """See the Protocol."""

    def add(self, version: int, check: bytes) -> None:
        """See the Protocol."""
        new = self.upsert(t.key_checks).values(version=version, check=check)
        self.connection.execute(new.on_conflict_do_nothing())

    def all(self) -> Mapping[int, bytes]:
        """See the Protocol."""
        return {row.version: row.check for row in self.connection.execute(select(t.key_checks))}


def values_of(thing: object, *names: str) -> dict[str, Any]:
    """Attributes by name."""
    return {name: getattr(thing, name) for name in names}


def _subject(row: Row[Any]) -> Subject:
    return Subject(row.id, row.name, row.created_at, row.erasing)


def _reference(row: Row[Any]) -> Reference:
    return Reference(
        record_id=row.record_id,
        subject_id=row.subject_id,
        consent_id=row.consent_id,
        purpose=row.purpose,
        renewal=row.renewal,
        captures=row.captures,
        state=ReferenceState(row.state),
        created_at=row.created_at,
        sealed_at=row.sealed_at,
        expires_at=row.expires_at,
    )
