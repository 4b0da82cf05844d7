import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import LONG
from tests.document.chip import simulated_chip as sim
from tests.document.chip.simulated_chip import AES128, AES192, AES256, CURVE, P256, TRIPLE_DES, AgreementKey, der
from visavis.document.chip.algorithms import EcKey, RsaKey
from visavis.document.chip.curves import CURVES, KnownCurve
from visavis.document.chip.groups import DH_GROUPS, DhGroup
from visavis.document.chip.security_infos import (
    INFOS_MAX,
    ChipKey,
    DhKey,
    encode_tlv,
    read_active_key,
    read_public_key,
    read_security_infos,
)
from visavis.document.chip.tlv import read_tlv
from visavis.errors import ChipMalformed

KEY = AgreementKey.make(P256)
OTHER = AgreementKey.make(P256)


def read_key(info: bytes) -> RsaKey | EcKey | DhKey | None:
    return read_public_key(read_tlv(info))


def chip_of(*infos: bytes) -> ChipKey | None:
    return read_security_infos(sim.dg14_of(*infos)).chip


def public_of(key: AgreementKey) -> RsaKey | EcKey | DhKey | None:
    return read_key(key.info)


class TestGroups:
    def test_their_numbers(self) -> None:
        sizes = [(each.prime.bit_length(), each.order.bit_length()) for each in DH_GROUPS]
        assert sizes == [(1024, 160), (2048, 224), (2048, 256)]

    @pytest.mark.parametrize("group", DH_GROUPS)
    def test_they_are_groups(self, group: DhGroup) -> None:
        assert pow(2, group.prime - 1, group.prime) == pow(3, group.prime - 1, group.prime) == 1
        assert pow(2, group.order - 1, group.order) == pow(3, group.order - 1, group.order) == 1
        assert (group.prime - 1) % group.order == 0
        assert group.generator != 1
        assert pow(group.generator, group.order, group.prime) == 1

    @pytest.mark.parametrize("group", DH_GROUPS)
    def test_what_is_no_public_key(self, group: DhGroup) -> None:
        outside = pow(group.generator, 5, group.prime) * (group.prime - 1) % group.prime  # of twice the order
        for number in (0, 1, group.prime - 1, group.prime, group.prime + 1, group.generator + group.prime, outside, 2):
            assert not group.holds(number)
        assert group.holds(group.generator)


class TestPublicKeys:
    @pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
    @pytest.mark.parametrize("written", [sim.named, sim.explicit])
    def test_a_curve_named_or_written_out(self, curve: KnownCurve, written: Callable[[KnownCurve], bytes]) -> None:
        point = curve.slow.generator * 5
        key = read_key(sim.key_info(written(curve), point.to_bytes("uncompressed")))
        assert key == EcKey(curve, (int(point.x()), int(point.y())))

    @pytest.mark.parametrize(
        ("number", "name"),
        [
            (8, "P-192"),
            (9, "brainpoolP192r1"),
            (10, "P-224"),
            (11, "brainpoolP224r1"),
            (12, "P-256"),
            (13, "brainpoolP256r1"),
            (14, "brainpoolP320r1"),
            (15, "P-384"),
            (16, "brainpoolP384r1"),
            (17, "brainpoolP512r1"),
            (18, "P-521"),
        ],
    )
    def test_a_curve_by_its_number(self, number: int, name: str) -> None:
        key = public_of(AgreementKey.make(CURVE[name], sim.numbered(number)))
        assert isinstance(key, EcKey)
        assert key.curve is CURVE[name]

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_a_group_however_it_is_written(self, number: int) -> None:
        group = DH_GROUPS[number]
        public = pow(group.generator, 7, group.prime)
        for algorithm in (sim.numbered(number), sim.x942(group), sim.pkcs3(group)):
            assert read_key(sim.key_info(algorithm, sim.integer(public))) == DhKey(group, public)

    @pytest.mark.parametrize("number", [3, 7, 19, 31, 2**64])
    def test_no_number_of_a_group(self, number: int) -> None:
        assert read_key(sim.key_info(sim.numbered(number), b"\x04" + bytes(64))) is None

    @pytest.mark.parametrize("name", ["field", "curve", "base", "order", "cofactor"])
    def test_a_curve_that_only_resembles(self, name: str) -> None:
        """With another generator, a public key is anybody's (CVE-2020-0601)."""
        other = CURVE["brainpoolP256r1"]
        changes = {
            "field": der(0x30, sim.oid("1.2.840.10045.1.1"), sim.integer(int(other.slow.curve.p()))),
            "curve": der(0x30, sim.octets(3, 32), sim.octets(int(P256.slow.curve.b()), 32)),
            "base": der(0x04, (P256.slow.generator * 2).to_bytes("uncompressed")),
            "order": sim.integer(int(P256.slow.order) - 2),
            "cofactor": sim.integer(2),
        }
        algorithm = sim.explicit(P256, **{name: changes[name]})
        assert read_key(sim.key_info(algorithm, P256.slow.generator.to_bytes("uncompressed"))) is None

    def test_a_group_that_only_resembles(self) -> None:
        group = DH_GROUPS[1]
        for changed in (
            DhGroup(group.prime + 2, group.generator, group.order),
            DhGroup(group.prime, group.generator**2 % group.prime, group.order),
            DhGroup(group.prime, group.prime - 1, group.order),
        ):
            for written in (sim.x942, sim.pkcs3):
                assert read_key(sim.key_info(written(changed), sim.integer(group.generator))) is None
        other_order = sim.x942(DhGroup(group.prime, group.generator, 2))
        assert read_key(sim.key_info(other_order, sim.integer(group.generator))) is None

    @pytest.mark.parametrize(
        "point",
        [
            b"",
            b"\0",
            b"\x04" + bytes(64),
            b"\x04" + bytes(63) + b"\1",
            b"\x04" + P256.slow.generator.to_bytes("raw")[:-1] + b"\0",
            b"\x04" + P256.slow.generator.to_bytes("raw")[:-1],
            b"\x04" + P256.slow.generator.to_bytes("raw") + b"\0",
            b"\x04" + CURVE["brainpoolP256r1"].slow.generator.to_bytes("raw"),
            b"\x06" + P256.slow.generator.to_bytes("raw"),
            b"\x04" + b"\xff" * 64,
            bytes(65),
        ],
        ids=lambda point: point[:4].hex() + f"+{len(point)}",
    )
    def test_no_point_of_the_curve(self, point: bytes) -> None:
        with pytest.raises(ChipMalformed, match="no point of its curve"):
            read_key(sim.key_info(sim.named(P256), point))

    @pytest.mark.parametrize("group", DH_GROUPS)
    def test_no_number_of_the_group(self, group: DhGroup) -> None:
        for number in (0, 1, group.prime - 1, group.prime, 2, group.prime + group.generator):
            with pytest.raises(ChipMalformed, match="is not in its group"):
                read_key(sim.key_info(sim.x942(group), sim.integer(number)))
        with pytest.raises(ChipMalformed, match="negative"):
            read_key(sim.key_info(sim.x942(group), sim.integer(-5)))

    def test_rsa(self) -> None:
        modulus = 2**2047 + 1
        assert read_key(sim.rsa_info(modulus, 65537)) == RsaKey(modulus, 65537)
        assert read_key(sim.rsa_info(2**4095 + 1, 3)) == RsaKey(2**4095 + 1, 3)

    @pytest.mark.parametrize(
        ("modulus", "exponent"),
        [
            (2**1015 + 1, 65537),
            (2**1022 + 1, 65537),
            (2**1024 + 1, 65537),
            (2**4103 + 1, 65537),
            (0, 3),
            (2**1023 + 1, 0),
            (2**1023 + 1, 1),  # which signs everything
            (2**1023 + 1, 2),
            (2**1023 + 1, 65536),
            (2**1023 + 1, 2**1023 + 1),
            (2**1023 + 1, 2**1024 + 1),
        ],
    )
    def test_rsa_that_proves_nothing(self, modulus: int, exponent: int) -> None:
        assert read_key(sim.rsa_info(modulus, exponent)) is None

    @pytest.mark.parametrize("algorithm", ["1.2.840.10040.4.1", "1.3.101.110", "1.2.840.113549.1.1.10"])
    def test_another_algorithm(self, algorithm: str) -> None:
        assert read_key(sim.key_info(der(0x30, sim.oid(algorithm)), b"x" * 32)) is None
        assert read_key(sim.key_info(der(0x30, sim.oid(algorithm), b"\5\0"), b"x" * 32)) is None

    def test_parameters_that_are_none(self) -> None:
        for parameters in (b"\5\0", der(0x30), der(0x04, b"x"), der(0x30, b"\5\0"), sim.oid("1.2.3"), sim.integer(5)):
            algorithm = der(0x30, sim.oid("1.2.840.10045.2.1"), parameters)
            assert read_key(sim.key_info(algorithm, b"x" * 65)) is None
        assert read_key(sim.key_info(der(0x30, sim.oid("1.2.840.10045.2.1")), b"x" * 65)) is None
        assert read_key(sim.key_info(der(0x30, sim.oid("1.2.840.10045.2.1"), der(0x30, bytes(70_000))), b"x")) is None

    @pytest.mark.parametrize(
        "info",
        [
            der(0x30),
            der(0x31, sim.named(P256), der(0x03, b"\0x")),
            der(0x30, sim.named(P256)),
            der(0x30, der(0x03, b"\0x"), sim.named(P256)),
            der(0x30, sim.named(P256), der(0x03)),
            der(0x30, sim.named(P256), der(0x03, b"\1", P256.slow.generator.to_bytes("uncompressed"))),
            der(0x30, sim.named(P256), der(0x04, b"\0x")),
            der(0x30, sim.named(P256), der(0x03, b"\0x"), sim.integer(1)),
            der(0x30, der(0x30), der(0x03, b"\0x")),
            der(0x30, der(0x30, sim.integer(1)), der(0x03, b"\0x")),
            sim.key_info(der(0x30, sim.oid("1.2.840.113549.1.1.1"), b"\5\0"), b""),
            sim.key_info(der(0x30, sim.oid("1.2.840.113549.1.1.1"), b"\5\0"), der(0x30, sim.integer(2**1023 + 1))),
            sim.key_info(der(0x30, sim.oid("1.2.840.10046.2.1"), sim.integer(1)), sim.integer(1)),
        ],
    )
    def test_what_is_no_key(self, info: bytes) -> None:
        with pytest.raises(ChipMalformed):
            read_key(info)


class TestSecurityInfos:
    def test_a_key_and_its_protocol(self) -> None:
        chip = chip_of(sim.chip_key_info(2, KEY.info), sim.protocol_info(2, AES128))
        assert chip == ChipKey(
            key=public_of(KEY),  # type: ignore[arg-type]
            cipher=AES128,
            protocol=bytes.fromhex("04007F00070202030202"),
            reference=None,
        )

    @pytest.mark.parametrize("ciphers", [(1, 2, 3, 4), (4, 3, 2, 1), (2, 4, 1, 3)])
    def test_the_strongest_is_taken(self, ciphers: tuple[int, ...]) -> None:
        chip = chip_of(sim.chip_key_info(2, KEY.info), *(sim.protocol_info(2, each) for each in ciphers))
        assert chip is not None
        assert chip.cipher == AES256

    def test_the_key_of_the_protocol(self) -> None:
        chip = chip_of(
            sim.chip_key_info(2, OTHER.info, 1),
            sim.chip_key_info(2, KEY.info, 200),
            sim.protocol_info(2, TRIPLE_DES, 1),
            sim.protocol_info(2, AES192, 200),
        )
        assert chip is not None
        assert (chip.key, chip.cipher, chip.reference) == (public_of(KEY), AES192, 200)

    @pytest.mark.parametrize(
        ("key", "protocol", "reference"), [(3, None, 3), (None, 3, 3), (0, 0, 0), (None, None, None)]
    )
    def test_references(self, key: int | None, protocol: int | None, reference: int | None) -> None:
        chip = chip_of(sim.protocol_info(2, AES128, protocol), sim.chip_key_info(2, KEY.info, key))
        assert chip is not None
        assert chip.reference == reference

    @pytest.mark.parametrize("reference", [-1, 2**32, 2**4000])
    def test_references_that_are_none(self, reference: int) -> None:
        for infos in (
            (sim.protocol_info(2, AES128, reference),),
            (sim.protocol_info(2, AES128), sim.chip_key_info(2, KEY.info, reference)),
        ):
            with pytest.raises(ChipMalformed, match=r"negative|larger than any in use"):
                chip_of(*infos)

    def test_it_is_silent(self) -> None:
        infos = read_security_infos(sim.dg14_of(sim.chip_key_info(2, KEY.info), sim.protocol_info(2, AES128)))
        assert infos.chip is not None
        assert "key" not in repr(infos)
        assert "point" not in repr(infos.chip)
        assert "public" not in repr(public_of(AgreementKey.make(DH_GROUPS[0])))

    def test_a_protocol_of_another_key(self) -> None:
        assert chip_of(sim.protocol_info(2, AES128, 1), sim.chip_key_info(2, KEY.info, 2)) is None

    def test_a_key_alone_is_for_triple_des(self) -> None:
        chip = chip_of(sim.chip_key_info(2, KEY.info, 9))
        assert chip is not None
        assert (chip.cipher, chip.protocol.hex(), chip.reference) == (TRIPLE_DES, "04007f00070202030201", 9)

    def test_kinds_of_keys_are_not_mixed(self) -> None:
        dh = AgreementKey.make(DH_GROUPS[0])
        assert chip_of(sim.chip_key_info(1, KEY.info), sim.protocol_info(1, AES128)) is None
        assert chip_of(sim.chip_key_info(2, dh.info), sim.protocol_info(2, AES128)) is None
        chip = chip_of(sim.chip_key_info(1, dh.info), sim.protocol_info(2, AES256))
        assert chip is not None
        assert chip.cipher == TRIPLE_DES

    def test_what_is_of_no_use(self) -> None:
        for infos in (
            (),
            (sim.protocol_info(2, AES128),),
            (sim.chip_key_info(3, KEY.info),),
            (sim.chip_key_info(2, sim.rsa_info(2**1023 + 1, 3)),),
            (der(0x30, sim.oid("0.4.0.127.0.7.2.2.2"), sim.integer(1)),),
            (der(0x30, sim.oid("1.2.3")),),
        ):
            assert read_security_infos(sim.dg14_of(*infos)).chip is None

    def test_other_versions_and_ciphers_count_for_nothing(self) -> None:
        key = sim.chip_key_info(2, KEY.info)
        for other in (sim.protocol_info(2, AES256, version=2), sim.protocol_info(2, 5), sim.protocol_info(2, 0)):
            chip = chip_of(key, other, sim.protocol_info(2, AES128))
            assert chip is not None
            assert chip.cipher == AES128

    @pytest.mark.parametrize(
        ("algorithm", "name"),
        [
            ("0.4.0.127.0.7.1.1.4.1.1", "sha1"),
            ("0.4.0.127.0.7.1.1.4.1.2", "sha224"),
            ("0.4.0.127.0.7.1.1.4.1.3", "sha256"),
            ("0.4.0.127.0.7.1.1.4.1.4", "sha384"),
            ("0.4.0.127.0.7.1.1.4.1.5", "sha512"),
            ("0.4.0.127.0.7.1.1.4.1.6", None),
            ("0.4.0.127.0.7.1.1.4.1.0", None),
            ("1.2.840.10045.4.3.2", None),
        ],
    )
    def test_the_hash_for_active_authentication(self, algorithm: str, name: str | None) -> None:
        assert read_security_infos(sim.dg14_of(sim.active_info(algorithm))).active_hash == name

    def test_as_many_as_are_read(self) -> None:
        other = der(0x30, sim.oid("1.2.3"))
        assert read_security_infos(sim.dg14_of(*[other] * INFOS_MAX)).chip is None
        with pytest.raises(ChipMalformed, match="at most 32 are read"):
            read_security_infos(sim.dg14_of(*[other] * (INFOS_MAX + 1)))

    @pytest.mark.parametrize(
        "dg14",
        [
            b"",
            b"\x6e",
            der(0x6E),
            der(0x6F, der(0x31)),
            der(0x6E, der(0x30)),
            der(0x6E, der(0x31), der(0x31)),
            der(0x6E, der(0x31)) + b"\0",
            sim.dg14_of(der(0x30)),
            sim.dg14_of(sim.integer(1)),
            sim.dg14_of(der(0x30, sim.integer(1))),
            sim.dg14_of(der(0x30, der(0x06))),
            sim.dg14_of(der(0x30, sim.oid("0.4.0.127.0.7.2.2.3.2.2"), der(0x02))),
            sim.dg14_of(der(0x30, sim.oid("0.4.0.127.0.7.2.2.3.2.2"), sim.integer(-1))),
            sim.dg14_of(sim.chip_key_info(2, der(0x30))),
            sim.dg14_of(sim.chip_key_info(2, KEY.info), b"\x30"),
        ],
    )
    def test_what_is_no_dg14(self, dg14: bytes) -> None:
        with pytest.raises(ChipMalformed):
            read_security_infos(dg14)


class TestHostile:
    @given(st.binary(max_size=300))
    @example(b"\x6e\x80")
    def test_any_bytes(self, data: bytes) -> None:
        for read in (read_security_infos, read_active_key):
            with pytest.raises(ChipMalformed):
                read(data)

    @given(st.binary(max_size=300))
    def test_any_bytes_within(self, data: bytes) -> None:
        for info in (data, sim.chip_key_info(2, data), sim.chip_key_info(2, sim.key_info(data, b"x"))):
            for read, file in ((read_security_infos, sim.dg14_of(info)), (read_active_key, sim.dg15_of(info))):
                with suppress(ChipMalformed):
                    read(file)

    def test_mutated_files(self) -> None:
        rng = random.Random(9303)  # noqa: S311
        explicit = AgreementKey.make(P256, sim.explicit(P256))
        dh = AgreementKey.make(DH_GROUPS[0])
        files = [
            sim.dg14_of(sim.protocol_info(2, 4, 1), sim.chip_key_info(2, explicit.info, 1), sim.active_info("1.2")),
            sim.dg14_of(sim.protocol_info(1, 2), sim.chip_key_info(1, dh.info)),
            sim.dg15_of(explicit.info),
            sim.dg15_of(sim.rsa_info(2**1023 + 1, 65537)),
        ]
        outcomes = {"read": 0, "refused": 0}
        for _ in range(50_000 if LONG else 1_000):
            data = bytearray(rng.choice(files))
            for _ in range(rng.choice((1, 1, 2, 5))):
                at = rng.randrange(len(data))
                kind = rng.randrange(3)
                if kind == 0:
                    data[at] ^= 1 << rng.randrange(8)
                elif kind == 1:
                    del data[at : at + rng.randrange(1, 4)]
                else:
                    data[at:at] = rng.randbytes(rng.randrange(1, 4))
            try:
                (read_security_infos if data[0] == 0x6E else read_active_key)(bytes(data))
                outcomes["read"] += 1
            except ChipMalformed:
                outcomes["refused"] += 1
        assert min(outcomes.values()) > 0


@given(st.integers(0, 255), st.binary(max_size=300))
@example(0x80, bytes(127))
@example(0x80, bytes(128))
@example(0x80, bytes(255))
@example(0x80, bytes(256))
@example(0x80, bytes(65_536))
def test_elements_are_written_in_the_shortest_form(tag: int, value: bytes) -> None:
    assert encode_tlv(tag, value) == der(tag, value)
