"""What a subject holds: the claim that opens their record."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from visavis.errors import ClaimMalformed
from visavis.template import carried
from visavis.template.secret import Secret

CLAIM_PREFIX = "VC1:"


class ClaimType(IntEnum):
    """Where the 32 secret bytes come from."""

    RANDOM = 1
    PASSKEY = 2
    """The output of a passkey's pseudo-random function (WebAuthn level 3, PRF extension)."""


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """record_id: 16 bytes. secret: 32 bytes. type: how they came about."""

    record_id: bytes
    secret: Secret
    type: ClaimType

    def __post_init__(self) -> None:
        if len(self.record_id) != carried.ID_BYTES or len(self.secret) != carried.SECRET_BYTES:
            raise ClaimMalformed(
                f"expected a record id of {carried.ID_BYTES} bytes and {carried.SECRET_BYTES} secret ones"
            )

    def __repr__(self) -> str:
        return "<Claim>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.secret.wipe()

    def text(self) -> str:
        """The claim as `VC1:` and Base45, 78 characters: what its QR code says. Hand it to the subject and keep no copy."""
        return carried.write(CLAIM_PREFIX, self.record_id, self.secret, self.type)

    @classmethod
    def parse(cls, text: str) -> "Claim":
        """The inverse of `text`. Raises ClaimMalformed for anything that it never writes; the message holds none of it."""
        try:
            record_id, secret, kind = carried.read(CLAIM_PREFIX, text)
            return cls(record_id, secret, ClaimType(kind))
        except ValueError:
            raise ClaimMalformed(
                f"expected a claim: {CLAIM_PREFIX} and {carried.TEXT_LENGTH - 4} characters of Base45, as its QR code says"
            ) from None
