"""The face credential: a reference that its subject carries and that no database holds (docs/formats.md).

A CWT (RFC 8392) in a COSE_Sign1, with the template inside in a COSE_Encrypt0. It is checked offline: the issuer's public key,
the times, the signed status list, the verifier's key and, but for one profile, the holder's secret.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from visavis.errors import (
    CredentialAlgorithm,
    CredentialExpired,
    CredentialForged,
    CredentialIssuerUnknown,
    CredentialMalformed,
    CredentialNotYetValid,
    CredentialPurpose,
    CredentialRevoked,
    HolderSecretMissing,
    HolderSecretWrong,
    TemplateMalformed,
    VerifierKeyWrong,
)
from visavis.template import base45, cose
from visavis.template.carried import ID_BYTES
from visavis.template.holder import HolderSecret, HolderType
from visavis.template.issuer import Issuer
from visavis.template.keys import KEY_ID_BYTES, Signer, key_id
from visavis.template.secret import Secret
from visavis.template.status import CLOCK_SKEW, STATUS_BITS, TIME_MAX, StatusList
from visavis.template.value import HEADER_BYTES, Template

CREDENTIAL_PREFIX = "VV1:"
_ISSUER, _EXPIRES, _ISSUED, _CTI = 1, 4, 6, 7
_INDEX, _PURPOSES, _TEMPLATE, _HOLDER = -65537, -65538, -65539, -65540
_PURPOSES_MAX, _PURPOSE_LENGTH_MAX, _ISSUER_LENGTH_MAX = 8, 64, 255
_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, repr=False)
class FaceCredential:
    """A credential as its issuer signed it, with the template still encrypted.

    data: the bytes. cti: its id, 16 bytes. index: its place in the issuer's status list. purposes: sorted. issued_at,
    expires_at: UTC, whole seconds. holder: what opens it besides the verifier key. verifier_key_id: of the key that it was made
    for. signer_key: the issuer's public key that signed it.
    """

    data: bytes
    issuer: str
    cti: bytes
    index: int
    purposes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    holder: HolderType
    verifier_key_id: bytes
    signer_key: bytes
    _encrypted: tuple[bytes, bytes, bytes]

    def __repr__(self) -> str:
        return f"<FaceCredential {self.cti.hex()}>"

    def text(self) -> str:
        """`VV1:` and Base45: what its QR code says."""
        return base45.encode(CREDENTIAL_PREFIX, self.data)

    @classmethod
    def issue(
        cls,
        template: Template,
        *,
        issuer: str,
        signer: Signer,
        verifier_key: Secret,
        index: int,
        purposes: Sequence[str],
        issued_at: datetime,
        expires_at: datetime,
        holder: HolderSecret | None,
        cti: bytes,
    ) -> "FaceCredential":
        """Encrypt a template into a credential and sign it.

        index: 0..131071, in the issuer's status list. purposes: 1 to 8 names. holder: the secret that it needs to be opened,
        made for `cti`; None for the profile in which the credential is the only token. Raises CredentialMalformed for values
        that no credential can hold.
        """
        if holder is not None and holder.cti != cti:
            raise HolderSecretWrong("this secret was made for another credential")
        with _template_key(verifier_key, holder, cti) as key, Secret(bytes(template)) as plain:
            encrypted = cose.encrypt0(
                plain,
                key=key,
                nonce=secrets.token_bytes(cose.NONCE_BYTES),
                protected={cose.KEY_ID: key_id(verifier_key.view)},
                external_aad=cti,
            )
        payload = {
            _ISSUER: issuer,
            _EXPIRES: int(expires_at.timestamp()),
            _ISSUED: int(issued_at.timestamp()),
            _CTI: cti,
            _INDEX: index,
            _PURPOSES: sorted(purposes),
            _TEMPLATE: encrypted,
            _HOLDER: int(HolderType.NONE if holder is None else holder.type),
        }
        try:
            data = cose.sign1(cose.encode(payload), signer=signer)
            return cls._parse(data, payload, signer.public)
        except cose.Malformed as error:
            raise CredentialMalformed(f"no credential can hold this: {error}") from None

    @classmethod
    def from_text(cls, text: str, *, issuers: Sequence[Issuer]) -> "FaceCredential":
        """Read a credential's text, as `read` does its bytes."""
        try:
            data = base45.decode(CREDENTIAL_PREFIX, text)
        except ValueError:
            raise CredentialMalformed(
                f"expected a face credential: {CREDENTIAL_PREFIX} and Base45, as its QR code says"
            ) from None
        return cls.read(data, issuers=issuers)

    @classmethod
    def read(cls, data: bytes, *, issuers: Sequence[Issuer]) -> "FaceCredential":
        """Check form, algorithm, issuer and signature, and nothing else.

        Raises CredentialMalformed, CredentialAlgorithm, CredentialIssuerUnknown or CredentialForged.
        """
        keys = {key_id(key): key for issuer in issuers for key in issuer.keys}
        try:
            payload, signer = cose.verify1(data, keys=keys, bytes_max=_BYTES_MAX)
            credential = cls._parse(data, cose.decode(payload), signer)
        except cose.Malformed as error:
            raise CredentialMalformed(f"this is no face credential: {error}") from None
        except cose.OtherAlgorithm:
            raise CredentialAlgorithm("expected EdDSA for the signature and A256GCM for the template") from None
        except cose.SignerUnknown:
            raise CredentialIssuerUnknown("the key that it names as its signer's is no trusted issuer's") from None
        except cose.Forged:
            raise CredentialForged("the signature does not fit: the credential was changed or forged") from None
        if credential.issued_by(issuers) is None:
            raise CredentialIssuerUnknown("it names an issuer whose key did not sign it")
        return credential

    def check(self, *, issuers: Sequence[Issuer], status_lists: Sequence[bytes], purpose: str, now: datetime) -> None:
        """Judge its times, its purpose, and its place in the issuer's newest status list, which must be of the last 24 hours.

        status_lists: as they were fetched; those of other issuers are passed over. Raises CredentialNotYetValid,
        CredentialExpired, CredentialPurpose, CredentialIssuerUnknown, CredentialRevoked, and what `StatusList.of` does.
        """
        if self.issued_at > now + CLOCK_SKEW:
            raise CredentialNotYetValid(
                f"it is valid from {self.issued_at:%Y-%m-%d %H:%M} UTC on; is this clock right?"
            )
        if self.expires_at <= now:
            raise CredentialExpired(f"it expired at {self.expires_at:%Y-%m-%d %H:%M} UTC")
        if purpose not in self.purposes:
            raise CredentialPurpose(f"it was issued for {', '.join(map(repr, self.purposes))}, not for {purpose!r}")
        issuer = self.issued_by(issuers)
        if issuer is None:
            raise CredentialIssuerUnknown("its issuer is not trusted")
        if StatusList.of(issuer, status_lists, now=now).revoked(self.index):
            raise CredentialRevoked("its issuer has revoked it")

    def open(self, *, verifier_keys: Mapping[bytes, Secret], holder: HolderSecret | None) -> Template:
        """Decrypt the template. verifier_keys: by `key_id`. holder: disregarded where the credential needs none.

        Raises VerifierKeyWrong, HolderSecretMissing or HolderSecretWrong.
        """
        key = verifier_keys.get(self.verifier_key_id)
        if key is None:
            raise VerifierKeyWrong("it was made for verifiers that hold another key")
        if self.holder is HolderType.NONE:
            holder = None
        elif holder is None:
            raise HolderSecretMissing("it opens only with its holder's secret")
        elif holder.cti != self.cti or holder.type is not self.holder:
            raise HolderSecretWrong("this secret belongs to another credential")
        try:
            with (
                _template_key(key, holder, self.cti) as template_key,
                cose.decrypt0(*self._encrypted, key=template_key, external_aad=self.cti) as plain,
            ):
                return Template.parse(plain.view)
        except cose.Forged:
            if holder is None:
                raise CredentialMalformed("its issuer made it with another key than it names") from None
            raise HolderSecretWrong("this secret does not open it") from None
        except TemplateMalformed as error:
            raise CredentialMalformed(f"its issuer put no template into it: {error}") from None

    def issued_by(self, issuers: Sequence[Issuer]) -> Issuer | None:
        """The issuer of its name whose key signed it, if it is among these."""
        return next((each for each in issuers if each.name == self.issuer and self.signer_key in each.keys), None)

    @classmethod
    def _parse(cls, data: bytes, payload: Any, signer: bytes) -> "FaceCredential":
        """Raises `cose.Malformed` or `cose.OtherAlgorithm`."""
        match payload:
            case {
                1: str(issuer),
                4: int(expires),
                6: int(issued),
                7: bytes(cti),
                -65537: int(index),
                -65538: [*purposes],
                -65539: encrypted,
                -65540: int(holder),
                **others,
            } if not others:
                headers, *message = cose.open_header(encrypted)
            case _:
                raise cose.Malformed("expected the claims of a face credential and no others")
        verifier_key_id = headers.get(cose.KEY_ID)
        if not (
            len(cti) == ID_BYTES
            and 0 < len(issuer) <= _ISSUER_LENGTH_MAX
            and 0 <= issued < expires <= TIME_MAX
            and 0 <= index < STATUS_BITS
            and 0 < len(purposes) <= _PURPOSES_MAX
            and all(isinstance(purpose, str) and 0 < len(purpose) <= _PURPOSE_LENGTH_MAX for purpose in purposes)
            and purposes == sorted(set(purposes))
            and holder in set(HolderType)
            and isinstance(verifier_key_id, bytes)
            and len(verifier_key_id) == KEY_ID_BYTES
            and len(headers) == 2
            and len(message[-1]) > HEADER_BYTES + cose.TAG_BYTES
            and len(data) <= _BYTES_MAX
        ):
            raise cose.Malformed("a claim is out of its range")
        header, nonce, ciphertext = message
        return cls(
            data=data,
            issuer=issuer,
            cti=cti,
            index=index,
            purposes=tuple(purposes),
            issued_at=datetime.fromtimestamp(issued, UTC),
            expires_at=datetime.fromtimestamp(expires, UTC),
            holder=HolderType(holder),
            verifier_key_id=verifier_key_id,
            signer_key=signer,
            _encrypted=(header, nonce, ciphertext),
        )


def _template_key(verifier_key: Secret, holder: HolderSecret | None, cti: bytes) -> Secret:
    kind = HolderType.NONE if holder is None else holder.type
    with Secret((b"" if holder is None else bytes(holder.secret.view)) + verifier_key.view) as material:
        key = Secret(bytes(32))
        HKDF(SHA256(), 32, cti, b"visavis credential v1" + bytes([kind])).derive_into(material.view, key.view)
        return key
