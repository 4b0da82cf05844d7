"""Rows that the tests of the stores put in."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from visavis.session import (
    Against,
    Consent,
    ConsentText,
    Evidence,
    HostedSession,
    Issued,
    Reference,
    ReferenceState,
    Report,
    SessionStatus,
    Subject,
    VerificationSession,
    Wanted,
)

NOW = datetime(2026, 3, 1, 12, 30, 45, 123_456, tzinfo=UTC)
HERE = b"installation one"
DAY, HOUR, MICROSECOND = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
TEXT = ConsentText.of("I agree.", version="2026-01", locale="en", purpose="door", retention_days=365)


def subject(name: str, **changes: Any) -> Subject:
    return Subject(**{"id": f"sub_{secrets.token_hex(12)}", "name": name, "created_at": NOW, **changes})


def consent(subject_id: str, **changes: Any) -> Consent:
    usual = {"id": f"con_{secrets.token_hex(12)}", "text": TEXT, "given_at": NOW, "recorded_by": "the desk"}
    return Consent(**{**usual, "subject_id": subject_id, **changes})


def reference(subject_id: str = "sub_1", **changes: Any) -> Reference:
    usual = {
        "record_id": secrets.token_bytes(16),
        "subject_id": subject_id,
        "consent_id": "con_1",
        "purpose": "door",
        "renewal": False,
        "captures": 3,
        "state": ReferenceState.ACTIVE,
        "created_at": NOW,
        "sealed_at": NOW,
        "expires_at": NOW + 365 * DAY,
    }
    return Reference(**{**usual, **changes})


def sealed(key_version: int = 1) -> bytes:
    """As long as a sealed template of the default model, with its key version in its place, and random otherwise."""
    return secrets.token_bytes(40) + key_version.to_bytes(4, "big") + secrets.token_bytes(205)


def session(**changes: Any) -> VerificationSession:
    usual = {
        "id": f"vs_{secrets.token_hex(12)}",
        "application": "shop",
        "wanted": Wanted("door", "1e-4", Against.UPLOAD),
        "status": SessionStatus.REQUIRES_INPUT,
        "attempts_left": 3,
        "created_at": NOW,
        "expires_at": NOW + HOUR,
        "secret_hash": secrets.token_bytes(32),
    }
    return HostedSession(**{**usual, **changes})


def report(session_id: str, **changes: Any) -> Report:
    usual = {
        "id": f"vr_{secrets.token_hex(12)}",
        "session_id": session_id,
        "subject_id": None,
        "created_at": NOW,
        "decision": {"outcome": "match", "score": 0.5, "reasons": ["ä"]},
        "jws": "a.b.c",
    }
    return Report(**{**usual, **changes})


def evidence(session_id: str, subject_id: str | None, **changes: Any) -> Evidence:
    usual = {
        "id": secrets.token_bytes(16),
        "report_id": "vr_1",
        "purpose": "door",
        "text_sha256": 64 * "0",
        "text_version": "1",
        "locale": "en",
        "created_at": NOW,
        "expires_at": NOW + DAY,
    }
    return Evidence(**{**usual, "session_id": session_id, "subject_id": subject_id, **changes})


def issued(subject_id: str | None = "sub_1", **changes: Any) -> Issued:
    usual = {
        "cti": secrets.token_bytes(16),
        "subject_id": subject_id,
        "consent_id": "con_1",
        "index": 7,
        "purposes": ("door",),
        "issued_at": NOW,
        "expires_at": NOW + 30 * DAY,
    }
    return Issued(**{**usual, **changes})
