"""`visavis batch PAIRS.csv --out RESULTS`: many verifications, resumable.

While it runs, results go line by line into a journal beside the output (`RESULTS.partial`). At the end the journal
becomes the output in one step; a run that was stopped finds its journal and goes on behind the last whole line.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from visavis._version import __version__
from visavis.cli.common import (
    engine_options,
    json_option,
    make_verifier,
    policy_option,
    print_json,
    read_photo,
    write_file,
)
from visavis.errors import ExtraMissing, InputInvalid, OutputUnwritable, VisavisError

if TYPE_CHECKING:
    from visavis.decision import Decision

FORMATS = (".jsonl", ".csv", ".parquet")
_NO_NAME = "\0"


@dataclass(frozen=True, slots=True)
class PairList:
    """The pairs of a CSV file, as written and as keys: absolute paths, and a key of its own for each empty cell's row."""

    written: list[tuple[str, str]]
    keys: list[tuple[str, str]]


@click.command()
@click.argument("pairs", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where results go; the ending chooses the format: .jsonl, .csv or .parquet.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing output, and forget an unfinished run.")
@policy_option
@json_option
@engine_options
def batch(
    pairs: Path,
    out: Path,
    overwrite: bool,
    policy: str,
    as_json: bool,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Verify every pair of photos in a CSV file with the columns `reference` and `probe`.

    Paths are relative to the file's folder. A pair that cannot be verified becomes a row with its error and never ends the
    run. Called again after an interruption, it goes on where it stopped. No photo may be paired with more than 40 others.
    Exit code: 0 when every pair has its row, whatever it says, 3 on a fault or wrong use.
    """
    if out.suffix not in FORMATS:
        raise click.UsageError(f"--out must end in {', '.join(FORMATS)}, not {out.name!r}")
    journal = out.with_name(out.name + ".partial")
    if os.path.realpath(pairs) in (os.path.realpath(out), os.path.realpath(journal)):
        raise click.UsageError("--out would replace the list of pairs; choose another name")
    if out.suffix == ".parquet":
        _pyarrow()
    todo = read_pairs(pairs)
    _refuse_existing(out, overwrite)
    if not out.parent.is_dir():
        raise OutputUnwritable(f"{out.parent} is no folder; make it first, or choose another place for the results")
    from visavis.verifier import refuse_searches

    refuse_searches(todo.keys)
    with make_verifier(engine, threads, model) as verifier:
        header = {
            "version": __version__,
            "pairs_sha256": hashlib.sha256(json.dumps(todo.keys).encode()).hexdigest(),
            "policy": policy,
            "model_sha256": verifier.card.sha256,
            "engine": [*verifier.engine, verifier.precision],
        }
        try:
            with journal.open("a+b") as file:
                _lock(file)
                _refuse_existing(out, overwrite)  # another run may have finished meanwhile
                if overwrite:
                    file.truncate(0)
                done = resume(file, header)
                # all keys are given, also those done, so that no list becomes acceptable by being interrupted
                results = verifier.verify_pairs(todo.keys, _read, policy=policy, start=done)
                for row, result in enumerate(_progress(results, done, len(todo.keys)), start=done):
                    _write_line(file, row_of(row + 1, todo.written[row], result))
                counts = finish(journal, out)
        except OSError as error:
            raise OutputUnwritable(f"{journal}: {error.strerror or error}") from error
        except KeyboardInterrupt:
            click.echo("interrupted; call it again with the same arguments, and it goes on from here", err=True)
            raise
    _tell(counts, out, as_json)
    return 0


def read_pairs(path: Path) -> PairList:
    """Read the list. Raises InputInvalid when it is no CSV file with the two columns."""
    try:
        data = path.read_bytes()
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        if not {"reference", "probe"} <= set(rows.fieldnames or ()):
            raise InputInvalid(f"{path}: expected a header line with the columns `reference` and `probe`")
        written = [((row["reference"] or "").strip(), (row["probe"] or "").strip()) for row in rows]
    except OSError as error:
        raise InputInvalid(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputInvalid(f"{path} is no CSV file in UTF-8: {error}") from error
    folder = Path(os.path.realpath(path)).parent
    resolved = {name: _key(folder, name) for pair in written for name in pair}
    keys = [
        (resolved[a] or f"{_NO_NAME}{row}", resolved[b] or f"{_NO_NAME}{row}") for row, (a, b) in enumerate(written)
    ]
    return PairList(written, keys)


def _key(folder: Path, name: str) -> str:
    """The same for every way to write the same file; empty where there is no name."""
    if not name:
        return ""
    try:
        return os.path.realpath(folder / name)
    except (OSError, ValueError):  # a name that no file can have, such as one with a NUL in it
        return str(folder / name)


def resume(journal: BinaryIO, header: dict[str, Any]) -> int:
    """How many rows a stopped run has finished; a last line that was cut off is removed, a new journal gets its header.

    Raises OutputUnwritable when the journal is of another list, policy, model, engine or version.
    """
    lines, whole = 0, 0
    journal.seek(0)
    expected = json.dumps(header).encode()
    for line in journal:
        cut_off = not line.endswith(b"\n")
        if lines == 0 and not (expected.startswith(line) if cut_off else _parsed(line) == header):
            raise OutputUnwritable(
                f"{journal.name} holds an unfinished run over other pairs, or with another policy, model, engine or version of "
                "visavis; finish that one, or start anew with --overwrite"
            )
        if cut_off:
            break
        lines, whole = lines + 1, whole + len(line)
    journal.truncate(whole)
    if lines == 0:
        _write_line(journal, header)
    return max(0, lines - 1)


def _refuse_existing(out: Path, overwrite: bool) -> None:
    if os.path.lexists(out) and not overwrite:
        raise OutputUnwritable(f"{out} exists; choose another name, or replace it with --overwrite")


def _lock(journal: BinaryIO) -> None:
    """Hold the journal until it is closed. Raises OutputUnwritable while another run holds it."""
    try:
        import fcntl
    except ImportError:  # not POSIX
        return
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputUnwritable(
            f"{journal.name} is being written by another run; wait for it, or choose another --out"
        ) from None


def _parsed(line: bytes) -> Any:
    """The line's JSON value; None where it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def row_of(number: int, pair: tuple[str, str], result: "Decision | VisavisError") -> dict[str, Any]:
    """One result as plain values."""
    row: dict[str, Any] = {"row": number, "reference": pair[0], "probe": pair[1]}
    if isinstance(result, VisavisError):
        parameter = getattr(result, "parameter", None)
        message = str(result).encode(errors="backslashreplace").decode()  # it may name a folder that is no text
        return row | {"outcome": None, "error": {"code": result.code, "message": message, "parameter": parameter}}
    return row | result.to_dict() | {"error": None}


def finish(journal: Path, out: Path) -> dict[str, int]:
    """Turn the journal into the output and count the outcomes."""
    counts: dict[str, int] = {}

    def rows() -> Iterator[dict[str, Any]]:
        with journal.open("rb") as file:
            next(file)
            for number, line in enumerate(file, start=2):
                row = _parsed(line)
                if not isinstance(row, dict):
                    raise OutputUnwritable(f"{journal}: line {number} is damaged; start anew with --overwrite")
                outcome = row["outcome"] or "error"
                counts[outcome] = counts.get(outcome, 0) + 1
                yield row

    if out.suffix == ".jsonl":
        write_file(out, (json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows()))
    elif out.suffix == ".csv":
        write_file(out, (_csv_line(values) for values in chain([COLUMNS], (flat(row).values() for row in rows()))))
    else:
        write_file(out, _parquet(rows()))
    journal.unlink()
    return counts


COLUMNS = (
    "row", "reference", "probe", "outcome", "reasons_reference", "reasons_probe", "reason_pair", "score", "fmr",
    "fmr_lower", "fmr_upper", "policy", "threshold", "error_code", "error_message", "error_parameter",
)  # fmt: skip


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """One row for a table: a value a column, lists joined by spaces."""
    reasons, fmr = row.get("reasons") or {}, row.get("fmr") or {}
    policy, error = row.get("policy") or {}, row.get("error") or {}
    values = (
        row["row"], row["reference"], row["probe"], row["outcome"], " ".join(reasons.get("reference", ())),
        " ".join(reasons.get("probe", ())), " ".join(reasons.get("pair", ())), row.get("score"), fmr.get("value"),
        fmr.get("lower"), fmr.get("upper"), policy.get("name"), policy.get("threshold"), error.get("code"),
        error.get("message"), error.get("parameter"),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _csv_line(values: Iterable[Any]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(values)
    return text.getvalue().encode()


def _parquet(rows: Iterator[dict[str, Any]]) -> bytes:
    arrow, parquet = _pyarrow()
    numbers = {"score", "fmr", "fmr_lower", "fmr_upper", "threshold"}
    schema = arrow.schema(
        (name, arrow.int64() if name == "row" else arrow.float64() if name in numbers else arrow.string())
        for name in COLUMNS
    )
    out = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(list(map(flat, rows)), schema=schema), out)
    return out.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ExtraMissing("Parquet needs pyarrow; install it with `pip install 'visavis[parquet]'`") from None
    return pyarrow, pyarrow.parquet


def _read(key: str) -> bytes:
    if key.startswith(_NO_NAME):
        raise InputInvalid("the row names no file; expected a path in each of the columns `reference` and `probe`")
    if Path(key).exists() and not Path(key).is_file():
        raise InputInvalid(f"{key}: not a regular file; expected a photo")  # a pipe or device would block the run
    return read_photo(key)


def _write_line(file: BinaryIO, value: dict[str, Any]) -> None:
    file.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
    file.flush()


def _progress(
    results: "Iterator[Decision | VisavisError]", done: int, total: int
) -> "Iterator[Decision | VisavisError]":
    """The same results, with a bar on standard error where someone is looking."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) if console.is_terminal else nullcontext() as bar:
        task = bar.add_task("pairs", total=total, completed=done) if bar else None
        for result in results:
            yield result
            if bar and task is not None:
                bar.advance(task)


def _tell(counts: dict[str, int], out: Path, as_json: bool) -> None:
    if as_json:
        print_json({"out": str(out), "pairs": sum(counts.values()), "outcomes": counts})
        return
    words = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in sorted(counts.items()))
    click.echo(f"{sum(counts.values()):,} pairs: {words or 'none'}; results in {out}")
