"""COSE_Sign1 and COSE_Encrypt0 (RFC 9052) for one signature and one cipher: Ed25519 and AES-256-GCM.

What is read must be byte for byte what would be written: deterministic CBOR (RFC 8949, 4.2.1), no tags but the outermost, no
headers but the expected. So a message has one encoding, and nothing rides along in another.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from visavis.template.keys import Signer, key_id, signed
from visavis.template.secret import Secret

ALGORITHM, CONTENT_TYPE, KEY_ID, IV = 1, 3, 4, 5
"""Header labels (RFC 9052, table 3)."""
TYPE = 16
"""Header label `typ` (RFC 9596)."""
EDDSA, A256GCM = -8, 3
SIGN1_TAG = 18
NONCE_BYTES, TAG_BYTES = 12, 16


class Malformed(ValueError):
    """Not a message in the one form that is written."""


class OtherAlgorithm(ValueError):
    """A message whose header names another algorithm."""


class SignerUnknown(ValueError):
    """No key with the message's key id."""


class Forged(ValueError):
    """The signature or tag does not fit."""


class _NoTags(dict[int, Callable[..., Any]]):
    """To cbor2, a decoder for every tag that refuses it: none of them has a place in these formats, and some do a lot of work."""

    def get(self, *_: object) -> Callable[..., NoReturn]:
        return _refuse

    __getitem__ = get
    __missing__ = get


def _refuse(*_: object) -> NoReturn:
    raise Malformed("a tag")


def encode(value: Any) -> bytes:
    """Deterministic CBOR. Raises Malformed for a text with half a surrogate pair.

    The library puts shorter keys of maps first, as RFC 7049 did; for the labels in use that is the order of RFC 8949.
    """
    try:
        return cbor2.dumps(value, canonical=True)
    except UnicodeEncodeError:
        raise Malformed("a text that is none") from None


def decode(data: bytes) -> Any:
    """The value of one item of CBOR without tags. Raises Malformed unless `encode` writes it so."""
    try:
        value = cbor2.loads(data, semantic_decoders=_NoTags())
        same = _plain(value) and encode(value) == data
    except Exception as error:  # whatever a decoder makes of hostile bytes, they are not ours
        raise Malformed("no CBOR of the expected kind") from error
    if not same:
        raise Malformed("not in deterministic encoding")
    return value


def _plain(value: Any) -> bool:
    """Whether a value holds nothing but numbers, texts, bytes, lists and maps: no truth values, which equal numbers."""
    if isinstance(value, dict):
        return all(map(_plain, value.keys())) and all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return type(value) in (int, str, bytes)


def sign1(payload: bytes, *, signer: Signer, protected: Mapping[int, Any] | None = None) -> bytes:
    """A tagged COSE_Sign1 with the algorithm and the signer's key id in its protected header."""
    header = encode({ALGORITHM: EDDSA, KEY_ID: key_id(signer.public), **(protected or {})})
    signature = signer.sign(to_be_signed(header, payload))
    return bytes([0xC0 | SIGN1_TAG]) + encode([header, {}, payload, signature])


def verify1(
    data: bytes, *, keys: Mapping[bytes, bytes], bytes_max: int, protected: Mapping[int, Any] | None = None
) -> tuple[bytes, bytes]:
    """The payload of a message that `sign1` wrote under one of the public keys, which stand under their key ids, and that key.

    Raises Malformed, OtherAlgorithm, SignerUnknown or Forged.
    """
    if data[:1] != bytes([0xC0 | SIGN1_TAG]) or len(data) > bytes_max:
        raise Malformed("expected a tagged COSE_Sign1 of bounded length")
    match decode(data[1:]):
        case [bytes(header), {**unprotected}, bytes(payload), bytes(signature)] if not unprotected:
            pass
        case _:
            raise Malformed("expected a COSE_Sign1 without unprotected headers")
    named = decode(header)
    if not isinstance(named, dict):
        raise Malformed("expected a map of headers")
    _expect_algorithm(named, EDDSA)
    key = keys.get(named[KEY_ID]) if isinstance(named.get(KEY_ID), bytes) else None
    if set(named) != {ALGORITHM, KEY_ID, *(protected or {})}:
        raise Malformed("unexpected protected headers")
    if any(named[label] != value for label, value in (protected or {}).items()):
        raise Malformed("a message of another type")
    if key is None:
        raise SignerUnknown("no key with this id")
    if not signed(key, signature, to_be_signed(header, payload)):
        raise Forged("the signature does not fit")
    return payload, key


def encrypt0(
    plain: Secret, *, key: Secret, nonce: bytes, protected: Mapping[int, Any], external_aad: bytes
) -> list[Any]:
    """A COSE_Encrypt0, as the array to be put into a larger message."""
    header = encode({ALGORITHM: A256GCM, **protected})
    ciphertext = AESGCM(key.view).encrypt(nonce, plain.view, enc_structure(header, external_aad))
    return [header, {IV: nonce}, ciphertext]


def open_header(message: Any) -> tuple[Mapping[Any, Any], bytes, bytes, bytes]:
    """The protected headers of a COSE_Encrypt0 (decoded, and as bytes), its nonce and its ciphertext.

    Raises Malformed or OtherAlgorithm.
    """
    match message:
        case [bytes(header), {5: bytes(nonce), **others}, bytes(ciphertext)] if not others:
            named = decode(header)
        case _:
            raise Malformed("expected a COSE_Encrypt0 with a nonce")
    if not isinstance(named, dict) or len(nonce) != NONCE_BYTES:
        raise Malformed("expected a map of headers, and a nonce of 12 bytes")
    _expect_algorithm(named, A256GCM)
    return named, header, nonce, ciphertext


def decrypt0(header: bytes, nonce: bytes, ciphertext: bytes, *, key: Secret, external_aad: bytes) -> Secret:
    """The plaintext. Raises Forged."""
    plain = Secret(bytes(max(0, len(ciphertext) - TAG_BYTES)))
    try:
        AESGCM(key.view).decrypt_into(nonce, ciphertext, enc_structure(header, external_aad), plain.view)
    except (InvalidTag, ValueError):
        plain.wipe()
        raise Forged("the tag does not fit") from None
    return plain


def to_be_signed(header: bytes, payload: bytes) -> bytes:
    """Sig_structure of a COSE_Sign1 (RFC 9052, 4.4)."""
    return encode(["Signature1", header, b"", payload])


def enc_structure(header: bytes, external_aad: bytes) -> bytes:
    """Enc_structure of a COSE_Encrypt0 (RFC 9052, 5.3)."""
    return encode(["Encrypt0", header, external_aad])


def _expect_algorithm(headers: Mapping[Any, Any], algorithm: int) -> None:
    if ALGORITHM not in headers:
        raise Malformed("no algorithm is named")
    if headers[ALGORITHM] != algorithm:
        raise OtherAlgorithm("another algorithm is named")
