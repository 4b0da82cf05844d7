"""An aligned face to an embedding, and the comparison of two.

In: an `AlignedFace`. Out: an `Embedding`, and from two of one model a comparison score. There is no function here, nor
anywhere in visavis, that compares one embedding with many.
"""

from visavis.embedding.embed import Embedder
from visavis.embedding.fuse import fuse
from visavis.embedding.value import Embedding, compare

__all__ = ["Embedder", "Embedding", "compare", "fuse"]
