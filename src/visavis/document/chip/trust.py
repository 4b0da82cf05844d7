"""Whom to believe: country signing authorities, and what they have revoked, from files that the operator has chosen.

Nobody else is believed. A file in the folder is believed because it is in the folder: a master list is signed by a country, but
anybody may sign one by an authority of his own which he puts into it. Get the files from the countries, or compare what you got.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from asn1crypto import cms, core
from asn1crypto.parser import parse

from visavis.document.chip import der
from visavis.document.chip.algorithms import RsaKey
from visavis.document.chip.certificates import MASTER_LIST_SIGNER, Certificate, Name, read_certificate
from visavis.document.chip.cms import SignedMessage, read_signed
from visavis.document.chip.der import Malformed
from visavis.document.chip.revocation import RevocationList, read_revocation_list
from visavis.errors import TrustInvalid

FILE_BYTES_MAX = 16 * 1024 * 1024
CERTIFICATES_MAX = 5_000
"""Of all files together; a master list has some 700, and most of them are in the others too."""
FILES_MAX = 2 * CERTIFICATES_MAX
"""As many certificates, one a file, and as many revocation lists."""
MASTER_LIST = "2.23.136.1.1.2"
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{3,20})-----([A-Za-z0-9+/=\s]*)-----END \1-----")
_SEQUENCE, _OID, _VERSION = b"\x30", b"\x06", b"\xa0"
_LABELS = (b"CERTIFICATE", b"X509 CRL", b"CMS", b"PKCS7")


class Revocation(StrEnum):
    """What is known of a certificate's revocation."""

    REVOKED = "revoked"
    NOT_REVOKED = "not_revoked"
    STALE = "stale"  # not by lists whose successors are due, or that have none
    UNKNOWN = "unknown"  # there is no list


@dataclass(frozen=True, slots=True)
class Unused:
    """id: the first 16 hex digits of the SHA-256 of a certificate or revocation list that is not believed. why: for people."""

    id: str
    why: str


@dataclass(frozen=True, slots=True, repr=False)
class MasterList:
    """Its signature is not checked yet. certificates: those of it that can be read. unused: the others."""

    message: SignedMessage
    certificates: tuple[Certificate, ...]
    unused: tuple[Unused, ...]

    def __repr__(self) -> str:
        return f"<MasterList of {len(self.certificates)} certificates>"


@dataclass(frozen=True, slots=True)
class TrustFile:
    """What a file holds; nothing of it is checked yet."""

    certificates: tuple[Certificate, ...] = ()
    revocation_lists: tuple[RevocationList, ...] = ()
    master_lists: tuple[MasterList, ...] = ()

    @property
    def every_certificate(self) -> tuple[Certificate, ...]:
        """Also those of the master lists."""
        return (*self.certificates, *(each for one in self.master_lists for each in one.certificates))


@dataclass(frozen=True, slots=True, repr=False)
class Trust:
    """authorities: the certificates of country signing authorities that are believed, each self-signed, or signed by another of
    them (a link certificate, when an authority takes a new key). revocation_lists: each signed by one of them. unused: what
    else the files hold, and why it is not believed.
    """

    authorities: tuple[Certificate, ...]
    revocation_lists: tuple[RevocationList, ...]
    unused: tuple[Unused, ...]
    _by_name: Mapping[Name, tuple[Certificate, ...]]

    def __repr__(self) -> str:
        return f"<Trust in {len(self.authorities)} certificates>"

    @classmethod
    def empty(cls) -> "Trust":
        """Trust in nobody."""
        return cls.of_files({})

    @classmethod
    def of(cls, *places: Path) -> "Trust":
        """Trust in what is in these places. Raises TrustInvalid as `read_places` and `of_files` do."""
        return cls.of_files(read_places(*places))

    @classmethod
    def of_files(cls, contents: Mapping[str, bytes]) -> "Trust":
        """Trust in what is in these files, by their names.

        Raises TrustInvalid, with the name of a file that is none of those which `read_trust_file` reads, holds a certificate of
        something else than an authority, or is a master list that is not rightly signed; how long a master list's signer is
        valid is not looked at. Certificates of authorities, and revocation lists, that cannot be used are `unused`.
        """
        files = {name: read_named(name, data) for name, data in contents.items()}
        certificates = {each.id: each for file in files.values() for each in file.every_certificate}
        if len(certificates) > CERTIFICATES_MAX:
            raise TrustInvalid(f"these are more than {CERTIFICATES_MAX:,} certificates; are they the right files?")
        for name, file in files.items():
            if any(not each.authority for each in file.certificates):
                raise TrustInvalid(f"{name} holds a certificate of something else than an authority; leave it out")
        authorities, unused = _anchored(certificates)
        for name, file in files.items():
            for each in file.master_lists:
                _check_signer(name, each, authorities)
                unused.extend(each.unused)
        lists = []
        for one in {each.id: each for file in files.values() for each in file.revocation_lists}.values():
            if any(one.is_issued_by(each) for each in authorities):
                lists.append(one)
            else:
                unused.append(Unused(one.id, "a revocation list that no trusted authority has signed"))
        by_name: dict[Name, tuple[Certificate, ...]] = {}
        for authority in authorities:
            by_name[authority.subject] = (*by_name.get(authority.subject, ()), authority)
        return cls(tuple(authorities), tuple(lists), tuple(unused), MappingProxyType(by_name))

    def issuers(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """Those that a certificate names as its issuer, which may have several keys; whether one of them has signed it is another
        question."""
        return self._by_name.get(certificate.issuer, ())

    def revocation(self, certificate: Certificate, *, now: datetime) -> Revocation:
        """What the lists under the name of the certificate's issuer say. Revoked stays revoked, by however old a list."""
        lists = [each for each in self.revocation_lists if each.issuer == certificate.issuer]
        if any(certificate.serial in each.serials for each in lists):
            return Revocation.REVOKED
        if any(each.is_current(now) for each in lists):
            return Revocation.NOT_REVOKED
        return Revocation.STALE if lists else Revocation.UNKNOWN


def key_name(certificate: Certificate) -> str | None:
    """What tells a certificate's key from others, however it is written: 16 hex digits; None for a key that is not supported."""
    key = certificate.key
    if key is None:
        return None
    numbers = (key.modulus, key.exponent) if isinstance(key, RsaKey) else (key.curve.name, *key.point)
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]


def read_places(*places: Path) -> dict[str, bytes]:
    """These files, and those in these folders, by their paths; hidden files and folders in folders are passed over.

    Raises TrustInvalid for what cannot be read, and for too many.
    """
    contents: dict[str, bytes] = {}
    try:
        for place in places:
            inside = sorted(each for each in place.iterdir() if each.is_file()) if place.is_dir() else [place]
            for path in (each for each in inside if each is place or not each.name.startswith(".")):
                if len(contents) == FILES_MAX:
                    raise TrustInvalid(f"there are more than {FILES_MAX:,} files; is {place} the right folder?")
                with path.open("rb") as file:
                    contents[str(path)] = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise TrustInvalid(f"{error.filename} cannot be read: {error.strerror}") from error
    return contents


def read_trust_file(data: bytes) -> TrustFile:
    """A certificate, a revocation list or a master list, as bytes or as text (PEM), there also several.

    Raises TrustInvalid for anything else.
    """
    if len(data) > FILE_BYTES_MAX:
        raise TrustInvalid(f"it has more than {FILE_BYTES_MAX:,} bytes")
    try:
        return _together(map(_read, [data] if data[:1] == _SEQUENCE else _from_text(data)))
    except (Malformed, binascii.Error) as error:
        raise TrustInvalid(f"it is no certificate, revocation list or master list: {error}") from error


def read_named(name: str, data: bytes) -> TrustFile:
    """The same; the error tells the file's name."""
    try:
        return read_trust_file(data)
    except TrustInvalid as error:
        raise TrustInvalid(f"{name} cannot be used: {error}; leave it out, or get it anew") from error


def _from_text(data: bytes) -> list[bytes]:
    blocks = list(_PEM.finditer(data))
    if not blocks or len(blocks) != data.count(b"-----BEGIN ") or any(each[1] not in _LABELS for each in blocks):
        raise Malformed("a part of it is damaged, or something else")
    return [base64.b64decode(b"".join(each[2].split()), validate=True) for each in blocks]


def _together(files: Iterable[TrustFile]) -> TrustFile:
    every = tuple(files)
    return TrustFile(
        tuple(one for each in every for one in each.certificates),
        tuple(one for each in every for one in each.revocation_lists),
        tuple(one for each in every for one in each.master_lists),
    )


def _read(data: bytes) -> TrustFile:
    """By what it begins with: a message with its type, a certificate with its version, a revocation list with anything else."""
    data = der.definite(data)
    der.check(data, bytes_max=FILE_BYTES_MAX)
    inside = parse(data)[4]
    if data[:1] == _SEQUENCE and inside[:1] == _OID:
        return TrustFile(master_lists=(_read_master_list(data),))
    if data[:1] == inside[:1] == _SEQUENCE and parse(inside)[4][:1] == _VERSION:
        return TrustFile(certificates=(read_certificate(data),))
    return TrustFile(revocation_lists=(read_revocation_list(data),))


def _read_master_list(data: bytes) -> MasterList:
    message = read_signed(data, content_type=MASTER_LIST, bytes_max=FILE_BYTES_MAX)
    try:
        der.check(message.content, bytes_max=FILE_BYTES_MAX)
        listed = core.Sequence.load(message.content, strict=True)  # a version, and a set of certificates
        version, every = listed[0].native, [each.chosen.dump() for each in cms.CertificateSet.load(listed[1].dump())]
    except Exception as error:  # whatever a decoder makes of hostile bytes, they are no master list
        raise Malformed("no list of certificates") from error
    if version != 0 or not 0 < len(every) <= CERTIFICATES_MAX:
        raise Malformed("a master list of another version, without certificates, or with too many")
    certificates, unused = [], []
    for each in every:
        try:
            certificates.append(read_certificate(each))
        except Malformed as error:
            unused.append(Unused(hashlib.sha256(each).hexdigest()[:16], str(error)))
    return MasterList(message, tuple(certificates), tuple(unused))


def _anchored(certificates: Mapping[str, Certificate]) -> tuple[list[Certificate], list[Unused]]:
    """Those of authorities that are self-signed, or signed by such a one, however indirectly; and the others."""
    unused: list[Unused] = []
    believed: list[Certificate] = []
    links: dict[Name, list[Certificate]] = {}
    for each in certificates.values():
        if not each.signs_certificates:
            unused.append(Unused(each.id, "its extensions are not those of an authority that signs certificates"))
        elif each.key is None or each.algorithm is None:
            unused.append(Unused(each.id, "its key or its signature is of a kind that is not supported"))
        elif each.is_issued_by(each):
            believed.append(each)
        else:
            links.setdefault(each.issuer, []).append(each)
    for issuer in believed:  # grows while it is gone through
        waiting = links.pop(issuer.subject, [])
        linked = [each for each in waiting if each.country == issuer.country and each.is_issued_by(issuer)]
        believed.extend(linked)
        links[issuer.subject] = [each for each in waiting if each not in linked]
    left = [each for waiting in links.values() for each in waiting]
    return believed, [*unused, *(Unused(each.id, "no trusted authority has signed it") for each in left)]


def _check_signer(name: str, listed: MasterList, authorities: Iterable[Certificate]) -> None:
    """Raises TrustInvalid unless the list is signed by a signer of master lists of an authority that is believed."""
    message, signer = listed.message, listed.message.signer
    if signer is None or not signer.signs(MASTER_LIST_SIGNER):
        raise TrustInvalid(f"{name} is a master list without the certificate of one who may sign it")
    if not any(signer.is_issued_by(each) for each in authorities):
        raise TrustInvalid(f"{name} is a master list whose signer belongs to no authority in it or beside it")
    if not (message.content_holds and message.signature_holds):
        raise TrustInvalid(f"{name} is a master list whose signature does not fit; get it anew")
