"""The zones that ICAO Doc 9303 prints, part by part."""

from datetime import date

import pytest

from visavis.document.mrz import MachineReadableZone, MrzFormat, Standing, check_digit, read_zone, split_zone
from visavis.errors import MrzMalformed

TODAY = date(2026, 7, 1)

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
TD1_LONG = ("I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<")
MRV_A = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
MRV_B = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<")
ZONES = {"td1": TD1, "td1_long": TD1_LONG, "td2": TD2, "td3": TD3, "mrv_a": MRV_A, "mrv_b": MRV_B}


def values(zone: MachineReadableZone) -> dict[str, object]:
    """What a zone says, field by field."""
    names = (
        "document_code issuer document_number nationality birth_date sex expiry_date surname given_names optional_data"
    )
    return {name: getattr(zone, name).value for name in names.split()}


def standings(zone: MachineReadableZone) -> dict[Standing, set[str]]:
    """The fields of each standing, but for those that no digit covers in any format."""
    fields = ("document_number", "birth_date", "expiry_date", "optional_data")
    return {
        standing: found
        for standing in Standing
        if (found := {name for name in fields if getattr(zone, name).standing is standing})
    }


ERIKSSON = {
    "issuer": "UTO",
    "nationality": "UTO",
    "birth_date": date(1974, 8, 12),
    "sex": "F",
    "expiry_date": date(2012, 4, 15),
    "surname": "ERIKSSON",
    "given_names": "ANNA MARIA",
}
ALL = {Standing.CHECKED: {"document_number", "birth_date", "expiry_date", "optional_data"}}
NOT_OPTIONAL = {
    Standing.CHECKED: {"document_number", "birth_date", "expiry_date"},
    Standing.UNCHECKED: {"optional_data"},
}


class TestZones:
    def test_part_4_passport(self) -> None:
        zone = read_zone(TD3, today=TODAY)
        expected = {"document_code": "P", "document_number": "L898902C3", "optional_data": "ZE184226B"}
        assert values(zone) == ERIKSSON | expected
        assert standings(zone) == ALL
        assert (zone.format, zone.composite_held, zone.optional_data_2) == (MrzFormat.TD3, True, None)

    def test_part_5_card(self) -> None:
        zone = read_zone(TD1, today=TODAY)
        assert values(zone) == ERIKSSON | {
            "document_code": "I",
            "document_number": "D23145890",
            "optional_data": None,
        }
        assert standings(zone) == ALL
        assert (zone.format, zone.composite_held) == (MrzFormat.TD1, True)
        assert zone.optional_data_2 is not None
        assert zone.optional_data_2.value is None
        assert zone.optional_data_2.standing is Standing.CHECKED

    def test_part_5_long_number(self) -> None:
        zone = read_zone(TD1_LONG, today=TODAY)
        assert zone.document_number.value == "D23145890734"
        assert zone.birth_date.value == date(1934, 7, 12)
        assert zone.expiry_date.value == date(1995, 7, 12)
        assert (zone.surname.value, zone.given_names.value, zone.sex.value) == ("STEVENSON", "PETER JOHN", "M")
        assert zone.optional_data.value is None
        assert standings(zone) == ALL

    def test_part_6_card(self) -> None:
        zone = read_zone(TD2, today=TODAY)
        assert values(zone) == ERIKSSON | {
            "document_code": "I",
            "document_number": "D23145890",
            "optional_data": None,
        }
        assert standings(zone) == ALL
        assert (zone.format, zone.composite_held, zone.optional_data_2) == (MrzFormat.TD2, True, None)

    @pytest.mark.parametrize(
        ("lines", "mrz_format", "optional"),
        [(MRV_A, MrzFormat.MRV_A, "6ZE184226B"), (MRV_B, MrzFormat.MRV_B, None)],
    )
    def test_part_7_visas(self, lines: tuple[str, ...], mrz_format: MrzFormat, optional: str | None) -> None:
        zone = read_zone(lines, today=TODAY)
        assert values(zone) == ERIKSSON | {
            "document_code": "V",
            "document_number": "L8988901C",
            "nationality": "XXX",
            "birth_date": date(1940, 9, 7),
            "expiry_date": date(1996, 12, 10),
            "optional_data": optional,
        }
        assert standings(zone) == NOT_OPTIONAL
        assert (zone.format, zone.composite_held, zone.optional_data_2) == (mrz_format, None, None)

    @pytest.mark.parametrize("lines", ZONES.values(), ids=ZONES)
    def test_nothing_was_repaired(self, lines: tuple[str, ...]) -> None:
        zone = read_zone(lines, today=TODAY)
        assert zone.lines == lines
        assert not any(getattr(zone, name).repaired for name in values(zone))
        assert not zone.names_truncated

    @pytest.mark.parametrize("digit", ["0", "<"])
    def test_a_passport_without_a_personal_number(self, digit: str) -> None:
        """Part 4, section 4.2.2.2: its check digit may be 0 or a filler."""
        lower = "L898902C36UTO7408122F1204159<<<<<<<<<<<<<<" + digit
        composite = check_digit(lower[:10] + lower[13:20] + lower[21:])
        zone = read_zone((TD3[0], lower + composite), today=TODAY)
        assert zone.optional_data.value is None
        assert standings(zone) == ALL

    def test_a_german_passport(self) -> None:
        zone = read_zone((TD3[0].replace("UTO", "D<<"), TD3[1].replace("UTO", "D<<")), today=TODAY)
        assert (zone.issuer.value, zone.nationality.value) == ("D", "D")

    @pytest.mark.parametrize(("mark", "sex"), [("F", "F"), ("M", "M"), ("<", None), ("X", None)])
    def test_sex(self, mark: str, sex: str | None) -> None:
        zone = read_zone((TD3[0], TD3[1].replace("2F1", f"2{mark}1")), today=TODAY)
        assert (zone.sex.value, zone.sex.standing) == (sex, Standing.UNCHECKED)

    def test_an_old_french_card_is_nothing_that_is_checked(self) -> None:
        """Two lines of 36 in an order of their own."""
        zone = read_zone(("IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<", "8806923102858CORINNE<<<<<<<6512068F6"), today=TODAY)
        assert Standing.CHECKED not in standings(zone)


@pytest.mark.parametrize(
    ("text", "digit"),
    [
        ("520727", "3"),
        ("AB2134<<<", "5"),
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),
        ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<<", "2"),
        ("HA672242<658022549601086<<<<<<<", "8"),
        ("", "0"),
    ],
)
def test_check_digits_of_part_3_appendix_a(text: str, digit: str) -> None:
    assert check_digit(text) == digit


def test_other_characters_have_no_check_digit() -> None:
    with pytest.raises(MrzMalformed):
        check_digit("AB 2134")


class TestSplitting:
    @pytest.mark.parametrize("lines", ZONES.values(), ids=ZONES)
    @pytest.mark.parametrize("between", ["", "\n", "\r\n", " \n "])
    def test_a_chip_holds_one_text(self, lines: tuple[str, ...], between: str) -> None:
        assert split_zone(between.join(lines)) == lines

    def test_not_any_number_of_line_breaks(self) -> None:
        with pytest.raises(MrzMalformed):
            split_zone(("\n" * 10_000).join(TD3))

    @pytest.mark.parametrize("length", [0, 1, 71, 73, 87, 89, 91, 10_000_000])
    def test_other_lengths_are_none(self, length: int) -> None:
        with pytest.raises(MrzMalformed):
            split_zone("<" * length)


class TestNoZone:
    @pytest.mark.parametrize(
        "lines",
        [
            (),
            ("",),
            TD3[:1],
            (*TD3, TD3[1]),
            TD1[:2],
            (*TD1, TD1[2]),
            (TD3[0], TD3[1][:-1]),
            (TD3[0], TD3[1] + "<"),
            (TD2[0], TD3[1]),
            (TD3[0], TD3[1].lower()),
            (TD3[0], TD3[1].replace("<", " ")),
            (TD3[0], TD3[1].replace("0", "٠")),
            (TD3[0], ["<"] * 43 + [""]),
            (TD3[0], ["<"] * 43 + ["<" * 38]),
            (TD3[0], ["<"] * 43 + ["<é"]),
            ("<" * 1_000_000, "<" * 1_000_000),
        ],
    )
    def test_other_texts_are_refused(self, lines: tuple[str, ...]) -> None:
        with pytest.raises(MrzMalformed):
            read_zone(lines, today=TODAY)

    def test_an_error_holds_nothing_of_the_holder(self) -> None:
        with pytest.raises(MrzMalformed) as caught:
            read_zone((TD3[0], TD3[1].lower()), today=TODAY)
        assert "898902" not in str(caught.value)


def test_nothing_of_the_holder_is_shown() -> None:
    zone = read_zone(TD3, today=TODAY)
    assert repr(zone) == "<MachineReadableZone td3>"
    assert repr(zone.document_number) == "<Field checked>"
