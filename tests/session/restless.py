"""A program that enrols, verifies, renews, rotates, withdraws and erases without pause, until it is killed: see test_crash.

It says on its standard output what it is about to do and what it has done, a line of JSON each:
`{"try": name}` before anything that may end a claim, `{"claim": text, "name": name}` for a claim that was handed out,
`{"gone": name}` after an erasure or a withdrawal, and `{"head": line}` for a signed head of the audit log.
"""

import json
import random
import sys
from pathlib import Path

from tests.session import Person, Prepared, begin, consent_text, subject_id
from visavis.decision import Outcome
from visavis.session import (
    AttemptLimits,
    Enrolment,
    Expected,
    Head,
    Models,
    Probe,
    Vault,
    erase_subject,
    renew_claim,
    sweep,
    verify_claim,
    withdraw_consent,
)
from visavis.store import Database, FileShreds
from visavis.template import Claim, FileKeys

KEYS_MAX = 40
UNHURRIED = AttemptLimits(openings_per_minute=10**9)
"""Neither this program nor the one that watches it waits for the next minute."""


def open_vault(folder: Path) -> Vault:
    """The installation in a folder, made if it is not there yet."""
    keys = FileKeys.create(folder / "keys")
    store = Database.create(folder / "visavis.db")
    return Vault(
        store=store,
        shreds=FileShreds.create(folder / "shreds.db", store.id),
        keys=keys,
        audit_signer=keys.signer("audit"),
    )


def person(name: str) -> Person:
    """Whose face is enrolled under a name."""
    return Person(int(name))


class Restless:
    def __init__(self, vault: Vault, claims: dict[str, str], first: int, seed: int) -> None:
        self._vault, self._claims, self._next = vault, claims, first
        self._random = random.Random(seed)  # noqa: S311 - to be repeated
        self._models = Models(Prepared())

    def go_on(self) -> None:
        acts = {
            self.enrol: 5,
            self.verify: 5,
            self.renew: 3,
            self.replace: 2,
            self.erase: 4,
            self.withdraw: 1,
            self.rotate: 1,
            self.sweep: 1,
            self.sign: 1,
        }
        self.say(ready=True)
        while True:
            (act,) = self._random.choices(list(acts), list(acts.values()))
            act()

    def say(self, **words: object) -> None:
        print(json.dumps(words), flush=True)  # noqa: T201 - its only way to tell

    def any_name(self) -> str | None:
        return self._random.choice(sorted(self._claims)) if self._claims else None

    def hand_out(self, name: str, claim: Claim) -> None:
        self._claims[name] = claim.text()
        self.say(claim=self._claims[name], name=name)

    def enrol(self) -> None:
        name, self._next = str(self._next), self._next + 1
        with begin(self._vault, name) as enrolment:
            self._capture(enrolment, name)
            self.hand_out(name, enrolment.finish())

    def replace(self) -> None:
        name = self.any_name()
        if name is not None:
            self.say(**{"try": name})
            with begin(self._vault, name, replaces=True) as enrolment:
                self._capture(enrolment, name)
                self.hand_out(name, enrolment.finish())

    def _capture(self, enrolment: Enrolment, name: str) -> None:
        for number in range(2):
            assert enrolment.capture(person(name).photo(number)).reasons == ()

    def verify(self) -> None:
        name = self.any_name()
        if name is not None:
            verification = verify_claim(
                self._vault,
                self._models,
                claim=self._claims[name],
                probe=Probe([person(name).photo(7)]),
                policy="1e-4",
                expected=Expected("door", subject_id(self._vault, name)),
                limits=UNHURRIED,
            )
            assert verification.decision.outcome is Outcome.MATCH

    def renew(self) -> None:
        name = self.any_name()
        if name is not None:
            self.say(**{"try": name})
            _, claim = renew_claim(
                self._vault,
                self._models,
                claim=self._claims[name],
                probe=Probe([person(name).photo(8)]),
                policy="1e-4",
                expected=Expected("door"),
                limits=UNHURRIED,
            )
            assert claim is not None
            self.hand_out(name, claim)

    def erase(self) -> None:
        name = self.any_name()
        if name is not None:
            self.say(**{"try": name})
            erase_subject(self._vault, subject_id(self._vault, name))
            del self._claims[name]
            self.say(gone=name)

    def withdraw(self) -> None:
        name = self.any_name()
        if name is not None:
            self.say(**{"try": name})
            withdraw_consent(self._vault, subject_id(self._vault, name), consent_text().purpose)
            del self._claims[name]
            self.say(gone=name)

    def rotate(self) -> None:
        keys = self._vault.keys
        assert isinstance(keys, FileKeys)
        if keys.current < KEYS_MAX:
            keys.rotate("operator")

    def sweep(self) -> None:
        sweep(self._vault)

    def sign(self) -> None:
        with self._vault.store.reading() as tx:
            tip = tx.audit.tip()
        head = Head.sign(*tip, signer=self._vault.audit_signer, at=self._vault.clock())
        self.say(head=head.to_line())


if __name__ == "__main__":
    known = json.loads(sys.stdin.readline())
    Restless(open_vault(Path(sys.argv[1])), known["claims"], known["first"], known["seed"]).go_on()
