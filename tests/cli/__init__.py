"""Tests of the shell: the real program, mostly called in this process, and as a process where that is the point."""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tests.weights import SFACE, published
from visavis.cli import run
from visavis.weights import shipped_card


@dataclass(frozen=True)
class Answer:
    """What a user sees of a call."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def fault(self) -> str:
        """The one line that a fault prints. Fails when the call was none, or told more, or an outcome."""
        assert self.code == 3, self
        (line,) = self.err.splitlines()
        assert line.startswith("visavis: ")
        assert line.endswith("]")
        return line

    @property
    def wrong_use(self) -> str:
        """What is said of a call that makes no sense."""
        assert self.code == 3, self
        assert self.out == ""
        assert self.err.startswith(("Usage: visavis", "Error: "))
        assert "Traceback" not in self.err
        return self.err


def call(*arguments: str | Path) -> Answer:
    """`visavis ARGUMENTS` in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run([str(argument) for argument in arguments])
    return Answer(code, out.getvalue(), err.getvalue())


def command(*arguments: str | Path) -> list[str]:
    """The same as a command line for a process."""
    return [sys.executable, "-m", "visavis", *map(str, arguments)]


def process(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, stdin: bytes = b"", folder: Path | None = None
) -> Answer:
    """`visavis ARGUMENTS` as a process of its own."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        env={**os.environ, **(environment or {})},
        cwd=folder,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="replace"))


def own_model(folder: Path, *, calibrated: bool = True) -> Path:
    """A user's manifest with its files beside it: a copy of the shipped model that calls itself `mine`."""
    card = shipped_card(SFACE)
    (folder / card.file).write_bytes(published(card.file).read_bytes())
    cards = resources.files("visavis.weights") / "cards"
    text = (cards / f"{SFACE}.toml").read_text(encoding="utf-8").replace(f'id = "{SFACE}"', 'id = "mine"')
    if calibrated:
        table = f"{SFACE}.calibration.json"
        (folder / table).write_bytes((cards / table).read_bytes())
    else:
        text = text[: text.index("[calibration]")]
    manifest = folder / "mine.toml"
    manifest.write_text(text, encoding="utf-8")
    return manifest


def older_model(folder: Path) -> Path:
    """The same with another producer's name in the model's file, and so with another hash: to visavis, another model."""
    manifest, card = own_model(folder), shipped_card(SFACE)
    model = folder / card.file
    model.write_bytes(model.read_bytes() + b"\x12\x05older")  # producer_name in ONNX's ModelProto
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    for file in (manifest, folder / f"{SFACE}.calibration.json"):
        file.write_text(file.read_text(encoding="utf-8").replace(card.sha256, sha256), encoding="utf-8")
    return manifest
