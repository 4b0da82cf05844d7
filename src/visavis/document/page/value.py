"""What was read of a photo of a page."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from visavis.document.mrz import MachineReadableZone


class PageReason(StrEnum):
    """Why a page was not read wholly, as a subject may be told; the codes are stable."""

    NO_DOCUMENT = "no_document"
    """Neither a zone nor the outline of a page is seen."""
    SEVERAL_DOCUMENTS = "several_documents"
    """More than one zone is seen. Nothing is read: a portrait could be of one document, and the zone of another."""
    CUT_EDGES = "cut_edges"
    """A part of the page is outside the photo."""
    TOO_SMALL = "too_small"
    """The characters are too small in the photo: go closer."""
    TOO_DARK = "too_dark"
    """There is too little light."""
    BLURRED = "blurred"
    """The characters are out of focus, or the camera moved."""
    GLARE = "glare"
    """Light is reflected from the page."""
    NO_ZONE = "no_zone"
    """A page is seen, and no machine-readable zone: the front of a card has none."""
    ZONE_UNREADABLE = "zone_unreadable"
    """The zone, or a field of it that a check digit covers, could not be read for certain."""
    NO_PORTRAIT = "no_portrait"
    """No face is seen on the page: the back of a card has none."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Page:
    """A page, as far as it was read.

    reasons: why not wholly; empty where zone and portrait were. zone: None where there is none, or none that has a format's
    lines. portrait: (H, W, 3) uint8, RGB, read-only: upright, seen straight, with some of the page around it. corners_px: (4, 2)
    float32, read-only: the page's upper left, upper right, lower right and lower left as it is read, in pixels of the upright
    photo, (x, y); some may be outside it; None where no page is seen.
    """

    reasons: tuple[PageReason, ...]
    zone: MachineReadableZone | None = None
    portrait: NDArray[np.uint8] | None = None
    corners_px: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for array in (self.portrait, self.corners_px):
            if array is not None:
                array.flags.writeable = False

    def __repr__(self) -> str:
        return "<Page>"
