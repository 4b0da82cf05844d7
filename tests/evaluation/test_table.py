import copy
import json
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.simulated import acquired, people
from visavis.errors import InputInvalid, PolicyUnsupported
from visavis.evaluation import About, Dataset, Options, calibration_table, evaluate
from visavis.evaluation.scores import STEPS
from visavis.weights import Calibration

ABOUT = About("People that do not exist", "2026-11-22", "a-model", "ab" * 32, "none")


@cache
def report(photos: int = 4, subjects: int = 60) -> dict[str, Any]:
    random = np.random.default_rng(1)
    vectors = people(random, [photos] * subjects)
    subject = np.repeat(np.arange(subjects, dtype=np.int32), photos)
    dataset = Dataset(tuple(f"{number}.jpg" for number in range(len(subject))), subject)
    told = evaluate(dataset, acquired(random, vectors), ABOUT, Options(replicates=100))
    assert isinstance(told, dict)
    return told


def table() -> Calibration:
    return Calibration.parse(calibration_table(report()), model_sha256=ABOUT.model_sha256)


def test_documents_have_a_part_of_their_own() -> None:
    """Whose scores are lower, and whose support is that of the pairs, however many documents were made of each photo."""
    random = np.random.default_rng(2)
    vectors = people(random, [4] * 60)
    dataset = Dataset(tuple(f"{number}.jpg" for number in range(240)), np.repeat(np.arange(60, dtype=np.int32), 4))
    degraded = {}
    for name in ("printed", "chip"):
        noisy = vectors + random.normal(0, 0.1, vectors.shape).astype(np.float32)
        degraded[name] = acquired(random, noisy / np.linalg.norm(noisy, axis=1, keepdims=True))
    told = evaluate(dataset, acquired(random, vectors), ABOUT, Options(replicates=100), documents=degraded)
    calibration = Calibration.parse(calibration_table(told), model_sha256=ABOUT.model_sha256)
    documents = calibration.under("document")
    assert documents.dataset == f"{ABOUT.dataset}, as simulated documents"
    assert documents.non_mated_pairs == 4 * calibration.non_mated_pairs
    assert documents.extrapolated_below == pytest.approx(calibration.extrapolated_below, rel=0.01)
    assert documents.threshold(1e-2) < calibration.threshold(1e-2)
    assert table().document is None


def test_is_what_the_decision_room_reads() -> None:
    calibration = table()
    assert (calibration.dataset, calibration.date) == (ABOUT.dataset, ABOUT.date)
    assert (calibration.subjects, calibration.images) == (60, 240)
    assert (calibration.mated_pairs, calibration.non_mated_pairs) == (60 * 6, 240 * 239 // 2 - 360)
    assert calibration.interval == "95 %, bootstrap over subjects, 100 replicates, seed 20261122"
    assert calibration.extrapolated_below == pytest.approx(30 / calibration.non_mated_pairs, rel=0.01)


def test_gives_the_rates_of_the_report() -> None:
    """At the scores of the table, to the four digits that it holds."""
    calibration, curves = table(), report()["curves"]
    assert calibration.scores[0] == pytest.approx(-0.3, abs=0.001)
    assert calibration.scores[-1] == pytest.approx(0.9, abs=0.002)
    for name in ("fmr", "fmr_lower", "fmr_upper", "fnmr"):
        expected = np.interp(calibration.scores, curves["scores"], curves[name])
        np.testing.assert_allclose(getattr(calibration, name), expected, rtol=1e-3)
    np.testing.assert_allclose(np.array(calibration.scores) * STEPS % 2, calibration.scores[0] * STEPS % 2, atol=1e-4)


def test_falls_with_the_score_and_is_never_zero() -> None:
    calibration = table()
    assert all(a >= b > 0 for a, b in pairwise(calibration.fmr))
    assert all(a <= b for a, b in pairwise(calibration.fnmr))
    rows = zip(calibration.fmr_lower, calibration.fmr, calibration.fmr_upper, strict=True)
    assert all(0 < lower <= value <= upper <= 1 for lower, value, upper in rows)


def test_has_a_threshold_for_what_was_measured_and_marks_what_was_not() -> None:
    calibration = table()
    threshold = calibration.threshold(1e-2)
    (measured,) = [row for row in report()["rates"] if row["fmr_target"] == 1e-2]
    assert threshold == pytest.approx(measured["threshold"], abs=2 / STEPS)
    assert not calibration.false_match_rate(threshold).extrapolated
    assert calibration.false_match_rate(calibration.threshold(1e-4)).extrapolated
    with pytest.raises(PolicyUnsupported):
        calibration.threshold(1e-5)


@pytest.mark.parametrize(("photos", "subjects"), [(1, 60), (2, 3)])
def test_refuses_data_that_support_none(photos: int, subjects: int) -> None:
    """No mated pairs, or hardly a non-mated one."""
    with pytest.raises(InputInvalid, match="evaluate a larger data set"):
        calibration_table(report(photos, subjects))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(["", "1e-4", "scores"])
    | st.lists(st.floats(-1, 1), min_size=1, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["scores", "fmr", "sha256", "name", "mated", "extrapolated_below"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
PLACES = st.sampled_from(
    [
        (),
        *((key,) for key in ("curves", "model", "dataset", "comparisons", "tail", "date", "interval")),
        *(("curves", key) for key in ("scores", "fmr", "fmr_lower", "fmr_upper", "fnmr")),
        *(("curves", key, 700) for key in ("scores", "fmr", "fmr_lower", "fmr_upper", "fnmr")),
        ("model", "sha256"),
        *(("dataset", key) for key in ("name", "subjects", "images")),
        *(("comparisons", key) for key in ("mated", "non_mated")),
        ("tail", "extrapolated_below"),
    ]
)


@given(place=PLACES, value=JSON, removed=st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_no_report_is_refused(place: tuple[str | int, ...], value: Any, removed: bool) -> None:
    """One place of a report holds something else, or nothing: either that is refused, or what is written can be read."""
    changed: Any = value
    if place:
        inner: Any = dict(report())
        changed = inner
        *way, last = place
        for key in way:
            inner[key] = inner = copy.copy(inner[key])
        if removed:
            del inner[last]
        else:
            inner[last] = value
    try:
        text = calibration_table(changed)
    except InputInvalid:
        return
    written = json.loads(text)
    Calibration.parse(text, model_sha256=written["model_sha256"])


@given(value=JSON)
@settings(max_examples=200, deadline=None)
def test_any_json_is_refused(value: Any) -> None:
    with pytest.raises(InputInvalid):
        calibration_table(value)
