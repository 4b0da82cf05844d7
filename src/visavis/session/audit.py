"""The audit log: entries chained by their hashes, and heads that are signed and kept elsewhere.

Whoever changes, drops or inserts an entry changes every hash after it. Whoever holds the database can write the whole chain
anew; a head that was exported before is what they cannot match. So the log is proven up to the last head outside its reach,
and no further.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, cast

from visavis.errors import AuditBroken
from visavis.template import Signer, signed

GENESIS = bytes(32)
Detail = str | int | bool | None
_STAMP = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z")


class Event(StrEnum):
    """What is logged. Details never hold anything biometric, no score, and no name: subjects appear by their random id."""

    CONSENT_RECORDED = "consent_recorded"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ENROLLED = "enrolled"
    CLAIM_RENEWED = "claim_renewed"
    CLAIM_REFUSED = "claim_refused"
    VERIFIED = "verified"
    RESEALED = "resealed"
    CREDENTIAL_ISSUED = "credential_issued"
    CREDENTIAL_REVOKED = "credential_revoked"
    CREDENTIAL_VERIFIED = "credential_verified"
    STATUS_LIST_SIGNED = "status_list_signed"
    EXPORTED = "exported"
    ERASURE_BEGUN = "erasure_begun"
    ERASED = "erased"
    RESTORED = "restored"
    SWEPT = "swept"
    SESSION = "session"
    CAPTURE_AGREED = "capture_agreed"
    REDACTED = "redacted"
    EVIDENCE_KEPT = "evidence_kept"
    EVIDENCE_EXPORTED = "evidence_exported"
    EVIDENCE_ERASED = "evidence_erased"
    WEBHOOK_ENDPOINT = "webhook_endpoint"
    API_KEY_MADE = "api_key_made"
    API_KEY_REVOKED = "api_key_revoked"
    KEY_ROTATED = "key_rotated"
    KEY_RETIRED = "key_retired"


def line_of(value: Mapping[str, Any]) -> str:
    """The one form in which JSON is hashed and signed: ASCII, sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Entry:
    """number: from 1 on. line: what is hashed. hash: of the entry before and the line."""

    number: int
    line: str
    hash: bytes

    @classmethod
    def after(cls, number: int, previous: bytes, event: Event, details: Mapping[str, Detail], at: datetime) -> "Entry":
        """The entry that follows the one with this number and hash."""
        line = line_of({"at": stamp(at), "details": dict(details), "event": event.value, "number": number + 1})
        return cls(number + 1, line, _hash(previous, line))

    @classmethod
    def from_dict(cls, value: object) -> "Entry":
        """The inverse of `to_dict`. Raises AuditBroken for what is no entry; whether it was changed, the chain tells."""
        match value:
            case {"number": int(number), "hash": str(last), **line} if set(line) == {"at", "details", "event"}:
                with suppress(ValueError):
                    return cls(number, line_of({"number": number, **cast("dict[str, Any]", line)}), bytes.fromhex(last))
        raise AuditBroken("expected an entry of an audit log, as `visavis audit export` writes it")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the hash in hex."""
        return {**json.loads(self.line), "hash": self.hash.hex()}

    @property
    def subject_id(self) -> str | None:
        """Whom it is about."""
        details = json.loads(self.line)["details"]
        return details.get("subject") if isinstance(details, dict) else None

    def follows(self, number: int, previous: bytes) -> bool:
        """Whether it is the next one after the entry with this number and hash."""
        return self.number == number + 1 == _number_in(self.line) and self.hash == _hash(previous, self.line)


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the log at a time, signed: after `number` entries the last hash was `hash`."""

    number: int
    hash: bytes
    at: str
    key: bytes
    signature: bytes

    @classmethod
    def sign(cls, number: int, last: bytes, *, signer: Signer, at: datetime) -> "Head":
        """Sign the state of the log."""
        return cls(number, last, stamp(at), signer.public, signer.sign(_head_message(number, last, stamp(at))))

    def to_line(self) -> str:
        """A line of JSON, to be kept where the operator of the database cannot change it."""
        return line_of(
            {
                "at": self.at,
                "hash": self.hash.hex(),
                "key": self.key.hex(),
                "number": self.number,
                "signature": self.signature.hex(),
            }
        )

    @classmethod
    def from_line(cls, line: str) -> "Head":
        """The inverse of `to_line`. Raises AuditBroken for anything that it never writes, or whose signature does not fit."""
        try:
            match json.loads(line):
                case {
                    "at": str(at),
                    "hash": str(last),
                    "key": str(key),
                    "number": int(number),
                    "signature": str(made),
                } if _STAMP.fullmatch(at) and len(last) == 64 and not isinstance(number, bool):
                    head = cls(number, bytes.fromhex(last), at, bytes.fromhex(key), bytes.fromhex(made))
                    message = _head_message(number, head.hash, at)
                    if head.to_line() == line and signed(head.key, head.signature, message):
                        return head
        except (ValueError, RecursionError, OverflowError):
            pass
        raise AuditBroken("expected a signed head of an audit log; this line was changed, or is none")


@dataclass(frozen=True, slots=True)
class Verdict:
    """entries: how many there are. proven: up to which of them a head outside the database vouches for the log, 0 for none."""

    entries: int
    proven: int


def verify_log(entries: Iterable[Entry], *, heads: Sequence[Head], keys: Sequence[bytes]) -> Verdict:
    """Check that the log is one chain and agrees with every head.

    heads: exported earlier. keys: the public keys that may sign them. Raises AuditBroken, naming the first entry at fault.
    """
    for head in heads:
        if head.key not in keys:
            raise AuditBroken(f"the head of entry {head.number} is signed with a key that is not this log's")
    expected = {head.number: head.hash for head in heads}
    if any(expected[head.number] != head.hash for head in heads):
        raise AuditBroken("two heads vouch for different logs")
    number, last = 0, GENESIS
    for entry in entries:
        number += 1
        if entry.number != number or _number_in(entry.line) != number:
            raise AuditBroken(f"entry {number} is missing")
        last = _hash(last, entry.line)
        if entry.hash != last:
            raise AuditBroken(f"entry {number}, or one before it, was changed")
        if expected.pop(number, last) != last:
            raise AuditBroken(f"the log was written anew: its entry {number} is not the one that the head vouches for")
    if expected.pop(0, GENESIS) != GENESIS:
        raise AuditBroken("a head vouches for another log's beginning")
    if expected:
        raise AuditBroken(f"entries were dropped from the end: a head vouches for {max(expected)}, there are {number}")
    return Verdict(number, max((head.number for head in heads), default=0))


def _number_in(line: str) -> object:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value.get("number") if isinstance(value, dict) else None


def _hash(previous: bytes, line: str) -> bytes:
    return sha256(b"visavis audit v1" + previous + line.encode()).digest()


def _head_message(number: int, last: bytes, at: str) -> bytes:
    return b"visavis head v1" + number.to_bytes(8, "big") + last + at.encode()


def stamp(moment: datetime) -> str:
    """A time as the log writes it: UTC, ISO 8601, microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
