"""The sealed template: what a store may hold, opened only by claim, operator key and shred together.

The layout and the key schedule are those of docs/formats.md, in which this module's numbers and labels are explained.
"""

import hmac
import secrets
import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from visavis.errors import ClaimRefused, KeyUnusable, SealBroken, SealMalformed
from visavis.template.claim import Claim, ClaimType
from visavis.template.secret import Secret
from visavis.template.value import HEADER_BYTES, Template

_MAGIC = b"VVS1"
_VERSION, _SUITE, _KDF_PROFILE = 1, 1, 1
_HEADER = struct.Struct(">4sBBBB16s16sI32s12s")
_NONCE_BYTES, _TAG_BYTES, _MAC_BYTES = 12, 16, 32
_AUTHENTICATED = _HEADER.size - _NONCE_BYTES
_SALT_BYTES = 16
NO_SALT = bytes(_SALT_BYTES)
"""Of every claim that is no passkey's."""

SHRED_BYTES = 32


class OperatorKeys(Protocol):
    """The operator's half of every seal: keys that compute an HMAC and are never handed out.

    A folder of files (`FileKeys`), or a service such as a cloud's KMS, Vault's transit engine or PKCS#11.
    """

    @property
    def current(self) -> int:
        """The version that new seals use, from 1 on."""
        ...

    def mac(self, version: int, message: bytes) -> bytes:
        """HMAC-SHA256 of the message under the key of that version. Raises KeyUnusable when there is none."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class SealedTemplate:
    """record_id: 16 bytes. claim_salt: the PRF's input of a passkey, else zero. key_version: of the operator's key.

    commitment: 32 bytes. nonce: 12 bytes. ciphertext: the template and its tag.
    """

    claim_type: ClaimType
    record_id: bytes
    claim_salt: bytes
    key_version: int
    commitment: bytes
    nonce: bytes
    ciphertext: bytes

    def __post_init__(self) -> None:
        if len(self.claim_salt) != _SALT_BYTES or (self.claim_type is ClaimType.PASSKEY) != any(self.claim_salt):
            raise SealMalformed(f"expected a salt for a passkey alone, of {_SALT_BYTES} bytes")
        if not self.key_version:
            raise SealMalformed("operator keys are counted from 1")

    def __repr__(self) -> str:
        return "<SealedTemplate>"

    def __bytes__(self) -> bytes:
        return self._header() + self.ciphertext

    def _header(self) -> bytes:
        return _HEADER.pack(
            _MAGIC, _VERSION, _SUITE, self.claim_type, _KDF_PROFILE, self.record_id, self.claim_salt,
            self.key_version, self.commitment, self.nonce,
        )  # fmt: skip

    @classmethod
    def parse(cls, data: bytes) -> "SealedTemplate":
        """The inverse of `bytes(sealed)`. Raises SealMalformed for anything that it never writes; tries no key."""
        if len(data) < _HEADER.size + HEADER_BYTES + 1 + _TAG_BYTES:
            raise SealMalformed(f"a sealed template cannot have {len(data)} bytes")
        magic, version, suite, kind, profile, record_id, salt, key_version, commitment, nonce = _HEADER.unpack_from(
            data
        )
        if (magic, version, suite, profile) != (_MAGIC, _VERSION, _SUITE, _KDF_PROFILE):
            raise SealMalformed("expected a sealed template of version 1, suite 1 and KDF profile 1")
        if kind not in set(ClaimType):
            raise SealMalformed("expected a claim's type that is known")
        return cls(ClaimType(kind), record_id, salt, key_version, commitment, nonce, bytes(data[_HEADER.size :]))

    @classmethod
    def seal(
        cls,
        template: Template,
        *,
        claim: Claim,
        keys: OperatorKeys,
        shred: Secret,
        claim_salt: bytes = NO_SALT,
    ) -> "SealedTemplate":
        """Seal a template under the current operator key, with a fresh nonce.

        claim_salt: 16 bytes that the passkey's PRF was given, for a claim of that type.
        """
        version = keys.current
        with _derive(claim, version, keys, shred) as derived:
            unsealed = cls(
                claim.type,
                claim.record_id,
                claim_salt,
                version,
                bytes(derived.view[32:]),
                secrets.token_bytes(_NONCE_BYTES),
                b"",
            )
            header = unsealed._header()
            with Secret(bytes(template)) as plain:
                ciphertext = AESGCM(derived.view[:32]).encrypt(unsealed.nonce, plain.view, header[:_AUTHENTICATED])
        return cls.parse(header + ciphertext)

    def open(self, *, claim: Claim, keys: OperatorKeys, shred: Secret) -> Template:
        """The template, if claim, operator key and shred are the ones it was sealed with.

        The commitment is compared first, in constant time: AES-GCM does not commit to its key. Raises ClaimRefused when any of
        the three is another; SealBroken when they are right and the rest was changed; KeyUnusable without the operator's key.
        """
        with _derive(claim, self.key_version, keys, shred) as derived:
            expected = bytes([self.claim_type]) + self.record_id + self.commitment
            offered = bytes([claim.type]) + claim.record_id + bytes(derived.view[32:])
            if not hmac.compare_digest(expected, offered):
                raise ClaimRefused("this claim opens no record")
            with Secret(bytes(len(self.ciphertext) - _TAG_BYTES)) as plain:
                try:
                    AESGCM(derived.view[:32]).decrypt_into(
                        self.nonce, self.ciphertext, self._header()[:_AUTHENTICATED], plain.view
                    )
                except InvalidTag:
                    raise SealBroken("the sealed template was changed; restore the record, or enrol again") from None
                return Template.parse(plain.view)


def _derive(claim: Claim, version: int, keys: OperatorKeys, shred: Secret) -> Secret:
    """32 bytes of key and 32 of commitment."""
    if len(shred) != SHRED_BYTES:
        raise ValueError(f"a shred has {SHRED_BYTES} bytes")
    with Secret(sha256(b"visavis claim v1" + claim.secret.view).digest()) as blinded:
        message = b"visavis op v1" + claim.record_id + sha256(blinded.view).digest()
        with (
            Secret(_mac(keys, version, message)) as operators,
            Secret(b"".join((blinded.view, operators.view, shred.view))) as material,
        ):
            derived = Secret(bytes(64))
            salt = claim.record_id + version.to_bytes(4, "big")
            HKDF(SHA256(), 64, salt, b"visavis seal v1").derive_into(material.view, derived.view)
            return derived


def _mac(keys: OperatorKeys, version: int, message: bytes) -> bytes:
    mac = keys.mac(version, message)
    if len(mac) != _MAC_BYTES:
        raise KeyUnusable(f"the operator's keys gave {len(mac)} bytes instead of the 32 of an HMAC-SHA256")
    return mac
