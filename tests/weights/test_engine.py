import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.conftest import PEOPLE, person
from tests.weights import SFACE, YUNET, convolution, network
from visavis.errors import EngineUnavailable, ModelUnreadable
from visavis.verifier import Verifier
from visavis.weights import (
    ENGINES,
    Cache,
    CompiledModel,
    Engine,
    EngineName,
    ModelStore,
    Network,
    Places,
    Precision,
    make_engine,
    shipped_card,
)
from visavis.weights.fold import fold

Batch = NDArray[np.float32]


@pytest.fixture(scope="module")
def faces(verifier: Verifier) -> Batch:
    """Eight aligned faces as the embedding model sees them."""
    rows = []
    for name in PEOPLE[:8]:
        photo = person(name, "studio_portrait")
        face = verifier.acquire(photo).report.face
        assert face is not None
        rows.append(verifier.align(photo, face).pixels.transpose(2, 0, 1))
    return np.stack(rows).astype(np.float32)


class EngineContract:
    """What every engine keeps to."""

    def make(self, cache: Cache) -> Engine:
        """The engine under test, for two threads."""
        raise NotImplementedError

    def store(self, cache: Cache) -> ModelStore:
        return ModelStore(places=Places(), cache=cache, engine=self.make(cache))

    def compile(
        self, cache_folder: Path | None, model: str, size: int | None = None, precision: Precision = "fastest"
    ) -> CompiledModel:
        store = self.store(Cache(cache_folder))
        return store.compile(shipped_card(model), None if size is None else (size, size), precision)

    @pytest.fixture
    def embedder(self, cache_folder: Path) -> CompiledModel:
        return self.compile(cache_folder, SFACE)

    def test_it_has_a_name_and_a_version(self) -> None:
        engine = self.make(Cache(None))
        assert engine.name in ENGINES
        assert engine.version

    def test_one_output_for_embeddings(self, embedder: CompiledModel, faces: Batch) -> None:
        for count in (1, 3, 8):
            (output,) = embedder.run(faces[:count])
            assert output.shape == (count, 128)
            assert output.dtype == np.float32

    @pytest.mark.parametrize("count", [1, 3, 8])
    def test_the_outputs_come_in_the_networks_order(self, count: int, cache_folder: Path) -> None:
        detector = self.compile(cache_folder, YUNET, 256, "float32")
        outputs = detector.run(np.zeros((count, 3, 256, 256), np.float32))
        kinds = [1, 1, 4, 10]  # class, objectness, box, landmarks; each at three strides
        expected = [(count, (256 // stride) ** 2, width) for width in kinds for stride in (8, 16, 32)]
        assert [output.shape for output in outputs] == expected

    def test_a_batch_gives_what_its_items_give(self, embedder: CompiledModel, faces: Batch) -> None:
        (alone,) = zip(*(embedder.run(face[None]) for face in faces), strict=True)
        for count in (1, 3, 8):
            (together,) = embedder.run(faces[:count])
            assert cosines(together, np.concatenate(alone[:count])).min() > 1 - 1e-3

    def test_a_detectors_batch_gives_what_its_items_give(self, cache_folder: Path) -> None:
        detector = self.compile(cache_folder, YUNET, 256, "float32")
        batch = np.random.default_rng(1).uniform(0, 255, (3, 3, 256, 256)).astype(np.float32)
        together = detector.run(batch)
        for index, item in enumerate(batch):
            for output, alone in zip(together, detector.run(item[None]), strict=True):
                np.testing.assert_allclose(output[index], alone[0], rtol=1e-4, atol=1e-4)

    def test_the_batch_is_left_as_it_was(self, embedder: CompiledModel, faces: Batch) -> None:
        before = faces.copy()
        embedder.run(faces)
        assert np.array_equal(faces, before)

    def test_strided_batches_are_read_right(self, embedder: CompiledModel, faces: Batch) -> None:
        (expected,) = embedder.run(np.ascontiguousarray(faces[::-2, ::-1]))
        (output,) = embedder.run(faces[::-2, ::-1])
        assert np.array_equal(output, expected)

    def test_outputs_are_the_callers_own(self, embedder: CompiledModel, faces: Batch) -> None:
        (first,) = embedder.run(faces[:1])
        kept = first.copy()
        embedder.run(faces[1:2])
        assert np.array_equal(first, kept)

    def test_sixteen_threads_get_the_bits_that_one_gets(self, embedder: CompiledModel, faces: Batch) -> None:
        inputs = [faces[index % 8][None] for index in range(48)]
        expected = [embedder.run(item)[0].tobytes() for item in inputs]
        with ThreadPoolExecutor(16) as pool:
            results = list(pool.map(lambda item: embedder.run(item)[0].tobytes(), inputs))
        assert results == expected

    def test_what_it_computes_in(self, cache_folder: Path) -> None:
        assert self.compile(cache_folder, YUNET, 256, "float32").precision == "float32"
        assert self.compile(cache_folder, YUNET, 256).precision in {"float32", "bfloat16"}

    @pytest.mark.parametrize("data", [b"", b"junk", b"\x08\x0a" * 100], ids=repr)
    def test_bytes_that_are_no_network(self, data: bytes) -> None:
        with pytest.raises(ModelUnreadable) as caught:
            self.make(Cache(None)).compile(Network("key", lambda: data), (3, 8, 8))
        assert caught.value.code == "model_unreadable"

    def test_networks_that_cannot_run(self) -> None:
        engine = self.make(Cache(None))
        nonsense = network([helper.make_node("Nonsense", ["x"], ["y"])], {})
        two_inputs = network([helper.make_node("Add", ["x", "z"], ["y"])], {}, inputs=("x", "z"))
        for model, channels in ((nonsense, 3), (two_inputs, 3), (convolution(), 1)):
            data = fold(model.SerializeToString())
            with pytest.raises(ModelUnreadable, match="cannot run the model"):
                engine.compile(Network("key", lambda data=data: data), (channels, 8, 8))  # type: ignore[misc]

    def test_an_input_size_that_the_network_does_not_have(self, cache_folder: Path) -> None:
        with pytest.raises(ModelUnreadable, match="cannot run the model"):
            self.compile(cache_folder, SFACE, 128)

    def test_a_network_of_ones_own(self) -> None:
        data = fold(convolution().SerializeToString())
        model = self.make(Cache(None)).compile(Network("key", lambda: data), (3, 8, 8), "float32")
        (output,) = model.run(np.ones((2, 3, 8, 8), np.float32))
        weights = np.linspace(-1, 1, 12).reshape(4, 3).sum(axis=1)
        np.testing.assert_allclose(output, np.broadcast_to(weights[:, None, None], (2, 4, 8, 8)), rtol=1e-5)

    def test_cached_and_fresh_give_the_same_bits(self, tmp_path: Path) -> None:
        batch = np.random.default_rng(2).uniform(0, 255, (1, 3, 256, 256)).astype(np.float32)
        fresh, filled, cached = (self.compile(folder, YUNET, 256) for folder in (None, tmp_path, tmp_path))
        expected = bits(fresh, batch)
        assert bits(filled, batch) == expected
        assert bits(cached, batch) == expected
        assert fresh.precision == filled.precision == cached.precision

    def test_a_damaged_cache_is_made_anew(self, tmp_path: Path) -> None:
        batch = np.random.default_rng(3).uniform(0, 255, (1, 3, 256, 256)).astype(np.float32)
        expected = bits(self.compile(tmp_path, YUNET, 256), batch)
        entries = {path: path.read_bytes() for path in tmp_path.iterdir()}
        assert entries
        for path, entry in entries.items():
            path.write_bytes(entry[: len(entry) // 2] + b"\xff" * 100)
        assert bits(self.compile(tmp_path, YUNET, 256), batch) == expected
        assert all(Cache(tmp_path).get(path.name) is not None for path in entries)


class TestOpenVINO(EngineContract):
    def make(self, cache: Cache) -> Engine:
        return make_engine("openvino", threads=2, cache=cache)

    def test_a_whole_entry_that_it_cannot_import_is_made_anew(self, tmp_path: Path) -> None:
        """As another build of the library might leave it, under the same version."""
        batch = np.ones((1, 3, 8, 8), np.float32)
        data = fold(convolution().SerializeToString())
        cache = Cache(tmp_path)
        expected = bits(self.make(cache).compile(Network("key", lambda: data), (3, 8, 8)), batch)
        (entry,) = tmp_path.iterdir()
        for junk in (b"", b"another build's bytes"):
            cache.put(entry.name, junk)
            assert bits(self.make(cache).compile(Network("key", lambda: data), (3, 8, 8)), batch) == expected
            assert cache.get(entry.name) not in {None, junk}

    def test_a_compiled_network_is_not_loaded_again(self, tmp_path: Path) -> None:
        data = fold(convolution().SerializeToString())
        loads: list[str] = []

        def load() -> bytes:
            loads.append("load")
            return data

        for _ in range(2):
            self.make(Cache(tmp_path)).compile(Network("key", load), (3, 8, 8))
        assert loads == ["load"]

    def test_shapes_precisions_and_networks_are_cached_apart(self, tmp_path: Path) -> None:
        data = fold(convolution().SerializeToString())
        engine = self.make(Cache(tmp_path))
        for key, size, precision in (
            ("a", 8, "fastest"),
            ("a", 16, "fastest"),
            ("a", 8, "float32"),
            ("b", 8, "fastest"),
        ):
            engine.compile(Network(key, lambda: data), (3, size, size), cast("Precision", precision))
        assert len(list(tmp_path.iterdir())) == 4


class TestONNXRuntime(EngineContract):
    def make(self, cache: Cache) -> Engine:
        return make_engine("onnxruntime", threads=2, cache=cache)

    def test_it_always_computes_in_float32(self, embedder: CompiledModel) -> None:
        assert embedder.precision == "float32"

    def test_where_it_is_not_installed_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "visavis.weights.onnxruntime", raising=False)
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(EngineUnavailable, match=r"pip install visavis\[onnxruntime\]") as caught:
            self.make(Cache(None))
        assert caught.value.code == "engine_unavailable"


class TestCUDA:
    def test_without_cuda_it_is_unavailable_and_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
        with pytest.raises(EngineUnavailable, match=r"visavis\[gpu\]"):
            make_engine("cuda", threads=1, cache=Cache(None))

    @pytest.mark.skipif(
        "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this machine has CUDA"
    )
    def test_it_never_falls_back_to_the_cpu_in_silence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
        engine = make_engine("cuda", threads=1, cache=Cache(None))
        assert engine.name == "cuda"
        data = fold(convolution().SerializeToString())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # onnxruntime's own
            with pytest.raises(EngineUnavailable, match="could not be started"):
                engine.compile(Network("key", lambda: data), (3, 8, 8))


class TestMakeEngine:
    def test_a_name_that_is_not_there_is_answered_with_those_that_are(self) -> None:
        with pytest.raises(EngineUnavailable, match="'tensorrt'; choose from openvino, onnxruntime, cuda"):
            make_engine(cast("EngineName", "tensorrt"), threads=1, cache=Cache(None))

    @pytest.mark.parametrize("name", ENGINES)
    @pytest.mark.parametrize("threads", [0, -1])
    def test_no_threads_are_too_few(self, name: EngineName, threads: int) -> None:
        with pytest.raises(EngineUnavailable, match="at least one thread"):
            make_engine(name, threads=threads, cache=Cache(None))

    def test_importing_the_room_loads_no_engine(self) -> None:
        code = (
            "import sys, visavis.weights; print([m for m in ('openvino', 'onnxruntime', 'onnx') if m in sys.modules])"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "[]"


class TestAgreement:
    """A score must not depend on the engine that its operator chose."""

    @pytest.fixture
    def outputs(self, faces: Batch, cache_folder: Path) -> tuple[Batch, Batch]:
        contracts: tuple[EngineContract, ...] = (TestOpenVINO(), TestONNXRuntime())
        first, second = (each.compile(cache_folder, SFACE, precision="float32").run(faces)[0] for each in contracts)
        return first, second

    def test_the_engines_agree_on_real_faces(self, outputs: tuple[Batch, Batch]) -> None:
        assert cosines(*outputs).min() > 0.999

    def test_different_people_do_not(self, outputs: tuple[Batch, Batch]) -> None:
        first, second = outputs
        assert cosines(first, np.roll(second, 1, axis=0)).max() < 0.9


def cosines(first: Batch, second: Batch) -> NDArray[np.float64]:
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first.astype(np.float64), second))
    return np.asarray((a * b).sum(axis=1))


def bits(model: CompiledModel, batch: Batch) -> list[bytes]:
    return [output.tobytes() for output in model.run(batch)]
