import io
import re
from functools import cache

import cv2
import numpy as np
import pytest
import segno
import zxingcpp
from numpy.typing import NDArray
from PIL import Image as PillowImage

from tests.conftest import encoded, pixels
from tests.template.material import Office, claim
from visavis.errors import CodeUnreadable, ImageError
from visavis.image import Photo
from visavis.template import Claim, FaceCredential, HolderSecret, Secret, qr_png, qr_svg, qr_terminal, read_qr

Pixels = NDArray[np.uint8]
CLAIM, OTHER_CLAIM = claim(1).text(), claim(2).text()
HOLDER = HolderSecret(bytes(16), Secret(bytes(range(32)))).text()


@cache
def drawn(text: str, scale: int = 8) -> Pixels:
    """The code as RGB pixels."""
    return np.asarray(PillowImage.open(io.BytesIO(qr_png(text, scale=scale))).convert("RGB"))


def beside(*pictures: Pixels) -> Photo:
    height = max(len(picture) for picture in pictures)
    padded = [
        cv2.copyMakeBorder(each, 20, 20 + height - len(each), 20, 20, cv2.BORDER_CONSTANT, value=(255,) * 3)
        for each in pictures
    ]
    return Photo(np.concatenate([np.asarray(each, np.uint8) for each in padded], axis=1))


def photographed(text: str, seed: int, module_px: int) -> bytes:
    """The JPEG of a printed code that lies on a table, seen from aside: tilted, turned, a little blurred and noisy."""
    random = np.random.default_rng(seed)
    code = drawn(text, module_px)
    side = len(code)
    table = cv2.GaussianBlur(random.integers(40, 160, (2 * side, 2 * side, 3), dtype=np.uint8), (0, 0), 9)
    start = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    angle = np.deg2rad(random.uniform(-25, 25))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centred = (start - side / 2) @ turn.T * random.uniform(0.9, 1.1)
    end = (centred + side + random.uniform(-0.05, 0.05, (4, 2)) * side).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(start, end)
    size = (2 * side, 2 * side)
    seen = cv2.warpPerspective(code, matrix, size, flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full_like(code, 255), matrix, size)
    whole = np.where(mask > 127, 30 + seen * 0.75, table)
    whole = cv2.GaussianBlur(whole, (0, 0), module_px / 6)
    light = np.linspace(0.8, 1.1, whole.shape[1])[None, :, None]
    whole = whole * light + random.normal(0, 6, whole.shape)
    return encoded(np.clip(whole, 0, 255).astype(np.uint8), "JPEG", quality=70)


@pytest.fixture(scope="module")
def credential(office: Office) -> FaceCredential:
    return office.issue()


class TestDrawing:
    def test_a_claims_code_is_small(self) -> None:
        for text in (CLAIM, HOLDER):
            assert segno.make_qr(text, error="m").designator == "4-M"

    @pytest.mark.parametrize("scale", [1, 4, 8, 13])
    def test_a_png_has_the_standards_margin(self, scale: int) -> None:
        picture = PillowImage.open(io.BytesIO(qr_png(CLAIM, scale=scale)))
        assert picture.format == "PNG"
        assert picture.size == ((33 + 8) * scale,) * 2
        grey = np.asarray(picture.convert("L"))
        margin = 4 * scale
        assert grey[:margin].min() == grey[-margin:].min() == grey[:, :margin].min() == grey[:, -margin:].min() == 255
        assert grey[margin, margin] == 0

    def test_a_png_is_drawn_at_eight_pixels_a_module(self) -> None:
        assert qr_png(CLAIM) == qr_png(CLAIM, scale=8)

    def test_it_is_the_level_and_version_that_segno_gives(self) -> None:
        matrix = np.array(segno.make_qr(CLAIM, error="m").matrix)
        assert matrix.shape == (33, 33)
        np.testing.assert_array_equal(drawn(CLAIM, 1)[4:-4, 4:-4, 0] == 0, matrix == 1)

    def test_an_svg_shows_the_same(self) -> None:
        svg = qr_svg(CLAIM).decode()
        assert svg.startswith("<svg ")
        assert svg.rstrip().endswith("</svg>")
        assert 'width="41mm" height="41mm"' in svg
        assert CLAIM not in svg
        (path,) = re.findall(r' d="([^"]*)"', svg)
        shown = np.full((41, 41), 255, np.uint8)
        x = y = 0.0
        for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path):
            values = [float(number) for number in numbers.split()]
            if command == "h":
                shown[int(y), int(x) : int(x + values[0])] = 0
                x += values[0]
            else:
                dx, dy = values
                x, y = (dx, dy) if command == "M" else (x + dx, y + dy)
        np.testing.assert_array_equal(shown, drawn(CLAIM, 1)[..., 0])

    def test_a_terminal_shows_the_same(self) -> None:
        lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in qr_terminal(CLAIM).splitlines()]
        halves = {" ": (0, 0), "▀": (255, 0), "▄": (0, 255), "█": (255, 255)}
        assert set("".join(lines)) <= set(halves)
        rows = [[halves[character][half] for character in line] for line in lines for half in (0, 1)]
        shown = np.array(rows, np.uint8)[:37]
        expected = drawn(CLAIM, 1)[2:-2, 2:-2, 0]
        assert np.array_equal(shown, expected) or np.array_equal(255 - shown, expected)
        assert CLAIM not in qr_terminal(CLAIM)


class TestReading:
    def test_what_is_drawn_is_read(self, credential: FaceCredential) -> None:
        for text in (CLAIM, HOLDER, credential.text()):
            assert read_qr(Photo(qr_png(text)), text[:4]) == text
            assert read_qr(Photo(qr_png(text, scale=3)), text[:4]) == text

    def test_and_gives_what_it_was_drawn_of(self, credential: FaceCredential, office: Office) -> None:
        found = Claim.parse(read_qr(Photo(qr_png(CLAIM)), "VC1:"))
        assert (found.record_id, found.secret, found.type) == (claim(1).record_id, claim(1).secret, claim(1).type)
        text = read_qr(Photo(qr_png(credential.text())), "VV1:")
        assert FaceCredential.from_text(text, issuers=[office.issuer]) == credential

    @pytest.mark.parametrize("seed", range(6))
    def test_a_photo_of_it_will_do(self, credential: FaceCredential, seed: int) -> None:
        assert read_qr(Photo(photographed(CLAIM, seed, 8)), "VC1:") == CLAIM
        text = credential.text()
        assert read_qr(Photo(photographed(text, seed, 6)), "VV1:") == text

    @pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF"])
    def test_in_any_format(self, image_format: str) -> None:
        assert read_qr(Photo(encoded(drawn(CLAIM), image_format)), "VC1:") == CLAIM

    @pytest.mark.parametrize("turns", range(4))
    def test_in_any_position(self, turns: int) -> None:
        assert read_qr(Photo(np.rot90(drawn(CLAIM), turns)), "VC1:") == CLAIM

    def test_beside_codes_of_another_kind(self, credential: FaceCredential) -> None:
        photo = beside(drawn(CLAIM), drawn(HOLDER), drawn(credential.text()), drawn("https://example.org"))
        for text in (CLAIM, HOLDER, credential.text()):
            assert read_qr(photo, text[:4]) == text

    def test_the_same_code_twice_is_one(self) -> None:
        assert read_qr(beside(drawn(CLAIM), drawn(CLAIM)), "VC1:") == CLAIM


class TestRefusals:
    def refuse(self, photo: Photo, prefix: str, found: str) -> None:
        with pytest.raises(CodeUnreadable) as caught:
            read_qr(photo, prefix)
        assert caught.value.code == "code_unreadable"
        assert str(caught.value) == (
            f"expected one QR code that begins with {prefix}, found {found}; take it sharp, whole and without glare"
        )

    def test_several_codes(self) -> None:
        self.refuse(beside(drawn(CLAIM), drawn(OTHER_CLAIM)), "VC1:", "several codes")

    @pytest.mark.parametrize("text", [CLAIM, "https://example.org", "vv1:00", "VV1"])
    def test_another_code(self, text: str) -> None:
        self.refuse(Photo(qr_png(text)), "VV1:", "another code")

    def test_no_code(self) -> None:
        self.refuse(Photo(np.full((300, 300, 3), 255, np.uint8)), "VC1:", "no code")
        self.refuse(Photo(np.zeros((1, 1, 3), np.uint8)), "VC1:", "no code")
        self.refuse(Photo(pixels("P001", "studio_portrait", 400)), "VC1:", "no code")

    @pytest.mark.parametrize("kind", ["DataMatrix", "Aztec", "PDF417", "Code128"])
    def test_a_code_of_another_kind(self, kind: str) -> None:
        code = zxingcpp.create_barcode("VC1:ABC", zxingcpp.barcode_format_from_str(kind))
        grey = np.asarray(code.to_image(scale=8))
        self.refuse(Photo(np.repeat(grey[..., None], 3, axis=2)), "VC1:", "no code")

    def test_half_a_code(self) -> None:
        self.refuse(Photo(drawn(CLAIM)[: len(drawn(CLAIM)) // 2].copy()), "VC1:", "no code")

    def test_a_blurred_one(self) -> None:
        blurred = np.asarray(cv2.GaussianBlur(drawn(CLAIM), (0, 0), 16), np.uint8)
        self.refuse(Photo(blurred), "VC1:", "no code")

    def test_no_image(self) -> None:
        for data in (b"", b"rubbish", qr_png(CLAIM)[:200]):
            with pytest.raises(ImageError):
                read_qr(Photo(data), "VC1:")
