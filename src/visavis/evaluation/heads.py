"""Heads, prints and screens that turn before a camera, drawn from photos: what the presentation attack detection is measured on.

A photo is laid over a relief, z = h(u, v) in inter-eye distances over the plane of eye and mouth corners, and looked at through a
pinhole camera. Each pixel's ray is followed down through the relief in layers until it is below it, so that a nose hides what is
behind it. A print is the same with the relief of what it is bent to.

The relief of a head is an analytic one with the depths of anthropometry drawn at random; it is nobody's. All figures that come
from it are simulated, and say so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face import similarity
from visavis.pad import FRONTAL

Height = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Relief at (u, v): u to the left eye, v down, in inter-eye distances from between the eyes."""

_LOW, _HIGH = np.array([-1.7, -1.8]), np.array([1.7, 2.7])
_GRID = 300
_NECK = np.array([0.0, 0.5, -1.0])
"""About which a head turns."""
_LAYERS, _DEEPEST = 28, -0.9


@dataclass(frozen=True, slots=True)
class Pose:
    """yaw, pitch, roll: in radians. shift: of the face's middle on the picture, as a share of its size. distance: of the camera,
    in inter-eye distances."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    distance: float = 7.5


@dataclass(frozen=True, slots=True)
class FaceRelief:
    """A head's relief. tip, nasion: how far tip and root of the nose stand before the plane. widths: of the nose there."""

    tip: float = 0.59
    nasion: float = 0.28
    tip_width: float = 0.17
    nasion_width: float = 0.11
    cheeks: float = 0.42
    chin: float = 0.10

    def __call__(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Height`."""
        middle = 0.25 * self.cheeks - self.chin * (v - 0.58) ** 2
        base = middle - self.cheeks * u**2
        down = np.clip(v / 0.58, 0, 1)
        ridge = self.nasion + (self.tip - self.nasion) * down**1.3
        ridge = ridge * (1 - np.clip((v - 0.58) / 0.2, 0, 1)) ** 0.8 * (1 - np.clip(-v / 0.35, 0, 1))
        width = self.nasion_width + (self.tip_width - self.nasion_width) * down
        nose = np.maximum(ridge - middle, 0) * np.exp(-((u / width) ** 2))
        lips = 0.06 * np.exp(-(((v - 1.16) / 0.14) ** 2) - (u / 0.3) ** 2)
        return np.asarray(base + nose + lips)


def flat(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """A print, or a screen."""
    return np.zeros(np.broadcast(u, v).shape)


def bent(radius: float) -> Height:
    """A print round an upright cylinder of so many inter-eye distances."""
    return lambda u, v: (
        np.sqrt(np.maximum(radius**2 - np.minimum(u**2, 0.95 * radius**2), 0))
        - np.sqrt(max(radius**2 - 0.25, 0))
        + 0 * v
    )


def folded(angle: float) -> Height:
    """A print that is folded along the nose: each half is turned back by half of so many radians."""
    slope = np.tan(angle / 2)
    return lambda u, v: slope * (0.5 - np.abs(u)) + 0 * v


class Surface:
    """A photo of a face laid over a relief.

    photo: (H, W, 3) uint8. landmarks_px: (5, 2), in it. height: the relief.
    """

    def __init__(self, photo: NDArray[np.uint8], landmarks_px: NDArray[np.float32], height: Height) -> None:
        self._photo = photo
        self._to_photo = similarity(FRONTAL, landmarks_px)
        rows = int(_GRID * (_HIGH - _LOW)[1] / (_HIGH - _LOW)[0])
        u, v = np.meshgrid(np.linspace(_LOW[0], _HIGH[0], _GRID), np.linspace(_LOW[1], _HIGH[1], rows))
        self._heights = height(u, v).astype(np.float32)

    def draw(self, pose: Pose, *, eyes_px: float, size_px: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture (H, W, 3) that a camera takes. eyes_px: the inter-eye distance in it. size_px: its height and width."""
        origin, rays = _camera(pose, eyes_px, size_px)
        u = v = np.zeros(size_px)
        hit = np.zeros(size_px, dtype=bool)
        before: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = None
        for z in np.linspace(float(self._heights.max()) + 0.02, _DEEPEST, _LAYERS):
            along = (z - origin[2]) / rays[..., 2]
            here = origin[0] + along * rays[..., 0], origin[1] + along * rays[..., 1]
            over = z - self._height(*here)
            new = ~hit & (over <= 0)
            share = np.ones(size_px) if before is None else np.clip(before[2] / (before[2] - over + 1e-9), 0, 1)
            last = here if before is None else before[:2]
            u = np.where(new, last[0] + share * (here[0] - last[0]), u)
            v = np.where(new, last[1] + share * (here[1] - last[1]), v)
            hit |= new
            before = (*here, over)
        if before is not None:  # what no layer met lies at the bottom
            u, v = np.where(hit, u, before[0]), np.where(hit, v, before[1])
        m = self._to_photo
        x, y = (m[row, 0] * u + m[row, 1] * v + m[row, 2] for row in (0, 1))
        return _sampled(self._photo, x, y)

    def _height(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, columns = self._heights.shape
        x = (u - _LOW[0]) / (_HIGH - _LOW)[0] * (columns - 1)
        y = (v - _LOW[1]) / (_HIGH - _LOW)[1] * (rows - 1)
        return np.asarray(_sampled(self._heights, x, y), dtype=np.float64)


def _camera(pose: Pose, eyes_px: float, size_px: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the camera is on the head's own axes, and the direction of each pixel's ray (H, W, 3)."""
    height, width = size_px
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    focal = eyes_px * pose.distance
    x = (columns - (0.5 + pose.shift[0]) * width) / focal
    y = (rows - (0.45 + pose.shift[1]) * height) / focal
    turned = _rotation(pose)
    middle = _NECK - (0, 0.5, 0)
    origin = turned.T @ (np.array([0.0, 0.0, pose.distance]) - middle) + _NECK
    return origin, np.stack([x, y, -np.ones_like(x)], axis=-1) @ turned


def _rotation(pose: Pose) -> NDArray[np.float64]:
    (cy, sy), (cp, sp), (cr, sr) = ((cos(angle), sin(angle)) for angle in (pose.yaw, pose.pitch, pose.roll))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(roll @ yaw @ pitch)


def _sampled(source: NDArray[Any], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[Any]:
    places = x.astype(np.float32), y.astype(np.float32)
    return np.asarray(cv2.remap(source, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
