"""What a live capture's parsers make of anything: a message that follows, or a typed error."""

import hmac
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import encoded, pixels
from visavis.api.stream import Kind, Stream
from visavis.errors import ImageError, RequestTooLarge, StreamBroken
from visavis.session import Guidance, LiveCapture
from visavis.verifier import Verifier

SECRET, NONCE = "vscs_secret", bytes(range(16))


def packed(pictures: list[tuple[int, bytes]], secret: str = SECRET, nonce: bytes = NONCE) -> list[bytes]:
    """Messages as a client makes them."""
    key, last, made = hmac.digest(secret.encode(), nonce, "sha256"), nonce, []
    for number, (kind, picture) in enumerate(pictures, 1):
        head = struct.pack(">BI", kind, number)
        last = hmac.digest(key, last + head + picture, "sha256")
        made.append(head + last + picture)
    return made


@given(st.lists(st.tuples(st.integers(0, 4), st.binary(min_size=1, max_size=200)), max_size=5))
def test_what_a_client_sends_is_what_is_taken(pictures: list[tuple[int, bytes]]) -> None:
    stream = Stream(SECRET, NONCE)
    taken = [stream.take(message) for message in packed(pictures)]
    assert taken == [(Kind(kind), number, picture) for number, (kind, picture) in enumerate(pictures, 1)]


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=2, max_size=5), st.data())
def test_no_message_is_left_out_doubled_swapped_or_changed(pictures: list[bytes], data: st.DataObject) -> None:
    messages = packed([(0, picture) for picture in pictures])
    at = data.draw(st.integers(0, len(messages) - 2))
    tampered = data.draw(
        st.sampled_from(
            [
                messages[:at] + messages[at + 1 :],
                [*messages[: at + 1], messages[at], *messages[at + 1 :]],
                [*messages[:at], messages[at + 1], messages[at], *messages[at + 2 :]],
                [*messages[:at], _flipped(messages[at], data), *messages[at + 1 :]],
            ]
        )
    )
    stream = Stream(SECRET, NONCE)
    with pytest.raises(StreamBroken):
        _ = [stream.take(message) for message in tampered]


def _flipped(message: bytes, data: st.DataObject) -> bytes:
    bit = data.draw(st.integers(0, 8 * len(message) - 1))
    changed = bytearray(message)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_messages_of_another_capture_or_another_secret_are_none_of_this_one() -> None:
    for other in (packed([(0, b"x")], nonce=bytes(16)), packed([(0, b"x")], secret="vscs_other")):  # noqa: S106
        with pytest.raises(StreamBroken):
            Stream(SECRET, NONCE).take(other[0])


def test_pictures_that_are_too_large() -> None:
    for kind, size in ((0, 524_289), (4, 4 * 1024 * 1024 + 1)):
        with pytest.raises(RequestTooLarge):
            Stream(SECRET, NONCE).take(packed([(kind, bytes(size))])[0])


@given(st.binary(max_size=300))
def test_anything_else_is_refused(message: bytes) -> None:
    with pytest.raises(StreamBroken):
        Stream(SECRET, NONCE).take(message)


def test_ten_thousand_mutated_frames(verifier: Verifier) -> None:
    """Each is looked at, or refused by an error of its own kind; and the capture goes on."""
    chance = random.Random(11)  # noqa: S311
    whole = encoded(pixels("P001", "studio_portrait", 160), "JPEG")
    live, refused = LiveCapture(verifier), 0
    for number in range(10_000):
        mutated = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 5, 50))):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        if chance.random() < 0.2:
            del mutated[chance.randrange(len(mutated)) :]
        try:
            assert live.see(bytes(mutated), number / 1_000).code in Guidance
        except ImageError:
            refused += 1
    assert 1_000 < refused < 9_900
