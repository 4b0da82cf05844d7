"""A whole chip, from its files to what they are worth."""

from datetime import date

import pytest

from tests.document.chip.issued import ZONE, issued
from tests.document.chip.pki import NOW, Authority
from tests.document.chip.simulated_chip import SimulatedChip
from tests.document.chip.writing import com, dg1, dg11
from visavis.decision import DocumentTerms, judge_document
from visavis.document import Authenticity, Document, FieldStanding, fields_of
from visavis.document.chip import FILE_BYTES_MAX, Chip, Presence, PresenceChallenge, Trust, is_chip_file, read_chip
from visavis.document.mrz import Standing, check_digit, read_zone, split_zone
from visavis.document.page import Page
from visavis.errors import ChipIncomplete, ChipMalformed

CHALLENGE = PresenceChallenge(bytes(range(32)))


def signed(groups: dict[int, bytes]) -> Chip:
    """A chip with these groups in place of Anna's, as another authority has signed it."""
    authority, groups = Authority.make(country="UT"), issued().groups | groups
    return read_chip([authority.signer().sod(groups), *groups.values()], trust=authority.trust(), now=NOW)


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

    @pytest.mark.parametrize("stray", [b"", b"\0", b"\xff\xd8\xff", b"Hello", b"hello", b"\x61"])
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

    @pytest.mark.parametrize("unsigned", [b"\x60\0", com(b"\x61\x61"), com(b"\x61\x77")])
    def test_a_com_that_is_not_as_specified_is_no_reason_to_refuse_a_chip(self, unsigned: bytes) -> None:
        chip = issued().read([unsigned, *issued().files()[1:]])
        assert chip.reasons == ()
        assert "com_differs" in chip.notes

    @pytest.mark.parametrize(
        ("told", "year", "differ"), [(b"19740812", 1974, False), (b"18740812", 1874, False), (b"19740813", 1974, True)]
    )
    def test_the_century_of_birth_is_that_of_dg11(self, told: bytes, year: int, differ: bool) -> None:
        chip = signed({11: dg11(birth_date=told)})
        assert chip.zone is not None
        assert chip.zone.birth_date.value == date(year, 8, 12)
        assert (chip.zone.birth_date.standing is Standing.FAILED) == ("birth_dates_differ" in chip.notes) == differ

    def test_details_that_are_not_as_specified_are_noted(self) -> None:
        chip = signed({11: b"\x6b\x03\x5f\x0e\x00"})
        assert chip.reasons == ()
        assert "details_unreadable" in chip.notes

    def test_what_was_not_given_is_not_signed(self) -> None:
        document = Document.of([], issued().read(issued().files(11)))
        names = ("address", "full_name", "issuing_authority", "issue_date")
        standings = [said.standing for said in fields_of(document, names, today=NOW.date()).values()]
        assert standings == [FieldStanding.UNCHECKED] * 2 + [FieldStanding.SIGNED] * 2

    @pytest.mark.parametrize("digit", "0123456789")
    def test_nothing_in_its_zone_is_repaired(self, digit: str) -> None:
        chip = signed({1: dg1(ZONE[:63] + digit + ZONE[64:])})
        assert chip.zone is not None
        assert "".join(chip.zone.lines) == ZONE[:63] + digit + ZONE[64:]
        right = digit == ZONE[63]
        said = fields_of(Document.of([], chip), ["birth_date", "over_18"], today=NOW.date())
        assert said["birth_date"].standing is (FieldStanding.SIGNED if right else FieldStanding.FAILED)
        assert said["over_18"].value is (True if right else None)

    def test_a_number_that_ends_in_k_is_no_filler(self) -> None:
        number = "AB12345K<"
        zone = ZONE[:44] + number + check_digit(number) + ZONE[54:]
        held = zone[44:54] + zone[57:64] + zone[65:87]
        chip = signed({1: dg1(zone[:87] + check_digit(held))})
        assert judge_document(Document.of([], chip), DocumentTerms(), today=NOW.date()).holds

    def test_a_name_is_told_as_it_was_signed(self) -> None:
        chip = signed({1: dg1("P<UTOERIKSSON<<ANNA<K".ljust(44, "<") + ZONE[44:])})
        assert chip.zone is not None
        assert chip.zone.given_names.value == "ANNA K"

    def test_the_century_that_a_page_does_not_tell_is_no_difference(self) -> None:
        chip = signed({11: dg11(birth_date=b"18740812")})
        page = Page((), read_zone(split_zone(ZONE), today=NOW.date()), None)
        assert Document.of([page], chip).authenticity is Authenticity.PRESENCE_NOT_PROVEN
        assert chip.zone is not None
        assert chip.zone.birth_date.value == date(1874, 8, 12)

    def test_a_time_without_a_zone_is_none(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            read_chip(issued().files(), trust=issued().trust, now=NOW.replace(tzinfo=None))

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
