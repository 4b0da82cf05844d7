from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.chip.writing import com, tlv
from visavis.document.chip.com import GROUP_TAGS, read_com
from visavis.errors import ChipMalformed


def test_the_example_of_doc_9303() -> None:
    """Part 10, appendix A.1."""
    data = bytes.fromhex("60 16 5F01 04 30313037 5F36 06 303430303030 5C 04 6175766C")
    assert read_com(data) == {1, 2, 4, 12}


@given(groups=st.sets(st.integers(1, 16)))
def test_groups_are_named_by_their_numbers(groups: set[int]) -> None:
    assert read_com(com(bytes(GROUP_TAGS[group - 1] for group in groups))) == groups


def test_its_versions_are_nobodys_business() -> None:
    assert read_com(com(lds=b"1.8 ", unicode=b"")) == {1, 2}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tlv(0x61, com()[2:]), "expected the element 60"),
        (com() + b"\0", "1 bytes follow"),
        (com(b"\x61\x77"), "lists a data group that there is not"),
        (com(b"\x61\x75\x61"), "or one twice"),
    ],
)
def test_what_is_no_ef_com_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ChipMalformed, match=reason):
        read_com(data)


@given(data=st.binary(max_size=100))
def test_any_bytes_are_malformed_or_list_groups(data: bytes) -> None:
    for each in (data, tlv(0x60, data)):
        with suppress(ChipMalformed):
            assert read_com(each) <= set(range(1, 17))
