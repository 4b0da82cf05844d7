"""Pages and cards of Utopia, as a scanner sees them: all five formats of ICAO Doc 9303, parts 4 to 7."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from math import radians, tan
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from visavis.document.mrz import MrzFormat
from visavis.evaluation.degrade import PRINT_PX, Light, blurred, decoded, dye_sublimed, engraved, srgb
from visavis.evaluation.specimens.ground import Floats, printed_ground
from visavis.evaluation.specimens.holder import Holder, draw_holder

Mount = Literal["card", "booklet", "sticker"]
"""A card, a page of a booklet with the facing page above it, or a sticker on a larger page."""
OCR_B = Path("/usr/share/fonts/opentype/ocr-b/OCRB.otf")
"""Where Debian's package fonts-ocr-b has it."""
Box = tuple[int, int, int, int]
"""Left, upper, right, lower; px."""
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Text = tuple[float, float, str, Font]
"""Left end of the base line, what, and in which font; px."""

_PITCH_MM = 2.54
"""From character to character of the zone: ten an inch."""
_EM_MM = _PITCH_MM / 0.723
"""The font's size, as its characters are 0.723 of it apart: digits come to 2.8 mm, capital letters to 2.5 mm."""
_ZONE_MM = 23.2
"""Height of the zone's area, at the bottom of a page."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Millimetres. size: width, height. portrait, ghost: left, upper edge, width, height. pitch: from line to line of the zone;
    base: from the page's lower edge to the base of the last line."""

    title: str
    mount: Mount
    size: tuple[float, float]
    portrait: tuple[float, float, float, float]
    ghost: tuple[float, float, float, float]
    pitch: float = 6.35
    base: float = 7.6


_LAYOUTS = {
    MrzFormat.TD1: _Layout(
        "IDENTITY CARD / Identkarto", "card", (85.6, 54), (3.5, 13, 24, 31), (70, 30, 11, 14), pitch=4.23, base=4.9
    ),
    MrzFormat.TD2: _Layout("IDENTITY CARD / Identkarto", "card", (105, 74), (3.5, 12, 28, 36), (88, 31, 12, 15.5)),
    MrzFormat.TD3: _Layout("PASSPORT / Pasporto", "booklet", (125, 88), (4, 15, 35, 45), (104, 40, 15, 19)),
    MrzFormat.MRV_A: _Layout("VISA / Vizo", "sticker", (120, 80), (3.5, 13, 31, 40), (102, 36, 13, 17)),
    MrzFormat.MRV_B: _Layout("VISA / Vizo", "sticker", (105, 74), (3.5, 12, 28, 36), (88, 31, 12, 15.5)),
}
SIZES_MM = {mrz_format: layout.size for mrz_format, layout in _LAYOUTS.items()}
"""Width and height of a page or card of each format."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """A fictional document, drawn.

    images: its sides, (H, W, 3) RGB uint8, the zone on the last: a TD1 has two, any other format one. lines: of the zone, right.
    portrait_box_px, ghost_box_px: the picture of the holder, and a smaller, paler one of it, on the first side. zone_box_px: the
    characters, on the last.
    """

    format: MrzFormat
    holder: Holder
    lines: tuple[str, ...]
    images: tuple[NDArray[np.uint8], ...] = field(repr=False)
    portrait_box_px: Box
    ghost_box_px: Box
    zone_box_px: Box
    px_per_mm: float

    @property
    def mount(self) -> Mount:
        """What it is part of."""
        return _LAYOUTS[self.format].mount


def draw_specimen(
    mrz_format: MrzFormat, portrait: NDArray[np.uint8], rng: Generator, *, font: Path = OCR_B, px_per_mm: float = 12
) -> Specimen:
    """A document of Utopia with a fictional holder, SPECIMEN printed across.

    portrait: (H, W, 3) RGB uint8, framed for 35 × 45 mm; printed in colour, or in 30 % engraved in grey. font: an OCR-B.

    The zone is off its nominal place by up to 0.7 mm and slants by up to 0.4°. Its ink reflects 3 to 15 %, covers by 80 to 100 %
    and less in worn places; strokes are 0.29 to 0.46 mm wide, where 0.35 mm is nominal, with rough edges. The ground is printed
    under it at 30 to 100 % of its contrast. A quarter of the visas is stamped, over the zone's upper line too.
    """
    layout = _LAYOUTS[mrz_format]
    holder = draw_holder(mrz_format, rng)
    lines = holder.lines(mrz_format)
    front, *others = sides = [
        printed_ground(layout.size, px_per_mm, rng) for _ in range(2 if mrz_format is MrzFormat.TD1 else 1)
    ]
    picture = _printed(portrait, rng)
    portrait_box = _place(front, picture, layout.portrait, 1.0, px_per_mm, rng)
    ghost_box = _place(front, picture, layout.ghost, rng.uniform(0.35, 0.7), px_per_mm, rng)
    bottom = layout.size[1] - (2 if others else _ZONE_MM)
    _write_cells(front, _cells(holder), layout, bottom, font, px_per_mm, rng)
    for back in others:
        _write_back(back, holder, px_per_mm, rng)
    zone_box = _write_zone(sides[-1], layout, lines, font, px_per_mm, rng)
    _overprint(front, rng)
    if layout.mount == "sticker" and rng.random() < 0.25:
        _stamp(front, px_per_mm, rng)
    images = tuple(np.asarray(np.rint(255 * srgb(side)), dtype=np.uint8) for side in sides)
    return Specimen(mrz_format, holder, lines, images, portrait_box, ghost_box, zone_box, px_per_mm)


def _printed(portrait: NDArray[np.uint8], rng: Generator) -> Light:
    """At 600 dots an inch."""
    light = np.asarray(cv2.resize(decoded(portrait), PRINT_PX, interpolation=cv2.INTER_AREA), dtype=np.float32)
    if rng.random() < 0.3:
        return np.repeat(engraved(light, rng)[..., None], 3, axis=2)
    return dye_sublimed(light, rng)


def _place(
    paper: Light, picture: Light, box_mm: tuple[float, ...], opacity: float, px_per_mm: float, rng: Generator
) -> Box:
    """Prints the picture, through which the ground shows by 20 to 80 %."""
    left, upper, width, height = (round(side * px_per_mm) for side in box_mm)
    drawn = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
    area = paper[upper : upper + height, left : left + width]
    through = rng.uniform(0.2, 0.8)
    over = drawn * (1 - through + through * area / area.mean(axis=(0, 1)))
    area += opacity * (np.clip(over, 0, 1) - area)
    return left, upper, left + width, upper + height


def _cells(holder: Holder) -> Iterator[list[tuple[str, str]]]:
    """Rows of labels and values."""
    yield [("Type", holder.document_code), ("Code", holder.issuer), ("No.", holder.document_number)]
    yield [("Surname", holder.surname)]
    yield [("Given names", holder.given_names)]
    yield [("Nationality", "Utopian"), ("Date of birth", _shown(holder.birth_date)), ("Sex", holder.sex or "X")]
    yield [("Date of issue", _shown(holder.issue_date)), ("Place of birth", "Zenith")]
    yield [("Date of expiry", _shown(holder.expiry_date)), ("Authority", "Utopia Passport Office")]
    if holder.optional_data:
        yield [("Personal No.", holder.optional_data)]


def _write_cells(
    paper: Light,
    rows: Iterable[list[tuple[str, str]]],
    layout: _Layout,
    bottom_mm: float,
    font: Path,
    px_per_mm: float,
    rng: Generator,
) -> None:
    """The visual zone. Values are in OCR-B in a half, and wherever the other font lacks a letter."""
    rows = list(rows)
    left_mm, step_mm = layout.portrait[0] + layout.portrait[2] + 3, (bottom_mm - 10.5) / len(rows)
    height_px = px_per_mm * min(0.58 * step_mm, 3.2)
    special = rng.random() < 0.5 or not "".join(value for row in rows for _, value in row).isascii()
    chosen: Callable[[float], Font] = partial(_ocr_b, font) if special else ImageFont.load_default
    small = ImageFont.load_default(px_per_mm * 0.36 * step_mm)
    title = ImageFont.load_default(px_per_mm * 0.07 * layout.size[1])
    labels: list[Text] = [(px_per_mm * 4, px_per_mm * 7, f"UTOPIA   {layout.title}", title)]
    values: list[Text] = []
    for number, row in enumerate(rows):
        at, top = px_per_mm * left_mm, px_per_mm * (10.5 + number * step_mm)
        for label, value in row:
            text, room = value.upper(), paper.shape[1] - at - px_per_mm * 2
            letters = chosen(height_px * max(0.5, min(1.0, room / chosen(height_px).getlength(text))))
            labels.append((at, top + px_per_mm * 0.32 * step_mm, label, small))
            values.append((at, top + px_per_mm * 0.93 * step_mm, text, letters))
            at += max(letters.getlength(text), small.getlength(label)) + px_per_mm * 3
    _ink(paper, _written(paper, labels), rng.uniform(0.05, 0.35, 3), 0.9)
    _ink(paper, blurred(_written(paper, values), px_per_mm * 0.03), rng.uniform(0.03, 0.12) * np.ones(3), 1.0)


def _write_back(paper: Light, holder: Holder, px_per_mm: float, rng: Generator) -> None:
    """What a card's back has above the zone."""
    font = ImageFont.load_default(px_per_mm * 2.1)
    rows = (
        "Address   1 RHUMB LINE, ZENITH",
        f"Issued   {_shown(holder.issue_date).upper()}   UTOPIA CENTRAL",
        "Height   171 cm      Eyes   GREEN",
        "If found, return it to any consulate of Utopia.",
    )
    texts = [(px_per_mm * 5, px_per_mm * (7 + 5 * number), row, font) for number, row in enumerate(rows)]
    _ink(paper, _written(paper, texts), rng.uniform(0.05, 0.3, 3), 0.9)


def _write_zone(
    paper: Light, layout: _Layout, lines: tuple[str, ...], font: Path, px_per_mm: float, rng: Generator
) -> Box:
    width, height = layout.size
    long = _PITCH_MM * len(lines[0])
    left = (width - long) / 2 + rng.uniform(-0.7, 0.7)
    base = height - layout.base + rng.uniform(-0.7, 0.7)
    first = base - layout.pitch * (len(lines) - 1)
    strip = paper[round(px_per_mm * (first - 4.5)) :]
    strip += rng.uniform(0, 0.7) * (strip.mean(axis=(0, 1)) - strip)

    letters, slant = _ocr_b(font, px_per_mm * _EM_MM), tan(radians(rng.uniform(-0.4, 0.4)))
    places = ((row, place) for row in range(len(lines)) for place in range(len(lines[0])))
    texts = [
        (
            px_per_mm * (left + place * _PITCH_MM),
            px_per_mm * (first + row * layout.pitch + slant * (left + place * _PITCH_MM - width / 2)),
            lines[row][place],
            letters,
        )
        for row, place in places
    ]
    cover = blurred(_written(paper, texts)[-len(strip) :], px_per_mm * rng.uniform(0.04, 0.08))
    grain = blurred(rng.standard_normal(cover.shape, dtype=np.float32), px_per_mm * 0.05)
    cover += rng.uniform(0, 0.8) / grain.std() * grain * cover * (1 - cover)
    # the blur's flank, cut at a quarter to three quarters of its height, is where the stroke ends
    cover = np.clip((cover - rng.uniform(0.25, 0.75)) * 2.5 + 0.5, 0, 1)
    worn = blurred(rng.standard_normal(cover.shape, dtype=np.float32), px_per_mm * rng.uniform(0.1, 0.6))
    cover *= np.clip(1 - rng.uniform(0, 0.2) * np.abs(worn) / worn.std(), 0.4, 1)
    _ink(strip, cover, rng.uniform(0.03, 0.15) * np.ones(3), rng.uniform(0.8, 1))
    return _px((left, first - 2.8, left + long, base), px_per_mm)


def _overprint(paper: Light, rng: Generator) -> None:
    """SPECIMEN, rising by 12 to 22° over the visual zone, 25 to 45 % opaque."""
    height, width = paper.shape[:2]
    font = ImageFont.load_default(0.145 * width)
    word = _written(paper, [(0.53 * width - font.getlength("SPECIMEN") / 2, 0.47 * height, "SPECIMEN", font)])
    _ink(
        paper,
        _turned(word, (0.53 * width, 0.42 * height), rng.uniform(12, 22)),
        [0.6, 0.08, 0.08],
        rng.uniform(0.25, 0.45),
    )


def _stamp(paper: Light, px_per_mm: float, rng: Generator) -> None:
    """A border guard's: a ring of 24 to 34 mm and a date in it, 30 to 60 % opaque."""
    height, width = paper.shape[:2]
    radius = px_per_mm * rng.uniform(12, 17)
    middle = rng.uniform(0.3, 0.8) * width, rng.uniform(0.4, 0.75) * height
    font = ImageFont.load_default(0.3 * radius)
    cover = _written(paper, [(middle[0] - 0.8 * radius, middle[1], "14 FEB 25", font)])
    centre = round(middle[0]), round(middle[1])
    for share in (1.0, 0.75):
        cv2.circle(cover, centre, round(share * radius), 1.0, round(px_per_mm * 0.4), cv2.LINE_AA)
    _ink(paper, _turned(cover, middle, rng.uniform(-40, 40)), rng.uniform(0.02, 0.4, 3), rng.uniform(0.3, 0.6))


def _turned(cover: Floats, middle: tuple[float, float], angle_deg: float) -> Floats:
    matrix = cv2.getRotationMatrix2D(middle, angle_deg, 1.0)
    return np.asarray(cv2.warpAffine(cover, matrix, cover.shape[1::-1]), dtype=np.float32)


def _written(paper: Light, texts: Iterable[Text]) -> Floats:
    """(H, W) of 0..1: how much of each pixel of the paper the characters cover."""
    drawn = PillowImage.new("L", paper.shape[1::-1])
    draw = ImageDraw.Draw(drawn)
    for x, y, text, font in texts:
        draw.text((x, y), text, 255, font, anchor="ls")
    return np.asarray(np.asarray(drawn) / 255, dtype=np.float32)


def _ink(paper: Light, cover: Floats, reflectance: NDArray[np.float64] | list[float], opacity: float) -> None:
    """In place."""
    paper += (opacity * cover)[..., None] * (np.asarray(reflectance, dtype=np.float32) - paper)


def _ocr_b(font: Path, size_px: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font), size_px, layout_engine=ImageFont.Layout.BASIC)


def _shown(day: date) -> str:
    return f"{day:%d %b %Y}"


def _px(box_mm: tuple[float, float, float, float], px_per_mm: float) -> Box:
    left, upper, right, lower = (round(side * px_per_mm) for side in box_mm)
    return left, upper, right, lower
