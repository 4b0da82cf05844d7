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

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face import similarity
from visavis.pad import FRONTAL

Map = NDArray[np.float32]
Height = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Relief at (u, v): u to the left eye, v down, in inter-eye distances from between the eyes."""

_LOW, _HIGH = np.array([-1.7, -1.8]), np.array([1.7, 2.7])
_GRID = 300
_CELL = float((_HIGH - _LOW)[0]) / (_GRID - 1)
_NECK = np.array([0.0, 0.5, -1.0])
"""About which a head turns."""
_THIN, _THICK, _FLATTER, _DEEPEST = 0.05, 0.1, 0.1, -0.9
"""How far layers are apart, from where on down they may be thicker, and where the lowest is."""
_COARSE_PX = 60.0
"""Rays are followed for every pixel of a face of this inter-eye distance; for every other one of one twice as large."""


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
        rows = int((_HIGH - _LOW)[1] / _CELL) + 1
        u, v = np.meshgrid(_LOW[0] + _CELL * np.arange(_GRID), _LOW[1] + _CELL * np.arange(rows))
        self._heights = height(u, v).astype(np.float32)
        top = float(self._heights.max())
        thin = np.arange(top, max(min(top, _FLATTER), _DEEPEST), -_THIN)
        self._layers = [
            (float(z), self._higher(z))
            for z in (top + 0.02, *thin, *np.arange(min(top, _FLATTER) - 1e-3, _DEEPEST - _THICK, -_THICK))
        ]

    def _higher(self, z: float) -> NDArray[np.float64] | None:
        """Corners of a box [[u, v], ...] round all that is as high. None where it reaches the edge of the relief."""
        high = self._heights >= z
        rows, columns = (np.flatnonzero(high.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return np.empty((0, 2))
        (top, bottom), (left, right) = ((each[0] - 1, each[-1] + 1) for each in (rows, columns))
        if top < 0 or left < 0 or bottom >= len(high) or right >= _GRID:
            return None
        return _LOW + _CELL * np.array([(x, y) for x in (left, right) for y in (top, bottom)])

    def draw(self, pose: Pose, *, eyes_px: float, size_px: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture (H, W, 3) that a camera takes. eyes_px: the inter-eye distance in it. size_px: its height and width."""
        coarse = 1 + int(eyes_px / _COARSE_PX)
        camera = _Camera(pose, eyes_px, size_px, coarse)
        u, v = camera.at(self._depths(camera))
        m = self._to_photo
        places = []
        for row in (0, 1):
            place = np.float32(m[row, 0]) * u + np.float32(m[row, 1]) * v + np.float32(m[row, 2])
            if coarse > 1:
                place = np.asarray(cv2.resize(place, None, fx=coarse, fy=coarse), dtype=np.float32)
            places.append(np.ascontiguousarray(place[: size_px[0], : size_px[1]]))
        x, y = places
        seen = cv2.remap(self._photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, dtype=np.uint8)

    def _depths(self, camera: "_Camera") -> NDArray[np.float32]:
        """z of where each ray first meets the relief: found between two layers, and there by a straight line."""
        above = np.full(camera.shape, self._layers[-1][0], dtype=np.float32)
        below = above.copy()
        unmet = np.ones(camera.shape, dtype=np.uint8)
        before = self._layers[0][0]
        for z, box in self._layers:
            part = (slice(None), slice(None)) if box is None else camera.part(z, box)
            if not unmet[part].any():  # nothing is there, or all of it is met
                before = z
                continue
            new = ((self._height(*camera.at(z, part)) >= z) & unmet[part]).astype(bool)
            below[part][new], above[part][new], unmet[part][new] = z, before, 0
            before = z
        over, under = (z - self._height(*camera.at(z)) for z in (above, below))
        return below + (above - below) * np.clip(under / np.minimum(under - over, -1e-6), 0, 1)

    def _height(self, u: Map, v: Map) -> Map:
        x, y = ((each - np.float32(low)) * np.float32(1 / _CELL) for each, low in zip((u, v), _LOW, strict=True))
        return np.asarray(cv2.remap(self._heights, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


class _Camera:
    """A pinhole on the head's own axes, and the rays of every so many pixels."""

    def __init__(self, pose: Pose, eyes_px: float, size_px: tuple[int, int], every: int) -> None:
        height, width = size_px
        self._focal = eyes_px * pose.distance / every
        centre = (0.5 + pose.shift[0]) * width, (0.45 + pose.shift[1]) * height
        self._centre = [(each + 0.5) / every - 0.5 for each in centre]
        self._turned = turned = _rotation(pose)
        self._origin = turned.T @ (np.array([0.0, 0.0, pose.distance]) - _NECK + (0, 0.5, 0)) + _NECK
        self.shape = -(-height // every), -(-width // every)
        x = ((np.arange(self.shape[1]) - self._centre[0]) / self._focal)[None]
        y = ((np.arange(self.shape[0]) - self._centre[1]) / self._focal)[:, None]
        along = [(x * turned[0, axis] + y * turned[1, axis] - turned[2, axis]).astype(np.float32) for axis in range(3)]
        self._slopes = along[0] / along[2], along[1] / along[2]

    def at(self, z: float | Map, part: tuple[slice, slice] = (slice(None), slice(None))) -> tuple[Map, Map]:
        """(u, v) at this height over the plane, of the rays of a part of the picture."""
        down = np.asarray(z - self._origin[2], dtype=np.float32)
        u, v = (slope[part] * down + np.float32(self._origin[axis]) for axis, slope in enumerate(self._slopes))
        return u, v

    def part(self, z: float, box: NDArray[np.float64]) -> tuple[slice, slice]:
        """Where the picture shows what lies in a box, by its corners [[u, v], ...], at a height."""
        if not len(box):
            return slice(0, 0), slice(0, 0)
        corners = np.column_stack([box, np.full(len(box), z)]) - self._origin
        x, y, depth = self._turned @ corners.T
        places = [-axis / depth * self._focal + middle for axis, middle in zip((x, y), self._centre, strict=True)]
        columns, rows = (slice(max(0, int(place.min())), max(0, int(place.max()) + 2)) for place in places)
        return rows, columns


def _rotation(pose: Pose) -> NDArray[np.float64]:
    (cy, sy), (cp, sp), (cr, sr) = ((cos(angle), sin(angle)) for angle in (pose.yaw, pose.pitch, pose.roll))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(roll @ yaw @ pitch)
