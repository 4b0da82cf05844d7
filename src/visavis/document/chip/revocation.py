"""Revocation lists of country signing authorities (Doc 9303-12, 7.1.4): whole ones, each of its issuer's certificates alone."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import crl

from visavis.document.chip import der
from visavis.document.chip.algorithms import SignatureAlgorithm, read_algorithm
from visavis.document.chip.certificates import Certificate, Name, read_extensions, read_name, read_time
from visavis.document.chip.der import Malformed

BYTES_MAX = 8 * 1024 * 1024
_HARMLESS = {
    "2.5.29.18",
    "2.5.29.20",
    "2.5.29.35",
}  # other names of the issuer, the list's number, and the issuer's key


@dataclass(frozen=True, slots=True, repr=False)
class RevocationList:
    """data: as it came. id: the first 16 hex digits of its SHA-256. serials: of the certificates that are revoked. next_update:
    None where it does not say. algorithm: None where it is not supported."""

    data: bytes
    id: str
    signed: bytes
    algorithm: SignatureAlgorithm | None
    signature: bytes
    issuer: Name
    this_update: datetime
    next_update: datetime | None
    serials: frozenset[int]

    def __repr__(self) -> str:
        return f"<RevocationList {self.id}>"

    def is_current(self, now: datetime) -> bool:
        """Whether it has been issued, and its successor is not due yet."""
        return self.this_update <= now and self.next_update is not None and now <= self.next_update

    def is_issued_by(self, issuer: Certificate) -> bool:
        """Whether the authority has issued it, and may."""
        return (
            self.issuer == issuer.subject
            and "crl_sign" in issuer.usage
            and self.algorithm is not None
            and issuer.key is not None
            and self.algorithm.verify(issuer.key, self.signed, self.signature)
        )


def read_revocation_list(data: bytes) -> RevocationList:
    """Raises Malformed for bytes that are no revocation list in distinguished encoding, or a part of one, or one of others'
    certificates."""
    try:
        der.check(data, bytes_max=BYTES_MAX)
        return _read(data, crl.CertificateList.load(data, strict=True))
    except Exception as error:  # whatever a decoder makes of hostile bytes, they are no revocation list
        raise Malformed("no revocation list in distinguished encoding") from error


def _read(data: bytes, written: crl.CertificateList) -> RevocationList:
    tbs = written["tbs_cert_list"]
    if tbs["signature"].dump() != written["signature_algorithm"].dump():
        raise Malformed("two signature algorithms")
    _, binding = read_extensions(tbs["crl_extensions"], {}, _HARMLESS)
    revoked = tbs["revoked_certificates"]
    if binding or any(each["critical"].native for entry in revoked for each in entry["crl_entry_extensions"]):
        raise Malformed("a part of a list, or one for others' certificates")
    next_update = tbs["next_update"]
    return RevocationList(
        data=data,
        id=hashlib.sha256(data).hexdigest()[:16],
        signed=tbs.dump(),
        algorithm=read_algorithm(written["signature_algorithm"]),
        signature=written["signature"].native,
        issuer=read_name(tbs["issuer"])[0],
        this_update=read_time(tbs["this_update"]),
        next_update=read_time(next_update) if next_update.native is not None else None,
        serials=frozenset(entry["user_certificate"].native for entry in revoked),
    )
