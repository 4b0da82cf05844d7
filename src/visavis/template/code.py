"""QR codes: drawn for a screen, a file or a terminal, and read from a photo."""

import io

from visavis.errors import CodeUnreadable
from visavis.image import Photo


def _drawn(text: str):  # type: ignore[no-untyped-def]
    import segno

    return segno.make_qr(text, error="m")


def qr_png(text: str, *, scale: int = 8) -> bytes:
    """A PNG of the text's QR code, error correction level M, with the margin that the standard asks for."""
    out = io.BytesIO()
    _drawn(text).save(out, kind="png", scale=scale, border=4)
    return out.getvalue()


def qr_svg(text: str) -> bytes:
    """The same as SVG."""
    out = io.BytesIO()
    _drawn(text).save(out, kind="svg", border=4, xmldecl=False, unit="mm", scale=1)
    return out.getvalue()


def qr_terminal(text: str) -> str:
    """The same for a terminal, two modules a character."""
    out = io.StringIO()
    _drawn(text).terminal(out, compact=True, border=2)
    return out.getvalue()


def read_qr(photo: Photo, prefix: str) -> str:
    """The text of the one QR code in the photo that begins with `prefix`.

    Raises CodeUnreadable when there is none or more than one, an ImageError when the photo is no usable image.
    """
    import zxingcpp

    found = zxingcpp.read_barcodes(
        photo.decode().pixels, formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
    )
    texts = {code.text for code in found if code.text.startswith(prefix)}
    if len(texts) != 1:
        some = "several codes" if texts else "another code" if found else "no code"
        raise CodeUnreadable(
            f"expected one QR code that begins with {prefix}, found {some}; take it sharp, whole and without glare"
        )
    return str(texts.pop())
