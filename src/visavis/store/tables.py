"""The tables."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A time as microseconds since 1970 in UTC: the same on every database, exact, and ordered."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

subjects = Table(
    "subjects",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("erasing", Boolean(create_constraint=False), nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("subject_id", ForeignKey("subjects.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("purpose", String(64), nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("text_version", String(200), nullable=False),
    Column("locale", String(35), nullable=False),
    Column("retention_days", Integer, nullable=False),
    Column("renewal", Boolean(create_constraint=False), nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("recorded_by", String(200), nullable=False),
    Column("withdrawn_at", Moment),
)

references = Table(
    "sealed_references",
    metadata,
    Column("record_id", LargeBinary(16), primary_key=True),
    Column("subject_id", String(64), nullable=False, index=True),
    Column("consent_id", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("renewal", Boolean(create_constraint=False), nullable=False),
    Column("captures", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("sealed_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "ix_sealed_references_leaving",
    references.c.state,
    sqlite_where=references.c.state != "active",
    postgresql_where=references.c.state != "active",
)
"""References that are being made or destroyed: few, however many there are."""

attempts = Table(
    "attempts",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("record_id", LargeBinary(16), nullable=False, index=True),
    Column("failed", Integer, nullable=False),
    Column("last_at", Moment, nullable=False, index=True),
    Column("previous_at", Moment),
    sqlite_with_rowid=False,
)

minutes = Table(
    "minutes",
    metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("opened", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
)
"""How many claims were tried in each minute, and how many of them refused."""

credentials = Table(
    "credentials",
    metadata,
    Column("cti", LargeBinary(16), primary_key=True),
    Column("subject_id", String(64), index=True),
    Column("consent_id", String(64)),
    Column("place", Integer, nullable=False),
    Column("purposes", Text, nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("revoked_at", Moment),
)

key_checks = Table(
    "key_checks",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("check", LargeBinary(32), nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("wanted", Text, nullable=False),
    Column("subject_id", String(64), index=True),
    Column("status", String(16), nullable=False),
    Column("attempts_left", SmallInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("evidence", Text),
    Column("evidence_kept", Integer, nullable=False),
    Column("return_url", Text),
    Column("last_error", String(64)),
    Column("lease", LargeBinary(16)),
    Column("leased_until", Moment),
    Column("begun", SmallInteger, nullable=False),
    Column("interruptions", SmallInteger, nullable=False),
    Column("redacted_at", Moment),
    sqlite_with_rowid=False,
)
Index("ix_sessions_application", sessions.c.application, sessions.c.kind, sessions.c.created_at, sessions.c.id)
_OPEN = sessions.c.status.in_(["requires_input", "processing"])
Index("ix_sessions_open", sessions.c.expires_at, sqlite_where=_OPEN, postgresql_where=_OPEN)

failures = Table(
    "capture_failures",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
    Column("at", Moment, nullable=False, index=True),
)
"""Live captures that did not pass, by whom they are counted for."""
Index("ix_capture_failures_key", failures.c.key, failures.c.at)

reports = Table(
    "verification_reports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("session_id", String(64), nullable=False, index=True),
    Column("subject_id", String(64), index=True),
    Column("created_at", Moment, nullable=False),
    Column("decision", Text, nullable=False),
    Column("jws", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
    Column("body", Text, nullable=False),
)
Index("ix_events_application", events.c.application, events.c.created_at, events.c.id)

endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(64), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("types", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("secret_version", BigInteger, nullable=False),
    Column("secret_salt", LargeBinary(16), nullable=False),
    Column("previous_version", BigInteger),
    Column("previous_salt", LargeBinary(16)),
    Column("previous_until", Moment),
    Column("disabled", Boolean(create_constraint=False), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("event_id", String(64), primary_key=True),
    Column("endpoint_id", String(64), primary_key=True, index=True),
    Column("state", String(16), nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("last_status", SmallInteger),
    Column("last_error", String(64)),
)
_PENDING = deliveries.c.state == "pending"
Index("ix_deliveries_due", deliveries.c.due_at, sqlite_where=_PENDING, postgresql_where=_PENDING)

answers = Table(
    "answers",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("request", LargeBinary(32), nullable=False),
    Column("begun_at", Moment, nullable=False, index=True),
    Column("sealed", LargeBinary),
)
"""To requests with an idempotency key."""

evidence = Table(
    "evidence",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("session_id", String(64), nullable=False, index=True),
    Column("report_id", String(64)),
    Column("subject_id", String(64), index=True),
    Column("purpose", String(64), nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("text_version", String(200), nullable=False),
    Column("locale", String(35), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("subject_id", String(64), index=True),
    Column("line", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

installation = Table("installation", metadata, Column("id", LargeBinary(16), primary_key=True))
"""One row, at random: which store of shreds belongs to this database."""

audit_tip = Table(
    "audit_tip",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""One row: where the log ends. Transactions that write to the log wait for each other here."""
