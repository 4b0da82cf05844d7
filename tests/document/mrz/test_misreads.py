"""What a recogniser gets wrong or doubts: settled by type, repaired by a digit, told to be a doubt, and never checked."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LONG
from tests.document.mrz.test_examples import MRV_A, TD1, TD1_LONG, TD2, TD3, TODAY, ZONES, standings, values
from tests.document.mrz.test_round_trip import holders
from visavis.document.mrz import (
    ALPHABET,
    Field,
    MachineReadableZone,
    MrzFormat,
    Standing,
    check_digit,
    read_zone,
    write_zone,
)

OTHERS = 36 if LONG else 5
"""How many other characters each place of the examples is misread as."""


def alike(one: str, other: str) -> bool:
    """Whether no check digit tells these characters apart."""
    return check_digit(one) == check_digit(other)


def wrong(zone: MachineReadableZone, truth: MachineReadableZone) -> set[str]:
    """The fields that are checked and are not what is printed."""
    names = (*values(truth), "optional_data_2")
    return {
        name
        for name in names
        if (field := getattr(zone, name)) is not None
        and field.standing is Standing.CHECKED
        and (getattr(truth, name) is None or field.value != getattr(truth, name).value)
    }


def seen(lines: Sequence[str], doubts: dict[tuple[int, int], str]) -> list[list[str]]:
    """These lines with other candidates at some places, by line and column."""
    places = [list(line) for line in lines]
    for (line, column), candidates in doubts.items():
        places[line][column] = candidates
    return places


def number(lines: Sequence[str], doubts: dict[int, str], column: int = 0) -> Field:
    """The document number with other candidates at some of its characters, in the second line unless it is a TD1 card's."""
    line = 0 if len(lines) == 3 else 1
    places = {(line, column + place): candidates for place, candidates in doubts.items()}
    return read_zone(seen(lines, places), today=TODAY).document_number


class TestSingleMisreads:
    @pytest.mark.soak
    @pytest.mark.parametrize("lines", ZONES.values(), ids=ZONES)
    def test_are_never_checked_but_where_alike(self, lines: tuple[str, ...]) -> None:
        rng = random.Random(9303)  # noqa: S311 — seeded
        truth = read_zone(lines, today=TODAY)
        for line, text in enumerate(lines):
            for column, printed in enumerate(text):
                for read in rng.sample(ALPHABET.replace(printed, ""), OTHERS):
                    zone = read_zone(seen(lines, {(line, column): read}), today=TODAY)
                    assert not wrong(zone, truth) or alike(printed, read), (line, column, read)

    @pytest.mark.soak
    def test_of_any_zone(self) -> None:
        rng = random.Random(7501)  # noqa: S311 — seeded
        for _ in range(2_000 if LONG else 20):
            digits = ALPHABET[:10] if rng.random() < 0.5 else ALPHABET[:-1]
            lines = write_zone(
                rng.choice(list(MrzFormat)),
                document_code="P",
                issuer="UTO",
                document_number="".join(rng.choices(digits, k=9)),
                nationality="UTO",
                birth_date=TODAY.replace(
                    year=rng.randint(1930, 2025), month=rng.randint(1, 12), day=rng.randint(1, 28)
                ),
                sex=None,
                expiry_date=TODAY.replace(year=rng.randint(2020, 2039)),
                surname="Eriksson",
                optional_data="".join(rng.choices(digits, k=rng.randint(0, 7))),
            )
            truth = read_zone(lines, today=TODAY)
            for _ in range(40):
                line = rng.randrange(len(lines))
                column = rng.randrange(len(lines[line]))
                read = rng.choice(ALPHABET.replace(lines[line][column], ""))
                zone = read_zone(seen(lines, {(line, column): read}), today=TODAY)
                assert not wrong(zone, truth) or alike(lines[line][column], read)

    @pytest.mark.parametrize(("printed", "read"), ["6G", "8S", "1L", "0U", "9J"])
    def test_what_is_alike_passes(self, printed: str, read: str) -> None:
        """The limit of every check digit: this is what nobody can tell without a second look."""
        lines = write_zone_numbered(printed + "2345")
        zone = read_zone((lines[0], read + lines[1][1:]), today=TODAY)
        assert zone.document_number.value == read + "2345"
        assert zone.document_number.standing is Standing.CHECKED

    def test_a_k_beside_a_filler_may_be_one(self) -> None:
        lines = write_zone_numbered("1234567")
        zone = read_zone((lines[0], lines[1][:7] + "K" + lines[1][8:]), today=TODAY)
        assert zone.document_number.value == "1234567K"
        assert zone.document_number.standing is Standing.UNCHECKED


def write_zone_numbered(text: str, mrz_format: MrzFormat = MrzFormat.TD3, optional_data: str = "") -> tuple[str, ...]:
    return write_zone(
        mrz_format,
        document_code="P",
        issuer="UTO",
        document_number=text,
        nationality="UTO",
        birth_date=TODAY.replace(year=1980),
        sex="M",
        expiry_date=TODAY.replace(year=2030),
        surname="Eriksson",
        optional_data=optional_data,
    )


class TestCandidates:
    @given(holders(), st.data())
    def test_where_the_truth_is_among_them_what_is_checked_is_true(self, written: tuple, data: st.DataObject) -> None:  # type: ignore[type-arg]
        lines = write_zone(written[0], **written[1])
        truth = read_zone(lines, today=TODAY)
        doubted = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 43)), max_size=8))
        doubts = {}
        for line, column in doubted:
            if line < len(lines) and column < len(lines[line]):
                others = data.draw(st.text(ALPHABET, min_size=1, max_size=2))
                doubts[line, column] = "".join(data.draw(st.permutations(lines[line][column] + others)))
        zone = read_zone(seen(lines, doubts), today=TODAY)
        if zone.format is truth.format:  # of a visa, the first letter says so
            assert not wrong(zone, truth)

    def test_the_likeliest_passes_alone(self) -> None:
        field = number(TD3, {0: "LJ", 4: "9O"})
        assert (field.value, field.standing, field.repaired) == ("L898902C3", Standing.CHECKED, False)

    def test_another_passes_alone(self) -> None:
        field = number(write_zone_numbered("999999979"), {7: "17"})
        assert (field.value, field.standing, field.repaired) == ("999999979", Standing.CHECKED, True)

    def test_another_passes_and_so_would_a_confusion_elsewhere(self) -> None:
        field = number(write_zone_numbered("99999O979"), {7: "17"})
        assert field.value == "99999O979"
        assert (field.standing, field.repaired) == (Standing.UNCHECKED, True)

    @pytest.mark.parametrize("lines", [TD3, MRV_A, TD2])
    def test_two_places_are_too_much_to_be_believed(self, lines: tuple[str, ...]) -> None:
        printed = lines[1][:9]
        field = number(lines, {3: "1" + printed[3], 7: "8" + printed[7]})
        assert (field.value, field.standing, field.repaired) == (printed, Standing.UNCHECKED, True)

    def test_nor_where_no_confusion_explains_it(self) -> None:
        field = number(write_zone_numbered("999999999"), {3: "29", 7: "69"})
        assert (field.value, field.standing, field.repaired) == ("999999999", Standing.UNCHECKED, True)

    @pytest.mark.parametrize("candidates", ["6G", "G6"])
    def test_alike_candidates_are_a_doubt(self, candidates: str) -> None:
        lines = write_zone_numbered("123456789")
        field = number(lines, {5: candidates})
        assert (field.value, field.standing) == (f"12345{candidates[0]}789", Standing.UNCHECKED)

    def test_several_repairs_are_none(self) -> None:
        lines = write_zone_numbered("123456789")
        field = number(lines, {5: "56G"})
        assert (field.value, field.standing) == ("123456789", Standing.FAILED)

    def test_a_composite_digit_still_holds_after_either(self) -> None:
        lines = write_zone_numbered("123456789")
        zone = read_zone(seen(lines, {(1, 5): "56G"}), today=TODAY)
        assert zone.composite_held
        assert zone.birth_date.standing is Standing.CHECKED

    def test_the_digit_itself_is_doubted(self) -> None:
        lines = write_zone_numbered("999999979")
        assert lines[1][9] == "1"
        field = number(lines, {9: "01"})
        assert (field.value, field.standing, field.repaired) == ("999999979", Standing.CHECKED, False)
        assert number(lines, {9: "21"}).standing is Standing.UNCHECKED  # had it been 2, a 9 might be a misread 0

    def test_too_many_are_no_evidence(self) -> None:
        zone = read_zone([[ALPHABET] * len(line) for line in TD3], today=TODAY)
        assert Standing.CHECKED not in standings(zone)
        for lines in ZONES.values():
            others = [["".join(dict.fromkeys(each + ALPHABET)) for each in line] for line in lines]
            assert Standing.CHECKED not in standings(read_zone(others, today=TODAY))

    @pytest.mark.parametrize(
        ("first", "mrz_format"),
        [
            ("V", MrzFormat.MRV_A),
            ("YV", MrzFormat.MRV_A),
            ("VP", MrzFormat.MRV_A),
            ("PV", MrzFormat.TD3),
            ("Y", MrzFormat.TD3),
        ],
    )
    def test_the_first_character_tells_a_visa(self, first: str, mrz_format: MrzFormat) -> None:
        assert read_zone(seen(MRV_A, {(0, 0): first}), today=TODAY).format is mrz_format


class TestTypes:
    @pytest.mark.parametrize(("printed", "read"), [*zip("00011245678", "OQDILZASGTB", strict=True)])
    def test_letters_in_a_date_are_digits(self, printed: str, read: str) -> None:
        lines = write_zone(
            MrzFormat.TD3,
            document_code="P",
            issuer="UTO",
            document_number="1",
            nationality="UTO",
            birth_date=TODAY.replace(year=1900 + 10 * 9 + int(printed)),
            sex=None,
            expiry_date=None,
            surname="Eriksson",
        )
        zone = read_zone((lines[0], lines[1][:14] + read + lines[1][15:]), today=TODAY)
        assert zone.lines == lines
        assert zone.birth_date.value == TODAY.replace(year=1990 + int(printed))
        assert (zone.birth_date.standing, zone.birth_date.repaired) == (Standing.CHECKED, True)

    @pytest.mark.parametrize(("printed", "read"), [*zip("OIZASGTB", "01245678", strict=True)])
    def test_digits_in_a_country_are_letters(self, printed: str, read: str) -> None:
        zone = read_zone((TD3[0].replace("UTO", f"U{read}O"), TD3[1]), today=TODAY)
        assert (zone.issuer.value, zone.issuer.standing) == (f"U{printed}O", Standing.UNCHECKED)
        assert zone.issuer.repaired

    @pytest.mark.parametrize(
        ("lines", "candidates", "code"),
        [(TD1, "TYI", "I"), (TD1, "TY", "T"), (TD1, "CI", "C"), (TD3, "FP", "P"), (MRV_A, "VY", "V"), (TD3, "F", "F")],
    )
    def test_a_document_code_starts_with_few_letters(self, lines: tuple[str, ...], candidates: str, code: str) -> None:
        field = read_zone(seen(lines, {(0, 0): candidates}), today=TODAY).document_code
        assert (str(field.value)[0], field.standing) == (code, Standing.UNCHECKED)

    def test_a_candidate_of_the_type_counts(self) -> None:
        zone = read_zone(seen(TD3, {(1, 13): "T7", (1, 27): "9O", (0, 2): "VU"}), today=TODAY)
        assert standings(zone) == standings(read_zone(TD3, today=TODAY))
        assert zone.issuer.value == "VTO"

    def test_what_the_type_has_no_counterpart_for_fails(self) -> None:
        zone = read_zone((TD3[0].replace("UTO", "U9O"), TD3[1].replace("F1", "61")), today=TODAY)
        assert zone.issuer.standing is Standing.FAILED
        assert zone.sex.standing is Standing.FAILED


class TestGuesses:
    def test_one_confusion_explains_it(self) -> None:
        field = number(write_zone_numbered("999999909"), {7: "O"})
        assert (field.value, field.repaired) == ("999999909", True)
        assert field.standing is Standing.UNCHECKED  # nothing says that it was this place

    def test_several_do(self) -> None:
        field = number(write_zone_numbered("999999969"), {7: "5"})
        assert (field.value, field.standing, field.repaired) == ("999999959", Standing.FAILED, False)

    def test_none_does(self) -> None:
        field = number(write_zone_numbered("777777777"), {7: "A"})
        assert (field.value, field.standing, field.repaired) == ("7777777A7", Standing.FAILED, False)


class TestComposite:
    def test_a_misread_of_what_it_alone_covers(self) -> None:
        for lines, place in ((TD1, (0, 20)), (TD1, (1, 20)), (TD2, (1, 30))):
            zone = read_zone(seen(lines, {place: "7"}), today=TODAY)
            assert zone.composite_held is False
            assert standings(zone)[Standing.FAILED] == {"optional_data"}
            assert standings(zone)[Standing.UNCHECKED] == {"document_number", "birth_date", "expiry_date"}

    def test_a_doubt_in_what_it_alone_covers_is_settled(self) -> None:
        zone = read_zone(seen(TD1, {(0, 20): "7<"}), today=TODAY)
        assert zone.lines == TD1
        assert zone.composite_held
        assert zone.document_number.standing is Standing.CHECKED
        assert (zone.optional_data.value, zone.optional_data.repaired) == (None, True)

    def test_where_another_field_is_in_doubt_it_tells_nothing_of_the_rest(self) -> None:
        lines = write_zone_numbered("123456789", MrzFormat.TD2, "4711")
        zone = read_zone(seen(lines, {(1, 5): "6G"}), today=TODAY)
        assert zone.composite_held
        assert zone.optional_data.value == "4711"
        assert standings(zone)[Standing.UNCHECKED] == {"document_number", "optional_data"}

    def test_a_doubt_in_the_digit_is_settled(self) -> None:
        zone = read_zone(seen(TD3, {(1, 43): "80"}), today=TODAY)
        assert zone.lines == TD3
        assert standings(zone) == standings(read_zone(TD3, today=TODAY))

    @pytest.mark.parametrize("digit", ["8", "<", "W"])
    def test_a_wrong_digit(self, digit: str) -> None:
        zone = read_zone((TD3[0], TD3[1][:-1] + digit), today=TODAY)
        assert zone.composite_held is False
        assert standings(zone) == {
            Standing.UNCHECKED: {"document_number", "birth_date", "expiry_date", "optional_data"}
        }

    def test_two_misreads_of_a_date_that_its_own_digit_misses(self) -> None:
        """Its own digit counts 7, 3, 1 from its first place, the composite digit 3, 1, 7."""
        lower = TD3[1].replace("7408122", "8508122")
        assert check_digit("850812") == check_digit("740812")
        zone = read_zone((TD3[0], lower), today=TODAY)
        assert zone.composite_held is False
        assert Standing.CHECKED not in standings(zone)


class TestLongNumbers:
    def test_of_the_larger_card(self) -> None:
        lines = write_zone_numbered("ABCDEFGHI12345", MrzFormat.TD2)
        assert lines[1][9] == "<"
        field = number(lines, {})
        assert (field.value, field.standing) == ("ABCDEFGHI12345", Standing.CHECKED)

    def test_what_follows_is_optional_data(self) -> None:
        lines = write_zone_numbered("ABCDEFGHI12", MrzFormat.TD1, "XY99")
        zone = read_zone(lines, today=TODAY)
        assert (zone.document_number.value, zone.optional_data.value) == ("ABCDEFGHI12", "XY99")
        assert standings(zone)[Standing.CHECKED] >= {"document_number", "optional_data"}

    @pytest.mark.parametrize(("column", "candidates"), [(14, "<K"), (19, "<8"), (16, "3<"), (18, "9<")])
    def test_where_it_ends_may_be_in_doubt(self, column: int, candidates: str) -> None:
        zone = read_zone(seen(TD1_LONG, {(0, column): candidates}), today=TODAY)
        assert zone.document_number.value == "D23145890734"
        assert zone.document_number.standing is Standing.UNCHECKED

    def test_its_digit_fails(self) -> None:
        field = number(TD1_LONG, {13: "8"}, column=5)
        assert field.standing is Standing.FAILED

    def test_a_number_with_room_left_does_not_go_on(self) -> None:
        first = f"I<UTOD2314589<<734{check_digit('D2314589<734')}<<<<<<<<<<<"
        second = TD1[1][:-1]
        composite = check_digit(first[5:] + second[:7] + second[8:15] + second[18:])
        zone = read_zone((first, second + composite, TD1[2]), today=TODAY)
        assert zone.composite_held
        assert zone.document_number.standing is Standing.FAILED

    def test_a_digit_that_may_be_a_filler(self) -> None:
        zone = read_zone(seen(TD1, {(0, 14): "7<"}), today=TODAY)
        assert (zone.document_number.value, zone.document_number.standing) == ("D23145890", Standing.UNCHECKED)

    def test_a_filler_for_a_digit_and_nothing_that_goes_on(self) -> None:
        zone = read_zone(seen(TD1, {(0, 14): "<"}), today=TODAY)
        assert zone.document_number.standing is Standing.FAILED

    def test_passports_have_none(self) -> None:
        zone = read_zone(seen(TD3, {(1, 9): "<"}), today=TODAY)
        assert (zone.document_number.value, zone.document_number.standing) == ("L898902C3", Standing.FAILED)
