"""The elliptic curves that passports use, each known wholly: a curve that merely resembles one of them is none of them.

Doc 9303 has domain parameters written out in certificates, where anybody may write what he likes. With a generator of one's own,
and all else as it should be, a signature can be made for any public key (CVE-2020-0601): what is written out must equal a curve
of this list.
"""

import hashlib
from dataclasses import dataclass

import ecdsa
from asn1crypto import keys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from ecdsa.ellipticcurve import PointJacobi
from ecdsa.errors import MalformedPointError

HASHES = {
    "sha1": hashes.SHA1(),  # noqa: S303 - old passports; said in the outcome
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
"""The hash functions of Doc 9303-12, table 11, by the names that hashlib has for them."""

_PARAMETERS_BYTES_MAX = 1024
"""Written out, the largest curve has some 500 bytes."""


@dataclass(frozen=True, slots=True)
class KnownCurve:
    """A curve over a prime field, with cofactor 1, by whichever library has it.

    name: 'P-256', 'brainpoolP256r1'. oid: in dotted form. slow: the curve as `ecdsa` has it, in Python, for public values alone.
    native: the same curve as `cryptography` has it, or None.
    """

    name: str
    oid: str
    slow: ecdsa.curves.Curve
    native: ec.EllipticCurve | None

    @property
    def bits(self) -> int:
        """The length of its order: 160..521."""
        return int(self.slow.order).bit_length()

    def point(self, encoded: bytes) -> tuple[int, int] | None:
        """The coordinates of a point, uncompressed or compressed (TR-03111, 3.2), or None where that is no point of this curve
        or the point at infinity."""
        try:
            found = PointJacobi.from_bytes(self.slow.curve, encoded, valid_encodings=("uncompressed", "compressed"))
        except MalformedPointError:
            return None
        x, y = int(found.x()), int(found.y())
        # not looked at there: a point of another curve would give away the key that it meets
        return (x, y) if max(x, y) < self.slow.curve.p() and self.slow.curve.contains_point(x, y) else None

    def verify(self, point: tuple[int, int], r: int, s: int, data: bytes, hash_name: str) -> bool:
        """Whether (r, s) is an ECDSA signature of the data under this hash (`HASHES`) by the key with this point of the curve."""
        if not (0 < r < self.slow.order and 0 < s < self.slow.order):
            return False
        if self.native is not None:
            try:
                key = ec.EllipticCurvePublicNumbers(*point, self.native).public_key()
                key.verify(encode_dss_signature(r, s), data, ec.ECDSA(HASHES[hash_name]))
            except (InvalidSignature, ValueError):
                return False
            return True
        digest = hashlib.new(hash_name, data, usedforsecurity=False).digest()
        number = int.from_bytes(digest) >> max(0, 8 * len(digest) - self.bits)
        inverse = pow(s, -1, self.slow.order)
        generator = self.slow.generator
        sum_ = generator.mul_add(
            number * inverse, PointJacobi(self.slow.curve, *point, 1, self.slow.order), r * inverse
        )
        return sum_ != ecdsa.ellipticcurve.INFINITY and bool(sum_.x() % self.slow.order == r)


CURVES = (
    KnownCurve("P-192", "1.2.840.10045.3.1.1", ecdsa.NIST192p, None),  # leaving `cryptography` for its length
    KnownCurve("P-224", "1.3.132.0.33", ecdsa.NIST224p, ec.SECP224R1()),
    KnownCurve("P-256", "1.2.840.10045.3.1.7", ecdsa.NIST256p, ec.SECP256R1()),
    KnownCurve("P-384", "1.3.132.0.34", ecdsa.NIST384p, ec.SECP384R1()),
    KnownCurve("P-521", "1.3.132.0.35", ecdsa.NIST521p, ec.SECP521R1()),
    KnownCurve("brainpoolP160r1", "1.3.36.3.3.2.8.1.1.1", ecdsa.BRAINPOOLP160r1, None),
    KnownCurve("brainpoolP160t1", "1.3.36.3.3.2.8.1.1.2", ecdsa.BRAINPOOLP160t1, None),
    KnownCurve("brainpoolP192r1", "1.3.36.3.3.2.8.1.1.3", ecdsa.BRAINPOOLP192r1, None),
    KnownCurve("brainpoolP192t1", "1.3.36.3.3.2.8.1.1.4", ecdsa.BRAINPOOLP192t1, None),
    KnownCurve("brainpoolP224r1", "1.3.36.3.3.2.8.1.1.5", ecdsa.BRAINPOOLP224r1, None),
    KnownCurve("brainpoolP224t1", "1.3.36.3.3.2.8.1.1.6", ecdsa.BRAINPOOLP224t1, None),
    KnownCurve("brainpoolP256r1", "1.3.36.3.3.2.8.1.1.7", ecdsa.BRAINPOOLP256r1, ec.BrainpoolP256R1()),
    KnownCurve("brainpoolP256t1", "1.3.36.3.3.2.8.1.1.8", ecdsa.BRAINPOOLP256t1, None),
    KnownCurve("brainpoolP320r1", "1.3.36.3.3.2.8.1.1.9", ecdsa.BRAINPOOLP320r1, None),
    KnownCurve("brainpoolP320t1", "1.3.36.3.3.2.8.1.1.10", ecdsa.BRAINPOOLP320t1, None),
    KnownCurve("brainpoolP384r1", "1.3.36.3.3.2.8.1.1.11", ecdsa.BRAINPOOLP384r1, ec.BrainpoolP384R1()),
    KnownCurve("brainpoolP384t1", "1.3.36.3.3.2.8.1.1.12", ecdsa.BRAINPOOLP384t1, None),
    KnownCurve("brainpoolP512r1", "1.3.36.3.3.2.8.1.1.13", ecdsa.BRAINPOOLP512r1, ec.BrainpoolP512R1()),
    KnownCurve("brainpoolP512t1", "1.3.36.3.3.2.8.1.1.14", ecdsa.BRAINPOOLP512t1, None),
)
"""NIST's (FIPS 186-4, D.1.2) and Brainpool's (RFC 5639)."""
_BY_OID = {curve.oid: curve for curve in CURVES}


def known_curve(parameters: keys.ECDomainParameters) -> KnownCurve | None:
    """The curve that the parameters of a key name, or write out wholly and rightly; None for any other.

    A seed, and the hash function that SEC 1 allows beside the curve, decide nothing and are not looked at. A missing cofactor is
    taken for what it is on all known curves: 1.
    """
    try:
        if len(parameters.dump()) > _PARAMETERS_BYTES_MAX:
            return None
        if parameters.name == "named":
            return _BY_OID.get(parameters.chosen.dotted)
        if parameters.name != "specified":
            return None
        written = parameters.chosen
        if written["field_id"]["field_type"].dotted != "1.2.840.10045.1.1":
            return None
        prime = written["field_id"]["parameters"].native
        a, b = (int.from_bytes(written["curve"][name].native) for name in ("a", "b"))
        base, order, cofactor = (written[name].native for name in ("base", "order", "cofactor"))
    except (ValueError, TypeError, KeyError):  # what asn1crypto makes of bytes that break the format
        return None
    for known in CURVES:
        curve, generator = known.slow.curve, known.slow.generator
        if (prime, a, b, order) == (curve.p(), curve.a() % curve.p(), curve.b(), known.slow.order):
            encodings = [generator.to_bytes(encoding) for encoding in ("uncompressed", "compressed")]
            return known if base in encodings and cofactor in (1, None) else None
    return None
