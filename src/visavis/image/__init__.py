"""Bytes to an upright RGB image.

In: the bytes of a photo in one of the supported formats, or an array. Out: an `Image` at the scale that is needed, its
EXIF orientation and colour profile applied. Limits on bytes and pixels are checked on the header, before anything is
decoded. Nothing here takes a path or an address: whoever has one opens it.
"""

from visavis.image.photo import DEFAULT_LIMITS, Image, Limits, Photo
from visavis.image.sniff import FORMATS, ImageFormat, sniff

__all__ = ["DEFAULT_LIMITS", "FORMATS", "Image", "ImageFormat", "Limits", "Photo", "sniff"]
