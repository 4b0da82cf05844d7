import copy
import json
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.simulated import acquired, people
from visavis.errors import ExtraMissing, InputInvalid
from visavis.evaluation import About, AttackScores, Dataset, Grouping, Options, Pairs, attack_figures, evaluate
from visavis.evaluation.html import report_html, require_plots
from visavis.evaluation.html.attacks import attacks, worst_first
from visavis.evaluation.html.breakdowns import discard, documents, folds, groups, hardest
from visavis.evaluation.html.canvas import powers
from visavis.evaluation.html.caveats import caveats
from visavis.evaluation.html.markup import clean, one_in, percent, power, rate, rate_cell, span, table, tag
from visavis.evaluation.html.page import headline
from visavis.evaluation.html.sections import calibration, curves, policy_row, transactions
from visavis.evaluation.html.terms import Terms
from visavis.weights import Calibration

Report = dict[str, Any]

EVIL = '<script>alert("x")</script>\'"><img src=x onerror=alert(1)> & $x^2$ \u4e2d\u6587 \u202e\ud800'
VOID = {"meta", "link", "br"}
SUBJECTS, PHOTOS = 130, 4
REGIONS = ("North", "South", "East", EVIL)
SPECIES = ("print", "screen", "paper mask", "silicone mask", "projector", EVIL.replace('"', ""))
RATE = {"value": 0.25, "lower": 0.1, "upper": 0.5, "errors": 5, "trials": 20, "supported": False}
UNSEEN = {"value": None, "lower": 0.0, "upper": 0.0059, "errors": 0, "trials": 900, "supported": False}
UNMEASURED = {"value": None, "lower": None, "upper": None, "errors": 0, "trials": 0, "supported": False}


class Page(HTMLParser):
    """Reads a page strictly: every tag that is opened is closed, in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[str] = []
        self.said: list[str] = []
        self.plotted: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.said).split())
        self.plot_text = " ".join("".join(self.plotted).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if tag in ("td", "th", "div", "p", "small", "tr", "dd", "li", "figure"):
            self.said.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and "svg" not in self.open:
            self.said.append(data)
        elif "text" in self.open:
            self.plotted += [data, " "]

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


def presentations() -> AttackScores:
    random = np.random.default_rng(7)
    rows = ["species,score,comparison,subject"]
    for number in range(300):
        score = "" if number % 97 == 0 else random.beta(6, 2)
        rows.append(f"bona_fide,{score},{random.normal(0.7, 0.1)},{number % 60}")
    for order, species in enumerate(SPECIES):
        for number in range(80):
            score = "" if number % 41 == 0 else random.beta(2 + order, 40 if species == "projector" else 6)
            rows.append(f'"{species}",{score},{random.normal(0.55, 0.15)},{number % 20}')
    return AttackScores.parse("\n".join(rows) + "\n")


def table_of(fmr: float = 1.0) -> Calibration:
    """A table that states an FMR so many times what it is."""
    scores = np.linspace(-0.2, 0.999, 200)
    rates = np.maximum(fmr * np.exp(-14 * (scores + 0.2)), 1e-7).tolist()
    told: dict[str, Any] = {
        "format": 1, "model_sha256": "ab" * 32, "dataset": f"elsewhere {EVIL[:20]}", "date": "2026-01-01", "subjects": 10,
        "images": 20, "mated_pairs": 10, "non_mated_pairs": 100, "interval": "95 %", "extrapolated_below": 1e-5,
        "non_mated_mean": 0.1,
        "scores": scores.tolist(), "fmr": rates, "fmr_lower": rates, "fmr_upper": rates, "fnmr": np.linspace(0, 1, 200).tolist(),
    }  # fmt: skip
    return Calibration.parse(json.dumps(told), model_sha256="ab" * 32)


@pytest.fixture(scope="module")
def full() -> Report:
    """Everything that a report may hold, with names that try to break out."""
    random = np.random.default_rng(1)
    photos = [PHOTOS] * SUBJECTS
    subject = np.repeat(np.arange(SUBJECTS, dtype=np.int32), photos)
    reasons = {0: "no_face", 7: "image_truncated", 20: "several_faces", 21: "several_faces"}
    vectors = people(random, photos, 0.5)
    grouping = Grouping(f"region {EVIL}", REGIONS, (subject % len(REGIONS)).astype(np.int32))
    told = evaluate(
        Dataset(tuple(f"{n}.jpg" for n in range(len(subject))), subject, groupings=(grouping,)),
        acquired(random, vectors, reasons),
        About(f"LFW {EVIL}", "2026-11-22", f"a-model {EVIL}", "ab" * 32, f"none 1.0 {EVIL}"),
        Options(replicates=60, hardest=True, policy_fmr=1e-3),
        calibration=table_of(),
        documents={"printed": acquired(random, people(random, photos, 0.5)), "low_light": acquired(random, vectors)},
    )
    told["attacks"] = attack_figures(presentations(), threshold=0.5, comparison_threshold=0.4, replicates=100)
    told["attacks"]["simulated"] = True
    return told


@pytest.fixture(scope="module")
def page(full: Report) -> Page:
    return Page(report_html(full))


@pytest.fixture(scope="module")
def listed() -> Report:
    """A list of pairs in folds, few of them: no transactions, no tail, no target that is supported."""
    random = np.random.default_rng(2)
    photos = [4] * 40
    subject = np.repeat(np.arange(40, dtype=np.int32), photos)
    first = np.repeat(np.arange(0, 160, 2, dtype=np.int32), 2)
    second = np.where(np.arange(160) % 2, first + 1, (first + 8) % 160).astype(np.int32)
    pairs = Pairs(first, second, subject[first] == subject[second], (np.arange(160) // 16).astype(np.int32))
    return evaluate(
        Dataset(tuple(f"{n}.jpg" for n in range(160)), subject, pairs=pairs),
        acquired(random, people(random, photos, 0.5)),
        About("pairs", "2026-11-22", "a-model", "ab" * 32, "none 1.0"),
        Options(replicates=60),
    )


@pytest.fixture(scope="module")
def bare() -> Report:
    """No mated comparison, and nothing else that can be absent."""
    random = np.random.default_rng(3)
    told = evaluate(
        Dataset(tuple(f"{n}.jpg" for n in range(12)), np.arange(12, dtype=np.int32)),
        acquired(random, people(random, [1] * 12)),
        About("bare", "2026-11-22", "a-model", "ab" * 32, "none 1.0"),
        Options(replicates=60),
    )
    return told | {"transactions": []}


@pytest.fixture(scope="module")
def bare_page(bare: Report) -> Page:
    return Page(report_html(bare))


@pytest.fixture(scope="module")
def listed_page(listed: Report) -> Page:
    return Page(report_html(listed))


@pytest.fixture(scope="module", params=["full", "listed", "bare"])
def any_page(request: pytest.FixtureRequest) -> Page:
    found = request.getfixturevalue({"full": "page"}.get(request.param, f"{request.param}_page"))
    assert isinstance(found, Page)
    return found


class TestAnyPage:
    def test_loads_and_runs_nothing(self, any_page: Page) -> None:
        assert not {"script", "img", "iframe", "object", "embed", "form", "image", "foreignobject"} & set(any_page.tags)
        assert not [name for _, name, _ in any_page.attributes if name.startswith("on") or name in ("src", "srcset")]
        assert all(value.startswith("#") or value == "data:," for value in any_page.values("href"))
        assert all(value.startswith("#") for value in any_page.values("xlink:href"))
        assert "://" not in any_page.source
        assert not re.search(r"@import|url\((?!#)", any_page.source)
        policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        assert ("meta", "http-equiv", "Content-Security-Policy") in any_page.attributes
        assert ("meta", "content", policy) in any_page.attributes

    def test_identifiers_are_unique_and_found(self, any_page: Page) -> None:
        ids = any_page.values("id")
        assert len(ids) == len(set(ids))
        referred = {
            *re.findall(r"url\(#([^)]+)\)", any_page.source),
            *(value[1:] for name in ("href", "xlink:href") for value in any_page.values(name) if value[0] == "#"),
            *any_page.values("aria-labelledby"),
        }
        assert referred <= set(ids)

    def test_can_be_read_by_everyone(self, any_page: Page) -> None:
        assert ("html", "lang", "en") in any_page.attributes
        levels = [int(heading[1]) for heading in any_page.headings]
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert any_page.tags["caption"] == any_page.tags["table"] > 0
        assert any_page.tags["th"] == len(any_page.values("scope"))
        plots = any_page.values("role").count("img")
        assert plots == any_page.tags["figcaption"] == any_page.tags["figure"] >= 2
        assert any_page.source.count("<title") == plots + 1

    def test_prints_no_absence_and_no_zero(self, any_page: Page) -> None:
        for text in (any_page.text, any_page.plot_text):
            assert not re.search(r"\bNone\b|\bnan\b|\binf\b", text)
            assert not re.search(r"(?<![\d.,])0(\.0*)?\s%", text)

    def test_is_small(self, any_page: Page) -> None:
        assert len(any_page.source.encode()) < 1_500_000

    def test_names_what_it_does_not_tell(self, any_page: Page) -> None:
        assert "What these figures do not tell you" in any_page.text
        assert "This data set is not your population." in any_page.text

    def test_every_colour_of_a_plot_is_the_page_s_own(self, any_page: Page) -> None:
        style, body = any_page.source.split("</style>", 1)
        assert not re.search(r"#[0-9a-f]{6}\b", re.sub(r"<code>.*?</code>|>[^<]*<", "", body))
        assert set(re.findall(r"var\(--([a-z-]+)\)", any_page.source)) <= set(re.findall(r"--([a-z-]+):", style))


class TestPage:
    def test_is_the_same_every_time(self, full: Report, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever matplotlib is set to elsewhere, which stays as it was."""
        monkeypatch.setitem(mpl.rcParams, "lines.linewidth", 9.0)
        assert report_html(copy.deepcopy(full)) == page.source
        assert mpl.rcParams["lines.linewidth"] == 9.0

    def test_has_a_section_for_everything(self, page: Page) -> None:
        names = (
            "rates",
            "curves",
            "acquisition",
            "transactions",
            "calibration",
            "groups",
            "documents",
            "attacks",
            "discard",
        )
        assert {*names, "hardest", "limits"} <= set(page.values("id"))
        contents = [value[1:] for value in page.values("href") if value.startswith("#")]
        assert set(contents) <= set(page.values("id"))

    def test_the_head_says_what_was_evaluated(self, full: Report, page: Page) -> None:
        hashes = [full[part]["sha256"] for part in ("dataset", "model", "code")]
        for value in (*hashes, full["date"], full["code"]["version"]):
            assert value in page.text
        assert f"seed {full['seed']}" in page.text
        assert full["interval"] in page.text
        assert f"{full['dataset']['images']:,} photos of {full['dataset']['subjects']:,} subjects" in page.text
        assert f"{full['comparisons']['non_mated']:,} non-mated" in page.text

    def test_figures_are_the_report_s(self, full: Report, page: Page) -> None:
        row = policy_row(full)
        assert row is not None
        assert rate(row["fnmr"]).replace("\u00a0", " ") in page.text
        text = page.text
        for row in full["rates"]:
            assert f"{row['threshold']:.4f}" in text
            assert f"{row['fmr']['errors']:,}" in text
            for name in ("fnmr", "fnmr_subject_weighted"):
                if row[name]["value"]:
                    assert percent(row[name]["value"]).replace("\u00a0", " ") in text
        assert f"{full['eer']['threshold']:.4f}" in text
        for row in full["transactions"]:
            assert percent(row["frr"]).replace("\u00a0", " ") in text
        for pair in full["hardest"]["mated"]:
            assert f"{pair['rows'][0]} & {pair['rows'][1]}" in text

    def test_unsupported_targets_are_marked(self, full: Report, page: Page) -> None:
        missing = sum(not row["supported"] for row in full["rates"])
        assert missing
        assert page.text.count("not supported") >= missing
        assert "do not quote the row" in page.text
        assert "not supported" in page.plot_text

    def test_names_break_out_of_nothing(self, page: Page) -> None:
        shown = clean(EVIL)
        assert "\ufffd" in shown
        for before in ("LFW ", "a-model ", "none 1.0 ", "By region "):
            assert before + shown in page.text
        assert clean(SPECIES[-1])[:40] in page.plot_text  # in a plot, what fits
        assert "\u202e" not in page.source
        page.source.encode()

    def test_explains_each_term_once(self, page: Page) -> None:
        terms = re.findall("<dfn>(.*?)</dfn>", page.source)
        assert {"FMR", "FNMR", "FTA", "mated", "EER", "DET", "APCER", "BPCER", "IAPAR", "FRR", "rule of 3"} <= set(
            terms
        )
        assert len(terms) == len(set(terms))

    def test_simulated_attacks_are_marked(self, full: Report, page: Page) -> None:
        assert "Simulated." in page.text
        assert "And these were simulated." in page.text
        real = full["attacks"] | {"simulated": False}
        section = attacks(full | {"attacks": real}, Terms())
        assert section is not None
        assert "Simulated." not in section.body

    def test_lfw_is_told_for_what_it_is(self, page: Page, listed: Report) -> None:
        assert "press photos of public figures" in page.text
        assert "press photos" not in caveats(listed).body


class TestLittle:
    def test_no_target_is_supported(self, listed: Report, listed_page: Page) -> None:
        assert policy_row(listed) is None
        assert "too few for any FMR target" in listed_page.text
        assert listed_page.text.count("not supported") >= 5
        assert "accuracy is" in listed_page.text
        assert "Whole transactions were not measured." in listed_page.text

    def test_nothing_mated(self, bare: Report, bare_page: Page) -> None:
        assert "no mated comparison" in headline(bare)
        assert "FNMR was not measured" in bare_page.text
        assert "Liveness was not measured." in bare_page.text
        assert "det-title" not in bare_page.values("id")

    def test_sections_of_nothing_are_absent(self, bare: Report) -> None:
        for section in (transactions, calibration, groups, documents, attacks, discard, folds, hardest):
            assert section(bare, Terms()) is None

    @pytest.mark.parametrize("key", ["tail", "product", "discard", "calibration", "hardest", "attacks"])
    def test_any_one_part_may_be_missing(self, full: Report, key: str) -> None:
        less = {**full, key: None}
        made = [section(less, Terms()) for section in (calibration, discard, hardest, attacks)]
        told = [caveats(less).body, headline(less), *(one.body for one in made if one)]
        assert "None" not in " ".join(told)
        if key == "tail":
            assert "exponential tail" not in curves(less, Terms()).body

    def test_no_miss_is_no_zero(self, full: Report) -> None:
        less = copy.deepcopy(full)
        for row in less["rates"]:
            row["fnmr"] = row["fnmr_subject_weighted"] = UNSEEN
        row = policy_row(less)
        assert row is not None
        assert headline(less) == (
            f"At the threshold for FMR {one_in(row['fmr_target'])}, not one of {less['comparisons']['mated']:,} mated "
            "comparisons is missed: an FNMR of <\u00a00.59\u00a0% (rule of\u00a03), not of zero."
        )

    def test_few_misses_are_said_to_be_few(self, full: Report) -> None:
        less = copy.deepcopy(full)
        for row in less["rates"]:
            row["fnmr"] = RATE
        assert headline(less).endswith("are missed. Only 5 were seen: read the interval.")

    def test_no_attack_threshold(self, full: Report) -> None:
        figures = attack_figures(presentations(), threshold=None, comparison_threshold=None, replicates=100)
        section = attacks(full | {"attacks": figures}, Terms())
        assert section is not None
        assert "No PAD threshold was given" in section.body
        assert "BPCER20" in section.body
        assert "IAPAR" not in section.body

    def test_attacks_that_were_never_answered(self, full: Report) -> None:
        scores = AttackScores.parse("species,score\nbona_fide,0.5\nprint,\n")
        section = attacks(
            full | {"attacks": attack_figures(scores, threshold=0.2, comparison_threshold=None, replicates=100)}, Terms()
        )  # fmt: skip
        assert section is not None
        assert "no attack was answered" in section.body
        assert "not measured" in section.body
        assert "there is no curve to read" in section.body

    def test_no_errors_to_discard(self, full: Report) -> None:
        told = copy.deepcopy(full["discard"])
        for curve in told["curves"]:
            curve["fnmr"] = [0.0] * len(curve["fnmr"])
        section = discard(full | {"discard": told}, Terms())
        assert section is not None
        assert "too few mated comparisons were missed" in section.body

    def test_transactions_without_an_error(self, full: Report) -> None:
        row = full["transactions"][0] | {"far": 0.0, "gfar": 0.0, "frr": None, "gfrr": None, "failure_to_enrol": 0.0}
        section = transactions(full | {"transactions": [row]}, Terms())
        assert section is not None
        assert "none seen" in section.body
        assert "not measured" in section.body

    def test_groups_without_photos(self, full: Report) -> None:
        empty = {"name": "site", "groups": [], "worst_to_mean": []}
        section = groups(full | {"groups": [empty]}, Terms())
        assert section is not None
        assert "No group had a photo" in section.body


class TestExtremes:
    """Nothing here can be concluded, and yet everything is drawn; matplotlib's warnings would be errors."""

    @pytest.mark.parametrize("case", ["one pair", "opposite", "perfect", "all alike", "none accepted"])
    def test_is_drawn(self, case: str) -> None:
        random = np.random.default_rng(4)
        photos, vectors = [2, 2], people(random, [2, 2], 0.3)
        if case == "one pair":
            photos, vectors = [1, 1], people(random, [1, 1])
        if case == "opposite":
            photos, vectors = [1, 2], np.outer([1, -1, -1], np.eye(16)[0])
        if case == "perfect":
            photos, vectors = [3] * 16, np.repeat(np.eye(16), 3, axis=0)
        if case == "all alike":
            photos, vectors = [3] * 10, np.full((30, 16), 0.25)
        subject = np.repeat(np.arange(len(photos), dtype=np.int32), photos)
        reasons = dict.fromkeys(range(4), "several_faces") if case == "none accepted" else {}
        told = evaluate(
            Dataset(tuple(f"{n}.jpg" for n in range(len(subject))), subject),
            acquired(random, vectors.astype(np.float32), reasons),
            About("little", "2026-11-22", "a-model", "ab" * 32, "none 1.0"),
            Options(replicates=60, hardest=True),
        )
        shown = Page(report_html(told)).text
        assert not re.search(r"\bNone\b|\bnan\b|\binf\b|(?<![\d.,])0(\.0*)?\s%", shown)


class TestCalibration:
    @pytest.mark.parametrize(
        ("value", "lower", "upper", "verdict"),
        [
            (1e-3, 8e-4, 2e-3, "agrees"),
            (3e-3, 2e-3, 4e-3, "more than stated"),
            (3e-4, 2e-4, 4e-4, "fewer than stated"),
            (None, 0.0, 4e-4, "no false match seen"),
        ],
    )
    def test_verdicts(
        self, full: Report, value: float | None, lower: float, upper: float, verdict: str
    ) -> None:  # fmt: skip
        row = copy.deepcopy(full["calibration"]["rates"][0])
        row |= {"stated_fmr": 1e-3, "fmr": row["fmr"] | {"value": value, "lower": lower, "upper": upper}}
        section = calibration(full | {"calibration": full["calibration"] | {"rates": [row]}}, Terms())
        assert section is not None
        assert f">{verdict}<" in section.body

    def test_a_table_of_the_same_data_is_no_evidence(self, full: Report) -> None:
        for name, circular in (("lfw-dev (LFW)", True), ("other", False)):
            told = full | {"dataset": full["dataset"] | {"name": "lfw-dev"}}
            told["calibration"] = full["calibration"] | {"dataset": name, "rates": full["calibration"]["rates"][:1]}
            section = calibration(told, Terms())
            assert section is not None
            assert ("is no evidence" in section.body) == circular


class TestFaults:
    def test_without_matplotlib(self, full: Report, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        for call in (require_plots, lambda: report_html(full)):
            with pytest.raises(ExtraMissing, match=re.escape("pip install 'visavis[plots]'")):
                call()

    @pytest.mark.parametrize("told", [{}, {"kind": "evaluation", "format": 2}, {"kind": "frames", "format": 1}])
    def test_no_report(self, told: Report) -> None:
        with pytest.raises(InputInvalid, match=r"report\.json"):
            report_html(told)

    def test_matplotlib_is_imported_when_it_is_needed(self) -> None:
        code = "import sys, visavis.evaluation.html; sys.exit('matplotlib' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [(0.0074, "0.74 %"), (0.0184, "1.84 %"), (0.241, "24.1 %"), (0.00048, "0.048 %"), (1.0, "100 %"), (0.99996, "99.9960 %")],
    )  # fmt: skip
    def test_percent(self, value: float, shown: str) -> None:
        assert percent(value).replace("\u00a0", " ") == shown

    def test_powers(self) -> None:
        assert power(9.628e-05).replace("\u00a0", " ") == "9.6 × 10⁻⁵"
        assert power(0.25) == percent(0.25)
        assert (powers(1e-5), powers(2e-3), powers(1.0)) == ("10⁻⁵", "2×10⁻³", "10⁰")
        assert span(7.9e-5, 1.2e-4, power).replace("\u00a0", " ") == "7.9–12 × 10⁻⁵"

    def test_one_in(self) -> None:
        for value, shown in ((1e-4, "1 in 10,000"), (3.5616e-6, "1 in 281,000"), (0.5, "1 in 2")):
            assert one_in(value).replace("\u00a0", " ") == shown

    def test_rates(self) -> None:
        assert rate(RATE).replace("\u00a0", " ") == "25.0 % (95 %: 10.0–50.0 %)"
        assert rate(RATE | {"lower": 0.0}).replace("\u00a0", " ") == "25.0 % (95 %: up to 50.0 %)"
        assert rate(UNSEEN).replace("\u00a0", " ") == "< 0.59 % (rule of 3)"
        assert rate(UNMEASURED) == rate(None) == "not measured"

    def test_rates_on_few_errors_are_marked_and_explained(self) -> None:
        for told, marked in ((RATE, True), (RATE | {"supported": True}, False), (UNSEEN, False)):
            made = table("Some", ("", "rate"), [("a", rate_cell(told))])
            assert (made.count("†"), "Under 30 errors" in made) == ((2, True) if marked else (0, False))

    @given(st.floats(1e-9, 1.0))
    def test_what_is_not_zero_does_not_look_like_it(self, value: float) -> None:
        for shown in (percent(value), power(value)):
            assert re.search("[1-9]", shown)
            assert value == 1.0 or not re.match(r"100\b(?!\.)", shown)

    @given(st.text())
    def test_text_comes_out_as_it_went_in(self, text: str) -> None:
        class Read(HTMLParser):
            seen = ""

            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                assert tag == "p"
                assert [value or "" for _, value in attrs] == [clean(text)]

            def handle_data(self, data: str) -> None:
                self.seen += data

        read = Read()
        read.feed(tag("p", text, title=text))
        read.close()
        assert read.seen == clean(text)


class TestOrder:
    def test_the_worst_species_comes_first(self) -> None:
        rates: dict[str, Report] = {"a": UNSEEN, "b": RATE, "c": UNSEEN | {"upper": 0.2}, "d": UNSEEN}
        assert worst_first(rates) == ["b", "c", "a", "d"]


CSS = (resources.files("visavis.evaluation.html") / "style.css").read_text(encoding="utf-8")
THEMES = [
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


class TestStyle:
    @pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
    def test_text_has_contrast_on_every_ground(self, theme: dict[str, str]) -> None:
        """WCAG 2 AA: 4.5 to 1."""
        grounds = [theme["page"], theme["card"]]
        for name in ("ink", "muted", "link", "blue", "orange", "green", "purple"):
            assert min(contrast(theme[name], ground) for ground in grounds) >= 4.5, name
        assert contrast(theme["warn-ink"], theme["warn"]) >= 4.5

    def test_the_dark_theme_is_for_screens_and_whole(self) -> None:
        assert set(THEMES[0]) == set(THEMES[1])
        assert "@media screen and (prefers-color-scheme: dark)" in CSS
        assert "size: A4" in CSS
