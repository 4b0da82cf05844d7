import contextlib
import errno
import json
import os
import pty
import stat
import subprocess
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Answer, call, command, older_model, process
from visavis.image import Photo
from visavis.template import read_qr

TEXT = "I agree that my face is compared with photos of me.\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation, which all commands find, with a consent's text in it."""
    folder = tmp_path / "installation"
    monkeypatch.setenv("VISAVIS_FOLDER", str(folder))
    assert call("init", "--issuer", "https://issuer.example", "--status-list", "https://issuer.example/list").code == 0
    (tmp_path / "consent.txt").write_text(TEXT)
    return tmp_path


def enrol(place: Path, photos: Path, name: str = "P001", *options: str) -> Answer:
    consent = ("--consent", str(place / "consent.txt"))
    return call("enrol", f"account {name}", photos / f"{name}-portrait.jpg", *consent, *options)


def claim_of(place: Path, photos: Path, name: str = "P001", *options: str) -> Path:
    """Enrol, and give the file that holds the claim as text."""
    path = place / f"{name}.claim"
    path.write_text(enrol(place, photos, name, "--json", *options).json["claim"] + "\n")
    return path


def entries(place: Path) -> list[dict[str, Any]]:
    lines = call("audit", "export", "--folder", place / "installation").out.splitlines()
    return [json.loads(line) for line in lines]


class TestEnrol:
    def test_the_claim_is_handed_out_and_opens_the_reference(self, place: Path, photos: Path) -> None:
        answer = enrol(place, photos)
        assert answer.code == 0
        said, claim = answer.out.splitlines()
        assert said.startswith("enrolled account P001 from 1 of 1 photos, as sub_")
        assert "keep no copy" in answer.err
        (place / "claim").write_text(claim)
        verified = call("verify", "--claim", place / "claim", photos / "P001-casual.jpg")
        assert verified.code == 0
        assert verified.out.startswith("match\n")
        assert "the claim is that of sub_" in verified.out

    def test_for_machines(self, place: Path, photos: Path) -> None:
        told = enrol(place, photos, "P001", "--json").json
        assert told["captures"] == 1
        assert told["photos"] == [{"photo": str(photos / "P001-portrait.jpg"), "reasons": []}]
        assert len(told["claim"]) == 78
        assert told["qr"] is None

    def test_the_consent_is_recorded_as_it_was_given(self, place: Path, photos: Path) -> None:
        enrol(place, photos, "P001", "--purpose", "payment", "--retention-days", "30", "--locale", "de-AT",
              "--consent-version", "2.1", "--recorded-by", "branch 12", "--allow-renewal")  # fmt: skip
        (consent,) = call("subject", "export", "account P001").json["consents"]
        assert consent["text_sha256"] == sha256(TEXT.encode()).hexdigest()
        assert (consent["purpose"], consent["retention_days"], consent["locale"]) == ("payment", 30, "de-AT")
        assert (consent["text_version"], consent["recorded_by"], consent["renewal"]) == ("2.1", "branch 12", True)
        assert [entry["event"] for entry in entries(place)][1:3] == ["consent_recorded", "enrolled"]

    def test_bad_photos_are_refused_and_named(self, place: Path, photos: Path) -> None:
        bad = ("several.jpg", "distant.jpg", "wall.png")
        answer = call("enrol", "mixed", photos / "P001-portrait.jpg", *(photos / name for name in bad),
                      "--consent", place / "consent.txt", "--json")  # fmt: skip
        assert answer.code == 0
        assert [photo["reasons"] for photo in answer.json["photos"]] == [
            [], ["several_faces"], ["face_too_small"], ["no_face"],
        ]  # fmt: skip
        assert all(name in answer.err for name in bad)

    def test_photos_of_two_people_enrol_nobody(self, place: Path, photos: Path) -> None:
        """Which of them is meant must not depend on whose photo came first."""
        both = [photos / f"{name}-portrait.jpg" for name in ("P001", "P002")]
        answer = call("enrol", "mixed", *both, "--consent", place / "consent.txt", "--qr", place / "q.png")
        assert answer.code == 3
        assert "P002-portrait.jpg: refused: it is too unlike the photos before it" in answer.err
        assert answer.err.endswith("which of them is meant is not guessed [enrolment_incomplete]\n")
        assert not (place / "q.png").exists()
        assert call("subject", "export", "mixed").json["references"] == []

    def test_nothing_is_enrolled_where_no_photo_is_good(self, place: Path, photos: Path) -> None:
        answer = call(
            "enrol", "nobody", photos / "wall.png", "--consent", place / "consent.txt", "--qr", place / "q.png"
        )
        assert answer.code == 3
        assert answer.err.endswith("[enrolment_incomplete]\n")
        assert not (place / "q.png").exists()
        assert call("subject", "export", "nobody").json["references"] == []

    def test_a_photo_that_cannot_be_read_leaves_nothing_behind(self, place: Path, photos: Path) -> None:
        answer = call("enrol", "nobody", photos / "absent.jpg", "--consent", place / "consent.txt")
        assert answer.fault.endswith("[input_invalid]")
        assert call("subject", "list", "--json").json == []

    @pytest.mark.parametrize("ending", ["png", "svg"])
    def test_the_code_goes_into_a_file_of_ones_own(self, ending: str, place: Path, photos: Path) -> None:
        path = place / f"claim.{ending}"
        answer = enrol(place, photos, "P001", "--qr", str(path))
        assert answer.code == 0
        assert "VC1:" not in answer.out
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        if ending == "png":
            assert len(read_qr(Photo(path.read_bytes()), "VC1:")) == 78
            assert call("verify", "--claim", path, photos / "P001-casual.jpg").code == 0
        else:
            assert path.read_bytes().startswith(b"<svg")

    def test_a_file_that_exists_is_kept_and_nothing_enrolled(self, place: Path, photos: Path) -> None:
        (place / "claim.png").write_bytes(b"precious")
        assert enrol(place, photos, "P001", "--qr", str(place / "claim.png")).fault.endswith("[output_unwritable]")
        assert (place / "claim.png").read_bytes() == b"precious"
        assert call("subject", "list", "--json").json == []

    def test_a_claim_that_cannot_be_written_to_its_file_is_printed(
        self, place: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is handed out once, and the reference is kept by then."""
        sync, calls = os.fsync, 0

        def full(descriptor: int) -> None:
            nonlocal calls
            calls += Path(f"/proc/self/fd/{descriptor}").readlink().name == "claim.png"
            if calls == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        answer = enrol(place, photos, "P001", "--qr", str(place / "claim.png"))
        monkeypatch.undo()
        assert answer.code == 3
        assert answer.err == f"visavis: {place}/claim.png: No space left on device [output_unwritable]\n"
        assert not (place / "claim.png").exists()
        (place / "claim").write_text(answer.out)
        verified = (
            "verify",
            "--claim",
            place / "claim",
            photos / "P001-casual.jpg",
            "--folder",
            place / "installation",
        )
        assert call(*verified).code == 0

    def test_a_terminal_shows_the_code(self, place: Path, photos: Path) -> None:
        ours, theirs = pty.openpty()
        arguments = command("enrol", "me", photos / "P001-portrait.jpg", "--consent", place / "consent.txt")
        with subprocess.Popen(arguments, stdout=theirs, stderr=subprocess.DEVNULL) as running:
            os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # as Linux tells the end
                while data := os.read(ours, 65536):
                    shown += data
        os.close(ours)
        assert running.returncode == 0
        assert "\N{UPPER HALF BLOCK}" in shown.decode()
        assert b"VC1:" in shown

    def test_once_is_enough(self, place: Path, photos: Path) -> None:
        first = claim_of(place, photos)
        assert enrol(place, photos).fault.endswith("[subject_enrolled]")
        second = enrol(place, photos, "P001", "--replace", "--json").json["claim"]
        (place / "second").write_text(second)
        assert call("verify", "--claim", first, photos / "P001-casual.jpg").fault.endswith("[claim_refused]")
        assert call("verify", "--claim", place / "second", photos / "P001-casual.jpg").code == 0

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ((), "Missing option '--consent'"),
            (("--consent", "{consent}", "--qr", "claim.jpg"), "must end in .png or .svg"),
            (("--consent", "{consent}", "--retention-days", "0"), "is not in the range"),
        ],
    )
    def test_wrong_use(self, options: tuple[str, ...], said: str, place: Path, photos: Path) -> None:
        filled = [option.format(consent=place / "consent.txt") for option in options]
        assert said in call("enrol", "me", photos / "P001-portrait.jpg", *filled).wrong_use

    def test_six_photos_are_too_many(self, place: Path, photos: Path) -> None:
        answer = call("enrol", "me", *[photos / "P001-portrait.jpg"] * 6, "--consent", place / "consent.txt")
        assert "at most 5" in answer.wrong_use

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            (("--purpose", "Pay Ment"), "consent_invalid"),
            (("--locale", "deutsch!"), "consent_invalid"),
            (("--recorded-by", " "), "input_invalid"),
        ],
    )
    def test_a_consent_without_meaning(self, options: tuple[str, ...], code: str, place: Path, photos: Path) -> None:
        assert enrol(place, photos, "P001", *options).fault.endswith(f"[{code}]")

    def test_an_empty_text_is_no_consent(self, place: Path, photos: Path) -> None:
        (place / "consent.txt").write_text(" \n")
        assert enrol(place, photos).fault.endswith("[consent_invalid]")


class TestVerifyByClaim:
    def test_another_person_does_not_match(self, place: Path, photos: Path) -> None:
        answer = call("verify", "--claim", claim_of(place, photos), photos / "P003-casual.jpg", "--json")
        assert answer.code == 1
        assert answer.json["outcome"] == "no_match"
        assert answer.json["subject"] is None
        assert answer.json["faces"]["reference"] is None

    def test_frames_and_a_poor_photo(self, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos)
        casual = photos / "P001-casual.jpg"
        assert (
            call("verify", "--claim", claim, casual, "--frame", casual, "--json").json["faces"]["probe"]["frames"] == 2
        )
        assert call("verify", "--claim", claim, photos / "wall.png").code == 2

    def test_from_standard_input(self, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos).read_bytes()
        environment = {"VISAVIS_FOLDER": str(place / "installation")}
        answer = process("verify", "--claim", "-", photos / "P001-casual.jpg", stdin=claim, environment=environment)
        assert answer.code == 0

    def test_what_opens_nothing_is_refused_in_the_same_words(self, place: Path, photos: Path) -> None:
        good, casual = claim_of(place, photos), photos / "P001-casual.jpg"
        other = claim_of(place, photos, "P002").read_text().strip()
        (place / "forged").write_text(good.read_text()[:40] + other[40:])
        erased = claim_of(place, photos, "P003")
        call("subject", "erase", "account P003", "--yes")
        answers = {
            call("verify", "--claim", place / "forged", casual).fault,
            call("verify", "--claim", erased, casual).fault,
            call("verify", "--claim", good, "--purpose", "door", casual).fault,
            call("verify", "--claim", good, "--subject", "account P002", casual).fault,
            call("verify", "--claim", good, "--subject", "nobody", casual).fault,
        }
        assert len(answers) == 1
        assert answers.pop().endswith("[claim_refused]")
        assert call("verify", "--claim", good, "--subject", "account P001", casual).code == 0

    def test_faults_for_machines(self, place: Path, photos: Path) -> None:
        (place / "text").write_text("VC1:nonsense")
        answer = call("verify", "--claim", place / "text", photos / "P001-casual.jpg", "--json")
        assert answer.code == 3
        assert answer.json["error"]["code"] == "claim_malformed"
        assert "nonsense" not in answer.out + answer.err

    def test_a_claim_is_not_taken_from_the_command_line(self, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos).read_text().strip()
        fault = call("verify", "--claim", claim, photos / "P001-casual.jpg").fault
        assert "can be read by others" in fault
        assert claim not in fault

    def test_a_photo_without_a_code(self, place: Path, photos: Path) -> None:
        answer = call("verify", "--claim", photos / "P001-portrait.jpg", photos / "P001-casual.jpg")
        assert answer.fault.endswith("[code_unreadable]")

    def test_too_many_failures(self, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos)
        for _ in range(5):
            assert call("verify", "--claim", claim, photos / "P003-casual.jpg").code == 1
        answer = call("verify", "--claim", claim, photos / "P001-casual.jpg", "--json")
        assert answer.code == 3
        assert answer.json["error"]["code"] == "rate_limited"
        assert 0 < answer.json["error"]["retry_after_s"] <= 30

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--claim", "a", "--credential", "b", "probe.jpg"], "not both"),
            (["--claim", "a", "reference.jpg", "probe.jpg"], "no photo of the reference"),
            (["--claim", "a", "probe.jpg", "--explain", "why.png"], "no photo of the reference"),
            (["--claim", "a"], "Missing argument"),
            (["--credential", "a", "--subject", "someone", "probe.jpg"], "only with --claim"),
            (["--claim", "a", "--holder", "h", "probe.jpg"], "only with --credential"),
            (["reference.jpg", "probe.jpg", "--subject", "someone"], "only with --claim"),
            (["reference.jpg", "probe.jpg", "--verifier-key", "k"], "only with --credential"),
        ],
    )
    def test_wrong_use(self, arguments: list[str], said: str) -> None:
        assert said in call("verify", *arguments).wrong_use

    def test_rotated_keys_seal_anew(self, place: Path, photos: Path) -> None:
        claim, casual = claim_of(place, photos), photos / "P001-casual.jpg"
        call("keys", "rotate")
        assert call("keys", "list", "--json").json["references"] == {"1": 1}
        assert call("verify", "--claim", claim, casual, "--json").json["resealed"] is True
        assert call("keys", "list", "--json").json["references"] == {"2": 1}
        assert call("verify", "--claim", claim, casual, "--json").json["resealed"] is False


class TestRenew:
    def test_the_new_claim_opens_and_the_old_one_does_not(self, place: Path, photos: Path) -> None:
        old, casual = claim_of(place, photos), photos / "P001-casual.jpg"
        answer = call("claim", "renew", "--claim", old, casual, "--qr", place / "new.png")
        assert answer.code == 0
        assert call("verify", "--claim", place / "new.png", casual).code == 0
        assert call("verify", "--claim", old, casual).fault.endswith("[claim_refused]")

    def test_not_for_another_person(self, place: Path, photos: Path) -> None:
        old = claim_of(place, photos)
        answer = call("claim", "renew", "--claim", old, photos / "P003-casual.jpg", "--json", "--qr", place / "new.png")
        assert answer.code == 1
        assert answer.json["claim"] is None
        assert not (place / "new.png").exists()
        assert call("verify", "--claim", old, photos / "P001-casual.jpg").code == 0

    def test_for_people(self, place: Path, photos: Path) -> None:
        answer = call("claim", "renew", "--claim", claim_of(place, photos), photos / "P001-casual.jpg")
        assert answer.out.startswith("match\n")
        assert "VC1:" in answer.out


class TestOlderModels:
    def test_a_reference_of_an_older_model_is_compared_with_it(
        self, place: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (place / "older").mkdir()
        manifest = older_model(place / "older")
        claim = claim_of(place, photos, "P001", "--model", str(manifest))
        casual = photos / "P001-casual.jpg"
        assert call("verify", "--claim", claim, casual).fault.endswith("[model_mismatch]")
        monkeypatch.setenv("VISAVIS_OLDER_MODELS", os.pathsep.join((str(manifest), str(manifest))))
        answer = call("verify", "--claim", claim, casual, "--json")
        assert answer.code == 0
        assert answer.json["model"]["sha256"] in manifest.read_text(encoding="utf-8")
        assert call("claim", "renew", "--claim", claim, casual).code == 0


class TestOutputs:
    def test_nothing_but_an_earlier_one_is_written_over(self, place: Path, photos: Path) -> None:
        key = place / "installation" / "keys" / "operator-0001.key"
        before = key.read_bytes()
        for what, name in (("issuer", "issuer.json"), ("status-list", "list.cwt")):
            assert call("credential", what, "--out", place / name).code == 0
            assert call("credential", what, "--out", place / name).code == 0
            for precious in (key, place / "consent.txt"):
                assert call("credential", what, "--out", precious).code == 3
        assert key.read_bytes() == before
        assert (place / "consent.txt").read_text() == TEXT


class TestClaimFiles:
    def test_a_text_that_is_none_and_a_drawing_are_told_as_such(self, place: Path, photos: Path) -> None:
        probe = photos / "P001-casual.jpg"
        fault = call("verify", "--claim", place / "consent.txt", probe).fault
        assert "holds no claim: expected a text that begins with VC1:" in fault
        enrol(place, photos, "P001", "--qr", str(place / "claim.svg"))
        assert "is for printing" in call("verify", "--claim", place / "claim.svg", probe).fault

    def test_what_is_missing_or_would_not_be_checked_is_named(self, place: Path, photos: Path) -> None:
        assert "Missing argument 'PROBE'" in call("verify", "--claim", place / "claim").wrong_use
        assert "Missing argument 'REFERENCE'" in call("verify").wrong_use
        pair = (photos / "P001-portrait.jpg", photos / "P001-casual.jpg")
        assert "--purpose says something only with" in call("verify", *pair, "--purpose", "door").wrong_use

    @pytest.mark.parametrize("form", ["\ufeff{}", "{}\r\n", "\n  {}  \n"])
    def test_as_editors_write_them(self, form: str, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos)
        claim.write_text(form.format(claim.read_text().strip()), encoding="utf-8")
        assert call("verify", "--claim", claim, photos / "P001-casual.jpg").code == 0

    @pytest.mark.parametrize("form", ["{}", " {}", "\n{}"])
    def test_on_the_command_line_they_are_refused_and_not_repeated(self, form: str, place: Path, photos: Path) -> None:
        text = claim_of(place, photos).read_text().strip()
        for claim in (form.format(text), form.format(text.lower())):
            fault = call("verify", "--claim", claim, photos / "P001-casual.jpg").fault
            assert "on the command line" in fault
            assert text[4:20].lower() not in fault.lower()


class TestSubject:
    def test_they_are_listed_by_name(self, place: Path, photos: Path) -> None:
        assert call("subject", "list").err == "nobody is enrolled\n"
        for name in ("P002", "P001"):
            enrol(place, photos, name)
        assert [each["name"] for each in call("subject", "list", "--json").json] == ["account P001", "account P002"]
        assert "account P001" in call("subject", "list").out
        assert [each["name"] for each in call("subject", "list", "--after", "account P001", "--json").json] == [
            "account P002"
        ]

    def test_the_export_holds_everything_and_is_logged(self, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos).read_text().strip()
        enrol(place, photos, "P002")
        assert call("subject", "export", "account P001", "--out", place / "held.json").code == 0
        text = (place / "held.json").read_text()
        held = json.loads(text)
        assert held["subject"]["name"] == "account P001"
        assert [entry["event"] for entry in held["audit"]] == ["consent_recorded", "enrolled", "exported"]
        assert held["references"][0]["sealed"].startswith(b64encode(b"VVS1")[:5].decode())
        assert "P002" not in text
        assert claim not in text

    def test_an_erasure_gives_a_receipt_and_leaves_nothing(self, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos)
        assert call("subject", "erase", "account P001", "--yes", "--receipt", place / "receipt").code == 0
        receipt = json.loads((place / "receipt").read_text())
        assert (receipt["references"], receipt["consents"]) == (1, 1)
        assert receipt["final_at"] == receipt["erased_at"]
        assert call("subject", "list", "--json").json == []
        assert call("verify", "--claim", claim, photos / "P001-casual.jpg").fault.endswith("[claim_refused]")
        data = b"".join(path.read_bytes() for path in (place / "installation").glob("visavis.db*"))
        assert b"account P001" not in data

    def test_it_asks_first(self, place: Path, photos: Path) -> None:
        enrol(place, photos)
        environment = {"VISAVIS_FOLDER": str(place / "installation")}
        assert process("subject", "erase", "account P001", stdin=b"n\n", environment=environment).code == 3
        assert len(call("subject", "list", "--json").json) == 1
        assert process("subject", "erase", "account P001", stdin=b"y\n", environment=environment).code == 0
        assert call("subject", "list", "--json").json == []

    def test_withdrawal_destroys_what_was_consented_to(self, place: Path, photos: Path) -> None:
        claim = claim_of(place, photos)
        other = call("subject", "withdraw", "account P001", "--purpose", "door", "--yes")
        assert other.fault.endswith("[consent_invalid]")
        environment = {"VISAVIS_FOLDER": str(place / "installation")}
        assert process("subject", "withdraw", "account P001", stdin=b"n\n", environment=environment).code == 3
        answer = process("subject", "withdraw", "account P001", stdin=b"y\n", environment=environment)
        assert (
            answer.out
            == "withdrew 1 consents, destroyed 1 references and 0 pieces of evidence, revoked 0 credentials\n"
        )
        assert call("verify", "--claim", claim, photos / "P001-casual.jpg").fault.endswith("[claim_refused]")
        swept = call("subject", "sweep", "--json").json
        assert [len(receipt["signature"]) for receipt in swept.pop("subjects")] == [128]
        assert swept == {"references": 0, "orphans": 0, "shreds": 0, "evidence": 0}
        assert call("subject", "sweep").out.endswith("0 pieces of evidence; erased 0 subjects\n")

    def test_what_holds_personal_data_goes_to_a_new_file_of_its_owners(self, place: Path, photos: Path) -> None:
        enrol(place, photos)
        old = place / "old"
        old.write_text("kept")
        assert call("subject", "export", "account P001", "--out", old).fault.endswith("[output_unwritable]")
        erase = ("subject", "erase", "account P001", "--yes", "--receipt")
        assert call(*erase, old).fault.endswith("[output_unwritable]")
        assert call(*erase, place / "nowhere" / "receipt").fault.endswith("[output_unwritable]")
        assert len(call("subject", "list", "--json").json) == 1  # nothing is erased whose receipt would be lost
        assert old.read_text() == "kept"
        assert call("subject", "export", "account P001", "--out", place / "held").code == 0
        assert stat.S_IMODE((place / "held").stat().st_mode) == 0o600

    @pytest.mark.parametrize("action", ["export", "erase", "withdraw"])
    def test_nobody_of_that_name(self, action: str, place: Path) -> None:
        options = [] if action == "export" else ["--yes"]
        assert call("subject", action, "nobody", *options).fault.endswith("[subject_unknown]")


class TestCredential:
    @pytest.fixture
    def issued(self, place: Path, photos: Path) -> Path:
        answer = issue(place, photos, "--holder-out", str(place / "holder.png"))
        assert answer.code == 0
        assert call("credential", "status-list").code == 0
        return place

    def test_it_is_verified_and_revoked(self, issued: Path, photos: Path) -> None:
        code, holder = issued / "credential.png", issued / "holder.png"
        casual = photos / "P001-casual.jpg"
        answer = call("verify", "--credential", code, "--holder", holder, casual, "--json")
        assert answer.code == 0
        assert answer.json["issuer"] == "https://issuer.example"
        assert call("verify", "--credential", code, "--holder", holder, photos / "P003-casual.jpg").code == 1
        shown = call("credential", "show", code, "--json").json
        assert shown["cti"] == answer.json["credential"]
        assert shown["purposes"] == ["verification"]
        assert "purposes      verification" in call("credential", "show", code).out
        assert call("credential", "revoke", shown["cti"]).code == 0
        fault = call("verify", "--credential", code, "--holder", holder, casual).fault
        assert "who is asked here" in fault  # the old list is still fresh
        assert fault.endswith("[credential_revoked]")
        assert call("credential", "issuer", "--out", issued / "issuer").code == 0
        elsewhere = ("--issuer", issued / "issuer", "--verifier-key", issued / "installation" / "keys" / "verifier-0001.key",
                     "--status-list", issued / "installation" / "status-list.cwt", "--folder", issued / "nowhere")  # fmt: skip
        offline = ("verify", "--credential", code, "--holder", holder, casual, *elsewhere)
        assert call(*offline).code == 0
        call("credential", "status-list")
        assert call(*offline).fault.endswith("[credential_revoked]")
        fault = call("verify", "--credential", code, "--holder", holder, casual).fault
        assert fault.endswith("[credential_revoked]")
        events = [(entry["event"], entry["details"].get("reason")) for entry in entries(issued)]
        assert events[-1] == ("credential_verified", "credential_revoked")

    def test_offline_with_three_files(self, issued: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = issued / "installation"
        call("credential", "issuer", "--out", issued / "issuer.json")
        assert call("credential", "issuer").out == (issued / "issuer.json").read_text()
        files = ("--issuer", issued / "issuer.json", "--status-list", folder / "status-list.cwt",
                 "--verifier-key", folder / "keys" / "verifier-0001.key")  # fmt: skip
        monkeypatch.setenv("VISAVIS_FOLDER", str(issued / "nowhere"))
        code = ("--credential", issued / "credential.png", "--holder", issued / "holder.png")
        assert call("verify", *code, *files, photos / "P001-casual.jpg").code == 0
        assert call("credential", "show", issued / "credential.png", *files[:2]).code == 0

    def test_each_refusal_has_its_own_reason(self, issued: Path, photos: Path) -> None:
        code, casual = ("--credential", issued / "credential.png"), photos / "P001-casual.jpg"
        holder = ("--holder", issued / "holder.png")
        assert call("verify", *code, casual).fault.endswith("[holder_secret_missing]")
        assert call("verify", *code, *holder, casual, "--purpose", "door").fault.endswith("[credential_purpose]")
        (issued / "installation" / "status-list.cwt").unlink()
        assert call("verify", *code, *holder, casual).fault.endswith("[status_list_stale]")
        call("init", "--folder", issued / "other", "--issuer", "https://issuer.example")
        fault = call("credential", "show", issued / "credential.png", "--folder", issued / "other").fault
        assert fault.endswith("[credential_issuer_unknown]")

    def test_without_a_holders_secret_only_if_one_says_so(self, place: Path, photos: Path) -> None:
        assert "--no-holder-secret" in issue(place, photos).wrong_use
        assert issue(place, photos, "--no-holder-secret", "--json").json["holder"] == "none"
        call("credential", "status-list")
        assert call("verify", "--credential", place / "credential.png", photos / "P001-casual.jpg").code == 0

    def test_nothing_of_it_is_kept(self, issued: Path) -> None:
        held = call("subject", "export", "account P001").json
        assert held["references"] == []
        assert set(held["credentials"][0]) == {
            "cti", "consent", "index", "purposes", "issued_at", "expires_at", "revoked_at",
        }  # fmt: skip

    def test_erasure_revokes_it(self, issued: Path, photos: Path) -> None:
        call("subject", "erase", "account P001", "--yes")
        call("credential", "status-list")
        code = ("--credential", issued / "credential.png", "--holder", issued / "holder.png")
        assert call("verify", *code, photos / "P001-casual.jpg").fault.endswith("[credential_revoked]")

    def test_an_unknown_id(self, place: Path) -> None:
        assert call("credential", "revoke", "00" * 16).fault.endswith("[credential_unknown]")
        assert call("credential", "revoke", "carol").fault.endswith("[input_invalid]")

    def test_an_installation_without_a_name_issues_nothing(self, tmp_path: Path, photos: Path) -> None:
        call("init", "--folder", tmp_path)
        assert "name the issuer" in call("credential", "issuer", "--folder", tmp_path).fault


def issue(place: Path, photos: Path, *options: str) -> Answer:
    return call(
        "credential", "issue", "account P001", photos / "P001-portrait.jpg", "--consent", place / "consent.txt",
        "--out", place / "credential.png", *options,
    )  # fmt: skip


def test_no_secret_is_shown_twice(place: Path, photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What was handed out is in no later output, error or log."""
    claim = claim_of(place, photos)
    secret = claim.read_text().strip()
    later = [
        call("verify", "--claim", claim, photos / "P001-casual.jpg", "--json"),
        call("verify", "--claim", claim, photos / "P003-casual.jpg"),
        call("verify", "--claim", claim, photos / "notes.txt"),
        call("subject", "export", "account P001"),
        call("audit", "export"),
        call("subject", "erase", "account P001", "--yes"),
    ]
    assert not any(secret in answer.out + answer.err for answer in later)
    assert tuple(capfd.readouterr()) == ("", "")
