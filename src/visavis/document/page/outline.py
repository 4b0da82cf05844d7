"""Where a page is in a photo: from its zone, sharpened by its edges; or, where it has none, from four edges alone.

A format says how large the page is, and where on it the zone stands (ICAO Doc 9303, parts 3 to 7), so a zone says where the page
is to within a few millimetres. How far the page leans back it hardly says, being a strip: only edges do. An edge that is not
seen, on a table as bright as the page, is taken to be where the zone says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.document.mrz import MrzFormat

PITCH_MM = 2.54
"""From one character of a zone to the next."""
_PX_PER_MM = 4.0
"""At which edges are looked for."""
_AROUND_MM = 14.0
_WITHIN_MM = (12.0, 3.2, 4.5, 3.2)
"""How far from where the zone says the upper, right, lower and left edge are looked for."""
_OFF_MM, _SKEW, _STRETCH, _LEANS = 0.1, 0.05, 0.03, 0.001
"""Usual deviations: how far off characters are, by how much a page is skewed and stretched, and how much smaller it becomes from
one millimetre to the next."""
_PARTS, _SHARE_MIN, _SLOPE_MAX = 28, 0.55, 0.12
"""In so many parts of a side an edge is looked for; how steep they must be along it on average, over the steepest that there is
near it; and how much it may slope to where the zone says."""
_FAINT, _NEARER = 4.0, 0.25
"""Steepness that is none, and how much less an edge counts that is as far off as any."""
_SMALL_PX = 480
_STEEPEST = (93, 85)
"""Percentiles of steepness from which there are edges: more of them where the first ones make no page."""
_EDGES_MAX = 22
_OUTLINED_MIN = 0.62
"""Share of a quadrilateral's sides that must be edges."""
_LARGER = 0.3
"""How much a larger quadrilateral is preferred: portraits and frames are outlined as well as the page that they are on."""
_BORDER = 0.1
"""What a quadrilateral loses one of whose sides is the photo's border."""
_AREA_MIN = 0.012
"""Share of the photo that a page takes at least."""
_PROPORTIONS = (1.2, 1.85)
"""Longer over shorter side of a page, at up to some 25 degrees of tilt."""

Corners = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Millimetres. last: from the middle of the zone's last line to the page's lower edge; line: from line to line."""

    width: float
    height: float
    line: float
    last: float

    @property
    def corners(self) -> Corners:
        """(4, 2) clockwise from the upper left."""
        return np.array([[0, 0], [self.width, 0], [self.width, self.height], [0, self.height]])


LAYOUTS = {
    MrzFormat.TD1: Layout(85.6, 54.0, 4.23, 6.2),
    MrzFormat.TD2: Layout(105.0, 74.0, 6.35, 8.9),
    MrzFormat.TD3: Layout(125.0, 88.0, 6.35, 8.9),
    MrzFormat.MRV_A: Layout(120.0, 80.0, 6.35, 8.9),
    MrzFormat.MRV_B: Layout(105.0, 74.0, 6.35, 8.9),
}


def page_of_zone(pixels: NDArray[np.uint8], middles: Sequence[NDArray[np.float32]], layout: Layout) -> Corners:
    """(4, 2) the page's corners in the picture, clockwise from the upper left as it is read.

    pixels: (H, W, 3) RGB. middles: of each line (N, 2), where the middles of its characters are in the picture.
    """
    to_picture = _by_zone(middles, layout)
    margin = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * _AROUND_MM
    around = layout.corners + margin
    flat = (around + _AROUND_MM) * _PX_PER_MM
    to_flat = cv2.getPerspectiveTransform(_through(to_picture, around).astype(np.float32), flat.astype(np.float32))
    width, height = map(int, flat[2])
    seen = cv2.warpPerspective(
        pixels, to_flat, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return _through(to_picture, _sharpened(np.asarray(seen, dtype=np.uint8), layout))


def _by_zone(middles: Sequence[NDArray[np.float32]], layout: Layout) -> NDArray[np.float64]:
    """(3, 3) from millimetres on the page to the picture.

    Lines so near each other say well where they are, and badly how the page goes on above them. So the projection is the one that
    fits best, skew, stretch and decrease downwards being held back by how much of them there is in photos taken by hand.
    """
    count = len(middles[0])
    left = (layout.width - PITCH_MM * (count - 1)) / 2
    x = np.tile(left + PITCH_MM * np.arange(count), len(middles))
    last = layout.height - layout.last
    y = np.repeat([last - layout.line * row for row in range(len(middles))][::-1], count)
    u, v = np.concatenate(list(middles)).astype(np.float64).T
    one, none = np.ones_like(x), np.zeros_like(x)
    size = float(np.hypot(*(middles[0][-1] - middles[0][0]))) / (PITCH_MM * (count - 1))  # pixels a millimetre
    # u (1 + g x + h y) = a x + b y + c, and v (1 + g x + h y) = d x + e y + f
    rows = np.concatenate(
        [
            np.stack([x, y, one, none, none, none, -u * x, -u * y], axis=1),
            np.stack([none, none, none, x, y, one, -v * x, -v * y], axis=1),
            [[0, _OFF_MM / _SKEW, 0, _OFF_MM / _SKEW, 0, 0, 0, 0]],
            [[-_OFF_MM / _STRETCH, 0, 0, 0, _OFF_MM / _STRETCH, 0, 0, 0]],
            [[0, 0, 0, 0, 0, 0, 0, _OFF_MM * size / _LEANS]],
        ]
    )
    scale = np.abs(rows).max(axis=0)
    solved = np.linalg.lstsq(rows / scale, np.concatenate([u, v, np.zeros(3)]), rcond=None)[0] / scale
    return np.append(solved, 1.0).reshape(3, 3)


def _through(matrix: NDArray[np.float64], points: NDArray[np.floating]) -> Corners:
    return np.asarray(cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0])


def _sharpened(flat: NDArray[np.uint8], layout: Layout) -> Corners:
    """(4, 2) the page's corners in millimetres of the page, by the edges that are seen."""
    corners = layout.corners
    smooth = cv2.GaussianBlur(flat, (0, 0), 0.35 * _PX_PER_MM).astype(np.float32)
    across = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)).max(axis=2)
    down = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1)).max(axis=2)
    lines = []
    for side, within in enumerate(_WITHIN_MM):
        steep = down if side in (0, 2) else across.T
        first, second = corners[side], corners[(side + 1) % 4]
        level = first[1] if side in (0, 2) else first[0]
        low, high = sorted((first[0], second[0]) if side in (0, 2) else (first[1], second[1]))
        lines.append(_edge(steep, level, (low, high), within))
    top, right, bottom, left = lines
    return np.array(
        [_crossing(level, plumb) for level, plumb in ((top, left), (top, right), (bottom, right), (bottom, left))]
    )


def _edge(steep: NDArray[np.float32], level: float, extent: tuple[float, float], within: float) -> tuple[float, float]:
    """(offset, slope) of the edge near a level, all in millimetres; the level itself where no edge is seen.

    steep: how steep the flat picture is across the edge, its rows across it.
    """
    top, bottom = (round((level + side * within + _AROUND_MM) * _PX_PER_MM) for side in (-1, 1))
    bounds = np.linspace(extent[0] + 4, extent[1] - 4, _PARTS + 1)  # corners are round
    columns = np.rint((bounds + _AROUND_MM) * _PX_PER_MM).astype(int)
    band = steep[max(0, top) : bottom]
    parts = np.stack([band[:, a:b].mean(axis=1) for a, b in pairwise(columns)], axis=1)
    rows = (np.arange(len(band)) + 0.5 + max(0, top)) / _PX_PER_MM - _AROUND_MM
    # print is steeper than an edge, and not all along it: each part counts by how near it comes to its steepest place
    share = cv2.dilate(parts / np.maximum(parts.max(axis=0), _FAINT), np.ones((3, 1), np.uint8))
    x = (bounds[:-1] + bounds[1:]) / 2
    best, found = 0.0, (level, 0.0)
    for slope in np.linspace(-_SLOPE_MAX, _SLOPE_MAX, 81):
        shift = np.rint(slope * (x - x.mean()) * _PX_PER_MM).astype(int)
        places = np.arange(len(rows))[:, None] + shift
        inside = (places >= 0) & (places < len(rows))
        along = np.where(inside, share[places.clip(0, len(rows) - 1), np.arange(_PARTS)], 0).mean(axis=1)
        near = 1 - _NEARER * np.abs(rows - level) / within
        at = int((along * near).argmax())
        if along[at] >= _SHARE_MIN and along[at] * near[at] > best:
            best, found = float(along[at] * near[at]), (float(rows[at] - slope * x.mean()), float(slope))
    return found


def _crossing(level: tuple[float, float], plumb: tuple[float, float]) -> tuple[float, float]:
    """Where y = offset + slope x meets x = offset + slope y."""
    x = (plumb[0] + plumb[1] * level[0]) / (1 - level[1] * plumb[1])
    return x, level[0] + level[1] * x


# --- without a zone -------------------------------------------------------------------------------------------------


def page_by_edges(
    pixels: NDArray[np.uint8], inside: tuple[float, float] | None = None, longer_px: tuple[float, float] = (0, np.inf)
) -> Corners | None:
    """(4, 2) corners of a quadrilateral that may be a page, clockwise, from any; None where there is none.

    pixels: (H, W, 3). inside: a point that it must hold, such as the middle of a face. longer_px: bounds of its longer sides.
    """
    scale = min(1.0, _SMALL_PX / max(pixels.shape))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = cv2.bilateralFilter(small, 7, 30, 5)
    across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    steep = np.hypot(across, down)
    channel = steep.argmax(axis=2)[..., None]
    slopes = [np.take_along_axis(each, channel, axis=2)[..., 0].astype(np.int16) for each in (across, down)]
    point = None if inside is None else np.array(inside) * scale
    for share in _STEEPEST:
        upper = max(24.0, float(np.percentile(steep.max(axis=2), share)))
        edges = cv2.Canny(slopes[0], slopes[1], upper / 2.5, upper, L2gradient=True)
        best = _by_edges(np.asarray(edges > 0), point, (longer_px[0] * scale, longer_px[1] * scale))
        if best is not None:
            return np.asarray(best / scale)
    return None


def _by_edges(
    edges: NDArray[np.bool_], inside: NDArray[np.float64] | None, longer: tuple[float, float]
) -> Corners | None:
    found = cv2.HoughLines(edges.astype(np.uint8), 1, np.pi / 180, 32)
    if found is None:
        return None
    lines = _distinct(found.reshape(-1, found.shape[-1])[:, :2])
    wide = np.asarray(cv2.dilate(edges.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    best = _best(lines, wide, inside, longer)
    if best is None and inside is not None:  # the page of a face may be cut by the photo's border
        height, width = wide.shape
        border = [(0.0, 0.0), (float(width), 0.0), (0.0, np.pi / 2), (float(height), np.pi / 2)]
        best = _best([*lines, *border], wide, inside, longer)
    return best


def _best(
    lines: Sequence[tuple[float, float]],
    edges: NDArray[np.bool_],
    inside: NDArray[np.float64] | None,
    longer: tuple[float, float],
) -> Corners | None:
    """The best quadrilateral that these lines, as (rho, theta), make."""
    best, quality = None, 0.0
    for one, other in combinations([pair for pair in combinations(lines, 2) if _opposite(*pair)], 2):
        corners = _quadrilateral(one, other)
        if corners is None or not _page_like(corners, edges.shape, inside, longer):
            continue
        share = _outlined(corners, edges)
        worth = share + _LARGER * float(np.sqrt(cv2.contourArea(corners.astype(np.float32)) / edges.size))
        if share > _OUTLINED_MIN and worth > quality:
            best, quality = corners, worth
    return best


def _distinct(lines: NDArray[Any]) -> list[tuple[float, float]]:
    """(rho, theta) of the strongest lines, without those that are nearly another one."""
    kept: list[tuple[float, float]] = []
    for rho, theta in lines[:400]:
        near = False
        for other_rho, other_theta in kept:
            turn = abs(theta - other_theta)
            shift = abs(rho - other_rho) if turn < np.pi / 2 else abs(rho + other_rho)
            near = near or (min(turn, np.pi - turn) < np.radians(4) and shift < 8)
        if not near:
            kept.append((float(rho), float(theta)))
            if len(kept) == _EDGES_MAX:
                break
    return kept


def _opposite(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two lines may be opposite sides: nearly parallel, and apart."""
    turn = abs(one[1] - other[1])
    apart = abs(one[0] - other[0]) if turn < np.pi / 2 else abs(one[0] + other[0])
    return min(turn, np.pi - turn) < np.radians(18) and apart > 0.08 * _SMALL_PX


def _quadrilateral(one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]) -> Corners | None:
    """(4, 2) where two pairs of lines cross, in order around; None where they hardly do."""
    corners = []
    for a, b in ((0, 0), (0, 1), (1, 1), (1, 0)):
        (rho, theta), (other_rho, other_theta) = one[a], other[b]
        sine = np.sin(other_theta - theta)
        if abs(sine) < 0.6:
            return None
        corners.append(
            (
                (rho * np.sin(other_theta) - other_rho * np.sin(theta)) / sine,
                (other_rho * np.cos(theta) - rho * np.cos(other_theta)) / sine,
            )
        )
    found = np.array(corners)
    a, b = found[1] - found[0], found[2] - found[1]
    return found if a[0] * b[1] - a[1] * b[0] > 0 else found[::-1]


def _page_like(
    corners: Corners, shape: tuple[int, ...], inside: NDArray[np.float64] | None, longer: tuple[float, float]
) -> bool:
    height, width = shape[:2]
    outside = np.maximum(-corners, corners - (width, height)).max()
    contour = corners.astype(np.float32)
    if outside > 0.08 * max(shape[:2]) or not cv2.isContourConvex(contour):
        return False
    if cv2.contourArea(contour) < _AREA_MIN * width * height:
        return False
    if (
        inside is not None
        and cv2.pointPolygonTest(contour, (float(inside[0]), float(inside[1])), measureDist=False) < 0
    ):
        return False
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    even, odd = sides[0] + sides[2], sides[1] + sides[3]
    if not longer[0] < max(even, odd) / 2 < longer[1]:
        return False
    return bool(_PROPORTIONS[0] < max(even, odd) / min(even, odd) < _PROPORTIONS[1])


def _outlined(corners: Corners, edges: NDArray[np.bool_]) -> float:
    """The share of its sides that is edge, the least one counting for a half; 0 where two sides are the photo's border."""
    height, width = edges.shape
    steps = np.linspace(0.06, 0.94, 40)[:, None]
    shares = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = np.rint(start + (end - start) * steps).astype(int).T
        seen = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
        if seen.any():
            shares.append(float(edges[y[seen], x[seen]].sum()) / len(steps))
    return 0.5 * min(shares) + 0.5 * float(np.mean(shares)) - _BORDER * (4 - len(shares)) if len(shares) > 2 else 0.0
