"""Embedding with any model that has a card."""

from collections.abc import Sequence

import numpy as np

from visavis.embedding.value import Embedding
from visavis.errors import ModelUnreadable
from visavis.face import AlignedFace
from visavis.weights import InputContract, ModelCard, ModelStore, Precision


class Embedder:
    """Turns aligned faces into embeddings. Safe to use from many threads."""

    def __init__(self, store: ModelStore, card: ModelCard, precision: Precision = "fastest") -> None:
        self._card = card
        self._model = store.compile(card, precision=precision)
        (probe,) = self._vectors(np.zeros((1, 3, *card.input.size_px), dtype=np.float32))
        if probe.shape != (card.dimension,):
            raise ModelUnreadable(
                f"the model {card.id} gives outputs of shape {probe.shape}; its card says ({card.dimension},)"
            )

    @property
    def contract(self) -> InputContract:
        """What the model wants to see."""
        return self._card.input

    @property
    def precision(self) -> str:
        """What it computes in: 'float32' or 'bfloat16'."""
        return self._model.precision

    def embed(self, faces: Sequence[AlignedFace]) -> list[Embedding]:
        """One embedding a face, in their order."""
        if not faces:
            return []
        batch = self._card.input.batch(np.stack([face.pixels for face in faces]))
        return [self._embedding(vector) for vector in self._vectors(batch)]

    def _vectors(self, batch: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[np.ndarray]:
        output, *others = self._model.run(batch)
        if others:
            raise ModelUnreadable(
                f"the model {self._card.id} has {1 + len(others)} outputs; expected the embedding alone"
            )
        return list(output.reshape(len(batch), -1))

    def _embedding(self, vector: np.ndarray) -> Embedding:
        norm = np.linalg.norm(vector)
        if not np.isfinite(norm) or norm == 0:
            raise ModelUnreadable(f"the model {self._card.id} gave an output without direction; check its manifest")
        return Embedding((vector / norm).astype(np.float32), self._card.sha256)
