from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.api import Running
from tests.api.conftest import api_key, desk, metrics, serve, server
from tests.client import KINDS, Failing, client_of, failing
from tests.session.conftest import MakeVault, clock, make_vault
from visavis.client import Visavis
from visavis.session import Vault

__all__ = ["api_key", "clock", "desk", "make_vault", "metrics", "serve", "server"]

MakeClient = Callable[..., Visavis]


@pytest.fixture
def vault(make_vault: MakeVault) -> Vault:
    """In memory, and in the present: what is signed is checked by the clock."""
    return make_vault("memory", clock=lambda: datetime.now(UTC))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Of client."""
    found: str = request.param
    return found


@pytest.fixture
def make_client(kind: str) -> Iterator[MakeClient]:
    """Makes clients of either kind in turn."""
    made = []

    def make(url: str, api_key: str | None = None, **options: object) -> Visavis:
        each = client_of(kind, url, api_key, **options)
        made.append(each)
        return each.__enter__()

    yield make
    for each in made:
        each.__exit__(None, None, None)


@pytest.fixture
def client(make_client: MakeClient, server: Running, api_key: str) -> Visavis:
    """Of the shop, either kind in turn."""
    return make_client(server.url, api_key)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    """A server that fails on purpose; a client does not wait for long before it asks again."""
    monkeypatch.setattr("visavis.client.patience.BACK_OFF_S", 0.002)
    with failing() as server:
        yield server
