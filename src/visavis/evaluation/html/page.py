"""The page: what was evaluated and what came out in a sentence, the sections, and the style that they share."""

from importlib import resources
from typing import Any

from visavis.errors import InputInvalid
from visavis.evaluation.html.attacks import attacks
from visavis.evaluation.html.breakdowns import discard, documents, folds, groups, hardest
from visavis.evaluation.html.canvas import require_plots
from visavis.evaluation.html.caveats import caveats
from visavis.evaluation.html.error_curves import supported_from
from visavis.evaluation.html.markup import Html, Report, one_in, percent, rate, span, tag, unbroken
from visavis.evaluation.html.sections import (
    Section,
    acquisition,
    calibration,
    curves,
    policy_fmr,
    policy_row,
    rates,
    transactions,
)
from visavis.evaluation.html.terms import Terms

_FORMAT = 1
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_SECTIONS = (
    rates, curves, acquisition, transactions, calibration, groups, documents, attacks, discard, folds, hardest,
)  # fmt: skip


def report_html(report: dict[str, Any]) -> str:
    """The page of a report, as text for a UTF-8 file.

    Raises ExtraMissing without matplotlib, InputInvalid when the dict is no evaluation report.
    """
    if (report.get("kind"), report.get("format")) != ("evaluation", _FORMAT):
        raise InputInvalid(
            f"expected an evaluation report of format {_FORMAT}; `visavis evaluate` writes one as report.json"
        )
    require_plots()
    terms = Terms()
    head = _head(report, terms)
    made = [section for make in _SECTIONS if (section := make(report, terms))]
    shown = [*made, caveats(report)]
    main = tag("main", *map(_section, shown), id="main")
    body = tag("body", tag("a", "Skip to the figures", href="#main", class_="skip"), head,
               tag("div", _contents(shown), main, class_="frame"), _foot(report))  # fmt: skip
    title = f"{report['model']['id']} on {report['dataset']['name']}: evaluation of face verification"
    return "<!doctype html>\n" + tag("html", _metadata(title), body, lang="en") + "\n"


def headline(report: Report) -> str:
    """What came out, in one sentence."""
    row, mated = policy_row(report), report["comparisons"]["mated"]
    if not mated:
        return "These data hold no mated comparison: how often the right person is missed was not measured."
    if row is None:
        return (
            "These data are too few for any FMR target: fewer than 30 false matches are to be expected even at the highest, "
            f"{one_in(max(row['fmr_target'] for row in report['rates']))}. What follows are hints, no figures to rely on."
        )
    fnmr, where = row["fnmr"], f"At the threshold for FMR {one_in(row['fmr_target'])}, "
    if not fnmr["value"]:
        return f"{where}not one of {mated:,} mated comparisons is missed: an FNMR of {rate(fnmr)}, not of zero."
    doubt = "" if fnmr["supported"] else f" Only {fnmr['errors']} were seen: read the interval."
    return f"{where}{rate(fnmr)} of mated comparisons are missed.{doubt}"


def _in_plain_words(report: Report) -> list[str]:
    """What the headline means, and what it leaves out."""
    row = policy_row(report)
    said: list[str] = []
    if row is None or not report["comparisons"]["mated"]:
        return said
    wanted = policy_fmr(report)
    if row["fmr_target"] != wanted:
        said.append(f"FMR {one_in(wanted)}, at which the product decides, is not supported by these data.")
    missed = (
        f"it misses the right person that often; counting each person once, {rate(row['fnmr_subject_weighted'])}."
        if row["fnmr"]["value"]
        else "it missed nobody here. That bounds how often it may; it does not say never."
    )
    said.append(f"Set so that {one_in(row['fmr_target'])} comparisons of two strangers wrongly match, {missed}")
    tried = report["transactions"][-1] if report["transactions"] else None
    if tried and tried["frr"]:
        frr = f"{percent(tried['frr'])} (95\u00a0%: {span(tried['frr_lower'], tried['frr_upper'])})"
        often = "1 attempt" if tried["attempts"] == 1 else f"{tried['attempts']} attempts"
        said.append(
            f"With photos that cannot be used counted, and {often} allowed, {frr} of enrolled people are turned away."
        )
    return said


def _tiles(report: Report) -> Html:
    """The few figures that are looked for first: label, figure, what it rests on."""
    told, row, acquired = [], policy_row(report), report["acquisition"]
    if row and report["comparisons"]["mated"]:
        for kind, name in (("FNMR by pairs", "fnmr"), ("FNMR by subjects", "fnmr_subject_weighted")):
            told.append((f"{kind}, at FMR {one_in(row['fmr_target'])}", rate(row[name])))
    if report["eer"]:
        told.append(("EER", rate(report["eer"])))
    failed = acquired["product_failures"]["count"]
    share = percent(acquired["product_failure_to_acquire_rate"]) if failed else "none seen"
    told.append(("FTA by the product’s rules", f"{share} ({failed:,} of {acquired['images']:,} photos)"))
    limit = supported_from(report)
    told.append(("Lowest FMR that the data support", f"{one_in(limit) if limit < 1 else 'no FMR'} (30 false matches)"))
    found = report["attacks"]
    worst = found["at_threshold"]["apcer_worst"] if found and found["at_threshold"] else None
    if worst:
        simulated = " simulated" if found.get("simulated") else ""
        told.append((f"APCER, worst{simulated} species: {worst['species']}", rate(worst)))
    tiles = []
    for label, said in told:
        value, _, rest = said.partition(" (")
        below = [tag("small", rest.removesuffix(")"))] if rest else []
        tiles.append(tag("div", tag("dt", label), tag("dd", tag("span", value, class_="figure"), *below)))
    return tag("dl", *tiles, class_="tiles")


def _facts(report: Report) -> Html:
    data, model, counts = report["dataset"], report["model"], report["comparisons"]
    code = [("its SHA-256", (tag("code", report["code"]["sha256"]),))] if "sha256" in report["code"] else []
    facts: list[tuple[str, tuple[str, ...]]] = [
        ("Data set", (tag("b", data["name"]), f", {data['images']:,} photos of {data['subjects']:,} subjects")),
        ("its SHA-256", (tag("code", data["sha256"]),)),
        (
            "Comparisons",
            (
                f"{counts['mated']:,} mated, of {counts['mated_subjects']:,} subjects; {counts['non_mated']:,} non-mated",
            ),
        ),
        ("Model", (tag("b", model["id"]), f", run by {model['engine']}")),
        ("its SHA-256", (tag("code", model["sha256"]),)),
        ("Code", (f"visavis {report['code']['version']}",)),
        *code,
        ("Measured", (f"{report['date']}, seed {report['seed']}",)),
        ("Intervals", (report["interval"],)),
    ]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", *said)) for name, said in facts), class_="facts")


def _head(report: Report, terms: Terms) -> Html:
    return tag(
        "header",
        tag("p", f"visavis · evaluation of face verification · {report['date']}", class_="eyebrow"),
        tag("h1", report["model"]["id"], " on ", report["dataset"]["name"]),
        tag("p", unbroken(headline(report)), class_="headline"),
        *(tag("p", unbroken(said), class_="lead") for said in _in_plain_words(report)),
        _tiles(report),
        terms("FMR", "FNMR", "mated", *(["EER"] if report["eer"] else []), "FTA"),
        tag("p", "Read first: ", tag("a", "what these figures do not tell you", href="#limits"), ".", class_="first"),
        _facts(report),
    )


def _section(section: Section) -> Html:
    heading = tag("h2", section.title, id=f"{section.name}-heading")
    return tag("section", heading, section.body, id=section.name, aria_labelledby=f"{section.name}-heading")


def _contents(shown: list[Section]) -> Html:
    links = (tag("li", tag("a", section.title, href=f"#{section.name}")) for section in shown)
    return tag("nav", tag("ol", *links), aria_label="Contents")


def _foot(report: Report) -> Html:
    said = (
        "Made from report.json, which holds every figure here and more, by visavis "
        f"{report['code']['version']}. Terms and methods follow ISO/IEC 19795-1, 19795-10, 29794-1 and 30107-3; the page "
        "claims no certification. It shows no photo and names nobody."
    )
    return tag("footer", tag("p", said))


def _metadata(title: str) -> Html:
    style = (resources.files(__package__) / "style.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="robots", content="noindex"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        Html(f"<style>\n{style}</style>"),
    )
