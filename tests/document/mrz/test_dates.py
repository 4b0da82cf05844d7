"""Years by rule, days that there are not, and days that are not known."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.mrz.test_examples import MRV_B, TD3
from visavis.document.mrz import MachineReadableZone, Standing, check_digit, read_zone


def dated(
    birth: str, expiry: str, today: date, *, visa: bool = False, digits: tuple[str, str] | None = None
) -> MachineReadableZone:
    """A zone with these dates, and with right digits unless others are given."""
    first, second = digits or (check_digit(birth), check_digit(expiry))
    if visa:
        lower = MRV_B[1]
        return read_zone((MRV_B[0], f"{lower[:13]}{birth}{first}F{expiry}{second}{lower[28:]}"), today=today)
    lower = f"{TD3[1][:13]}{birth}{first}F{expiry}{second}{TD3[1][28:43]}"
    return read_zone((TD3[0], lower + check_digit(lower[:10] + lower[13:20] + lower[21:])), today=today)


class TestYears:
    @pytest.mark.parametrize(
        ("today", "text", "birth"),
        [
            (date(2026, 7, 1), "260701", date(2026, 7, 1)),
            (date(2026, 7, 1), "260702", date(1926, 7, 2)),
            (date(2026, 7, 1), "000229", date(2000, 2, 29)),
            (date(2024, 1, 1), "240229", date(1924, 2, 29)),
            (date(2101, 1, 1), "000229", date(2000, 2, 29)),
            (date(2026, 7, 1), "991231", date(1999, 12, 31)),
        ],
    )
    def test_birth_is_the_latest_day_not_after_today(self, today: date, text: str, birth: date) -> None:
        zone = dated(text, "300101", today)
        assert (zone.birth_date.value, zone.birth_date.standing) == (birth, Standing.CHECKED)

    @pytest.mark.parametrize(
        ("text", "expiry"),
        [
            ("750101", date(2075, 1, 1)),
            ("751231", date(2075, 12, 31)),
            ("760101", date(1976, 1, 1)),
            ("260701", date(2026, 7, 1)),
            ("991231", date(1999, 12, 31)),
            ("<<<<<<", None),
        ],
    )
    def test_expiry_is_in_the_hundred_years_around_today(self, text: str, expiry: date | None) -> None:
        zone = dated("740812", text, date(2026, 7, 1))
        assert (zone.expiry_date.value, zone.expiry_date.standing) == (expiry, Standing.CHECKED)

    days = st.dates(date(1900, 1, 1), date(2199, 12, 31))

    @given(days, days, days)
    def test_any_days(self, birth: date, expiry: date, today: date) -> None:
        zone = dated(f"{birth:%y%m%d}", f"{expiry:%y%m%d}", today)
        read, until = zone.birth_date.value, zone.expiry_date.value
        if isinstance(read, date):
            assert read <= today
            assert (read.year - birth.year) % 100 == 0
            assert (read.month, read.day) == (birth.month, birth.day)
            assert zone.birth_date.standing is Standing.CHECKED
            assert today.year - read.year <= 100 or (birth.month, birth.day) == (2, 29)
        else:
            assert (birth.month, birth.day) == (2, 29)
            assert zone.birth_date.standing is Standing.FAILED
        if isinstance(until, date):
            assert -50 <= until.year - today.year <= 49
            assert (until.year - expiry.year) % 100 == 0
        else:
            assert (expiry.month, expiry.day) == (2, 29)
            assert zone.expiry_date.standing is Standing.FAILED


class TestNoDates:
    @pytest.mark.parametrize("text", ["990231", "000000", "991301", "990001", "990100", "230229"])
    @pytest.mark.parametrize("visa", [False, True])
    def test_a_day_that_there_is_not_is_not_checked(self, text: str, visa: bool) -> None:
        zone = dated(text, text, date(2026, 7, 1), visa=visa)
        for field in (zone.birth_date, zone.expiry_date):
            assert (field.value, field.standing) == (None, Standing.FAILED)

    def test_no_day_is_made_of_one_that_its_digit_confirms(self) -> None:
        lines: list[list[str]] = [list(line) for line in MRV_B]
        lines[1][13:20] = "990231" + check_digit("990231")
        lines[1][16] = "21"
        lines[1][19] += check_digit("990131")
        zone = read_zone(lines, today=date(2026, 7, 1))
        assert (zone.birth_date.value, zone.birth_date.standing) == (None, Standing.FAILED)

    def test_letters_that_are_no_digits(self) -> None:
        zone = dated("7W0812", "300101", date(2026, 7, 1))
        assert (zone.birth_date.value, zone.birth_date.standing) == (None, Standing.FAILED)


class TestUnknown:
    @pytest.mark.parametrize(
        ("text", "partial"),
        [
            ("7408<<", "1974-08"),
            ("74<<<<", "1974"),
            ("<<<<<<", None),
            ("<<0812", None),
            ("26<<<<", "2026"),
            ("2607<<", "2026-07"),
        ],
    )
    def test_parts_of_a_birth_date(self, text: str, partial: str | None) -> None:
        zone = dated(text, "300101", date(2026, 7, 1))
        assert (zone.birth_date.value, zone.birth_partial) == (None, partial)
        assert zone.birth_date.standing is Standing.CHECKED

    @pytest.mark.parametrize(("text", "partial"), [("2608<<", "1926-08"), ("27<<<<", "1927")])
    def test_such_a_part_is_not_in_the_future(self, text: str, partial: str) -> None:
        assert dated(text, "300101", date(2026, 7, 1)).birth_partial == partial

    @pytest.mark.parametrize("text", ["7<0812", "740<<<", "74<<12", "74081<"])
    def test_half_a_part_is_none(self, text: str) -> None:
        zone = dated(text, "300101", date(2026, 7, 1))
        assert (zone.birth_date.value, zone.birth_partial) == (None, None)
        assert zone.birth_date.standing is Standing.FAILED

    @pytest.mark.parametrize("text", ["3001<<", "30<<<<"])
    def test_a_part_of_an_expiry_is_none(self, text: str) -> None:
        zone = dated("740812", text, date(2026, 7, 1))
        assert (zone.expiry_date.value, zone.expiry_date.standing) == (None, Standing.FAILED)

    def test_without_a_digit_nothing_is_checked(self) -> None:
        zone = dated("<<<<<<", "<<<<<<", date(2026, 7, 1), digits=("<", "<"))
        for field in (zone.birth_date, zone.expiry_date):
            assert (field.value, field.standing) == (None, Standing.UNCHECKED)
