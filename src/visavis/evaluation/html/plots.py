"""Dots with intervals, and the plots of quality, folds and attacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visavis.evaluation.html.canvas import (
    BAND,
    BLUE,
    BOTTOM,
    CARD,
    COLOURS,
    DOTTED,
    INK,
    MUTED,
    ORANGE,
    SMALL,
    TOP,
    Number,
    axes,
    decades,
    deviate,
    deviates,
    even,
    normal,
    points,
    svg,
    ticks,
)
from visavis.evaluation.html.markup import Html, Rate, cut, percent, tag


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of dot. colour: a name in `COLOURS`. marker: as matplotlib writes it."""

    label: str
    colour: str
    marker: str


def dots(
    name: str,
    described: str,
    rows: Sequence[tuple[str, Sequence[Rate | None]]],
    series: Sequence[Series],
    across: str,
    *,
    number: Number = points,
    logarithmic: bool = True,
    lines: Sequence[tuple[float, str]] = (),
) -> Html:
    """Rates with their intervals, a row for each label. lines: values to compare with, each in a colour.

    A filled dot rests on 30 errors, a hollow one on fewer; an arrow comes from the upper bound where no error was seen.
    """
    told = [rate for _, rates in rows for rate in rates if rate is not None and _known(rate)]
    ends = [end for rate in told for end in (rate["value"], rate["lower"], rate["upper"]) if end]
    ends += [value for value, _ in lines]
    low, high = 0.0, max(ends, default=1.0) * 1.04
    if logarithmic:
        low, high = min(ends, default=0.1) / 1.5, max(ends, default=1.0) * 1.5
        low = min(low, high / 10)
    step, row_height = 10.0, 24.0 + 10.0 * (len(series) - 1)
    top = TOP if len(series) > 1 else 6.0
    tall = row_height * len(rows) + 4

    def draw(figure: Any) -> None:
        plot = axes(figure, across, "", top, tall, left=14.0)
        plot.set(ylim=(tall, 0), xlim=(low, high), yticks=[])
        if logarithmic:
            plot.set_xscale("log")
            decades(plot.xaxis, low, high, number)
        else:
            ticks(plot.xaxis, even(low, high), number)
        for value, colour in lines:
            plot.axvline(value, color=COLOURS[colour], lw=1.1, linestyle=(0, (4, 3)))
        for place, (label, rates) in enumerate(rows):
            base = place * row_height
            plot.text(0.004, base + 10, cut(label, 52), transform=plot.get_yaxis_transform(), fontweight="bold")
            for order, (kind, rate) in enumerate(zip(series, rates, strict=True)):
                _dot(plot, base + 18 + step * order, rate, kind, low)
        if len(series) > 1:
            for kind in series:
                plot.plot(
                    [], [], color=COLOURS[kind.colour], marker=kind.marker, lw=1.6, markersize=5, label=kind.label
                )
            plot.legend(loc="lower left", ncols=len(series), bbox_to_anchor=(0, 1.0), borderaxespad=0.3, borderpad=0.2,
                        columnspacing=1.2, handletextpad=0.4)  # fmt: skip

    return svg(name, described, draw, top + tall + BOTTOM)


def _known(rate: Rate) -> bool:
    return rate["upper"] is not None and bool(rate.get("trials", 1))


def _dot(plot: Any, y: float, rate: Rate | None, kind: Series, low: float) -> None:
    colour = COLOURS[kind.colour]
    if rate is None or not _known(rate):
        plot.text(0.004, y + 3, "not measured", transform=plot.get_yaxis_transform(), fontsize=SMALL, color=MUTED)
    elif not rate["value"]:
        plot.plot([low, rate["upper"]], [y, y], color=colour, lw=1.2, linestyle=(0, (2, 2)))
        plot.plot(rate["upper"], y, marker="<", color=colour, markerfacecolor=CARD, markersize=5.5, clip_on=False)
    else:
        filled = colour if rate["supported"] else CARD
        plot.plot([max(rate["lower"], low), rate["upper"]], [y, y], color=colour, lw=1.6)
        plot.plot(
            rate["value"], y, marker=kind.marker, color=colour, markerfacecolor=filled, markersize=5.5, clip_on=False
        )


def discards(told: Mapping[str, Any], highlighted: Sequence[str], named: Callable[[str], str]) -> Html:
    """FNMR over the share of comparisons left out: the measures that are named in colour, the others in grey."""
    fractions, whole = np.array(told["fractions"]), told["curves"][0]["fnmr"][0]
    colours = dict(zip(highlighted, ("blue", "orange", "green", "purple"), strict=False))
    top = 1.12 * max(max(curve["fnmr"]) for curve in told["curves"])

    def draw(figure: Any) -> None:
        plot = axes(figure, "mated comparisons left out, poorest photos first", "FNMR of those that remain")
        plot.set(xlim=(0, fractions[-1]), ylim=(0, top))
        ticks(plot.xaxis, even(0, fractions[-1]), points)
        ticks(plot.yaxis, even(0, top), points)
        fine = np.linspace(0, fractions[-1], 501)
        plot.axhline(whole, color=INK, lw=1, linestyle=(0, (4, 3)))
        plot.plot(fine, np.maximum(0, (whole - fine) / (1 - fine)), color=INK, lw=1, linestyle=DOTTED)
        ends = {}
        for curve in sorted(told["curves"], key=lambda curve: curve["measure"] in colours):
            if curve["measure"] in colours:
                plot.plot(fractions, curve["fnmr"], color=COLOURS[colours[curve["measure"]]], lw=2)
                ends[curve["measure"]] = curve["fnmr"][-1]
            else:
                plot.plot(fractions, curve["fnmr"], color=MUTED, lw=0.8, alpha=0.5)
        order = sorted(ends, key=ends.__getitem__)
        for measure, y in zip(order, _apart([ends[m] for m in order], 0.055 * top), strict=True):
            plot.annotate(named(measure), (fractions[-1], y), (-4, -9), color=COLOURS[colours[measure]], ha="right",
                          textcoords="offset points", fontsize=9, fontweight="bold")  # fmt: skip

    return svg("discard", "FNMR after mated comparisons with the poorest photos are left out.", draw, 270)


def folds(told: Mapping[str, Any]) -> Html:
    """The accuracy of each fold, and their mean with its standard error."""
    values, mean, error = told["accuracies"], told["accuracy"], told["standard_error"] or 0.0
    margin = max(max(values) - min(values), 0.002) * 0.25

    def draw(figure: Any) -> None:
        plot = axes(figure, "accuracy of each fold", "", 8, left=14.0)
        low, high = min(values) - margin, max(values) + margin
        plot.set(ylim=(0, 1), yticks=[], xlim=(low, high))
        ticks(plot.xaxis, [tick for tick in even(low, high) if tick <= 1], points)
        plot.axvspan(mean - error, mean + error, color=BLUE, alpha=BAND, lw=0)
        plot.axvline(mean, color=BLUE, lw=1.5)
        for number, value in enumerate(values):
            plot.plot(value, 0.15 + 0.16 * values[:number].count(value), "o", color=INK, markersize=5, clip_on=False)

    return svg("folds", f"Accuracy of {len(values)} folds, {percent(mean)} in the mean.", draw, 110)


def attack_det(attacks: Mapping[str, Any]) -> Html:
    """BPCER over the APCER of the worst species at each threshold, as counted, on normal deviates."""
    apcer, bpcer = (np.array(attacks["det"][rate]) for rate in ("apcer", "bpcer"))
    numbers = dict(attacks["presentations"])
    low_y = 0.4 / max(numbers.pop("bona_fide"), 4)
    low_x = 0.4 / max(min(numbers.values()), 4)
    places: dict[tuple[float, float], list[str]] = {}
    for name, row in [*attacks["at_apcer"].items(), ("in use", attacks["at_threshold"])]:
        if row and row["apcer_worst"]:
            at = deviate(row["apcer_worst"]["value"] or low_x), deviate(row["bpcer"]["value"] or low_y)
            places.setdefault(at, []).append(name)

    def draw(figure: Any) -> None:
        plot = axes(figure, "APCER of the worst species", "BPCER")
        normal(plot.xaxis, low_x, 0.97, points)
        normal(plot.yaxis, low_y, 0.97, points)
        plot.plot(deviates(np.maximum(apcer, low_x)), deviates(np.maximum(bpcer, low_y)), color=BLUE)
        lift, right = 5.0, (9.0, 9.0)
        for at, names in sorted(places.items(), reverse=True):
            near = right[0] - at[0] < 1.2 and abs(right[1] - at[1]) < 0.25
            lift, right = lift + 11 if near else 5.0, at
            own = "in use" in names
            plot.plot(*at, "D" if own else "o", color=ORANGE if own else INK, markersize=5.5, clip_on=False)
            plot.annotate(", ".join(names), at, (5, lift), textcoords="offset points", fontsize=9,
                          color=ORANGE if own else INK)  # fmt: skip

    return svg("attack-det", "DET curve of presentation attack detection against its worst species.", draw, 280)


def spark(values: Sequence[float], reference: float) -> Html:
    """A curve of the size of a word; the line across is the reference."""
    top = max(*values, reference) or 1.0
    line = " ".join(f"{96 * n / max(len(values) - 1, 1):.1f},{23 - 21 * v / top:.1f}" for n, v in enumerate(values))
    level = f"{23 - 21 * reference / top:.1f}"
    across = tag("line", x1="0", x2="96", y1=level, y2=level)
    return tag("svg", across, tag("polyline", points=line), viewBox="0 0 96 24", class_="spark", aria_hidden="true")


def _apart(values: Sequence[float], gap: float) -> list[float]:
    """Rising values, each at least so far above the last."""
    placed: list[float] = []
    for value in values:
        placed.append(max(value, placed[-1] + gap) if placed else value)
    return placed
