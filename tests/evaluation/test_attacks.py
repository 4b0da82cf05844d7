import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.errors import InputInvalid
from visavis.evaluation.attacks import APCER_TARGETS, BONA_FIDE, AttackScores, attack_figures

Figures = dict[str, Any]


class Presentation(NamedTuple):
    species: str
    score: float | None
    comparison: float | None = None
    subject: str = ""


def csv_of(rows: Iterable[Presentation]) -> str:
    lines = ("", *(",".join("" if cell is None else str(cell) for cell in row) for row in rows))
    return "species,score,comparison,subject" + "\n".join(lines) + "\n"


def figures(
    rows: Iterable[Presentation] | str,
    threshold: float | None = 0.5,
    comparison_threshold: float | None = 0.6,
    replicates: int = 100,
) -> Figures:
    scores = AttackScores.parse(rows if isinstance(rows, str) else csv_of(rows))
    return attack_figures(scores, threshold=threshold, comparison_threshold=comparison_threshold, replicates=replicates)


EXAMPLE = """\
species,score,comparison,subject
bona_fide,0.9,0.8,ann
bona_fide,0.8,0.5,ann
bona_fide,0.4,0.9,ben
bona_fide,,,ben
bona_fide,0.7,0.7,eve
print,0.1,0.7,ann
print,0.6,0.6,ben
print,0.5,0.2,eve
print,,,eve
replay,0.2,0.9,ann
replay,0.3,0.9,ben
"""


class TestByHand:
    """At 0.5 for PAD and 0.6 for comparison, each count below was made by reading the example."""

    told = figures(EXAMPLE)

    @staticmethod
    def counts(rate: dict[str, Any]) -> tuple[int, int]:
        return rate["errors"], rate["trials"]

    def test_the_subsystem(self) -> None:
        told = self.told["at_threshold"]
        assert self.counts(told["bpcer"]) == (1, 4)  # 0.4, of 0.9 0.8 0.4 0.7: who got no response was not classified
        assert self.counts(told["apcer"]["print"]) == (2, 3)  # 0.6, and 0.5, which reaches the threshold
        assert self.counts(told["apcer"]["replay"]) == (0, 2)
        assert told["apcer_worst"] == {"species": "print"} | told["apcer"]["print"]
        assert told["bpcer"]["value"] == 1 / 4
        assert told["apcer"]["print"]["value"] == 2 / 3

    def test_non_responses(self) -> None:
        assert self.counts(self.told["bpnrr"]) == (1, 5)
        assert {name: self.counts(rate) for name, rate in self.told["apnrr"].items()} == {
            "print": (1, 4),
            "replay": (0, 2),
        }

    def test_the_full_system(self) -> None:
        told = self.told["full_system"]
        assert self.counts(told["frr"]) == (3, 5)  # 0.8 by comparison, 0.4 by PAD, and the one without a response
        assert {name: self.counts(rate) for name, rate in told["iapar"].items()} == {"print": (1, 4), "replay": (0, 2)}
        assert told["iapar_worst"]["species"] == told["riapar"]["species"] == "print"
        assert told["riapar"]["value"] == pytest.approx(1 + (1 / 4 - (1 - 3 / 5)))
        assert told["riapar"]["supported"] is False
        assert told["not_compared"] == 0

    def test_the_trade_off(self) -> None:
        assert self.told["det"] == {
            "threshold": [
                0.1,
                0.3,
                0.5,
                0.6,
                0.7,
                0.8,
                0.9,
                None,
            ],  # at 0.2 and 0.4 the worst species' counts do not change
            "apcer": [1, 2 / 3, 2 / 3, 1 / 3, 0, 0, 0, 0],
            "bpcer": [0, 0, 1 / 4, 1 / 4, 1 / 4, 2 / 4, 3 / 4, 1],
        }

    def test_bpcer_at_apcer_targets(self) -> None:
        assert list(self.told["at_apcer"]) == ["BPCER10", "BPCER20", "BPCER100"]
        for name, target in (("BPCER10", 0.1), ("BPCER20", 0.05), ("BPCER100", 0.01)):
            told = self.told["at_apcer"][name]
            assert (told["apcer_target"], told["threshold"]) == (target, 0.7)
            assert self.counts(told["bpcer"]) == (1, 4)
            assert self.counts(told["apcer_worst"]) == (0, 3)

    def test_counts_of_presentations(self) -> None:
        assert self.told["presentations"] == {BONA_FIDE: 5, "print": 4, "replay": 2}
        assert self.told["interval"] == "95 %, bootstrap over 3 clusters, 100 replicates, seed 20261122"

    def test_plain_values(self) -> None:
        assert json.loads(json.dumps(self.told, allow_nan=False)) == self.told
        assert not any(name in json.dumps(self.told) for name in ("ann", "ben", "eve"))

    def test_riapar_is_one_for_who_accepts_attacks_as_often_as_people(self) -> None:
        rows = [Presentation(kind, 1, k % 2) for kind in (BONA_FIDE, "mask") for k in range(40)]
        assert figures(rows)["full_system"]["riapar"]["value"] == 1.0


class TestTargets:
    def test_a_target_that_is_met_exactly(self) -> None:
        rows = [Presentation("print", k) for k in range(100)] + [Presentation(BONA_FIDE, k + 0.5) for k in range(100)]
        told = figures(rows, None)["at_apcer"]
        assert [told[name]["apcer_worst"]["errors"] for name in APCER_TARGETS] == [10, 5, 1]
        assert [told[name]["threshold"] for name in APCER_TARGETS] == [89.5, 94.5, 98.5]  # the lowest that reaches it
        assert [told[name]["bpcer"]["errors"] for name in APCER_TARGETS] == [89, 94, 98]

    def test_every_species_must_reach_it(self) -> None:
        rows = [Presentation("easy", k / 100) for k in range(100)] + [Presentation("hard", 5 + k) for k in range(10)]
        told = figures([*rows, *(Presentation(BONA_FIDE, k) for k in range(20))], None)["at_apcer"]["BPCER10"]
        assert (told["threshold"], told["apcer_worst"]["species"], told["bpcer"]["errors"]) == (14, "hard", 14)

    def test_one_that_only_refusing_everyone_reaches(self) -> None:
        told = figures([Presentation(BONA_FIDE, 1), Presentation("print", 2)], None)["at_apcer"]["BPCER20"]
        assert told["threshold"] is None
        assert (told["bpcer"]["value"], told["apcer_worst"]["errors"]) == (1.0, 0)

    def test_without_a_threshold_the_rest_is_absent(self) -> None:
        told = figures(EXAMPLE, None)
        assert told["at_threshold"] is None
        assert told["full_system"] is None
        assert told["at_apcer"]["BPCER20"]["bpcer"]["trials"] == 4


class TestAbsent:
    def test_without_comparison_scores_there_is_no_full_system(self) -> None:
        assert figures("species,score\nbona_fide,1\nprint,0\n")["full_system"] is None

    def test_without_a_comparison_threshold_there_is_no_full_system(self) -> None:
        assert figures(EXAMPLE, comparison_threshold=None)["full_system"] is None

    def test_what_is_not_compared_is_not_accepted(self) -> None:
        told = figures([Presentation(BONA_FIDE, 1), Presentation(BONA_FIDE, 0), Presentation("print", 1)])[
            "full_system"
        ]
        assert (told["frr"]["errors"], told["iapar"]["print"]["errors"], told["not_compared"]) == (2, 0, 2)

    def test_a_species_that_was_never_answered(self) -> None:
        told = figures([Presentation(BONA_FIDE, 1), Presentation("mask", None), Presentation("print", 0)])
        assert told["at_threshold"]["apcer"]["mask"] == {
            "value": None, "lower": None, "upper": None, "errors": 0, "trials": 0, "supported": False, "clusters": 0,
        }  # fmt: skip
        assert told["at_threshold"]["apcer_worst"]["species"] == "print"
        assert told["apnrr"]["mask"]["value"] == 1.0

    @pytest.mark.parametrize("silent", [BONA_FIDE, "print"])
    def test_a_side_that_was_never_answered(self, silent: str) -> None:
        told = figures([Presentation(kind, None if kind == silent else 1.0) for kind in (BONA_FIDE, "print")])
        assert told["det"] is None
        assert told["at_apcer"] == dict.fromkeys(APCER_TARGETS)
        assert (told["at_threshold"]["apcer_worst"] is None) is (silent == "print")


def apcer(outcomes: Iterable[float], subjects: Iterable[str] | None = None, replicates: int = 100) -> dict[str, Any]:
    """The APCER of one species, of which these presentations passed (1) or did not (0)."""
    passed = list(outcomes)
    prints = [Presentation("print", o, None, s) for o, s in zip(passed, subjects or [""] * len(passed), strict=True)]
    told = figures([*prints, Presentation(BONA_FIDE, 1)], replicates=replicates)["at_threshold"]["apcer"]["print"]
    assert isinstance(told, dict)
    return told


class TestIntervals:
    def test_no_error_is_no_rate_of_zero(self) -> None:
        rows = [Presentation("print", 0, 1, f"s{k % 60}") for k in range(300)] + [Presentation(BONA_FIDE, 1, 1)] * 600
        told = figures(rows)
        assert told["at_threshold"]["apcer"]["print"] == {
            "value": None, "lower": 0.0, "upper": 3 / 60, "errors": 0, "trials": 300, "supported": False, "clusters": 60,
        }  # fmt: skip
        assert told["at_threshold"]["bpcer"]["upper"] == 3 / 600  # without a subject every row stands for itself
        assert told["full_system"]["riapar"]["value"] is None
        assert told["full_system"]["riapar"]["upper"] == 3 / 60 + 3 / 600

    def test_among_species_without_errors_the_least_known_is_the_worst(self) -> None:
        rows = [Presentation("a", 0)] * 50 + [Presentation("b", 0)] * 20 + [Presentation(BONA_FIDE, 1)]
        assert figures(rows)["at_threshold"]["apcer_worst"]["species"] == "b"

    def test_nothing_but_errors_is_no_certainty(self) -> None:
        told = apcer([1.0] * 50)
        assert (told["value"], told["lower"], told["upper"]) == (1.0, 1 - 3 / 50, 1.0)

    def test_one_error_bounds_no_tighter_than_none(self) -> None:
        uppers = [apcer([1.0] * errors + [0.0] * (40 - errors), replicates=1000)["upper"] for errors in range(5)]
        assert uppers == sorted(uppers)

    def test_one_subject_says_nothing_of_others(self) -> None:
        told = apcer([1.0, 0.0] * 50, ["s"] * 100)
        assert (told["lower"], told["upper"], told["errors"], told["supported"]) == (0.0, 1.0, 50, False)

    @pytest.mark.parametrize("errors", [29, 30])
    def test_the_rule_of_30(self, errors: int) -> None:
        assert apcer([1.0] * errors + [0.0] * 100)["supported"] is (errors == 30)

    def test_clusters_widen_the_interval(self) -> None:
        outcomes = [1.0] * 100 + [0.0] * 300
        alone, shared = (apcer(outcomes, by, 1000) for by in (None, [f"s{k // 10}" for k in range(400)]))
        assert alone["value"] == shared["value"] == 0.25
        wider = (shared["upper"] - shared["lower"]) / (alone["upper"] - alone["lower"])
        assert wider == pytest.approx(10**0.5, rel=0.15)  # the ten of a subject are as one

    def test_the_seed_decides_and_the_other_rows_do_not(self) -> None:
        rows = [Presentation("print", k % 3, None, f"s{k % 17}") for k in range(80)] + [Presentation(BONA_FIDE, 1)]
        more = [Presentation("mask", k % 2, None, f"t{k % 5}") for k in range(30)]
        first, again = (figures(given)["at_threshold"]["apcer"]["print"] for given in (rows, more + rows))
        assert first == again

    def test_intervals_cover_the_truth(self) -> None:
        """Subjects differ in how well their prints pass; drawing rows would be far too sure."""
        random, runs = np.random.default_rng(7), 150
        subjects = [f"s{k // 10}" for k in range(400)]
        covered: Counter[bool] = Counter()
        for _ in range(runs):
            outcomes = (random.random(400) < np.repeat(random.beta(1, 3, size=40), 10)).astype(float)
            for clustered in (True, False):
                told = apcer(outcomes.tolist(), subjects if clustered else None, 300)
                covered[clustered] += told["lower"] <= 1 / 4 <= told["upper"]
        assert covered[True] >= 0.9 * runs
        assert covered[False] <= 0.8 * runs

    def test_bounds_of_rare_errors_cover_the_truth(self) -> None:
        random, runs = np.random.default_rng(8), 150
        uppers = [apcer((random.random(60) < 0.02).astype(float).tolist())["upper"] for _ in range(runs)]
        assert sum(upper >= 0.02 for upper in uppers) >= 0.93 * runs


THRESHOLDS = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(-2, 2)
SCORES = st.none() | THRESHOLDS
PRESENTATIONS = st.builds(
    Presentation,
    st.sampled_from([BONA_FIDE, "print", "replay", "mask"]),
    SCORES,
    SCORES,
    st.sampled_from(["", "a", "b", "c", "d"]),
)
DATA = st.lists(PRESENTATIONS, max_size=40).map(
    lambda rows: [*rows, Presentation(BONA_FIDE, 0.5), Presentation("print", 0.5)]
)


def check(rate: dict[str, Any], errors: int, trials: int) -> None:
    assert (rate["errors"], rate["trials"]) == (errors, trials)
    assert rate["value"] == (errors / trials if errors else None)
    assert rate["supported"] is (errors >= 30 and rate["clusters"] > 1)
    if trials:
        assert 0 <= rate["lower"] <= errors / trials <= rate["upper"] <= 1
        assert rate["upper"] > 0
        assert rate["lower"] < 1
    else:
        assert rate["lower"] is rate["upper"] is None


class TestAgainstAReadingOfTheDefinitions:
    @settings(deadline=None)
    @given(rows=DATA, threshold=THRESHOLDS, comparison_threshold=THRESHOLDS)
    def test_all_counts(self, rows: list[Presentation], threshold: float, comparison_threshold: float) -> None:
        told = figures(rows, threshold, comparison_threshold)
        by_species = defaultdict(list)
        for row in rows:
            by_species[row.species].append(row)
        bona_fide = by_species.pop(BONA_FIDE)

        def accepted(row: Presentation) -> bool:
            if row.score is None or row.comparison is None:
                return False
            return row.score >= threshold and row.comparison >= comparison_threshold

        at, whole = told["at_threshold"], told["full_system"]
        assert set(at["apcer"]) == set(whole["iapar"]) == set(told["apnrr"]) == set(by_species)
        for name, chosen in by_species.items():
            answered = [row.score for row in chosen if row.score is not None]
            check(at["apcer"][name], sum(score >= threshold for score in answered), len(answered))
            check(told["apnrr"][name], len(chosen) - len(answered), len(chosen))
            check(whole["iapar"][name], sum(map(accepted, chosen)), len(chosen))
        answered = [row.score for row in bona_fide if row.score is not None]
        check(at["bpcer"], sum(score < threshold for score in answered), len(answered))
        check(told["bpnrr"], len(bona_fide) - len(answered), len(bona_fide))
        check(whole["frr"], sum(not accepted(row) for row in bona_fide), len(bona_fide))
        worst = max(sum(map(accepted, chosen)) / len(chosen) for chosen in by_species.values())
        assert whole["iapar_worst"]["errors"] / whole["iapar_worst"]["trials"] == worst
        riapar = 1 + (worst - (1 - whole["frr"]["errors"] / len(bona_fide)))
        assert (whole["riapar"]["value"] or 0) == pytest.approx(riapar, abs=1e-12)
        assert whole["riapar"]["lower"] <= riapar + 1e-12
        assert whole["riapar"]["upper"] >= riapar - 1e-12

    @settings(deadline=None)
    @given(rows=DATA)
    def test_the_trade_off_and_its_targets(self, rows: list[Presentation]) -> None:
        told = figures(rows, None)
        scores = defaultdict(list)
        for row in rows:
            if row.score is not None:
                scores[row.species].append(row.score)
        bona_fide = scores.pop(BONA_FIDE)

        def at(threshold: float) -> tuple[float, float]:
            worst = max(sum(score >= threshold for score in one) / len(one) for one in scores.values())
            return worst, sum(score < threshold for score in bona_fide) / len(bona_fide)

        curve = [(math.inf if t is None else t, a, b) for t, a, b in zip(*told["det"].values(), strict=True)]
        assert [at(threshold) for threshold, *_ in curve] == [point[1:] for point in curve]
        assert curve == sorted(curve)
        assert curve[0][1:] == (1.0, 0.0)
        assert curve[-1] == (math.inf, 0.0, 1.0)
        everywhere = [*sorted({score for one in [*scores.values(), bona_fide] for score in one}), math.inf]
        for name, target in APCER_TARGETS.items():
            lowest = next(threshold for threshold in everywhere if at(threshold)[0] <= target)
            chosen = told["at_apcer"][name]
            assert chosen["threshold"] == (None if lowest == math.inf else lowest)
            assert chosen["bpcer"]["errors"] / chosen["bpcer"]["trials"] == at(lowest)[1]
            assert chosen["apcer_worst"]["errors"] / chosen["apcer_worst"]["trials"] == at(lowest)[0]

    def test_a_long_curve_is_thinned_and_stays_true(self) -> None:
        random = np.random.default_rng(5)
        attacks, people = random.normal(0, 1, 20_000), random.normal(2, 1, 20_000)
        rows = [*(Presentation("print", x) for x in attacks), *(Presentation(BONA_FIDE, x) for x in people)]
        curve = figures(rows, None)["det"]
        assert 100 < len(curve["apcer"]) < 2000
        for threshold, apcer, bpcer in list(zip(*curve.values(), strict=True))[:-1:50]:
            assert apcer == pytest.approx((attacks >= threshold).mean())
            assert bpcer == pytest.approx((people < threshold).mean())


class TestParsing:
    def test_what_a_file_becomes(self) -> None:
        scores = AttackScores.parse(EXAMPLE)
        assert scores.names == (BONA_FIDE, "print", "replay")
        assert scores.species.tolist() == [0] * 5 + [1] * 4 + [2] * 2
        assert np.isnan(scores.scores).tolist() == [False] * 3 + [True] + [False] * 4 + [True] + [False] * 2
        assert scores.comparisons is not None
        assert scores.clusters.tolist() == [0, 0, 1, 1, 2, 0, 1, 2, 2, 0, 1]

    def test_one_row_that_is_simulated_makes_all_figures_so(self) -> None:
        assert not figures(EXAMPLE)["simulated"]
        some = "species,score,simulated\nbona_fide,1,\nbona_fide,1,no\nprint,0,yes\n"
        assert figures(some)["simulated"]
        assert not figures(some.replace("yes", "no"))["simulated"]

    def test_arrays_are_read_only_and_repr_is_silent(self) -> None:
        scores = AttackScores.parse(EXAMPLE)
        for array in (scores.species, scores.scores, scores.comparisons, scores.clusters):
            assert array is not None
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        assert repr(scores) == "<AttackScores: 11 presentations, 2 PAI species>"

    @pytest.mark.parametrize(
        "text",
        [
            "\ufeff" + EXAMPLE,
            EXAMPLE.replace("\n", "\r\n"),
            EXAMPLE.replace("\n", "\r"),
            EXAMPLE.replace("\n", "\n\n"),
            EXAMPLE.replace(",", " , "),
            EXAMPLE.replace("print", '"print"'),
            EXAMPLE.rstrip(),
        ],
        ids=["BOM", "CRLF", "CR", "blank lines", "spaces", "quotes", "no last newline"],
    )
    def test_ways_to_write_the_same(self, text: str) -> None:
        assert figures(text) == figures(EXAMPLE)

    def test_columns_may_stand_in_any_order_and_subjects_may_be_missing(self) -> None:
        told = figures("subject,score,species\n,1,bona_fide\ns,0,print\n,0,print\n,1,print\ns,1,print\n")
        assert told["at_threshold"]["apcer"]["print"]["clusters"] == 3
        assert "4 clusters" in told["interval"]

    def test_a_subject_named_like_a_line_is_no_line(self) -> None:
        assert AttackScores.parse("species,score,subject\nbona_fide,1,3\nprint,1,\nprint,0,3\n").clusters.tolist() == [
            0,
            1,
            0,
        ]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "line 1: expected a header .* found 0 columns"),
            ("\n", "line 1: expected a header"),
            ("species\nprint\n", "line 1: .* found 1 columns, 1 of them known"),
            ("species,score,comparision\n", "line 1: .* found 3 columns, 2 of them known"),
            ("species,score,score\n", "line 1: expected a header"),
            ("SECRET,0.3\nprint,0.1\n", "line 1: .* 0 of them known"),
            ("species,score\nprint,1\nSECRET\n", "line 3: expected 2 cells, found 1"),
            ("species,score\nprint,1,SECRET\n", "line 2: expected 2 cells, found 3"),
            ("species,score\n\n\nprint,SECRET\n", "line 4: expected a finite number or nothing in `score`"),
            ("species,score\nprint,nan\n", "line 2: expected a finite number"),
            ("species,score\nprint,-inf\n", "line 2: expected a finite number"),
            ("species,score\nprint,1e999\n", "line 2: expected a finite number"),
            (
                "species,score,comparison\nprint,1,SECRET\n",
                "line 2: expected a finite number or nothing in `comparison`",
            ),
            ("species,score\n ,1\n", "line 2: expected `bona_fide` or the name of a PAI species, found an empty cell"),
            ("species,score\nBona Fide,1\n", "line 2: expected `bona_fide`, found it written in another way"),
            ("species,score\nbona-fide,1\n", "line 2: expected `bona_fide`"),
            ("species,score,simulated\nprint,1,maybe\n", "line 2: expected `yes`, `no` or nothing in `simulated`"),
            ('species,score\n"print,1\n', "expected a CSV file"),
            ('species,score\n"print" x,1\n', "expected a CSV file"),
            ("species,score\n" + "x" * 200_000 + ",1\n", "expected a CSV file"),
            ("species,score\n", "found 0 bona fide and 0 attacks"),
            ("species,score\nbona_fide,1\n", "found 1 bona fide and 0 attacks"),
            ("species,score\nprint,1\nmask,\n", "found 0 bona fide and 2 attacks"),
        ],
        ids=range(23),
    )
    def test_what_is_refused(self, text: str, reason: str) -> None:
        with pytest.raises(InputInvalid, match=reason) as caught:
            AttackScores.parse(text)
        error: BaseException | None = caught.value
        while error:
            assert "SECRET" not in str(error)
            error = error.__cause__ or error.__context__

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("name", ["threshold", "comparison_threshold"])
    def test_thresholds_that_are_none(self, name: str, value: float) -> None:
        thresholds = {"threshold": 0.5, "comparison_threshold": 0.5} | {name: value}
        with pytest.raises(InputInvalid, match=f"expected a finite number for {name}, found"):
            attack_figures(AttackScores.parse(EXAMPLE), **thresholds)  # type: ignore[arg-type]

    def test_too_few_replicates(self) -> None:
        with pytest.raises(InputInvalid, match="expected at least 100 replicates, found 99"):
            figures(EXAMPLE, replicates=99)

    @settings(deadline=None)
    @given(
        text=st.text()
        | st.text(alphabet='\ufeff\r\n,"\0 ab01.-e_', max_size=60).map(lambda body: f"species,score\n{body}")
        | st.lists(
            st.sampled_from(["bona_fide,", "print,", "0.5", "1e400", "\n", "\r\n", ",", '"', "x", "\0", "_1", "٣"]),
            max_size=20,
        ).map(lambda parts: "species,score\nbona_fide,1\nprint,0\n" + "".join(parts))
    )
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        with suppress(InputInvalid):
            assert json.dumps(figures(text), allow_nan=False)
