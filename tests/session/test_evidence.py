"""Photos that are kept as evidence: where operator, application and person want it, and no longer than that."""

import json
from base64 import urlsafe_b64decode
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.session import (
    NOBODY,
    Clock,
    Person,
    Prepared,
    Spy,
    consent_text,
    copy,
    enrol,
    events,
    log,
    subject_id,
    uploaded,
)
from tests.session.conftest import MakeVault
from tests.session.test_hosted import claims_of
from visavis.errors import (
    ConsentInvalid,
    EvidenceUnknown,
    EvidenceUnreadable,
    InputInvalid,
    SessionClosed,
    StoreUnusable,
)
from visavis.session import (
    Against,
    Capture,
    Desk,
    EnrolmentSession,
    Entry,
    Evidence,
    EvidenceTerms,
    FreshStatusList,
    Issuing,
    LivenessPolicy,
    Models,
    SessionStatus,
    Trust,
    Vault,
    VerificationSession,
    Yields,
    erase_evidence,
    erase_subject,
    expire_sessions,
    export_evidence,
    export_subject,
    open_enrolment,
    open_session,
    redact_session,
    reports_of,
    restore,
    submit,
    sweep,
    withdraw_consent,
)
from visavis.session import enrol as enrol_hosted
from visavis.store import Database, FileShreds, MemoryShreds
from visavis.template import Envelope, FileKeys, Issuer, Secret, public_of

ANNA, BELA = Person(1), Person(2)
PRIVATE = Secret(bytes(range(1, 33)))
TERMS = EvidenceTerms("May we keep your photos, so that a dispute can be settled?", "2026-01", "en", 90)


@pytest.fixture
def desk(vault: Vault) -> Desk:
    return desk_of(vault)


def desk_of(vault: Vault) -> Desk:
    models = Models(Prepared())
    return Desk(vault, models, "https://verify.example", vault.audit_signer, evidence_key=public_of(PRIVATE))


def opened(desk: Desk, *, subject: str | None = None, terms: EvidenceTerms | None = TERMS) -> tuple[str, str]:
    against = Against.UPLOAD if subject is None else Against.SUBJECT
    session, secret = open_session(desk, application="shop", wanted=uploaded(against, subject), evidence=terms)
    return session.id, secret


def opened_enrolment(desk: Desk, *, days: int = 365, **how: Any) -> tuple[EnrolmentSession, str]:
    """Anna's, to which photos are uploaded."""
    return open_enrolment(
        desk,
        application="shop",
        subject="anna",
        consent=consent_text(days=days),
        recorded_by="the desk",
        liveness=LivenessPolicy.NOT_CHECKED,
        **how,
    )


def kept(vault: Vault) -> list[Evidence]:
    with vault.store.reading() as tx:
        return list(tx.evidence.of())


def show(desk: Desk, session: tuple[str, str], *, person: Person = ANNA, agreed: bool = True) -> VerificationSession:
    return submit(desk, *session, Capture([person.photo(1)], reference=ANNA.photo(), agreed=agreed))


def some(desk: Desk, *, subject: str | None = None) -> Evidence:
    """Evidence of a verification that matched, about the subject where one is named."""
    before = kept(desk.vault)
    if subject is None:
        show(desk, opened(desk))
    else:
        claim = enrol(desk.vault, ANNA, subject)
        session = opened(desk, subject=subject_id(desk.vault, subject))
        submit(desk, *session, Capture([ANNA.photo(1)], claim=claim.text(), agreed=True))
    (made,) = set(kept(desk.vault)).difference(before)
    return made


def with_credentials(desk: Desk) -> Desk:
    """One that issues and accepts credentials."""
    assert isinstance(desk.vault.keys, FileKeys)
    keys = desk.vault.keys
    issuer = Issuer("https://issuer.example", "https://issuer.example/list", keys.public_keys("issuer"))
    issuing = Issuing(issuer, keys.signer("issuer"), keys.key("verifier", 1))
    fresh = FreshStatusList(desk.vault, issuing)
    return replace(desk, trust=lambda: Trust([issuer], [fresh.current()], keys.verifier_keys()), issuing=issuing)


def credential_of(desk: Desk) -> dict[str, Any]:
    """The codes of a credential that is issued to Anna."""
    session, secret = opened_enrolment(desk, yields=Yields.CREDENTIAL)
    done = enrol_hosted(desk, session.id, secret, [ANNA.photo()])
    return {"credential": done.credential, "holder": done.holder}


def unzipped(vault: Vault, evidence: Evidence) -> dict[str, bytes]:
    """What who holds the private key finds in it."""
    exported = bytes(export_evidence(vault, evidence.name))
    with ZipFile(BytesIO(Envelope.parse(exported).open(PRIVATE))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def consistent(vault: Vault) -> bool:
    """Whether all evidence has a shred, and every shred belongs to something."""
    with vault.store.reading() as tx:
        ids = list(tx.evidence.ids())
        stray = tx.references.unknown(tx.evidence.unknown(list(vault.shreds.ids())))
    return not vault.shreds.missing(ids) and not stray


class TestKeeping:
    def test_the_photos_are_kept_with_what_they_are_evidence_of(self, desk: Desk, clock: Clock) -> None:
        session = opened(desk)
        frames = [ANNA.photo(1), ANNA.photo(2)]
        submit(desk, *session, Capture(frames, reference=ANNA.photo(), agreed=True))
        (evidence,) = kept(desk.vault)
        (report,) = reports_of(desk, session[0], application="shop")
        assert (evidence.session_id, evidence.report_id, evidence.subject_id) == (session[0], report.id, None)
        assert evidence.expires_at == clock.now + timedelta(days=90)
        files = unzipped(desk.vault, evidence)
        assert files.pop("report.jws").decode() == report.jws
        assert json.loads(files.pop("about.json")) == {**evidence.to_dict(), "text": TERMS.text}
        assert files == {"reference.bin": ANNA.photo(), "probe-1.bin": frames[0], "probe-2.bin": frames[1]}

    def test_who_does_not_agree_is_verified_all_the_same(self, desk: Desk) -> None:
        assert show(desk, opened(desk), agreed=False).status is SessionStatus.VERIFIED
        assert kept(desk.vault) == []

    def test_nothing_is_kept_where_the_session_does_not_ask(self, desk: Desk) -> None:
        session = opened(desk, terms=None)
        with pytest.raises(InputInvalid, match="there is nothing to agree to"):
            show(desk, session)
        after = show(desk, session, agreed=False)
        assert (after.status, after.attempts_left) == (SessionStatus.VERIFIED, 2)
        assert kept(desk.vault) == []

    def test_nothing_is_kept_where_the_operator_has_not_switched_it_on(self, desk: Desk) -> None:
        off = replace(desk, evidence_key=None)
        with pytest.raises(InputInvalid, match="not switched it on with --evidence-key"):
            opened(off)
        assert show(off, opened(desk)).status is SessionStatus.VERIFIED
        assert kept(desk.vault) == []

    def test_each_attempt_that_was_compared_is_evidence(self, desk: Desk) -> None:
        session = opened(desk)
        assert show(desk, session, person=BELA).status is SessionStatus.REQUIRES_INPUT
        show(desk, session)
        reports = reports_of(desk, session[0], application="shop")
        assert {each.report_id for each in kept(desk.vault)} == {each.id for each in reports}

    def test_photos_of_codes_are_not_kept(self, desk: Desk) -> None:
        evidence = some(desk, subject="anna")
        assert sorted(unzipped(desk.vault, evidence)) == ["about.json", "probe-1.bin", "report.jws"]
        assert evidence.subject_id == subject_id(desk.vault)

    def test_an_enrolments_photos(self, desk: Desk) -> None:
        session, secret = opened_enrolment(desk, evidence=TERMS)
        photos = [ANNA.photo(1), ANNA.photo(2)]
        assert enrol_hosted(desk, session.id, secret, [NOBODY], agreed=True).session.last_error == "no_face"
        assert kept(desk.vault) == []
        enrol_hosted(desk, session.id, secret, photos, agreed=True)
        (evidence,) = kept(desk.vault)
        assert (evidence.report_id, evidence.subject_id) == (None, subject_id(desk.vault))
        files = unzipped(desk.vault, evidence)
        assert [files[f"photo-{number}.bin"] for number in (1, 2)] == photos
        assert sorted(files) == ["about.json", "photo-1.bin", "photo-2.bin"]

    def test_it_is_logged_with_the_hash_of_what_is_exported(self, desk: Desk) -> None:
        evidence = some(desk)
        entry = next(each for each in log(desk.vault) if each["event"] == "evidence_kept")
        assert entry["details"] == {
            "evidence": evidence.name,
            "session": evidence.session_id,
            "subject": None,
            "text_sha256": TERMS.text_sha256,
            "expires_at": "2026-05-30T12:00:00.000000Z",
            "sha256": export_evidence(desk.vault, evidence.name).sha256(),
        }
        assert log(desk.vault)[-1]["event"] == "evidence_exported"

    @pytest.mark.parametrize(
        "changes", [{"text": " "}, {"text": 20_001 * "a"}, {"version": ""}, {"locale": "?"}, {"retention_days": 0}]
    )
    def test_terms_that_cannot_be(self, changes: dict[str, object]) -> None:
        with pytest.raises((ConsentInvalid, InputInvalid)):
            replace(TERMS, **changes)  # type: ignore[arg-type]

    def test_the_session_is_forgotten_when_it_is_not_evidence_any_more(self, desk: Desk, clock: Clock) -> None:
        session = opened(desk)
        show(desk, session)
        erase_evidence(desk.vault, kept(desk.vault)[0].name)
        clock.advance(days=31)
        expire_sessions(desk.vault)
        with desk.vault.store.reading() as tx:
            assert tx.sessions.get(session[0]) is None

    def test_the_session_is_remembered_as_long(self, desk: Desk, clock: Clock) -> None:
        with_evidence, without = opened(desk), opened(desk)
        show(desk, with_evidence)
        show(desk, without, agreed=False)
        clock.advance(days=89)
        expire_sessions(desk.vault)
        with desk.vault.store.reading() as tx:
            assert tx.sessions.get(without[0]) is None
            assert tx.sessions.get(with_evidence[0]) is not None
        assert redact_session(desk, with_evidence[0], application="shop").content["evidence"] == 1
        assert kept(desk.vault) == []

    def test_an_answer_that_nothing_could_be_compared_for_is_evidence_of_nothing(self, desk: Desk) -> None:
        session = opened(desk)
        after = [submit(desk, *session, Capture([NOBODY], reference=ANNA.photo(), agreed=True)) for _ in range(21)]
        assert [each.attempts_left for each in after] == 20 * [3] + [2]
        assert after[0].last_error == "no_face"
        assert kept(desk.vault) == []
        assert len(reports_of(desk, session[0], application="shop")) == 21

    def test_what_was_not_compared_is_none(self, desk: Desk) -> None:
        claim = enrol(desk.vault, ANNA)
        session = opened(desk, subject=subject_id(desk.vault))
        shown = Capture([ANNA.photo(1)], claim=claim.text(), reference=b"of somebody else", agreed=True)
        submit(desk, *session, shown)
        assert sorted(unzipped(desk.vault, kept(desk.vault)[0])) == ["about.json", "probe-1.bin", "report.jws"]

    def test_whose_credential_was_shown_is_known_whatever_came_of_it(self, desk: Desk) -> None:
        credentials = with_credentials(desk)
        codes = credential_of(credentials)
        session, secret = open_session(
            credentials, application="shop", wanted=uploaded(Against.CREDENTIAL), evidence=TERMS
        )
        for person in (BELA, ANNA):
            submit(credentials, session.id, secret, Capture([person.photo(1)], **codes, agreed=True))
        mine = subject_id(desk.vault)
        assert [each.subject_id for each in kept(desk.vault)] == [mine, mine]
        reports = reports_of(desk, session.id, application="shop")
        assert [each.subject_id for each in reports] == [mine, mine]
        assert sorted("sub" in claims_of(each.jws) for each in reports) == [False, True]
        assert erase_subject(desk.vault, mine).content["evidence"] == 2
        assert reports_of(desk, session.id, application="shop") == []

    @pytest.mark.parametrize("against", [Against.SUBJECT, Against.CREDENTIAL])
    @pytest.mark.parametrize("act", ["withdrawal", "erasure"])
    def test_who_withdraws_meanwhile_leaves_nothing_behind(self, desk: Desk, against: Against, act: str) -> None:
        desk = with_credentials(desk)
        codes = credential_of(desk) if against is Against.CREDENTIAL else {"claim": enrol(desk.vault, ANNA).text()}
        mine = subject_id(desk.vault)
        wanted = uploaded(against, mine if against is Against.SUBJECT else None)
        session, secret = open_session(desk, application="shop", wanted=wanted, evidence=TERMS)

        def withdraw(_: object) -> None:
            if act == "withdrawal":
                withdraw_consent(desk.vault, mine, "door")
            else:
                erase_subject(desk.vault, mine)

        with pytest.raises((ConsentInvalid, SessionClosed)):
            submit(replace(desk, decided=withdraw), session.id, secret, Capture([ANNA.photo(1)], **codes, agreed=True))
        assert kept(desk.vault) == []
        assert consistent(desk.vault)
        with desk.vault.store.reading() as tx:
            assert tx.sessions.reports(session.id) == []


class TestSilence:
    def test_nobody_here_can_look_at_it(self, make_vault: MakeVault, tmp_path: Path) -> None:
        desk = desk_of(make_vault("sqlite"))
        evidence = some(desk)
        exported = bytes(export_evidence(desk.vault, evidence.name))
        photo = ANNA.photo(1)[7:39]
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not any(photo in data for data in [*files, exported])
        for path in (tmp_path / "keys").iterdir():
            with pytest.raises(EvidenceUnreadable, match="sealed for key"):
                Envelope.parse(exported).open(Secret(path.read_bytes()))

    def test_nothing_of_it_is_shown(self, desk: Desk) -> None:
        capture = Capture([ANNA.photo()], agreed=True)
        assert repr(capture).startswith("<visavis.session.submission.Capture object")


class TestEnd:
    """However it ends, the shred goes first: no copy can be opened any more."""

    @pytest.mark.parametrize("how", ["time", "redaction", "withdrawal", "erasure", "hand"])
    def test_no_copy_opens(self, make_vault: MakeVault, clock: Clock, tmp_path: Path, how: str) -> None:
        desk = desk_of(make_vault("sqlite"))
        evidence = some(desk, subject="anna")
        backup = copy(tmp_path / "visavis.db", tmp_path / "backup.db")
        if how == "time":
            clock.advance(days=90)
            assert sweep(desk.vault).evidence == 1
        elif how == "redaction":
            redact_session(desk, evidence.session_id, application="shop")
        elif how == "withdrawal":
            assert withdraw_consent(desk.vault, subject_id(desk.vault), "door").evidence == 1
        elif how == "erasure":
            assert erase_subject(desk.vault, subject_id(desk.vault)).content["evidence"] == 1
        else:
            erase_evidence(desk.vault, evidence.name)
            assert log(desk.vault)[-1]["event"] == "evidence_erased"
        assert kept(desk.vault) == []
        assert consistent(desk.vault)
        with pytest.raises(EvidenceUnknown, match="no evidence with this id"):
            export_evidence(desk.vault, evidence.name)
        store = Database.open(backup)
        old = replace(desk.vault, store=store)
        try:
            assert kept(old) == [evidence]
            if how != "time":
                with pytest.raises(EvidenceUnreadable, match="its shred is destroyed"):
                    export_evidence(old, evidence.name)
            assert sweep(old, allow_many=True).evidence == 1
            assert kept(old) == []
        finally:
            store.close()

    def test_it_is_not_exported_when_its_time_is_over(self, desk: Desk, clock: Clock) -> None:
        evidence = some(desk)
        clock.advance(days=90)
        with pytest.raises(EvidenceUnknown, match="is over"):
            export_evidence(desk.vault, evidence.name)
        for name in ("", "ev_", evidence.id.hex(), f"ev_{32 * 'A'}"):
            with pytest.raises(EvidenceUnknown):
                export_evidence(desk.vault, name)

    def test_a_withdrawal_that_there_is_none_of_destroys_nothing(self, desk: Desk) -> None:
        some(desk, subject="anna")
        with pytest.raises(ConsentInvalid):
            withdraw_consent(desk.vault, subject_id(desk.vault), "till")
        assert len(kept(desk.vault)) == 1
        assert consistent(desk.vault)

    def test_its_subject_stays_as_long(self, desk: Desk, clock: Clock) -> None:
        enrol(desk.vault, ANNA, "bela", days=30)
        session, secret = opened_enrolment(desk, days=30, evidence=TERMS)
        enrol_hosted(desk, session.id, secret, [ANNA.photo()], agreed=True)
        clock.advance(days=31)
        (receipt,) = sweep(desk.vault).subjects
        assert subject_id(desk.vault, "anna") != receipt.content["subject"]
        clock.advance(days=60)
        swept = sweep(desk.vault)
        assert (swept.evidence, len(swept.subjects)) == (1, 1)

    def test_the_subject_is_told_what_is_kept(self, desk: Desk) -> None:
        evidence = some(desk, subject="anna")
        assert export_subject(desk.vault, subject_id(desk.vault))["evidence"] == [evidence.to_dict()]

    def test_what_was_erased_after_a_back_up_is_erased_again(self, make_vault: MakeVault, tmp_path: Path) -> None:
        vault = make_vault("sqlite")
        evidence = some(desk_of(vault))
        backup = copy(tmp_path / "visavis.db", tmp_path / "backup.db")
        shreds = copy(tmp_path / "shreds.db", tmp_path / "backup-shreds.db")
        erase_evidence(vault, evidence.name)
        store = Database.open(backup)
        apart = FileShreds.open(shreds, store.id)
        old = replace(vault, store=store, shreds=apart)
        try:
            restore(old, [Entry.from_dict(entry) for entry in log(vault)])
            assert kept(old) == []
            assert consistent(old)
        finally:
            store.close()
            apart.close()


class Pulled:
    """Breaks off at the call with this number, from 1 on."""

    def __init__(self, number: int) -> None:
        self._number, self.calls = number, list[str]()

    def __call__(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self._number:
            raise StoreUnusable("pulled out")


class TestBreakingOff:
    def test_a_transaction_that_fails_leaves_no_shred(self, make_vault: MakeVault) -> None:
        vault = make_vault("sqlite")

        def full(name: str) -> None:
            if name == "evidence.add":
                raise StoreUnusable("the disk is full")

        session = opened(desk_of(vault))
        for _ in range(3):
            with pytest.raises(StoreUnusable, match="full"):
                show(desk_of(Spy(vault, full).vault), session)
        assert consistent(vault)

    def test_what_is_wrong_elsewhere_keeps_nothing_past_its_time(self, desk: Desk, clock: Clock) -> None:
        some(desk)
        for number in range(1, 21):
            with Secret.random() as shred:
                desk.vault.shreds.put(bytes([number]) * 16, shred)
        clock.advance(days=90)
        with pytest.raises(StoreUnusable, match="20 of 20 shreds belong to nothing"):
            sweep(desk.vault)
        assert kept(desk.vault) == []
        assert log(desk.vault)[-1]["details"]["evidence"] == 1

    def test_at_any_point_it_is_kept_whole_or_not_at_all(self, make_vault: MakeVault) -> None:
        vault = make_vault("sqlite")
        for number in range(1, 60):
            before, pulled = len(kept(vault)), Pulled(number)
            session = opened(desk_of(vault))
            with suppress(StoreUnusable):
                show(desk_of(Spy(vault, pulled).vault), session)
            reports = reports_of(desk_of(vault), session[0], application="shop")
            assert len(kept(vault)) - before == len(reports)
            sweep(vault, allow_many=True)
            assert consistent(vault)
            if len(pulled.calls) < number:
                break
        else:
            pytest.fail("it was never done")
        assert pulled.calls.index("shreds.put") < pulled.calls.index("evidence.add")
        assert reports

    def test_a_sweep_meanwhile_takes_no_shred_away(self, vault: Vault) -> None:
        """Between the shred and its row a sweep sees a shred that belongs to nothing, and waits for the transaction."""
        evidence = some(desk_of(vault))
        seen = list(vault.shreds.ids())
        assert seen == [evidence.id]

        class Late(MemoryShreds):
            """Has a shred of which the database learns a moment later."""

        late = Late()
        with vault.shreds.get(evidence.id) as shred:
            late.put(evidence.id, shred)
        spied = replace(vault, shreds=late)
        with vault.store.reading() as tx:
            sealed = tx.evidence.sealed(evidence.id)
        assert sealed is not None
        with vault.store.writing() as tx:
            tx.evidence.remove(evidence.id)

        def come(name: str) -> None:
            if name == "writing" and not kept(vault):
                with vault.store.writing() as tx:
                    tx.evidence.add(evidence, sealed)

        swept = sweep(Spy(spied, come).vault)
        assert swept.shreds == 0
        assert list(late.ids()) == [evidence.id]

    def test_much_without_a_shred_looks_like_an_old_copy(self, desk: Desk) -> None:
        found = [some(desk) for _ in range(12)]
        for each in found[:11]:
            desk.vault.shreds.destroy(each.id)
        with pytest.raises(StoreUnusable, match="11 of 12 pieces of evidence have no shred"):
            sweep(desk.vault)
        assert len(kept(desk.vault)) == 12
        assert sweep(desk.vault, allow_many=True).evidence == 11
        assert events(desk.vault)[-1] == "swept"


def test_the_report_in_it_is_the_signed_one(desk: Desk) -> None:
    jws = unzipped(desk.vault, some(desk))["report.jws"].decode()
    claims = json.loads(urlsafe_b64decode(jws.split(".")[1] + "=="))
    assert (claims["aud"], claims["outcome"]) == ("shop", "match")
