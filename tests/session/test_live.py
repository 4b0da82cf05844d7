"""Live captures frame by frame, in a time of their own."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.acting import Person, jpeg, perform
from tests.conftest import encoded, pixels
from visavis.errors import ImageError
from visavis.evaluation.heads import FaceRelief, Pose, Surface, bent, flat
from visavis.image import Photo
from visavis.pad import SEQUENCES, PadReason, PadStatus, Step, draw_steps
from visavis.session import Guidance, LiveCapture, LiveResult
from visavis.verifier import Verifier

L, R, N = Step.TURN_LEFT, Step.TURN_RIGHT, Step.NOD
STEPS = {step.value for step in Step}
NOBODY = jpeg(np.full((400, 400, 3), 128, dtype=np.uint8))


def capture(verifier: Verifier, *steps: Step) -> LiveCapture:
    return LiveCapture(verifier, steps=lambda: steps or (L, N, R))


def ended(result: LiveResult | None) -> tuple[PadStatus, tuple[PadReason, ...]]:
    assert result is not None
    return result.pad.status, result.pad.reasons


class TestSteps:
    def test_each_side_at_least_once_and_a_nod(self) -> None:
        assert len(SEQUENCES) == len(set(SEQUENCES)) == 30
        for steps in SEQUENCES:
            assert {L, R, N} == set(steps)
            assert steps.count(N) == 1
            assert len(steps) in (3, 4)

    def test_all_are_drawn(self) -> None:
        assert {draw_steps() for _ in range(2_000)} == set(SEQUENCES)


class TestPeople:
    @pytest.mark.parametrize("name", ["P001", "P003", "P005"])
    def test_who_does_as_they_are_asked_passes(self, verifier: Verifier, name: str) -> None:
        live = capture(verifier, R, L, N, R)
        result, heard = perform(live, Person(verifier, name).frame)
        assert ended(result) == (PadStatus.PASSED, ())
        asked = [code for code in heard if code in STEPS]
        assert asked == ["turn_right", "turn_left", "nod", "turn_right"]
        assert result is not None
        assert len(result.frames) == 5
        assert [turn.axis for turn in result.pad.turns] == ["sideways", "sideways", "nod", "sideways"]
        probe = verifier.acquire_frames(result.frames, policy=verifier.policy_for("1e-4"))
        assert probe.report.frames == 5
        reference = verifier.acquire(encoded(pixels(name, "amateur_selfie", 900), "JPEG"))
        assert verifier.compare(reference=reference, probe=probe).outcome == "match"

    def test_progress_only_grows_and_a_step_is_told_on_a_frontal_frame(self, verifier: Verifier) -> None:
        live, person = capture(verifier), Person(verifier)
        code, told = "", []
        for number in range(400):
            guided = live.see(person.frame(code, number / 12), number / 12)
            code = guided.code.value
            told.append(guided.progress)
            if live.result is not None:
                break
        assert told == sorted(told)
        assert (told[0], told[-1]) == (0.0, 1.0)
        assert live.see(b"whatever comes after the end", 99.0).code is Guidance.DONE

    def test_nothing_is_left_of_them_when_it_is_over(self, verifier: Verifier) -> None:
        live = capture(verifier)
        perform(live, Person(verifier).frame, seconds=2)
        first = live._first
        assert first is not None
        live.close()
        assert not first.vector.any()
        assert repr(live) == "<LiveCapture>"


class TestAttacks:
    @pytest.mark.parametrize("height", [flat, bent(0.9)])
    def test_prints_fail(self, verifier: Verifier, height: Callable[..., np.ndarray]) -> None:
        result, _ = perform(capture(verifier), Person(verifier, height=height).frame)
        status, reasons = ended(result)
        assert status is not PadStatus.PASSED
        assert reasons[0] in (PadReason.FLAT, PadReason.BENT)
        assert result is not None
        assert result.frames == ()

    def test_who_turns_the_other_way_fails(self, verifier: Verifier) -> None:
        result, heard = perform(capture(verifier), Person(verifier, mirrored=True).frame)
        assert ended(result) == (PadStatus.FAILED, (PadReason.WRONG_TURN,))
        assert [code for code in heard if code in STEPS] == ["turn_left"]

    def test_who_turns_when_a_nod_is_asked_for_fails(self, verifier: Verifier) -> None:
        person = Person(verifier)
        instead = {"nod": "turn_left"}
        result, _ = perform(capture(verifier, N, L, R), lambda code, at: person.frame(instead.get(code, code), at))
        assert ended(result) == (PadStatus.FAILED, (PadReason.WRONG_TURN,))

    def test_a_still_gets_nowhere(self, verifier: Verifier) -> None:
        still = Person(verifier).frame("", 0)
        result, _ = perform(capture(verifier), lambda *_: still)
        assert ended(result) == (PadStatus.INCONCLUSIVE, (PadReason.NOT_TURNED,))

    def test_another_person_in_a_later_frame(self, verifier: Verifier) -> None:
        """Who takes over between two steps, in the same place."""
        one, other = Person(verifier, "P001"), Person(verifier, "P005")
        changed = False

        def frame(code: str, at_s: float) -> bytes:
            nonlocal changed
            changed = changed or code == "face_camera"
            pictures = one.frame(code, at_s), other.frame(code, at_s)
            return pictures[changed]

        result, _ = perform(capture(verifier), frame)
        assert ended(result)[0] is not PadStatus.PASSED
        assert ended(result)[1][0] in (PadReason.PERSON_CHANGED, PadReason.INTERRUPTED)

    def test_another_person_within_a_turn(self, verifier: Verifier) -> None:
        """A photo of the victim while frames are chosen, and the attacker's own head for the turns."""
        victim, attacker = Person(verifier, "P001", flat), Person(verifier, "P005")

        def frame(code: str, at_s: float) -> bytes:
            pictures = victim.frame(code, at_s), attacker.frame(code, at_s)
            return pictures[code in STEPS]

        result, _ = perform(capture(verifier), frame)
        assert ended(result)[0] is not PadStatus.PASSED

    def test_two_people(self, verifier: Verifier) -> None:
        one, other = Person(verifier, "P001"), Person(verifier, "P005")

        def beside(code: str, at_s: float) -> bytes:
            return jpeg(np.hstack([Photo(each.frame(code, at_s)).decode().pixels for each in (one, other)]))

        live = capture(verifier)
        result, heard = perform(live, beside, seconds=3)
        assert (result, heard) == (None, ["several_faces"])
        assert not live.challenged

    def test_somebody_beside_them_in_the_middle(self, verifier: Verifier) -> None:
        person = Person(verifier)
        group = encoded(
            np.hstack([pixels("P001", "studio_portrait", 400), pixels("P005", "studio_portrait", 400)]), "JPEG"
        )
        live = capture(verifier)
        perform(live, person.frame, seconds=2)
        assert live.challenged
        for at in (2.1, 2.2):
            assert live.see(group, at).code in (Guidance.SEVERAL_FACES, Guidance.DONE)
        assert ended(live.result) == (PadStatus.INCONCLUSIVE, (PadReason.INTERRUPTED,))


class TestBreaks:
    def test_who_leaves_once_something_was_asked(self, verifier: Verifier) -> None:
        person, live = Person(verifier), capture(verifier)
        perform(live, person.frame, seconds=2)
        assert live.see(NOBODY, 2.5).code is Guidance.NO_FACE
        assert live.result is None
        live.see(NOBODY, 3.3)
        assert ended(live.result) == (PadStatus.INCONCLUSIVE, (PadReason.INTERRUPTED,))

    def test_a_gap_between_frames(self, verifier: Verifier) -> None:
        person, live = Person(verifier), capture(verifier)
        perform(live, person.frame, seconds=2)
        live.see(person.frame("", 4.0), 4.0)
        assert ended(live.result) == (PadStatus.INCONCLUSIVE, (PadReason.INTERRUPTED,))

    def test_who_leaves_before_is_not_mixed_with_who_comes(self, verifier: Verifier) -> None:
        one, other, live = Person(verifier, "P001"), Person(verifier, "P005"), capture(verifier)
        for number in range(2):
            live.see(one.frame("", number / 12), number / 12)
        assert not live.challenged
        for at in (1.0, 2.0):
            live.see(NOBODY, at)
        result, _ = perform(live, lambda code, at: other.frame(code, at), seconds=0)
        assert result is None
        assert live._chosen == []

    def test_nobody_comes(self, verifier: Verifier) -> None:
        live = capture(verifier)
        result, heard = perform(live, lambda *_: NOBODY, fps=1, seconds=120)
        assert ended(result) == (PadStatus.INCONCLUSIVE, (PadReason.NOT_POSITIONED,))
        assert heard == ["no_face", "done"]

    def test_a_turn_too_quick_to_follow_is_asked_for_again(self, verifier: Verifier) -> None:
        """At three frames a second a turn shows in too few of them."""
        live, person = capture(verifier), Person(verifier)
        _, heard = perform(live, person.frame, fps=3, seconds=60)
        assert "slower" in heard or (live.result is not None and live.result.pad.status is PadStatus.PASSED)


class TestGuidance:
    @pytest.mark.parametrize(
        ("eyes_px", "size_px", "shift", "gain", "code"),
        [
            (40, (400, 400), (0, 0), 1.0, "move_closer"),
            (150, (400, 400), (0, 0), 1.0, "move_back"),
            (80, (500, 500), (0.3, 0), 1.0, "centre_face"),
            (90, (400, 400), (0, 0), 0.12, "too_dark"),
            (90, (400, 400), (0, 0), 1.0, "hold_still"),
        ],
    )
    def test_what_a_frame_lacks(
        self,
        verifier: Verifier,
        eyes_px: float,
        size_px: tuple[int, int],
        shift: tuple[float, float],
        gain: float,
        code: str,
    ) -> None:
        photo = pixels("P001", "studio_portrait", 700)
        face = verifier.acquire(photo).report.face
        assert face is not None
        surface = Surface(photo, face.landmarks_px, FaceRelief())
        drawn = surface.draw(Pose(shift=shift), eyes_px=eyes_px, size_px=size_px)
        picture = np.clip(drawn * gain, 0, 255).astype(np.uint8)
        assert capture(verifier).see(jpeg(picture), 0.0).code == code

    def test_too_bright_and_turned_away(self, verifier: Verifier) -> None:
        bright = (255 - 0.15 * (255 - pixels("P001", "studio_portrait", 400).astype(float))).astype(np.uint8)
        assert capture(verifier).see(jpeg(bright), 0.0).code in (Guidance.TOO_BRIGHT, Guidance.NO_FACE)

    @pytest.mark.parametrize(
        "frame",
        [b"", b"no picture", encoded(pixels("P001", "studio_portrait", 300), "PNG"), bytes(600_000)],
    )
    def test_what_is_no_frame(self, verifier: Verifier, frame: bytes) -> None:
        live = capture(verifier)
        with pytest.raises(ImageError):
            live.see(frame, 0.0)
        assert live.result is None
