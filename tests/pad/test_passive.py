"""A network that looks at single frames: what it is shown, what its answer means, and what is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import cos, exp, radians, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.pad import PURPOSE, Rows, pad_manifest, pad_model, pad_network, write_pad_model
from tests.weights import SFACE, Manifest, changed, manifest, network, without, write_manifest
from visavis.errors import (
    ManifestInvalid,
    ModelHashMismatch,
    ModelNotFound,
    ModelUnreadable,
    UnsupportedImage,
)
from visavis.face import Face
from visavis.pad import PassiveNetwork
from visavis.weights import ModelCard, ModelStore, read_manifest, shipped_card

RED_AND_BLUE = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
Box = tuple[float, float, float, float]
Frame = NDArray[np.uint8]


def face(box: Box = (60.0, 60.0, 80.0, 80.0), *, roll_deg: float = 0.0, eyes_px: float = 40.0) -> Face:
    """One whose landmarks lie around the middle of its box. roll_deg: clockwise."""
    shape = np.array([[-0.5, -0.6], [0.5, -0.6], [0.0, 0.0], [-0.4, 0.6], [0.4, 0.6]]) * eyes_px
    c, s = cos(radians(roll_deg)), sin(radians(roll_deg))
    turned = np.stack([c * shape[:, 0] - s * shape[:, 1], s * shape[:, 0] + c * shape[:, 1]], axis=1)
    middle = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    return Face(box, (turned + middle).astype(np.float32), 0.9)


def ramps(height: int = 200, width: int = 200) -> Frame:
    """A frame whose red says the column, and whose green the row."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.full_like(rows, 255)], axis=-1).astype(np.uint8)


def plain(red: int, green: int, blue: int) -> Frame:
    return np.full((200, 200, 3), (red, green, blue), dtype=np.uint8)


@pytest.fixture
def make(tmp_path: Path, store: ModelStore) -> Callable[..., PassiveNetwork]:
    """A network with these weights. changes: see `write_pad_model`."""

    def made(rows: Rows = RED_AND_BLUE, **changes: object) -> PassiveNetwork:
        return PassiveNetwork(store, pad_model(tmp_path, rows, **changes))

    return made


Make = Callable[..., PassiveNetwork]


class TestCrop:
    """The ramps tell where each pixel of a crop comes from."""

    def shown(self, crop: Frame, columns: NDArray[np.floating], rows: NDArray[np.floating]) -> None:
        """Fails where a pixel does not come from these columns and rows of the frame, (height, width) each."""
        inside = (columns > 3) & (columns < 196) & (rows > 3) & (rows < 196)
        outside = (columns < -3) | (columns > 203) | (rows < -3) | (rows > 203)
        assert inside.any()
        for channel, expected in ((0, columns), (1, rows)):
            assert np.abs(crop[..., channel] - expected)[inside].max() <= 1.1
        assert (crop[inside][:, 2] == 255).all()
        assert (crop[outside] == 0).all()

    def centres(self, low: float, high: float, count: int) -> NDArray[np.float64]:
        """Where the middles of so many pixels lie that cover what is between, in the numbers of the frame's pixels."""
        return low + (np.arange(count) + 0.5) * (high - low) / count - 0.5

    def level(self, crop: Frame, left: float, top: float, right: float, bottom: float) -> None:
        """Fails where it does not show this rectangle of the frame."""
        height, width = crop.shape[:2]
        columns, rows = self.centres(left, right, width), self.centres(top, bottom, height)
        self.shown(crop, *np.meshgrid(columns, rows))

    def test_the_box_is_shown_with_what_is_around_it(self, make: Make) -> None:
        crop = make(crop__times=1.5).crop(ramps(), face((60, 70, 60, 80)))
        self.level(crop, 30, 50, 150, 170)  # middle (90, 110), 1.5 times 80 px

    def test_it_has_the_proportions_of_the_input(self, make: Make) -> None:
        crop = make(crop__times=1.0, input__size_px=[64, 32]).crop(ramps(), face((60, 70, 60, 80)))
        assert crop.shape == (64, 32, 3)
        self.level(crop, 70, 70, 110, 150)

    def test_it_may_be_measured_by_the_eyes(self, make: Make) -> None:
        one = face((60, 60, 80, 80), eyes_px=30)
        crop = make(crop__of="eyes", crop__times=4.0).crop(ramps(), one)
        x, y = one.landmarks_px.mean(axis=0)
        self.level(crop, x - 60, y - 60, x + 60, y + 60)

    def test_what_is_beyond_the_frame_is_black(self, make: Make) -> None:
        crop = make(crop__times=2.0).crop(ramps(), face((-10, 140, 80, 80)))
        self.level(crop, -50, 100, 110, 260)
        assert (crop[:, :9] == 0).all()
        assert (crop[21:] == 0).all()

    def test_it_may_be_moved_into_the_frame(self, make: Make) -> None:
        crop = make(crop__times=2.0, crop__keep_inside=True).crop(ramps(), face((-10, 140, 80, 80)))
        self.level(crop, 0, 40, 160, 200)

    def test_and_made_smaller_where_the_frame_is(self, make: Make) -> None:
        crop = make(crop__times=2.7, crop__keep_inside=True).crop(ramps(160, 200), face((70, 30, 90, 100)))
        self.level(crop, 35, 0, 195, 160)  # 270 px do not fit into 160

    def test_a_frame_that_is_too_narrow_for_the_proportions(self, make: Make) -> None:
        crops = make(crop__times=2.0, crop__keep_inside=True, input__size_px=[32, 64])
        crop = crops.crop(ramps(200, 100), face((10, 60, 80, 80)))
        self.level(crop, 0, 75, 100, 125)

    @pytest.mark.parametrize("of", ["box", "eyes"])
    @pytest.mark.parametrize("roll_deg", [-30, 20])
    def test_the_eyes_may_be_made_level(self, make: Make, of: str, roll_deg: float) -> None:
        tilted = face((60, 60, 80, 80), roll_deg=roll_deg)
        crop = make(crop__of=of, crop__times=1.0 if of == "box" else 2.0, crop__upright=True).crop(ramps(), tilted)
        u, v = np.meshgrid(*[self.centres(-40, 40, 32) + 0.5] * 2)
        c, s = cos(radians(roll_deg)), sin(radians(roll_deg))
        x, y = (100.0, 100.0) if of == "box" else tilted.landmarks_px.mean(axis=0)
        self.shown(crop, c * u - s * v + x - 0.5, s * u + c * v + y - 0.5)

    def test_else_they_are_not(self, make: Make) -> None:
        tilted, network = face((60, 60, 80, 80), roll_deg=30), make()
        assert np.array_equal(network.crop(ramps(), tilted), network.crop(ramps(), face((60, 60, 80, 80))))

    def test_the_frame_stays_its_owners(self, make: Make) -> None:
        frame = ramps()
        make().crop(frame, face())
        frame[0, 0] = 7  # may still be written to

    def test_what_is_no_frame_is_refused(self, make: Make) -> None:
        with pytest.raises(UnsupportedImage, match="expected an RGB array"):
            make().score(np.zeros((200, 200), dtype=np.uint8), face())


class TestScore:
    def test_it_is_the_output_of_the_bona_fide_class(self, make: Make) -> None:
        frame = plain(200, 100, 50)
        assert make(output__bona_fide=0).score(frame, face()) == pytest.approx(200, abs=1e-3)
        assert make(output__bona_fide=1).score(frame, face()) == pytest.approx(50, abs=1e-3)

    def test_it_is_that_of_what_is_shown(self, make: Make) -> None:
        frame = plain(0, 0, 0)
        frame[:, :100] = 240
        right = face((80, 60, 80, 80))
        assert make().score(frame, right) == pytest.approx(240 * 20 / 80, abs=1)
        assert make(crop__times=2.0).score(frame, right) == pytest.approx(240 * 60 / 160, abs=1)

    def test_the_order_of_colours(self, make: Make) -> None:
        frame = plain(200, 100, 50)
        assert make(input__colour="BGR").score(frame, face()) == pytest.approx(50, abs=1e-3)

    @pytest.mark.parametrize(("colour", "expected"), [("RGB", (200 - 10) * 0.5), ("BGR", (50 - 10) * 0.5)])
    def test_each_channel_is_normalised_in_that_order(self, make: Make, colour: str, expected: float) -> None:
        normal = {"input__mean": [10.0, 20.0, 30.0], "input__scale": [0.5, 0.25, 2.0]}
        network = make(input__colour=colour, **normal)
        assert network.score(plain(200, 100, 50), face()) == pytest.approx(expected, abs=1e-3)
        green = make(((0.0, 1.0, 0.0),), input__colour=colour, **normal)
        assert green.score(plain(200, 100, 50), face()) == pytest.approx((100 - 20) * 0.25, abs=1e-3)

    def test_softmax(self, make: Make) -> None:
        rows = ((0.01, 0.0, 0.0), (0.0, 0.01, 0.0), (0.0, 0.0, 0.01))
        exponentials = [exp(2.0), exp(1.0), exp(0.5)]
        for number, each in enumerate(exponentials):
            network = make(rows, output__bona_fide=number, output__softmax=True)
            assert network.score(plain(200, 100, 50), face()) == pytest.approx(each / sum(exponentials), abs=1e-5)

    def test_softmax_of_large_outputs(self, make: Make) -> None:
        rows = ((10.0, 0.0, 0.0), (0.0, 0.0, 10.0))
        scores = [
            make(rows, output__bona_fide=n, output__softmax=True).score(plain(200, 100, 50), face()) for n in (0, 1)
        ]
        assert scores == [1.0, 0.0]

    def test_one_output(self, make: Make) -> None:
        assert make(((0.0, 1.0, 0.0),)).score(plain(200, 100, 50), face()) == pytest.approx(100, abs=1e-3)

    def test_a_frame_is_accepted_from_the_threshold_on(self, make: Make) -> None:
        network = make(threshold__value=100)
        assert [network.accepts(plain(red, 0, 0), face()) for red in (99, 100, 101)] == [False, True, True]
        network = make(((0.01, 0.0, 0.0), (0.0, 0.01, 0.0)), output__softmax=True, threshold__value=0.5)
        assert [network.accepts(plain(red, 100, 0), face()) for red in (90, 110)] == [False, True]

    def test_its_name_is_the_models(self, make: Make) -> None:
        assert make(id="other-1.2").id == "other-1.2"


class Counting:
    """A store that counts how often it compiles."""

    def __init__(self, store: ModelStore) -> None:
        self._store, self.asked = store, list[tuple[str, Any]]()

    def compile(self, card: ModelCard, **how: Any) -> Any:
        self.asked.append((card.id, how))
        return self._store.compile(card, **how)


class TestThreads:
    def test_it_is_compiled_once_when_it_is_first_needed(self, store: ModelStore, tmp_path: Path) -> None:
        counting = Counting(store)
        network = PassiveNetwork(counting, pad_model(tmp_path, RED_AND_BLUE))  # type: ignore[arg-type]
        assert counting.asked == []
        shades = list(range(0, 250, 5)) * 4
        with ThreadPoolExecutor(8) as pool:
            scores = list(pool.map(lambda shade: network.score(plain(shade, 0, 0), face()), shades))
        assert scores == pytest.approx(shades, abs=1e-3)
        assert counting.asked == [("mine", {"precision": "float32"})]


class TestFaults:
    def card(self, folder: Path, data: bytes, **changes: object) -> ModelCard:
        return read_manifest(write_pad_model(folder, data, **changes), PURPOSE)

    def test_another_file(self, store: ModelStore, tmp_path: Path) -> None:
        card = pad_model(tmp_path, RED_AND_BLUE)
        (tmp_path / card.file).write_bytes(pad_network([[1, 1, 1], [0, 0, 0]]))
        with pytest.raises(ModelHashMismatch, match=r"mine\.onnx is not the published"):
            PassiveNetwork(store, card).accepts(ramps(), face())

    def test_no_file(self, store: ModelStore, tmp_path: Path) -> None:
        card = pad_model(tmp_path, RED_AND_BLUE)
        (tmp_path / card.file).unlink()
        with pytest.raises(ModelNotFound, match="put the file beside its manifest"):
            PassiveNetwork(store, card).load()

    def test_what_is_no_network(self, store: ModelStore, tmp_path: Path) -> None:
        with pytest.raises(ModelUnreadable, match="no ONNX model"):
            PassiveNetwork(store, self.card(tmp_path, b"no network")).load()

    @pytest.mark.parametrize("classes", [1, 3])
    def test_another_number_of_outputs(self, make: Make, classes: int) -> None:
        network = make(output__classes=classes)
        with pytest.raises(ModelUnreadable, match=rf"mine gives outputs of shape \(1, 2\).*\(1, {classes}\)"):
            network.load()

    def test_several_outputs(self, store: ModelStore, tmp_path: Path) -> None:
        nodes = [
            helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0),
            helper.make_node("Neg", ["y"], ["z"]),
        ]
        made = network(nodes, {"axes": np.array([2, 3])}, shape=(1, 3, 32, 32))
        made.graph.output.append(
            helper.make_tensor_value_info("z", made.graph.output[0].type.tensor_type.elem_type, None)
        )
        card = self.card(tmp_path, made.SerializeToString(), output__classes=3)
        with pytest.raises(ModelUnreadable, match=r"\(1, 3\), \(1, 3\)"):
            PassiveNetwork(store, card).load()

    def test_another_input(self, store: ModelStore, tmp_path: Path) -> None:
        weights = {"w": np.ones((2, 1, 32, 32), dtype=np.float32)}
        made = network([helper.make_node("Conv", ["x", "w"], ["y"])], weights, shape=(1, 1, 32, 32))
        with pytest.raises(ModelUnreadable):
            PassiveNetwork(store, self.card(tmp_path, made.SerializeToString())).load()

    def test_an_output_that_is_no_number_accepts_nothing(self, make: Make) -> None:
        with pytest.raises(ModelUnreadable, match="no number"):
            make(((1e38, 0.0, 0.0), (0.0, 0.0, 0.0)), input__scale=[1e3] * 3).accepts(plain(255, 0, 0), face())

    def test_after_a_fault_it_is_tried_again(self, store: ModelStore, tmp_path: Path) -> None:
        card = pad_model(tmp_path, RED_AND_BLUE)
        (tmp_path / card.file).rename(tmp_path / "aside")
        model = PassiveNetwork(store, card)
        with pytest.raises(ModelNotFound):
            model.load()
        (tmp_path / "aside").rename(tmp_path / card.file)
        assert model.accepts(plain(200, 0, 0), face())

    def test_a_model_of_another_purpose(self, store: ModelStore) -> None:
        with pytest.raises(ManifestInvalid, match="is for face_embedding, not for presentation attack detection"):
            PassiveNetwork(store, shipped_card(SFACE))


_REQUIRED = (
    *("format", "id", "purpose", "file", "sha256", "licence", "provenance", "training_data"),
    *("input", "input.size_px", "input.colour", "input.mean", "input.scale"),
    *("crop", "crop.of", "crop.times", "crop.upright", "crop.keep_inside"),
    *("output", "output.classes", "output.bona_fide", "output.softmax"),
    *("threshold", "threshold.value", "threshold.dataset", "threshold.date", "threshold.apcer", "threshold.bpcer"),
)

_WRONG: tuple[tuple[str, object], ...] = (
    ("format", 2),
    ("id", "Mine"),
    ("purpose", "liveness"),
    ("file", "../mine.onnx"),
    ("sha256", "0" * 63),
    ("licence", 1),
    ("provenance", 1),
    ("training_data", False),
    ("upstream", "http://example.org/model.onnx"),
    ("input.size_px", [32, 31]),
    ("input.size_px", [32]),
    ("input.colour", "rgb"),
    ("input.mean", [0.0, 0.0]),
    ("input.scale", [float("nan"), 1.0, 1.0]),
    ("crop", "box"),
    ("crop.of", "face"),
    ("crop.of", 1),
    ("crop.times", 0.49),
    ("crop.times", 20.1),
    ("crop.times", float("nan")),
    ("crop.times", float("inf")),
    ("crop.times", -1),
    ("crop.times", True),
    ("crop.times", "2"),
    ("crop.times", 1 << 70),
    ("crop.upright", 1),
    ("crop.keep_inside", "no"),
    ("output.classes", 0),
    ("output.classes", 1001),
    ("output.classes", 2.0),
    ("output.classes", True),
    ("output.bona_fide", -1),
    ("output.bona_fide", 2),
    ("output.bona_fide", "live"),
    ("output.softmax", 0),
    ("threshold", 0.5),
    ("threshold.value", "0.5"),
    ("threshold.value", False),
    ("threshold.value", 1e10),
    ("threshold.value", float("nan")),
    ("threshold.value", float("inf")),
    ("threshold.dataset", ""),
    ("threshold.date", 20261125),
    ("threshold.date", " "),
    ("threshold.apcer", 0.009),
    ("threshold.apcer", ""),
    ("threshold.bpcer", ["2 %"]),
    ("threshold.bpcer", "\t"),
    # unknown keys, and those of other models
    ("licens", "MIT"),
    ("input.maen", [0.0, 0.0, 0.0]),
    ("input.landmarks_px", [[1.0, 1.0]] * 5),
    ("crop.scale", 2.7),
    ("output.dimension", 128),
    ("threshold.acer", "1 %"),
    ("calibration", {"file": "table.json"}),
)


class TestManifest:
    def test_what_the_others_start_from_is_right(self, tmp_path: Path) -> None:
        values = pad_manifest() | {"upstream": "https://example.org/m"}
        card = read_manifest(write_manifest(tmp_path, values), PURPOSE)
        assert (card.id, card.purpose, card.folder, card.dimension, card.calibration) == (
            *("mine", PURPOSE, tmp_path),
            *(0, None),
        )
        assert card.input.landmarks_px == ()
        pad = card.pad
        assert pad is not None
        assert (pad.crop.of, pad.crop.times, pad.crop.upright, pad.crop.keep_inside) == ("box", 1.0, False, False)
        assert (pad.classes, pad.bona_fide, pad.softmax, pad.threshold) == (2, 1, False, 0.5)
        assert [pad.dataset, pad.date, pad.apcer, pad.bpcer] == list(values["threshold"].values())[1:]

    @pytest.mark.parametrize("key", _REQUIRED)
    def test_a_missing_key(self, key: str, tmp_path: Path) -> None:
        assert key in refusal(tmp_path, without(pad_manifest(), key))

    @pytest.mark.parametrize(("key", "value"), _WRONG, ids=str)
    def test_a_wrong_or_unknown_key(self, key: str, value: object, tmp_path: Path) -> None:
        assert key.rpartition(".")[2] in refusal(tmp_path, changed(pad_manifest(), key, value))

    @pytest.mark.parametrize("value", [-1.0, 0, 0.0, 1, 1.0, 2.5])
    def test_after_softmax_a_threshold_lies_between_0_and_1(self, value: float, tmp_path: Path) -> None:
        values = changed(pad_manifest(), "output.softmax", True)
        assert "threshold.value" in refusal(tmp_path, changed(values, "threshold.value", value))

    def test_softmax_of_one_class(self, tmp_path: Path) -> None:
        values = pad_manifest() | {"output": {"classes": 1, "bona_fide": 0, "softmax": True}}
        assert "output.softmax must be false" in refusal(tmp_path, values)

    def test_what_is_upright_cannot_be_kept_inside(self, tmp_path: Path) -> None:
        values = changed(changed(pad_manifest(), "crop.upright", True), "crop.keep_inside", True)
        assert "crop.keep_inside must be false" in refusal(tmp_path, values)

    def test_a_model_for_embedding_is_another_thing(self, tmp_path: Path) -> None:
        assert "must be 'presentation_attack_detection', not 'face_embedding'" in refusal(tmp_path, manifest())
        with pytest.raises(ManifestInvalid, match="must be 'face_embedding', not 'presentation_attack_detection'"):
            read_manifest(write_manifest(tmp_path, pad_manifest()))


def refusal(folder: Path, values: Manifest) -> str:
    with pytest.raises(ManifestInvalid) as caught:
        read_manifest(write_manifest(folder, values), PURPOSE)
    return str(caught.value)
