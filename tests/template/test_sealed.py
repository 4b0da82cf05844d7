import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.template.material import SALT, HeldKeys, Record, claim, flips, random_bytes, template
from visavis.errors import ClaimRefused, KeyUnusable, SealBroken, SealError, SealMalformed, VisavisError
from visavis.template import SHRED_BYTES, Claim, ClaimType, FileKeys, SealedTemplate, Secret, Template

KINDS = list(ClaimType)
KEYS = HeldKeys({1: random_bytes(1000, 32)})

LAYOUT = {
    "magic": (0, 4),
    "version": (4, 5),
    "suite": (5, 6),
    "claim type": (6, 7),
    "KDF profile": (7, 8),
    "record id": (8, 24),
    "claim salt": (24, 40),
    "key version": (40, 44),
    "commitment": (44, 76),
    "nonce": (76, 88),
    "ciphertext": (88, 249),
}
"""docs/formats.md."""


def field(data: bytes, name: str) -> bytes:
    start, end = LAYOUT[name]
    return data[start:end]


def field_at(place: int) -> str:
    return next(name for name, (start, end) in LAYOUT.items() if start <= place < end)


def with_field(data: bytes, name: str, value: bytes) -> bytes:
    start, end = LAYOUT[name]
    assert len(value) == end - start
    return data[:start] + value + data[end:]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name.lower())
def record(request: pytest.FixtureRequest) -> Record:
    """Sealed under a random claim, and under a passkey's."""
    return Record(1, request.param)


class TestForm:
    def test_it_is_laid_out_as_documented(self, record: Record) -> None:
        data = bytes(record.sealed)
        assert len(data) == 249
        assert field(data, "magic") == b"VVS1"
        assert (field(data, "version"), field(data, "suite"), field(data, "KDF profile")) == (b"\1", b"\1", b"\1")
        assert field(data, "claim type") == bytes([record.kind])
        assert field(data, "record id") == record.claim.record_id
        assert field(data, "claim salt") == record.salt
        assert field(data, "key version") == b"\0\0\0\1"
        assert field(data, "commitment") == record.sealed.commitment
        assert field(data, "nonce") == record.sealed.nonce
        assert field(data, "ciphertext") == record.sealed.ciphertext

    @given(kind=st.sampled_from(KINDS), dimension=st.integers(1, 300), seed=st.integers(0, 1000))
    def test_what_is_sealed_opens(self, kind: ClaimType, dimension: int, seed: int) -> None:
        reference, mine, shred = template(seed, dimension=dimension), claim(seed, kind), Secret(random_bytes(seed, 32))
        salt = SALT if kind is ClaimType.PASSKEY else bytes(16)
        sealed = SealedTemplate.seal(reference, claim=mine, keys=KEYS, shred=shred, claim_salt=salt)
        data = bytes(sealed)
        assert len(data) == 121 + dimension
        assert SealedTemplate.parse(data) == sealed
        assert bytes(SealedTemplate.parse(data)) == data
        assert bytes(sealed.open(claim=mine, keys=KEYS, shred=shred)) == bytes(reference)

    def test_what_went_in_is_still_of_use(self, record: Record) -> None:
        """Nothing of the caller's is wiped."""
        assert bytes(record.template) == bytes(template(1))
        for _ in range(2):
            assert bytes(record.open()) == bytes(record.template)

    def test_keys_in_files_seal_and_open(self, keys: FileKeys) -> None:
        mine, shred = claim(1), Secret.random(SHRED_BYTES)
        sealed = SealedTemplate.seal(template(), claim=mine, keys=keys, shred=shred)
        assert bytes(sealed.open(claim=mine, keys=keys, shred=shred)) == bytes(template())

    def test_the_template_is_not_in_it(self, record: Record) -> None:
        plain = bytes(record.template)
        data = bytes(record.sealed)
        assert all(plain[start : start + 4] not in data for start in range(len(plain) - 3))

    def test_one_opening_asks_the_operators_key_once(self, record: Record) -> None:
        record.keys.asked.clear()
        record.open()
        assert record.keys.asked == [1]

    def test_parsing_asks_no_key(self, record: Record) -> None:
        record.keys.asked.clear()
        SealedTemplate.parse(bytes(record.sealed))
        assert record.keys.asked == []


class TestFreshness:
    def test_each_seal_has_its_own_nonce(self, record: Record) -> None:
        assert len({record.seal().nonce for _ in range(200)}) == 200

    def test_sealed_again_for_the_same_claim_only_nonce_and_ciphertext_differ(self, record: Record) -> None:
        """A record keeps its id and its shred, so its key stays (docs/formats.md)."""
        one, other = bytes(record.sealed), bytes(record.seal())
        differing = {name for name in LAYOUT if field(one, name) != field(other, name)}
        assert differing == {"nonce", "ciphertext"}

    def test_two_records_of_one_template_share_nothing_but_constants(self) -> None:
        for kind in KINDS:
            reference = template(1)
            one, other = (
                bytes(
                    SealedTemplate.seal(
                        reference,
                        claim=Claim(secrets.token_bytes(16), Secret.random(), kind),
                        keys=KEYS,
                        shred=Secret.random(),
                        claim_salt=secrets.token_bytes(16) if kind is ClaimType.PASSKEY else bytes(16),
                    )
                )
                for _ in range(2)
            )
            same = {name for name in LAYOUT if field(one, name) == field(other, name)}
            constant = {"magic", "version", "suite", "claim type", "KDF profile", "key version"}
            assert same == constant | ({"claim salt"} if kind is ClaimType.RANDOM else set())

    @pytest.mark.parametrize("changed", ["record id", "claim", "shred", "operator key", "key version"])
    def test_whatever_goes_into_the_key_changes_key_and_commitment(self, changed: str) -> None:
        reference, mine, shred, keys = template(1), claim(1), Secret(random_bytes(1, 32)), KEYS
        before = SealedTemplate.seal(reference, claim=mine, keys=keys, shred=shred)
        if changed == "record id":
            mine = replace(mine, record_id=random_bytes(2, 16))
        elif changed == "claim":
            mine = replace(mine, secret=Secret(random_bytes(2, 32)))
        elif changed == "shred":
            shred = Secret(random_bytes(2, 32))
        elif changed == "operator key":
            keys = HeldKeys({1: random_bytes(1001, 32)})
        else:
            keys = HeldKeys({2: KEYS.keys[1]})
        after = SealedTemplate.seal(reference, claim=mine, keys=keys, shred=shred)
        assert after.commitment != before.commitment


REFUSAL: dict[str, type[VisavisError]] = {
    "magic": SealMalformed,
    "version": SealMalformed,
    "suite": SealMalformed,
    "claim type": SealMalformed,
    "KDF profile": SealMalformed,
    "record id": ClaimRefused,
    "key version": KeyUnusable,
    "commitment": ClaimRefused,
    "nonce": SealBroken,
    "ciphertext": SealBroken,
}
"""Of a flipped bit in each field but the claim salt, where the other operator key does not exist."""


class TestTampering:
    def test_no_flipped_bit_opens(self, record: Record) -> None:
        refusal = REFUSAL | {"claim salt": SealBroken if record.kind is ClaimType.PASSKEY else SealMalformed}
        for place, data in flips(bytes(record.sealed)):
            with pytest.raises(VisavisError) as caught:
                record.open(data)
            counted_from_0 = data[40:44] == bytes(4)
            assert type(caught.value) is (SealMalformed if counted_from_0 else refusal[field_at(place)]), place

    def test_nor_where_the_other_key_exists(self, record: Record) -> None:
        record.keys.keys.update({1 ^ 1 << bit: random_bytes(bit, 32) for bit in range(1, 32)})
        data = bytes(record.sealed)
        for bit in range(1, 32):
            with pytest.raises(ClaimRefused, match="this claim opens no record"):
                record.open(with_field(data, "key version", (1 ^ 1 << bit).to_bytes(4, "big")))

    def test_the_commitment_counts_first(self, record: Record) -> None:
        data = bytes(record.sealed)
        commitment = with_field(data, "commitment", bytes(32))
        with pytest.raises(ClaimRefused):
            record.open(commitment)
        ciphertext = with_field(data, "ciphertext", bytes(161))
        with pytest.raises(SealBroken, match="was changed; restore the record, or enrol again"):
            record.open(ciphertext)
        with pytest.raises(ClaimRefused):
            record.open(with_field(commitment, "ciphertext", bytes(161)))

    def test_nothing_is_decrypted_under_a_key_that_is_not_committed_to(
        self, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """AES-GCM alone would open one ciphertext under several keys: a partitioning oracle."""

        class NoCipher:
            def __init__(self, key: object) -> None:
                raise AssertionError("the cipher was asked")

        monkeypatch.setattr("visavis.template.sealed.AESGCM", NoCipher)
        record.shred = Secret.random()
        with pytest.raises(ClaimRefused):
            record.open()

    def test_the_comparison_takes_constant_time(self, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def compare_digest(one: bytes, other: bytes) -> bool:
            asked.append((one, other))
            return False

        monkeypatch.setattr("visavis.template.sealed.hmac.compare_digest", compare_digest)
        with pytest.raises(ClaimRefused):
            record.open()
        expected = bytes([record.kind]) + record.claim.record_id + record.sealed.commitment
        assert asked == [(expected, expected)]

    @pytest.mark.parametrize(
        ("name", "refusal"),
        [
            ("record id", ClaimRefused),
            ("claim salt", SealBroken),
            ("key version", ClaimRefused),
            ("commitment", ClaimRefused),
            ("nonce", SealBroken),
            ("ciphertext", SealBroken),
        ],
    )
    def test_no_field_of_another_record_fits(self, name: str, refusal: type[SealError]) -> None:
        keys = HeldKeys({1: random_bytes(1001, 32)})
        one = Record(1, ClaimType.PASSKEY, keys)
        keys.keys[2] = random_bytes(1002, 32)
        other = Record(2, ClaimType.PASSKEY, keys)
        for mine, theirs in ((one, other), (other, one)):
            mixed = with_field(bytes(mine.sealed), name, field(bytes(theirs.sealed), name))
            assert mixed != bytes(mine.sealed)
            with pytest.raises(SealError) as caught:
                mine.open(mixed)
            assert type(caught.value) is refusal
            with pytest.raises(ClaimRefused):
                theirs.open(mixed)

    @pytest.mark.parametrize("name", ["nonce", "ciphertext"])
    def test_nor_one_of_an_earlier_seal_of_the_same_record(self, record: Record, name: str) -> None:
        mixed = with_field(bytes(record.sealed), name, field(bytes(record.seal()), name))
        with pytest.raises(SealBroken):
            record.open(mixed)

    def test_nor_the_type_of_another_claim(self) -> None:
        data = {kind: bytes(Record(1, kind).sealed) for kind in KINDS}
        for kind, other in (KINDS, KINDS[::-1]):
            with pytest.raises(SealMalformed, match="a salt for a passkey alone"):
                SealedTemplate.parse(with_field(data[kind], "claim type", bytes([other])))

    def test_nor_type_and_salt_of_another_claim(self) -> None:
        records = {kind: Record(1, kind) for kind in KINDS}
        for kind, other in (KINDS, KINDS[::-1]):
            mixed = bytes(records[kind].sealed)
            for name in ("claim type", "claim salt"):
                mixed = with_field(mixed, name, field(bytes(records[other].sealed), name))
            with pytest.raises(ClaimRefused):
                records[kind].open(mixed)
            records[kind].claim = replace(records[kind].claim, type=other)
            with pytest.raises(SealBroken):
                records[kind].open(mixed)

    def test_bytes_that_hold_no_template_are_refused(self, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever holds all keys can seal anything."""
        with monkeypatch.context() as patched:
            patched.setattr(Template, "__bytes__", lambda _: bytes(145))
            sealed = record.seal()
        with pytest.raises(SealError, match="expected version 1") as caught:
            sealed.open(claim=record.claim, keys=record.keys, shred=record.shred)
        assert caught.value.code == "template_malformed"


def _other_secret(record: Record) -> None:
    record.claim = replace(record.claim, secret=Secret(random_bytes(99, 32)))


def _other_record_id(record: Record) -> None:
    record.claim = replace(record.claim, record_id=random_bytes(99, 16))


def _other_type(record: Record) -> None:
    other = ClaimType.RANDOM if record.kind is ClaimType.PASSKEY else ClaimType.PASSKEY
    record.claim = replace(record.claim, type=other)


def _other_claim(record: Record) -> None:
    record.claim = claim(99, record.kind)


def _other_shred(record: Record) -> None:
    record.shred = Secret(random_bytes(99, 32))


def _zero_shred(record: Record) -> None:
    record.shred = Secret(bytes(32))


def _other_operator_key(record: Record) -> None:
    record.keys = HeldKeys({1: random_bytes(1001, 32)})


class TestRefusals:
    @pytest.mark.parametrize(
        "change",
        [
            _other_secret, _other_record_id, _other_type, _other_claim, _other_shred, _zero_shred, _other_operator_key,
        ],
    )  # fmt: skip
    def test_claim_operator_key_and_shred_are_needed_together(
        self, record: Record, change: Callable[[Record], None]
    ) -> None:
        change(record)
        with pytest.raises(ClaimRefused, match=r"^this claim opens no record$") as caught:
            record.open()
        assert caught.value.code == "claim_refused"

    def test_no_bit_of_a_claim_is_idle(self, record: Record) -> None:
        secret, record_id = bytes(record.claim.secret.view), record.claim.record_id
        others = [Claim(record_id, Secret(flipped), record.kind) for _, flipped in flips(secret)]
        others += [Claim(flipped, Secret(secret), record.kind) for _, flipped in flips(record_id)]
        for other in others:
            with pytest.raises(ClaimRefused):
                record.sealed.open(claim=other, keys=record.keys, shred=record.shred)

    def test_without_the_operators_key_nothing_opens(self, record: Record) -> None:
        record.keys = HeldKeys({2: record.keys.keys[1]})
        with pytest.raises(KeyUnusable, match="there is no operator key 1") as caught:
            record.open()
        assert caught.value.code == "key_unusable"

    @pytest.mark.parametrize("length", [0, 31, 33])
    def test_an_operators_key_that_answers_with_something_else_is_not_used(self, length: int) -> None:
        """Whatever a key service gives would go into the key: nothing at all, say."""

        class Odd(HeldKeys):
            def mac(self, version: int, message: bytes) -> bytes:
                return bytes(length)

        with pytest.raises(KeyUnusable, match=f"gave {length} bytes"):
            Record(keys=Odd({1: random_bytes(1000, 32)}))

    @pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
    def test_a_shred_has_32_bytes(self, record: Record, length: int) -> None:
        assert SHRED_BYTES == 32
        record.shred = Secret(bytes(length))
        with pytest.raises(ValueError, match=r"^a shred has 32 bytes$"):
            record.open()
        with pytest.raises(ValueError, match=r"^a shred has 32 bytes$"):
            record.seal()

    def test_a_wiped_claim_opens_nothing(self, record: Record) -> None:
        record.claim.secret.wipe()
        with pytest.raises(ValueError, match="has been wiped"):
            record.open()


class TestSalt:
    """Zero for a random claim; what its function was given for a passkey."""

    def seal(self, kind: ClaimType, salt: bytes) -> SealedTemplate:
        return SealedTemplate.seal(
            template(), claim=claim(1, kind), keys=KEYS, shred=Secret(random_bytes(1, 32)), claim_salt=salt
        )

    def test_a_passkeys_is_kept(self) -> None:
        assert self.seal(ClaimType.PASSKEY, SALT).claim_salt == SALT

    def test_a_random_claim_has_none(self) -> None:
        assert self.seal(ClaimType.RANDOM, bytes(16)).claim_salt == bytes(16)
        for salt in (SALT, bytes(15) + b"\1"):
            with pytest.raises(SealMalformed, match="a salt for a passkey alone"):
                self.seal(ClaimType.RANDOM, salt)

    def test_a_passkey_has_one(self) -> None:
        with pytest.raises(SealMalformed, match="a salt for a passkey alone"):
            self.seal(ClaimType.PASSKEY, bytes(16))

    @pytest.mark.parametrize("length", [0, 1, 15, 17, 32])
    def test_it_has_16_bytes(self, length: int) -> None:
        """A shorter or longer one would be stored as another, and the claim could never be computed again."""
        with pytest.raises(SealMalformed, match="salt"):
            self.seal(ClaimType.PASSKEY, b"\1" * length)


class TestRotation:
    def test_old_seals_open_and_new_ones_use_the_new_key(self, keys: FileKeys) -> None:
        mine, shred = claim(1), Secret.random()
        old = SealedTemplate.seal(template(), claim=mine, keys=keys, shred=shred)
        assert keys.rotate("operator") == 2
        assert bytes(old.open(claim=mine, keys=keys, shred=shred)) == bytes(template())
        new = SealedTemplate.seal(template(), claim=mine, keys=keys, shred=shred)
        assert (old.key_version, new.key_version) == (1, 2)
        assert new.commitment != old.commitment
        assert bytes(new.open(claim=mine, keys=keys, shred=shred)) == bytes(template())

    def test_without_the_old_key_old_seals_stay_closed(self, keys: FileKeys, tmp_path: Path) -> None:
        mine, shred = claim(1), Secret.random()
        old = SealedTemplate.seal(template(), claim=mine, keys=keys, shred=shred)
        keys.rotate("operator")
        (tmp_path / "keys" / "operator-0001.key").unlink()
        with pytest.raises(KeyUnusable, match=r"operator-0001\.key: No such file"):
            old.open(claim=mine, keys=FileKeys(tmp_path / "keys"), shred=shred)

    def test_versions_of_four_bytes_are_kept(self) -> None:
        version = 2**32 - 1
        record = Record(1, keys=HeldKeys({version: random_bytes(1, 32)}))
        assert record.sealed.key_version == version
        assert bytes(record.open(bytes(record.sealed))) == bytes(record.template)


class TestParsing:
    @pytest.mark.parametrize("length", [0, 1, 4, 87, 88, 104, 121])
    def test_what_is_too_short_is_refused(self, record: Record, length: int) -> None:
        with pytest.raises(SealMalformed, match=f"a sealed template cannot have {length} bytes") as caught:
            SealedTemplate.parse(bytes(record.sealed)[:length])
        assert caught.value.code == "seal_malformed"

    @pytest.mark.parametrize("length", [122, 200, 248, 250, 500])
    def test_another_length_is_another_dimension_and_broken(self, record: Record, length: int) -> None:
        with pytest.raises(SealBroken):
            record.open((bytes(record.sealed) + bytes(500))[:length])

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("magic", b"VVS2", "version 1, suite 1 and KDF profile 1"),
            ("version", b"\0", "version 1, suite 1 and KDF profile 1"),
            ("version", b"\2", "version 1, suite 1 and KDF profile 1"),
            ("suite", b"\2", "version 1, suite 1 and KDF profile 1"),
            ("KDF profile", b"\0", "version 1, suite 1 and KDF profile 1"),
            ("claim type", b"\0", "a claim's type that is known"),
            ("claim type", b"\3", "a claim's type that is known"),
            ("claim type", b"\xff", "a claim's type that is known"),
            ("key version", bytes(4), "counted from 1"),
        ],
    )
    def test_what_is_never_written_is_refused(self, record: Record, name: str, value: bytes, reason: str) -> None:
        with pytest.raises(SealMalformed, match=reason) as caught:
            SealedTemplate.parse(with_field(bytes(record.sealed), name, value))
        assert caught.value.code == "seal_malformed"

    @given(
        kind=st.integers(0, 3), salt=st.sampled_from([bytes(16), SALT]), rest=st.binary(min_size=34 + 60, max_size=300)
    )
    def test_what_is_read_is_what_would_be_written(self, kind: int, salt: bytes, rest: bytes) -> None:
        data = b"VVS1\1\1" + bytes([kind, 1]) + SALT + salt + rest
        try:
            sealed = SealedTemplate.parse(data)
        except SealMalformed:
            return
        assert bytes(sealed) == data


class TestSilence:
    def test_it_shows_nothing(self, record: Record) -> None:
        sealed = record.sealed
        assert f"{sealed} {sealed!r} {[sealed]}" == "<SealedTemplate> <SealedTemplate> [<SealedTemplate>]"

    def test_refusals_show_nothing(self, record: Record) -> None:
        data = bytes(record.sealed)
        secrets_of = [record.claim.secret, record.shred, Secret(record.keys.keys[1]), Secret(bytes(record.template))]
        for place in range(0, len(data), 7):
            changed = bytearray(data)
            changed[place] ^= 0x55
            with pytest.raises(VisavisError) as caught:
                record.open(bytes(changed))
            message = f"{caught.value} {caught.value!r}"
            for secret in secrets_of:
                assert bytes(secret.view).hex()[:12] not in message
                assert repr(bytes(secret.view))[2:12] not in message
            assert data.hex()[16:32] not in message


class TestUnlinkability:
    """Whoever has two records cannot tell whether they are one person's."""

    PAIRS = 400
    Z = 3.29
    """Of the interval that holds 99.9 % of the areas under the curve of a classifier that guesses."""

    @pytest.fixture
    def pairs(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[bytes], list[bytes]]]:
        """For each person the templates of two captures in the clear, and as two records; the same every time."""
        numbers = np.random.default_rng(20261122)
        monkeypatch.setattr("visavis.template.sealed.secrets.token_bytes", numbers.bytes)
        found = []
        for person in range(self.PAIRS):
            captures = [template(person, spread=0.5, frame=frame) for frame in range(2)]
            records = []
            for capture in captures:
                mine = Claim(numbers.bytes(16), Secret(numbers.bytes(32)), ClaimType.PASSKEY)
                sealed = SealedTemplate.seal(
                    capture, claim=mine, keys=KEYS, shred=Secret(numbers.bytes(32)), claim_salt=numbers.bytes(16)
                )
                records.append(bytes(sealed))
            found.append(([bytes(capture) for capture in captures], records))
        return found

    def area(self, pairs: list[list[bytes]]) -> float:
        """Under the curve of the classifier that takes those for mated whose bits agree the most."""
        bits = np.unpackbits(np.frombuffer(b"".join(map(b"".join, pairs)), np.uint8))
        first, second = bits.reshape(len(pairs), 2, -1).transpose(1, 0, 2)
        mated = (first == second).mean(axis=1)
        non_mated = (first == np.roll(second, 1, axis=0)).mean(axis=1)
        labels = np.repeat([1, 0], len(pairs))
        return float(roc_auc_score(labels, np.concatenate([mated, non_mated])))

    def test_in_the_clear_it_is_easy(self, pairs: list[tuple[list[bytes], list[bytes]]]) -> None:
        assert self.area([plain for plain, _ in pairs]) > 0.99

    @pytest.mark.parametrize(
        "part", [(0, 249), (8, 24), (24, 40), (44, 76), (76, 88), (88, 249), (88, 105), (105, 233)]
    )
    def test_sealed_it_is_guessing(self, pairs: list[tuple[list[bytes], list[bytes]]], part: tuple[int, int]) -> None:
        start, end = part
        width = self.Z * ((2 * self.PAIRS + 1) / (12 * self.PAIRS**2)) ** 0.5
        assert width < 0.07
        assert abs(self.area([[each[start:end] for each in sealed] for _, sealed in pairs]) - 0.5) < width
