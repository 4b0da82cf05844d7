"""Embeddings and their comparison."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelMismatch


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Embedding:
    """vector: (d,) float32, unit L2 norm, read-only; (128,) for the default model. model_sha256: the model's file, in hex."""

    vector: NDArray[np.float32]
    model_sha256: str

    def __post_init__(self) -> None:
        vector = self.vector
        if vector.ndim != 1 or vector.dtype != np.float32 or not abs(float(np.linalg.norm(vector)) - 1) < 1e-3:
            raise ValueError(f"expected a float32 vector of unit norm, got {vector.dtype} of shape {vector.shape}")
        vector.flags.writeable = False

    def __repr__(self) -> str:
        return "<Embedding>"


def compare(reference: Embedding, probe: Embedding) -> float:
    """Compare two embeddings of one model by cosine similarity.

    Returns a comparison score in [-1, 1]; higher means more alike.
    Raises ModelMismatch when they come from different models.
    """
    if reference.model_sha256 != probe.model_sha256:
        raise ModelMismatch(
            f"the reference was made with the model {reference.model_sha256[:16]}…, the probe with "
            f"{probe.model_sha256[:16]}…; make both with one model"
        )
    return float(np.clip(np.dot(reference.vector.astype(np.float64), probe.vector), -1.0, 1.0))
