"""Live capture: frames of one person in, guidance out, and in the end whether a head turned before the camera.

(1) Still, frontal frames in good light are awaited; they are the probe's, the best of them kept.
(2) A step is revealed: a turn to a side, or a nod. Points are followed from the frontal frame to the end of the turn and back.
(3) The person faces the camera again, and the next step is revealed; after the last one the capture is judged.

Throughout there must be one face, in a track without a break, of one person. It knows nothing of the time but what comes with the
frames, and keeps nothing once it is over but the chosen ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.embedding import Embedding, compare
from visavis.errors import ImageTooLarge, UnsupportedImage
from visavis.face import Face, Quality, dominant, head_pose_deg
from visavis.image import Limits, Photo
from visavis.pad import (
    SEQUENCES,
    Axis,
    Follower,
    PadReason,
    PadResult,
    PadStatus,
    PassiveModel,
    Relief,
    Step,
    View,
    draw_steps,
    judge,
    relief,
)
from visavis.verifier import Verifier

FRAME_BYTES_MAX, FRAME_PX_MAX = 512 * 1024, 1280
PROBE_FRAMES = 5
"""So many of the best frames are fused into the probe."""
CAPTURE_S, STEP_S = 60.0, 8.0
"""For how long the first step may be waited for, and again all steps may take; and each of them."""
_GAP_S, _LOST_S = 1.5, 1.0
"""Without a frame, or without a face, for longer than that, the track is broken."""
_CROWDED = 2
"""So many frames in a row with another face beside it break it too."""
_REPEATS = 2
"""So often a step that could not be followed is asked for again."""
_GOOD_FRAMES = 3, 2
"""So many in a row before the first step, and before each later one."""
_EYES_MIN_PX, _EYES_SHARE = 56.0, (0.12, 0.36)
"""Inter-eye distance: at least so much, and such a share of the frame's shorter side."""
_OFF_CENTRE = 0.22
_LIGHT = (16.0, 235.0)
"""Mean luminance of a face, of 255: wide, since skin is dark or light, and points are followed by their contrast. Of the 30
people of lfw-dev's setting half whose photos are darkest, in simulated light that leaves their faces at 21 to 43, 29 pass
(2026-11-25)."""
_FRONTAL_YAW_DEG, _FRONTAL_PITCH_DEG, _FRONTAL_ROLL_DEG = 10.0, 22.0, 20.0
_STILL = 0.12
"""How far a face may move from frame to frame, in inter-eye distances, and not blur."""
_JUMP = 1.0
"""Farther than that from frame to frame is another face."""
_TURNED_DEG, _NODDED_DEG = 20.0, 12.0
"""From here on a turn, and a nod, is one."""
_RETURNED_DEG, _BACK_S = 8.0, 2.5
"""Turned less than that a face is back; or after so long, since the frame that it was followed from need not be quite frontal."""
_SEEN, _BLIND = 2, 5
"""So many frames in a row show the end of a turn; after so many in which the points cannot be followed they are lost."""
_SIDE_MIN = 0.06
"""How far the tip of the nose moves against the face, in inter-eye distances, where it can be said to which side."""
_SLOWER_S = 1.2
ALIKE, ALIKE_TURNED = 0.6, 0.35
"""Score that a frontal frame, and one within a turn, must reach beside the first one to be of the same person."""
_EMBED_EVERY = 5
_RANKED = ("sharpness", "luminance_mean", "head_pose_yaw_deg")
"""Quality measures whose scores are added up."""
_STEPS_MAX = max(map(len, SEQUENCES))


class Guidance(StrEnum):
    """What is said to the person, by stable codes; left and right are their own."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    MOVE_CLOSER = "move_closer"
    MOVE_BACK = "move_back"
    CENTRE_FACE = "centre_face"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    HOLD_STILL = "hold_still"
    FACE_CAMERA = "face_camera"
    SLOWER = "slower"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    NOD = "nod"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Guided:
    """The answer to a frame. progress: of the capture, 0..1."""

    code: Guidance
    progress: float


@dataclass(frozen=True, slots=True, repr=False)
class LiveResult:
    """What a capture gave. frames: JPEG files of the probe, the best first; none where it did not pass."""

    pad: PadResult
    frames: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"<LiveResult {self.pad.status.value}>"


@dataclass(frozen=True, slots=True, repr=False)
class _Frame:
    """A frame that is looked at. data: as it came. faces: all that are in it. at_s: when it came."""

    data: bytes
    photo: Photo
    faces: Sequence[Face]
    at_s: float

    def grey(self) -> NDArray[np.uint8]:
        """(H, W) uint8."""
        return np.asarray(cv2.cvtColor(self.photo.decode().pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@dataclass(frozen=True, slots=True, repr=False)
class _Chosen:
    """A frame that the probe may be made of, and the face in it."""

    rank: float
    frame: _Frame
    face: Face


class _Turn:
    """A step that was revealed, and what was seen since. since_s: from when on what is asked for now has been."""

    def __init__(self, step: Step, follower: Follower, at_s: float) -> None:
        self.step, self.since_s = step, at_s
        self.views: list[View | None] = []
        self.done = False
        self.shown = self._other = self._blind = 0
        self._follower = follower

    def see(self, frame: NDArray[np.uint8]) -> View | None:
        """Follow the face into the next frame."""
        view = self._follower.follow(frame)
        self.views.append(view)
        self._blind = self._blind + 1 if view is None else 0
        axis, side = (None, 0) if view is None else (_axis(view), _side(view))
        other = side * self.step.side < 0
        self.shown = self.shown + 1 if axis is self.step.axis and not other else 0
        otherwise = axis is Axis.SIDEWAYS and (self.step.axis is Axis.NOD or other)
        self._other = self._other + 1 if otherwise else 0
        return view

    def reached(self, at_s: float) -> bool:
        """Whether the end of the turn has been seen, in two frames in a row."""
        if not self.done and self.shown >= _SEEN:
            self.done, self.since_s = True, at_s
        return self.done

    @property
    def wrong(self) -> bool:
        """Whether the head was turned in another way."""
        return not self.done and self._other >= _SEEN

    @property
    def lost(self) -> bool:
        """Whether the points are out of sight for good."""
        return self._blind >= _BLIND


class LiveCapture:
    """One capture of one person. Not for several threads at a time.

    steps: draws what is asked for. passive: a further model that looks at the probe's frames.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        steps: Callable[[], Sequence[Step]] = draw_steps,
        passive: PassiveModel | None = None,
    ) -> None:
        self._verifier, self._passive = verifier, passive
        self._passive_id = None if passive is None else passive.id
        self._steps = list(steps())
        self._told: list[tuple[Step, Relief | None]] = []
        self._turn: _Turn | None = None
        self._repeats = _REPEATS
        self._chosen: list[_Chosen] = []
        self._good = self._unlike = self._looked = self._crowded = 0
        self._slower_until_s = 0.0
        self._asked_s: float | None = None
        self._began_s: float | None = None
        self._seen_s = self._frame_s = 0.0
        self._face: Face | None = None
        self._size_px = (0, 0)
        self._first: Embedding | None = None
        self._result: LiveResult | None = None

    def __repr__(self) -> str:
        return "<LiveCapture>"

    @property
    def result(self) -> LiveResult | None:
        """What came of it, once it is over."""
        return self._result

    @property
    def challenged(self) -> bool:
        """Whether a step was revealed."""
        return self._asked_s is not None

    def close(self) -> None:
        """Forget the person; a result stays."""
        self._forget()
        self._turn = None

    def _forget(self) -> None:
        """Whom was seen so far."""
        if self._first is not None:
            self._first.wipe()
        self._first = self._face = None
        self._chosen.clear()
        self._good = self._unlike = 0

    def end(self) -> None:
        """No further frame will come: what is not told by then stays untold."""
        self._end(PadStatus.INCONCLUSIVE, PadReason.INTERRUPTED)
        self.close()

    def see(self, frame: bytes, at_s: float, *, gap_s: float | None = None) -> Guided:
        """Look at the next frame, a JPEG that arrived at this time, in seconds of any clock that only goes forward.

        gap_s: the longest time without a frame since the last one that was looked at, where some were not.
        Raises an ImageError for one that cannot be used.
        """
        if self._result is not None:
            return Guided(Guidance.DONE, 1.0)
        photo = _photo(frame)
        if self._began_s is None:
            self._began_s = self._seen_s = self._frame_s = at_s
        gap_s, self._frame_s = at_s - self._frame_s if gap_s is None else gap_s, at_s
        code = self._see(_Frame(frame, photo, self._verifier.faces(photo), at_s), gap_s)
        since_s = self._began_s if self._asked_s is None else self._asked_s
        if self.result is None and at_s - since_s > CAPTURE_S:
            reason = PadReason.NOT_POSITIONED if self._asked_s is None else PadReason.NOT_TURNED
            self._end(PadStatus.INCONCLUSIVE, reason)
        if self.result is not None:
            self.close()
            return Guided(Guidance.DONE, 1.0)
        done = len(self._told) + (0.5 if self._turn is not None and self._turn.done else 0.0)
        return Guided(code, done / (_STEPS_MAX + 1))

    def _see(self, frame: _Frame, gap_s: float) -> Guidance:
        found, at_s = dominant(frame.faces), frame.at_s
        self._crowded = self._crowded + 1 if found == "several_faces" else 0
        if isinstance(found, str):
            if self._crowded == _CROWDED or at_s - self._seen_s > _LOST_S:
                self._break()
            self._good = 0
            return Guidance(found)
        if gap_s > _GAP_S or not _continues(self._face, found) or frame.photo.size_px != self._size_px:
            self._break()
            self._size_px = frame.photo.size_px
        if self._result is not None:
            return Guidance.DONE
        before, self._face, self._seen_s = self._face, found, at_s
        if self._turn is not None:
            code = self._follow(self._turn, frame)
            if code is not None:
                return code
        return self._position(frame, found, before)

    def _break(self) -> None:
        """The track is broken. Once something was asked that is the end: else one could look at steps, and come back prepared."""
        if self.challenged:
            self._end(PadStatus.INCONCLUSIVE, PadReason.INTERRUPTED)
        else:
            self._forget()

    def _position(self, frame: _Frame, face: Face, before: Face | None) -> Guidance:
        """Steps (1) and (3): await a good frame, and reveal the next step on it."""
        if self._result is not None:
            return Guidance.DONE
        if frame.at_s < self._slower_until_s:
            return Guidance.SLOWER
        lacking = _lacking(frame.photo, face, before)
        if lacking is not None:
            self._good = 0
            return lacking
        acquired = self._verifier.acquire(frame.photo, faces=frame.faces)
        seen, quality = acquired.report.face, acquired.report.quality
        if acquired.embedding is None or seen is None or quality is None:
            return Guidance.NO_FACE
        if not self._same(acquired.embedding, ALIKE):
            return Guidance.HOLD_STILL
        self._good += 1
        self._choose(_Chosen(_rank(quality), frame, seen))
        if not self._steps:
            self._judge()
        elif self._good >= _GOOD_FRAMES[bool(self._told)]:
            step = self._steps.pop(0)
            self._turn = _Turn(step, Follower(frame.grey(), seen), frame.at_s)
            self._asked_s = frame.at_s if self._asked_s is None else self._asked_s
            return Guidance(step.value)
        return Guidance.HOLD_STILL

    def _follow(self, turn: _Turn, frame: _Frame) -> Guidance | None:
        """Step (2). None once the face is back, or the capture over."""
        view, at_s = turn.see(frame.grey()), frame.at_s
        self._looked += 1
        if (turn.shown == 1 or self._looked % _EMBED_EVERY == 0) and not self._same_as(frame):
            return None if self._result is not None else Guidance(turn.step.value)
        if turn.wrong:
            self._end(PadStatus.FAILED, PadReason.WRONG_TURN)
            return None
        back = view is not None and view.tilt_deg < _RETURNED_DEG
        if turn.lost or (turn.reached(at_s) and (back or at_s - turn.since_s > _BACK_S)):
            self._conclude(turn, at_s)
            return None
        if at_s - turn.since_s > STEP_S:
            self._end(PadStatus.INCONCLUSIVE, PadReason.NOT_TURNED)
            return None
        return Guidance.FACE_CAMERA if turn.done else Guidance(turn.step.value)

    def _conclude(self, turn: _Turn, at_s: float) -> None:
        """What a turn told; where it told nothing, it is asked for again while that may be."""
        self._turn, self._good = None, 0
        found = relief(turn.views, turn.step.axis) if turn.done else None
        if found is None and self._repeats:
            self._repeats -= 1
            self._steps.insert(0, turn.step)
            self._slower_until_s = at_s + _SLOWER_S
        else:
            self._told.append((turn.step, found))

    def _same(self, embedding: Embedding, least: float) -> bool:
        """Whether a frame is of the person of the first one. Two in a row that are not end the capture."""
        if self._first is None:
            self._first = embedding
            return True
        alike = compare(self._first, embedding) >= least
        embedding.wipe()
        self._unlike = 0 if alike else self._unlike + 1
        if self._unlike == 2 and self.challenged:
            self._end(PadStatus.FAILED, PadReason.PERSON_CHANGED)
        elif self._unlike == 2:
            self._forget()
        return alike

    def _same_as(self, frame: _Frame) -> bool:
        embedding = self._verifier.acquire(frame.photo, faces=frame.faces).embedding
        return embedding is None or self._same(embedding, ALIKE_TURNED)

    def _choose(self, frame: _Chosen) -> None:
        """Keep the best frames."""
        self._chosen = sorted([*self._chosen, frame], key=lambda each: -each.rank)[:PROBE_FRAMES]

    def _judge(self) -> None:
        pad = replace(judge(self._told), passive=self._passive_id)
        if self._passive is not None and pad.status is PadStatus.PASSED:
            accepted = [self._passive.accepts(each.frame.photo.decode().pixels, each.face) for each in self._chosen]
            if 2 * sum(accepted) <= len(accepted):
                pad = replace(pad, status=PadStatus.FAILED, reasons=(PadReason.ARTEFACT,))
        passed = pad.status is PadStatus.PASSED
        self._result = LiveResult(pad, tuple(each.frame.data for each in self._chosen) if passed else ())

    def _end(self, status: PadStatus, reason: PadReason) -> None:
        if self._result is None:
            told = tuple(found for _, found in self._told if found is not None)
            self._result = LiveResult(PadResult(status, (reason,), told, self._passive_id))


def _rank(quality: Quality) -> float:
    return float(sum(quality[name].score or 0 for name in _RANKED))


def _photo(frame: bytes) -> Photo:
    if len(frame) > FRAME_BYTES_MAX:
        raise ImageTooLarge(f"a frame has {FRAME_BYTES_MAX:,} bytes at most, not {len(frame):,}")
    photo = Photo(frame, limits=Limits(FRAME_BYTES_MAX, FRAME_PX_MAX**2))
    if photo.format != "JPEG" or max(photo.size_px) > FRAME_PX_MAX:
        raise UnsupportedImage(f"a frame is a JPEG whose longer side has {FRAME_PX_MAX} pixels at most")
    return photo


def _axis(view: View) -> Axis | None:
    """Which way a face is turned, far enough to say so."""
    far = view.tilt_deg >= (_NODDED_DEG if view.axis is Axis.NOD else _TURNED_DEG)
    return view.axis if far else None


def _continues(before: Face | None, face: Face) -> bool:
    """Whether it can be the same face a frame later."""
    if before is None:
        return True
    scale = face.inter_eye_distance_px / max(before.inter_eye_distance_px, 1e-3)
    return _moved(before, face) <= _JUMP and 0.5 <= scale <= 2


def _side(view: View) -> int:
    """Where the tip of the nose went; 0 where that cannot be said, as on a print."""
    return int(np.sign(view.tip[0])) if abs(view.tip[0]) >= _SIDE_MIN else 0


def _moved(before: Face, face: Face) -> float:
    """How far, in inter-eye distances."""
    there, here = (each.landmarks_px.mean(axis=0) for each in (before, face))
    return float(np.hypot(*(here - there))) / max(before.inter_eye_distance_px, 1e-3)


def _lacking(photo: Photo, face: Face, before: Face | None) -> Guidance | None:
    """What a frame lacks to be one of the probe's, what the person should mend first coming first."""
    width, height = photo.size_px
    eyes, side = face.inter_eye_distance_px, min(width, height)
    if eyes < max(_EYES_MIN_PX, _EYES_SHARE[0] * side):
        return Guidance.MOVE_CLOSER
    if eyes > _EYES_SHARE[1] * side:
        return Guidance.MOVE_BACK
    x, y = face.landmarks_px.mean(axis=0)
    if abs(x / width - 0.5) > _OFF_CENTRE or abs(y / height - 0.5) > _OFF_CENTRE:
        return Guidance.CENTRE_FACE
    light = _luminance(photo, face)
    if not _LIGHT[0] <= light <= _LIGHT[1]:
        return Guidance.TOO_DARK if light < _LIGHT[0] else Guidance.TOO_BRIGHT
    yaw, pitch, roll = head_pose_deg(face)
    if abs(yaw) > _FRONTAL_YAW_DEG or abs(pitch) > _FRONTAL_PITCH_DEG or abs(roll) > _FRONTAL_ROLL_DEG:
        return Guidance.FACE_CAMERA
    if before is None or _moved(before, face) > _STILL:
        return Guidance.HOLD_STILL
    return None


def _luminance(photo: Photo, face: Face) -> float:
    x, y, width, height = (round(value) for value in face.box_px)
    inner = photo.decode().pixels[max(0, y) : y + height, max(0, x) : x + width]
    return float(inner.mean()) if inner.size else 0.0
