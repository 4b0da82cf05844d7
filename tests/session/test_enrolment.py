"""Enrolment: the consent first, five good photos of one person at most, one claim handed out once, and nothing kept otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.conftest import PEOPLE, person, pixels
from tests.session import (
    CONSENT,
    NOBODY,
    Clock,
    Person,
    Prepared,
    Spy,
    begin,
    consent_text,
    enrol,
    events,
    log,
    subject_id,
    verify,
)
from visavis.decision import Outcome, PhotoReason
from visavis.embedding import Embedding
from visavis.errors import (
    ClaimRefused,
    ConsentInvalid,
    DamagedImage,
    EmptyImage,
    EnrolmentIncomplete,
    ImageError,
    InputInvalid,
    StoreUnusable,
    SubjectEnrolled,
    VisavisError,
)
from visavis.session import (
    CAPTURES_MAX,
    ConsentText,
    Enrolment,
    Expected,
    Models,
    PasskeyClaim,
    Probe,
    ReferenceState,
    Transaction,
    Vault,
    erase_subject,
    sweep,
    verify_claim,
    withdraw_consent,
)
from visavis.session.enrolment import TRIES_MAX
from visavis.template import ClaimType, SealedTemplate, Secret
from visavis.verifier import Acquisition, PhotoInput, Verifier

ANNA, BELA = Person(1), Person(2)


def kept(vault: Vault, name: str = "anna") -> int:
    """How many references there are of a subject, whatever their state."""
    with vault.store.reading() as tx:
        subject = tx.subjects.named(name)
        return 0 if subject is None else len(tx.references.of(subject.id))


class TestConsent:
    def test_it_is_recorded_before_there_is_a_way_to_capture(self, vault: Vault) -> None:
        enrolment = begin(vault, "anna", purpose="door", days=30, renewal=True)
        with vault.store.reading() as tx:
            subject = tx.subjects.named("anna")
            assert subject == enrolment.subject
            assert subject is not None
            assert tx.consents.of(subject.id) == [enrolment.consent]
        assert enrolment.consent.text == consent_text("door", days=30, renewal=True)
        assert enrolment.consent.given_at == vault.clock()
        assert enrolment.consent.recorded_by == "the desk"
        assert enrolment.captures == kept(vault) == 0

    def test_it_is_logged_without_the_subjects_name(self, vault: Vault) -> None:
        enrolment = begin(vault, "anna karenina", days=30)
        (entry,) = log(vault)
        assert entry["event"] == "consent_recorded"
        assert entry["details"] == {
            "subject": enrolment.subject.id,
            "consent": enrolment.consent.id,
            "purpose": "door",
            "text_sha256": enrolment.consent.text.text_sha256,
            "retention_days": 30,
        }
        assert "karenina" not in str(log(vault))

    def test_no_photo_is_looked_at_without_it(self, vault: Vault) -> None:
        verifier = Prepared()
        for name, desk in (("", "desk"), ("anna", " "), ("anna", "x" * 201), ("anna", "a\nb")):
            with pytest.raises(InputInvalid):
                Enrolment.begin(vault, verifier, subject=name, consent=consent_text(), recorded_by=desk)
        with vault.store.reading() as tx:
            assert tx.subjects.page() == []
            assert tx.audit.tip()[0] == 0
        assert verifier.seen == []

    @pytest.mark.parametrize(
        "name", ["", " ", " anna", "anna ", "a\nb", "a\x00b", "\u200b", "x" * 201, "\ud800", "\u202e"]
    )
    def test_a_name_that_cannot_be_one(self, name: str, memory_vault: Vault) -> None:
        with pytest.raises(InputInvalid, match="1 to 200 printable characters"):
            begin(memory_vault, name)
        assert events(memory_vault) == []

    @pytest.mark.parametrize(
        "name", ["a", "account 4711", "Ærøskøbing", "山田", "x" * 200, "sub_1", "'; DROP TABLE --"]
    )
    def test_a_name_that_can(self, name: str, vault: Vault) -> None:
        assert begin(vault, name).subject.name == name

    @pytest.mark.parametrize(
        "wrong",
        [
            {"text_sha256": "ab"},
            {"text_sha256": "G" * 64},
            {"text_sha256": "A" * 64},
            {"version": ""},
            {"version": "x" * 201},
            {"version": "a\nb"},
            {"locale": ""},
            {"locale": "e"},
            {"locale": "en_GB"},
            {"locale": "en-" + "a-" * 20 + "b"},
            {"purpose": ""},
            {"purpose": "Door"},
            {"purpose": "a b"},
            {"purpose": "-a"},
            {"purpose": "a\n"},
            {"purpose": "x" * 65},
            {"retention_days": 0},
            {"retention_days": -1},
            {"retention_days": 36_526},
        ],
    )
    def test_a_consent_that_cannot_be_one(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ConsentInvalid) as refusal:
            replace(consent_text(), **wrong)
        assert refusal.value.code == "consent_invalid"

    def test_an_empty_text_is_no_consent(self) -> None:
        with pytest.raises(ConsentInvalid, match="empty"):
            ConsentText.of(" \n", version="1", locale="en", purpose="door", retention_days=1)

    def test_its_text_is_kept_as_a_hash(self, sqlite_vault: Vault, tmp_path: Any) -> None:
        enrol(sqlite_vault, ANNA)
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
        assert CONSENT.encode() not in held
        assert consent_text().text_sha256.encode() in held


class TestCapture:
    def test_good_photos_of_one_person_are_taken(self, memory_vault: Vault) -> None:
        with begin(memory_vault) as enrolment:
            for number in range(CAPTURES_MAX):
                report = enrolment.capture(ANNA.photo(number))
                assert report.reasons == ()
                assert report.captures == enrolment.captures == number + 1

    def test_no_more_than_five_are(self, memory_vault: Vault) -> None:
        verifier = Prepared()
        with begin(memory_vault, verifier=verifier) as enrolment:
            for number in range(CAPTURES_MAX):
                enrolment.capture(ANNA.photo(number))
            with pytest.raises(EnrolmentIncomplete, match="no more than 5 photos") as refusal:
                enrolment.capture(ANNA.photo(9))
            assert refusal.value.code == "enrolment_incomplete"
            assert len(verifier.seen) == enrolment.captures == CAPTURES_MAX

    def test_no_more_than_twenty_are_tried(self, memory_vault: Vault) -> None:
        verifier = Prepared()
        with begin(memory_vault, verifier=verifier) as enrolment:
            for _ in range(TRIES_MAX):
                enrolment.capture(NOBODY)
            with pytest.raises(EnrolmentIncomplete, match="of 20 tried"):
                enrolment.capture(ANNA.photo())
            assert len(verifier.seen) == TRIES_MAX
            assert enrolment.captures == 0

    @pytest.mark.parametrize(
        ("photo", "reason"), [(NOBODY, PhotoReason.NO_FACE), (ANNA.photo(eyes_px=20), PhotoReason.FACE_TOO_SMALL)]
    )
    def test_a_photo_that_is_no_good_is_refused_with_its_reason(
        self, photo: bytes, reason: PhotoReason, memory_vault: Vault
    ) -> None:
        with begin(memory_vault) as enrolment:
            report = enrolment.capture(photo)
            assert report.reasons == (reason,)
            assert report.captures == 0
            assert enrolment.capture(ANNA.photo()).captures == 1

    def test_photos_of_two_people_do_not_agree(self, memory_vault: Vault) -> None:
        with begin(memory_vault) as enrolment:
            enrolment.capture(ANNA.photo(1))
            report = enrolment.capture(BELA.photo(1))
            assert report.reasons == (PhotoReason.FRAMES_DISAGREE,)
            assert report.captures == 1
            assert enrolment.capture(ANNA.photo(2)).captures == 2
            claim = enrolment.finish()
        assert verify(memory_vault, claim, ANNA.photo(3)).decision.outcome is Outcome.MATCH
        assert verify(memory_vault, claim, BELA.photo(3)).decision.outcome is Outcome.NO_MATCH

    def test_a_photo_must_agree_with_every_one_before(self, memory_vault: Vault) -> None:
        """A face half-way between two people is like each of them, and does not join them."""
        between = ANNA.vector + BELA.vector
        both = (between / np.linalg.norm(between)).astype(np.float32).tobytes()
        with begin(memory_vault) as enrolment:
            assert enrolment.capture(ANNA.photo()).reasons == ()
            assert enrolment.capture(both).reasons == ()
            assert enrolment.capture(BELA.photo()).reasons == (PhotoReason.FRAMES_DISAGREE,)

    def test_a_file_that_is_no_image_is_a_fault(self, memory_vault: Vault) -> None:
        with begin(memory_vault) as enrolment:
            with pytest.raises(EmptyImage):
                enrolment.capture(b"")
            assert enrolment.captures == 0

    def test_a_refused_photo_leaves_no_trace(self, vault: Vault) -> None:
        with begin(vault) as enrolment:
            before = len(log(vault))
            enrolment.capture(NOBODY)
            enrolment.capture(ANNA.photo(eyes_px=20))
        assert len(log(vault)) == before
        assert kept(vault) == 0


class TestFinish:
    def test_the_claim_opens_the_reference(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA, captures=3)
        assert claim.type is ClaimType.RANDOM
        verification = verify(vault, claim, ANNA.photo(9))
        assert verification.decision.outcome is Outcome.MATCH
        assert verification.subject_id == subject_id(vault)

    def test_what_is_known_of_it_is_what_was_consented_to(self, vault: Vault, clock: Clock) -> None:
        with begin(vault, purpose="payment", days=30, renewal=True) as enrolment:
            clock.advance(minutes=5)
            for number in range(3):
                enrolment.capture(ANNA.photo(number))
            claim = enrolment.finish()
        with vault.store.reading() as tx:
            (reference,) = tx.references.of(enrolment.subject.id)
        assert reference.record_id == claim.record_id
        assert reference.consent_id == enrolment.consent.id
        assert reference.purpose == "payment"
        assert reference.renewal
        assert reference.captures == 3
        assert reference.state is ReferenceState.ACTIVE
        assert reference.created_at == reference.sealed_at == clock.now
        assert reference.expires_at == enrolment.consent.ends_at == enrolment.consent.given_at.replace(day=31)

    def test_it_is_logged_without_anything_that_opens(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA, captures=2)
        entry = log(vault)[-1]
        assert entry["event"] == "enrolled"
        assert entry["details"] == {
            "subject": subject_id(vault),
            "record": claim.record_id.hex(),
            "purpose": "door",
            "consent": log(vault)[0]["details"]["consent"],
            "captures": 2,
            "key_version": 1,
            "replaced": 0,
        }

    def test_the_claim_is_handed_out_once(self, vault: Vault) -> None:
        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            enrolment.finish()
            with pytest.raises(EnrolmentIncomplete):
                enrolment.finish()
        assert kept(vault) == 1

    def test_record_and_claim_are_new_each_time(self, memory_vault: Vault) -> None:
        claims = [enrol(memory_vault, ANNA, f"account {number}") for number in range(20)]
        assert len({claim.record_id for claim in claims}) == 20
        assert len({bytes(claim.secret.view) for claim in claims}) == 20

    def test_an_expired_reference_gives_way(self, vault: Vault, clock: Clock) -> None:
        old = enrol(vault, ANNA, days=1)
        clock.advance(days=1)
        new = enrol(vault, ANNA)
        assert verify(vault, new, ANNA.photo()).decision.outcome is Outcome.MATCH
        with pytest.raises(ClaimRefused):
            verify(vault, old, ANNA.photo())

    def test_nothing_is_kept_without_a_photo(self, vault: Vault) -> None:
        with begin(vault) as enrolment:
            enrolment.capture(NOBODY)
            with pytest.raises(EnrolmentIncomplete, match="no photo has been taken yet"):
                enrolment.finish()
        assert kept(vault) == 0
        assert events(vault) == ["consent_recorded"]

    def test_nothing_is_kept_when_the_block_is_left_early(self, vault: Vault) -> None:
        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
        with pytest.raises(EnrolmentIncomplete):
            enrolment.finish()
        assert kept(vault) == 0

    def test_nothing_is_kept_when_the_consent_was_withdrawn_meanwhile(self, vault: Vault) -> None:
        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            withdraw_consent(vault, enrolment.subject.id, "door")
            with pytest.raises(ConsentInvalid, match="withdrawn, or the subject erased"):
                enrolment.finish()
        assert kept(vault) == 0
        assert "enrolled" not in events(vault)

    def test_nothing_is_kept_when_the_subject_was_erased_meanwhile(self, vault: Vault) -> None:
        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            erase_subject(vault, enrolment.subject.id)
            with pytest.raises(ConsentInvalid):
                enrolment.finish()
        with vault.store.reading() as tx:
            assert tx.references.of(enrolment.subject.id) == []
            assert tx.references.count() == 0

    def test_nothing_is_kept_when_the_time_consented_to_is_over(self, vault: Vault, clock: Clock) -> None:
        """A claim that opens nothing must not be handed out."""
        with begin(vault, days=1) as enrolment:
            enrolment.capture(ANNA.photo())
            clock.advance(days=1)
            with pytest.raises(ConsentInvalid):
                enrolment.finish()
        assert kept(vault) == 0

    def test_nothing_is_kept_when_a_sweep_came_between(
        self, vault: Vault, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that was held up for longer than pending references are left alone."""
        put = vault.shreds.put

        def put_late(record_id: bytes, shred: Secret) -> None:
            put(record_id, shred)
            clock.advance(hours=2)
            assert sweep(vault).references == 1

        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            monkeypatch.setattr(vault.shreds, "put", put_late)
            with pytest.raises(EnrolmentIncomplete, match="swept away"):
                enrolment.finish()
        with vault.store.reading() as tx:
            assert tx.references.count() == 0

    def test_nothing_is_kept_when_the_shred_cannot_be(self, memory_vault: Vault, clock: Clock) -> None:
        def full(name: str) -> None:
            if name == "shreds.put":
                raise StoreUnusable("the disk is full")

        with begin(Spy(memory_vault, full).vault) as enrolment:
            enrolment.capture(ANNA.photo())
            with pytest.raises(StoreUnusable, match="the disk is full"):
                enrolment.finish()
        with memory_vault.store.reading() as tx:
            assert tx.references.count() == 0
        clock.advance(hours=2)
        sweep(memory_vault)
        assert kept(memory_vault) == 0

    @pytest.mark.parametrize("call", ["references.set_state", "audit.append", "keep"])
    def test_nothing_is_kept_when_the_last_step_fails(self, call: str, vault: Vault) -> None:
        armed = False

        def broken(name: str) -> None:
            nonlocal armed
            armed |= name == "shreds.put"
            if armed and name == call:
                armed = False
                raise StoreUnusable("the line went dead")

        spy = Spy(vault, broken)
        with begin(spy.vault) as enrolment:
            enrolment.capture(ANNA.photo())
            with pytest.raises(StoreUnusable, match="the line went dead"):
                enrolment.finish()
        assert kept(vault) == 0
        assert events(vault) == ["consent_recorded"]
        assert spy.count()["shreds.destroy"] == 1

    def test_a_claim_is_not_lost_with_the_connection_after_all_was_kept(self, vault: Vault) -> None:
        """The database has committed, and the answer never came."""
        old = enrol(vault, ANNA)

        class Lossy(Spy):
            @contextmanager
            def writing(self) -> Iterator[Transaction]:
                with super().writing() as tx:
                    yield tx
                if "references.set_state" in self.calls and self.calls.count("shreds.put") == 1:
                    self.calls.append("shreds.put")
                    raise StoreUnusable("the connection was lost")

        with begin(Lossy(vault).vault, replaces=True) as enrolment:
            enrolment.capture(ANNA.photo())
            claim = enrolment.finish()
        assert verify(vault, claim, ANNA.photo(1)).decision.outcome is Outcome.MATCH
        assert list(vault.shreds.missing([old.record_id])) == [old.record_id]

    def test_nor_when_one_is_impatient_just_then(self, vault: Vault) -> None:
        old = enrol(vault, ANNA)

        def interrupt(name: str) -> None:
            if name == "shreds.destroy":
                raise KeyboardInterrupt

        with begin(Spy(vault, interrupt).vault, replaces=True) as enrolment:
            enrolment.capture(ANNA.photo())
            claim = enrolment.finish()
        assert verify(vault, claim, ANNA.photo(1)).decision.outcome is Outcome.MATCH
        assert sweep(vault).references == 1
        assert list(vault.shreds.missing([old.record_id])) == [old.record_id]

    def test_the_row_comes_before_the_shred_and_both_before_it_is_active(self, vault: Vault) -> None:
        spy = Spy(vault)
        enrol(spy.vault, ANNA)
        steps = [call for call in spy.calls if call.startswith(("references.", "shreds.")) or call == "keep"]
        assert steps == [
            "references.of",
            "keep",
            "references.add",
            "keep",
            "shreds.put",
            "references.of",
            "references.set_state",
            "keep",
        ]

    def test_captures_and_template_are_zero_afterwards(
        self, memory_vault: Vault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        templates = []
        seal = SealedTemplate.seal

        def noted(template: Any, **how: Any) -> SealedTemplate:
            templates.append(template)
            assert template.vector.any()
            return seal(template, **how)

        monkeypatch.setattr(SealedTemplate, "seal", noted)
        with begin(memory_vault) as enrolment:
            for number in range(2):
                enrolment.capture(ANNA.photo(number))
            embeddings = list(enrolment._embeddings)
            assert all(each.vector.any() for each in embeddings)
            enrolment.finish()
        (template,) = templates
        assert not template.vector.any()
        assert not any(each.vector.any() for each in embeddings)

    def test_so_is_what_was_refused_for_another_face(self, memory_vault: Vault) -> None:
        class Remembering(Prepared):
            def acquire(self, photo: PhotoInput, **_: Any) -> Acquisition:
                found = super().acquire(photo)
                assert found.embedding is not None
                embeddings.append(found.embedding)
                return found

        embeddings: list[Embedding] = []
        with begin(memory_vault, verifier=Remembering()) as enrolment:
            for photo in (ANNA.photo(), BELA.photo(), ANNA.photo(eyes_px=20)):
                enrolment.capture(photo)
        assert len(embeddings) == 3
        assert not any(each.vector.any() for each in embeddings)

    def test_captures_are_zero_after_a_block_that_was_left_early(self, memory_vault: Vault) -> None:
        with begin(memory_vault) as enrolment:
            enrolment.capture(ANNA.photo())
            (embedding,) = enrolment._embeddings
        assert not embedding.vector.any()


class TestAgain:
    def test_who_is_enrolled_is_not_enrolled_again_for_the_same_purpose(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        before = log(vault)
        with pytest.raises(SubjectEnrolled, match="enrolled for 'door' already; replace") as refusal:
            begin(vault)
        assert refusal.value.code == "subject_enrolled"
        assert log(vault) == before
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_nor_by_an_enrolment_that_had_begun_before(self, vault: Vault) -> None:
        with begin(vault) as late:
            late.capture(BELA.photo())
            claim = enrol(vault, ANNA)
            with pytest.raises(SubjectEnrolled):
                late.finish()
        assert kept(vault) == 1
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_another_purpose_is_another_reference(self, vault: Vault) -> None:
        door, till = enrol(vault, ANNA), enrol(vault, ANNA, purpose="payment")
        assert kept(vault) == 2
        assert verify(vault, door, ANNA.photo()).decision.outcome is Outcome.MATCH
        assert verify(vault, till, ANNA.photo(), purpose="payment").decision.outcome is Outcome.MATCH

    def test_one_that_replaces_destroys_the_one_before(self, vault: Vault) -> None:
        old, other = enrol(vault, ANNA), enrol(vault, ANNA, purpose="payment")
        new = enrol(vault, ANNA, replaces=True)
        assert log(vault)[-1]["details"]["replaced"] == 1
        with pytest.raises(ClaimRefused):
            verify(vault, old, ANNA.photo())
        assert list(vault.shreds.missing([old.record_id, new.record_id, other.record_id])) == [old.record_id]
        assert kept(vault) == 2
        assert verify(vault, new, ANNA.photo()).decision.outcome is Outcome.MATCH
        assert verify(vault, other, ANNA.photo(), purpose="payment").decision.outcome is Outcome.MATCH

    def test_one_that_would_replace_and_fails_leaves_the_one_before(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA)
        with begin(vault, replaces=True) as enrolment:
            enrolment.capture(NOBODY)
            with pytest.raises(EnrolmentIncomplete):
                enrolment.finish()
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_a_claim_is_not_lost_when_what_it_replaces_cannot_be_destroyed(self, vault: Vault) -> None:
        def broken(name: str) -> None:
            if name == "shreds.destroy":
                raise StoreUnusable("the disk is gone")

        old = enrol(vault, ANNA)
        new = enrol(Spy(vault, broken).vault, ANNA, replaces=True)
        assert verify(vault, new, ANNA.photo()).decision.outcome is Outcome.MATCH
        with pytest.raises(ClaimRefused):
            verify(vault, old, ANNA.photo())
        assert sweep(vault).references == 1
        assert list(vault.shreds.missing([old.record_id])) == [old.record_id]

    def test_of_two_enrolments_at_once_one_is_kept(self, vault: Vault) -> None:
        with begin(vault) as one, begin(vault) as other:
            one.capture(ANNA.photo())
            other.capture(ANNA.photo(1))
            claim = one.finish()
            with pytest.raises(SubjectEnrolled):
                other.finish()
        assert kept(vault) == 1
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_a_subject_that_is_being_erased_is_not_enrolled(self, vault: Vault) -> None:
        mine = begin(vault).subject
        with vault.store.writing() as tx:
            tx.subjects.begin_erasure(mine.id)
        with pytest.raises(SubjectEnrolled, match="being erased"):
            begin(vault)


class TestPasskey:
    SALT = bytes(range(1, 17))

    def passkey(self) -> PasskeyClaim:
        return PasskeyClaim(Secret(bytes(range(32, 64))), self.SALT)

    def test_it_is_the_claim(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA, passkey=self.passkey())
        assert claim.type is ClaimType.PASSKEY
        assert bytes(claim.secret.view) == bytes(range(32, 64))
        assert verify(vault, claim, ANNA.photo()).decision.outcome is Outcome.MATCH

    def test_what_the_passkey_must_be_given_is_kept_with_the_record(self, vault: Vault) -> None:
        claim = enrol(vault, ANNA, passkey=self.passkey())
        with vault.store.reading() as tx:
            sealed = SealedTemplate.parse(tx.references.sealed(claim.record_id) or b"")
        assert sealed.claim_type is ClaimType.PASSKEY
        assert sealed.claim_salt == self.SALT

    def test_one_that_cannot_be_leaves_nothing(self, vault: Vault) -> None:
        wrong = (
            PasskeyClaim(Secret(bytes(31)), self.SALT),
            PasskeyClaim(Secret.random(), bytes(16)),
        )
        for passkey in wrong:
            with begin(vault) as enrolment:
                enrolment.capture(ANNA.photo())
                with pytest.raises(VisavisError):
                    enrolment.finish(passkey=passkey)
            assert kept(vault) == 0


class TestWithRealPhotos:
    def test_from_photos_to_a_match(self, sqlite_vault: Vault, verifier: Verifier) -> None:
        name, stranger = PEOPLE[:2]
        with begin(sqlite_vault, verifier=verifier) as enrolment:
            assert enrolment.capture(person(name, "studio_portrait")).reasons == ()
            assert enrolment.capture(pixels(stranger, "studio_portrait")).reasons == (PhotoReason.FRAMES_DISAGREE,)
            assert enrolment.capture(pixels(name, "amateur_selfie", 60)).reasons != ()
            two = np.hstack([pixels(each, "studio_portrait", 400) for each in (name, stranger)])
            assert enrolment.capture(two).reasons == (PhotoReason.SEVERAL_FACES,)
            with pytest.raises(ImageError) as refusal:
                enrolment.capture(person(name, "studio_portrait")[:2000])
            assert isinstance(refusal.value, DamagedImage | ImageError)
            with enrolment.finish() as claim:
                text = claim.text()
        for frames, outcome in (
            ([pixels(name, "amateur_selfie"), pixels(name, "amateur_selfie", 900)], Outcome.MATCH),
            ([pixels(stranger, "amateur_selfie")], Outcome.NO_MATCH),
            ([np.full((64, 64, 3), 255, np.uint8)], Outcome.INCONCLUSIVE),
        ):
            verification = verify_claim(
                sqlite_vault,
                Models(verifier),
                claim=text,
                probe=Probe(frames),
                policy="1e-4",
                expected=Expected("door", enrolment.subject.id),
            )
            assert verification.decision.outcome is outcome
            assert verification.subject_id == (enrolment.subject.id if outcome is Outcome.MATCH else None)
