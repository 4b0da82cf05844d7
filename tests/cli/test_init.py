import json
import stat
from pathlib import Path

import pytest

from tests.cli import call
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
        }
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        secret = [folder / "shreds.db", folder / "visavis.db", *(folder / "keys").iterdir()]
        assert len(secret) == 6
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secret)

    def test_the_users_own_folder_is_the_default(self) -> None:
        answer = call("init", "--json")
        assert Path(answer.json["settings"]).is_relative_to(Path.home())
        assert call("subject", "list").code == 0

    def test_again_it_keeps_what_is_there_and_makes_what_is_missing(self, tmp_path: Path) -> None:
        call("init", "--folder", tmp_path, "--issuer", "https://issuer.example", "--shred-backup-days", "7")
        before = {path: path.read_bytes() for path in (*(tmp_path / "keys").iterdir(), tmp_path / "visavis.toml")}
        (tmp_path / "keys" / "issuer-0001.key").unlink()
        assert call("init", "--folder", tmp_path, "--issuer", "https://another.example").code == 0
        after = {path: path.read_bytes() for path in before}
        assert {path for path in before if before[path] != after[path]} == {tmp_path / "keys" / "issuer-0001.key"}

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
            "versions": {"operator": [1, 2], "verifier": [1], "issuer": [1], "audit": [1, 2]},
            "references": {},
        }
        assert "operator 1, 2" in call("keys", "list", "--folder", tmp_path).out
        exported = call("audit", "export", "--folder", tmp_path).out.splitlines()
        assert [json.loads(line)["details"] for line in exported] == [
            {"kind": "operator", "version": 2},
            {"kind": "audit", "version": 2},
        ]


class TestAudit:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        call("init", "--folder", tmp_path)
        for _ in range(3):
            call("keys", "rotate", "--folder", tmp_path)
        return tmp_path

    def test_nothing_is_proven_without_a_head(self, folder: Path) -> None:
        answer = call("audit", "verify", "--folder", folder)
        assert answer.code == 0
        assert answer.out.startswith("3 entries, one chain\nnothing is proven yet")
        assert call("audit", "verify", "--folder", folder, "--json").json == {"entries": 3, "proven": 0}

    def test_a_head_proves_what_came_before_it(self, folder: Path) -> None:
        line = call("audit", "head", "--folder", folder).out
        call("keys", "rotate", "--kind", "audit", "--folder", folder)
        assert call("audit", "verify", "--folder", folder, "--json").json == {"entries": 4, "proven": 3}
        assert (folder / "audit-heads.jsonl").read_text() == line

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
