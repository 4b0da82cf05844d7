"""A live capture at which a model of the operator's looks too."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.acting import Person, jpeg, perform
from tests.pad import pad_model
from visavis.face import Face
from visavis.image import Photo
from visavis.pad import PadReason, PadStatus, PassiveModel, PassiveNetwork, Step
from visavis.session import LiveCapture, LiveResult
from visavis.verifier import Verifier

STEPS = (Step.TURN_LEFT, Step.NOD, Step.TURN_RIGHT)


def capture(verifier: Verifier, passive: PassiveModel | None) -> LiveCapture:
    return LiveCapture(verifier, steps=lambda: STEPS, passive=passive)


def blue(frame: bytes) -> bytes:
    """As a screen shows it."""
    picture = Photo(frame).decode().pixels.copy()
    picture[..., 0] //= 2
    return jpeg(picture)


def ended(result: LiveResult | None) -> LiveResult:
    assert result is not None
    return result


@pytest.fixture(scope="module")
def network(verifier: Verifier, tmp_path_factory: pytest.TempPathFactory) -> PassiveNetwork:
    """Takes what is more blue than red for a screen."""
    card = pad_model(
        tmp_path_factory.mktemp("pad"), ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), output__softmax=True, crop__times=0.7
    )
    return PassiveNetwork(verifier.store, card)


class TestAModelThatLooksToo:
    def test_a_person_passes(self, verifier: Verifier, network: PassiveNetwork) -> None:
        result, _ = perform(capture(verifier, network), Person(verifier).frame)
        pad = ended(result).pad
        assert (pad.status, pad.reasons) == (PadStatus.PASSED, ())
        assert pad.to_dict()["method"] == "turns-1+mine"
        assert ended(result).frames

    def test_an_artefact_fails_before_anything_is_asked(self, verifier: Verifier, network: PassiveNetwork) -> None:
        person = Person(verifier)
        result, heard = perform(capture(verifier, network), lambda code, at_s: blue(person.frame(code, at_s)))
        pad = ended(result).pad
        assert (pad.status, pad.reasons) == (PadStatus.FAILED, (PadReason.ARTEFACT,))
        assert ended(result).frames == ()
        assert not {step.value for step in STEPS} & set(heard)
        decision = verifier.not_compared("1e-4", pad).to_dict()
        assert decision["outcome"] == "inconclusive"
        assert decision["liveness"] == {
            "status": "failed",
            "method": "turns-1+mine",
            "reasons": ["artefact"],
            "turns": [],
        }

    def test_what_turned_like_a_head_fails_all_the_same(self, verifier: Verifier, network: PassiveNetwork) -> None:
        person, turned = Person(verifier), [False]

        def frame(code: str, at_s: float) -> bytes:
            turned[0] |= code == STEPS[1].value
            picture = person.frame(code, at_s)
            return blue(picture) if turned[0] else picture

        result, _ = perform(capture(verifier, network), frame)
        pad = ended(result).pad
        assert (pad.status, pad.reasons) == (PadStatus.FAILED, (PadReason.ARTEFACT,))
        assert len(pad.turns) in (1, 2)  # it is told of at the next frontal frame
        assert ended(result).frames == ()

    def test_it_is_shown_the_frames_that_may_be_kept(self, verifier: Verifier) -> None:
        class Onlooker:
            id = "onlooker"

            def __init__(self) -> None:
                self.seen: list[NDArray[np.uint8]] = []

            def accepts(self, pixels: NDArray[np.uint8], face: Face) -> bool:
                x, _, width, height = face.box_px
                assert (cv2.boundingRect(face.landmarks_px)[2:] < np.array([width, height])).all()
                assert 0 < x < x + width < pixels.shape[1]
                self.seen.append(pixels)
                return True

        onlooker = Onlooker()
        result, _ = perform(capture(verifier, onlooker), Person(verifier).frame)
        assert ended(result).pad.passive == "onlooker"
        for frame in ended(result).frames:
            assert any(np.array_equal(Photo(frame).decode().pixels, seen) for seen in onlooker.seen)
        assert len(onlooker.seen) >= 3 + 2 + 2 + 1  # before each step, and after the last one

    def test_without_one_the_method_is_the_turns_alone(self, verifier: Verifier) -> None:
        result, _ = perform(capture(verifier, None), Person(verifier, mirrored=True).frame)
        assert ended(result).pad.to_dict()["method"] == "turns-1"
