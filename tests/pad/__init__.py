"""Networks that look at single frames, small enough to be computed by hand, and their manifests as data."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from onnx import helper

from tests.weights import Manifest, changed, network, without, write_manifest
from visavis.weights import ModelCard, Purpose, read_manifest

PURPOSE: Purpose = "presentation_attack_detection"
Rows = Sequence[Sequence[float]]


def pad_network(rows: Rows) -> bytes:
    """A network each of whose outputs is a weighted sum of the three channels' means."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["y"]),
    ]
    weights = np.array(rows, dtype=np.float32).T
    made = network(nodes, {"axes": np.array([2, 3]), "weights": weights}, shape=(1, 3, 32, 32))
    return bytes(made.SerializeToString())


def pad_manifest() -> Manifest:
    """What an operator writes to bring one of two classes."""
    return {
        "format": 1,
        "id": "mine",
        "purpose": PURPOSE,
        "file": "mine.onnx",
        "sha256": "0" * 64,
        "licence": "MIT",
        "provenance": "made by hand",
        "training_data": "none",
        "input": {"size_px": [32, 32], "colour": "RGB", "mean": [0.0, 0.0, 0.0], "scale": [1.0, 1.0, 1.0]},
        "crop": {"of": "box", "times": 1.0, "upright": False, "keep_inside": False},
        "output": {"classes": 2, "bona_fide": 1, "softmax": False},
        "threshold": {
            "value": 0.5,
            "dataset": "frames of the tests",
            "date": "2026-11-25",
            "apcer": "0.9 % (95 %: 0.4 to 1.8) of prints",
            "bpcer": "2.1 % (95 %: 1.5 to 2.9)",
        },
    }


def write_pad_model(folder: Path, data: bytes, **changes: object) -> Path:
    """A network and its manifest beside it. changes: of the manifest, `output__classes=3` for a key in a table."""
    (folder / "mine.onnx").write_bytes(data)
    values = changed(pad_manifest(), "sha256", sha256(data).hexdigest())
    for key, value in changes.items():
        path = key.replace("__", ".")
        values = changed(without(values, path), path, value)
    return write_manifest(folder, values)


def pad_model(folder: Path, rows: Rows, **changes: object) -> ModelCard:
    """The card of such a network."""
    changes = {"output__classes": len(rows), "output__bona_fide": 0, **changes}
    return read_manifest(write_pad_model(folder, pad_network(rows), **changes), PURPOSE)
