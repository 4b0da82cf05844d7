"""Erasure: the shred first, so that no copy opens; a receipt that says when; and a sweep that finishes what broke off."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.session import (
    Clock,
    Person,
    Spy,
    begin,
    copy,
    enrol,
    events,
    log,
    renew,
    subject_id,
    verify,
)
from tests.session.conftest import MakeVault
from visavis.decision import Outcome
from visavis.errors import ClaimRefused, ConsentInvalid, StoreUnusable, SubjectEnrolled, SubjectUnknown, VisavisError
from visavis.session import (
    Issued,
    Reference,
    ReferenceState,
    Vault,
    Withdrawn,
    erase_subject,
    stamp,
    sweep,
    verify_log,
    withdraw_consent,
)
from visavis.session.erasure import CREDENTIALS_REMEMBERED, PENDING_MAX
from visavis.session.limits import attempt_key
from visavis.store import Database, FileShreds
from visavis.template import Claim, FileKeys, Secret

ANNA, BELA = Person(1), Person(2)
NOTHING = (0, 0, 0, 0)
DAY = timedelta(days=1)


def swept(vault: Vault, *, allow_many: bool = False) -> tuple[int, int, int, int]:
    """What a sweep found: references, orphans, shreds without a reference, and subjects."""
    done = sweep(vault, allow_many=allow_many)
    return done.references, done.orphans, done.shreds, len(done.subjects)


def credential(vault: Vault, name: str = "anna", *, days: int = 30, purpose: str = "door") -> Issued:
    """Notes that a credential was issued to an enrolled subject."""
    mine = subject_id(vault, name)
    with vault.store.writing() as tx:
        (consent,) = (each for each in tx.consents.of(mine) if each.text.purpose == purpose)
        now = vault.clock()
        number = len(tx.credentials.taken(now=now))
        issued = Issued(bytes([1 + number]) * 16, mine, consent.id, number, (purpose,), now, now + days * DAY)
        tx.credentials.add(issued)
    return issued


def add(vault: Vault, *, shred: bool = True, **changes: Any) -> Reference:
    """A row as an enrolment of `anna` that broke off leaves it."""
    mine = subject_id(vault)
    with vault.store.writing() as tx:
        (known,) = tx.references.of(mine)[:1]
        number = len(tx.references.of(mine))
        reference = replace(known, **{"record_id": bytes([number]) * 16, "created_at": vault.clock(), **changes})
        tx.references.add(reference, bytes(249))
    if shred:
        vault.shreds.put(reference.record_id, Secret.random())
    return reference


def states(vault: Vault, mine: str) -> dict[bytes, ReferenceState]:
    with vault.store.reading() as tx:
        return {each.record_id: each.state for each in tx.references.of(mine)}


def opens(vault: Vault, claim: Claim, person: Person = ANNA, purpose: str = "door") -> bool:
    try:
        return verify(vault, claim, person.photo(7), purpose=purpose).decision.outcome is Outcome.MATCH
    except ClaimRefused:
        return False


class TestErasing:
    def test_nothing_of_the_subject_is_left(self, vault: Vault) -> None:
        claims = [enrol(vault, ANNA, purpose=purpose) for purpose in ("door", "payment")]
        mine = subject_id(vault)
        erase_subject(vault, mine)
        with vault.store.reading() as tx:
            assert tx.subjects.get(mine) is tx.subjects.named("anna") is None
            assert tx.consents.of(mine) == []
            assert tx.references.of(mine) == []
            assert tx.credentials.of(mine) == []
            assert tx.references.count() == 0
        assert set(vault.shreds.missing([claim.record_id for claim in claims])) == {claim.record_id for claim in claims}
        assert not any(opens(vault, claim) for claim in claims)

    def test_of_others_everything_is(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        other = enrol(vault, BELA, "bela")
        erase_subject(vault, subject_id(vault))
        assert opens(vault, other, BELA)

    def test_an_unknown_subject(self, vault: Vault) -> None:
        with pytest.raises(SubjectUnknown) as refusal:
            erase_subject(vault, "sub_nobody")
        assert refusal.value.code == "subject_unknown"
        assert events(vault) == []

    def test_the_name_is_free_again(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        first = subject_id(vault)
        erase_subject(vault, first)
        assert opens(vault, enrol(vault, BELA), BELA)
        assert subject_id(vault) != first

    def test_first_the_record_is_closed_then_its_shred_destroyed_then_its_row_removed(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        mine = subject_id(vault)
        spy = Spy(vault)
        erase_subject(spy.vault, mine)
        order = [
            spy.calls.index(call)
            for call in (
                "subjects.begin_erasure",
                "references.set_state",
                "shreds.destroy",
                "references.remove",
                "attempts.forget",
                "subjects.remove",
            )
        ]
        assert order == sorted(order)
        closed, destroyed = spy.calls.index("references.set_state"), spy.calls.index("shreds.destroy")
        assert "keep" in spy.calls[closed:destroyed]

    def test_the_database_keeps_no_deleted_name_in_a_log_of_its_own(self, sqlite_vault: Vault, tmp_path: Path) -> None:
        enrol(sqlite_vault, ANNA, "anna karenina")
        files = [tmp_path / "visavis.db", tmp_path / "visavis.db-wal"]
        assert any(b"karenina" in path.read_bytes() for path in files)
        erase_subject(sqlite_vault, subject_id(sqlite_vault, "anna karenina"))
        assert not any(b"karenina" in path.read_bytes() for path in files)

    def test_it_is_logged_by_its_beginning_and_its_end(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        mine = subject_id(vault)
        erase_subject(vault, mine)
        begun, erased = log(vault)[-2:]
        assert (begun["event"], begun["details"]) == ("erasure_begun", {"subject": mine, "references": 1})
        assert erased["event"] == "erased"
        assert set(erased["details"]) == {"subject", "receipt_sha256"}
        assert "anna" not in str(log(vault))

    def test_credentials_are_revoked_and_nobodys(self, vault: Vault, clock: Clock) -> None:
        enrol(vault, ANNA)
        enrol(vault, BELA, "bela")
        issued, others = credential(vault), credential(vault, "bela")
        clock.advance(days=1)
        mine = subject_id(vault)
        receipt = erase_subject(vault, mine)
        with vault.store.reading() as tx:
            assert tx.credentials.get(issued.cti) == replace(
                issued, subject_id=None, consent_id=None, revoked_at=clock.now
            )
            assert tx.credentials.get(others.cti) == others
            assert list(tx.credentials.revoked(now=clock.now)) == [issued.index]
        assert receipt.content["credentials"] == [{"cti": issued.cti.hex(), "expires_at": stamp(issued.expires_at)}]

    def test_failed_attempts_are_forgotten(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        for _ in range(3):
            verify(vault, claim, BELA.photo())
        erase_subject(vault, subject_id(vault))
        with vault.store.reading() as tx:
            assert tx.attempts.begin(attempt_key(claim), claim.record_id, at=vault.clock()) == (0, None)


class TestReceipt:
    def test_it_says_what_was_erased_and_from_when_on_no_copy_opens(self, vault: Vault, clock: Clock) -> None:
        enrol(vault, ANNA)
        enrol(vault, ANNA, purpose="payment")
        mine = subject_id(vault)
        clock.advance(days=3)
        receipt = erase_subject(vault, mine)
        assert receipt.content == {
            "subject": mine,
            "erased_at": "2026-03-04T12:00:00.000000Z",
            "final_at": "2026-03-11T12:00:00.000000Z",
            "references": 2,
            "evidence": 0,
            "consents": 2,
            "credentials": [],
        }

    def test_without_back_ups_of_the_shreds_it_is_final_at_once(self, make_vault: MakeVault) -> None:
        vault = make_vault("memory", shred_backup_days=0)
        enrol(vault, ANNA)
        content = erase_subject(vault, subject_id(vault)).content
        assert content["final_at"] == content["erased_at"]

    def test_its_signature_can_be_checked_by_the_written_format_alone(self, vault: Vault) -> None:
        """docs/formats.md: Ed25519 of a label and the object without `signature` and `key`, as a line of JSON."""
        enrol(vault, ANNA)
        credential(vault)
        sent = json.dumps(erase_subject(vault, subject_id(vault)).to_dict())
        value = json.loads(sent)
        signature, key = bytes.fromhex(value.pop("signature")), bytes.fromhex(value.pop("key"))
        line = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, b"visavis receipt v1" + line.encode("ascii"))
        assert key == vault.audit_signer.public

    def test_the_log_holds_its_hash(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        receipt = erase_subject(vault, subject_id(vault))
        line = json.dumps(dict(receipt.content), sort_keys=True, separators=(",", ":"))
        assert log(vault)[-1]["details"]["receipt_sha256"] == sha256(line.encode()).hexdigest()

    def test_it_names_nobody(self, vault: Vault) -> None:
        enrol(vault, ANNA, "anna karenina")
        assert "karenina" not in str(erase_subject(vault, subject_id(vault, "anna karenina")).to_dict())


# --- copies -------------------------------------------------------------------------------------------------------


class TestBackups:
    @pytest.fixture
    def restored(self, sqlite_vault: Vault) -> Iterator[Callable[[Path, Path], Vault]]:
        """Makes a vault of a database and shreds restored from copies, with the same keys."""
        opened: list[Database | FileShreds] = []

        def restore(database: Path, shreds: Path) -> Vault:
            store = Database.open(database)
            apart = FileShreds.open(shreds, store.id)
            opened.extend((store, apart))
            return replace(sqlite_vault, store=store, shreds=apart)

        yield restore
        for each in opened:
            each.close()

    def test_a_restored_database_opens_nothing_that_was_erased(
        self, sqlite_vault: Vault, tmp_path: Path, restored: Callable[[Path, Path], Vault]
    ) -> None:
        anna, bela = enrol(sqlite_vault, ANNA), enrol(sqlite_vault, BELA, "bela")
        backup = copy(tmp_path / "visavis.db", tmp_path / "backup.db")
        erase_subject(sqlite_vault, subject_id(sqlite_vault))
        old = restored(backup, tmp_path / "shreds.db")
        with old.store.reading() as tx:
            assert tx.references.find(anna.record_id, now=old.clock()) is not None
        assert not opens(old, anna)
        assert opens(old, bela, BELA)

    def test_nor_what_was_replaced_or_renewed_or_withdrawn(
        self, sqlite_vault: Vault, tmp_path: Path, restored: Callable[[Path, Path], Vault]
    ) -> None:
        vault = sqlite_vault
        claims = [enrol(vault, ANNA, f"account {number}") for number in range(3)]
        backup = copy(tmp_path / "visavis.db", tmp_path / "backup.db")
        enrol(vault, ANNA, "account 0", replaces=True)
        renew(vault, claims[1], ANNA.photo())
        withdraw_consent(vault, subject_id(vault, "account 2"), "door")
        old = restored(backup, tmp_path / "shreds.db")
        assert not any(opens(old, claim) for claim in claims)

    def test_a_back_up_of_the_shreds_does_until_it_is_gone(
        self, sqlite_vault: Vault, tmp_path: Path, restored: Callable[[Path, Path], Vault]
    ) -> None:
        """That is why the receipt names a day."""
        claim = enrol(sqlite_vault, ANNA)
        database = copy(tmp_path / "visavis.db", tmp_path / "backup.db")
        shreds = copy(tmp_path / "shreds.db", tmp_path / "backup-shreds.db")
        erase_subject(sqlite_vault, subject_id(sqlite_vault))
        assert opens(restored(database, shreds), claim)
        assert not opens(restored(database, tmp_path / "shreds.db"), claim)

    def test_the_next_sweep_clears_a_restored_database(
        self, sqlite_vault: Vault, tmp_path: Path, restored: Callable[[Path, Path], Vault]
    ) -> None:
        enrol(sqlite_vault, ANNA)
        bela = enrol(sqlite_vault, BELA, "bela")
        backup = copy(tmp_path / "visavis.db", tmp_path / "backup.db")
        erase_subject(sqlite_vault, subject_id(sqlite_vault))
        old = restored(backup, tmp_path / "shreds.db")
        assert swept(old) == (0, 1, 0, 0)
        with old.store.reading() as tx:
            assert tx.references.count() == 1
        assert opens(old, bela, BELA)

    def test_no_byte_of_the_shred_is_left_beside_the_database(self, sqlite_vault: Vault, tmp_path: Path) -> None:
        claim = enrol(sqlite_vault, ANNA)
        with sqlite_vault.shreds.get(claim.record_id) as held:
            shred = bytes(held.view)
        found = [path for path in tmp_path.rglob("*") if path.is_file() and shred[:16] in path.read_bytes()]
        assert [path.name for path in found] == ["shreds.db"]
        erase_subject(sqlite_vault, subject_id(sqlite_vault))
        for path in tmp_path.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert not any(shred[at : at + 8] in data for at in range(25)), path.name


# --- withdrawal ---------------------------------------------------------------------------------------------------


class TestWithdrawal:
    def test_it_destroys_what_the_consent_was_for_and_nothing_else(self, vault: Vault, clock: Clock) -> None:
        door, till = enrol(vault, ANNA), enrol(vault, ANNA, purpose="payment")
        mine = subject_id(vault)
        revoked, good = credential(vault), credential(vault, purpose="payment")
        clock.advance(days=1)
        assert withdraw_consent(vault, mine, "door") == Withdrawn(consents=1, references=1, credentials=1, evidence=0)
        assert not opens(vault, door)
        assert opens(vault, till, purpose="payment")
        assert list(vault.shreds.missing([door.record_id, till.record_id])) == [door.record_id]
        assert list(states(vault, mine)) == [till.record_id]
        with vault.store.reading() as tx:
            withdrawn = {each.text.purpose: each.withdrawn_at for each in tx.consents.of(mine)}
            assert withdrawn == {"door": clock.now, "payment": None}
            assert tx.credentials.get(revoked.cti) == replace(revoked, revoked_at=clock.now)
            assert tx.credentials.get(good.cti) == good

    def test_it_is_logged(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        mine = subject_id(vault)
        credential(vault)
        withdraw_consent(vault, mine, "door")
        assert log(vault)[-1]["event"] == "consent_withdrawn"
        assert log(vault)[-1]["details"] == {
            "subject": mine,
            "purpose": "door",
            "references": 1,
            "credentials": 1,
            "evidence": 0,
        }

    def test_all_consents_for_the_purpose_go(self, vault: Vault) -> None:
        begin(vault)
        begin(vault)
        assert withdraw_consent(vault, subject_id(vault), "door").consents == 2

    def test_one_that_is_not_there(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        mine = subject_id(vault)
        with pytest.raises(SubjectUnknown):
            withdraw_consent(vault, "sub_nobody", "door")
        with pytest.raises(ConsentInvalid, match="no consent for 'payment' that could be withdrawn"):
            withdraw_consent(vault, mine, "payment")
        withdraw_consent(vault, mine, "door")
        before = log(vault)
        with pytest.raises(ConsentInvalid):
            withdraw_consent(vault, mine, "door")
        assert log(vault) == before

    def test_the_shred_goes_first(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        spy = Spy(vault)
        withdraw_consent(spy.vault, subject_id(vault), "door")
        order = [
            spy.calls.index(call)
            for call in ("consents.withdraw", "references.set_state", "shreds.destroy", "references.remove")
        ]
        assert order == sorted(order)

    def test_a_subject_who_withdrew_everything_is_erased_by_the_next_sweep(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        mine = subject_id(vault)
        withdraw_consent(vault, mine, "door")
        assert swept(vault) == (0, 0, 0, 1)
        with vault.store.reading() as tx:
            assert tx.subjects.get(mine) is None

    def test_a_subject_may_come_back(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        withdraw_consent(vault, subject_id(vault), "door")
        assert opens(vault, enrol(vault, ANNA))


# --- the sweep ----------------------------------------------------------------------------------------------------


class TestSweep:
    def test_what_is_in_use_stays_and_nothing_is_logged(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        clock.advance(days=364)
        before = log(vault)
        assert swept(vault) == NOTHING
        assert log(vault) == before
        assert opens(vault, claim)

    def test_what_was_retired_is_destroyed(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        with vault.store.writing() as tx:
            tx.references.set_state(claim.record_id, ReferenceState.RETIRED)
        assert sweep(vault).references == 1
        assert states(vault, subject_id(vault)) == {}
        assert list(vault.shreds.missing([claim.record_id])) == [claim.record_id]
        assert log(vault)[-1]["event"] == "swept"
        assert log(vault)[-1]["details"] == {"references": 1, "orphans": 0, "shreds": 0, "evidence": 0, "subjects": 0}

    @pytest.mark.parametrize("shred", [True, False])
    def test_an_enrolment_that_broke_off_is_destroyed_after_an_hour(
        self, shred: bool, vault: Vault, clock: Clock
    ) -> None:
        claim = enrol(vault, ANNA)
        broken_off = add(vault, shred=shred, state=ReferenceState.PENDING)
        clock.now += PENDING_MAX
        assert swept(vault) == NOTHING
        clock.advance(seconds=1)
        assert swept(vault) == (1, 0, 0, 0)
        assert list(states(vault, subject_id(vault))) == [claim.record_id]
        assert list(vault.shreds.missing([broken_off.record_id])) == [broken_off.record_id]

    def test_what_has_expired_is_destroyed_and_its_subject_with_it(self, vault: Vault, clock: Clock) -> None:
        claim, other = enrol(vault, ANNA, days=10), enrol(vault, BELA, "bela", days=20)
        mine = subject_id(vault)
        clock.advance(days=10)
        assert swept(vault) == (1, 0, 0, 1)
        assert list(vault.shreds.missing([claim.record_id])) == [claim.record_id]
        with vault.store.reading() as tx:
            assert tx.subjects.get(mine) is None
        assert events(vault)[-3:] == ["erasure_begun", "erased", "swept"]
        assert opens(vault, other, BELA)

    def test_a_subject_whose_credential_is_still_good_stays(self, vault: Vault, clock: Clock) -> None:
        enrol(vault, ANNA, days=10)
        mine = subject_id(vault)
        credential(vault, days=10)
        with vault.store.writing() as tx:
            tx.consents.withdraw(tx.consents.of(mine)[0].id, clock.now)
        clock.advance(days=9)
        assert swept(vault) == NOTHING
        clock.advance(days=1)
        assert len(sweep(vault).subjects) == 1

    def test_rows_without_a_shred_are_removed(self, vault: Vault) -> None:
        claim, other = enrol(vault, ANNA), enrol(vault, BELA, "bela")
        vault.shreds.destroy(claim.record_id)
        assert swept(vault) == (0, 1, 0, 0)
        assert states(vault, subject_id(vault)) == {}
        assert opens(vault, other, BELA)

    def test_shreds_without_a_row_are_destroyed(self, vault: Vault) -> None:
        """A restored back-up of the shreds brings back those of erased subjects."""
        claim, other = enrol(vault, ANNA), enrol(vault, BELA, "bela")
        with vault.shreds.get(claim.record_id) as shred:
            erase_subject(vault, subject_id(vault))
            vault.shreds.put(claim.record_id, shred)
        assert swept(vault) == (0, 0, 1, 0)
        assert list(vault.shreds.missing([claim.record_id])) == [claim.record_id]
        assert log(vault)[-1]["details"] == {"references": 0, "orphans": 0, "shreds": 1, "evidence": 0, "subjects": 0}
        assert opens(vault, other, BELA)
        assert swept(vault) == NOTHING

    def test_many_are_left_unless_one_says_so(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        strays = [bytes([number]) * 16 for number in range(1, 12)]
        for record_id in strays:
            vault.shreds.put(record_id, Secret.random())
        with pytest.raises(StoreUnusable, match="11 of 12 shreds belong to nothing"):
            sweep(vault)
        assert list(vault.shreds.missing(strays)) == []
        assert swept(vault, allow_many=True) == (0, 0, 11, 0)
        assert list(vault.shreds.missing(strays)) == strays

    def test_an_enrolment_that_was_never_finished_is_forgotten_after_a_day(self, vault: Vault, clock: Clock) -> None:
        begin(vault)
        clock.advance(days=1, seconds=-1)
        assert swept(vault) == NOTHING
        clock.advance(seconds=1)
        assert swept(vault) == (0, 0, 0, 1)
        with vault.store.reading() as tx:
            assert tx.subjects.named("anna") is None

    def test_receipts_of_what_it_erased_are_handed_out(self, vault: Vault, clock: Clock) -> None:
        enrol(vault, ANNA, days=10)
        mine = subject_id(vault)
        clock.advance(days=10)
        (receipt,) = sweep(vault).subjects
        assert receipt.content["subject"] == mine
        assert (receipt.content["references"], receipt.content["consents"]) == (0, 1)

    def test_a_receipt_counts_what_an_erasure_destroyed_before_it_broke_off(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        enrol(vault, ANNA, purpose="payment")

        def fail(name: str) -> None:
            if name == "subjects.remove":
                raise StoreUnusable("the power is gone")

        with pytest.raises(StoreUnusable):
            erase_subject(Spy(vault, fail).vault, subject_id(vault))
        (receipt,) = sweep(vault).subjects
        assert receipt.content["references"] == 2

    def test_the_wrong_store_of_shreds_destroys_nothing(self, sqlite_vault: Vault, tmp_path: Path) -> None:
        claims = [enrol(sqlite_vault, ANNA, f"account {number}") for number in range(11)]
        with closing(FileShreds.create(tmp_path / "other.db", bytes(16))) as other:
            wrong = replace(sqlite_vault, shreds=other)
            with pytest.raises(
                StoreUnusable, match="11 of 11 references have no shred; is this the right store of shreds"
            ):
                sweep(wrong)
        assert swept(sqlite_vault) == NOTHING
        assert all(opens(sqlite_vault, claim) for claim in claims)

    def test_unless_one_says_so(self, vault: Vault) -> None:
        for number in range(11):
            vault.shreds.destroy(enrol(vault, ANNA, f"account {number}").record_id)
        with pytest.raises(StoreUnusable):
            sweep(vault)
        assert swept(vault, allow_many=True) == (0, 11, 0, 0)
        with vault.store.reading() as tx:
            assert tx.references.count() == 0

    def test_up_to_ten_are_removed_unless_they_are_half_of_all(self, vault: Vault) -> None:
        claims = [enrol(vault, ANNA, f"account {number}") for number in range(21)]
        for claim in claims[:11]:
            vault.shreds.destroy(claim.record_id)
        with pytest.raises(StoreUnusable, match="11 of 21"):
            sweep(vault)
        enrol(vault, ANNA, "account 0", replaces=True)
        assert swept(vault) == (0, 10, 0, 0)

    @pytest.mark.parametrize("count", [2, 3, 4])
    def test_half_of_a_few_are_many(self, count: int, vault: Vault) -> None:
        claims = [enrol(vault, ANNA, f"account {number}") for number in range(count)]
        for claim in claims[:2]:
            vault.shreds.destroy(claim.record_id)
        with pytest.raises(StoreUnusable, match=f"2 of {count} references have no shred"):
            sweep(vault)
        assert opens(vault, claims[-1]) is (count > 2)

    @pytest.mark.parametrize("calls", range(1, 14))
    def test_an_erasure_that_broke_off_is_completed(self, calls: int, vault: Vault) -> None:
        """Wherever it did: after so many uses of store and shreds."""
        claim = enrol(vault, ANNA)
        mine = subject_id(vault)
        done = 0

        def fail(name: str) -> None:
            nonlocal done
            done += name in (
                "keep",
                "shreds.destroy",
                "references.remove",
                "subjects.remove",
                "audit.append",
                "writing",
            )
            if done == calls:
                raise StoreUnusable("the power is gone")

        try:
            erase_subject(Spy(vault, fail).vault, mine)
        except StoreUnusable:
            began = not opens(vault, claim)
            assert len(sweep(vault).subjects) == began
            assert opens(vault, claim) is not began
            if not began:
                return
        else:
            assert done < calls
        with vault.store.reading() as tx:
            assert tx.subjects.get(mine) is None
            assert tx.references.of(mine) == []
            assert tx.consents.of(mine) == []
        assert list(vault.shreds.missing([claim.record_id])) == [claim.record_id]
        assert events(vault).count("erasure_begun") == events(vault).count("erased") == 1

    def test_credentials_that_expired_long_ago_are_forgotten(self, vault: Vault, clock: Clock) -> None:
        enrol(vault, ANNA)
        issued = credential(vault, days=30)
        clock.now = issued.expires_at + CREDENTIALS_REMEMBERED
        sweep(vault)
        with vault.store.reading() as tx:
            assert tx.credentials.get(issued.cti) == issued
        clock.advance(seconds=1)
        sweep(vault)
        with vault.store.reading() as tx:
            assert tx.credentials.get(issued.cti) is None

    def test_an_enrolment_under_way_is_left_alone(self, vault: Vault) -> None:
        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            assert swept(vault) == NOTHING
            assert opens(vault, enrolment.finish())

    def test_many_are_swept_at_once(self, memory_vault: Vault, clock: Clock) -> None:
        """More than a page of ids."""
        enrol(memory_vault, ANNA)
        mine = subject_id(memory_vault)
        with memory_vault.store.writing() as tx:
            (known,) = tx.references.of(mine)
            for number in range(1500):
                record_id = number.to_bytes(16, "big", signed=False)[::-1].replace(b"\0", b"\1")
                tx.references.add(replace(known, record_id=record_id), bytes(249))
            count = tx.references.count()
        with pytest.raises(StoreUnusable, match=f"{count - 1:,} of {count:,} references"):
            sweep(memory_vault)
        assert sweep(memory_vault, allow_many=True).orphans == count - 1

    def test_the_log_stays_one_chain(self, vault: Vault, clock: Clock) -> None:
        for number in range(4):
            enrol(vault, ANNA, f"account {number}", days=1 + number)
        for _ in range(5):
            clock.advance(days=1)
            sweep(vault)
        with vault.store.reading() as tx:
            assert verify_log(tx.audit.entries(), heads=[], keys=[]).entries > 12
            assert tx.subjects.page() == []


# --- at once ------------------------------------------------------------------------------------------------------


class Meeting:
    """Two threads of which the second goes on once the first has come to a certain point, and the first waits there until the
    second has come to its own, or cannot get there."""

    def __init__(self) -> None:
        self.first, self.second = threading.Event(), threading.Event()

    def hold_first(self) -> None:
        if not self.first.is_set():
            self.first.set()
            self.second.wait(0.4)

    def run(self, first: Callable[[], object], second: Callable[[], object]) -> list[Exception]:
        """What the two raised."""
        raised: list[Exception] = []

        def guarded(act: Callable[[], object]) -> None:
            try:
                act()
            except VisavisError as error:
                raised.append(error)
            finally:
                self.second.set()

        def after() -> None:
            self.first.wait(10)
            guarded(second)

        threads = [threading.Thread(target=guarded, args=(first,)), threading.Thread(target=after)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        return raised


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_vault(request: pytest.FixtureRequest, make_vault: MakeVault) -> Vault:
    """A vault over a database, whose transactions may run at the same time."""
    return make_vault(request.param)


class TestAtOnce:
    """What a subject ended must have ended, whatever else was under way."""

    def holding(self, vault: Vault, meeting: Meeting, call: str) -> Vault:
        """The vault, for the one who comes first: it waits after all was read, before the transaction ends."""

        def hold(name: str) -> None:
            if name == call:
                meeting.hold_first()

        return Spy(vault, hold).vault

    def going(self, vault: Vault, meeting: Meeting, call: str) -> Vault:
        def tell(name: str) -> None:
            if name == call:
                meeting.second.set()

        return Spy(vault, tell).vault

    def test_an_enrolment_that_ends_while_its_subject_is_erased_keeps_nothing(self, shared_vault: Vault) -> None:
        meeting = Meeting()
        enrolment = begin(self.going(shared_vault, meeting, "audit.append"))
        meeting.second.clear()
        enrolment.capture(ANNA.photo())
        mine = enrolment.subject.id
        claims: list[Claim] = []
        meeting.run(
            lambda: erase_subject(self.holding(shared_vault, meeting, "keep"), mine),
            lambda: claims.append(enrolment.finish()),
        )
        with shared_vault.store.reading() as tx:
            assert tx.subjects.get(mine) is None
            assert tx.references.of(mine) == []
        assert not any(opens(shared_vault, claim) for claim in claims)

    def test_nor_one_whose_consent_is_withdrawn(self, shared_vault: Vault) -> None:
        meeting = Meeting()
        enrolment = begin(self.going(shared_vault, meeting, "audit.append"))
        meeting.second.clear()
        enrolment.capture(ANNA.photo())
        mine = enrolment.subject.id
        claims: list[Claim] = []
        meeting.run(
            lambda: withdraw_consent(self.holding(shared_vault, meeting, "keep"), mine, "door"),
            lambda: claims.append(enrolment.finish()),
        )
        assert states(shared_vault, mine) == {}
        assert not any(opens(shared_vault, claim) for claim in claims)

    def test_of_two_enrolments_that_end_at_once_one_is_kept(self, shared_vault: Vault) -> None:
        meeting = Meeting()
        one = begin(shared_vault)
        other = begin(shared_vault)
        one.capture(ANNA.photo())
        other.capture(ANNA.photo(1))
        keeps = 0

        def hold(name: str) -> None:
            nonlocal keeps
            keeps += name == "keep"
            if name == "keep" and keeps == 2:
                meeting.hold_first()

        one._vault = Spy(shared_vault, hold).vault
        other._vault = self.going(shared_vault, meeting, "audit.append")
        raised = meeting.run(one.finish, other.finish)
        assert [type(error) for error in raised] == [SubjectEnrolled]
        with shared_vault.store.reading() as tx:
            assert tx.references.count() == 1

    def test_a_reference_sealed_anew_while_its_subject_is_erased_hinders_nobody(self, shared_vault: Vault) -> None:
        claim = enrol(shared_vault, ANNA)
        mine = subject_id(shared_vault)
        assert isinstance(shared_vault.keys, FileKeys)
        shared_vault.keys.rotate("operator")
        meeting = Meeting()
        raised = meeting.run(
            lambda: verify(self.holding(shared_vault, meeting, "audit.append"), claim, ANNA.photo()),
            lambda: erase_subject(self.going(shared_vault, meeting, "references.set_state"), mine),
        )
        assert raised == []
        with shared_vault.store.reading() as tx:
            assert tx.references.of(mine) == []

    def test_two_erasures_of_one_subject_at_once(self, shared_vault: Vault) -> None:
        claim = enrol(shared_vault, ANNA)
        mine = subject_id(shared_vault)
        meeting = Meeting()
        raised = meeting.run(
            lambda: erase_subject(self.holding(shared_vault, meeting, "keep"), mine),
            lambda: erase_subject(self.going(shared_vault, meeting, "audit.append"), mine),
        )
        assert all(isinstance(error, SubjectUnknown) for error in raised)
        assert not opens(shared_vault, claim)
        assert events(shared_vault).count("erasure_begun") == 1

    def test_a_subject_that_comes_back_during_a_sweep_is_refused_or_stays(self, shared_vault: Vault) -> None:
        """They come after it was found that nothing is left of them, and before their erasure."""
        enrol(shared_vault, ANNA)
        withdraw_consent(shared_vault, subject_id(shared_vault), "door")
        found = False
        came: list[Claim | None] = []

        def meanwhile(name: str) -> None:
            nonlocal found
            if found and name == "writing" and not came:
                try:
                    came.append(enrol(shared_vault, ANNA))
                except SubjectEnrolled:
                    came.append(None)
            found |= name == "subjects.leaving"

        sweep(Spy(shared_vault, meanwhile).vault)
        (claim,) = came
        assert claim is None or opens(shared_vault, claim)
