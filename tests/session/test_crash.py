"""Killed at any moment: what was handed out opens, what was erased does not, and nothing is half. `VISAVIS_SOAK=1` kills it a
hundred times."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import LONG
from tests.session import verify
from tests.session.restless import UNHURRIED, open_vault, person
from visavis.decision import Outcome
from visavis.errors import ClaimRefused
from visavis.session import Head, ReferenceState, Vault, sweep, verify_log
from visavis.session.erasure import PENDING_MAX
from visavis.store import Database, FileShreds, tables
from visavis.template import FileKeys, SealedTemplate

KILLS = 100 if LONG else 6
ALIVE_MAX_S = 0.5
ROOT = Path(__file__).parents[2]


@dataclass
class Known:
    """What the program has said. claims: by name. over: claims that were replaced or erased. first: the next name."""

    claims: dict[str, str] = field(default_factory=dict)
    over: list[tuple[str, str]] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    under_way: str | None = None
    first: int = 1
    handed_out: int = 0

    def hear(self, line: str) -> None:
        match json.loads(line):
            case {"try": str(name)}:
                self.under_way = name
            case {"claim": str(text), "name": str(name)}:
                self._end(name)
                self.claims[name] = text
                self.first = max(self.first, int(name) + 1)
                self.handed_out += 1
            case {"gone": str(name)}:
                self._end(name)
            case {"head": str(head)}:
                self.heads.append(Head.from_line(head))

    def _end(self, name: str) -> None:
        if name in self.claims:
            self.over.append((name, self.claims.pop(name)))
        self.under_way = None


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = open_vault(tmp_path)
    yield vault
    assert isinstance(vault.store, Database)
    assert isinstance(vault.shreds, FileShreds)
    vault.store.close()
    vault.shreds.close()


def run_and_kill(folder: Path, known: Known, seed: int, alive_s: float) -> None:
    """Let the program work for so long, kill it, and hear what it had said until then."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.session.restless", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdin.write(json.dumps({"claims": known.claims, "first": known.first, "seed": seed}) + "\n")
        program.stdin.flush()
        ready = program.stdout.readline()
        assert ready == '{"ready": true}\n', program.stderr.read()
        time.sleep(alive_s)
        program.kill()
        for line in program.stdout:
            known.hear(line)
        said = program.stderr.read()
    assert said == "", said
    assert program.returncode == -9


def opens(vault: Vault, name: str, claim: str) -> bool:
    try:
        return verify(vault, claim, person(name).photo(9), limits=UNHURRIED).decision.outcome is Outcome.MATCH
    except ClaimRefused:
        return False


def check_nothing_is_half(vault: Vault, folder: Path) -> None:
    """An active row has its shred, and a shred has its row, whatever its state."""
    with vault.store.reading() as tx:
        active = list(tx.references.ids(limit=10_000))
        sealed = [tx.references.sealed(record_id) for record_id in active]
    assert list(vault.shreds.missing(active)) == []
    assert all(
        SealedTemplate.parse(data or b"").record_id == record for data, record in zip(sealed, active, strict=True)
    )
    with closing(sqlite3.connect(folder / "shreds.db")) as connection:
        shreds = {record_id for (record_id,) in connection.execute("SELECT record_id FROM shreds")}
    assert isinstance(vault.store, Database)
    with vault.store.engine.connect() as connection:
        rows = set(
            connection.execute(tables.references.select().with_only_columns(tables.references.c.record_id)).scalars()
        )
    assert shreds <= rows


def check_log(vault: Vault, known: Known) -> None:
    assert isinstance(vault.keys, FileKeys)
    with vault.store.reading() as tx:
        verdict = verify_log(tx.audit.entries(), heads=known.heads, keys=vault.keys.public_keys("audit"))
    assert verdict.proven == max((head.number for head in known.heads), default=0)


def check_claims(vault: Vault, known: Known, *, back: int) -> None:
    """All claims that must open, and the last ones that must not."""
    lost = [name for name, claim in known.claims.items() if name != known.under_way and not opens(vault, name, claim)]
    assert lost == []
    assert [name for name, claim in known.over[-back:] if opens(vault, name, claim)] == []
    if known.under_way in known.claims and not opens(vault, known.under_way, known.claims[known.under_way]):
        known._end(known.under_way)  # done, or the new claim was lost on its way out
    known.under_way = None


def check_sweep(vault: Vault) -> None:
    """An hour later it leaves nothing that is neither whole nor gone."""
    later = datetime.now(UTC) + PENDING_MAX + timedelta(seconds=1)
    sweep(replace(vault, clock=lambda: later))
    assert isinstance(vault.store, Database)
    with vault.store.engine.connect() as connection:
        states = set(
            connection.execute(tables.references.select().with_only_columns(tables.references.c.state)).scalars()
        )
        erasing = connection.execute(tables.subjects.select().where(tables.subjects.c.erasing)).all()
    assert states == {ReferenceState.ACTIVE}
    assert erasing == []


def endure(vault: Vault, folder: Path, kills: int, seed: int) -> Known:
    known, chance = Known(), random.Random(seed)  # noqa: S311 - to be repeated
    for number in range(kills):
        run_and_kill(folder, known, seed + number, chance.uniform(0, ALIVE_MAX_S))
        known.first += 1_000  # names that were begun are not used again
        check_nothing_is_half(vault, folder)
        check_log(vault, known)
        check_claims(vault, known, back=50)
        if number % 3 == 2 or number == kills - 1:
            check_sweep(vault)
            check_nothing_is_half(vault, folder)
            check_claims(vault, known, back=50)
    check_claims(vault, known, back=len(known.over))
    return known


@pytest.mark.soak
def test_a_program_that_is_killed_leaves_everything_done_or_not_done(vault: Vault, tmp_path: Path) -> None:
    known = endure(vault, tmp_path, KILLS, seed=1)
    assert known.handed_out > KILLS
    assert len(known.over) > KILLS
