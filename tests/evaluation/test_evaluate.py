import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.evaluation.simulated import acquired, people
from visavis import __version__
from visavis.errors import InputInvalid
from visavis.evaluation import (
    DEGRADATIONS,
    FMR_TARGETS,
    About,
    Acquired,
    Dataset,
    Grouping,
    Options,
    Pairs,
    calibration_table,
    evaluate,
)
from visavis.evaluation.folds import folded_accuracy
from visavis.weights import Calibration

ABOUT = About("People that do not exist", "2026-11-22", "a-model", "ab" * 32, "none 1.0 float32")
OPTIONS = Options(replicates=60)
PHOTOS = [3] * 30 + [1] * 5 + [6] * 4
COUNT = sum(PHOTOS)
REASONS = {
    0: "no_face",
    7: "image_truncated",
    8: "image_truncated",
    20: "several_faces",
    21: "several_faces",
    50: "several_faces",
}
ALWAYS = {
    "format", "kind", "date", "code", "model", "dataset", "interval", "seed", "acquisition", "comparisons", "rates", "eer",
    "curves", "tail", "product", "transactions", "folds", "discard", "groups", "documents", "calibration", "hardest", "attacks",
}  # fmt: skip


def dataset(**more: Any) -> Dataset:
    subject = np.repeat(np.arange(len(PHOTOS), dtype=np.int32), PHOTOS)
    images = tuple(f"Secret Name {number}/IMG-{image}.jpg" for image, number in enumerate(subject))
    return Dataset(images, subject, **more)


@cache
def photos() -> Acquired:
    random = np.random.default_rng(1)
    return acquired(random, people(random, PHOTOS), REASONS)


@cache
def sound() -> Acquired:
    random = np.random.default_rng(1)
    return acquired(random, people(random, PHOTOS))


@cache
def report() -> dict[str, Any]:
    return evaluate(dataset(), photos(), ABOUT, OPTIONS)


def listed(folds: int, count: int = 400) -> Dataset:
    """Half of the pairs mated, in folds."""
    random = np.random.default_rng(2)
    subject = dataset().subject
    first, second = random.integers(0, COUNT, (2, 60 * count))
    same = subject[first] == subject[second]
    rows = [np.flatnonzero(kind & (first != second))[: count // 2] for kind in (same, ~same)]
    chosen = np.sort(np.concatenate(rows))
    fold = random.integers(0, folds, len(chosen)).astype(np.int32)
    return dataset(
        pairs=Pairs(first[chosen].astype(np.int32), second[chosen].astype(np.int32), same[chosen], fold)
    )  # fmt: skip


def values(told: object) -> Iterator[object]:
    """Everything in a report that is no list or mapping, keys included."""
    if isinstance(told, dict):
        for key, value in told.items():
            yield key
            yield from values(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from values(value)
    else:
        yield told


def pairs_of(chosen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    first, second = np.triu_indices(COUNT, 1)
    both = chosen[first] & chosen[second]
    subject = dataset().subject
    return first[both], second[both], subject[first[both]] == subject[second[both]]


class TestReport:
    def test_has_its_sections_and_says_what_it_is_of(self) -> None:
        told = report()
        assert set(told) == ALWAYS
        assert (told["format"], told["kind"], told["date"]) == (1, "evaluation", ABOUT.date)
        assert told["model"] == {"id": "a-model", "sha256": "ab" * 32, "engine": "none 1.0 float32"}
        assert told["code"]["version"] == __version__
        assert (told["dataset"]["name"], told["dataset"]["images"], told["dataset"]["subjects"]) == (
            ABOUT.dataset,
            COUNT,
            39,
        )
        assert told["interval"] == "95 %, bootstrap over subjects, 60 replicates, seed 20261122"
        for absent in ("folds", "calibration", "hardest", "attacks"):
            assert told[absent] is None
        assert (told["groups"], told["documents"]) == ([], [])

    def test_is_plain_json(self) -> None:
        text = json.dumps(report(), allow_nan=False)
        assert json.loads(text) == report()
        plain = {str, int, float, bool, type(None)}
        assert {type(value) for value in values(report())} <= plain

    @pytest.mark.parametrize("threads", [1, 3])
    def test_is_the_same_every_time(self, threads: int) -> None:
        again = evaluate(dataset(), photos(), ABOUT, replace(OPTIONS, threads=threads))
        assert json.dumps(again) == json.dumps(report())

    def test_a_seed_changes_the_intervals_alone(self) -> None:
        other = evaluate(dataset(), photos(), ABOUT, replace(OPTIONS, seed=5))
        assert other["seed"] == 5
        for ours, theirs in zip(report()["rates"], other["rates"], strict=True):
            assert ours["threshold"] == theirs["threshold"]
            assert ours["fnmr"]["value"] == theirs["fnmr"]["value"]
        assert other["rates"][0]["fnmr"]["upper"] != report()["rates"][0]["fnmr"]["upper"]

    def test_names_nobody(self) -> None:
        """Not even where the hardest pairs are listed: they have numbers."""
        group = Grouping("Site", ("North", "South"), (dataset().subject % 2).astype(np.int32))
        whole = evaluate(
            dataset(groupings=(group,)), photos(), ABOUT, replace(OPTIONS, hardest=True), documents={"printed": sound()}
        )
        for told in (whole, evaluate(listed(3), photos(), ABOUT, replace(OPTIONS, hardest=True))):
            text = json.dumps(told)
            for name in ("Secret", "Name", "IMG", ".jpg"):
                assert name not in text
            for vector in photos().vectors[5:7]:
                assert f"{vector[0]:.6f}" not in text

    def test_the_data_set_is_known_by_its_photos(self) -> None:
        """The SHA-256 of the photos' own, sorted: whoever has the photos can work it out, in whatever order."""
        hashes = sorted(row.tobytes() for row in photos().image_sha256)
        assert report()["dataset"]["sha256"] == hashlib.sha256(b"".join(hashes)).hexdigest()

    def test_counts_failures_to_acquire(self) -> None:
        small = photos().inter_eye_distance_px.copy()
        small[[1, 2, 20]] = 31.0
        told = evaluate(dataset(), replace(photos(), inter_eye_distance_px=small), ABOUT, OPTIONS)["acquisition"]
        assert told == {
            "images": COUNT,
            "failures": {"count": 3, "reasons": {"no_face": 1, "image_truncated": 2}},
            "failure_to_acquire_rate": pytest.approx(3 / COUNT),
            "product_failures": {
                "count": 8,
                "reasons": {"no_face": 1, "image_truncated": 2, "several_faces": 3, "face_too_small": 2},
            },
            "product_failure_to_acquire_rate": pytest.approx(8 / COUNT),
        }

    def test_counts_comparisons(self) -> None:
        done: list[int] = []
        told = evaluate(dataset(), photos(), ABOUT, OPTIONS, progress=done.append)
        first, second, same = pairs_of(photos().embedded)
        score = (photos().vectors[first] * photos().vectors[second]).sum(axis=1)
        of_subject = np.bincount(dataset().subject[photos().embedded])
        assert told["comparisons"] == {
            "mated": int(same.sum()),
            "non_mated": int((~same).sum()),
            "mated_subjects": int((of_subject > 1).sum()),
            "non_mated_mean": pytest.approx(score[~same].mean(), abs=1e-3),
        }
        assert sum(done) == len(same)

    def test_rates_are_those_of_all_pairs(self) -> None:
        first, second, same = pairs_of(photos().embedded)
        vectors = photos().vectors
        score = np.sum(vectors[first] * vectors[second], axis=1)
        assert [row["fmr_target"] for row in report()["rates"]] == list(FMR_TARGETS)
        for row in report()["rates"]:
            matched = score >= np.float32(row["threshold"])
            assert row["fmr"]["errors"] == (matched & ~same).sum()
            assert row["fnmr"]["errors"] == (~matched & same).sum()

    def test_curves_are_whole(self) -> None:
        curves = report()["curves"]
        columns = {name: np.array(column) for name, column in curves.items()}
        assert len({len(column) for column in columns.values()}) == 1
        assert columns["non_mated"].sum() == report()["comparisons"]["non_mated"]
        assert columns["mated"].sum() == report()["comparisons"]["mated"]
        assert columns["fmr"][0] == 1
        assert columns["fnmr"][0] == 0
        assert columns["scores"][-1] >= 0.9
        for name, sign in (("fmr", -1), ("fnmr", 1)):
            assert np.all(sign * np.diff(columns[name]) >= 0)
            assert np.all(columns[f"{name}_lower"] <= columns[name])
            assert np.all(columns[name] <= columns[f"{name}_upper"])
            assert columns[f"{name}_lower"].min() >= 0
            assert columns[f"{name}_upper"].max() <= 1

    def test_the_equal_error_lies_in_its_interval(self) -> None:
        told = report()["eer"]
        assert told["lower"] <= told["value"] <= told["upper"]
        assert told["trials"] == report()["comparisons"]["mated"]
        assert told["errors"] == round(told["value"] * told["trials"])

    def test_discard_curves_are_at_the_stated_fmr(self) -> None:
        told = report()["discard"]
        (row,) = [row for row in report()["rates"] if row["fmr_target"] == told["fmr"]]
        assert told["threshold"] == row["threshold"]
        for curve in told["curves"]:
            assert curve["fnmr"][0] == pytest.approx(row["fnmr"]["value"])
            assert len(curve["fnmr"]) == len(told["fractions"])

    def test_the_tail_says_from_where_it_is_extrapolated(self) -> None:
        assert report()["tail"]["extrapolated_below"] == 30 / report()["comparisons"]["non_mated"]


class TestProduct:
    def test_rates_over_the_photos_that_it_accepts(self) -> None:
        """At thresholds of their own."""
        _, _, same = pairs_of(photos().accepted(32.0))
        told = report()["product"]
        assert told["comparisons"] == {"mated": int(same.sum()), "non_mated": int((~same).sum())}
        assert [row["fmr_target"] for row in told["rates"]] == list(FMR_TARGETS)
        strict = evaluate(dataset(), photos(), ABOUT, replace(OPTIONS, inter_eye_distance_min_px=100.0))
        _, _, same = pairs_of(photos().accepted(100.0))
        assert strict["product"]["comparisons"]["mated"] == same.sum()

    def test_are_left_out_where_it_accepts_all_or_too_few(self) -> None:
        assert evaluate(dataset(), sound(), ABOUT, OPTIONS)["product"] is None
        none = evaluate(dataset(), sound(), ABOUT, replace(OPTIONS, inter_eye_distance_min_px=1000.0))
        assert none["product"] is None
        only = np.where(dataset().subject == 3, 1000, 50).astype(np.float32)
        one = replace(sound(), inter_eye_distance_px=only)
        assert evaluate(dataset(), one, ABOUT, replace(OPTIONS, inter_eye_distance_min_px=1000.0))["product"] is None

    def test_transactions_are_for_each_number_of_attempts(self) -> None:
        told = evaluate(dataset(), photos(), ABOUT, replace(OPTIONS, attempts=(1, 2, 4), policy_fmr=1e-2))[
            "transactions"
        ]
        assert [row["attempts"] for row in told] == [1, 2, 4]
        (row,) = [row for row in report()["rates"] if row["fmr_target"] == 1e-2]
        for each in told:
            assert (each["fmr_target"], each["inter_eye_distance_min_px"]) == (1e-2, 32.0)
            assert each["threshold"] == row["threshold"]
            assert each["failure_to_enrol"] == pytest.approx(6 / COUNT)
        assert told[0]["frr"] > told[1]["frr"] > told[2]["frr"]
        assert told[0]["far"] < told[1]["far"]


class TestCaptures:
    def test_photos_of_one_capture_make_no_mated_pair(self) -> None:
        capture = np.arange(COUNT, dtype=np.int32) // 2
        told = evaluate(dataset(capture=capture), sound(), ABOUT, OPTIONS)
        first, second, same = pairs_of(sound().embedded)
        apart = capture[first] != capture[second]
        assert told["comparisons"]["mated"] == (same & apart).sum() < same.sum()
        assert told["comparisons"]["non_mated"] == (~same).sum()

    def test_nor_are_they_failed_attempts(self) -> None:
        """Everyone is always accepted, so nobody is rejected for photos that were not compared."""
        vectors = np.repeat(np.eye(39, dtype=np.float32), PHOTOS, axis=0)
        one = acquired(np.random.default_rng(3), vectors)
        capture = np.arange(COUNT, dtype=np.int32) // 2
        for told in evaluate(dataset(capture=capture), one, ABOUT, OPTIONS)["transactions"]:
            assert (told["frr"], told["far"]) == (0.0, 0.0)


class TestGroups:
    def test_are_measured_at_the_thresholds_of_all(self) -> None:
        subject = dataset().subject
        site = np.where(subject == 38, 2, subject % 2).astype(np.int32)
        grouping = Grouping("Site", ("North", "South", "alone"), site)
        told = evaluate(dataset(groupings=(grouping,)), photos(), ABOUT, OPTIONS)
        (found,) = told["groups"]
        assert found["name"] == "Site"
        assert [row["label"] for row in found["groups"]] == ["North", "South", "alone"]
        for row in found["groups"]:
            chosen = (site == grouping.labels.index(row["label"])) & photos().embedded
            assert (row["images"], row["subjects"]) == (chosen.sum(), len(np.unique(subject[chosen])))
            first, second, same = pairs_of(chosen)
            score = np.sum(photos().vectors[first] * photos().vectors[second], axis=1)
            for at, whole in zip(row["rates"], told["rates"], strict=True):
                assert at["threshold"] == whole["threshold"]
                matched = score >= np.float32(at["threshold"])
                assert (at["fmr"]["errors"], at["fmr"]["trials"]) == ((matched & ~same).sum(), (~same).sum())
                assert (at["fnmr"]["errors"], at["fnmr"]["trials"]) == ((~matched & same).sum(), same.sum())
        json.dumps(told, allow_nan=False)

    def test_the_worst_is_told_over_the_geometric_mean(self) -> None:
        site = (dataset().subject % 2).astype(np.int32)
        told = evaluate(dataset(groupings=(Grouping("Site", ("North", "South"), site),)), photos(), ABOUT, OPTIONS)
        (found,) = told["groups"]
        for number, row in enumerate(found["worst_to_mean"]):
            assert row["fmr_target"] == FMR_TARGETS[number]
            for name in ("fmr", "fnmr"):
                rates = [group["rates"][number][name] for group in found["groups"]]
                seen = [rate["value"] for rate in rates if rate["value"]]
                expected = max(seen) / np.sqrt(seen[0] * seen[1]) if len(seen) == 2 else None
                assert row[name]["ratio"] == (None if expected is None else pytest.approx(expected))
                assert row[name]["supported"] == (len(seen) == 2 and min(rate["errors"] for rate in rates) >= 30)

    def test_groups_that_were_not_stated_or_not_acquired_are_left_out(self) -> None:
        """And one of a single photo has no rates."""
        of_image = np.zeros(COUNT, dtype=np.int32)
        of_image[dataset().subject == 30] = 1  # of one photo
        of_image[dataset().subject == 31] = 2
        of_image[dataset().subject == 32] = 3
        grouping = Grouping("Site", ("North", "one", "", "gone"), of_image)
        lost = {int(np.flatnonzero(of_image == 3)[0]): "no_face"}
        random = np.random.default_rng(1)
        told = evaluate(dataset(groupings=(grouping,)), acquired(random, people(random, PHOTOS), lost), ABOUT, OPTIONS)
        north, one = told["groups"][0]["groups"]
        assert (north["label"], one["label"]) == ("North", "one")
        assert (one["images"], one["subjects"]) == (1, 1)
        for at in one["rates"]:
            for name in ("fmr", "fnmr", "fnmr_subject_weighted"):
                assert (at[name]["value"], at[name]["upper"], at[name]["trials"]) == (None, None, 0)


class TestListedPairs:
    def test_are_compared_alone(self) -> None:
        data = listed(10)
        assert data.pairs is not None
        told = evaluate(data, photos(), ABOUT, OPTIONS)
        both = photos().embedded[data.pairs.first] & photos().embedded[data.pairs.second]
        assert told["comparisons"]["mated"] == (both & data.pairs.mated).sum()
        assert told["comparisons"]["non_mated"] == (both & ~data.pairs.mated).sum()
        assert (told["transactions"], told["groups"], told["documents"], told["product"]) == ([], [], [], None)
        json.dumps(told, allow_nan=False)

    def test_folds_count_what_was_not_compared_as_no_match(self) -> None:
        data = listed(10)
        assert data.pairs is not None
        told = evaluate(data, photos(), ABOUT, OPTIONS)["folds"]
        vectors, pairs = photos().vectors, data.pairs
        both = photos().embedded[pairs.first] & photos().embedded[pairs.second]
        score = np.where(both, np.einsum("ij,ij->i", vectors[pairs.first], vectors[pairs.second]), -1)
        expected = folded_accuracy(score.astype(np.float32), pairs.mated, pairs.fold)
        assert (told["folds"], told["pairs"], told["not_compared"]) == (10, 400, int((~both).sum()))
        assert told["not_compared"] > 0
        assert told["accuracies"] == pytest.approx(expected["accuracies"])
        assert told["accuracy"] == pytest.approx(expected["accuracy"])

    def test_have_no_folds_where_there_is_one(self) -> None:
        assert evaluate(listed(1), photos(), ABOUT, OPTIONS)["folds"] is None


class TestHardest:
    def test_are_numbered_rows(self) -> None:
        """The lowest mated and the highest non-mated pairs, at most 50 of each."""
        told = evaluate(dataset(), photos(), ABOUT, replace(OPTIONS, hardest=True))["hardest"]
        first, second, same = pairs_of(photos().embedded)
        score = np.sum(photos().vectors[first].astype(np.float64) * photos().vectors[second], axis=1)
        ends = [
            np.flatnonzero(same)[np.argsort(score[same])[:50]],
            np.flatnonzero(~same)[np.argsort(-score[~same])[:50]],
        ]
        for rows, expected in zip((told["mated"], told["non_mated"]), ends, strict=True):
            assert len(rows) == 50
            assert [row["score"] for row in rows] == pytest.approx(score[expected], abs=1e-4)
            assert {tuple(sorted(row["rows"])) for row in rows} == {(first[n] + 1, second[n] + 1) for n in expected}
            assert all(set(row) == {"rows", "score"} for row in rows)

    def test_of_listed_pairs_are_the_rows_of_the_list(self) -> None:
        """Counted with those that were not compared."""
        data = listed(2)
        assert data.pairs is not None
        told = evaluate(data, photos(), ABOUT, replace(OPTIONS, hardest=True))["hardest"]
        vectors, pairs = photos().vectors, data.pairs
        score = np.sum(vectors[pairs.first] * vectors[pairs.second], axis=1)
        both = photos().embedded[pairs.first] & photos().embedded[pairs.second]
        for name, kind, sign in (("mated", pairs.mated, 1), ("non_mated", ~pairs.mated, -1)):
            assert len(told[name]) == 50
            numbers = [row["rows"][0] - 1 for row in told[name]]
            assert all(len(row["rows"]) == 1 for row in told[name])
            assert (both & kind)[numbers].all()
            hardest = np.sort(sign * score[both & kind])[:50]
            np.testing.assert_allclose(sign * score[numbers], hardest, atol=1e-6)

    def test_are_all_where_there_are_fewer(self) -> None:
        subject = np.array([0, 0, 1], dtype=np.int32)
        few = Dataset(("a", "b", "c"), subject)
        random = np.random.default_rng(4)
        told = evaluate(few, acquired(random, people(random, [2, 1])), ABOUT, replace(OPTIONS, hardest=True))["hardest"]
        assert [sorted(row["rows"]) for row in told["mated"]] == [[1, 2]]
        assert sorted(sorted(row["rows"]) for row in told["non_mated"]) == [[1, 3], [2, 3]]


class TestCalibrationCheck:
    def test_says_what_the_table_came_to_here(self) -> None:
        """On the data that it was made from, about what it states."""
        table = Calibration.parse(calibration_table(report()), model_sha256="ab" * 32)
        told = evaluate(dataset(), photos(), ABOUT, OPTIONS, calibration=table)["calibration"]
        assert (told["dataset"], told["date"]) == (ABOUT.dataset, ABOUT.date)
        assert [row["policy"] for row in told["rates"]] == ["1e-3"]  # rarer ones are beyond its last score
        (row,) = told["rates"]
        assert row["stated_fmr"] == 1e-3
        assert row["threshold"] >= table.threshold(1e-3) > row["threshold"] - 1 / 1024
        score = int(np.searchsorted(report()["curves"]["scores"], row["threshold"] - 1e-6))
        assert row["fmr"]["errors"] == sum(report()["curves"]["non_mated"][score:]) > 0


class TestDocuments:
    def test_each_degradation_has_a_row_and_documents_one_together(self) -> None:
        random = np.random.default_rng(5)
        names = [name for name, kind in DEGRADATIONS.items() if kind.side == "reference"][:2]
        probe = next(name for name, kind in DEGRADATIONS.items() if kind.side == "probe")
        noise = random.normal(0, 0.05, (3, COUNT, 16)).astype(np.float32)
        degraded = {}
        for name, added in zip([*names, probe], noise, strict=True):
            vectors = sound().vectors + added
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            degraded[name] = acquired(random, vectors, {3: "no_face"})
        told = evaluate(dataset(), photos(), ABOUT, OPTIONS, documents=degraded)["documents"]
        assert [row["name"] for row in told] == [*names, probe, "all documents"]
        assert [row["side"] for row in told] == ["reference", "reference", "probe", "reference"]
        both = photos().embedded.copy()
        both[3] = False
        _, _, same = pairs_of(both)
        for row, times in zip(told, (2, 2, 2, 4), strict=True):  # either image of a pair is the reference once
            counts = row["comparisons"]
            assert (counts["mated"], counts["non_mated"]) == (times * same.sum(), times * (~same).sum())
            assert len(row["rates"]) == len(row["at_clean_thresholds"]) == len(FMR_TARGETS)
            for at, clean in zip(row["at_clean_thresholds"], report()["rates"], strict=True):
                assert at["threshold"] == clean["threshold"]
        assert [row["failures"] for row in told] == [1, 1, 1, 2]
        assert ["curves" in row for row in told] == [False, False, False, True]
        assert all(not row["rates"][-1]["supported"] for row in told)  # however often a pair was compared
        json.dumps(told, allow_nan=False)


class TestTooLittle:
    def test_one_subject_is_refused(self) -> None:
        one = Dataset(("a", "b", "c"), np.zeros(3, dtype=np.int32))
        random = np.random.default_rng(6)
        with pytest.raises(InputInvalid, match="different subjects"):
            evaluate(one, acquired(random, people(random, [3])), ABOUT, OPTIONS)

    @pytest.mark.parametrize("left", [0, 1, 3])
    def test_photos_of_which_too_few_have_faces_are_refused(self, left: int) -> None:
        """None, one, or those of one subject."""
        random = np.random.default_rng(7)
        gone = acquired(random, people(random, PHOTOS), dict.fromkeys(range(left, COUNT), "no_face"))
        with pytest.raises(InputInvalid, match="different subjects"):
            evaluate(dataset(), gone, ABOUT, OPTIONS)

    def test_without_mated_pairs_there_are_false_matches_alone(self) -> None:
        random = np.random.default_rng(8)
        single = Dataset(tuple("abcdefghij"), np.arange(10, dtype=np.int32))
        told = evaluate(single, acquired(random, people(random, [1] * 10)), ABOUT, replace(OPTIONS, hardest=True))
        assert told["comparisons"] == {
            "mated": 0,
            "non_mated": 45,
            "mated_subjects": 0,
            "non_mated_mean": pytest.approx(told["comparisons"]["non_mated_mean"]),
        }
        assert (told["eer"], told["discard"], told["hardest"]["mated"]) == (None, None, [])
        assert "fnmr_upper" not in told["curves"]
        assert all(row["fnmr"]["value"] is None for row in told["rates"])
        assert all(row["frr"] is None for row in told["transactions"])
        assert told["transactions"][0]["far"] is not None
        json.dumps(told, allow_nan=False)

    def test_two_photos_of_two_subjects_are_a_report(self) -> None:
        random = np.random.default_rng(9)
        pair = Dataset(("a", "b"), np.arange(2, dtype=np.int32))
        told = evaluate(pair, acquired(random, people(random, [1, 1])), ABOUT, OPTIONS)
        assert told["comparisons"]["non_mated"] == 1
        assert told["tail"] is None
        json.dumps(told, allow_nan=False)
