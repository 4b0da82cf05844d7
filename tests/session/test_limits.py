"""The limits by themselves: what counts, for how long, and under what name."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session import NOW, Clock, Person, another_claim, enrol, verify
from visavis.decision import Outcome
from visavis.errors import ClaimRefused, RateLimited
from visavis.session import DEFAULT_ATTEMPT_LIMITS, AttemptLimits, Vault, expire_sessions, sweep
from visavis.session.limits import (
    CAPTURE_FAILURES,
    CAPTURE_LOCK,
    CAPTURE_WINDOW,
    REMEMBERED,
    admit,
    admit_capture,
    attempt_key,
    failure_keys,
)
from visavis.store import Database, MemoryStore, tables
from visavis.template import Claim, ClaimType, Secret

CLAIM = Claim(bytes(range(16)), Secret(bytes(range(32))), ClaimType.RANDOM)
ANNA, BELA = Person(1), Person(2)
MINE = failure_keys("vs_1", "VC1:A")


def test_they_are_those_of_the_standard() -> None:
    """NIST SP 800-63B-4, 3.2.3: without presentation attack detection five in a row, then 30 seconds each, 50 in all."""
    assert DEFAULT_ATTEMPT_LIMITS.failures_free == 5
    assert DEFAULT_ATTEMPT_LIMITS.delay == timedelta(seconds=30)
    assert DEFAULT_ATTEMPT_LIMITS.failures_max == 50
    assert CAPTURE_FAILURES == 5
    assert timedelta(minutes=3) == CAPTURE_WINDOW
    assert timedelta(minutes=30) == CAPTURE_LOCK


class TestKey:
    def test_it_is_a_hash_of_the_whole_claim(self) -> None:
        assert attempt_key(CLAIM) == sha256(b"visavis attempt v1" + bytes(range(16)) + bytes(range(32))).digest()

    @given(secret=st.binary(min_size=32, max_size=32), record_id=st.binary(min_size=16, max_size=16))
    def test_another_claim_for_the_same_record_has_another(self, secret: bytes, record_id: bytes) -> None:
        for other in (
            Claim(CLAIM.record_id, Secret(secret), ClaimType.RANDOM),
            Claim(record_id, CLAIM.secret, ClaimType.RANDOM),
        ):
            assert (attempt_key(other) == attempt_key(CLAIM)) == (
                other.record_id == CLAIM.record_id and other.secret == CLAIM.secret
            )


@dataclass
class Model:
    """The rule in as few words as possible: what one claim may do."""

    limits: AttemptLimits
    failed: int = 0
    last: datetime | None = None
    openings: dict[int, int] = field(default_factory=dict)

    def admits(self, now: datetime) -> bool:
        if self.failed >= self.limits.failures_max:
            return False
        if self.failed >= self.limits.failures_free and self.last is not None and now < self.last + self.limits.delay:
            return False
        return self.openings.get(int(now.timestamp()) // 60, 0) < self.limits.openings_per_minute

    def begin(self, now: datetime) -> None:
        minute = int(now.timestamp()) // 60
        self.openings[minute] = self.openings.get(minute, 0) + 1
        self.failed, self.last = self.failed + 1, now


class TestAdmit:
    @settings(max_examples=150)
    @given(
        steps=st.lists(
            st.tuples(st.sampled_from([0, 1, 10, 29, 30, 31, 60]), st.sampled_from(["fail", "fail", "undo", "clear"])),
            max_size=60,
        ),
        free=st.integers(1, 5),
        most=st.integers(5, 12),
        openings=st.integers(1, 10),
    )
    def test_it_admits_what_the_rule_admits(
        self, steps: list[tuple[int, str]], free: int, most: int, openings: int
    ) -> None:
        limits = AttemptLimits(free, timedelta(seconds=30), most, openings)
        store, model, key, now = MemoryStore(), Model(limits), attempt_key(CLAIM), NOW
        for wait, outcome in steps:
            now += timedelta(seconds=wait)
            admitted = model.admits(now)
            with nullcontext() if admitted else pytest.raises(RateLimited) as refusal, store.writing() as tx:
                admit(tx.attempts, key, CLAIM, limits=limits, now=now)
            if refusal is not None:
                wait_s = refusal.value.retry_after_s
                assert 0 < wait_s <= 60 if wait_s is not None else model.failed >= most
                continue
            model.begin(now)
            with store.writing() as tx:
                if outcome == "undo":
                    tx.attempts.undo(key)
                    model.failed -= 1
                elif outcome == "clear":
                    tx.attempts.clear(key)
                    model.failed, model.last = 0, None

    def test_the_wait_is_told_to_the_second(self) -> None:
        store = MemoryStore()
        for _ in range(5):
            with store.writing() as tx:
                admit(tx.attempts, bytes(32), CLAIM, limits=DEFAULT_ATTEMPT_LIMITS, now=NOW)
        with (
            store.writing() as tx,
            pytest.raises(RateLimited, match="failed 5 times in a row; try again in 18 s") as limit,
        ):
            admit(tx.attempts, bytes(32), CLAIM, limits=DEFAULT_ATTEMPT_LIMITS, now=NOW + timedelta(seconds=12))
        assert limit.value.retry_after_s == 18


class TestMemory:
    def test_failures_are_forgotten_after_thirty_days(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, clock, claim, 49)
        clock.now += REMEMBERED
        sweep(vault)
        with vault.store.reading() as tx:
            assert tx.attempts.of(claim.record_id) == [(49, clock.now - REMEMBERED)]
        clock.advance(seconds=1)
        sweep(vault)
        with vault.store.reading() as tx:
            assert tx.attempts.of(claim.record_id) == []
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_but_not_where_they_were_so_many_that_a_claim_is_not_tried_again(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, clock, claim, 50)
        clock.now += 3 * REMEMBERED
        sweep(vault)
        with pytest.raises(RateLimited, match="not tried again"):
            verify(vault, claim, ANNA.photo())

    def fail(self, vault: Vault, clock: Clock, claim: Claim, times: int) -> None:
        for _ in range(times):
            clock.advance(seconds=30)
            assert verify(vault, claim, BELA.photo()).decision.outcome is Outcome.NO_MATCH

    def test_a_clock_that_was_set_back_locks_nobody_out(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, clock, claim, 5)
        clock.advance(seconds=-29)
        with pytest.raises(RateLimited):
            verify(vault, claim, ANNA.photo())
        clock.advance(hours=-1)
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_failures_on_a_record_go_with_it(self, vault: Vault) -> None:
        """They are kept under a hash of the claim and the record's id, which are the subject's."""
        old = enrol(vault, ANNA)
        for _ in range(3):
            verify(vault, old, BELA.photo())
        enrol(vault, ANNA, replaces=True)
        with vault.store.reading() as tx:
            assert tx.attempts.begin(attempt_key(old), old.record_id, at=NOW) == (0, None)

    def test_wrong_claims_pile_up_nowhere(self, sqlite_vault: Vault) -> None:
        """Whoever makes up claims must not fill the database with them."""
        record_id = enrol(sqlite_vault, ANNA).record_id
        for unknown in (record_id, bytes(range(1, 17))):
            for _ in range(5):
                with pytest.raises(ClaimRefused):
                    verify(sqlite_vault, another_claim(unknown), ANNA.photo())
        assert isinstance(sqlite_vault.store, Database)
        with sqlite_vault.store.engine.connect() as connection:
            assert connection.execute(tables.attempts.select()).all() == []


class TestCaptures:
    """Live captures that did not pass, by when they did not: in seconds."""

    @staticmethod
    def locked(*seconds: float, at: float, keys: Sequence[bytes] = MINE) -> float | None:
        """For how long Anna, whose captures these were, is still to wait; None where she need not."""
        store = MemoryStore()
        with store.writing() as tx:
            for each in seconds:
                for key in MINE:
                    tx.failures.add(key, NOW + timedelta(seconds=each))
            try:
                admit_capture(tx.failures, keys, now=NOW + timedelta(seconds=at))
            except RateLimited as error:
                return error.retry_after_s
        return None

    def test_five_within_three_minutes_lock_for_thirty_from_the_fifth(self) -> None:
        failures = (0, 170, 10, 180, 20)  # in the order of several processes
        assert self.locked(*failures, at=180) == 1800
        assert self.locked(*failures, at=180 + 1799) == 1
        assert self.locked(*failures, at=180 + 1800) is None

    def test_the_wait_is_told(self) -> None:
        store = MemoryStore()
        with store.writing() as tx:
            for _ in range(5):
                tx.failures.add(MINE[0], NOW)
            with pytest.raises(RateLimited, match="too many captures did not pass; try again in 1788 s"):
                admit_capture(tx.failures, MINE, now=NOW + timedelta(seconds=12))

    @pytest.mark.parametrize("failures", [(), (0,), (0, 0, 0, 0), (0, 45, 90, 135, 180.000001)])
    def test_fewer_do_not_nor_as_many_over_a_longer_time(self, failures: tuple[float, ...]) -> None:
        assert self.locked(*failures, at=181) is None

    def test_any_five_in_a_row_do(self) -> None:
        assert self.locked(0, 100, 150, 200, 250, 280, at=280) == 1800
        assert self.locked(0, 0, 0, 0, 0, 1000, at=1000) == 800

    @pytest.mark.parametrize(
        ("session", "token", "wait"),
        [("vs_1", "VC1:A", 1800), ("vs_1", None, 1800), ("vs_2", "VC1:A", 1800), ("vs_2", None, None),
         ("vs_2", "VC1:B", None), ("VC1:A", "vs_1", None)],
    )  # fmt: skip
    def test_the_session_and_the_claim_are_locked_and_nobody_else(
        self, session: str, token: str | None, wait: float | None
    ) -> None:
        assert self.locked(0, 0, 0, 0, 0, at=0, keys=failure_keys(session, token)) == wait

    def test_they_are_counted_under_hashes(self) -> None:
        assert failure_keys("vs_1", "VC1:A") == [
            sha256(b"visavis capture v1 session vs_1").digest(),
            sha256(b"visavis capture v1 token VC1:A").digest(),
        ]

    def test_they_are_forgotten_once_they_lock_nothing_any_more(self, vault: Vault, clock: Clock) -> None:
        with vault.store.writing() as tx:
            for key in MINE:
                tx.failures.add(key, clock.now)
        clock.now += CAPTURE_WINDOW + CAPTURE_LOCK
        expire_sessions(vault)
        with vault.store.reading() as tx:
            assert [list(tx.failures.of(key)) for key in MINE] == [[NOW], [NOW]]
        clock.advance(seconds=1)
        expire_sessions(vault)
        with vault.store.reading() as tx:
            assert [list(tx.failures.of(key)) for key in MINE] == [[], []]
