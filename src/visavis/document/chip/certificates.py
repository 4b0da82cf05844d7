"""Certificates of country signing authorities and of those that sign documents and lists (Doc 9303-12, 7.1)."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, x509

from visavis.document.chip import der
from visavis.document.chip.algorithms import (
    PublicKey,
    SignatureAlgorithm,
    read_algorithm,
    read_public_key,
)
from visavis.document.chip.der import Malformed

BYTES_MAX = 8_192
"""Of one certificate; with domain parameters written out some have 2,000."""
_PARTS_MAX = 32
"""Extensions, and parts of a name; and types of documents."""
_COUNTRY = "2.5.4.6"
_LETTERS = re.compile("[A-Za-z]{2,3}")

Name = tuple[tuple[tuple[str, str | bytes], ...], ...]
"""A distinguished name for comparison (RFC 5280, 7.1): its relative names in order, each a sorted row of (type, value), the text
of values without regard to case, to the number of spaces and to the type of string."""

DOCUMENT_TYPES = "2.23.136.1.1.6.2"
MASTER_LIST_SIGNER = "2.23.136.1.1.3"


_KEY_ID, _USAGE, _CONSTRAINTS, _ISSUER_KEY_ID, _PURPOSES = (f"2.5.29.{number}" for number in (14, 15, 19, 35, 37))
_EXTENSIONS: dict[str, type[core.Asn1Value]] = {
    _KEY_ID: core.OctetString,
    _USAGE: x509.KeyUsage,
    _CONSTRAINTS: x509.BasicConstraints,
    _PURPOSES: x509.ExtKeyUsageSyntax,
    _ISSUER_KEY_ID: x509.AuthorityKeyIdentifier,
    DOCUMENT_TYPES: core.Sequence,  # version and a set of types
}
_HARMLESS = {
    "2.5.29.16",  # when the private key is used: no date of a document's signing is known that could be compared
    "2.5.29.17",
    "2.5.29.18",  # other names
    "2.5.29.31",  # where revocation lists are
    "2.5.29.32",  # policies
    "2.23.136.1.1.6.1",  # a change of the authority's name
}
"""Known, and nothing is decided by them: critical or not, they may stand there."""


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """data: as it came. signed: the part that is signed. id: the first 16 hex digits of its SHA-256.

    algorithm, key: None where they are not supported. country: of its subject, in capitals, None where that has not exactly one
    of two or three letters. key_id, issuer_key_id: the identifiers of its own key and of its issuer's, None where it does not
    say. usage: what its key is for, as asn1crypto names it. purposes: of extended key usage, as asn1crypto names them, empty
    where it says nothing of them. document_types: which it may sign, 'P', 'ID', None where all. binding: whether it has
    critical extensions that are not understood here.
    """

    data: bytes
    signed: bytes
    id: str
    algorithm: SignatureAlgorithm | None
    signature: bytes
    serial: int
    issuer: Name
    subject: Name
    country: str | None
    not_before: datetime
    not_after: datetime
    key: PublicKey | None
    key_id: bytes | None
    issuer_key_id: bytes | None
    usage: frozenset[str]
    authority: bool
    purposes: frozenset[str]
    document_types: frozenset[str] | None
    binding: bool

    def __repr__(self) -> str:
        return f"<Certificate {self.id}>"

    @property
    def signs_certificates(self) -> bool:
        """Whether it has what a country signing authority's certificate must have (Doc 9303-12, table 6)."""
        return self.authority and "key_cert_sign" in self.usage and not self.binding

    def signs(self, purpose: str | None) -> bool:
        """Whether it has what the certificate must have of one that signs documents, or with a purpose, lists (table 6).

        One with a purpose of its own signs no documents, and an authority nothing but certificates and revocation lists.
        """
        asked = frozenset() if purpose is None else {purpose}
        return (
            "digital_signature" in self.usage
            and "key_cert_sign" not in self.usage
            and not (self.authority or self.binding)
            and self.purposes == asked
        )

    def is_issued_by(self, issuer: "Certificate") -> bool:
        """Whether it names the other as its issuer, whose signature it has; not where key or algorithm are not supported.

        Identifiers of keys are not compared: they help to find a key, and the signature says whether it is the right one.
        """
        if self.issuer != issuer.subject or self.algorithm is None or issuer.key is None:
            return False
        return self.algorithm.verify(issuer.key, self.signed, self.signature)


def read_certificate(data: bytes) -> Certificate:
    """Raises Malformed for bytes that are no certificate of version 3 in distinguished encoding."""
    try:
        der.check(data, bytes_max=BYTES_MAX)
        return _read(data, x509.Certificate.load(data, strict=True))
    except Exception as error:  # whatever a decoder makes of hostile bytes, they are no certificate
        raise Malformed("no X.509 certificate in distinguished encoding") from error


def _read(data: bytes, certificate: x509.Certificate) -> Certificate:
    tbs = certificate["tbs_certificate"]
    if tbs["version"].native != "v3" or tbs["signature"].dump() != certificate["signature_algorithm"].dump():
        raise Malformed("another version, or two signature algorithms")
    extensions, binding = read_extensions(tbs["extensions"], _EXTENSIONS, _HARMLESS)
    usage, purposes, own_key = (
        extensions[oid].native if oid in extensions else None for oid in (_USAGE, _PURPOSES, _KEY_ID)
    )
    types = cms.SetOfAny.load(extensions[DOCUMENT_TYPES][1].dump()) if DOCUMENT_TYPES in extensions else None
    if types is not None and len(types) > _PARTS_MAX:
        raise Malformed("too many types of documents")
    issuer, _ = read_name(tbs["issuer"])
    subject, country = read_name(tbs["subject"])
    return Certificate(
        data=data,
        signed=tbs.dump(),
        id=hashlib.sha256(data).hexdigest()[:16],
        algorithm=read_algorithm(certificate["signature_algorithm"]),
        signature=certificate["signature_value"].native,
        serial=tbs["serial_number"].native,
        issuer=issuer,
        subject=subject,
        country=country,
        not_before=read_time(tbs["validity"]["not_before"]),
        not_after=read_time(tbs["validity"]["not_after"]),
        key=read_public_key(tbs["subject_public_key_info"]),
        key_id=own_key,
        issuer_key_id=extensions[_ISSUER_KEY_ID]["key_identifier"].native if _ISSUER_KEY_ID in extensions else None,
        usage=frozenset(usage or ()),
        authority=_CONSTRAINTS in extensions and extensions[_CONSTRAINTS]["ca"].native,
        purposes=frozenset(purposes or ()),
        document_types=None if types is None else frozenset(each.native for each in types),
        binding=binding,
    )


def read_extensions(
    extensions: Any, known: dict[str, type[core.Asn1Value]], harmless: set[str]
) -> tuple[dict[str, Any], bool]:
    """The known extensions of a certificate or revocation list by object identifier, and whether another than these and the
    harmless ones is critical.

    Raises Malformed where one comes twice or there are too many, and what asn1crypto raises.
    """
    found: dict[str, Any] = {}
    binding, seen = False, set()
    for extension in extensions if len(extensions) <= _PARTS_MAX else ():
        oid, value = extension["extn_id"].dotted, extension["extn_value"].contents
        seen.add(oid)
        if oid in known:
            der.check(value, bytes_max=BYTES_MAX)
            found[oid] = known[oid].load(value, strict=True)
        elif oid not in harmless:
            binding |= extension["critical"].native
    if len(seen) != len(extensions):
        raise Malformed("an extension comes twice, or there are too many")
    return found, binding


def read_name(name: x509.Name) -> tuple[Name, str | None]:
    """A name for comparison, and the country in it. Raises Malformed, and what asn1crypto raises."""
    if len(name.chosen) > _PARTS_MAX or any(len(relative) > _PARTS_MAX for relative in name.chosen):
        raise Malformed("a name has too many parts")
    parts = [sorted((part["type"].dotted, _text(part["value"])) for part in relative) for relative in name.chosen]
    flat = [part for relative in parts for part in relative]
    countries = [value for oid, value in flat if oid == _COUNTRY]
    country = countries[0] if len(countries) == 1 and _LETTERS.fullmatch(str(countries[0])) else None
    return tuple(map(tuple, parts)), str(country).upper() if country else None


def _text(value: core.Asn1Value) -> str | bytes:
    text = value.native
    return " ".join(text.casefold().split()) if isinstance(text, str) else bytes(value.dump())


def read_time(time: x509.Time) -> datetime:
    """Raises Malformed for a time that Python has no name for."""
    native = time.native
    if not isinstance(native, datetime) or native.tzinfo is None:
        raise Malformed("a time without a year, or without a zone")
    return native
