"""Chip authentication (Doc 9303-11, 6.2): the chip and the server agree on keys, and the chip's answer under them is its proof.

The server's half of the agreement comes from a secret seed and the file EF.DG14, anew for every challenge. The chip's half is the
public key in EF.DG14, so that only a chip with its private key can make the answer.
"""

import hashlib
from collections.abc import Sequence
from itertools import count

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ecdsa.ellipticcurve import PointJacobi

from visavis.document.chip.algorithms import EcKey
from visavis.document.chip.secure_messaging import SecureMessaging
from visavis.document.chip.security_infos import ChipKey, DhKey, encode_tlv, read_security_infos

_DG14 = 0x010E
"""The file that is selected: one that the chip has, and let the app read."""


def chip_commands(dg14: bytes, *, seed: bytes) -> tuple[bytes, ...]:
    """The commands in order, the last one protected; none where the chip has no key that can be used. Raises ChipMalformed."""
    chip = read_security_infos(dg14).chip
    if chip is None:
        return ()
    public, channel = _agree(chip, dg14, seed)
    reference = b""
    if chip.reference is not None:
        reference = encode_tlv(0x84, chip.reference.to_bytes((chip.reference.bit_length() + 7) // 8 or 1))
    if chip.cipher == 1:
        key = _command("002241A6", encode_tlv(0x91, public) + reference)
        return key, channel.select(_DG14, counter=1)
    mechanism = _command("002241A4", encode_tlv(0x80, chip.protocol) + reference)
    key = _command("00860000", encode_tlv(0x7C, encode_tlv(0x80, public)), answered=True)
    return mechanism, key, channel.select(_DG14, counter=1)


def agreed_with_chip(dg14: bytes, responses: Sequence[bytes], *, seed: bytes) -> bool:
    """Whether the responses to those commands are of the chip. That of the last shows it. Raises ChipMalformed for EF.DG14."""
    chip = read_security_infos(dg14).chip
    if chip is None or len(responses) != (2 if chip.cipher == 1 else 3):
        return False
    _, channel = _agree(chip, dg14, seed)
    return channel.selected(responses[-1], counter=2)


def _agree(chip: ChipKey, dg14: bytes, seed: bytes) -> tuple[bytes, SecureMessaging]:
    """The server's public key in the encoding of Doc 9303-11, 9.4, and the channel under the shared secret."""
    context = b"visavis presence chip\0" + hashlib.sha256(dg14).digest()
    if isinstance(chip.key, DhKey):
        public, shared = _dh(chip.key, seed, context)
    else:
        public, shared = _ecdh(chip.key, _private(seed, context, chip.key.curve.slow.order))
    return public, SecureMessaging.agreed(chip.cipher, shared)


def _private(seed: bytes, context: bytes, order: int) -> int:
    """In 1..order-1, all of them equally likely to within 2^-128."""
    size = (order.bit_length() + 7) // 8 + 16
    return int.from_bytes(HKDF(hashes.SHA512(), size, None, context).derive(seed)) % (order - 1) + 1


def _ecdh(key: EcKey, private: int) -> tuple[bytes, bytes]:
    curve = key.curve
    if curve.native is not None:
        own = ec.derive_private_key(private, curve.native)
        other = ec.EllipticCurvePublicNumbers(*key.point, curve.native).public_key()
        public = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return public, own.exchange(ec.ECDH(), other)
    # Not in constant time. The key is for one challenge, and what could be timed are its two products.
    shared = PointJacobi(curve.slow.curve, *key.point, 1, curve.slow.order) * private
    size = (int(curve.slow.curve.p()).bit_length() + 7) // 8
    return (curve.slow.generator * private).to_bytes("uncompressed"), int(shared.x()).to_bytes(size)


def _dh(key: DhKey, seed: bytes, context: bytes) -> tuple[bytes, bytes]:
    """Both numbers fill all their bytes: chips do not agree whether leading zeros are left out."""
    group = key.group
    attempts = count()
    while True:
        private = _private(seed, context + bytes([next(attempts)]), group.order)
        public, shared = (
            pow(base, private, group.prime).to_bytes(group.size) for base in (group.generator, key.public)
        )
        if public[0] and shared[0]:
            return public, shared


def _command(header: str, data: bytes, *, answered: bool = False) -> bytes:
    """A command with data of any length (ISO/IEC 7816-4, 5.2), and with an answer of any length or none."""
    length = bytes([len(data)]) if len(data) < 0x100 else b"\0" + len(data).to_bytes(2)
    return bytes.fromhex(header) + length + data + (bytes(1 if len(data) < 0x100 else 2) if answered else b"")
