"""Verification against sealed references: how fast, however many are enrolled, and what a refusal's time tells.

    python benchmarks/sealed.py [--postgresql URL] [--rows 10000 100000 1000000] [--trials 5000] [--photos FOLDER]
                                [--json figures.json]

Measured, each from the claim's text to the decision, with the probe's embedding given:

- verifications a second and a core, in memory, on SQLite and, if named, on PostgreSQL (an empty database of its own);
- the same on SQLite with so many references enrolled, and how the database finds one;
- the time of a refusal: a wrong claim for a record that exists against one for a record that does not, interleaved, as the area
  under the ROC curve (0.5: the time tells nothing);
- with --photos, a folder with one folder a subject: how far scores through seals lie from those of the embeddings themselves.
"""

import argparse
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from timing import auc
from visavis.decision import PhotoReport
from visavis.embedding import Embedding
from visavis.errors import ClaimRefused
from visavis.session import (
    AttemptLimits,
    Consent,
    ConsentText,
    Event,
    Expected,
    Models,
    Probe,
    Shreds,
    Store,
    Subject,
    Vault,
    verify_claim,
)
from visavis.session.custody import keep
from visavis.store import Database, FileShreds, MemoryShreds, MemoryStore
from visavis.store import tables as t
from visavis.template import Claim, ClaimType, FileKeys, SealedTemplate, Secret, Template
from visavis.verifier import Acquisition, Verifier

PURPOSE = "benchmark"
UNLIMITED = AttemptLimits(failures_free=10**9, failures_max=10**9, openings_per_minute=10**9)
VERIFICATIONS = 3_000


class Bench:
    """One subject enrolled in a store, and a probe of theirs."""

    def __init__(self, verifier: Verifier, store: Store, shreds: Shreds, keys: FileKeys) -> None:
        self.models = Models(verifier)
        self.vault = Vault(store, shreds, keys, keys.signer("audit"))
        self.now = datetime.now(UTC)
        vector = np.random.default_rng(1).normal(size=verifier.card.dimension)
        embedding = Embedding((vector / np.linalg.norm(vector)).astype(np.float32), verifier.card.sha256)
        self.probe = Probe.of(Acquisition(PhotoReport((), (640, 480)), embedding, 0.0), verifier)
        words = ConsentText.of("I agree.", version="1", locale="en", purpose=PURPOSE, retention_days=3650)
        subject = Subject(f"sub_{secrets.token_hex(12)}", secrets.token_hex(8), self.now)
        consent = Consent(f"con_{secrets.token_hex(12)}", subject.id, words, self.now, "benchmark")
        with store.writing() as tx:
            tx.subjects.add(subject)
            tx.consents.add(consent)
        template = Template.of([embedding])
        self.claim = keep(self.vault, template, consent=consent, captures=1, event=Event.ENROLLED, replace=False)

    def verify(self, claim: str) -> None:
        verify_claim(
            self.vault,
            self.models,
            claim=claim,
            probe=self.probe,
            policy="1e-4",
            expected=Expected(PURPOSE),
            limits=UNLIMITED,
        )

    def rate(self, count: int) -> dict[str, float]:
        """Verifications a second of the wall clock and of this process's CPU, and the middle and the slow ones' time."""
        claim = self.claim.text()
        self.verify(claim)
        times = []
        cpu = time.process_time()
        for _ in range(count):
            started = time.perf_counter()
            self.verify(claim)
            times.append(time.perf_counter() - started)
        cpu = time.process_time() - cpu
        return {
            "per_second": count / sum(times),
            "per_cpu_second": count / cpu,
            "median_ms": 1e3 * statistics.median(times),
            "p99_ms": 1e3 * sorted(times)[int(0.99 * count)],
        }

    def timing_auc(self, trials: int) -> float:
        """Refusals of a wrong claim for the record there is, and for one that there is not, in random order."""
        wrong = [Claim(self.claim.record_id, Secret.random(), ClaimType.RANDOM).text() for _ in range(trials)]
        unknown = [Claim(secrets.token_bytes(16), Secret.random(), ClaimType.RANDOM).text() for _ in range(trials)]
        return auc(
            [partial(self._refuse, claim) for claim in wrong], [partial(self._refuse, claim) for claim in unknown]
        )

    def _refuse(self, claim: str) -> None:
        with suppress(ClaimRefused):
            self.verify(claim)


def fill(database: Database, count: int, now: datetime) -> None:
    """Enrol so many strangers, straight into the table: rows as they are, sealed under nobody's claim."""
    base: dict[str, Any] = {
        "consent_id": "con_stranger",
        "purpose": PURPOSE,
        "renewal": False,
        "captures": 1,
        "state": "active",
        "created_at": now,
        "sealed_at": now,
        "expires_at": now + timedelta(days=3650),
    }
    header = b"VVS1" + bytes([1, 1, 1, 1])
    for start in range(0, count, 10_000):
        size = min(10_000, count - start)
        rows = []
        for number in range(start, start + size):
            record_id = number.to_bytes(8, "big") + secrets.token_bytes(8)
            sealed = header + record_id + bytes(16) + (1).to_bytes(4, "big") + secrets.token_bytes(205)
            rows.append({**base, "record_id": record_id, "subject_id": f"sub_{number:024x}", "sealed": sealed})
        with database.engine.begin() as connection:
            connection.execute(insert(t.references), rows)


def plan(database: Database) -> str:
    """How SQLite finds a reference."""
    from visavis.store.repositories import DECOY_ID, FIND

    compiled = FIND.compile(database.engine)
    values = compiled.construct_params({"wanted": DECOY_ID, "now": datetime.now(UTC), "decoy": DECOY_ID})
    with database.engine.connect() as connection:
        query = str(compiled)
        ordered = [0 if isinstance(value := values[name], datetime) else value for name in compiled.positiontup or ()]
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", tuple(ordered)).all()
    return "; ".join(row[3] for row in rows)


def accuracy(verifier: Verifier, folder: Path, keys: FileKeys) -> dict[str, Any]:
    """Scores of all pairs, the reference once as it is and once through a seal."""
    photos = [(subject.name, photo) for subject in sorted(folder.iterdir()) for photo in sorted(subject.glob("*.jpg"))]
    plain: list[tuple[str, Embedding]] = []
    for name, photo in photos:
        embedding = verifier.acquire(photo.read_bytes(), central_face=True).embedding
        if embedding is not None:
            plain.append((name, embedding))
    through = []
    for _, embedding in plain:
        claim, shred = Claim(secrets.token_bytes(16), Secret.random(), ClaimType.RANDOM), Secret.random()
        sealed = bytes(SealedTemplate.seal(Template.of([embedding]), claim=claim, keys=keys, shred=shred))
        template = SealedTemplate.parse(sealed).open(claim=claim, keys=keys, shred=shred)
        through.append(template.embedding(embedding.model_sha256))
    names = np.array([name for name, _ in plain])
    probes = np.stack([embedding.vector for _, embedding in plain])
    one, other = np.triu_indices(len(plain), 1)
    mated = (names[:, None] == names)[one, other]
    scores = {
        kind: np.clip(references @ probes.T, -1, 1)[one, other]
        for kind, references in (("plain", probes), ("sealed", np.stack([each.vector for each in through])))
    }
    difference = np.abs(scores["plain"] - scores["sealed"])
    figures: dict[str, Any] = {
        "photos": len(plain),
        "mated": int(mated.sum()),
        "non_mated": int((~mated).sum()),
        "difference_mean": float(difference.mean()),
        "difference_p999": float(np.quantile(difference, 0.999)),
        "difference_max": float(difference.max()),
    }
    for rate in (1e-3, 1e-4, 1e-5):
        for kind, all_scores in scores.items():
            threshold = np.quantile(all_scores[~mated], 1 - rate)
            fnmr = float((all_scores[mated] < threshold).mean())
            figures[f"{kind}_at_{rate:.0e}"] = {"threshold": float(threshold), "fnmr": fnmr}
    return figures


@contextmanager
def stores(folder: Path, postgresql: str | None) -> Iterator[list[tuple[str, Store, Shreds]]]:
    """What is measured."""
    found: list[tuple[str, Store, Shreds]] = [("memory", MemoryStore(), MemoryShreds())]
    files: list[Database | FileShreds] = []
    for name, where in (("sqlite", folder / "visavis.db"), ("postgresql", postgresql)):
        if where is not None:
            database = Database.create(where)
            shreds = FileShreds.create(folder / f"{name}.shreds", database.id)
            files.extend((database, shreds))
            found.append((name, database, shreds))
    yield found
    for file in files:
        file.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--postgresql", help="URL of an empty database")
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--trials", type=int, default=5_000)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat()}
    with tempfile.TemporaryDirectory() as name, Verifier(threads=1) as verifier:
        folder = Path(name)
        keys = FileKeys.create(folder / "keys")
        with stores(folder, options.postgresql) as found:
            for kind, store, shreds in found:
                bench = Bench(verifier, store, shreds, keys)
                rate, auc = bench.rate(VERIFICATIONS), bench.timing_auc(options.trials)
                figures[kind] = {**rate, "timing_auc": auc}
                print(
                    f"{kind:11} {rate['per_second']:7,.0f} a second, {rate['per_cpu_second']:7,.0f} a CPU second, "
                    f"median {rate['median_ms']:.2f} ms, p99 {rate['p99_ms']:.2f} ms; refusals AUC {auc:.3f}"
                )
        figures["rows"] = {}
        database = Database.create(folder / "rows.db")
        shreds = FileShreds.create(folder / "rows.shreds", database.id)
        bench = Bench(verifier, database, shreds, keys)
        enrolled = 1
        for rows in options.rows:
            fill(database, rows - enrolled, datetime.now(UTC))
            enrolled = rows
            rate = bench.rate(VERIFICATIONS // 3)
            figures["rows"][rows] = rate
            print(
                f"sqlite with {rows:>10,} references: {rate['per_second']:,.0f} a second, median {rate['median_ms']:.2f} ms"
            )
        figures["plan"] = plan(database)
        print(figures["plan"])
        shreds.close()
        database.close()
        if options.photos is not None:
            figures["accuracy"] = accuracy(verifier, options.photos, keys)
            print(figures["accuracy"])
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
