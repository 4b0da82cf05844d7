"""Embeddings and their comparison."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelMismatch


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Embedding:
    """vector: (d,) float32, unit L2 norm, read-only; (128,) for the default model. model_sha256: the model's file, in hex.

    agreement: length of the mean of the frames' unit vectors from which it was fused, in 0..1; 1 for a single photo.
    """

    vector: NDArray[np.float32]
    model_sha256: str
    agreement: float = 1.0

    def __post_init__(self) -> None:
        vector = self.vector
        if vector.ndim != 1 or vector.dtype != np.float32 or not abs(float(np.linalg.norm(vector)) - 1) < 1e-3:
            raise ValueError(f"expected a float32 vector of unit norm, got {vector.dtype} of shape {vector.shape}")
        if not 0 < self.agreement <= 1:
            raise ValueError("expected an agreement above 0 and up to 1")
        vector.flags.writeable = False

    def __repr__(self) -> str:
        return "<Embedding>"

    def wipe(self) -> None:
        """Overwrite the vector, of a reference that must not stay in memory; the value cannot be used afterwards."""
        self.vector.flags.writeable = True
        self.vector.fill(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()


def compare(reference: Embedding, probe: Embedding, *, non_mated_mean: float = 0.0) -> float:
    """Compare two embeddings of one model by cosine similarity.

    non_mated_mean: of single photos' scores. Fused vectors are scaled up to unit length, and with them that mean; what this
    adds to scores is taken off again, so that one calibration holds for any number of frames (benchmarks/frames.py).
    Returns a comparison score in [-1, 1]; higher means more alike.
    Raises ModelMismatch when they come from different models.
    """
    if reference.model_sha256 != probe.model_sha256:
        raise ModelMismatch(
            f"the reference was made with the model {reference.model_sha256[:16]}…, the probe with "
            f"{probe.model_sha256[:16]}…; make both with one model"
        )
    added = non_mated_mean * (1 / (reference.agreement * probe.agreement) - 1)
    return float(np.clip(np.dot(reference.vector.astype(np.float64), probe.vector) - added, -1.0, 1.0))
