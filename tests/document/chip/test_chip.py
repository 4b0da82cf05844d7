"""A whole chip, from its files to what they are worth."""

from datetime import date

import pytest

from tests.document.chip.issued import issued
from tests.document.chip.pki import NOW, Authority
from tests.document.chip.simulated_chip import SimulatedChip
from tests.document.chip.writing import com, dg11
from visavis.document import Authenticity, Document
from visavis.document.chip import FILE_BYTES_MAX, Presence, PresenceChallenge, Trust, is_chip_file, read_chip
from visavis.document.mrz import Standing
from visavis.errors import ChipIncomplete, ChipMalformed

CHALLENGE = PresenceChallenge(bytes(range(32)))


class TestFiles:
    def test_a_whole_chip(self) -> None:
        chip = issued().read()
        assert (chip.reasons, chip.present) == ((), False)
        assert "presence_not_proven" in chip.notes
        assert chip.zone is not None
        assert chip.zone.document_number.value == "L898902C3"
        assert chip.portrait is not None
        assert max(chip.portrait.shape) == 400
        assert chip.details is not None
        assert chip.details.name is not None
        assert chip.issuing is not None
        assert chip.issuing.authority == "UTOPIA"

    def test_their_order_does_not_matter(self) -> None:
        assert issued().read(issued().files()[::-1]).reasons == ()

    @pytest.mark.parametrize("missing", [1, 2])
    def test_what_is_missing_is_named(self, missing: int) -> None:
        with pytest.raises(ChipIncomplete, match=f"DG{missing}"):
            issued().read(issued().files(missing))

    def test_without_the_signature_there_is_nothing(self) -> None:
        with pytest.raises(ChipIncomplete, match=r"EF\.SOD"):
            issued().read(list(issued().groups.values()))

    @pytest.mark.parametrize("stray", [b"", b"\0", b"\xff\xd8\xff", b"Hello"])
    def test_what_is_no_file_of_a_chip(self, stray: bytes) -> None:
        assert not is_chip_file(stray)
        with pytest.raises(ChipMalformed):
            issued().read([*issued().files(), stray])

    def test_a_file_given_twice(self) -> None:
        with pytest.raises(ChipMalformed, match="twice"):
            issued().read([*issued().files(), issued().groups[1]])

    def test_what_has_no_keys_or_details_is_whole_too(self) -> None:
        groups = {number: issued().groups[number] for number in (1, 2)}
        authority = Authority.make(country="UT")
        chip = read_chip([authority.signer().sod(groups), *groups.values()], trust=authority.trust(), now=NOW)
        assert (chip.reasons, chip.details, chip.issuing) == ((), None, None)

    def test_what_com_lists_is_compared(self) -> None:
        files = [com(b"\x61\x75"), *issued().files()[1:]]
        assert "com_differs" in issued().read(files).notes
        assert "com_differs" not in issued().read().notes

    @pytest.mark.parametrize(
        ("told", "year", "differ"), [(b"19740812", 1974, False), (b"18740812", 1874, False), (b"19740813", 1974, True)]
    )
    def test_the_century_of_birth_is_that_of_dg11(self, told: bytes, year: int, differ: bool) -> None:
        groups = issued().groups | {11: dg11(birth_date=told)}
        authority = Authority.make(country="UT")
        chip = read_chip([authority.signer().sod(groups), *groups.values()], trust=authority.trust(), now=NOW)
        assert chip.zone is not None
        assert chip.zone.birth_date.value == date(year, 8, 12)
        assert (chip.zone.birth_date.standing is Standing.FAILED) == ("birth_dates_differ" in chip.notes) == differ

    def test_details_that_are_not_as_specified_are_noted(self) -> None:
        groups = issued().groups | {11: b"\x6b\x03\x5f\x0e\x00"}
        authority = Authority.make(country="UT")
        chip = read_chip([authority.signer().sod(groups), *groups.values()], trust=authority.trust(), now=NOW)
        assert chip.reasons == ()
        assert "details_unreadable" in chip.notes

    def test_files_are_bounded(self) -> None:
        with pytest.raises(ChipMalformed):
            issued().read([issued().sod, b"\x61" + bytes(FILE_BYTES_MAX), issued().groups[2]])


class TestAuthenticity:
    def test_a_changed_portrait_is_not_even_decoded(self) -> None:
        """Its bytes are no picture any more, and nobody tries."""
        files = issued().files(2)
        chip = issued().read([*files, issued().groups[2][:200] + b"\xff" * 100 + issued().groups[2][300:]])
        assert chip.reasons == ("group_altered",)
        assert (chip.zone, chip.portrait, chip.details) == (None, None, None)

    def test_nobody_is_believed_by_default(self) -> None:
        chip = read_chip(issued().files(), trust=Trust.empty(), now=NOW)
        assert chip.reasons == ("signer_unknown",)
        assert Document.of([], chip).authenticity is Authenticity.FAILED


class TestPresence:
    def test_either_way_proves_it(self) -> None:
        active, agreed = issued().answers(CHALLENGE)
        for presence in (
            Presence(CHALLENGE, active),
            Presence(CHALLENGE, None, agreed),
            Presence(CHALLENGE, active, agreed),
        ):
            chip = issued().read(presence=presence)
            assert (chip.reasons, chip.present) == ((), True)
            assert "presence_not_proven" not in chip.notes
            assert Document.of([], chip).authenticity is Authenticity.AUTHENTIC

    def test_no_answer_proves_nothing(self) -> None:
        chip = issued().read(presence=Presence(CHALLENGE))
        assert (chip.reasons, chip.present) == ((), False)

    def test_an_answer_to_another_challenge_fails(self) -> None:
        active, agreed = issued().answers(PresenceChallenge(bytes(32)))
        assert issued().read(presence=Presence(CHALLENGE, active)).reasons == ("presence_failed",)
        assert issued().read(presence=Presence(CHALLENGE, None, agreed)).reasons == ("presence_failed",)

    def test_one_right_answer_does_not_make_up_for_a_wrong_one(self) -> None:
        _, agreed = issued().answers(CHALLENGE)
        wrong, _ = issued().answers(PresenceChallenge(bytes(32)))
        assert issued().read(presence=Presence(CHALLENGE, wrong, agreed)).reasons == ("presence_failed",)

    def test_a_copy_with_a_key_of_its_own_fails(self) -> None:
        """It has the state's files, and answers with another chip's key, whose file is not signed."""
        copy = SimulatedChip.with_key()
        answers = copy.run(CHALLENGE.chip_commands(copy.dg14))
        assert issued().read(presence=Presence(CHALLENGE, None, answers)).reasons == ("presence_failed",)
        files = [*issued().files(14), copy.dg14]
        assert issued().read(files, Presence(CHALLENGE, None, answers)).reasons == ("group_altered",)

    def test_an_answer_without_the_file_that_it_is_checked_by_fails(self) -> None:
        active, agreed = issued().answers(CHALLENGE)
        assert issued().read(issued().files(15), Presence(CHALLENGE, active)).reasons == ("presence_failed",)
        assert issued().read(issued().files(14), Presence(CHALLENGE, None, agreed)).reasons == ("presence_failed",)


def test_it_is_silent() -> None:
    assert "ERIKSSON" not in repr(issued().read())
