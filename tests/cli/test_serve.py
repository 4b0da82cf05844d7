import json
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64decode
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.cli import call, command
from tests.session import Person, Prepared, consent_text, uploaded
from tests.store import issued
from tests.store.test_database import SERVICE
from visavis.cli.installation import Opened, opened
from visavis.cli.serve import SCOPES, Others, make_desk
from visavis.errors import StoreUnusable
from visavis.session import (
    Against,
    Capture,
    Desk,
    LivenessPolicy,
    Models,
    Scope,
    SessionStatus,
    VerificationSession,
    Yields,
    enrol,
    open_enrolment,
    open_session,
    reports_of,
    submit,
)
from visavis.store import Database

ANNA = Person(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "installation"


class TestApiKeys:
    def test_the_first_is_made_with_the_installation_and_shown_once(self, folder: Path) -> None:
        answer = call("init", "--folder", folder)
        assert "api key   vsk_" in answer.out
        assert "is not shown again" in answer.err
        assert "vsk_" not in call("init", "--folder", folder).out
        (key,) = call("api-key", "list", "--folder", folder, "--json").json
        assert (key["application"], key["scopes"], key["last_used_at"]) == ("default", sorted(SCOPES), None)

    def test_they_are_made_listed_and_revoked(self, folder: Path) -> None:
        call("init", "--folder", folder)
        made = call("api-key", "create", "shop", "--scope", "comparisons", "--folder", folder, "--json").json
        assert made["key"].startswith("vsk_")
        assert made["scopes"] == ["comparisons"]
        text = call("api-key", "create", "bank", "--folder", folder).out.strip()
        assert text.startswith("vsk_")
        assert call("api-key", "revoke", made["id"], "--folder", folder).out == f"revoked {made['id']} of shop\n"
        listed = call("api-key", "list", "--folder", folder).out
        assert f"{made['id']}  shop  comparisons  never used, revoked" in listed
        assert made["key"] not in listed
        stored = b"".join(path.read_bytes() for path in folder.glob("visavis.db*"))
        assert made["key"].split("_", 2)[2].encode() not in stored

    def test_what_cannot_be(self, folder: Path) -> None:
        call("init", "--folder", folder)
        assert call("api-key", "create", "My Shop", "--folder", folder).fault.endswith("[input_invalid]")
        assert call("api-key", "revoke", "key_0", "--folder", folder).fault.endswith("[input_invalid]")
        assert "not one of" in call("api-key", "create", "shop", "--scope", "all", "--folder", folder).wrong_use

    def test_the_shell_offers_every_scope(self) -> None:
        assert set(SCOPES) == {scope.value for scope in Scope}


class TestServe:
    def test_two_photos_compared_over_http_until_it_is_stopped(self, folder: Path, photos: Path) -> None:
        key = call("init", "--folder", folder, "--json").json["api_key"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        arguments = command("serve", "--port", str(port), "--folder", folder, "--threads", "1")
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as running, ExitStack() as closing:
            try:
                client = closing.enter_context(
                    httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60)
                )
                until_it_answers(client)
                client.headers["Authorization"] = f"Bearer {key}"
                files = {
                    "reference": (photos / "P001-portrait.jpg").read_bytes(),
                    "probe": (photos / "P001-casual.jpg").read_bytes(),
                }
                assert client.post("/v1/comparisons", files=files).json()["outcome"] == "match"
                files["probe"] = (photos / "notes.txt").read_bytes()
                told = client.post("/v1/comparisons", files=files).json()
                assert (told["code"], told["parameter"]) == ("image_unsupported", "probe")
                session = client.post("/v1/verification_sessions", json={"purpose": "door", "against": "upload"}).json()
                address = f"ws://127.0.0.1:{port}/v1/capture/{session['id']}/live"
                with connect(address, proxy=None) as live:
                    start = {"type": "start", "secret": session["client_secret"]}
                    live.send(json.dumps({**start, "consent": {"version": "1", "locale": "en"}}))
                    assert json.loads(live.recv())["type"] == "ready"
                with pytest.raises(InvalidStatus), connect(address, origin=Origin("https://evil.example"), proxy=None):
                    pass
            finally:
                running.send_signal(signal.SIGTERM)
            _, lines = running.communicate(timeout=30)
        assert running.returncode in (0, -signal.SIGTERM)
        told = [json.loads(line) for line in lines.splitlines()]
        assert [each["status"] for each in told if each.get("route") == "/v1/comparisons"] == [200, 422]
        captures = [each["status"] for each in told if each.get("route") == "/v1/capture/{session_id}/live"]
        assert (captures, [each for each in told if each["level"] != "info"]) == ([101], [])
        assert not any(secret in lines for secret in (key, session["id"], session["client_secret"]))

    def test_credentials_of_another_issuer_are_taken_where_it_is_named(self, folder: Path, tmp_path: Path) -> None:
        there, listed = tmp_path / "there", tmp_path / "list"
        call(
            "init", "--folder", there, "--issuer", "https://issuer.example", "--status-list", "https://issuer.example/l"
        )
        call("init", "--folder", folder)
        (tmp_path / "issuer.json").write_text(call("credential", "issuer", "--folder", there).out)
        with opened(there) as place:
            codes = credential_of(place, ANNA)
        assert call("credential", "status-list", "--out", listed, "--folder", there).code == 0
        others = Others((tmp_path / "issuer.json",), (listed,), (there / "keys" / "verifier-0001.key",))
        with opened(folder) as place:
            desk = make_desk(place, Models(Prepared()), "https://verify.example", others=others)
            with place.vault.store.writing() as tx:  # of one's own, with the same id
                tx.credentials.add(issued("sub_1", cti=bytes.fromhex(codes["cti"])))
            session = shown(desk, codes)
            assert session.status is SessionStatus.VERIFIED
            (report,) = reports_of(desk, session.id, application="shop")
            claims = json.loads(urlsafe_b64decode(report.jws.split(".")[1] + "=="))
            assert (claims["credential"], claims["credential_issuer"]) == (codes["cti"], "https://issuer.example")
            assert "sub" not in claims
            listed.unlink()
            with pytest.raises(StoreUnusable):
                shown(desk, codes)
            with pytest.raises(StoreUnusable, match="list"):
                make_desk(place, Models(Prepared()), "https://verify.example", others=others)

    def test_an_address_that_is_none(self, folder: Path) -> None:
        call("init", "--folder", folder)
        fault = call("serve", "--base-url", "verify.example", "--folder", folder).fault
        assert "expected --base-url as https://" in fault

    def test_without_its_key_it_does_not_start(self, folder: Path) -> None:
        call("init", "--folder", folder)
        (folder / "keys" / "report-0001.key").unlink()
        assert call("serve", "--folder", folder).fault.endswith("[key_unusable]")

    def test_an_installation_of_before_there_was_a_service_gets_its_key(self, folder: Path) -> None:
        call("init", "--folder", folder)
        (folder / "keys" / "report-0001.key").unlink()
        database = Database.open(folder / "visavis.db")
        with database.engine.begin() as connection:
            for name in SERVICE:
                connection.exec_driver_sql(f"DROP TABLE {name}")
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        database.close()
        assert "visavis migrate" in call("api-key", "list", "--folder", folder).fault
        assert call("migrate", "--folder", folder).code == 0
        assert call("api-key", "list", "--folder", folder, "--json").json == []
        assert call("keys", "list", "--folder", folder, "--json").json["versions"]["report"] == [1]


def credential_of(place: Opened, person: Person) -> dict[str, str]:
    """The codes of a credential that is issued to a person, and its id."""
    desk = make_desk(place, Models(Prepared()), "https://issuer.example")
    consent = consent_text()
    session, secret = open_enrolment(
        desk,
        application="shop",
        subject="anna",
        consent=consent,
        recorded_by="me",
        yields=Yields.CREDENTIAL,
        liveness=LivenessPolicy.NOT_CHECKED,
    )
    done = enrol(desk, session.id, secret, [person.photo()])
    with place.vault.store.reading() as tx:
        (known,) = tx.credentials.of(session.wanted.subject_id)
    return {"credential": done.credential or "", "holder": done.holder or "", "cti": known.cti.hex()}


def shown(desk: Desk, codes: dict[str, str]) -> VerificationSession:
    """A session to which they are submitted."""
    session, secret = open_session(desk, application="shop", wanted=uploaded(Against.CREDENTIAL))
    capture = Capture([ANNA.photo(1)], credential=codes["credential"], holder=codes["holder"])
    return submit(desk, session.id, secret, capture)


def until_it_answers(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/readyz").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError
