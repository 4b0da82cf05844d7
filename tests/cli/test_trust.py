"""Whom the operator believes: nobody, until a file is added."""

import base64
import hashlib
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli import Answer, call
from tests.document.chip.pki import VALID, YEAR, Authority, pair
from visavis.cli.trust import FreshTrust
from visavis.document.chip import trust as trust_module
from visavis.document.chip.certificates import read_certificate
from visavis.errors import StoreUnusable

UTOPIA, OTHER = Authority.make("UT"), Authority.make("XY", pair("P-256", 5))
NEW_KEY = Authority.make("UT", pair("P-256", 11))
LINK = UTOPIA.issue(NEW_KEY, serial=2)
TODAY = datetime.now(UTC)
DAY = timedelta(days=1)
PAST, FUTURE = (TODAY - 9 * YEAR, TODAY - YEAR), (TODAY + YEAR, TODAY + 9 * YEAR)


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


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


def listed(folder: Path) -> list[dict[str, object]]:
    answer = call("trust", "list", "--trust", str(folder / "trust"), "--json")
    found: list[dict[str, object]] = json.loads(answer.out)
    return found


def shown(folder: Path) -> tuple[int, str, str]:
    answer = call("trust", "list", "--trust", str(folder / "trust"))
    return answer.code, answer.out, answer.err


def remove(folder: Path, trust_id: object, *, yes: bool = True) -> tuple[int, str, str]:
    options = ("--yes",) if yes else ()
    answer = call("trust", "remove", "--trust", str(folder / "trust"), *options, "--", str(trust_id))
    return answer.code, answer.out, answer.err


def id_of(data: bytes) -> str:
    return read_certificate(data).id


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def calling(folder: Path, *names: str, options: tuple[str, ...] = ("--yes",)) -> Answer:
    return call("trust", "add", *(folder / name for name in names), "--trust", folder / "trust", *options)


def add(folder: Path, *names: str, yes: bool = True) -> tuple[int, str, str]:
    answer = calling(folder, *names, options=("--yes",) if yes else ())
    return answer.code, answer.out, answer.err


class TestAdd:
    def test_nobody_is_believed_at_first(self, folder: Path) -> None:
        (folder / "trust").mkdir()
        assert listed(folder) == []

    def test_an_authority_and_its_revocation_list(self, folder: Path) -> None:
        code, out, err = add(folder, "utopia.cer", "utopia.crl")
        assert (code, out) == (0, "added 1 authority and 1 revocation list\n")
        assert err.splitlines()[::2] == [hash_of(UTOPIA.data), hash_of((folder / "utopia.crl").read_bytes())]
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

    @pytest.mark.parametrize(
        ("bad", "why"),
        [("notes.txt", "cannot be used"), ("signer.cer", "one who signs documents"), ("gone", "No such")],
    )
    def test_nothing_is_added_with_what_is_none_and_that_is_named(self, folder: Path, bad: str, why: str) -> None:
        (folder / "signer.cer").write_bytes(UTOPIA.signer().data)
        code, out, err = add(folder, "utopia.cer", bad)
        assert (code, out) == (3, "")
        assert err.startswith(f"visavis: nothing was added: {folder / bad} ")
        assert why in err
        assert not (folder / "trust").exists()
        fault = calling(folder, "utopia.cer", bad, options=("--yes", "--json")).json["error"]
        assert (fault["code"], fault["parameter"]) == ("trust_invalid", bad)
        assert f"visavis: {fault['message']} [trust_invalid]\n" == err

    def test_what_cannot_be_used_of_a_file_is_named(self, folder: Path) -> None:
        (folder / "xy.crl").write_bytes(OTHER.revocation_list())
        (refused,) = calling(folder, "utopia.cer", "xy.crl", options=("--yes", "--json")).json["refused"]
        assert refused["file"] == str(folder / "xy.crl")
        code, out, err = add(folder, "new.cer", "xy.crl")
        assert (code, out) == (0, "added 1 authority\n")
        assert err.endswith(f"not {refused['id']} of {refused['file']}: {refused['why']}\n")

    def test_it_asks_first(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for answer, code in (("n\n", 3), ("y\n", 0)):
            monkeypatch.setattr(sys, "stdin", Terminal(answer))
            told = add(folder, "all.ml", yes=False)
            assert told[0] == code
            assert "believe 2 authorities?" in told[2]
            assert {hash_of(UTOPIA.data), hash_of(OTHER.data)} <= set(told[2].splitlines())
            assert (folder / "trust").exists() == (code == 0)

    def test_it_cannot_ask_without_a_terminal(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        code, _, err = add(folder, "utopia.cer", yes=False)
        assert (code, "--yes" in err, "[input_invalid]" in err) == (3, True, True)
        assert not (folder / "trust").exists()

    def test_twice_is_once(self, folder: Path) -> None:
        assert add(folder, "utopia.cer")[0] == 0
        assert add(folder, "utopia.cer") == (0, "nothing to add: all of it is there already\n", "")
        told = calling(folder, "utopia.cer", options=("--json",))
        assert (told.code, told.json) == (0, {"added": [], "removed": [], "refused": []})
        assert len(listed(folder)) == 1

    @pytest.mark.parametrize(("valid", "validity"), [(VALID, "valid"), (PAST, "expired"), (FUTURE, "not_yet_valid")])
    def test_an_authority_that_is_not_valid_now(
        self, folder: Path, valid: tuple[datetime, datetime], validity: str
    ) -> None:
        (folder / "other.cer").write_bytes(Authority.make("XY", pair("P-256", 5), valid=valid).data)
        code, _, err = add(folder, "utopia.cer", "other.cer")
        assert (code, "warning: no chip passes" in err) == (0, validity != "valid")
        assert [each["validity"] for each in listed(folder)] == ["valid", validity]
        marked = [line for line in shown(folder)[1].splitlines() if "EXPIRED" in line or "NOT YET VALID" in line]
        assert [line.split()[0] for line in marked] == ([] if validity == "valid" else ["XY"])


class TestNewerList:
    """A revocation list takes the place of older ones of its authority."""

    @pytest.fixture(autouse=True)
    def lists(self, folder: Path) -> None:
        for name, authority, days in (
            ("older.crl", UTOPIA, 20),
            ("newer.crl", UTOPIA, 2),
            ("future.crl", UTOPIA, -2),
            ("new_key.crl", NEW_KEY, 1),
        ):
            (folder / name).write_bytes(authority.revocation_list(issued=TODAY - days * DAY, until=TODAY + 90 * DAY))

    def held(self, folder: Path) -> set[str]:
        return {str(each["id"]) for each in listed(folder) if each["kind"] == "revocation_list"}

    def test_it_does(self, folder: Path) -> None:
        add(folder, "utopia.cer", "older.crl")
        (older,) = self.held(folder)
        assert add(folder, "newer.crl")[:2] == (0, "added 1 revocation list; removed 1 older revocation list\n")
        (newer,) = self.held(folder)
        assert newer != older
        assert {each.name for each in (folder / "trust").iterdir()} >= {f"{newer}.crl"}
        assert not (folder / "trust" / f"{older}.crl").exists()

    def test_the_order_does_not_matter(self, folder: Path) -> None:
        add(folder, "utopia.cer", "newer.crl", "older.crl")
        assert len(self.held(folder)) == 1
        assert add(folder, "older.crl") == (0, "nothing to add: all of it, or newer, is there already\n", "")

    @pytest.mark.parametrize("another", ["future.crl", "new_key.crl"])
    def test_one_of_another_key_or_of_the_future_does_not(self, folder: Path, another: str) -> None:
        add(folder, "utopia.cer", "new.cer", "newer.crl")
        assert add(folder, another)[:2] == (0, "added 1 revocation list\n")
        assert len(self.held(folder)) == 2

    def test_a_file_that_holds_others_too_is_kept(self, folder: Path) -> None:
        place = folder / "trust"
        place.mkdir()
        texts = [
            f"-----BEGIN {kind}-----\n{base64.b64encode(data).decode()}\n-----END {kind}-----\n"
            for kind, data in (("CERTIFICATE", UTOPIA.data), ("X509 CRL", (folder / "older.crl").read_bytes()))
        ]
        (place / "both.pem").write_text("".join(texts))
        assert add(folder, "newer.crl")[:2] == (0, "added 1 revocation list\n")
        assert (place / "both.pem").exists()


class TestList:
    def test_links_and_keys_are_told(self, folder: Path) -> None:
        add(folder, "utopia.cer", "new.cer", "link.cer")
        told = {each["id"]: each for each in listed(folder)}
        old, new, link = (told[id_of(data)] for data in (UTOPIA.data, NEW_KEY.data, LINK))
        assert [each["link"] for each in (old, new, link)] == [False, False, True]
        assert new["key"] == link["key"] != old["key"]
        lines = shown(folder)[1].splitlines()
        assert dict(zip(lines[::2], (line.endswith("  link certificate") for line in lines[1::2]), strict=True)) == {
            hash_of(data): data is LINK for data in (UTOPIA.data, NEW_KEY.data, LINK)
        }
        assert sum(str(old["key"]) in line for line in lines) == 1

    def test_a_folder_that_is_not_there(self, folder: Path) -> None:
        answer = call("trust", "list", "--trust", folder / "none", "--json")
        assert (answer.code, answer.json["error"]["code"]) == (3, "input_invalid")
        assert call("trust", "list", "--folder", folder / "none").code == 3


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

    @pytest.mark.parametrize("digits", [8, 15, 16, 17, 64])
    def test_by_the_first_digits_of_its_hash(self, folder: Path, digits: int) -> None:
        add(folder, "all.ml")
        assert remove(folder, hash_of(OTHER.data)[:digits].upper())[0] == 0
        assert [each["country"] for each in listed(folder)] == ["UT"]

    def test_digits_that_begin_several(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        add(folder, "all.ml")
        alike = {"aaaaaaaa0": "aaaaaaaa0", "aaaaaaaa1": "aaaaaaaa1"}
        monkeypatch.setattr("visavis.cli.trust._hashes", lambda _: alike)
        code, _, err = remove(folder, "aaaaaaaa")
        assert (code, "give more digits" in err, "[input_invalid]" in err) == (3, True, True)
        assert len(list((folder / "trust").iterdir())) == 2

    def test_it_asks_first(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        add(folder, "utopia.cer")
        for stdin, code, there in ((io.StringIO("y\n"), 3, 1), (Terminal("n\n"), 3, 1), (Terminal("y\n"), 0, 0)):
            monkeypatch.setattr(sys, "stdin", stdin)
            told = remove(folder, id_of(UTOPIA.data), yes=False)
            assert told[0] == code
            assert told[2].startswith(f"{hash_of(UTOPIA.data)}\n  UT  valid from ")
            assert "remove 1 authority?" in told[2]
            assert len(listed(folder)) == there

    def test_as_json(self, folder: Path) -> None:
        add(folder, "utopia.cer")
        arguments = ("trust", "remove", "--trust", folder / "trust", "--yes", "--json", id_of(UTOPIA.data))
        assert call(*arguments).json == {"removed": [f"ut-{id_of(UTOPIA.data)}.cer"]}
        again = call(*arguments)
        assert (again.code, again.json["error"]["code"]) == (3, "input_invalid")

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

    @pytest.mark.parametrize("wrong", ["0" * 16, "../../etc/passwd", "*", "", "ut", "1234567"])
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
