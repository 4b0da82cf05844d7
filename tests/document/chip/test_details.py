from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip.writing import dg11, dg12, tlv
from visavis.document.chip.details import Details, read_details
from visavis.document.chip.issuing import Issuing, read_issuing
from visavis.document.chip.text import Name
from visavis.errors import ChipMalformed

WORDS = st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=20).filter(
    lambda text: text == text.strip()
)
DAYS = st.dates(date(1000, 1, 1), date(9999, 12, 31))


class TestDetails:
    def test_the_example_of_doc_9303(self) -> None:
        """Part 10, appendix A.5, whose lengths of the file and of the telephone number are put right."""
        data = bytes.fromhex("6B 60 5C 0A 5F0E 5F11 5F42 5F12 5F13") + b"".join(
            (
                b"\x5f\x0e\x0dSMITH<<JOHN<J",
                b"\x5f\x11\x0aANYTOWN<MN",
                b"\x5f\x42\x17123 MAPLE RD<ANYTOWN<MN",
                b"\x5f\x12\x0b16125551212",
                b"\x5f\x13\x0cTRAVEL<AGENT",
            )
        )
        assert read_details(data) == Details(
            Name("SMITH", "JOHN J"), (), None, None, ("ANYTOWN", "MN"), ("123 MAPLE RD", "ANYTOWN", "MN")
        )

    def test_everything_that_is_read(self) -> None:
        data = dg11(
            name="Müller<<Anna<Maria",
            other_names=["Schmidt<<Anna", "Μύλλερ<<Άννα"],
            personal_number="1234567 8",
            birth_date=b"19640812",
            birth_place="Zenith<Utopia",
            address="Weg 1<<Zenith",
            profession="Travel<Agent",
        )
        assert read_details(data) == Details(
            Name("Müller", "Anna Maria"),
            (Name("Schmidt", "Anna"), Name("Μύλλερ", "Άννα")),
            "1234567 8",
            date(1964, 8, 12),
            ("Zenith", "Utopia"),
            ("Weg 1", "Zenith"),
        )

    def test_nothing_of_it_need_be_there(self) -> None:
        assert read_details(dg11()) == Details(None, (), None, None, (), ())

    def test_a_name_that_is_not_parted_is_a_surname(self) -> None:
        assert read_details(dg11(name="赵彬")).name == Name("赵彬", "")
        assert read_details(dg11(name="Madonna<Louise")).name == Name("Madonna Louise", "")

    def test_other_names_without_a_list_round_them(self) -> None:
        found = read_details(dg11(name="赵彬", other_names=["ZHAO<<BIN", "ZHAO<<B"], bare=True))
        assert found.other_names == (Name("ZHAO", "BIN"), Name("ZHAO", "B"))

    @pytest.mark.parametrize("value", [b"19640812", b"\x19\x64\x08\x12"])
    def test_a_day_in_digits_or_in_half_as_many_bytes(self, value: bytes) -> None:
        assert read_details(dg11(birth_date=value)).birth_date == date(1964, 8, 12)

    @pytest.mark.parametrize("value", [b"19640000", b"1964<<<<", b"19640230", b"00000000", b"\x19\x64\x00\x00"])
    def test_a_day_that_is_not_known_in_full_is_none(self, value: bytes) -> None:
        assert read_details(dg11(birth_date=value)).birth_date is None

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (tlv(0x6C, tlv(0x5C)), "expected the element 6B"),
            (dg11() + b"\0", "1 bytes follow"),
            (tlv(0x6B), "list of tags is missing"),
            (tlv(0x6B, tlv(0x5C), tlv(0x5F0E, b"A"), tlv(0x5F0E, b"B")), "a tag comes twice"),
            (tlv(0x6B, tlv(0x5C), tlv(0xA0)), "not as many elements"),
            (tlv(0x6B, tlv(0x5C), tlv(0xA0, tlv(0x02, b"\2"), tlv(0x5F0F, b"A"))), "not as many elements"),
            (tlv(0x6B, tlv(0x5C), tlv(0xA0, tlv(0x02, b"\xff" * 400), tlv(0x5F0F, b"A"))), "not as many elements"),
            (tlv(0x6B, tlv(0x5C), tlv(0xA0, tlv(0x02, b"\1"), tlv(0x5F0E, b"A"))), "or others"),
            (tlv(0x6B, tlv(0x5C), tlv(0xA0, tlv(0x5F0F, b"A"), tlv(0x02, b"\1"))), "or others"),
            (dg11(name="A\x00B"), "control characters"),
            (dg11(name="A\x1b[2JB"), "control characters"),
            (dg11(address="A\x85B"), "control characters"),
            (tlv(0x6B, tlv(0x5C), tlv(0x5F0E, b"M\xfcller")), "not in UTF-8"),
            (dg11(birth_date=b""), "a date"),
            (dg11(birth_date=b"1964-8-1"), "a date"),
            (dg11(birth_date=b"640812"), "a date"),
            (dg11(birth_date=b"\x19\x64\x0a\x12"), "a date"),
            (dg11(birth_date="١٩٦٤".encode()), "a date"),
        ],
    )
    def test_what_breaks_the_format_is_refused(self, data: bytes, reason: str) -> None:
        with pytest.raises(ChipMalformed, match=reason):
            read_details(data)

    def test_they_are_silent(self) -> None:
        found = read_details(
            dg11(name="SMITH<<JOHN", personal_number="12345", birth_date=b"19640812", address="ANYTOWN")
        )
        said = f"{found!r} {found} {found.name!r}"
        assert not any(word in said for word in ("SMITH", "JOHN", "12345", "1964", "ANYTOWN"))
        with pytest.raises(ChipMalformed) as caught:
            read_details(dg11(name="SMITH<<JOHN\x00"))
        assert "SMITH" not in str(caught.value)

    @given(
        surname=WORDS, given_names=st.lists(WORDS, max_size=3), others=st.lists(WORDS, max_size=3), number=WORDS,
        day=DAYS, place=st.lists(WORDS, max_size=3), address=st.lists(WORDS, max_size=4), bare=st.booleans(),
    )  # fmt: skip
    def test_what_is_written_is_read(
        self,
        surname: str,
        given_names: list[str],
        others: list[str],
        number: str,
        day: date,
        place: list[str],
        address: list[str],
        bare: bool,
    ) -> None:
        data = dg11(
            name=f"{surname}<<{'<'.join(given_names)}",
            other_names=others,
            personal_number=number,
            birth_date=f"{day:%Y%m%d}".encode(),
            birth_place="<".join(place),
            address="<".join(address),
            bare=bare,
        )
        assert read_details(data) == Details(
            Name(surname, " ".join(given_names)),
            tuple(Name(each, "") for each in others),
            number,
            day,
            tuple(place),
            tuple(address),
        )


class TestIssuing:
    def test_everything_that_is_read(self) -> None:
        data = dg12(authority="UNITED STATES OF AMERICA", issue_date=b"20020531", endorsements="None.\nSee page 3.")
        assert read_issuing(data) == Issuing("UNITED STATES OF AMERICA", date(2002, 5, 31))

    def test_nothing_of_it_need_be_there(self) -> None:
        assert read_issuing(dg12()) == Issuing(None, None)

    def test_a_day_in_half_as_many_bytes(self) -> None:
        assert read_issuing(dg12(issue_date=b"\x20\x02\x05\x31")).issue_date == date(2002, 5, 31)

    def test_persons_included_are_left_where_they_are(self) -> None:
        tags, person = tlv(0x5C, b"\x5f\x1a"), tlv(0x5F1A, b"SMITH<<BRENDA<P")
        for persons in ((person, person), (tlv(0xA0, tlv(0x02, b"\2"), person, person),)):
            assert read_issuing(tlv(0x6C, tags, *persons)) == Issuing(None, None)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (tlv(0x6B, tlv(0x5C)), "expected the element 6C"),
            (tlv(0x6C), "list of tags is missing"),
            (tlv(0x6C, tlv(0x5C), tlv(0x5F19, b"A"), tlv(0x5F19, b"A")), "a tag comes twice"),
            (tlv(0x6C, tlv(0x5C), tlv(0x5F19, b"\xff")), "not in UTF-8"),
            (dg12(issue_date=b"2002053"), "a date"),
        ],
    )
    def test_what_breaks_the_format_is_refused(self, data: bytes, reason: str) -> None:
        with pytest.raises(ChipMalformed, match=reason):
            read_issuing(data)

    def test_it_is_silent(self) -> None:
        found = read_issuing(dg12(authority="ANYTOWN", issue_date=b"20020531", endorsements="WIDOWED"))
        assert not any(word in repr(found) for word in ("ANYTOWN", "2002", "WIDOWED"))


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    for each in (data, tlv(0x6B, tlv(0x5C), data), tlv(0x6C, tlv(0x5C), data)):
        for read in (read_details, read_issuing):
            with suppress(ChipMalformed):
                assert isinstance(read(each), (Details, Issuing))
