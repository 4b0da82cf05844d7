from dataclasses import replace
from pathlib import Path

import pytest

from tests.session import Person, enrol, verify
from visavis.decision import Outcome
from visavis.errors import KeyUnusable
from visavis.session import Vault, confirm_keys
from visavis.template import FileKeys

ANNA = Person(1)


def test_the_keys_that_were_there_are_confirmed_and_newer_ones_too(vault: Vault, keys: FileKeys) -> None:
    for _ in range(2):
        confirm_keys(vault)
        confirm_keys(vault)
        keys.rotate("operator")
    confirm_keys(vault)
    with vault.store.reading() as tx:
        assert sorted(tx.key_checks.all()) == [1, 2, 3]


def test_anothers_keys_and_older_ones_are_not(vault: Vault, keys: FileKeys, tmp_path: Path) -> None:
    confirm_keys(vault)
    others = replace(vault, keys=FileKeys.create(tmp_path / "others"))
    with pytest.raises(KeyUnusable, match="is not the one that references are sealed under"):
        confirm_keys(others)
    keys.rotate("operator")
    confirm_keys(vault)
    (tmp_path / "keys" / "operator-0002.key").unlink()
    with pytest.raises(KeyUnusable, match="version 2 is in use; restore the newest keys"):
        confirm_keys(replace(vault, keys=FileKeys(tmp_path / "keys")))


def test_what_is_kept_first_stays(vault: Vault) -> None:
    with vault.store.writing() as tx:
        tx.key_checks.add(1, bytes(32))
        tx.key_checks.add(1, bytes([1]) * 32)
        assert tx.key_checks.all() == {1: bytes(32)}


def test_what_is_kept_of_a_key_opens_nothing(vault: Vault) -> None:
    claim = enrol(vault, ANNA)
    confirm_keys(vault)
    assert verify(vault, claim, ANNA.photo(1)).decision.outcome is Outcome.MATCH
