"""Several embeddings of one person, taken in one capture, to one."""

from collections.abc import Sequence

import numpy as np

from visavis.embedding.value import Embedding
from visavis.errors import ModelMismatch

_LENGTH_MIN = 1e-3
"""Of the mean of unit vectors. Frames of one capture lie far above (0.97); under it, rounding would choose the direction."""


def fuse(embeddings: Sequence[Embedding], weights: Sequence[float]) -> Embedding:
    """Fuse the embeddings of one person's frames into their weighted mean.

    embeddings: of one model, at least one. weights: one each, finite, none negative, not all zero; only their ratios count.
    Returns (d,) float32, unit L2 norm, which remembers in `agreement` how long the mean was.
    Raises ModelMismatch when the embeddings come from different models; ValueError when there is none, one was fused before, the
    weights do not fit them, or the embeddings cancel each other out.
    """
    if not embeddings or len(weights) != len(embeddings):
        raise ValueError(
            f"expected one weight for each of one or more embeddings, got {len(weights)} for {len(embeddings)}"
        )
    if any(each.agreement < 1 for each in embeddings):
        raise ValueError("expected embeddings of single photos; fuse all frames at once")
    models = {each.model_sha256 for each in embeddings}
    if len(models) > 1:
        names = ", ".join(sorted(f"{model[:16]}…" for model in models))
        raise ModelMismatch(f"the embeddings were made with the models {names}; make all with one model")
    share = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(share).all() or share.min() < 0 or share.max() == 0:
        raise ValueError("expected weights that are finite, not negative and not all zero")
    share = share / share.max()  # first, so that no sum overflows
    vectors = np.stack([each.vector for each in embeddings]).astype(np.float64)
    mean = (share[:, None] * vectors).sum(axis=0) / share.sum()
    length = np.linalg.norm(mean)
    if length < _LENGTH_MIN:
        raise ValueError("the embeddings cancel each other out; fuse frames of one person only")
    return Embedding((mean / length).astype(np.float32), embeddings[0].model_sha256, min(1.0, float(length)))
