"""Messages with one signature (RFC 5652), as EF.SOD and master lists are: the signed content, and who signed it.

The signature is over the signed attributes, and these hold the content's type and digest; nothing else of a message is covered,
or believed. Read are messages with exactly one signer and with signed attributes: without them, the attributes of another
message could be given out for a content (RFC 5652, 11).
"""

import hashlib
from dataclasses import dataclass

from asn1crypto import cms
from asn1crypto.parser import emit

from visavis.document.chip import der
from visavis.document.chip.algorithms import HASH_BY_OID, SignatureAlgorithm, read_algorithm
from visavis.document.chip.certificates import Certificate, read_certificate, read_name
from visavis.document.chip.der import Malformed

_ATTRIBUTES_MAX = 32
_CERTIFICATES_MAX = 8
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNED_DATA = "1.2.840.113549.1.7.2"


@dataclass(frozen=True, slots=True, repr=False)
class SignedMessage:
    """content: of the type that was asked for. signer: the certificate, of those inside, that the signer's entry names; None
    where it is not inside. algorithm: None where it is not supported, or its hash is another than that of the digest.
    attributes: as they are signed. type, digest: of the content, by the attributes.
    """

    content_type: str
    content: bytes
    signer: Certificate | None
    algorithm: SignatureAlgorithm | None
    attributes: bytes
    type: str
    digest: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"<SignedMessage {self.content_type}>"

    @property
    def content_holds(self) -> bool:
        """Whether the content is that which the signed attributes say, by type and digest; not without an algorithm."""
        if self.algorithm is None:
            return False
        digest = hashlib.new(self.algorithm.hash, self.content, usedforsecurity=False).digest()
        return (self.type, self.digest) == (self.content_type, digest)

    @property
    def signature_holds(self) -> bool:
        """Whether the signature of the attributes is the signer's; not without an algorithm, a signer, or a key of his."""
        if self.algorithm is None or self.signer is None or self.signer.key is None:
            return False
        return self.algorithm.verify(self.signer.key, self.attributes, self.signature)


def read_signed(data: bytes, *, content_type: str, bytes_max: int) -> SignedMessage:
    """Raises Malformed for bytes that are no message with one signature of content of this type, in distinguished encoding."""
    try:
        der.check(data, bytes_max=bytes_max)
        info = cms.ContentInfo.load(data, strict=True)
        return _read(info, content_type)
    except Malformed:
        raise
    except Exception as error:  # whatever a decoder makes of hostile bytes, they are no such message
        raise Malformed("no signed message in distinguished encoding") from error


def _read(info: cms.ContentInfo, content_type: str) -> SignedMessage:
    if info["content_type"].dotted != _SIGNED_DATA:
        raise Malformed("no signed data")
    message = info["content"]
    encapsulated, signers = message["encap_content_info"], message["signer_infos"]
    if encapsulated["content_type"].dotted != content_type:
        raise Malformed("signed content of another type")
    if len(signers) != 1 or not 1 <= len(signers[0]["signed_attrs"]) <= _ATTRIBUTES_MAX:
        raise Malformed("not exactly one signer with signed attributes")
    signer = signers[0]
    attributes = {each["type"].dotted: each["values"] for each in signer["signed_attrs"]}
    if len(attributes) != len(signer["signed_attrs"]):
        raise Malformed("a signed attribute comes twice")
    types, digests = attributes[_CONTENT_TYPE], attributes[_MESSAGE_DIGEST]
    if len(types) != 1 or len(digests) != 1:
        raise Malformed("not exactly one type and digest of the content")
    digest = HASH_BY_OID.get(signer["digest_algorithm"]["algorithm"].dotted)
    algorithm = read_algorithm(signer["signature_algorithm"], digest=digest)
    return SignedMessage(
        content_type=content_type,
        content=encapsulated["content"].contents,
        signer=_signer(message["certificates"], signer["sid"]),
        algorithm=algorithm if algorithm and algorithm.hash == digest else None,
        # signed is a set in distinguished encoding, and not the tagged value that it stands for (RFC 5652, 5.4)
        attributes=emit(0, 1, 17, b"".join(sorted(each.dump() for each in signer["signed_attrs"]))),
        type=types[0].dotted,
        digest=digests[0].native,
        signature=signer["signature"].native,
    )


def _signer(certificates: cms.CertificateSet, identifier: cms.SignerIdentifier) -> Certificate | None:
    if len(certificates) > _CERTIFICATES_MAX:
        raise Malformed("too many certificates")
    inside = [read_certificate(each.chosen.dump()) for each in certificates if each.name == "certificate"]
    if identifier.name == "subject_key_identifier":
        named = [each for each in inside if each.key_id == identifier.chosen.native]
    else:
        (issuer, _), serial = read_name(identifier.chosen["issuer"]), identifier.chosen["serial_number"].native
        named = [each for each in inside if (each.issuer, each.serial) == (issuer, serial)]
    if len(named) > 1:
        raise Malformed("several certificates of the signer")
    return named[0] if named else None
