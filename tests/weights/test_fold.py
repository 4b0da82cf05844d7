from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tests.weights import SFACE, YUNET, convolution, network, published
from visavis.errors import ModelUnreadable
from visavis.weights import shipped_card
from visavis.weights.fold import fold

Constants = dict[str, NDArray[Any]]

_TOLERANCE = 4e-6
"""Of the output's norm, and for probabilities that are all near 0 of 1: what adding float32 products in another order costs."""


@pytest.fixture(scope="module", params=[SFACE, YUNET])
def card_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def original(card_id: str) -> bytes:
    return published(shipped_card(card_id).file).read_bytes()


@pytest.fixture(scope="module")
def folded(original: bytes) -> bytes:
    return fold(original)


class TestPublishedModels:
    def test_outputs_are_those_of_the_published_file(self, card_id: str, original: bytes, folded: bytes) -> None:
        batch = noise(1, *shipped_card(card_id).input.size_px)
        expected, outputs = run(runnable(original), batch), run(folded, batch)
        assert [output.shape for output in outputs] == [output.shape for output in expected]
        for output, reference in zip(outputs, expected, strict=True):
            assert np.linalg.norm(output - reference) <= _TOLERANCE * max(1.0, float(np.linalg.norm(reference)))

    def test_no_quantised_weights_are_left(self, folded: bytes) -> None:
        graph = onnx.load_from_string(folded).graph
        assert "DequantizeLinear" not in {node.op_type for node in graph.node}
        kinds = {item.data_type for item in graph.initializer}
        assert not kinds & {TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4}

    def test_the_batch_and_the_picture_are_free_and_the_channels_are_not(self, folded: bytes) -> None:
        (item,) = onnx.load_from_string(folded).graph.input
        axes = [axis.dim_param or axis.dim_value for axis in item.type.tensor_type.shape.dim]
        assert axes == ["axis_0", 3, "axis_2", "axis_3"]

    def test_folding_twice_is_folding_once(self, folded: bytes) -> None:
        assert fold(folded) == folded

    def test_any_number_of_faces_runs_at_once(self) -> None:
        folded = fold(published(shipped_card(SFACE).file).read_bytes())
        batch = noise(3, 112, 112)
        (together,) = run(folded, batch)
        assert together.shape == (3, 128)
        for row, item in zip(together, batch, strict=True):
            (alone,) = run(folded, item[None])
            assert np.linalg.norm(row - alone[0]) <= _TOLERANCE * np.linalg.norm(row)


def _quantised() -> Iterator[Any]:
    """Each form of DequantizeLinear: (quantised, scale, zero point or None, attributes)."""
    random = np.random.default_rng(7)
    for kind in (np.int8, np.uint8, np.int16, np.int32):
        limits = np.iinfo(kind)
        values = random.integers(max(limits.min, -999), min(limits.max, 999), (4, 6), kind, endpoint=True)
        zero = None if kind is np.int32 else kind(3)
        name = np.dtype(kind).name
        yield pytest.param(values, np.float32(0.1), zero, {}, id=f"{name}-tensor")
    values = random.integers(-128, 127, (4, 6), np.int8, endpoint=True)

    def scales(*shape: int) -> NDArray[np.float32]:
        return random.uniform(0.01, 0.1, shape).astype(np.float32)

    def zeros(*shape: int) -> NDArray[np.int8]:
        return random.integers(-5, 5, shape, np.int8)

    yield pytest.param(values, scales(6), zeros(6), {}, id="axis-default")
    yield pytest.param(values, scales(4), zeros(4), {"axis": 0}, id="axis-0")
    yield pytest.param(values, scales(6), None, {"axis": -1}, id="axis-last-no-zero")
    yield pytest.param(values, scales(1), zeros(1), {"axis": 1}, id="one-element")
    yield pytest.param(values[0], scales(1), None, {}, id="one-element-for-a-vector")
    yield pytest.param(values[0], scales(6), zeros(6), {"axis": 0}, id="vector")
    yield pytest.param(values, scales(4, 3), zeros(4, 3), {"axis": 1, "block_size": 2}, id="blocks-of-2")
    yield pytest.param(values, scales(2, 6), None, {"axis": 0, "block_size": 2}, id="blocks-axis-0")
    yield pytest.param(values, scales(4, 2), zeros(4, 2), {"axis": -1, "block_size": 4}, id="blocks-ragged")
    yield pytest.param(values, scales(4, 1), zeros(4, 1), {"axis": 1, "block_size": 6}, id="one-block")


class TestDequantizeLinear:
    @pytest.mark.parametrize(("values", "scale", "zero", "attributes"), list(_quantised()))
    def test_folded_weights_are_what_onnx_says(
        self, values: NDArray[Any], scale: NDArray[np.float32], zero: NDArray[Any] | None, attributes: dict[str, int]
    ) -> None:
        constants = {"q": values, "s": np.asarray(scale)} | ({} if zero is None else {"z": np.asarray(zero)})
        node = helper.make_node("DequantizeLinear", list(constants), ["w"], None, None, None, None, **attributes)
        model = network([node, helper.make_node("Add", ["x", "w"], ["y"])], constants, shape=values.shape)
        assert_equivalent(model, noise(*values.shape), remaining=["Add"])

    def test_half_precision_stays_half(self) -> None:
        values = np.arange(-12, 12, dtype=np.int8).reshape(4, 6)
        scale = np.linspace(0.1, 1, 12, dtype=np.float16).reshape(4, 3)
        node = helper.make_node("DequantizeLinear", ["q", "s"], ["w"], axis=1, block_size=2)
        model = network(
            [node, helper.make_node("Add", ["x", "w"], ["y"])],
            {"q": values, "s": scale},
            shape=(4, 6),
            kind=TensorProto.FLOAT16,
        )
        assert_equivalent(model, noise(4, 6).astype(np.float16), remaining=["Add"])

    def test_what_depends_on_the_input_is_left_alone(self) -> None:
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
        ]
        model = network(nodes, {"s": np.array(0.5, np.float32)}, shape=(4, 6))
        assert_equivalent(model, noise(4, 6), remaining=["QuantizeLinear", "DequantizeLinear"])


class TestReshape:
    def test_reshapes_of_weights_fold_behind_the_weights(self) -> None:
        shape = numpy_helper.from_array(np.array([0, -1, 1, 1]), "shape")
        nodes = [
            helper.make_node("Constant", [], ["shape"], value=shape),
            helper.make_node("DequantizeLinear", ["q", "s"], ["flat"]),
            helper.make_node("Reshape", ["flat", "shape"], ["w"]),
            helper.make_node("Conv", ["x", "w"], ["y"]),
        ]
        constants: Constants = {"q": np.arange(-6, 6, dtype=np.int8).reshape(4, 3), "s": np.array(0.25, np.float32)}
        assert_equivalent(network(nodes, constants), noise(1, 8, 8), remaining=["Conv"])

    def test_a_zero_that_means_zero_is_left_to_the_engine(self) -> None:
        nodes = [
            helper.make_node("Reshape", ["w", "shape"], ["v"], allowzero=1),
            helper.make_node("Add", ["x", "v"], ["y"]),
        ]
        constants = {"w": np.ones((2, 2), np.float32), "shape": np.array([1, 4])}
        assert_equivalent(network(nodes, constants, shape=(1, 4)), noise(1, 4), remaining=["Reshape", "Add"])


class TestGraph:
    def test_scalars_stay_scalars(self) -> None:
        model = network([helper.make_node("Dropout", ["x", "ratio"], ["y"])], {"ratio": np.array(0.4, np.float32)})
        (ratio,) = onnx.load_from_string(fold(model.SerializeToString())).graph.initializer
        assert list(ratio.dims) == []

    def test_weights_listed_as_inputs_are_inputs_no_longer_and_unused_ones_go(self) -> None:
        model = convolution()
        model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 1, 1]))
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(9, np.float32), "unused"))
        graph = onnx.load_from_string(fold(model.SerializeToString())).graph
        assert [item.name for item in graph.input] == ["x"]
        assert [item.name for item in graph.initializer] == ["w"]


class TestRefusals:
    @pytest.mark.parametrize("data", [b"", b"junk", b"\0" * 64, b"<html></html>"], ids=repr)
    def test_what_is_no_model(self, data: bytes) -> None:
        with pytest.raises(ModelUnreadable) as caught:
            fold(data)
        assert caught.value.code == "model_unreadable"

    def test_a_truncated_model(self) -> None:
        data = published(shipped_card(YUNET).file).read_bytes()
        with pytest.raises(ModelUnreadable, match="no ONNX model that can be read"):
            fold(data[: len(data) // 2])

    def test_a_model_without_nodes(self) -> None:
        with pytest.raises(ModelUnreadable, match="no nodes"):
            fold(network([], {}).SerializeToString())

    @pytest.mark.parametrize("location", ["weights.bin", "../weights.bin"])
    def test_weights_in_another_file_are_not_read_since_no_hash_covers_them(self, location: str) -> None:
        model = convolution()
        (weights,) = model.graph.initializer
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
        with pytest.raises(ModelUnreadable, match="w lies in another file; save the model as one file"):
            fold(model.SerializeToString())

    @pytest.mark.filterwarnings("ignore::RuntimeWarning")  # damaged weights overflow; their hash is checked before
    @settings(deadline=None)
    @given(data=st.data())
    def test_damage_is_refused_or_survived(self, data: st.DataObject) -> None:
        nodes = [
            helper.make_node("DequantizeLinear", ["q", "s"], ["flat"], axis=1, block_size=3),
            helper.make_node("Reshape", ["flat", "shape"], ["w"]),
            helper.make_node("Conv", ["x", "w"], ["y"]),
        ]
        constants: Constants = {
            "q": np.ones((4, 3), np.int8),
            "s": np.ones((4, 1), np.float32),
            "shape": np.array([4, 3, 1, 1]),
        }
        model = bytearray(network(nodes, constants).SerializeToString())
        for index in data.draw(st.lists(st.integers(0, len(model) - 1), min_size=1, max_size=4)):
            model[index] = data.draw(st.integers(0, 255))
        with suppress(ModelUnreadable):
            assert fold(bytes(model))


def noise(*shape: int) -> NDArray[np.float32]:
    """Values like pixels; for (N, height, width) with three channels."""
    if len(shape) == 3:
        shape = (shape[0], 3, *shape[1:])
    return np.random.default_rng(len(shape)).uniform(0, 255, shape).astype(np.float32)


def runnable(model: bytes) -> bytes:
    """A published file as ONNX Runtime takes it, still unfolded.

    The files list inputs that no node reads, and give a block size beside scales of one element.
    """
    proto = onnx.load_from_string(model)
    graph = proto.graph
    read = {name for node in graph.node for name in node.input}
    for item in [item for item in graph.input if item.name not in read]:
        graph.input.remove(item)
    single = {item.name for item in graph.initializer if list(item.dims) == [1]}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[1] in single:
            del node.attribute[:]
    return bytes(proto.SerializeToString())


def run(model: bytes, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: batch}))


def reference(model: onnx.ModelProto, x: NDArray[Any]) -> NDArray[Any]:
    (output,) = list(ReferenceEvaluator(model).run(None, {"x": x}))
    return np.asarray(output)


def assert_equivalent(model: onnx.ModelProto, x: NDArray[Any], *, remaining: list[str]) -> None:
    """Folding leaves these nodes and, by the reference implementation of ONNX, the result."""
    folded = onnx.load_from_string(fold(model.SerializeToString()))
    assert [node.op_type for node in folded.graph.node] == remaining
    expected, result = reference(model, x), reference(folded, x)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6 if x.dtype == np.float32 else 1e-3)
