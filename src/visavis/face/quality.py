"""Quality measures of a face image, under the names of ISO/IEC 29794-5.

Each measure is a raw value in its own unit and a score from 0 (bad) to 100 (good). The names and their meaning are the
standard's; where its mapping from raw value to score needs no network of its own it is used, and the others are stated
beside the code. A measure that cannot be taken has neither value: failure to assess is not a bad score.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import cos, exp, pi, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face.align import AlignedFace
from visavis.face.value import Face
from visavis.image import Image

MEASURES = (
    "inter_eye_distance_px",
    "sharpness",
    "luminance_mean",
    "luminance_variance",
    "under_exposure",
    "over_exposure",
    "head_pose_yaw_deg",
    "head_pose_pitch_deg",
    "head_pose_roll_deg",
    "compression",
    "leftward_crop",
    "rightward_crop",
    "margin_above",
    "margin_below",
)

_DARK, _BRIGHT = 25, 247
"""Luminance at or under, and at or over, which a pixel counts as under- and over-exposed (ISO/IEC 29794-5)."""

_SHAPE = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.65, 0.59], [-0.41, 1.15, 0.0], [0.41, 1.15, 0.0]], dtype=np.float64
)
"""The five landmarks of an average face in inter-eye distances: x to the image's right, y down, z towards the camera.
In the plane they are the ArcFace template's, but for the height of the nose, which makes the median pitch on lfw-dev zero; its
tip stands 0.59 in front."""
_FROM_SHAPE = np.linalg.pinv(_SHAPE - _SHAPE.mean(axis=0))
"""(3, 5): times points on a face, their least-squares fit by a view of the average face."""


@dataclass(frozen=True, slots=True)
class Measure:
    """raw: in the measure's own unit; score: 0..100, higher is better. Both None when the measure could not be taken."""

    raw: float | None
    score: int | None


@dataclass(frozen=True, slots=True, repr=False)
class Quality(Mapping[str, Measure]):
    """The measures of one face image by name, in the order of `MEASURES`."""

    measures: tuple[Measure, ...]

    def __getitem__(self, name: str) -> Measure:
        try:
            return self.measures[MEASURES.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(MEASURES)

    def __len__(self) -> int:
        return len(MEASURES)

    def __repr__(self) -> str:
        return "<Quality>"


def assess(image: Image, face: Face, aligned: AlignedFace) -> Quality:
    """Measure a face: geometry in the photo, light and sharpness on the aligned face."""
    light = _luminance(aligned)
    eyes = face.inter_eye_distance_px
    yaw, pitch, roll = head_pose_deg(face)
    return Quality(
        (
            _measure(eyes / max(cos(radians(yaw)), 0.5), lambda v: 100 * _sigmoid(v, 70, 20)),
            _measure(_sharpness(light), lambda v: 100 * _sigmoid(v, 7, 1.5)),
            _measure(light.mean() / 255, lambda v: 100 * _sigmoid(v, 0.2, 0.05) * (1 - _sigmoid(v, 0.8, 0.05))),
            _measure(light.var() / 255**2, lambda v: 100 * sin(pi * 60 * v / (60 * v + 1))),
            _measure((light <= _DARK).mean(), lambda v: 100 * (1 - _sigmoid(v, 0.4, 0.05))),
            _measure((light >= _BRIGHT).mean(), lambda v: 100 * (1 - _sigmoid(v, 0.25, 0.05))),
            *(_measure(angle, lambda v: 100 * max(0.0, cos(radians(v))) ** 2) for angle in (yaw, pitch, roll)),
            _measure(image.compression, float),
            *(_measure(margin, lambda v: 100 * _sigmoid(v, 0.0, 0.1)) for margin in _margins(image, face)),
        )
    )


def _measure(raw: float | None, score: Callable[[float], float]) -> Measure:
    if raw is None:
        return Measure(None, None)
    return Measure(round(float(raw), 4), round(min(100.0, max(0.0, score(float(raw))))))


def _sigmoid(value: float, middle: float, width: float) -> float:
    return 1 / (1 + exp(min(50.0, (middle - value) / width)))


def _luminance(aligned: AlignedFace) -> NDArray[np.uint8]:
    """The face without background: brow to chin, cheek to cheek, as shares of the aligned picture."""
    height, width = aligned.pixels.shape[:2]
    inner = aligned.pixels[round(0.28 * height) : round(0.92 * height), round(0.2 * width) : round(0.8 * width)]
    return np.asarray(cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _sharpness(light: NDArray[np.uint8]) -> float:
    """Root mean square of the Laplacian at the scale that is compared, relative to the contrast, in percent."""
    contrast = max(float(light.std()), 8.0)
    return 100 * float(cv2.Laplacian(light, cv2.CV_32F).std()) / (4 * contrast)


def _margins(image: Image, face: Face) -> tuple[float, float, float, float]:
    """From the box to the photo's left, right, upper and lower edge, in inter-eye distances; negative when cut off."""
    x, y, width, height = face.box_px
    columns, rows = image.original_size_px
    unit = max(face.inter_eye_distance_px, 1e-3)
    return x / unit, (columns - x - width) / unit, y / unit, (rows - y - height) / unit


def head_pose_deg(face: Face) -> tuple[float, float, float]:
    """Yaw (the face turns to the image's right), pitch (up) and roll (clockwise in the image), in degrees.

    Fits a scaled orthographic view of an average face to the five landmarks. People differ from the average by about
    ten degrees of pitch and five of yaw: good for asking someone to look at the camera, and for no more.
    """
    points = face.landmarks_px.astype(np.float64) - face.landmarks_px.mean(axis=0)
    view = (_FROM_SHAPE @ points).T  # (2, 3): image = view · shape
    u, _, v = np.linalg.svd(view, full_matrices=False)
    right, down = u @ v  # the nearest pair of orthonormal rows
    forward = np.cross(right, down)
    yaw = np.degrees(np.arcsin(np.clip(right[2], -1, 1)))
    pitch = np.degrees(np.arctan2(-down[2], forward[2]))
    roll = np.degrees(np.arctan2(-right[1], right[0])) if abs(right[2]) < 0.999 else 0.0
    return float(yaw), float(pitch), float(roll)
