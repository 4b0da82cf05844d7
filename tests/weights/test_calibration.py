import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.weights import SFACE
from visavis.errors import ManifestInvalid, PolicyUnsupported
from visavis.weights import Calibration, shipped_card

Table = dict[str, Any]
_SHA = "ab" * 32


def table() -> Table:
    """The smallest table that says something."""
    return {
        "format": 1,
        "model_sha256": _SHA,
        "dataset": "made up",
        "date": "2026-01-01",
        "subjects": 100,
        "images": 200,
        "mated_pairs": 100,
        "non_mated_pairs": 19800,
        "interval": "95 %",
        "extrapolated_below": 1e-3,
        "non_mated_mean": 0.1,
        "scores": [0.0, 0.2, 0.4],
        "fmr": [1e-1, 1e-3, 1e-5],
        "fmr_lower": [0.5e-1, 0.5e-3, 0.5e-5],
        "fmr_upper": [2e-1, 2e-3, 2e-5],
        "fnmr": [0.0, 0.01, 1.0],
    }


def parse(values: object) -> Calibration:
    return Calibration.parse(json.dumps(values), model_sha256=_SHA)


@pytest.fixture(scope="module")
def shipped() -> Calibration:
    card = shipped_card(SFACE)
    assert card.calibration is not None
    return Calibration.parse(card.calibration, model_sha256=card.sha256)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    """Any table that keeps to the format, with steps and plateaus."""
    count = draw(st.integers(2, 12))
    scores = sorted(draw(st.lists(st.floats(-1, 1), min_size=count, max_size=count, unique=True)))
    rates = st.floats(1e-9, 1, exclude_min=True)
    fmr = sorted(draw(st.lists(rates, min_size=count, max_size=count)), reverse=True)
    fnmr = sorted(draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)))
    factor = draw(st.floats(1, 10))
    curves = {
        "scores": scores,
        "fmr": fmr,
        "fmr_lower": [rate / factor for rate in fmr],
        "fmr_upper": [min(1.0, rate * factor) for rate in fmr],
        "fnmr": fnmr,
    }
    return parse(table() | curves | {"extrapolated_below": draw(st.floats(0, 1))})


class TestShippedTable:
    def test_it_belongs_to_the_shipped_model_and_says_where_it_comes_from(self, shipped: Calibration) -> None:
        assert shipped.model_sha256 == shipped_card(SFACE).sha256
        assert shipped.dataset.startswith("lfw-dev")
        assert shipped.interval.startswith("95 %")
        assert shipped.subjects > 1000
        assert shipped.non_mated_pairs > 1_000_000

    def test_rates_rest_on_observations_down_to_thirty_false_matches_and_below_on_a_model(
        self, shipped: Calibration
    ) -> None:
        assert shipped.extrapolated_below == pytest.approx(30 / shipped.non_mated_pairs, rel=0.01)
        for target, extrapolated in ((1e-3, False), (1e-4, False), (1e-5, False), (1e-6, True)):
            rate = shipped.false_match_rate(shipped.threshold(target))
            assert rate.value == pytest.approx(target, rel=1e-9)
            assert rate.lower < target < rate.upper
            assert rate.extrapolated is extrapolated

    def test_a_stricter_rate_asks_for_a_higher_score(self, shipped: Calibration) -> None:
        thresholds = [shipped.threshold(target) for target in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)]
        assert all(low < high for low, high in pairwise(thresholds))

    @pytest.mark.parametrize("target", [1e-12, 0.0, -1.0, 1.0, 2.0, float("nan")])
    def test_a_rate_beyond_the_table_is_unsupported(self, target: float, shipped: Calibration) -> None:
        with pytest.raises(PolicyUnsupported, match="lfw-dev") as caught:
            shipped.threshold(target)
        assert caught.value.code == "policy_unsupported"

    def test_another_models_scores_have_no_meaning(self) -> None:
        text = shipped_card(SFACE).calibration
        assert text is not None
        with pytest.raises(
            ManifestInvalid, match=f"is for the model {shipped_card(SFACE).sha256[:16]}…, not {_SHA[:16]}…"
        ):
            Calibration.parse(text, model_sha256=_SHA)


class TestMathematics:
    @settings(deadline=None)
    @given(calibration=calibrations(), share=st.floats(0, 1))
    def test_the_rate_of_a_threshold_is_its_target(self, calibration: Calibration, share: float) -> None:
        high, low = calibration.fmr[0], calibration.fmr[-1]
        target = high * (low / high) ** share
        if not low <= target < high:
            return
        rate = calibration.false_match_rate(calibration.threshold(target))
        steps = pairwise(zip(calibration.scores, calibration.fmr, strict=True))
        if all(right - left > 1e-6 for (left, _), (right, _) in steps):
            assert rate.value == pytest.approx(target, rel=1e-6)

    @settings(deadline=None)
    @given(calibration=calibrations(), share=st.floats(0, 1))
    def test_the_threshold_of_a_rate_is_the_lowest_score_with_it(self, calibration: Calibration, share: float) -> None:
        first, last = calibration.scores[0], calibration.scores[-1]
        score = min(last, first + share * (last - first))
        # a rate read off a plateau may be rounded to just under it, whose threshold is the plateau's far end
        rate = calibration.false_match_rate(score).value * (1 + 1e-9)
        if calibration.fmr[-1] <= rate < calibration.fmr[0]:
            assert calibration.threshold(rate) <= score + 1e-6

    @settings(deadline=None)
    @given(calibration=calibrations(), scores=st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
    def test_no_rate_rises_with_the_score(self, calibration: Calibration, scores: tuple[float, float]) -> None:
        low, high = (calibration.false_match_rate(score).value for score in sorted(scores))
        assert high <= low * (1 + 1e-12)

    @settings(deadline=None)
    @given(calibration=calibrations(), targets=st.tuples(st.floats(1e-9, 1), st.floats(1e-9, 1)))
    def test_no_threshold_falls_with_the_rate(self, calibration: Calibration, targets: tuple[float, float]) -> None:
        strict, lax = sorted(targets)
        if calibration.fmr[-1] <= strict and lax < calibration.fmr[0]:
            assert calibration.threshold(strict) >= calibration.threshold(lax) - 1e-12

    @settings(deadline=None)
    @given(calibration=calibrations(), score=st.floats(-1, 1))
    def test_the_rate_lies_in_its_interval(self, calibration: Calibration, score: float) -> None:
        rate = calibration.false_match_rate(score)
        assert 0 < rate.lower <= rate.value * (1 + 1e-12)
        assert rate.value <= rate.upper * (1 + 1e-12) <= 1 + 1e-9
        assert rate.extrapolated is (rate.value < calibration.extrapolated_below)

    def test_beyond_its_ends_the_table_says_what_it_says_at_them(self) -> None:
        calibration = parse(table())
        for score, value in ((-1.0, 1e-1), (0.0, 1e-1), (0.4, 1e-5), (1.0, 1e-5)):
            assert calibration.false_match_rate(score).value == value

    def test_between_two_scores_the_logarithm_is_interpolated(self) -> None:
        calibration = parse(table())
        assert calibration.false_match_rate(0.1).value == pytest.approx(1e-2)
        assert calibration.threshold(1e-2) == pytest.approx(0.1)
        assert calibration.threshold(1e-5) == 0.4

    def test_rates_one_rounding_apart(self) -> None:
        rates = [0.5, 0.49999999999999994]
        values = table() | dict.fromkeys(("fmr", "fmr_lower", "fmr_upper"), rates)
        assert parse(values | {"scores": [0.0, 0.2], "fnmr": [0.0, 0.0]}).threshold(rates[1]) == 0.2


def _part(**changes: object) -> Table:
    """A table for documents, as it stands within another."""
    return {key: value for key, value in table().items() if key != "format"} | changes


def _set(key: str, value: object) -> Callable[[Table], object]:
    return lambda values: values | {key: value}


_CURVES = ("scores", "fmr", "fmr_lower", "fmr_upper", "fnmr")
_TEXTS = ("model_sha256", "dataset", "date", "interval")
_COUNTS = ("subjects", "images", "mated_pairs", "non_mated_pairs")

_BROKEN: dict[str, tuple[Callable[[Table], object], str]] = {
    "a list": (lambda values: [values], "format 1"),
    "null": (lambda _: None, "format 1"),
    "a later format": (_set("format", 2), "format 1"),
    "format true": (_set("format", True), "format must be a int"),
    "format text": (_set("format", "1"), "format must be a int"),
    "an unknown key": (_set("comment", "hello"), "unknown keys.*comment"),
    **{f"{key} a number": (_set(key, 1), f"{key} must be a str") for key in _TEXTS},
    **{f"{key} null": (_set(key, None), f"{key} must be a str") for key in _TEXTS},
    **{f"{key} a fraction": (_set(key, 1.5), f"{key} must be a int") for key in _COUNTS},
    **{f"{key} infinite": (_set(key, float("inf")), f"{key} must be a int") for key in _COUNTS},
    **{f"{key} text": (_set(key, "100"), f"{key} must be a int") for key in _COUNTS},
    **{f"{key} true": (_set(key, True), f"{key} must be a int") for key in _COUNTS},
    "extrapolated_below text": (_set("extrapolated_below", "0.1"), "extrapolated_below must be a float"),
    "extrapolated_below NaN": (_set("extrapolated_below", float("nan")), "extrapolated_below"),
    "extrapolated_below 2": (_set("extrapolated_below", 2), "extrapolated_below"),
    "extrapolated_below huge": (_set("extrapolated_below", 10**400), "extrapolated_below|too large"),
    "non_mated_mean text": (_set("non_mated_mean", "0.1"), "non_mated_mean must be a float"),
    "non_mated_mean 2": (_set("non_mated_mean", 2), "non_mated_mean"),
    "no document": (_set("document", None), "document must be a dict"),
    "a document that is none": (_set("document", {}), "KeyError"),
    "a document of another model": (_set("document", _part(model_sha256="0" * 64)), "for the model 0000"),
    "a document within a document": (_set("document", _part(document=_part())), "unknown keys.*document"),
    "a document whose rates rise": (_set("document", _part(fmr=[1e-5, 1e-3, 1e-1])), "FMR must never rise"),
    **{f"{key} no list": (_set(key, 0.5), f"{key} must be a list") for key in _CURVES},
    **{f"{key} digits": (_set(key, "123"), f"{key} must be a list") for key in _CURVES},
    **{f"{key} of texts": (_set(key, ["0", "1", "2"]), f"{key} must be finite numbers") for key in _CURVES},
    **{f"{key} of booleans": (_set(key, [True] * 3), f"{key} must be finite numbers") for key in _CURVES},
    **{f"{key} NaN": (_set(key, [float("nan")] * 3), f"{key} must be finite numbers") for key in _CURVES},
    **{f"{key} infinite": (_set(key, [float("inf")] * 3), f"{key} must be finite numbers") for key in _CURVES},
    **{f"{key} huge": (_set(key, [10**400] * 3), "too large") for key in _CURVES},
    **{f"{key} nested": (_set(key, [[0.1]] * 3), f"{key} must be finite numbers") for key in _CURVES},
    **{f"{key} too short": (_set(key, [0.1]), "one rate a score|at least two scores") for key in _CURVES},
    "one score": (lambda values: values | {key: values[key][:1] for key in _CURVES}, "at least two scores"),
    "scores that fall": (_set("scores", [0.4, 0.2, 0.0]), "must increase"),
    "scores that stand": (_set("scores", [0.0, 0.2, 0.2]), "must increase"),
    "scores below -1": (_set("scores", [-1.1, 0.2, 0.4]), "within -1..1"),
    "scores above 1": (_set("scores", [0.0, 0.2, 1.1]), "within -1..1"),
    "FMR of zero": (_set("fmr", [1e-1, 1e-3, 0.0]), "rates must lie in 0..1, and FMR above 0"),
    "lower FMR of zero": (_set("fmr_lower", [0.5e-1, 0.5e-3, 0.0]), "FMR above 0"),
    "FMR above 1": (_set("fmr_upper", [1.1, 2e-3, 2e-5]), "rates must lie in 0..1"),
    "FMR below 0": (_set("fmr", [1e-1, 1e-3, -1e-5]), "rates must lie in 0..1"),
    "FNMR above 1": (_set("fnmr", [0.0, 0.01, 1.1]), "rates must lie in 0..1"),
    "FNMR below 0": (_set("fnmr", [-0.1, 0.01, 1.0]), "rates must lie in 0..1"),
    "FMR that rises": (_set("fmr", [1e-3, 1e-1, 1e-5]), "FMR must never rise"),
    "FNMR that falls": (_set("fnmr", [0.5, 0.1, 1.0]), "FNMR never fall"),
    "FMR above its interval": (_set("fmr_upper", [2e-1, 0.9e-3, 2e-5]), "within its interval"),
    "FMR below its interval": (_set("fmr_lower", [0.5e-1, 0.5e-3, 1.1e-5]), "within its interval"),
    "another model": (_set("model_sha256", "cd" * 32), "is for the model cdcd"),
}


class TestRefusals:
    def test_the_table_that_the_others_start_from_is_right(self) -> None:
        calibration = parse(table())
        assert (calibration.subjects, calibration.fmr) == (100, (1e-1, 1e-3, 1e-5))
        assert replace(calibration) == calibration

    def test_whole_numbers_are_rates_too(self) -> None:
        assert parse(table() | {"fnmr": [0, 0, 1], "extrapolated_below": 0}).fnmr == (0.0, 0.0, 1.0)

    @pytest.mark.parametrize("key", list(table()))
    def test_a_missing_key(self, key: str) -> None:
        values = table()
        del values[key]
        with pytest.raises(ManifestInvalid, match=key):
            parse(values)

    @pytest.mark.parametrize("name", list(_BROKEN))
    def test_a_broken_table(self, name: str) -> None:
        change, reason = _BROKEN[name]
        with pytest.raises(ManifestInvalid, match=reason) as caught:
            parse(change(table()))
        assert caught.value.code == "manifest_invalid"

    @pytest.mark.parametrize("text", ["", "{", "\0", "[" * 100_000, '{"format": ' + "9" * 5000 + "}"], ids=range(5))
    def test_what_is_no_json(self, text: str) -> None:
        with pytest.raises(ManifestInvalid, match="cannot be read"):
            Calibration.parse(text, model_sha256=_SHA)

    @settings(deadline=None)
    @given(
        key=st.sampled_from(list(table())),
        value=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=8,
        ),
    )
    def test_any_other_value_is_a_table_or_refused(self, key: str, value: object) -> None:
        with suppress(ManifestInvalid):
            assert isinstance(parse(table() | {key: value}), Calibration)


def test_a_table_for_documents_is_part_of_it() -> None:
    calibration = parse(table() | {"document": _part(dataset="documents", scores=[0.0, 0.1, 0.2])})
    assert calibration.under("photo") is calibration
    documents = calibration.under("document")
    assert (documents.dataset, documents.scores, documents.document) == ("documents", (0.0, 0.1, 0.2), None)
    with pytest.raises(PolicyUnsupported, match="says nothing of documents"):
        parse(table()).under("document")
    with pytest.raises(PolicyUnsupported, match="says nothing of passports"):
        calibration.under("passport")  # type: ignore[arg-type]
