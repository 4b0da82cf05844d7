"""EF.DG14 and the public keys in it and in EF.DG15: by what a chip can prove that it is no copy (Doc 9303-10, 4.7; 9303-11, 9.2).

Only keys in groups that are known wholly are used, whatever a file writes out (`curves`, `groups`), and only points of them. What
is read here says nothing of who wrote it: passive authentication must have covered the bytes.
"""

from dataclasses import dataclass

from asn1crypto import keys

from visavis.document.chip.algorithms import EcKey, RsaKey
from visavis.document.chip.curves import CURVES, HASHES, KnownCurve, known_curve
from visavis.document.chip.groups import DH_GROUPS, DhGroup
from visavis.document.chip.tlv import Tlv, read_tlv
from visavis.errors import ChipMalformed

INFOS_MAX = 32
"""Security infos in one file. Chips in use have fewer than 20."""
_REFERENCE_MAX = 2**32 - 1
_RSA_BITS = range(1024, 4097, 8)

# The values of object identifiers, as they stand in the files.
_RSA = bytes.fromhex("2A864886F70D010101")  # 1.2.840.113549.1.1.1
_EC = bytes.fromhex("2A8648CE3D0201")  # 1.2.840.10045.2.1
_DH = bytes.fromhex("2A8648CE3E0201")  # X9.42, 1.2.840.10046.2.1
_DH_PKCS3 = bytes.fromhex("2A864886F70D010301")  # 1.2.840.113549.1.3.1
_STANDARDISED = bytes.fromhex("04007F00070102")  # 0.4.0.127.0.7.1.2
_ACTIVE = bytes.fromhex("678108010105")  # 2.23.136.1.1.5
_PLAIN_ECDSA = bytes.fromhex("04007F000701010401")  # 0.4.0.127.0.7.1.1.4.1
_KEY = bytes.fromhex("04007F0007020201")  # id-PK 0.4.0.127.0.7.2.2.1, then 1 for DH or 2 for ECDH
_PROTOCOL = bytes.fromhex("04007F0007020203")  # id-CA 0.4.0.127.0.7.2.2.3, then 1 or 2 likewise, then the cipher

_HASHES = tuple(HASHES)
"""In the order of the last number of an identifier for plain ECDSA, from 1 on."""
_CURVES = {curve.name: curve for curve in CURVES}
_NUMBERED: dict[int, KnownCurve | DhGroup] = {
    **dict(enumerate(DH_GROUPS)),
    8: _CURVES["P-192"],
    9: _CURVES["brainpoolP192r1"],
    10: _CURVES["P-224"],
    11: _CURVES["brainpoolP224r1"],
    12: _CURVES["P-256"],
    13: _CURVES["brainpoolP256r1"],
    14: _CURVES["brainpoolP320r1"],
    15: _CURVES["P-384"],
    16: _CURVES["brainpoolP384r1"],
    17: _CURVES["brainpoolP512r1"],
    18: _CURVES["P-521"],
}
"""Standardised domain parameters (Doc 9303-11, 9.5.1)."""


@dataclass(frozen=True, slots=True, repr=False)
class DhKey:
    """public: of the group's subgroup, and not 1."""

    group: DhGroup
    public: int


@dataclass(frozen=True, slots=True, repr=False)
class ChipKey:
    """A key for chip authentication. Silent repr, as a chip is one person's.

    cipher: that of the secure messaging which follows; 1: Triple-DES; 2, 3, 4: AES with 128, 192, 256 bits. protocol: the value
    of its object identifier. reference: the chip's number for the key, where it has one.
    """

    key: EcKey | DhKey
    cipher: int
    protocol: bytes
    reference: int | None


@dataclass(frozen=True, slots=True, repr=False)
class SecurityInfos:
    """What EF.DG14 says of authentication.

    active_hash: the hash function for active authentication by ECDSA, by hashlib's name, or None where none is named. chip: the
    key for chip authentication, that with the strongest cipher where there are several, or None where none can be used.
    """

    active_hash: str | None
    chip: ChipKey | None


def read_security_infos(dg14: bytes) -> SecurityInfos:
    """EF.DG14. Protocols that are not of these two are passed over. Raises ChipMalformed."""
    infos = read_tlv(read_tlv(dg14, tag=0x6E).value, tag=0x31).elements()
    if len(infos) > INFOS_MAX:
        raise ChipMalformed(f"EF.DG14 has {len(infos)} security infos; at most {INFOS_MAX} are read")
    active_hash = None
    protocols: list[tuple[bytes, int | None]] = []
    found: list[tuple[int, EcKey | DhKey, int | None]] = []
    for info in infos:
        identifier, *fields = _sequence(info)
        name = _value(identifier, 0x06)
        if name == _ACTIVE and len(fields) == 2:
            algorithm = _value(fields[1], 0x06)
            if algorithm[:-1] == _PLAIN_ECDSA and 1 <= algorithm[-1] <= len(_HASHES):
                active_hash = _HASHES[algorithm[-1] - 1]
        elif name[:-2] == _PROTOCOL and name[-2] in (1, 2) and 1 <= name[-1] <= 4 and 1 <= len(fields) <= 2:
            if _number(fields[0]) == 1:  # later versions authenticate the terminal first, and are not of passports
                protocols.append((name, _reference(fields[1:])))
        elif name[:-1] == _KEY and name[-1] in (1, 2) and 1 <= len(fields) <= 2:
            key = read_public_key(fields[0])
            if isinstance(key, DhKey if name[-1] == 1 else EcKey):
                found.append((name[-1], key, _reference(fields[1:])))
    usable = []
    for agreement, key, reference in found:
        # The first chips stated the key alone, and Triple-DES was all that there was.
        stated = [each for each in protocols if each[0][-2] == agreement] or [(_PROTOCOL + bytes([agreement, 1]), None)]
        for protocol, number in stated:
            if None in (reference, number) or reference == number:
                usable.append(ChipKey(key, protocol[-1], protocol, number if reference is None else reference))
    return SecurityInfos(active_hash, max(usable, key=lambda each: each.cipher, default=None))


def read_active_key(dg15: bytes) -> RsaKey | EcKey | None:
    """The key in EF.DG15 for active authentication, or None where it is none that can be used. Raises ChipMalformed."""
    key = read_public_key(read_tlv(read_tlv(dg15, tag=0x6F).value))
    return None if isinstance(key, DhKey) else key


def read_public_key(info: Tlv) -> RsaKey | EcKey | DhKey | None:
    """A SubjectPublicKeyInfo (RFC 5280, 4.1), or None for an algorithm, length or group that is none of those known.

    Raises ChipMalformed, also for a point or number that is no public key of its group.
    """
    match _sequence(info):
        case [algorithm, Tlv(tag=0x03, value=value)] if value[:1] == b"\0":
            pass
        case _:
            raise ChipMalformed("a public key is no sequence of an algorithm and whole bytes")
    identifier, *parameters = _sequence(algorithm)
    name = _value(identifier, 0x06)
    if name == _RSA:
        return _rsa_key(read_tlv(value[1:]))
    if len(parameters) != 1:
        return None
    match _group(name, parameters[0]):
        case KnownCurve() as curve:
            point = curve.point(value[1:])
            if point is None:
                raise ChipMalformed("a public key is no point of its curve")
            return EcKey(curve, point)
        case DhGroup() as group:
            public = _number(read_tlv(value[1:]))
            if not group.holds(public):
                raise ChipMalformed("a public key is not in its group")
            return DhKey(group, public)
    return None


def encode_tlv(tag: int, value: bytes) -> bytes:
    """One element, its length in the shortest form. Raises ValueError for a tag of more than one byte."""
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8 or 1)
    return bytes([tag]) + (length if len(value) < 0x80 else bytes([0x80 | len(length)]) + length) + value


def _rsa_key(key: Tlv) -> RsaKey | None:
    match _sequence(key):
        case [first, second]:
            modulus, exponent = _number(first), _number(second)
        case _:
            raise ChipMalformed("an RSA key is not two numbers")
    if modulus.bit_length() not in _RSA_BITS or not 3 <= exponent < modulus or exponent % 2 == 0:
        return None
    return RsaKey(modulus, exponent)


def _group(algorithm: bytes, parameters: Tlv) -> KnownCurve | DhGroup | None:
    """The group that the parameters of a key number, name or write out wholly; None for any other."""
    if algorithm == _STANDARDISED:
        return _NUMBERED.get(_number(parameters))
    if algorithm == _EC:
        try:
            return known_curve(keys.ECDomainParameters.load(encode_tlv(parameters.tag, parameters.value)))
        except (ValueError, TypeError):  # what asn1crypto makes of bytes that break the format
            return None
    if algorithm in (_DH, _DH_PKCS3):
        wanted = 3 if algorithm == _DH else 2  # PKCS#3 has no place for the order of the subgroup
        written = [_number(each) for each in _sequence(parameters)[:wanted]]
        for group in DH_GROUPS:
            if written == [group.prime, group.generator, group.order][:wanted]:
                return group
    return None


def _reference(fields: list[Tlv]) -> int | None:
    """The number of a key, where one is stated. Raises ChipMalformed."""
    if not fields:
        return None
    number = _number(fields[0])
    if number > _REFERENCE_MAX:
        raise ChipMalformed("the number of a key is larger than any in use")
    return number


def _sequence(element: Tlv) -> tuple[Tlv, ...]:
    """The elements of a sequence that is not empty. Raises ChipMalformed."""
    if element.tag != 0x30 or not element.value:
        raise ChipMalformed(f"expected a sequence, got the element {element.tag:02X}")
    return element.elements()


def _value(element: Tlv, tag: int) -> bytes:
    if element.tag != tag or not element.value:
        raise ChipMalformed(f"expected the element {tag:02X}, got {element.tag:02X}, or it is empty")
    return element.value


def _number(element: Tlv) -> int:
    """An integer that is not negative. Raises ChipMalformed."""
    value = _value(element, 0x02)
    if value[0] >= 0x80:
        raise ChipMalformed("a number is negative where none may be")
    return int.from_bytes(value)
