"""The picture of a decision: what was compared, and where the score lies on the error curves."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visavis.cli.common import one_in, write_file
from visavis.errors import ExtraMissing
from visavis.image import Photo

if TYPE_CHECKING:
    from visavis.decision import Decision, PhotoReport
    from visavis.verifier import Verifier

_COLOURS = {"match": "#1a7f37", "no_match": "#cf222e", "inconclusive": "#9a6700"}
_PHOTO_PX = 700
_GREY, _FMR, _FNMR = "#57606a", "#0550ae", "#bc4c00"


def draw(target: Path, verifier: "Verifier", decision: "Decision", photos: Mapping[str, bytes]) -> None:
    """Write the picture as a PNG. `photos` holds the files behind the decision, by 'reference' and 'probe'.

    Raises ExtraMissing without matplotlib, OutputUnwritable when the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ExtraMissing("pictures need matplotlib; install it with `pip install 'visavis[plots]'`") from None

    figure = Figure(figsize=(11, 8.5), dpi=110, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 4, height_ratios=(1.15, 1), width_ratios=(1, 1, 1, 1))
    outcome = decision.outcome.value
    figure.suptitle(outcome.replace("_", " ").upper(), color=_COLOURS[outcome], fontsize=20, fontweight="bold")
    for column, (name, report) in enumerate((("reference", decision.reference), ("probe", decision.probe))):
        photo = Photo(photos[name])
        _photo(figure.add_subplot(grid[0, 2 * column : 2 * column + 2]), name, photo, report)
        _aligned(figure.add_subplot(grid[1, column]), name, verifier, photo, report)
    _curves(figure.add_subplot(grid[1, 2:]), decision)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    write_file(target, out.getvalue())


def _photo(axes: Any, name: str, photo: Photo, report: "PhotoReport") -> None:
    image = photo.decode(min(_PHOTO_PX, max(photo.size_px)))
    width, height = photo.size_px
    axes.imshow(image.pixels, extent=(0, width, height, 0), interpolation="antialiased")
    axes.set_title(f"{name} · {width} × {height}", fontsize=11)
    axes.set_axis_off()
    if report.face is not None:
        from matplotlib.patches import Rectangle

        x, y, box_width, box_height = report.face.box_px
        axes.add_patch(Rectangle((x, y), box_width, box_height, fill=False, edgecolor="#2da44e", linewidth=2))
        axes.scatter(*report.face.landmarks_px.T, s=14, color="#2da44e", edgecolors="white", linewidths=0.6)
    if report.reasons:
        reasons = ", ".join(reason.value.replace("_", " ") for reason in report.reasons)
        axes.text(0.5, 0.04, reasons, transform=axes.transAxes, ha="center", fontsize=12, color="white",
                  bbox={"facecolor": _COLOURS["inconclusive"], "edgecolor": "none", "pad": 5})  # fmt: skip


def _aligned(axes: Any, name: str, verifier: "Verifier", photo: Photo, report: "PhotoReport") -> None:
    axes.set_axis_off()
    axes.set_title(f"{name}, as compared", fontsize=10)
    if report.face is None:
        axes.text(0.5, 0.5, "no face to compare", ha="center", va="center", color=_GREY)
        return
    axes.imshow(verifier.align(photo, report.face).pixels)
    lines = [f"eyes {report.face.inter_eye_distance_px:.0f} px apart"]
    if report.quality is not None:
        lines += [
            f"sharpness {report.quality['sharpness'].score}/100",
            f"light {report.quality['luminance_mean'].score}/100",
        ]
    axes.text(0.5, -0.04, "\n".join(lines), transform=axes.transAxes, ha="center", va="top", fontsize=9, color=_GREY)


def _curves(axes: Any, decision: "Decision") -> None:
    table = decision.calibration
    scores, fmr = np.asarray(table.scores), np.asarray(table.fmr)
    observed = fmr >= table.extrapolated_below
    axes.semilogy(scores[observed], fmr[observed], color=_FMR, label="FMR: strangers who score this high")
    axes.semilogy(scores[~observed], fmr[~observed], color=_FMR, linestyle=":", label="FMR, extrapolated")
    axes.fill_between(scores, table.fmr_lower, table.fmr_upper, color=_FMR, alpha=0.15, linewidth=0)
    fnmr = np.asarray(table.fnmr)
    axes.semilogy(scores[fnmr > 0], fnmr[fnmr > 0], color=_FNMR, label="FNMR: same person, scores lower")
    threshold = f"threshold {decision.threshold:.3f} ({decision.policy.name})"
    axes.axvline(decision.threshold, color=_GREY, linestyle="--", label=threshold)
    if decision.comparison is not None:
        score, rate = decision.comparison.score, one_in(decision.comparison.fmr.value)
        colour = _COLOURS[decision.outcome.value]
        axes.axvline(score, color=colour, linewidth=2.5, label=f"this score {score:.3f}: {rate}")
    axes.set(xlim=(-0.2, 0.9), ylim=(5e-8, 1.5), xlabel="comparison score (cosine)", ylabel="rate")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7.5, loc="lower left", framealpha=0.9)
    source = f"{table.dataset}\n{table.non_mated_pairs:,} non-mated pairs, {table.date}; liveness not checked"
    axes.set_title(source, fontsize=8, color=_GREY)
