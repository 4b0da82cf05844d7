import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip.writing import tlv
from visavis.document.chip.tlv import ELEMENTS_MAX, FILE_BYTES_MAX, Tlv, iterate, read_tlv
from visavis.errors import ChipMalformed


def tags() -> st.SearchStrategy[int]:
    """Of one to three bytes."""
    first, more, last = st.integers(0, 7), st.integers(0x81, 0xFF), st.integers(0, 0x7F)
    one = st.integers(1, 0xFE).filter(lambda tag: tag & 0x1F != 0x1F)
    two = st.builds(lambda a, z: (a << 5 | 0x1F) << 8 | z, first, last)
    three = st.builds(lambda a, b, z: (a << 5 | 0x1F) << 16 | b << 8 | z, first, more, last)
    return st.one_of(one, two, three)


class TestForm:
    @pytest.mark.parametrize(
        ("data", "tag", "value"),
        [
            ("02 01 05", 0x02, "05"),
            ("04 00", 0x04, ""),
            ("5F0E 02 4142", 0x5F0E, "4142"),
            ("5F1F 02 4142", 0x5F1F, "4142"),
            ("7F61 03 020101", 0x7F61, "020101"),
            ("5F8101 01 FF", 0x5F8101, "FF"),
            ("04 81 01 FF", 0x04, "FF"),
            ("04 82 0001 FF", 0x04, "FF"),
            ("04 83 000001 FF", 0x04, "FF"),
            ("04 84 00000001 FF", 0x04, "FF"),
        ],
    )
    def test_what_chips_write_is_read(self, data: str, tag: int, value: str) -> None:
        assert read_tlv(bytes.fromhex(data)) == Tlv(tag, bytes.fromhex(value))

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ("", "an element is missing"),
            ("00", "padding"),
            ("00 00 02 01 05", "padding"),
            ("5F", "a tag does not end"),
            ("5F80", "a tag does not end"),
            ("5F8080", "longer than it may be"),
            ("5F8001 00", "longer than it may be"),
            ("5F818101 00", "longer than it may be"),
            ("02", "has no length"),
            ("5F0E", "has no length"),
            ("02 01", "longer than what holds it"),
            ("02 7F 05", "longer than what holds it"),
            ("02 84 FFFFFFFF 05", "longer than what holds it"),
            ("02 81", "cut off"),
            ("02 82 00", "cut off"),
            ("30 80 02 01 05 00 00", "indefinite"),
            ("02 85 0000000001 05", "longer than it may be"),
            ("02 FF 05", "longer than it may be"),
            ("02 01 05 00", "1 bytes follow"),
            ("02 01 05 02 01 05", "3 bytes follow"),
        ],
    )
    def test_everything_else_is_refused(self, data: str, reason: str) -> None:
        with pytest.raises(ChipMalformed, match=reason):
            read_tlv(bytes.fromhex(data))

    def test_it_must_be_the_element_that_was_asked_for(self) -> None:
        assert read_tlv(bytes.fromhex("7F6100"), tag=0x7F61) == Tlv(0x7F61, b"")
        with pytest.raises(ChipMalformed, match="expected the element 7F61, got 7F60"):
            read_tlv(bytes.fromhex("7F6000"), tag=0x7F61)

    def test_a_file_has_a_largest_size(self) -> None:
        assert len(read_tlv(tlv(0x75, bytes(FILE_BYTES_MAX - 5))).value) == FILE_BYTES_MAX - 5
        with pytest.raises(ChipMalformed, match="524,289 bytes"):
            read_tlv(tlv(0x75, bytes(FILE_BYTES_MAX - 4)))

    def test_its_repr_is_silent(self) -> None:
        assert repr(read_tlv(tlv(0x5F1F, b"P<UTOERIKSSON"))) == "<Tlv 5F1F>"


class TestElements:
    def test_they_come_in_order(self) -> None:
        element = read_tlv(tlv(0x30, tlv(0x02, b"\1"), tlv(0x5F0E, b"\2"), tlv(0x02, b"\3")))
        assert element.elements() == (Tlv(0x02, b"\1"), Tlv(0x5F0E, b"\2"), Tlv(0x02, b"\3"))
        assert tuple(iterate(element.value)) == element.elements()
        assert tuple(iterate(b"")) == ()

    def test_fields_are_found_by_their_tags_which_come_once(self) -> None:
        assert read_tlv(tlv(0x30, tlv(0x02, b"\1"), tlv(0x5F0E, b"\2"))).fields() == {0x02: b"\1", 0x5F0E: b"\2"}
        with pytest.raises(ChipMalformed, match="a tag comes twice in the element 30"):
            read_tlv(tlv(0x30, tlv(0x02, b"\1"), tlv(0x02, b"\1"))).fields()

    @pytest.mark.parametrize("tag", [0x30, 0x60, 0xA1, 0x7F61, 0x7F8161])
    def test_those_of_a_constructed_element(self, tag: int) -> None:
        assert read_tlv(tlv(tag)).constructed
        assert read_tlv(tlv(tag)).elements() == ()

    @pytest.mark.parametrize("tag", [0x02, 0x5C, 0x80, 0x5F1F, 0x5F8161])
    def test_a_primitive_element_has_none(self, tag: int) -> None:
        element = read_tlv(tlv(tag, tlv(0x02, b"\1")))
        assert not element.constructed
        with pytest.raises(ChipMalformed, match="holds no elements"):
            element.elements()

    def test_there_are_at_most_a_thousand_on_one_level(self) -> None:
        assert len(tuple(iterate(tlv(0x02) * ELEMENTS_MAX))) == ELEMENTS_MAX
        with pytest.raises(ChipMalformed, match="more than 1,000 elements"):
            tuple(iterate(tlv(0x02) * (ELEMENTS_MAX + 1)))

    def test_however_deep_they_lie_one_level_is_read(self) -> None:
        data = b""
        for _ in range(5_000):
            data = tlv(0x30, data)
        assert len(read_tlv(data).elements()) == 1


class TestProperties:
    @given(tag=tags(), value=st.binary(max_size=300), length_bytes=st.integers(2, 4))
    def test_what_is_written_is_read(self, tag: int, value: bytes, length_bytes: int) -> None:
        for data in (tlv(tag, value), tlv(tag, value, length_bytes=length_bytes)):
            assert read_tlv(data, tag=tag) == Tlv(tag, value)

    @given(elements=st.lists(st.tuples(tags(), st.binary(max_size=40)), max_size=20))
    def test_a_level_of_them_too(self, elements: list[tuple[int, bytes]]) -> None:
        data = b"".join(tlv(tag, value) for tag, value in elements)
        assert [(each.tag, each.value) for each in iterate(data)] == elements

    @given(data=st.binary(max_size=400))
    def test_any_bytes_are_elements_to_their_end_or_malformed(self, data: bytes) -> None:
        try:
            found = tuple(iterate(data))
        except ChipMalformed:
            return
        assert len(data) >= sum(2 + len(each.value) for each in found)
