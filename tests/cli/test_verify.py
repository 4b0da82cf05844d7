import io
import os
import sys
import zlib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli import call, own_model, process
from tests.conftest import encoded, pixels
from visavis.decision import POLICIES
from visavis.image import DEFAULT_LIMITS
from visavis.weights import Cache, Engine, EngineName, make_engine

KEYS = {
    "outcome", "reasons", "score", "fmr", "policy", "model", "calibration", "liveness", "document", "faces", "timings_ms",
    "version",
}  # fmt: skip


@pytest.fixture
def portrait(photos: Path) -> Path:
    return photos / "P001-portrait.jpg"


@pytest.fixture
def casual(photos: Path) -> Path:
    return photos / "P001-casual.jpg"


@pytest.fixture
def stranger(photos: Path) -> Path:
    return photos / "P003-casual.jpg"


class TestOutcomes:
    def test_match(self, portrait: Path, casual: Path) -> None:
        answer = call("verify", portrait, casual)
        assert (answer.code, answer.err) == (0, "")
        first, *rest = answer.out.splitlines()
        assert first == "match"
        text = "\n".join(rest)
        for words in ("policy 1e-4 asks for", "95 % interval 1 in", "measured on", "liveness was not checked"):
            assert words in text
        assert "rests on extrapolation" not in text

    def test_no_match(self, portrait: Path, stranger: Path) -> None:
        answer = call("verify", portrait, stranger)
        assert (answer.code, answer.err) == (1, "")
        assert answer.out.splitlines()[0] == "no match"
        assert "liveness was not checked" in answer.out

    @pytest.mark.parametrize(
        ("photo", "advice"),
        [
            ("wall.png", "no face was found: take a photo"),
            ("several.jpg", "several faces are comparably large: take a photo of the one person"),
            ("distant.jpg", "the face is too small: go nearer"),
        ],
    )
    def test_inconclusive_says_what_to_do(self, photo: str, advice: str, portrait: Path, photos: Path) -> None:
        for arguments, name in (((portrait, photos / photo), "probe"), ((photos / photo, portrait), "reference")):
            answer = call("verify", *arguments)
            assert (answer.code, answer.err) == (2, "")
            assert answer.out.splitlines()[0] == "inconclusive"
            assert f"  {name}: {advice}" in answer.out
            assert "score" not in answer.out.replace("would score the same", "")

    @pytest.mark.parametrize(("probe", "code"), [("P001-casual.jpg", 0), ("P003-casual.jpg", 1), ("wall.png", 2)])
    def test_as_processes(self, probe: str, code: int, portrait: Path, photos: Path) -> None:
        answer = process("verify", portrait.name, probe, folder=photos)
        assert (answer.code, answer.err) == (code, "")
        assert answer.out == call("verify", portrait, photos / probe).out


class TestJson:
    def test_of_a_comparison(self, portrait: Path, casual: Path) -> None:
        answer = call("verify", portrait, casual, "--json")
        assert (answer.code, answer.err) == (0, "")
        told = answer.json
        assert set(told) == KEYS
        assert told["outcome"] == "match"
        assert told["reasons"] == {"reference": [], "probe": [], "pair": ["score_reaches_threshold"]}
        assert told["score"] >= told["policy"]["threshold"]
        assert set(told["fmr"]) == {"value", "lower", "upper", "extrapolated"}
        assert told["liveness"]["status"] == "not_checked"
        assert set(told["faces"]["probe"]) == {"box_px", "frame", "frames", "quality"}
        assert all(value > 0 for value in told["timings_ms"].values())

    def test_of_no_match_and_inconclusive(self, portrait: Path, stranger: Path, photos: Path) -> None:
        answer = call("verify", portrait, stranger, "--json")
        assert (answer.code, answer.json["outcome"]) == (1, "no_match")
        assert answer.json["score"] < answer.json["policy"]["threshold"]
        answer = call("verify", portrait, photos / "wall.png", "--json")
        assert (answer.code, answer.json["outcome"]) == (2, "inconclusive")
        assert set(answer.json) == KEYS
        assert answer.json["score"] is None
        assert answer.json["fmr"] is None
        assert answer.json["reasons"]["probe"] == ["no_face"]

    @pytest.mark.parametrize(
        ("photo", "code"), [("notes.txt", "image_unsupported"), ("absent.jpg", "input_invalid"), (".", "input_invalid")]
    )
    def test_of_a_fault_names_code_and_parameter(self, photo: str, code: str, portrait: Path, photos: Path) -> None:
        for arguments, name in (((portrait, photos / photo), "probe"), ((photos / photo, portrait), "reference")):
            answer = call("verify", *arguments, "--json")
            line = answer.fault
            assert set(answer.json) == {"outcome", "error"}
            assert answer.json["outcome"] is None
            error = answer.json["error"]
            assert set(error) == {"code", "message", "parameter", "frame"}
            assert (error["code"], error["parameter"]) == (code, name)
            assert line == f"visavis: {error['message']} [{code}]"

    def test_of_a_fault_of_neither_photo(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        answer = call("verify", portrait, casual, "--json", "--model", tmp_path / "absent.toml")
        assert answer.fault.endswith("[manifest_invalid]")
        assert answer.json["error"]["parameter"] is None

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
    def test_of_a_name_that_is_no_text(self, portrait: Path) -> None:
        name = os.fsdecode(b"\xff.jpg")
        answer = process("verify", portrait, name, "--json")
        assert answer.code == 3
        assert answer.json["error"]["message"] == f"{name}: No such file or directory"


class TestFiles:
    """What a user may name in place of a photo."""

    def test_no_photo_says_which_of_the_two(self, portrait: Path, photos: Path) -> None:
        answer = call("verify", portrait, photos / "notes.txt")
        assert answer.code == 3
        assert answer.out == ""
        which, line = answer.err.splitlines()
        assert which == f"probe {photos / 'notes.txt'}:"
        assert line.startswith("visavis: the file is text; expected a photo as JPEG")
        answer = call("verify", photos / "notes.txt", portrait)
        assert answer.err.startswith(f"reference {photos / 'notes.txt'}:\n")

    def test_no_file(self, portrait: Path, tmp_path: Path) -> None:
        line = call("verify", portrait, tmp_path / "absent.jpg").fault
        assert line == f"visavis: {tmp_path / 'absent.jpg'}: No such file or directory [input_invalid]"

    def test_a_folder(self, portrait: Path, tmp_path: Path) -> None:
        assert str(tmp_path) in call("verify", tmp_path, portrait).fault

    def test_a_link_to_itself(self, portrait: Path, tmp_path: Path) -> None:
        loop = tmp_path / "loop.jpg"
        loop.symlink_to(loop)
        assert call("verify", portrait, loop).fault.endswith("[input_invalid]")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read(self, portrait: Path, tmp_path: Path) -> None:
        locked = tmp_path / "locked.jpg"
        locked.touch(mode=0)
        assert "Permission denied" in call("verify", portrait, locked).fault

    def test_a_name_that_no_file_can_have(self, portrait: Path) -> None:
        assert call("verify", portrait, "a\0b.jpg").fault.endswith("[input_invalid]")
        assert call("verify", portrait, "x" * 5000).fault.endswith("[input_invalid]")

    def test_an_empty_file(self, portrait: Path, tmp_path: Path) -> None:
        empty = tmp_path / "empty.jpg"
        empty.touch()
        assert call("verify", portrait, empty, "--json").json["error"]["code"] == "image_empty"

    def test_a_file_far_too_large_is_not_read_whole(self, portrait: Path, tmp_path: Path) -> None:
        vast = tmp_path / "vast.jpg"
        vast.touch()
        os.truncate(vast, 1 << 38)  # no machine that runs this has the memory
        answer = call("verify", portrait, vast, "--json")
        assert f"more than {DEFAULT_LIMITS.max_bytes:,} bytes" in answer.fault
        assert answer.json["error"]["code"] == "image_too_large"
        assert answer.json["error"]["parameter"] == "probe"

    def test_a_photo_with_too_many_pixels(self, portrait: Path, tmp_path: Path) -> None:
        wide = tmp_path / "wide.png"
        header = bytearray(encoded(pixels("P001", "studio_portrait", 32), "PNG"))
        header[16:24] = (9_000).to_bytes(4, "big") * 2
        header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
        wide.write_bytes(header)
        answer = call("verify", portrait, wide, "--json")
        assert "9,000 × 9,000 pixels" in answer.fault
        assert answer.json["error"]["code"] == "image_too_large"
        assert answer.json["error"]["parameter"] == "probe"

    def test_a_file_that_was_cut_off(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        cut = tmp_path / "cut.jpg"
        cut.write_bytes(casual.read_bytes()[:5000])
        answer = call("verify", portrait, cut, "--json")
        assert answer.json["error"]["code"] == "image_truncated"
        assert answer.json["error"]["parameter"] == "probe"

    @pytest.mark.parametrize("image_format", ["PNG", "WEBP", "HEIF"])
    def test_the_ending_does_not_matter(self, image_format: str, portrait: Path, tmp_path: Path) -> None:
        other = tmp_path / "casual"
        other.write_bytes(encoded(pixels("P001", "amateur_selfie", 420), image_format))
        assert call("verify", portrait, other).code == 0


class TestStandardInput:
    @pytest.mark.parametrize("place", [0, 1])
    def test_one_of_the_photos(self, place: int, portrait: Path, casual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        names = [str(portrait), str(casual)]
        data = Path(names[place]).read_bytes()
        names[place] = "-"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert call("verify", *names).code == 0

    def test_of_a_process(self, portrait: Path, casual: Path) -> None:
        answer = process("verify", "-", portrait, stdin=casual.read_bytes())
        assert (answer.code, answer.err) == (0, "")

    def test_not_both(self) -> None:
        assert "only one of the photos can come from standard input" in call("verify", "-", "-").wrong_use

    def test_empty(self, portrait: Path) -> None:
        answer = process("verify", portrait, "-", "--json")
        assert answer.code == 3
        assert (answer.json["error"]["code"], answer.json["error"]["parameter"]) == ("image_empty", "probe")

    def test_closed(self, portrait: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        assert call("verify", portrait, "-").fault.endswith("[input_invalid]")


class TestFrames:
    """Several frames of the probe's capture."""

    def test_they_are_one_probe(self, portrait: Path, casual: Path, photos: Path) -> None:
        answer = call("verify", portrait, casual, "--frame", photos / "wall.png", "--frame", casual)
        assert (answer.code, answer.err) == (0, "")
        assert "  2 frames of the probe's capture, fused" in answer.out
        told = call("verify", portrait, photos / "wall.png", "--frame", casual, "--json").json
        assert (told["faces"]["probe"]["frame"], told["faces"]["probe"]["frames"]) == (1, 1)
        assert told["score"] == call("verify", portrait, casual, "--json").json["score"]

    def test_of_two_people_they_are_refused(self, portrait: Path, casual: Path, stranger: Path) -> None:
        answer = call("verify", portrait, casual, "--frame", stranger)
        assert answer.code == 2
        assert "  probe: two of the frames are too unlike each other" in answer.out
        assert "fused" not in answer.out

    def test_the_picture_shows_the_one_that_was_judged(
        self, portrait: Path, casual: Path, photos: Path, tmp_path: Path
    ) -> None:
        picture = tmp_path / "why.png"
        answer = call("verify", portrait, photos / "wall.png", "--frame", casual, "--explain", picture)
        assert (answer.code, answer.err) == (0, "")
        assert picture.stat().st_size > 10_000

    def test_a_fault_names_the_frame(self, portrait: Path, casual: Path, photos: Path) -> None:
        notes = photos / "notes.txt"
        answer = call("verify", portrait, casual, "--frame", casual, "--frame", notes)
        assert answer.code == 3
        assert f"probe {notes}:" in answer.err
        answer = call("verify", portrait, casual, "--frame", casual, "--frame", notes, "--json")
        assert (answer.json["error"]["parameter"], answer.json["error"]["frame"]) == ("probe", 2)

    def test_more_than_ten_are_too_many(self, portrait: Path, casual: Path) -> None:
        further = [argument for _ in range(10) for argument in ("--frame", casual)]
        assert "1 to 10 frames" in call("verify", portrait, casual, *further).fault

    def test_a_frame_is_never_replaced_by_the_picture(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        frame = tmp_path / "frame.png"
        frame.write_bytes(casual.read_bytes())
        assert "would replace" in call("verify", portrait, casual, "--frame", frame, "--explain", frame).wrong_use
        assert frame.read_bytes() == casual.read_bytes()


class TestPolicies:
    def test_every_policy_decides_by_its_own_threshold(self, portrait: Path, photos: Path) -> None:
        thresholds = []
        for policy in POLICIES:
            threshold = 0.0
            for probe in ("P001-casual.jpg", "P003-casual.jpg"):
                answer = call("verify", portrait, photos / probe, "--policy", policy, "--json")
                told = answer.json
                assert told["policy"]["name"] == policy
                threshold = told["policy"]["threshold"]
                assert answer.code == (0 if told["score"] >= threshold else 1)
            thresholds.append(threshold)
        photo, document = thresholds[:4], thresholds[4:]
        assert all(lower < higher for part in (photo, document) for lower, higher in pairwise(part))
        assert all(one < other for one, other in zip(document, photo, strict=False))

    def test_what_is_extrapolated_is_said(self, portrait: Path, stranger: Path) -> None:
        answer = call("verify", portrait, stranger, "--policy", "1e-6")
        assert "policy 1e-6 rests on extrapolation" in answer.out

    def test_a_face_so_alike_that_the_table_ends(self, portrait: Path) -> None:
        answer = call("verify", portrait, portrait)
        assert answer.code == 0
        assert "fewer than 1 in" in answer.out
        assert "extrapolated" in answer.out


class TestEngines:
    def test_both_that_run_on_a_cpu_agree(self, portrait: Path, casual: Path) -> None:
        scores = [call("verify", portrait, casual, "--json", "--engine", engine).json["score"]
                  for engine in ("openvino", "onnxruntime")]  # fmt: skip
        assert abs(scores[0] - scores[1]) < 0.02

    def test_the_environment_chooses_and_the_option_overrules_it(
        self, portrait: Path, casual: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def record(name: EngineName, *, threads: int, cache: Cache) -> Engine:
            asked.append((name, threads))
            return make_engine(name, threads=threads, cache=cache)

        monkeypatch.setattr("visavis.verifier.make_engine", record)
        monkeypatch.setenv("VISAVIS_ENGINE", "onnxruntime")
        monkeypatch.setenv("VISAVIS_THREADS", "2")
        assert call("verify", portrait, casual).code == 0
        assert call("verify", portrait, casual, "--engine", "openvino", "--threads", "1").code == 0
        assert asked == [("onnxruntime", 2), ("openvino", 1)]


class TestOwnModel:
    """A user's manifest, from the shell."""

    def test_by_option(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        shipped = call("verify", portrait, casual, "--json").json
        answer = process("verify", portrait, casual, "--json", "--model", own_model(tmp_path))
        assert (answer.code, answer.err) == (0, "")
        own = answer.json
        assert own["model"] == {"id": "mine", "sha256": shipped["model"]["sha256"]}
        assert own["score"] == shipped["score"]
        assert own["policy"] == shipped["policy"]

    def test_by_environment(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        answer = process("verify", portrait, casual, "--json", environment={"VISAVIS_MODEL": str(own_model(tmp_path))})
        assert answer.code == 0
        assert answer.json["model"]["id"] == "mine"

    def test_without_calibration_nothing_is_decided(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        line = call("verify", portrait, casual, "--model", own_model(tmp_path, calibrated=False)).fault
        assert "has no calibration table" in line
        assert line.endswith("[policy_unsupported]")

    def test_with_another_file_than_the_manifest_says(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        manifest = own_model(tmp_path)
        with next(tmp_path.glob("*.onnx")).open("ab") as file:
            file.write(b"!")
        answer = call("verify", portrait, casual, "--model", manifest, "--json")
        assert answer.fault.endswith("[model_hash_mismatch]")
        assert answer.json["error"]["code"] == "model_hash_mismatch"

    def test_a_folder_is_no_manifest(self, portrait: Path, casual: Path, tmp_path: Path) -> None:
        assert "is a directory" in call("verify", portrait, casual, "--model", tmp_path).wrong_use
