import hashlib

import ecdsa
import pytest
from asn1crypto import algos, keys
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from ecdsa.numbertheory import is_prime, square_root_mod_prime
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip.pki import EcPair, How, RsaPair, bits, integer, octets, oid, pair, rsa_info, sequence
from tests.document.chip.writing import tlv
from visavis.document.chip.algorithms import EcKey, RsaKey, SignatureAlgorithm, read_algorithm, read_public_key
from visavis.document.chip.curves import CURVES, HASHES, KnownCurve, known_curve

HEX = bytes.fromhex
DATA = b"what a country says"
NAMES = {each.name: each for each in CURVES}


def public(info: bytes) -> RsaKey | EcKey | None:
    return read_public_key(keys.PublicKeyInfo.load(info, strict=True))


def algorithm(how: How, *, digest: str | None = None) -> SignatureAlgorithm | None:
    return read_algorithm(algos.SignedDigestAlgorithm.load(how.identifier(), strict=True), digest=digest)


def curve_of(parameters: bytes) -> KnownCurve | None:
    return known_curve(keys.ECDomainParameters.load(parameters, strict=True))


class TestCurves:
    @pytest.mark.parametrize("name", NAMES)
    def test_each_is_what_it_says(self, name: str) -> None:
        known = NAMES[name]
        curve, base, order = known.slow.curve, known.slow.generator, known.slow.order
        prime = curve.p()
        assert is_prime(prime)
        assert is_prime(order)
        assert abs(prime + 1 - order) <= 2 * int(prime**0.5 * 1.01) + 2  # Hasse: so the cofactor is 1
        assert (4 * curve.a() ** 3 + 27 * curve.b() ** 2) % prime
        assert curve.contains_point(base.x(), base.y())
        assert base * order == ecdsa.ellipticcurve.INFINITY
        assert known.bits == prime.bit_length() == int("".join(filter(str.isdigit, name.split("P", 1)[1]))[:3])

    @pytest.mark.parametrize("name", [each.name for each in CURVES if each.native])
    def test_both_libraries_have_the_same(self, name: str) -> None:
        known = NAMES[name]
        assert known.native is not None
        for factor in (1, 2, known.slow.order - 1, 0xC0FFEE):
            point = known.slow.generator * factor
            numbers = ec.derive_private_key(factor, known.native).public_key().public_numbers()
            assert (numbers.x, numbers.y) == (point.x(), point.y())

    @pytest.mark.parametrize("size", [160, 192, 224, 256, 320, 384, 512])
    def test_twists_are_of_their_curves(self, size: int) -> None:
        """RFC 5639, 2.1: over the same field, of the same order, with A = -3 and B moved likewise."""
        random, twisted = (NAMES[f"brainpoolP{size}{kind}1"].slow for kind in "rt")
        prime = random.curve.p()
        assert (twisted.curve.p(), twisted.order) == (prime, random.order)
        assert twisted.curve.a() % prime == prime - 3
        squared = -3 * pow(random.curve.a(), -1, prime) % prime
        fourth = square_root_mod_prime(squared, prime)
        assert twisted.curve.b() in {random.curve.b() * root**3 % prime for root in (fourth, prime - fourth)}

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("point", ["uncompressed", "compressed"])
    def test_named_or_written_out(self, name: str, point: str) -> None:
        known = NAMES[name]
        assert curve_of(known.slow.to_der("named_curve")) is known
        assert curve_of(known.slow.to_der("explicit", point)) is known

    def test_others_are_unknown(self) -> None:
        for other in (ecdsa.SECP256k1, ecdsa.SECP112r1, ecdsa.SECP128r1, ecdsa.SECP160r1):
            assert curve_of(other.to_der("named_curve")) is None
            assert curve_of(other.to_der("explicit")) is None
        assert curve_of(oid("1.3.132.0.1")) is None
        assert curve_of(tlv(0x05)) is None

    @pytest.mark.parametrize("name", ["P-256", "brainpoolP320r1", "P-192"])
    def test_what_differs_anywhere_is_unknown(self, name: str) -> None:
        """Of CVE-2020-0601: all is right but the generator, or the order, or the cofactor."""
        slow = NAMES[name].slow
        prime, order, base = slow.curve.p(), slow.order, slow.generator
        a, b = slow.curve.a() % prime, slow.curve.b()

        def written(**changes: int) -> bytes:
            at = {"p": prime, "a": a, "b": b, "n": order, "h": 1, "version": 1} | changes
            size = (at["p"].bit_length() + 7) // 8
            point = (base * changes.get("base", 1)).to_bytes("uncompressed")
            return sequence(
                integer(at["version"]),
                sequence(oid("1.2.840.10045.1.1"), integer(at["p"])),
                sequence(octets(at["a"].to_bytes(size, "big")), octets(at["b"].to_bytes(size, "big"))),
                octets(point),
                integer(at["n"]),
                integer(at["h"]) if at["h"] else b"",
            )

        assert curve_of(written()) is NAMES[name]
        assert curve_of(written(h=0)) is NAMES[name]  # says nothing of it
        assert curve_of(written(version=2)) is NAMES[name]
        for change in (
            {"base": 2}, {"base": order - 1}, {"p": prime + 2}, {"a": a - 1}, {"b": b + 1}, {"n": order + 2},
            {"n": 1}, {"h": 2}, {"h": -1}, {"a": b, "b": a},
        ):  # fmt: skip
            assert curve_of(written(**change)) is None

    def test_a_generator_of_ones_own_makes_no_key(self) -> None:
        """The forger takes the public key of another for his generator: then his private key is 1."""
        slow = NAMES["P-256"].slow
        target = pair("P-256", 1)
        assert isinstance(target, EcPair)
        own = sequence(
            integer(1),
            sequence(oid("1.2.840.10045.1.1"), integer(slow.curve.p())),
            sequence(
                octets((slow.curve.a() % slow.curve.p()).to_bytes(32, "big")),
                octets(slow.curve.b().to_bytes(32, "big")),
            ),
            octets(target.private.verifying_key.to_string("uncompressed")),
            integer(slow.order),
            integer(1),
        )
        assert public(target.info(parameters=own)) is None
        assert public(target.info(explicit=True)) == public(target.info())

    def test_a_binary_field_is_unknown(self) -> None:
        field = sequence(oid("1.2.840.10045.1.2"), sequence(integer(163), oid("1.2.840.10045.1.2.1.1"), tlv(0x05)))
        assert (
            curve_of(sequence(integer(1), field, sequence(octets(b"\1"), octets(b"\1")), octets(b"\2\1"), integer(7)))
            is None
        )

    @given(data=st.binary(max_size=80))
    def test_bytes_are_a_curve_or_none(self, data: bytes) -> None:
        for written in (tlv(0x30, data), NAMES["P-192"].slow.to_der("explicit")[:-1] + data[:1]):
            try:
                parameters = keys.ECDomainParameters.load(written)
            except ValueError:
                continue
            assert known_curve(parameters) in (None, NAMES["P-192"])

    @pytest.mark.parametrize("name", ["P-256", "P-192", "brainpoolP512t1"])
    def test_points_are_of_the_curve(self, name: str) -> None:
        known = NAMES[name]
        base, size = known.slow.generator, (known.bits + 7) // 8
        x, y = base.x(), base.y()
        assert known.point(base.to_bytes("uncompressed")) == known.point(base.to_bytes("compressed")) == (x, y)
        plain = b"\4" + x.to_bytes(size, "big") + y.to_bytes(size, "big")
        for wrong in (
            b"", b"\0", b"\4", plain[:-1], plain + b"\0", plain[1:], b"\5" + plain[1:], base.to_bytes("hybrid"),
            b"\4" + x.to_bytes(size, "big") + (y + 1).to_bytes(size, "big"), b"\4" + bytes(2 * size),
            b"\4" + (x + known.slow.curve.p()).to_bytes(size + 1, "big")[-size:] + y.to_bytes(size, "big"),
            b"\2" + b"\xff" * size,
        ):  # fmt: skip
            assert known.point(wrong) is None


class TestEcdsa:
    @pytest.mark.parametrize(
        ("name", "hash_name", "point", "r", "s"),
        [
            (
                "P-192",
                "sha256",
                "AC2C77F529F91689FEA0EA5EFEC7F210D8EEA0B9E047ED563BC723E57670BD4887EBC732C523063D0A7C957BC97C1C43",
                "4B0B8CE98A92866A2820E20AA6B75B56382E0F9BFD5ECB55",
                "CCDB006926EA9565CBADC840829D8C384E06DE1F1E381B85",
            ),
            (
                "P-256",
                "sha256",
                (
                    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
                    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
                ),
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
        ],
    )
    def test_printed_signatures(self, name: str, hash_name: str, point: str, r: str, s: str) -> None:
        """RFC 6979, A.2.3 and A.2.5, of the text 'sample'."""
        known = NAMES[name]
        at = known.point(b"\4" + HEX(point))
        assert at is not None
        assert known.verify(at, int(r, 16), int(s, 16), b"sample", hash_name)
        assert not known.verify(at, int(r, 16), int(s, 16), b"Sample", hash_name)
        assert not known.verify(at, int(s, 16), int(r, 16), b"sample", hash_name)
        assert not known.verify(at, int(r, 16), int(s, 16), b"sample", "sha384")

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("hash_name", ["sha1", "sha224", "sha256", "sha384", "sha512"])
    def test_each_curve_with_each_hash(self, name: str, hash_name: str) -> None:
        key, how = pair(name), How(hash=hash_name)
        read, found = public(key.info()), algorithm(how)
        assert read is not None
        assert found is not None
        signature = key.sign(DATA, how)
        assert found.verify(read, DATA, signature)
        assert not found.verify(read, DATA + b"!", signature)
        assert str(found) == f"ECDSA with SHA-{hash_name[3:]}"
        assert (str(read), read.short) == (name, read == public(pair(name).info()) and NAMES[name].bits < 224)

    @pytest.mark.parametrize("name", ["P-256", "P-192"])
    def test_numbers_out_of_range(self, name: str) -> None:
        known = NAMES[name]
        order, point = known.slow.order, (known.slow.generator.x(), known.slow.generator.y())
        for r, s in ((0, 1), (1, 0), (order, 1), (1, order), (order + 1, order + 1), (-1, 1), (1, -1), (0, 0)):
            assert not known.verify(point, r, s, DATA, "sha256")

    def test_a_sum_at_infinity_is_no_signature(self) -> None:
        known = NAMES["P-192"]
        key = pair("P-192")
        assert isinstance(key, EcPair)
        read = public(key.info())
        assert isinstance(read, EcKey)
        number = int.from_bytes(hashlib.sha1(DATA).digest())  # noqa: S324 - shorter than the order
        r = -number * pow(key.private.privkey.secret_multiplier, -1, known.slow.order) % known.slow.order
        assert known.verify(read.point, r, 5, DATA, "sha1") is False

    def test_a_signature_has_one_encoding(self) -> None:
        key, found = pair("P-256"), algorithm(How())
        read = public(key.info())
        assert read is not None
        assert found is not None
        signature = key.sign(DATA, How())
        r, s = ecdsa.util.sigdecode_der(signature, NAMES["P-256"].slow.order)
        assert found.verify(read, DATA, sequence(integer(r), integer(s)))
        long = (1).to_bytes(2, "big") + r.to_bytes(32, "big")
        for wrong in (
            b"", signature[:-1], signature + b"\0", r.to_bytes(32, "big") + s.to_bytes(32, "big"), sequence(integer(r)),
            sequence(integer(r), integer(s), integer(1)), sequence(tlv(0x02, b"\0" + long[2:] + b""[:0]), integer(0)),
            b"\x30\x81" + signature[1:], sequence(integer(-r), integer(s)), tlv(0x31, integer(r), integer(s)), bytes(2000),
        ):  # fmt: skip
            assert not found.verify(read, DATA, wrong)


PADDINGS = [How("pkcs1", hash_name) for hash_name in HASHES] + [How("pss", hash_name) for hash_name in HASHES]


class TestRsa:
    @pytest.mark.parametrize("how", PADDINGS, ids=lambda how: f"{how.scheme} {how.hash}")
    @pytest.mark.parametrize("size", [2048, 3072])
    def test_each_padding_with_each_hash(self, size: int, how: How) -> None:
        key = pair(f"RSA {size}")
        read, found = public(key.info()), algorithm(how)
        assert read is not None
        assert found is not None
        signature = key.sign(DATA, how)
        assert found.verify(read, DATA, signature)
        assert not found.verify(read, DATA + b"!", signature)
        assert not found.verify(read, DATA, signature[:-1] + bytes([signature[-1] ^ 1]))
        for other in PADDINGS:
            if other != how:
                wrong = algorithm(other)
                assert wrong is not None
                assert not wrong.verify(read, DATA, signature)
        assert (str(read), read.short) == (f"RSA {size}", False)

    def test_a_hash_named_beside_it(self) -> None:
        assert algorithm(How("rsa"), digest="sha384") == algorithm(How("pkcs1", "sha384"))
        assert algorithm(How("rsa")) is None
        assert algorithm(How("pkcs1"), digest="sha1") == algorithm(How("pkcs1"))

    @pytest.mark.parametrize(
        "how",
        [
            How("pss", salt_bytes=0),
            How("pss", salt_bytes=19),
            How("pss", salt_bytes=65),
            How("pss", salt_bytes=-1),
            How("pss", mask="sha1"),
            How("pss", "sha1", mask="sha256"),
            How("pss", "sha512", mask="sha256"),
            How("pss", "md5"),
            How("pss", trailer=2),
        ],
        ids=str,
    )
    def test_parameters_of_pss_that_are_refused(self, how: How) -> None:
        assert algorithm(how) is None

    def test_what_pss_is_without_parameters(self) -> None:
        pss = oid("1.2.840.113549.1.1.10")
        assert read_algorithm(algos.SignedDigestAlgorithm.load(sequence(pss))) is None
        with pytest.raises(ValueError, match="RSASSAPSSParams"):
            read_algorithm(algos.SignedDigestAlgorithm.load(sequence(pss, tlv(0x05))))
        default = read_algorithm(algos.SignedDigestAlgorithm.load(sequence(pss, sequence())))
        assert default is not None
        assert (default.hash, default.salt_bytes) == ("sha1", 20)
        other_mask = sequence(tlv(0xA1, sequence(oid("1.2.840.113549.1.1.9"), sequence(oid("2.16.840.1.101.3.4.2.1")))))
        assert read_algorithm(algos.SignedDigestAlgorithm.load(sequence(pss, other_mask))) is None

    def test_the_salt_has_the_length_that_is_said(self) -> None:
        key = pair("RSA 2048")
        read, found = public(key.info()), algorithm(How("pss", salt_bytes=32))
        assert read is not None
        assert found is not None
        for salt_bytes in (0, 20, 31, 33, 64):
            assert not found.verify(read, DATA, key.sign(DATA, How("pss", salt_bytes=salt_bytes)))

    def test_a_key_for_pss_signs_by_nothing_else(self) -> None:
        key = pair("RSA 2048")
        assert isinstance(key, RsaPair)
        asks = public(key.info(How("pss", "sha256", salt_bytes=32)))
        bare = public(key.info(identifier=sequence(oid("1.2.840.113549.1.1.10"))))
        assert asks is not None
        assert bare is not None

        def verifies(read: RsaKey | EcKey, how: How) -> bool:
            found = algorithm(how)
            assert found is not None
            return found.verify(read, DATA, key.sign(DATA, how))

        assert verifies(asks, How("pss"))
        assert verifies(asks, How("pss", salt_bytes=40))
        assert not verifies(asks, How("pss", salt_bytes=31))
        assert not verifies(asks, How("pss", "sha384"))
        assert not verifies(asks, How("pkcs1"))
        assert verifies(bare, How("pss", "sha512"))
        assert not verifies(bare, How("pkcs1"))
        assert public(key.info(How("pss", mask="sha1"))) is None

    def test_keys_that_are_refused(self) -> None:
        key = pair("RSA 2048")
        assert isinstance(key, RsaPair)
        numbers = key.private.public_key().public_numbers()
        for modulus, exponent in (
            (numbers.n, 1), (numbers.n, 2), (numbers.n, 65536), (numbers.n, 0), (numbers.n, -3), (numbers.n, 2**65 + 1),
            (numbers.n * 2, 65537), (-numbers.n, 65537), (0, 65537), (3, 3), (2**1022 + 1, 65537), (2**8192 + 1, 65537),
        ):  # fmt: skip
            assert public(rsa_info(modulus, exponent)) is None
        assert public(rsa_info(numbers.n, 65537)) == RsaKey(numbers.n, 65537)
        short = public(pair("RSA 1024").info())
        assert short is not None
        assert short.short

    def test_a_cube_root_is_no_signature(self) -> None:
        """Bleichenbacher's forgery: with the exponent 3, what begins as it should is easily made, if nobody looks at its end."""
        numbers = rsa.generate_private_key(3, 2048).public_key().public_numbers()
        read, found = RsaKey(numbers.n, 3), algorithm(How("pkcs1", "sha256"))
        assert found is not None
        prefix = HEX("3031300d060960864801650304020105000420") + hashlib.sha256(DATA).digest()
        begin = b"\0\1" + b"\xff" * 8 + b"\0" + prefix
        wanted = int.from_bytes(begin + b"\0" * (256 - len(begin)))
        low, high = 0, 1 << 700
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if middle**3 < wanted else (low, middle)
        assert (low**3).to_bytes(256, "big").startswith(begin)
        assert not found.verify(read, DATA, low.to_bytes(256, "big"))

    def test_keys_and_algorithms_of_two_kinds(self) -> None:
        for one, other in ((pair("RSA 2048"), How()), (pair("P-256"), How("pkcs1")), (pair("P-256"), How("pss"))):
            read, found = public(one.info()), algorithm(other)
            assert read is not None
            assert found is not None
            own = How("pkcs1") if isinstance(one, RsaPair) else How()
            assert not found.verify(read, DATA, one.sign(DATA, own))


class TestOthers:
    @pytest.mark.parametrize(
        "identifier",
        [
            "1.2.840.113549.1.1.4",
            "1.2.840.113549.1.1.2",
            "1.2.840.10040.4.3",
            "1.3.101.112",
            "2.16.840.1.101.3.4.3.10",
            "1.2.3",
        ],
    )
    def test_they_are_not_supported(self, identifier: str) -> None:
        assert read_algorithm(algos.SignedDigestAlgorithm.load(sequence(oid(identifier))), digest="sha256") is None

    @pytest.mark.parametrize("identifier", ["1.3.101.112", "1.2.840.113549.1.1.7"])
    def test_nor_their_keys(self, identifier: str) -> None:
        content = sequence(integer(7), integer(65537))
        assert public(sequence(sequence(oid(identifier)), bits(content))) is None


KEYS = {
    "written out": sequence(
        sequence(oid("1.2.840.10045.2.1"), ecdsa.NIST256p.to_der("explicit")),
        bits(ecdsa.NIST256p.generator.to_bytes("uncompressed")),
    ),
    "PSS": rsa_info(2**1023 + 1, 65537, How("pss").identifier()),
}


@pytest.mark.parametrize("name", KEYS)
@given(data=st.data())
def test_damaged_keys_are_keys_or_none_or_break_the_format(name: str, data: st.DataObject) -> None:
    assert public(KEYS[name]) is not None
    info = bytearray(KEYS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        info[data.draw(st.integers(0, len(info) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = public(bytes(info))
    except (ValueError, TypeError, KeyError):  # what asn1crypto makes of it, which readers of certificates expect
        return
    assert found is None or isinstance(found, RsaKey | EcKey)
