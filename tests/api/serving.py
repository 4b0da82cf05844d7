"""The service on a port, until it is killed: see test_crash.

Arguments: the installation's folder, the port, and how many seconds its clock is ahead. Of a database other than SQLite in the
folder the environment's CRASH_DATABASE tells.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.session import Prepared
from visavis.api import Service, server_of
from visavis.api.courier import Courier
from visavis.api.metrics import Metrics
from visavis.api.service import Rates, Room
from visavis.session import Desk, Models, Vault
from visavis.store import Database, FileShreds
from visavis.template import FileKeys

MANY = Rates(1_000_000, 1_000_000, 1_000_000, 1_000_000)


def open_vault(folder: Path, ahead_s: float = 0.0) -> Vault:
    """The installation, made if it is not there yet."""
    keys = FileKeys.create(folder / "keys")
    store = Database.create(os.environ.get("CRASH_DATABASE") or folder / "visavis.db")
    shreds = FileShreds.create(folder / "shreds.db", store.id)
    return Vault(
        store, shreds, keys, keys.signer("audit"), clock=lambda: datetime.now(UTC) + timedelta(seconds=ahead_s)
    )


def main(folder: Path, port: int, ahead_s: float) -> None:
    vault, metrics = open_vault(folder, ahead_s), Metrics()
    assert isinstance(vault.keys, FileKeys)
    keys = vault.keys
    desk = Desk(vault, Models(Prepared()), "https://verify.example", keys.signer("report"))
    courier = Courier(vault, metrics, allow_private=True)
    service = Service(
        desk, "https://verify.example", Room(64), lambda: keys.public_keys("report"), courier, metrics, rates=MANY
    )
    server_of(service, host="127.0.0.1", port=port, log_config=None).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
