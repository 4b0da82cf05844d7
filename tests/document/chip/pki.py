"""A public key infrastructure for passports as countries run them, and as forgers would like to: authorities, links between
their keys, document signers, revocation lists, master lists, and EF.SOD over any groups, with every part open to change.

Written in DER by hand, so that what the product reads by a library was not written by the same one. Keys are made once a run.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import ecdsa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from ecdsa.util import sigencode_der

from tests.document.chip.writing import dg1, tlv
from visavis.document.chip.curves import CURVES
from visavis.document.chip.trust import Trust

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
VALID = (NOW - 2 * YEAR, NOW + 10 * YEAR)

ZONE = "P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<C01X00T478D<<6408125F2702283<<<<<<<<<<<<<<<4"
GROUPS = {1: dg1(ZONE), 2: tlv(0x75, bytes(range(256)) * 60), 14: tlv(0x6E, tlv(0x31)), 15: tlv(0x6F, tlv(0x30))}

HASH_OIDS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_PKCS1 = {"sha1": 5, "sha224": 14, "sha256": 11, "sha384": 12, "sha512": 13}
_ECDSA = {"sha1": "1", "sha224": "3.1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}
_CURVES = {each.name: each for each in CURVES}
SECURITY_OBJECT, MASTER_LIST = "2.23.136.1.1.1", "2.23.136.1.1.2"
SIGNS_MASTER_LISTS = "2.23.136.1.1.3"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))


# --- DER ------------------------------------------------------------------------------------------------------------


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(data: bytes) -> bytes:
    return tlv(0x04, data)


def bits(data: bytes, unused: int = 0) -> bytes:
    return tlv(0x03, bytes([unused]), data)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray()
    for number in (40 * first + second, *rest):
        groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)][::-1]
        out += bytes([*(each | 0x80 for each in groups[:-1]), groups[-1]])
    return tlv(0x06, bytes(out))


def time(moment: datetime) -> bytes:
    if moment.year < 2050:
        return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def name(country: str | None, common: str, *, string_tag: int = 0x0C) -> bytes:
    parts = [] if country is None else [set_of(sequence(oid("2.5.4.6"), tlv(0x13, country.encode())))]
    return sequence(*parts, set_of(sequence(oid("2.5.4.3"), tlv(string_tag, common.encode()))))


def hash_identifier(hash_name: str) -> bytes:
    return sequence(oid(HASH_OIDS[hash_name]))


# --- keys and signatures --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class How:
    """How something is signed. salt_bytes, mask: of PSS; as many as the hash, and the hash, where nothing is said."""

    scheme: str = "ecdsa"
    hash: str = "sha256"
    salt_bytes: int | None = None
    mask: str | None = None
    trailer: int = 1

    @property
    def salt(self) -> int:
        return hashlib.new(self.hash).digest_size if self.salt_bytes is None else self.salt_bytes

    def identifier(self) -> bytes:
        if self.scheme == "ecdsa":
            return sequence(oid(f"1.2.840.10045.4.{_ECDSA[self.hash]}"))
        if self.scheme == "pkcs1":
            return sequence(oid(f"1.2.840.113549.1.1.{_PKCS1[self.hash]}"), tlv(0x05))
        if self.scheme == "rsa":
            return sequence(oid("1.2.840.113549.1.1.1"), tlv(0x05))
        return sequence(oid("1.2.840.113549.1.1.10"), self.pss_parameters())

    def pss_parameters(self) -> bytes:
        mask = sequence(oid("1.2.840.113549.1.1.8"), hash_identifier(self.mask or self.hash))
        trailer = () if self.trailer == 1 else (tlv(0xA3, integer(self.trailer)),)
        return sequence(tlv(0xA0, hash_identifier(self.hash)), tlv(0xA1, mask), tlv(0xA2, integer(self.salt)), *trailer)


@dataclass(frozen=True)
class RsaPair:
    private: rsa.RSAPrivateKey

    def info(self, how: How | None = None, *, identifier: bytes | None = None) -> bytes:
        """how: what a key for PSS alone asks for."""
        numbers = self.private.public_key().public_numbers()
        return rsa_info(numbers.n, numbers.e, identifier or (how.identifier() if how else None))

    def sign(self, data: bytes, how: How) -> bytes:
        hash_: hashes.HashAlgorithm = getattr(hashes, how.hash.upper())()
        if how.scheme != "pss":
            return self.private.sign(data, padding.PKCS1v15(), hash_)
        mask = padding.MGF1(getattr(hashes, (how.mask or how.hash).upper())())
        return self.private.sign(data, padding.PSS(mask, how.salt), hash_)


def rsa_info(modulus: int, exponent: int, identifier: bytes | None = None) -> bytes:
    identifier = identifier or sequence(oid("1.2.840.113549.1.1.1"), tlv(0x05))
    return sequence(identifier, bits(sequence(integer(modulus), integer(exponent))))


@dataclass(frozen=True)
class EcPair:
    private: ecdsa.SigningKey

    def info(self, *, explicit: bool = False, parameters: bytes | None = None, point: str = "uncompressed") -> bytes:
        written = self.private.curve.to_der("explicit" if explicit else "named_curve")
        public = self.private.verifying_key.to_string(point)
        return sequence(sequence(oid("1.2.840.10045.2.1"), parameters or written), bits(public))

    def sign(self, data: bytes, how: How) -> bytes:
        made = self.private.sign(
            data,
            hashfunc=lambda data=b"": hashlib.new(how.hash, data),
            sigencode=sigencode_der,
            allow_truncate=True,
        )
        return bytes(made)


Pair = RsaPair | EcPair


@cache
def pair(kind: str = "P-256", number: int = 0) -> Pair:
    """A pair of keys by its kind, 'RSA 2048' or the name of a curve; another for each number."""
    if kind.startswith("RSA "):
        return RsaPair(rsa.generate_private_key(65537, int(kind[4:])))
    return EcPair(ecdsa.SigningKey.generate(curve=_CURVES[kind].slow))


def rightly(key: Pair) -> How:
    return How("pkcs1") if isinstance(key, RsaPair) else How()


def key_id(info: bytes) -> bytes:
    return hashlib.sha1(info).digest()  # noqa: S324 - a name, as RFC 5280 has it


# --- certificates ---------------------------------------------------------------------------------------------------

Extensions = Mapping[str, tuple[bool, bytes]]
"""Object identifier -> whether it is critical, and its value."""
KEY_ID, ISSUER_KEY_ID, CONSTRAINTS, USAGE, PURPOSES = (f"2.5.29.{number}" for number in (14, 35, 19, 15, 37))
DOCUMENT_TYPES = "2.23.136.1.1.6.2"
SIGNS_DOCUMENTS, SIGNS_CERTIFICATES = bits(b"\x80", 7), bits(b"\x06", 1)


def is_authority(yes: bool = True) -> bytes:
    return sequence(tlv(0x01, b"\xff"), integer(0)) if yes else sequence()


def purposes(*oids: str) -> bytes:
    return sequence(*map(oid, oids))


def document_types(*types: str) -> bytes:
    return sequence(integer(0), set_of(*(tlv(0x13, each.encode()) for each in types)))


def identifiers(own: bytes | None, issuers: bytes | None) -> dict[str, tuple[bool, bytes]]:
    found = {}
    if own is not None:
        found[KEY_ID] = (False, octets(own))
    if issuers is not None:
        found[ISSUER_KEY_ID] = (False, sequence(tlv(0x80, issuers)))
    return found


def extension(identifier: str, critical: bool, value: bytes) -> bytes:
    return sequence(oid(identifier), tlv(0x01, b"\xff") if critical else b"", octets(value))


def certificate(
    *,
    subject: bytes,
    issuer: bytes,
    info: bytes,
    by: Pair,
    how: How,
    serial: int = 1,
    valid: tuple[datetime, datetime] = VALID,
    extensions: Extensions,
    version: int = 2,
    more: Sequence[bytes] = (),
    outer: How | None = None,
) -> bytes:
    """more: extensions beside the others, written as they are. outer: another algorithm outside than inside."""
    written = [extension(identifier, *value) for identifier, value in extensions.items()]
    tbs = sequence(
        tlv(0xA0, integer(version)),
        integer(serial),
        how.identifier(),
        issuer,
        sequence(*map(time, valid)),
        subject,
        info,
        tlv(0xA3, sequence(*written, *more)),
    )
    return sequence(tbs, (outer or how).identifier(), bits(by.sign(tbs, how)))


@dataclass(frozen=True)
class Authority:
    """A country signing authority with one key, and its self-signed certificate."""

    country: str
    common: str
    key: Pair
    how: How
    data: bytes
    info: bytes

    @classmethod
    def make(
        cls,
        country: str = "DE",
        key: Pair | None = None,
        *,
        how: How | None = None,
        common: str = "Country Signing",
        valid: tuple[datetime, datetime] = VALID,
        info: bytes | None = None,
        changes: Mapping[str, tuple[bool, bytes] | None] = {},
        more: Sequence[bytes] = (),
        identified: bool = True,
    ) -> "Authority":
        """changes: extensions that are other, or None for those which are missing."""
        key = key or pair("P-256", 1)
        how, info = how or rightly(key), info or key.info()
        made = cls(country, common, key, how, b"", info)
        return replace(made, data=made.issue(made, valid=valid, changes=changes, more=more, identified=identified))

    @property
    def name(self) -> bytes:
        return name(self.country, self.common)

    def issue(
        self,
        to: "Authority",
        *,
        serial: int = 1,
        valid: tuple[datetime, datetime] = VALID,
        changes: Mapping[str, tuple[bool, bytes] | None] = {},
        more: Sequence[bytes] = (),
        identified: bool = True,
    ) -> bytes:
        """A certificate for an authority: for itself, or for its next key, which links the two."""
        ids = identifiers(key_id(to.info), key_id(self.info)) if identified else {}
        extensions = {CONSTRAINTS: (True, is_authority()), USAGE: (True, SIGNS_CERTIFICATES), **ids, **changes}
        return certificate(
            subject=to.name,
            issuer=self.name,
            info=to.info,
            by=self.key,
            how=self.how,
            serial=serial,
            valid=valid,
            extensions={identifier: value for identifier, value in extensions.items() if value is not None},
            more=more,
        )

    def signer(
        self,
        key: Pair | None = None,
        *,
        how: How | None = None,
        serial: int = 7,
        country: str | None = "",
        common: str = "Document Signer",
        valid: tuple[datetime, datetime] = VALID,
        info: bytes | None = None,
        issuer: bytes | None = None,
        changes: Mapping[str, tuple[bool, bytes] | None] = {},
        more: Sequence[bytes] = (),
        identified: bool = True,
        by: Pair | None = None,
        inner: How | None = None,
        outer: How | None = None,
    ) -> "Signer":
        """by: who signs in the authority's name. inner, outer: with what algorithm, and with what it says it is."""
        key = key or pair("P-256", 2)
        info = info or key.info()
        ids = identifiers(key_id(info), key_id(self.info)) if identified else {}
        extensions = {USAGE: (True, SIGNS_DOCUMENTS), **ids, **changes}
        data = certificate(
            subject=name(self.country if country == "" else country, common),
            issuer=issuer or self.name,
            info=info,
            by=by or self.key,
            how=inner or self.how,
            serial=serial,
            valid=valid,
            extensions={identifier: value for identifier, value in extensions.items() if value is not None},
            more=more,
            outer=outer,
        )
        return Signer(key, how or rightly(key), data, issuer or self.name, serial, info)

    def list_signer(self, key: Pair | None = None) -> "Signer":
        """A signer of master lists."""
        changes = {PURPOSES: (True, purposes(SIGNS_MASTER_LISTS))}
        return self.signer(key or pair("P-256", 3), common="Master List Signer", changes=changes, serial=8)

    def revocation_list(
        self,
        *serials: int,
        issued: datetime = NOW - timedelta(days=10),
        until: datetime | None = NOW + timedelta(days=80),
        by: Pair | None = None,
        identified: bool = True,
        more: Sequence[bytes] = (),
        entry: bytes = b"",
        outer: How | None = None,
    ) -> bytes:
        """more: extensions of the list. entry: those of each of its entries."""
        revoked = [sequence(integer(serial), time(issued), entry) for serial in serials]
        ids = identifiers(None, key_id(self.info) if identified else None)
        extensions = [extension(identifier, *value) for identifier, value in ids.items()]
        tbs = sequence(
            integer(1),
            self.how.identifier(),
            self.name,
            time(issued),
            time(until) if until else b"",
            sequence(*revoked) if revoked else b"",
            tlv(0xA0, sequence(*extensions, extension("2.5.29.20", False, integer(3)), *more)),
        )
        return sequence(tbs, (outer or self.how).identifier(), bits((by or self.key).sign(tbs, self.how)))

    def master_list(self, *certificates: bytes, signer: "Signer | None" = None, inside: Sequence[bytes] = ()) -> bytes:
        """Of its own certificate and others. inside: certificates in the message beside the signer's."""
        signer = signer or self.list_signer()
        content = sequence(integer(0), set_of(self.data, *certificates))
        return signer.message(content, content_type=MASTER_LIST, certificates=[signer.data, *inside])

    def trust(self, *files: bytes) -> Trust:
        """Trust in it, with files beside its certificate."""
        return Trust.of_files(dict(zip("abcdefgh", (self.data, *files), strict=False)))


# --- messages -------------------------------------------------------------------------------------------------------


def attribute(identifier: str, *values: bytes) -> bytes:
    return sequence(oid(identifier), set_of(*values))


def security_object(
    groups: Mapping[int, bytes] | Iterable[tuple[int, bytes]], hash_name: str = "sha256", *, version: int = 0
) -> bytes:
    """groups: the files, or pairs of number and hash as they are to be listed."""
    if isinstance(groups, Mapping):
        groups = [(number, hashlib.new(hash_name, data).digest()) for number, data in groups.items()]
    listed = sequence(*(sequence(integer(number), octets(value)) for number, value in groups))
    versions = sequence(tlv(0x13, b"0107"), tlv(0x13, b"040000")) if version else b""
    return sequence(integer(version), hash_identifier(hash_name), listed, versions)


@dataclass(frozen=True)
class Signer:
    """Who signs documents or master lists, and the certificate of his key."""

    key: Pair
    how: How
    data: bytes
    issuer: bytes
    serial: int
    info: bytes = field(repr=False)

    def message(
        self,
        content: bytes,
        *,
        content_type: str = SECURITY_OBJECT,
        digest: str | None = None,
        attributes: Sequence[bytes] | None = None,
        given: Sequence[bytes] | None = None,
        identifier: bytes | None = None,
        how: How | None = None,
        certificates: Sequence[bytes] | None = None,
        lists: Sequence[bytes] = (),
        signers: int = 1,
        unsigned: bytes = b"",
        version: int = 3,
        said: str | None = None,
    ) -> bytes:
        """attributes: those which are signed; given: those which stand there, where they are others. identifier: of the signer.
        certificates: those inside. said: the type that the content is said to be of, where that is another than it is signed
        with.
        """
        how = how or self.how
        digest = digest or how.hash
        if attributes is None:
            attributes = self.attributes(content, content_type, digest)
        written = b"".join(sorted(attributes) if given is None else given)
        signer = sequence(
            integer(1),
            identifier or sequence(self.issuer, integer(self.serial)),
            hash_identifier(digest),
            tlv(0xA0, written) if written else b"",
            how.identifier(),
            octets(self.key.sign(set_of(*attributes) if attributes else content, how)),
            unsigned,
        )
        inside = b"".join([self.data] if certificates is None else certificates)
        signed = sequence(
            integer(version),
            set_of(hash_identifier(digest)),
            sequence(oid(said or content_type), tlv(0xA0, octets(content))),
            tlv(0xA0, inside) if inside else b"",
            tlv(0xA1, *lists) if lists else b"",
            tlv(0x31, *[signer] * signers),
        )
        return sequence(oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed))

    def attributes(self, content: bytes, content_type: str, digest: str) -> list[bytes]:
        return [
            attribute(CONTENT_TYPE, oid(content_type)),
            attribute(MESSAGE_DIGEST, octets(hashlib.new(digest, content).digest())),
            attribute(SIGNING_TIME, time(NOW - YEAR)),
        ]

    def sod(
        self, groups: Mapping[int, bytes] = GROUPS, hash_name: str = "sha256", *, version: int = 0, **changes: Any
    ) -> bytes:
        """EF.SOD over groups; changes: as of `message`."""
        return sod(self.message(security_object(groups, hash_name, version=version), **changes))


def sod(message: bytes) -> bytes:
    return tlv(0x77, message)
