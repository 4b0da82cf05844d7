"""One face in a photo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Face:
    """Where a face is, in pixels of the upright original; x to the right, y down, (0, 0) the corner of the first pixel.

    box_px: (x, y, width, height). landmarks_px: (5, 2) float32, read-only: right eye, left eye, tip of the nose, right
    and left corner of the mouth, right and left being the subject's. score: the detector's, 0..1.
    """

    box_px: tuple[float, float, float, float]
    landmarks_px: NDArray[np.float32]
    score: float

    def __post_init__(self) -> None:
        if self.landmarks_px.shape != (5, 2) or self.landmarks_px.dtype != np.float32:
            raise ValueError(f"expected (5, 2) float32 landmarks, got {self.landmarks_px.shape}")
        self.landmarks_px.flags.writeable = False

    def __repr__(self) -> str:
        return "<Face>"

    @property
    def area_px(self) -> float:
        """Area of the box in square pixels."""
        return self.box_px[2] * self.box_px[3]

    @property
    def inter_eye_distance_px(self) -> float:
        """Distance between the centres of the eyes."""
        right, left = self.landmarks_px[:2]
        return float(np.hypot(*(left - right)))
