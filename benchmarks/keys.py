"""What the time of a refused key tells of the keys there are.

    python benchmarks/keys.py [--postgresql URL] [--trials 5000] [--json figures.json]

Of API keys and of the secrets of sessions, on SQLite and, if named, on PostgreSQL (an empty database of its own), as the area
under the ROC curve of the refusals' times, interleaved (0.5: the time tells nothing; goal: 0.45 to 0.55):

- known: a wrong secret for a key or session that there is, against one for a key or session that there is not;
- prefix: a wrong secret that is right but for its last character, against one that is wrong from the first on.
"""

import argparse
import json
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from timing import auc
from visavis.errors import VisavisError
from visavis.session import (
    Against,
    Desk,
    LivenessPolicy,
    Models,
    Scope,
    Vault,
    Wanted,
    authenticate,
    make_api_key,
    open_session,
    shown_to,
)
from visavis.store import Database, MemoryShreds
from visavis.template import FileKeys
from visavis.verifier import Verifier

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def refused(ask: Callable[..., object], *arguments: object) -> None:
    """Ask, and be refused."""
    with suppress(VisavisError):
        ask(*arguments)
        raise AssertionError("it was let in")


def wrong(text: str, *, right: int) -> str:
    """Another text of the same length, which shares so many first characters and no other."""
    return text[:right] + "".join(secrets.choice(LETTERS.replace(letter, "")) for letter in text[right:])


def of_api_keys(vault: Vault, trials: int) -> dict[str, float]:
    """The figures of one key among others."""
    texts = [make_api_key(vault, application="shop", scopes=Scope)[1] for _ in range(20)]
    ask = partial(refused, authenticate, vault)
    secret_at = len("vsk_") + 16 + 1
    text = texts[7]
    known = [partial(ask, wrong(text, right=secret_at)) for _ in range(trials)]
    unknown = [
        partial(ask, f"vsk_{secrets.token_hex(8)}{wrong(text, right=secret_at)[secret_at - 1 :]}") for _ in known
    ]
    near = [partial(ask, wrong(text, right=len(text) - 1)) for _ in known]
    far = [partial(ask, wrong(text, right=secret_at)) for _ in known]
    return {"known": auc(known, unknown), "prefix": auc(near, far)}


def of_sessions(vault: Vault, models: Models, trials: int) -> dict[str, float]:
    """The figures of one session among others."""
    desk = Desk(vault, models, "https://verify.example", vault.audit_signer)
    wanted = Wanted("payment", "1e-4", Against.UPLOAD, nonce="order 77", liveness=LivenessPolicy.NOT_CHECKED)
    session, text = [open_session(desk, application="shop", wanted=wanted) for _ in range(20)][7]
    ask = partial(refused, shown_to, desk)
    begin = len("vscs_")
    known = [partial(ask, "".join(session.id), wrong(text, right=begin)) for _ in range(trials)]
    unknown = [partial(ask, f"vs_{secrets.token_hex(12)}", wrong(text, right=begin)) for _ in known]
    near = [partial(ask, session.id, wrong(text, right=len(text) - 1)) for _ in known]
    far = [partial(ask, session.id, wrong(text, right=begin)) for _ in known]
    return {"known": auc(known, unknown), "prefix": auc(near, far)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--postgresql", help="URL of an empty database")
    parser.add_argument("--trials", type=int, default=5_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "trials": options.trials}
    with tempfile.TemporaryDirectory() as name, Verifier(threads=1) as verifier:
        keys = FileKeys.create(Path(name) / "keys")
        places = [
            (kind, Database.create(where))
            for kind, where in (("sqlite", Path(name) / "visavis.db"), ("postgresql", options.postgresql))
            if where is not None
        ]
        for kind, store in places:
            vault = Vault(store, MemoryShreds(), keys, keys.signer("audit"))
            figures[kind] = {
                "api_key": of_api_keys(vault, options.trials),
                "client_secret": of_sessions(vault, Models(verifier), options.trials),
            }
            told = [
                f"{what} {which} {value:.3f}" for what, each in figures[kind].items() for which, value in each.items()
            ]
            print(f"{kind:11} {', '.join(told)}")
            store.close()
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
