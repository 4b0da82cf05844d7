from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from tests.weights import SFACE, YUNET
from visavis.errors import ModelHashMismatch, ModelNotFound
from visavis.weights import (
    Cache,
    CompiledModel,
    EngineName,
    ModelStore,
    Network,
    Places,
    Precision,
    make_engine,
    read,
    shipped_card,
)
from visavis.weights.fold import FOLDING, fold


class Nothing:
    """A compiled model that is never run."""

    precision = "float32"

    def run(self, batch: np.ndarray) -> NoReturn:
        raise NotImplementedError


class Recorder:
    """An engine that remembers what it was asked to compile."""

    name: EngineName = "openvino"
    version = "0"

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[int, int, int], Precision]] = []

    def compile(
        self,
        network: Network,
        shape: tuple[int, int, int],
        precision: Precision = "fastest",
        *,
        one_at_a_time: bool = False,
    ) -> CompiledModel:
        self.asked.append((network.key, shape, precision))
        return Nothing()


def refuse(model: bytes) -> NoReturn:
    pytest.fail("folding was not needed")


class TestNetwork:
    def test_its_key_names_the_contents_and_the_folding(self) -> None:
        card = shipped_card(YUNET)
        network = ModelStore(places=Places(), cache=Cache(None), engine=Recorder()).network(card)
        assert network.key == f"fold{FOLDING}-{card.sha256}"
        assert network.load() == fold(read(card, Places()))

    def test_it_is_folded_when_first_needed_and_then_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        card = shipped_card(YUNET)
        folded = ModelStore(places=Places(), cache=Cache(tmp_path), engine=Recorder()).network(card).load()
        monkeypatch.setattr("visavis.weights.store.fold", refuse)
        network = ModelStore(places=Places(), cache=Cache(tmp_path), engine=Recorder()).network(card)
        assert network.load() == folded
        ModelStore(places=Places(), cache=Cache(None), engine=Recorder()).network(card)

    def test_a_wrong_file_is_refused_before_anything_is_made_of_it(self, tmp_path: Path) -> None:
        card = shipped_card(YUNET)
        folder, cache = tmp_path / "folder", tmp_path / "cache"
        folder.mkdir()
        (folder / card.file).write_bytes(b"another model")
        engine = Recorder()
        store = ModelStore(places=Places(folder=folder), cache=Cache(cache), engine=engine)
        with pytest.raises(ModelHashMismatch):
            store.compile(card)
        assert engine.asked == []
        assert list(cache.iterdir()) == []

    def test_a_wrong_file_is_refused_though_a_compiled_model_is_cached(self, tmp_path: Path) -> None:
        card = shipped_card(YUNET)
        folder, cache = tmp_path / "folder", Cache(tmp_path / "cache")
        folder.mkdir()
        engine = make_engine("openvino", threads=1, cache=cache)
        store = ModelStore(places=Places(folder=folder), cache=cache, engine=engine)
        store.compile(card, (256, 256))
        (folder / card.file).write_bytes(b"another model")
        with pytest.raises(ModelHashMismatch):
            store.compile(card, (256, 256))

    def test_a_missing_file(self) -> None:
        store = ModelStore(places=Places(), cache=Cache(None), engine=Recorder())
        with pytest.raises(ModelNotFound):
            store.network(replace(shipped_card(YUNET), wheel=None))


class TestCompile:
    def test_the_size_is_the_cards_unless_another_is_asked_for(self) -> None:
        engine = Recorder()
        store = ModelStore(places=Places(), cache=Cache(None), engine=engine)
        assert store.engine is engine
        store.compile(shipped_card(SFACE))
        store.compile(shipped_card(YUNET), (256, 320), "float32")
        assert [(shape, precision) for _, shape, precision in engine.asked] == [
            ((3, 112, 112), "fastest"),
            ((3, 256, 320), "float32"),
        ]

    def test_a_compiled_model_in_the_cache_needs_no_folding(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        card, cache = shipped_card(YUNET), Cache(tmp_path)
        engine = make_engine("openvino", threads=1, cache=cache)
        ModelStore(places=Places(), cache=cache, engine=engine).compile(card, (256, 256))
        (tmp_path / f"fold{FOLDING}-{card.sha256}").unlink()
        monkeypatch.setattr("visavis.weights.store.fold", refuse)
        model = ModelStore(places=Places(), cache=cache, engine=engine).compile(card, (256, 256))
        assert len(model.run(np.zeros((1, 3, 256, 256), np.float32))) == 12
