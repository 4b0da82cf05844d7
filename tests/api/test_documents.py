"""Sessions about an identity document, over a real connection and with the real models."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acting import Person
from tests.api import Running
from tests.api.capturing import connected, opened, seen
from tests.conftest import encoded, pixels
from tests.document.chip.issued import Issued, issued
from tests.session import NOW, Clock, log
from tests.session.conftest import MakeVault
from visavis.api.live import _WHOLE_S
from visavis.cli.trust import FreshTrust
from visavis.client import KeySet, Reports
from visavis.document import PageReader, PresenceChallenge
from visavis.session import Answer, Asked, Desk, Documents, Models, Vault, export_evidence
from visavis.session.conducting import LIVE_LEASE
from visavis.session.papers import PAGES_MAX, PLACE_S
from visavis.template import Secret, public_of
from visavis.verifier import Verifier

PAGE, CHIP = 5, 6
HOLDER, STRANGER = "P001", "P005"
BROKEN = [("document_chip", ("file", b"x"))]


@pytest.fixture(params=["sqlite"])
def vault(request: pytest.FixtureRequest, make_vault: MakeVault) -> Vault:
    """On one database: what is kept of such sessions is kept as of others."""
    return make_vault(request.param)


@pytest.fixture
def desk(desk: Desk, verifier: Verifier) -> Desk:
    documents = Documents(PageReader(verifier.store), lambda: issued().trust)
    return replace(desk, models=Models(verifier), documents=documents)


@pytest.fixture
def shop(server: Running, api_key: str) -> Iterator[httpx.Client]:
    with server.client(api_key) as client:
        yield client


@pytest.fixture
def session(shop: httpx.Client) -> dict[str, Any]:
    return asked(shop)


def asked(shop: httpx.Client, **document: Any) -> dict[str, Any]:
    """A session about a document, without a live capture."""
    return opened(shop, against="document", liveness="not_checked", nonce="n-1", document=document or None)


def probe(person: str) -> tuple[str, tuple[str, bytes]]:
    return "probe", ("photo", encoded(pixels(person, "amateur_selfie", 900), "JPEG"))


def files(chip: Issued, *without: int) -> list[tuple[str, tuple[str, bytes]]]:
    return [("document_chip", ("file", data)) for data in chip.files(*without)]


def client_of(server: Running, session: dict[str, Any]) -> httpx.Client:
    return server.client(session["client_secret"])


def submitted(
    server: Running, session: dict[str, Any], person: str, answer: Any = None, *without: int
) -> dict[str, Any]:
    data = {} if answer is None else {"chip_answer": json.dumps(answer)}
    with client_of(server, session) as client:
        response = client.post(
            f"/v1/capture/{session['id']}", files=[probe(person), *files(issued(), *without)], data=data
        )
    told: dict[str, Any] = response.json()
    return told


def decision(shop: httpx.Client, session: dict[str, Any]) -> dict[str, Any]:
    report = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"][-1]
    told: dict[str, Any] = report["decision"]
    return told


def answered(server: Running, session: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The chip's answers to a challenge of the session's, as an app relays them."""
    with client_of(server, session) as client:
        url = f"/v1/capture/{session['id']}/chip_challenge"
        told = client.post(url, files={"dg14": ("dg14", issued().groups[14])}).json()
    commands = tuple(map(bytes.fromhex, told["chip_commands"]))
    active, chip = issued().relay(bytes.fromhex(told["active_command"]), commands)
    return {
        "challenge": told["challenge"],
        "active": active.hex(),
        "chip": [each.hex() for each in chip],
    } | changes


def test_the_example_of_the_docs_runs(
    server: Running, api_key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAVIS_API_KEY", api_key)
    document = Path(__file__).parents[2] / "docs" / "documents.md"
    (block,) = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {
        "nonce": "n-1",
        "files": {"SOD": issued().sod, **{f"DG{number}": data for number, data in issued().groups.items()}},
        "have_the_chip_answer": issued().relay,
        "camera_bytes": probe(HOLDER)[1][1],
    }
    told = block.replace('Visavis("https://verify.example")', f'Visavis("{server.url}")')
    exec(compile(told, str(document), "exec"), names)  # noqa: S102
    assert capsys.readouterr().out == "verified\n"
    with names["client"] as client:
        (report,) = client.verification_sessions.reports(names["session"].id)
        reports = Reports(
            KeySet(client), issuer="https://verify.example", audience="shop", clock=lambda: NOW.timestamp()
        )
        checked = reports.check(report, expect=names["expected"])
    assert checked.document is not None
    assert {name: field.value for name, field in checked.document.fields.items()} == {
        "surname": "ERIKSSON",
        "over_18": True,
    }


def test_it_is_not_ready_while_nobody_knows_whom_to_believe(
    serve: Callable[..., Running], desk: Desk, verifier: Verifier, tmp_path: Path
) -> None:
    trust = tmp_path / "trust"
    trust.mkdir()
    documents = Documents(PageReader(verifier.store), FreshTrust(trust).current)
    with serve(desk=replace(desk, documents=documents)).client() as anyone:
        assert anyone.get("/readyz").status_code == 200
        (trust / "notes.txt").write_text("no certificate")
        told = anyone.get("/readyz")
        assert (told.status_code, told.json()["code"]) == (503, "store_unusable")
        assert "notes" not in told.text
        (trust / "notes.txt").unlink()
        assert anyone.get("/readyz").status_code == 200


class TestChip:
    def test_its_holder_is_verified_and_what_was_asked_for_is_told(
        self, server: Running, shop: httpx.Client, session: dict[str, Any]
    ) -> None:
        session = asked(shop, authenticity="authentic", fields=["over_18", "surname"])
        assert session["policy"] == "document-1e-4"
        assert submitted(server, session, HOLDER, answered(server, session))["status"] == "verified"
        told = decision(shop, session)
        assert told["document"]["authenticity"] == "authentic"
        assert told["document"]["sources"] == ["chip"]
        assert told["document"]["weakest_link"] == "liveness"
        assert told["document"]["fields"] == {
            "over_18": {"value": True, "standing": "signed"},
            "surname": {"value": "ERIKSSON", "standing": "signed"},
        }
        assert told["policy"]["name"] == "1e-4"  # a chip's portrait is as good as a photo

    def test_files_alone_may_be_a_copy(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop, authenticity="authentic_presence_not_proven")
        assert submitted(server, session, HOLDER)["status"] == "verified"
        told = decision(shop, session)["document"]
        assert told["authenticity"] == "authentic_presence_not_proven"
        assert told["links"]["authenticity"] == {
            "status": "passed",
            "reasons": told["links"]["authenticity"]["reasons"],
        }
        assert "presence_not_proven" in told["links"]["authenticity"]["reasons"]
        assert told["fields"] == {}

    def test_where_presence_is_asked_for_they_do_not_do(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop, authenticity="authentic", fields=["surname"])
        told = submitted(server, session, HOLDER)
        assert (told["status"], told["last_error"], told["attempts_left"]) == (
            "requires_input",
            "chip_presence_required",
            3,
        )
        report = decision(shop, session)
        assert (report["outcome"], report["score"], report["document"]["fields"]) == ("inconclusive", None, {})

    def test_another_person_is_told_nothing_of_it(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop, fields=["surname", "birth_date"])
        assert submitted(server, session, STRANGER)["last_error"] == "score_below_threshold"
        report = decision(shop, session)
        assert (report["outcome"], report["document"]["fields"]) == ("no_match", {})
        assert report["document"]["weakest_link"] == "face"
        assert seen(shop, session)["attempts_left"] == 2

    def test_an_answer_from_another_session_is_a_replay(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop)
        stolen = answered(server, asked(shop))
        assert submitted(server, session, HOLDER, stolen)["last_error"] == "presence_failed"
        assert decision(shop, session)["document"]["authenticity"] == "failed"

    def test_a_challenge_is_good_for_ten_minutes(self, server: Running, shop: httpx.Client, clock: Clock) -> None:
        session = asked(shop)
        old = answered(server, session)
        clock.advance(minutes=11)
        assert submitted(server, session, HOLDER, old)["code"] == "chip_challenge_expired"
        assert submitted(server, session, HOLDER, answered(server, session))["status"] == "verified"

    @pytest.mark.parametrize(
        "challenge",
        [
            "",
            "1",
            "1.2.3",
            "9.1",
            f"1.{10**11}",
            "-1.5",
            "1.١٢",
            *(f"{key}.{int(NOW.timestamp())}" for key in (0, 999)),
        ],
    )
    def test_a_challenge_that_nobody_gave_out(self, server: Running, shop: httpx.Client, challenge: str) -> None:
        session = asked(shop)
        told = submitted(server, session, HOLDER, answered(server, session, challenge=challenge))
        assert told["code"] == "chip_challenge_expired"

    @pytest.mark.parametrize(
        "answer", [1, {}, {"challenge": "1.1", "active": "xyz"}, {"challenge": "1.1", "chip": ["00"] * 11}]
    )
    def test_an_answer_that_is_none(self, server: Running, shop: httpx.Client, answer: Any) -> None:
        assert submitted(server, asked(shop), HOLDER, answer)["code"] == "input_invalid"

    def test_nothing_is_read_for_a_session_that_takes_none(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop, against="document")
        with client_of(server, session) as client:
            url = f"/v1/capture/{session['id']}"
            assert client.post(url, files=[probe(HOLDER), *BROKEN]).json()["code"] == "liveness_required"
            shop.post(f"/v1/verification_sessions/{session['id']}/cancel")
            for path in ("", "/document", "/chip_challenge"):
                told = client.post(url + path, files=[*([] if path else [probe(HOLDER)]), *BROKEN])
                assert told.json()["code"] == "session_closed", path

    def test_so_many_documents_a_minute_and_no_more(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop)
        with client_of(server, session) as client:
            sent = [("probe", ("photo", b"x")), *BROKEN]
            codes = [client.post(f"/v1/capture/{session['id']}", files=sent).json()["code"] for _ in range(25)]
        assert codes == ["chip_malformed"] * 20 + ["rate_limited"] * 5
        assert seen(shop, session)["attempts_left"] == 3

    def test_what_is_incomplete_costs_nothing(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop)
        assert submitted(server, session, HOLDER, None, 2)["code"] == "chip_incomplete"
        assert seen(shop, session)["attempts_left"] == 3


class TestDays:
    def test_nobody_is_older_than_they_are_everywhere(self, server: Running, shop: httpx.Client, clock: Clock) -> None:
        """The holder was born on 12 August 1974."""
        for hour, over in ((11, False), (12, True)):
            clock.now = datetime(2026, 8, 12, hour, tzinfo=UTC)
            session = asked(shop, fields=["over_52"])
            assert submitted(server, session, HOLDER)["status"] == "verified"
            assert decision(shop, session)["document"]["fields"]["over_52"]["value"] is over


class TestLook:
    def look(self, server: Running, session: dict[str, Any], sent: list[Any]) -> dict[str, Any]:
        with client_of(server, session) as client:
            told: dict[str, Any] = client.post(f"/v1/capture/{session['id']}/document", files=sent).json()
        return told

    def test_it_says_whether_the_document_would_do(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop, fields=["surname"])
        told = self.look(server, session, files(issued()))
        assert told == {"object": "document_look", "ready": True, "reasons": [], "pages": []}
        session = asked(shop, authenticity="authentic")
        assert self.look(server, session, files(issued()))["reasons"] == ["chip_presence_required"]

    def test_it_keeps_nothing(self, server: Running, shop: httpx.Client, vault: Vault) -> None:
        session = asked(shop)
        before = log(vault)
        self.look(server, session, files(issued()))
        assert seen(shop, session) == {each: session[each] for each in seen(shop, session)}
        assert shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"] == []
        assert log(vault) == before

    def test_a_photo_without_a_document_is_told(self, server: Running, shop: httpx.Client) -> None:
        page = ("document_page", ("photo", encoded(pixels(HOLDER, "amateur_posture", 900), "JPEG")))
        told = self.look(server, asked(shop), [page])
        assert told["ready"] is False
        assert told["reasons"] == told["pages"][0] != []

    def test_nothing_at_all(self, server: Running, shop: httpx.Client) -> None:
        with client_of(server, session := asked(shop)) as client:
            assert client.post(f"/v1/capture/{session['id']}/document").json()["code"] == "input_invalid"

    def test_too_much(self, server: Running, shop: httpx.Client) -> None:
        many = [("document_page", ("photo", b"x"))] * 3
        assert self.look(server, asked(shop), many)["code"] == "input_invalid"
        many = [("document_chip", ("file", b"x"))] * 11
        assert self.look(server, asked(shop), many)["code"] == "input_invalid"

    def test_where_others_are_read_it_is_asked_to_come_again(
        self, server: Running, shop: httpx.Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.session.papers.PLACE_S", 0.05)
        page = ("document_page", ("photo", encoded(pixels(HOLDER, "amateur_posture", 900), "JPEG")))
        assert desk.documents is not None
        session = asked(shop)
        with desk.documents.places, client_of(server, session) as client:
            told = client.post(f"/v1/capture/{session['id']}/document", files=[page])
            assert (told.status_code, told.json()["code"], told.headers["retry-after"]) == (429, "overloaded", "5")
            session = opened(shop, against="document")
            with connected(server, session) as live:
                live.begin()
                live.send(page[1][1], PAGE)
                live.send(b"x")
                said = live.hear()
            assert (said["code"], said["retry_after_s"]) == ("overloaded", 5)
        assert seen(shop, session)["attempts_left"] == 3

    def test_it_is_looked_at_anew_each_time(
        self, server: Running, shop: httpx.Client, vault: Vault, clock: Clock
    ) -> None:
        session, key = asked(shop, authenticity="authentic"), {"Idempotency-Key": "k"}
        with client_of(server, session) as client:
            url = f"/v1/capture/{session['id']}"
            one = client.post(f"{url}/chip_challenge", headers=key)
            clock.advance(minutes=11)
            other = client.post(f"{url}/chip_challenge", headers=key)
            assert one.json()["challenge"] != other.json()["challenge"]
            looks = [
                client.post(f"{url}/document", files=files(issued(), *without), headers=key) for without in ((), (2,))
            ]
        assert [each.status_code for each in looks] == [200, 422]
        assert not any("idempotent-replayed" in each.headers for each in (one, other, *looks))
        begun = Asked(session["client_secret"], "k", bytes(32))
        with vault.store.writing() as tx:
            assert tx.answers.begin(Answer(begun.id, begun.request, clock())) is None

    def test_so_often_and_no_more(self, server: Running, shop: httpx.Client) -> None:
        session = asked(shop)
        codes = {self.look(server, session, [("document_chip", ("file", b"x"))])["code"] for _ in range(25)}
        assert codes == {"chip_malformed", "rate_limited"}

    def test_a_session_about_something_else(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        assert self.look(server, session, files(issued()))["code"] == "input_invalid"
        with client_of(server, session) as client:
            assert client.post(f"/v1/capture/{session['id']}/chip_challenge").json()["code"] == "input_invalid"


class TestOpening:
    @pytest.mark.parametrize(
        "body",
        [
            {"against": "upload", "document": {}},
            {"against": "document", "policy": "1e-4"},
            {"against": "document", "document": {"fields": ["colour"]}},
            {"against": "document", "document": {"fields": ["surname", "surname"]}},
            {"against": "document", "document": {"authenticity": "failed"}},
            {"against": "document", "subject": "sub_1"},
        ],
    )
    def test_what_cannot_be(self, shop: httpx.Client, body: dict[str, Any]) -> None:
        told = shop.post("/v1/verification_sessions", json={"purpose": "door", **body}).json()
        assert told["code"] == "input_invalid"

    def test_where_no_state_is_trusted_no_chip_can_be_asked_for(
        self, serve: Callable[..., Running], desk: Desk, api_key: str, verifier: Verifier
    ) -> None:
        from visavis.document import Trust

        alone = replace(desk, documents=Documents(PageReader(verifier.store), Trust.empty))
        with serve(desk=alone).client(api_key) as shop:
            body = {"purpose": "door", "against": "document", "document": {"authenticity": "authentic"}}
            assert shop.post("/v1/verification_sessions", json=body).json()["code"] == "input_invalid"
            body["document"] = {}
            assert shop.post("/v1/verification_sessions", json=body).status_code == 201

    def test_where_none_are_read(self, serve: Callable[..., Running], desk: Desk, api_key: str) -> None:
        with serve(desk=replace(desk, documents=None)).client(api_key) as shop:
            body = {"purpose": "door", "against": "document"}
            assert shop.post("/v1/verification_sessions", json=body).json()["code"] == "input_invalid"


class TestLive:
    def test_a_chip_and_then_a_face(self, server: Running, shop: httpx.Client, verifier: Verifier) -> None:
        session = opened(shop, against="document", document={"authenticity": "authentic"})
        with connected(server, session) as client:
            client.begin(chip_answer=answered(server, session))
            for data in issued().files():
                client.send(data, CHIP)
            told, _ = client.capture(Person(verifier).frame)
        assert told["capture"]["status"] == "verified", told
        report = decision(shop, session)
        assert {name: link["status"] for name, link in report["document"]["links"].items()} == dict.fromkeys(
            ("reading", "authenticity", "expiry", "liveness", "face"), "passed"
        )
        assert report["document"]["weakest_link"] == "face"

    def test_nobody_is_filmed_for_a_document_that_will_not_do(
        self, server: Running, shop: httpx.Client, verifier: Verifier
    ) -> None:
        session = opened(shop, against="document", document={"authenticity": "authentic"})
        with connected(server, session) as client:
            client.begin()
            for data in issued().files():
                client.send(data, CHIP)
            told, heard = client.capture(Person(verifier).frame)
        assert (told["type"], told["code"], heard) == ("error", "document_refused", [])
        after = seen(shop, session)
        assert (after["status"], after["last_error"], after["attempts_left"]) == (
            "requires_input", "chip_presence_required", 3,
        )  # fmt: skip

    def test_nor_without_one(self, server: Running, shop: httpx.Client, verifier: Verifier) -> None:
        session = opened(shop, against="document")
        with connected(server, session) as client:
            client.begin()
            told, _ = client.capture(Person(verifier).frame)
        assert (told["type"], told["code"]) == ("error", "input_invalid")

    def test_no_capture_ends_while_its_document_waits_for_a_place(self) -> None:
        assert timedelta(seconds=_WHOLE_S + PAGES_MAX * PLACE_S) < LIVE_LEASE

    def test_so_many_files_and_no_more(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop, against="document")
        with connected(server, session) as client:
            client.begin()
            for _ in range(11):
                client.send(b"x", CHIP)
            assert client.hear()["code"] == "stream_broken"


class TestSilence:
    def test_what_it_says_is_in_no_log(
        self, server: Running, shop: httpx.Client, vault: Vault, caplog: pytest.LogCaptureFixture
    ) -> None:
        session = asked(shop, fields=["surname", "birth_date"])
        submitted(server, session, HOLDER, answered(server, session))
        assert decision(shop, session)["document"]["fields"]["surname"]["value"] == "ERIKSSON"
        events = shop.get("/v1/events").text
        metrics = shop.get("/metrics").text
        for said in (json.dumps(log(vault)), caplog.text, events, metrics, json.dumps(session)):
            assert "ERIKSSON" not in said
            assert "1974" not in said

    def test_redaction_forgets_it(self, server: Running, shop: httpx.Client, vault: Vault) -> None:
        session = asked(shop, fields=["surname"])
        submitted(server, session, HOLDER, answered(server, session))
        assert shop.post(f"/v1/verification_sessions/{session['id']}/redact").json()["reports"] == 1
        assert shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"] == []

    def test_evidence_holds_the_document_where_its_holder_agreed(
        self, serve: Callable[..., Running], desk: Desk, api_key: str, vault: Vault
    ) -> None:
        private = Secret(bytes(range(1, 33)))
        server = serve(desk=replace(desk, evidence_key=public_of(private)))
        terms = {"text": "We keep it.", "version": "1", "locale": "en", "retention_days": 9}
        fingerprints = b"\x63\x03\x02\x01\x00"
        with server.client(api_key) as shop:
            session = opened(shop, against="document", liveness="not_checked", evidence=terms)
            sent = [probe(HOLDER), ("document_chip", ("file", fingerprints)), *files(issued())]
            with client_of(server, session) as client:
                client.post(f"/v1/capture/{session['id']}", files=sent, data={"evidence_agreed": "true"})
            assert seen(shop, session)["evidence_kept"] == 1
        with vault.store.reading() as tx:
            (kept,) = tx.evidence.of(session_id=session["id"])
        held = _files(export_evidence(vault, kept.name).open(private))
        assert "probe-1.jpg" in held
        assert [data for name, data in held.items() if name.startswith("chip-")] == issued().files()


def _files(archive: bytes) -> dict[str, bytes]:
    from io import BytesIO
    from zipfile import ZipFile

    with ZipFile(BytesIO(archive)) as held:
        return {name: held.read(name) for name in held.namelist()}


def test_a_seed_is_not_in_what_is_handed_out(server: Running, shop: httpx.Client, desk: Desk, clock: Clock) -> None:
    """Who knew it could answer in the chip's stead."""
    session = asked(shop)
    told = json.dumps(answered(server, session))
    name = json.loads(told)["challenge"]
    seed = desk.vault.keys.mac(int(name.split(".")[0]), f"visavis chip v1 {session['id']} {name}".encode())
    assert seed.hex() not in told
    assert PresenceChallenge(seed).nonce.hex() not in name
