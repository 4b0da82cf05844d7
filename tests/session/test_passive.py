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

    def test_an_artefact_that_turns_like_a_head_fails(self, verifier: Verifier, network: PassiveNetwork) -> None:
        person = Person(verifier)
        result, _ = perform(capture(verifier, network), lambda code, at_s: blue(person.frame(code, at_s)))
        pad = ended(result).pad
        assert (pad.status, pad.reasons) == (PadStatus.FAILED, (PadReason.ARTEFACT,))
        assert ended(result).frames == ()
        decision = verifier.not_compared("1e-4", pad).to_dict()
        assert decision["outcome"] == "inconclusive"
        liveness = decision["liveness"]
        assert (liveness["status"], liveness["method"], liveness["reasons"]) == ("failed", "turns-1+mine", ["artefact"])

    @pytest.mark.parametrize(("refused", "status"), [(2, PadStatus.PASSED), (3, PadStatus.FAILED)])
    def test_most_of_the_frames_that_are_kept_decide(self, verifier: Verifier, refused: int, status: PadStatus) -> None:
        class Strict:
            id, asked = "strict", 0

            def accepts(self, pixels: NDArray[np.uint8], face: Face) -> bool:
                self.asked += 1
                return self.asked > refused

        result, _ = perform(capture(verifier, Strict()), Person(verifier).frame)
        assert ended(result).pad.status is status
        assert bool(ended(result).frames) is (status is PadStatus.PASSED)

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
        kept = [Photo(frame).decode().pixels for frame in ended(result).frames]
        assert len(kept) == len(onlooker.seen) == 5
        assert all(np.array_equal(one, other) for one, other in zip(kept, onlooker.seen, strict=True))

    def test_without_one_the_method_is_the_turns_alone(self, verifier: Verifier) -> None:
        result, _ = perform(capture(verifier, None), Person(verifier, mirrored=True).frame)
        assert ended(result).pad.to_dict()["method"] == "turns-1"
