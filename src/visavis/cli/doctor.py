"""`visavis doctor`: what is installed, what works, how fast, and what to do about the rest."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from time import perf_counter
from typing import Any, Literal

import click

from visavis.cli.common import engine_options, json_option, make_verifier, print_json, settings
from visavis.errors import VisavisError

Status = Literal["ok", "note", "fault"]
_MARKS = {"ok": "[green]ok[/green]", "note": "[yellow]note[/yellow]", "fault": "[red]fault[/red]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. advice: what to do; empty when there is nothing to do."""

    subject: str
    status: Status
    detail: str
    advice: str = ""


@click.command()
@json_option
@engine_options
def doctor(as_json: bool, **engine: Any) -> int:
    """Check this installation: what is there, what works, how fast it is, and what to do. Exit code 3 on a fault."""
    findings = list(_examine(engine))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _tell(findings)
    return 3 if any(finding.status == "fault" for finding in findings) else 0


def _examine(engine: dict[str, Any]) -> Iterator[Finding]:
    from visavis.weights import available_threads

    yield Finding(
        "visavis", "ok", f"{metadata.version('visavis')} on Python {platform.python_version()}, {sys.platform}"
    )
    host = os.cpu_count() or 1
    threads = available_threads()
    limited = "" if threads == host else f" of the host's {host} (affinity and cgroup quota)"
    yield Finding("threads", "ok", f"{threads}{limited}")
    yield from _formats()
    yield from _extras()
    try:
        chosen = settings(**engine)
    except VisavisError as error:
        yield Finding("settings", "fault", str(error), "correct the environment variable")
        return
    yield _cache(chosen.cache)
    yield from _pipeline(engine)
    yield from _trust()


def _trust() -> Iterator[Finding]:
    """Whom the chips of documents are believed by; nothing where nobody was ever added."""
    from visavis.cli.trust import read_trust
    from visavis.settings import Installation

    if Installation.at(None).trust.exists():
        try:
            count = len(read_trust(None, None).authorities)
        except VisavisError as error:
            yield Finding("trust", "fault", str(error), "remove the file, or get it anew: no chip is read until then")
        else:
            yield Finding("trust", "ok", f"certificates of authorities whose chips are believed: {count}")


def _formats() -> Iterator[Finding]:
    from PIL import features

    for name, feature in (("WebP", "webp"), ("AVIF", "avif"), ("JPEG 2000", "jpg_2000"), ("TIFF", "libtiff"),
                          ("colour profiles", "littlecms2")):  # fmt: skip
        if not features.check(feature):
            yield Finding(
                name, "note", "this build of Pillow lacks it", "install Pillow from a wheel: pip install -U pillow"
            )
    try:
        import pi_heif
    except ImportError as error:
        yield Finding("HEIC", "fault", str(error), "reinstall visavis")
        return
    yield Finding(
        "photo formats", "ok", f"Pillow {metadata.version('pillow')}, libheif {pi_heif.libheif_info()['libheif']}"
    )


def _extras() -> Iterator[Finding]:
    for package, extra, purpose in (
        ("matplotlib", "plots", "pictures: `verify --explain`, `demo`"),
        ("pyarrow", "parquet", "`batch --out results.parquet`"),
        ("openpeople", "demo", "`demo`"),
    ):
        try:
            yield Finding(package, "ok", f"{metadata.version(package)}, for {purpose}")
        except metadata.PackageNotFoundError:
            yield Finding(package, "note", f"not installed; only for {purpose}", f"pip install 'visavis[{extra}]'")


def _cache(folder: Any) -> Finding:
    from visavis.weights import Cache

    if folder is None:
        return Finding(
            "cache", "note", "switched off: every start folds and compiles the models", "unset VISAVIS_CACHE"
        )
    if Cache(folder).folder is None or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = f"make it yours alone: chown and chmod 700 {folder}, or set VISAVIS_CACHE to another folder"
        return Finding("cache", "note", f"{folder} cannot be used: not writable, or others can write to it", advice)
    used = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return Finding("cache", "ok", f"{folder}, {used / 1e6:.0f} MB")


def _pipeline(engine: dict[str, Any]) -> Iterator[Finding]:
    import numpy as np

    from visavis.face import AlignedFace

    started = perf_counter()
    try:
        verifier = make_verifier(**engine)
    except VisavisError as error:
        yield Finding("models", "fault", str(error), "see `visavis models`, and the message above")
        return
    with verifier:
        name, version = verifier.engine
        yield Finding("models", "ok", f"loaded in {perf_counter() - started:.2f} s, hashes checked")
        yield Finding("engine", "ok", f"{name} {version}, embeddings in {verifier.precision}")
        picture = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
        face = AlignedFace(np.resize(picture, (*verifier.card.input.size_px, 3)))
        yield Finding(
            "speed: detection", "ok", f"{_median_ms(lambda: verifier.acquire(picture)):.1f} ms for a small photo"
        )
        yield Finding(
            "speed: embedding",
            "ok",
            f"{_median_ms(lambda: verifier.embedder.embed([face])):.1f} ms a face, on one thread",
        )
        try:
            calibration = verifier.calibration
            yield Finding("calibration", "ok", f"{calibration.dataset}, {calibration.date}")
        except VisavisError as error:
            yield Finding("calibration", "fault", str(error), "give the manifest a calibration table")


def _median_ms(work: Callable[[], object], runs: int = 15) -> float:
    times = []
    for _ in range(runs):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return sorted(times)[runs // 2] * 1e3


def _tell(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(overflow="fold")
    for finding in findings:
        advice = f"\n[bold]{escape(finding.advice)}[/bold]" if finding.advice else ""
        table.add_row(_MARKS[finding.status], finding.subject, escape(finding.detail) + advice)
    Console().print(table)
