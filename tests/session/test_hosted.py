"""Verification sessions: opened by an application, submitted to by its user's client, answered by signed reports."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.session import NOBODY, Clock, Person, Prepared, Spy, begin, consent_text, enrol, log, subject_id, uploaded
from visavis.errors import (
    ClientSecretRefused,
    EmptyImage,
    InputInvalid,
    LivenessRequired,
    PolicyUnknown,
    PolicyUnsupported,
    SessionClosed,
    SessionUnknown,
    StoreUnusable,
    SubjectUnknown,
)
from visavis.session import (
    Against,
    Capture,
    Desk,
    Issuing,
    Models,
    Payment,
    SessionStatus,
    ToEnrol,
    Trust,
    Vault,
    VerificationSession,
    Wanted,
    cancel_session,
    erase_subject,
    expire_sessions,
    find_session,
    issue_credential,
    line_of,
    open_enrolment,
    open_session,
    redact_session,
    report_of,
    reports_of,
    shown_to,
    sign_status_list,
    submit,
)
from visavis.session import enrol as enrol_hosted
from visavis.session.hosted import KEPT, LEASE
from visavis.template import Claim, FileKeys, Issuer, key_id, signed

ANNA, BELA = Person(1), Person(2)
Status = SessionStatus


@pytest.fixture
def desk(vault: Vault) -> Desk:
    return Desk(vault, Models(Prepared()), "https://verify.example", vault.audit_signer)


def opened(desk: Desk, *, against: Against = Against.SUBJECT, **how: Any) -> tuple[VerificationSession, str]:
    """A session of the shop's, against anna or as said."""
    whose = subject_id(desk.vault) if against is Against.SUBJECT else None
    wanted = uploaded(against, whose, payment=how.pop("payment", None), nonce=how.pop("nonce", None))
    return open_session(desk, application="shop", wanted=wanted, **how)


def capture(person: Person, claim: Claim | None = None, number: int = 7, **more: Any) -> Capture:
    return Capture([person.photo(number)], claim=None if claim is None else claim.text(), **more)


def claims_of(jws: str) -> dict[str, Any]:
    header, payload, _ = jws.split(".")
    assert decoded(header)["alg"] == "EdDSA"
    return decoded(payload)


def decoded(part: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


class TestOrder:
    def test_attempts_do_not_come_back(self, desk: Desk) -> None:
        """Another submission is taken and answered between the look at the session and its taking."""
        session, secret = opened(desk, against=Against.UPLOAD)
        shown = Capture([BELA.photo(1)], reference=ANNA.photo())
        first: list[int] = []

        def between(name: str) -> None:
            if name == "writing" and not first:
                first.append(submit(desk, session.id, secret, shown).attempts_left)

        after = submit(replace(desk, vault=Spy(desk.vault, between).vault), session.id, secret, shown)
        assert (first, after.attempts_left) == ([2], 1)

    def test_a_session_is_canceled_as_it_is(self, desk: Desk) -> None:
        session, secret = opened(desk, against=Against.UPLOAD)
        shown = Capture([BELA.photo(1)], reference=ANNA.photo())
        before: list[int] = []

        def between(name: str) -> None:
            if name == "writing" and not before:
                before.append(submit(desk, session.id, secret, shown).attempts_left)

        spied = replace(desk, vault=Spy(desk.vault, between).vault)
        assert cancel_session(spied, session.id, Wanted, application="shop").attempts_left == 2

    def test_nobody_is_asked_for_what_there_is_not(self, desk: Desk) -> None:
        enrol(desk.vault, ANNA)
        with pytest.raises(InputInvalid, match="no reference for the purpose 'till'"):
            open_session(
                desk, application="shop", wanted=Wanted("till", "1e-4", Against.SUBJECT, subject_id(desk.vault))
            )

    def test_a_session_is_redacted_once(self, desk: Desk) -> None:
        session, _ = opened(desk, against=Against.UPLOAD)
        cancel_session(desk, session.id, Wanted, application="shop")
        redact_session(desk, session.id, application="shop")
        with pytest.raises(SessionClosed, match=r"redacted at 2026-03-01T12:00:00\.000000Z already"):
            redact_session(desk, session.id, application="shop")

    def test_the_application_is_told_of_sessions_that_end_with_their_subject(self, desk: Desk) -> None:
        enrol(desk.vault, ANNA)
        session, _ = opened(desk)
        erase_subject(desk.vault, subject_id(desk.vault))
        with desk.vault.store.reading() as tx:
            told = {(each.type, each.data["id"]) for each in tx.outbox.page("shop")}
        assert ("verification_session.canceled", session.id) in told
        with pytest.raises(SessionUnknown):
            find_session(desk, session.id, Wanted, application="shop")


class TestAnswer:
    def test_a_match_is_verified_and_signed(self, desk: Desk, clock: Clock) -> None:
        claim = enrol(desk.vault, ANNA)
        payment = Payment("12.50", "EUR", "Bäckerei Süß")
        session, secret = opened(desk, payment=payment, nonce="order 77")
        assert session.status is Status.REQUIRES_INPUT
        clock.advance(seconds=5)
        after = submit(desk, session.id, secret, capture(ANNA, claim))
        assert (after.status, after.last_error, after.attempts_left) == (Status.VERIFIED, None, 2)
        (report,) = reports_of(desk, session.id, application="shop")
        assert report_of(desk, report.id, application="shop") == report
        assert report.decision["outcome"] == "match"
        mine = subject_id(desk.vault)
        assert claims_of(report.jws) == {
            "iss": "https://verify.example",
            "aud": "shop",
            "jti": report.id,
            "iat": int(clock.now.timestamp()),
            "session": session.id,
            "session_created_at": "2026-03-01T12:00:00.000000Z",
            "sub": mine,
            "purpose": "door",
            "against": "subject",
            "transaction": {"amount": "12.50", "currency": "EUR", "payee": "Bäckerei Süß"},
            "nonce": "order 77",
            "outcome": "match",
            "policy": {"name": "1e-4", "fmr_target": 1e-4, "version": 1, "extrapolated": False},
            "liveness": {"status": "not_checked", "method": None, "reasons": []},
        }
        head, _, made = report.jws.rpartition(".")
        public = desk.signer.public
        assert decoded(head.split(".")[0]) == {"alg": "EdDSA", "kid": key_id(public).hex(), "typ": "visavis-report+jwt"}
        assert signed(public, urlsafe_b64decode(made + "=="), head.encode())

    def test_the_signed_answer_holds_no_score(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)
        submit(desk, session.id, secret, capture(BELA, claim))
        (report,) = reports_of(desk, session.id, application="shop")
        assert report.decision["score"] is not None
        assert "score" not in json.dumps({**claims_of(report.jws), "outcome": None})
        assert str(report) == f"<Report {report.id}>"

    def test_what_the_client_sees_is_a_code(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk, attempts=2)
        after = submit(desk, session.id, secret, capture(BELA, claim))
        assert (after.status, after.attempts_left) == (Status.REQUIRES_INPUT, 1)
        assert after.last_error == "score_below_threshold"
        after = submit(desk, session.id, secret, capture(BELA, claim))
        assert (after.status, after.attempts_left) == (Status.CANCELED, 0)
        with pytest.raises(SessionClosed, match="canceled; it takes no capture"):
            submit(desk, session.id, secret, capture(ANNA, claim))
        assert len(reports_of(desk, session.id, application="shop")) == 2

    def test_a_refused_claim_uses_up_an_attempt(self, desk: Desk) -> None:
        enrol(desk.vault, ANNA)
        others = enrol(desk.vault, BELA, "bela")
        session, secret = opened(desk)
        after = submit(desk, session.id, secret, capture(BELA, others))
        assert (after.status, after.last_error, after.attempts_left) == (Status.REQUIRES_INPUT, "claim_refused", 2)
        assert reports_of(desk, session.id, application="shop") == []

    def test_a_poor_photo_uses_up_none(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)
        after = submit(desk, session.id, secret, Capture([NOBODY], claim=claim.text()))
        assert (after.status, after.last_error, after.attempts_left) == (Status.REQUIRES_INPUT, "no_face", 3)
        with pytest.raises(EmptyImage):
            submit(desk, session.id, secret, Capture([b""], claim=claim.text()))
        then = shown_to(desk, session.id, secret)
        assert (then.status, then.last_error, then.attempts_left) == (Status.REQUIRES_INPUT, "image_empty", 3)

    def test_against_an_uploaded_photo(self, vault: Vault, desk: Desk) -> None:
        for person, status in ((ANNA, Status.VERIFIED), (BELA, Status.REQUIRES_INPUT)):
            session, secret = opened(desk, against=Against.UPLOAD)
            after = submit(desk, session.id, secret, capture(ANNA, reference=person.photo()))
            assert after.status is status
            (report,) = reports_of(desk, session.id, application="shop")
            assert not {"sub", "credential", "transaction"} & claims_of(report.jws).keys()

    def test_against_a_credential(self, vault: Vault, keys: FileKeys, desk: Desk) -> None:
        issuer = Issuer("https://issuer.example", "", keys.public_keys("issuer"))
        office = Issuing(issuer, keys.signer("issuer"), keys.key("verifier", 1))
        with begin(vault) as enrolment:
            enrolment.capture(ANNA.photo())
            credential, holder = issue_credential(vault, enrolment, office, valid_for=timedelta(days=9))
        assert holder is not None
        with pytest.raises(InputInvalid, match="no issuer is trusted"):
            opened(desk, against=Against.CREDENTIAL)
        trust = Trust([issuer], [sign_status_list(vault, issuer, office.signer)], keys.verifier_keys())
        desk = replace(desk, trust=lambda: trust, issuing=office)
        session, secret = opened(desk, against=Against.CREDENTIAL)
        shown = capture(ANNA, credential=credential.text(), holder=holder.text())
        wrong = replace(trust, status_lists=[])
        after = submit(replace(desk, trust=lambda: wrong), session.id, secret, shown)
        assert (after.status, after.last_error) == (Status.REQUIRES_INPUT, "status_list_stale")
        assert submit(desk, session.id, secret, shown).status is Status.VERIFIED
        (report,) = reports_of(desk, session.id, application="shop")
        told = claims_of(report.jws)
        assert (told["sub"], told["credential"]) == (subject_id(vault), credential.cti.hex())

    @pytest.mark.parametrize("against", [each for each in Against if each is not Against.DOCUMENT])
    def test_what_is_missing_is_named(self, against: Against, desk: Desk) -> None:
        enrol(desk.vault, ANNA)
        desk = replace(desk, trust=lambda: Trust([], [], {}))
        session, secret = opened(desk, against=against)
        with pytest.raises(InputInvalid, match="submit the"):
            submit(desk, session.id, secret, capture(ANNA))
        assert shown_to(desk, session.id, secret).attempts_left == 3


class TestOpening:
    @pytest.mark.parametrize(
        ("how", "error"),
        [
            ({"attempts": 0}, InputInvalid),
            ({"attempts": 11}, InputInvalid),
            ({"life": timedelta(seconds=29)}, InputInvalid),
            ({"life": timedelta(days=2)}, InputInvalid),
            ({"wanted": {"policy": "1e-9"}}, PolicyUnknown),
            ({"wanted": {"policy": "document-1e-4"}}, PolicyUnsupported),
            ({"wanted": {"subject_id": "sub_nobody"}}, SubjectUnknown),
            ({"wanted": {"subject_id": None}}, InputInvalid),
            ({"wanted": {"against": Against.UPLOAD}}, InputInvalid),
        ],
    )
    def test_one_that_cannot_be(self, how: dict[str, Any], error: type[Exception], desk: Desk) -> None:
        enrol(desk.vault, ANNA)
        before = log(desk.vault)
        wanted = Wanted("door", "1e-4", Against.SUBJECT, subject_id(desk.vault))
        how = {**how, "wanted": replace(wanted, **how.get("wanted", {}))}
        with pytest.raises(error):
            open_session(desk, application="shop", **how)
        assert log(desk.vault) == before

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Payment("0", "EUR", "x"),
            lambda: Payment("1,5", "EUR", "x"),
            lambda: Payment("-1", "EUR", "x"),
            lambda: Payment("1e3", "EUR", "x"),
            lambda: Payment("1", "eur", "x"),
            lambda: Payment("1", "EUR", ""),
            lambda: Payment("1", "EUR", "a\nb"),
            lambda: Wanted("Door", "1e-4", Against.UPLOAD),
            lambda: Wanted("door", "1e-4", Against.UPLOAD, nonce=""),
            lambda: Wanted("door", "1e-4", Against.UPLOAD, nonce="\0"),
        ],
    )
    def test_what_no_session_can_hold(self, make: Callable[[], object]) -> None:
        with pytest.raises(InputInvalid):
            make()


class TestLiveness:
    """Who must be captured live cannot upload photos instead."""

    @pytest.mark.parametrize("against", [Against.SUBJECT, Against.UPLOAD])
    def test_no_photos_are_taken_for_a_verification(self, against: Against, desk: Desk) -> None:
        claim, verifier = enrol(desk.vault, ANNA), Prepared()
        desk = replace(desk, models=Models(verifier))
        whose = subject_id(desk.vault) if against is Against.SUBJECT else None
        session, secret = open_session(desk, application="shop", wanted=Wanted("door", "1e-4", against, whose))
        shown = capture(ANNA, claim, reference=ANNA.photo())
        for _ in range(2):
            with pytest.raises(LivenessRequired, match="needs a live capture"):
                submit(desk, session.id, secret, shown)
        after = shown_to(desk, session.id, secret)
        assert (after.status, after.last_error) == (Status.REQUIRES_INPUT, "liveness_required")
        assert (after.attempts_left, after.lease) == (3, None)
        assert reports_of(desk, session.id, application="shop") == []
        assert verifier.seen == []

    def test_nor_for_an_enrolment(self, desk: Desk) -> None:
        verifier = Prepared()
        desk = replace(desk, models=Models(verifier))
        session, secret = open_enrolment(
            desk, application="shop", subject="anna", consent=consent_text(), recorded_by="the desk"
        )
        with pytest.raises(LivenessRequired, match="needs a live capture"):
            enrol_hosted(desk, session.id, secret, [ANNA.photo()])
        after = shown_to(desk, session.id, secret)
        assert (after.status, after.last_error, after.attempts_left) == (Status.REQUIRES_INPUT, "liveness_required", 5)
        with desk.vault.store.reading() as tx:
            assert tx.references.of(session.wanted.subject_id) == []
        assert verifier.seen == []


class TestWhose:
    def test_another_application_sees_nothing(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)
        submit(desk, session.id, secret, capture(ANNA, claim))
        (report,) = reports_of(desk, session.id, application="shop")
        for act in (reports_of, redact_session):
            with pytest.raises(SessionUnknown):
                act(desk, session.id, application="bank")
        for look in (find_session, cancel_session):
            with pytest.raises(SessionUnknown):
                look(desk, session.id, Wanted, application="bank")
            with pytest.raises(SessionUnknown):
                look(desk, session.id, ToEnrol, application="shop")
        with pytest.raises(SessionUnknown):
            report_of(desk, report.id, application="bank")
        assert reports_of(desk, session.id, application="shop") == [report]

    def test_another_sessions_secret_opens_nothing(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        (session, secret), (other, others) = opened(desk), opened(desk)
        for id_, wrong in ((session.id, others), (other.id, secret), ("vs_0", secret), (session.id, "")):
            with pytest.raises(ClientSecretRefused, match="not the secret of a session"):
                submit(desk, id_, wrong, capture(ANNA, claim))
        assert shown_to(desk, session.id, secret) == session

    def test_the_secret_is_kept_nowhere(self, desk: Desk) -> None:
        enrol(desk.vault, ANNA)
        session, secret = opened(desk)
        assert secret not in repr(session) + str(log(desk.vault))
        assert session.secret_hash.hex() not in repr(session)


class TestLife:
    def test_a_secret_that_was_used_up_is_of_no_use(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)
        submit(desk, session.id, secret, capture(ANNA, claim))
        with pytest.raises(SessionClosed):
            submit(desk, session.id, secret, capture(ANNA, claim))
        assert len(reports_of(desk, session.id, application="shop")) == 1

    def test_it_expires(self, desk: Desk, clock: Clock) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk, life=timedelta(minutes=1))
        clock.advance(seconds=60)
        assert find_session(desk, session.id, Wanted, application="shop").status is Status.EXPIRED
        with pytest.raises(SessionClosed, match="expired"):
            submit(desk, session.id, secret, capture(ANNA, claim))
        with pytest.raises(SessionClosed, match="expired"):
            cancel_session(desk, session.id, Wanted, application="shop")
        assert [expire_sessions(desk.vault) for _ in range(2)] == [1, 0]
        assert log(desk.vault)[-1]["details"]["status"] == "expired"
        clock.now += KEPT + timedelta(seconds=1)
        expire_sessions(desk.vault)
        with pytest.raises(SessionUnknown):
            find_session(desk, session.id, Wanted, application="shop")

    def test_it_can_be_canceled_once(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)
        assert cancel_session(desk, session.id, Wanted, application="shop").status is Status.CANCELED
        with pytest.raises(SessionClosed):
            cancel_session(desk, session.id, Wanted, application="shop")
        with pytest.raises(SessionClosed):
            submit(desk, session.id, secret, capture(ANNA, claim))

    def test_one_canceled_while_a_capture_is_looked_at_stays_so(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)

        def interfere(name: str) -> None:
            if name == "shreds.get":
                cancel_session(desk, session.id, Wanted, application="shop")

        with pytest.raises(SessionClosed, match="nothing was kept"):
            submit(replace(desk, vault=Spy(desk.vault, interfere).vault), session.id, secret, capture(ANNA, claim))
        assert find_session(desk, session.id, Wanted, application="shop").status is Status.CANCELED
        assert reports_of(desk, session.id, application="shop") == []

    def test_two_captures_at_once_are_one_too_many(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)
        refused = []

        def interfere(name: str) -> None:
            if name == "shreds.get":
                with pytest.raises(SessionClosed) as refusal:
                    submit(desk, session.id, secret, capture(ANNA, claim))
                refused.append(str(refusal.value))

        after = submit(replace(desk, vault=Spy(desk.vault, interfere).vault), session.id, secret, capture(ANNA, claim))
        assert after.status is Status.VERIFIED
        assert refused == ["a capture is being looked at; wait for the answer"]

    @pytest.mark.parametrize("swept", [True, False])
    def test_a_submission_that_broke_off_is_given_back(self, swept: bool, desk: Desk, clock: Clock) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk)

        def die(name: str) -> None:
            if name in ("shreds.get", "sessions.move") and spy.calls.count("sessions.move") > (name == "sessions.move"):
                raise StoreUnusable("killed")

        spy = Spy(desk.vault, die)
        with pytest.raises(StoreUnusable):
            submit(replace(desk, vault=spy.vault), session.id, secret, capture(ANNA, claim))
        assert shown_to(desk, session.id, secret).status is Status.PROCESSING
        with pytest.raises(SessionClosed, match="being looked at"):
            submit(desk, session.id, secret, capture(ANNA, claim))
        clock.now += LEASE
        if swept:
            expire_sessions(desk.vault)
            shown = shown_to(desk, session.id, secret)
            assert (shown.status, shown.last_error) == (Status.REQUIRES_INPUT, "interrupted")
        assert submit(desk, session.id, secret, capture(ANNA, claim)).status is Status.VERIFIED


class TestForgetting:
    def test_redaction_leaves_no_person(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session, secret = opened(desk, payment=Payment("1", "EUR", "Anna's shop"), nonce="n")
        with pytest.raises(SessionClosed, match="cancel it first"):
            redact_session(desk, session.id, application="shop")
        submit(desk, session.id, secret, capture(ANNA, claim))
        (report,) = reports_of(desk, session.id, application="shop")
        receipt = redact_session(desk, session.id, application="shop")
        assert (receipt.content["session"], receipt.content["reports"]) == (session.id, 1)
        assert signed(receipt.key, receipt.signature, b"visavis receipt v1" + line_of(receipt.content).encode())
        kept = find_session(desk, session.id, Wanted, application="shop")
        assert (kept.wanted.subject_id, kept.wanted.payment, kept.wanted.nonce) == (None, None, None)
        assert (kept.status, kept.redacted_at) == (Status.VERIFIED, desk.vault.clock())
        assert reports_of(desk, session.id, application="shop") == []
        with pytest.raises(SessionUnknown):
            report_of(desk, report.id, application="shop")
        assert log(desk.vault)[-1]["event"] == "redacted"

    def test_an_erased_subjects_sessions_go_with_it(self, desk: Desk) -> None:
        claim, others = enrol(desk.vault, ANNA), enrol(desk.vault, BELA, "bela")
        session, secret = opened(desk)
        submit(desk, session.id, secret, capture(ANNA, claim))
        wanted = uploaded(Against.SUBJECT, subject_id(desk.vault, "bela"))
        other, key = open_session(desk, application="shop", wanted=wanted)
        submit(desk, other.id, key, capture(BELA, others))
        erase_subject(desk.vault, subject_id(desk.vault))
        with pytest.raises(SessionUnknown):
            find_session(desk, session.id, Wanted, application="shop")
        with desk.vault.store.reading() as tx:
            assert tx.sessions.reports(session.id) == []
        assert len(reports_of(desk, other.id, application="shop")) == 1
