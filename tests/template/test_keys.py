import hmac
import os
import stat
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.template.material import random_bytes
from visavis.errors import KeyUnusable
from visavis.template import KEY_KINDS, FileKeys, KeyKind, Secret, key_id, read_key, signed

GOOD = random_bytes(1, 32)
ON_POSIX = pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system has no modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def written(path: Path, data: bytes, permissions: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(permissions)
    return path


@pytest.fixture
def folder(tmp_path: Path, keys: FileKeys) -> Path:
    """Where the fresh keys lie."""
    return tmp_path / "keys"


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


class TestCreate:
    def test_it_makes_one_key_of_every_kind(self, keys: FileKeys, folder: Path) -> None:
        assert KEY_KINDS == ("operator", "verifier", "issuer", "audit", "report")
        found = contents(folder)
        assert set(found) == {
            "operator-0001.key",
            "verifier-0001.key",
            "issuer-0001.key",
            "audit-0001.key",
            "report-0001.key",
        }
        assert {len(data) for data in found.values()} == {32}
        assert len(set(found.values())) == len(KEY_KINDS)

    @ON_POSIX
    @pytest.mark.usefixtures("no_umask")
    def test_only_its_owner_gets_in(self, tmp_path: Path) -> None:
        FileKeys.create(tmp_path / "keys")
        assert mode(tmp_path / "keys") == 0o700
        assert {mode(path) for path in (tmp_path / "keys").iterdir()} == {0o600}

    def test_what_is_there_stays(self, keys: FileKeys, folder: Path) -> None:
        (folder / "verifier-0001.key").unlink()
        before = contents(folder)
        FileKeys.create(folder)
        after = contents(folder)
        assert set(after) - set(before) == {"verifier-0001.key"}
        assert {name: after[name] for name in before} == before

    def test_folders_on_the_way_are_made(self, tmp_path: Path) -> None:
        assert FileKeys.create(tmp_path / "a" / "b").versions("audit") == (1,)

    def test_each_installation_has_its_own(self, keys: FileKeys, tmp_path: Path) -> None:
        other = FileKeys.create(tmp_path / "other")
        for kind in KEY_KINDS:
            assert keys.key(kind, 1) != other.key(kind, 1)


class TestRotate:
    @pytest.mark.parametrize("kind", KEY_KINDS)
    def test_the_next_version_is_current_and_the_others_stay(self, keys: FileKeys, folder: Path, kind: KeyKind) -> None:
        before = contents(folder)
        assert keys.rotate(kind) == 2
        assert keys.rotate(kind) == 3
        assert keys.versions(kind) == (1, 2, 3)
        assert keys.newest(kind) == 3
        after = contents(folder)
        assert {name: after[name] for name in before} == before
        assert len({bytes(keys.key(kind, version).view) for version in (1, 2, 3)}) == 3
        for other in set(KEY_KINDS) - {kind}:
            assert keys.versions(other) == (1,)

    def test_operator_keys_count_as_current(self, keys: FileKeys) -> None:
        assert keys.current == 1
        keys.rotate("audit")
        assert keys.current == 1
        keys.rotate("operator")
        assert keys.current == 2

    @ON_POSIX
    @pytest.mark.usefixtures("no_umask")
    def test_a_new_key_is_its_owners_alone(self, keys: FileKeys, folder: Path) -> None:
        keys.rotate("operator")
        assert mode(folder / "operator-0002.key") == 0o600

    def test_gaps_are_not_filled(self, keys: FileKeys, folder: Path) -> None:
        written(folder / "operator-0007.key", GOOD)
        assert keys.rotate("operator") == 8
        assert keys.versions("operator") == (1, 7, 8)

    def test_another_process_sees_it_at_once(self, keys: FileKeys, folder: Path) -> None:
        other = FileKeys(folder)
        assert other.current == 1
        keys.rotate("operator")
        assert other.current == 2

    @pytest.mark.parametrize("process", [1, os.getpid()])
    def test_a_draft_that_was_left_does_not_matter(self, keys: FileKeys, folder: Path, process: int) -> None:
        """Nor that of a process with the same number, as the first one of a container always has."""
        written(folder / f"operator-0002.{process}.draft", GOOD[:10])
        assert keys.versions("operator") == (1,)
        assert keys.rotate("operator") == 2
        assert len(keys.key("operator", 2)) == 32

    def test_no_draft_is_left(self, keys: FileKeys, folder: Path) -> None:
        keys.rotate("operator")
        assert [path for path in folder.iterdir() if path.suffix != ".key"] == []

    def test_a_full_disk_leaves_nothing(self, keys: FileKeys, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        before = contents(folder)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(KeyUnusable, match=r"operator-0002\.key cannot be written: No space left on device"):
                keys.rotate("operator")
        assert contents(folder) == before
        assert keys.rotate("operator") == 2

    def test_a_version_that_another_process_just_made_is_left_alone(
        self, keys: FileKeys, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = os.link

        def overtaken(source: Path, target: Path) -> None:
            written(target, GOOD)
            link(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "link", overtaken)
            with pytest.raises(KeyUnusable, match=r"operator-0002\.key cannot be written") as caught:
                keys.rotate("operator")
        assert caught.value.code == "key_unusable"
        assert bytes(keys.key("operator", 2).view) == GOOD
        assert [path for path in folder.iterdir() if path.suffix == ".draft"] == []
        assert keys.rotate("operator") == 3

    def test_no_version_ever_has_two_contents(self, folder: Path) -> None:
        made: list[int] = []
        refused: list[KeyUnusable] = []
        together = threading.Barrier(4)

        def rotate() -> None:
            together.wait()
            for _ in range(20):
                mine = FileKeys(folder)
                try:
                    version = mine.rotate("operator")
                except KeyUnusable as error:
                    refused.append(error)
                else:
                    made.append(version)
                    seen[version] = bytes(mine.key("operator", version).view)

        seen: dict[int, bytes] = {}
        threads = [threading.Thread(target=rotate) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keys = FileKeys(folder)
        assert len(made) + len(refused) == 80
        assert sorted(made) == list(keys.versions("operator"))[1:] == list(range(2, len(made) + 2))
        assert all(bytes(keys.key("operator", version).view) == data for version, data in seen.items())
        assert len(set(seen.values())) == len(made)
        assert all("cannot be written" in str(error) for error in refused)

    def test_without_a_folder_there_is_nothing_to_rotate(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnusable, match="is its volume mounted"):
            FileKeys(tmp_path / "nowhere").rotate("operator")


class TestRetire:
    def test_an_old_version_is_destroyed(self, keys: FileKeys, folder: Path) -> None:
        held = keys.key("operator", 1)
        path = folder / "operator-0001.key"
        keys.rotate("operator")
        copy = folder / "link"
        os.link(path, copy)
        keys.retire("operator", 1)
        assert keys.versions("operator") == (2,)
        assert copy.read_bytes() == bytes(32)
        assert len(held) == 0
        with pytest.raises(KeyUnusable):
            keys.mac(1, b"message")

    @pytest.mark.parametrize("version", [0, 1, 2])
    def test_the_current_one_and_one_that_is_not_there_are_not(self, keys: FileKeys, version: int) -> None:
        with pytest.raises(KeyUnusable, match="there is no old version"):
            keys.retire("issuer", version)
        assert keys.versions("issuer") == (1,)

    def test_its_number_is_not_given_again(self, keys: FileKeys) -> None:
        keys.rotate("audit")
        keys.retire("audit", 1)
        assert keys.rotate("audit") == 3


class TestVersions:
    def test_only_files_with_a_keys_name_count(self, keys: FileKeys, folder: Path) -> None:
        for name in (
            "operator-2.key", "operator-00002.key", "operator-0002.key.bak", "operator-0002.pub", "Operator-0002.key",
            "xoperator-0002.key", "operator-000２.key", "operator-0002.key\n", "verifier-0002.7.draft", "README",
        ):  # fmt: skip
            written(folder / name, GOOD)
        assert [keys.versions(kind) for kind in KEY_KINDS] == [(1,)] * len(KEY_KINDS)

    def test_they_are_counted_from_1(self, keys: FileKeys, folder: Path) -> None:
        """No seal can name a key 0."""
        written(folder / "operator-0000.key", GOOD)
        assert keys.versions("operator") == (1,)

    @pytest.mark.parametrize("kind", KEY_KINDS)
    def test_a_kind_without_keys_has_no_newest(self, tmp_path: Path, kind: KeyKind) -> None:
        keys = FileKeys(tmp_path)
        assert keys.versions(kind) == ()
        with pytest.raises(KeyUnusable, match=f"there is no {kind} key in .*is its volume mounted") as caught:
            keys.newest(kind)
        assert caught.value.code == "key_unusable"

    @pytest.mark.parametrize("place", ["missing", "a file"])
    def test_without_a_folder_there_are_no_keys(self, tmp_path: Path, place: str) -> None:
        path = tmp_path / "keys"
        if place == "a file":
            path.touch()
        with pytest.raises(KeyUnusable, match=r"keys: .*; is its volume mounted") as caught:
            FileKeys(path).versions("operator")
        assert caught.value.code == "key_unusable"


class TestReading:
    def test_it_is_the_files_32_bytes(self, tmp_path: Path) -> None:
        assert read_key(written(tmp_path / "key", GOOD)) == Secret(GOOD)

    @ON_POSIX
    @pytest.mark.parametrize("permissions", [0o600, 0o400, 0o700])
    def test_its_owner_may_do_anything(self, tmp_path: Path, permissions: int) -> None:
        assert read_key(written(tmp_path / "key", GOOD, permissions)) == Secret(GOOD)

    @ON_POSIX
    @pytest.mark.parametrize("permissions", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666, 0o777])
    def test_others_may_do_nothing(self, tmp_path: Path, permissions: int) -> None:
        with pytest.raises(KeyUnusable, match="is open to other users; allow its owner alone: chmod 600") as caught:
            read_key(written(tmp_path / "key", GOOD, permissions))
        assert caught.value.code == "key_unusable"

    @ON_POSIX
    @pytest.mark.parametrize("owner", ["another", "root"])
    def test_it_is_this_users_or_roots(self, tmp_path: Path, owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
        path = written(tmp_path / "key", GOOD)
        fields = list(path.stat())
        fields[4] = 0 if owner == "root" else os.getuid() + 1
        with monkeypatch.context() as patched:
            patched.setattr(os, "fstat", lambda _: os.stat_result(fields))
            if owner == "root":
                assert read_key(path) == Secret(GOOD)
            else:
                with pytest.raises(KeyUnusable, match="belongs to another user"):
                    read_key(path)

    @pytest.mark.parametrize("size", [0, 1, 16, 31, 33, 64, 10_000])
    def test_other_sizes_are_refused(self, tmp_path: Path, size: int) -> None:
        with pytest.raises(KeyUnusable, match="is no key: expected 32 random bytes"):
            read_key(written(tmp_path / "key", random_bytes(2, size)))

    @pytest.mark.parametrize(
        "data", [bytes(32), b"\xff" * 32, b"abcd" * 8, b"1234567" * 4 + b"1234", bytes([0, 1] * 16)]
    )
    def test_what_is_visibly_not_random_is_refused(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(KeyUnusable, match="is no key: expected 32 random bytes"):
            read_key(written(tmp_path / "key", data))

    def test_what_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnusable, match="No such file"):
            read_key(tmp_path / "key")
        with pytest.raises(KeyUnusable, match="directory"):
            read_key(tmp_path)

    @pytest.mark.parametrize("data", [GOOD + b"x", GOOD[:31], b"abcd" * 8])
    def test_refusals_show_none_of_it(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(KeyUnusable) as caught:
            read_key(written(tmp_path / "key", data))
        for part in (data.hex()[:16], repr(data)[2:12], str(data[:4])):
            assert part not in str(caught.value)


class TestUse:
    def test_key_ids(self) -> None:
        assert key_id(GOOD) == sha256(b"visavis key id v1" + GOOD).digest()[:8]
        assert key_id(memoryview(GOOD)) == key_id(GOOD)
        assert len({key_id(random_bytes(seed, 32)) for seed in range(100)}) == 100

    def test_the_operators_key_computes_its_hmac(self, keys: FileKeys, folder: Path) -> None:
        key = (folder / "operator-0001.key").read_bytes()
        assert keys.mac(1, b"message") == hmac.new(key, b"message", "sha256").digest()
        keys.rotate("operator")
        assert keys.mac(1, b"message") == hmac.new(key, b"message", "sha256").digest()
        assert keys.mac(2, b"message") != keys.mac(1, b"message")

    @pytest.mark.parametrize("version", [0, 2, 9999, 10000, 2**32 - 1])
    def test_a_version_that_is_not_there(self, keys: FileKeys, version: int) -> None:
        with pytest.raises(KeyUnusable, match=r"operator-\d+\.key: No such file") as caught:
            keys.mac(version, b"message")
        assert caught.value.code == "key_unusable"

    def test_verifier_keys_stand_under_their_ids_oldest_first(self, keys: FileKeys) -> None:
        keys.rotate("verifier")
        found = keys.verifier_keys()
        assert list(found.values()) == [keys.key("verifier", 1), keys.key("verifier", 2)]
        assert all(key_id(key.view) == identifier for identifier, key in found.items())

    @pytest.mark.parametrize("kind", ["issuer", "audit"])
    def test_the_newest_key_signs_and_all_are_published(self, keys: FileKeys, kind: KeyKind) -> None:
        assert kind in ("issuer", "audit", "report")
        first = keys.signer(kind)
        keys.rotate(kind)
        second = keys.signer(kind)
        assert keys.public_keys(kind) == (first.public, second.public)
        assert {len(first.public), len(second.public)} == {32}
        for signer, other in ((first, second), (second, first)):
            signature = signer.sign(b"message")
            assert len(signature) == 64
            assert signed(signer.public, signature, b"message")
            assert not signed(other.public, signature, b"message")
            assert not signed(signer.public, signature, b"messagE")

    def test_what_is_no_signature_or_key_fits_nothing(self, keys: FileKeys) -> None:
        signer = keys.signer("issuer")
        signature = signer.sign(b"message")
        for other in (b"", signature[:-1], signature + b"\0", bytes(64), signature[32:] + signature[:32]):
            assert not signed(signer.public, other, b"message")
        for public in (b"", signer.public[:-1], signer.public + b"\0", b"\xff" * 32, bytes(32)):
            assert not signed(public, signature, b"message")

    def test_no_key_answers_for_another_kind(self, keys: FileKeys) -> None:
        assert len({bytes(keys.key(kind, 1).view) for kind in KEY_KINDS}) == len(KEY_KINDS)
        assert keys.public_keys("issuer") != keys.public_keys("audit")

    def test_nothing_shows_a_key(self, keys: FileKeys, folder: Path) -> None:
        keys.verifier_keys(), keys.public_keys("issuer")
        shown = f"{keys} {keys!r} {keys.signer('issuer')!r} {keys.verifier_keys()!r} {keys.key('operator', 1)!r}"
        for data in contents(folder).values():
            assert data.hex() not in shown
            assert repr(data) not in shown
