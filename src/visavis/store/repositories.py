"""The session's repositories in SQL. Each asks for what its Protocol says and nothing more."""

import json
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
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from visavis.errors import AuditBroken, SubjectEnrolled
from visavis.session import (
    OPEN,
    Against,
    ApiKey,
    Consent,
    ConsentText,
    Detail,
    Entry,
    Event,
    Issued,
    Payment,
    Reference,
    ReferenceState,
    Report,
    Scope,
    SessionStatus,
    Stored,
    Subject,
    Transaction,
    VerificationSession,
    Wanted,
)
from visavis.store import tables as t

DECOY_ID = bytes(16)
"""The row that is read where there is none with the id asked for, so that both take the same work."""
_TIP = 1
_TIP_ROW = select(t.audit_tip.c.number, t.audit_tip.c.hash).where(t.audit_tip.c.id == _TIP)
_PAGE = 1000

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


def transaction(connection: Connection) -> Transaction:
    """Everything in one connection's transaction."""
    return Transaction(
        Subjects(connection),
        Consents(connection),
        References(connection),
        Attempts(connection),
        Credentials(connection),
        Audit(connection),
        ApiKeys(connection),
        Sessions(connection),
        KeyChecks(connection),
    )


class _Repository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _upsert(self, table: Any) -> Any:
        return (sqlite if self._connection.dialect.name == "sqlite" else postgresql).insert(table)


class Subjects(_Repository):
    """See the Protocol."""

    def add(self, subject: Subject) -> None:
        """See the Protocol."""
        try:
            self._connection.execute(insert(t.subjects).values(_values(subject, "id", "name", "created_at", "erasing")))
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
        return [_subject(row) for row in self._connection.execute(chosen)]

    def leaving(self, *, now: datetime, unused_since: datetime) -> Sequence[Subject]:
        """See the Protocol."""
        mine = t.subjects.c.id
        kept = or_(
            exists().where(t.references.c.subject_id == mine),
            exists().where(t.credentials.c.subject_id == mine, t.credentials.c.expires_at > now),
            exists().where(
                t.consents.c.subject_id == mine,
                t.consents.c.withdrawn_at.is_(None),
                t.consents.c.given_at > unused_since,
            ),
        )
        chosen = select(t.subjects).where(or_(t.subjects.c.erasing, ~kept))
        return [_subject(row) for row in self._connection.execute(chosen)]

    def begin_erasure(self, subject_id: str) -> None:
        """See the Protocol."""
        self._connection.execute(update(t.subjects).where(t.subjects.c.id == subject_id).values(erasing=True))

    def remove(self, subject_id: str) -> None:
        """See the Protocol."""
        self._connection.execute(delete(t.consents).where(t.consents.c.subject_id == subject_id))
        self._connection.execute(delete(t.subjects).where(t.subjects.c.id == subject_id))

    def _one(self, condition: Any) -> Subject | None:
        row = self._connection.execute(select(t.subjects).where(condition)).first()
        return None if row is None else _subject(row)


class Consents(_Repository):
    """See the Protocol."""

    def add(self, consent: Consent) -> None:
        """See the Protocol."""
        values = _values(consent, "id", "subject_id", "given_at", "ends_at", "recorded_by", "withdrawn_at")
        text = _values(consent.text, "purpose", "text_sha256", "locale", "retention_days", "renewal")
        self._connection.execute(insert(t.consents).values({**values, **text, "text_version": consent.text.version}))

    def of(self, subject_id: str) -> Sequence[Consent]:
        """See the Protocol."""
        chosen = select(t.consents).where(t.consents.c.subject_id == subject_id)
        rows = self._connection.execute(chosen.order_by(t.consents.c.given_at, t.consents.c.id))
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
        self._connection.execute(update(t.consents).where(t.consents.c.id == consent_id).values(withdrawn_at=at))


class References(_Repository):
    """See the Protocol."""

    def add(self, reference: Reference, sealed: bytes) -> None:
        """See the Protocol."""
        values = {column.name: getattr(reference, column.name) for column in _INFO}
        self._connection.execute(
            insert(t.references).values({**values, "state": reference.state.value, "sealed": sealed})
        )

    def find(self, record_id: bytes, *, now: datetime) -> Stored | None:
        """See the Protocol: one statement reads one row, that with the id or the decoy."""
        row = self._connection.execute(FIND, {"wanted": record_id, "now": now, "decoy": DECOY_ID}).one()
        stored = Stored(_reference(row), row.sealed)
        return stored if row.record_id == record_id and record_id != DECOY_ID else None

    def reseal(self, record_id: bytes, *, old: bytes, new: bytes, at: datetime) -> bool:
        """See the Protocol."""
        same = and_(t.references.c.record_id == record_id, t.references.c.sealed == old)
        return self._connection.execute(update(t.references).where(same).values(sealed=new, sealed_at=at)).rowcount == 1

    def set_state(self, record_id: bytes, state: ReferenceState) -> None:
        """See the Protocol."""
        self._connection.execute(
            update(t.references).where(t.references.c.record_id == record_id).values(state=state.value)
        )

    def of(self, subject_id: str) -> Sequence[Reference]:
        """See the Protocol."""
        return self._several(t.references.c.subject_id == subject_id)

    def sealed(self, record_id: bytes) -> bytes | None:
        """See the Protocol."""
        chosen = select(t.references.c.sealed).where(t.references.c.record_id == record_id)
        return self._connection.execute(chosen).scalar()

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
        return list(self._connection.execute(chosen.order_by(c.record_id).limit(limit)).scalars())

    def unknown(self, record_ids: Sequence[bytes]) -> Sequence[bytes]:
        """See the Protocol."""
        chosen = select(t.references.c.record_id).where(t.references.c.record_id.in_(record_ids))
        known = set(self._connection.execute(chosen).scalars())
        return [record_id for record_id in record_ids if record_id not in known]

    def count(self) -> int:
        """See the Protocol."""
        chosen = select(func.count()).where(t.references.c.state == ReferenceState.ACTIVE.value)
        return self._connection.execute(chosen.where(t.references.c.record_id != DECOY_ID)).scalar_one()

    def by_key_version(self) -> Mapping[int, int]:
        """See the Protocol."""
        version = func.substr(t.references.c.sealed, 41, 4)
        chosen = select(version, func.count()).where(t.references.c.record_id != DECOY_ID).group_by(version)
        return {int.from_bytes(row[0], "big"): row[1] for row in self._connection.execute(chosen)}

    def remove(self, record_id: bytes) -> None:
        """See the Protocol."""
        self._connection.execute(delete(t.references).where(t.references.c.record_id == record_id))

    def _several(self, condition: Any) -> list[Reference]:
        chosen = select(*_INFO).where(condition, t.references.c.record_id != DECOY_ID)
        rows = self._connection.execute(chosen.order_by(t.references.c.created_at, t.references.c.record_id))
        return [_reference(row) for row in rows]


class Attempts(_Repository):
    """See the Protocol."""

    def begin(self, key: bytes, record_id: bytes, *, at: datetime) -> tuple[int, datetime | None]:
        """See the Protocol."""
        table = t.attempts
        new = self._upsert(table).values(key=key, record_id=record_id, failed=1, last_at=at, previous_at=None)
        counted = new.on_conflict_do_update(
            index_elements=[table.c.key],
            set_={"failed": table.c.failed + 1, "previous_at": table.c.last_at, "last_at": at},
        ).returning(table.c.failed, table.c.previous_at)
        failed, previous = self._connection.execute(counted).one()
        return failed - 1, previous

    def undo(self, key: bytes) -> None:
        """See the Protocol."""
        failed = t.attempts.c.failed
        self._connection.execute(delete(t.attempts).where(t.attempts.c.key == key, failed <= 1))
        self._connection.execute(update(t.attempts).where(t.attempts.c.key == key).values(failed=failed - 1))

    def clear(self, key: bytes) -> None:
        """See the Protocol."""
        self._connection.execute(delete(t.attempts).where(t.attempts.c.key == key))

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
        return [(row.failed, row.last_at) for row in self._connection.execute(chosen)]

    def prune(self, *, before: datetime, failures_max: int) -> None:
        """See the Protocol."""
        old = and_(t.attempts.c.last_at < before, t.attempts.c.failed < failures_max)
        self._connection.execute(delete(t.attempts).where(old))
        self._connection.execute(delete(t.minutes).where(t.minutes.c.minute < int(before.timestamp()) // 60))

    def _count(self, column: Any, minute: int) -> int:
        counted = (
            self._upsert(t.minutes)
            .values({"minute": minute, "opened": 0, "refused": 0, column.name: 1})
            .on_conflict_do_update(index_elements=[t.minutes.c.minute], set_={column.name: column + 1})
            .returning(column)
        )
        return int(self._connection.execute(counted).scalar_one())

    def forget(self, record_id: bytes) -> None:
        """See the Protocol."""
        self._connection.execute(delete(t.attempts).where(t.attempts.c.record_id == record_id))


class Credentials(_Repository):
    """See the Protocol."""

    def add(self, issued: Issued) -> None:
        """See the Protocol."""
        values = _values(issued, "cti", "subject_id", "consent_id", "issued_at", "expires_at", "revoked_at")
        purposes = " ".join(issued.purposes)
        self._connection.execute(insert(t.credentials).values({**values, "place": issued.index, "purposes": purposes}))

    def get(self, cti: bytes) -> Issued | None:
        """See the Protocol."""
        return next(iter(self._several(t.credentials.c.cti == cti)), None)

    def of(self, subject_id: str) -> Sequence[Issued]:
        """See the Protocol."""
        return self._several(t.credentials.c.subject_id == subject_id)

    def taken(self, *, now: datetime) -> frozenset[int]:
        """See the Protocol."""
        chosen = select(t.credentials.c.place).where(t.credentials.c.expires_at > now)
        return frozenset(self._connection.execute(chosen).scalars())

    def revoked(self, *, now: datetime) -> Sequence[int]:
        """See the Protocol."""
        chosen = select(t.credentials.c.place).where(
            t.credentials.c.expires_at > now, t.credentials.c.revoked_at.is_not(None)
        )
        return list(self._connection.execute(chosen).scalars())

    def revoke(self, cti: bytes, at: datetime) -> None:
        """See the Protocol."""
        self._connection.execute(update(t.credentials).where(t.credentials.c.cti == cti).values(revoked_at=at))

    def detach(self, subject_id: str) -> None:
        """See the Protocol."""
        mine = update(t.credentials).where(t.credentials.c.subject_id == subject_id)
        self._connection.execute(mine.values(subject_id=None, consent_id=None))

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        self._connection.execute(delete(t.credentials).where(t.credentials.c.expires_at < before))

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
            for row in self._connection.execute(chosen)
        ]


class Audit(_Repository):
    """See the Protocol."""

    def append(self, event: Event, details: Mapping[str, Detail], *, at: datetime) -> Entry:
        """See the Protocol."""
        entry = Entry.after(*self._connection.execute(_TIP_ROW.with_for_update()).one(), event, details, at)
        self._put(entry)
        return entry

    def restore(self, entry: Entry) -> None:
        """See the Protocol."""
        if not entry.follows(*self._connection.execute(_TIP_ROW.with_for_update()).one()):
            raise AuditBroken(f"entry {entry.number} does not follow the last one of this log")
        self._put(entry)

    def _put(self, entry: Entry) -> None:
        values = {"number": entry.number, "line": entry.line, "hash": entry.hash, "subject_id": entry.subject_id}
        self._connection.execute(insert(t.audit).values(values))
        moved = update(t.audit_tip).where(t.audit_tip.c.id == _TIP)
        self._connection.execute(moved.values(number=entry.number, hash=entry.hash))

    def tip(self) -> tuple[int, bytes]:
        """See the Protocol."""
        number, last = self._connection.execute(_TIP_ROW).one()
        return number, last

    def entries(self, *, after: int = 0, subject_id: str | None = None) -> Iterator[Entry]:
        """See the Protocol."""
        while True:
            chosen = select(t.audit.c.number, t.audit.c.line, t.audit.c.hash).where(t.audit.c.number > after)
            if subject_id is not None:
                chosen = chosen.where(t.audit.c.subject_id == subject_id)
            rows = self._connection.execute(chosen.order_by(t.audit.c.number).limit(_PAGE)).all()
            yield from (Entry(number, line, last) for number, line, last in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].number


class KeyChecks(_Repository):
    """See the Protocol."""

    def add(self, version: int, check: bytes) -> None:
        """See the Protocol."""
        new = self._upsert(t.key_checks).values(version=version, check=check)
        self._connection.execute(new.on_conflict_do_nothing())

    def all(self) -> Mapping[int, bytes]:
        """See the Protocol."""
        return {row.version: row.check for row in self._connection.execute(select(t.key_checks))}


class ApiKeys(_Repository):
    """See the Protocol."""

    def add(self, key: ApiKey) -> None:
        """See the Protocol."""
        values = _values(key, "id", "application", "hash", "created_at", "last_used_at", "revoked_at")
        self._connection.execute(insert(t.api_keys).values({**values, "scopes": " ".join(sorted(key.scopes))}))

    def get(self, key_id: str) -> ApiKey | None:
        """See the Protocol."""
        row = self._connection.execute(select(t.api_keys).where(t.api_keys.c.id == key_id)).first()
        return None if row is None else _api_key(row)

    def all(self) -> Sequence[ApiKey]:
        """See the Protocol."""
        chosen = select(t.api_keys).order_by(t.api_keys.c.created_at, t.api_keys.c.id)
        return [_api_key(row) for row in self._connection.execute(chosen)]

    def used(self, key_id: str, at: datetime) -> None:
        """See the Protocol."""
        self._connection.execute(update(t.api_keys).where(t.api_keys.c.id == key_id).values(last_used_at=at))

    def revoke(self, key_id: str, at: datetime) -> None:
        """See the Protocol."""
        self._connection.execute(update(t.api_keys).where(t.api_keys.c.id == key_id).values(revoked_at=at))


class Sessions(_Repository):
    """See the Protocol."""

    def add(self, session: VerificationSession) -> None:
        """See the Protocol."""
        self._connection.execute(insert(t.sessions).values(_session_values(session)))

    def get(self, session_id: str) -> VerificationSession | None:
        """See the Protocol."""
        row = self._connection.execute(select(t.sessions).where(t.sessions.c.id == session_id)).first()
        return None if row is None else _session(row)

    def page(self, application: str, *, before: str | None = None, limit: int = 100) -> Sequence[VerificationSession]:
        """See the Protocol."""
        c = t.sessions.c
        chosen = select(t.sessions).where(c.application == application)
        if before is not None:
            last = select(c.created_at, c.id).where(c.id == before, c.application == application)
            chosen = chosen.where(tuple_(c.created_at, c.id) < last.scalar_subquery())
        chosen = chosen.order_by(c.created_at.desc(), c.id.desc()).limit(limit)
        return [_session(row) for row in self._connection.execute(chosen)]

    def move(self, session: VerificationSession, *, status: SessionStatus, lease: bytes | None) -> bool:
        """See the Protocol."""
        c = t.sessions.c
        as_it_was = and_(c.id == session.id, c.status == status.value, c.lease.is_not_distinct_from(lease))
        return (
            self._connection.execute(update(t.sessions).where(as_it_was).values(_session_values(session))).rowcount == 1
        )

    def due(self, *, now: datetime, limit: int = _PAGE) -> Sequence[VerificationSession]:
        """See the Protocol."""
        c = t.sessions.c
        still_open = c.status.in_([literal_column(f"'{each.value}'") for each in sorted(OPEN, reverse=True)])
        over = or_(c.expires_at <= now, c.leased_until <= now)
        chosen = select(t.sessions).where(still_open, over).order_by(c.expires_at, c.id).limit(limit)
        return [_session(row) for row in self._connection.execute(chosen)]

    def add_report(self, report: Report) -> None:
        """See the Protocol."""
        values = _values(report, "id", "session_id", "subject_id", "created_at", "jws")
        self._connection.execute(insert(t.reports).values({**values, "decision": json.dumps(report.decision)}))

    def reports(self, session_id: str) -> Sequence[Report]:
        """See the Protocol."""
        return self._reports(t.reports.c.session_id == session_id)

    def report(self, report_id: str) -> Report | None:
        """See the Protocol."""
        return next(iter(self._reports(t.reports.c.id == report_id)), None)

    def redact(self, session_id: str) -> None:
        """See the Protocol."""
        self._connection.execute(delete(t.reports).where(t.reports.c.session_id == session_id))

    def forget(self, subject_id: str) -> None:
        """See the Protocol."""
        mine = select(t.sessions.c.id).where(t.sessions.c.subject_id == subject_id)
        self._connection.execute(delete(t.reports).where(t.reports.c.session_id.in_(mine)))
        self._connection.execute(delete(t.reports).where(t.reports.c.subject_id == subject_id))
        self._connection.execute(delete(t.sessions).where(t.sessions.c.subject_id == subject_id))

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        old = select(t.sessions.c.id).where(t.sessions.c.expires_at < before)
        self._connection.execute(delete(t.reports).where(t.reports.c.session_id.in_(old)))
        self._connection.execute(delete(t.sessions).where(t.sessions.c.expires_at < before))

    def _reports(self, condition: Any) -> list[Report]:
        chosen = select(t.reports).where(condition).order_by(t.reports.c.created_at, t.reports.c.id)
        return [
            Report(row.id, row.session_id, row.subject_id, row.created_at, json.loads(row.decision), row.jws)
            for row in self._connection.execute(chosen)
        ]


def _api_key(row: Row[Any]) -> ApiKey:
    scopes = frozenset(map(Scope, row.scopes.split()))
    return ApiKey(row.id, row.application, scopes, row.hash, row.created_at, row.last_used_at, row.revoked_at)


def _session_values(session: VerificationSession) -> dict[str, Any]:
    wanted = session.wanted
    return {
        **_values(session, "id", "application", "attempts_left", "created_at", "expires_at", "secret_hash"),
        **_values(session, "last_error", "lease", "leased_until", "redacted_at"),
        **_values(wanted, "purpose", "policy", "subject_id", "nonce"),
        "against": wanted.against.value,
        "payment": None if wanted.payment is None else json.dumps(wanted.payment.to_dict()),
        "status": session.status.value,
    }


def _session(row: Row[Any]) -> VerificationSession:
    payment = None if row.payment is None else Payment(**json.loads(row.payment))
    return VerificationSession(
        id=row.id,
        application=row.application,
        wanted=Wanted(row.purpose, row.policy, Against(row.against), row.subject_id, payment, row.nonce),
        status=SessionStatus(row.status),
        attempts_left=row.attempts_left,
        created_at=row.created_at,
        expires_at=row.expires_at,
        secret_hash=row.secret_hash,
        last_error=row.last_error,
        lease=row.lease,
        leased_until=row.leased_until,
        redacted_at=row.redacted_at,
    )


def _values(thing: object, *names: str) -> dict[str, Any]:
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
