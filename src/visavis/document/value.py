"""The document, from what was read of its page, of its chip, or of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from visavis.document.chip import Chip
from visavis.document.mrz import Field, MachineReadableZone, MrzFormat, Standing
from visavis.document.page import Page, PageReason


class Authenticity(StrEnum):
    """How far it is shown that a document is what it claims to be, from the least on."""

    FAILED = "failed"
    PAGE_ONLY = "page_only"
    """A photo of a page. Nothing shows that the page is genuine."""
    PRESENCE_NOT_PROVEN = "authentic_presence_not_proven"
    """The state signed what the chip's files say. They may be a copy."""
    AUTHENTIC = "authentic"
    """The same, and the chip itself answered."""

    def reaches(self, other: "Authenticity") -> bool:
        """Whether it is as much as the other, or more."""
        order = list(Authenticity)
        return order.index(self) >= order.index(other)


class Source(StrEnum):
    """What a document was read from."""

    PAGE = "page"
    CHIP = "chip"


PAGE_DIFFERS = "page_differs_from_chip"
"""Why a document is not authentic whose page says something else than its chip."""
SIDES_NOT_COMPARED = "sides_not_compared"
"""What is noted of a card whose portrait and zone are from two photos: nothing shows that they are of one card."""
PAGE_NOT_COMPARED = "page_not_compared"
"""What is noted of a chip with whose files no number that was read of a page could be compared."""
_OF_ONE_SIDE = (PageReason.NO_ZONE, PageReason.NO_PORTRAIT)
_COMPARED = ("document_number", "birth_date", "expiry_date")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Document:
    """What is known of a document. pages: of the photos, one a side. chip: None where none was read.

    zone, portrait: the chip's where there is one, else the page's. portrait: (H, W, 3) uint8, RGB, upright.
    """

    pages: tuple[Page, ...]
    chip: Chip | None
    zone: MachineReadableZone | None
    portrait: NDArray[np.uint8] | None

    def __repr__(self) -> str:
        return "<Document>"

    @classmethod
    def of(cls, pages: Sequence[Page], chip: Chip | None = None) -> "Document":
        """The document that photos of its sides and the files of its chip are of.

        Zone and portrait are of one photo, but of cards of the size TD1, which have them on two sides. Raises ValueError for
        neither pages nor chip.
        """
        if chip is None and not pages:
            raise ValueError("a document is known from photos of its pages, or from its chip")
        if chip is not None:
            return cls(tuple(pages), chip, chip.zone, chip.portrait)
        main = next((page for page in pages if page.zone is not None), None)
        if main is None or main.zone is None:
            return cls(
                tuple(pages), None, None, next((each.portrait for each in pages if each.portrait is not None), None)
            )
        portrait = main.portrait
        if main.zone.format is MrzFormat.TD1:  # whose back may have a ghost image
            fronts = (page.portrait for page in pages if page.zone is None and page.portrait is not None)
            portrait = next(fronts, portrait)
        return cls(tuple(pages), None, main.zone, portrait)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What it was read from."""
        page = self.chip is None or self._page_compared
        return (*((Source.PAGE,) if page else ()), *((Source.CHIP,) if self.chip is not None else ()))

    @property
    def authenticity(self) -> Authenticity:
        """How far it is shown that it is genuine."""
        if self.chip is None:
            return Authenticity.PAGE_ONLY
        if self.chip.reasons or self._page_differs:
            return Authenticity.FAILED
        return Authenticity.AUTHENTIC if self.chip.present else Authenticity.PRESENCE_NOT_PROVEN

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it is not authentic, by stable codes; empty where nothing speaks against it."""
        if self.chip is None:
            return ()
        return (*self.chip.reasons, *((PAGE_DIFFERS,) if self._page_differs else ()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be known of its authenticity though nothing speaks against it, by stable codes."""
        if self.chip is not None:
            return (*self.chip.notes, *((PAGE_NOT_COMPARED,) if self.pages and not self._page_compared else ()))
        apart = self.zone is not None and not any(
            page.zone is self.zone and page.portrait is self.portrait for page in self.pages
        )
        return (SIDES_NOT_COMPARED,) if apart else ()

    @property
    def faults(self) -> tuple[tuple[str, ...], ...]:
        """What is wrong with each photo, by stable codes; empty where another one would be no better.

        The front of a card has no zone, and its back no portrait. That a zone is unreadable goes without saying where it is told
        why.
        """
        found = []
        for page in self.pages:
            reasons = [
                reason for reason in page.reasons if reason not in _OF_ONE_SIDE or not self._elsewhere(reason, page)
            ]
            causes = [reason for reason in reasons if reason is not PageReason.ZONE_UNREADABLE]
            found.append(tuple(reason.value for reason in causes or reasons))
        return tuple(found)

    def _elsewhere(self, reason: PageReason, page: Page) -> bool:
        """Whether another photo does not lack the same, or may not, were it a better one."""
        others = (set(other.reasons) for other in self.pages if other is not page)
        return any(reason not in other or not other <= {*_OF_ONE_SIDE} for other in others)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Why it could not be read wholly, by stable codes; empty where it was."""
        if self.chip is not None:
            return ()
        numbers = {page.zone.document_number.value for page in self.pages if page.zone is not None}
        card = self.zone is not None and self.zone.format is MrzFormat.TD1
        portraits = sum(page.portrait is not None for page in self.pages)
        too_many = len(numbers) > 1 or (self.zone is not None and not card and portraits > 1)
        several = (PageReason.SEVERAL_DOCUMENTS.value,) if too_many else ()
        return tuple(dict.fromkeys((*several, *(reason for page in self.faults for reason in page))))

    @property
    def _page_compared(self) -> bool:
        """Whether a number was read of a page for certain."""
        zones = (page.zone for page in self.pages if page.zone is not None)
        return any(zone.document_number.standing is Standing.CHECKED for zone in zones)

    @property
    def _page_differs(self) -> bool:
        """Whether the page's confirmed fields are others than the chip's."""
        zones = [page.zone for page in self.pages if page.zone is not None]
        if self.chip is None or self.zone is None:
            return False
        return any(
            one.standing is Standing.CHECKED and _printed(one) != _printed(getattr(self.zone, name))
            for zone in zones
            for name in _COMPARED
            for one in (getattr(zone, name),)
        )

    def expired(self, today: date) -> bool | None:
        """Whether it was valid until before that day; None where its date is not known for certain. Some never expire."""
        if self.zone is None or self.zone.expiry_date.standing is not Standing.CHECKED:
            return None
        until = self.zone.expiry_date.value
        return until < today if isinstance(until, date) else False


def _printed(field: Field) -> str | None:
    """A value as it is printed: of years two digits, since the chip may know a century that the page does not tell."""
    return f"{field.value:%y%m%d}" if isinstance(field.value, date) else field.value
