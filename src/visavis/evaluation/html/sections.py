"""The sections that every evaluation has: rates, curves, acquisition, transactions and the check of the calibration.

Each takes the report and the terms, and gives a heading with what belongs under it; None where the report holds nothing of it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from visavis.evaluation.html import plots
from visavis.evaluation.html.error_curves import det, rates_by_threshold, roc, score_distributions, supported_from
from visavis.evaluation.html.markup import (
    Html,
    Rate,
    Report,
    figure,
    figures,
    joined,
    one_in,
    percent,
    power,
    prose,
    rate,
    rate_cell,
    readable,
    score,
    span,
    table,
    tag,
)
from visavis.evaluation.html.plots import Series
from visavis.evaluation.html.terms import Terms

POLICY_FMR = 1e-4
BADGE = tag("span", "not supported", class_="badge")

_BAR_PX = 60


class Section(NamedTuple):
    """name: its anchor. title: its heading, and its line in the contents."""

    name: str
    title: str
    body: Html


def target_cell(target: float, supported: bool = True) -> Html:
    """'1 in 10,000', marked where the data do not support it."""
    return joined([tag("span", one_in(target), class_="unbroken"), *([] if supported else [" ", BADGE])])


def policy_row(report: Report) -> Mapping[str, Any] | None:
    """The rates at the policy's FMR target; at the lowest supported one where that is not; None where no target is."""
    supported = [row for row in report["rates"] if row["supported"]]
    wanted = policy_fmr(report)
    return next((row for row in supported if row["fmr_target"] == wanted), supported[-1] if supported else None)


def policy_fmr(report: Report) -> float:
    """The FMR at which the product decides."""
    return float(report["transactions"][0]["fmr_target"]) if report["transactions"] else POLICY_FMR


def rates(report: Report, terms: Terms) -> Section:
    """FNMR at the FMR targets, by pairs, by subjects, and by pairs of what the product accepts."""
    rows = [
        (
            target_cell(row["fmr_target"], row["supported"]),
            rate_cell(row["fnmr"]),
            rate_cell(row["fnmr_subject_weighted"]),
            f"{row['fnmr']['errors']:,}" if row["fnmr"]["trials"] else "–",
            score(row["threshold"]),
            rate_cell(row["fmr"], power),
            f"{row['fmr']['errors']:,}",
        )
        for row in report["rates"]
    ]
    head = ("FMR target", "FNMR, by pairs", "FNMR, by subjects", "Missed", "Threshold", "FMR seen", "False matches")
    unsupported = (
        "Not supported: at this FMR the data would show fewer than 30 false matches. The threshold then rests on a few pairs, "
        "label errors among them; do not quote the row."
    )
    all_supported = all(row["supported"] for row in report["rates"])
    weights = prose(
        "The threshold for a target is the lowest score that no larger share of the non-mated comparisons reaches on these "
        "data. ",
        tag("b", "By pairs"),
        " each mated comparison counts the same, so people with many photos weigh most; ",
        tag("b", "by subjects"),
        " each person counts once. Where the two differ, a few people make many of the errors.",
    )
    body = [
        terms("FMR", "FNMR", "mated", "comparison score", "interval", "rule of 30", "rule of 3"),
        weights,
        table("FNMR at FMR targets, with 95 % intervals", head, rows, "" if all_supported else unsupported),
        figures(_fnmr_dots(report))
        if report["comparisons"]["mated"]
        else prose("There is no mated comparison: FNMR was not measured."),
    ]
    return Section("rates", "How often it errs", joined(body))


def _fnmr_dots(report: Report) -> Html:
    series = [Series("by pairs", "blue", "o"), Series("by subjects", "orange", "s")]
    of_product: list[Mapping[str, Any] | None] = [None] * len(report["rates"])
    if report["product"]:
        series.append(Series("by pairs, product's rules", "green", "D"))
        of_product = report["product"]["rates"]
    lines = []
    for row, own in zip(report["rates"], of_product, strict=True):
        shown = [(row, row["fnmr"]), (row, row["fnmr_subject_weighted"]), *([(own, own["fnmr"])] if own else [])]
        dots = [{**told, "supported": told["supported"] and source["supported"]} for source, told in shown]
        lines.append((one_in(row["fmr_target"]) + ("" if row["supported"] else ", not supported"), dots))
    return figure(
        plots.dots("fnmr", "FNMR at each FMR target with intervals; the table has the numbers.", lines, series, "FNMR"),
        "FNMR at each FMR target.",
        "A dot is the rate, the line its 95 % interval. Hollow: fewer than 30 errors, or a target that the data do not "
        "support. An arrow: no error seen, and the bound.",
    )


def curves(report: Report, terms: Terms) -> Section:
    """DET, rates over the threshold, ROC, and the distributions of scores that they come from."""
    limit = supported_from(report)
    where = f", below FMR {one_in(limit)}," if limit < 1 else ""
    beyond = "continued by an exponential tail" if report["tail"] else "a matter of single pairs"
    reading = (
        "The band takes both 95 % intervals together, from their better ends to their worse. On the hatched ground"
        f"{where} fewer than 30 false matches were seen: the curve is dotted and {beyond}."
    )
    dots = " Dots: the supported FMR targets, with the intervals of FNMR there."
    eer = report["eer"]
    over_threshold = figure(
        rates_by_threshold(report),
        "FMR and FNMR over the threshold." if eer else "FMR over the threshold.",
        "Raising it turns strangers away, and with them some of the right people. Dashed: the thresholds of the supported "
        "FMR targets. Dotted: FMR beyond what was counted.",
    )
    scores = figure(
        score_distributions(report),
        "Comparison scores.",
        "Above as shares of each kind, below as counts, where the tails that make the errors can be seen.",
    )
    if not eer:
        return Section("curves", "Error curves and scores", figures(over_threshold, scores))
    body = [
        terms("DET", "ROC", "EER"),
        prose("The equal error rate is ", tag("b", rate(eer)), f", at a threshold of {score(eer['threshold'])}."),
        figures(
            figure(det(report), "DET curve.", reading, dots),
            over_threshold,
            figure(roc(report), "ROC curve.", reading),
            scores,
        ),
    ]
    return Section("curves", "Error curves and scores", joined(body))


def acquisition(report: Report, terms: Terms) -> Section:
    """Failures to acquire under both rules, with reasons, and the rates over what the product accepts."""
    told = report["acquisition"]
    bound = percent(min(1.0, 3 / max(report["dataset"]["subjects"], 1)))
    rules = [
        (
            rule,
            f"{told[failures]['count']:,} of {told['images']:,}",
            percent(told[share]) if told[failures]["count"] else f"<\u00a0{bound} (rule of\u00a03, by subjects)",
        )
        for rule, failures, share in (
            ("The face nearest the centre", "failures", "failure_to_acquire_rate"),
            ("The product’s own rules", "product_failures", "product_failure_to_acquire_rate"),
        )
    ]
    eyes = "and large enough"
    if report["transactions"]:
        eyes = f"with eyes at least {report['transactions'][0]['inter_eye_distance_min_px']:g} px apart"
    body = [
        terms("FTA"),
        prose(
            "Curves and rates above take the face nearest the centre of each photo. The product asks for more: one dominant "
            f"face, the central one, {eyes}. What it refuses is a failure to acquire, and the person tries again."
        ),
        table("Failures to acquire", ("Rule", "Photos", "FTA"), rules),
        _reasons(told),
        _accepted(report),
    ]
    return Section("acquisition", "Photos that cannot be used", joined(body))


def _reasons(told: Mapping[str, Any]) -> Html:
    own, first = told["product_failures"]["reasons"], told["failures"]["reasons"]
    if not own:
        return Html("")
    most = max(own.values())
    rows = []
    for code, count in sorted(own.items(), key=lambda one: (-one[1], one[0])):
        share = tag("span", percent(count / told["images"]), class_="share")
        bar = tag("i", class_="bar", style=f"width:{_BAR_PX * count / most:.0f}px")
        rows.append(
            (
                readable(code).capitalize(),
                f"{count:,}",
                tag("span", share, bar, class_="unbroken"),
                f"{first.get(code, 0):,}",
            )
        )
    head = ("Reason", "Refused by the product", "Share of all photos", "Also under the first rule")
    return table("Reasons", head, rows, "A photo counts under its first reason.", words=(2,))


def _accepted(report: Report) -> Html:
    product = report["product"]
    if not product:
        return Html("")
    rows = [
        (
            target_cell(row["fmr_target"], row["supported"]),
            rate_cell(row["fnmr"]),
            rate_cell(whole["fnmr"]),
            score(row["threshold"]),
            rate_cell(row["fmr"], power),
            f"{row['fmr']['errors']:,}",
        )
        for row, whole in zip(product["rates"], report["rates"], strict=True)
    ]
    counts = product["comparisons"]
    counted = (
        f"{counts['mated']:,} mated and {counts['non_mated']:,} non-mated comparisons, with thresholds of their own."
    )
    head = ("FMR target", "FNMR, accepted photos", "FNMR, all photos", "Threshold", "FMR seen", "False matches")
    heading = tag("h3", "Rates over the photos that the product accepts")
    return joined([heading, prose(counted), table("FNMR over accepted photos", head, rows)])


def transactions(report: Report, terms: Terms) -> Section | None:
    """FRR and FAR by the attempts that a transaction allows, and their generalised forms."""
    told = report["transactions"]
    if not told:
        return None

    def cell(row: Mapping[str, Any], name: str, number: Callable[[float], str]) -> Html:
        value, lower, upper = (row.get(key) for key in (name, f"{name}_lower", f"{name}_upper"))
        if not value:
            return Html("not measured" if value is None else "none seen")
        interval = [] if lower is None or upper is None else [tag("small", span(lower, upper, number))]
        return joined([tag("span", number(value), class_="value"), *interval])

    rows = []
    for row in told:
        shown = (("frr", percent), ("gfrr", percent), ("far", power), ("gfar", power))
        rows.append((f"{row['attempts']}", *(cell(row, *one) for one in shown), f"{row['references']:,}"))
    first = told[0]
    enrolled = (
        f"{percent(first['failure_to_enrol'])} of the photos cannot be enrolled as a reference."
        if first["failure_to_enrol"]
        else "Every photo can be enrolled as a reference."
    )
    note = (
        "Counted over all choices of so many photos of the same person, never multiplied: attempts of one person resemble each "
        "other. Someone else who may try more often gets in more often, too. GFRR and GFAR count one photo for enrolment, and "
        "have no interval here."
    )
    unseen = any(cell == "none seen" for row in rows for cell in row)
    body = [
        terms("bona fide", "FRR", "FAR", "FTE"),
        prose(
            "A person meets the whole procedure, not one comparison: they may try again, and a photo may be refused. At "
            f"threshold {score(first['threshold'])}, that of FMR {one_in(first['fmr_target'])}, any one attempt that matches "
            f"decides. {enrolled}"
        ),
        table(
            "Transactions by the attempts they allow",
            ("Attempts", "FRR", "GFRR", "FAR", "GFAR", "References"),
            rows,
            note,
            "Where none was seen the rate is not zero; the report gives no bound there." if unseen else "",
        ),
    ]
    return Section("transactions", "Whole transactions", joined(body))


def calibration(report: Report, _: Terms) -> Section | None:
    """What the FMRs that the product's table states came to on these data."""
    told = report["calibration"]
    if not told or not told["rates"]:
        return None
    rows = [
        (
            target_cell(row["stated_fmr"]),
            rate_cell(row["fmr"], power),
            _verdict(row),
            f"{row['fmr']['errors']:,}",
            score(row["threshold"]),
            rate_cell(row["fnmr"]),
            rate_cell(row["fnmr_subject_weighted"]),
        )
        for row in told["rates"]
    ]
    head = ("Stated FMR", "FMR seen", "Verdict", "False matches", "Threshold", "FNMR, by pairs", "FNMR, by subjects")
    agrees = "“Agrees”: the 95 % interval of the FMR seen holds the stated one. With a wide interval that says little."
    drawing = plots.dots(
        "calibration",
        "Observed FMR over stated FMR, with intervals; the table has the numbers.",
        [(f"stated {one_in(row['stated_fmr'])}", [_relative(row)]) for row in told["rates"]],
        [Series("", "blue", "o")],
        "FMR seen on these data, over the FMR stated",
        number=lambda value: f"{value:g} ×",
        lines=[(1.0, "ink")],
    )
    reading = "At the dashed line both are the same; to its right, strangers match more often than stated."
    circular = "The table seems to have been made from this very data set: that the two agree is no evidence."
    body = [
        prose(
            "The product turns a score into an FMR by a calibration table, measured on ",
            tag("b", told["dataset"]),
            f", {told['date']}. Here the thresholds that it gives for its policies meet these data.",
        ),
        tag("p", circular, class_="warning") if same_data(report) else "",
        table("What the stated FMRs came to", head, rows, agrees, words=(2,)),
        figures(figure(drawing, "Seen over stated.", reading)),
    ]
    return Section("calibration", "Does the calibration hold here?", joined(body))


def _verdict(row: Mapping[str, Any]) -> str:
    seen, stated = row["fmr"], row["stated_fmr"]
    if not seen["value"]:
        return "no false match seen"
    if seen["upper"] < stated:
        return "fewer than stated"
    return "more than stated" if seen["lower"] > stated else "agrees"


def _relative(row: Mapping[str, Any]) -> Rate:
    scaled = {end: row["fmr"][end] and row["fmr"][end] / row["stated_fmr"] for end in ("value", "lower", "upper")}
    return {**row["fmr"], **scaled}


def same_data(report: Report) -> bool:
    """Whether the calibration's data set seems to be this one, by its name: the report has no better sign."""
    names = (
        report[key]["dataset"] if key == "calibration" else report[key]["name"] for key in ("dataset", "calibration")
    )
    own, other = (name.split(" (")[0].strip().casefold() for name in names)
    return bool(own) and own == other
