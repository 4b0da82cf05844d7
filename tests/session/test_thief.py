"""The thief has everything but the claims, and gets nothing.

Everything is: the database, the store of shreds, all back-ups of both, all operator keys, the source code, and probes of those
who are enrolled.
"""

import hmac
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from tests.session import Person, Prepared, enrol, renew, subject_id, verify
from visavis.decision import Outcome
from visavis.embedding import Embedding
from visavis.errors import ClaimRefused, KeyUnusable
from visavis.session import PasskeyClaim, Vault, erase_subject
from visavis.template import Claim, ClaimType, FileKeys, SealedTemplate, Secret, Template

PEOPLE = [Person(seed) for seed in range(1, 21)]
PROBES = 1_000
NONE = bytes(32)


@dataclass
class Loot:
    """What was copied, at whatever time.

    sealed: the templates by their bytes. shreds: by record id, each that ever was. found: every other value in the files.
    """

    sealed: dict[bytes, SealedTemplate] = field(default_factory=dict)
    shreds: dict[bytes, set[bytes]] = field(default_factory=dict)
    found: set[bytes] = field(default_factory=set)
    keys: FileKeys | None = None

    def take(self, folder: Path, target: Path) -> None:
        """Make a back-up of both files and the keys, and read all that is in it."""
        target.mkdir()
        for name in ("visavis.db", "shreds.db"):
            with closing(sqlite3.connect(folder / name)) as source, closing(sqlite3.connect(target / name)) as copy:
                source.backup(copy)
                for (table,) in copy.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                    for row in copy.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608 - its own tables
                        self._look_at(table, row)
        copytree(folder / "keys", target / "keys")
        self.keys = FileKeys(target / "keys")
        self.found |= {path.read_bytes() for path in (target / "keys").iterdir()}

    def _look_at(self, table: str, row: tuple[object, ...]) -> None:
        values = [value for value in row if isinstance(value, bytes)]
        values += [str(value).encode() for value in row if isinstance(value, str)]
        if table == "shreds":
            self.shreds.setdefault(values[0], set()).add(values[1])
        if table == "sealed_references" and any(values[0]):
            (data,) = (value for value in values if value[:4] == b"VVS1")
            self.sealed[data] = SealedTemplate.parse(data)
        self.found |= set(values)

    def opened_with(self, secrets: Iterable[bytes], *, records: Iterable[bytes] | None = None) -> set[bytes]:
        """The records that open with any of these as the claim; with its own shreds, or all others if it has none any more."""
        assert self.keys is not None
        wanted = None if records is None else set(records)
        opened, tried = set(), [Secret(secret) for secret in secrets]
        for sealed in self.sealed.values():
            if wanted is not None and sealed.record_id not in wanted:
                continue
            for shred in self.shreds.get(sealed.record_id, {NONE}):
                for secret in tried:
                    claim = Claim(sealed.record_id, secret, sealed.claim_type)
                    try:
                        sealed.open(claim=claim, keys=self.keys, shred=Secret(shred)).wipe()
                    except ClaimRefused:
                        continue
                    opened.add(sealed.record_id)
        return opened


def guesses(values: Iterable[bytes]) -> Iterator[bytes]:
    """Every obvious way to make 32 bytes of something."""
    for value in values:
        yield sha256(value).digest()
        yield sha256(b"visavis claim v1" + value).digest()
        yield sha256(value.hex().encode()).digest()
        if value:
            yield (value * 32)[:32]
            yield (value[::-1] * 32)[:32]
            yield value[-32:].rjust(32, b"\0")


def made_of_faces(probes: Iterable[Embedding]) -> Iterator[bytes]:
    """Claims as a face might give them, if they were made from faces."""
    for probe in probes:
        with Template.of([probe]) as template:
            whole, quantised = bytes(template), template.vector.tobytes()
        signs = np.packbits(probe.vector > 0).tobytes()
        yield sha256(probe.vector.tobytes()).digest()
        yield sha256(whole).digest()
        yield sha256(quantised).digest()
        yield quantised[:32]
        yield np.round(probe.vector[:32] * 8).astype(np.int8).tobytes()
        yield signs + signs
        yield sha256(signs).digest()


@dataclass
class Scene:
    """An installation with a history, its thief's loot, and who holds which claim."""

    vault: Vault
    loot: Loot
    claims: dict[bytes, tuple[Person, Claim]] = field(default_factory=dict)
    gone: list[Claim] = field(default_factory=list)

    def hand_out(self, person: Person, claim: Claim | None, old: Claim | None = None) -> None:
        assert claim is not None
        self.claims[claim.record_id] = person, claim
        if old is not None:
            self.lose(old)

    def lose(self, claim: Claim) -> None:
        del self.claims[claim.record_id]
        self.gone.append(claim)

    @property
    def secrets(self) -> set[bytes]:
        return {bytes(claim.secret.view) for _, claim in self.claims.values()}


@pytest.fixture
def scene(sqlite_vault: Vault, tmp_path: Path) -> Scene:
    """Enrolments, failed attempts, two rotations, renewals, replacements and erasures, with a copy made after each."""
    vault, scene = sqlite_vault, Scene(sqlite_vault, Loot())
    keys = vault.keys
    assert isinstance(keys, FileKeys)

    def copied(name: str) -> None:
        scene.loot.take(tmp_path, tmp_path / f"copied after {name}")

    for person in PEOPLE:
        passkey = PasskeyClaim(Secret.random(), bytes([person.seed]) * 16) if person.seed % 5 == 0 else None
        captures = 1 + person.seed % 4
        scene.hand_out(person, enrol(vault, person, f"account {person.seed}", captures=captures, passkey=passkey))
        if person.seed % 8 == 0:
            copied(f"enrolment {person.seed}")
    copied("all enrolments")
    claims = [claim for _, claim in scene.claims.values()]
    for claim in claims[:4]:
        assert verify(vault, claim, Person(99).photo()).decision.outcome is Outcome.NO_MATCH
    copied("failed attempts")
    for _ in range(2):
        keys.rotate("operator")
        for person, claim in list(scene.claims.values())[::3]:
            assert verify(vault, claim, person.photo(9)).resealed
        copied(f"rotation to {keys.current}")
    for person, claim in list(scene.claims.values())[1:4]:
        scene.hand_out(person, renew(vault, claim, person.photo(8)), claim)
    copied("renewals")
    for person, claim in list(scene.claims.values())[3:6]:
        scene.hand_out(person, enrol(vault, person, f"account {person.seed}", replaces=True), claim)
    for person, claim in list(scene.claims.values())[6:9]:
        erase_subject(vault, subject_id(vault, f"account {person.seed}"))
        scene.lose(claim)
    copied("erasures")
    assert len(scene.claims) == 17
    assert len(scene.gone) == 9
    assert len({sealed.record_id for sealed in scene.loot.sealed.values()}) == 26
    assert len(scene.loot.sealed) > 35
    return scene


class TestWithoutClaims:
    def test_nothing_opens_with_anything_that_is_in_the_files(self, scene: Scene) -> None:
        found = scene.loot.found | {bytes(32), b"\xff" * 32, bytes(range(32)), b""}
        tried = {guess for guess in guesses(found) if len(guess) == 32}
        assert len(tried) > 1000
        assert scene.loot.opened_with(tried) == set()

    def test_nor_with_anything_made_of_a_record_itself(self, scene: Scene) -> None:
        assert isinstance(scene.vault.keys, FileKeys)
        keys = [bytes(scene.vault.keys.key("operator", version).view) for version in (1, 2, 3)]
        for data, sealed in scene.loot.sealed.items():
            parts = [sealed.record_id, sealed.commitment, sealed.nonce, sealed.claim_salt, sealed.ciphertext, data]
            shreds = scene.loot.shreds.get(sealed.record_id, set())
            known = {*parts, *shreds, *keys}
            pairs = {one + other for one in known for other in known}
            macs = {hmac.digest(key, part, "sha256") for key in (*keys, *shreds) for part in parts}
            assert scene.loot.opened_with({*guesses(known | pairs), *macs}, records=[sealed.record_id]) == set()

    def test_nor_with_a_thousand_probes_of_the_enrolled_people(self, scene: Scene) -> None:
        """Each made into a claim in every way, and tried on every record."""
        each = PROBES // len(PEOPLE)
        photos = [person.photo(number) for person in PEOPLE for number in range(each)]
        assert len(photos) == PROBES
        probes = [Prepared().acquire(photo).embedding for photo in photos]
        assert scene.loot.opened_with(made_of_faces(probe for probe in probes if probe is not None)) == set()

    def test_nor_through_the_program_itself(self, scene: Scene) -> None:
        """With the thief's own copy of it, and no limit on attempts."""
        for sealed in list(scene.loot.sealed.values())[:10]:
            for secret in list(guesses([sealed.record_id]))[:4]:
                claim = Claim(sealed.record_id, Secret(secret), ClaimType.RANDOM)
                with pytest.raises(ClaimRefused):
                    verify(scene.vault, claim, PEOPLE[0].photo())


class TestWithClaims:
    def test_one_opens_one_record(self, scene: Scene) -> None:
        for record_id, (_, claim) in scene.claims.items():
            assert scene.loot.opened_with([bytes(claim.secret.view)]) == {record_id}

    def test_and_the_record_is_its_subjects(self, scene: Scene) -> None:
        """The other way round, so that the thief's way of trying is known to work."""
        for person, claim in scene.claims.values():
            assert verify(scene.vault, claim, person.photo(7)).decision.outcome is Outcome.MATCH

    def test_all_open_nothing_of_anyone_whose_claim_is_not_among_them(self, scene: Scene) -> None:
        record_id = next(iter(scene.claims))
        others = scene.secrets - {bytes(scene.claims[record_id][1].secret.view)}
        assert scene.loot.opened_with(others) == set(scene.claims) - {record_id}

    def test_without_the_shreds_all_open_nothing(self, scene: Scene) -> None:
        """Database, operator keys and claims."""
        shuffled = dict(zip(scene.loot.shreds, [*list(scene.loot.shreds.values())[1:], {NONE}], strict=True))
        for shreds in ({}, shuffled):
            assert replace(scene.loot, shreds=shreds).opened_with(scene.secrets) == set()

    def test_without_the_operator_keys_all_open_nothing(self, scene: Scene, tmp_path: Path) -> None:
        """Database, shreds and claims."""
        others = FileKeys.create(tmp_path / "other keys")
        others.rotate("operator")
        others.rotate("operator")
        assert replace(scene.loot, keys=others).opened_with(scene.secrets) == set()
        with pytest.raises(KeyUnusable):
            replace(scene.loot, keys=FileKeys(tmp_path)).opened_with(scene.secrets)

    def test_what_was_erased_opens_only_with_a_copy_of_its_shred(self, scene: Scene) -> None:
        now = {record: kept for record, kept in scene.loot.shreds.items() if not scene.vault.shreds.missing([record])}
        assert len(now) < len(scene.loot.shreds)
        secrets = {bytes(claim.secret.view) for claim in scene.gone}
        assert replace(scene.loot, shreds=now).opened_with(secrets) == set()
        assert scene.loot.opened_with(secrets) == {claim.record_id for claim in scene.gone}

    def test_no_claim_is_in_the_files(self, scene: Scene, tmp_path: Path) -> None:
        """Only a hash of one that is being tried, from which no claim can be found."""
        claims = [claim for _, claim in scene.claims.values()] + scene.gone
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert len(files) > 20
        for claim in claims:
            secret = bytes(claim.secret.view)
            assert not any(secret[at : at + 8] in data for data in files for at in (0, 8, 16, 24))
