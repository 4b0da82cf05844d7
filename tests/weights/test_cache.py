import multiprocessing
import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.weights import Cache, user_cache_folder

_MAGIC = slice(0, 8)
_DIGEST = slice(8, 40)
_PAYLOAD = slice(40, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Maker:
    """Makes the same bytes every time and counts how often."""

    def __init__(self, data: bytes = b"slow to make") -> None:
        self.data, self.calls = data, 0

    def __call__(self) -> bytes:
        self.calls += 1
        return self.data


class TestRoundTrip:
    @pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 4096], ids=len)
    def test_an_entry_is_made_once(self, data: bytes, folder: Path) -> None:
        make = Maker(data)
        assert Cache(folder).get_or_make("key", make) == data
        assert Cache(folder).get_or_make("key", make) == data
        assert make.calls == 1
        assert names(folder) == ["key"]

    def test_a_key_that_is_not_there(self, folder: Path) -> None:
        assert Cache(folder).get("key") is None

    def test_without_a_folder_everything_is_made_anew(self) -> None:
        cache, make = Cache(None), Maker()
        assert cache.get_or_make("key", make) == cache.get_or_make("key", make) == make.data
        assert make.calls == 2

    def test_what_cannot_be_made_is_not_kept(self, folder: Path) -> None:
        def fail() -> NoReturn:
            raise RuntimeError("no model")

        with pytest.raises(RuntimeError, match="no model"):
            Cache(folder).get_or_make("key", fail)
        assert names(folder) == []


class TestDamage:
    """A damaged entry is made anew, and then is whole."""

    @pytest.mark.parametrize("part", [_MAGIC, _DIGEST, _PAYLOAD], ids=["magic", "digest", "payload"])
    def test_every_byte_of_every_part_counts(self, part: slice, folder: Path) -> None:
        cache, make = Cache(folder), Maker()
        cache.put("key", make.data)
        whole = (folder / "key").read_bytes()
        for number, index in enumerate(range(*part.indices(len(whole))), start=1):
            damaged = bytearray(whole)
            damaged[index] ^= 0x01
            (folder / "key").write_bytes(damaged)
            assert cache.get_or_make("key", make) == make.data
            assert make.calls == number
            assert (folder / "key").read_bytes() == whole

    def test_every_truncation_counts_and_so_does_every_addition(self, folder: Path) -> None:
        cache, make = Cache(folder), Maker()
        cache.put("key", make.data)
        whole = (folder / "key").read_bytes()
        for damaged in (*(whole[:length] for length in range(len(whole))), whole + b"\0", b"", b"\0" * len(whole)):
            (folder / "key").write_bytes(damaged)
            assert cache.get("key") is None
        assert cache.get_or_make("key", make) == make.data
        assert (folder / "key").read_bytes() == whole

    @settings(deadline=None)
    @given(junk=st.binary(max_size=128))
    def test_junk_is_no_entry(self, junk: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.getbasetemp() / "junk-cache"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "key").write_bytes(junk)
        assert Cache(folder).get("key") is None

    def test_a_folder_in_the_place_of_an_entry_costs_only_time(self, folder: Path) -> None:
        cache, make = Cache(folder), Maker()
        (folder / "key" / "inside").mkdir(parents=True)
        assert cache.get_or_make("key", make) == cache.get_or_make("key", make) == make.data
        assert names(folder) == ["key"]


class TestTwoProcesses:
    _ENTRIES, _SIZE = 16, 1 << 20

    def test_both_get_a_right_entry_and_a_whole_file_remains(self, folder: Path) -> None:
        """Each brings other bytes for the same key, so that a mixture of the two would show."""
        context = multiprocessing.get_context("spawn")
        barrier, results = context.Barrier(2, timeout=60), context.Queue()
        workers = [
            context.Process(target=work, args=(folder, fill, barrier, results, self._ENTRIES, self._SIZE))
            for fill in (b"\1", b"\2")
        ]
        for worker in workers:
            worker.start()
        digests = [results.get(timeout=60) for _ in workers]
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0
        right = {sha256(fill * self._SIZE).hexdigest() for fill in (b"\1", b"\2")}
        assert all(digest in right for found in digests for digest in found)
        assert names(folder) == sorted(f"key{number}" for number in range(self._ENTRIES))
        for number in range(self._ENTRIES):
            data = Cache(folder).get(f"key{number}")
            assert data is not None
            assert sha256(data).hexdigest() in right


class TestFolder:
    def test_a_missing_folder_is_made_for_the_user_alone(self, folder: Path) -> None:
        assert Cache(folder / "deep").folder == folder / "deep"
        assert stat.S_IMODE((folder / "deep").stat().st_mode) == 0o700

    @pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o777, 0o1777], ids=oct)
    def test_a_folder_that_others_may_write_to_is_not_used(self, mode: int, folder: Path) -> None:
        Cache(folder).put("key", b"planted")
        folder.chmod(mode)
        cache, make = Cache(folder), Maker()
        assert cache.folder is None
        assert cache.get_or_make("key", make) == make.data
        cache.put("other", b"")
        assert names(folder) == ["key"]

    def test_a_folder_that_others_may_read_is_used(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        assert Cache(folder).folder == folder

    def test_another_users_folder_is_not_used(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir(mode=0o700)
        monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
        assert Cache(folder).folder is None

    def test_where_there_are_no_user_ids_the_folder_is_used(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(os, "getuid")
        assert Cache(folder).folder == folder

    def test_a_folder_that_cannot_be_made_costs_only_time(self, folder: Path) -> None:
        folder.write_bytes(b"a file")
        for path in (folder, folder / "inside"):
            cache, make = Cache(path), Maker()
            assert cache.folder is None
            assert cache.get_or_make("key", make) == make.data
        assert folder.read_bytes() == b"a file"

    @pytest.fixture
    def read_only(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """Read-only by its mode; for root, whom modes do not bind, by a refusal of the same kind."""
        folder.mkdir(mode=0o700)
        folder.chmod(0o500)
        if os.access(folder, os.W_OK):
            monkeypatch.setattr("secrets.token_hex", refuse)
        yield folder
        folder.chmod(0o700)

    def test_a_read_only_folder_costs_only_time(self, read_only: Path) -> None:
        cache, make = Cache(read_only), Maker()
        assert cache.get_or_make("key", make) == cache.get_or_make("key", make) == make.data
        assert make.calls == 2
        assert names(read_only) == []

    def test_the_users_folder_is_named_and_not_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        folder = user_cache_folder()
        assert folder is not None
        assert "visavis" in folder.parts
        assert list(tmp_path.iterdir()) == []

    def test_a_user_without_a_home_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse_home(*_: object, **__: object) -> NoReturn:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr("platformdirs.user_cache_path", refuse_home)
        assert user_cache_folder() is None


def refuse(*_: object, **__: object) -> NoReturn:
    raise PermissionError(13, "Permission denied")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def work(
    folder: Path, fill: bytes, barrier: Barrier, results: "multiprocessing.Queue[list[str]]", entries: int, size: int
) -> None:
    cache = Cache(folder)
    digests = []
    for number in range(entries):
        barrier.wait()
        data = cache.get_or_make(f"key{number}", lambda: fill * size)
        digests.append(sha256(data).hexdigest())
    results.put(digests)
