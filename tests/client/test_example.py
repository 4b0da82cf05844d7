"""The example runs as its reader runs it, against a service that answers as ever; photos alone are made up."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.api import Running
from tests.session import Person, enrol, subject_id
from visavis.client import Visavis
from visavis.session import Vault

FOLDER = Path(__file__).parents[2] / "examples" / "relying_app"
ANNA, BELA = Person(1), Person(2)


@contextmanager
def shop(server: Running, api_key: str, customer: str, *, service: str | None = None) -> Iterator[httpx.Client]:
    """The shop in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "VISAVIS_URL": service or server.url,
        "VISAVIS_ISSUER": "https://verify.example",
        "VISAVIS_APPLICATION": "shop",
        "VISAVIS_API_KEY": api_key,
        "SHOP_URL": url,
        "CUSTOMER": customer,
    }
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"]
    with subprocess.Popen(command, cwd=FOLDER, env=environment) as running:
        try:
            with httpx.Client(base_url=url, trust_env=False, timeout=20) as browser:
                until(lambda: answers(browser) or running.poll() is not None)
                yield browser
        finally:
            running.terminate()
            running.wait(20)


def answers(browser: httpx.Client) -> bool:
    try:
        return browser.get("/").status_code == 200
    except httpx.TransportError:
        return False


def until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def order_in(page: str) -> tuple[str, str]:
    """Where the newest order is, and what became of it."""
    found = re.findall(r'<a href="(/orders/[0-9a-f]{16})">[0-9a-f]{16}</a>: ([^<]+)<', page)
    assert found
    where, status = found[-1]
    return where, status


@pytest.fixture
def client(server: Running, api_key: str) -> Iterator[Visavis]:
    with Visavis(server.url, api_key) as made:
        yield made


def capture(client: Visavis, to: str, person: Person, number: int, claim: str) -> str:
    """What the service's page does with the address that the shop sends its customer to."""
    session, secret = to.removeprefix("https://verify.example/verify/").split("#")
    return client.capture(session, secret).submit(probe=person.photo(number), claim=claim).status


def test_a_payment_that_its_customer_approves(server: Running, vault: Vault, api_key: str, client: Visavis) -> None:
    claim, customer = enrol(vault, ANNA, purpose="payment").text(), subject_id(vault)
    with shop(server, api_key, customer) as browser:
        assert "12.50 EUR" in browser.get("/").text
        sent = browser.post("/pay")
        assert sent.status_code == 303
        assert capture(client, sent.headers["location"], BELA, 1, claim) == "requires_input"
        where, status = order_in(browser.get("/").text)
        assert status == "waiting for you"
        assert capture(client, sent.headers["location"], ANNA, 1, claim) == "verified"
        until(lambda: "<strong>paid</strong>" in browser.get(where).text)
        assert re.search(r"report vr_[0-9a-f]{24}", browser.get(where).text)
        (endpoint,) = client.webhook_endpoints.list()
        assert endpoint.url == str(browser.base_url.join("/webhooks"))
        # It is told again, and does nothing twice.
        (event,) = [each for each in client.events.list() if each.type == "verification_session.verified"]
        client.events.replay(event.id)
        until(lambda: [each.state for each in client.events.retrieve(event.id).deliveries] == ["delivered"])
        assert order_in(browser.get("/").text) == (where, "paid")
        # Another order is not paid by the first one's answer.
        browser.post("/pay")
        assert order_in(browser.get("/").text)[1] == "waiting for you"
    assert list(client.webhook_endpoints.list()) == []


def test_one_that_nobody_approves(server: Running, vault: Vault, api_key: str, client: Visavis) -> None:
    enrol(vault, ANNA, purpose="payment")
    with shop(server, api_key, subject_id(vault)) as browser:
        browser.post("/pay")
        (session,) = client.verification_sessions.list()
        client.verification_sessions.cancel(session.id)
        until(lambda: order_in(browser.get("/").text)[1] == "not approved")
        forged = browser.post("/webhooks", json={"type": "verification_session.verified", "data": {"id": session.id}})
        assert forged.status_code == 400
        assert order_in(browser.get("/").text)[1] == "not approved"
        assert browser.get("/orders/0").status_code == 404


def test_the_shop_says_so_where_the_service_refuses(server: Running, api_key: str) -> None:
    with shop(server, api_key, "sub_nobody") as browser:
        refused = browser.post("/pay")
    assert refused.status_code == 503
    assert "subject_unknown" in refused.text
