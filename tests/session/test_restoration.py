"""A restored back-up of the database, and the exported log that tells what it has forgotten."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.session import Clock, Person, Prepared, begin, copy, enrol, events, log, renew, subject_id, uploaded, verify
from visavis.errors import ApiKeyRefused, AuditBroken, ClaimRefused
from visavis.session import (
    Against,
    Capture,
    Desk,
    Entry,
    Event,
    Head,
    Issuing,
    Models,
    Scope,
    Vault,
    add_endpoint,
    authenticate,
    change_secret,
    erase_subject,
    issue_credential,
    make_api_key,
    open_session,
    redact_session,
    remove_endpoint,
    restore,
    revoke_api_key,
    revoke_credential,
    submit,
    sweep,
    verify_log,
    withdraw_consent,
)
from visavis.store import Database, FileShreds
from visavis.template import Claim, FileKeys, Issuer

ANNA, BELA, CARL, DORA = (Person(number) for number in range(1, 5))


def exported(vault: Vault) -> list[Entry]:
    """The log, by way of the lines that are written and read again."""
    return [Entry.from_dict(json.loads(json.dumps(entry))) for entry in log(vault)]


@pytest.fixture
def vault(sqlite_vault: Vault) -> Vault:
    return sqlite_vault


@pytest.fixture
def back(vault: Vault, tmp_path: Path) -> Iterator[Callable[[], Vault]]:
    """Makes a copy of the database as it is now; called again, gives the vault as it is with that copy restored."""
    copies: list[Path] = []
    opened: list[Database | FileShreds] = []

    def turn() -> Vault:
        if not copies:
            copies.append(copy(tmp_path / "visavis.db", tmp_path / "copy.db"))
            return vault
        store = Database.open(copies[0])
        shreds = FileShreds.open(tmp_path / "shreds.db", store.id)
        opened.extend((store, shreds))
        return replace(vault, store=store, shreds=shreds)

    yield turn
    for each in opened:
        each.close()


def opens(vault: Vault, claim: Claim, person: Person = ANNA) -> bool:
    try:
        return verify(vault, claim, person.photo(5)).subject_id is not None
    except ClaimRefused:
        return False


def issue(vault: Vault, keys: FileKeys, person: Person, name: str, purpose: str = "badge") -> bytes:
    office = Issuing(
        Issuer("https://issuer.example", "", keys.public_keys("issuer")), keys.signer("issuer"), keys.key("verifier", 1)
    )
    with begin(vault, name, purpose=purpose) as enrolment:
        enrolment.capture(person.photo())
        return issue_credential(vault, enrolment, office, valid_for=timedelta(days=30))[0].cti


class TestRestore:
    def test_what_happened_since_is_done_again(
        self, vault: Vault, keys: FileKeys, clock: Clock, back: Callable[[], Vault]
    ) -> None:
        erased, withdrawn, kept = enrol(vault, ANNA), enrol(vault, BELA, "bela"), enrol(vault, CARL, "carl")
        old = issue(vault, keys, DORA, "dora")
        ids = {name: subject_id(vault, name) for name in ("anna", "bela", "carl", "dora")}
        back()
        clock.advance(hours=1)
        erase_subject(vault, ids["anna"])
        withdraw_consent(vault, ids["bela"], "door")
        revoke_credential(vault, old)
        good, bad = issue(vault, keys, CARL, "carl"), issue(vault, keys, CARL, "carl")
        revoke_credential(vault, bad)
        strangers = issue(vault, keys, DORA, "emil")
        withdrawn_too = issue(vault, keys, CARL, "carl", "visit")
        withdraw_consent(vault, ids["carl"], "visit")
        erased_too = issue(vault, keys, DORA, "dora")
        erase_subject(vault, ids["dora"])
        with vault.store.reading() as tx:
            head = Head.sign(*tx.audit.tip(), signer=vault.audit_signer, at=clock.now)
        entries = exported(vault)

        restored = back()
        with restored.store.reading() as tx:
            assert tx.subjects.get(ids["anna"]) is not None
            missing = len(entries) - tx.audit.tip()[0]
        done = restore(restored, iter(entries))
        assert (done.entries, done.credentials, done.revoked, done.consents) == (missing, 5, 1, 1)
        assert sorted(receipt.content["subject"] for receipt in done.subjects) == sorted((ids["anna"], ids["dora"]))
        assert not opens(restored, erased)
        assert not opens(restored, withdrawn, BELA)
        assert opens(restored, kept, CARL)
        with restored.store.reading() as tx:
            assert [tx.subjects.get(ids[name]) for name in ("anna", "dora")] == [None, None]
            assert all(each.withdrawn_at is not None for each in tx.consents.of(ids["bela"]))
            issued = {cti: tx.credentials.get(cti) for cti in (old, good, bad, strangers, withdrawn_too, erased_too)}
            with vault.store.reading() as before:
                for cti, found in issued.items():
                    told = before.credentials.get(cti)
                    assert found is not None
                    assert told is not None
                    assert (found.index, found.expires_at) == (told.index, told.expires_at)
                    assert (found.revoked_at is None) is (cti in (good, strangers))
            whose = {cti: found.subject_id for cti, found in issued.items() if found is not None}
            assert (whose[good], whose[strangers]) == (ids["carl"], None)
            chain = list(tx.audit.entries())
        verify_log(chain, heads=[head], keys=[vault.audit_signer.public])
        assert [entry.line for entry in chain[: len(entries)]] == [entry.line for entry in entries]
        assert events(restored)[len(entries)] == "consent_withdrawn"
        assert "restored" in events(restored)[len(entries) :]

    def test_keys_redactions_and_endpoints_too(self, vault: Vault, back: Callable[[], Vault], clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        desk = Desk(vault, Models(Prepared()), "https://verify.example", vault.audit_signer)
        lost, good = (make_api_key(vault, application="shop", scopes=[Scope.REPORTS]) for _ in range(2))
        wanted = uploaded(Against.SUBJECT, subject_id(vault), nonce="n")
        session, secret = open_session(desk, application="shop", wanted=wanted)
        submit(desk, session.id, secret, Capture([ANNA.photo(3)], claim=claim.text()))
        gone, changed, same = (
            add_endpoint(vault, application="shop", url="https://shop.example/hook")[0] for _ in range(3)
        )
        back()
        clock.advance(hours=1)
        revoke_api_key(vault, lost[0].id)
        redact_session(desk, session.id, application="shop")
        remove_endpoint(vault, gone.id, application="shop")
        change_secret(vault, changed.id, application="shop")
        entries = exported(vault)

        restored = back()
        assert authenticate(restored, lost[1]).id == lost[0].id
        restore(restored, iter(entries))
        with pytest.raises(ApiKeyRefused):
            authenticate(restored, lost[1])
        assert authenticate(restored, good[1]).id == good[0].id
        with restored.store.reading() as tx:
            kept = tx.sessions.get(session.id)
            assert kept is not None
            assert (kept.wanted.subject_id, kept.redacted_at) == (None, clock.now)
            assert tx.sessions.reports(session.id) == []
            assert tx.outbox.endpoint(gone.id) is None
            assert [tx.outbox.endpoint(each.id) for each in (changed, same)] == [replace(changed, disabled=True), same]

    def test_renewed_and_replaced_references_wait_for_the_sweep(self, vault: Vault, back: Callable[[], Vault]) -> None:
        claim, other = enrol(vault, ANNA), enrol(vault, BELA, "bela")
        back()
        renewed = renew(vault, claim, ANNA.photo(1))
        assert renewed is not None
        entries, restored = exported(vault), back()
        restore(restored, entries)
        assert not opens(restored, claim)
        assert not opens(restored, renewed)
        swept = sweep(restored)
        assert (swept.references, swept.orphans, swept.shreds) == (0, 1, 1)
        assert opens(restored, other, BELA)

    def test_where_nothing_is_missing_nothing_is_done(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        before = log(vault)
        assert restore(vault, exported(vault)).entries == 0
        assert log(vault) == before

    def test_only_what_is_missing_need_be_given(self, vault: Vault, back: Callable[[], Vault]) -> None:
        enrol(vault, ANNA)
        back()
        erase_subject(vault, subject_id(vault))
        entries, restored = exported(vault), back()
        assert restore(restored, entries[2:]).entries == len(entries) - 2
        assert events(restored)[: len(entries)] == events(vault)

    @pytest.mark.parametrize("wrong", ["gap", "changed", "another log", "gone on"])
    def test_another_log_changes_nothing(self, wrong: str, vault: Vault, back: Callable[[], Vault]) -> None:
        claim = enrol(vault, ANNA)
        back()
        erase_subject(vault, subject_id(vault))
        entries, restored = exported(vault), back()
        if wrong == "gap":
            del entries[2]
        elif wrong == "changed":
            entries[2] = Entry(3, entries[2].line.replace("erasure", "Erasure"), entries[2].hash)
        elif wrong == "another log":
            entries[1] = Entry(2, entries[1].line, bytes(32))
        else:
            enrol(restored, BELA, "bela")
        before = log(restored)
        with pytest.raises(AuditBroken) as refusal:
            restore(restored, entries)
        assert refusal.value.code == "audit_broken"
        assert log(restored) == before
        with restored.store.reading() as tx:
            assert tx.references.find(claim.record_id, now=restored.clock()) is not None

    def test_a_database_that_has_gone_on_forgets_all_the_same_when_one_says_so(
        self, vault: Vault, back: Callable[[], Vault]
    ) -> None:
        """A door that opened before its operator read the manual must not keep erased people."""
        enrol(vault, ANNA)
        mine = subject_id(vault)
        back()
        erase_subject(vault, mine)
        entries, restored = exported(vault), back()
        enrol(restored, BELA, "bela")
        before = log(restored)
        done = restore(restored, entries, forked=True)
        assert [receipt.content["subject"] for receipt in done.subjects] == [mine]
        assert log(restored)[: len(before)] == before
        with restored.store.reading() as tx:
            assert tx.subjects.get(mine) is None
            verify_log(list(tx.audit.entries()), heads=[], keys=[])

    def test_another_log_is_refused_even_then(self, vault: Vault, clock: Clock) -> None:
        enrol(vault, ANNA)
        before = log(vault)
        foreign = Entry.after(0, bytes(32), Event.ERASED, {"subject": subject_id(vault)}, clock.now)
        with pytest.raises(AuditBroken, match="is another one here"):
            restore(vault, [foreign], forked=True)
        assert log(vault) == before

    def test_what_breaks_off_is_done_by_the_next_sweep(self, vault: Vault, back: Callable[[], Vault]) -> None:
        enrol(vault, ANNA)
        mine = subject_id(vault)
        back()
        erase_subject(vault, mine)
        entries, restored = exported(vault), back()

        class Gone(FileShreds):
            def __init__(self) -> None:
                """Its volume is not there."""

            def destroy(self, record_id: bytes) -> None:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            restore(replace(restored, shreds=Gone()), entries)
        assert [receipt.content["subject"] for receipt in sweep(restored).subjects] == [mine]

    def test_entries_that_do_not_say_what_they_should(self, vault: Vault, clock: Clock) -> None:
        before = log(vault)
        number, last = 0, bytes(32)
        for event, details in (
            (Event.CREDENTIAL_ISSUED, {"cti": "zz"}),
            (Event.CREDENTIAL_REVOKED, {}),
            (Event.CONSENT_WITHDRAWN, {"subject": "x"}),
            (Event.ERASED, {}),
        ):
            entry = Entry.after(number, last, event, details, clock.now)
            with pytest.raises(AuditBroken, match="does not say what such entries do"):
                restore(vault, [entry])
        assert log(vault) == before


class TestEntries:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            3,
            [],
            {},
            {"number": 1},
            {"number": "1", "hash": "00", "at": "", "details": {}, "event": ""},
            {"number": 1, "hash": "zz", "at": "", "details": {}, "event": ""},
            {"number": 1, "hash": "00", "at": "", "details": {}, "event": "", "more": 1},
        ],
    )
    def test_what_is_none_is_refused(self, value: object) -> None:
        with pytest.raises(AuditBroken, match="expected an entry"):
            Entry.from_dict(value)
