"""A model's calibration table from an evaluation: score to FMR with its interval, as the decision room reads it.

The false match rate of a score is monotone by construction and never zero, in the spirit of ISO/IEC 5152's normalised
scores: it says how often two different people would reach that score on the named data. What lies beyond the counted false
matches is extrapolated and marked so.
"""

import json
from typing import Any

import numpy as np

from visavis.errors import InputInvalid, ManifestInvalid
from visavis.weights import Calibration

_FROM, _TO = -0.3, 0.9
_EVERY = 2


def calibration_table(report: dict[str, Any]) -> str:
    """The table's JSON text. Raises InputInvalid when the report is none, or its data support no table."""
    try:
        curves, model, dataset, counts = (report[key] for key in ("curves", "model", "dataset", "comparisons"))
        tail = report["tail"]
        if tail is None or counts["mated"] == 0:
            raise InputInvalid(
                "the evaluation has too few false matches for a calibration: expected 30 or more over scores apart; "
                "evaluate a larger data set"
            )
        scores = np.array(curves["scores"])
        shown = np.flatnonzero((scores >= _FROM) & (scores <= _TO))[::_EVERY]
        columns = {name: np.array(curves[name])[shown] for name in ("fmr", "fmr_lower", "fmr_upper", "fnmr")}
        fmr = np.minimum.accumulate(columns["fmr"])
        table = {
            "format": 1,
            "model_sha256": model["sha256"],
            "dataset": dataset["name"],
            "date": report["date"],
            "subjects": dataset["subjects"],
            "images": dataset["images"],
            "mated_pairs": counts["mated"],
            "non_mated_pairs": counts["non_mated"],
            "interval": report["interval"],
            "extrapolated_below": float(f"{tail['extrapolated_below']:.3g}"),
            "scores": [float(score) for score in scores[shown]],
            "fmr": _rounded(fmr),
            "fmr_lower": _rounded(np.minimum(columns["fmr_lower"], fmr)),
            "fmr_upper": _rounded(np.maximum(columns["fmr_upper"], fmr)),
            "fnmr": _rounded(np.maximum.accumulate(columns["fnmr"])),
        }
        lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        Calibration.parse(text, model_sha256=model["sha256"])
    except (KeyError, TypeError, IndexError, ValueError, OverflowError, ManifestInvalid) as error:
        raise InputInvalid("expected the report.json of `visavis evaluate`; this is none, or it was changed") from error
    return text


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
