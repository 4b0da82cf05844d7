"""`visavis calibrate REPORT`: from an evaluation to the table that says what a score means."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli.common import json_option, print_json, printable, read_text, write_file
from visavis.errors import InputInvalid, OutputUnwritable, PolicyUnsupported

if TYPE_CHECKING:
    from visavis.decision import Policy
    from visavis.weights import Calibration


@click.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table here, and install nothing."
)
@click.option("--overwrite", is_flag=True, help="Replace a table that is there.")
@json_option
def calibrate(report: Path, out: Path | None, overwrite: bool, as_json: bool) -> int:
    """Make a model's calibration table from the report.json of `visavis evaluate`.

    Without --out the table is installed for this user: from then on `visavis verify` and `batch` decide by it, and name its
    data set. FMRs that the data do not support are extrapolated and marked.
    Exit code: 0 when the table is written, 3 on a fault or wrong use.
    """
    from visavis.decision import POLICIES
    from visavis.evaluation import calibration_table
    from visavis.settings import user_calibration
    from visavis.weights import Calibration

    if out is not None and os.path.realpath(out) == os.path.realpath(report):
        raise click.UsageError("--out would replace the report; choose another name")
    written = read_text(report)
    try:
        read = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise InputInvalid(f"{report} is no JSON; expected the report.json of `visavis evaluate`: {error}") from error
    try:
        text = calibration_table(read)
    except InputInvalid as error:
        raise InputInvalid(f"{report}: {error}") from error
    table = Calibration.parse(text, model_sha256=read["model"]["sha256"])
    thresholds = {policy.name: _threshold(table, policy) for policy in POLICIES.values()}
    if set(thresholds.values()) == {None}:
        raise InputInvalid(
            f"{report}: these data support no policy: their table reaches FMR {table.fmr[-1]:.1e}, and the least that a policy "
            f"asks for is {max(policy.fmr_target for policy in POLICIES.values()):.0e}; evaluate a larger data set"
        )
    target = out or user_calibration(table.model_sha256)
    if target is None:
        raise OutputUnwritable("there is no home folder to install the table in; name a file with --out")
    if os.path.lexists(target) and not overwrite:
        raise OutputUnwritable(f"{target} exists; choose another --out, or replace it with --overwrite")
    write_file(target, text.encode())
    if as_json:
        print_json({"table": str(target), "installed": out is None, "dataset": table.dataset, "thresholds": thresholds})
        return 0
    click.echo(printable(f"table of {table.dataset}, {table.date}: {target}"))
    for name, score in thresholds.items():
        told = "not supported by these data"
        if score is not None:
            policy = POLICIES[name]
            extrapolated = policy.fmr_target < table.under(policy.condition).extrapolated_below
            told = f"threshold {score:.4f}{' (extrapolated)' if extrapolated else ''}"
        click.echo(f"  policy {name}: {told}")
    if out is not None:
        click.echo(f"to decide by it: VISAVIS_CALIBRATION={target}, or name it in the model's manifest")
    return 0


def _threshold(table: "Calibration", policy: "Policy") -> float | None:
    try:
        return table.under(policy.condition).threshold(policy.fmr_target)
    except PolicyUnsupported:
        return None
