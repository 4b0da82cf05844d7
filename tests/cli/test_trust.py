"""Whom the operator believes: nobody, until a file is added."""

import json
from pathlib import Path

import pytest

from tests.cli import call
from tests.document.chip.pki import Authority, pair
from visavis.cli.trust import FreshTrust
from visavis.document.chip import trust as trust_module
from visavis.document.chip.certificates import read_certificate
from visavis.errors import StoreUnusable

UTOPIA, OTHER = Authority.make("UT"), Authority.make("XY", pair("P-256", 5))
NEW_KEY = Authority.make("UT", pair("P-256", 11))
LINK = UTOPIA.issue(NEW_KEY, serial=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With certificates, a revocation list and master lists in it, and a text."""
    (tmp_path / "utopia.cer").write_bytes(UTOPIA.data)
    (tmp_path / "utopia.crl").write_bytes(UTOPIA.revocation_list(7))
    (tmp_path / "all.ml").write_bytes(UTOPIA.master_list(OTHER.data))
    (tmp_path / "others.ml").write_bytes(OTHER.master_list(signer=UTOPIA.list_signer()))
    (tmp_path / "new.cer").write_bytes(NEW_KEY.data)
    (tmp_path / "link.cer").write_bytes(LINK)
    (tmp_path / "notes.txt").write_text("no certificate")
    return tmp_path


def listed(folder: Path) -> list[dict[str, object]]:
    answer = call("trust", "list", "--trust", str(folder / "trust"), "--json")
    found: list[dict[str, object]] = json.loads(answer.out)
    return found


def shown(folder: Path) -> tuple[int, str, str]:
    answer = call("trust", "list", "--trust", str(folder / "trust"))
    return answer.code, answer.out, answer.err


def remove(folder: Path, trust_id: object) -> tuple[int, str, str]:
    answer = call("trust", "remove", "--trust", str(folder / "trust"), "--", str(trust_id))
    return answer.code, answer.out, answer.err


def id_of(data: bytes) -> str:
    return read_certificate(data).id


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

    def test_a_master_list_whose_signer_is_known_by_another_file(self, folder: Path) -> None:
        code, _, err = add(folder, "others.ml")
        assert (code, "others.ml" in err, "belongs to no authority" in err) == (3, True, True)
        assert not (folder / "trust").exists()
        assert add(folder, "utopia.cer")[0] == 0
        assert add(folder, "others.ml")[0] == 0
        assert {each["country"] for each in listed(folder)} == {"UT", "XY"}

    def test_such_a_master_list_with_that_file(self, folder: Path) -> None:
        assert add(folder, "others.ml", "utopia.cer")[0] == 0
        assert {each["country"] for each in listed(folder)} == {"UT", "XY"}

    def test_no_more_than_can_be_read_again(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert trust_module.FILES_MAX > trust_module.CERTIFICATES_MAX
        monkeypatch.setattr(trust_module, "FILES_MAX", 2)
        assert add(folder, "all.ml")[0] == 0
        code, _, err = add(folder, "utopia.crl")
        assert (code, "would hold more than 2 files" in err, "[trust_invalid]" in err) == (3, True, True)
        assert len(listed(folder)) == 2
        monkeypatch.setattr(trust_module, "CERTIFICATES_MAX", 2)
        code, _, err = add(folder, "new.cer")
        assert (code, "more than 2 certificates" in err) == (3, True)
        assert len(listed(folder)) == 2

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


class TestList:
    def test_links_and_keys_are_told(self, folder: Path) -> None:
        add(folder, "utopia.cer", "new.cer", "link.cer")
        told = {each["id"]: each for each in listed(folder)}
        old, new, link = (told[id_of(data)] for data in (UTOPIA.data, NEW_KEY.data, LINK))
        assert [each["link"] for each in (old, new, link)] == [False, False, True]
        assert new["key"] == link["key"] != old["key"]
        lines = shown(folder)[1].splitlines()
        assert {(line.split()[0], line.endswith(f"key {link['key']}  link certificate")) for line in lines} == {
            (each["id"], each is link) for each in told.values()
        }
        assert sum(str(old["key"]) in line for line in lines) == 1


class TestStrayFile:
    """One that is no certificate, in the folder."""

    def test_it_is_named(self, folder: Path) -> None:
        add(folder, "utopia.cer")
        stray = folder / "trust" / "notes.txt"
        stray.write_text("no certificate")
        for code, _, err in (
            remove(folder, id_of(UTOPIA.data)),
            add(folder, "new.cer"),
            shown(folder),
        ):
            assert (code, str(stray) in err, "[trust_invalid]" in err) == (3, True, True)
        stray.unlink()
        assert len(listed(folder)) == 1
        assert remove(folder, id_of(UTOPIA.data))[0] == 0


class TestRemove:
    def test_it_is_believed_no_more(self, folder: Path) -> None:
        add(folder, "all.ml")
        assert remove(folder, id_of(OTHER.data)) == (0, f"removed xy-{id_of(OTHER.data)}.cer\n", "")
        assert [each["country"] for each in listed(folder)] == ["UT"]

    @pytest.mark.parametrize("named", [NEW_KEY.data, LINK], ids=["own", "link"])
    def test_its_key_is_believed_by_no_other_certificate(self, folder: Path, named: bytes) -> None:
        add(folder, "utopia.cer", "new.cer", "link.cer")
        code, out, _ = remove(folder, id_of(named))
        (other,) = {NEW_KEY.data, LINK} - {named}
        assert code == 0
        assert set(out.splitlines()) == {
            f"removed ut-{id_of(named)}.cer",
            f"removed ut-{id_of(other)}.cer, of the same key",
        }
        assert [each["id"] for each in listed(folder)] == [id_of(UTOPIA.data)]

    def test_a_file_with_another_certificate_of_its_key_and_others_is_named(self, folder: Path) -> None:
        add(folder, "new.cer")
        (folder / "trust" / "all.ml").write_bytes(UTOPIA.master_list(LINK))
        code, _, err = remove(folder, id_of(NEW_KEY.data))
        assert (code, "all.ml" in err) == (3, True)
        assert len(listed(folder)) == 3

    def test_a_revocation_list(self, folder: Path) -> None:
        add(folder, "utopia.cer", "utopia.crl")
        assert remove(folder, listed(folder)[1]["id"])[0] == 0
        assert [each["kind"] for each in listed(folder)] == ["authority"]

    def test_a_file_that_holds_others_too_is_named_and_kept(self, folder: Path) -> None:
        place = folder / "trust"
        place.mkdir()
        (place / "all.ml").write_bytes((folder / "all.ml").read_bytes())
        code, _, err = remove(folder, listed(folder)[0]["id"])
        assert (code, "all.ml" in err) == (3, True)
        assert len(listed(folder)) == 2

    @pytest.mark.parametrize("wrong", ["0" * 16, "../../etc/passwd", "*", "", "ut"])
    def test_what_is_not_there(self, folder: Path, wrong: str) -> None:
        add(folder, "utopia.cer")
        assert remove(folder, wrong)[0] == 3
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
