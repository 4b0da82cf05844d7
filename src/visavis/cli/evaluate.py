"""`visavis evaluate DATASET`: error rates on the operator's own photos, as one report for machines and one for people."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from visavis.cli.common import (
    engine_options,
    json_option,
    make_verifier,
    one_in,
    print_json,
    printable,
    read_photo,
    read_text,
    write_file,
)
from visavis.errors import InputInvalid, OutputUnwritable

if TYPE_CHECKING:
    from visavis.evaluation import Dataset

_T = TypeVar("_T")
_ENDINGS = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jpx", ".tif", ".tiff", ".bmp")
)


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("evaluation"),
    show_default=True,
    help="Folder for report.json and report.html.",
)
@click.option("--overwrite", is_flag=True, help="Replace the reports that are there.")
@click.option("--name", help="The data set's name in the report.  [default: the file's or folder's own]")
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that paths in a CSV or pairs file start from.  [default: the file's own]",
)
@click.option(
    "--embeddings",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where embeddings are kept between runs: biometric data.  [default: embeddings/ in --out]",
)
@click.option("--keep-nothing", is_flag=True, help="Keep no embeddings; an interrupted run starts anew.")
@click.option(
    "--attempts",
    type=click.IntRange(1, 10),
    multiple=True,
    default=(1, 3),
    show_default=True,
    help="Attempts a transaction allows; may be given several times.",
)
@click.option(
    "--documents",
    is_flag=True,
    help="Measure on simulated document photos and poor captures as well: each of them acquires all photos once more.",
)
@click.option("--hardest", is_flag=True, help="List the hardest pairs, at most 50 of each kind, by row number.")
@click.option(
    "--attacks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV of presentation attack scores: species,score[,comparison][,subject][,simulated].",
)
@click.option("--attack-threshold", type=float, help="PAD score from which a presentation is taken as bona fide.")
@click.option(
    "--replicates",
    type=click.IntRange(100, 100_000),
    default=1000,
    show_default=True,
    help="Bootstrap replicates behind each interval.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=20261122,
    show_default=True,
    help="What the bootstrap and the simulated photos are drawn from.",
)
@click.option("--no-html", is_flag=True, help="Write report.json alone; needs no plotting library.")
@json_option
@engine_options
def evaluate(
    dataset: Path,
    out: Path,
    overwrite: bool,
    name: str | None,
    images: Path | None,
    embeddings: Path | None,
    keep_nothing: bool,
    attempts: tuple[int, ...],
    documents: bool,
    hardest: bool,
    attacks: Path | None,
    attack_threshold: float | None,
    replicates: int,
    seed: int,
    no_html: bool,
    as_json: bool,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Measure error rates on a labelled data set, to ISO/IEC 19795-1.

    DATASET is a folder with one folder a subject, a CSV with the columns `image,subject` (any further column groups
    subjects; `capture` names photos of one visit), or a list of pairs: LFW's pairs.txt, or a CSV with the columns
    `reference,probe,mated`. Called again after an interruption, it goes on where it stopped.
    Exit code: 0 when the reports are written, 3 on a fault or wrong use.
    """
    if keep_nothing and embeddings:
        raise click.UsageError("--keep-nothing and --embeddings exclude each other")
    if images and dataset.is_dir():
        raise click.UsageError("--images goes with a CSV or pairs file; the photos of a folder lie in it")
    if attack_threshold is not None and not (attacks and isfinite(attack_threshold)):
        raise click.UsageError("--attack-threshold must be a finite number, and goes with --attacks")
    reports = [out / "report.json", out / "report.html"]
    for report in reports:
        if report.is_dir():
            raise OutputUnwritable(f"{report} is a folder; choose another --out")
        if os.path.lexists(report) and not overwrite:
            raise OutputUnwritable(f"{report} exists; choose another --out, or replace it with --overwrite")
    from visavis.evaluation import DEGRADATIONS, About, AttackScores, Options, acquire_all, attack_figures, degraded
    from visavis.evaluation import evaluate as measure

    # whatever can be missed is missed now, not after an hour's work
    scores = _named(attacks, AttackScores.parse) if attacks else None
    data, root = read_dataset(dataset, images)
    if documents and data.pairs is not None:
        raise click.UsageError("--documents compares all photos with each other; it does not go with a list of pairs")
    if not no_html:
        from visavis.evaluation.html import require_plots

        require_plots()
    _make_folder(out)
    kept = None if keep_nothing else embeddings or out / "embeddings"
    with make_verifier(engine, threads, model) as verifier, _going_on(kept):
        calibration = None if verifier.card.calibration is None else verifier.calibration
        with _bar("acquiring", len(data.images)) as advance:
            acquired = acquire_all(
                data.images, lambda key: read_photo(root / key), verifier, folder=kept, progress=advance
            )
        changed = {}
        for kind in DEGRADATIONS if documents else ():
            with _bar(kind.replace("_", " "), len(data.images)) as advance:
                changed[kind] = acquire_all(
                    data.images,
                    lambda key: read_photo(root / key),
                    verifier,
                    folder=kept,
                    change=degraded(kind, acquired, seed),
                    progress=advance,
                )
        about = About(
            dataset=printable(name or (dataset.resolve().name if dataset.is_dir() else dataset.name)),
            date=datetime.now(UTC).date().isoformat(),
            model_id=verifier.card.id,
            model_sha256=verifier.card.sha256,
            engine=" ".join((*verifier.engine, verifier.precision)),
        )
        options = Options(
            attempts=attempts, hardest=hardest, replicates=replicates, seed=seed, threads=verifier.threads
        )
        with _bar(
            "comparing", len(data.images) * (len(data.images) - 1) // 2 if data.pairs is None else None
        ) as advance:
            told = measure(data, acquired, about, options, calibration=calibration, documents=changed, progress=advance)
    if scores is not None:
        threshold = _threshold(told, options.policy_fmr)
        told["attacks"] = attack_figures(
            scores, threshold=attack_threshold, comparison_threshold=threshold, replicates=replicates, seed=seed
        )
    write_file(reports[0], json.dumps(told, allow_nan=False).encode())
    if no_html:
        reports.pop().unlink(missing_ok=True)  # a page that is there is of other figures
    else:
        from visavis.evaluation.html import report_html

        write_file(reports[1], report_html(told).encode())
    _tell(told, reports, as_json)
    return 0


def read_dataset(path: Path, images: Path | None) -> "tuple[Dataset, Path]":
    """The data set, and the folder that its images' paths start from. Raises InputInvalid."""
    from visavis.evaluation import from_folder, parse

    if path.is_dir():
        # subjects one by one: a folder of a subject may be a link, which `rglob` would pass over
        found = (file for entry in path.iterdir() for file in (entry.rglob("*") if entry.is_dir() else [entry]))
        files = [file for file in found if file.suffix.lower() in _ENDINGS and file.is_file()]
        if not files:
            endings = ", ".join(sorted(_ENDINGS))
            raise InputInvalid(
                f"{path} holds no photos; expected one folder a subject, with files that end in {endings}"
            )
        with _naming(path):
            return from_folder(file.relative_to(path).as_posix() for file in files), path
    data = _named(path, parse)
    root = images or path.parent
    if not any((root / key).is_file() for key in data.images):
        raise InputInvalid(
            f"{path}: none of its {len(data.images):,} images is in the folder {root}; say with --images from where paths start"
        )
    return data, root


def _named(path: Path, parse: Callable[[str], _T]) -> _T:
    """What a file says. Raises InputInvalid, with the file's name."""
    text = read_text(path)
    with _naming(path):
        return parse(text)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What is wrong with a file begins with its name."""
    try:
        yield
    except InputInvalid as error:
        raise InputInvalid(f"{path}: {error}") from error


@contextmanager
def _going_on(kept: Path | None) -> Iterator[None]:
    """Someone who stops a run is told that it can go on."""
    try:
        yield
    except KeyboardInterrupt:
        if kept is not None:
            click.echo("interrupted; call it again with the same arguments, and it goes on from here", err=True)
        raise


def _make_folder(out: Path) -> None:
    """Raises OutputUnwritable when the reports could not be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{out}: {error.strerror or error}; choose another --out") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise OutputUnwritable(f"{out} may not be written to; choose another --out")


def _threshold(report: dict[str, Any], fmr: float) -> float | None:
    """The score at which the table in force puts that FMR; on these data where there is no table."""
    rows = (report["calibration"] or {"rates": []})["rates"]
    stated = (row["threshold"] for row in rows if row["stated_fmr"] == fmr)
    own = (row["threshold"] for row in report["rates"] if row["fmr_target"] == fmr)
    return next(stated, None) or next(own, None)


@contextmanager
def _bar(words: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error where someone is looking."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with Progress(TextColumn(words), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(words, total=total)
        yield lambda done: bar.advance(task, done)


def _tell(report: dict[str, Any], written: list[Path], as_json: bool) -> None:
    if as_json:
        shown = ("dataset", "date", "acquisition", "comparisons", "rates", "eer", "product")
        print_json({"reports": [str(path) for path in written]} | {key: report[key] for key in shown})
        return
    dataset, counts = report["dataset"], report["comparisons"]
    failures = report["acquisition"]["failures"]
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(failures["reasons"].items()))
    click.echo(
        printable(f"{dataset['name']}: {dataset['images']:,} images of {dataset['subjects']:,} subjects, ")
        + f"{failures['count']:,} failures to acquire{f' ({reasons})' if reasons else ''}; "
        + f"{counts['mated']:,} mated and {counts['non_mated']:,} non-mated comparisons"
    )
    for row in report["rates"]:
        if not row["supported"]:
            click.echo(f"  FMR {one_in(row['fmr_target'])}: these data do not support it (under 30 false matches)")
            continue
        click.echo(f"  FMR {one_in(row['fmr_target'])}: FNMR {_rate(row['fnmr'])}; threshold {row['threshold']:.4f}")
    click.echo(f"reports in {', '.join(map(str, written))}")


def _rate(rate: dict[str, Any]) -> str:
    if not rate["trials"]:
        return "not measured (no mated comparisons)"
    if rate["value"] is None:
        return f"under {rate['upper']:.2%} (no error in {rate['trials']:,})"
    few = "" if rate["supported"] else ", under 30 errors"
    return f"{rate['value']:.2%} (95 %: {rate['lower']:.2%}–{rate['upper']:.2%}{few})"
