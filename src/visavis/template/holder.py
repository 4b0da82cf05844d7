"""What the holder of a face credential keeps apart from it: the secret without which it does not open."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from visavis.errors import HolderSecretMalformed
from visavis.template import carried
from visavis.template.secret import Secret

HOLDER_PREFIX = "VH1:"


class HolderType(IntEnum):
    """What a credential needs besides the verifier's key."""

    NONE = 0
    """Nothing: whoever has the verifier key can read every credential they see."""
    RANDOM = 1
    PASSKEY = 2
    """The output of a passkey's pseudo-random function for the credential's id (WebAuthn level 3, PRF extension)."""


@dataclass(frozen=True, slots=True, repr=False)
class HolderSecret:
    """cti: 16 bytes, the credential's id. secret: 32 bytes. type: how they came about; never NONE."""

    cti: bytes
    secret: Secret
    type: HolderType = HolderType.RANDOM

    def __post_init__(self) -> None:
        if (
            len(self.cti) != carried.ID_BYTES
            or len(self.secret) != carried.SECRET_BYTES
            or self.type is HolderType.NONE
        ):
            raise HolderSecretMalformed(
                f"expected an id of {carried.ID_BYTES} bytes and {carried.SECRET_BYTES} secret ones"
            )

    def __repr__(self) -> str:
        return "<HolderSecret>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.secret.wipe()

    def text(self) -> str:
        """The secret as `VH1:` and Base45, 78 characters: what its QR code says."""
        return carried.write(HOLDER_PREFIX, self.cti, self.secret, self.type)

    @classmethod
    def parse(cls, text: str) -> "HolderSecret":
        """The inverse of `text`. Raises HolderSecretMalformed for anything that it never writes."""
        try:
            cti, secret, kind = carried.read(HOLDER_PREFIX, text)
            return cls(cti, secret, HolderType(kind))
        except ValueError:
            raise HolderSecretMalformed(
                f"expected a holder's secret: {HOLDER_PREFIX} and {carried.TEXT_LENGTH - 4} characters of Base45"
            ) from None
