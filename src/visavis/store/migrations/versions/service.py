"""The service's tables (API keys, verification sessions, reports), and what the operator's keys are known by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "key_checks",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("check", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_key_checks"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("application", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_table(
        "verification_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("application", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("against", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("payment", sa.Text(), nullable=True),
        sa.Column("nonce", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts_left", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("last_error", sa.String(length=64), nullable=True),
        sa.Column("lease", sa.LargeBinary(length=16), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("redacted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_verification_sessions"),
    )
    table = "verification_sessions"
    op.create_index("ix_verification_sessions_subject_id", table, ["subject_id"], unique=False)
    op.create_index("ix_verification_sessions_expires_at", table, ["expires_at"], unique=False)
    op.create_index("ix_verification_sessions_application", table, ["application", "created_at", "id"], unique=False)
    still_open = sa.text("status IN ('requires_input', 'processing')")
    op.create_index(
        "ix_verification_sessions_open",
        table,
        ["expires_at"],
        unique=False,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_table(
        "verification_reports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verification_reports"),
    )
    op.create_index("ix_verification_reports_session_id", "verification_reports", ["session_id"], unique=False)
    op.create_index("ix_verification_reports_subject_id", "verification_reports", ["subject_id"], unique=False)
