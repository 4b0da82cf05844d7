import json
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli import call, process
from tests.store import reference, sealed
from visavis.session import Entry, Event, Head
from visavis.store import Database
from visavis.template import FileKeys


class TestInit:
    def test_an_installation_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "made" / "here"
        answer = call("init", "--folder", folder, "--json")
        assert answer.code == 0
        assert answer.json == {
            "settings": str(folder / "visavis.toml"),
            "keys": str(folder / "keys"),
            "shreds": str(folder / "shreds.db"),
            "database": str(folder / "visavis.db"),
            "api_key": answer.json["api_key"],
        }
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        secret = [folder / "shreds.db", folder / "visavis.db", *(folder / "keys").iterdir()]
        assert len(secret) == 7
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secret)

    def test_the_users_own_folder_is_the_default(self) -> None:
        answer = call("init", "--json")
        assert Path(answer.json["settings"]).is_relative_to(Path.home())
        assert call("subject", "list").code == 0

    def test_again_it_changes_nothing(self, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path, "--issuer", "https://issuer.example", "--shred-backup-days", "7")
        files = [*(tmp_path / "keys").iterdir(), *(tmp_path / name for name in ("visavis.toml", "shreds.db"))]
        before = [path.read_bytes() for path in files]
        assert call("init", "--folder", tmp_path).code == 0
        assert call("init", "--folder", tmp_path, "--shred-backup-days", "7").code == 0
        for option in (("--issuer", "https://another.example"), ("--shred-backup-days", "0")):
            fault = call("init", "--folder", tmp_path, *option).fault
            assert f"says otherwise than {option[0]}; change it there" in fault
        assert [path.read_bytes() for path in files] == before

    def test_again_it_fills_in_what_was_left_empty(self, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path, "--shred-backup-days", "7")
        assert call("init", "--folder", tmp_path, "--issuer", "https://issuer.example").code == 0
        text = (tmp_path / "visavis.toml").read_text()
        assert 'issuer = "https://issuer.example"' in text
        assert "shred_backup_days = 7" in text

    def test_settings_that_are_gone_are_not_made_anew_unless_one_says_so(self, tmp_path: Path) -> None:
        """Receipts would be signed with another date than the operator keeps back-ups."""
        call("init", "--folder", tmp_path, "--shred-backup-days", "7")
        (tmp_path / "visavis.toml").unlink()
        assert "is its volume mounted?" in call("init", "--folder", tmp_path).fault
        assert not (tmp_path / "visavis.toml").exists()
        assert call("init", "--folder", tmp_path, "--make-missing", "--shred-backup-days", "7").code == 0
        assert "shred_backup_days = 7" in (tmp_path / "visavis.toml").read_text()

    @pytest.mark.parametrize("wrong", ["older", "another installation's"])
    def test_keys_that_are_not_the_newest_or_not_ours_are_told_as_such(self, wrong: str, tmp_path: Path) -> None:
        """They would refuse everybody as if their claims were wrong, and seal under a key that was given up."""
        for name in ("one", "two"):
            call("init", "--folder", tmp_path / name)
        call("keys", "rotate", "--folder", tmp_path / "one")
        newest = tmp_path / "one" / "keys" / "operator-0002.key"
        if wrong == "older":
            newest.unlink()
        else:
            call("keys", "rotate", "--folder", tmp_path / "two")
            newest.write_bytes((tmp_path / "two" / "keys" / "operator-0002.key").read_bytes())
        for command in ("subject list", "keys rotate", "keys list"):
            fault = call(*command.split(), "--folder", tmp_path / "one").fault
            assert "restore" in fault
            assert fault.endswith("[key_unusable]")

    @pytest.mark.parametrize(
        "part", ["shreds.db", "visavis.db", "keys", "keys/operator-0001.key", "keys/verifier-0001.key"]
    )
    def test_a_part_that_is_gone_is_not_made_anew_unless_one_says_so(self, part: str, tmp_path: Path) -> None:
        """Its volume may not be mounted."""
        call("init", "--folder", tmp_path)
        away = tmp_path / "away"
        (tmp_path / part).rename(away)
        assert "is its volume mounted?" in call("init", "--folder", tmp_path).fault
        assert not (tmp_path / part).exists()
        if part == "visavis.db":  # its shreds are of no use to a new one
            assert "no database they belong to" in call("init", "--folder", tmp_path, "--make-missing").fault
            assert not (tmp_path / "visavis.db").exists()
        else:
            assert call("init", "--folder", tmp_path, "--make-missing").code == 0
            assert call("subject", "list", "--folder", tmp_path).code == 0

    def test_one_that_broke_off_is_completed(self, tmp_path: Path) -> None:
        FileKeys.create(tmp_path / "keys")
        key = (tmp_path / "keys" / "operator-0001.key").read_bytes()
        assert "an earlier call broke off" in call("init", "--folder", tmp_path).fault
        assert call("init", "--folder", tmp_path, "--make-missing").code == 0
        assert (tmp_path / "keys" / "operator-0001.key").read_bytes() == key

    def test_the_shreds_of_another_installation_are_refused(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            call("init", "--folder", tmp_path / name)
        (tmp_path / "one" / "shreds.db").replace(tmp_path / "two" / "shreds.db")
        assert "of another installation" in call("subject", "list", "--folder", tmp_path / "two").fault

    @pytest.mark.parametrize("name", ["shreds.db", "visavis.db"])
    def test_a_store_that_others_can_read_is_refused(self, name: str, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path)
        (tmp_path / name).chmod(0o640)
        assert "chmod 600" in call("subject", "list", "--folder", tmp_path).fault

    def test_a_folder_into_which_others_can_put_keys_is_refused(self, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path)
        (tmp_path / "keys").chmod(0o770)
        assert "chmod 700" in call("subject", "list", "--folder", tmp_path).fault

    def test_parts_can_lie_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_FOLDER", str(tmp_path / "main"))
        monkeypatch.setenv("VISAVIS_KEYS", str(tmp_path / "keys"))
        monkeypatch.setenv("VISAVIS_SHREDS", str(tmp_path / "shreds"))
        assert call("init").code == 0
        assert sorted(path.name for path in (tmp_path / "main").iterdir()) == ["visavis.db", "visavis.toml"]
        assert call("keys", "list").code == 0

    def test_on_postgresql(self, postgresql_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_DATABASE", postgresql_database)
        answer = call("init", "--folder", tmp_path, "--json")
        assert answer.json["database"] == "as VISAVIS_DATABASE says"
        assert not (tmp_path / "visavis.db").exists()
        assert call("subject", "list", "--folder", tmp_path, "--json").json == []

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("here")
        assert "[output_unwritable]" in call("init", "--folder", tmp_path / "file" / "folder").fault


class TestWithoutOne:
    @pytest.mark.parametrize("command", ["subject list", "keys list", "audit verify", "migrate", "credential issuer"])
    def test_each_command_says_how_to_make_one(self, command: str, tmp_path: Path) -> None:
        fault = call(*command.split(), "--folder", tmp_path).fault
        assert "make an installation with `visavis init`" in fault
        assert fault.endswith("[input_invalid]")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "issuer = 3",
            'issuer = ""\nstatus_list = ""\nshred_backup_days = -1',
            'issuer = ""\nstatus_list = ""\nshred_backup_days = 0\nmore = 1',
            "issuer = ",
        ],
    )
    def test_settings_without_meaning_are_refused(self, text: str, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path)
        (tmp_path / "visavis.toml").write_text(text)
        assert "visavis.toml" in call("subject", "list", "--folder", tmp_path).fault

    @pytest.mark.parametrize(
        ("name", "code"),
        [("shreds.db", "store_unusable"), ("visavis.db", "store_unusable"), ("keys/audit-0001.key", "key_unusable")],
    )
    def test_a_part_that_is_missing_is_named(self, name: str, code: str, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path)
        (tmp_path / name).unlink()
        assert call("subject", "list", "--folder", tmp_path).fault.endswith(f"[{code}]")

    def test_a_key_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path)
        (tmp_path / "keys" / "audit-0001.key").chmod(0o644)
        assert "chmod 600" in call("subject", "list", "--folder", tmp_path).fault

    def test_a_password_in_the_databases_url_is_not_repeated(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call("init", "--folder", tmp_path)
        for url in (
            "mysql://me:hunter2@host/db",
            "postgresql://me:hunter2@127.0.0.1:1/db",
            "hunter2",
            "sqlite:///hunter2",
        ):
            monkeypatch.setenv("VISAVIS_DATABASE", url)
            assert "hunter2" not in call("subject", "list", "--folder", tmp_path).fault


class TestKeys:
    def test_they_rotate_and_are_counted(self, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path)
        assert call("keys", "rotate", "--folder", tmp_path).out == "operator key: version 2\n"
        assert call("keys", "rotate", "--kind", "audit", "--folder", tmp_path).out == "audit key: version 2\n"
        listed = call("keys", "list", "--folder", tmp_path, "--json").json
        assert listed == {
            "versions": {"operator": [1, 2], "verifier": [1], "issuer": [1], "audit": [1, 2], "report": [1]},
            "references": {},
        }
        assert "operator 1, 2" in call("keys", "list", "--folder", tmp_path).out
        assert call("keys", "retire", "operator", "1", "--yes", "--folder", tmp_path).code == 0
        assert call("keys", "list", "--folder", tmp_path, "--json").json["versions"]["operator"] == [2]
        for version in ("1", "2", "3"):
            assert "no old version" in call("keys", "retire", "operator", version, "--yes", "--folder", tmp_path).fault
        exported = call("audit", "export", "--folder", tmp_path).out.splitlines()
        assert [json.loads(line)["details"] for line in exported[1:]] == [
            {"kind": "operator", "version": 2},
            {"kind": "audit", "version": 2},
            {"kind": "operator", "version": 1},
        ]

    def test_retiring_asks_first(self, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path)
        call("keys", "rotate", "--kind", "issuer", "--folder", tmp_path)
        assert process("keys", "retire", "issuer", "1", "--folder", tmp_path, stdin=b"n\n").code == 3
        assert call("keys", "list", "--folder", tmp_path, "--json").json["versions"]["issuer"] == [1, 2]
        assert process("keys", "retire", "issuer", "1", "--folder", tmp_path, stdin=b"y\n").code == 0
        assert call("keys", "list", "--folder", tmp_path, "--json").json["versions"]["issuer"] == [2]

    def test_a_key_that_seals_references_is_not_retired_or_made_again(self, tmp_path: Path) -> None:
        """Two keys under one version would be worse than none."""
        call("init", "--folder", tmp_path)
        call("keys", "rotate", "--folder", tmp_path)
        with closing(Database.open(tmp_path / "visavis.db")) as database, database.writing() as tx:
            tx.references.add(reference(), sealed(key_version=1))
            tx.references.add(reference(), sealed(key_version=2))
        assert (
            "1 references are still sealed"
            in call("keys", "retire", "operator", "1", "--yes", "--folder", tmp_path).fault
        )
        (tmp_path / "keys" / "operator-0002.key").unlink()
        assert "version 2 is in use; restore" in call("keys", "rotate", "--folder", tmp_path).fault


class TestAudit:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        call("init", "--folder", tmp_path)
        for _ in range(2):  # the first entry is the API key that was made
            call("keys", "rotate", "--folder", tmp_path)
        return tmp_path

    def test_nothing_is_proven_without_a_head(self, folder: Path) -> None:
        answer = call("audit", "verify", "--folder", folder)
        assert answer.code == 0
        assert answer.out.startswith("3 entries, one chain\nnothing is proven yet")
        assert call("audit", "verify", "--folder", folder, "--json").json == {
            "entries": 3,
            "proven": 0,
            "own_heads": 0,
        }

    def test_a_head_proves_what_came_before_it(self, folder: Path) -> None:
        line = call("audit", "head", "--folder", folder).out
        call("keys", "rotate", "--kind", "audit", "--folder", folder)
        own = call("audit", "verify", "--folder", folder, "--json").json
        assert own == {"entries": 4, "proven": 0, "own_heads": 3}
        assert "keep heads elsewhere" in call("audit", "verify", "--folder", folder).out
        heads = folder / "audit-heads.jsonl"
        assert heads.read_text() == line
        heads.write_text(f"\n{line}\n")
        given = call("audit", "verify", "--folder", folder, "--heads", heads, "--json").json
        assert given == {"entries": 4, "proven": 3, "own_heads": 0}
        assert "proven up to entry 3" in call("audit", "verify", "--folder", folder, "--heads", heads).out

    def test_an_export_is_verified_without_the_installation(self, folder: Path, tmp_path: Path) -> None:
        line = call("audit", "head", "--folder", folder, "--out", tmp_path / "heads").out
        call("audit", "export", "--folder", folder, "--out", tmp_path / "log")
        given = ("--log", tmp_path / "log", "--heads", tmp_path / "heads")
        nowhere = ("--folder", tmp_path / "nowhere")
        key = json.loads(line)["key"]
        assert call("audit", "verify", *given, "--key", key, *nowhere, "--json").json["proven"] == 3
        assert "not this log's" in call("audit", "verify", *given, "--key", "00" * 32, *nowhere).fault
        assert call("audit", "verify", *given, *nowhere).fault.endswith("[input_invalid]")
        assert call("audit", "verify", *given, "--folder", folder).code == 0
        assert "expected a public key" in call("audit", "verify", *given, "--key", "zz").fault
        text = (tmp_path / "log").read_text()
        (tmp_path / "log").write_text(text.replace('"version": 3', '"version": 4'))
        assert "entry 3, or one before it, was changed" in call("audit", "verify", *given, "--key", key).fault
        (tmp_path / "log").write_text(text + "junk\n")
        assert "line 4 is no entry" in call("audit", "verify", *given, "--key", key).fault
        assert call("audit", "verify", "--log", tmp_path / "none", "--key", key).fault.endswith("[input_invalid]")

    def test_an_empty_log_is_not_another_ones(self, folder: Path, tmp_path: Path) -> None:
        head = Head.sign(0, bytes([1]) * 32, signer=FileKeys(folder / "keys").signer("audit"), at=datetime.now(UTC))
        (tmp_path / "head").write_text(head.to_line() + "\n")
        assert (
            "another log's beginning" in call("audit", "verify", "--folder", folder, "--heads", tmp_path / "head").fault
        )

    def test_a_restored_database_is_brought_up_to_its_log(self, folder: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(folder / "visavis.db")) as one, closing(sqlite3.connect(tmp_path / "copy")) as two:
            one.backup(two)
        call("keys", "rotate", "--folder", folder)
        call("audit", "head", "--folder", folder, "--out", tmp_path / "head")
        call("audit", "export", "--folder", folder, "--out", tmp_path / "log")
        for name in ("visavis.db-wal", "visavis.db-shm"):
            (folder / name).unlink(missing_ok=True)
        (folder / "visavis.db").write_bytes((tmp_path / "copy").read_bytes())
        (tmp_path / "other").write_text("{}")
        assert call("audit", "restore", tmp_path / "other", "--folder", folder).fault.endswith("[audit_broken]")
        fault = call("audit", "restore", tmp_path / "log", "--folder", folder).fault
        assert "heads vouch for 0 of the 4 entries" in fault
        options = (tmp_path / "log", "--heads", tmp_path / "head", "--folder", folder)
        assert call("audit", "restore", *options, "--json").json == {
            "entries": 1,
            "credentials": 0,
            "revoked": 0,
            "consents": 0,
            "subjects": [],
        }
        assert "ends before this database's" in call("audit", "restore", *options).fault
        assert call("audit", "verify", "--heads", tmp_path / "head", "--folder", folder, "--json").json["proven"] == 4

    def test_a_head_kept_elsewhere_finds_what_was_changed(self, folder: Path, tmp_path: Path) -> None:
        kept = tmp_path / "elsewhere.jsonl"
        call("audit", "head", "--folder", folder, "--out", kept)
        database = Database.open(folder / "visavis.db")
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit WHERE number = 3")
            connection.exec_driver_sql(
                "UPDATE audit_tip SET number = 2, hash = (SELECT hash FROM audit WHERE number = 2)"
            )
        database.close()
        assert call("audit", "verify", "--folder", folder).code == 0
        fault = call("audit", "verify", "--folder", folder, "--heads", kept).fault
        assert "entries were dropped" in fault
        assert fault.endswith("[audit_broken]")

    def test_a_head_of_another_log_is_refused(self, folder: Path, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path / "other")
        call("audit", "head", "--folder", tmp_path / "other", "--out", tmp_path / "head")
        assert "not this log's" in call("audit", "verify", "--folder", folder, "--heads", tmp_path / "head").fault

    def test_a_changed_head_is_refused(self, folder: Path, tmp_path: Path) -> None:
        line = call("audit", "head", "--folder", folder).out
        (tmp_path / "head").write_text(line.replace('"number":3', '"number":2'))
        assert "[audit_broken]" in call("audit", "verify", "--folder", folder, "--heads", tmp_path / "head").fault

    def test_a_forged_end_of_the_log_is_not_believed(self, folder: Path, tmp_path: Path) -> None:
        """The chain needs no key: whoever can write the file could have people erased."""
        call("audit", "export", "--folder", folder, "--out", tmp_path / "log", "--head", tmp_path / "head")
        last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
        forged = Entry.after(3, bytes.fromhex(last["hash"]), Event.ERASED, {"subject": "sub_victim"}, datetime.now(UTC))
        with (tmp_path / "log").open("a") as file:
            file.write(json.dumps(forged.to_dict()) + "\n")
        options = (tmp_path / "log", "--heads", tmp_path / "head", "--folder", folder)
        assert "heads vouch for 3 of the 4 entries" in call("audit", "restore", *options).fault
        assert call("audit", "restore", *options, "--unproven").out.startswith("read 1 missing entries")

    def test_an_export_is_not_replaced_by_what_does_not_go_on_from_it(self, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "log"
        assert call("audit", "export", "--folder", folder, "--out", out).code == 0
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        call("keys", "rotate", "--folder", folder)
        assert call("audit", "export", "--folder", folder, "--out", out).code == 0
        assert len(out.read_text().splitlines()) == 4
        call("init", "--folder", tmp_path / "other")
        before = out.read_text()
        fault = call("audit", "export", "--folder", tmp_path / "other", "--out", out).fault
        assert "does not go on from it" in fault
        (tmp_path / "text").write_text("precious")
        assert call("audit", "export", "--folder", folder, "--out", tmp_path / "text").code == 3
        assert (out.read_text(), (tmp_path / "text").read_text()) == (before, "precious")

    def test_a_file_without_heads_proves_nothing_and_is_told_so(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "none").write_text("\n")
        assert "holds no signed head" in call("audit", "verify", "--folder", folder, "--heads", tmp_path / "none").fault

    def test_exports_can_be_appended_to_each_other(self, folder: Path, tmp_path: Path) -> None:
        whole = call("audit", "export", "--folder", folder).out
        assert call("audit", "export", "--folder", folder, "--out", tmp_path / "log").code == 0
        assert (tmp_path / "log").read_text() == whole
        assert call("audit", "export", "--folder", folder, "--after", "2").out == whole.splitlines(keepends=True)[2]

    def test_a_head_that_cannot_be_written(self, folder: Path) -> None:
        fault = call("audit", "head", "--folder", folder, "--out", folder / "nowhere" / "head").fault
        assert fault.endswith("[output_unwritable]")


def test_an_older_database_is_brought_up_to_date(tmp_path: Path) -> None:
    call("init", "--folder", tmp_path)
    assert call("migrate", "--folder", tmp_path).out == "the database is up to date\n"
    database = Database.open(tmp_path / "visavis.db")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "later version" in call("subject", "list", "--folder", tmp_path).fault
    assert FileKeys(tmp_path / "keys").current == 1
