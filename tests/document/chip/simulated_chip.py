"""A chip with real keys and real secure messaging, written from the standards and not from what is tested.

It stands where an app would hand it commands: what the app protects under its own keys comes here as it is within that
protection. After chip authentication it takes commands under the new keys alone.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import ecdsa
from asn1crypto import core
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from ecdsa.ellipticcurve import PointJacobi

from visavis.document.chip.curves import CURVES, KnownCurve
from visavis.document.chip.groups import DhGroup

CURVE = {curve.name: curve for curve in CURVES}
P256 = CURVE["P-256"]
TRIPLE_DES, AES128, AES192, AES256 = 1, 2, 3, 4
OK = b"\x90\0"


# --- files ----------------------------------------------------------------------------------------------------------


def der(tag: int, *parts: bytes) -> bytes:
    """An element around others, or around a value."""
    value = b"".join(parts)
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = f"{len(value):x}"
    length = "0" * (len(length) % 2) + length
    return bytes([tag, 0x80 + len(length) // 2]) + bytes.fromhex(length) + value


def oid(dotted: str) -> bytes:
    return bytes(core.ObjectIdentifier(dotted).dump())


def integer(number: int) -> bytes:
    return bytes(core.Integer(number).dump())


def octets(number: int, size: int) -> bytes:
    return der(0x04, number.to_bytes(size))


def key_info(algorithm: bytes, key: bytes) -> bytes:
    """A SubjectPublicKeyInfo."""
    return der(0x30, algorithm, der(0x03, b"\0", key))


def rsa_info(modulus: int, exponent: int) -> bytes:
    algorithm = der(0x30, oid("1.2.840.113549.1.1.1"), b"\x05\0")
    return key_info(algorithm, der(0x30, integer(modulus), integer(exponent)))


def named(curve: KnownCurve) -> bytes:
    """An algorithm of a key."""
    return der(0x30, oid("1.2.840.10045.2.1"), oid(curve.oid))


def explicit(curve: KnownCurve, /, **changes: bytes) -> bytes:
    """The same, with the curve written out; the parts named are written otherwise."""
    shape, size = curve.slow.curve, (curve.slow.curve.p().bit_length() + 7) // 8
    parts = {
        "version": integer(1),
        "field": der(0x30, oid("1.2.840.10045.1.1"), integer(int(shape.p()))),
        "curve": der(0x30, octets(int(shape.a() % shape.p()), size), octets(int(shape.b()), size)),
        "base": der(0x04, curve.slow.generator.to_bytes("uncompressed")),
        "order": integer(int(curve.slow.order)),
        "cofactor": integer(1),
    }
    return der(0x30, oid("1.2.840.10045.2.1"), der(0x30, *(parts | changes).values()))


def numbered(number: int) -> bytes:
    """The same, by the number of standardised domain parameters."""
    return der(0x30, oid("0.4.0.127.0.7.1.2"), integer(number))


def x942(group: DhGroup) -> bytes:
    numbers = (group.prime, group.generator, group.order)
    return der(0x30, oid("1.2.840.10046.2.1"), der(0x30, *map(integer, numbers)))


def pkcs3(group: DhGroup) -> bytes:
    numbers = (group.prime, group.generator, 512)
    return der(0x30, oid("1.2.840.113549.1.3.1"), der(0x30, *map(integer, numbers)))


def dg15_of(info: bytes) -> bytes:
    return der(0x6F, info)


def dg14_of(*infos: bytes) -> bytes:
    return der(0x6E, der(0x31, *infos))


def active_info(algorithm: str) -> bytes:
    return der(0x30, oid("2.23.136.1.1.5"), integer(1), oid(algorithm))


def protocol_info(agreement: int, cipher: int, reference: int | None = None, version: int = 1) -> bytes:
    """ChipAuthenticationInfo. agreement: 1 for DH, 2 for ECDH."""
    number = b"" if reference is None else integer(reference)
    return der(0x30, oid(f"0.4.0.127.0.7.2.2.3.{agreement}.{cipher}"), integer(version), number)


def chip_key_info(agreement: int, info: bytes, reference: int | None = None) -> bytes:
    """ChipAuthenticationPublicKeyInfo."""
    number = b"" if reference is None else integer(reference)
    return der(0x30, oid(f"0.4.0.127.0.7.2.2.1.{agreement}"), info, number)


# --- keys -----------------------------------------------------------------------------------------------------------


@cache
def rsa_key(bits: int, number: int = 0, exponent: int = 65537) -> rsa.RSAPrivateNumbers:
    """Made once a run; another one for each number."""
    return rsa.generate_private_key(exponent, bits).private_numbers()


@dataclass(frozen=True)
class AgreementKey:
    """A private key for agreement in a group, and how its public half is written."""

    group: KnownCurve | DhGroup
    private: int
    algorithm: bytes

    @classmethod
    def make(cls, group: KnownCurve | DhGroup, algorithm: bytes | None = None) -> "AgreementKey":
        order = group.order if isinstance(group, DhGroup) else int(group.slow.order)
        written = algorithm or (x942(group) if isinstance(group, DhGroup) else named(group))
        return cls(group, secrets.randbelow(order - 1) + 1, written)

    @property
    def agreement(self) -> int:
        return 1 if isinstance(self.group, DhGroup) else 2

    @property
    def info(self) -> bytes:
        group = self.group
        if isinstance(group, DhGroup):
            return key_info(self.algorithm, integer(pow(group.generator, self.private, group.prime)))
        return key_info(self.algorithm, (group.slow.generator * self.private).to_bytes("uncompressed"))

    def shared(self, public: bytes) -> bytes:
        group = self.group
        if isinstance(group, DhGroup):
            number = int.from_bytes(public)
            assert len(public) == group.size
            assert pow(number, group.order, group.prime) == 1
            return pow(number, self.private, group.prime).to_bytes(group.size)
        curve = group.slow.curve
        point = PointJacobi.from_bytes(curve, public, valid_encodings=("uncompressed",), order=group.slow.order)
        return int((point * self.private).x()).to_bytes((int(curve.p()).bit_length() + 7) // 8)


def recoverable(
    key: rsa.RSAPrivateNumbers,
    nonce: bytes,
    *,
    hash_name: str = "sha1",
    trailer: bytes = b"\xbc",
    header: bytes = b"\x6a",
    smaller: bool = False,
) -> bytes:
    """A signature of ISO/IEC 9796-2, scheme 1. smaller: s or n - s, whichever is less."""
    modulus = key.public_numbers.n
    size = modulus.bit_length() // 8
    made_up = secrets.token_bytes(size - len(header) - hashlib.new(hash_name).digest_size - len(trailer))
    message = header + made_up + hashlib.new(hash_name, made_up + nonce).digest() + trailer
    signature = pow(int.from_bytes(message), key.d, modulus)
    return (min(signature, modulus - signature) if smaller else signature).to_bytes(size)


def plain(curve: KnownCurve, private: int, nonce: bytes, hash_name: str) -> bytes:
    """An ECDSA signature as r and s."""
    key = ecdsa.SigningKey.from_secret_exponent(private, curve.slow)
    return bytes(key.sign(nonce, hashfunc=getattr(hashlib, hash_name), allow_truncate=True))


# --- the chip -------------------------------------------------------------------------------------------------------


class Channel:
    """The chip's end of secure messaging (Doc 9303-11, 9.8)."""

    def __init__(self, cipher: int, shared: bytes) -> None:
        self.block = 8 if cipher == TRIPLE_DES else 16
        self.counter = 0
        length = {TRIPLE_DES: 16, AES128: 16, AES192: 24, AES256: 32}[cipher]
        hashed = hashlib.sha1 if length == 16 else hashlib.sha256
        self.enc = hashed(shared + b"\0\0\0\1").digest()[:length]
        self.mac = hashed(shared + b"\0\0\0\2").digest()[:length]

    def pad(self, data: bytes) -> bytes:
        data += b"\x80"
        while len(data) % self.block:
            data += b"\0"
        return data

    def checksum(self, data: bytes) -> bytes:
        data = self.pad(self.counter.to_bytes(self.block) + data)
        if self.block == 16:
            mac = CMAC(algorithms.AES(self.mac))
            mac.update(data)
            return mac.finalize()[:8]
        first, second = self.mac[:8], self.mac[8:]
        state = bytes(8)
        for at in range(0, len(data), 8):
            mixed = bytes(a ^ b for a, b in zip(state, data[at : at + 8], strict=True))
            state = self._des(first, mixed)
        decryptor = Cipher(TripleDES(second * 3), modes.CBC(bytes(8))).decryptor()
        return self._des(first, decryptor.update(state))

    def decrypt(self, data: bytes) -> bytes:
        if self.block == 8:
            cipher: Cipher[modes.CBC] = Cipher(TripleDES(self.enc + self.enc[:8]), modes.CBC(bytes(8)))
        else:
            start = Cipher(algorithms.AES(self.enc), modes.CBC(bytes(16))).encryptor().update(self.counter.to_bytes(16))
            cipher = Cipher(algorithms.AES(self.enc), modes.CBC(start))
        return cipher.decryptor().update(data).rstrip(b"\0").removesuffix(b"\x80")

    def handle(self, command: bytes) -> bytes:
        """Selects a file, or refuses a command that is not protected rightly."""
        self.counter += 1
        header, length, body = command[:4], command[4], command[5:-1]
        at = 2 + body[1]
        encrypted, mac = body[:at], body[at:]
        protected = encrypted[0] == 0x87 and mac[:2] == b"\x8e\x08" and length == len(body) and command[-1] == 0
        if not protected or mac[2:] != self.checksum(self.pad(header) + encrypted):
            return b"\x69\x88"
        assert encrypted[2] == 1
        assert header == b"\x0c\xa4\x02\x0c"
        status = OK if self.decrypt(encrypted[3:]) == b"\x01\x0e" else b"\x6a\x82"
        self.counter += 1
        done = b"\x99\x02" + status
        return done + b"\x8e\x08" + self.checksum(done) + status

    @staticmethod
    def _des(key: bytes, block: bytes) -> bytes:
        return Cipher(TripleDES(key * 3), modes.CBC(bytes(8))).encryptor().update(block)


@dataclass
class SimulatedChip:
    """sign: what it does with the nonce of active authentication. keys: those for chip authentication, by their references.

    ciphers: what DG14 states of each key, None for nothing, as the first chips did.
    """

    sign: Callable[[bytes], bytes] | None = None
    dg15: bytes | None = None
    keys: dict[int | None, AgreementKey] = field(default_factory=dict)
    ciphers: tuple[int, ...] | None = (AES128,)
    more: tuple[bytes, ...] = ()
    _cipher: int = TRIPLE_DES
    _key: AgreementKey | None = None
    _channel: Channel | None = None

    @classmethod
    def with_rsa(cls, bits: int = 1024, number: int = 0) -> "SimulatedChip":
        key = rsa_key(bits, number)
        info = rsa_info(key.public_numbers.n, key.public_numbers.e)
        return cls(lambda nonce: recoverable(key, nonce), dg15_of(info))

    @classmethod
    def with_key(cls, group: KnownCurve | DhGroup = P256, cipher: int | None = AES128) -> "SimulatedChip":
        return cls(keys={None: AgreementKey.make(group)}, ciphers=None if cipher is None else (cipher,))

    @property
    def dg14(self) -> bytes:
        infos = list(self.more)
        for reference, key in self.keys.items():
            infos += [protocol_info(key.agreement, cipher, reference) for cipher in self.ciphers or ()]
            infos.append(chip_key_info(key.agreement, key.info, reference))
        return dg14_of(*infos)

    def send(self, command: bytes) -> bytes:
        """What it answers, with the status words."""
        if self._channel is not None:
            return self._channel.handle(command) if command[0] == 0x0C else b"\x69\x87"
        data, answered = _data(command)
        match command[:4].hex():
            case "00880000" if self.sign is not None and len(data) == 8 and answered:
                return self.sign(data) + OK
            case "002241a6" if not answered:  # MSE:Set KAT
                fields = _fields(data)
                self._choose(fields.pop(0x84, None))
                public = fields.pop(0x91)
                return self._agree(TRIPLE_DES, public) if not fields else b"\x6a\x80"
            case "002241a4" if not answered:  # MSE:Set AT
                fields = _fields(data)
                self._choose(fields.pop(0x84, None))
                protocol = fields.pop(0x80)
                self._cipher = protocol[-1]
                assert self._key is not None
                expected = oid(f"0.4.0.127.0.7.2.2.3.{self._key.agreement}.{self._cipher}")[2:]
                return (
                    OK if not fields and protocol == expected and self._cipher in (self.ciphers or ()) else b"\x6a\x80"
                )
            case "00860000" if answered:  # GENERAL AUTHENTICATE
                inner = _fields(_fields(data)[0x7C])
                status = self._agree(self._cipher, inner[0x80])
                return b"\x7c\0" + status
        return b"\x6d\0"

    def run(self, commands: tuple[bytes, ...]) -> list[bytes]:
        """As an app does: until one is not answered by 9000."""
        answers: list[bytes] = []
        for command in commands:
            answers.append(self.send(command))
            if not answers[-1].endswith(OK):
                break
        return answers

    def _choose(self, reference: bytes | None) -> None:
        self._key = self.keys[None if reference is None else int.from_bytes(reference)]

    def _agree(self, cipher: int, public: bytes) -> bytes:
        assert self._key is not None
        self._channel = Channel(cipher, self._key.shared(public))
        return OK


def _data(command: bytes) -> tuple[bytes, bool]:
    """The data of a command, and whether it asks for an answer (ISO/IEC 7816-4, 5.2)."""
    if command[4]:
        end, expected = 5 + command[4], 1
        data = command[5:end]
    else:
        end, expected = 7 + int.from_bytes(command[5:7]), 2
        data = command[7:end]
        assert len(data) > 255
    assert len(command) in (end, end + expected)
    assert not any(command[end:])
    return data, len(command) > end


def _fields(data: bytes) -> dict[int, bytes]:
    """Elements with tags of one byte."""
    found: dict[int, bytes] = {}
    while data:
        tag, length, start = data[0], data[1], 2
        if length > 0x80:
            start += length - 0x80
            length = int.from_bytes(data[2:start])
        found[tag] = data[start : start + length]
        assert len(found[tag]) == length
        data = data[start + length :]
    return found
