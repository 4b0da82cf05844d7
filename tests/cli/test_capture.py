"""Live captures in the shell: of films, each drawn and written here, and of a stand-in for a camera, which does as it is told."""

import contextlib
import io
import json
import os
import pty
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.acting import Person
from tests.cli import Answer, call, command, process
from visavis.cli import frames, live, run
from visavis.errors import CameraUnusable, InputInvalid
from visavis.evaluation.heads import flat
from visavis.image import Photo
from visavis.pad import PadReason, Step
from visavis.session import Guidance
from visavis.verifier import Verifier

FPS = 12.0
FULL = ("--steps", "left,right,nod")
STILL_S, TURNED_S, BACK_S = 0.8, 0.7, 1.0


def write(path: Path, pictures: Iterator[NDArray[np.uint8]] | Sequence[NDArray[np.uint8]], fps: float = FPS) -> Path:
    """A film of BGR pictures of one size, as Motion JPEG."""
    film = None
    for picture in pictures:
        if film is None:
            size = picture.shape[1], picture.shape[0]
            film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
        film.write(picture)
    assert film is not None
    film.release()
    return path


def decoded(frame: bytes) -> NDArray[np.uint8]:
    """BGR pixels, as cameras and films give them."""
    picture = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture, dtype=np.uint8)


def scenes(person: Person, steps: Sequence[str]) -> Iterator[NDArray[np.uint8]]:
    """What somebody shows who looks at the camera, and takes these steps one after the other, with time enough for each."""
    begun = [STILL_S + number * (TURNED_S + BACK_S) for number in range(len(steps))]
    for number in range(int(FPS * (begun[-1] + TURNED_S + BACK_S))):
        at_s = number / FPS
        doing = [step for start, step in zip(begun, steps, strict=True) if start <= at_s < start + TURNED_S]
        yield decoded(person.frame("".join(doing), at_s))


@pytest.fixture(scope="session")
def films(verifier: Verifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`head.avi` turns to the left, to the right, and nods; `print.avi` is a print that is turned likewise; `empty.avi` shows
    nobody. Not to be written to."""
    folder = tmp_path_factory.mktemp("films")
    steps = (Step.TURN_LEFT, Step.TURN_RIGHT, Step.NOD)
    write(folder / "head.avi", scenes(Person(verifier), steps))
    write(folder / "print.avi", scenes(Person(verifier, height=flat), steps[:2]))
    write(folder / "empty.avi", [np.full((48, 64, 3), 90, dtype=np.uint8)] * 6)
    return folder


@pytest.fixture
def head(films: Path) -> Path:
    return films / "head.avi"


@pytest.fixture
def flat_print(films: Path) -> tuple[str | Path, ...]:
    return ("--video", films / "print.avi", "--steps", "left,right")


@pytest.fixture
def portrait(photos: Path) -> Path:
    return photos / "P001-portrait.jpg"


@pytest.fixture
def place(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation in which P001 is enrolled: `claim`, and a credential with its holder's secret as pictures of codes."""
    monkeypatch.setenv("VISAVIS_FOLDER", str(tmp_path / "installation"))
    assert call("init", "--issuer", "https://issuer.example", "--status-list", "https://issuer.example/list").code == 0
    (tmp_path / "consent.txt").write_text("I agree.\n")
    subject = ("account P001", photos / "P001-portrait.jpg", "--consent", tmp_path / "consent.txt")
    (tmp_path / "claim").write_text(call("enrol", *subject, "--json").json["claim"])
    codes = ("--out", tmp_path / "credential.png", "--holder-out", tmp_path / "holder.png")
    assert call("credential", "issue", *subject, *codes).code == 0
    assert call("credential", "status-list").code == 0
    return tmp_path


def said(answer: Answer) -> list[dict[str, Any]]:
    """The lines that a program reads of standard error."""
    return [json.loads(line) for line in answer.err.splitlines() if line.startswith("{")]


class TestOutcomes:
    def test_a_head_passes_and_matches_its_photo(self, head: Path, portrait: Path) -> None:
        answer = call("capture", portrait, "--video", head, *FULL)
        assert answer.code == 0, answer
        first, *rest = answer.out.splitlines()
        assert first == "match"
        assert any("frames of the probe's capture, fused" in line for line in rest)
        assert rest[-2:] == [
            "  liveness passed: a head was turned as was asked for",
            "  from a film: it proves nobody's presence",
        ]
        notice, *guidance = answer.err.splitlines()
        assert notice == (
            "It is looked at, picture by picture, whether a head turns in the film; then the best pictures are compared with "
            f"{portrait}. No picture is kept."
        )
        turns = [line for line in guidance if "head" in line or "Nod" in line]
        assert turns == [live.GUIDANCE[code] for code in ("turn_left", "turn_right", "nod")]
        assert guidance[-1] == "Done, thank you"

    def test_for_machines(self, head: Path, portrait: Path) -> None:
        answer = call("capture", portrait, "--video", head, *FULL, "--json")
        assert answer.code == 0
        assert answer.json["outcome"] == "match"
        assert answer.json["source"] == "video"
        assert answer.json["liveness"]["status"] == "passed"
        assert len(answer.json["liveness"]["turns"]) == 3
        assert answer.json["faces"]["probe"]["frames"] > 1
        notice, *guidance = said(answer)
        assert len(answer.err.splitlines()) == 1 + len(guidance)
        assert set(notice) == {"notice"}
        assert [line["progress"] for line in guidance] == sorted(line["progress"] for line in guidance)
        assert guidance[-1] == {"code": "done", "progress": 1.0}

    def test_somebody_else(self, head: Path, photos: Path) -> None:
        answer = call("capture", photos / "P003-casual.jpg", "--video", head, *FULL)
        assert answer.code == 1
        assert answer.out.splitlines()[0] == "no match"
        assert "liveness passed" in answer.out

    def test_without_a_reference_the_liveness_alone_is_told(self, head: Path) -> None:
        answer = call("capture", "--video", head, *FULL, "--json")
        assert answer.code == 0
        assert set(answer.json) == {"liveness", "source"}
        assert answer.json["liveness"]["status"] == "passed"
        assert said(answer)[0]["notice"].endswith("Nothing is compared, and no picture is kept.")

    def test_a_print_fails_and_nothing_is_compared(self, flat_print: tuple[str | Path, ...], portrait: Path) -> None:
        answer = call("capture", portrait, *flat_print)
        assert answer.code == 1
        assert answer.out.splitlines()[0] == "inconclusive"
        assert f"  liveness failed: {live.LIVENESS['flat']}; nothing was compared" in answer.out.splitlines()
        assert "score" not in answer.out
        told = call("capture", portrait, *flat_print, "--json")
        assert (told.code, told.json["outcome"], told.json["score"]) == (1, "inconclusive", None)
        assert told.json["reasons"] == {"reference": [], "probe": [], "pair": ["not_compared"]}
        assert told.json["liveness"]["reasons"] == ["flat"]

    def test_a_print_without_a_reference(self, flat_print: tuple[str | Path, ...]) -> None:
        answer = call("capture", *flat_print)
        assert answer.code == 1
        assert answer.out.splitlines() == [
            "failed",
            f"  liveness failed: {live.LIVENESS['flat']}",
            "  from a film: it proves nobody's presence",
        ]

    def test_a_film_in_another_order(self, head: Path, portrait: Path) -> None:
        answer = call("capture", portrait, "--video", head, "--steps", "right,left,nod", "--json")
        assert answer.code == 1
        assert answer.json["liveness"]["status"] == "failed"
        assert answer.json["liveness"]["reasons"] == ["wrong_turn"]
        assert answer.json["score"] is None

    def test_a_film_that_ends_early(self, head: Path, portrait: Path) -> None:
        answer = call("capture", portrait, "--video", head, "--steps", "left,right,nod,left")
        assert answer.code == 2
        assert answer.out.splitlines()[0] == "inconclusive"
        assert "liveness could not be told" in answer.out
        alone = call("capture", "--video", head, "--steps", "left,right,nod,left", "--json")
        assert alone.code == 2
        assert alone.json["liveness"]["reasons"] == ["interrupted"]

    def test_a_film_of_nobody(self, films: Path) -> None:
        answer = call("capture", "--video", films / "empty.avi", *FULL, "--json")
        assert answer.code == 2
        assert {line["code"] for line in said(answer)[1:]} == {"no_face"}

    @pytest.mark.parametrize("photo", ["wall.png", "distant.jpg"])
    def test_nobody_is_filmed_for_a_reference_that_cannot_be_compared(
        self, photo: str, head: Path, photos: Path
    ) -> None:
        answer = call("capture", photos / photo, "--video", head, *FULL)
        assert (answer.code, answer.err) == (2, "")
        assert "  reference: " in answer.out
        assert "liveness was not checked" in answer.out


class TestAgainst:
    """What a claim or a credential opens."""

    def test_a_claim(self, place: Path, head: Path) -> None:
        named = ("--claim", place / "claim", "--subject", "account P001")
        answer = call("capture", *named, "--video", head, *FULL)
        assert answer.code == 0, answer
        assert answer.out.startswith("match\n")
        assert "the claim is that of sub_" in answer.out
        assert "compared with the enrolled reference" in answer.err
        last = json.loads(call("audit", "export").out.splitlines()[-1])
        assert (last["event"], last["details"]["outcome"]) == ("verified", "match")

    def test_a_credential(self, place: Path, head: Path) -> None:
        codes = ("--credential", place / "credential.png", "--holder", place / "holder.png")
        answer = call("capture", *codes, "--video", head, *FULL, "--json")
        assert answer.code == 0, answer
        assert (answer.json["outcome"], answer.json["source"]) == ("match", "video")
        assert answer.json["issuer"] == "https://issuer.example"

    def test_a_print_opens_nothing_and_uses_up_no_attempt(
        self, place: Path, flat_print: tuple[str | Path, ...]
    ) -> None:
        before = call("audit", "export").out
        for _ in range(2):
            assert call("capture", "--claim", place / "claim", *flat_print).code == 1
        assert call("audit", "export").out == before
        (reference,) = call("subject", "export", "account P001").json["references"]
        assert reference["failed_attempts"] == []

    def test_what_is_no_claim_is_told_before_anybody_is_filmed(self, place: Path, head: Path) -> None:
        (place / "other").write_text("VC2:nothing of the kind")
        answer = call("capture", "--claim", place / "other", "--video", head, *FULL, "--json")
        assert answer.fault.endswith("[input_invalid]")
        assert answer.json["outcome"] is None
        assert (answer.json["source"], answer.json["error"]["code"]) == ("video", "input_invalid")

    def test_a_model_for_single_frames_that_is_not_there(
        self, place: Path, head: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the operator has configured is not left out silently, and is missed before a consent is recorded."""
        monkeypatch.setenv("VISAVIS_PAD_MODEL", str(place / "absent.toml"))
        before = call("audit", "export").out
        assert call("capture", "--video", head, *FULL).fault.endswith("[manifest_invalid]")
        enrolled = call("enrol", "me", "--video", head, *FULL, "--consent", place / "consent.txt")
        assert enrolled.fault.endswith("[manifest_invalid]")
        assert call("audit", "export").out == before

    def test_a_document_policy(self, place: Path, head: Path) -> None:
        named = ("--claim", place / "claim", "--policy", "document-1e-4")
        assert "a REFERENCE that is a photo of a document" in call("capture", *named, "--video", head, *FULL).wrong_use


class TestEnrolment:
    def test_a_film_hands_out_a_claim_that_opens(self, place: Path, head: Path, portrait: Path) -> None:
        consent = ("--consent", place / "consent.txt", "--purpose", "door")
        answer = call("enrol", "me", "--video", head, *FULL, *consent, "--json")
        assert answer.code == 0, answer
        assert answer.json["captures"] == len(answer.json["photos"]) > 1
        assert (answer.json["source"], answer.json["liveness"]["status"]) == ("video", "passed")
        assert said(answer)[-1]["code"] == "done"
        (place / "mine").write_text(answer.json["claim"])
        assert call("verify", "--claim", place / "mine", "--purpose", "door", portrait).code == 0
        events = [json.loads(line)["event"] for line in call("audit", "export").out.splitlines()]
        assert events[-3:] == ["consent_recorded", "enrolled", "verified"]

    def test_for_people(self, place: Path, head: Path) -> None:
        answer = call(
            "enrol", "me", "--video", head, *FULL, "--consent", place / "consent.txt", "--qr", place / "q.png"
        )
        assert answer.code == 0
        enrolled, liveness, film, code = answer.out.splitlines()
        assert enrolled.startswith("enrolled me from 5 of 5 photos, as sub_")
        assert liveness == "  liveness passed: a head was turned as was asked for"
        assert film == "  from a film: it proves nobody's presence"
        assert code == f"  claim: {place / 'q.png'}"

    def test_of_a_print_nothing_is_kept_but_the_consent(self, place: Path, flat_print: tuple[str | Path, ...]) -> None:
        consent = ("--consent", place / "consent.txt", "--qr", place / "q.png")
        answer = call("enrol", "printed", *flat_print, *consent)
        assert answer.code == 3
        last = answer.err.splitlines()[-1]
        assert last == f"visavis: nothing was captured: liveness failed: {live.LIVENESS['flat']} [enrolment_incomplete]"
        assert not (place / "q.png").exists()
        held = call("subject", "export", "printed").json
        assert (len(held["consents"]), held["references"]) == (1, [])

    def test_a_credential(self, place: Path, head: Path, portrait: Path) -> None:
        out = ("--out", place / "other.png", "--no-holder-secret", "--json")
        answer = call(
            "credential", "issue", "me", "--video", head, *FULL, "--consent", place / "consent.txt", *out
        )  # fmt: skip
        assert answer.code == 0, answer
        assert answer.json["liveness"]["status"] == "passed"
        call("credential", "status-list")
        assert call("verify", "--credential", place / "other.png", portrait).code == 0

    @pytest.mark.parametrize(
        "command", [("enrol", "me"), ("credential", "issue", "me", "--out", "c.png", "--no-holder-secret")]
    )
    def test_either_photos_or_a_capture(
        self, command: tuple[str, ...], place: Path, head: Path, portrait: Path
    ) -> None:
        consent = ("--consent", place / "consent.txt")
        for given in ((), (portrait, "--video", head, *FULL), (portrait, "--camera", "0")):
            assert "give PHOTOS, or capture them live" in call(*command, *given, *consent).wrong_use

    def test_a_film_that_is_not_there_leaves_nothing_behind(self, place: Path) -> None:
        before = call("audit", "export").out
        answer = call("enrol", "me", "--video", place / "absent.avi", *FULL, "--consent", place / "consent.txt")
        assert answer.fault.endswith("No such file or directory [input_invalid]")
        assert call("audit", "export").out == before

    def test_the_consent_comes_before_the_camera(self, place: Path) -> None:
        answer = call("enrol", "me", "--camera", "99", "--consent", place / "consent.txt")
        assert answer.fault.endswith("[camera_unusable]")
        held = call("subject", "export", "me").json
        assert (len(held["consents"]), held["references"]) == (1, [])


class TestWrongUse:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--video", "a.avi"), "--video needs --steps"),
            (("--steps", "left,right"), "for a camera steps are drawn anew"),
            (("--camera", "0", "--steps", "left,right"), "for a camera steps are drawn anew"),
            (("--camera", "0", "--video", "a.avi", *FULL), "give --camera or --video, not both"),
            (("--video", "a.avi", "--steps", "left,jump,right"), "not 'jump'"),
            (("--video", "a.avi", "--steps", ""), "not ''"),
            (("--video", "a.avi", "--steps", "left,nod"), "either side at least once"),
            (("--video", "a.avi", "--steps", "right"), "either side at least once"),
            (("--camera", "-1"), "is not in the range"),
            (("--camera", "front"), "is not a valid integer"),
            (("--policy", "1e-5"), "--policy says something only where the person is compared"),
            (("--purpose", "door"), "--purpose says something only with --claim or --credential"),
            (("--subject", "me"), "--subject says something only with --claim"),
            (("a.jpg", "--status-list", "list"), "--status-list says something only with --credential"),
            (("a.jpg", "--claim", "claim"), "there is no photo of the reference"),
            (("--claim", "claim", "--credential", "code"), "give a claim or a credential, not both"),
        ],
    )
    def test_is_three_and_never_an_outcome(self, arguments: tuple[str, ...], words: str) -> None:
        assert words in " ".join(call("capture", *arguments).wrong_use.split())

    def test_no_such_file(self, tmp_path: Path) -> None:
        answer = call("capture", "--video", tmp_path / "absent.avi", *FULL, "--json")
        assert answer.fault.endswith("[input_invalid]")
        assert answer.json["error"]["code"] == "input_invalid"

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.avi")
        assert "not a regular file" in call("capture", "--video", tmp_path / "pipe.avi", *FULL).fault

    def test_a_name_that_is_no_text(self, head: Path, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"\xff.avi")
        shutil.copy(head, path)
        assert "no text in UTF-8" in call("capture", "--video", path, *FULL).fault

    @pytest.mark.parametrize("name", ["notes.txt", "http:", "film_%02d.avi"])
    def test_a_file_that_is_no_film(self, name: str, tmp_path: Path) -> None:
        """Nothing but this program's own lines is said of it, and nothing is left behind."""
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypmp42 no film at all\n" * 9)
        answer = process("capture", "--video", name, *FULL, folder=tmp_path)
        assert (answer.code, answer.out) == (3, "")
        _, fault = answer.err.splitlines()
        assert fault == (
            f"visavis: {name} is no film that can be read; expected one as MP4, WebM, AVI or MOV [input_invalid]"
        )
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_a_reference_that_is_no_photo(self, head: Path, photos: Path) -> None:
        answer = call("capture", photos / "notes.txt", "--video", head, *FULL, "--json")
        assert answer.fault.endswith("[image_unsupported]")
        assert answer.json["error"]["parameter"] == "reference"

    def test_no_such_camera(self) -> None:
        answer = process("capture", "--camera", "99")
        assert (answer.code, answer.out) == (3, "")
        _, fault = answer.err.splitlines()
        assert fault == (
            "visavis: camera 99 cannot be opened: there is none, another program uses it, or it is not allowed "
            "[camera_unusable]"
        )
        told = call("capture", "--camera", "99", "--json")
        assert told.code == 3
        assert (told.json["source"], told.json["error"]["code"]) == ("camera", "camera_unusable")


class TestFilms:
    """Frames, one after the other."""

    def test_they_are_made_small(self, tmp_path: Path) -> None:
        random = np.random.default_rng(1)
        noise = [random.integers(0, 256, (1280, 960, 3), dtype=np.uint8) for _ in range(2)]
        for frame, _ in frames.film(write(tmp_path / "noise.avi", noise)):
            photo = Photo(frame)
            assert (photo.format, photo.size_px) == ("JPEG", (480, 640))
            assert len(frame) < 512 * 1024

    def test_time_is_the_films_own(self, films: Path) -> None:
        assert [at_s for _, at_s in frames.film(films / "empty.avi")] == pytest.approx([n / FPS for n in range(6)])

    def test_no_more_than_so_many_a_second_are_looked_at(self, tmp_path: Path) -> None:
        blank = np.zeros((16, 16, 3), dtype=np.uint8)
        times = [at_s for _, at_s in frames.film(write(tmp_path / "fast.avi", [blank] * 60, 60.0))]
        assert len(times) == 15
        assert np.diff(times).min() > 0.9 / frames.FPS_MAX
        assert len(list(frames.film(write(tmp_path / "usual.avi", [blank] * 30, 30.0)))) == 15

    def test_where_it_does_not_say_the_rate_does(self) -> None:
        class Silent:
            """A film in which no frame has a time, or one that goes back."""

            def __init__(self, *told_ms: float, fps: float = 10.0) -> None:
                self._left, self._values = list(told_ms), {cv2.CAP_PROP_FPS: fps}

            def grab(self) -> bool:
                if self._left:
                    self._values[cv2.CAP_PROP_POS_MSEC] = self._left.pop(0)
                    return True
                return False

            def get(self, what: int) -> float:
                return self._values[what]

        def times(film: Any) -> list[float]:
            return list(frames._times(film))

        assert times(Silent(0, 0, 0)) == pytest.approx([0, 0.1, 0.2])
        assert times(Silent(40, 80, 20, float("nan"), 300)) == pytest.approx([0.04, 0.08, 0.18, 0.28, 0.3])
        assert times(Silent(float("inf"), -5, fps=0)) == pytest.approx([0, 0.04])

    def test_frames_too_large_to_hold(self, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(frames, "FILM_PX_MAX", 64 * 48 - 1)
        with pytest.raises(InputInvalid, match="frames of 64 x 48 pixels; make the film smaller"):
            list(frames.film(films / "empty.avi"))

    def test_a_film_that_is_cut_off(self, head: Path, tmp_path: Path) -> None:
        cut = tmp_path / "cut.avi"
        cut.write_bytes(head.read_bytes()[:200_000])
        answer = call("capture", "--video", cut, *FULL)
        assert answer.code == 2
        assert "no more pictures came" in answer.out


class Clock:
    """Stands in for the module `time`: it goes on by a frame when the one before was looked at."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self.due = threading.Semaphore(1)

    def monotonic(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            self._now_s += 1 / FPS
            self.due.release()


class Device:
    """Stands in for a camera, before which somebody does what standard error says."""

    def __init__(self, person: Person, heard: io.StringIO, clock: Clock) -> None:
        self._person, self._heard, self._clock = person, heard, clock
        self.released = threading.Event()

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        if not self._clock.due.acquire(timeout=0.2):
            return False, None
        lines = [line for line in self._heard.getvalue().splitlines() if line.startswith('{"code"')]
        code = json.loads(lines[-1])["code"] if lines else ""
        return True, decoded(self._person.frame(code, self._clock.monotonic()))

    def release(self) -> None:
        self.released.set()


class TestCamera:
    def test_somebody_who_follows_the_guidance(
        self, verifier: Verifier, portrait: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            device = Device(Person(verifier), err, clock := Clock())
            monkeypatch.setattr(cv2, "VideoCapture", lambda number: {0: device}[number])
            monkeypatch.setattr(frames, "time", clock)
            code = run(["capture", str(portrait), "--json"])
        told = json.loads(out.getvalue())
        assert (code, told["outcome"], told["source"]) == (0, "match", "camera"), told
        assert told["liveness"]["status"] == "passed"
        assert json.loads(err.getvalue().splitlines()[0])["notice"].startswith(
            "It is looked at, picture by picture, whether a head turns before the camera; then"
        )
        assert device.released.is_set()

    @pytest.mark.parametrize("fault", [None, cv2.error("driver")])
    def test_one_that_falls_silent(self, fault: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
        class Silent(Device):
            def __init__(self) -> None:
                self.released = threading.Event()

            def read(self) -> tuple[bool, None]:
                if fault is not None:
                    raise fault
                return False, None

        device = Silent()
        monkeypatch.setattr(cv2, "VideoCapture", lambda _: device)
        monkeypatch.setattr(frames, "SILENT_S", 0.1)
        with pytest.raises(CameraUnusable, match="camera 3 has given no picture"):
            next(frames.camera(3))
        assert device.released.is_set()


def test_a_terminal_shows_guidance_in_one_line(head: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = command("capture", "--video", head, *FULL)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=theirs, text=True) as running:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # as Linux tells the end
            while data := os.read(ours, 65536):
                shown += data
        out = running.communicate()[0]
    os.close(ours)
    assert running.returncode == 0
    assert out.startswith("passed\n")
    for words in ("no picture is kept", "Turn your head slowly to your left", "Done, thank you"):
        assert words in shown.decode()


def test_there_are_words_for_everything() -> None:
    assert set(live.GUIDANCE) == set(Guidance)
    assert set(live.LIVENESS) == set(PadReason)
    assert set(live.STEPS.values()) == set(Step)
