"""The code in docs/client.md runs as it stands there."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.api import Running
from tests.session import Person, enrol, subject_id
from visavis.client import Transaction, captures, resources
from visavis.client.resource import Lister, Method
from visavis.session import Vault

DOCUMENT = Path(__file__).parents[2] / "docs" / "client.md"
ANNA = Person(1)


def test_it_runs(
    server: Running,
    vault: Vault,
    api_key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    claim, sent_to = enrol(vault, ANNA, purpose="payment"), list[str]()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISAVIS_API_KEY", api_key)
    Path("passport.jpg").write_bytes(ANNA.photo())
    names: dict[str, Any] = {
        "Path": Path,
        "body": b"{}",
        "camera_bytes": ANNA.photo(1),
        "customer": subject_id(vault),
        "frame_1": ANNA.photo(1),
        "headers": {},
        "nonce": "order 77",
        "send_user_to": sent_to.append,
        "transaction": Transaction("12.50", "EUR", "Bakery"),
    }
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        # The service is reached elsewhere here, and its verifier, which runs no network, looks at one frame and at no code.
        told = block.replace('Visavis("https://verify.example")', f'Visavis("{server.url}")')
        told = told.replace('claim_photo=Path("claim.png")', f'claim="{claim.text()}"').replace(", frame_2]", "]")
        exec(compile(told, str(DOCUMENT), "exec"), names)  # noqa: S102
    names["client"].close()
    assert re.match("https://verify.example/verify/vs_", sent_to[0])
    assert re.fullmatch("sub_.*\nmatch\nverified\nvr_.* sub_.* not_checked\n", capsys.readouterr().out)
    assert names["answer"] == 400


def test_it_names_every_method() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for kind in [*vars(resources).values(), captures.Captures]:
        if isinstance(kind, type) and kind.__module__ in (resources.__name__, captures.__name__):
            for name, value in vars(kind).items():
                if isinstance(value, (Method, Lister)):
                    assert f"`{name}`" in text, name
