"""Face detection with YuNet, from portrait-filling faces down to small ones in large photos.

Cost grows with the area that is searched, so the search goes from coarse to fine: the photo is looked at in a square of
256 pixels first, and in larger ones only while no face in it is large enough to be trusted. The dominant face is then
looked at twice more, in an upright crop of its own as it is and mirrored, and the landmarks averaged: each look errs sideways by
about 4 % of the inter-eye distance, and the mirror turns that round. On lfw-dev this brings FNMR at FMR 1e-4 from 1.40 %
(landmarks as first found) to 0.69 %.

YuNet answers the least shift of its picture with landmarks moved by twice as much, and those move the score. So a crop is
smoothed, and its place taken from a coarse grid: two encodings of one photo are then nearly always seen in the same place.
"""

from functools import lru_cache
from math import atan2, cos, hypot, log2, radians, sin, sqrt
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face.align import sample, similarity, transform
from visavis.face.value import Face
from visavis.image import Image, Photo
from visavis.weights import CompiledModel, ModelCard, ModelStore

SCORE_MIN = 0.6
"""Detector score under which a candidate is no face."""

_LEVELS_PX = (256, 640, 1280, 2560)
_DECODED_PX = 1000
"""Longer side of a JPEG as it is decoded at first: hardly slower than less, and most faces in it need no second decoding.
Other formats are decoded whole in any case, so they are kept large enough for every level."""
_TRUSTED_PX = 12.0
"""Inter-eye distance at a level's scale from which its faces are taken without looking closer."""
_SHOWN_PX = 40.0
"""Inter-eye distance up to which a photo is decoded finer for a closer look: about that of the calibration's photos."""
_LOOK_PX, _LOOK_EYES_PX = 256, 64.0
"""Side of the crop for a closer look, and the inter-eye distance in it."""
_SCALES, _TURN, _SHIFT = 8, np.pi / 60, 1 / 16
"""The grid of crops: scales an octave, turns in radians, shifts in inter-eye distances."""
_SMOOTHING_PX = 1.0
"""Sigma of the Gaussian over a crop. It halves what the noise of an encoding does to landmarks."""
_MIRRORED = [1, 0, 2, 4, 3]
"""Which landmark each one is in the mirror."""
_UPRIGHT_SCORE = 0.88
"""Faces in upright photos score more (all but 0.1 % on lfw-dev); under it, the photo may lie on its side."""
_SHAPE = np.array([[-0.5, -0.58], [0.5, -0.58], [0.0, 0.0], [-0.41, 0.58], [0.41, 0.58]])
"""The ArcFace template's five landmarks around their mean, in inter-eye distances."""
_EYES_TO_BOX = 0.38
"""Inter-eye distance of the shape that fits a face over the square root of its box's area: the median on lfw-dev."""
_FITTING = (0.26, 0.55)
"""The same for landmarks that can be of the face in a box: 0.33 to 0.45 on lfw-dev, 0.27 to 0.53 on turned photos."""
_REACH = 0.9
"""How far their middle may be from the box's, in such distances: up to 0.7 on lfw-dev. A picture held before the chin is not."""
_ONE_AT_A_TIME_PX = 1280
_CANDIDATES_MAX = 1000
_OVERLAP_MAX = 0.3
_STRIDES = (8, 16, 32)


class FaceDetector:
    """Finds faces. Safe to use from many threads; each level's network is compiled when it is first needed."""

    def __init__(self, store: ModelStore, card: ModelCard) -> None:
        self._store, self._card = store, card
        self._models: dict[int, CompiledModel] = {}
        self._lock = Lock()
        for size in {_LEVELS_PX[0], _LOOK_PX}:
            self._model(size)

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        """All faces at the coarsest level that shows the largest of them well; the largest first, empty when there are none."""
        faces: tuple[Face, ...] = ()
        for level in _LEVELS_PX:
            faces = self._search(photo, level) or faces
            scale = min(1.0, level / max(photo.size_px))
            if scale == 1.0 or (faces and faces[0].inter_eye_distance_px * scale >= _TRUSTED_PX):
                break
        return faces

    def refine(self, photo: Photo, face: Face) -> Face:
        """The same face with landmarks from two closer, upright looks; as it was where those find no face."""
        start = self._turned(photo, face) if face.score < _UPRIGHT_SCORE else face
        seen = self._seen(photo, start)
        return face if seen is None else Face(face.box_px, seen.landmarks_px, face.score)

    def _turned(self, photo: Photo, face: Face) -> Face:
        """The face as it is seen most surely, as found or in the middle of its box at a turn of 0, 45, … 315 degrees."""
        x, y, width, height = face.box_px
        eyes_px = _EYES_TO_BOX * sqrt(face.area_px)
        looks = [self._seen(photo, face)]
        for turn in range(0, 360, 45):
            a, b = eyes_px * cos(radians(turn)), eyes_px * sin(radians(turn))
            matrix = np.array([[a, -b, x + width / 2], [b, a, y + height / 2]])
            guess = Face(face.box_px, transform(matrix, _SHAPE).astype(np.float32), face.score)
            looks.append(self._seen(photo, guess))
        return max((look for look in looks if look is not None), key=lambda look: look.score, default=face)

    def _seen(self, photo: Photo, face: Face) -> Face | None:
        """The face as found in an upright crop and in its mirror image; None where neither shows one that fits its box."""
        matrix = _upright(face.landmarks_px)
        back = np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float64)
        crop = sample(image_showing(photo, face, _SHOWN_PX), matrix, (_LOOK_PX, _LOOK_PX))
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), _SMOOTHING_PX), dtype=np.uint8)
        looks, score = [], 0.0
        for mirrored in (False, True):
            found = []
            for candidate in self._run(crop[:, ::-1] if mirrored else crop):
                points: NDArray[np.floating] = candidate.landmarks_px
                if mirrored:
                    points = (points * (-1, 1) + (_LOOK_PX, 0))[_MIRRORED]
                landmarks = transform(back, points)
                if _fits(landmarks, face):
                    off = float(np.hypot(*(points.mean(axis=0) - _LOOK_PX / 2)))
                    found.append((off, landmarks, candidate.score))
            if found:
                _, landmarks, sure = min(found, key=lambda each: each[0])
                looks.append(landmarks)
                score = max(score, sure)
        return Face(face.box_px, np.mean(looks, axis=0).astype(np.float32), score) if looks else None

    def _search(self, photo: Photo, level: int) -> tuple[Face, ...]:
        image = photo.decode(max(level, _first_decoding_px(photo)))
        scale = min(1.0, level / max(photo.size_px))
        faces = []
        for face in self._run(sample(image, np.diag([scale, scale, 1.0])[:2], (level, level))):
            x, y, width, height = (value / scale for value in face.box_px)
            faces.append(Face((x, y, width, height), (face.landmarks_px / scale).astype(np.float32), face.score))
        return tuple(sorted(faces, key=lambda face: -face.area_px))

    def _run(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """Faces in a square RGB picture, in its own pixels."""
        blob = np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
        outputs = self._model(pixels.shape[0]).run(blob)
        scores, boxes, points = [], [], []
        for level, stride in enumerate(_STRIDES):
            cls, obj, bbox, kps = (output[0] for output in outputs[level :: len(_STRIDES)])
            score = np.sqrt(np.clip(cls[:, 0] * obj[:, 0], 0, 1))
            (kept,) = np.nonzero(score >= SCORE_MIN)
            if kept.size:
                anchors = _anchors(pixels.shape[0] // stride)[kept]
                box = bbox[kept]
                centre, size = (anchors + box[:, :2]) * stride, np.exp(np.minimum(box[:, 2:], 8)) * stride
                landmarks = kps[kept].reshape(-1, 5, 2)
                scores.append(score[kept])
                boxes.append(np.hstack([centre - size / 2, size]))
                points.append((anchors[:, None] + landmarks) * stride)
        if not scores:
            return []
        all_scores, all_boxes, all_points = map(np.concatenate, (scores, boxes, points))
        if len(all_scores) > _CANDIDATES_MAX:
            surest = np.argsort(-all_scores, kind="stable")[:_CANDIDATES_MAX]
            all_scores, all_boxes, all_points = all_scores[surest], all_boxes[surest], all_points[surest]
        kept = np.asarray(
            cv2.dnn.NMSBoxes(all_boxes.tolist(), all_scores.tolist(), SCORE_MIN, _OVERLAP_MAX), dtype=np.intp
        )
        faces = []
        for index in kept:
            x, y, width, height = map(float, all_boxes[index])
            faces.append(Face((x, y, width, height), all_points[index].astype(np.float32), float(all_scores[index])))
        return faces

    def _model(self, size: int) -> CompiledModel:
        model = self._models.get(size)
        if model is None:
            with self._lock:
                model = self._models.get(size) or self._store.compile(
                    self._card,
                    (size, size),
                    precision="float32",  # bfloat16 moves landmarks and saves little on so small a network
                    one_at_a_time=size >= _ONE_AT_A_TIME_PX,
                )
                self._models[size] = model
        return model


def image_showing(photo: Photo, face: Face, inter_eye_px: float) -> Image:
    """The photo at a scale at which this face's eyes are at least so many pixels apart, or at its own."""
    side = max(photo.size_px)
    wanted = side * inter_eye_px / max(face.inter_eye_distance_px, 1e-3)
    return photo.decode(max(_first_decoding_px(photo), min(side, round(wanted))))


def _first_decoding_px(photo: Photo) -> int:
    return _DECODED_PX if photo.format == "JPEG" else _LEVELS_PX[-1]


def _fits(landmarks_px: NDArray[np.float64], face: Face) -> bool:
    """Whether the landmarks can be those of the face in its box, and not of another one in front of it or beside it."""
    (a, _, _), (b, _, _) = similarity(_SHAPE, landmarks_px)
    size_px, (x, y, width, height) = hypot(a, b), face.box_px
    off_px = hypot(*(landmarks_px.mean(axis=0) - (x + width / 2, y + height / 2)))
    return _FITTING[0] <= size_px / sqrt(face.area_px) <= _FITTING[1] and off_px <= _REACH * size_px


def _upright(landmarks_px: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, 3) from the photo to a crop with the face upright in its middle, but for what the grid leaves off."""
    (a, _, _), (b, _, _) = similarity(landmarks_px, _SHAPE)
    scale = 2 ** (round(log2(hypot(a, b)) * _SCALES) / _SCALES)
    turn = round(atan2(b, a) / _TURN) * _TURN
    a, b = scale * cos(turn), scale * sin(turn)
    x, y = landmarks_px.mean(axis=0, dtype=np.float64)
    x, y = (round(shift / _SHIFT) * _SHIFT for shift in (a * x - b * y, b * x + a * y))
    return np.array([[a, -b, -x], [b, a, -y]]) * _LOOK_EYES_PX + [[0, 0, _LOOK_PX / 2]]


@lru_cache(maxsize=16)
def _anchors(cells: int) -> NDArray[np.float32]:
    """(cells², 2) columns and rows of a square grid, row by row."""
    rows, columns = np.mgrid[:cells, :cells]
    return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
