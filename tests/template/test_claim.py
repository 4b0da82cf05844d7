"""What subjects carry: the claim for a record, and the holder's secret for a credential. Both are written alike."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.template.material import random_bytes
from visavis.errors import ClaimMalformed, HolderSecretMalformed, VisavisError
from visavis.template import CLAIM_PREFIX, HOLDER_PREFIX, Claim, ClaimType, HolderSecret, HolderType, Secret, base45

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
IDENTIFIER, SECRET = random_bytes(1, 16), random_bytes(2, 32)
TYPES = (1, 2)


@dataclass(frozen=True)
class Format:
    """One of the two, as a contract: how it is made and read, and what is refused how."""

    name: str
    prefix: str
    malformed: type[VisavisError]
    code: str
    make: Callable[[bytes, bytes, int], Claim | HolderSecret]
    parse: Callable[[str], Claim | HolderSecret]

    @property
    def example(self) -> Claim | HolderSecret:
        return self.make(IDENTIFIER, SECRET, 1)

    @property
    def text(self) -> str:
        return self.example.text()

    def refuses(self, text: str) -> None:
        with pytest.raises(self.malformed) as caught:
            self.parse(text)
        assert caught.value.code == self.code
        message = str(caught.value)
        assert message.startswith("expected a")
        for part in (text, text[4:12], text[-8:]):
            assert len(part) < 8 or part not in message
        assert caught.value.__cause__ is None


CLAIM = Format(
    "Claim",
    "VC1:",
    ClaimMalformed,
    "claim_malformed",
    lambda identifier, secret, kind: Claim(identifier, Secret(secret), ClaimType(kind)),
    Claim.parse,
)
HOLDER = Format(
    "HolderSecret",
    "VH1:",
    HolderSecretMalformed,
    "holder_secret_malformed",
    lambda identifier, secret, kind: HolderSecret(identifier, Secret(secret), HolderType(kind)),
    HolderSecret.parse,
)


def parts(carried: Claim | HolderSecret) -> tuple[bytes, bytes, int]:
    identifier = carried.record_id if isinstance(carried, Claim) else carried.cti
    return identifier, bytes(carried.secret.view), carried.type


@pytest.mark.parametrize("kept", [CLAIM, HOLDER], ids=lambda each: each.name)
class TestBoth:
    @given(
        identifier=st.binary(min_size=16, max_size=16),
        secret=st.binary(min_size=32, max_size=32),
        kind=st.sampled_from(TYPES),
    )
    def test_what_is_written_is_read(self, kept: Format, identifier: bytes, secret: bytes, kind: int) -> None:
        text = kept.make(identifier, secret, kind).text()
        assert text == base45.encode(kept.prefix, identifier + secret + bytes([kind]))
        assert len(text) == 78
        assert parts(kept.parse(text)) == (identifier, secret, kind)

    @given(
        at=st.integers(0, 77),
        character=st.sampled_from(ALPHABET),
        end=st.sampled_from(["", "0", "00", "000", "\n"]),
        cut=st.integers(70, 78),
    )
    def test_what_is_read_is_what_would_be_written(
        self, kept: Format, at: int, character: str, end: str, cut: int
    ) -> None:
        text = kept.text
        text = (text[:at] + character + text[at + 1 :])[:cut] + end
        with suppress(kept.malformed):
            assert kept.parse(text).text() == text

    @pytest.mark.parametrize("more", [" ", "\n", "0", "00", "000"])
    def test_nothing_may_stand_around_it(self, kept: Format, more: str) -> None:
        kept.refuses(more + kept.text)
        kept.refuses(kept.text + more)

    def test_nothing_may_be_missing(self, kept: Format) -> None:
        for length in range(78):
            kept.refuses(kept.text[:length])
            kept.refuses(kept.text[78 - length :])

    def test_other_texts_are_refused(self, kept: Format) -> None:
        text = kept.text
        for other in (text.lower(), "x" * 78, text[:20] + "\0" + text[21:], "😀" * 78, text[:76] + "::", "\ud800" * 78):
            kept.refuses(other)

    def test_what_another_prefix_names_is_refused(self, kept: Format) -> None:
        for prefix in {CLAIM_PREFIX, HOLDER_PREFIX, "VV1:", "VC2:"} - {kept.prefix}:
            kept.refuses(prefix + kept.text[4:])

    def test_only_known_types_are_read(self, kept: Format) -> None:
        for kind in set(range(256)) - set(TYPES):
            kept.refuses(base45.encode(kept.prefix, IDENTIFIER + SECRET + bytes([kind])))

    @pytest.mark.parametrize(("identifier", "secret"), [(15, 32), (17, 32), (0, 32), (16, 31), (16, 33), (16, 0)])
    def test_other_lengths_are_refused(self, kept: Format, identifier: int, secret: int) -> None:
        with pytest.raises(kept.malformed, match=r"id of 16 bytes and 32 secret ones") as caught:
            kept.make(bytes(identifier), bytes(secret), 1)
        assert caught.value.code == kept.code

    def test_it_is_silent(self, kept: Format) -> None:
        carried = kept.example
        assert f"{carried} {carried!r} {[carried]}" == f"<{kept.name}> <{kept.name}> [<{kept.name}>]"

    def test_a_wiped_one_writes_nothing(self, kept: Format) -> None:
        carried = kept.example
        carried.secret.wipe()
        with pytest.raises(ValueError, match="has been wiped"):
            carried.text()

    def test_leaving_the_with_statement_wipes(self, kept: Format) -> None:
        with kept.example as carried:
            view = carried.secret.view
            assert bytes(view) == SECRET
        assert bytes(view) == bytes(32)


def test_prefixes_and_types_stay() -> None:
    assert (CLAIM_PREFIX, HOLDER_PREFIX) == ("VC1:", "VH1:")
    assert {kind.name: kind.value for kind in ClaimType} == {"RANDOM": 1, "PASSKEY": 2}
    assert {kind.name: kind.value for kind in HolderType} == {"NONE": 0, "RANDOM": 1, "PASSKEY": 2}


def test_a_holders_secret_is_random_unless_told_otherwise() -> None:
    assert HolderSecret(IDENTIFIER, Secret(SECRET)).type is HolderType.RANDOM


def test_there_is_no_holders_secret_for_a_credential_that_needs_none() -> None:
    with pytest.raises(HolderSecretMalformed, match="32 secret ones"):
        HolderSecret(IDENTIFIER, Secret(SECRET), HolderType.NONE)
