import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from tests.conftest import PEOPLE, encoded, person, pixels
from visavis.decision import Outcome
from visavis.face import Face, FaceDetector, image_showing
from visavis.image import Photo
from visavis.verifier import Verifier
from visavis.weights import ModelStore, shipped_card

Picture = NDArray[np.uint8]

EMOTIONS = 16
"""Faces on an emotions sheet."""


@pytest.fixture(scope="module")
def detector(store: ModelStore) -> FaceDetector:
    return FaceDetector(store, shipped_card("yunet-2023mar"))


@pytest.fixture(scope="module")
def portraits(detector: FaceDetector) -> dict[str, Face]:
    """The refined face of every studio portrait at 1000 pixels."""
    return {name: only_face(detector, pixels(name, "studio_portrait")) for name in PEOPLE}


def only_face(detector: FaceDetector, picture: Picture) -> Face:
    photo = Photo(picture)
    (found,) = detector.detect(photo)
    return detector.refine(photo, found)


def apart(face: Face, landmarks: Picture | NDArray[np.floating], unit_px: float) -> float:
    """The farthest that a landmark lies from where it should, in inter-eye distances."""
    return float(np.linalg.norm(face.landmarks_px - landmarks, axis=1).max() / unit_px)


def resized(picture: Picture, scale: float) -> Picture:
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def backdrop() -> Picture:
    """A large photo of nothing: soft patches of colour, 4000 × 3000 pixels."""
    patches = np.random.default_rng(3).integers(40, 200, (30, 40, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(patches, (4000, 3000), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


class TestDetect:
    @pytest.mark.parametrize("name", PEOPLE)
    def test_a_face_that_fills_the_photo(
        self, name: str, detector: FaceDetector, portraits: dict[str, Face], verifier: Verifier
    ) -> None:
        """Cut to the face's box, landmarks stay within 15 % of the inter-eye distance and the score stays over 0.85."""
        whole, face = pixels(name, "studio_portrait"), portraits[name]
        x, y, width, height = (max(0, round(value)) for value in face.box_px)
        cut = np.ascontiguousarray(whole[y : y + height, x : x + width])
        assert apart(only_face(detector, cut), face.landmarks_px - [x, y], face.inter_eye_distance_px) < 0.15
        decision = verifier.verify(reference=whole, probe=cut)
        assert decision.comparison is not None
        assert decision.comparison.score > 0.85

    @pytest.mark.parametrize(("name", "inter_eye_px"), [*((name, 20) for name in PEOPLE), ("P001", 60), ("P002", 200)])
    def test_a_small_face_in_a_large_photo(
        self, name: str, inter_eye_px: int, detector: FaceDetector, portraits: dict[str, Face]
    ) -> None:
        portrait, face = pixels(name, "studio_portrait"), portraits[name]
        small = resized(portrait, inter_eye_px / face.inter_eye_distance_px)
        photo, (x, y) = backdrop(), (2611, 1507)
        photo[y : y + small.shape[0], x : x + small.shape[1]] = small
        scale = small.shape[1] / portrait.shape[1]
        assert apart(only_face(detector, photo), face.landmarks_px * scale + [x, y], inter_eye_px) < 0.15

    @pytest.mark.parametrize(
        "picture",
        [
            np.zeros((480, 640, 3), dtype=np.uint8),
            np.full((3000, 4000, 3), 255, dtype=np.uint8),
            np.random.default_rng(1).integers(0, 256, (700, 900, 3), dtype=np.uint8),
            backdrop(),
            np.zeros((1, 1, 3), dtype=np.uint8),
            np.zeros((3, 2000, 3), dtype=np.uint8),
        ],
        ids=["black", "white", "noise", "patches", "one pixel", "a line"],
    )
    def test_no_face_where_there_is_none(self, picture: Picture, detector: FaceDetector) -> None:
        assert detector.detect(Photo(picture)) == ()

    @pytest.mark.parametrize("name", PEOPLE)
    def test_every_face_of_a_sheet(self, name: str, detector: FaceDetector) -> None:
        faces = detector.detect(Photo(person(name, "emotions_sheet")))
        assert len(faces) == EMOTIONS
        assert [face.area_px for face in faces] == sorted((face.area_px for face in faces), reverse=True)
        assert all(0.6 <= face.score <= 1 for face in faces)

    def test_the_subjects_right_is_the_images_left(self, portraits: dict[str, Face]) -> None:
        for face in portraits.values():
            right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks_px
            assert right_eye[0] < nose[0] < left_eye[0]
            assert right_mouth[0] < left_mouth[0]
            assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
            x, y, width, height = face.box_px
            assert (face.landmarks_px > (x, y)).all()
            assert (face.landmarks_px < (x + width, y + height)).all()


class TestRefine:
    @pytest.mark.parametrize(("long_side", "tolerance"), [(700, 0.1), (500, 0.1), (350, 0.1), (250, 0.12)])
    def test_landmarks_stay_put_between_scales(
        self, long_side: int, tolerance: float, detector: FaceDetector, portraits: dict[str, Face]
    ) -> None:
        """In inter-eye distances: the farthest of fifty landmarks. At 250 pixels the eyes are 40 apart, a look wants 64."""
        for name, face in portraits.items():
            picture = pixels(name, "studio_portrait", long_side)
            scale = picture.shape[1] / pixels(name, "studio_portrait").shape[1]
            unit_px = face.inter_eye_distance_px * scale
            assert apart(only_face(detector, picture), face.landmarks_px * scale, unit_px) < tolerance

    def test_a_mirrored_photo_gives_mirrored_landmarks(
        self, detector: FaceDetector, portraits: dict[str, Face]
    ) -> None:
        """The network was not trained to be symmetric: one landmark may move by an eighth, the median by a twentieth."""
        moved = []
        for name, face in portraits.items():
            picture = pixels(name, "studio_portrait")
            mirrored = only_face(detector, np.ascontiguousarray(picture[:, ::-1])).landmarks_px[[1, 0, 2, 4, 3]]
            back = np.array([picture.shape[1], 0]) + mirrored * [-1, 1]
            moved.append(np.linalg.norm(back - face.landmarks_px, axis=1) / face.inter_eye_distance_px)
        assert np.max(moved) < 0.16
        assert np.median(moved) < 0.06

    def test_a_face_that_is_not_there_stays_as_it_was(self, detector: FaceDetector) -> None:
        landmarks = np.array([[40, 40], [60, 40], [50, 50], [42, 60], [58, 60]], dtype=np.float32)
        for score in (0.7, 0.95):
            ghost = Face((30.0, 30.0, 40.0, 50.0), landmarks, score)
            refined = detector.refine(Photo(np.zeros((100, 100, 3), dtype=np.uint8)), ghost)
            np.testing.assert_array_equal(refined.landmarks_px, ghost.landmarks_px)

    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_photos_on_their_side_mostly_match_still(self, quarters: int, verifier: Verifier) -> None:
        """Without EXIF to tell. Of the ten, 9 match when turned by 90 degrees, 9 by 180, 8 by 270; no fewer than 7 may."""
        matches = 0
        for name in PEOPLE:
            turned = np.ascontiguousarray(np.rot90(pixels(name, "amateur_selfie"), quarters))
            decision = verifier.verify(reference=pixels(name, "studio_portrait"), probe=turned)
            matches += decision.outcome is Outcome.MATCH
        assert matches >= 7


def test_the_scale_that_shows_a_face_at_a_wanted_size() -> None:
    photo = Photo(encoded(np.zeros((3000, 4000, 3), dtype=np.uint8), "JPEG"))
    landmarks = np.array([[1000, 1000], [1500, 1000], [1250, 1250], [1100, 1500], [1400, 1500]], dtype=np.float32)
    face = Face((800.0, 700.0, 900.0, 1100.0), landmarks, 0.9)
    for inter_eye_px, reduction in ((25, 4), (125, 4), (126, 2), (200, 2), (251, 1), (500, 1), (900, 1)):
        assert image_showing(photo, face, inter_eye_px).reduction == reduction
    assert image_showing(photo, Face(face.box_px, np.zeros((5, 2), dtype=np.float32), 0.9), 25).reduction == 1


@pytest.mark.parametrize("size", [0.5, 0.55, 0.6, 0.65])
@pytest.mark.parametrize("lower", [0.6, 0.75, 0.9])
def test_a_picture_held_before_the_chin_is_never_taken_for_the_face(
    size: float, lower: float, verifier: Verifier
) -> None:
    """Half as large as the face or more, and within its box."""
    photo = pixels("P001", "studio_portrait").copy()
    boxes = []
    for name in ("P001", "P002"):
        face = verifier.acquire(pixels(name, "studio_portrait")).report.face
        assert face is not None
        boxes.append(face)
    face, other = boxes
    x, y, width, height = map(int, other.box_px)
    scale = size * face.box_px[2] / width
    cut = PillowImage.fromarray(pixels("P002", "studio_portrait")[y : y + height, x : x + width])
    picture = np.asarray(cut.resize((round(width * scale), round(height * scale))))
    rows, columns = picture.shape[:2]
    left = int(face.box_px[0] + face.box_px[2] / 2 - columns / 2)
    top = int(face.box_px[1] + face.box_px[3] / 2 + lower * face.inter_eye_distance_px - rows / 2)
    photo[top : top + rows, left : left + columns] = picture
    decision = verifier.verify(reference=pixels("P002", "amateur_selfie"), probe=photo)
    assert decision.outcome is not Outcome.MATCH


def test_a_picture_held_on_the_nose_is_never_taken_for_the_face(verifier: Verifier) -> None:
    """The face that dominates decides; a small portrait in the middle of it is another's."""
    photo = pixels("P001", "studio_portrait", 1400).copy()
    report = verifier.acquire(photo).report
    assert report.face is not None
    nose_x, nose_y = report.face.landmarks_px[2].astype(int)
    small = pixels("P002", "studio_portrait", 150)
    height, width = small.shape[:2]
    photo[nose_y - height // 2 : nose_y - height // 2 + height, nose_x - width // 2 : nose_x - width // 2 + width] = (
        small
    )
    decision = verifier.verify(reference=pixels("P002", "amateur_selfie"), probe=photo)
    assert decision.outcome is not Outcome.MATCH
    if decision.probe.face is not None:
        assert decision.probe.face.inter_eye_distance_px > 0.6 * report.face.inter_eye_distance_px
