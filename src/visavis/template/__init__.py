"""An embedding to a reference that can be kept: sealed for a store, or in a credential that its subject carries.

In: the embeddings of one person's captures, and keys. Out: a `SealedTemplate`, which opens only with the subject's `Claim`, the
operator's key and the record's shred together, or a `FaceCredential`. A `Template` in the clear is only ever in memory.
"""

from visavis.template.claim import CLAIM_PREFIX, Claim, ClaimType
from visavis.template.code import qr_png, qr_svg, qr_terminal, read_qr
from visavis.template.credential import CREDENTIAL_PREFIX, FaceCredential
from visavis.template.envelope import Envelope, check_public, public_of
from visavis.template.holder import HOLDER_PREFIX, HolderSecret, HolderType
from visavis.template.issuer import Issuer, base64url, jwk
from visavis.template.keys import (
    KEY_BYTES,
    KEY_KINDS,
    FileKeys,
    KeyKind,
    Signer,
    key_id,
    open_to_others,
    read_key,
    signed,
)
from visavis.template.sealed import NO_SALT, SHRED_BYTES, OperatorKeys, SealedTemplate
from visavis.template.secret import Secret
from visavis.template.status import STATUS_AGE_MAX, STATUS_BITS, StatusList
from visavis.template.value import Template

__all__ = [
    "CLAIM_PREFIX",
    "CREDENTIAL_PREFIX",
    "HOLDER_PREFIX",
    "KEY_BYTES",
    "KEY_KINDS",
    "NO_SALT",
    "SHRED_BYTES",
    "STATUS_AGE_MAX",
    "STATUS_BITS",
    "Claim",
    "ClaimType",
    "Envelope",
    "FaceCredential",
    "FileKeys",
    "HolderSecret",
    "HolderType",
    "Issuer",
    "KeyKind",
    "OperatorKeys",
    "SealedTemplate",
    "Secret",
    "Signer",
    "StatusList",
    "Template",
    "base64url",
    "check_public",
    "jwk",
    "key_id",
    "open_to_others",
    "public_of",
    "qr_png",
    "qr_svg",
    "qr_terminal",
    "read_key",
    "read_qr",
    "signed",
]
