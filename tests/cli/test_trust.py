"""Whom the operator believes: nobody, until a file is added."""

import json
from pathlib import Path

import pytest

from tests.cli import call
from tests.document.chip.pki import Authority, pair
from visavis.cli.trust import FreshTrust
from visavis.errors import StoreUnusable

UTOPIA, OTHER = Authority.make("UT"), Authority.make("XY", pair("P-256", 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a certificate, a revocation list and a master list in it."""
    (tmp_path / "utopia.cer").write_bytes(UTOPIA.data)
    (tmp_path / "utopia.crl").write_bytes(UTOPIA.revocation_list(7))
    (tmp_path / "all.ml").write_bytes(UTOPIA.master_list(OTHER.data))
    (tmp_path / "notes.txt").write_text("no certificate")
    return tmp_path


def listed(folder: Path) -> list[dict[str, object]]:
    answer = call("trust", "list", "--trust", str(folder / "trust"), "--json")
    found: list[dict[str, object]] = json.loads(answer.out)
    return found


def add(folder: Path, *names: str, yes: bool = True) -> tuple[int, str, str]:
    given = [str(folder / name) for name in names]
    answer = call("trust", "add", *given, "--trust", str(folder / "trust"), *(["--yes"] if yes else []))
    return answer.code, answer.out, answer.err


class TestAdd:
    def test_nobody_is_believed_at_first(self, folder: Path) -> None:
        (folder / "trust").mkdir()
        assert listed(folder) == []

    def test_an_authority_and_its_revocation_list(self, folder: Path) -> None:
        assert add(folder, "utopia.cer", "utopia.crl") == (0, "added 1 authorities and 1 revocation lists\n", "")
        assert [(each["kind"], each.get("country")) for each in listed(folder)] == [
            ("authority", "UT"),
            ("revocation_list", None),
        ]

    def test_a_master_list_is_taken_apart(self, folder: Path) -> None:
        assert add(folder, "all.ml")[0] == 0
        assert {each["country"] for each in listed(folder)} == {"UT", "XY"}

    def test_a_list_of_nobody_who_is_believed_is_refused(self, folder: Path) -> None:
        code, _, err = add(folder, "utopia.crl")
        assert code == 3
        assert "[trust_invalid]" in err
        assert not (folder / "trust").exists()

    def test_what_is_no_certificate_is_named(self, folder: Path) -> None:
        code, _, err = add(folder, "notes.txt")
        assert code == 3
        assert "notes.txt" in err

    def test_it_asks_first(self, folder: Path) -> None:
        code, _, err = add(folder, "utopia.cer", yes=False)
        assert code == 3  # nobody answered
        assert "believe what 1 authorities sign" in err
        assert not (folder / "trust").exists()

    def test_twice_is_once(self, folder: Path) -> None:
        assert add(folder, "utopia.cer")[0] == 0
        assert add(folder, "utopia.cer")[0] == 3
        assert len(listed(folder)) == 1


class TestRemove:
    def test_it_is_believed_no_more(self, folder: Path) -> None:
        add(folder, "all.ml")
        known = {each["country"]: str(each["id"]) for each in listed(folder)}
        assert call("trust", "remove", known["XY"], "--trust", str(folder / "trust")).code == 0
        assert [each["country"] for each in listed(folder)] == ["UT"]

    def test_a_file_that_holds_others_too_is_named_and_kept(self, folder: Path) -> None:
        place = folder / "trust"
        place.mkdir()
        (place / "all.ml").write_bytes((folder / "all.ml").read_bytes())
        wrong = call("trust", "remove", str(listed(folder)[0]["id"]), "--trust", str(place))
        assert (wrong.code, "all.ml" in wrong.err) == (3, True)
        assert len(listed(folder)) == 2

    @pytest.mark.parametrize("wrong", ["0" * 16, "../../etc/passwd", "*", "", "ut"])
    def test_what_is_not_there(self, folder: Path, wrong: str) -> None:
        add(folder, "utopia.cer")
        answer = call("trust", "remove", "--trust", str(folder / "trust"), "--", wrong)
        assert answer.code == 3
        assert len(listed(folder)) == 1


class TestFreshTrust:
    """What a running service goes by."""

    def test_it_notices_what_changes(self, folder: Path) -> None:
        place = folder / "trust"
        fresh = FreshTrust(place)
        assert fresh.current().authorities == ()
        add(folder, "all.ml")
        found = fresh.current()
        assert len(found.authorities) == 2
        assert fresh.current() is found
        next(place.iterdir()).unlink()
        assert len(fresh.current().authorities) == 1

    def test_what_cannot_be_used_is_for_the_operator(self, folder: Path) -> None:
        fresh = FreshTrust(folder)
        with pytest.raises(StoreUnusable, match=r"notes\.txt"):
            fresh.current()
        (folder / "notes.txt").unlink()
        (folder / "gone.cer").symlink_to(folder / "nowhere")
        assert fresh.current().authorities
