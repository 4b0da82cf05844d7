"""The export: everything held about a subject, and nothing about anyone else."""

import json
from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.session import Clock, Person, enrol, log, subject_id, verify
from visavis.errors import SubjectUnknown
from visavis.session import Issued, Vault, erase_subject, export_subject, stamp
from visavis.store import Database, tables

ANNA, BELA = Person(1), Person(2)


def fill(vault: Vault, clock: Clock) -> Vault:
    """Put in something of everything, of two subjects."""
    for name, person in (("anna", ANNA), ("bela", BELA)):
        for purpose in ("door", "payment"):
            claim = enrol(vault, person, name, purpose=purpose, renewal=purpose == "door", captures=2)
            verify(vault, claim, person.photo(7), purpose=purpose)
            clock.advance(minutes=1)
        mine = subject_id(vault, name)
        with vault.store.writing() as tx:
            consent = tx.consents.of(mine)[0]
            end = clock.now + timedelta(days=30)
            number = 1 + (name == "bela")
            tx.credentials.add(Issued(bytes([number]) * 16, mine, consent.id, number, ("door",), clock.now, end))
        clock.advance(minutes=1)
    return vault


@pytest.fixture
def filled(vault: Vault, clock: Clock) -> Vault:
    return fill(vault, clock)


def test_it_is_plain_json(filled: Vault) -> None:
    export = export_subject(filled, subject_id(filled))
    assert json.loads(json.dumps(export)) == export
    assert list(export) == ["subject", "consents", "references", "credentials", "sessions", "evidence", "audit"]


def test_everything_that_is_known_is_in_it(filled: Vault) -> None:
    mine = subject_id(filled)
    export = export_subject(filled, mine)
    with filled.store.reading() as tx:
        subject, consents, references, issued = (
            tx.subjects.get(mine),
            tx.consents.of(mine),
            tx.references.of(mine),
            tx.credentials.of(mine),
        )
        sealed = [tx.references.sealed(each.record_id) for each in references]
        entries = [entry.to_dict() for entry in tx.audit.entries(subject_id=mine)]
    assert subject is not None
    assert export["subject"]["id"] == mine
    assert export["subject"]["name"] == "anna"
    assert datetime.fromisoformat(export["subject"]["created_at"]) == subject.created_at
    assert [each["id"] for each in export["consents"]] == [each.id for each in consents]
    assert [each["purpose"] for each in export["consents"]] == ["door", "payment"]
    assert [each["renewal"] for each in export["consents"]] == [True, False]
    assert [bytes.fromhex(each["record"]) for each in export["references"]] == [each.record_id for each in references]
    assert [b64decode(each["sealed"]) for each in export["references"]] == sealed
    assert [each["captures"] for each in export["references"]] == [2, 2]
    assert [bytes.fromhex(each["cti"]) for each in export["credentials"]] == [each.cti for each in issued]
    assert export["audit"] == entries


def test_failed_attempts_are_in_it(filled: Vault, clock: Clock) -> None:
    claim = enrol(filled, ANNA, replaces=True)
    verify(filled, claim, BELA.photo())
    export = export_subject(filled, subject_id(filled))
    failed = {each["record"]: each["failed_attempts"] for each in export["references"]}
    assert failed.pop(claim.record_id.hex()) == [{"in_a_row": 1, "last_at": stamp(clock.now)}]
    assert list(failed.values()) == [[]]


def test_every_column_of_every_row_is_in_it(sqlite_vault: Vault, clock: Clock) -> None:
    """What a later version keeps in addition must be told as well."""
    fill(sqlite_vault, clock)
    mine = subject_id(sqlite_vault)
    told = json.dumps(export_subject(sqlite_vault, mine))
    follow_from_others = {"ends_at", "erasing"}
    assert isinstance(sqlite_vault.store, Database)
    with sqlite_vault.store.engine.connect() as connection:
        for table in (tables.subjects, tables.consents, tables.references, tables.credentials):
            owner = table.c.id if table is tables.subjects else table.c.subject_id
            rows = connection.execute(table.select().where(owner == mine)).mappings().all()
            assert rows
            for row in rows:
                untold = [column for column, value in row.items() if written(value) not in told]
                assert set(untold) <= follow_from_others


def written(value: Any) -> str:
    """As the export writes it."""
    if isinstance(value, bytes):
        return value.hex() if len(value) == 16 else b64encode(value).decode()
    return json.dumps(stamp(value) if isinstance(value, datetime) else value)


def test_nothing_of_anyone_else_is(filled: Vault) -> None:
    mine, others = subject_id(filled), subject_id(filled, "bela")
    told = json.dumps(export_subject(filled, mine))
    with filled.store.reading() as tx:
        foreign = [others, "bela"]
        foreign += [each.id for each in tx.consents.of(others)]
        foreign += [each.record_id.hex() for each in tx.references.of(others)]
        foreign += [each.cti.hex() for each in tx.credentials.of(others)]
    assert len(foreign) == 7
    assert not [each for each in foreign if each in told]


def test_nothing_that_opens_is(filled: Vault) -> None:
    mine = subject_id(filled)
    told = json.dumps(export_subject(filled, mine)).lower()
    with filled.store.reading() as tx:
        records = [each.record_id for each in tx.references.of(mine)]
    for record_id in records:
        with filled.shreds.get(record_id) as shred:
            assert bytes(shred.view).hex() not in told
    assert "score" not in told.replace("score_reaches_threshold", "")


def test_it_is_logged_and_the_export_tells_so(filled: Vault) -> None:
    mine = subject_id(filled)
    export = export_subject(filled, mine)
    assert log(filled)[-1]["event"] == export["audit"][-1]["event"] == "exported"
    assert log(filled)[-1]["details"] == {"subject": mine}


def test_a_subject_of_whom_nothing_is_held(filled: Vault) -> None:
    mine = subject_id(filled)
    erase_subject(filled, mine)
    before = log(filled)
    for unknown in (mine, "sub_nobody", "anna"):
        with pytest.raises(SubjectUnknown) as refusal:
            export_subject(filled, unknown)
        assert refusal.value.code == "subject_unknown"
    assert log(filled) == before
