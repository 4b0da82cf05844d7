"""How long a chip takes, from its files to its verdict, by the algorithm of its signatures.

    PYTHONPATH=. python benchmarks/chip.py [--rounds 50] [--json figures.json]

The files are those of the tests: made by an infrastructure of Utopia, six data groups, a portrait of a synthetic person as JPEG;
authority and signer have keys of the same kind. Told are medians on one core: passive authentication; the whole of it, with the
zone read and the portrait decoded; and that with the answers of active and of chip authentication (P-256). The face's embedding
and comparison come on top. Goal: under 50 ms. No peer that does the same is in the registry.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from rich.progress import track
from tests.document.chip.issued import issued
from tests.document.chip.pki import NOW, Authority, pair

from visavis.document import Presence, PresenceChallenge, read_chip
from visavis.document.chip.passive import authenticate

KINDS = (
    "RSA 2048",
    "RSA 3072",
    "RSA 4096",
    "P-256",
    "P-384",
    "P-521",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
)


def median_ms(work: Callable[[], object], rounds: int) -> float:
    work()
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return round(1e3 * statistics.median(spent), 2)


def measured(kind: str, rounds: int) -> dict[str, float]:
    groups = issued().groups
    authority = Authority.make("UT", pair(kind, 1))
    sod, trust = authority.signer(pair(kind, 2)).sod(groups), authority.trust()
    files = [sod, *groups.values()]
    challenge = PresenceChallenge(bytes(range(32)))
    answers = Presence(challenge, *issued().answers(challenge))

    def whole(presence: Presence | None = None) -> None:
        chip = read_chip(files, trust=trust, now=NOW, presence=presence)
        if chip.reasons or chip.present != (presence is not None):
            raise SystemExit(f"{kind}: {chip}")

    return {
        "passive_ms": median_ms(lambda: authenticate(sod, groups, trust=trust, now=NOW), rounds),
        "whole_ms": median_ms(whole, rounds),
        "with_presence_ms": median_ms(lambda: whole(answers), rounds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures = {kind: measured(kind, given.rounds) for kind in track(KINDS, "kinds of keys")}
    for kind, told in figures.items():
        print(f"{kind:16} " + "  ".join(f"{name} {value:6.2f}" for name, value in told.items()))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
