"""JPEG 2000 as chips hold it, read as far as it must be before a decoder gets it (ISO/IEC 15444-1, annexes A and I).

The decoder is given the codestream alone, whatever file it came in, and only one that was walked from end to end: what makes a
decoder allocate (size, tiles, precincts, code-blocks, layers) is stated in headers, and each of them is bounded here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from visavis.errors import DamagedImage, ImageTooLarge, UnsupportedImage

CODESTREAM_START = b"\xff\x4f\xff\x51"
JP2_START = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_COD, _COC, _SOT, _SOD, _EOC = 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
_SEGMENTS = (
    _COD, _COC, 0xFF55, 0xFF57, 0xFF58, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61, 0xFF63, 0xFF64,
)  # fmt: skip
"""Which markers a header of part 1 may hold after SIZ (table A.2); other parts have more, and portraits need none of them."""
_SIZ_BYTES = 38
_SOT_BYTES = 12
_SIDE_MAX = 65_535
_TILES_MAX = 64
_LEVELS_MAX = 10
_LAYERS_MAX = 256
_PRECINCTS_MAX = 4_096
_BLOCK_EXPONENTS_MIN = 4
"""Of the width and height of a code-block over 4, together: 16 × 16 at least, where the smallest that there is has 4 × 4."""
_BOXES_MAX = 100
_COLOURS = (16, 17)
"""sRGB and grey as JP2 enumerates them (table I.10). Others are in no portrait that Doc 9303 allows."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of the picture that a codestream holds. components: 3 in colours, 1 in grey."""

    width_px: int
    height_px: int
    components: int


def codestream(data: bytes) -> bytes:
    """The codestream of a JP2 file, or the bytes themselves where they are one.

    Raises UnsupportedImage or DamagedImage.
    """
    if data.startswith(CODESTREAM_START):
        return data
    if not data.startswith(JP2_START):
        raise UnsupportedImage("expected a JPEG 2000 codestream or a JP2 file")
    for kind, content in _boxes(data):
        if kind == b"jp2h":
            _check_colours(content)
        if kind == b"jp2c":
            if not content.startswith(CODESTREAM_START):
                break
            return content
    raise DamagedImage("the JP2 file holds no codestream")


def size(stream: bytes) -> Size:
    """What the codestream's header (SIZ, A.5.1) states. Raises DamagedImage, UnsupportedImage or ImageTooLarge."""
    if not stream.startswith(CODESTREAM_START) or len(stream) < 4 + _SIZ_BYTES + 3:
        raise DamagedImage("the JPEG 2000 codestream has no header")
    right, lower, left, upper, tile_width, tile_height, tile_left, tile_upper = (
        int.from_bytes(stream[at : at + 4], "big") for at in range(8, 40, 4)
    )
    components = int.from_bytes(stream[40:42], "big")
    if max(right, lower) > _SIDE_MAX:
        raise ImageTooLarge(f"the picture lies beyond {_SIDE_MAX:,} pixels")
    if not (left < right and upper < lower and tile_left <= left and tile_upper <= upper):
        raise DamagedImage("the JPEG 2000 codestream states no size")
    if tile_left + tile_width <= left or tile_upper + tile_height <= upper:
        raise DamagedImage("the JPEG 2000 codestream states tiles that hold nothing")
    across, down = -((tile_left - right) // tile_width), -((tile_upper - lower) // tile_height)
    if across * down > _TILES_MAX:
        raise ImageTooLarge(f"the picture has {across * down:,} tiles; at most {_TILES_MAX} are decoded")
    length = int.from_bytes(stream[4:6], "big")
    layout = stream[42 : 42 + 3 * components]
    if components not in (1, 3) or length != _SIZ_BYTES + 3 * components or len(layout) != 3 * components:
        raise UnsupportedImage("expected a JPEG 2000 picture in colours or in grey")
    if layout != b"\x07\x01\x01" * components:
        raise UnsupportedImage("expected a JPEG 2000 picture of 8 bits and of one size in each of its components")
    return Size(right - left, lower - upper, components)


def check(stream: bytes) -> None:
    """Walk all headers. Raises DamagedImage, UnsupportedImage or ImageTooLarge where a decoder would have too much to do.

    Where its last tile-part is cut off the walk ends too: decoders say what that means.
    """
    picture = size(stream)
    at = 4 + _SIZ_BYTES + 3 * picture.components
    while True:
        at = _check_headers(stream, at, _SOT, picture)
        length = int.from_bytes(stream[at + 6 : at + 10], "big")
        data_at = _check_headers(stream, at + _SOT_BYTES, _SOD, picture) + 2
        if stream[at + 2 : at + 4] != b"\x00\x0a" or (length and at + length < data_at):
            raise DamagedImage("a tile-part of the JPEG 2000 codestream states no length, or one that is too short")
        at += length
        if not length or at >= len(stream) or _u16(stream, at) == _EOC:
            return


def _check_headers(stream: bytes, at: int, end: int, picture: Size) -> int:
    """The marker segments from here to the marker `end`, and where that is."""
    while (marker := _u16(stream, at)) != end:
        length = _u16(stream, at + 2)
        if marker not in _SEGMENTS or length < 2:
            raise DamagedImage("a header of the JPEG 2000 codestream is damaged")
        segment = stream[at + 4 : at + 2 + length]
        if marker == _COD:
            _check_coding(segment[:1] + segment[5:], _u16(segment, 2), picture)
        if marker == _COC:
            _check_coding(segment[1:], 1, picture)
        at += 2 + length
    return at


def _check_coding(parameters: bytes, layers: int, picture: Size) -> None:
    """parameters: Scod or Scoc, and the bytes of SPcod or SPcoc (A.6.1, table A.15)."""
    if len(parameters) < 6:
        raise DamagedImage("a header of the JPEG 2000 codestream is cut off")
    levels, block_exponents = parameters[1], parameters[2] + parameters[3]
    if levels > _LEVELS_MAX or layers > _LAYERS_MAX or block_exponents < _BLOCK_EXPONENTS_MIN:
        raise ImageTooLarge("the picture is cut into more parts than a portrait is")
    exponents = parameters[6:] if parameters[0] & 1 else b"\xff" * (levels + 1)
    if len(exponents) != levels + 1:
        raise DamagedImage("a header of the JPEG 2000 codestream states too few precincts, or too many")
    precincts = sum(
        _span(picture.width_px >> levels - level, each & 15) * _span(picture.height_px >> levels - level, each >> 4)
        for level, each in enumerate(exponents)
    )
    if precincts > _PRECINCTS_MAX:
        raise ImageTooLarge(f"the picture has some {precincts:,} precincts; at most {_PRECINCTS_MAX:,} are decoded")


def _span(length_px: int, exponent: int) -> int:
    """How many precincts of 2^exponent a length meets at most, wherever the grid lies."""
    return (length_px >> exponent) + 2


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each box, one after another (I.4)."""
    at = 0
    for _ in range(_BOXES_MAX):
        if at == len(data):
            return
        length, kind, start = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if length == 1:
            length, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = at + length if length else len(data)
        if not start <= end <= len(data):
            raise DamagedImage("a box of the JP2 file ends beyond it, or before it begins")
        yield kind, data[start:end]
        at = end
    raise DamagedImage(f"the JP2 file has more than {_BOXES_MAX} boxes")


def _check_colours(header: bytes) -> None:
    """Without its boxes the codestream is decoded as sRGB or grey: whatever else they say it is makes it another picture."""
    for kind, content in _boxes(header):
        enumerated = content[:1] == b"\x01"
        if kind == b"pclr" or (kind == b"colr" and enumerated and int.from_bytes(content[3:7], "big") not in _COLOURS):
            raise UnsupportedImage("expected a JPEG 2000 picture in sRGB or grey")


def _u16(data: bytes, at: int) -> int:
    if len(data) < at + 2:
        raise DamagedImage("a header of the JPEG 2000 codestream is cut off")
    return int.from_bytes(data[at : at + 2], "big")
