"""The audit log as a chain, and the heads that vouch for it."""

import json
import string
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session import NOW, Clock, Person, enrol, verify
from visavis.errors import AuditBroken
from visavis.session import GENESIS, Detail, Entry, Event, Head, Vault, line_of, stamp, verify_log

DETAILS = st.dictionaries(
    st.text(max_size=8), st.text(max_size=8) | st.integers() | st.booleans() | st.none(), max_size=4
)
MOMENTS = st.datetimes(timezones=st.just(UTC))


class Seed:
    """A `Signer` made from a number."""

    def __init__(self, number: int) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


MINE, OTHER = Seed(1), Seed(2)


def chain(count: int, **details: Detail) -> list[Entry]:
    entries: list[Entry] = []
    number, last = 0, GENESIS
    for _ in range(count):
        entry = Entry.after(number, last, Event.VERIFIED, {"subject": f"sub_{number}", **details}, NOW)
        entries.append(entry)
        number, last = entry.number, entry.hash
    return entries


def head_of(entries: Sequence[Entry], signer: Seed = MINE) -> Head:
    last = entries[-1] if entries else Entry(0, "", GENESIS)
    return Head.sign(last.number, last.hash, signer=signer, at=NOW)


def rewritten(entries: Sequence[Entry], at: int, change: Callable[[str], str]) -> list[Entry]:
    """The log as whoever holds the database could write it anew: one line changed, and every hash after it."""
    made: list[Entry] = []
    last = GENESIS
    for entry in entries:
        line = change(entry.line) if entry.number == at else entry.line
        last = sha256(b"visavis audit v1" + last + line.encode()).digest()
        made.append(Entry(entry.number, line, last))
    return made


def check(entries: Sequence[Entry], *heads: Head) -> tuple[int, int]:
    verdict = verify_log(entries, heads=heads, keys=[MINE.public])
    return verdict.entries, verdict.proven


class TestEntry:
    def test_it_is_a_line_of_json_and_a_hash_of_all_before(self) -> None:
        first = Entry.after(0, GENESIS, Event.ENROLLED, {"subject": "sub_1", "captures": 3, "é": None}, NOW)
        assert first.line == (
            '{"at":"2026-03-01T12:00:00.000000Z","details":{"captures":3,"subject":"sub_1","\\u00e9":null},'
            '"event":"enrolled","number":1}'
        )
        assert first.hash == sha256(b"visavis audit v1" + bytes(32) + first.line.encode()).digest()
        second = Entry.after(1, first.hash, Event.ENROLLED, {}, NOW)
        assert second.number == 2
        assert second.hash == sha256(b"visavis audit v1" + first.hash + second.line.encode()).digest()

    @given(details=DETAILS, at=MOMENTS)
    def test_its_line_says_what_was_logged(self, details: dict[str, Detail], at: datetime) -> None:
        entry = Entry.after(6, GENESIS, Event.SWEPT, details, at)
        assert entry.line.isascii()
        assert "\n" not in entry.line
        said = json.loads(entry.line)
        assert said == {"at": stamp(at), "details": details, "event": "swept", "number": 7}
        assert entry.to_dict() == {**said, "hash": entry.hash.hex()}

    @given(moment=MOMENTS, hours=st.integers(-12, 14))
    def test_times_are_written_in_utc_to_the_microsecond(self, moment: datetime, hours: int) -> None:
        if not datetime(2, 1, 1, tzinfo=UTC) < moment < datetime(9998, 1, 1, tzinfo=UTC):
            return
        written = stamp(moment.astimezone(timezone(timedelta(hours=hours))))
        assert written == stamp(moment)
        assert len(written) == len("2026-01-01T00:00:01.000000Z")
        assert datetime.fromisoformat(written) == moment


class TestLog:
    def test_a_whole_log_is_good(self) -> None:
        entries = chain(5)
        assert check(entries) == (5, 0)
        assert check(entries, head_of(entries[:3])) == (5, 3)
        assert check(entries, head_of(entries), head_of(entries[:2]), head_of([])) == (5, 5)

    def test_an_empty_log_is_good(self) -> None:
        assert check([]) == (0, 0)
        assert check([], head_of([])) == (0, 0)

    @pytest.mark.parametrize("at", [1, 3, 5])
    def test_a_changed_entry(self, at: int) -> None:
        entries = chain(5)
        line = entries[at - 1].line.replace("verified", "enrolled")
        entries[at - 1] = replace(entries[at - 1], line=line)
        with pytest.raises(AuditBroken, match=f"entry {at}, or one before it, was changed") as refusal:
            check(entries)
        assert refusal.value.code == "audit_broken"

    @settings(max_examples=200)
    @given(at=st.integers(0, 3), place=st.integers(0, 400), new=st.characters(exclude_categories=["Cs"]))
    def test_any_change_of_any_character(self, at: int, place: int, new: str) -> None:
        entries = chain(4)
        line = entries[at].line
        place %= len(line)
        changed = line[:place] + new + line[place + 1 :]
        entries[at] = replace(entries[at], line=changed)
        if changed != line:
            with pytest.raises(AuditBroken):
                check(entries)

    @pytest.mark.parametrize("line", ["", "{", "[" * 100_000, "null", "[]", '{"number":"2"}', "\x00", "1e999"])
    def test_an_entry_that_is_no_entry(self, line: str) -> None:
        entries = chain(3)
        entries[1] = replace(entries[1], line=line)
        with pytest.raises(AuditBroken):
            check(entries)

    @pytest.mark.parametrize("at", [1, 2, 4])
    def test_a_dropped_entry(self, at: int) -> None:
        entries = chain(5)
        del entries[at - 1]
        with pytest.raises(AuditBroken, match=f"entry {at} is missing"):
            check(entries)

    def test_an_inserted_entry(self) -> None:
        entries = chain(5)
        entries.insert(2, Entry.after(2, entries[1].hash, Event.SWEPT, {}, NOW))
        with pytest.raises(AuditBroken):
            check(entries)

    def test_entries_in_another_order(self) -> None:
        entries = chain(5)
        entries[1], entries[2] = entries[2], entries[1]
        with pytest.raises(AuditBroken, match="entry 2 is missing"):
            check(entries)

    def test_entries_under_each_others_numbers(self) -> None:
        entries = chain(5)
        entries[1], entries[2] = replace(entries[2], number=2), replace(entries[1], number=3)
        with pytest.raises(AuditBroken, match="entry 2 is missing"):
            check(entries)

    @pytest.mark.parametrize("left", [0, 1, 4])
    def test_entries_dropped_from_the_end(self, left: int) -> None:
        entries = chain(5)
        assert check(entries[:left]) == (left, 0)
        with pytest.raises(AuditBroken, match=f"dropped from the end: a head vouches for 5, there are {left}"):
            check(entries[:left], head_of(entries))

    @pytest.mark.parametrize("at", [1, 3])
    def test_a_log_written_anew_is_what_a_head_kept_elsewhere_does_not_fit(self, at: int) -> None:
        entries = chain(5)
        anew = rewritten(entries, at, lambda line: line.replace("sub_", "sub-"))
        assert check(anew) == (5, 0)
        for head in (head_of(entries[:3]), head_of(entries)):
            with pytest.raises(AuditBroken, match=f"was written anew: its entry {head.number} is not"):
                check(anew, head)

    def test_what_comes_after_the_last_head_is_not_proven(self) -> None:
        entries = chain(5)
        anew = rewritten(entries, 5, lambda line: line.replace("sub_", "sub-"))
        assert check(anew, head_of(entries[:4])) == (5, 4)

    def test_a_head_with_another_key(self) -> None:
        entries = chain(5)
        anew = rewritten(entries, 2, lambda line: line.replace("sub_", "sub-"))
        with pytest.raises(AuditBroken, match="head of entry 5 is signed with a key that is not this log's"):
            check(anew, head_of(anew, OTHER))
        assert verify_log(entries, heads=[head_of(entries, OTHER)], keys=[MINE.public, OTHER.public]).proven == 5

    def test_heads_that_vouch_for_different_logs(self) -> None:
        entries = chain(5)
        anew = rewritten(entries, 2, lambda line: line.replace("sub_", "sub-"))
        with pytest.raises(AuditBroken, match="two heads vouch for different logs"):
            check(entries, head_of(entries), head_of(anew))

    def test_an_error_holds_nothing_of_the_log(self) -> None:
        entries = chain(2, secret="hunter2")  # noqa: S106
        entries[1] = replace(entries[1], line=entries[1].line.replace("{", "[", 1))
        with pytest.raises(AuditBroken) as refusal:
            check(entries)
        assert "hunter2" not in str(refusal.value)


HEAD = head_of(chain(12))
LINE = HEAD.to_line()


def refused(line: str) -> bool:
    try:
        Head.from_line(line)
    except AuditBroken as error:
        return "signed head of an audit log" in str(error)
    return False


def signed_anew(**changes: object) -> str:
    """A head's line with other values, and a signature that fits the message as these would be read."""
    value = {**json.loads(LINE), **changes}
    message = (
        b"visavis head v1"
        + int(value["number"]).to_bytes(8, "big")
        + bytes.fromhex(value["hash"])
        + str(value["at"]).encode()
    )
    return line_of({**value, "signature": MINE.sign(message).hex()})


class TestHead:
    @given(number=st.integers(0, 2**64 - 1), last=st.binary(min_size=32, max_size=32), at=MOMENTS)
    def test_it_comes_back_from_its_line(self, number: int, last: bytes, at: datetime) -> None:
        head = Head.sign(number, last, signer=MINE, at=at)
        assert Head.from_line(head.to_line()) == head
        assert head.to_line().isascii()
        assert "\n" not in head.to_line()

    def test_its_signature_is_of_the_message_that_is_written_down(self) -> None:
        message = b"visavis head v1" + HEAD.number.to_bytes(8, "big") + HEAD.hash + HEAD.at.encode()
        Ed25519PublicKey.from_public_bytes(MINE.public).verify(HEAD.signature, message)
        assert list(json.loads(LINE)) == ["at", "hash", "key", "number", "signature"]

    @settings(max_examples=400)
    @given(place=st.integers(0, len(LINE) - 1), new=st.sampled_from([*string.printable, ""]))
    def test_no_other_line_that_differs_in_a_character(self, place: int, new: str) -> None:
        changed = LINE[:place] + new + LINE[place + 1 :]
        assert changed == LINE or refused(changed)

    @given(junk=st.text() | st.binary().map(lambda data: data.decode("latin-1")))
    def test_nothing_else(self, junk: str) -> None:
        assert refused(junk)

    @pytest.mark.parametrize(
        "line",
        [
            "",
            " " + LINE,
            LINE + "\n",
            LINE + " ",
            LINE.replace(":", ": ", 1),
            LINE.replace("{", '{"also":1,'),
            LINE.replace('"number":12', '"number":12.0'),
            LINE.replace('"number":12', '"number":"12"'),
            LINE.replace('"number":12', '"number":-12'),
            LINE.replace('"number":12', '"number":012'),
            LINE.replace('"number":12', f'"number":{12 + 2**64}'),
            LINE.replace('"number":12', '"number":12,"number":12'),
            LINE.replace('"number":12', '"number":null'),
            LINE.replace(HEAD.hash.hex(), HEAD.hash.hex().upper()),
            LINE.replace(HEAD.hash.hex(), ""),
            LINE.replace(HEAD.key.hex(), OTHER.public.hex()),
            LINE.replace(HEAD.key.hex(), HEAD.key.hex()[:-2]),
            LINE.replace(HEAD.signature.hex(), HEAD.signature.hex()[:-2]),
            LINE.replace("Z", "+00:00"),
            LINE.replace("2026", "2O26"),
            LINE.replace("2026", "\\ud800"),
            "[" * 100_000,
            "null",
            "[]",
        ],
    )
    def test_none_of_these(self, line: str) -> None:
        assert refused(line)

    def test_a_number_is_no_truth_value(self) -> None:
        line = head_of(chain(1)).to_line()
        assert not refused(line)
        assert refused(line.replace('"number":1', '"number":true'))

    def test_the_bytes_of_hash_and_time_cannot_be_shifted(self) -> None:
        """One signature must not stand for two heads: it is of the two in a row."""
        value = json.loads(LINE)
        assert refused(line_of({**value, "hash": value["hash"] + value["at"][0].encode().hex(), "at": value["at"][1:]}))
        shorter = Head.sign(12, bytes(31) + b"2", signer=MINE, at=NOW)
        assert refused(line_of({**json.loads(shorter.to_line()), "hash": bytes(31).hex(), "at": "2" + shorter.at}))

    @pytest.mark.parametrize(
        "changes",
        [
            {"hash": "00" * 31},
            {"hash": "00" * 33},
            {"hash": ""},
            {"at": ""},
            {"at": "now"},
            {"at": "2026-03-01T12:00:00Z"},
            {"at": "2026-03-01T12:00:00.000000+00:00"},
        ],
    )
    def test_nor_what_the_right_key_signed_but_never_writes(self, changes: dict[str, object]) -> None:
        assert not refused(signed_anew())
        assert refused(signed_anew(**changes))


class TestOfAVault:
    def test_what_a_vault_logs_is_one_chain_up_to_its_heads(self, vault: Vault, clock: Clock) -> None:
        anna = Person(1)
        claim = enrol(vault, anna)
        heads = []
        for number in range(3):
            clock.advance(minutes=1)
            verify(vault, claim, anna.photo(number))
            with vault.store.reading() as tx:
                heads.append(Head.sign(*tx.audit.tip(), signer=vault.audit_signer, at=vault.clock()))
        with vault.store.reading() as tx:
            entries = list(tx.audit.entries())
        kept = [Head.from_line(head.to_line()) for head in heads]
        verdict = verify_log(entries, heads=kept, keys=[vault.audit_signer.public])
        assert verdict.entries == verdict.proven == 5
        with pytest.raises(AuditBroken, match="dropped from the end"):
            verify_log(entries[:-1], heads=kept, keys=[vault.audit_signer.public])
