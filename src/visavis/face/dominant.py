"""Which face a photo is of: exactly one, or none."""

from collections.abc import Sequence
from typing import Literal

from visavis.face.value import Face

Dominance = Literal["no_face", "several_faces"]

_COMPARABLE = 0.5


def dominant(faces: Sequence[Face]) -> Face | Dominance:
    """The largest face, if no other has half its area or more; otherwise why there is no such face.

    Taking "the" face of a group photo would let any of them match.
    """
    if not faces:
        return "no_face"
    largest, *others = sorted(faces, key=lambda face: -face.area_px)
    if others and others[0].area_px >= _COMPARABLE * largest.area_px:
        return "several_faces"
    return largest


def central(faces: Sequence[Face], size_px: tuple[int, int]) -> Face | None:
    """The face nearest the centre of a photo of `size_px` (width, height). For evaluation, on data sets that centre it."""
    width, height = size_px

    def from_centre(face: Face) -> float:
        x, y = face.landmarks_px.mean(axis=0)
        return float((x - width / 2) ** 2 + (y - height / 2) ** 2)

    return min(faces, key=from_centre, default=None)
