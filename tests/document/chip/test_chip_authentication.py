import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip import simulated_chip as sim
from tests.document.chip.simulated_chip import (
    AES128,
    AES192,
    AES256,
    CURVE,
    P256,
    TRIPLE_DES,
    AgreementKey,
    SimulatedChip,
)
from visavis.document.chip.chip_authentication import _private, agreed_with_chip, chip_commands
from visavis.document.chip.curves import CURVES, KnownCurve
from visavis.document.chip.groups import DH_GROUPS, DhGroup
from visavis.errors import ChipMalformed

SEED = bytes(range(32))
GROUPS = [*CURVES, *DH_GROUPS]


def agreed(chip: SimulatedChip, *, dg14: bytes | None = None, seed: bytes = SEED) -> bool:
    """Whether a chip that has these files and its keys proves itself."""
    files = chip.dg14 if dg14 is None else dg14
    return agreed_with_chip(files, chip.run(chip_commands(files, seed=seed)), seed=seed)


def name(group: KnownCurve | DhGroup) -> str:
    return group.name if isinstance(group, KnownCurve) else f"DH-{group.size * 8}-{group.order.bit_length()}"


class TestChips:
    @pytest.mark.parametrize("group", GROUPS, ids=name)
    def test_each_group(self, group: KnownCurve | DhGroup) -> None:
        assert agreed(SimulatedChip.with_key(group))

    @pytest.mark.parametrize("cipher", [TRIPLE_DES, AES128, AES192, AES256])
    @pytest.mark.parametrize("group", [P256, CURVE["brainpoolP320r1"], *DH_GROUPS], ids=name)
    def test_each_cipher(self, group: KnownCurve | DhGroup, cipher: int) -> None:
        chip = SimulatedChip.with_key(group, cipher)
        for _ in range(3):
            assert agreed(replace(chip), seed=secrets.token_bytes(32))

    def test_a_chip_that_states_its_key_alone(self) -> None:
        assert agreed(SimulatedChip.with_key(cipher=None))

    @pytest.mark.parametrize("written", [sim.explicit(P256), sim.numbered(12)])
    def test_however_the_curve_is_written(self, written: bytes) -> None:
        assert agreed(SimulatedChip(keys={None: AgreementKey.make(P256, written)}))

    @pytest.mark.parametrize("ciphers", [(TRIPLE_DES,), (AES256,), (TRIPLE_DES, AES192), None])
    def test_several_keys(self, ciphers: tuple[int, ...] | None) -> None:
        keys: dict[int | None, AgreementKey] = {
            7: AgreementKey.make(P256),
            0x1234: AgreementKey.make(CURVE["brainpoolP224r1"]),
            0: AgreementKey.make(DH_GROUPS[0]),
        }
        assert agreed(SimulatedChip(keys=keys, ciphers=ciphers))

    def test_a_group_written_as_by_pkcs3(self) -> None:
        group = DH_GROUPS[2]
        assert agreed(SimulatedChip(keys={None: AgreementKey.make(group, sim.pkcs3(group))}))


class TestCommands:
    def test_with_aes(self) -> None:
        chip = SimulatedChip(keys={0xC3: AgreementKey.make(P256)}, ciphers=(AES128,))
        mechanism, key, select = chip_commands(chip.dg14, seed=SEED)
        assert mechanism.hex() == "002241a40f800a04007f000702020302028401c3"
        assert (key[:10].hex(), len(key), key[-1]) == ("00860000457c43804104", 75, 0)
        assert (select[:8].hex(), len(select)) == ("0ca4020c1d871101", 35)

    def test_with_triple_des(self) -> None:
        chip = SimulatedChip(keys={1: AgreementKey.make(P256)}, ciphers=(TRIPLE_DES,))
        key, select = chip_commands(chip.dg14, seed=SEED)
        assert (key[:8].hex(), key[-3:].hex(), len(key)) == ("002241a646914104", "840101", 75)
        assert (select[:8].hex(), len(select)) == ("0ca4020c15870901", 27)

    def test_longer_than_a_short_command(self) -> None:
        chip = SimulatedChip.with_key(DH_GROUPS[2], AES128)
        key = chip_commands(chip.dg14, seed=SEED)[1]
        assert (key[:15].hex(), key[-2:], len(key)) == ("008600000001087c82010480820100", b"\0\0", 7 + 264 + 2)
        key = chip_commands(SimulatedChip.with_key(DH_GROUPS[2], TRIPLE_DES).dg14, seed=SEED)[0]
        assert (key[:11].hex(), len(key)) == ("002241a600010491820100", 7 + 260)

    def test_always_the_same_for_a_seed_and_a_file(self) -> None:
        for group in (P256, CURVE["P-192"], DH_GROUPS[0]):
            dg14 = SimulatedChip.with_key(group).dg14
            assert chip_commands(dg14, seed=SEED) == chip_commands(dg14, seed=SEED)
            assert chip_commands(dg14, seed=SEED)[1] != chip_commands(dg14, seed=SEED[::-1])[1]

    def test_another_key_for_another_file(self) -> None:
        """So that nothing learnt of one chip's answer says anything of another's."""
        chip = SimulatedChip.with_key()
        other = replace(chip, more=(sim.active_info("1.2.3"),))
        assert chip_commands(chip.dg14, seed=SEED)[1] != chip_commands(other.dg14, seed=SEED)[1]

    def test_none_without_a_key(self) -> None:
        for dg14 in (sim.dg14_of(), sim.dg14_of(sim.active_info("1.2.3"))):
            assert chip_commands(dg14, seed=SEED) == ()
            assert not agreed_with_chip(dg14, [], seed=SEED)
            assert not agreed_with_chip(dg14, [sim.OK] * 3, seed=SEED)

    def test_no_leading_zeros_in_numbers(self) -> None:
        """Of which some chips would make another secret than others."""
        group = DH_GROUPS[0]
        key = AgreementKey.make(group)
        dg14 = SimulatedChip(keys={None: key}).dg14
        for number in range(150):
            public = chip_commands(dg14, seed=number.to_bytes(32))[1][-129:-1]
            assert public[0]
            assert key.shared(public)[0]

    @given(seed=st.binary(min_size=32, max_size=32), order=st.sampled_from([2, 3, 5, int(P256.slow.order)]))
    def test_private_keys_are_in_their_range(self, seed: bytes, order: int) -> None:
        assert 1 <= _private(seed, b"", order) < order

    def test_private_keys_are_spread_over_it(self) -> None:
        found = [_private(number.to_bytes(32), b"", 5) for number in range(400)]
        assert set(found) == {1, 2, 3, 4}
        assert min(map(found.count, (1, 2, 3, 4))) > 60


class TestCopies:
    """What has a chip's files, and has overheard it, and lacks its key."""

    @pytest.mark.parametrize("cipher", [TRIPLE_DES, AES128, AES256])
    @pytest.mark.parametrize("group", [P256, CURVE["brainpoolP224r1"], DH_GROUPS[0]], ids=name)
    def test_right_files_and_a_key_of_ones_own(self, group: KnownCurve | DhGroup, cipher: int) -> None:
        chip = SimulatedChip.with_key(group, cipher)
        assert not agreed(SimulatedChip.with_key(group, cipher), dg14=chip.dg14)
        assert agreed(chip)

    @pytest.mark.parametrize("cipher", [TRIPLE_DES, AES128])
    def test_an_answer_to_another_challenge(self, cipher: int) -> None:
        chip = SimulatedChip.with_key(cipher=cipher)
        old = chip.run(chip_commands(chip.dg14, seed=SEED))
        assert agreed_with_chip(chip.dg14, old, seed=SEED)
        assert not agreed_with_chip(chip.dg14, old, seed=SEED[::-1])

    def test_the_answer_of_another_chip(self) -> None:
        """Relayed with that chip's DG14 it would pass, which is why passive authentication must cover the file."""
        chip, other = SimulatedChip.with_key(), SimulatedChip.with_key()
        answers = other.run(chip_commands(other.dg14, seed=SEED))
        assert agreed_with_chip(other.dg14, answers, seed=SEED)
        assert not agreed_with_chip(chip.dg14, answers, seed=SEED)

    @pytest.mark.parametrize("cipher", [TRIPLE_DES, AES128, AES192, AES256])
    def test_no_flipped_bit_passes(self, cipher: int) -> None:
        chip = SimulatedChip.with_key(cipher=cipher)
        *others, last = chip.run(chip_commands(chip.dg14, seed=SEED))
        for place in range(8 * len(last)):
            flipped = bytearray(last)
            flipped[place // 8] ^= 1 << place % 8
            assert not agreed_with_chip(chip.dg14, [*others, bytes(flipped)], seed=SEED)

    def test_a_part_of_the_answers(self) -> None:
        chip = SimulatedChip.with_key()
        answers = chip.run(chip_commands(chip.dg14, seed=SEED))
        for changed in (
            [],
            answers[:1],
            answers[:2],
            answers[-1:],
            answers[::-1],
            [*answers, b""],
            [answers[-1], *answers],
            [*answers[:2], b""],
            [*answers[:2], answers[-1][:-1]],
            [*answers[:2], answers[-1] + b"\0"],
            [b"", b"", sim.OK],
            [*answers[:2], b"\x69\x88"],
        ):
            assert not agreed_with_chip(chip.dg14, changed, seed=SEED)

    def test_the_servers_own_words(self) -> None:
        chip = SimulatedChip.with_key()
        commands = chip_commands(chip.dg14, seed=SEED)
        assert not agreed_with_chip(chip.dg14, commands, seed=SEED)
        mac = commands[-1][-9:-1]
        assert not agreed_with_chip(chip.dg14, [sim.OK, sim.OK, b"\x99\2\x90\0\x8e\x08" + mac + sim.OK], seed=SEED)

    def test_secrets_that_need_no_key(self) -> None:
        """What would be agreed on with a neutral element, or with 1 or p - 1, must not open the server's channel."""
        chip = SimulatedChip.with_key(DH_GROUPS[0])
        size = DH_GROUPS[0].size
        for shared in (bytes(size), (1).to_bytes(size), (DH_GROUPS[0].prime - 1).to_bytes(size), b""):
            channel = sim.Channel(AES128, shared)
            channel.counter = 2
            done = b"\x99\2\x90\0"
            forged = done + b"\x8e\x08" + channel.checksum(done) + sim.OK
            assert not agreed_with_chip(chip.dg14, [sim.OK, sim.OK, forged], seed=SEED)

    @given(st.lists(st.binary(max_size=20), max_size=4))
    def test_any_answers(self, answers: list[bytes]) -> None:
        assert not agreed_with_chip(DG14, answers, seed=SEED)


DG14 = SimulatedChip.with_key().dg14


class TestFiles:
    @pytest.mark.parametrize(
        "point", [b"\0", b"\x04" + bytes(64), b"\x04" + b"\1" * 64], ids=["infinity", "zero", "off"]
    )
    def test_points_that_are_none(self, point: bytes) -> None:
        dg14 = sim.dg14_of(sim.chip_key_info(2, sim.key_info(sim.named(P256), point)), sim.protocol_info(2, AES128))
        for do in (lambda: chip_commands(dg14, seed=SEED), lambda: agreed_with_chip(dg14, [b""] * 3, seed=SEED)):
            with pytest.raises(ChipMalformed, match="no point of its curve"):
                do()

    @pytest.mark.parametrize("offset", [-1, 0, 1])
    @pytest.mark.parametrize("group", DH_GROUPS, ids=name)
    def test_numbers_that_are_no_key(self, group: DhGroup, offset: int) -> None:
        """0, 1 and p - 1."""
        info = sim.key_info(sim.x942(group), sim.integer(offset % group.prime))
        dg14 = sim.dg14_of(sim.chip_key_info(1, info), sim.protocol_info(1, AES128))
        with pytest.raises(ChipMalformed, match="is not in its group"):
            chip_commands(dg14, seed=SEED)

    def test_bytes_that_are_no_file(self) -> None:
        for dg14 in (b"", b"\x6e\0", DG14[:-1], DG14 + b"\0", b"\x6f" + DG14[1:]):
            with pytest.raises(ChipMalformed):
                chip_commands(dg14, seed=SEED)
            with pytest.raises(ChipMalformed):
                agreed_with_chip(dg14, [b""] * 3, seed=SEED)
