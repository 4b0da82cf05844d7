"""A model's calibration table from an evaluation: score to FMR with its interval, as the decision room reads it.

The false match rate of a score is monotone by construction and never zero, in the spirit of ISO/IEC 5152's normalised
scores: it says how often two different people would reach that score on the named data. What lies beyond the counted false
matches is extrapolated and marked so.
"""

import json
from typing import Any

import numpy as np

from visavis.errors import InputInvalid, ManifestInvalid
from visavis.evaluation.documents import ALL_DOCUMENTS
from visavis.weights import Calibration

_FROM, _TO = -0.3, 0.9
_EVERY = 2


def calibration_table(report: dict[str, Any]) -> str:
    """The table's JSON text; where documents were measured, with a table for all of them together.

    Raises InputInvalid when the report is none, or its data support no table.
    """
    try:
        if report["tail"] is None or report["comparisons"]["mated"] == 0:
            raise InputInvalid(
                "the evaluation has too few false matches for a calibration: expected 30 or more over scores apart; "
                "evaluate a larger data set"
            )
        sha256, name = report["model"]["sha256"], report["dataset"]["name"]
        table = {"format": 1} | _table(report, report, name)
        for row in report["documents"]:
            if row["name"] == ALL_DOCUMENTS and row["tail"] is not None:
                table["document"] = _table(report, row, f"{name}, as simulated documents")
        text = _written(table)
        Calibration.parse(text, model_sha256=sha256)
    except (KeyError, TypeError, IndexError, ValueError, OverflowError, ManifestInvalid) as error:
        raise InputInvalid("expected the report.json of `visavis evaluate`; this is none, or it was changed") from error
    return text


def _table(report: dict[str, Any], measured: dict[str, Any], name: str) -> dict[str, Any]:
    """measured: the part of the report with the curves."""
    curves = measured["curves"]
    scores = np.array(curves["scores"])
    shown = np.flatnonzero((scores >= _FROM) & (scores <= _TO))[::_EVERY]
    columns = {name: np.array(curves[name])[shown] for name in ("fmr", "fmr_lower", "fmr_upper", "fnmr")}
    fmr = np.minimum.accumulate(columns["fmr"])
    return {
        "model_sha256": report["model"]["sha256"],
        "dataset": name,
        "date": report["date"],
        "subjects": report["dataset"]["subjects"],
        "images": report["dataset"]["images"],
        "mated_pairs": measured["comparisons"]["mated"],
        "non_mated_pairs": measured["comparisons"]["non_mated"],
        "interval": report["interval"],
        "extrapolated_below": float(f"{measured['tail']['extrapolated_below']:.3g}"),
        "non_mated_mean": float(f"{measured['comparisons']['non_mated_mean']:.6g}"),
        "scores": [float(score) for score in scores[shown]],
        "fmr": _rounded(fmr),
        "fmr_lower": _rounded(np.minimum(columns["fmr_lower"], fmr)),
        "fmr_upper": _rounded(np.maximum(columns["fmr_upper"], fmr)),
        "fnmr": _rounded(np.maximum.accumulate(columns["fnmr"])),
    }


def _written(table: dict[str, Any], indent: str = "") -> str:
    """JSON with a line for each key, however long its list of numbers."""
    inner = indent + "  "
    lines = (
        f"{inner}{json.dumps(key)}: {_written(value, inner) if isinstance(value, dict) else json.dumps(value)}"
        for key, value in table.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}" + ("" if indent else "\n")


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
