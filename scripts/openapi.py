"""Write docs/openapi.json, the OpenAPI document of the service."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from visavis.api import Service, make_app
from visavis.api.courier import Courier
from visavis.api.metrics import Metrics
from visavis.api.service import Room
from visavis.session import Desk, Vault
from visavis.store import MemoryShreds, MemoryStore
from visavis.template import FileKeys

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"


def document() -> dict[str, Any]:
    """What the service of this code describes itself as."""
    with TemporaryDirectory() as folder:
        keys = FileKeys.create(Path(folder))
        vault = Vault(MemoryStore(), MemoryShreds(), keys, keys.signer("audit"))
        desk = Desk(vault, cast("Any", None), "", vault.audit_signer)  # nothing is asked of it
        metrics = Metrics()
        return make_app(Service(desk, "", Room(1), tuple, Courier(vault, metrics), metrics)).openapi()


def text() -> str:
    """The same as it stands in the file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
