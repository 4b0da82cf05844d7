import json
from dataclasses import FrozenInstanceError, replace
from math import nextafter
from pathlib import Path
from typing import Any

import mypy.api
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.decision import (
    DEFAULT_POLICY,
    POLICIES,
    Comparison,
    Decision,
    ModelRef,
    Outcome,
    PairReason,
    PhotoReason,
    PhotoReport,
    Policy,
    Timings,
    acquisition_reasons,
    decide,
    policy_named,
)
from visavis.errors import PolicyUnknown, PolicyUnsupported
from visavis.face import Face, Measure, Quality
from visavis.pad import Axis, PadReason, PadResult, PadStatus, Relief
from visavis.pad.value import METHOD
from visavis.weights import Calibration, shipped_card

GOLDEN = Path(__file__).parent.parent / "vectors" / "decision.json"

MODEL = ModelRef("example-model", "0123456789abcdef" * 4)

CALIBRATION = Calibration(
    model_sha256=MODEL.sha256,
    dataset="an example (20 photos of 10 people)",
    date="2026-01-31",
    subjects=10,
    images=20,
    mated_pairs=10,
    non_mated_pairs=180,
    interval="95 %, made up",
    extrapolated_below=1e-5,
    non_mated_mean=0.1,
    scores=(0.0, 0.2, 0.4, 0.6),
    fmr=(0.5, 1e-2, 1e-4, 1e-7),
    fmr_lower=(0.4, 5e-3, 5e-5, 1e-8),
    fmr_upper=(0.6, 2e-2, 2e-4, 1e-6),
    fnmr=(0.0, 0.01, 0.1, 0.5),
)
POLICY = POLICIES["1e-4"]
THRESHOLD = CALIBRATION.threshold(POLICY.fmr_target)


def photo(inter_eye_px: float = 60.0, *reasons: PhotoReason) -> PhotoReport:
    """A report of a 400 × 300 photo with a face whose eyes are so far apart."""
    x, y = 150.0, 120.0
    points = [[0, 0], [1, 0], [0.5, 0.6], [0.1, 1.1], [0.9, 1.1]]
    landmarks = np.array(points, dtype=np.float32) * np.float32(inter_eye_px) + np.array([x, y], dtype=np.float32)
    quality = Quality((*(Measure(0.5 + number, 10 + number) for number in range(13)), Measure(None, None)))
    return PhotoReport(reasons, (400, 300), Face((120.04, 80.25, 120.0, 161.96), landmarks, 0.9), quality)


def faceless(reason: PhotoReason) -> PhotoReport:
    return PhotoReport((reason,), (400, 300))


def decision(score: float | None = 0.5, **changes: Any) -> Decision:
    given: dict[str, Any] = {
        "reference": photo(),
        "probe": photo(),
        "score": score,
        "policy": POLICY,
        "calibration": CALIBRATION,
        "model": MODEL,
    }
    return decide(**(given | changes))


class TestDecide:
    def test_a_score_that_is_the_threshold_matches(self) -> None:
        made = decision(THRESHOLD)
        assert made.outcome is Outcome.MATCH
        assert made.reason is PairReason.SCORE_REACHES_THRESHOLD
        assert made.threshold == THRESHOLD

    def test_the_next_number_under_the_threshold_does_not(self) -> None:
        made = decision(nextafter(THRESHOLD, -1))
        assert made.outcome is Outcome.NO_MATCH
        assert made.reason is PairReason.SCORE_BELOW_THRESHOLD

    @given(score=st.floats(-1, 1), policy=st.sampled_from(["1e-3", "1e-4", "1e-5", "1e-6"]))
    def test_it_matches_exactly_from_the_threshold_up(self, score: float, policy: str) -> None:
        made = decision(score, policy=POLICIES[policy])
        assert (made.outcome is Outcome.MATCH) == (score >= CALIBRATION.threshold(POLICIES[policy].fmr_target))
        assert made.comparison is not None
        assert made.comparison.score == score
        assert made.comparison.fmr == CALIBRATION.false_match_rate(score)

    @given(score=st.floats(-1, 1))
    def test_a_stricter_policy_never_matches_more(self, score: float) -> None:
        photos = (policy for policy in POLICIES.values() if policy.condition == "photo")
        outcomes = [decision(score, policy=policy).outcome for policy in photos]
        assert outcomes == sorted(outcomes, key=[Outcome.MATCH, Outcome.NO_MATCH].index)

    def test_the_same_arguments_give_the_same_decision(self) -> None:
        reference, probe = photo(), photo(20)
        first, second = (decision(0.5, reference=reference, probe=probe) for _ in range(2))
        assert first.to_dict() == second.to_dict()
        assert (reference.reasons, probe.reasons) == ((), ())

    @pytest.mark.parametrize("reason", [PhotoReason.NO_FACE, PhotoReason.SEVERAL_FACES])
    @pytest.mark.parametrize("parameter", ["reference", "probe"])
    def test_without_one_face_nothing_is_decided(self, reason: PhotoReason, parameter: str) -> None:
        made = decision(None, **{parameter: faceless(reason)})
        assert made.outcome is Outcome.INCONCLUSIVE
        assert made.reason is PairReason.NOT_COMPARED
        assert made.comparison is None
        reasons = made.to_dict()["reasons"]
        other = "probe" if parameter == "reference" else "reference"
        assert reasons == {parameter: [reason.value], other: [], "pair": ["not_compared"]}

    @pytest.mark.parametrize("parameter", ["reference", "probe"])
    def test_a_face_too_small_for_the_policy_is_not_compared(self, parameter: str) -> None:
        """Though there is a score: it is not told."""
        made = decision(0.9, **{parameter: photo(31.9)})
        assert made.outcome is Outcome.INCONCLUSIVE
        assert made.comparison is None
        assert made.to_dict()["reasons"][parameter] == ["face_too_small"]
        assert made.to_dict()["score"] is None
        assert made.to_dict()["faces"][parameter] is not None

    def test_a_face_just_large_enough_is(self) -> None:
        assert decision(0.9, reference=photo(32.0)).outcome is Outcome.MATCH
        tolerant = replace(POLICY, name="small faces", inter_eye_distance_min_px=10.0)
        assert decision(0.9, reference=photo(10.0), policy=tolerant).outcome is Outcome.MATCH

    def test_every_reason_is_kept(self) -> None:
        assert acquisition_reasons(photo(20, PhotoReason.SEVERAL_FACES), POLICY) == (
            PhotoReason.SEVERAL_FACES,
            PhotoReason.FACE_TOO_SMALL,
        )
        assert acquisition_reasons(faceless(PhotoReason.NO_FACE), POLICY) == (PhotoReason.NO_FACE,)
        assert acquisition_reasons(photo(), POLICY) == ()

    def test_no_score_is_inconclusive_even_with_two_faces(self) -> None:
        assert decision(None).outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize("target", [1e-9, 0.9])
    def test_a_rate_beyond_the_calibration_is_refused(self, target: float) -> None:
        with pytest.raises(PolicyUnsupported, match="covers FMR"):
            decision(0.5, policy=Policy("beyond", target))


class TestPolicies:
    def test_their_names_are_their_rates(self) -> None:
        rates = ["1e-3", "1e-4", "1e-5", "1e-6"]
        assert list(POLICIES) == [*rates, *(f"document-{rate}" for rate in rates[:3])]
        for name, policy in POLICIES.items():
            assert policy_named(name) is policy
            assert policy.name == name
            assert policy.fmr_target == float(name.removeprefix("document-"))
            assert (policy.condition == "document") == name.startswith("document-")
            assert policy.version == 1
        assert DEFAULT_POLICY == "1e-4"

    @pytest.mark.parametrize("name", ["", "strict", "1e-04", "0.0001", None, 1e-4, ["1e-4"]])
    def test_an_unknown_name_tells_the_known_ones(self, name: Any) -> None:
        with pytest.raises(PolicyUnknown, match="1e-3, 1e-4, 1e-5, 1e-6"):
            policy_named(name)

    def test_only_the_rarest_rate_is_extrapolated_from_the_shipped_calibration(self) -> None:
        card = shipped_card("sface-2021dec")
        assert card.calibration is not None
        calibration = Calibration.parse(card.calibration, model_sha256=card.sha256)
        told = {
            name: decision(0.5, policy=policy, calibration=calibration).to_dict()["policy"]["extrapolated"]
            for name, policy in POLICIES.items()
        }
        assert [name for name, extrapolated in told.items() if extrapolated] == ["1e-6"]

    def test_documents_are_judged_by_their_own_table(self) -> None:
        documents = replace(
            CALIBRATION, dataset="documents", scores=tuple(score - 0.05 for score in CALIBRATION.scores)
        )
        both = replace(CALIBRATION, document=documents)
        score = CALIBRATION.threshold(1e-4) - 0.01
        by_photo = decision(score, policy=POLICIES["1e-4"], calibration=both)
        by_document = decision(score, policy=POLICIES["document-1e-4"], calibration=both)
        assert (by_photo.outcome, by_document.outcome) == (Outcome.NO_MATCH, Outcome.MATCH)
        assert by_document.threshold == pytest.approx(by_photo.threshold - 0.05)
        assert by_document.comparison is not None
        assert by_document.comparison.fmr == documents.false_match_rate(score)
        assert by_document.to_dict()["calibration"]["dataset"] == "documents"

    def test_a_calibration_that_says_nothing_of_documents_is_refused(self) -> None:
        with pytest.raises(PolicyUnsupported, match="says nothing of documents"):
            decision(0.5, policy=POLICIES["document-1e-4"])


class TestDecision:
    @pytest.mark.parametrize("score", [0.9, -0.9, None])
    def test_it_has_no_truth_value(self, score: float | None) -> None:
        made = decision(score)
        with pytest.raises(TypeError, match="three outcomes"):
            bool(made)
        with pytest.raises(TypeError, match=r"Outcome\.MATCH"):
            any([made])

    def test_a_type_checker_sees_what_if_decision_does(self, tmp_path: Path) -> None:
        """`bool()` never returns, so nothing after the test can run: mypy calls both branches unreachable."""
        snippet = (
            "from visavis import Decision\n"
            "def door(decision: Decision) -> str:\n"
            "    if decision:\n"
            "        return 'open'\n"
            "    return 'closed'\n"
        )
        out, _, status = mypy.api.run(
            [
                "--strict",
                "--warn-unreachable",
                "--config-file=",
                f"--cache-dir={tmp_path}",
                "-c",
                snippet,
            ]
        )
        assert status == 1, out
        assert "<string>:4: error: Statement is unreachable" in out

    def test_it_is_frozen(self) -> None:
        made = decision()
        with pytest.raises(FrozenInstanceError):
            made.outcome = Outcome.MATCH  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("score", "expected"),
        [
            (0.4321, "<Decision match (score_reaches_threshold) at FMR 1e-4>"),
            (0.1234, "<Decision no_match (score_below_threshold) at FMR 1e-4>"),
            (None, "<Decision inconclusive (not_compared) at FMR 1e-4>"),
        ],
    )
    def test_it_is_silent(self, score: float | None, expected: str) -> None:
        """No score, no box, no measure: only what was decided and why."""
        assert repr(decision(score)) == str(decision(score)) == expected

    def test_its_parts_are_silent(self) -> None:
        made = decision()
        assert repr(made.comparison) == "<Comparison>"
        silent = "face=<Face>, quality=<Quality>, frame=0, frames=1"
        assert repr(made.probe) == f"PhotoReport(reasons=(), size_px=(400, 300), {silent})"


class TestToDict:
    def test_it_is_the_golden_example(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keys and numbers are stable: programs read them. Whoever changes one changes the example, on purpose."""
        monkeypatch.setattr("visavis.decision.value.__version__", "1.2.3")
        made = decision(0.43215678, timings=Timings(12.3456, 23.4567, 34.5678))
        assert made.to_dict() == json.loads(GOLDEN.read_text(encoding="utf-8"))
        assert list(made.to_dict()) == list(json.loads(GOLDEN.read_text(encoding="utf-8")))

    def test_what_is_missing_is_null_and_keeps_its_key(self) -> None:
        bare = decision(None, reference=faceless(PhotoReason.NO_FACE)).to_dict()
        assert list(bare) == list(json.loads(GOLDEN.read_text(encoding="utf-8")))
        assert bare["score"] is bare["fmr"] is bare["timings_ms"] is bare["faces"]["reference"] is None

    @given(score=st.floats(-1, 1))
    def test_it_is_json_whatever_the_score(self, score: float) -> None:
        told = json.loads(json.dumps(decision(score).to_dict(), allow_nan=False))
        assert told["score"] == pytest.approx(score, abs=5e-7)

    def test_a_face_without_measures_has_none(self) -> None:
        told = decision(probe=replace(photo(), quality=None)).to_dict()
        assert told["faces"]["probe"]["quality"] == {}

    def test_liveness_is_never_claimed(self) -> None:
        told = decision().to_dict()["liveness"]
        assert told == {"status": "not_checked", "method": None, "reasons": [], "turns": []}

    def test_but_told_where_it_was_checked(self) -> None:
        turn = Relief(Axis.SIDEWAYS, 24.26, 0.02049, 0.0106, views=9, side=1)
        flat = replace(decision(), liveness=PadResult(PadStatus.FAILED, (PadReason.FLAT,), (turn,)))
        assert flat.to_dict()["liveness"] == {
            "status": "failed",
            "method": METHOD,
            "reasons": ["flat"],
            "turns": [{"axis": "sideways", "angle_deg": 24.3, "tip": 0.02, "nasion": 0.011, "views": 9}],
        }

    def test_an_fmr_is_rounded_to_what_it_can_say(self) -> None:
        told = decision(0.3).to_dict()["fmr"]
        exact = CALIBRATION.false_match_rate(0.3)
        for name in ("value", "lower", "upper"):
            assert told[name] == float(f"{getattr(exact, name):.3g}")
        assert isinstance(Comparison(0.3, exact), Comparison)
