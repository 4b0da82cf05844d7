"""What the figures of a report do not tell, made from what it holds and lacks."""

from collections.abc import Iterator

from visavis.evaluation.html.error_curves import supported_from
from visavis.evaluation.html.markup import Report, joined, one_in, tag
from visavis.evaluation.html.sections import Section, same_data

_HEAVY = 0.1
"""A tail's shape from which the exponential is called too hopeful. There, two decades out, it is so by a factor of two."""


def caveats(report: Report) -> Section:
    """The section, as a list with the gist of each line in front."""
    lines = [tag("li", tag("b", gist), " ", more) for gist, more in (*_data(report), *_support(report), *_use(report))]
    return Section("limits", "What these figures do not tell you", tag("ul", joined(lines), class_="caveats"))


def _data(report: Report) -> Iterator[tuple[str, str]]:
    """Of the photos, the people in them and their labels."""
    name = report["dataset"]["name"]
    yield (
        "This data set is not your population.",
        (
            f"The rates are those of {name}: its cameras, light, ages, faces and years between photos. Yours are others. "
            "Measure on photos of your own before you rely on any figure."
        ),
    )
    if "lfw" in name.casefold() or "labeled faces" in name.casefold():
        yield (
            "Labeled Faces in the Wild is press photos of public figures,",
            (
                "mostly men, mostly light-skinned, mostly between 30 and 60, in whom a detector of its day found a face. It has "
                "no document photos, and it has wrong labels."
            ),
        )
    if report["groups"]:
        yield (
            "Groups are labels,",
            (
                "as good as whoever gave them. Differences between groups with few errors may be chance, and groups that the "
                "data set does not name or hardly holds are not measured."
            ),
        )
    else:
        yield (
            "Nothing about groups of people.",
            (
                "The data set states no groups. An average hides that error rates differ with skin tone, sex and age; this "
                "report cannot say by how much."
            ),
        )
    look = (
        "See the hardest pairs." if report["hardest"] else "Run again with the hardest pairs listed to look for them."
    )
    yield (
        "Labels are taken as true.",
        "A wrong label makes a false match or a miss that is none. At low FMR a handful of them decides the threshold. "
        + look,
    )
    yield (
        "Photos of one visit resemble each other.",
        (
            "Intervals allow for people who fail together. They do not allow for photos taken in the same minute, which make "
            "FNMR look better than it is months later."
        ),
    )
    yield (
        "What the model saw in training is not known here.",
        "If it learnt from these people’s photos, the figures are better than on people it never saw.",
    )
    if report.get("documents"):
        yield "Simulated documents are no documents.", "No printer, laminate or camera was measured for them."
    else:
        yield (
            "No document photos,",
            "unless the data set holds some: printed, laminated or chip portraits are harder to compare.",
        )


def _support(report: Report) -> Iterator[tuple[str, str]]:
    """Of how much the counts can carry."""
    limit, tail, counts = supported_from(report), report["tail"], report["comparisons"]
    if limit < 1:
        said = f"{counts['non_mated']:,} non-mated comparisons show 30 false matches at that rate, and fewer below it."
        missing = [one_in(row["fmr_target"]) for row in report["rates"] if not row["supported"]]
        if missing:
            said += f" Not supported: FMR {', '.join(missing)}."
        if tail:
            said += " There the curves go on by an exponential tail, which is a model and no measurement."
        if tail and tail["shape"] > _HEAVY:
            said += (
                " Here it is too hopeful: the highest scores of strangers thin out more slowly than it assumes (shape "
                f"{tail['shape']:.2f}, where it takes 0), by label errors or by real look-alikes."
            )
        yield f"Nothing below FMR {one_in(limit)}.", said
    else:
        yield (
            "Nothing about false matches.",
            f"There are {counts['non_mated']:,} non-mated comparisons; it takes 30 false matches to support a rate.",
        )
    if counts["mated"]:
        yield (
            f"{counts['mated_subjects']:,} people decide the FNMR.",
            (
                f"So many have more than one photo. However many comparisons they make ({counts['mated']:,}), the evidence is "
                "theirs alone."
            ),
        )
    own = "; the intervals of FNMR count that." if counts["mated"] else "."
    check = report["calibration"] and not same_data(report)
    yield (
        "Thresholds come from these very data.",
        (
            f"At each FMR target the threshold was chosen on the comparisons that are then judged by it{own} "
            + (
                "The section on calibration tells what thresholds from elsewhere do here."
                if check
                else "A threshold set beforehand, as in use, would meet its target less exactly."
            )
        ),
    )


def _use(report: Report) -> Iterator[tuple[str, str]]:
    """Of what happens in use, and did not happen here."""
    mixed = "" if report["groups"] else " Nor were they chosen to be alike in sex and age."
    yield (
        "Strangers who make no effort.",
        (
            "Non-mated comparisons are of people who did not try to pass for each other. Twins, relatives, look-alikes and "
            f"anyone who prepares are accepted far more often than the FMR says.{mixed}"
        ),
    )
    if report["attacks"]:
        simulated = " And these were simulated." if report["attacks"].get("simulated") else ""
        yield (
            "Only the attacks in the list.",
            f"An attack of another kind, or a better made one, was not measured.{simulated}",
        )
    else:
        yield (
            "Liveness was not measured.",
            "A photo of a photo scores like the photo. What a printed face, a screen or a mask achieves is not here.",
        )
    whole = "" if report["transactions"] else " Whole transactions were not measured."
    yield (
        "A laboratory’s figures.",
        (
            "This is a technology evaluation in the sense of ISO/IEC 19795-1: photos that exist, compared by a program. How "
            f"people behave before a camera, and what your staff does after a “no match”, only a trial with them shows.{whole}"
        ),
    )
