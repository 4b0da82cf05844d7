"""Image files whose header says something else than their picture: sizes are written over, checksums made right again."""

import struct
import zlib
from collections.abc import Iterator

from visavis.image import sniff


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The same file with another width and height wherever its headers state them."""
    out = bytearray(data)
    _WRITERS[sniff(data)](out, width, height)
    return bytes(out)


def png_with_checksums(data: bytes) -> bytes:
    """The same PNG with right checksums, so that damage to its chunks is not found by them."""
    out = bytearray(data)
    at = 8
    while at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at : at + 4], "big")
        if end + 4 > len(out):
            break
        struct.pack_into(">I", out, end, zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)


def _jpeg(out: bytearray, width: int, height: int) -> None:
    at = 2
    while at + 9 <= len(out):
        marker = out[at + 1]
        if marker in (0xC0, 0xC1, 0xC2):
            struct.pack_into(">HH", out, at + 5, height, width)
        if marker == 0xDA:
            return
        at += 2 + int.from_bytes(out[at + 2 : at + 4], "big")


def _png(out: bytearray, width: int, height: int) -> None:
    struct.pack_into(">II", out, 16, width, height)
    out[:] = png_with_checksums(bytes(out))


def _webp(out: bytearray, width: int, height: int) -> None:
    """In each chunk that states a size; the lossy and lossless ones have 14 bits for a side."""
    at = 12
    while at + 8 <= len(out):
        kind, start = out[at : at + 4], at + 8
        if kind == b"VP8X":
            out[start + 4 : start + 10] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        elif kind == b"VP8 ":
            struct.pack_into("<HH", out, start + 6, width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L":
            bits = int.from_bytes(out[start + 1 : start + 5], "little") & ~0xFFFFFFF
            bits |= (width - 1 & 0x3FFF) | (height - 1 & 0x3FFF) << 14
            struct.pack_into("<I", out, start + 1, bits)
        size = int.from_bytes(out[at + 4 : at + 8], "little")
        at = start + size + size % 2


def _heif(out: bytearray, width: int, height: int) -> None:
    for at in _all(out, b"ispe"):
        struct.pack_into(">II", out, at + 8, width, height)


def _jpeg2000(out: bytearray, width: int, height: int) -> None:
    for at in _all(out, b"ihdr"):
        struct.pack_into(">II", out, at + 4, height, width)
    for at in _all(out, b"\xff\x4f\xff\x51"):
        struct.pack_into(
            ">II", out, at + 8, width, height
        )  # the reference grid; tiles as large, or there would be many
        struct.pack_into(">II", out, at + 24, width, height)


def _tiff(out: bytearray, width: int, height: int) -> None:
    order = "<" if out[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", out, 4)
    (count,) = struct.unpack_from(order + "H", out, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag = struct.unpack_from(order + "H", out, entry)[0]
        if tag in (256, 257):
            struct.pack_into(order + "HII", out, entry + 2, 4, 1, width if tag == 256 else height)


def _bmp(out: bytearray, width: int, height: int) -> None:
    struct.pack_into("<ii", out, 18, width, height)


def _all(data: bytearray, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)


_WRITERS = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "HEIF": _heif,
    "AVIF": _heif,
    "JPEG2000": _jpeg2000,
    "TIFF": _tiff,
    "BMP": _bmp,
}
