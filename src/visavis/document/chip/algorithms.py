"""The signatures of Doc 9303-12, 4.4: RSA by PKCS#1 v1.5 and PSS, and ECDSA, each only with parameters that make it one."""

from dataclasses import dataclass
from enum import StrEnum

from asn1crypto import algos, keys
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from visavis.document.chip.curves import HASHES, KnownCurve, known_curve

HASH_BY_OID = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_PKCS1_BY_OID = {
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_ECDSA_BY_OID = {
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_RSA, _PSS, _MGF1 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
RSA_BITS = range(1024, 8193)
_EXPONENT_BITS_MAX = 64
"""OpenSSL takes no larger one for long keys."""
_SALT_BYTES = range(20, 65)
"""Of PSS: from what RFC 8017 has by default to the longest hash."""
_SIGNATURE_BYTES_MAX = 1024
_STRONG_BITS = {"RSA": 2048, "EC": 224}
"""What Doc 9303-12, 4.4, asks of keys that sign documents."""


class Scheme(StrEnum):
    """How something is signed."""

    PKCS1 = "RSASSA-PKCS1-v1_5"
    PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"


@dataclass(frozen=True, slots=True)
class RsaKey:
    """pss: the hash and the shortest salt that the key itself asks for, which then signs by PSS alone (RFC 4055, 1.2 and 3.3);
    ('', 0) where it names PSS and nothing more, None for a key that does not name it."""

    modulus: int
    exponent: int
    pss: tuple[str, int] | None = None

    @property
    def short(self) -> bool:
        """Whether it is shorter than what may sign documents today."""
        return self.modulus.bit_length() < _STRONG_BITS["RSA"]

    def __str__(self) -> str:
        return f"RSA {self.modulus.bit_length()}"


@dataclass(frozen=True, slots=True)
class EcKey:
    """A point of a known curve."""

    curve: KnownCurve
    point: tuple[int, int]

    @property
    def short(self) -> bool:
        """Whether it is shorter than what may sign documents today."""
        return self.curve.bits < _STRONG_BITS["EC"]

    def __str__(self) -> str:
        return self.curve.name


PublicKey = RsaKey | EcKey


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """hash: a name of `HASHES`. salt_bytes: of PSS, whose mask is made with the same hash."""

    scheme: Scheme
    hash: str
    salt_bytes: int = 0

    def __str__(self) -> str:
        return f"{self.scheme} with {self.hash.upper().replace('SHA', 'SHA-')}"

    def verify(self, key: PublicKey, data: bytes, signature: bytes) -> bool:
        """Whether the signature is one of the data by this algorithm and key; never where the two do not belong together."""
        if len(signature) > _SIGNATURE_BYTES_MAX or isinstance(key, EcKey) != (self.scheme is Scheme.ECDSA):
            return False
        try:
            if isinstance(key, EcKey):
                return key.curve.verify(key.point, *decode_dss_signature(signature), data, self.hash)
            hash_ = HASHES[self.hash]
            if self.scheme is Scheme.PSS:
                if key.pss is not None and (key.pss[0] not in ("", self.hash) or self.salt_bytes < key.pss[1]):
                    return False
                pad: padding.AsymmetricPadding = padding.PSS(padding.MGF1(hash_), self.salt_bytes)
            elif key.pss is not None:
                return False
            else:
                pad = padding.PKCS1v15()
            rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key().verify(signature, data, pad, hash_)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


def read_public_key(info: keys.PublicKeyInfo) -> PublicKey | None:
    """The key, or None for one of another kind, on no known curve, or of an implausible size.

    Raises what asn1crypto makes of bytes that break the format.
    """
    oid = info["algorithm"]["algorithm"].dotted
    if oid in (_RSA, _PSS):
        modulus, exponent = (info["public_key"].parsed[name].native for name in ("modulus", "public_exponent"))
        plausible = modulus > 0 and modulus % 2 and modulus.bit_length() in RSA_BITS
        if not plausible or exponent < 3 or not exponent % 2 or exponent.bit_length() > _EXPONENT_BITS_MAX:
            return None
        if oid == _RSA:
            return RsaKey(modulus, exponent)
        parameters = info["algorithm"]["parameters"]
        if not isinstance(parameters, algos.RSASSAPSSParams):
            return RsaKey(modulus, exponent, ("", 0))
        asked = _read_pss(parameters)
        return None if asked is None else RsaKey(modulus, exponent, (asked.hash, asked.salt_bytes))
    if oid == "1.2.840.10045.2.1":
        curve = known_curve(info["algorithm"]["parameters"])
        point = curve.point(info["public_key"].native) if curve else None
        return EcKey(curve, point) if curve and point else None
    return None


def read_algorithm(written: algos.SignedDigestAlgorithm, *, digest: str | None = None) -> SignatureAlgorithm | None:
    """The algorithm of a signature, or None for one that is not supported.

    digest: the hash that a signed message names beside it, where the algorithm may leave it open (RFC 3370, 3.2).
    Raises what asn1crypto makes of bytes that break the format.
    """
    oid = written["algorithm"].dotted
    if oid == _PSS:
        parameters = written["parameters"]
        return _read_pss(parameters) if isinstance(parameters, algos.RSASSAPSSParams) else None
    if oid in _ECDSA_BY_OID:
        return SignatureAlgorithm(Scheme.ECDSA, _ECDSA_BY_OID[oid])
    hash_ = digest if oid == _RSA else _PKCS1_BY_OID.get(oid)
    return SignatureAlgorithm(Scheme.PKCS1, hash_) if hash_ else None


def _read_pss(parameters: algos.RSASSAPSSParams) -> SignatureAlgorithm | None:
    mask = parameters["mask_gen_algorithm"]
    hash_ = HASH_BY_OID.get(parameters["hash_algorithm"]["algorithm"].dotted)
    salt_bytes = parameters["salt_length"].native
    fits = (
        mask["algorithm"].dotted == _MGF1
        and HASH_BY_OID.get(mask["parameters"]["algorithm"].dotted) == hash_
        and parameters["trailer_field"].native == "trailer_field_bc"
        and salt_bytes in _SALT_BYTES
    )
    return SignatureAlgorithm(Scheme.PSS, hash_, salt_bytes) if hash_ and fits else None
