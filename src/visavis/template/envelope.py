"""Contents that are kept for who holds a private key, which is somewhere else, and until their shred is destroyed.

Inside, HPKE (RFC 9180) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Around it, AES-256-GCM under the
shred. Who holds shred and database can take the outer layer off, and sees nothing; see docs/formats.md.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from visavis.errors import EvidenceUnreadable, KeyUnusable
from visavis.template.keys import KEY_BYTES, KEY_ID_BYTES, key_id
from visavis.template.secret import Secret

_MAGIC = b"VVE1"
_ID_BYTES = 16
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_ONCE = bytes(12)
"""The nonce under a shred, which seals one thing."""


def public_of(private: Secret) -> bytes:
    """The public half of an X25519 key, 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private.view).public_key().public_bytes_raw()


def check_public(public: bytes) -> bytes:
    """The key, if something can be sealed for it. Raises KeyUnusable, also for a point of low order (RFC 7748, 6.1)."""
    try:
        _SUITE.encrypt(b"", X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise KeyUnusable(f"expected {KEY_BYTES} bytes of a public key (X25519)") from None
    return public


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """id: 16 bytes. recipient: the `key_id` of the public key, 8 bytes. contents: sealed for its private half alone."""

    id: bytes
    recipient: bytes
    contents: bytes

    @classmethod
    def seal(cls, contents: bytes, *, envelope_id: bytes, public: bytes) -> Self:
        """Seal contents for whoever holds the private half."""
        sealed = _SUITE.encrypt(contents, X25519PublicKey.from_public_bytes(public), _info(envelope_id))
        return cls(envelope_id, key_id(public), sealed)

    def open(self, private: Secret) -> bytes:
        """The contents. Raises EvidenceUnreadable where it was sealed for another key, or changed."""
        own = key_id(public_of(private))
        if own != self.recipient:
            raise EvidenceUnreadable(f"this was sealed for key {self.recipient.hex()}; this one is {own.hex()}")
        try:
            return _SUITE.decrypt(self.contents, X25519PrivateKey.from_private_bytes(private.view), _info(self.id))
        except (InvalidTag, ValueError):
            raise EvidenceUnreadable("this was changed since it was sealed") from None

    def sha256(self) -> str:
        """The hash of `bytes(envelope)`, in hex."""
        return sha256(bytes(self)).hexdigest()

    def __bytes__(self) -> bytes:
        return _MAGIC + self.id + self.recipient + self.contents

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The inverse of `bytes(envelope)`. Raises EvidenceUnreadable."""
        begin = len(_MAGIC)
        recipient, contents = begin + _ID_BYTES, begin + _ID_BYTES + KEY_ID_BYTES
        if not data.startswith(_MAGIC) or len(data) <= contents:
            raise EvidenceUnreadable("expected evidence, as `visavis evidence export` writes it")
        return cls(data[begin:recipient], data[recipient:contents], data[contents:])

    def under(self, shred: Secret) -> bytes:
        """The envelope as it is kept: no use to anybody once its shred is destroyed."""
        return AESGCM(shred.view).encrypt(_ONCE, bytes(self), self.id)

    @classmethod
    def from_under(cls, shred: Secret, kept: bytes, *, envelope_id: bytes) -> Self:
        """The inverse of `under`. Raises EvidenceUnreadable where shred and contents do not belong together."""
        try:
            return cls.parse(AESGCM(shred.view).decrypt(_ONCE, kept, envelope_id))
        except InvalidTag:
            raise EvidenceUnreadable("this evidence was changed, or its shred is destroyed") from None


def _info(envelope_id: bytes) -> bytes:
    return b"visavis evidence v1" + envelope_id
