"""Active authentication (Doc 9303-11, 6.1): the chip signs 8 bytes of the server's with the key whose public half is EF.DG15."""

import hashlib

from visavis.document.chip.algorithms import EcKey, RsaKey
from visavis.document.chip.curves import HASHES
from visavis.document.chip.security_infos import read_active_key, read_security_infos

NONCE_BYTES = 8
"""RND.IFD."""
_TRAILERS = {
    b"\xbc": "sha1",
    b"\x33\xcc": "sha1",
    b"\x38\xcc": "sha224",
    b"\x34\xcc": "sha256",
    b"\x36\xcc": "sha384",
    b"\x35\xcc": "sha512",
}
"""How a message of ISO/IEC 9796-2 ends, by the hash function that made it (ISO/IEC 10118-3)."""


def internal_authenticate(nonce: bytes) -> bytes:
    """The command that has the chip sign. nonce: 8 bytes."""
    return b"\0\x88\0\0" + bytes([len(nonce)]) + nonce + b"\0"


def signed_by_chip(dg15: bytes, signature: bytes, *, nonce: bytes, dg14: bytes | None) -> bool:
    """Whether a signature of these 8 bytes is of the key in EF.DG15.

    RSA: scheme 1 of ISO/IEC 9796-2, with partial recovery and any of the trailers for SHA-1 and SHA-2. ECDSA: r and s in plain
    (TR-03111, 5.2.1), with the hash function that EF.DG14 names, or where it names none or was not given, with any that is not
    longer than the key. A key of another kind, or on an unknown curve: False. Raises ChipMalformed for EF.DG15 and EF.DG14.
    """
    key = read_active_key(dg15)
    named = None if dg14 is None else read_security_infos(dg14).active_hash
    match key:
        case RsaKey():
            return _recovers(key, signature, nonce)
        case EcKey(curve, point):
            size = (curve.bits + 7) // 8
            if len(signature) != 2 * size:
                return False
            r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
            hashes = [named] if named else [name for name in HASHES if HASHES[name].digest_size <= size]
            return any(curve.verify(point, r, s, nonce, name) for name in hashes)
    return False


def _recovers(key: RsaKey, signature: bytes, nonce: bytes) -> bool:
    """Whether a signature opens to what was signed with the nonce: 6A, a part of the message that the chip made up, the hash of
    that part and the nonce, and the trailer."""
    size = key.modulus.bit_length() // 8
    number = int.from_bytes(signature)
    if len(signature) != size or not 0 < number < key.modulus:
        return False
    opened = pow(number, key.exponent, key.modulus)
    if opened % 16 != 0xC:  # a chip may give the smaller of s and n - s (ISO/IEC 9796-2, annex B); a message ends in C
        opened = key.modulus - opened
    message = opened.to_bytes(size)
    for trailer, name in _TRAILERS.items():
        if message[:1] == b"\x6a" and message.endswith(trailer):
            recovered, ends = message[1 : -len(trailer)], HASHES[name].digest_size
            digest = hashlib.new(name, recovered[:-ends] + nonce, usedforsecurity=False).digest()
            return digest == recovered[-ends:]
    return False
