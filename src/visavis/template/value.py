"""The template: an embedding as few bytes."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Self

import numpy as np
from numpy.typing import NDArray

from visavis.embedding import Embedding, fuse
from visavis.errors import ModelMismatch, TemplateMalformed

_VERSION = 1
_HEADER = struct.Struct(">B8sHfH")
_LARGEST = 127
_QUALITY_MAX = 10_000

HEADER_BYTES = _HEADER.size
"""Before the vector: version, model, dimension, scale, quality."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Template:
    """A reference in the clear: only ever in memory (docs/formats.md).

    vector: (d,) int8, read-only, of which the largest component in size is 127. scale: float32 that makes it a unit vector
    again. model: the first 8 bytes of the SHA-256 of the model's file. quality: 1..10000, how far the captures it was fused
    from agree, as `Embedding.agreement` in ten-thousandths; 10000 for a single one.
    """

    vector: NDArray[np.int8]
    scale: float
    model: bytes
    quality: int

    def __post_init__(self) -> None:
        vector = self.vector
        if vector.ndim != 1 or vector.dtype != np.int8 or not 1 <= len(vector) <= 0xFFFF or len(self.model) != 8:
            raise TemplateMalformed("expected a vector of 1 to 65,535 signed bytes and 8 bytes for its model")
        if not 1 <= self.quality <= _QUALITY_MAX:
            raise TemplateMalformed("expected a quality of 1 to 10000")
        widened = vector.astype(np.int32)
        length = self.scale * float(np.sqrt((widened * widened).sum()))
        rounding = self.scale / 2 * len(vector) ** 0.5
        if np.abs(widened).max() != _LARGEST or not isfinite(length) or abs(length - 1) > rounding + 1e-3:
            raise TemplateMalformed("expected the largest component to be 127 and the whole to have unit length")
        vector.flags.writeable = False

    def __repr__(self) -> str:
        return "<Template>"

    def wipe(self) -> None:
        """Overwrite the vector; the template cannot be used afterwards."""
        self.vector.flags.writeable = True
        self.vector.fill(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    @classmethod
    def of(cls, embeddings: Sequence[Embedding]) -> "Template":
        """One template of the embeddings of one person's captures, which all weigh alike.

        Raises ModelMismatch when they come from different models; ValueError when there is none.
        """
        if len(embeddings) == 1:
            (embedding,) = embeddings
        else:
            embedding = fuse(embeddings, [1.0] * len(embeddings))
        scale = np.float32(np.abs(embedding.vector).max() / _LARGEST)
        vector = np.rint(embedding.vector / scale).astype(np.int8)
        quality = max(1, round(embedding.agreement * _QUALITY_MAX))
        return cls(vector, float(scale), bytes.fromhex(embedding.model_sha256[:16]), quality)

    def embedding(self, model_sha256: str) -> Embedding:
        """The unit vector it stands for. Raises ModelMismatch unless the template was made with this model."""
        if bytes.fromhex(model_sha256[:16]) != self.model:
            raise ModelMismatch(
                f"the reference was made with the model {self.model.hex()}…, the probe with {model_sha256[:16]}…"
            )
        vector = self.vector.astype(np.float32)
        return Embedding(vector / np.linalg.norm(vector), model_sha256, self.quality / _QUALITY_MAX)

    def __bytes__(self) -> bytes:
        header = _HEADER.pack(_VERSION, self.model, len(self.vector), self.scale, self.quality)
        return header + self.vector.tobytes()

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> "Template":
        """The inverse of `bytes(template)`. Raises TemplateMalformed for anything that it never writes."""
        if len(data) < HEADER_BYTES:
            raise TemplateMalformed(f"expected at least {HEADER_BYTES + 1} bytes, got {len(data)}")
        version, model, dimension, scale, quality = _HEADER.unpack_from(data)
        if version != _VERSION or len(data) != HEADER_BYTES + dimension:
            raise TemplateMalformed(f"expected version {_VERSION} and as many bytes as its dimension says")
        return cls(np.frombuffer(data[HEADER_BYTES:], dtype=np.int8).copy(), scale, model, quality)
