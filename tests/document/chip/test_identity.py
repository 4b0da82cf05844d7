from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip.writing import dg1, tlv
from visavis.document.chip.identity import read_identity
from visavis.errors import ChipMalformed

TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
"""The examples of Doc 9303, parts 5, 6 and 4."""


@pytest.mark.parametrize("lines", [TD1, TD2, TD3], ids=["td1", "td2", "td3"])
def test_the_zone_is_one_text(lines: tuple[str, ...]) -> None:
    assert read_identity(dg1(lines)) == "".join(lines)


def test_the_file_begins_as_doc_9303_shows_it() -> None:
    """Part 10, appendix A.2."""
    assert dg1(TD3)[:7] == bytes.fromhex("61 5B 5F1F 58 50 3C")


@pytest.mark.parametrize(
    "data",
    [
        tlv(0x75, dg1(TD3)[2:]),
        dg1(TD3) + b"\0",
        tlv(0x61),
        tlv(0x61, tlv(0x5F1E, "".join(TD3).encode())),
        tlv(0x61, dg1(TD3)[2:], dg1(TD2)[2:]),
        dg1(TD3[0]),
        dg1("".join(TD3)[:-1]),
        dg1("".join(TD3) + "<"),
        dg1("".join(TD3).lower()),
        dg1("".join(TD3)[:-1] + "\n"),
        dg1("".join(TD2)[:-2] + "Ä"),
        dg1("\n".join(TD3)),
    ],
)
def test_what_holds_no_zone_is_refused(data: bytes) -> None:
    with pytest.raises(ChipMalformed):
        read_identity(data)


def test_an_error_says_nothing_of_the_holder() -> None:
    with pytest.raises(ChipMalformed) as caught:
        read_identity(dg1("".join(TD3) + "<"))
    assert "ERIKSSON" not in repr(caught.value)


@given(zone=st.text("ABCXYZ0189<", min_size=60, max_size=100))
def test_a_text_of_the_alphabet_is_read_where_it_has_a_length_of_the_formats(zone: str) -> None:
    if len(zone) in (72, 88, 90):
        assert read_identity(dg1(zone)) == zone
    else:
        with pytest.raises(ChipMalformed):
            read_identity(dg1(zone))


@given(zone=st.sampled_from([72, 88, 90]).flatmap(lambda size: st.text("AZ09<", min_size=size, max_size=size)))
def test_every_such_text(zone: str) -> None:
    assert read_identity(dg1(zone)) == zone


@given(data=st.binary(max_size=120))
def test_any_bytes_are_a_zone_or_malformed(data: bytes) -> None:
    for each in (data, tlv(0x61, data), tlv(0x61, tlv(0x5F1F, data))):
        with suppress(ChipMalformed):
            assert len(read_identity(each)) in (72, 88, 90)
