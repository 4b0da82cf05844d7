"""The error curves of a report. What the data do not support is dotted, and on hatched ground."""

from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.html.canvas import (
    BAND,
    BLUE,
    BOTTOM,
    CARD,
    DOTTED,
    GRID,
    INK,
    MUTED,
    ORANGE,
    SMALL,
    TOP,
    axes,
    decades,
    deviate,
    deviates,
    even,
    normal,
    points,
    powers,
    svg,
    ticks,
)
from visavis.evaluation.html.markup import Html, Rate, Report, one_in, percent, ten_to
from visavis.evaluation.rates import RULE_OF_30
from visavis.evaluation.tail import FMR_MIN

Curve = dict[str, NDArray[np.float64]]


def supported_from(report: Report) -> float:
    """The FMR that thirty false matches of these data make up, above 1 where they cannot be: what is lower was hardly counted."""
    tail = report["tail"]
    return float(tail["extrapolated_below"] if tail else RULE_OF_30 / max(report["comparisons"]["non_mated"], 1))


def det(report: Report) -> Html:
    """FNMR over FMR, both on normal deviates, with both intervals together as the band and the FMR targets marked."""
    curve, limit = _curve(report), supported_from(report)
    marked = [row for row in report["rates"] if row["supported"] and row["fmr"]["value"]]
    low_x = _lowest(curve, limit)
    shown = (curve["fmr"] <= 0.3) & (curve["fnmr"] > 0)
    low_y = max(float(curve["fnmr"][shown].min()) / 2 if shown.any() else 1e-3, 1e-6)
    high_y = min(0.8, max(0.02, float(curve["fnmr_upper"].max()) * 1.1))
    said = [f"{one_in(row['fmr_target'])}: {_short(row['fnmr'])}" for row in marked]

    def draw(figure: Any) -> None:
        plot = axes(figure, "FMR", "FNMR")
        normal(plot.xaxis, low_x, 0.25, powers)
        normal(plot.yaxis, low_y, high_y, points)
        _unsupported(plot, deviate(low_x), deviate(min(limit, 0.25)))
        _band(plot, *(deviates(side) for side in _corners(report)))
        _until(plot, deviates(curve["fmr"]), deviates(curve["fnmr"]), curve["fmr"] >= limit, BLUE)
        for row, text in zip(marked, said, strict=True):
            at, seen = deviate(row["fmr"]["value"]), row["fnmr"]["value"]
            value = deviate(seen or row["fnmr"]["upper"])
            plot.plot([at, at], [deviate(row["fnmr"][end]) for end in ("lower", "upper")], color=INK, lw=1)
            plot.plot(at, value, "o" if seen else "v", color=INK, markerfacecolor=INK if seen else CARD, markersize=5)
            plot.annotate(text, (at, value), (5, 4), textcoords="offset points", fontsize=9)

    told = f"FNMR at FMR {'; '.join(said)}" if said else "no FMR target is supported by these data"
    return svg("det", f"DET curve: {told}.", draw, 300)


def _short(fnmr: Rate) -> str:
    return percent(fnmr["value"]) if fnmr["value"] else f"< {percent(fnmr['upper'])}"


def roc(report: Report) -> Html:
    """The share of mated comparisons that match over FMR, on a logarithmic axis."""
    curve, limit = _curve(report), supported_from(report)
    low = _lowest(curve, limit)
    lowest = min(max(0.0, float(1 - curve["fnmr_upper"].max())), 0.99)

    def draw(figure: Any) -> None:
        plot = axes(figure, "FMR (logarithmic)", "mated comparisons that match: 1 − FNMR")
        plot.set(xscale="log", xlim=(low, 1), ylim=(lowest - (1 - lowest) * 0.03, 1 + (1 - lowest) * 0.03))
        decades(plot.xaxis, low, 1, powers)
        ticks(plot.yaxis, even(lowest, 1), points)
        _unsupported(plot, low, min(limit, 1.0))
        best_x, best_y, worst_x, worst_y = _corners(report)
        _band(plot, best_x, 1 - best_y, worst_x, 1 - worst_y)
        _until(plot, curve["fmr"], 1 - curve["fnmr"], curve["fmr"] >= limit, BLUE)

    return svg("roc", "ROC curve: mated comparisons that match over the false match rate.", draw, 300)


def rates_by_threshold(report: Report) -> Html:
    """FMR and FNMR at every threshold, with their intervals, where they cross, and the thresholds of the FMR targets."""
    curve, limit, eer = _curve(report), supported_from(report), report["eer"]
    low = _lowest(curve, limit)
    x, bottom = curve["scores"], low / 10

    def draw(figure: Any) -> None:
        plot = axes(figure, "threshold (comparison score)", "rate (logarithmic)")
        plot.set(yscale="log", ylim=(low, 2), xlim=(x[0], x[-1]))
        decades(plot.yaxis, low, 1, powers)
        kinds = [("fmr", BLUE, curve["fmr"] >= limit)]
        if report["comparisons"]["mated"]:
            kinds.append(("fnmr", ORANGE, np.ones(len(x), dtype=np.bool_)))
        for name, colour, sure in kinds:
            ends = (np.maximum(curve[f"{name}_{end}"], bottom) for end in ("lower", "upper"))
            plot.fill_between(x, *ends, color=colour, alpha=BAND, lw=0)
            _until(plot, x, np.maximum(curve[name], bottom), sure, colour)
        plot.text(x[int(np.argmax(curve["fmr"] <= 0.3))], 0.35, " FMR", color=BLUE, fontweight="bold")
        if eer:
            steep = int(np.argmax(curve["fnmr"] >= min(0.3, curve["fnmr"].max())))
            plot.text(x[steep], 0.35, "FNMR ", color=ORANGE, fontweight="bold", ha="right")
        _thresholds(plot, report)
        if eer and eer["value"]:
            plot.plot(eer["threshold"], eer["value"], "o", color=INK, markersize=5)
            plot.annotate(f"EER {percent(eer['value'])}", (eer["threshold"], eer["value"]), (-6, -4), color=INK,
                          textcoords="offset points", ha="right", fontsize=9)  # fmt: skip

    return svg("rates", "FMR falls and FNMR rises with the threshold.", draw, 300)


def score_distributions(report: Report) -> Html:
    """Mated and non-mated scores: as shares of each kind, and as counts on a logarithmic axis, where the tails can be seen."""
    place = np.floor(np.array(report["curves"]["scores"]) * 64).astype(int)
    counts = {kind: np.bincount(place - place[0], weights=report["curves"][kind]) for kind in ("non_mated", "mated")}
    (used,) = np.nonzero(counts["non_mated"] + counts["mated"])
    span = slice(int(used[0]), int(used[-1]) + 1)
    edges = (np.arange(span.start, span.stop + 1) + place[0]) / 64
    kinds = [(k.replace("_", "-"), counts[k][span], c) for k, c in (("non_mated", BLUE), ("mated", ORANGE))]
    kinds = [(label, values, colour) for label, values, colour in kinds if values.any()]

    def draw(figure: Any) -> None:
        upper = axes(figure, "", "share of each kind", TOP, 106)
        lower = axes(figure, "comparison score", "number of comparisons (logarithmic)", TOP + 134, 106)
        most = max(float((values / values.sum()).max()) for _, values, _ in kinds)
        for label, values, colour in kinds:
            share, peak = values / values.sum(), int(np.argmax(values))
            for plot, heights, base in ((upper, share, 0.0), (lower, values, 0.5)):
                plot.stairs(heights, edges, baseline=base, fill=True, color=colour, alpha=0.3, lw=0)
                plot.stairs(heights, edges, baseline=base, color=colour, lw=1.3)
            upper.annotate(label, ((edges[peak] + edges[peak + 1]) / 2, share[peak]), (0, 4), color=colour, ha="center",
                           textcoords="offset points", fontweight="bold")  # fmt: skip
        top = max(float(values.max()) for _, values, _ in kinds)
        upper.set(xlim=edges[[0, -1]], ylim=(0, most * 1.2), yticks=[])
        upper.tick_params(labelbottom=False)
        lower.set(yscale="log", xlim=edges[[0, -1]], ylim=(0.5, top * 2))
        decades(lower.yaxis, 1, top, lambda value: f"{value:,.0f}" if value < 1e4 else ten_to(round(log10(value))))
        _thresholds(upper, report)
        _thresholds(lower, report, named=False)

    return svg("scores", "Distributions of mated and non-mated comparison scores.", draw, TOP + 240 + BOTTOM)


def _whole(report: Report) -> Curve:
    """The report's curves; those that it lacks, without mated comparisons, as zeros."""
    told = {name: np.array(values, dtype=np.float64) for name, values in report["curves"].items()}
    for name in ("fnmr_lower", "fnmr_upper"):
        told.setdefault(name, np.zeros(len(told["scores"])))
    return told


def _stop(report: Report, fmr: NDArray[np.float64]) -> int:
    """How many points there are until a curve of FMR ends: a tail's stays at `FMR_MIN`, any other's at nothing."""
    ended = np.flatnonzero(fmr <= (FMR_MIN * 1.001 if report["tail"] else 0))
    return max(int(ended[0]), 2) if len(ended) else len(fmr)


def _curve(report: Report) -> Curve:
    """The curves up to where FMR ends."""
    told = _whole(report)
    stop = _stop(report, told["fmr"])
    return {name: values[:stop] for name, values in told.items()}


def _lowest(curve: Curve, limit: float) -> float:
    """Where an axis of FMR begins: with some room below the lowest rate that is supported."""
    return min(float(curve["fmr"][curve["fmr"] > 0].min(initial=1.0)), limit / 4, 0.01)


def _corners(report: Report) -> tuple[NDArray[np.float64], ...]:
    """FMR and FNMR at the better ends of both their intervals, then at the worse ones."""
    told = _whole(report)
    lower, upper = (_stop(report, told[f"fmr_{end}"]) for end in ("lower", "upper"))
    return told["fmr_lower"][:lower], told["fnmr_lower"][:lower], told["fmr_upper"][:upper], told["fnmr_upper"][:upper]


def _band(plot: Any, *corners: NDArray[np.float64]) -> None:
    """Between the corners of both intervals: best (x, y), then worst (x, y)."""
    best_x, best_y, worst_x, worst_y = corners
    plot.fill(np.append(best_x, worst_x[::-1]), np.append(best_y, worst_y[::-1]), color=BLUE, alpha=BAND, lw=0)


def _until(plot: Any, x: NDArray[np.float64], y: NDArray[np.float64], sure: NDArray[np.bool_], colour: str) -> None:
    """A line, dotted from where it is no longer sure."""
    last = int(np.flatnonzero(sure)[-1]) + 1 if sure.any() else 0
    plot.plot(x[:last], y[:last], color=colour)
    plot.plot(x[max(last - 1, 0) :], y[max(last - 1, 0) :], color=colour, linestyle=DOTTED)


def _unsupported(plot: Any, low: float, limit: float) -> None:
    plot.axvspan(low, limit, facecolor="none", edgecolor=GRID, hatch="////", lw=0)
    plot.axvline(limit, color=MUTED, lw=1, linestyle=(0, (4, 3)))
    plot.annotate("not supported", (limit, 0), (-4, 6), xycoords=("data", "axes fraction"), rotation=90, fontsize=SMALL,
                  textcoords="offset points", rotation_mode="anchor", color=MUTED)  # fmt: skip


def _thresholds(plot: Any, report: Report, *, named: bool = True) -> None:
    """Lines at the thresholds of the FMR targets that the data support."""
    for row in report["rates"]:
        if row["supported"]:
            plot.axvline(row["threshold"], color=INK, lw=0.8, linestyle=(0, (3, 3)), alpha=0.6)
            if named:
                plot.annotate(one_in(row["fmr_target"]), (row["threshold"], 1), (-2, -3), rotation=90, ha="right",
                              xycoords=("data", "axes fraction"), textcoords="offset points", rotation_mode="anchor",
                              fontsize=SMALL, color=MUTED)  # fmt: skip
