from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api import Running, running
from tests.session import Prepared
from tests.session.conftest import MakeVault, clock, make_vault, memory_vault
from visavis.api import Service
from visavis.api.courier import Courier
from visavis.api.metrics import Metrics
from visavis.api.service import Room
from visavis.session import Desk, FreshStatusList, Issuing, Models, Scope, Trust, Vault, make_api_key
from visavis.template import FileKeys, Issuer

__all__ = ["clock", "make_vault", "memory_vault"]


@pytest.fixture(params=["sqlite", "postgresql"])
def vault(request: pytest.FixtureRequest, make_vault: MakeVault) -> Vault:
    """A vault over each database that a service may have, in turn."""
    return make_vault(request.param)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def desk(vault: Vault, metrics: Metrics) -> Desk:
    """Issues and accepts credentials."""
    assert isinstance(vault.keys, FileKeys)
    keys = vault.keys
    issuer = Issuer("https://issuer.example", "https://issuer.example/list", keys.public_keys("issuer"))
    issuing = Issuing(issuer, keys.signer("issuer"), keys.key("verifier", 1))
    fresh = FreshStatusList(vault, issuing)
    return Desk(
        vault,
        Models(Prepared()),
        "https://verify.example",
        keys.signer("report"),
        trust=lambda: Trust([issuer], [fresh.current()], keys.verifier_keys()),
        issuing=issuing,
        status_list=fresh.current,
        decided=metrics.decided,
    )


@pytest.fixture
def serve(vault: Vault, desk: Desk, metrics: Metrics) -> Iterator[Callable[..., Running]]:
    """Serves the vault, over each store in turn."""
    assert isinstance(vault.keys, FileKeys)
    keys = vault.keys
    started = []

    def start(*, send_bytes: int | None = None, **changes: Any) -> Running:
        usual: dict[str, Any] = {
            "room": Room(8),
            "public_keys": lambda: keys.public_keys("report"),
            "metrics": metrics,
            "courier": Courier(vault, metrics, allow_private=True),
        }
        usual["desk"] = desk
        serving = running(Service(base_url="https://verify.example", **{**usual, **changes}), send_bytes=send_bytes)
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
