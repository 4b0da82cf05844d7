"""Points of a face, followed through the frames of a capture.

Networks that find landmarks draw their own idea of a face over what they see, and give a flat print the relief of a head. So
pixels are followed instead: small discs around the corners of eyes and mouth and on the brow, which lie near one plane, and on
tip and root of the nose, which stand in front of it. Each is followed from frame to frame and back again (Lucas and Kanade, IJCAI
1981, in pyramids; Kalal et al., "Forward-backward error", ICPR 2010); what does not come back to where it was is given up, until
it is found again by how it looked on the frontal frame. Frames are brought to one local mean and contrast first, since light
falls otherwise on a head that turns.

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
_TIP, _NASION = (0.0, 0.5), (0.0, 0.03)
"""A little above the tip itself: below it the relief falls off at once."""
_DISC, _STEP = 0.08, 0.05
"""Half a side of the square of points around each, and how far they are apart."""
_EYES_PX = 80.0
"""Inter-eye distance of the frames in which points are followed."""
_WINDOW_PX, _LEVELS = (15, 15), 3
_ITERATIONS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)
_ASTRAY_PX, _ASTRAY_NOSE_PX = 1.0, 1.2
"""Farther than that from where it was, a point that was followed there and back is given up."""
_FOUND_PX = 5.0
"""So near to where it is expected, a point that was given up may be found again."""
_AROUND = (2.4, 2.4)
"""Half the width and height of what is looked at round the middle of the frontal face, in inter-eye distances."""
_LOCAL_PX, _CONTRAST, _FLOOR = 51, 40.0, 4.0
"""Side of the square that local mean and contrast are taken over; the contrast all are brought to; what is added to it first, so
that noise stays noise."""
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
        middle = face.landmarks_px.mean(axis=0)
        around = np.array(_AROUND) * face.inter_eye_distance_px
        self._corner = np.maximum(0, middle - around).astype(int)
        (left, top), (right, bottom) = self._corner, (middle + around).astype(int)
        self._part = slice(top, bottom), slice(left, right)
        self._seeds = _seeds((face.landmarks_px - self._corner.astype(np.float32)) * self._scale)
        self._frontal = self._last = self._evened(frame)
        self._points = self._seeds.points_px.copy()
        self._alive = np.ones(len(self._points), dtype=bool)
        self._before = {-1: np.zeros(2), -2: np.zeros(2)}
        self._astray = np.where(self._seeds.group < 0, _ASTRAY_NOSE_PX, _ASTRAY_PX)

    def __repr__(self) -> str:
        return "<Follower>"

    def follow(self, frame: NDArray[np.uint8]) -> View | None:
        """See the next frame, of the same size. None where too few points can be followed to say anything."""
        evened = self._evened(frame)
        there, found = _flow(self._last, evened, self._points)
        back, returned = _flow(evened, self._last, there)
        self._alive &= found & returned & (np.linalg.norm(back - self._points, axis=1) < self._astray)
        self._points, self._last = there, evened
        homography = self._homography()
        if homography is not None:
            self._find_again(homography)
            homography = self._homography()
        return None if homography is None else self._view(homography)

    def _evened(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of a frame that is looked at, at the scale at which points are followed, whatever the face's size: so windows
        and noise are alike."""
        how = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(frame[self._part], None, fx=self._scale, fy=self._scale, interpolation=how)
        square = (_LOCAL_PX, _LOCAL_PX)
        mean = cv2.boxFilter(scaled, cv2.CV_32F, square)
        spread = np.sqrt(np.maximum(cv2.sqrBoxFilter(scaled, cv2.CV_32F, square) - mean * mean, 0))
        return np.asarray(np.clip(128 + _CONTRAST * (scaled - mean) / (spread + _FLOOR), 0, 255), dtype=np.uint8)

    def _homography(self) -> NDArray[np.float64] | None:
        """Of the plane, from the frontal frame to this one."""
        plane = self._alive & (self._seeds.group >= 0)
        counts = np.bincount(self._seeds.group[plane], minlength=len(_PLANE))
        return None if counts.min() < _GROUP_MIN else _fitted(self._seeds.points_px[plane], self._points[plane])

    def _find_again(self, homography: NDArray[np.float64]) -> None:
        """Look for the points that were given up, on the frontal frame as the homography turns it, near to where they should be:
        that is, as far from the plane as the others of their group are, or were when they were last seen."""
        plain = _mapped(homography, self._seeds.points_px)
        expected = plain.copy()
        for group in self._before:
            mine = self._seeds.group == group
            seen = mine & self._alive
            if seen.any():
                self._before[group] = np.median(self._points[seen] - plain[seen], axis=0)
            expected[mine] += self._before[group]
        lost = ~self._alive
        if not lost.any():
            return
        size = self._last.shape[1::-1]
        warped = cv2.warpPerspective(self._frontal, homography, size, borderMode=cv2.BORDER_REPLICATE)
        turned = np.asarray(warped, dtype=np.uint8)
        here, start = plain[lost].astype(np.float32), expected[lost].astype(np.float32)
        there, found = _flow(turned, self._last, here, start)
        back, returned = _flow(self._last, turned, there, there - start + here)
        near = np.linalg.norm(there - start, axis=1) < _FOUND_PX
        again = found & returned & near & (np.linalg.norm(back - here, axis=1) < _ASTRAY_PX)
        which = np.flatnonzero(lost)[again]
        self._points[which], self._alive[which] = there[again], True

    def _view(self, homography: NDArray[np.float64]) -> View:
        seeds, alive = self._seeds, self._alive
        tilt_deg, along = _tilt(homography, seeds.points_px[alive & (seeds.group >= 0)].mean(axis=0))
        return View(
            tilt_deg=tilt_deg,
            across=float(abs((along * seeds.axes[0]).sum())),
            tip=self._parallax(homography, -1),
            nasion=self._parallax(homography, -2),
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
    one: NDArray[np.uint8],
    other: NDArray[np.uint8],
    points: NDArray[np.float32],
    start: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where points of one picture are on the other, and which are there. start: where to begin to look, if not at the same place;
    then no farther than a few pixels round it."""
    levels, flags = (_LEVELS, 0) if start is None else (1, cv2.OPTFLOW_USE_INITIAL_FLOW)
    begun = (points if start is None else start)[:, None].copy()
    there, status, _ = cv2.calcOpticalFlowPyrLK(
        one, other, points[:, None], begun, winSize=_WINDOW_PX, maxLevel=levels, criteria=_ITERATIONS, flags=flags
    )
    return np.asarray(there[:, 0], dtype=np.float32), np.asarray(status[:, 0] == 1)


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
