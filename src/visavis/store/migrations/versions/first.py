"""The first tables."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_FAR = 253402300799_000000
"""The last second of the year 9999, in microseconds."""


def upgrade() -> None:
    """Make them, the installation's id, the start of the audit log, and the row that is read where there is none with the id
    asked for."""
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("record_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("previous_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_index(("ix_attempts_last_at"), "attempts", ["last_at"], unique=False)
    op.create_index(("ix_attempts_record_id"), "attempts", ["record_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=("pk_audit")),
    )
    op.create_index(("ix_audit_subject_id"), "audit", ["subject_id"], unique=False)
    op.create_table(
        "audit_tip",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_audit_tip")),
    )
    op.create_table(
        "credentials",
        sa.Column("cti", sa.LargeBinary(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("consent_id", sa.String(length=64), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("purposes", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("cti", name=("pk_credentials")),
    )
    op.create_index(("ix_credentials_expires_at"), "credentials", ["expires_at"], unique=False)
    op.create_index(("ix_credentials_subject_id"), "credentials", ["subject_id"], unique=False)
    op.create_table(
        "installation",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_installation")),
    )
    op.create_table(
        "minutes",
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", name=("pk_minutes")),
    )
    op.create_table(
        "sealed_references",
        sa.Column("record_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("consent_id", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("renewal", sa.Boolean(), nullable=False),
        sa.Column("captures", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=("pk_sealed_references")),
        sqlite_with_rowid=False,
    )
    op.create_index(("ix_sealed_references_expires_at"), "sealed_references", ["expires_at"], unique=False)
    op.create_index(
        "ix_sealed_references_leaving",
        "sealed_references",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state != 'active'"),
        postgresql_where=sa.text("state != 'active'"),
    )
    op.create_index(("ix_sealed_references_subject_id"), "sealed_references", ["subject_id"], unique=False)
    op.create_table(
        "subjects",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("erasing", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_subjects")),
        sa.UniqueConstraint("name", name=("uq_subjects_name")),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("text_version", sa.String(length=200), nullable=False),
        sa.Column("locale", sa.String(length=35), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("renewal", sa.Boolean(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=("fk_consents_subject_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=("pk_consents")),
    )
    op.create_index(("ix_consents_subject_id"), "consents", ["subject_id"], unique=False)
    op.bulk_insert(sa.table("installation", sa.column("id", sa.LargeBinary)), [{"id": secrets.token_bytes(16)}])
    tip = sa.table("audit_tip", sa.column("id"), sa.column("number"), sa.column("hash", sa.LargeBinary))
    op.bulk_insert(tip, [{"id": 1, "number": 0, "hash": bytes(32)}])
    decoy = {
        "record_id": bytes(16),
        "subject_id": "",
        "consent_id": "",
        "purpose": "",
        "renewal": False,
        "captures": 1,
        "state": "active",
        "created_at": 0,
        "sealed_at": 0,
        "expires_at": _FAR,
        "sealed": secrets.token_bytes(249),
    }
    binary = {"record_id", "sealed"}
    columns = [sa.column(name, sa.LargeBinary if name in binary else None) for name in decoy]
    op.bulk_insert(sa.table("sealed_references", *columns), [decoy])
