"""Clean photos to the images that identity documents and poor capture give, so that FNMR on those can be measured.

These are simulations with stated parameters, not photographs of real documents: no printer, engraver, laminate or camera
was measured for them. The source limits them too, since a portrait made from a small photo has no more detail than that
photo. They tell what each kind of degradation costs and whether a change helps; what one document costs, only it tells.

Light is linear from the first step to the last, as inks absorb it, lenses blur it and sensors count it: (H, W, 3) float32,
or (H, W) where it has no colour; 1.0 is white. Documents are drawn on a grid of 600 dots an inch.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, cos, pi, sin
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as PillowImage

from visavis.face import Face, similarity

Apply = Callable[[NDArray[np.uint8], Face, Generator], bytes]
Light = NDArray[np.float32]
Side = Literal["reference", "probe"]

PRINT_PX = (413, 531)
"""(width, height) of 35 × 45 mm at 300 dpi: what is printed, and what a scan or a photo of it measures."""
CHIP_PX = (240, 320)

_HEAD = 0.75
"""Chin to crown over the picture's height, where ICAO Doc 9303-3 asks for 0.70 to 0.80."""
_HEAD_EYES = 3.55
"""Chin to crown in inter-eye distances, flat hair included, the eyes halfway: 3.4 to 3.8 on the synthetic people."""
_CHIN = 0.16
"""Lower edge to chin over the picture's height; the eyes come to 0.535, where ISO/IEC 19794-5 asks for 0.5 to 0.7."""
_FACE = np.array([[-0.5, 0.0], [0.5, 0.0], [-0.43, 1.03], [0.43, 1.03]])
"""Eyes and corners of the mouth in inter-eye distances: the mean of twenty photos of synthetic people."""

_DOT_MM = 25.4 / 600
_WHITE, _BLACK = 0.80, 0.03
"""Reflectances of bare card, and of the darkest dye on it (density 1.5)."""
_LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
_INKS = np.array([[0.10, 0.42, 0.45], [0.45, 0.20, 0.42], [0.55, 0.42, 0.15]])
"""Teal, violet and ochre of the guilloches, in linear light."""
_LAMP = np.array([1.0, 0.74, 0.40], dtype=np.float32)
"""2700 K, as a sensor balanced for daylight sees it."""
_EYES_MM = 63.0
"""Between the eyes of an average adult."""
_EYES_PX = 70.0
"""The same on the sensor of a front camera: VGA, 65° wide, at arm's length (45 cm)."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """name: as in `DEGRADATIONS`. side: which of the two photos it happens to. description: what it stands for, with numbers.

    apply: takes upright RGB pixels (H, W, 3) uint8, the face in them and the only source of randomness; returns the bytes
    of an image file, the same for the same state of the generator.
    """

    name: str
    side: Side
    description: str
    apply: Apply


def printed(pixels: NDArray[np.uint8], face: Face, rng: Generator) -> bytes:
    """35 × 45 mm by dye sublimation at 300 dpi, scanned at 300 dpi (413 × 531 px, JPEG quality 75)."""
    return jpeg(scanned(dye_sublimed(portrait(pixels, face, PRINT_PX), rng), rng), 75)


def greyscale(pixels: NDArray[np.uint8], face: Face, rng: Generator) -> bytes:
    """35 × 45 mm engraved by a laser at 600 dpi, scanned in greyscale at 300 dpi (413 × 531 px, JPEG quality 75)."""
    return jpeg(scanned(engraved(portrait(pixels, face, PRINT_PX), rng), rng), 75)


def security_print(pixels: NDArray[np.uint8], face: Face, rng: Generator) -> bytes:
    """As printed, under guilloches in three inks: lines 0.10 to 0.16 mm wide, 1.0 to 1.8 mm apart, 45 % opaque; scanned."""
    return jpeg(scanned(guilloche(dye_sublimed(portrait(pixels, face, PRINT_PX), rng), rng), rng), 75)


def laminate_glare(pixels: NDArray[np.uint8], face: Face, rng: Generator) -> bytes:
    """As printed, under laminate with 3 to 8 % haze that mirrors a lamp at 2.5 to 5 times white; photographed from 25 cm,
    3 to 8° off about both axes (413 × 531 px, JPEG quality 80)."""
    return jpeg(exposed(glare(tilted(dye_sublimed(portrait(pixels, face, PRINT_PX), rng), rng), rng), rng, 5000), 80)


def chip(pixels: NDArray[np.uint8], face: Face, rng: Generator) -> bytes:
    """The portrait of a passport's chip: 240 × 320 px, JPEG 2000 of 12 to 20 kB, as its issuer chose."""
    return jpeg2000(portrait(pixels, face, CHIP_PX), rng.uniform(12_500, 19_500))


def low_light(pixels: NDArray[np.uint8], face: Face, rng: Generator) -> bytes:
    """3 to 5 stops under, by a lamp of 2700 K, JPEG quality 80.

    Wells of 4,000 e- with the eyes 70 px apart; gain leaves it 0.7 to 1.7 stops dark, white balance takes away 50 to 70 %
    of the cast, noise reduction blurs luma by 0.6 px and chroma by 2 px (sigma, sensor pixels).
    """
    scale = face.inter_eye_distance_px / _EYES_PX
    stops, dark, balance = rng.uniform(3, 5), rng.uniform(0.7, 1.7), rng.uniform(0.5, 0.7)
    counted = exposed(decoded(pixels) * _LAMP * 2**-stops, rng, 4000 / scale**2, 3 / scale)
    developed = counted * (2 ** (stops - dark) / _LAMP**balance).astype(np.float32)
    luma = (developed @ _LUMA)[..., None]
    return jpeg(blurred(luma, 0.6 * scale) + blurred(developed - luma, 2 * scale), 80)


def motion_blur(pixels: NDArray[np.uint8], face: Face, rng: Generator) -> bytes:
    """1/15 s in a hand that moves at 40 to 100 mm/s across the face: 4 to 10 % of the inter-eye distance; JPEG quality 85."""
    path_mm = rng.uniform(40, 100) / 15
    kernel = shake(path_mm / _EYES_MM * face.inter_eye_distance_px, rng)
    moved = cv2.filter2D(decoded(pixels), -1, kernel, borderType=cv2.BORDER_REPLICATE)
    scale = face.inter_eye_distance_px / _EYES_PX
    return jpeg(exposed(np.asarray(moved), rng, 4000 / scale**2, 3 / scale), 85)


_SIDES: dict[Side, tuple[Apply, ...]] = {
    "reference": (printed, greyscale, security_print, laminate_glare, chip),
    "probe": (low_light, motion_blur),
}
DEGRADATIONS: dict[str, Degradation] = {
    apply.__name__: Degradation(apply.__name__, side, " ".join((apply.__doc__ or "").split()), apply)
    for side, functions in _SIDES.items()
    for apply in functions
}


def framing(face: Face, size_px: tuple[int, int]) -> NDArray[np.float64]:
    """(2, 3): from pixels of the photo to those of an upright portrait of `size_px` (width, height) by ICAO Doc 9303-3."""
    width, height = size_px
    eyes = np.array([width / 2, height * (1 - _CHIN - _HEAD / 2)])
    return similarity(face.landmarks_px[[0, 1, 3, 4]], _FACE * (_HEAD / _HEAD_EYES * height) + eyes)


def portrait(pixels: NDArray[np.uint8], face: Face, size_px: tuple[int, int]) -> Light:
    """The photo framed as a portrait; where it ends, its edge goes on."""
    light, matrix = decoded(pixels), framing(face, size_px)
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 1:  # interpolation alone would skip pixels
        rows, columns = (max(1, round(scale * side)) for side in light.shape[:2])
        matrix[:, :2] *= light.shape[1] / columns, light.shape[0] / rows
        light = np.asarray(cv2.resize(light, (columns, rows), interpolation=cv2.INTER_AREA))
    matrix[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5  # in OpenCV's coordinates, whole numbers are pixels' centres
    drawn = cv2.warpAffine(light, matrix, size_px, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(drawn, 0, 1), dtype=np.float32)


def dye_sublimed(picture: Light, rng: Generator) -> Light:
    """Dyes on card, 300 to 600 dpi: 85 % of the saturation, densities of 0.1 to 1.5, 2 % noise by dot and 1 % by heating
    element (a column), and a bleed of 45 µm (sigma)."""
    grey = (picture @ _LUMA)[..., None]
    density = 0.02 * rng.standard_normal(picture.shape) + 0.01 * rng.standard_normal((1, picture.shape[1], 1))
    dyed = (grey + 0.85 * (picture - grey)) * np.exp(density)
    return blurred(_BLACK + (_WHITE - _BLACK) * enlarged(dyed.astype(np.float32)), 0.045 / _DOT_MM)


def engraved(picture: Light, rng: Generator) -> Light:
    """Burnt into polycarbonate, 300 to 600 dpi: an S-shaped tone curve, 8 pulse energies with 6 % noise on a screen of 127 µm at
    45°, densities of 0.1 to 1.2, and a bleed of 30 µm (sigma); (H, W)."""
    tone = srgb(enlarged(picture @ _LUMA))
    tone = 0.4 * tone + 0.6 * tone * tone * (3 - 2 * tone)
    y, x = np.indices(tone.shape, dtype=np.float32)
    turn = 2 * pi * _DOT_MM / 0.127 * 0.5**0.5
    screen = np.cos(turn * (x + y)) * np.cos(turn * (x - y))
    burnt = np.clip(np.rint(7 * tone + screen), 0, 7) / 7 + 0.06 * rng.standard_normal(tone.shape)
    return blurred(0.06 + (_WHITE - 0.06) * linear(burnt.astype(np.float32)), 0.030 / _DOT_MM)


def guilloche(paper: Light, rng: Generator) -> Light:
    """Braids of sinusoidal lines in three inks of 45 % opacity: 0.10 to 0.16 mm wide, 1.0 to 1.8 mm apart, waves of 8 to 16 mm;
    strongest at one side and fading towards the other."""
    rows, columns = paper.shape[:2]
    y, x = np.indices((rows, columns), dtype=np.float32) * _DOT_MM
    turn = rng.uniform(0, 2 * pi)
    opacity = 0.45 * np.clip(0.6 + ((x - 17.5) * cos(turn) + (y - 22.5) * sin(turn)) / 35, 0, 1)
    for ink in _INKS.astype(np.float32):
        turn, phase = rng.uniform(0, 2 * pi), rng.uniform(0, 2 * pi)
        width, pitch, wave = rng.uniform(0.10, 0.16), rng.uniform(1.0, 1.8), rng.uniform(8, 16)
        along, across = x * cos(turn) + y * sin(turn), y * cos(turn) - x * sin(turn)
        swing = 1.5 * np.sin(2 * pi / wave * along + across / 6 + phase)
        for line in ((across + swing) / pitch, (across - swing) / pitch):
            distance = np.abs(line - np.rint(line)) * pitch
            cover = opacity * np.clip((width / 2 - distance) / _DOT_MM + 0.5, 0, 1)
            paper = paper + cover[..., None] * (ink - paper)
    return blurred(paper, 0.020 / _DOT_MM)


def scanned(paper: Light, rng: Generator) -> Light:
    """A flatbed, 600 to 300 dpi: laid in up to 1° and half a pixel off, blurred by 45 µm (sigma), wells of 6,000 e-."""
    rows, columns = paper.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.uniform(-1, 1), 1.0), dtype=np.float64)
    matrix[:, 2] += rng.uniform(-1, 1, 2)
    seen = cv2.warpAffine(blurred(paper, 0.045 / _DOT_MM), matrix / 2, PRINT_PX, borderValue=(_WHITE, _WHITE, _WHITE))
    return exposed(np.asarray(seen, dtype=np.float32) / 0.9, rng, 6000, 6)


def tilted(paper: Light, rng: Generator) -> Light:
    """Photographed by hand, 600 to 280 dpi: 25 cm away, 3 to 8° off about both axes, focus off by 0.4 to 0.8 px (sigma), the
    light falling off by up to 15 % to each side, the bluish card showing around."""
    rows, columns = paper.shape[:2]
    angle = np.radians(rng.uniform(3, 8, 2)) * rng.choice([-1, 1], 2)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (columns / 2, rows / 2)
    nearer = 1 / (1 + (corners * np.sin(angle)).sum(axis=1, keepdims=True) * (_DOT_MM / 250))
    seen = corners * np.cos(angle) * nearer * 0.465 + np.array(PRINT_PX) / 2
    corners += np.array([columns, rows]) / 2
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32))
    view = cv2.warpPerspective(blurred(paper, 1.1), matrix, PRINT_PX, borderValue=(0.66, 0.70, 0.74))
    across, down = (rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, side, dtype=np.float32) for side in PRINT_PX)
    lit = np.asarray(view, dtype=np.float32) * (1 + across[:, None] + down[:, None, None])
    return blurred(lit, rng.uniform(0.4, 0.8))


def glare(view: Light, rng: Generator) -> Light:
    """A lamp in glossy laminate at 2.5 to 5 times white: a spot of 1 to 2.5 mm, up to twice as long, or a band of 0.4 to 1.2 mm
    (sigma), bent by unevenness of 1 mm, with a veil around it; and haze of 3 to 8 % over everything."""
    rows, columns = view.shape[:2]
    bent = rng.standard_normal((2, 6, 5), dtype=np.float32)
    x, y = (
        (at - rng.uniform(0.1, 0.9) * at.max()) * (35 / columns)
        + cv2.resize(bend, (columns, rows), interpolation=cv2.INTER_CUBIC)
        for at, bend in zip(np.meshgrid(np.arange(columns), np.arange(rows)), bent, strict=True)
    )
    turn, band = rng.uniform(0, pi), rng.random() < 0.5
    width = rng.uniform(0.4, 1.2) if band else rng.uniform(1, 2.5)
    length = 50.0 if band else width * rng.uniform(1, 2)
    distance = np.hypot((x * cos(turn) + y * sin(turn)) / width, (y * cos(turn) - x * sin(turn)) / length)
    lamp = rng.uniform(2.5, 5) * (np.exp(-(distance**2) / 2) + 0.05 * np.exp(-distance / 2.5))
    return np.asarray(view / 0.9 + rng.uniform(0.03, 0.08) + lamp[..., None], dtype=np.float32)


def exposed(light: Light, rng: Generator, well_e: float, read_e: float = 3) -> Light:
    """What a sensor makes of light: Poisson counts, `well_e` electrons at white, and read noise of `read_e` electrons."""
    electrons = rng.poisson(np.clip(light, 0, 1) * well_e) + read_e * rng.standard_normal(light.shape, dtype=np.float32)
    return np.asarray(electrons / well_e, dtype=np.float32)


def shake(length_px: float, rng: Generator) -> Light:
    """The kernel of a path of about that length: in any direction, bent by up to a quarter of it, as tremor does."""
    t = np.linspace(-0.5, 0.5, max(64, round(4 * length_px)))
    turn, bend = rng.uniform(0, 2 * pi), rng.uniform(-0.25, 0.25)
    path = length_px * np.exp(1j * turn) * (t + 1j * bend * np.cos(pi * t))
    reach = ceil(length_px) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float32)
    column, row = np.floor(path.real).astype(int), np.floor(path.imag).astype(int)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = (1 - np.abs(path.real - column - right)) * (1 - np.abs(path.imag - row - down))
        np.add.at(kernel, (row + down + reach, column + right + reach), share)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def enlarged(light: Light) -> Light:
    """Each pixel as two by two dots, smoothed."""
    return np.asarray(cv2.resize(light, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR))


def blurred(light: NDArray[np.floating], sigma: float) -> Light:
    """By a Gaussian of `sigma` pixels or dots."""
    drawn = cv2.GaussianBlur(light, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, dtype=np.float32).reshape(light.shape)


def decoded(pixels: NDArray[np.uint8]) -> Light:
    """sRGB pixels, 0..255, to linear light."""
    return np.asarray(linear(np.linspace(0, 1, 256, dtype=np.float32))[pixels])


def linear(coded: Light) -> Light:
    """sRGB, 0..1, to linear light, by IEC 61966-2-1; clipped."""
    value = np.clip(coded, 0, 1)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb(light: Light) -> Light:
    """Linear light to sRGB, 0..1; clipped."""
    value = np.clip(light, 0, 1)
    return np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055).astype(np.float32)


def jpeg(light: Light, quality: int) -> bytes:
    """A JPEG file of that quality; greyscale where light has no colour."""
    return _encoded(light, "JPEG", quality=quality)


def jpeg2000(light: Light, size: float) -> bytes:
    """An irreversible JPEG 2000 of `size` bytes, give or take 400."""
    rate, data = light.size / size, b""
    for _ in range(12):
        data = _encoded(light, "JPEG2000", quality_mode="rates", quality_layers=[rate], irreversible=True)
        if abs(len(data) - size) <= 400:
            break
        rate *= len(data) / size
    return data


def _encoded(light: Light, image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    PillowImage.fromarray(np.rint(255 * srgb(light)).astype(np.uint8)).save(out, image_format, **options)
    return out.getvalue()
