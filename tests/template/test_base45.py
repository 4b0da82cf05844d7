from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.template.base45 import decode, encode

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

EXAMPLES = {b"AB": "BB8", b"Hello!!": "%69 VD92EX0", b"base-45": "UJCLQE7W581", b"ietf!": "QED8WEX0"}
"""RFC 9285, 4.3 and 4.4."""


@pytest.mark.parametrize(("data", "text"), list(EXAMPLES.items()))
def test_the_examples_of_the_rfc(data: bytes, text: str) -> None:
    assert encode("", data) == text
    assert decode("", text) == data


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"\0", "00"), (b"\xff", "U5"), (b"\0\0", "000"), (b"\xff\xff", "FGW")]
)
def test_the_least_and_the_greatest(data: bytes, text: str) -> None:
    assert encode("", data) == text
    assert decode("", text) == data


@given(data=st.binary(max_size=200), prefix=st.sampled_from(["", "VC1:", "VV1:"]))
def test_what_is_written_is_read(data: bytes, prefix: str) -> None:
    text = encode(prefix, data)
    assert text.startswith(prefix)
    assert set(text) <= set(ALPHABET)
    assert len(text) == len(prefix) + len(data) // 2 * 3 + len(data) % 2 * 2
    assert decode(prefix, text) == data


@given(text=st.text(ALPHABET, max_size=12) | st.text(max_size=6))
def test_what_is_read_is_what_would_be_written(text: str) -> None:
    with suppress(ValueError):
        assert encode("", decode("", text)) == text


@pytest.mark.parametrize("first", ALPHABET)
def test_each_group_is_written_or_refused(first: str) -> None:
    """All groups of two characters, and of three that begin with this one."""
    for second in ALPHABET:
        for group in (first + second, *(first + second + third for third in ALPHABET)):
            value = sum(ALPHABET.index(character) * 45**place for place, character in enumerate(group))
            length = len(group) - 1
            if value < 256**length:
                assert decode("", group) == value.to_bytes(length, "big")
                assert encode("", value.to_bytes(length, "big")) == group
            else:
                with pytest.raises(ValueError, match="not Base45 at character 0"):
                    decode("", group)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("GGW", 0),  # 65,536, the RFC's own example of an error
        (":::", 0),
        ("V5", 0),  # 256
        ("::", 0),
        ("B", 0),
        ("BB8B", 3),
        ("BB8GGW", 3),
        ("bb8", 0),
        ("BB8\n", 3),
        ("BB8BB_", 3),
        ("BB8BBé", 3),
        ("٠٠٠", 0),  # digits elsewhere
        ("BB\0", 0),
    ],
)
def test_what_is_never_written_is_refused(text: str, place: int) -> None:
    with pytest.raises(ValueError, match=f"^not Base45 at character {place}$") as caught:
        decode("", text)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "VC", "vc1:BB8", "VV1:BB8", " VC1:BB8", "BB8"])
def test_another_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected VC1:$"):
        decode("VC1:", text)


def test_the_prefix_is_taken_off_once() -> None:
    with pytest.raises(ValueError, match="not Base45"):
        decode("VC1:", "VC1:VC1:BB8")
