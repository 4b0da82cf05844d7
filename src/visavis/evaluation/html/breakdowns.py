"""The sections that look closer: by group, by simulated document, by quality, by fold, by pair."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from visavis.evaluation.html import plots
from visavis.evaluation.html.canvas import points, powers
from visavis.evaluation.html.markup import (
    Html,
    Report,
    figure,
    figures,
    joined,
    listed,
    one_in,
    percent,
    power,
    prose,
    rate_cell,
    readable,
    score,
    table,
    tag,
)
from visavis.evaluation.html.plots import Series
from visavis.evaluation.html.sections import Section, policy_row, target_cell
from visavis.evaluation.html.terms import Terms

_TARGETS_SHOWN = 3
_HIGHLIGHTED = 3
_OFTEN = 5
"""A photo in so many of the hardest pairs is named: its label is the first to doubt."""
_TELLING = 0.97
"""A quality measure tells of errors when, over all shares left out, FNMR is in the mean below this part of what it was."""


def groups(report: Report, terms: Terms) -> Section | None:
    """For each grouping FMR and FNMR of its groups, at the thresholds of the whole, and how far the worst is from the mean."""
    if not report["groups"]:
        return None
    body = [
        terms("worst to mean"),
        prose(
            "Thresholds are those of the whole data set. Non-mated comparisons are of two people of the same group, who have "
            "more in common than two people at random; so a group’s FMR is often above the target. Groups are as the data "
            "set’s makers labelled them; visavis estimates nothing about anybody."
        ),
    ]
    for number, grouping in enumerate(report["groups"]):
        body += [tag("h3", "By ", grouping["name"]), _grouping(report, grouping, number)]
    return Section("groups", "Groups of people", joined(body))


def _grouping(report: Report, grouping: Mapping[str, Any], number: int) -> Html:
    told = grouping["groups"]
    if not told:
        return prose("No group had a photo that could be compared.")
    at = ([n for n, row in enumerate(report["rates"]) if row["supported"]] or [0])[-_TARGETS_SHOWN:]
    targets = [report["rates"][n]["fmr_target"] for n in at]
    looks = (("blue", "o"), ("orange", "s"), ("green", "D"))
    series = [Series(one_in(target), *look) for target, look in zip(targets, looks, strict=False)]

    def drawn(kind: str) -> Html:
        plot = plots.dots(
            f"group{number}-{kind}",
            f"{kind.upper()} of each group by FMR target, with intervals; the table has the numbers.",
            [(group["label"], [group["rates"][n][kind] for n in at]) for group in told],
            series,
            kind.upper(),
            number=powers if kind == "fmr" else points,
            lines=[(t, one.colour) for t, one in zip(targets, series, strict=True)] if kind == "fmr" else (),
        )
        said = (
            "Dashed: the target, which the whole data set meets." if kind == "fmr" else "The same thresholds for all."
        )
        hollow = " Hollow: fewer than 30 errors. An arrow: no error seen, and the bound."
        return figure(plot, f"{kind.upper()} of each group.", said, hollow)

    def cells(rates: list[Mapping[str, Any]]) -> list[Html]:
        return [cell for n in at for cell in (rate_cell(rates[n]["fmr"], power), rate_cell(rates[n]["fnmr"]))]

    head = ["Group", "Photos", "Subjects", *(f"{kind} at {one_in(t)}" for t in targets for kind in ("FMR", "FNMR"))]
    rows = [(one["label"], f"{one['images']:,}", f"{one['subjects']:,}", *cells(one["rates"])) for one in told]
    ratios = [
        (target_cell(row["fmr_target"], whole["supported"]), _ratio(row["fmr"]), _ratio(row["fnmr"]))
        for row, whole in zip(grouping["worst_to_mean"], report["rates"], strict=True)
    ]
    chance = (
        "“By chance?”: a group has fewer than 30 errors, so the ratio cannot be told from chance. Groups without any error are "
        "not in it."
    )
    return joined(
        [
            figures(drawn("fmr"), drawn("fnmr")),
            table(f"Rates by {grouping['name']}", head, rows),
            table(f"Worst to mean, by {grouping['name']}", ("FMR target", "FMR", "FNMR"), ratios, chance),
        ]
    )


def _ratio(told: Mapping[str, Any]) -> str:
    if told["ratio"] is None:
        return "–"
    return f"{told['ratio']:.2f}" + ("" if told["supported"] else " (by chance?)")


def documents(report: Report, _: Terms) -> Section | None:
    """FNMR where one side is a simulated document or poor capture, at the policy's FMR."""
    told = report.get("documents")
    if not told:
        return None
    wanted = policy_row(report)
    at = report["rates"].index(wanted) if wanted else 0
    clean = report["rates"][at]
    fmr = f"FMR {one_in(clean['fmr_target'])}"
    simulated = [(readable(row["name"]), _both(row, at)) for row in told]
    drawing = plots.dots(
        "documents",
        f"FNMR at {fmr} for each simulation, with intervals; the table has the numbers.",
        [("clean photos", [clean["fnmr"], clean["fnmr"]]), *simulated],
        [Series("threshold of its own", "blue", "o"), Series("threshold of clean photos", "orange", "s")],
        f"FNMR at {fmr}",
    )
    rows = [
        (
            joined([readable(row["name"]), tag("small", row["description"])]),
            row["side"],
            *(rate_cell(one) for one in _both(row, at)),
            rate_cell(row["at_clean_thresholds"][at]["fmr"], power),
            f"{row['failures']:,}",
        )
        for row in told
    ]
    head = ("Simulation", "Side", "FNMR, own threshold", "FNMR, clean threshold", "FMR there", "Failures to acquire")
    targets = [n for n, row in enumerate(report["rates"]) if row["supported"]]
    every = [
        (readable(row["name"]), *(rate_cell(row["rates"][n]["fnmr"]) for n in targets))
        for row in ({"name": "clean photos", "rates": report["rates"]}, *told)
    ]
    body = [
        prose(
            "Each photo was turned into what a document or a poor capture would make of it. ",
            tag("b", "These are simulations, not photographs of documents"),
            ": they tell what a kind of degradation costs, not what one document costs.",
        ),
        figures(figure(drawing, f"FNMR at {fmr}.", "Each simulation on its side, against clean photos.")),
        table(f"Simulated documents and captures, {fmr}", head, rows, words=(1,)),
        table(
            "FNMR at each FMR, thresholds of their own",
            ("Simulation", *(f"FMR {one_in(report['rates'][n]['fmr_target'])}" for n in targets)),
            every,
        ),
    ]
    return Section("documents", "Document photos and poor captures", joined(body))


def _both(row: Mapping[str, Any], at: int) -> list[Mapping[str, Any]]:
    return [row[key][at]["fnmr"] for key in ("rates", "at_clean_thresholds")]


def discard(report: Report, terms: Terms) -> Section | None:
    """Error versus discard: what each quality measure tells of who is missed."""
    told = report["discard"]
    if not told or not told["curves"]:
        return None
    title, intro, fmr = "Which quality measures tell of errors", terms("error versus discard"), one_in(told["fmr"])
    fractions, by_name = told["fractions"], {curve["measure"]: curve["fnmr"] for curve in told["curves"]}
    if not all(fnmr[0] for fnmr in by_name.values()):
        said = f"At FMR {fmr} too few mated comparisons were missed to learn anything by leaving some out."
        return Section("discard", title, joined([intro, prose(said)]))
    left = {name: sum(fnmr) / len(fnmr) / fnmr[0] for name, fnmr in by_name.items()}
    order = sorted(left, key=left.__getitem__)
    best = [name for name in order if left[name] < _TELLING][:_HIGHLIGHTED]
    tell = "tell" if len(best) > 1 else "tells"
    verdict = (
        f"Of {len(order)} measures, {listed([readable(name) for name in best])} {tell} most about who is missed."
        if best
        else "No measure tells more about who is missed than leaving comparisons out at random."
    )
    at = [min(range(len(fractions)), key=lambda n: abs(fractions[n] - share)) for share in (0.1, 0.2, 0.5)]
    rows = [
        (
            readable(name),
            plots.spark(by_name[name], by_name[name][0]),
            *(percent(by_name[name][n]) if by_name[name][n] else "none left" for n in at),
        )
        for name in order
    ]
    reading = (
        "Dashed: leaving out at random, which changes nothing. Dotted: the ideal, a measure that knows every comparison that "
        "will be missed. Grey: the other measures."
    )
    note = (
        "No intervals: with few missed comparisons, differences between measures may be chance. A comparison is as good as its "
        "poorer photo."
    )
    body = [
        intro,
        prose(verdict, f" At the threshold of FMR {fmr}, all comparisons together have an FNMR of "
              f"{percent(told['curves'][0]['fnmr'][0])}."),
        figures(figure(plots.discards(told, best, readable), "Error versus discard.", reading)),
        table(
            "FNMR after leaving out the poorest, best measure first",
            ("Measure", "0 to 50 %", *(f"{points(fractions[n])} left out" for n in at)),
            rows,
            note,
            words=(1,),
        ),
    ]  # fmt: skip
    return Section("discard", title, joined(body))


def folds(report: Report, _: Terms) -> Section | None:
    """Accuracy by LFW's protocol."""
    told = report["folds"]
    if not told:
        return None
    error = f" ± {100 * told['standard_error']:.2f} (standard error)" if told["standard_error"] else ""
    missing = (
        f" {told['not_compared']:,} pairs could not be compared and count as answered “no match”."
        if told["not_compared"]
        else ""
    )
    shown = figure(plots.folds(told), "Folds.", "One dot a fold; the line is the mean, the band its standard error.")
    use = (
        "Accuracy over as many mated as non-mated pairs is a figure to compare papers by. It says nothing of the FMRs at which "
        "people are verified."
    )
    body = [
        prose(
            f"By the protocol of Labeled Faces in the Wild, over {told['pairs']:,} pairs in {told['folds']} folds, accuracy is ",
            tag("b", percent(told["accuracy"])),
            f"{error}. Each fold is judged at the threshold that is best for the others.{missing}",
        ),
        figures(shown),
        tag("p", use, class_="note"),
    ]
    return Section("folds", "LFW’s protocol", joined(body))


def hardest(report: Report, _: Terms) -> Section | None:
    """The pairs that are most likely labelled wrongly, as row numbers alone."""
    told = report["hardest"]
    if not told:
        return None
    intro = prose(
        "Rows of the data set, counted from 1, with their score. Look here for label errors first: one wrong label moves the "
        "rates at low FMR more than any setting. Pictures are not shown on purpose."
    )
    heads = (("mated", "Mated, and least alike"), ("non_mated", "Non-mated, and most alike"))
    parts = (joined([tag("h3", title), _often(told[kind]), _pairs(told[kind])]) for kind, title in heads)
    return Section("hardest", "The hardest pairs", joined([intro, *parts]))


def _often(pairs: list[dict[str, Any]]) -> Html:
    seen = Counter(row for pair in pairs for row in pair["rows"])
    told = [f"row {row} in {count}" for row, count in seen.most_common(3) if count >= _OFTEN]
    return prose(f"Often here: {listed(told)} of {len(pairs)} pairs.") if told else Html("")


def _pairs(pairs: list[dict[str, Any]]) -> Html:
    lines = []
    for pair in pairs:
        first, second = pair["rows"]
        lines.append(tag("li", f"{first} & {second} ", tag("small", score(pair["score"], 3))))
    return tag("ol", *lines, class_="pairs") if lines else prose("There are none.")
