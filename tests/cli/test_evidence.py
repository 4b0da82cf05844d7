"""`visavis evidence`: from the pair of keys to the photos."""

import json
import stat
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.cli import call
from tests.session import Person, Prepared, uploaded
from visavis.cli.evidence import read_public
from visavis.cli.installation import opened
from visavis.cli.serve import make_desk
from visavis.errors import KeyUnusable
from visavis.session import Capture, EvidenceTerms, Models, open_session, submit

ANNA = Person(1)
TERMS = EvidenceTerms("May we keep your photos?", "1", "en", 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    call("init", "--folder", tmp_path / "installation")
    return tmp_path / "installation"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    call("evidence", "keygen", tmp_path / "evidence")
    return tmp_path / "evidence"


@pytest.fixture
def evidence(folder: Path, key: Path) -> str:
    """The id of some."""
    public = read_public(key.with_name("evidence.pub"))
    with opened(folder) as place:
        desk = make_desk(place, Models(Prepared()), "https://verify.example", evidence_key=public)
        session, secret = open_session(desk, application="shop", wanted=uploaded(), evidence=TERMS)
        submit(desk, session.id, secret, Capture([ANNA.photo(1)], reference=ANNA.photo(), agreed=True))
    (found,) = call("evidence", "list", "--session", session.id, "--folder", folder, "--json").json
    assert found["session_id"] == session.id
    return str(found["id"])


def test_from_what_was_kept_to_the_photos(folder: Path, key: Path, evidence: str, tmp_path: Path) -> None:
    exported, archive = tmp_path / "one.evidence", tmp_path / "one.zip"
    assert evidence in call("evidence", "list", "--folder", folder).out
    assert "where the private key is" in call("evidence", "export", evidence, "--out", exported, "--folder", folder).out
    assert ANNA.photo(1)[7:39] not in exported.read_bytes()
    log = tmp_path / "log.jsonl"
    call("audit", "export", "--out", log, "--folder", folder)
    assert "as it was kept" in call("evidence", "open", exported, "--key", key, "--out", archive, "--log", log).out
    with ZipFile(BytesIO(archive.read_bytes())) as files:
        assert files.read("probe-1.bin") == ANNA.photo(1)
        assert files.read("reference.bin") == ANNA.photo()
        assert json.loads(files.read("about.json"))["id"] == evidence
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    shorter = tmp_path / "shorter.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    shorter.write_text("".join(line for line in lines if '"evidence_kept"' not in line))
    again = ("evidence", "open", exported, "--key", key, "--out", tmp_path / "two.zip")
    assert call(*again, "--log", shorter).fault.endswith("[evidence_unreadable]")
    assert call(*again, "--log", exported).fault.endswith("[input_invalid]")
    assert not (tmp_path / "two.zip").exists()
    assert "not compared with the audit log" in call(*again).out


def test_it_is_destroyed(folder: Path, evidence: str, tmp_path: Path) -> None:
    assert (
        call("evidence", "erase", evidence, "--yes", "--folder", folder).out
        == f"destroyed {evidence}; files that it was exported to are yours to destroy\n"
    )
    assert call("evidence", "list", "--folder", folder).out == ""
    out = tmp_path / "gone"
    assert call("evidence", "export", evidence, "--out", out, "--folder", folder).fault.endswith("[evidence_unknown]")
    assert not out.exists()


def test_what_cannot_be_opened(key: Path, folder: Path, evidence: str, tmp_path: Path) -> None:
    exported, other, out = tmp_path / "one.evidence", tmp_path / "other", tmp_path / "one.zip"
    call("evidence", "export", evidence, "--out", exported, "--folder", folder)
    call("evidence", "keygen", other)
    for file, private, code in (
        (exported, other, "evidence_unreadable"),
        (key, key, "evidence_unreadable"),
        (tmp_path / "none", key, "input_invalid"),
        (exported, key.with_name("evidence.pub"), "key_unusable"),
    ):
        assert call("evidence", "open", file, "--key", private, "--out", out).fault.endswith(f"[{code}]")
        assert not out.exists()


def test_keys_are_never_replaced(key: Path, tmp_path: Path) -> None:
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert call("evidence", "keygen", key).fault.endswith("[output_unwritable]")
    assert key.read_bytes() == before
    (tmp_path / "new.pub").write_text("mine")
    assert call("evidence", "keygen", tmp_path / "new").fault.endswith("[output_unwritable]")
    assert (tmp_path / "new.pub").read_text() == "mine"


def test_the_service_takes_the_public_half_alone(key: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "weak.pub").write_text(64 * "0")
    for file in (key, tmp_path / "weak.pub", tmp_path / "none", tmp_path):
        with pytest.raises(KeyUnusable):
            read_public(file)
    fault = call("serve", "--evidence-key", key, "--folder", folder).fault
    assert "expected the file that ends in .pub" in fault
    assert fault.endswith("[key_unusable]")
