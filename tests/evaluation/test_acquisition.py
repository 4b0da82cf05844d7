import hashlib
import os
import resource
import stat
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from tests.conftest import PEOPLE, encoded, pixels
from tests.evaluation.simulated import acquired
from visavis.embedding import Embedding
from visavis.errors import ImageError, InputInvalid, OutputUnwritable
from visavis.evaluation.acquisition import ACQUIRED, Acquired, acquire_all, sources_sha256
from visavis.face import MEASURES
from visavis.verifier import Acquisition, PhotoInput, Verifier

HEADER, RECORD = 1024, 700


def jpeg(name: str, side: int = 320) -> bytes:
    return encoded(pixels(name, "studio_portrait", side), "JPEG", quality=90)


PHOTOS = {
    "Ann Example/1.jpg": jpeg(PEOPLE[0]),
    "Ann Example/2.jpg": jpeg(PEOPLE[1]),
    "Bob/broken.jpg": jpeg(PEOPLE[2])[:3000],
    "Bob/nobody.png": encoded(np.full((64, 64, 3), 200, np.uint8), "PNG"),
    "Bob/text.jpg": b"no picture at all",
    "Cem/gone.jpg": b"",
    "Cem/1.jpg": jpeg(PEOPLE[3]),
}
KEYS = tuple(PHOTOS)
KEPT = 6


def read(key: str) -> bytes:
    if key == "Cem/gone.jpg":
        raise InputInvalid("the photo cannot be read")
    return PHOTOS[key]


class Calls(list[str]):
    """The SHA-256 of each photo that a verifier acquired."""

    def taken(self) -> Counter[str]:
        """Those since the last time."""
        counts = Counter(self)
        self.clear()
        return counts


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    noted, acquire = Calls(), Verifier.acquire

    def counting(self: Verifier, photo: PhotoInput, *, central_face: bool = False) -> Acquisition:
        assert isinstance(photo, bytes)
        noted.append(sha256(photo))
        return acquire(self, photo, central_face=central_face)

    monkeypatch.setattr(Verifier, "acquire", counting)
    return noted


@pytest.fixture
def instant(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """A verifier that takes no time: the vector follows from the bytes."""
    template = verifier.acquire(PHOTOS[KEYS[0]])
    noted = Calls()

    def made_up(self: Verifier, photo: PhotoInput, *, central_face: bool = False) -> Acquisition:
        assert isinstance(photo, bytes)
        noted.append(sha256(photo))
        vector = np.random.default_rng(list(photo)).normal(0, 1, self.card.dimension)
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        return replace(template, embedding=Embedding(unit, self.card.sha256))

    monkeypatch.setattr(Verifier, "acquire", made_up)
    return noted


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def same(one: Acquired, other: Acquired) -> bool:
    """Whether two runs gave the same, to the last bit."""
    return one.reasons == other.reasons and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in Acquired.__slots__
        if name != "reasons"
    )


def file_in(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def known(verifier: Verifier) -> Acquired:
    return acquire_all(KEYS, read, verifier)


class TestWhatPhotosGive:
    def test_is_what_the_verifier_says(self, verifier: Verifier, known: Acquired) -> None:
        for number, key in enumerate(KEYS):
            if not known.embedded[number]:
                continue
            acquisition = verifier.acquire(PHOTOS[key], central_face=True)
            report = acquisition.report
            assert acquisition.embedding is not None
            assert report.face is not None
            assert report.quality is not None
            np.testing.assert_allclose(known.vectors[number], acquisition.embedding.vector, atol=1e-5)
            assert known.inter_eye_distance_px[number] == pytest.approx(report.face.inter_eye_distance_px, rel=1e-5)
            assert known.face(number).box_px == pytest.approx(report.face.box_px, rel=1e-5)
            np.testing.assert_allclose(known.face(number).landmarks_px, report.face.landmarks_px, rtol=1e-5)
            for column, name in enumerate(MEASURES):
                score = report.quality[name].score
                assert (
                    np.isnan(known.quality[number, column]) if score is None else known.quality[number, column] == score
                )

    def test_failures_have_reasons(self, known: Acquired) -> None:
        reasons = dict(zip(KEYS, known.reasons, strict=True))
        assert reasons == {
            "Ann Example/1.jpg": "",
            "Ann Example/2.jpg": "",
            "Bob/broken.jpg": "image_truncated",
            "Bob/nobody.png": "no_face",
            "Bob/text.jpg": "image_unsupported",
            "Cem/gone.jpg": "input_invalid",
            "Cem/1.jpg": "",
        }
        failed = [bool(reason) for reason in known.reasons]
        np.testing.assert_array_equal(known.embedded, ~np.array(failed))
        assert not known.vectors[failed].any()
        assert not known.inter_eye_distance_px[failed].any()
        assert np.isnan(known.quality[failed]).all()
        np.testing.assert_allclose(np.linalg.norm(known.vectors[known.embedded], axis=1), 1, atol=1e-5)

    def test_photos_are_known_by_their_hash(self, known: Acquired) -> None:
        for number, key in enumerate(KEYS):
            expected = bytes(32).hex() if key == "Cem/gone.jpg" else sha256(PHOTOS[key])
            assert known.image_sha256[number].tobytes().hex() == expected

    def test_are_the_same_without_a_folder_and_with_one(
        self, verifier: Verifier, known: Acquired, tmp_path: Path
    ) -> None:
        done: list[int] = []
        assert same(known, acquire_all(KEYS, read, verifier, folder=tmp_path, progress=done.append))
        assert done == [1] * len(KEYS)

    def test_of_two_faces_the_central_one_is_taken(self, verifier: Verifier) -> None:
        """A verification would refuse the photo, and says so."""
        middle, beside = (pixels(name, "studio_portrait", 300) for name in PEOPLE[:2])
        height, width, _ = middle.shape
        canvas = np.full((height, 3 * width, 3), 128, dtype=np.uint8)
        canvas[:, width : 2 * width] = middle
        canvas[: beside.shape[0], : beside.shape[1]] = beside[:height]
        photos = {"both": encoded(canvas, "PNG"), "one": encoded(middle, "PNG"), "other": encoded(beside, "PNG")}
        found = acquire_all(tuple(photos), photos.__getitem__, verifier)
        assert found.reasons == ("several_faces", "", "")
        assert found.embedded.all()
        scores = found.vectors[1:] @ found.vectors[0]
        assert scores[0] > 0.9
        assert scores[1] < 0.4
        np.testing.assert_array_equal(found.accepted(1.0), [False, True, True])

    def test_a_verification_accepts_faces_that_are_sound_and_large_enough(self) -> None:
        random = np.random.default_rng(0)
        found = acquired(random, np.eye(4, 16, dtype=np.float32), {1: "several_faces", 2: "no_face"})
        found = replace(found, inter_eye_distance_px=np.array([32.0, 99.0, 99.0, 31.99], np.float32))
        np.testing.assert_array_equal(found.accepted(32.0), [True, False, False, False])
        np.testing.assert_array_equal(found.accepted(0.0), [True, False, False, True])

    def test_no_photos(self, verifier: Verifier) -> None:
        found = acquire_all((), read, verifier)
        assert found.vectors.shape == (0, 128)
        assert found.accepted(1.0).shape == (0,)

    def test_faults_of_the_reader_end_the_run(self, verifier: Verifier) -> None:
        with pytest.raises(KeyError):
            acquire_all(("nowhere",), read, verifier)


class TestWhatIsKept:
    """Photos that were acquired are not acquired again, and nothing else than they gave is kept."""

    def test_is_used_the_next_time(self, verifier: Verifier, calls: Calls, known: Acquired, tmp_path: Path) -> None:
        calls.taken()
        first = acquire_all(KEYS, read, verifier, folder=tmp_path)
        assert calls.taken() == Counter(sha256(PHOTOS[key]) for key in KEYS if key != "Cem/gone.jpg")
        again = acquire_all(KEYS, read, verifier, folder=tmp_path)
        assert calls.taken() == Counter()
        assert same(first, again)
        assert same(first, known)

    def test_serves_other_data_sets_of_the_same_photos(self, verifier: Verifier, calls: Calls, tmp_path: Path) -> None:
        acquire_all(KEYS[:2], read, verifier, folder=tmp_path)
        calls.taken()
        found = acquire_all(KEYS[::-1], read, verifier, folder=tmp_path)
        assert calls.taken() == Counter(sha256(PHOTOS[key]) for key in KEYS[2:] if key != "Cem/gone.jpg")
        assert found.embedded.tolist() == [True, False, False, False, False, True, True]

    def test_is_for_its_user_alone_and_names_nobody(self, verifier: Verifier, instant: Calls, tmp_path: Path) -> None:
        folder = tmp_path / "within" / "Ann Example's"
        acquire_all(KEYS, read, verifier, folder=folder)
        path = file_in(folder)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        kept = path.read_bytes()
        assert len(kept) == HEADER + KEPT * RECORD
        for name in ("Ann", "Bob", "Cem", "jpg", str(tmp_path)):
            assert name.encode() not in kept
        assert path.name.startswith(verifier.card.id)
        assert path.suffix == f".{ACQUIRED}"

    def test_is_nothing_without_a_folder(
        self, verifier: Verifier, instant: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for _ in range(2):
            acquire_all(KEYS[:2], read, verifier)
            assert len(instant.taken()) == 2
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("cut", [1, RECORD - 1])
    def test_a_last_record_that_was_cut_off_is_made_anew(
        self, verifier: Verifier, instant: Calls, tmp_path: Path, cut: int
    ) -> None:
        known = acquire_all(KEYS, read, verifier, folder=tmp_path)
        path = file_in(tmp_path)
        whole = path.read_bytes()
        path.write_bytes(whole[:-cut])
        last = whole[-RECORD:][:32].hex()
        instant.taken()
        assert same(acquire_all(KEYS, read, verifier, folder=tmp_path), known)
        assert instant.taken() == Counter([last])
        assert path.read_bytes() == whole

    @pytest.mark.parametrize("place", [0, 31, 40, 64, 70, 200, RECORD - 1])
    def test_a_damaged_record_is_made_anew(
        self, verifier: Verifier, instant: Calls, tmp_path: Path, place: int
    ) -> None:
        """In the hash, the reason, the flag, the vector or the checksum."""
        known = acquire_all(KEYS, read, verifier, folder=tmp_path)
        path = file_in(tmp_path)
        kept = bytearray(path.read_bytes())
        second = HEADER + RECORD
        photo = bytes(kept[second : second + 32]).hex()
        kept[second + place] ^= 0x10
        path.write_bytes(kept)
        instant.taken()
        assert same(acquire_all(KEYS, read, verifier, folder=tmp_path), known)
        assert instant.taken() == Counter([photo])
        assert same(acquire_all(KEYS, read, verifier, folder=tmp_path), known)
        assert instant.taken() == Counter()

    @pytest.mark.parametrize("change", [lambda kept: b"x" + kept[1:], lambda kept: kept[:500], lambda _: b""])
    def test_a_file_of_something_else_is_begun_anew(
        self, verifier: Verifier, instant: Calls, tmp_path: Path, change: Callable[[bytes], bytes]
    ) -> None:
        known = acquire_all(KEYS, read, verifier, folder=tmp_path)
        path = file_in(tmp_path)
        path.write_bytes(change(path.read_bytes()))
        instant.taken()
        assert same(acquire_all(KEYS, read, verifier, folder=tmp_path), known)
        assert instant.taken().total() == KEPT
        assert same(acquire_all(KEYS, read, verifier, folder=tmp_path), known)
        assert instant.taken().total() == 0

    def test_is_of_one_model_and_pipeline(self, verifier: Verifier, instant: Calls, tmp_path: Path) -> None:
        """Another model file, engine or version of it gets a file of its own, and finds its own again."""
        other_model, other_engine = copy(verifier), copy(verifier)
        other_model.card = replace(verifier.card, sha256="0" * 64)
        other_engine.engine = verifier.engine[0], "1.0"
        for count, each in enumerate((verifier, other_model, other_engine), 1):
            acquire_all(KEYS, read, each, folder=tmp_path)
            assert instant.taken().total() == KEPT
            assert len(list(tmp_path.iterdir())) == count
        for each in (verifier, other_model, other_engine):
            acquire_all(KEYS, read, each, folder=tmp_path)
        assert instant.taken().total() == 0

    def test_is_of_one_code(
        self, verifier: Verifier, instant: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        acquire_all(KEYS, read, verifier, folder=tmp_path)
        assert instant.taken().total() == KEPT
        monkeypatch.setattr("visavis.evaluation.acquisition.sources_sha256", lambda *_: "0" * 64)
        acquire_all(KEYS, read, verifier, folder=tmp_path)
        assert instant.taken().total() == KEPT

    def test_an_interrupted_run_loses_nothing(self, verifier: Verifier, instant: Calls, tmp_path: Path) -> None:
        photos = [f"photo {number}".encode() for number in range(200)]
        keys = [str(number) for number in range(200)]
        left = 5

        def interrupted(_: int) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise KeyboardInterrupt

        def of(key: str) -> bytes:
            return photos[int(key)]

        with pytest.raises(KeyboardInterrupt):
            acquire_all(keys, of, verifier, folder=tmp_path, progress=interrupted)
        before = instant.taken()
        assert 5 <= before.total() < 100
        found = acquire_all(keys, of, verifier, folder=tmp_path)
        assert before + instant.taken() == Counter(map(sha256, photos))
        assert same(found, acquire_all(keys, of, verifier))

    def test_two_runs_at_once_give_what_each_alone_does(
        self, verifier: Verifier, instant: Calls, tmp_path: Path
    ) -> None:
        """Each opens the file itself, as two processes do. What they keep may be less than both made, and is sound."""
        photos = [f"photo {number}".encode() for number in range(300)]
        keys = [str(number) for number in range(300)]
        together = Barrier(2)

        def run(order: int) -> Acquired:
            together.wait()
            return acquire_all(keys[::order], lambda key: photos[int(key)], verifier, folder=tmp_path)

        with ThreadPoolExecutor(2) as pool:
            forward, backward = pool.map(run, (1, -1))
        known = acquire_all(keys, lambda key: photos[int(key)], verifier)
        assert same(forward, known)
        np.testing.assert_array_equal(backward.vectors[::-1], known.vectors)
        instant.taken()
        assert same(acquire_all(keys, lambda key: photos[int(key)], verifier, folder=tmp_path), known)
        instant.taken()
        assert same(acquire_all(keys, lambda key: photos[int(key)], verifier, folder=tmp_path), known)
        assert instant.taken().total() == 0

    def test_changed_photos_are_kept_apart(self, verifier: Verifier, instant: Calls, tmp_path: Path) -> None:
        def changed(number: int, data: bytes) -> bytes:
            if number == 1:
                raise ImageError("cannot be changed")
            return data + b"!"

        clean = acquire_all(KEYS[:3], read, verifier, folder=tmp_path)
        assert instant.taken() == Counter(sha256(PHOTOS[key]) for key in KEYS[:3])
        for name, count in (("one", 2), ("other", 2), ("one", 0)):
            found = acquire_all(KEYS[:3], read, verifier, folder=tmp_path, change=(name, changed))
            assert instant.taken() == Counter(sha256(PHOTOS[key] + b"!") for key in (KEYS[0], KEYS[2]) if count)
            assert found.reasons == ("", "image_unusable", "")
            assert not np.array_equal(found.vectors[0], clean.vectors[0])
        assert same(acquire_all(KEYS[:3], read, verifier, folder=tmp_path), clean)
        assert instant.taken().total() == 0


class TestFolderThatCannotBeUsed:
    def test_is_told_before_any_work(self, verifier: Verifier, instant: Calls, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        for folder in (tmp_path / "file", tmp_path / "file" / "within"):
            with pytest.raises(OutputUnwritable) as caught:
                acquire_all(KEYS, read, verifier, folder=folder)
            assert caught.value.code == "output_unwritable"
        assert instant.taken().total() == 0

    def test_a_folder_in_place_of_the_file(self, verifier: Verifier, instant: Calls, tmp_path: Path) -> None:
        acquire_all(KEYS[:1], read, verifier, folder=tmp_path)
        path = file_in(tmp_path)
        path.unlink()
        path.mkdir()
        with pytest.raises(OutputUnwritable, match="directory"):
            acquire_all(KEYS[:1], read, verifier, folder=tmp_path)

    @pytest.mark.parametrize("room", [100, HEADER + 2 * RECORD + 50])
    def test_a_full_disk_ends_the_run_and_leaves_what_can_be_used(
        self, verifier: Verifier, instant: Calls, tmp_path: Path, room: int
    ) -> None:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            with pytest.raises(OutputUnwritable) as caught:
                acquire_all(KEYS, read, verifier, folder=tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert os.strerror(27) in str(caught.value)
        assert file_in(tmp_path).stat().st_size <= room
        instant.taken()
        acquire_all(KEYS, read, verifier, folder=tmp_path)
        assert instant.taken().total() == KEPT - (room - HEADER) // RECORD * (room > HEADER)
        acquire_all(KEYS, read, verifier, folder=tmp_path)
        assert instant.taken().total() == 0


def test_the_code_is_known_by_its_hash() -> None:
    everything, pipeline = sources_sha256("*"), sources_sha256("image", "face", "verifier.py")
    assert len({everything, pipeline, sources_sha256("image"), sources_sha256("verifier.py")}) == 4
    assert pipeline == sources_sha256("verifier.py", "face", "image")


def test_acquired_is_silent(known: Acquired) -> None:
    assert not any(digit in repr(known) for digit in ("[", "array", "dtype"))
