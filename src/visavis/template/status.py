"""The status list: one bit a credential, signed, small enough to be kept by every verifier (Token Status List, CWT form)."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from visavis.errors import CredentialError, StatusListForged, StatusListMalformed, StatusListStale
from visavis.template import cose
from visavis.template.issuer import Issuer
from visavis.template.keys import Signer, key_id

STATUS_BITS = 131_072
STATUS_AGE_MAX = timedelta(hours=24)
_BYTES = STATUS_BITS // 8
CLOCK_SKEW = timedelta(seconds=60)
"""How far the clocks of issuer and verifier may differ."""
_ISSUER, _SUBJECT, _ISSUED, _LIST = 1, 2, 6, 65533
_TYPE = {cose.TYPE: "application/statuslist+cwt"}
_BYTES_MAX = 32_768
TIME_MAX = 253402300799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class StatusList:
    """bits: 16,384 bytes; credential i is revoked where bit i % 8, counted from the least significant, of byte i // 8 is set."""

    issuer: str
    address: str
    issued_at: datetime
    bits: bytes

    @classmethod
    def make(cls, issuer: Issuer, revoked: Iterable[int], *, signer: Signer, now: datetime) -> bytes:
        """The signed list, in which the credentials at these places are revoked. Raises IndexError for one that there is not."""
        bits = bytearray(_BYTES)
        for index in map(_place, revoked):
            bits[index // 8] |= 1 << index % 8
        payload = {
            _ISSUER: issuer.name,
            _SUBJECT: issuer.status_list,
            _ISSUED: int(now.timestamp()),
            _LIST: {"bits": 1, "lst": zlib.compress(bytes(bits), 9)},
        }
        return cose.sign1(cose.encode(payload), signer=signer, protected=_TYPE)

    @classmethod
    def read(cls, data: bytes, *, issuer: Issuer) -> "StatusList":
        """Check form and signature. Raises StatusListMalformed, also for another issuer's list, or StatusListForged."""
        try:
            keys = {key_id(key): key for key in issuer.keys}
            signed, _ = cose.verify1(data, keys=keys, bytes_max=_BYTES_MAX, protected=_TYPE)
            payload = cose.decode(signed)
        except cose.Forged:
            raise StatusListForged("the signature does not fit: the status list was changed or forged") from None
        except cose.SignerUnknown:
            raise StatusListMalformed(
                f"the status list is signed with a key that the file of {issuer.name} lacks; fetch the issuer's file again"
            ) from None
        except (cose.Malformed, cose.OtherAlgorithm) as error:
            raise StatusListMalformed(f"this is no status list of {issuer.name}: {error}") from None
        match payload:
            case {
                1: str(name),
                2: str(address),
                6: int(issued),
                65533: {"bits": 1, "lst": bytes(packed), **inner},
                **others,
            }:
                bits = _unpacked(packed)
                if (
                    not inner
                    and not others
                    and bits is not None
                    and 0 <= issued <= TIME_MAX
                    and (name, address) == (issuer.name, issuer.status_list)
                ):
                    return cls(name, address, datetime.fromtimestamp(issued, UTC), bits)
        raise StatusListMalformed(f"this is no status list of {issuer.name}")

    @classmethod
    def of(cls, issuer: Issuer, lists: Sequence[bytes], *, now: datetime) -> "StatusList":
        """The newest list of the issuer. Raises StatusListStale when there is none of the last 24 hours, and what `read` does
        when none can be read."""
        found: list[StatusList] = []
        refusal: CredentialError = StatusListStale(
            f"no status list of {issuer.name} is at hand; fetch it from its issuer"
        )
        for data in lists:
            try:
                found.append(cls.read(data, issuer=issuer))
            except (StatusListMalformed, StatusListForged) as error:
                refusal = error
        if not found:
            raise refusal
        newest = max(found, key=lambda each: each.issued_at)
        if newest.issued_at > now + CLOCK_SKEW:
            raise StatusListStale(f"the status list of {issuer.name} is from the future; is this clock right?")
        if newest.issued_at < now - STATUS_AGE_MAX:
            raise StatusListStale(
                f"the status list of {issuer.name} is older than 24 hours; fetch it anew from its issuer"
            )
        return newest

    def revoked(self, index: int) -> bool:
        """Whether the credential at this place is revoked. Raises IndexError for a place that there is not."""
        return bool(self.bits[_place(index) // 8] >> index % 8 & 1)


def _place(index: int) -> int:
    if not 0 <= index < STATUS_BITS:
        raise IndexError(f"a status list has the places 0 to {STATUS_BITS - 1}")
    return index


def _unpacked(packed: bytes) -> bytes | None:
    """The bits, if there are exactly as many as there must be; never more memory than that."""
    try:
        inflate = zlib.decompressobj()
        bits = inflate.decompress(packed, _BYTES + 1)
    except zlib.error:
        return None
    return bits if len(bits) == _BYTES and inflate.eof and not inflate.unused_data else None
