"""Sampling a face from a photo by a similarity transform, and the five-point alignment that ArcFace introduced.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition" (CVPR 2019) align to five fixed points in
112 × 112 pixels; most embedding models since expect the same.
"""

from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face.value import Face
from visavis.image import Image
from visavis.weights import InputContract


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AlignedFace:
    """A face brought to a model's landmarks: pixels (H, W, 3) uint8 RGB, read-only; (112, 112, 3) for the default model."""

    pixels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False

    def __repr__(self) -> str:
        return "<AlignedFace>"


def align(image: Image, face: Face, contract: InputContract) -> AlignedFace:
    """The face at the size and landmarks of a model's input."""
    target = np.asarray(contract.landmarks_px, dtype=np.float64)
    return AlignedFace(sample(image, similarity(face.landmarks_px, target), contract.size_px))


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotation, uniform scale and shift that bring `source` nearest to `target` in the least-squares sense.

    source, target: (N, 2) points, N >= 2, not all the same. Returns (2, 3): target ≈ M[:, :2] · source + M[:, 2]. In the
    plane, and without reflections, Umeyama's solution (IEEE TPAMI 1991) is one complex division.
    """
    z, w = (np.asarray(points, dtype=np.float64) @ (1, 1j) for points in (source, target))
    z_mean, w_mean = z.mean(), w.mean()
    centred = z - z_mean
    factor = np.vdot(centred, w - w_mean) / np.vdot(centred, centred)
    shift = w_mean - factor * z_mean
    a, b = factor.real, factor.imag
    return np.array([[a, -b, shift.real], [b, a, shift.imag]])


def transform(matrix: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points (N, 2) through a (2, 3) affine transform."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def sample(image: Image, matrix: NDArray[np.float64], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw the part of the photo that `matrix` maps onto an output of `size_px` (height, width), bilinearly.

    matrix: (2, 3) similarity from pixels of the upright original to pixels of the output. What lies outside the photo is
    black. While one pixel of the output covers two of the photo or more, the photo is halved first: bilinear sampling alone
    would skip most of them, and the same face would score differently at different resolutions.
    """
    height, width = size_px
    to_image = cv2.invertAffineTransform(matrix) / image.reduction
    corners = transform(to_image, np.array([[0, 0], [width, 0], [width, height], [0, height]]))
    rows, columns = image.pixels.shape[:2]
    margin = 2 * ceil(np.hypot(*to_image[:, 0])) + 1
    left, top = (max(0, floor(v) - margin) for v in corners.min(axis=0))
    right, bottom = (min(n, ceil(v) + margin) for n, v in zip((columns, rows), corners.max(axis=0), strict=True))
    if left >= right or top >= bottom:
        return np.zeros((height, width, 3), dtype=np.uint8)
    region = image.pixels[top:bottom, left:right]
    # output pixel -> region pixel, where pixel i covers [i, i + 1)
    to_image[:, 2] -= left, top
    while np.hypot(*to_image[:, 0]) >= 2.0 and min(region.shape[:2]) >= 2:
        region, to_image = _halved(region), to_image / 2
    to_image[:, 2] += (
        to_image[:, :2].sum(axis=1) / 2 - 0.5
    )  # in OpenCV's coordinates, whole numbers are pixels' centres
    drawn = cv2.warpAffine(region, to_image, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(drawn, dtype=np.uint8)


def _halved(region: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half as large by averaging squares of four pixels; an odd last row or column is left out."""
    rows, columns = region.shape[0] // 2, region.shape[1] // 2
    even = region[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
