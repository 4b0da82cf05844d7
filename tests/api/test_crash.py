"""Killed under load, again and again: no session is lost or stuck, no event lost or mixed up, and the audit log holds.

`VISAVIS_SOAK=1` kills it fifty times on each database.
"""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.receiver import Receiver, receiving
from tests.api.serving import open_vault
from tests.api.test_webhooks import signed
from tests.conftest import LONG
from tests.session import Person
from visavis.session import DeliveryState, Event, Head, Scope, SessionStatus, add_endpoint, make_api_key, verify_log
from visavis.store import Database

KILLS = 50 if LONG else 3
ROOT = Path(__file__).parents[2]
ANNA, BELA = Person(1), Person(2)
CLIENTS = 4


@contextmanager
def serving(folder: Path, port: int, ahead_s: float = 0.0) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers; killed at the end of the block."""
    command = [sys.executable, "-m", "tests.api.serving", str(folder), str(port), str(ahead_s)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as program:
        try:
            with httpx.Client(trust_env=False) as client:
                for _ in range(600):
                    try:
                        client.get(f"http://127.0.0.1:{port}/livez").raise_for_status()
                        break
                    except httpx.TransportError:
                        assert program.poll() is None, program.stderr and program.stderr.read().decode()[-2000:]
                        time.sleep(0.05)
            yield program
        finally:
            program.kill()
            program.wait()


class Load:
    """Applications and their users who ask without pause. opened: sessions whose opening was answered. ended: what they were told
    became of them."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self.opened: set[str] = set()
        self.ended: dict[str, str] = {}

    def run(self, seconds: float, seed: int) -> None:
        over = time.monotonic() + seconds
        threads = [threading.Thread(target=self._ask, args=(over, f"{seed} {number}")) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        self._threads = threads

    def stop(self) -> None:
        for thread in self._threads:
            thread.join()

    def _ask(self, over: float, seed: str) -> None:
        chance = random.Random(seed)  # noqa: S311 - to be repeated
        with httpx.Client(base_url=self._url, trust_env=False, timeout=10) as client:
            while time.monotonic() < over:
                try:
                    self._once(client, chance)
                except httpx.TransportError:
                    return  # it was killed

    def _once(self, client: httpx.Client, chance: random.Random) -> None:
        owner = {"Authorization": f"Bearer {self._key}"}
        body = {"purpose": "door", "against": "upload", "liveness": "not_checked", "nonce": str(chance.random())}
        answer = client.post("/v1/verification_sessions", json=body, headers=owner)
        assert answer.status_code == 201, answer.text
        session = answer.json()
        self.opened.add(session["id"])
        if chance.random() < 0.2:
            ended = client.post(f"/v1/verification_sessions/{session['id']}/cancel", headers=owner)
        else:
            probe = ANNA if chance.random() < 0.7 else BELA
            files = {"reference": ANNA.photo(), "probe": probe.photo(1)}
            user = {"Authorization": f"Bearer {session['client_secret']}"}
            ended = client.post(f"/v1/capture/{session['id']}", files=files, headers=user)
        assert ended.status_code == 200, ended.text
        self.ended[session["id"]] = ended.json()["status"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "postgresql":
        monkeypatch.setenv("CRASH_DATABASE", request.getfixturevalue("postgresql_database"))
    else:
        monkeypatch.delenv("CRASH_DATABASE", raising=False)
    return str(request.param)


@pytest.mark.usefixtures("database")
def test_nothing_is_lost_stuck_or_mixed_up(tmp_path: Path) -> None:
    with receiving() as receiver, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        vault = open_vault(tmp_path)
        _, key = make_api_key(vault, application="shop", scopes=Scope)
        _, secret = add_endpoint(vault, application="shop", url=receiver.url)
        load, heads = Load(f"http://127.0.0.1:{port}", key), []
        chance = random.Random(7)  # noqa: S311 - to be repeated
        for kill in range(KILLS):
            with serving(tmp_path, port) as program:
                load.run(5, kill)
                time.sleep(chance.uniform(0.3, 1.5))
                program.kill()
                load.stop()
            with vault.store.reading() as tx:
                heads.append(Head.sign(*tx.audit.tip(), signer=vault.audit_signer, at=vault.clock()))
        later = open_vault(tmp_path, ahead_s=120)
        with serving(tmp_path, port, ahead_s=120):  # leases have ended, and what failed is due again
            for _ in range(1200):
                with later.store.reading() as tx:
                    if not tx.outbox.pending():
                        break
                time.sleep(0.1)
            _check(tmp_path, load, receiver, secret, heads)
        for each in (vault, later):
            assert isinstance(each.store, Database)
            each.store.close()


def _check(folder: Path, load: Load, receiver: Receiver, secret: str, heads: list[Head]) -> None:
    vault = open_vault(folder, ahead_s=120)
    with vault.store.reading() as tx:
        sessions = list(tx.sessions.page("shop", "verification_session", limit=1_000_000))
        events = list(tx.outbox.page("shop", limit=1_000_000))
        deliveries = tx.outbox.deliveries([each.id for each in events])
        reports = {each.id: tx.sessions.reports(each.id) for each in sessions}
        entries = list(tx.audit.entries())
    assert isinstance(vault.store, Database)
    vault.store.close()
    assert verify_log(entries, heads=heads, keys=[vault.audit_signer.public]).proven == heads[-1].number
    # sessions
    assert load.opened
    assert load.opened <= {each.id for each in sessions}
    for session in sessions:
        assert session.status is not SessionStatus.PROCESSING, session
        outcomes = [each.decision["outcome"] for each in reports[session.id]]
        assert outcomes.count("match") == (session.status is SessionStatus.VERIFIED)
        told = load.ended.get(session.id)
        assert told in (None, session.status.value), session
    # events
    told_of = {(each.data["id"], each.type) for each in events}
    for session in sessions:
        assert (session.id, "verification_session.created") in told_of
        if session.status in (SessionStatus.VERIFIED, SessionStatus.CANCELED):
            assert (session.id, f"verification_session.{session.status.value}") in told_of
    logged = [entry for entry in map(_plain, entries) if entry["event"] == Event.SESSION]
    assert len(logged) == len(events)
    # deliveries
    assert len(deliveries) == len(events)
    assert {each.state for each in deliveries} == {DeliveryState.DELIVERED}
    bodies = {each.id: each.body.encode() for each in events}
    came: set[str] = set()
    for headers, body in receiver.got:
        assert signed(headers, body, secret)
        assert bodies[headers["webhook-id"]] == body
        came.add(headers["webhook-id"])
    assert came == set(bodies)
    if os.environ.get("CRASH_TELL"):
        print(f"{len(sessions)} sessions, {len(events)} events, {len(receiver.got)} deliveries")  # noqa: T201


def _plain(entry: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(entry.line)
    return value
