import logging
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import visavis
from tests.conftest import pixels
from visavis.errors import VisavisError
from visavis.image import Photo
from visavis.verifier import Acquisition, Verifier


class TestTheNames:
    @pytest.mark.parametrize("name", visavis.__all__)
    def test_each_can_be_imported(self, name: str) -> None:
        value = getattr(visavis, name)
        namespace: dict[str, object] = {}
        exec(f"from visavis import {name}", namespace)  # noqa: S102
        assert namespace[name] is value

    def test_they_are_sorted_and_are_what_dir_shows(self) -> None:
        assert len(set(visavis.__all__)) == len(visavis.__all__)
        assert dir(visavis) == sorted(visavis.__all__)

    def test_any_other_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="'visavis' has no attribute 'identify'"):
            visavis.identify  # noqa: B018

    def test_the_version_is_the_packages(self) -> None:
        assert visavis.__version__ == metadata.version("visavis")

    def test_they_are_typed(self) -> None:
        assert (Path(visavis.__file__).parent / "py.typed").is_file()


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, visavis\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'openvino', 'onnx', 'onnxruntime', 'click', 'rich', 'pi_heif'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_error_has_a_code_of_its_own() -> None:
    kinds: list[type[VisavisError]] = [VisavisError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    codes = [kind.code for kind in kinds if kind.__module__ == "visavis.errors"]
    assert len(codes) == len(set(codes)) >= 19
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


class TestSilence:
    """Nothing biometric is shown by accident: not in a repr, a log, an output or an error."""

    def test_every_value_is_silent(self, verifier: Verifier) -> None:
        picture = pixels("P001", "studio_portrait", 500)
        photo = Photo(picture)
        found = verifier.acquire(photo)
        decision = verifier.verify(reference=picture, probe=pixels("P001", "amateur_selfie", 500))
        assert found.report.face is not None
        shown = {
            repr(value): str(value)
            for value in (
                photo,
                photo.decode(),
                found,
                found.report,
                found.report.face,
                found.report.quality,
                found.embedding,
                verifier.align(photo, found.report.face),
                decision,
                decision.comparison,
            )
        }
        assert shown == {
            text: text
            for text in (
                "<Photo array>",
                "<Image array>",
                "<Acquisition>",
                "PhotoReport(reasons=(), size_px=(500, 500), face=<Face>, quality=<Quality>, frame=0, frames=1)",
                "<Face>",
                "<Quality>",
                "<Embedding>",
                "<AlignedFace>",
                "<Decision match (score_reaches_threshold) at FMR 1e-4>",
                "<Comparison>",
            )
        }

    def test_things_that_hold_them_are_silent_too(self, verifier: Verifier) -> None:
        found = verifier.acquire(pixels("P001", "studio_portrait", 500))
        numbers = _numbers(found)
        for thing in (verifier, verifier.embedder, verifier.embedder.contract, [found], {"probe": found}, (found,)):
            assert not any(number in repr(thing) for number in numbers)

    def test_nothing_is_logged_or_printed(
        self, verifier: Verifier, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        portrait, blank = pixels("P001", "studio_portrait", 500), np.zeros((9, 9, 3), dtype=np.uint8)
        photos = {"portrait": portrait, "selfie": pixels("P001", "amateur_selfie", 500), "blank": blank}
        decision = verifier.verify(reference=portrait, probe=photos["selfie"])
        assert decision.to_dict()
        pairs = [("portrait", "selfie"), ("portrait", "blank"), ("portrait", "absent")]
        assert len(list(verifier.verify_pairs(pairs, photos.__getitem__))) == 3
        with pytest.raises(VisavisError):
            verifier.verify(reference=b"not a photo", probe=portrait)
        assert caplog.records == []
        assert tuple(capfd.readouterr()) == ("", "")

    def test_an_unexpected_error_is_not_quoted(self, verifier: Verifier) -> None:
        """Its message could hold anything, the photo's name included."""

        def read(key: str) -> bytes:
            raise RuntimeError(f"cannot open {key}")

        (result,) = verifier.verify_pairs([("jane-doe-passport.jpg", "jane-doe.jpg")], read)
        assert isinstance(result, VisavisError)
        assert "jane" not in str(result)


def _numbers(found: Acquisition) -> set[str]:
    """The numbers of an embedding and of landmarks, as they would be written."""
    assert found.embedding is not None
    assert found.report.face is not None
    values = [*found.embedding.vector.tolist(), *found.report.face.landmarks_px.ravel().tolist()]
    return {f"{abs(value):.{digits}f}" for value in values for digits in (3, 4)}


def test_nothing_is_reported_to_anyone(tmp_path: Path) -> None:
    """OpenVINO's package tells its maker of its import, unless its telemetry module is missing."""
    script = """
import sys
sys.addaudithook(lambda event, _: event.startswith("socket.") and event != "socket.__new__" and sys.exit(event))
from visavis import Verifier
Verifier(cache_folder=None).close()
"""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "VISAVIS_CACHE": "none"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
