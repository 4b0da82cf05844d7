import hashlib
import secrets
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip import simulated_chip as sim
from tests.document.chip.simulated_chip import CURVE, P256, AgreementKey, plain, recoverable, rsa_key
from visavis.document.chip.active import internal_authenticate, signed_by_chip
from visavis.document.chip.curves import CURVES, KnownCurve
from visavis.document.chip.groups import DH_GROUPS
from visavis.errors import ChipMalformed

NONCE = bytes.fromhex("F173589974BF40C6")
"""Of the worked example of Doc 9303-11, appendix F."""
OTHER_NONCE = bytes.fromhex("F173589974BF40C7")
KEY = rsa_key(1024)
MODULUS = KEY.public_numbers.n
DG15 = sim.dg15_of(sim.rsa_info(MODULUS, 65537))
TRAILERS = [
    ("sha1", "bc"),
    ("sha1", "33cc"),
    ("sha224", "38cc"),
    ("sha256", "34cc"),
    ("sha384", "36cc"),
    ("sha512", "35cc"),
]
PLAIN = {
    name: f"0.4.0.127.0.7.1.1.4.1.{number + 1}"
    for number, name in enumerate(("sha1", "sha224", "sha256", "sha384", "sha512"))
}


def signed(signature: bytes, *, dg15: bytes = DG15, dg14: bytes | None = None, nonce: bytes = NONCE) -> bool:
    return signed_by_chip(dg15, signature, nonce=nonce, dg14=dg14)


def raw(message: bytes) -> bytes:
    """These bytes under the private key, whatever they are."""
    return pow(int.from_bytes(message), KEY.d, MODULUS).to_bytes(128)


def test_the_command() -> None:
    assert internal_authenticate(NONCE) == bytes.fromhex("0088000008F173589974BF40C600")


class TestRsa:
    def test_the_worked_example(self) -> None:
        """Doc 9303-11, appendix F, which prints what is signed and leaves the key out."""
        message = bytes.fromhex(
            "6A9D2784A67F8E7C659973EA1AEA25D95B6C8F91E5002F369F0FBDCE8A3CEC1991B543F1696546C5524CF23A5303CD6C"
            "98599F40B79F377B5F3A1406B3B4D8F96784D23AA88DB7E1032A405E69325FA91A6E86F5C71AEA978264C4A207446DAD"
            "4E7292E2DCDA3024B47DA8C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127BC"
        )
        assert signed(raw(message))
        assert not signed(raw(message), nonce=OTHER_NONCE)

    @pytest.mark.parametrize(("hash_name", "trailer"), TRAILERS)
    @pytest.mark.parametrize("bits", [1024, 2048])
    def test_each_hash(self, bits: int, hash_name: str, trailer: str) -> None:
        key = rsa_key(bits)
        dg15 = sim.dg15_of(sim.rsa_info(key.public_numbers.n, 65537))
        signature = recoverable(key, NONCE, hash_name=hash_name, trailer=bytes.fromhex(trailer))
        assert signed(signature, dg15=dg15)
        assert not signed(signature, dg15=dg15, nonce=OTHER_NONCE)

    def test_the_smaller_of_two_numbers(self) -> None:
        for _ in range(4):
            signature = recoverable(KEY, NONCE, smaller=True)
            assert signed(signature)
            assert not signed(signature, nonce=OTHER_NONCE)
            other = (MODULUS - int.from_bytes(signature)).to_bytes(128)
            assert signed(other)  # the same proof in its other writing; nobody else can make either

    def test_a_small_exponent(self) -> None:
        key = rsa_key(1024, exponent=3)
        dg15 = sim.dg15_of(sim.rsa_info(key.public_numbers.n, 3))
        assert signed(recoverable(key, NONCE), dg15=dg15)

    def test_another_key(self) -> None:
        assert not signed(recoverable(rsa_key(1024, 1), NONCE))

    def test_no_flipped_bit_passes(self) -> None:
        signature = recoverable(KEY, NONCE)
        for place in range(1024):
            flipped = bytearray(signature)
            flipped[place // 8] ^= 1 << place % 8
            assert not signed(bytes(flipped))

    def test_other_lengths(self) -> None:
        signature = recoverable(KEY, NONCE)
        for changed in (b"", signature[:-1], signature[1:], b"\0" + signature, signature + b"\0", signature * 2):
            assert not signed(changed)

    def test_numbers_that_are_no_signature(self) -> None:
        signature = int.from_bytes(recoverable(KEY, NONCE))
        for number in (0, 1, MODULUS - 1, MODULUS, MODULUS + 1, 2**1024 - 1):
            assert not signed(number.to_bytes(128))
        if signature + MODULUS < 2**1024:
            assert not signed((signature + MODULUS).to_bytes(128))

    @pytest.mark.parametrize(
        "trailer", ["bb", "00bc00", "31cc", "32cc", "37cc", "3acc", "00cc", "cc", "34bd", "5c", "0c"]
    )
    def test_other_trailers(self, trailer: str) -> None:
        end = bytes.fromhex(trailer)
        assert not signed(recoverable(KEY, NONCE, trailer=end))
        assert not signed(recoverable(KEY, NONCE, hash_name="sha256", trailer=end))

    @pytest.mark.parametrize(("hash_name", "trailer"), TRAILERS)
    def test_a_trailer_of_another_hash(self, hash_name: str, trailer: str) -> None:
        for other, end in TRAILERS:
            if other != hash_name:
                assert not signed(recoverable(KEY, NONCE, hash_name=hash_name, trailer=bytes.fromhex(end)))

    @pytest.mark.parametrize("header", ["4a", "6b", "2a", "00", "7a", "6bba", "4bbbba"])
    def test_other_headers(self, header: str) -> None:
        """Of messages that are recovered wholly, or padded as no chip has to."""
        assert not signed(recoverable(KEY, NONCE, header=bytes.fromhex(header)))

    def test_what_is_signed_otherwise(self) -> None:
        digest = hashlib.sha1(NONCE).digest()  # noqa: S324
        for message in (
            b"\0\1" + b"\xff" * 105 + b"\0" + digest,  # PKCS#1
            b"\x6a" + bytes(106) + digest + b"\xbc",  # the hash of the nonce alone
            b"\x6a" + bytes(98) + NONCE + digest + b"\xbc",
            b"\x6a" + digest + bytes(106) + b"\xbc",
            b"\x6a" + bytes(126) + b"\xbc",
        ):
            assert len(message) == 128
            assert not signed(raw(message))

    @given(st.binary(max_size=130))
    def test_any_bytes(self, signature: bytes) -> None:
        assert not signed(signature)


class TestEcdsa:
    @pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
    def test_each_curve(self, curve: KnownCurve) -> None:
        key = AgreementKey.make(curve)
        dg15, dg14 = sim.dg15_of(key.info), sim.dg14_of(sim.active_info(PLAIN["sha256"]))
        signature = plain(curve, key.private, NONCE, "sha256")
        assert signed(signature, dg15=dg15, dg14=dg14)
        assert not signed(signature, dg15=dg15, dg14=dg14, nonce=OTHER_NONCE)
        assert not signed(signature, dg15=sim.dg15_of(AgreementKey.make(curve).info), dg14=dg14)

    @pytest.mark.parametrize("name", list(PLAIN))
    @pytest.mark.parametrize("curve", [P256, CURVE["brainpoolP320r1"], CURVE["P-521"]], ids=lambda curve: curve.name)
    def test_the_hash_that_is_named(self, curve: KnownCurve, name: str) -> None:
        key = AgreementKey.make(curve)
        dg15 = sim.dg15_of(key.info)
        for other in PLAIN:
            signature = plain(curve, key.private, NONCE, other)
            dg14 = sim.dg14_of(sim.active_info(PLAIN[name]))
            assert signed(signature, dg15=dg15, dg14=dg14) == (other == name)

    @pytest.mark.parametrize("dg14", [None, sim.dg14_of(), sim.dg14_of(sim.active_info("1.2.840.10045.4.3.2"))])
    def test_no_hash_is_named(self, dg14: bytes | None) -> None:
        """Any hash, if it is no longer than the key."""
        key = AgreementKey.make(P256)
        dg15 = sim.dg15_of(key.info)
        found = {name: signed(plain(P256, key.private, NONCE, name), dg15=dg15, dg14=dg14) for name in PLAIN}
        assert found == {"sha1": True, "sha224": True, "sha256": True, "sha384": False, "sha512": False}

    @pytest.mark.parametrize("curve", [P256, CURVE["brainpoolP320r1"]], ids=lambda curve: curve.name)
    def test_numbers_that_are_no_signature(self, curve: KnownCurve) -> None:
        key = AgreementKey.make(curve)
        dg15, order, size = sim.dg15_of(key.info), int(curve.slow.order), curve.bits // 8
        signature = plain(curve, key.private, NONCE, "sha256")
        r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
        for first, second in (
            (0, 0),
            (0, s),
            (r, 0),
            (1, 1),
            (order, s),
            (r, order),
            (s, r),
            (order - r, s),
            (0, order),
        ):
            assert not signed(first.to_bytes(size) + second.to_bytes(size), dg15=dg15)
        for first, second in ((r + order, s), (r, s + order)):
            if max(first, second) < 256**size:
                assert not signed(first.to_bytes(size) + second.to_bytes(size), dg15=dg15)

    def test_the_other_writing_of_a_signature(self) -> None:
        """n - s fits where s does. Nobody can make either without the key, and a challenge is used once."""
        key = AgreementKey.make(P256)
        signature = plain(P256, key.private, NONCE, "sha256")
        other = (int(P256.slow.order) - int.from_bytes(signature[32:])).to_bytes(32)
        assert signed(signature[:32] + other, dg15=sim.dg15_of(key.info))
        assert not signed(signature[:32] + other, dg15=sim.dg15_of(key.info), nonce=OTHER_NONCE)

    @pytest.mark.parametrize("curve", [P256, CURVE["brainpoolP192r1"]], ids=lambda curve: curve.name)
    def test_no_flipped_bit_passes(self, curve: KnownCurve) -> None:
        key = AgreementKey.make(curve)
        dg15, dg14 = sim.dg15_of(key.info), sim.dg14_of(sim.active_info(PLAIN["sha1"]))
        signature = plain(curve, key.private, NONCE, "sha1")
        for place in range(0, 8 * len(signature), 3):
            flipped = bytearray(signature)
            flipped[place // 8] ^= 1 << place % 8
            assert not signed(bytes(flipped), dg15=dg15, dg14=dg14)

    def test_other_lengths(self) -> None:
        key = AgreementKey.make(P256)
        signature = plain(P256, key.private, NONCE, "sha256")
        der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        padded = signature[:32] + b"\0" + signature[32:]
        for changed in (
            b"",
            signature[:-1],
            signature[:32],
            b"\0" + signature,
            signature + b"\0",
            padded,
            signature * 2,
            der,
        ):
            assert not signed(changed, dg15=sim.dg15_of(key.info))

    def test_a_curve_of_ones_own(self) -> None:
        """Whose generator is another multiple: the signature fits there, and proves nothing."""
        private = secrets.randbelow(2**200)
        generator = P256.slow.generator * private
        algorithm = sim.explicit(P256, base=sim.der(0x04, generator.to_bytes("uncompressed")))
        public = (P256.slow.generator * private).to_bytes("uncompressed")
        signature = plain(P256, 1, NONCE, "sha256")
        assert not signed(signature, dg15=sim.dg15_of(sim.key_info(algorithm, public)))

    @given(st.binary(max_size=66))
    def test_any_bytes(self, signature: bytes) -> None:
        assert not signed(signature, dg15=P256_FILE)


P256_FILE = sim.dg15_of(AgreementKey.make(P256).info)


class TestFiles:
    @pytest.mark.parametrize(
        "info",
        [
            lambda: AgreementKey.make(DH_GROUPS[0]).info,
            lambda: sim.key_info(sim.der(0x30, sim.oid("1.3.101.112")), bytes(32)),
            lambda: sim.rsa_info(MODULUS, 1),
        ],
    )
    def test_keys_of_no_use(self, info: Callable[[], bytes]) -> None:
        """With an exponent of 1, anybody's message would be a signature."""
        made_up = bytes(106)
        message = b"\x6a" + made_up + hashlib.sha1(made_up + NONCE).digest() + b"\xbc"  # noqa: S324
        for signature in (message, bytes(64), bytes(128), b""):
            assert not signed(signature, dg15=sim.dg15_of(info()))

    def test_bytes_that_are_no_file(self) -> None:
        for dg15, dg14 in ((b"", None), (sim.dg14_of(), None), (DG15[:-1], None), (P256_FILE, b""), (P256_FILE, DG15)):
            with pytest.raises(ChipMalformed):
                signed(bytes(64), dg15=dg15, dg14=dg14)
