"""EF.SOD: the signed list of the hashes of a chip's data groups (Doc 9303-10, 4.6.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import new
from types import MappingProxyType

from asn1crypto import core

from visavis.document.chip import der
from visavis.document.chip.algorithms import HASH_BY_OID
from visavis.document.chip.cms import SignedMessage, read_signed
from visavis.document.chip.der import Malformed
from visavis.document.chip.tlv import read_tlv
from visavis.errors import ChipMalformed

SOD_BYTES_MAX = 65_536
"""Chips have files of 1,500 to 10,000 bytes."""
_LIST_BYTES_MAX = 4_096
"""Sixteen hashes of 64 bytes are some 1,300."""
GROUPS = range(1, 17)
SECURITY_OBJECT = "2.23.136.1.1.1"
_TAG = 0x77


@dataclass(frozen=True, slots=True, repr=False)
class Sod:
    """What EF.SOD says; nothing of it is checked yet.

    message: the signature and what it covers. hash: of the groups, None where it is not supported. hashes: by the number of the
    group, 1..16.
    """

    message: SignedMessage
    hash: str | None
    hashes: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"<Sod of {len(self.hashes)} groups>"

    def holds(self, number: int, group: bytes) -> bool:
        """Whether the group's bytes have the hash that is listed under this number."""
        if self.hash is None:
            return False
        return new(self.hash, group, usedforsecurity=False).digest() == self.hashes.get(number)


def read_sod(data: bytes) -> Sod:
    """Raises ChipMalformed for bytes that are no EF.SOD."""
    if len(data) > SOD_BYTES_MAX:
        raise ChipMalformed(f"EF.SOD has {len(data):,} bytes; at most {SOD_BYTES_MAX:,} are read")
    inner = read_tlv(data, tag=_TAG).value
    try:
        message = read_signed(inner, content_type=SECURITY_OBJECT, bytes_max=SOD_BYTES_MAX)
        return _read(message)
    except Malformed as error:
        raise ChipMalformed(f"EF.SOD is malformed: {error}; read it from the chip again") from error


def _read(message: SignedMessage) -> Sod:
    """The list: version, algorithm, pairs of number and hash, and in version 1 the versions of data structure and Unicode."""
    try:
        der.check(message.content, bytes_max=_LIST_BYTES_MAX)
        listed = core.Sequence.load(message.content, strict=True).native
    except Exception as error:  # whatever a decoder makes of hostile bytes, they are no list of hashes
        raise Malformed("no list of hashes") from error
    match tuple(listed.values()):
        case [0 | 1, {"0": str(oid)}, dict(pairs), *versions] if len(pairs) in GROUPS:
            hashes = {pair["0"]: pair["1"] for pair in pairs.values() if _is_group_hash(pair)}
        case _:
            raise Malformed("no list of hashes of version 0 or 1")
    if len(hashes) != len(pairs):
        raise Malformed("a group comes twice, or has a number that there is not")
    hash_ = HASH_BY_OID.get(oid)
    if hash_ and {len(value) for value in hashes.values()} != {new(hash_, usedforsecurity=False).digest_size}:
        raise Malformed("a hash has another length than its algorithm gives")
    match versions:
        case [] | [{"0": str()}]:
            return Sod(message, hash_, MappingProxyType(hashes))
    raise Malformed("something follows the list of hashes")


def _is_group_hash(pair: object) -> bool:
    match pair:
        case {"0": int(number), "1": bytes()}:
            return number in GROUPS
    return False
