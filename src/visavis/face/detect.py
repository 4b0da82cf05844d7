"""Face detection with YuNet, from portrait-filling faces down to small ones in large photos.

Cost grows with the area that is searched, so the search goes from coarse to fine: the photo is looked at in a square of
256 pixels first, and in larger ones only while no face in it is large enough to be trusted. The dominant face is then
looked at twice more, in upright crops of its own at two scales, and the landmarks averaged: the errors of two looks are partly
independent. On lfw-dev this brings FNMR at FMR 1e-4 from 1.40 % (landmarks as first found) to 0.73 %.
"""

from functools import lru_cache
from math import hypot
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face.align import sample, similarity
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
_LOOKS_PX = ((256, 56.0), (320, 80.0))
"""Side of a crop, and the inter-eye distance that the face has in it."""
_UPRIGHT_SCORE = 0.88
"""Faces in upright photos score more (all but 0.1 % on lfw-dev); under it, the photo may lie on its side."""
_EYES_TO_BOX = 0.4
"""Inter-eye distance over the square root of the box's area, roughly."""
_SAME_FACE = 1.7
"""By how much a look may differ from what was found before and be of the same face: a picture held on the nose is another."""
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
        for size in (_LEVELS_PX[0], *(side for side, _ in _LOOKS_PX)):
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
        """The same face with landmarks from closer, upright looks; as it was where those find no face.

        Each look takes what the one before saw for upright, so that a tilted head is straightened step by step.
        """
        seen, looks = self._turned(photo, face) if face.score < _UPRIGHT_SCORE else face, []
        for side, inter_eye_px in _LOOKS_PX:
            found = self._look(photo, seen, side, inter_eye_px)
            if found is not None:
                seen = found
                looks.append(found.landmarks_px)
        if not looks:
            return face
        return Face(face.box_px, np.asarray(np.mean(looks, axis=0), dtype=np.float32), face.score)

    def _turned(self, photo: Photo, face: Face) -> Face:
        """The face as the surest of eight looks shows it, each turned by another 45 degrees."""
        x, y, width, height = face.box_px
        centre = np.array([x + width / 2, y + height / 2])
        side, inter_eye_px = _LOOKS_PX[0]
        looks = [self._look(photo, face, side, inter_eye_px)]
        for turn in np.arange(8) * np.pi / 4:
            eye = _EYES_TO_BOX / 2 * np.sqrt(face.area_px) * np.array([np.cos(turn), np.sin(turn)])
            guess = np.array([centre - eye, centre + eye, centre, centre, centre], dtype=np.float32)
            looks.append(self._look(photo, Face(face.box_px, guess, face.score), side, inter_eye_px))
        return max((look for look in looks if look is not None), key=lambda look: look.score, default=face)

    def _look(self, photo: Photo, face: Face, side: int, inter_eye_px: float) -> Face | None:
        """The face as seen in an upright crop of `side` pixels, in which its eyes are `inter_eye_px` apart."""
        target = np.array([[-0.5, 0.0], [0.5, 0.0]]) * inter_eye_px
        matrix = similarity(face.landmarks_px[:2], target)
        middle = np.full(2, side / 2)
        matrix[:, 2] = middle - matrix[:, :2] @ face.landmarks_px.mean(axis=0)
        image = image_showing(photo, face, _SHOWN_PX)
        found = [
            (hypot(*(candidate.landmarks_px.mean(axis=0) - middle)), candidate)
            for candidate in self._run(sample(image, matrix, (side, side)))
            if 1 / _SAME_FACE < candidate.inter_eye_distance_px / inter_eye_px < _SAME_FACE
        ]
        off_centre, nearest = min(found, key=lambda item: item[0], default=(float(side), None))
        if nearest is None or off_centre > inter_eye_px / 2:
            return None
        back = cv2.invertAffineTransform(matrix)
        landmarks = (nearest.landmarks_px @ back[:, :2].T + back[:, 2]).astype(np.float32)
        return Face(face.box_px, landmarks, nearest.score)

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


@lru_cache(maxsize=16)
def _anchors(cells: int) -> NDArray[np.float32]:
    """(cells², 2) columns and rows of a square grid, row by row."""
    rows, columns = np.mgrid[:cells, :cells]
    return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
