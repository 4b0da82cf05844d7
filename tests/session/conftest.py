"""Vaults over each store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.session import Clock
from visavis.session import Shreds, Store, Vault
from visavis.store import Database, FileShreds, MemoryShreds, MemoryStore
from visavis.template import FileKeys

STORES = ("memory", "sqlite", "postgresql")
MakeVault = Callable[..., Vault]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_vault(tmp_path: Path, clock: Clock, request: pytest.FixtureRequest) -> Iterator[MakeVault]:
    """Makes a vault over the store of that kind, in the test's folder; again, it opens the same one."""
    with ExitStack() as closing:

        def make(kind: str, **changes: Any) -> Vault:
            store: Store
            shreds: Shreds
            if kind == "memory":
                store, shreds = MemoryStore(), MemoryShreds()
            else:
                where = tmp_path / "visavis.db" if kind == "sqlite" else request.getfixturevalue("postgresql_database")
                store = Database.create(where)
                shreds = FileShreds.create(tmp_path / "shreds.db", store.id)
                closing.callback(store.close)
                closing.callback(shreds.close)
            keys = FileKeys.create(tmp_path / "keys")
            parts: dict[str, Any] = {"store": store, "shreds": shreds, "keys": keys, "clock": clock}
            return Vault(**{**parts, "audit_signer": keys.signer("audit"), "shred_backup_days": 7, **changes})

        yield make


@pytest.fixture(params=STORES)
def vault(request: pytest.FixtureRequest, make_vault: MakeVault) -> Vault:
    """A vault over each of the stores in turn."""
    return make_vault(request.param)


@pytest.fixture
def memory_vault(make_vault: MakeVault) -> Vault:
    """A vault over the store in memory, for what does not depend on the store."""
    return make_vault("memory")


@pytest.fixture
def sqlite_vault(make_vault: MakeVault) -> Vault:
    return make_vault("sqlite")


@pytest.fixture
def keys(vault: Vault) -> FileKeys:
    """The operator's keys of the vault."""
    assert isinstance(vault.keys, FileKeys)
    return vault.keys
