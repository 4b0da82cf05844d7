"""The service's repositories in memory: API keys, sessions, events and answers."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import TypeVar

from visavis.session import (
    OPEN,
    Answer,
    AnySession,
    ApiKey,
    Delivery,
    DeliveryState,
    Endpoint,
    Evidence,
    Happening,
    Report,
    SessionStatus,
)
from visavis.store.undo import Table

_ZEROS = bytes(32)


class ApiKeys:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[str, ApiKey] = Table()

    def add(self, key: ApiKey) -> None:
        """See the Protocol."""
        self.rows[key.id] = key

    def get(self, key_id: str) -> ApiKey | None:
        """See the Protocol."""
        return self.rows.get(key_id)

    def hash_of(self, key_id: str) -> bytes:
        """See the Protocol."""
        key = self.rows.get(key_id)
        return _ZEROS if key is None else key.hash

    def all(self) -> Sequence[ApiKey]:
        """See the Protocol."""
        return sorted(self.rows.values(), key=lambda key: (key.created_at, key.id))

    def used(self, key_id: str, at: datetime) -> None:
        """See the Protocol."""
        if key_id in self.rows:
            self.rows[key_id] = replace(self.rows[key_id], last_used_at=at)

    def revoke(self, key_id: str, at: datetime) -> None:
        """See the Protocol."""
        if key_id in self.rows:
            self.rows[key_id] = replace(self.rows[key_id], revoked_at=at)


class Sessions:
    """See the Protocol."""

    def __init__(self, evidence: "EvidenceBox") -> None:
        self._evidence = evidence
        self.rows: Table[str, AnySession] = Table()
        self.answers: Table[str, Report] = Table()

    def add(self, session: AnySession) -> None:
        """See the Protocol."""
        self.rows[session.id] = session

    def get(self, session_id: str) -> AnySession | None:
        """See the Protocol."""
        return self.rows.get(session_id)

    def hash_of(self, session_id: str) -> bytes:
        """See the Protocol."""
        session = self.rows.get(session_id)
        return _ZEROS if session is None else session.secret_hash

    def page(self, application: str, kind: str, *, before: str | None = None, limit: int = 100) -> Sequence[AnySession]:
        """See the Protocol."""
        mine = [each for each in self.rows.values() if (each.application, each.wanted.kind) == (application, kind)]
        return _newest(mine, before)[:limit]

    def move(self, session: AnySession, *, status: SessionStatus, lease: bytes | None) -> bool:
        """See the Protocol."""
        kept = self.rows.get(session.id)
        if kept is None or (kept.status, kept.lease) != (status, lease):
            return False
        self.rows[session.id] = session
        return True

    def due(self, *, now: datetime, limit: int = 1000) -> Sequence[AnySession]:
        """See the Protocol."""
        found = (
            each
            for each in self.rows.values()
            if each.status in OPEN and min(each.expires_at, each.leased_until or each.expires_at) <= now
        )
        return sorted(found, key=lambda each: (each.expires_at, each.id))[:limit]

    def add_report(self, report: Report) -> None:
        """See the Protocol."""
        self.answers[report.id] = report

    def reports(self, session_id: str) -> Sequence[Report]:
        """See the Protocol."""
        found = (report for report in self.answers.values() if report.session_id == session_id)
        return sorted(found, key=lambda report: (report.created_at, report.id))

    def report(self, report_id: str) -> Report | None:
        """See the Protocol."""
        return self.answers.get(report_id)

    def about(self, subject_id: str) -> Sequence[AnySession]:
        """See the Protocol."""
        return sorted((each for each in self.rows.values() if each.wanted.subject_id == subject_id), key=_age)

    def redact(self, session_id: str) -> None:
        """See the Protocol."""
        self.answers.drop(*[report.id for report in self.reports(session_id)])

    def forget(self, subject_id: str) -> None:
        """See the Protocol."""
        self._drop(self.about(subject_id))
        self.answers.drop(*[each.id for each in self.answers.values() if each.subject_id == subject_id])

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        old = [each for each in self.rows.values() if each.expires_at < before]
        self._drop(each for each in old if not self._evidence.of(session_id=each.id))

    def _drop(self, sessions: Iterable[AnySession]) -> None:
        for session in list(sessions):
            self.redact(session.id)
            del self.rows[session.id]


class Failures:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[tuple[bytes, int], datetime] = Table()
        self._numbers = count()

    def add(self, key: bytes, at: datetime) -> None:
        """See the Protocol."""
        self.rows[key, next(self._numbers)] = at

    def of(self, key: bytes) -> Sequence[datetime]:
        """See the Protocol."""
        return sorted(at for (mine, _), at in self.rows.items() if mine == key)

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        self.rows.drop(*[each for each, at in self.rows.items() if at < before])


class Outbox:
    """See the Protocol."""

    def __init__(self) -> None:
        self.events: Table[str, Happening] = Table()
        self.rows: Table[tuple[str, str], Delivery] = Table()
        self.sites: Table[str, Endpoint] = Table()

    def add(self, event: Happening) -> None:
        """See the Protocol."""
        self.events[event.id] = event

    def get(self, event_id: str) -> Happening | None:
        """See the Protocol."""
        return self.events.get(event_id)

    def page(self, application: str, *, before: str | None = None, limit: int = 100) -> Sequence[Happening]:
        """See the Protocol."""
        return _newest([each for each in self.events.values() if each.application == application], before)[:limit]

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        old = {each.id for each in self.events.values() if each.created_at < before}
        self.rows.drop(*[key for key in self.rows if key[0] in old])
        self.events.drop(*old)

    def put(self, delivery: Delivery) -> None:
        """See the Protocol."""
        self.rows[delivery.event_id, delivery.endpoint_id] = delivery

    def delivery(self, event_id: str, endpoint_id: str) -> Delivery | None:
        """See the Protocol."""
        return self.rows.get((event_id, endpoint_id))

    def deliveries(self, event_ids: Sequence[str]) -> Sequence[Delivery]:
        """See the Protocol."""
        return [self.rows[key] for key in sorted(self.rows) if key[0] in event_ids]

    def due(self, *, now: datetime, limit: int, besides: Collection[str] = ()) -> Sequence[Delivery]:
        """See the Protocol."""
        found = [each for each in self._pending() if each.due_at <= now and each.endpoint_id not in besides]
        return sorted(found, key=lambda each: (each.due_at, each.event_id, each.endpoint_id))[:limit]

    def pending(self) -> int:
        """See the Protocol."""
        return len(self._pending())

    def _pending(self) -> list[Delivery]:
        return [each for each in self.rows.values() if each.state is DeliveryState.PENDING]

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """See the Protocol."""
        self.sites[endpoint.id] = endpoint

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """See the Protocol."""
        return self.sites.get(endpoint_id)

    def endpoints(self, application: str | None = None) -> Sequence[Endpoint]:
        """See the Protocol."""
        found = [each for each in self.sites.values() if application in (None, each.application)]
        return sorted(found, key=lambda each: (each.created_at, each.id))

    def remove_endpoint(self, endpoint_id: str) -> None:
        """See the Protocol."""
        self.rows.drop(*[key for key in self.rows if key[1] == endpoint_id])
        self.sites.drop(endpoint_id)


class Answers:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[bytes, Answer] = Table()

    def begin(self, answer: Answer) -> Answer | None:
        """See the Protocol."""
        kept = self.rows.get(answer.id)
        if kept is None:
            self.rows[answer.id] = answer
        return kept

    def finish(self, answer: Answer) -> None:
        """See the Protocol."""
        if answer.id in self.rows:
            self.rows[answer.id] = replace(self.rows[answer.id], sealed=answer.sealed)

    def drop(self, answer_id: bytes) -> None:
        """See the Protocol."""
        self.rows.drop(answer_id)

    def prune(self, *, before: datetime) -> None:
        """See the Protocol."""
        self.rows.drop(*[each.id for each in self.rows.values() if each.begun_at < before])


class EvidenceBox:
    """See the Protocol."""

    def __init__(self) -> None:
        self.rows: Table[bytes, tuple[Evidence, bytes]] = Table()

    def add(self, evidence: Evidence, sealed: bytes) -> None:
        """See the Protocol."""
        self.rows[evidence.id] = evidence, sealed

    def get(self, evidence_id: bytes) -> Evidence | None:
        """See the Protocol."""
        return self.rows[evidence_id][0] if evidence_id in self.rows else None

    def sealed(self, evidence_id: bytes) -> bytes | None:
        """See the Protocol."""
        return self.rows[evidence_id][1] if evidence_id in self.rows else None

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """See the Protocol."""
        return sorted(each for each in self.rows if each > after)[:limit]

    def of(self, *, session_id: str | None = None, subject_id: str | None = None) -> Sequence[Evidence]:
        """See the Protocol."""
        found = (each for each, _ in self.rows.values() if session_id in (None, each.session_id))
        mine = (each for each in found if subject_id in (None, each.subject_id))
        return sorted(mine, key=lambda each: (each.created_at, each.id))

    def due(self, *, now: datetime, limit: int = 1000) -> Sequence[Evidence]:
        """See the Protocol."""
        return [each for each in self.of() if each.expires_at <= now][:limit]

    def unknown(self, ids: Sequence[bytes]) -> Sequence[bytes]:
        """See the Protocol."""
        return [each for each in ids if each not in self.rows]

    def remove(self, evidence_id: bytes) -> None:
        """See the Protocol."""
        self.rows.drop(evidence_id)


Dated = TypeVar("Dated", AnySession, Happening)


def _newest(mine: list[Dated], before: str | None) -> list[Dated]:
    """The newest first, from the one behind `before` on."""
    mine.sort(key=_age, reverse=True)
    if before is None:
        return mine
    last = next((each for each in mine if each.id == before), None)
    return [] if last is None else [each for each in mine if _age(each) < _age(last)]


def _age(thing: AnySession | Happening) -> tuple[datetime, str]:
    return thing.created_at, thing.id
