import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip import simulated_chip as sim
from tests.document.chip.simulated_chip import AES256, CURVE, P256, TRIPLE_DES, AgreementKey, SimulatedChip
from visavis.document.chip.presence import (
    SEED_BYTES,
    PresenceChallenge,
    PresenceMethod,
    presence_methods,
    verify_active,
    verify_chip,
)
from visavis.errors import ChipMalformed

CHALLENGE = PresenceChallenge(bytes(range(32)))
RSA = SimulatedChip.with_rsa()
DG15 = RSA.dg15 or b""


def both(cipher: int = AES256) -> SimulatedChip:
    """A chip that can do either."""
    signing = AgreementKey.make(CURVE["brainpoolP256r1"])
    return SimulatedChip(
        sign=lambda nonce: sim.plain(CURVE["brainpoolP256r1"], signing.private, nonce, "sha256"),
        dg15=sim.dg15_of(signing.info),
        keys={1: AgreementKey.make(P256)},
        ciphers=(cipher,),
        more=(sim.active_info("0.4.0.127.0.7.1.1.4.1.3"),),
    )


class TestChallenge:
    def test_each_is_another(self) -> None:
        drawn = {PresenceChallenge.draw().seed for _ in range(20)}
        assert len(drawn) == 20
        assert {len(seed) for seed in drawn} == {SEED_BYTES} == {32}

    @pytest.mark.parametrize("size", [0, 8, 31, 33])
    def test_a_seed_of_another_length(self, size: int) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            PresenceChallenge(bytes(size))

    def test_the_seed_is_all_that_need_be_kept(self) -> None:
        chip = both()
        assert chip.dg15 is not None
        active = chip.send(CHALLENGE.active_command)
        answers = chip.run(CHALLENGE.chip_commands(chip.dg14))
        again = PresenceChallenge(CHALLENGE.seed)
        assert verify_active(chip.dg15, chip.dg14, again, active)
        assert verify_chip(chip.dg14, again, answers)

    def test_the_nonce(self) -> None:
        assert len(CHALLENGE.nonce) == 8
        assert CHALLENGE.active_command == b"\0\x88\0\0\x08" + CHALLENGE.nonce + b"\0"
        assert PresenceChallenge(CHALLENGE.seed).nonce == CHALLENGE.nonce
        assert len({PresenceChallenge.draw().nonce for _ in range(20)}) == 20

    def test_it_hands_out_nothing_of_its_seed(self) -> None:
        told = b"".join((CHALLENGE.nonce, CHALLENGE.active_command, *CHALLENGE.chip_commands(both().dg14)))
        for at in range(SEED_BYTES - 7):
            assert CHALLENGE.seed[at : at + 8] not in told

    def test_it_is_silent(self) -> None:
        for text in (repr(CHALLENGE), str(CHALLENGE), f"{CHALLENGE}"):
            assert CHALLENGE.seed.hex() not in text
            assert str(CHALLENGE.seed) not in text
            assert "seed" not in text


class TestMethods:
    def test_what_a_chip_can_do(self) -> None:
        chip = both()
        assert presence_methods(dg14=chip.dg14, dg15=chip.dg15) == (PresenceMethod.CHIP, PresenceMethod.ACTIVE)
        assert presence_methods(dg14=chip.dg14, dg15=None) == (PresenceMethod.CHIP,)
        assert presence_methods(dg14=None, dg15=DG15) == (PresenceMethod.ACTIVE,)
        assert presence_methods(dg14=sim.dg14_of(), dg15=DG15) == (PresenceMethod.ACTIVE,)
        assert presence_methods(dg14=None, dg15=None) == ()

    def test_keys_of_no_use(self) -> None:
        unknown = sim.key_info(sim.der(0x30, sim.oid("1.3.101.112")), bytes(32))
        assert presence_methods(dg14=None, dg15=sim.dg15_of(unknown)) == ()
        assert presence_methods(dg14=sim.dg14_of(sim.chip_key_info(2, unknown)), dg15=None) == ()

    def test_bytes_that_are_no_files(self) -> None:
        for dg14, dg15 in ((b"", None), (None, b""), (DG15, None), (None, sim.dg14_of())):
            with pytest.raises(ChipMalformed):
                presence_methods(dg14=dg14, dg15=dg15)


class TestSession:
    @pytest.mark.parametrize("cipher", [TRIPLE_DES, AES256])
    def test_in_the_order_of_an_app(self, cipher: int) -> None:
        chip = both(cipher)
        challenge = PresenceChallenge.draw()
        assert chip.dg15 is not None
        assert verify_active(chip.dg15, chip.dg14, challenge, chip.send(challenge.active_command))
        answers = chip.run(challenge.chip_commands(chip.dg14))
        assert all(answer.endswith(sim.OK) for answer in answers)
        assert len(answers[-1]) == 16
        assert verify_chip(chip.dg14, challenge, answers)
        assert chip.send(challenge.active_command) == b"\x69\x87"  # the app has no keys any more

    def test_the_last_command_comes_last(self) -> None:
        chip = both()
        commands = CHALLENGE.chip_commands(chip.dg14)
        answers = [*map(chip.send, commands), chip.send(commands[-1])]
        assert answers[-1] == b"\x69\x88"
        assert not verify_chip(chip.dg14, CHALLENGE, answers[1:])

    def test_what_a_failed_command_is_answered_by(self) -> None:
        chip, copy = both(), both()
        answers = copy.run(CHALLENGE.chip_commands(chip.dg14))
        assert answers[-1] == b"\x69\x88"
        assert not verify_chip(chip.dg14, CHALLENGE, answers)


class TestActive:
    def test_rsa(self) -> None:
        response = RSA.send(CHALLENGE.active_command)
        assert verify_active(DG15, None, CHALLENGE, response)
        assert not verify_active(DG15, None, PresenceChallenge.draw(), response)

    def test_a_copy(self) -> None:
        response = SimulatedChip.with_rsa(1024, 1).send(CHALLENGE.active_command)
        assert not verify_active(DG15, None, CHALLENGE, response)
        assert not verify_active(DG15, None, CHALLENGE, SimulatedChip().send(CHALLENGE.active_command))

    def test_status_words_are_part_of_it(self) -> None:
        response = RSA.send(CHALLENGE.active_command)
        signature = response[:-2]
        for changed in (
            signature,
            signature + b"\x62\x82",
            signature + b"\0\0",
            response + sim.OK,
            response[1:],
            b"\x90\0",
            b"",
        ):
            assert not verify_active(DG15, None, CHALLENGE, changed)

    @given(st.binary(max_size=140))
    def test_any_bytes(self, response: bytes) -> None:
        assert not verify_active(DG15, None, CHALLENGE, response)
        assert not verify_active(DG15, None, CHALLENGE, response + sim.OK)

    def test_files_that_are_none(self) -> None:
        for dg15, dg14 in ((b"", None), (sim.dg14_of(), None), (both().dg15 or b"", b"")):
            with pytest.raises(ChipMalformed):
                verify_active(dg15, dg14, CHALLENGE, bytes(130))


def test_files_that_are_none() -> None:
    with pytest.raises(ChipMalformed):
        CHALLENGE.chip_commands(DG15)
    with pytest.raises(ChipMalformed):
        verify_chip(b"", CHALLENGE, [b""] * 3)
