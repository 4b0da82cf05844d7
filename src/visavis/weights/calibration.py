"""What a comparison score means: the false match rate it stands for, as measured on stated data.

A calibration table belongs to one model file and to the pipeline that fed it. It gives the false match rate (FMR) and
the false non-match rate (FNMR) over a grid of scores, with the data set, counts, interval and date they come from.
"""

import json
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, log10
from typing import Any, Literal, cast

from visavis.errors import ManifestInvalid, PolicyUnsupported

Condition = Literal["photo", "document"]
"""What the reference is a picture of: a person, or an identity document with a person's picture on it."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class FalseMatchRate:
    """A false match rate with its 95 % interval; all three in 0..1.

    extrapolated: fewer than 30 false matches were observed at this rate, so it rests on a model of the tail.
    """

    value: float
    lower: float
    upper: float
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """Score to FMR and FNMR for one model.

    non_mated_mean: of the scores of all non-mated pairs. scores: increasing cosine scores. fmr, fmr_lower, fmr_upper, fnmr:
    rates in 0..1 at those scores, where a comparison matches when its score is at least the threshold; FMR never rises with
    the score and is never zero.
    extrapolated_below: FMRs under this one are extrapolated. document: the same where the reference is a photo of an identity
    document; None where that was not measured.
    """

    model_sha256: str
    dataset: str
    date: str
    subjects: int
    images: int
    mated_pairs: int
    non_mated_pairs: int
    interval: str
    extrapolated_below: float
    non_mated_mean: float
    scores: tuple[float, ...]
    fmr: tuple[float, ...]
    fmr_lower: tuple[float, ...]
    fmr_upper: tuple[float, ...]
    fnmr: tuple[float, ...]
    document: "Calibration | None" = None

    @classmethod
    def parse(cls, text: str, *, model_sha256: str) -> "Calibration":
        """Read a table's JSON. Raises ManifestInvalid when it breaks the format or belongs to another model file."""
        try:
            table = json.loads(text)
            if not isinstance(table, dict) or _value(table, "format", int) != _FORMAT:
                raise ManifestInvalid(f"expected a calibration table of format {_FORMAT}")
            document = cls._read(_value(table, "document", dict), None) if "document" in table else None
            calibration = cls._read(table, document)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise ManifestInvalid(f"the calibration table cannot be read: {type(error).__name__}: {error}") from error
        for made in (calibration, document or calibration):
            if made.model_sha256 != model_sha256:
                raise ManifestInvalid(
                    f"the calibration table is for the model {made.model_sha256[:16]}…, not {model_sha256[:16]}…"
                )
        return calibration

    @classmethod
    def _read(cls, table: dict[str, Any], document: "Calibration | None") -> "Calibration":
        numbers: dict[str, Any] = {name: _numbers(table, name) for name in _CURVES}
        header = {key: _value(table, key, kind) for key, kind in _HEADER.items()}
        if table:
            raise ManifestInvalid(f"unknown keys in the calibration table: {', '.join(sorted(table))}")
        calibration = cls(**header, **numbers, document=document)
        calibration._check()
        return calibration

    def under(self, condition: Condition) -> "Calibration":
        """The table for this condition. Raises PolicyUnsupported when there is none."""
        table = {"photo": self, "document": self.document}.get(condition)
        if table is None:
            raise PolicyUnsupported(
                f"the calibration on {self.dataset} says nothing of {condition}s; make one for documents with "
                "`visavis evaluate --documents` and `visavis calibrate`, or choose a policy for photos"
            )
        return table

    def false_match_rate(self, score: float) -> FalseMatchRate:
        """The FMR of a threshold at `score`, interpolated in its logarithm; the table's ends beyond them."""
        value, lower, upper = (self._at(score, curve) for curve in (self.fmr, self.fmr_lower, self.fmr_upper))
        return FalseMatchRate(value, lower, upper, value < self.extrapolated_below)

    def threshold(self, fmr_target: float) -> float:
        """The lowest score whose FMR is at most `fmr_target`.

        Raises PolicyUnsupported when the table does not reach that rate.
        """
        index = bisect_left(self.fmr, -fmr_target, key=lambda rate: -rate)
        if index == 0 or index == len(self.fmr):
            raise PolicyUnsupported(
                f"the calibration on {self.dataset} covers FMR {self.fmr[-1]:.1e} to {self.fmr[0]:.1e}, not {fmr_target:.1e}"
            )
        high, low = log10(self.fmr[index - 1]), log10(self.fmr[index])
        share = (high - log10(fmr_target)) / (high - low) if high > low else 1.0  # one rounding apart
        return self.scores[index - 1] + share * (self.scores[index] - self.scores[index - 1])

    def _at(self, score: float, curve: tuple[float, ...]) -> float:
        if score <= self.scores[0]:
            return curve[0]
        if score >= self.scores[-1]:
            return curve[-1]
        index = bisect_left(self.scores, score)
        left, right = self.scores[index - 1], self.scores[index]
        share = (score - left) / (right - left)
        return cast("float", curve[index - 1] ** (1 - share) * curve[index] ** share)

    def _check(self) -> None:
        curves = (self.fmr, self.fmr_lower, self.fmr_upper, self.fnmr)
        if len(self.scores) < 2 or any(len(curve) != len(self.scores) for curve in curves):
            raise ManifestInvalid("a calibration table needs at least two scores and one rate a score in every curve")
        if not all(a < b for a, b in pairwise(self.scores)) or not -1 <= self.scores[0] < self.scores[-1] <= 1:
            raise ManifestInvalid("the scores of a calibration table must increase within -1..1")
        if not all(0 < rate <= 1 for curve in curves[:3] for rate in curve) or not all(0 <= r <= 1 for r in self.fnmr):
            raise ManifestInvalid("rates must lie in 0..1, and FMR above 0: no data can show a rate of zero")
        if not 0 <= self.extrapolated_below <= 1:
            raise ManifestInvalid("extrapolated_below must be a rate in 0..1")
        if not -1 <= self.non_mated_mean <= 1:
            raise ManifestInvalid("non_mated_mean must be a score in -1..1")
        if any(a < b for a, b in pairwise(self.fmr)) or any(a > b for a, b in pairwise(self.fnmr)):
            raise ManifestInvalid("FMR must never rise with the score, and FNMR never fall")
        if any(not lo <= mid <= hi for lo, mid, hi in zip(self.fmr_lower, self.fmr, self.fmr_upper, strict=True)):
            raise ManifestInvalid("each FMR must lie within its interval")


_CURVES = ("scores", "fmr", "fmr_lower", "fmr_upper", "fnmr")
_HEADER: dict[str, Any] = {
    "model_sha256": str,
    "dataset": str,
    "date": str,
    "subjects": int,
    "images": int,
    "mated_pairs": int,
    "non_mated_pairs": int,
    "interval": str,
    "extrapolated_below": float,
    "non_mated_mean": float,
}


def _value(table: dict[str, Any], key: str, kind: type) -> Any:
    """Take a value out of the table; nothing is converted but whole numbers to float."""
    value = table.pop(key)
    if type(value) not in ((int, float) if kind is float else (kind,)):
        raise TypeError(f"{key} must be a {kind.__name__}, not {type(value).__name__}")
    return float(value) if kind is float else value


def _numbers(table: dict[str, Any], key: str) -> tuple[float, ...]:
    values: list[Any] = _value(table, key, list)
    if not all(type(value) in {int, float} and isfinite(value) for value in values):
        raise ValueError(f"{key} must be finite numbers")
    return tuple(float(value) for value in values)
