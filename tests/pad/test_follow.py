"""A head that turns has a nose that moves against its face; a print has none."""

from collections.abc import Sequence
from math import radians
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import pixels
from visavis.evaluation.heads import FaceRelief, Height, Pose, Surface, bent, flat, folded
from visavis.face import Face
from visavis.pad import Axis, Follower, PadReason, PadResult, PadStatus, Relief, Step, View, judge, relief
from visavis.verifier import Verifier

EYES_PX, SIZE_PX = 70.0, (310, 300)
SIDES = (Step.TURN_LEFT, Step.TURN_RIGHT)
PEOPLE = ("P001", "P003", "P005")


def face_in(verifier: Verifier, photo: NDArray[np.uint8]) -> Face:
    face = verifier.acquire(photo).report.face
    assert face is not None
    return face


def frames(surface: Surface, end: Pose, count: int = 8, seed: int = 0) -> list[NDArray[np.uint8]]:
    """From frontal to that pose, as a hand-held camera of today sends them."""
    random = np.random.default_rng(seed)
    drawn = []
    for share in np.linspace(0, 1, count):
        pose = Pose(
            end.yaw * share,
            end.pitch * share,
            end.roll * share + random.normal(0, 0.01),
            tuple(random.normal(0, 0.004, 2)),
        )
        picture = surface.draw(pose, eyes_px=EYES_PX, size_px=SIZE_PX)
        noisy = np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
        _, sent = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 80])
        drawn.append(np.asarray(cv2.imdecode(sent, cv2.IMREAD_COLOR), dtype=np.uint8))
    return drawn


def views(verifier: Verifier, surface: Surface, end: Pose) -> list[View | None]:
    first, *others = frames(surface, end)
    follower = Follower(grey(first), face_in(verifier, first))
    return [follower.follow(grey(frame)) for frame in others]


def grey(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def surface_of(verifier: Verifier, name: str, height: Height) -> Surface:
    photo = pixels(name, "studio_portrait", 700)
    return Surface(photo, face_in(verifier, photo).landmarks_px, height)


def judged(verifier: Verifier, name: str, height: Height) -> PadResult:
    surface = surface_of(verifier, name, height)
    asked = ((Step.TURN_LEFT, 28), (Step.TURN_RIGHT, -28))
    return judge([(step, relief(views(verifier, surface, Pose(yaw=radians(yaw))), step.axis)) for step, yaw in asked])


class TestHeads:
    @pytest.mark.parametrize("name", PEOPLE)
    def test_one_that_turns_passes(self, verifier: Verifier, name: str) -> None:
        result = judged(verifier, name, FaceRelief())
        assert (result.status, result.reasons) == (PadStatus.PASSED, ())
        left, right = result.turns
        assert (left.side, right.side) == (1, -1)
        for turn in result.turns:
            assert 0.3 < turn.tip < 0.7
            assert 0.3 < turn.nasion / turn.tip < 0.7
            assert 20 < turn.angle_deg < 40

    def test_the_deeper_the_nose_the_more_is_seen(self, verifier: Verifier) -> None:
        low, high = (judged(verifier, "P001", FaceRelief(tip, tip / 2)).turns for tip in (0.45, 0.7))
        assert min(turn.tip for turn in high) > max(turn.tip for turn in low)

    def test_a_nod_is_told_from_a_turn(self, verifier: Verifier) -> None:
        surface = surface_of(verifier, "P001", FaceRelief())
        nodding = views(verifier, surface, Pose(pitch=radians(22)))
        assert relief(nodding, Axis.SIDEWAYS) is None
        nod = relief(nodding, Axis.NOD)
        assert nod is not None
        assert nod.tip > 0.2


class TestPrints:
    @pytest.mark.parametrize(
        ("height", "reasons"),
        [
            (flat, {PadReason.FLAT}),
            (bent(1.0), {PadReason.FLAT}),
            (bent(0.7), {PadReason.FLAT, PadReason.BENT}),
            (folded(radians(35)), {PadReason.FLAT}),
            (folded(radians(70)), {PadReason.FLAT, PadReason.BENT}),
        ],
        ids=["flat", "bent", "more bent", "folded", "more folded"],
    )
    def test_however_it_is_turned_it_fails(self, verifier: Verifier, height: Height, reasons: set[PadReason]) -> None:
        result = judged(verifier, "P001", height)
        assert result.status is PadStatus.FAILED
        assert result.reasons[0] in reasons

    def test_a_plane_has_no_parallax(self, verifier: Verifier) -> None:
        surface = surface_of(verifier, "P003", flat)
        for view in views(verifier, surface, Pose(radians(25), radians(15), radians(8))):
            assert view is not None
            assert np.abs([*view.tip, *view.nasion]).max() < 0.03


class TestFollowing:
    def test_what_cannot_be_followed_tells_nothing(self, verifier: Verifier) -> None:
        surface = surface_of(verifier, "P001", FaceRelief())
        first = frames(surface, Pose())[0]
        follower = Follower(grey(first), face_in(verifier, first))
        assert follower.follow(np.zeros(SIZE_PX, dtype=np.uint8)) is None
        assert follower.follow(grey(first)) is None  # what is lost stays lost

    def test_what_was_hidden_is_found_again(self, verifier: Verifier) -> None:
        surface = surface_of(verifier, "P001", FaceRelief())
        drawn = [grey(frame) for frame in frames(surface, Pose(radians(20)))]
        face = face_in(verifier, frames(surface, Pose(radians(20)))[0])
        follower = Follower(drawn[0], face)
        x, y = (int(each) for each in face.landmarks_px[2])
        drawn[2][y - 35 : y + 15, x - 30 : x + 40] = 128  # a hand before the nose
        hidden, *seen = [follower.follow(frame) for frame in drawn[1:]][1:]
        assert hidden is not None
        assert np.isnan(hidden.tip).all()
        assert all(view is not None and np.isfinite(view.tip).all() for view in seen[1:])
        found = relief(seen, Axis.SIDEWAYS)
        assert found is not None
        assert 0.3 < found.tip < 0.7

    def test_nothing_of_it_is_shown(self, verifier: Verifier) -> None:
        surface = surface_of(verifier, "P001", FaceRelief())
        first, second = frames(surface, Pose(radians(10)), 2)
        follower = Follower(grey(first), face_in(verifier, first))
        assert [repr(follower), repr(follower.follow(grey(second)))] == ["<Follower>", "<View>"]


class TestVerdict:
    def turns(self, *changes: dict[str, Any] | None, steps: Sequence[Step] = SIDES) -> list[tuple[Step, Relief | None]]:
        """Of a head that does as it is asked, but for these changes; None for a step that told nothing."""
        made: list[tuple[Step, Relief | None]] = []
        for step, change in zip(steps, changes, strict=True):
            usual = {"axis": step.axis, "angle_deg": 28.0, "tip": 0.45, "nasion": 0.22, "views": 8, "side": step.side}
            made.append((step, None if change is None else Relief(**{**usual, **change})))
        return made

    def test_what_a_head_does_passes(self) -> None:
        assert judge(self.turns({}, {"tip": 0.4})).status is PadStatus.PASSED
        nodding = (Step.TURN_RIGHT, Step.NOD, Step.TURN_LEFT)
        assert judge(self.turns({}, {}, {}, steps=nodding)).status is PadStatus.PASSED

    @pytest.mark.parametrize(
        ("changes", "status", "reason"),
        [
            ((None, {}), PadStatus.INCONCLUSIVE, PadReason.NOT_FOLLOWED),
            (({}, {"angle_deg": 9.0}), PadStatus.INCONCLUSIVE, PadReason.NOT_TURNED),
            (({}, {"tip": 0.1}), PadStatus.FAILED, PadReason.FLAT),
            (({}, {"nasion": 0.45}), PadStatus.FAILED, PadReason.BENT),
            (({}, {"nasion": 0.05}), PadStatus.FAILED, PadReason.BENT),
            (({}, {"nasion": -0.22}), PadStatus.FAILED, PadReason.BENT),
            (({"tip": 0.9, "nasion": 0.45}, {"tip": 0.3, "nasion": 0.15}), PadStatus.FAILED, PadReason.SIDES_DISAGREE),
            (({"side": -1}, {"side": 1}), PadStatus.FAILED, PadReason.WRONG_TURN),
        ],
    )
    def test_everything_else_does_not(
        self, changes: tuple[dict[str, Any] | None, ...], status: PadStatus, reason: PadReason
    ) -> None:
        result = judge(self.turns(*changes))
        assert (result.status, result.reasons) == (status, (reason,))

    @pytest.mark.parametrize("steps", [(Step.TURN_LEFT,), (Step.TURN_LEFT, Step.NOD), (Step.TURN_LEFT, Step.TURN_LEFT)])
    def test_both_sides_must_be_seen(self, steps: tuple[Step, ...]) -> None:
        result = judge(self.turns(*[{}] * len(steps), steps=steps))
        assert (result.status, result.reasons) == (PadStatus.INCONCLUSIVE, (PadReason.NOT_TURNED,))

    def test_it_is_told_in_plain_values(self) -> None:
        told = judge(self.turns({}, {"nasion": 0.45})).to_dict()
        assert (told["status"], told["reasons"]) == ("failed", ["bent"])
        assert told["turns"][0] == {"axis": "sideways", "angle_deg": 28.0, "tip": 0.45, "nasion": 0.22, "views": 8}
