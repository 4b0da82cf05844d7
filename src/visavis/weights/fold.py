"""Fold block-quantised weights into float32 once, so that every engine can read the network.

The published files keep int8 weights behind blocked DequantizeLinear nodes (ONNX opset 21). OpenVINO does not read the
blocked form and ONNX Runtime computes it anew at every run. Folding replaces those nodes, and the reshapes behind them,
with their constant results; outputs agree with the unfolded network to 4e-6.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelUnreadable

if TYPE_CHECKING:
    import onnx

FOLDING = "2"
"""Version of this transformation, part of every cache key."""


def fold(model: bytes) -> bytes:
    """An equivalent ONNX model with float32 weights, no weights among its inputs, and a free batch axis.

    Height and width of a four-dimensional input, and the outputs' shapes, are left open too: engines fix them when they compile.
    Raises ModelUnreadable when the bytes are no ONNX model, or when it keeps weights in other files, which no hash covers.
    """
    import onnx  # here, because a compiled model in the cache makes it unnecessary
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper

    try:
        graph_model = onnx.load_from_string(model)
        graph = graph_model.graph
        constants = {item.name: _array(item) for item in graph.initializer}
        kept = [node for node in graph.node if not _folds(node, constants)]
    except (DecodeError, ValueError, TypeError, IndexError, KeyError) as error:
        raise ModelUnreadable(f"the file is no ONNX model that can be read: {error}") from error
    if not kept:
        raise ModelUnreadable("the ONNX model has no nodes")
    used = {name for node in kept for name in node.input}
    inputs = [item for item in graph.input if item.name in used and item.name not in constants]
    weights = [numpy_helper.from_array(np.asarray(v, order="C"), k) for k, v in constants.items() if k in used]
    for field, items in ((graph.node, kept), (graph.input, inputs), (graph.initializer, weights)):
        del field[:]
        field.extend(items)
    del graph.value_info[:]
    for item in graph.input:  # the copies that `extend` made, not `inputs`
        for axis, dimension in enumerate(item.type.tensor_type.shape.dim):
            if axis != 1:
                dimension.ClearField("dim_value")
                dimension.dim_param = f"axis_{axis}"
    for item in graph.output:
        item.type.tensor_type.ClearField("shape")
    return bytes(graph_model.SerializeToString())


def _folds(node: "onnx.NodeProto", constants: dict[str, NDArray[Any]]) -> bool:
    """Whether the node's result is constant; if so it is now among `constants`."""
    import onnx

    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    if node.op_type == "Constant" and "value" in attributes:
        constants[node.output[0]] = _array(attributes["value"])
        return True
    if not all(name in constants for name in node.input):
        return False
    values = [constants[name] for name in node.input]
    if node.op_type == "DequantizeLinear":
        constants[node.output[0]] = _dequantise(values, attributes.get("axis", 1), attributes.get("block_size", 0))
        return True
    if node.op_type == "Reshape" and not attributes.get("allowzero"):
        shape = [values[0].shape[i] if size == 0 else int(size) for i, size in enumerate(values[1])]
        constants[node.output[0]] = values[0].reshape(shape)
        return True
    return False


def _array(tensor: "onnx.TensorProto") -> NDArray[Any]:
    import onnx

    if onnx.external_data_helper.uses_external_data(tensor):
        raise ValueError(f"{tensor.name} lies in another file; save the model as one file")
    return np.asarray(onnx.numpy_helper.to_array(tensor))


def _dequantise(values: list[NDArray[Any]], axis: int, block: int) -> NDArray[Any]:
    """(quantised - zero point) * scale, with one scale a tensor, a slice of `axis`, or a block along it (ONNX)."""
    quantised, scale = values[:2]
    zero = values[2] if len(values) > 2 else np.zeros_like(scale, dtype=quantised.dtype)
    if block:
        extent = np.arange(quantised.shape[axis]) // block
        scale, zero = scale.take(extent, axis), zero.take(extent, axis)
    elif scale.size > 1:
        along = [1] * quantised.ndim
        along[axis] = -1
        scale, zero = scale.reshape(along), zero.reshape(along)
    product = (quantised.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)
    return product.astype(scale.dtype)
