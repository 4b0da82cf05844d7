"""Verification: one answer for all claims that open nothing, limits on those that do, and references that stay up to date."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.session import (
    NOBODY,
    Clock,
    Person,
    Prepared,
    Spy,
    acquisition,
    another_claim,
    begin,
    enrol,
    events,
    log,
    older_model,
    renew,
    subject_id,
    verify,
)
from visavis.decision import Outcome, Policy
from visavis.embedding import Embedding
from visavis.errors import (
    ClaimMalformed,
    ClaimRefused,
    ConsentInvalid,
    EmptyImage,
    ImageError,
    KeyUnusable,
    ModelMismatch,
    PolicyUnknown,
    PolicyUnsupported,
    RateLimited,
    SealBroken,
    StoreUnusable,
    TooManyComparisons,
    VisavisError,
)
from visavis.session import (
    AttemptLimits,
    Expected,
    Models,
    PasskeyClaim,
    Probe,
    ReferenceState,
    Vault,
    erase_subject,
    sweep,
    verify_claim,
    withdraw_consent,
)
from visavis.session.verification import REFUSALS_LOGGED
from visavis.template import Claim, ClaimType, FileKeys, OperatorKeys, SealedTemplate, Secret, Template
from visavis.verifier import Acquisition, PhotoInput

ANNA, BELA = Person(1), Person(2)


def stored(vault: Vault, claim: Claim) -> bytes:
    with vault.store.reading() as tx:
        return tx.references.sealed(claim.record_id) or b""


def put(vault: Vault, claim: Claim, data: bytes) -> None:
    """Change what the database holds of a record."""
    with vault.store.writing() as tx:
        assert tx.references.reseal(
            claim.record_id, old=tx.references.sealed(claim.record_id) or b"", new=data, at=vault.clock()
        )


class TestOutcome:
    def test_the_person_enrolled_matches_and_is_named(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA, captures=3)
        verification = verify(vault, claim, ANNA.photo(9))
        assert verification.decision.outcome is Outcome.MATCH
        assert verification.subject_id == subject_id(vault)
        assert not verification.resealed

    @pytest.mark.parametrize(
        ("photo", "outcome"),
        [
            (BELA.photo(), Outcome.NO_MATCH),
            (NOBODY, Outcome.INCONCLUSIVE),
            (ANNA.photo(eyes_px=20), Outcome.INCONCLUSIVE),
        ],
    )
    def test_nobody_else_does_or_is_told_whose_claim_it_is(self, photo: bytes, outcome: Outcome, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        verification = verify(vault, claim, photo)
        assert verification.decision.outcome is outcome
        assert verification.subject_id is None
        assert not verification.resealed

    def test_each_is_logged_without_its_score(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        for photo in (ANNA.photo(5), BELA.photo(), NOBODY):
            verify(vault, claim, photo, policy="1e-5")
        said = [entry["details"] for entry in log(vault)[-3:]]
        assert [each.pop("outcome") for each in said] == ["match", "no_match", "inconclusive"]
        assert [each.pop("reason") for each in said] == [
            "score_reaches_threshold",
            "score_below_threshold",
            "not_compared",
        ]
        assert said == 3 * [
            {
                "subject": subject_id(vault),
                "record": claim.record_id.hex(),
                "purpose": "door",
                "policy": "1e-5",
                "key_version": 1,
            }
        ]

    def test_whose_claim_it_must_be_can_be_said(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        verification = verify(vault, claim, ANNA.photo(), expected=subject_id(vault))
        assert verification.decision.outcome is Outcome.MATCH

    def test_two_people_are_enrolled_and_each_opens_their_own(self, vault: Vault) -> None:
        claims = {person: enrol(vault, person, f"account {person.seed}") for person in (ANNA, BELA)}
        for owner, claim in claims.items():
            for person in (ANNA, BELA):
                verification = verify(vault, claim, person.photo(1))
                assert verification.decision.outcome is (Outcome.MATCH if person is owner else Outcome.NO_MATCH)

    def test_policies_for_documents_are_not_for_references(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        for act in (verify, renew):
            with pytest.raises(PolicyUnsupported, match="is for photos of documents"):
                act(vault, claim, ANNA.photo(), policy="document-1e-4")

    def test_an_unknown_policy_counts_and_opens_nothing(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        spy = Spy(vault)
        with pytest.raises(PolicyUnknown):
            verify(spy.vault, claim, ANNA.photo(), policy="strict")
        with pytest.raises(PolicyUnsupported):
            verify(spy.vault, claim, ANNA.photo(), policy=Policy("1e-12", 1e-12))
        assert spy.calls == []

    @pytest.mark.parametrize("text", ["", "VC1:", "VH1:" + "0" * 74, "VC1:" + "0" * 73, "VC1:" + "a" * 74, "x" * 78])
    def test_a_text_that_is_no_claim_counts_as_nothing(self, text: str, memory_vault: Vault) -> None:
        spy = Spy(memory_vault)
        verifier = Prepared()
        with pytest.raises(ClaimMalformed) as refusal:
            verify(spy.vault, text, ANNA.photo(), models=Models(verifier))
        assert spy.calls == verifier.seen == []
        assert len(text) < 5 or text not in str(refusal.value)


class TestProbe:
    def test_a_capture_that_was_looked_at_before_is_not_looked_at_again(self, vault: Vault) -> None:
        claim, verifier = enrol(vault, ANNA), Prepared()
        found = acquisition(ANNA.vector, verifier)
        verification = verify_claim(
            vault,
            Models(verifier),
            claim=claim.text(),
            probe=Probe.of(found, verifier),
            policy="1e-4",
            expected=Expected("door"),
        )
        assert verification.decision.outcome is Outcome.MATCH
        assert verifier.seen == []

    def test_frames_are_looked_at_once_by_each_model(self) -> None:
        probe, current, old = Probe([ANNA.photo()]), Prepared(), older_model()
        policy = current.policy_for("1e-4")
        for _ in range(3):
            assert probe.acquired(current, policy) is probe.acquired(current, policy)
            assert probe.acquired(old, policy) is not probe.acquired(current, policy)
        assert len(current.seen) == len(old.seen) == 1

    def test_it_serves_one_reference(self, vault: Vault) -> None:
        """Verification is one to one; a refused claim is no reference."""
        claims = enrol(vault, ANNA), enrol(vault, BELA, "bela")
        probe, models = Probe([ANNA.photo(3)]), Models(Prepared())

        def offer(claim: Claim) -> Outcome:
            return verify_claim(
                vault, models, claim=claim.text(), probe=probe, policy="1e-4", expected=Expected("door")
            ).decision.outcome

        with pytest.raises(ClaimRefused):
            offer(another_claim(claims[1].record_id))
        assert [offer(claims[0]), offer(claims[0])] == [Outcome.MATCH] * 2
        with pytest.raises(TooManyComparisons, match="capture anew"):
            offer(claims[1])
        assert log(vault)[-1]["details"]["reason"] == "too_many_comparisons"
        with vault.store.reading() as tx:
            assert tx.attempts.of(claims[1].record_id) == []

    def test_it_shows_nothing_of_what_is_in_it(self) -> None:
        assert str(ANNA.photo())[2:20] not in repr(Probe([ANNA.photo()]))


# --- one refusal --------------------------------------------------------------------------------------------------

Way = Callable[[Vault, Clock], tuple[Claim, dict[str, Any]]]
"""To a claim that opens nothing: the claim, and what is expected of it."""


def wrong_claim(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    return another_claim(enrol(vault, ANNA).record_id), {}


def unknown_record(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    enrol(vault, ANNA)
    return another_claim(bytes(range(16))), {}


def record_of_zeros(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    return another_claim(bytes(16)), {}


def others_claim(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    mine, other = enrol(vault, ANNA), enrol(vault, BELA, "bela")
    return Claim(mine.record_id, other.secret, ClaimType.RANDOM), {}


def other_type(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    mine = enrol(vault, ANNA)
    return Claim(mine.record_id, mine.secret, ClaimType.PASSKEY), {}


def erased(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    claim = enrol(vault, ANNA)
    erase_subject(vault, subject_id(vault))
    return claim, {}


def withdrawn(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    claim = enrol(vault, ANNA)
    withdraw_consent(vault, subject_id(vault), "door")
    return claim, {}


def expired(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    claim = enrol(vault, ANNA, days=1)
    clock.advance(days=1)
    return claim, {}


def replaced(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    claim = enrol(vault, ANNA)
    enrol(vault, ANNA, replaces=True)
    return claim, {}


def retired(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    claim = enrol(vault, ANNA)
    with vault.store.writing() as tx:
        tx.references.set_state(claim.record_id, ReferenceState.RETIRED)
    return claim, {}


def shred_lost(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    claim = enrol(vault, ANNA)
    vault.shreds.destroy(claim.record_id)
    return claim, {}


def other_purpose(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    return enrol(vault, ANNA, purpose="payment"), {}


def other_subject(vault: Vault, clock: Clock) -> tuple[Claim, dict[str, Any]]:
    enrol(vault, BELA, "bela")
    return enrol(vault, ANNA), {"expected": subject_id(vault, "bela")}


WAYS: tuple[Way, ...] = (
    wrong_claim,
    unknown_record,
    record_of_zeros,
    others_claim,
    other_type,
    erased,
    withdrawn,
    expired,
    replaced,
    retired,
    shred_lost,
    other_purpose,
    other_subject,
)


class TestRefusal:
    def seen(self, vault: Vault, claim: Claim, **expected: str) -> tuple[object, ...]:
        """All that can be seen of a refusal from outside, and every use of store, shreds and keys inside."""
        spy, verifier, before = Spy(vault), Prepared(), len(log(vault))
        with pytest.raises(VisavisError) as refusal:
            verify(spy.vault, claim, ANNA.photo(), models=Models(verifier), **expected)
        error = refusal.value
        (entry,) = log(vault)[before:]
        assert entry["details"].pop("record") == claim.record_id.hex()
        assert verifier.seen == []
        told = type(error), error.code, error.args, vars(error), error.__cause__, error.__suppress_context__
        assert entry["details"].pop("refused_this_minute") > 0
        return *told, entry["event"], entry["details"], spy.calls

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
    def test_none_can_be_told_from_that_of_an_unknown_record(self, way: Way, vault: Vault, clock: Clock) -> None:
        claim, expected = way(vault, clock)
        unknown = self.seen(vault, another_claim(bytes(range(1, 17))))
        assert self.seen(vault, claim, **expected) == unknown
        assert unknown[:2] == (ClaimRefused, "claim_refused")
        assert unknown[-3:-1] == ("claim_refused", {"purpose": "door", "reason": "claim_refused"})
        calls = unknown[-1]
        assert isinstance(calls, list)
        once = ("attempts.begin", "references.find", "shreds.get", "keys.mac", "audit.append")
        assert [calls.count(call) for call in once] == [1] * len(once)

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
    def test_a_renewal_is_refused_alike(self, way: Way, memory_vault: Vault, clock: Clock) -> None:
        claim, expected = way(memory_vault, clock)
        before = events(memory_vault)
        with pytest.raises(ClaimRefused, match="this claim opens no record: it is not the right one"):
            renew(memory_vault, claim, ANNA.photo(), **expected)
        assert events(memory_vault) == [*before, "claim_refused"]

    def test_a_claim_for_a_record_whose_key_is_gone_is_refused_alike(self, memory_vault: Vault, tmp_path: Any) -> None:
        claim = enrol(memory_vault, ANNA)
        (tmp_path / "keys" / "operator-0001.key").rename(tmp_path / "keys" / "operator-0002.key")
        vault = replace(memory_vault, keys=FileKeys(tmp_path / "keys"))
        with pytest.raises(ClaimRefused, match="this claim opens no record: it is not the right one"):
            verify(vault, claim, ANNA.photo())
        assert log(vault)[-1]["details"]["reason"] == "key_unusable"

    def test_whose_key_is_gone_costs_the_same_work(self, memory_vault: Vault, tmp_path: Any) -> None:
        claim = enrol(memory_vault, ANNA)
        (tmp_path / "keys" / "operator-0001.key").rename(tmp_path / "keys" / "operator-0002.key")
        spy = Spy(replace(memory_vault, keys=FileKeys(tmp_path / "keys")))
        with pytest.raises(ClaimRefused):
            verify(spy.vault, claim, ANNA.photo())
        assert spy.calls.count("keys.mac") == 2  # one was refused at once

    @pytest.mark.parametrize("known", [True, False])
    def test_where_no_key_can_be_used_all_are_told_so_and_nothing_counts(
        self, known: bool, memory_vault: Vault, tmp_path: Any
    ) -> None:
        """Nobody must be told to enrol anew because a volume is not mounted."""
        claim = enrol(memory_vault, ANNA)
        offered = claim if known else another_claim(bytes(range(1, 17)))
        vault = replace(memory_vault, keys=FileKeys(tmp_path / "keys"))
        _ = vault.decoy
        (tmp_path / "keys" / "operator-0001.key").chmod(0o644)
        for _ in range(6):
            with pytest.raises(KeyUnusable, match="chmod 600"):
                verify(vault, offered, ANNA.photo())
        (tmp_path / "keys" / "operator-0001.key").chmod(0o600)
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_many_are_counted_and_not_all_logged(self, vault: Vault, clock: Clock) -> None:
        for _ in range(130):
            with pytest.raises(ClaimRefused):
                verify(vault, another_claim(bytes(range(1, 17))), ANNA.photo())
        numbers = [entry["details"]["refused_this_minute"] for entry in log(vault)]
        assert numbers == [*range(1, REFUSALS_LOGGED + 1), 64, 128]
        clock.advance(minutes=1)
        with pytest.raises(ClaimRefused):
            verify(vault, another_claim(bytes(range(1, 17))), ANNA.photo())
        assert log(vault)[-1]["details"]["refused_this_minute"] == 1

    def test_what_is_opened_in_place_of_an_unknown_record_is_like_one(self, vault: Vault) -> None:
        decoy = SealedTemplate.parse(vault.decoy)
        known = SealedTemplate.parse(stored(vault, enrol(vault, ANNA)))
        assert len(vault.decoy) == len(bytes(known)) == 249
        assert (decoy.claim_type, decoy.claim_salt, decoy.key_version) == (ClaimType.RANDOM, bytes(16), 1)
        assert decoy.record_id != known.record_id
        assert vault.decoy is vault.decoy

    def test_what_was_expected_is_looked_at_after_the_seal_was_opened(self, vault: Vault) -> None:
        """Who holds no claim learns nothing of purpose and subject either."""
        claim = another_claim(enrol(vault, ANNA, purpose="payment").record_id)
        for purpose in ("payment", "door"):
            with pytest.raises(ClaimRefused):
                verify(vault, claim, ANNA.photo(), purpose=purpose)


# --- limits -------------------------------------------------------------------------------------------------------


class TestAttempts:
    """NIST SP 800-63B-4, 3.2.3: five, then one in 30 seconds, 50 in a row in all."""

    def fail(self, vault: Vault, claim: Claim, times: int = 1) -> None:
        for _ in range(times):
            assert verify(vault, claim, BELA.photo()).decision.outcome is Outcome.NO_MATCH

    def refusal(self, vault: Vault, claim: Claim) -> RateLimited:
        """Of the right person's attempt."""
        with pytest.raises(RateLimited) as refusal:
            verify(vault, claim, ANNA.photo())
        assert refusal.value.code == "rate_limited"
        return refusal.value

    def test_five_are_free_and_then_each_waits_30_seconds(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, claim, 5)
        assert self.refusal(vault, claim).retry_after_s == 30
        clock.advance(seconds=29.5)
        assert self.refusal(vault, claim).retry_after_s == 0.5
        clock.advance(seconds=0.5)
        self.fail(vault, claim)
        assert self.refusal(vault, claim).retry_after_s == 30
        clock.advance(seconds=30)
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_after_fifty_in_a_row_none_is_taken(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        for _ in range(50):
            clock.advance(seconds=30)
            self.fail(vault, claim)
        for days in (0, 1, 20):
            clock.advance(days=days)
            assert self.refusal(vault, claim).retry_after_s is None

    def test_a_match_starts_the_count_anew(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        for _ in range(3):
            self.fail(vault, claim, 4)
            assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH
        self.fail(vault, claim, 5)
        self.refusal(vault, claim)

    def test_nothing_is_opened_for_one_that_is_not_taken(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, claim, 5)
        spy, verifier, before = Spy(vault), Prepared(), log(vault)
        with pytest.raises(RateLimited):
            verify(spy.vault, claim, ANNA.photo(), models=Models(verifier))
        assert not [call for call in spy.calls if call.startswith(("keys.", "shreds.", "references."))]
        assert verifier.seen == []
        assert log(vault) == before

    def test_one_that_is_not_taken_does_not_count(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, claim, 5)
        for _ in range(10):
            clock.advance(seconds=2.9)
            self.refusal(vault, claim)
        clock.advance(seconds=1)
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_an_inconclusive_one_does_not_count(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, claim, 4)
        for _ in range(10):
            assert verify(vault, claim, NOBODY).decision.outcome is Outcome.INCONCLUSIVE
        self.fail(vault, claim)
        self.refusal(vault, claim)

    def test_a_fault_does_not_count(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        self.fail(vault, claim, 4)
        for _ in range(10):
            with pytest.raises(EmptyImage):
                verify(vault, claim, b"")
        assert log(vault)[-1]["details"]["outcome"] == "fault"
        assert log(vault)[-1]["details"]["reason"] == "image_empty"
        self.fail(vault, claim)
        self.refusal(vault, claim)

    def test_nor_does_a_store_of_shreds_that_is_not_there(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)

        def fail(name: str) -> None:
            if name == "shreds.get":
                raise StoreUnusable("no volume")

        broken = Spy(vault, fail).vault
        for _ in range(6):
            with pytest.raises(StoreUnusable):
                verify(broken, claim, ANNA.photo())
        with vault.store.reading() as tx:
            assert tx.attempts.of(claim.record_id) == []

    def test_nor_does_a_fault_that_nobody_foresaw(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)

        class Broken(Prepared):
            def acquire(self, photo: PhotoInput, **_: Any) -> Acquisition:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            verify(vault, claim, ANNA.photo(), models=Models(Broken()))
        assert log(vault)[-1]["details"]["reason"] == "unforeseen"
        with vault.store.reading() as tx:
            assert tx.attempts.of(claim.record_id) == []

    def test_a_renewal_is_an_attempt_like_any_other(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        for _ in range(5):
            assert renew(vault, claim, BELA.photo()) is None
        with pytest.raises(RateLimited):
            renew(vault, claim, ANNA.photo())
        self.refusal(vault, claim)

    @pytest.mark.parametrize("other", [{"purpose": "payment"}, {"expected": "sub_other"}])
    def test_a_claim_offered_where_it_does_not_belong_starts_no_count_anew(
        self, other: dict[str, Any], vault: Vault
    ) -> None:
        """Or else whoever stole it could try faces without end, and show it at another door after each fifth."""
        claim = enrol(vault, ANNA)
        for _ in range(5):
            self.fail(vault, claim)
            with pytest.raises((ClaimRefused, RateLimited)):
                verify(vault, claim, BELA.photo(), **other)
        self.refusal(vault, claim)

    def test_wrong_claims_never_lock_the_right_one_out(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        for _ in range(60):
            with pytest.raises(ClaimRefused):
                verify(vault, another_claim(claim.record_id), ANNA.photo())
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_a_wrong_claim_may_be_tried_again(self, vault: Vault) -> None:
        """256 bits are not guessed by trying one claim often: a record that does not exist is limited as one that does."""
        enrol(vault, ANNA)
        wrong = another_claim(bytes(range(1, 17)))
        for _ in range(60):
            with pytest.raises(ClaimRefused):
                verify(vault, wrong, ANNA.photo())

    def test_one_subjects_failures_are_not_anothers(self, vault: Vault) -> None:
        anna, bela = enrol(vault, ANNA), enrol(vault, BELA, "bela")
        self.fail(vault, anna, 5)
        self.refusal(vault, anna)
        assert verify(vault, bela, BELA.photo(1)).decision.outcome is Outcome.MATCH

    def test_attempts_made_at_once_are_all_counted(self, vault: Vault) -> None:
        """Each counts before it opens anything, so that no more faces are compared than in a row."""
        claim = enrol(vault, ANNA)

        def attempt(number: int) -> bool:
            try:
                return verify(vault, claim, BELA.photo(number)).decision.outcome is Outcome.NO_MATCH
            except RateLimited:
                return False

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(attempt, range(24))) == 5

    def test_openings_of_all_claims_together_are_limited(self, vault: Vault, clock: Clock) -> None:
        limits = AttemptLimits(openings_per_minute=3)
        claim = enrol(vault, ANNA)
        verify(vault, claim, ANNA.photo(), limits=limits)
        for unknown in (bytes(16), claim.record_id):
            with pytest.raises(ClaimRefused):
                verify(vault, another_claim(unknown), ANNA.photo(), limits=limits)
        clock.advance(seconds=40)
        spy = Spy(vault)
        for _ in range(3):
            with pytest.raises(RateLimited, match="more claims are tried") as refusal:
                verify(spy.vault, claim, ANNA.photo(), limits=limits)
            assert refusal.value.retry_after_s == 20
        assert "keys.mac" not in spy.calls
        clock.advance(seconds=20)
        assert verify(vault, claim, ANNA.photo(), limits=limits).decision.outcome is Outcome.MATCH


# --- references that stay up to date ------------------------------------------------------------------------------


class TestKeyRotation:
    def test_a_match_seals_the_reference_under_the_newest_key(self, vault: Vault, keys: FileKeys, clock: Clock) -> None:
        claim = enrol(vault, ANNA)
        keys.rotate("operator")
        clock.advance(hours=1)
        assert verify(vault, claim, ANNA.photo()).resealed
        mine = subject_id(vault)
        with vault.store.reading() as tx:
            assert dict(tx.references.by_key_version()) == {2: 1}
            (reference,) = tx.references.of(mine)
        assert reference.sealed_at == clock.now
        assert log(vault)[-1]["event"] == "resealed"
        assert log(vault)[-1]["details"] == {
            "subject": subject_id(vault),
            "record": claim.record_id.hex(),
            "key_version": 2,
            "from_probe": False,
        }
        assert not verify(vault, claim, ANNA.photo()).resealed

    @pytest.mark.parametrize("photo", [BELA.photo(), NOBODY])
    def test_nothing_else_does(self, photo: bytes, vault: Vault, keys: FileKeys) -> None:
        claim = enrol(vault, ANNA)
        before = stored(vault, claim)
        keys.rotate("operator")
        assert not verify(vault, claim, photo).resealed
        assert stored(vault, claim) == before

    def test_the_old_key_is_needed_no_more(self, memory_vault: Vault, tmp_path: Any) -> None:
        claim = enrol(memory_vault, ANNA)
        vault = replace(memory_vault, keys=FileKeys(tmp_path / "keys"))
        FileKeys(tmp_path / "keys").rotate("operator")
        verify(vault, claim, ANNA.photo())
        (tmp_path / "keys" / "operator-0001.key").unlink()
        vault = replace(memory_vault, keys=FileKeys(tmp_path / "keys"))
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_template_shred_and_the_passkeys_input_stay(self, vault: Vault, keys: FileKeys) -> None:
        passkey = PasskeyClaim(Secret.random(), bytes(range(1, 17)))
        claim = enrol(vault, ANNA, captures=3, passkey=passkey)
        with vault.shreds.get(claim.record_id) as shred:
            before = SealedTemplate.parse(stored(vault, claim)).open(claim=claim, keys=keys, shred=shred)
            keys.rotate("operator")
            verify(vault, claim, ANNA.photo())
            sealed = SealedTemplate.parse(stored(vault, claim))
            after = sealed.open(claim=claim, keys=keys, shred=shred)
        assert bytes(after) == bytes(before)
        assert sealed.claim_salt == passkey.salt
        assert sealed.key_version == 2

    def test_one_that_another_has_sealed_meanwhile_stays(self, vault: Vault, keys: FileKeys) -> None:
        claim = enrol(vault, ANNA)
        keys.rotate("operator")
        writing = 0

        def meanwhile(name: str) -> None:
            nonlocal writing
            writing += name == "writing"
            if name == "writing" and writing == 2:
                assert verify(vault, claim, ANNA.photo(1)).resealed

        verification = verify(Spy(vault, meanwhile).vault, claim, ANNA.photo(2))
        assert verification.decision.outcome is Outcome.MATCH
        assert not verification.resealed
        assert events(vault).count("resealed") == 1
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_a_newest_key_that_cannot_be_used_spoils_no_match(self, vault: Vault, keys: FileKeys) -> None:
        class WithoutTheNewest:
            current = 2

            def mac(self, version: int, message: bytes) -> bytes:
                if version == self.current:
                    raise KeyUnusable("the service does not answer")
                return keys.mac(version, message)

        claim = enrol(vault, ANNA)
        held: OperatorKeys = WithoutTheNewest()
        verification = verify(replace(vault, keys=held), claim, ANNA.photo())
        assert verification.decision.outcome is Outcome.MATCH
        assert not verification.resealed


class TestModelRenewal:
    OLD = older_model()

    def models(self) -> Models:
        return Models(Prepared(), [self.OLD])

    def model_of(self, vault: Vault, claim: Claim) -> bytes:
        with vault.shreds.get(claim.record_id) as shred:
            return SealedTemplate.parse(stored(vault, claim)).open(claim=claim, keys=vault.keys, shred=shred).model

    def test_after_a_match_the_reference_is_made_anew(self, vault: Vault, clock: Clock) -> None:
        claim = enrol(vault, ANNA, verifier=self.OLD, renewal=True, captures=3)
        clock.advance(hours=1)
        verification = verify(vault, claim, ANNA.photo(8), models=self.models())
        assert verification.decision.outcome is Outcome.MATCH
        assert verification.decision.model.sha256 == self.OLD.card.sha256
        assert verification.resealed
        assert log(vault)[-1]["details"]["from_probe"] is True
        assert self.model_of(vault, claim).hex() == Prepared().card.sha256[:16]
        again = verify(vault, claim, ANNA.photo(9))
        assert again.decision.outcome is Outcome.MATCH
        assert not again.resealed

    @pytest.mark.parametrize(
        ("renewal", "policy", "photo"),
        [
            (False, "1e-4", ANNA.photo()),
            (True, "1e-3", ANNA.photo()),
            (True, "1e-4", BELA.photo()),
            (True, "1e-4", NOBODY),
            (True, "1e-4", ANNA.photo(eyes_px=40)),
        ],
        ids=["without consent", "under a laxer policy", "no match", "inconclusive", "from a probe too small to enrol"],
    )
    def test_and_otherwise_it_stays(self, renewal: bool, policy: str, photo: bytes, vault: Vault) -> None:
        claim = enrol(vault, ANNA, verifier=self.OLD, renewal=renewal)
        before = stored(vault, claim)
        assert not verify(vault, claim, photo, policy=policy, models=self.models()).resealed
        assert stored(vault, claim) == before
        assert verify(vault, claim, ANNA.photo(), policy="1e-3", models=self.models()).decision.outcome is Outcome.MATCH

    def test_without_consent_it_is_sealed_under_a_new_key_as_it_was(self, vault: Vault, keys: FileKeys) -> None:
        claim = enrol(vault, ANNA, verifier=self.OLD)
        keys.rotate("operator")
        assert verify(vault, claim, ANNA.photo(), models=self.models()).resealed
        assert log(vault)[-1]["details"]["from_probe"] is False
        assert self.model_of(vault, claim).hex() == self.OLD.card.sha256[:16]

    def test_a_current_model_that_fails_spoils_no_match(self, vault: Vault) -> None:
        class Broken(Prepared):
            def acquire_frames(self, frames: Any, *, policy: Any) -> Acquisition:
                raise EmptyImage("nothing")

        claim = enrol(vault, ANNA, verifier=self.OLD, renewal=True)
        verification = verify(vault, claim, ANNA.photo(), models=Models(Broken(), [self.OLD]))
        assert verification.decision.outcome is Outcome.MATCH
        assert not verification.resealed

    def test_a_model_that_is_not_at_hand_is_told_and_counts_as_no_attempt(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA, verifier=self.OLD)
        for _ in range(10):
            with pytest.raises(ModelMismatch, match="made with the model 0000000000000000…, which is not configured"):
                verify(vault, claim, ANNA.photo())
        assert log(vault)[-1]["details"]["outcome"] == "fault"
        assert log(vault)[-1]["details"]["reason"] == "model_mismatch"
        assert verify(vault, claim, ANNA.photo(), models=self.models()).decision.outcome is Outcome.MATCH


class TestRenewal:
    """Of a claim that others may have seen."""

    def test_the_new_claim_opens_and_the_old_one_does_not(self, vault: Vault) -> None:
        old = enrol(vault, ANNA, captures=3)
        new = renew(vault, old, ANNA.photo(9))
        assert new is not None
        assert new.record_id != old.record_id
        with pytest.raises(ClaimRefused):
            verify(vault, old, ANNA.photo())
        assert verify(vault, new, ANNA.photo()).decision.outcome is Outcome.MATCH
        assert verify(vault, new, BELA.photo()).decision.outcome is Outcome.NO_MATCH
        assert list(vault.shreds.missing([old.record_id, new.record_id])) == [old.record_id]

    def test_the_reference_stays_what_it_was(self, vault: Vault, clock: Clock) -> None:
        def template(claim: Claim) -> bytes:
            with vault.shreds.get(claim.record_id) as shred:
                return bytes(SealedTemplate.parse(stored(vault, claim)).open(claim=claim, keys=vault.keys, shred=shred))

        old = enrol(vault, ANNA, captures=3)
        before = template(old)
        mine = subject_id(vault)
        with vault.store.reading() as tx:
            (was,) = tx.references.of(mine)
        clock.advance(days=100)
        new = renew(vault, old, ANNA.photo(9))
        assert new is not None
        assert template(new) == before
        with vault.store.reading() as tx:
            (now,) = tx.references.of(mine)
        assert now == replace(was, record_id=new.record_id, created_at=clock.now, sealed_at=clock.now)
        assert [entry["event"] for entry in log(vault)[-2:]] == ["verified", "claim_renewed"]

    @pytest.mark.parametrize("photo", [BELA.photo(), NOBODY])
    def test_without_a_match_nothing_changes(self, photo: bytes, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        before = stored(vault, claim)
        assert renew(vault, claim, photo) is None
        assert stored(vault, claim) == before
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_other_purposes_keep_their_claims(self, vault: Vault) -> None:
        door, till = enrol(vault, ANNA), enrol(vault, ANNA, purpose="payment")
        assert renew(vault, door, ANNA.photo()) is not None
        assert verify(vault, till, ANNA.photo(), purpose="payment").decision.outcome is Outcome.MATCH

    def test_a_passkeys_claim_gives_way_to_a_random_one(self, vault: Vault) -> None:
        passkey = PasskeyClaim(Secret.random(), bytes(range(1, 17)))
        new = renew(vault, enrol(vault, ANNA, passkey=passkey), ANNA.photo())
        assert new is not None
        assert new.type is ClaimType.RANDOM
        assert verify(vault, new, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_the_new_claim_is_not_lost_when_the_old_record_cannot_be_destroyed(self, vault: Vault) -> None:
        def broken(name: str) -> None:
            if name == "shreds.destroy":
                raise StoreUnusable("the disk is gone")

        old = enrol(vault, ANNA)
        new = renew(Spy(vault, broken).vault, old, ANNA.photo())
        assert new is not None
        with pytest.raises(ClaimRefused):
            verify(vault, old, ANNA.photo())
        assert sweep(vault).references == 1
        assert verify(vault, new, ANNA.photo()).decision.outcome is Outcome.MATCH

    @pytest.mark.parametrize("act", ["withdraw", "erase"])
    def test_nothing_is_made_anew_when_the_consent_goes_meanwhile(self, act: str, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        mine = subject_id(vault)
        done = False

        def meanwhile(name: str) -> None:
            nonlocal done
            if name == "reading" and not done:
                done = True
                withdraw_consent(vault, mine, "door") if act == "withdraw" else erase_subject(vault, mine)

        with pytest.raises(ConsentInvalid):
            renew(Spy(vault, meanwhile).vault, claim, ANNA.photo())
        assert done
        with vault.store.reading() as tx:
            assert tx.references.of(mine) == []
            assert tx.references.count() == 0

    @pytest.mark.parametrize("first", ["renewal", "enrolment"])
    def test_one_that_another_has_overtaken_hands_out_nothing(self, first: str, vault: Vault) -> None:
        """Whoever stole a claim must not have the last word against its subject."""
        claim = enrol(vault, ANNA)
        newer: list[Claim | None] = []

        def overtake(name: str) -> None:
            if name == "shreds.put" and not newer:
                newer.append(None)
                newer[0] = (
                    renew(vault, claim, ANNA.photo(1)) if first == "renewal" else enrol(vault, ANNA, replaces=True)
                )

        with pytest.raises(ClaimRefused, match="replaced or erased meanwhile"):
            renew(Spy(vault, overtake).vault, claim, ANNA.photo(2))
        assert newer[0] is not None
        assert verify(vault, newer[0], ANNA.photo(3)).decision.outcome is Outcome.MATCH
        mine = subject_id(vault)
        with vault.store.reading() as tx:
            assert [each.record_id for each in tx.references.of(mine)] == [newer[0].record_id]

    def test_who_lost_the_claim_enrols_again(self, vault: Vault) -> None:
        enrol(vault, ANNA)
        claim = enrol(vault, ANNA, replaces=True)
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH


class TestDamage:
    """Of what the database holds."""

    def test_only_who_holds_the_claim_is_told(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        data = stored(vault, claim)
        for place in (76, 87, 88, len(data) - 1):
            put(vault, claim, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(SealBroken, match="restore the record, or enrol again") as refusal:
                verify(vault, claim, ANNA.photo())
            assert refusal.value.code == "seal_broken"
            assert log(vault)[-1]["event"] == "claim_refused"
            assert log(vault)[-1]["details"]["reason"] == "seal_broken"
            with pytest.raises(ClaimRefused):
                verify(vault, another_claim(claim.record_id), ANNA.photo())

    @pytest.mark.parametrize("place", [0, 4, 5, 6, 7, 8, 24, 40, 43, 44, 75])
    def test_a_changed_header_opens_nothing(self, place: int, memory_vault: Vault) -> None:
        claim = enrol(memory_vault, ANNA)
        data = stored(memory_vault, claim)
        put(memory_vault, claim, data[:place] + bytes([data[place] ^ 2]) + data[place + 1 :])
        with pytest.raises(ClaimRefused, match="this claim opens no record: it is not the right one"):
            verify(memory_vault, claim, ANNA.photo())

    @pytest.mark.parametrize("length", [0, 1, 88, 248, 250])
    def test_nor_do_bytes_of_another_length(self, length: int, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        put(vault, claim, (stored(vault, claim) + b"\0")[:length])
        with pytest.raises((ClaimRefused, SealBroken)):
            verify(vault, claim, ANNA.photo())

    def test_records_cannot_be_swapped(self, vault: Vault) -> None:
        """Whoever may write to the database cannot let one subject pass with another's face."""
        anna, bela = enrol(vault, ANNA), enrol(vault, BELA, "bela")
        mine, others = stored(vault, anna), stored(vault, bela)
        put(vault, anna, others)
        put(vault, bela, mine)
        for claim in (anna, bela):
            for person in (ANNA, BELA):
                with pytest.raises(ClaimRefused):
                    verify(vault, claim, person.photo())

    def test_once_it_is_restored_all_is_well(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        data = stored(vault, claim)
        put(vault, claim, data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(SealBroken):
            verify(vault, claim, ANNA.photo())
        put(vault, claim, data)
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_a_fault_of_the_store_is_told_as_such(self, vault: Vault) -> None:
        def broken(name: str) -> None:
            if name == "shreds.get":
                raise StoreUnusable("the disk is gone")

        claim = enrol(vault, ANNA)
        with pytest.raises(StoreUnusable, match="the disk is gone"):
            verify(Spy(vault, broken).vault, claim, ANNA.photo())


# --- what stays in memory -----------------------------------------------------------------------------------------


class Made:
    """Every secret, template and reference that is made while it watches, by the memory that holds it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secrets: list[bytearray] = []
        self.vectors: list[np.ndarray] = []
        make_secret, check_template, embedding = Secret.__init__, Template.__post_init__, Template.embedding

        def secret(this: Secret, data: bytes) -> None:
            make_secret(this, data)
            self.secrets.append(this._bytes)

        def template(this: Template) -> None:
            check_template(this)
            self.vectors.append(this.vector)

        def reference(this: Template, model: str) -> Embedding:
            made = embedding(this, model)
            self.vectors.append(made.vector)
            return made

        monkeypatch.setattr(Secret, "__init__", secret)
        monkeypatch.setattr(Template, "__post_init__", template)
        monkeypatch.setattr(Template, "embedding", reference)

    def left(self, *, but: Claim | None = None) -> int:
        """How many still hold something, except for a claim that was handed out."""
        handed_out = but.secret._bytes if but is not None else None
        return sum(any(each) for each in self.secrets if each is not handed_out) + sum(
            bool(each.any()) for each in self.vectors
        )


class TestWiping:
    @pytest.fixture
    def claim(self, sqlite_vault: Vault) -> Iterator[Claim]:
        with enrol(sqlite_vault, ANNA, verifier=older_model(), renewal=True, captures=3) as claim:
            yield claim

    @pytest.fixture
    def made(self, claim: Claim, sqlite_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Made:
        """Watches from here on: the keys have been read."""
        with pytest.raises(ClaimRefused):
            verify(sqlite_vault, another_claim(claim.record_id), NOBODY)
        return Made(monkeypatch)

    def models(self) -> Models:
        return Models(older_model(), [Prepared()])

    @pytest.mark.parametrize("photo", [ANNA.photo(), BELA.photo(), NOBODY])
    def test_claim_shred_keys_and_template_are_zero_after_every_outcome(
        self, photo: bytes, sqlite_vault: Vault, claim: Claim, made: Made
    ) -> None:
        verify(sqlite_vault, claim.text(), photo, models=self.models())
        assert len(made.secrets) >= 6
        assert len(made.vectors) == 2
        assert made.left() == 0

    def test_and_after_a_fault(self, sqlite_vault: Vault, claim: Claim, made: Made) -> None:
        with pytest.raises(ImageError):
            verify(sqlite_vault, claim.text(), b"", models=self.models())
        with pytest.raises(ModelMismatch):
            verify(sqlite_vault, claim.text(), ANNA.photo())
        assert len(made.vectors) >= 2
        assert made.left() == 0

    def test_and_after_a_refusal(self, sqlite_vault: Vault, claim: Claim, made: Made) -> None:
        text = claim.text()
        with pytest.raises(ClaimRefused):
            verify(sqlite_vault, text, ANNA.photo(), purpose="payment")
        put(sqlite_vault, claim, stored(sqlite_vault, claim)[:-1] + b"\0")
        with pytest.raises(SealBroken):
            verify(sqlite_vault, text, ANNA.photo())
        with pytest.raises(RateLimited):
            verify(sqlite_vault, text, ANNA.photo(), limits=AttemptLimits(openings_per_minute=0))
        assert len(made.secrets) >= 10
        assert made.left() == 0

    def test_and_after_the_reference_was_sealed_again(
        self, sqlite_vault: Vault, claim: Claim, made: Made, tmp_path: Any
    ) -> None:
        keys = sqlite_vault.keys
        assert isinstance(keys, FileKeys)
        keys.rotate("operator")
        keys.key("operator", 2)
        made.secrets.clear()
        assert verify(sqlite_vault, claim.text(), ANNA.photo(), models=self.models()).resealed
        assert made.left() == 0

    def test_and_after_it_was_made_anew(self, sqlite_vault: Vault, claim: Claim, made: Made) -> None:
        assert verify(sqlite_vault, claim.text(), ANNA.photo(), models=Models(Prepared(), [older_model()])).resealed
        assert made.left() == 0

    def test_and_after_a_renewal_but_for_the_claim_that_is_handed_out(
        self, sqlite_vault: Vault, claim: Claim, made: Made
    ) -> None:
        new = renew(sqlite_vault, claim, ANNA.photo(), models=self.models())
        assert new is not None
        assert made.left(but=new) == 0
        assert any(new.secret.view)

    def test_and_after_an_enrolment(self, sqlite_vault: Vault, made: Made) -> None:
        with begin(sqlite_vault, "bela") as enrolment:
            enrolment.capture(BELA.photo())
            claim = enrolment.finish()
        assert made.left(but=claim) == 0
        assert any(claim.secret.view)
