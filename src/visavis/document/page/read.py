"""A photo to a page: find the zone, read it, find the page, find the portrait, and say what stands in the way."""

from collections.abc import Sequence
from datetime import date
from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.document.page import faults
from visavis.document.page.characters import LineReader, Picture
from visavis.document.page.locate import Block, LineFinder
from visavis.document.page.networks import FINDER, READER
from visavis.document.page.outline import LAYOUTS, Corners, Layout, page_by_edges, page_of_zone
from visavis.document.page.portrait import cut, page_size_px, straight
from visavis.document.page.value import Page, PageReason
from visavis.document.page.zone import ZoneSeen, read_block
from visavis.face import Face, FaceDetector
from visavis.image import Image, Photo
from visavis.weights import ModelStore, shipped_card

_DECODED_PX = 1600
_SIDE_MIN_PX, _SLENDER_MAX = 64, 5
"""A photo of a page is not smaller, and not so many times as long as wide."""
_READ_PITCH_PX = 18.0
"""Distance of characters up to which a photo is decoded finer, where it can be."""
_BLOCKS_MAX = 5
_FACE_PX = 640
"""Longer side of the picture in which a face is looked for where no zone says which way up the page is."""
_FACE_MIN_PX = 24.0
_OUTSIDE = 0.03
"""How far a corner is outside the photo where the page is cut, as a share of the page's width."""
_FACE_ON_PAGE = (0.07, 0.3)
"""Width of a face over the longer side of the page that it is printed on."""
_LONG = 22.0
"""Length of a line that is likely one of a zone, in characters."""
_FILLS = 0.6
"""Width of a page that is not seen over the longer side of the photo, as it usually is."""
_CARD = 85.6 / 54


class PageReader:
    """Reads photos of pages. Safe to use from many threads; networks are compiled when they are first needed.

    Raises a ModelError where a network is missing, changed or unreadable.
    """

    def __init__(self, store: ModelStore) -> None:
        self._finder, self._reader = LineFinder(store, FINDER), LineReader(store, READER)
        self._detector = FaceDetector(store, shipped_card("yunet-2023mar"))

    def read(self, photo: Photo, *, today: date) -> Page:
        """What stands on the page in a photo, at any turn and up to some 15 degrees of tilt.

        Raises TruncatedImage, DamagedImage, or ImageTooLarge when the photo cannot be decoded.
        """
        if min(photo.size_px) < _SIDE_MIN_PX or max(photo.size_px) > _SLENDER_MAX * min(photo.size_px):
            return Page((PageReason.NO_DOCUMENT,))
        zones, image, blocks = self._zones(photo, today)
        if len(zones) > 1:
            return Page((PageReason.SEVERAL_DOCUMENTS,))
        if zones and zones[0].zone is not None:
            return self._with_zone(image, zones[0], LAYOUTS[zones[0].zone.format])
        return self._without_zone(photo.decode(_DECODED_PX), image, zones, blocks)

    def _zones(self, photo: Photo, today: date) -> tuple[list[ZoneSeen], Image, list[Block]]:
        """The zones that read, no two of one place; where none does, the best of the others, if any. And the blocks tried.

        All are in pixels of the image that is returned. A search that finds a zone which reads is the last one.
        """
        image = photo.decode(_DECODED_PX)
        grey = np.asarray(cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        picture = Picture(image.pixels)
        tried: list[Block] = []
        seen: list[ZoneSeen] = []
        finer = 1
        for blocks in self._finder.find(grey):
            for found in blocks:
                block = found.scaled(finer)
                if len(tried) == _BLOCKS_MAX or any(_same(block, other) for other in tried):
                    continue
                if any(zone.certain or zone.read for zone in seen) and (
                    len(block.lines) < 2 or block.longest.length < _LONG * block.pitch
                ):
                    continue  # no second document
                if block.pitch < _READ_PITCH_PX and image.reduction > 1:
                    finer, image = image.reduction, photo.decode()
                    picture = Picture(image.pixels)
                    tried, block = [each.scaled(finer) for each in tried], block.scaled(finer)
                    seen = [each.scaled(finer) for each in seen]
                tried.append(block)
                zone = read_block(picture, block, self._reader, today)
                if zone is not None:
                    seen.append(zone)
            if any(zone.certain or zone.read for zone in seen):
                break
        seen.sort(key=lambda zone: (zone.certain, zone.sure), reverse=True)
        reading: list[ZoneSeen] = []
        for zone in seen:
            if zone.zone is not None and not any(zone.overlaps(other) for other in reading):
                reading.append(zone)
        return reading or seen[:1], image, tried

    def _with_zone(self, image: Image, seen: ZoneSeen, layout: Layout) -> Page:
        corners = page_of_zone(image.pixels, seen.middles, layout)
        if not _plausible(corners, image):
            return _page([PageReason.NO_PORTRAIT], seen, None, None, image)
        page = straight(image.pixels, corners, *page_size_px(corners, layout.width / layout.height))
        portrait = self._portrait(page)
        reasons = []
        if _outside(corners, image, _OUTSIDE):
            reasons.append(PageReason.CUT_EDGES)
        if not seen.certain or not seen.legible:
            reasons += [*_faults_of_zone(seen, image), PageReason.ZONE_UNREADABLE]
        if portrait is None:
            reasons += [PageReason.GLARE] if faults.reflects(page) else []
            reasons.append(PageReason.NO_PORTRAIT)
        return _page(reasons, seen, portrait, corners, image)

    def _without_zone(self, image: Image, searched: Image, zones: Sequence[ZoneSeen], blocks: Sequence[Block]) -> Page:
        """A page that has no zone, as the front of a card, or whose zone does not read.

        zones, blocks: in pixels of the image that was searched, which may be a finer one than is needed here.
        """
        zone = next((each for each in zones if each.like_zone), None)
        reasons = [PageReason.TOO_DARK] if faults.dark(image.pixels) else []
        if _FILLS * max(image.original_size_px) < faults.PAGE_MIN_PX:
            reasons.append(PageReason.TOO_SMALL)
        if zone is not None:
            reasons += _faults_of_zone(zone, searched)
        marked = [block for block in blocks if len(block.lines) > 1 and block.longest.length > _LONG * block.pitch]
        if any(block.pitch * searched.reduction < faults.PITCH_MIN_PX for block in marked):
            reasons.append(PageReason.TOO_SMALL)
        corners, portrait = self._by_edges(image)
        if corners is not None:
            if _at_border(corners, image):
                reasons.append(PageReason.CUT_EDGES)
            page = straight(image.pixels, corners, *page_size_px(corners, _CARD))
            if page.shape[1] < faults.PAGE_MIN_PX:
                reasons.append(PageReason.TOO_SMALL)
            if faults.blurred_page(page, page.shape[1]):
                reasons.append(PageReason.BLURRED)
            if faults.reflects(page):
                reasons.append(PageReason.GLARE)
        if zone is not None:
            reasons.append(PageReason.ZONE_UNREADABLE)
        elif corners is not None:
            reasons.append(PageReason.NO_ZONE)
        else:
            if not reasons and faults.blurred_page(image.pixels, _FILLS * max(image.pixels.shape)):
                reasons.append(PageReason.BLURRED)
            return Page(_told([*reasons, PageReason.NO_DOCUMENT]))
        if portrait is None:
            reasons.append(PageReason.NO_PORTRAIT)
        return _page(reasons, None, portrait, corners, image)

    def _by_edges(self, image: Image) -> tuple[Corners | None, NDArray[np.uint8] | None]:
        """The page's corners by its edges, from the upper left of the upright page on, and its portrait."""
        turns, face = self._upright_face(image)
        upright = np.ascontiguousarray(np.rot90(image.pixels, turns))
        if face is None:
            corners = page_by_edges(upright)
        else:
            low, high = (face.box_px[2] / share for share in reversed(_FACE_ON_PAGE))
            x, y, width, height = face.box_px
            corners = page_by_edges(upright, (x + width / 2, y + height / 2), (low, high))
        if corners is None:
            return None, None
        corners = _upright(corners, None if face is None else face.landmarks_px[1] - face.landmarks_px[0])
        for either in (corners, np.roll(corners, 2, axis=0)):
            portrait = self._portrait(straight(upright, either, *page_size_px(either, _CARD)))
            if portrait is not None:
                return _turned_back(either, turns, image.pixels.shape), portrait
        return _turned_back(corners, turns, image.pixels.shape), None

    def _upright_face(self, image: Image) -> tuple[int, Face | None]:
        """By how many quarters to turn the image anticlockwise for its surest face to be upright, and that face then."""
        scale = min(1.0, _FACE_PX / max(image.pixels.shape))
        small = cv2.resize(image.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = [
            (face.score * face.area_px**0.25, turns, face)
            for turns in range(4)
            for face in self._detector.detect(Photo(np.ascontiguousarray(np.rot90(small, turns))))
        ]
        if not found:
            return 0, None
        _, turns, face = max(found, key=lambda each: each[0])
        x, y, width, height = (each / scale for each in face.box_px)
        return turns, Face((x, y, width, height), (face.landmarks_px / scale).astype(np.float32), face.score)

    def _portrait(self, page: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The cut around the largest face of an upright page, and not a ghost image; None without a face."""
        faces = [face for face in self._detector.detect(Photo(page)) if face.box_px[2] >= _FACE_MIN_PX]
        return cut(page, faces[0]) if faces else None


def _same(block: Block, other: Block) -> bool:
    """Whether two blocks are about the same lines."""
    one, another = block.longest, other.longest
    apart = hypot(one.middle[0] - another.middle[0], one.middle[1] - another.middle[1])
    return len(block.lines) <= len(other.lines) and apart < 0.1 * another.length and one.length < 1.15 * another.length


def _plausible(corners: Corners, image: Image) -> bool:
    """Whether these can be a page's corners, some of them outside the image."""
    if not np.isfinite(corners).all() or np.abs(corners).max() > 4 * max(image.pixels.shape):
        return False
    contour = corners.astype(np.float32)
    return cv2.isContourConvex(contour) and cv2.contourArea(contour) > _FACE_MIN_PX**2


def _outside(corners: Corners, image: Image, share: float) -> bool:
    """Whether a corner is so far outside the image, as a share of the page's width."""
    height, width = image.pixels.shape[:2]
    outside = np.maximum(-corners, corners - (width, height)).max()
    return bool(outside > share * hypot(*(corners[1] - corners[0])))


def _at_border(corners: Corners, image: Image) -> bool:
    """Whether a side is the image's border."""
    height, width = image.pixels.shape[:2]
    return bool((np.isclose(corners, 0) | np.isclose(corners, (width, height), atol=1.0)).any(axis=1).sum() > 1)


def _faults_of_zone(seen: ZoneSeen, image: Image) -> list[PageReason]:
    """What may be why a zone does not read."""
    reasons = []
    height, width = image.pixels.shape[:2]
    ends = np.concatenate([points[[0, -1]] for points in seen.middles])
    if np.maximum(-ends, ends - (width, height)).max() > -0.5 * seen.pitch:
        reasons.append(PageReason.CUT_EDGES)
    elif any(faults.hidden(picture, row) for picture, row in zip(seen.pictures, seen.rows, strict=True)):
        reasons.append(PageReason.GLARE)
    if seen.pitch * image.reduction < faults.PITCH_MIN_PX:
        reasons.append(PageReason.TOO_SMALL)
    if any(faults.blurred_line(picture) for picture in seen.pictures):
        reasons.append(PageReason.BLURRED)
    return reasons


def _upright(corners: Corners, rightwards: NDArray[np.floating] | None) -> Corners:
    """The corners of a page that is wider than high, from the upper left on.

    rightwards: (2,) which way is to the right on the page; without it, the way that is more to the right in the picture.
    """
    upper, right = corners[1] - corners[0], corners[2] - corners[1]
    if hypot(*upper) < hypot(*right):
        corners = np.roll(corners, -1, axis=0)
        upper = right
    x, y = (1.0, 0.0) if rightwards is None else map(float, rightwards)
    return corners if upper[0] * x + upper[1] * y > 0 else np.roll(corners, -2, axis=0)


def _turned_back(corners: Corners, turns: int, shape: tuple[int, ...]) -> Corners:
    """Points of an image that was turned anticlockwise by so many quarters, in the image of this shape as it was."""
    height, width = shape[:2]
    x, y = corners.T
    return np.stack([(x, y), (width - y, x), (width - x, height - y), (y, height - x)][turns], axis=1)


def _page(
    reasons: Sequence[PageReason],
    seen: ZoneSeen | None,
    portrait: NDArray[np.uint8] | None,
    corners: Corners | None,
    image: Image,
) -> Page:
    corners_px = None if corners is None else (corners * image.reduction).astype(np.float32)
    return Page(_told(reasons), None if seen is None else seen.zone, portrait, corners_px)


def _told(reasons: Sequence[PageReason]) -> tuple[PageReason, ...]:
    """Each once. What is too small has no fine detail: it is not blurred besides."""
    small = PageReason.TOO_SMALL in reasons
    return tuple(dict.fromkeys(each for each in reasons if not (small and each is PageReason.BLURRED)))
