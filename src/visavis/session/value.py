"""What is kept about subjects: who consented to what, and which references stand for them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from visavis.errors import ConsentInvalid, InputInvalid

_TEXT_MAX = 200
_RETENTION_DAYS_MAX = 36_525
_URL_MAX = 2_000
_PURPOSE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_LOCALE = re.compile(r"[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*")


def check_name(name: str) -> str:
    """A subject's name as the operator gives it, an account number say. Raises InputInvalid for one that cannot be."""
    if not 0 < len(name) <= _TEXT_MAX or not name.isprintable() or name != name.strip():
        raise InputInvalid(f"a subject's name has 1 to {_TEXT_MAX} printable characters, without space at its ends")
    return name


def check_purpose(purpose: str) -> str:
    """What a reference may serve for. Raises InputInvalid for a text that cannot be one."""
    if not _PURPOSE.fullmatch(purpose):
        raise InputInvalid(f"a purpose has 1 to 64 lower-case letters, digits, `_`, `.` and `-`, unlike {purpose!r}")
    return purpose


def check_locale(locale: str) -> str:
    """A language by BCP 47. Raises InputInvalid for a text that names none."""
    if not _LOCALE.fullmatch(locale) or len(locale) > 35:
        raise InputInvalid(f"expected a locale such as `en` or `pt-BR`, got {locale!r}")
    return locale


def check_url(url: str) -> str:
    """An address of the web. Raises InputInvalid for what is none; where it leads is not looked at."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if (
        parts is None
        or len(url) > _URL_MAX
        or not url.isascii()
        or not url.isprintable()
        or " " in url
        or parts.scheme not in ("https", "http")
        or not parts.hostname
        or parts.username is not None
        or parts.password is not None
        or parts.fragment
    ):
        raise InputInvalid(
            f"expected an address such as https://shop.example/webhooks: of {_URL_MAX:,} ASCII characters at most, without user, "
            "password and fragment"
        )
    return url


@dataclass(frozen=True, slots=True)
class Subject:
    """id: `sub_` and random characters; it alone appears in the audit log. name: the operator's own. erasing: whether an
    erasure has begun."""

    id: str
    name: str
    created_at: datetime
    erasing: bool = False


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What a subject agreed to. text_sha256: hex. locale: BCP 47. purpose: lower-case letters, digits, `_`, `.` and `-`.

    renewal: whether the reference may be made anew from a matching probe when the model changes. Raises ConsentInvalid.
    """

    text_sha256: str
    version: str
    locale: str
    purpose: str
    retention_days: int
    renewal: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.text_sha256):
            raise ConsentInvalid("expected the SHA-256 of the consent's text, in hex")
        if not 0 < len(self.version) <= _TEXT_MAX or not self.version.isprintable():
            raise ConsentInvalid("the consent's text needs a version, of 200 characters at most")
        try:
            check_locale(self.locale)
            check_purpose(self.purpose)
        except InputInvalid as error:
            raise ConsentInvalid(str(error)) from None
        if not 1 <= self.retention_days <= _RETENTION_DAYS_MAX:
            raise ConsentInvalid(f"references are kept for 1 to {_RETENTION_DAYS_MAX} days, not {self.retention_days}")

    @classmethod
    def of(
        cls, text: str, *, version: str, locale: str, purpose: str, retention_days: int, renewal: bool = False
    ) -> "ConsentText":
        """The same from the text itself, of which its hash alone is kept. Raises ConsentInvalid when it is empty."""
        if not text.strip():
            raise ConsentInvalid("the consent's text is empty")
        return cls(sha256(text.encode()).hexdigest(), version, locale, purpose, retention_days, renewal)


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as it was recorded. recorded_by: who recorded it. withdrawn_at: None while it holds."""

    id: str
    subject_id: str
    text: ConsentText
    given_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """When what it allowed to be kept is erased."""
        return self.given_at + timedelta(days=self.text.retention_days)


class ReferenceState(StrEnum):
    """PENDING: its claim was not handed out yet. ACTIVE: can be opened. RETIRED: is being destroyed."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known of a reference without opening it. record_id: 16 bytes. captures: how many it was fused from."""

    record_id: bytes
    subject_id: str
    consent_id: str
    purpose: str
    renewal: bool
    captures: int
    state: ReferenceState
    created_at: datetime
    sealed_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Stored:
    """A reference as a store hands it out for opening."""

    reference: Reference
    sealed: bytes

    def __repr__(self) -> str:
        return "<Stored>"


@dataclass(frozen=True, slots=True)
class Issued:
    """What an issuer keeps of a credential: nothing biometric. index: in the status list. subject_id: None once erased."""

    cti: bytes
    subject_id: str | None
    consent_id: str | None
    index: int
    purposes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Of an erasure: what was erased and from when on no copy can be opened, signed. See docs/formats.md."""

    content: Mapping[str, Any]
    key: bytes
    signature: bytes

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**self.content, "key": self.key.hex(), "signature": self.signature.hex()}
