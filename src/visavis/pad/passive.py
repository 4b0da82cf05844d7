"""A model that looks at single frames, where an operator has one: it adds to what the turns tell, and takes nothing from it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.face import Face


class PassiveModel(Protocol):
    """Tells a bona fide presentation from an artefact by one frame, by a threshold of its own."""

    def accepts(self, pixels: NDArray[np.uint8], face: Face) -> bool:
        """Whether a frame, (H, W, 3) RGB, with this face in it, is taken for bona fide."""
