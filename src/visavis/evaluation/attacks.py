"""Presentation attack detection (PAD), and the whole system under attack, in the terms of ISO/IEC 30107-3:2023.

The terms are those of its clause 3.2 and the metrics those of its clause 13, read as test laboratories and FIDO do:

- APCER is the proportion of presentations of one PAI species that the PAD subsystem classifies as bona fide, BPCER that of
  bona fide ones that it classifies as attacks. A presentation without a response is not classified: it counts in APNRR or
  BPNRR and not in these, so that a subsystem which seldom answers does not look safe.
- IAPAR is the proportion of impostor attack presentations of one PAI species that the whole system accepts, FRR that of bona
  fide ones that it rejects. Every presentation counts as one transaction; it is accepted when it is answered, classified as
  bona fide, and its comparison score reaches the threshold. RIAPAR = 1 + (IAPAR - (1 - FRR)), which is IAPAR + FRR.
- BPCER20 is BPCER where APCER is 1/20, BPCER100 where it is 1/100.

Species are never pooled: an attacker takes the one that works, so the highest rate of any species is the system's.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InputInvalid
from visavis.evaluation.rates import REPLICATES, RULE_OF_3, SEED, rate

BONA_FIDE = "bona_fide"
APCER_TARGETS = {"BPCER10": 1 / 10, "BPCER20": 1 / 20, "BPCER100": 1 / 100}

Floats = NDArray[np.float64]
Chosen = NDArray[np.bool_]
Rate = dict[str, Any]

_COLUMNS = ("species", "score", "comparison", "subject", "simulated")
_REPLICATES_MIN = 100


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AttackScores:
    """One row a presentation; arrays are read-only.

    names: `bona_fide`, then the PAI species. species: (n,) int64, which of the names. scores: (n,) float64, of PAD, higher is
    more bona fide; NaN where there was no response. comparisons: (n,) float64, against the claimed person's reference; NaN
    where nothing was compared. clusters: (n,) int64, equal where presentations share a subject. simulated: whether a program
    made any of them.
    """

    names: tuple[str, ...]
    species: NDArray[np.int64]
    scores: Floats
    comparisons: Floats | None
    clusters: NDArray[np.int64]
    simulated: bool = False

    def __post_init__(self) -> None:
        for array in (self.species, self.scores, self.comparisons, self.clusters):
            if array is not None:
                array.flags.writeable = False

    def __repr__(self) -> str:
        return f"<AttackScores: {len(self.scores)} presentations, {len(self.names) - 1} PAI species>"

    @classmethod
    def parse(cls, text: str) -> "AttackScores":
        """Read a CSV file's text, a presentation a line.

        Columns, in any order: `species`, `bona_fide` or the name of a PAI species; `score`, of PAD, empty for no response;
        where the whole system is judged `comparison`, the score against the claimed person's reference, empty where nothing
        was compared; where presentations are not independent `subject`, who presented or whose features the PAI carries; where a
        program made them `simulated`, `yes`, which every figure then says.
        Raises InputInvalid, with the line but never with what a cell says.
        """
        names: dict[str, int] = {BONA_FIDE: 0}
        known: dict[str | int, int] = {}
        rows: list[tuple[int, float, float, int]] = []
        compared = simulated = False
        try:
            for line, cells in _rows(text):
                compared = "comparison" in cells
                simulated |= _simulated(cells.get("simulated", ""), line)
                species = names.setdefault(_species(cells["species"], line), len(names))
                score, comparison = (_number(cells.get(column, ""), column, line) for column in ("score", "comparison"))
                rows.append((species, score, comparison, known.setdefault(cells.get("subject") or line, len(known))))
        except csv.Error as error:
            raise InputInvalid(f"expected a CSV file: {error}") from error
        attacks = sum(row[0] > 0 for row in rows)
        if not 0 < attacks < len(rows):
            raise InputInvalid(
                f"expected bona fide presentations and attacks, found {len(rows) - attacks} bona fide and {attacks} attacks"
            )
        kinds, scores, comparisons, clusters = zip(*rows, strict=True)
        return cls(
            tuple(names),
            np.array(kinds, dtype=np.int64),
            np.array(scores, dtype=np.float64),
            np.array(comparisons, dtype=np.float64) if compared else None,
            np.array(clusters, dtype=np.int64),
            simulated,
        )


def attack_figures(
    scores: AttackScores,
    *,
    threshold: float | None,
    comparison_threshold: float | None,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> dict[str, Any]:
    """All figures as plain values for JSON.

    threshold: of PAD; a presentation is classified as bona fide when its score is at least that. None: figures at the APCER
    targets alone. Each rate has `value`, None where there were no trials or no errors; `lower` and `upper`, its 95 % interval
    from a bootstrap over clusters, never narrower than the rule of 3 allows; `errors`, `trials`, `clusters`; `supported`,
    whether there were 30 errors, from more than one cluster. A worst species' interval is its own.
    The thresholds for APCER targets come from these very presentations, and the intervals there take them as given.
    Raises InputInvalid when a threshold is no finite number or there are fewer than 100 replicates.
    """
    for name, value in (("threshold", threshold), ("comparison_threshold", comparison_threshold)):
        if value is not None and not isfinite(value):
            raise InputInvalid(f"expected a finite number for {name}, found {value}")
    if replicates < _REPLICATES_MIN:
        raise InputInvalid(f"expected at least {_REPLICATES_MIN} replicates, found {replicates}")

    def measure(errors: Chosen, trials: Chosen) -> Rate:
        return _rate(scores.clusters, errors, trials, replicates, seed)

    bona_fide, attacks = _sides(scores)
    silent = np.isnan(scores.scores)
    curve = _det(scores)
    full_system = None
    if threshold is not None and comparison_threshold is not None and scores.comparisons is not None:
        passed, reached = scores.scores >= threshold, scores.comparisons >= comparison_threshold
        full_system = _full_system(scores, passed & reached, measure) | {
            "threshold": threshold,
            "comparison_threshold": comparison_threshold,
            "not_compared": int((passed & np.isnan(scores.comparisons)).sum()),
        }
    return {
        "simulated": scores.simulated,
        "presentations": {BONA_FIDE: int(bona_fide.sum())} | {name: int(rows.sum()) for name, rows in attacks.items()},
        "interval": f"95 %, bootstrap over {len(np.unique(scores.clusters))} clusters, {replicates} replicates, seed {seed}",
        "apnrr": {name: measure(rows & silent, rows) for name, rows in attacks.items()},
        "bpnrr": measure(bona_fide & silent, bona_fide),
        "at_threshold": None if threshold is None else _subsystem(scores, threshold, measure),
        "full_system": full_system,
        "at_apcer": {
            name: curve and {"apcer_target": target} | _subsystem(scores, _reaching(curve, target), measure)
            for name, target in APCER_TARGETS.items()
        },
        "det": curve and _thinned(*curve),
    }


def _subsystem(scores: AttackScores, threshold: float, measure: Callable[[Chosen, Chosen], Rate]) -> dict[str, Any]:
    """PAD at a threshold; infinity, which no presentation reaches, is told as None."""
    bona_fide, attacks = _sides(scores)
    answered, passed = ~np.isnan(scores.scores), scores.scores >= threshold
    apcer = {name: measure(rows & passed, rows & answered) for name, rows in attacks.items()}
    return {
        "threshold": threshold if isfinite(threshold) else None,
        "apcer": apcer,
        "apcer_worst": _worst(apcer),
        "bpcer": measure(bona_fide & answered & ~passed, bona_fide & answered),
    }


def _full_system(scores: AttackScores, accepted: Chosen, measure: Callable[[Chosen, Chosen], Rate]) -> dict[str, Any]:
    """RIAPAR is the worst species'; its interval is the sum of both, exact where both err together and wide otherwise."""
    bona_fide, attacks = _sides(scores)
    frr = measure(bona_fide & ~accepted, bona_fide)
    iapar = {name: measure(rows & accepted, rows) for name, rows in attacks.items()}
    worst = _worst(iapar)
    riapar = worst and {
        "species": worst["species"],
        "value": (worst["value"] or 0.0) + (frr["value"] or 0.0) or None,
        "lower": worst["lower"] + frr["lower"],
        "upper": worst["upper"] + frr["upper"],
        "supported": worst["supported"] and frr["supported"],
    }
    return {"frr": frr, "iapar": iapar, "iapar_worst": worst, "riapar": riapar}


def _worst(rates: dict[str, Rate]) -> Rate | None:
    """The species with the highest rate; among equals the one of which least is known."""
    told = {name: one for name, one in rates.items() if one["trials"]}
    if not told:
        return None
    name = max(told, key=lambda name: (told[name]["errors"] / told[name]["trials"], told[name]["upper"]))
    return {"species": name} | told[name]


def _rate(clusters: NDArray[np.int64], errors: Chosen, trials: Chosen, replicates: int, seed: int) -> Rate:
    """Errors are among the trials. Clusters with equal counts are drawn together: the same, and much quicker."""
    if not trials.any():
        return rate(nan, 0, 0, np.empty(0), 0) | {"clusters": 0}
    size = int(clusters.max()) + 1
    counts = np.stack([np.bincount(clusters[rows], minlength=size) for rows in (errors, trials)], axis=1)
    counts = counts[counts[:, 1] > 0]
    kinds, times = np.unique(counts, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(counts), times / len(counts), size=replicates) @ kinds
    wrong, total = (int(count) for count in counts.sum(axis=0))
    told = rate(wrong / total, wrong, total, drawn[:, 0] / drawn[:, 1], len(counts))
    # a bootstrap never draws what was not seen: with few errors, few clusters or nothing but errors it is too sure
    unseen = min(1.0, RULE_OF_3 / len(counts))
    return told | {
        "lower": min(told["lower"], 1 - unseen),
        "upper": max(told["upper"], unseen),
        "supported": told["supported"] and len(counts) > 1,
        "clusters": len(counts),
    }


def _det(scores: AttackScores) -> tuple[Floats, Floats, Floats] | None:
    """(thresholds, APCER of the worst species, BPCER), at every score and at infinity; None where one side never answered."""
    bona_fide, attacks = _sides(scores)
    answered = ~np.isnan(scores.scores)
    passing = np.sort(scores.scores[bona_fide & answered])
    species = [np.sort(scores.scores[rows & answered]) for rows in attacks.values() if (rows & answered).any()]
    if not len(passing) or not species:
        return None
    grid = np.append(np.unique(scores.scores[answered]), inf)
    apcer = np.max([(len(one) - np.searchsorted(one, grid)) / len(one) for one in species], axis=0)
    return grid, apcer, np.searchsorted(passing, grid) / len(passing)


def _reaching(curve: tuple[Floats, Floats, Floats], target: float) -> float:
    """The lowest threshold at which no species' APCER is above the target."""
    thresholds, apcer, _ = curve
    return float(thresholds[np.argmax(apcer <= target)])


def _thinned(thresholds: Floats, apcer: Floats, bpcer: Floats) -> dict[str, list[float | None]]:
    """The points to plot, as counted, zeros too: of those alike to a plot the first, which leaves fewer than 2,000."""
    cells = [np.round(20 * np.log((rates + 1e-9) / (1 - rates + 1e-9))) for rates in (apcer, bpcer)]
    kept = np.ones(len(thresholds), dtype=np.bool_)
    kept[1:-1] = np.any(np.diff(cells, axis=1) != 0, axis=0)[:-1]
    told = [value if isfinite(value) else None for value in thresholds[kept].tolist()]
    return {"threshold": told, "apcer": apcer[kept].tolist(), "bpcer": bpcer[kept].tolist()}


def _sides(scores: AttackScores) -> tuple[Chosen, dict[str, Chosen]]:
    """The rows of bona fide presentations, and those of each PAI species, by name."""
    rows = {name: np.asarray(scores.species == index) for index, name in enumerate(scores.names)}
    return rows.pop(BONA_FIDE), dict(sorted(rows.items()))


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells by column) of every row but the header and blank lines."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header = [cell.strip() for cell in next(reader, [])]
    if not {"species", "score"} <= set(header) <= set(_COLUMNS) or len(set(header)) != len(header):
        raise InputInvalid(
            "line 1: expected a header with the columns `species` and `score`, perhaps `comparison`, `subject` and `simulated`, "
            f"and no other; found {len(header)} columns, {len(set(header) & set(_COLUMNS))} of them known"
        )
    for cells in reader:
        if len(cells) not in (0, len(header)):
            raise InputInvalid(f"line {reader.line_num}: expected {len(header)} cells, found {len(cells)}")
        if cells:
            yield reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))


def _species(cell: str, line: int) -> str:
    if not cell:
        raise InputInvalid(f"line {line}: expected `{BONA_FIDE}` or the name of a PAI species, found an empty cell")
    if cell != BONA_FIDE and "".join(filter(str.isalpha, cell.casefold())) == "bonafide":  # it would become an attack
        raise InputInvalid(f"line {line}: expected `{BONA_FIDE}`, found it written in another way")
    return cell


def _simulated(cell: str, line: int) -> bool:
    if cell not in ("", "no", "yes"):
        raise InputInvalid(f"line {line}: expected `yes`, `no` or nothing in `simulated`, found something else")
    return cell == "yes"


def _number(cell: str, column: str, line: int) -> float:
    """NaN for an empty cell."""
    try:
        value = float(cell) if cell else nan
    except ValueError:
        value = inf
    if cell and not isfinite(value):
        raise InputInvalid(f"line {line}: expected a finite number or nothing in `{column}`, found something else")
    return value
