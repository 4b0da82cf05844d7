"""Contents that are sealed for a key that is elsewhere, and under a shred."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st

from visavis.errors import EvidenceUnreadable, KeyUnusable
from visavis.template import Envelope, Secret, check_public, key_id, public_of

ID = bytes(range(16))
PRIVATE = Secret(bytes(range(1, 33)))
PUBLIC = public_of(PRIVATE)
SHRED = Secret(bytes(range(100, 132)))


@pytest.fixture(scope="module")
def sealed() -> Envelope:
    return Envelope.seal(b"photos", envelope_id=ID, public=PUBLIC)


def test_the_public_half_is_that_of_rfc_7748() -> None:
    bob = Secret(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    assert public_of(bob).hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"


def test_another_implementation_of_the_layout_reads_it(sealed: Envelope) -> None:
    """By docs/formats.md alone."""
    data = bytes(sealed)
    assert data[:4] == b"VVE1"
    assert (data[4:20], data[20:28]) == (ID, key_id(PUBLIC))
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    private = X25519PrivateKey.from_private_bytes(bytes(PRIVATE.view))
    assert suite.decrypt(data[28:], private, b"visavis evidence v1" + ID) == b"photos"
    with pytest.raises(InvalidTag):
        suite.decrypt(data[28:], private, b"visavis evidence v1" + bytes(16))


@given(st.binary(max_size=2000))
def test_it_comes_back(contents: bytes) -> None:
    envelope = Envelope.seal(contents, envelope_id=ID, public=PUBLIC)
    kept = envelope.under(SHRED)
    again = Envelope.from_under(SHRED, kept, envelope_id=ID)
    assert bytes(again) == bytes(envelope)
    assert Envelope.parse(bytes(again)).open(PRIVATE) == contents


def test_two_of_the_same_are_unlike(sealed: Envelope) -> None:
    assert Envelope.seal(b"photos", envelope_id=ID, public=PUBLIC).contents != sealed.contents


def test_every_flipped_bit_is_refused(sealed: Envelope) -> None:
    kept, data = sealed.under(SHRED), bytes(sealed)
    for place in range(8 * len(kept)):
        with pytest.raises(EvidenceUnreadable, match="changed, or its shred is destroyed"):
            Envelope.from_under(SHRED, _flipped(kept, place), envelope_id=ID)
    for place in range(8 * len(data)):
        with pytest.raises(EvidenceUnreadable):
            Envelope.parse(_flipped(data, place)).open(PRIVATE)


def test_no_other_key_shred_or_id_opens_it(sealed: Envelope) -> None:
    with pytest.raises(EvidenceUnreadable, match=f"sealed for key {key_id(PUBLIC).hex()}; this one is"):
        sealed.open(Secret.random())
    kept = sealed.under(SHRED)
    for shred, envelope_id in ((Secret(bytes(32)), ID), (SHRED, bytes(16))):
        with pytest.raises(EvidenceUnreadable):
            Envelope.from_under(shred, kept, envelope_id=envelope_id)


@given(st.binary(max_size=100))
def test_what_is_none_is_told(data: bytes) -> None:
    for tried in (data, b"VVE1" + data):
        with pytest.raises(EvidenceUnreadable):
            Envelope.parse(tried).open(PRIVATE)


def test_a_point_of_low_order_is_no_key() -> None:
    assert check_public(PUBLIC) == PUBLIC
    for public in (bytes(32), b"\1" + bytes(31), b"", PUBLIC[:31]):
        with pytest.raises(KeyUnusable, match="expected 32 bytes of a public key"):
            check_public(public)


def test_nothing_of_it_is_shown(sealed: Envelope) -> None:
    assert "contents" not in repr(sealed)


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)
