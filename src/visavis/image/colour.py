"""Any decoded picture to 8-bit sRGB: bit depth, palette, transparency, CMYK and embedded profiles."""

import io

import numpy as np
from PIL import Image, ImageCms

_PROFILE_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
_WHITE = (255, 255, 255)


def to_srgb(picture: Image.Image, reduction: int = 1) -> Image.Image:
    """An RGB picture, `reduction` times smaller by averaging, transparency laid on white, colours in sRGB."""
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bits(picture)
    if picture.mode in ("P", "PA", "1", "La", "LA", "RGBa") or "transparency" in picture.info:
        picture = _plain(picture)
    if reduction > 1:
        picture = picture.reduce(reduction)
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    profile = picture.info.get("icc_profile")
    if alpha is not None:
        picture = picture.convert("RGB")
    if profile and not (picture.mode == "RGB" and is_srgb(picture)):
        picture = _managed(picture, profile)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    if alpha is not None:
        white = Image.new("RGB", picture.size, _WHITE)
        white.paste(picture, mask=alpha)
        picture = white
    return picture


def is_srgb(picture: Image.Image) -> bool:
    """Whether an RGB picture's profile says sRGB, or there is none."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return True
    try:
        return "sRGB" in (ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.profile_description or "")
    except (OSError, ValueError, TypeError):
        return False


def _plain(picture: Image.Image) -> Image.Image:
    """Palettes, bilevel and premultiplied pictures as L, RGB or RGBA."""
    if picture.mode == "1":
        return picture.convert("L")
    transparent = picture.mode in ("PA", "La", "LA", "RGBa") or "transparency" in picture.info
    straight = picture.convert("LA") if picture.mode == "La" else picture
    plain = straight.convert("RGBA" if transparent else "RGB")
    plain.info = {"icc_profile": picture.info.get("icc_profile")}
    return plain


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """16-bit and floating-point greyscale as 8-bit. Floating point is read as 0..1, 0..255 or 0..65535, by its maximum."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float32), posinf=0.0, neginf=0.0)
    highest = float(values.max(initial=0.0))
    if picture.mode.startswith("I;16") or highest > 255.0:
        values *= 255.0 / 65535.0
    elif picture.mode == "F" and highest <= 1.0:
        values *= 255.0
    grey = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    grey.info = {"icc_profile": picture.info.get("icc_profile")}
    return grey


def _managed(picture: Image.Image, profile: bytes) -> Image.Image:
    """The picture in sRGB. A profile that is damaged, or that is for another colour space, is ignored as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _PROFILE_SPACES.get(picture.mode):
            return picture
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return picture if converted is None else converted
