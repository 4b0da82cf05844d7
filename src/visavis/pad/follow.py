"""Points of a face, followed through the frames of a capture.

Networks that find landmarks draw their own idea of a face over what they see, and give a flat print the relief of a head. So
pixels are followed instead: small discs around the corners of eyes and mouth and on the brow, which lie near one plane, and on
tip and root of the nose, which stand in front of it. Each is followed from frame to frame and back again (Lucas and Kanade, IJCAI
1981, in pyramids; Kalal et al., "Forward-backward error", ICPR 2010); what does not come back to where it was is given up.

Points of a plane seen in two views obey a homography (Hartley and Zisserman, "Multiple View Geometry", 2nd ed., 13.1). It is
fitted to the points of the plane; what tip and root of the nose move beyond it is their parallax, which a flat print has none of,
however it is held.
"""

from dataclasses import dataclass
from math import acos, degrees
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face import Face, similarity, transform
from visavis.pad.value import View

FRONTAL = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.58], [-0.41, 1.16], [0.41, 1.16]])
"""Five landmarks of a frontal face in inter-eye distances, from between the eyes; x towards its left eye, y down."""
_PLANE = {
    "right eye": ((-0.72, 0.06), (-0.27, 0.04)),
    "left eye": ((0.72, 0.06), (0.27, 0.04)),
    "right brow": ((-0.6, -0.27), (-0.35, -0.3)),
    "left brow": ((0.6, -0.27), (0.35, -0.3)),
    "right mouth": ((-0.44, 1.15),),
    "left mouth": ((0.44, 1.15),),
}
"""Where the plane's points lie. The eyes' corners and not their middle: the pupils turn against the head."""
_TIP, _NASION = (0.0, 0.56), (0.0, 0.03)
_DISC, _STEP = 0.08, 0.05
"""Half a side of the square of points around each, and how far they are apart."""
_EYES_PX = 80.0
"""Inter-eye distance of the frames in which points are followed."""
_WINDOW_PX, _LEVELS = (15, 15), 3
_ITERATIONS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)
_ASTRAY_PX = 0.7
"""Farther than that from where it was, a point that was followed there and back is given up."""
_GROUP_MIN, _NOSE_MIN = 3, 6
"""So many points of each part of the plane, and of tip or root of the nose, must be left."""
_KEPT = 0.85
"""Share of the plane's points that the final fit is made to: those that the first one leaves nearest."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seeds:
    """Points on the frontal frame. group: to which part of the plane each belongs, -1 for the tip, -2 for the nasion."""

    points_px: NDArray[np.float32]
    group: NDArray[np.int_]
    axes: NDArray[np.float64]
    inter_eye_px: float


class Follower:
    """Follows the points of one face from a frontal frame on.

    frame: (H, W) uint8, grey. face: the face in it, looking at the camera.
    """

    def __init__(self, frame: NDArray[np.uint8], face: Face) -> None:
        self._scale = _EYES_PX / face.inter_eye_distance_px
        self._seeds = _seeds(face.landmarks_px * self._scale)
        self._last = self._scaled(frame)
        self._points = self._seeds.points_px.copy()
        self._alive = np.ones(len(self._points), dtype=bool)

    def __repr__(self) -> str:
        return "<Follower>"

    def follow(self, frame: NDArray[np.uint8]) -> View | None:
        """See the next frame, of the same size. None where too few points can be followed to say anything."""
        scaled = self._scaled(frame)
        there, found = _flow(self._last, scaled, self._points)
        back, returned = _flow(scaled, self._last, there)
        astray = np.linalg.norm(back - self._points, axis=1)
        self._alive &= found & returned & (astray < _ASTRAY_PX)
        self._points, self._last = there, scaled
        return self._view()

    def _scaled(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame at the scale at which points are followed, whatever the face's size: so windows and noise are alike."""
        how = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(frame, None, fx=self._scale, fy=self._scale, interpolation=how), dtype=np.uint8)

    def _view(self) -> View | None:
        seeds, alive = self._seeds, self._alive
        plane = alive & (seeds.group >= 0)
        counts = np.bincount(seeds.group[plane], minlength=len(_PLANE))
        if counts.min() < _GROUP_MIN:
            return None
        source, target = seeds.points_px[plane], self._points[plane]
        homography = _fitted(source, target)
        if homography is None:
            return None
        tilt_deg, along = _tilt(homography, source.mean(axis=0))
        return View(
            tilt_deg=tilt_deg,
            across=float(abs((along * seeds.axes[0]).sum())),
            tip=self._parallax(homography, -1),
            nasion=self._parallax(homography, -2),
            followed=float(alive.mean()),
        )

    def _parallax(self, homography: NDArray[np.float64], group: int) -> NDArray[np.float64]:
        """What the points moved beyond the homography, in inter-eye distances along the face's axes; their median."""
        seeds = self._seeds
        mine = self._alive & (seeds.group == group)
        if np.count_nonzero(mine) < _NOSE_MIN:
            return np.full(2, np.nan)
        expected = _mapped(homography, seeds.points_px[mine])
        moved = np.median(self._points[mine] - expected, axis=0)
        unit_px = seeds.inter_eye_px * _scale(homography, seeds.points_px[mine].mean(axis=0))
        return np.asarray((seeds.axes * moved).sum(axis=1) / unit_px)


def _seeds(landmarks_px: NDArray[np.float32]) -> _Seeds:
    matrix = similarity(FRONTAL, landmarks_px)
    steps = np.arange(-_DISC, _DISC + _STEP / 2, _STEP)
    disc = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    places = [(number, place) for number, part in enumerate(_PLANE.values()) for place in part]
    places += [(-1, _TIP), (-2, _NASION)]
    points = transform(matrix, np.concatenate([disc + place for _, place in places]))
    inter_eye_px = float(np.hypot(*matrix[:, 0]))
    axes = matrix[:, :2].T / inter_eye_px
    return _Seeds(points.astype(np.float32), np.repeat([group for group, _ in places], len(disc)), axes, inter_eye_px)


def _flow(
    one: NDArray[np.uint8], other: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    there, status, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
        one, other, points[:, None], None, winSize=_WINDOW_PX, maxLevel=_LEVELS, criteria=_ITERATIONS
    )
    return there[:, 0], status[:, 0] == 1


def _fitted(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """The homography, by least squares, twice: the second time without the points that the first one leaves farthest."""
    first = _homography(source, target)
    if first is None:
        return None
    left = np.linalg.norm(_mapped(first, source) - target, axis=1)
    near = left <= np.quantile(left, _KEPT)
    return _homography(source[near], target[near])


def _homography(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64] | None:
    found: Any = cv2.findHomography(source, target, 0)[0]  # None where the points are on one line
    return None if found is None else np.asarray(found, dtype=np.float64)


def _mapped(homography: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(cv2.perspectiveTransform(points[:, None].astype(np.float64), homography)[:, 0])


def _jacobian(homography: NDArray[np.float64], at: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of the map at a point: what it does to small things there."""
    right, left, below, above = _mapped(homography, at + np.array([(1, 0), (-1, 0), (0, 1), (0, -1)]))
    return np.stack([right - left, below - above], axis=1) / 2


def _tilt(homography: NDArray[np.float64], at: NDArray[np.floating]) -> tuple[float, NDArray[np.float64]]:
    """The angle by which the plane is tilted, since a circle on it is seen as an ellipse; and the direction, a unit vector on the
    frontal frame, in which it is seen narrower."""
    _, (wide, narrow), directions = np.linalg.svd(_jacobian(homography, at))
    return degrees(acos(min(1.0, narrow / wide))), directions[1]


def _scale(homography: NDArray[np.float64], at: NDArray[np.floating]) -> float:
    """How much larger things are where they are not seen narrower."""
    return float(np.linalg.svd(_jacobian(homography, at))[1][0])
