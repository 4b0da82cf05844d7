"""People before a camera who do as they are asked, and what is held there in their place."""

from collections.abc import Callable
from math import radians

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.conftest import pixels
from visavis.evaluation.heads import FaceRelief, Height, Pose, Surface
from visavis.session import LiveCapture, LiveResult
from visavis.verifier import Verifier

Frame = Callable[[str, float], bytes]
"""What a camera sends at a time in seconds, as a JPEG, once this guidance was heard last."""


class Person:
    """Somebody, or something in their place, before a camera."""

    def __init__(
        self, verifier: Verifier, name: str = "P001", height: Height | None = None, *, mirrored: bool = False
    ) -> None:
        photo = pixels(name, "studio_portrait", 700)
        face = verifier.acquire(photo).report.face
        assert face is not None
        self._surface = Surface(photo, face.landmarks_px, height or FaceRelief())
        self._random = np.random.default_rng(len(name))
        self._mirror = -1 if mirrored else 1
        self._code, self._acts_at_s, self._at_s = "", 0.0, 0.0
        self._pose = self._target = np.zeros(2)

    def frame(self, code: str, at_s: float) -> bytes:
        """What the camera sends at this time, as a JPEG. code: the guidance that was heard last."""
        if code != self._code:
            self._code, self._acts_at_s = code, at_s + 0.2
        if at_s >= self._acts_at_s:
            turn = {"turn_left": 1, "turn_right": -1}.get(code, 0) * self._mirror
            self._target = np.array([turn * radians(28), radians(18) if code == "nod" else 0.0])
        most = min(radians(70) * (at_s - self._at_s), radians(6))  # on a busy machine they take their time
        self._pose = self._pose + np.clip(self._target - self._pose, -most, most)
        self._at_s = at_s
        yaw, pitch, roll = self._random.normal(0, 0.006, 3) + np.append(self._pose, 0.0)
        x, y = self._random.normal(0, 0.002, 2)
        return jpeg(self._surface.draw(Pose(yaw, pitch, roll, (x, y)), eyes_px=90.0, size_px=(400, 400)))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """RGB pixels as a JPEG."""
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def perform(
    live: LiveCapture, frame: Frame, *, fps: float = 12.0, seconds: float = 60.0
) -> tuple[LiveResult | None, list[str]]:
    """Capture until the end, or for so long. Gives the result, and what was said."""
    code, heard = "", []
    for number in range(round(seconds * fps)):
        guided = live.see(frame(code, number / fps), number / fps)
        if guided.code != code:
            code = guided.code.value
            heard.append(code)
        if live.result is not None:
            break
    return live.result, heard
