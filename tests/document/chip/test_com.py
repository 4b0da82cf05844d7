from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip.writing import com, tlv
from visavis.document.chip.com import GROUP_TAGS, Com, read_com
from visavis.errors import ChipMalformed


def test_the_example_of_doc_9303() -> None:
    """Part 10, appendix A.1."""
    data = bytes.fromhex("60 16 5F01 04 30313037 5F36 06 303430303030 5C 04 6175766C")
    assert read_com(data) == Com("1.7", "4.0.0", (1, 2, 4, 12))


@given(groups=st.permutations(range(1, 17)).flatmap(lambda each: st.integers(0, 16).map(lambda size: each[:size])))
def test_groups_are_named_by_their_numbers_in_the_files_order(groups: list[int]) -> None:
    assert read_com(com(bytes(GROUP_TAGS[group - 1] for group in groups))).groups == tuple(groups)


def test_versions_are_written_as_people_write_them() -> None:
    found = read_com(com(lds=b"0110", unicode=b"120100"))
    assert (found.lds_version, found.unicode_version) == ("1.10", "12.1.0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tlv(0x61, com()[2:]), "expected the element 60"),
        (com() + b"\0", "1 bytes follow"),
        (com(b"\x61\x77"), "lists a data group that there is not"),
        (com(b"\x61\x75\x61"), "or one twice"),
        (com(lds=b"1.8 "), "versions in digits"),
        (com(lds=b""), "versions in digits"),
        (com(lds=b"010800"), "versions in digits"),
        (com(unicode=b"0400"), "versions in digits"),
        (com(unicode="٠٤٠٠٠٠".encode()), "versions in digits"),
        (tlv(0x60), "versions in digits"),
    ],
)
def test_what_is_no_ef_com_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ChipMalformed, match=reason):
        read_com(data)


@given(data=st.binary(max_size=100))
def test_any_bytes_are_malformed_or_hold_versions(data: bytes) -> None:
    for each in (data, tlv(0x60, data)):
        with suppress(ChipMalformed):
            assert read_com(each).lds_version
