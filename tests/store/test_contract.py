"""What every store and every store of shreds must do: the Protocols of `visavis.session.ports`, method by method."""

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.store import (
    DAY,
    HERE,
    HOUR,
    MICROSECOND,
    NOW,
    consent,
    evidence,
    issued,
    reference,
    report,
    sealed,
    session,
    subject,
)
from visavis.errors import SubjectEnrolled
from visavis.session import (
    EVENT_TYPES,
    GENESIS,
    Against,
    Alternative,
    Answer,
    ApiKey,
    ConsentText,
    Delivery,
    DeliveryState,
    Endpoint,
    Event,
    EvidenceTerms,
    Happening,
    HostedSession,
    LivenessPolicy,
    Payment,
    Reference,
    ReferenceState,
    Scope,
    SessionStatus,
    Shreds,
    SigningSecret,
    Store,
    Stored,
    Subject,
    ToEnrol,
    Transaction,
    Wanted,
    Yields,
    verify_log,
)
from visavis.store import Database, FileShreds, MemoryShreds, MemoryStore
from visavis.template import SHRED_BYTES, Secret

ACTIVE, PENDING, RETIRED = ReferenceState.ACTIVE, ReferenceState.PENDING, ReferenceState.RETIRED
THREADS = 8


class Halt(Exception):
    """Ends a transaction half-way."""


def everything(store: Store) -> dict[str, object]:
    """All that can be seen of a store that knows the subjects `one` and `two`, and keys and records of one repeated byte."""
    with store.reading() as tx:
        subjects = [tx.subjects.get(each) for each in ("one", "two")]
        references = [each for name in ("one", "two") for each in tx.references.of(name)]
        return {
            "subjects": subjects,
            "page": tx.subjects.page(),
            "leaving": {each.id for each in tx.subjects.leaving(now=NOW, unused_since=NOW - DAY)},
            "consents": [tx.consents.of(each) for each in ("one", "two")],
            "references": references,
            "sealed": [tx.references.sealed(each.record_id) for each in references],
            "credentials": [tx.credentials.of(each) for each in ("one", "two")],
            "taken": tx.credentials.taken(now=NOW),
            "attempts": [tx.attempts.begin(bytes([key]) * 32, bytes(16), at=NOW) for key in range(1, 4)],
            "openings": [tx.attempts.count_opening(minute) for minute in (1, 2)],
            "refusals": [tx.attempts.count_refusal(minute) for minute in (1, 2)],
            "failures": [list(tx.failures.of(bytes([key]) * 32)) for key in range(1, 4)],
            "tip": tx.audit.tip(),
            "audit": list(tx.audit.entries()),
        }


class StoreContract:
    """Inherited by the tests of every `Store`, which say how one is made."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        raise NotImplementedError

    # --- subjects -------------------------------------------------------------------------------------------------

    def test_a_subject_is_found_by_id_and_by_name(self, store: Store) -> None:
        anna, bela = subject("Anna Ångström 7"), subject("bela", erasing=True)
        with store.writing() as tx:
            tx.subjects.add(anna)
            tx.subjects.add(bela)
        with store.reading() as tx:
            assert tx.subjects.get(anna.id) == tx.subjects.named("Anna Ångström 7") == anna
            assert tx.subjects.get(bela.id) == tx.subjects.named("bela") == bela
            assert tx.subjects.get("bela") is tx.subjects.named(bela.id) is tx.subjects.named("Bela") is None

    def test_a_name_is_one_subjects(self, store: Store) -> None:
        with store.writing() as tx:
            tx.subjects.add(subject("anna"))
        with pytest.raises(SubjectEnrolled) as refusal, store.writing() as tx:
            tx.subjects.add(subject("anna"))
        assert refusal.value.code == "subject_enrolled"
        assert "anna" not in str(refusal.value)
        with store.reading() as tx:
            assert len(tx.subjects.page()) == 1

    def test_a_name_is_free_again_once_its_subject_is_removed(self, store: Store) -> None:
        first, second = subject("anna"), subject("anna")
        with store.writing() as tx:
            tx.subjects.add(first)
            tx.subjects.remove(first.id)
            tx.subjects.add(second)
        with store.reading() as tx:
            assert tx.subjects.named("anna") == second

    def test_subjects_are_paged_by_name(self, store: Store) -> None:
        names = [f"account {number:03}" for number in range(25)]
        with store.writing() as tx:
            for name in sorted(names, key=lambda name: name[::-1]):
                tx.subjects.add(subject(name))
        with store.reading() as tx:
            found: list[Subject] = []
            while page := tx.subjects.page(after=found[-1].name if found else "", limit=10):
                assert len(page) <= 10
                found.extend(page)
            assert [each.name for each in found] == names
            assert [each.name for each in tx.subjects.page(limit=3)] == names[:3]
            assert tx.subjects.page(after="account 024") == []

    def test_paging_shows_each_name_once_whatever_is_in_it(self, store: Store) -> None:
        names = {"a", "A", "ä", "Z", "z", "a b", "ab", "a-b", "10", "9", "İ", "ß", "ss", "ñ", "_", "'; --", "%", "日本"}
        with store.writing() as tx:
            for name in names:
                tx.subjects.add(subject(name))
        with store.reading() as tx:
            found: list[str] = []
            while page := tx.subjects.page(after=found[-1] if found else "", limit=1):
                found.extend(each.name for each in page)
            assert sorted(found) == sorted(names)
            assert found == [each.name for each in tx.subjects.page()]

    def test_a_removed_subject_takes_its_consents_along_and_no_others(self, store: Store) -> None:
        anna, bela = subject("anna"), subject("bela")
        kept = consent(bela.id)
        with store.writing() as tx:
            for person in (anna, bela):
                tx.subjects.add(person)
            for given in (consent(anna.id), consent(anna.id), kept):
                tx.consents.add(given)
            tx.subjects.remove(anna.id)
        with store.reading() as tx:
            assert tx.subjects.get(anna.id) is None
            assert tx.consents.of(anna.id) == []
            assert tx.subjects.page() == [bela]
            assert tx.consents.of(bela.id) == [kept]

    def test_a_subject_whose_erasure_began_is_marked_and_leaves(self, store: Store) -> None:
        anna = subject("anna")
        with store.writing() as tx:
            tx.subjects.add(anna)
            tx.consents.add(consent(anna.id))
            assert tx.subjects.leaving(now=NOW, unused_since=NOW - DAY) == []
            tx.subjects.begin_erasure(anna.id)
        with store.reading() as tx:
            assert tx.subjects.get(anna.id) == replace(anna, erasing=True)
            assert tx.subjects.leaving(now=NOW, unused_since=NOW - DAY) == [replace(anna, erasing=True)]

    def test_a_subject_leaves_when_nothing_of_it_is_left_to_keep(self, store: Store) -> None:
        end = NOW + 365 * DAY
        stay = {name: subject(name) for name in ("consent", "reference", "pending", "expired reference", "credential")}
        leave = {
            name: subject(name) for name in ("nothing", "ended consent", "withdrawn", "unused", "expired credential")
        }
        with store.writing() as tx:
            for each in (*stay.values(), *leave.values()):
                tx.subjects.add(each)
            tx.consents.add(consent(stay["consent"].id, given_at=end - DAY + MICROSECOND))
            tx.references.add(reference(stay["reference"].id), sealed())
            tx.references.add(reference(stay["pending"].id, state=PENDING), sealed())
            tx.references.add(reference(stay["expired reference"].id, expires_at=NOW), sealed())
            tx.credentials.add(issued(stay["credential"].id, expires_at=end + MICROSECOND))
            tx.consents.add(consent(leave["ended consent"].id))
            tx.consents.add(consent(leave["unused"].id, given_at=end - DAY))
            tx.consents.add(consent(leave["withdrawn"].id, given_at=end, withdrawn_at=end))
            tx.credentials.add(issued(leave["expired credential"].id, expires_at=end))
        with store.reading() as tx:
            assert {each.name for each in tx.subjects.leaving(now=end, unused_since=end - DAY)} == set(leave)

    # --- consents -------------------------------------------------------------------------------------------------

    def test_a_consent_comes_back_as_it_was_recorded(self, store: Store) -> None:
        anna = subject("anna")
        text = ConsentText.of("Sí.", version="v 3", locale="pt-BR", purpose="a.b_c-1", retention_days=1, renewal=True)
        given = consent(anna.id, text=text, given_at=NOW + MICROSECOND, recorded_by="Schalter Süd")
        with store.writing() as tx:
            tx.subjects.add(anna)
            tx.consents.add(given)
        with store.reading() as tx:
            (found,) = tx.consents.of(anna.id)
        assert found == given
        assert found.ends_at == given.given_at + DAY

    def test_consents_come_oldest_first(self, store: Store) -> None:
        anna, bela = subject("anna"), subject("bela")
        given = [consent(anna.id, given_at=NOW + number * HOUR) for number in (2, 0, 3, 1)]
        with store.writing() as tx:
            tx.subjects.add(anna)
            tx.subjects.add(bela)
            tx.consents.add(consent(bela.id))
            for each in given:
                tx.consents.add(each)
        with store.reading() as tx:
            assert tx.consents.of(anna.id) == sorted(given, key=lambda each: each.given_at)
            assert tx.consents.of("nobody") == []

    def test_one_consent_is_withdrawn_at_a_time(self, store: Store) -> None:
        anna = subject("anna")
        first, second = consent(anna.id), consent(anna.id, given_at=NOW + HOUR)
        with store.writing() as tx:
            tx.subjects.add(anna)
            tx.consents.add(first)
            tx.consents.add(second)
            tx.consents.withdraw(first.id, NOW + DAY)
        with store.reading() as tx:
            assert tx.consents.of(anna.id) == [replace(first, withdrawn_at=NOW + DAY), second]

    # --- references -----------------------------------------------------------------------------------------------

    def test_a_reference_is_found_by_its_record_id_alone(self, store: Store) -> None:
        mine, data = reference("sub_1", renewal=True), sealed()
        with store.writing() as tx:
            tx.references.add(mine, data)
            tx.references.add(reference("sub_1"), sealed())
        with store.reading() as tx:
            found = tx.references.find(mine.record_id, now=NOW)
            assert found == Stored(mine, data)
            assert tx.references.sealed(mine.record_id) == data
            for other in (secrets.token_bytes(16), b"", mine.record_id[:15], mine.record_id + b"\0"):
                assert tx.references.find(other, now=NOW) is None
                assert tx.references.sealed(other) is None

    @pytest.mark.parametrize("state", [PENDING, RETIRED])
    def test_only_an_active_one_is_found(self, state: ReferenceState, store: Store) -> None:
        mine = reference(state=state)
        with store.writing() as tx:
            tx.references.add(mine, sealed())
        with store.writing() as tx:
            assert tx.references.find(mine.record_id, now=NOW) is None
            tx.references.set_state(mine.record_id, ACTIVE)
        with store.writing() as tx:
            found = tx.references.find(mine.record_id, now=NOW)
            assert found is not None
            assert found.reference == replace(mine, state=ACTIVE)
            tx.references.set_state(mine.record_id, state)
        with store.reading() as tx:
            assert tx.references.find(mine.record_id, now=NOW) is None

    def test_only_an_unexpired_one_is_found(self, store: Store) -> None:
        mine = reference(expires_at=NOW)
        with store.writing() as tx:
            tx.references.add(mine, sealed())
        with store.reading() as tx:
            assert tx.references.find(mine.record_id, now=NOW - MICROSECOND) is not None
            assert tx.references.find(mine.record_id, now=NOW) is None
            assert tx.references.find(mine.record_id, now=NOW + DAY) is None

    @pytest.mark.parametrize("others", [0, 3])
    def test_the_id_of_zeros_is_nobodys(self, others: int, store: Store) -> None:
        with store.writing() as tx:
            for _ in range(others):
                tx.references.add(reference(), sealed())
        with store.reading() as tx:
            assert tx.references.find(bytes(16), now=NOW) is None
            assert tx.references.count() == len(tx.references.ids()) == others
            assert bytes(16) not in tx.references.ids()
            assert tx.references.of("") == []

    def test_resealing_replaces_what_it_was_made_from(self, store: Store) -> None:
        mine, other, old, new = reference(), reference(), sealed(1), sealed(2)
        with store.writing() as tx:
            tx.references.add(mine, old)
            tx.references.add(other, old)
            assert tx.references.reseal(mine.record_id, old=old, new=new, at=NOW + HOUR)
        with store.reading() as tx:
            assert tx.references.find(mine.record_id, now=NOW) == Stored(replace(mine, sealed_at=NOW + HOUR), new)
            assert tx.references.find(other.record_id, now=NOW) == Stored(other, old)

    def test_resealing_gives_way_to_a_change_made_meanwhile(self, store: Store) -> None:
        mine, old, new = reference(), sealed(1), sealed(2)
        with store.writing() as tx:
            tx.references.add(mine, old)
            assert tx.references.reseal(mine.record_id, old=old, new=new, at=NOW)
            assert not tx.references.reseal(mine.record_id, old=old, new=sealed(2), at=NOW + HOUR)
            assert not tx.references.reseal(secrets.token_bytes(16), old=old, new=sealed(2), at=NOW + HOUR)
        with store.reading() as tx:
            assert tx.references.find(mine.record_id, now=NOW) == Stored(mine, new)

    def test_a_subjects_references_come_oldest_first(self, store: Store) -> None:
        mine = [
            reference("sub_1", created_at=NOW + number * HOUR, state=state)
            for number, state in ((2, ACTIVE), (0, RETIRED), (1, PENDING))
        ]
        with store.writing() as tx:
            tx.references.add(reference("sub_2"), sealed())
            for each in mine:
                tx.references.add(each, sealed())
        with store.reading() as tx:
            assert tx.references.of("sub_1") == sorted(mine, key=lambda each: each.created_at)
            assert tx.references.of("sub_3") == []

    def test_what_is_due_is_retired_or_expired_or_was_broken_off(self, store: Store) -> None:
        def due(**changes: object) -> Reference:
            return reference(**changes)  # type: ignore[arg-type]

        leave = [
            due(state=RETIRED),
            due(state=RETIRED, expires_at=NOW + DAY, created_at=NOW - DAY),
            due(expires_at=NOW),
            due(expires_at=NOW - DAY),
            due(state=PENDING, created_at=NOW - HOUR - MICROSECOND),
        ]
        stay = [
            due(),
            due(created_at=NOW - DAY),
            due(expires_at=NOW + MICROSECOND),
            due(state=PENDING, created_at=NOW - HOUR),
        ]
        with store.writing() as tx:
            for each in (*leave, *stay):
                tx.references.add(each, sealed())
        with store.reading() as tx:
            found = tx.references.due(now=NOW, pending_before=NOW - HOUR)
        assert sorted(found, key=repr) == sorted(leave, key=repr)

    def test_ids_of_active_references_are_paged(self, store: Store) -> None:
        active = sorted(secrets.token_bytes(16) for _ in range(25))
        with store.writing() as tx:
            for record_id in sorted(active, key=lambda each: each[::-1]):
                tx.references.add(reference(record_id=record_id), sealed())
            tx.references.add(reference(state=PENDING), sealed())
            tx.references.add(reference(state=RETIRED), sealed())
        with store.reading() as tx:
            found: list[bytes] = []
            while page := tx.references.ids(after=found[-1] if found else b"", limit=10):
                assert len(page) <= 10
                found.extend(page)
            assert found == active
            assert list(tx.references.ids()) == active
            assert tx.references.count() == 25

    def test_references_are_counted_by_key_version(self, store: Store) -> None:
        with store.writing() as tx:
            assert dict(tx.references.by_key_version()) == {}
            for version in (1, 2, 1, 0x01020304, 2**32 - 1):
                tx.references.add(reference(), sealed(version))
        with store.reading() as tx:
            assert dict(tx.references.by_key_version()) == {1: 2, 2: 1, 0x01020304: 1, 2**32 - 1: 1}

    def test_a_removed_reference_is_gone(self, store: Store) -> None:
        mine, other = reference(), reference()
        with store.writing() as tx:
            tx.references.add(mine, sealed())
            tx.references.add(other, sealed())
            tx.references.remove(mine.record_id)
        with store.reading() as tx:
            assert tx.references.find(mine.record_id, now=NOW) is None
            assert tx.references.sealed(mine.record_id) is None
            assert tx.references.of("sub_1") == [other]
            assert tx.references.count() == 1

    # --- attempts -------------------------------------------------------------------------------------------------

    def test_failures_in_a_row_are_counted_by_key(self, store: Store) -> None:
        key, other, record = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 16
        with store.writing() as tx:
            assert tx.attempts.begin(key, record, at=NOW) == (0, None)
            assert tx.attempts.begin(key, record, at=NOW + HOUR) == (1, NOW)
            assert tx.attempts.begin(other, record, at=NOW) == (0, None)
        with store.writing() as tx:
            assert tx.attempts.begin(key, record, at=NOW + DAY) == (2, NOW + HOUR)

    def test_a_success_forgets_the_failures_of_its_key(self, store: Store) -> None:
        key, other = bytes([1]) * 32, bytes([2]) * 32
        with store.writing() as tx:
            for each in (key, key, other):
                tx.attempts.begin(each, bytes(16), at=NOW)
            tx.attempts.clear(key)
            tx.attempts.clear(bytes([9]) * 32)
            assert tx.attempts.begin(key, bytes(16), at=NOW) == (0, None)
            assert tx.attempts.begin(other, bytes(16), at=NOW) == (1, NOW)

    def test_undoing_takes_one_attempt_back_and_never_more(self, store: Store) -> None:
        key = bytes([1]) * 32
        with store.writing() as tx:
            tx.attempts.undo(key)
            assert tx.attempts.begin(key, bytes(16), at=NOW)[0] == 0
            assert tx.attempts.begin(key, bytes(16), at=NOW)[0] == 1
            for _ in range(4):
                tx.attempts.undo(key)
            assert tx.attempts.begin(key, bytes(16), at=NOW)[0] == 0
            assert tx.attempts.begin(key, bytes(16), at=NOW)[0] == 1

    def test_forgetting_a_record_forgets_all_attempts_on_it(self, store: Store) -> None:
        mine, other = bytes([1]) * 16, bytes([2]) * 16
        keys = [bytes([number]) * 32 for number in range(4)]
        with store.writing() as tx:
            for key in keys:
                tx.attempts.begin(key, other if key == keys[3] else mine, at=NOW)
            tx.attempts.forget(mine)
            assert [tx.attempts.begin(key, mine, at=NOW)[0] for key in keys] == [0, 0, 0, 1]

    def test_openings_are_counted_by_the_minute(self, store: Store) -> None:
        with store.writing() as tx:
            assert [tx.attempts.count_opening(29_000_000) for _ in range(3)] == [1, 2, 3]
            assert tx.attempts.count_opening(29_000_001) == 1
        with store.writing() as tx:
            assert tx.attempts.count_opening(29_000_000) == 4

    def test_so_are_refusals_apart_from_them(self, store: Store) -> None:
        with store.writing() as tx:
            assert [tx.attempts.count_refusal(29_000_000) for _ in range(3)] == [1, 2, 3]
            assert tx.attempts.count_opening(29_000_000) == 1
            assert tx.attempts.count_refusal(29_000_000) == 4
            assert tx.attempts.count_refusal(29_000_001) == 1

    def test_what_failed_on_a_record_is_told_by_claim(self, store: Store) -> None:
        mine, others = bytes([1]) * 16, bytes([2]) * 16
        with store.writing() as tx:
            tx.attempts.begin(bytes([1]) * 32, mine, at=NOW)
            tx.attempts.begin(bytes([2]) * 32, mine, at=NOW - DAY)
            tx.attempts.begin(bytes([1]) * 32, mine, at=NOW + DAY)
            tx.attempts.begin(bytes([3]) * 32, others, at=NOW)
            assert tx.attempts.of(mine) == [(1, NOW - DAY), (2, NOW + DAY)]
            assert tx.attempts.of(bytes([3]) * 16) == []

    def test_pruning_keeps_those_that_are_not_tried_again(self, store: Store) -> None:
        with store.writing() as tx:
            for _ in range(3):
                tx.attempts.begin(bytes([1]) * 32, bytes(16), at=NOW - DAY)
            tx.attempts.begin(bytes([2]) * 32, bytes(16), at=NOW - DAY)
            tx.attempts.prune(before=NOW, failures_max=3)
            assert tx.attempts.of(bytes(16)) == [(3, NOW - DAY)]
            tx.attempts.prune(before=NOW, failures_max=4)
            assert tx.attempts.of(bytes(16)) == []

    def test_pruning_forgets_what_lies_before(self, store: Store) -> None:
        old, new = bytes([1]) * 32, bytes([2]) * 32
        minute = int(NOW.timestamp()) // 60
        with store.writing() as tx:
            tx.attempts.begin(old, bytes(16), at=NOW - MICROSECOND)
            tx.attempts.begin(new, bytes(16), at=NOW - DAY)
            tx.attempts.begin(new, bytes(16), at=NOW)
            tx.attempts.count_opening(minute - 1)
            tx.attempts.count_opening(minute)
            tx.attempts.prune(before=NOW, failures_max=50)
        with store.writing() as tx:
            assert tx.attempts.begin(old, bytes(16), at=NOW)[0] == 0
            assert tx.attempts.begin(new, bytes(16), at=NOW)[0] == 2
            assert tx.attempts.count_opening(minute - 1) == 1
            assert tx.attempts.count_opening(minute) == 2

    # --- credentials ----------------------------------------------------------------------------------------------

    def test_a_credential_comes_back_as_it_was_issued(self, store: Store) -> None:
        mine = issued(index=131_071, purposes=("a", "b.c", "door"))
        with store.writing() as tx:
            tx.credentials.add(mine)
        with store.reading() as tx:
            assert tx.credentials.get(mine.cti) == mine
            assert tx.credentials.get(secrets.token_bytes(16)) is None

    def test_a_subjects_credentials_come_oldest_first(self, store: Store) -> None:
        mine = [issued(issued_at=NOW + number * HOUR) for number in (1, 0, 2)]
        with store.writing() as tx:
            tx.credentials.add(issued("sub_2"))
            tx.credentials.add(issued(None))
            for each in mine:
                tx.credentials.add(each)
        with store.reading() as tx:
            assert tx.credentials.of("sub_1") == sorted(mine, key=lambda each: each.issued_at)
            assert tx.credentials.of("sub_3") == []

    def test_places_are_taken_until_their_credentials_expire(self, store: Store) -> None:
        with store.writing() as tx:
            tx.credentials.add(issued(index=0, expires_at=NOW + MICROSECOND))
            tx.credentials.add(issued(None, index=5, revoked_at=NOW))
            tx.credentials.add(issued(index=9, expires_at=NOW))
        with store.reading() as tx:
            assert tx.credentials.taken(now=NOW) == {0, 5}
            assert tx.credentials.taken(now=NOW + MICROSECOND) == {5}

    def test_revoked_places_are_those_of_credentials_that_have_not_expired(self, store: Store) -> None:
        mine, gone, good = issued(index=1), issued(index=2, expires_at=NOW), issued(index=3)
        with store.writing() as tx:
            for each in (mine, gone, good):
                tx.credentials.add(each)
            assert list(tx.credentials.revoked(now=NOW)) == []
            tx.credentials.revoke(mine.cti, NOW)
            tx.credentials.revoke(gone.cti, NOW)
        with store.reading() as tx:
            assert list(tx.credentials.revoked(now=NOW)) == [1]
            assert tx.credentials.get(mine.cti) == replace(mine, revoked_at=NOW)
            assert tx.credentials.get(good.cti) == good

    def test_a_detached_credential_is_nobodys_and_stays_revoked(self, store: Store) -> None:
        mine, other = issued(revoked_at=NOW), issued("sub_2")
        with store.writing() as tx:
            tx.credentials.add(mine)
            tx.credentials.add(other)
            tx.credentials.detach("sub_1")
        with store.reading() as tx:
            assert tx.credentials.of("sub_1") == []
            assert tx.credentials.get(mine.cti) == replace(mine, subject_id=None, consent_id=None)
            assert tx.credentials.get(other.cti) == other
            assert list(tx.credentials.revoked(now=NOW)) == [7]

    def test_credentials_that_expired_long_ago_are_forgotten(self, store: Store) -> None:
        old, new = issued(expires_at=NOW - MICROSECOND), issued(expires_at=NOW)
        with store.writing() as tx:
            tx.credentials.add(old)
            tx.credentials.add(new)
            tx.credentials.prune(before=NOW)
        with store.reading() as tx:
            assert tx.credentials.get(old.cti) is None
            assert tx.credentials.get(new.cti) == new

    # --- events, endpoints, deliveries and answers ------------------------------------------------------------------

    def test_events_are_listed_newest_first_and_pruned_with_their_deliveries(self, store: Store) -> None:
        mine = [
            Happening(f"evt_{n}", "shop", "verification_session.created", NOW + n * HOUR, '{"data": {"ä": 1}}')
            for n in range(4)
        ]
        others = Happening("evt_x", "bank", "enrolment.created", NOW, "{}")
        with store.writing() as tx:
            for each in (*mine, others):
                tx.outbox.add(each)
                tx.outbox.put(Delivery(each.id, "we_1", NOW))
        with store.reading() as tx:
            assert tx.outbox.get("evt_2") == mine[2]
            assert tx.outbox.get("evt_9") is None
            assert list(tx.outbox.page("shop", limit=3)) == mine[:0:-1]
            assert list(tx.outbox.page("shop", before="evt_2")) == [mine[1], mine[0]]
            assert list(tx.outbox.page("shop", before="evt_x")) == list(tx.outbox.page("door")) == []
            assert mine[0].data == {"ä": 1}
        with store.writing() as tx:
            tx.outbox.prune(before=NOW + HOUR)
        with store.reading() as tx:
            assert list(tx.outbox.page("shop")) == mine[:0:-1]
            assert {each.event_id for each in tx.outbox.deliveries(["evt_0", "evt_1", "evt_x"])} == {"evt_1"}

    def test_deliveries_are_due_by_time_and_put_in_place(self, store: Store) -> None:
        late, soon = Delivery("evt_1", "we_1", NOW), Delivery("evt_2", "we_2", NOW - HOUR)
        rest = [
            Delivery("evt_3", "we_1", NOW + MICROSECOND),
            Delivery("evt_4", "we_1", NOW, DeliveryState.DELIVERED, 1, 204),
            Delivery("evt_5", "we_1", NOW, DeliveryState.DEAD, 10, None, "timeout"),
        ]
        with store.writing() as tx:
            for each in (late, soon, *rest):
                tx.outbox.put(each)
        with store.reading() as tx:
            assert list(tx.outbox.due(now=NOW, limit=9)) == [soon, late]
            assert list(tx.outbox.due(now=NOW, limit=1)) == [soon]
            assert list(tx.outbox.due(now=NOW, limit=9, besides=["we_2"])) == [late]
            assert tx.outbox.pending() == 3
            assert tx.outbox.delivery("evt_5", "we_1") == rest[2]
            assert tx.outbox.delivery("evt_1", "we_2") is None
            assert list(tx.outbox.deliveries(["evt_4", "evt_2"])) == [soon, rest[1]]
        changed = replace(late, attempts=1, due_at=NOW + HOUR, last_status=500, last_error="status")
        with store.writing() as tx:
            tx.outbox.put(changed)
        with store.reading() as tx:
            assert tx.outbox.delivery("evt_1", "we_1") == changed
            assert list(tx.outbox.due(now=NOW, limit=9)) == [soon]

    def test_endpoints_come_back_as_they_were_until_they_are_removed(self, store: Store) -> None:
        secret = SigningSecret(2, bytes(range(16)))
        plain = Endpoint("we_1", "shop", "https://shop.example/", frozenset(), NOW, secret)
        full = replace(
            plain,
            id="we_2",
            created_at=NOW - HOUR,
            types=frozenset(EVENT_TYPES[:2]),
            previous=SigningSecret(1, bytes(16)),
            previous_until=NOW + DAY,
            disabled=True,
        )
        others = replace(plain, id="we_3", application="bank")
        with store.writing() as tx:
            for each in (plain, full, others):
                tx.outbox.put_endpoint(each)
                tx.outbox.put(Delivery("evt_1", each.id, NOW))
        with store.reading() as tx:
            assert list(tx.outbox.endpoints("shop")) == [full, plain]
            assert len(tx.outbox.endpoints()) == 3
            assert tx.outbox.endpoint("we_2") == full
        with store.writing() as tx:
            tx.outbox.put_endpoint(replace(plain, url="https://elsewhere.example/"))
            tx.outbox.remove_endpoint("we_2")
        with store.reading() as tx:
            assert [each.url for each in tx.outbox.endpoints("shop")] == ["https://elsewhere.example/"]
            assert tx.outbox.endpoint("we_2") is None
            assert {each.endpoint_id for each in tx.outbox.deliveries(["evt_1"])} == {"we_1", "we_3"}

    def test_an_answer_is_begun_once_finished_and_forgotten(self, store: Store) -> None:
        first = Answer(bytes(32), b"r" * 32, NOW)
        second = replace(first, id=b"2" * 32, begun_at=NOW + HOUR)
        with store.writing() as tx:
            assert tx.answers.begin(first) is None
            assert tx.answers.begin(second) is None
            assert tx.answers.begin(replace(first, request=bytes(32), begun_at=NOW + DAY)) == first
            tx.answers.finish(replace(first, sealed=b"sealed", begun_at=NOW + DAY))
        with store.writing() as tx:
            assert tx.answers.begin(first) == replace(first, sealed=b"sealed")
            tx.answers.prune(before=NOW + MICROSECOND)
            assert tx.answers.begin(first) is None
            tx.answers.drop(second.id)
            tx.answers.finish(replace(second, sealed=b"late"))
            assert tx.answers.begin(second) is None

    def test_evidence_comes_back_as_it_was(self, store: Store) -> None:
        terms = EvidenceTerms("May we keep your photos?", "1", "de-CH", 30)
        mine = evidence("vs_1", "sub_1", created_at=NOW + HOUR)
        others = [evidence("vs_1", None, report_id=None), evidence("vs_2", "sub_1", expires_at=NOW + MICROSECOND)]
        with store.writing() as tx:
            tx.sessions.add(session(id="vs_1", evidence=terms))
            for each in (mine, *others):
                tx.evidence.add(each, each.id * 1000)
        with store.reading() as tx:
            found = tx.sessions.get("vs_1")
            assert found is not None
            assert found.evidence == terms
            assert tx.evidence.get(mine.id) == mine
            assert tx.evidence.sealed(mine.id) == mine.id * 1000
            assert set(tx.evidence.of()) == {mine, *others}
            assert list(tx.evidence.of(session_id="vs_1")) == [others[0], mine]
            assert list(tx.evidence.of(subject_id="sub_1")) == [others[1], mine]
            assert list(tx.evidence.of(session_id="vs_2", subject_id="sub_2")) == []
            assert list(tx.evidence.due(now=NOW)) == []
            assert list(tx.evidence.due(now=NOW + MICROSECOND)) == [others[1]]
            assert len(tx.evidence.due(now=NOW + 2 * DAY, limit=2)) == 2
            ids = sorted(each.id for each in (mine, *others))
            assert list(tx.evidence.ids()) == ids
            assert list(tx.evidence.ids(after=ids[0], limit=1)) == ids[1:2]
            assert list(tx.evidence.unknown([bytes(16), mine.id])) == [bytes(16)]

    def test_evidence_is_forgotten(self, store: Store) -> None:
        mine, other = evidence("vs_1", "sub_1"), evidence("vs_1", "sub_1")
        with store.writing() as tx:
            for each in (mine, other):
                tx.evidence.add(each, b"sealed")
        with store.writing() as tx:
            tx.evidence.remove(mine.id)
            tx.evidence.remove(bytes(16))
        with store.reading() as tx:
            assert tx.evidence.get(mine.id) is None
            assert tx.evidence.sealed(mine.id) is None
            assert list(tx.evidence.of()) == [other]

    def test_who_has_evidence_does_not_leave(self, store: Store) -> None:
        anna, bela = subject("anna"), subject("bela")
        with store.writing() as tx:
            tx.subjects.add(anna)
            tx.subjects.add(bela)
            tx.evidence.add(evidence("vs_1", anna.id), b"sealed")
            assert [each.name for each in tx.subjects.leaving(now=NOW, unused_since=NOW)] == ["bela"]

    # --- API keys and verification sessions -------------------------------------------------------------------------

    def test_api_keys_come_back_as_they_were(self, store: Store) -> None:
        keys = [
            ApiKey(f"key_{n}", "shop", frozenset({Scope.REPORTS, Scope.SUBJECTS}), bytes([n]) * 32, NOW + n * HOUR)
            for n in (2, 1)
        ]
        with store.writing() as tx:
            for key in keys:
                tx.api_keys.add(key)
            tx.api_keys.used("key_1", NOW)
            tx.api_keys.revoke("key_2", NOW + HOUR)
            for unknown in ("key_3", ""):
                tx.api_keys.used(unknown, NOW)
                tx.api_keys.revoke(unknown, NOW)
        with store.reading() as tx:
            assert tx.api_keys.get("key_3") is None
            assert tx.api_keys.get("key_1") == replace(keys[1], last_used_at=NOW)
            assert tx.api_keys.all() == [replace(keys[1], last_used_at=NOW), replace(keys[0], revoked_at=NOW + HOUR)]

    def test_sessions_are_listed_newest_first_a_page_at_a_time(self, store: Store) -> None:
        mine = [session(created_at=NOW + n * MICROSECOND, id=f"vs_{n}") for n in range(5)]
        mine += [session(created_at=NOW, id="vs_a"), session(created_at=NOW, id="vs_b")]
        others = session(application="bank", id="vs_x")
        with store.writing() as tx:
            for each in (*mine, others):
                tx.sessions.add(each)
        with store.reading() as tx:
            ids = [each.id for each in tx.sessions.page("shop", "verification_session")]
            assert ids == ["vs_4", "vs_3", "vs_2", "vs_1", "vs_b", "vs_a", "vs_0"]
            pages, before = [], None
            while page := tx.sessions.page("shop", "verification_session", before=before, limit=2):
                pages += [each.id for each in page]
                before = pages[-1]
            assert pages == ids
            assert (
                tx.sessions.page("shop", "verification_session", before="vs_x")
                == tx.sessions.page("shop", "verification_session", before="vs_?")
                == []
            )
            assert tx.sessions.page("bank", "verification_session") == [others]

    def test_a_session_moves_on_only_from_where_it_is(self, store: Store) -> None:
        payment = Payment("1.50", "EUR", "Bäcker")
        old = session(wanted=Wanted("door", "1e-4", Against.SUBJECT, "sub_1", payment, "nonce"))
        taken = replace(old, status=SessionStatus.PROCESSING, lease=bytes(16), leased_until=NOW + HOUR, last_error="x")
        with store.writing() as tx:
            tx.sessions.add(old)
            assert not tx.sessions.move(taken, status=SessionStatus.PROCESSING, lease=None)
            assert not tx.sessions.move(taken, status=SessionStatus.REQUIRES_INPUT, lease=bytes(16))
            assert tx.sessions.get(old.id) == old
            assert tx.sessions.move(taken, status=SessionStatus.REQUIRES_INPUT, lease=None)
            assert tx.sessions.get(old.id) == taken
            assert not tx.sessions.move(old, status=SessionStatus.PROCESSING, lease=bytes([1]) * 16)
            assert tx.sessions.move(old, status=SessionStatus.PROCESSING, lease=bytes(16))
            assert not tx.sessions.move(session(id="vs_?"), status=SessionStatus.REQUIRES_INPUT, lease=None)
            assert tx.sessions.get("vs_?") is None

    @pytest.mark.parametrize("liveness", list(LivenessPolicy))
    @pytest.mark.parametrize("alternatives", [(), (Alternative.REVIEW,), (Alternative.REVIEW, Alternative.MOVE_CAMERA)])
    def test_how_a_session_is_captured_comes_back_as_it_was(
        self, liveness: LivenessPolicy, alternatives: tuple[Alternative, ...], store: Store
    ) -> None:
        verification = session(
            wanted=Wanted("door", "1e-4", Against.UPLOAD, liveness=liveness, alternatives=alternatives)
        )
        wanted = ToEnrol("door", "sub_1", "con_1", Yields.REFERENCE, liveness=liveness, alternatives=alternatives)
        enrolment = HostedSession(
            id="enr_1",
            application="shop",
            wanted=wanted,
            status=SessionStatus.PROCESSING,
            attempts_left=5,
            created_at=NOW,
            expires_at=NOW + HOUR,
            secret_hash=bytes(32),
            lease=bytes(16),
            leased_until=NOW + MICROSECOND,
            interruptions=1,
        )
        with store.writing() as tx:
            tx.sessions.add(verification)
            tx.sessions.add(enrolment)
        with store.writing() as tx:
            assert tx.sessions.get(verification.id) == verification
            assert tx.sessions.get("enr_1") == enrolment
            after = replace(
                enrolment, status=SessionStatus.REQUIRES_INPUT, lease=None, leased_until=None, interruptions=2
            )
            assert tx.sessions.move(after, status=SessionStatus.PROCESSING, lease=bytes(16))
        with store.reading() as tx:
            assert tx.sessions.get("enr_1") == after

    def test_sessions_whose_time_is_over_are_due_and_pruned(self, store: Store) -> None:
        taken = {"status": SessionStatus.PROCESSING, "lease": bytes(16)}
        due = [session(expires_at=NOW), session(leased_until=NOW, expires_at=NOW + DAY, **taken)]
        not_due = [
            session(expires_at=NOW + MICROSECOND),
            session(leased_until=NOW + MICROSECOND, **taken),
            session(expires_at=NOW, status=SessionStatus.VERIFIED),
            session(expires_at=NOW, status=SessionStatus.VERIFIED, evidence_kept=1),
        ]
        with store.writing() as tx:
            for each in (*due, *not_due):
                tx.sessions.add(each)
                tx.sessions.add_report(report(each.id))
            tx.evidence.add(evidence(not_due[3].id, None), b"sealed")
            assert {each.id for each in tx.sessions.due(now=NOW)} == {each.id for each in due}
            assert len(tx.sessions.due(now=NOW, limit=1)) == 1
            tx.sessions.prune(before=NOW + MICROSECOND)
        with store.reading() as tx:
            left = {each.id for each in tx.sessions.page("shop", "verification_session")}
            assert left == {due[1].id, not_due[0].id, not_due[1].id, not_due[3].id}
            assert [len(tx.sessions.reports(each.id)) for each in (due[0], due[1])] == [0, 1]

    def test_reports_are_forgotten_with_their_session_or_subject(self, store: Store) -> None:
        mine = session(wanted=Wanted("door", "1e-4", Against.SUBJECT, "sub_1"))
        other = session()
        reports = [report(mine.id), report(other.id, subject_id="sub_1"), report(other.id), report(other.id)]
        with store.writing() as tx:
            for each in (mine, other):
                tx.sessions.add(each)
            for answer in reports:
                tx.sessions.add_report(answer)
            assert tx.sessions.report(reports[0].id) == reports[0]
            tx.sessions.forget("sub_1")
        with store.writing() as tx:
            assert tx.sessions.get(mine.id) is None
            assert tx.sessions.report(reports[0].id) is None
            assert {each.id for each in tx.sessions.reports(other.id)} == {each.id for each in reports[2:]}
            tx.sessions.redact(other.id)
            assert tx.sessions.reports(other.id) == []
            assert tx.sessions.get(other.id) == other

    # --- failures of live captures --------------------------------------------------------------------------------

    def test_failures_are_counted_by_key_the_oldest_first(self, store: Store) -> None:
        mine, others = (bytes([number]) * 32 for number in (1, 2))
        times = [NOW + HOUR, NOW, NOW + MICROSECOND, NOW]
        for at in times:
            with store.writing() as tx:
                tx.failures.add(mine, at)
        with store.writing() as tx:
            tx.failures.add(others, NOW + DAY)
        with store.reading() as tx:
            assert list(tx.failures.of(mine)) == sorted(times)
            assert list(tx.failures.of(others)) == [NOW + DAY]
            assert list(tx.failures.of(bytes(32))) == []

    def test_failures_from_before_are_forgotten(self, store: Store) -> None:
        mine, others = (bytes([number]) * 32 for number in (1, 2))
        with store.writing() as tx:
            tx.failures.prune(before=NOW)
            for key in (mine, mine, others):
                tx.failures.add(key, NOW - MICROSECOND)
            tx.failures.add(mine, NOW)
            tx.failures.prune(before=NOW)
            assert [list(tx.failures.of(key)) for key in (mine, others)] == [[NOW], []]
            tx.failures.add(mine, NOW)
        with store.reading() as tx:
            assert list(tx.failures.of(mine)) == [NOW, NOW]

    # --- audit ----------------------------------------------------------------------------------------------------

    def test_an_empty_log_starts_from_zeros(self, store: Store) -> None:
        with store.reading() as tx:
            assert tx.audit.tip() == (0, GENESIS)
            assert list(tx.audit.entries()) == []

    def test_entries_are_numbered_without_gaps_and_chained(self, store: Store) -> None:
        made = []
        for number in range(3):
            with store.writing() as tx:
                made.append(tx.audit.append(Event.SWEPT, {"references": number, "é": True, "none": None}, at=NOW))
                made.append(tx.audit.append(Event.VERIFIED, {"subject": "sub_1"}, at=NOW))
        with store.reading() as tx:
            found = list(tx.audit.entries())
            assert found == made
            assert tx.audit.tip() == (6, made[-1].hash)
            assert list(tx.audit.entries(after=4)) == made[4:]
            assert list(tx.audit.entries(after=6)) == []
        assert [entry.number for entry in found] == [1, 2, 3, 4, 5, 6]
        assert verify_log(found, heads=[], keys=[]).entries == 6

    def test_entries_about_one_subject(self, store: Store) -> None:
        with store.writing() as tx:
            for number in range(9):
                details = {"subject": f"sub_{number % 3}"} if number % 3 else {"references": number}
                tx.audit.append(Event.VERIFIED, details, at=NOW)
        with store.reading() as tx:
            assert [each.number for each in tx.audit.entries(subject_id="sub_1")] == [2, 5, 8]
            assert [each.number for each in tx.audit.entries(subject_id="sub_1", after=2)] == [5, 8]
            assert list(tx.audit.entries(subject_id="sub_0")) == []

    def test_a_long_log_is_read_to_its_end(self, store: Store) -> None:
        with store.writing() as tx:
            for number in range(1050):
                tx.audit.append(Event.VERIFIED, {"subject": "sub_1" if number % 20 else "sub_2"}, at=NOW)
        with store.reading() as tx:
            assert verify_log(tx.audit.entries(), heads=[], keys=[]).entries == 1050
            assert [each.number for each in tx.audit.entries(after=20)] == list(range(21, 1051))
            assert [each.number for each in tx.audit.entries(subject_id="sub_2")] == list(range(1, 1050, 20))

    # --- transactions ---------------------------------------------------------------------------------------------

    def _fill(self, tx: Transaction) -> None:
        tx.subjects.add(subject("anna", id="one"))
        tx.subjects.add(subject("bela", id="two"))
        tx.consents.add(consent("one", id="con_1"))
        tx.references.add(reference("one", record_id=bytes([1]) * 16), sealed())
        tx.references.add(reference("one", record_id=bytes([2]) * 16), sealed())
        tx.credentials.add(issued("one", cti=bytes([1]) * 16, index=1))
        tx.credentials.add(issued("one", cti=bytes([2]) * 16, index=2, expires_at=NOW - DAY))
        for key in (1, 1, 2):
            tx.attempts.begin(bytes([key]) * 32, bytes([key]) * 16, at=NOW - HOUR)
        tx.attempts.count_opening(1)
        tx.failures.add(bytes([1]) * 32, NOW - DAY)
        tx.failures.add(bytes([2]) * 32, NOW)
        tx.audit.append(Event.ENROLLED, {"subject": "one"}, at=NOW)

    def _change(self, tx: Transaction) -> None:
        """Everything that a transaction can do, at once."""
        record = bytes([1]) * 16
        tx.subjects.add(subject("dora", id="four"))
        tx.subjects.begin_erasure("two")
        tx.consents.add(consent("two"))
        tx.consents.withdraw("con_1", NOW)
        tx.references.add(reference("two"), sealed())
        tx.references.reseal(record, old=tx.references.sealed(record) or b"", new=sealed(2), at=NOW)
        tx.references.set_state(record, RETIRED)
        tx.references.remove(bytes([2]) * 16)
        tx.attempts.begin(bytes([1]) * 32, record, at=NOW)
        tx.attempts.begin(bytes([3]) * 32, record, at=NOW)
        tx.attempts.undo(bytes([1]) * 32)
        tx.attempts.clear(bytes([2]) * 32)
        tx.attempts.forget(record)
        tx.attempts.count_opening(2)
        tx.attempts.count_refusal(2)
        tx.attempts.prune(before=NOW, failures_max=50)
        tx.failures.add(bytes([3]) * 32, NOW)
        tx.failures.prune(before=NOW)
        tx.credentials.add(issued("two", index=3))
        tx.credentials.revoke(bytes([1]) * 16, NOW)
        tx.credentials.detach("one")
        tx.credentials.prune(before=NOW)
        tx.subjects.remove("one")
        tx.audit.append(Event.ERASED, {"subject": "one"}, at=NOW)
        tx.audit.append(Event.SWEPT, {}, at=NOW)

    def _break_off(self, store: Store) -> None:
        with store.writing() as tx:
            self._change(tx)
            raise Halt

    def test_nothing_is_kept_when_the_block_raises(self, store: Store) -> None:
        with store.writing() as tx:
            self._fill(tx)
        before = everything(store)
        with pytest.raises(Halt):
            self._break_off(store)
        assert everything(store) == before
        with store.writing() as tx:
            self._change(tx)
        assert everything(store) != before

    def test_nothing_is_kept_of_what_is_written_while_reading(self, store: Store) -> None:
        with store.writing() as tx:
            self._fill(tx)
        before = everything(store)
        with store.reading() as tx:
            self._change(tx)
        assert everything(store) == before

    def test_a_transaction_sees_what_it_wrote(self, store: Store) -> None:
        mine = reference("one")
        with store.writing() as tx:
            tx.references.add(mine, sealed())
            assert tx.references.of("one") == [mine]
            tx.references.set_state(mine.record_id, RETIRED)
            assert tx.references.due(now=NOW, pending_before=NOW) == [replace(mine, state=RETIRED)]
            entry = tx.audit.append(Event.SWEPT, {}, at=NOW)
            assert tx.audit.tip() == (1, entry.hash)

    @pytest.mark.parametrize(
        "act",
        [
            lambda tx: tx.subjects.begin_erasure("nobody"),
            lambda tx: tx.subjects.remove("nobody"),
            lambda tx: tx.consents.withdraw("none", NOW),
            lambda tx: tx.references.set_state(bytes([9]) * 16, ACTIVE),
            lambda tx: tx.references.remove(bytes([9]) * 16),
            lambda tx: tx.attempts.forget(bytes([9]) * 16),
            lambda tx: tx.credentials.revoke(bytes([9]) * 16, NOW),
            lambda tx: tx.credentials.detach("nobody"),
        ],
        ids=["begin_erasure", "remove", "withdraw", "set_state", "remove_reference", "forget", "revoke", "detach"],
    )
    def test_what_someone_else_has_removed_is_no_fault(self, act: Callable[[Transaction], None], store: Store) -> None:
        with store.writing() as tx:
            self._fill(tx)
        before = everything(store)
        with store.writing() as tx:
            act(tx)
        assert everything(store) == before

    def test_threads_that_write_at_once_lose_nothing(self, store: Store) -> None:
        key, each = bytes([1]) * 32, 25
        start = threading.Barrier(THREADS)

        def work(number: int) -> list[int]:
            start.wait()
            seen = []
            for _ in range(each):
                with store.writing() as tx:
                    seen.append(tx.attempts.begin(key, bytes(16), at=NOW)[0])
                    tx.attempts.count_opening(1)
                    tx.audit.append(Event.VERIFIED, {"subject": f"sub_{number}"}, at=NOW)
            return seen

        with ThreadPoolExecutor(THREADS) as pool:
            seen = list(pool.map(work, range(THREADS)))
        assert sorted(count for counts in seen for count in counts) == list(range(THREADS * each))
        assert all(one < other for counts in seen for one, other in pairwise(counts))
        with store.reading() as tx:
            assert verify_log(tx.audit.entries(), heads=[], keys=[]).entries == THREADS * each
            assert len(list(tx.audit.entries(subject_id="sub_3"))) == each
            assert tx.attempts.count_opening(1) == THREADS * each + 1

    def test_of_threads_that_reseal_from_the_same_one_wins(self, store: Store) -> None:
        mine, old = reference(), sealed(1)
        with store.writing() as tx:
            tx.references.add(mine, old)
        start = threading.Barrier(THREADS)

        def work(number: int) -> bool:
            start.wait()
            with store.writing() as tx:
                return tx.references.reseal(mine.record_id, old=old, new=sealed(2 + number), at=NOW)

        with ThreadPoolExecutor(THREADS) as pool:
            won = list(pool.map(work, range(THREADS)))
        assert sum(won) == 1
        with store.reading() as tx:
            assert dict(tx.references.by_key_version()) == {2 + won.index(True): 1}

    def test_of_threads_that_add_the_same_name_one_wins(self, store: Store) -> None:
        start = threading.Barrier(THREADS)

        def work(number: int) -> bool:
            start.wait()
            try:
                with store.writing() as tx:
                    tx.subjects.add(subject("anna"))
            except SubjectEnrolled:
                return False
            return True

        with ThreadPoolExecutor(THREADS) as pool:
            assert sum(pool.map(work, range(THREADS))) == 1


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestSqlite(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        database = Database.create(tmp_path / "visavis.db")
        yield database
        database.close()


class TestPostgresql(StoreContract):
    @pytest.fixture
    def store(self, postgresql_database: str) -> Iterator[Store]:
        database = Database.create(postgresql_database)
        yield database
        database.close()


class ShredsContract:
    """Inherited by the tests of every `Shreds`, which say how one is made."""

    @pytest.fixture
    def shreds(self, tmp_path: Path) -> Iterator[Shreds]:
        raise NotImplementedError

    def test_a_shred_comes_back_as_it_was_put(self, shreds: Shreds) -> None:
        kept = {secrets.token_bytes(16): secrets.token_bytes(SHRED_BYTES) for _ in range(20)}
        for record_id, shred in kept.items():
            shreds.put(record_id, Secret(shred))
        for record_id, shred in kept.items():
            with shreds.get(record_id) as found:
                assert bytes(found.view) == shred

    def test_whoever_wipes_what_they_got_or_put_wipes_their_own_copy(self, shreds: Shreds) -> None:
        record_id, shred = secrets.token_bytes(16), secrets.token_bytes(SHRED_BYTES)
        with Secret(shred) as put:
            shreds.put(record_id, put)
        for _ in range(2):
            with shreds.get(record_id) as found:
                assert bytes(found.view) == shred

    def test_where_there_is_none_it_gives_bytes_that_are_nobodys(self, shreds: Shreds) -> None:
        kept = {secrets.token_bytes(16): secrets.token_bytes(SHRED_BYTES) for _ in range(20)}
        for record_id, shred in kept.items():
            shreds.put(record_id, Secret(shred))
        for unknown in (secrets.token_bytes(16), secrets.token_bytes(16), bytes(16), b""):
            with shreds.get(unknown) as found:
                assert len(found) == SHRED_BYTES
                assert len(set(found.view)) > 8
                assert bytes(found.view) not in kept.values()

    def test_a_destroyed_shred_is_not_given_out_again(self, shreds: Shreds) -> None:
        mine, other = secrets.token_bytes(16), secrets.token_bytes(16)
        shred = secrets.token_bytes(SHRED_BYTES)
        shreds.put(mine, Secret(shred))
        shreds.put(other, Secret(bytes(range(32))))
        shreds.destroy(mine)
        with shreds.get(mine) as found, shreds.get(other) as kept:
            assert bytes(found.view) != shred
            assert bytes(kept.view) == bytes(range(32))

    def test_destroying_what_is_not_there_does_no_harm(self, shreds: Shreds) -> None:
        mine = secrets.token_bytes(16)
        shreds.put(mine, Secret.random())
        for _ in range(2):
            for unknown in (secrets.token_bytes(16), bytes(16)):
                shreds.destroy(unknown)
        assert shreds.missing([mine]) == []
        with shreds.get(secrets.token_bytes(16)) as found:
            assert len(found) == SHRED_BYTES

    def test_missing_are_those_that_have_none_in_their_order(self, shreds: Shreds) -> None:
        ids = [secrets.token_bytes(16) for _ in range(9)]
        for record_id in ids[::2]:
            shreds.put(record_id, Secret.random())
        shreds.destroy(ids[4])
        assert list(shreds.missing(ids)) == [ids[1], ids[3], ids[4], ids[5], ids[7]]
        assert list(shreds.missing([])) == []

    def test_threads_may_use_it_at_once(self, shreds: Shreds) -> None:
        start = threading.Barrier(THREADS)

        def work(_: int) -> bool:
            start.wait()
            good = True
            for _ in range(20):
                record_id, shred = secrets.token_bytes(16), secrets.token_bytes(SHRED_BYTES)
                shreds.put(record_id, Secret(shred))
                with shreds.get(record_id) as found:
                    good &= bytes(found.view) == shred
                shreds.destroy(record_id)
                good &= list(shreds.missing([record_id])) == [record_id]
            return good

        with ThreadPoolExecutor(THREADS) as pool:
            assert all(pool.map(work, range(THREADS)))


class TestMemoryShreds(ShredsContract):
    @pytest.fixture
    def shreds(self) -> Shreds:
        return MemoryShreds()


class TestFileShreds(ShredsContract):
    @pytest.fixture
    def shreds(self, tmp_path: Path) -> Iterator[Shreds]:
        shreds = FileShreds.create(tmp_path / "shreds.db", HERE)
        yield shreds
        shreds.close()
