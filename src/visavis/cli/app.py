"""The commands together, and what their ends mean to a script."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click

from visavis._version import __version__
from visavis.cli.audit import audit
from visavis.cli.batch import batch
from visavis.cli.calibrate import calibrate
from visavis.cli.capture import capture
from visavis.cli.common import printable
from visavis.cli.credential import credential
from visavis.cli.demo import demo
from visavis.cli.doctor import doctor
from visavis.cli.document import document
from visavis.cli.enrol import claim, enrol
from visavis.cli.evaluate import evaluate
from visavis.cli.evidence import evidence
from visavis.cli.init import init, migrate
from visavis.cli.keys import keys
from visavis.cli.models import models
from visavis.cli.serve import api_key, serve
from visavis.cli.subject import subject
from visavis.cli.trust import trust_group
from visavis.cli.verify import verify
from visavis.errors import VisavisError

FAULT = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="visavis")
def app() -> None:
    """Is this the person they claim to be? One-to-one face verification.

    \b
    Exit codes of `verify`:  0 match   1 no match   2 inconclusive   3 fault or wrong use
    (also `capture`, `document`, `claim renew`)
    Exit codes of the rest:  0 done    3 fault or wrong use
    """


for command in (
    verify,
    capture,
    document,
    batch,
    init,
    enrol,
    claim,
    credential,
    subject,
    keys,
    trust_group,
    audit,
    evidence,
    serve,
    api_key,
    migrate,
    evaluate,
    calibrate,
    models,
    doctor,
    demo,
):
    app.add_command(command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. No traceback reaches the user, and no fault looks like an outcome."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # remarks on odd metadata in photos
    try:
        code = app.main(arguments, prog_name="visavis", standalone_mode=False)
    except click.exceptions.Exit as end:
        return FAULT if end.exit_code else 0
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        return FAULT
    except (click.Abort, KeyboardInterrupt):
        return _fault("interrupted", "stopped before it was done")
    except VisavisError as error:
        return _fault(error.code, str(error))
    except SystemExit:  # click and rich leave with 1, which would read as "no match", when nobody reads on
        return FAULT
    except OSError as error:  # such as a full disk behind standard output
        return _fault("system", str(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return _fault("unforeseen", f"{type(error).__name__}: {error}; this is a bug in visavis, please report it")
    return code if isinstance(code, int) else 0


def main() -> NoReturn:
    """The `visavis` program."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a narrow encoding costs a character, not the answer
    code = run()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # nobody reads on, or the disk is full: do not complain again when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = FAULT
    sys.exit(code)


def _fault(code: str, message: str) -> int:
    with contextlib.suppress(OSError):  # nobody may be reading standard error either; the exit code still tells
        click.echo(f"visavis: {printable(' '.join(message.split()))} [{code}]", err=True)
    return FAULT
