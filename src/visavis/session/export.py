"""What is held about a subject, for the subject."""

from base64 import b64encode
from dataclasses import asdict
from typing import Any

from visavis.errors import SubjectUnknown
from visavis.session.audit import Event, stamp
from visavis.session.ports import Vault


def export_subject(vault: Vault, subject_id: str) -> dict[str, Any]:
    """Everything held about a subject, as plain values for JSON; the sealed templates as they are, in Base64.

    The export is logged. Raises SubjectUnknown.
    """
    with vault.store.writing() as tx:
        subject = tx.subjects.get(subject_id)
        if subject is None:
            raise SubjectUnknown("there is no subject with this id")
        tx.audit.append(Event.EXPORTED, {"subject": subject_id}, at=vault.clock())
        return {
            "subject": {"id": subject.id, "name": subject.name, "created_at": stamp(subject.created_at)},
            "consents": [
                {
                    "id": each.id,
                    "purpose": each.text.purpose,
                    "text_sha256": each.text.text_sha256,
                    "text_version": each.text.version,
                    "locale": each.text.locale,
                    "retention_days": each.text.retention_days,
                    "renewal": each.text.renewal,
                    "given_at": stamp(each.given_at),
                    "ends_at": stamp(each.ends_at),
                    "recorded_by": each.recorded_by,
                    "withdrawn_at": None if each.withdrawn_at is None else stamp(each.withdrawn_at),
                }
                for each in tx.consents.of(subject_id)
            ],
            "references": [
                {
                    "record": each.record_id.hex(),
                    "consent": each.consent_id,
                    "purpose": each.purpose,
                    "state": each.state.value,
                    "captures": each.captures,
                    "created_at": stamp(each.created_at),
                    "sealed_at": stamp(each.sealed_at),
                    "expires_at": stamp(each.expires_at),
                    "sealed": b64encode(tx.references.sealed(each.record_id) or b"").decode(),
                    "failed_attempts": [
                        {"in_a_row": failed, "last_at": stamp(last)} for failed, last in tx.attempts.of(each.record_id)
                    ],
                }
                for each in tx.references.of(subject_id)
            ],
            "credentials": [
                {
                    "cti": each.cti.hex(),
                    "consent": each.consent_id,
                    "index": each.index,
                    "purposes": list(each.purposes),
                    "issued_at": stamp(each.issued_at),
                    "expires_at": stamp(each.expires_at),
                    "revoked_at": None if each.revoked_at is None else stamp(each.revoked_at),
                }
                for each in tx.credentials.of(subject_id)
            ],
            "sessions": [
                {
                    "id": each.id,
                    "kind": each.wanted.kind,
                    "application": each.application,
                    "purpose": each.wanted.purpose,
                    "status": each.status.value,
                    "created_at": stamp(each.created_at),
                    "wanted": asdict(each.wanted),
                    "reports": [
                        {"id": report.id, "created_at": stamp(report.created_at), "decision": report.decision}
                        for report in tx.sessions.reports(each.id)
                    ],
                }
                for each in tx.sessions.about(subject_id)
            ],
            "evidence": [each.to_dict() for each in tx.evidence.of(subject_id=subject_id)],
            "audit": [entry.to_dict() for entry in tx.audit.entries(subject_id=subject_id)],
        }
