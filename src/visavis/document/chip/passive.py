"""Passive authentication (Doc 9303-11, 5.1): what a chip says is what a country has signed. A copy of a chip passes as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NoReturn

from visavis.document.chip.certificates import Certificate
from visavis.document.chip.cms import SignedMessage
from visavis.document.chip.countries import signs_for
from visavis.document.chip.identity import read_identity
from visavis.document.chip.sod import Sod, read_sod
from visavis.document.chip.trust import Revocation, Trust


class ChipReason(StrEnum):
    """Why it failed."""

    ALGORITHM_UNSUPPORTED = (
        "algorithm_unsupported"  # a key, signature or hash of a kind, or with parameters, that is not accepted
    )
    CONTENT_ALTERED = "content_altered"  # the list of hashes is not the one that was signed
    SIGNATURE_WRONG = "signature_wrong"  # the signature is not that of the signer who is named
    GROUP_ALTERED = "group_altered"  # a group has another hash than the one that is listed
    GROUP_UNLISTED = "group_unlisted"  # a group was given of which no hash is listed
    SIGNER_MISSING = "signer_missing"  # EF.SOD names a signer, and holds no certificate of his
    SIGNER_UNKNOWN = "signer_unknown"  # no trusted authority is the one that the signer's certificate names
    SIGNER_FORGED = "signer_forged"  # the authority that the signer's certificate names has not signed it
    SIGNER_UNFIT = "signer_unfit"  # the signer's certificate is not for signing documents
    SIGNER_NOT_YET_VALID = "signer_not_yet_valid"
    SIGNER_EXPIRED = "signer_expired"
    SIGNER_REVOKED = "signer_revoked"
    CSCA_NOT_YET_VALID = "csca_not_yet_valid"
    CSCA_EXPIRED = "csca_expired"
    CSCA_REVOKED = "csca_revoked"
    COUNTRY_DIFFERS = "country_differs"  # signer, authority and issuing state are not of one country
    DOCUMENT_TYPE_UNLISTED = "document_type_unlisted"  # the signer may not sign documents of this type


class ChipNote(StrEnum):
    """What should be known of one that passed."""

    LEGACY_HASH = (
        "legacy_hash"  # SHA-1, by which forgeries are affordable where who signs does not choose what he signs
    )
    SHORT_KEY = "short_key"  # RSA below 2048 bits, or a curve below 224
    REVOCATION_NOT_CHECKED = "revocation_not_checked"  # there is no revocation list of the authority
    REVOCATION_STALE = "revocation_stale"  # its revocation list should have been followed by another


@dataclass(frozen=True, slots=True, repr=False)
class PassiveAuthentication:
    """reasons: why it failed, empty where it passed. groups_checked: the numbers of the groups whose hashes hold.
    groups_not_read: of those which are listed and were not given.

    What follows is by the certificate that was inside, and means nothing unless it passed. country: of the signer, 'DE'.
    algorithms: of the signature and of the signer's certificate, with the keys. hash: of the groups, 'sha256'. signer,
    authority: the ids of their certificates (`Certificate.id`). Each is None, or empty, where it is not known.
    """

    reasons: tuple[ChipReason, ...]
    notes: tuple[ChipNote, ...]
    country: str | None
    algorithms: tuple[str, ...]
    hash: str | None
    signer: str | None
    authority: str | None
    groups_checked: tuple[int, ...]
    groups_not_read: tuple[int, ...]

    def __bool__(self) -> NoReturn:
        raise TypeError("it has no truth value; it passed where it has no reasons")

    def __repr__(self) -> str:
        return f"<PassiveAuthentication {' '.join(self.reasons) or 'passed'}>"


def authenticate(sod: bytes, groups: Mapping[int, bytes], *, trust: Trust, now: datetime) -> PassiveAuthentication:
    """Whether data groups are those that a country's document signer has signed.

    (1) EF.SOD is read. (2) Each group given has the hash that is listed. (3) The list is the one that is signed. (4) The
    signature is that of the signer, whose certificate is inside. (5) That certificate is for signing documents, and valid now.
    (6) A trusted authority, valid now, has signed it. (7) Neither is revoked. (8) Both are of one country, that of the issuing
    state in group 1, and the signer may sign documents of its type.

    sod: the file, with its tag 77. groups: the files by their numbers, with their tags; group 1 is among them. now: with a time
    zone. Raises ChipMalformed for bytes that are no EF.SOD, and where group 1 is as listed and not as specified.
    """
    read = read_sod(sod)  # (1)
    message, signer = read.message, read.message.signer
    checked = tuple(number for number in sorted(groups) if read.holds(number, groups[number]))
    reasons = _of_groups(read, groups, checked) | _of_signature(message)  # (2) (3) (4)
    notes: set[ChipNote] = set()
    issuer = None
    if signer is not None:
        issuer, found = _issuer(signer, trust, now)  # (6) (7) (8)
        reasons |= found | _of_signer(signer, now)  # (5)
        revocation = trust.revocation(signer, now=now)  # (7)
        if revocation is Revocation.REVOKED:
            reasons.add(ChipReason.SIGNER_REVOKED)
        elif revocation is Revocation.UNKNOWN:
            notes.add(ChipNote.REVOCATION_NOT_CHECKED)
        elif revocation is Revocation.STALE:
            notes.add(ChipNote.REVOCATION_STALE)
        if 1 in checked:
            reasons |= _of_identity(signer, groups[1])  # (8)
    signatures = ((message.algorithm, signer and signer.key), (signer and signer.algorithm, issuer and issuer.key))
    if "sha1" in (read.hash, *(algorithm.hash for algorithm, _ in signatures if algorithm)):
        notes.add(ChipNote.LEGACY_HASH)
    if any(key.short for _, key in signatures if key):
        notes.add(ChipNote.SHORT_KEY)
    return PassiveAuthentication(
        reasons=tuple(each for each in ChipReason if each in reasons),
        notes=tuple(each for each in ChipNote if each in notes),
        country=signer.country if signer else None,
        algorithms=tuple(f"{algorithm}, {key}" for algorithm, key in signatures if algorithm and key),
        hash=read.hash,
        signer=signer.id if signer else None,
        authority=issuer.id if issuer else None,
        groups_checked=checked,
        groups_not_read=tuple(sorted(read.hashes.keys() - groups.keys())),
    )


def _of_groups(read: Sod, groups: Mapping[int, bytes], checked: tuple[int, ...]) -> set[ChipReason]:
    if read.hash is None:
        return {ChipReason.ALGORITHM_UNSUPPORTED}
    wrong = groups.keys() - set(checked)
    return {ChipReason.GROUP_ALTERED if number in read.hashes else ChipReason.GROUP_UNLISTED for number in wrong}


def _of_signature(message: SignedMessage) -> set[ChipReason]:
    reasons = set()
    if message.algorithm is None:
        reasons.add(ChipReason.ALGORITHM_UNSUPPORTED)
    elif not message.content_holds:
        reasons.add(ChipReason.CONTENT_ALTERED)
    if message.signer is None:
        reasons.add(ChipReason.SIGNER_MISSING)
    elif message.signer.key is None:
        reasons.add(ChipReason.ALGORITHM_UNSUPPORTED)
    elif message.algorithm is not None and not message.signature_holds:
        reasons.add(ChipReason.SIGNATURE_WRONG)
    return reasons


def _of_signer(signer: Certificate, now: datetime) -> set[ChipReason]:
    reasons = set()
    if not signer.signs(None):
        reasons.add(ChipReason.SIGNER_UNFIT)
    if now < signer.not_before:
        reasons.add(ChipReason.SIGNER_NOT_YET_VALID)
    if now > signer.not_after:
        reasons.add(ChipReason.SIGNER_EXPIRED)
    return reasons


def _issuer(signer: Certificate, trust: Trust, now: datetime) -> tuple[Certificate | None, set[ChipReason]]:
    """The authority's certificate by which the signer's is believed, and what is against it; of several that with the least."""
    named = trust.issuers(signer)
    judged = [(each, _of_authority(each, signer, trust, now)) for each in named if signer.is_issued_by(each)]
    if judged:
        return min(judged, key=lambda each: len(each[1]))
    if named and signer.algorithm is None:
        return None, {ChipReason.ALGORITHM_UNSUPPORTED}
    if any(each.key_id is not None and each.key_id == signer.issuer_key_id for each in named):
        return None, {ChipReason.SIGNER_FORGED}
    return None, {ChipReason.SIGNER_UNKNOWN}


def _of_authority(authority: Certificate, signer: Certificate, trust: Trust, now: datetime) -> set[ChipReason]:
    reasons = set()
    if now < authority.not_before:
        reasons.add(ChipReason.CSCA_NOT_YET_VALID)
    if now > authority.not_after:
        reasons.add(ChipReason.CSCA_EXPIRED)
    if trust.revocation(authority, now=now) is Revocation.REVOKED:
        reasons.add(ChipReason.CSCA_REVOKED)
    if authority.country is None or authority.country != signer.country:
        reasons.add(ChipReason.COUNTRY_DIFFERS)
    return reasons


def _of_identity(signer: Certificate, group: bytes) -> set[ChipReason]:
    """The zone begins with the type and the issuing state in each of its formats (Doc 9303-4 to 6). Where a signer's types are
    listed, one of a single letter stands for all that begin with it."""
    zone = read_identity(group)
    reasons = set()
    if signer.country is None or not signs_for(signer.country, zone[2:5]):
        reasons.add(ChipReason.COUNTRY_DIFFERS)
    if signer.document_types is not None and not signer.document_types & {zone[0], zone[:2].rstrip("<")}:
        reasons.add(ChipReason.DOCUMENT_TYPE_UNLISTED)
    return reasons
