"""The service's repositories in SQL: API keys, sessions, events and answers."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
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

from visavis.decision import DocumentTerms
from visavis.document import Authenticity
from visavis.session import (
    OPEN,
    Against,
    Alternative,
    Answer,
    AnySession,
    ApiKey,
    Delivery,
    DeliveryState,
    Endpoint,
    Evidence,
    EvidenceTerms,
    Happening,
    HostedSession,
    LivenessPolicy,
    Payment,
    Report,
    Scope,
    SessionStatus,
    SigningSecret,
    ToEnrol,
    Wanted,
    Yields,
)
from visavis.store import tables as t
from visavis.store.repositories import Repository, values_of

_PAGE = 1000
_HASH_BYTES = 32
_PENDING = t.deliveries.c.state == literal_column("'pending'")


class ApiKeys(Repository):
    """See the Protocol."""

    def add(self, key: ApiKey) -> None:
        """See the Protocol."""
        values = values_of(key, "id", "application", "hash", "created_at", "last_used_at", "revoked_at")
        self.connection.execute(insert(t.api_keys).values({**values, "scopes": " ".join(sorted(key.scopes))}))

    def get(self, key_id: str) -> ApiKey | None:
        """See the Protocol."""
        row = self.connection.execute(select(t.api_keys).where(t.api_keys.c.id == key_id)).first()
        return None if row is None else _api_key(row)

    def hash_of(self, key_id: str) -> bytes:
        """See the Protocol."""
        return _hash_of(self.connection, t.api_keys.c.hash, t.api_keys.c.id == key_id)

    def all(self) -> Sequence[ApiKey]:
        """See the Protocol."""
        chosen = select(t.api_keys).order_by(t.api_keys.c.created_at, t.api_keys.c.id)
        return [_api_key(row) for row in self.connection.execute(chosen)]

    def used(self, key_id: str, at: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(update(t.api_keys).where(t.api_keys.c.id == key_id).values(last_used_at=at))

    def revoke(self, key_id: str, at: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(update(t.api_keys).where(t.api_keys.c.id == key_id).values(revoked_at=at))


class Sessions(Repository):
    """See the Protocol."""

    def add(self, session: AnySession) -> None:
        """See the Protocol."""
        self.connection.execute(insert(t.sessions).values(_session_values(session)))

    def get(self, session_id: str) -> AnySession | None:
        """See the Protocol."""
        row = self.connection.execute(select(t.sessions).where(t.sessions.c.id == session_id)).first()
        return None if row is None else _session(row)

    def hash_of(self, session_id: str) -> bytes:
        """See the Protocol."""
        return _hash_of(self.connection, t.sessions.c.secret_hash, t.sessions.c.id == session_id)

    def page(self, application: str, kind: str, *, before: str | None = None, limit: int = 100) -> Sequence[AnySession]:
        """See the Protocol."""
        mine = and_(t.sessions.c.application == application, t.sessions.c.kind == kind)
        return [_session(row) for row in self.connection.execute(_newest(t.sessions, mine, before, limit))]

    def move(self, session: AnySession, *, status: SessionStatus, lease: bytes | None) -> bool:
        """See the Protocol."""
        c = t.sessions.c
        as_it_was = and_(c.id == session.id, c.status == status.value, c.lease.is_not_distinct_from(lease))
        return (
            self.connection.execute(update(t.sessions).where(as_it_was).values(_session_values(session))).rowcount == 1
        )

    def due(self, *, now: datetime, limit: int = _PAGE) -> Sequence[AnySession]:
        """See the Protocol."""
        c = t.sessions.c
        still_open = c.status.in_([literal_column(f"'{each.value}'") for each in sorted(OPEN, reverse=True)])
        over = or_(c.expires_at <= now, c.leased_until <= now)
        chosen = select(t.sessions).where(still_open, over).order_by(c.expires_at, c.id).limit(limit)
        return [_session(row) for row in self.connection.execute(chosen)]

    def add_report(self, report: Report) -> None:
        """See the Protocol."""
        values = values_of(report, "id", "session_id", "subject_id", "created_at", "jws")
        self.connection.execute(insert(t.reports).values({**values, "decision": json.dumps(report.decision)}))

    def reports(self, session_id: str) -> Sequence[Report]:
        """See the Protocol."""
        return self._reports(t.reports.c.session_id == session_id)

    def report(self, report_id: str) -> Report | None:
        """See the Protocol."""
        return next(iter(self._reports(t.reports.c.id == report_id)), None)

    def about(self, subject_id: str) -> Sequence[AnySession]:
        """See the Protocol."""
        c = t.sessions.c
        chosen = select(t.sessions).where(c.subject_id == subject_id).order_by(c.created_at, c.id)
        return [_session(row) for row in self.connection.execute(chosen)]

    def redact(self, session_id: str) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.reports).where(t.reports.c.session_id == session_id))

    def forget(self, subject_id: str) -> None:
        """See the Protocol."""
        mine = select(t.sessions.c.id).where(t.sessions.c.subject_id == subject_id)
        self.connection.execute(delete(t.reports).where(t.reports.c.session_id.in_(mine)))
        self.connection.execute(delete(t.reports).where(t.reports.c.subject_id == subject_id))
        self.connection.execute(delete(t.sessions).where(t.sessions.c.subject_id == subject_id))

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        spared = exists().where(t.evidence.c.session_id == t.sessions.c.id)
        over = and_(t.sessions.c.expires_at < before, ~spared)
        old = select(t.sessions.c.id).where(over)
        self.connection.execute(delete(t.reports).where(t.reports.c.session_id.in_(old)))
        self.connection.execute(delete(t.sessions).where(over))

    def _reports(self, condition: Any) -> list[Report]:
        chosen = select(t.reports).where(condition).order_by(t.reports.c.created_at, t.reports.c.id)
        return [
            Report(row.id, row.session_id, row.subject_id, row.created_at, json.loads(row.decision), row.jws)
            for row in self.connection.execute(chosen)
        ]


class Failures(Repository):
    """See the Protocol."""

    def add(self, key: bytes, at: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(insert(t.failures).values(key=key, at=at))

    def of(self, key: bytes) -> Sequence[datetime]:
        """See the Protocol."""
        c = t.failures.c
        return self.connection.execute(select(c.at).where(c.key == key).order_by(c.at)).scalars().all()

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.failures).where(t.failures.c.at < before))


class Outbox(Repository):
    """See the Protocol."""

    def add(self, event: Happening) -> None:
        """See the Protocol."""
        self.connection.execute(insert(t.events).values(asdict(event)))

    def get(self, event_id: str) -> Happening | None:
        """See the Protocol."""
        row = self.connection.execute(select(t.events).where(t.events.c.id == event_id)).first()
        return None if row is None else Happening(*row)

    def page(self, application: str, *, before: str | None = None, limit: int = 100) -> Sequence[Happening]:
        """See the Protocol."""
        rows = self.connection.execute(_newest(t.events, t.events.c.application == application, before, limit))
        return [Happening(*row) for row in rows]

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        old = select(t.events.c.id).where(t.events.c.created_at < before)
        self.connection.execute(delete(t.deliveries).where(t.deliveries.c.event_id.in_(old)))
        self.connection.execute(delete(t.events).where(t.events.c.created_at < before))

    def put(self, delivery: Delivery) -> None:
        """See the Protocol."""
        values = {**asdict(delivery), "state": delivery.state.value}
        self._put(t.deliveries, values, "event_id", "endpoint_id")

    def delivery(self, event_id: str, endpoint_id: str) -> Delivery | None:
        """See the Protocol."""
        c = t.deliveries.c
        found = self._deliveries(select(t.deliveries).where(c.event_id == event_id, c.endpoint_id == endpoint_id))
        return next(iter(found), None)

    def deliveries(self, event_ids: Sequence[str]) -> Sequence[Delivery]:
        """See the Protocol."""
        c = t.deliveries.c
        chosen = select(t.deliveries).where(c.event_id.in_(event_ids)).order_by(c.event_id, c.endpoint_id)
        return self._deliveries(chosen)

    def due(self, *, now: datetime, limit: int, besides: Collection[str] = ()) -> Sequence[Delivery]:
        """See the Protocol."""
        c = t.deliveries.c
        chosen = select(t.deliveries).where(_PENDING, c.due_at <= now, c.endpoint_id.not_in(besides))
        return self._deliveries(chosen.order_by(c.due_at, c.event_id, c.endpoint_id).limit(limit))

    def pending(self) -> int:
        """See the Protocol."""
        return self.connection.execute(select(func.count()).select_from(t.deliveries).where(_PENDING)).scalar_one()

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """See the Protocol."""
        secret, previous = endpoint.secret, endpoint.previous
        values = {
            **values_of(endpoint, "id", "application", "url", "created_at", "previous_until", "disabled"),
            "types": " ".join(sorted(endpoint.types)),
            "secret_version": secret.key_version,
            "secret_salt": secret.salt,
            "previous_version": None if previous is None else previous.key_version,
            "previous_salt": None if previous is None else previous.salt,
        }
        self._put(t.endpoints, values, "id")

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """See the Protocol."""
        row = self.connection.execute(select(t.endpoints).where(t.endpoints.c.id == endpoint_id)).first()
        return None if row is None else _endpoint(row)

    def endpoints(self, application: str | None = None) -> Sequence[Endpoint]:
        """See the Protocol."""
        c = t.endpoints.c
        chosen = select(t.endpoints).order_by(c.created_at, c.id)
        if application is not None:
            chosen = chosen.where(c.application == application)
        return [_endpoint(row) for row in self.connection.execute(chosen)]

    def remove_endpoint(self, endpoint_id: str) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.deliveries).where(t.deliveries.c.endpoint_id == endpoint_id))
        self.connection.execute(delete(t.endpoints).where(t.endpoints.c.id == endpoint_id))

    def _put(self, table: Table, values: dict[str, Any], *key: str) -> None:
        new = self.upsert(table).values(values)
        others = {name: new.excluded[name] for name in values if name not in key}
        self.connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=others))

    def _deliveries(self, chosen: Select[Any]) -> list[Delivery]:
        return [
            Delivery(
                row.event_id,
                row.endpoint_id,
                row.due_at,
                DeliveryState(row.state),
                row.attempts,
                row.last_status,
                row.last_error,
            )
            for row in self.connection.execute(chosen)
        ]


class Answers(Repository):
    """See the Protocol."""

    def begin(self, answer: Answer) -> Answer | None:
        """See the Protocol."""
        row = self.connection.execute(select(t.answers).where(t.answers.c.id == answer.id)).first()
        if row is not None:
            return Answer(row.id, row.request, row.begun_at, row.sealed)
        self.connection.execute(insert(t.answers).values(values_of(answer, "id", "request", "begun_at", "sealed")))
        return None

    def finish(self, answer: Answer) -> None:
        """See the Protocol."""
        mine = update(t.answers).where(t.answers.c.id == answer.id)
        self.connection.execute(mine.values(sealed=answer.sealed))

    def drop(self, answer_id: bytes) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.answers).where(t.answers.c.id == answer_id))

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.answers).where(t.answers.c.begun_at < before))


_KNOWN = [column for column in t.evidence.c if column.name != "sealed"]


class EvidenceBox(Repository):
    """See the Protocol."""

    def add(self, evidence: Evidence, sealed: bytes) -> None:
        """See the Protocol."""
        self.connection.execute(insert(t.evidence).values({**asdict(evidence), "sealed": sealed}))

    def get(self, evidence_id: bytes) -> Evidence | None:
        """See the Protocol."""
        return next(iter(self._found(t.evidence.c.id == evidence_id)), None)

    def sealed(self, evidence_id: bytes) -> bytes | None:
        """See the Protocol."""
        chosen = select(t.evidence.c.sealed).where(t.evidence.c.id == evidence_id)
        return self.connection.execute(chosen).scalar()

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """See the Protocol."""
        c = t.evidence.c
        return self.connection.execute(select(c.id).where(c.id > after).order_by(c.id).limit(limit)).scalars().all()

    def of(self, *, session_id: str | None = None, subject_id: str | None = None) -> Sequence[Evidence]:
        """See the Protocol."""
        mine = {"session_id": session_id, "subject_id": subject_id}
        return self._found(*(t.evidence.c[name] == value for name, value in mine.items() if value is not None))

    def due(self, *, now: datetime, limit: int = 1000) -> Sequence[Evidence]:
        """See the Protocol."""
        return self._found(t.evidence.c.expires_at <= now, limit=limit)

    def unknown(self, ids: Sequence[bytes]) -> Sequence[bytes]:
        """See the Protocol."""
        known = set(self.connection.execute(select(t.evidence.c.id).where(t.evidence.c.id.in_(ids))).scalars())
        return [each for each in ids if each not in known]

    def remove(self, evidence_id: bytes) -> None:
        """See the Protocol."""
        self.connection.execute(delete(t.evidence).where(t.evidence.c.id == evidence_id))

    def _found(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Evidence]:
        chosen = select(*_KNOWN).where(*conditions).order_by(t.evidence.c.created_at, t.evidence.c.id).limit(limit)
        return [Evidence(*row) for row in self.connection.execute(chosen)]


def _hash_of(connection: Connection, column: Column[bytes], condition: ColumnElement[bool]) -> bytes:
    """The hash in the row that fits, or zeros: one row is read either way, so that the time does not tell which it was."""
    chosen = select(column).where(condition).scalar_subquery()
    return bytes(connection.execute(select(func.coalesce(chosen, bytes(_HASH_BYTES)))).scalar_one())


def _endpoint(row: Row[Any]) -> Endpoint:
    old = row.previous_version
    return Endpoint(
        id=row.id,
        application=row.application,
        url=row.url,
        types=frozenset(row.types.split()),
        created_at=row.created_at,
        secret=SigningSecret(row.secret_version, row.secret_salt),
        previous=None if old is None else SigningSecret(old, row.previous_salt),
        previous_until=row.previous_until,
        disabled=row.disabled,
    )


def _api_key(row: Row[Any]) -> ApiKey:
    scopes = frozenset(map(Scope, row.scopes.split()))
    return ApiKey(row.id, row.application, scopes, row.hash, row.created_at, row.last_used_at, row.revoked_at)


def _newest(table: Table, mine: ColumnElement[bool], before: str | None, limit: int) -> Select[Any]:
    """An application's rows, newest first, from the one behind `before` on."""
    c = table.c
    chosen = select(table).where(mine)
    if before is not None:
        last = select(c.created_at, c.id).where(c.id == before, mine)
        chosen = chosen.where(tuple_(c.created_at, c.id) < last.scalar_subquery())
    return chosen.order_by(c.created_at.desc(), c.id.desc()).limit(limit)


def _session_values(session: AnySession) -> dict[str, Any]:
    wanted = asdict(session.wanted)
    return {
        **values_of(session, "id", "application", "attempts_left", "created_at", "expires_at", "secret_hash"),
        **values_of(session, "evidence_kept", "return_url", "last_error", "lease", "leased_until"),
        **values_of(session, "begun", "interruptions", "redacted_at"),
        "kind": session.wanted.kind,
        "evidence": None if session.evidence is None else json.dumps(asdict(session.evidence)),
        "subject_id": wanted.pop("subject_id"),
        "wanted": json.dumps(wanted),
        "status": session.status.value,
    }


def _session(row: Row[Any]) -> AnySession:
    values = {**json.loads(row.wanted), "subject_id": row.subject_id}
    values["liveness"] = LivenessPolicy(values["liveness"])
    values["alternatives"] = tuple(map(Alternative, values["alternatives"]))
    wanted: Any
    if row.kind == Wanted.kind:
        payment = values.pop("payment")
        values |= {"against": Against(values["against"]), "payment": None if payment is None else Payment(**payment)}
        if (terms := values.get("document")) is not None:
            verdict, fields = Authenticity(terms["authenticity"]), tuple(terms["fields"])
            values["document"] = DocumentTerms(verdict, terms["expired_accepted"], fields)
        wanted = Wanted(**values)
    else:
        wanted = ToEnrol(**{**values, "yields": Yields(values["yields"])})
    return HostedSession(
        id=row.id,
        application=row.application,
        wanted=wanted,
        status=SessionStatus(row.status),
        attempts_left=row.attempts_left,
        created_at=row.created_at,
        expires_at=row.expires_at,
        secret_hash=row.secret_hash,
        evidence_kept=row.evidence_kept,
        return_url=row.return_url,
        evidence=None if row.evidence is None else EvidenceTerms(**json.loads(row.evidence)),
        last_error=row.last_error,
        lease=row.lease,
        leased_until=row.leased_until,
        begun=row.begun,
        interruptions=row.interruptions,
        redacted_at=row.redacted_at,
    )
