"""Face credentials from consent to verification: nothing of them stays, a place in a list does, and none outlives its consent."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.session import (
    NOBODY,
    Clock,
    Person,
    Prepared,
    Spy,
    begin,
    enrol,
    events,
    log,
    older_model,
    subject_id,
)
from visavis.decision import Decision, Outcome, Policy
from visavis.errors import (
    ConsentInvalid,
    CredentialExpired,
    CredentialIssuerUnknown,
    CredentialMalformed,
    CredentialNotYetValid,
    CredentialPurpose,
    CredentialRevoked,
    CredentialUnknown,
    EmptyImage,
    EnrolmentIncomplete,
    HolderSecretMalformed,
    HolderSecretMissing,
    HolderSecretWrong,
    ModelMismatch,
    PolicyUnknown,
    StatusListFull,
    StatusListStale,
    VerifierKeyWrong,
    VisavisError,
)
from visavis.session import (
    Issuing,
    Models,
    Probe,
    Store,
    Trust,
    Vault,
    erase_subject,
    issue_credential,
    revoke_credential,
    sign_status_list,
    stamp,
    verify_credential,
    withdraw_consent,
)
from visavis.store import Database
from visavis.template import FaceCredential, FileKeys, HolderSecret, HolderType, Issuer, Secret, StatusList, Template

ANNA, BELA = Person(1), Person(2)
YEAR = timedelta(days=365)


@pytest.fixture
def office(vault: Vault, keys: FileKeys) -> Issuing:
    return issuing(keys)


def issuing(keys: FileKeys) -> Issuing:
    issuer = Issuer("Example Office", "https://example.org/status", keys.public_keys("issuer"))
    return Issuing(issuer, keys.signer("issuer"), keys.key("verifier", keys.newest("verifier")))


def issue(
    vault: Vault,
    office: Issuing,
    name: str = "anna",
    *,
    person: Person = ANNA,
    valid_for: timedelta = YEAR,
    purpose: str = "door",
    days: int = 3650,
    verifier: Prepared | None = None,
    **how: Any,
) -> tuple[FaceCredential, HolderSecret | None]:
    with begin(vault, name, purpose=purpose, days=days, replaces=True, verifier=verifier) as enrolment:
        for number in range(3):
            enrolment.capture(person.photo(number))
        return issue_credential(vault, enrolment, office, valid_for=valid_for, **how)


def trust(vault: Vault, office: Issuing, keys: FileKeys) -> Trust:
    """That of a verifier that has the newest list."""
    return Trust([office.issuer], [sign_status_list(vault, office.issuer, office.signer)], keys.verifier_keys())


def show(
    vault: Vault,
    trusted: Trust,
    credential: FaceCredential | str,
    holder: HolderSecret | str | None,
    photo: bytes = ANNA.photo(9),
    *,
    purpose: str = "door",
    models: Models | None = None,
    policy: str | Policy = "1e-4",
    log: Store | None = None,
) -> Decision:
    return verify_credential(
        models or Models(Prepared()),
        credential=credential if isinstance(credential, str) else credential.text(),
        holder=holder.text() if isinstance(holder, HolderSecret) else holder,
        probe=Probe([photo]),
        policy=policy,
        purpose=purpose,
        trust=trusted,
        now=vault.clock(),
        log=log,
    )[1]


class TestIssuing:
    def test_it_matches_its_subject_and_nobody_else(self, vault: Vault, office: Issuing, keys: FileKeys) -> None:
        credential, holder = issue(vault, office)
        trusted = trust(vault, office, keys)
        assert show(vault, trusted, credential, holder).outcome is Outcome.MATCH
        assert show(vault, trusted, credential, holder, BELA.photo()).outcome is Outcome.NO_MATCH
        assert show(vault, trusted, credential, holder, NOBODY).outcome is Outcome.INCONCLUSIVE

    def test_what_stays_is_an_id_a_place_and_times(self, vault: Vault, office: Issuing, clock: Clock) -> None:
        credential, _ = issue(vault, office)
        mine = subject_id(vault)
        with vault.store.reading() as tx:
            (issued,) = tx.credentials.of(mine)
            (consent,) = tx.consents.of(mine)
            assert tx.references.of(mine) == []
            assert tx.references.count() == 0
        assert issued.cti == credential.cti
        assert issued.index == credential.index
        assert issued.purposes == credential.purposes == ("door",)
        assert issued.consent_id == consent.id
        assert issued.issued_at == credential.issued_at == clock.now
        assert issued.expires_at == credential.expires_at == clock.now + YEAR
        assert issued.revoked_at is None

    def test_it_is_logged_by_its_id(self, vault: Vault, office: Issuing) -> None:
        credential, _ = issue(vault, office)
        mine = subject_id(vault)
        with vault.store.reading() as tx:
            (consent,) = tx.consents.of(mine)
        assert log(vault)[-1]["event"] == "credential_issued"
        assert log(vault)[-1]["details"] == {
            "subject": subject_id(vault),
            "cti": credential.cti.hex(),
            "purpose": "door",
            "consent": consent.id,
            "index": credential.index,
            "expires_at": stamp(credential.expires_at),
            "captures": 3,
        }

    @pytest.mark.parametrize(("days", "valid_for", "lasts"), [(30, YEAR, 30), (365, YEAR, 365), (400, YEAR, 365)])
    def test_it_ends_with_the_consent_at_the_latest(
        self, days: int, valid_for: timedelta, lasts: int, vault: Vault, office: Issuing, clock: Clock
    ) -> None:
        credential, _ = issue(vault, office, days=days, valid_for=valid_for)
        assert credential.expires_at == clock.now + timedelta(days=lasts)
        with vault.store.reading() as tx:
            issued = tx.credentials.get(credential.cti)
        assert issued is not None
        assert issued.expires_at == credential.expires_at

    def test_the_consents_end_counts_from_the_consent(self, vault: Vault, office: Issuing, clock: Clock) -> None:
        with begin(vault, days=30) as enrolment:
            clock.advance(days=10)
            enrolment.capture(ANNA.photo())
            credential, _ = issue_credential(vault, enrolment, office, valid_for=YEAR)
        assert credential.expires_at == clock.now + timedelta(days=20)

    def test_a_secret_of_its_holder_is_made_unless_told_otherwise(self, vault: Vault, office: Issuing) -> None:
        credential, holder = issue(vault, office)
        assert holder is not None
        assert holder.cti == credential.cti
        assert holder.type is credential.holder is HolderType.RANDOM
        credential, holder = issue(vault, office, holder_secret=False)
        assert holder is None
        assert credential.holder is HolderType.NONE

    def test_a_passkeys_secret_can_be_the_holders(self, vault: Vault, office: Issuing, keys: FileKeys) -> None:
        cti, output = bytes(range(16)), bytes(range(32))
        credential, holder = issue(vault, office, passkey=(cti, Secret(output)))
        assert credential.cti == cti
        assert credential.holder is HolderType.PASSKEY
        again = HolderSecret(cti, Secret(output), HolderType.PASSKEY)
        assert show(vault, trust(vault, office, keys), credential, again).outcome is Outcome.MATCH
        assert holder is not None
        assert holder.text() == again.text()

    def test_it_does_not_hinder_a_reference_nor_a_reference_it(
        self, vault: Vault, office: Issuing, keys: FileKeys
    ) -> None:
        enrol(vault, ANNA)
        credential, holder = issue(vault, office)
        with vault.store.reading() as tx:
            assert tx.references.count() == 1
        assert show(vault, trust(vault, office, keys), credential, holder).outcome is Outcome.MATCH

    def test_places_in_the_list_are_drawn_at_random_and_once(self, memory_vault: Vault, tmp_path: Path) -> None:
        office = issuing(FileKeys(tmp_path / "keys"))
        places = [issue(memory_vault, office)[0].index for _ in range(12)]
        assert len(set(places)) == 12
        assert places != sorted(places)
        assert max(places) > 10_000

    def test_a_full_list_is_told_and_nothing_is_kept(
        self, vault: Vault, office: Issuing, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.session.credentials.STATUS_BITS", 3)
        places = {issue(vault, office, valid_for=timedelta(days=30))[0].index for _ in range(3)}
        assert places == {0, 1, 2}
        with pytest.raises(StatusListFull, match="all 3 places are taken") as refusal:
            issue(vault, office)
        assert refusal.value.code == "status_list_full"
        assert events(vault).count("credential_issued") == 3
        clock.advance(days=31, seconds=-1)
        with pytest.raises(StatusListFull):  # a status list of yesterday may still call it revoked
            issue(vault, office)
        clock.advance(seconds=1)
        assert issue(vault, office)[0].index in places

    def test_nothing_is_kept_without_a_photo(self, vault: Vault, office: Issuing) -> None:
        with begin(vault) as enrolment, pytest.raises(EnrolmentIncomplete):
            issue_credential(vault, enrolment, office, valid_for=YEAR)
        self.assert_nothing_issued(vault)

    def test_nor_when_the_consent_was_withdrawn_or_the_subject_erased(self, vault: Vault, office: Issuing) -> None:
        for name, end in (
            ("anna", lambda mine: withdraw_consent(vault, mine, "door")),
            ("bela", lambda mine: erase_subject(vault, mine)),
        ):
            with begin(vault, name) as enrolment:
                enrolment.capture(ANNA.photo())
                end(enrolment.subject.id)
                with pytest.raises(ConsentInvalid, match="withdrawn, or the subject erased"):
                    issue_credential(vault, enrolment, office, valid_for=YEAR)
        self.assert_nothing_issued(vault)

    @pytest.mark.parametrize(
        ("days", "valid_for"), [(1, YEAR), (365, timedelta(0)), (365, -YEAR), (365, timedelta(milliseconds=1))]
    )
    def test_nor_when_it_would_be_over_at_once(
        self, days: int, valid_for: timedelta, vault: Vault, office: Issuing, clock: Clock
    ) -> None:
        with begin(vault, days=days) as enrolment:
            enrolment.capture(ANNA.photo())
            clock.advance(days=1)
            with pytest.raises(VisavisError):
                issue_credential(vault, enrolment, office, valid_for=valid_for)
        self.assert_nothing_issued(vault)

    def test_nor_with_a_passkeys_id_that_cannot_be(self, vault: Vault, office: Issuing) -> None:
        for cti, secret in ((bytes(15), bytes(32)), (bytes(16), bytes(31))):
            with pytest.raises(HolderSecretMalformed):
                issue(vault, office, passkey=(cti, Secret(secret)))
        self.assert_nothing_issued(vault)

    def assert_nothing_issued(self, vault: Vault) -> None:
        with vault.store.reading() as tx:
            assert tx.credentials.taken(now=vault.clock() - timedelta(days=400)) == frozenset()
        assert "credential_issued" not in events(vault)

    def test_captures_and_template_are_zero_afterwards(
        self, vault: Vault, office: Issuing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[Template] = []
        issue_from = FaceCredential.issue

        def noted(template: Template, **how: Any) -> FaceCredential:
            assert template.vector.any()
            made.append(template)
            return issue_from(template, **how)

        monkeypatch.setattr(FaceCredential, "issue", noted)
        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            (embedding,) = enrolment._embeddings
            issue_credential(vault, enrolment, office, valid_for=YEAR)
            assert enrolment.captures == 0
        (template,) = made
        assert not template.vector.any()
        assert not embedding.vector.any()


class TestRevoking:
    def test_a_revoked_one_is_refused_with_the_next_list(
        self, vault: Vault, office: Issuing, keys: FileKeys, clock: Clock
    ) -> None:
        credential, holder = issue(vault, office)
        other, others = issue(vault, office, "bela", person=BELA)
        before = trust(vault, office, keys)
        clock.advance(minutes=1)
        revoke_credential(vault, credential.cti)
        assert show(vault, before, credential, holder).outcome is Outcome.MATCH
        after = trust(vault, office, keys)
        with pytest.raises(CredentialRevoked):
            show(vault, after, credential, holder)
        assert show(vault, after, other, others, BELA.photo()).outcome is Outcome.MATCH

    def test_it_is_logged_once(self, vault: Vault, office: Issuing, clock: Clock) -> None:
        credential, _ = issue(vault, office)
        revoke_credential(vault, credential.cti)
        first = clock.now
        clock.advance(days=1)
        revoke_credential(vault, credential.cti)
        assert events(vault).count("credential_revoked") == 1
        assert log(vault)[-1]["details"] == {"subject": subject_id(vault), "cti": credential.cti.hex()}
        with vault.store.reading() as tx:
            issued = tx.credentials.get(credential.cti)
        assert issued is not None
        assert issued.revoked_at == first

    def test_one_that_was_not_issued_here(self, vault: Vault) -> None:
        with pytest.raises(CredentialUnknown) as refusal:
            revoke_credential(vault, bytes(16))
        assert refusal.value.code == "credential_unknown"
        assert events(vault) == []

    @pytest.mark.parametrize("end", ["erase", "withdraw"])
    def test_who_ends_the_consent_ends_the_credential(
        self, end: str, vault: Vault, office: Issuing, keys: FileKeys
    ) -> None:
        credential, holder = issue(vault, office)
        mine = subject_id(vault)
        erase_subject(vault, mine) if end == "erase" else withdraw_consent(vault, mine, "door")
        with pytest.raises(CredentialRevoked):
            show(vault, trust(vault, office, keys), credential, holder)

    def test_one_issued_while_its_subject_is_erased_is_revoked(
        self, sqlite_vault: Vault, postgresql_database: str, tmp_path: Path
    ) -> None:
        """The two meet where the erasure has revoked what there was, and a new one is being written."""
        store = Database.create(postgresql_database)
        vault = replace(sqlite_vault, store=store)
        office = issuing(FileKeys(tmp_path / "keys"))
        revoked, issuing_waits = threading.Event(), threading.Event()

        def erasing(name: str) -> None:
            if name == "audit.append" and not revoked.is_set():
                revoked.set()

        def while_issuing(name: str) -> None:
            if name == "credentials.add":
                issuing_waits.set()
                revoked.wait(0.4)

        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            mine = enrolment.subject.id

            def erase() -> None:
                issuing_waits.wait(10)
                erase_subject(Spy(vault, erasing).vault, mine)

            thread = threading.Thread(target=erase)
            thread.start()
            credential, _ = issue_credential(Spy(vault, while_issuing).vault, enrolment, office, valid_for=YEAR)
            thread.join(30)
        with store.reading() as tx:
            issued = tx.credentials.get(credential.cti)
        store.close()
        assert issued is not None
        assert issued.revoked_at is not None


class TestStatusList:
    def test_it_holds_what_is_revoked_and_not_yet_expired(self, vault: Vault, office: Issuing, clock: Clock) -> None:
        short, _ = issue(vault, office, valid_for=timedelta(days=10))
        long, _ = issue(vault, office)
        good, _ = issue(vault, office)
        for each in (short, long):
            revoke_credential(vault, each.cti)
        read = StatusList.read(sign_status_list(vault, office.issuer, office.signer), issuer=office.issuer)
        assert [read.revoked(each.index) for each in (short, long, good)] == [True, True, False]
        assert sum(bin(byte).count("1") for byte in read.bits) == 2
        clock.advance(days=10)
        read = StatusList.read(sign_status_list(vault, office.issuer, office.signer), issuer=office.issuer)
        assert [read.revoked(each.index) for each in (short, long, good)] == [False, True, False]
        assert read.issued_at == clock.now
        assert log(vault)[-1]["event"] == "status_list_signed"
        assert log(vault)[-1]["details"] == {"revoked": 1}

    def test_an_empty_one(self, vault: Vault, office: Issuing) -> None:
        read = StatusList.read(sign_status_list(vault, office.issuer, office.signer), issuer=office.issuer)
        assert not any(read.bits)


class TestVerifying:
    def test_it_needs_no_store(self, vault: Vault, office: Issuing, keys: FileKeys) -> None:
        credential, holder = issue(vault, office)
        trusted, before = trust(vault, office, keys), log(vault)
        show(vault, trusted, credential, holder)
        assert log(vault) == before

    @pytest.mark.parametrize(
        ("photo", "outcome", "reason"),
        [
            (ANNA.photo(9), "match", "score_reaches_threshold"),
            (BELA.photo(), "no_match", "score_below_threshold"),
            (NOBODY, "inconclusive", "not_compared"),
            (b"", "fault", "image_empty"),
        ],
    )
    def test_its_outcome_is_logged_where_one_wants_it(
        self, photo: bytes, outcome: str, reason: str, vault: Vault, office: Issuing, keys: FileKeys
    ) -> None:
        credential, holder = issue(vault, office)
        trusted = trust(vault, office, keys)
        if photo:
            show(vault, trusted, credential, holder, photo, log=vault.store)
        else:
            with pytest.raises(EmptyImage):
                show(vault, trusted, credential, holder, photo, log=vault.store)
        assert log(vault)[-1]["event"] == "credential_verified"
        assert log(vault)[-1]["details"] == {
            "cti": credential.cti.hex(),
            "subject": subject_id(vault),
            "purpose": "door",
            "policy": "1e-4",
            "outcome": outcome,
            "reason": reason,
        }

    def test_each_refusal_has_its_own_reason_and_is_logged_with_it(
        self, vault: Vault, office: Issuing, keys: FileKeys, clock: Clock, tmp_path: Path
    ) -> None:
        credential, holder = issue(vault, office, valid_for=timedelta(hours=20))
        _, others = issue(vault, office)
        assert others is not None
        good, before = trust(vault, office, keys), clock.now
        old, new = issue(vault, office, "old", verifier=older_model())
        wrong_type = HolderSecret(credential.cti, Secret.random(), HolderType.PASSKEY)
        wrong_secret = HolderSecret(credential.cti, Secret.random())
        ways: list[tuple[type[VisavisError], dict[str, Any]]] = [
            (CredentialPurpose, {"purpose": "payment"}),
            (HolderSecretMissing, {"holder": None}),
            (HolderSecretWrong, {"holder": others}),
            (HolderSecretWrong, {"holder": wrong_secret}),
            (HolderSecretWrong, {"holder": wrong_type}),
            (HolderSecretMalformed, {"holder": "VH1:" + "0" * 74}),
            (VerifierKeyWrong, {"trusted": replace(good, verifier_keys={})}),
            (StatusListStale, {"trusted": replace(good, status_lists=[])}),
            (ModelMismatch, {"credential": old, "holder": new}),
            (CredentialNotYetValid, {"now": before - timedelta(hours=1)}),
            (CredentialExpired, {"now": before + timedelta(hours=20)}),
            (StatusListStale, {"now": before + timedelta(hours=25), "credential": old, "holder": new}),
        ]
        for error, way in ways:
            clock.now = way.pop("now", before)
            shown = {"credential": credential, "holder": holder, "trusted": good, "log": vault.store, **way}
            verifier = Prepared()
            with pytest.raises(error) as refusal:
                show(vault, models=Models(verifier), **shown)
            assert type(refusal.value) is error
            assert verifier.seen == []
            assert log(vault)[-1]["details"]["outcome"] == "fault"
            assert log(vault)[-1]["details"]["reason"] == error.code

    def test_what_was_not_issued_by_a_trusted_issuer_is_not_logged(
        self, vault: Vault, office: Issuing, keys: FileKeys
    ) -> None:
        """There is nothing in it that could be believed."""
        credential, holder = issue(vault, office)
        trusted = trust(vault, office, keys)
        before = log(vault)
        with pytest.raises(CredentialIssuerUnknown):
            show(vault, replace(trusted, issuers=[]), credential, holder, log=vault.store)
        for text in ("", "VV1:", credential.text()[:-3], credential.text().lower(), "VC1:" + "0" * 74):
            with pytest.raises(CredentialMalformed):
                show(vault, trusted, text, holder, log=vault.store)
        with pytest.raises(PolicyUnknown):
            show(vault, trusted, credential, holder, policy="strict", log=vault.store)
        assert log(vault) == before

    def test_a_credential_of_an_older_model_is_compared_with_it(
        self, vault: Vault, office: Issuing, keys: FileKeys
    ) -> None:
        old = older_model()
        credential, holder = issue(vault, office, verifier=old)
        decision = show(vault, trust(vault, office, keys), credential, holder, models=Models(Prepared(), [old]))
        assert decision.outcome is Outcome.MATCH
        assert decision.model.sha256 == old.card.sha256

    def test_after_a_rotation_of_the_verifier_key_old_credentials_are_still_read(
        self, vault: Vault, office: Issuing, keys: FileKeys
    ) -> None:
        credential, holder = issue(vault, office)
        keys.rotate("verifier")
        assert show(vault, trust(vault, office, keys), credential, holder).outcome is Outcome.MATCH
        credential, holder = issue(vault, issuing(keys))
        with pytest.raises(VerifierKeyWrong):
            show(vault, replace(trust(vault, office, keys), verifier_keys={}), credential, holder)

    def test_template_and_holders_secret_are_zero_afterwards(
        self, vault: Vault, office: Issuing, keys: FileKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credential, holder = issue(vault, office)
        assert holder is not None
        text, trusted = holder.text(), trust(vault, office, keys)
        opened, parse, found = FaceCredential.open, HolderSecret.parse, []
        secrets: list[bytearray] = []

        def opening(this: FaceCredential, **how: Any) -> Template:
            template = opened(this, **how)
            found.append(template)
            return template

        def parsing(text: str) -> HolderSecret:
            parsed = parse(text)
            secrets.append(parsed.secret._bytes)
            return parsed

        monkeypatch.setattr(FaceCredential, "open", opening)
        monkeypatch.setattr(HolderSecret, "parse", parsing)
        for photo in (ANNA.photo(9), BELA.photo(), b""):
            try:
                show(vault, trusted, credential, text, photo)
            except EmptyImage:
                assert not photo
        assert len(found) == len(secrets) == 3
        assert not any(template.vector.any() for template in found)
        assert not any(any(secret) for secret in secrets)
