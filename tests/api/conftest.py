from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api import Running, running
from tests.session import Prepared
from tests.session.conftest import clock, make_vault, vault
from visavis.api import Service
from visavis.api.service import Room
from visavis.session import Desk, Models, Scope, Vault, make_api_key
from visavis.template import FileKeys

__all__ = ["clock", "make_vault", "vault"]


@pytest.fixture
def serve(vault: Vault) -> Iterator[Callable[..., Running]]:
    """Serves the vault, over each store in turn."""
    assert isinstance(vault.keys, FileKeys)
    keys = vault.keys
    desk = Desk(vault, Models(Prepared()), "https://verify.example", keys.signer("report"))
    started = []

    def start(**changes: Any) -> Running:
        usual = {"room": Room(8), "public_keys": lambda: keys.public_keys("report")}
        serving = running(Service(desk, "https://verify.example", **{**usual, **changes}))
        started.append(serving)
        return serving.__enter__()

    yield start
    for each in started:
        each.__exit__(None, None, None)


@pytest.fixture
def server(serve: Callable[..., Running]) -> Running:
    return serve()


@pytest.fixture
def api_key(vault: Vault) -> str:
    """Of the shop, for everything."""
    return make_api_key(vault, application="shop", scopes=Scope)[1]
