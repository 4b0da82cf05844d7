"""The section on presentation attacks, from the dict that `attack_figures` gives."""

from collections.abc import Mapping
from typing import Any

from visavis.evaluation.html import plots
from visavis.evaluation.html.canvas import points
from visavis.evaluation.html.markup import (
    Html,
    Rate,
    Report,
    counted,
    figure,
    figures,
    joined,
    rate,
    rate_cell,
    table,
    tag,
)
from visavis.evaluation.html.plots import Series
from visavis.evaluation.html.sections import Section
from visavis.evaluation.html.terms import Terms

_BONA_FIDE = "bona_fide"


def attacks(report: Report, terms: Terms) -> Section | None:
    """PAD and the whole system under attack: each species by itself, the worst in front."""
    told = report["attacks"]
    if not told:
        return None
    numbers = dict(told["presentations"])
    bona_fide = numbers.pop(_BONA_FIDE)
    parts: list[str] = [terms("bona fide", "PAI species", "APCER", "BPCER", "APNRR")]
    if told.get("simulated"):
        parts.append(
            tag(
                "p",
                tag("b", "Simulated. "),
                "These presentations were made by a program, not presented to a camera. What they say of real attacks is not "
                "known.",
                class_="warning",
            )
        )
    count = (
        f"{bona_fide:,} bona fide presentations, and {sum(numbers.values()):,} attacks of {len(numbers)} PAI species. "
    )
    why = "Species are never pooled: an attacker takes the one that works, so the worst species’ rate is the system’s. "
    parts.append(tag("p", count, why, f"Intervals: {told['interval']}."))
    if told["at_threshold"]:
        parts.append(_subsystem(told, told["at_threshold"]))
    else:
        parts.append(tag("p", "No PAD threshold was given: figures at the APCER targets alone."))
    parts.append(_at_targets(told))
    if told["full_system"]:
        parts += [tag("h3", "The whole system"), terms("IAPAR", "RIAPAR", "FRR"), _full_system(told["full_system"])]
    return Section("attacks", "Presentation attacks", joined(parts))


def worst_first(rates: Mapping[str, Rate]) -> list[str]:
    """Species by their rate, the highest first; among equals the one of which least is known."""
    return sorted(rates, key=lambda name: (-(rates[name]["value"] or 0.0), -(rates[name]["upper"] or 0.0), name))


def _subsystem(told: Mapping[str, Any], at: Mapping[str, Any]) -> Html:
    worst = at["apcer_worst"]
    order = worst_first(at["apcer"])
    species = [
        (name, f"{told['presentations'][name]:,}", rate_cell(at["apcer"][name]), counted(at["apcer"][name]),
         rate_cell(told["apnrr"][name]))
        for name in order
    ]  # fmt: skip
    said = tag(
        "p",
        f"At PAD threshold {at['threshold']:g}: ",
        tag("b", f"APCER of the worst species, {worst['species']}, {rate(worst)}")
        if worst
        else "no attack was answered",
        "; ",
        tag("b", f"BPCER {rate(at['bpcer'])}"),
        f"; of bona fide presentations without a response BPNRR {rate(told['bpnrr'])}.",
    )
    drawing = plots.dots(
        "apcer",
        "APCER of each species with intervals; the table has the numbers.",
        [(name, [at["apcer"][name]]) for name in order],
        [Series("", "blue", "o")],
        "APCER",
        logarithmic=False,
    )
    shown = [
        figure(drawing, "APCER by species.", "Hollow: fewer than 30 errors. An arrow: no error seen, and the bound.")
    ]
    if told["det"]:
        shown.append(_det(told))
    return joined(
        [
            said,
            figures(*shown),
            table(
                "Attack detection by PAI species, worst first",
                ("PAI species", "Presentations", "APCER", "Taken as bona fide", "APNRR"),
                species,
            ),
        ]
    )


def _det(told: Mapping[str, Any]) -> Html:
    return figure(
        plots.attack_det(told),
        "DET of attack detection.",
        "At each threshold the APCER is that of its worst species. As counted, without intervals; rates that came to no error "
        "lie on the edge.",
    )


def _at_targets(told: Mapping[str, Any]) -> Html:
    rows = []
    for name, at in told["at_apcer"].items():
        if at is None:
            continue
        worst = at["apcer_worst"]
        above = "above every score" if at["threshold"] is None else f"{at['threshold']:.4g}"
        which = joined([worst["species"], " ", rate_cell(worst)]) if worst else "–"
        rows.append((name, points(at["apcer_target"]), above, which, rate_cell(at["bpcer"]), counted(at["bpcer"])))
    if not rows:
        return tag(
            "p", "Either the bona fide presentations or the attacks were never answered: there is no curve to read."
        )
    shown = table(
        "BPCER at APCER targets",
        ("Figure", "APCER, at most", "PAD threshold", "Worst species, its APCER", "BPCER", "Turned away"),
        rows,
        "The thresholds come from these very presentations; on others the APCER will be another.",
        words=(3,),
    )
    alone = figures(_det(told)) if told["det"] and not told["at_threshold"] else Html("")
    return joined([alone, shown])


def _full_system(told: Mapping[str, Any]) -> Html:
    order = worst_first(told["iapar"])
    rows = [(name, rate_cell(told["iapar"][name]), counted(told["iapar"][name])) for name in order]
    drawing = plots.dots(
        "iapar",
        "IAPAR of each species with intervals; the table has the numbers.",
        [(name, [told["iapar"][name]]) for name in order],
        [Series("", "orange", "o")],
        "IAPAR",
        logarithmic=False,
    )
    worst = told["iapar_worst"]
    said = tag(
        "p",
        f"With comparison at threshold {told['comparison_threshold']:.4g} behind it: ",
        tag("b", f"IAPAR of the worst species, {worst['species']}, {rate(worst)}")
        if worst
        else "no attack was presented",
        f"; FRR {rate(told['frr'])}; RIAPAR {rate(told['riapar'])}. ",
        f"{told['not_compared']:,} presentations passed attack detection and could not be compared: they count as turned away."
        if told["not_compared"]
        else "",
    )
    head = ("PAI species", "IAPAR", "Accepted")
    return joined(
        [
            said,
            figures(figure(drawing, "IAPAR by species.", "The share of each species’ presentations that got in.")),
            table("The whole system by PAI species, worst first", head, rows),
        ]
    )
