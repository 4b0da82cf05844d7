"""Documents in the shell: what they say, what they are worth, and who holds them."""

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.cli import Answer, call
from tests.conftest import encoded, pixels
from tests.document.chip.issued import ZONE as ZONE_TEXT
from tests.document.chip.issued import issued
from tests.document.chip.pki import Authority
from visavis.cli.document import _ADVICE
from visavis.decision.document import UNCONFIRMED
from visavis.document import PageReader
from visavis.document.mrz import MachineReadableZone, MrzFormat, read_zone
from visavis.document.page import Page, PageReason

ZONE = read_zone((ZONE_TEXT[:44], ZONE_TEXT[44:]), today=date(2026, 11, 22))
SPECIMEN = Path(__file__).parents[2] / "docs" / "specimen.jpg"
PORTRAIT = np.zeros((8, 6, 3), np.uint8)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`chip/` with the files of a chip, `trust/` with its state's certificate, and photos of its holder and of somebody else."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "chip").mkdir()
    for number, data in enumerate(issued().files()):
        (folder / "chip" / f"{number}.bin").write_bytes(data)
    (folder / "trust").mkdir()
    (folder / "trust" / "ut.cer").write_bytes(Authority.make(country="UT").data)
    for name in ("P001", "P005"):
        (folder / f"{name}.jpg").write_bytes(encoded(pixels(name, "amateur_selfie", 900), "JPEG"))
    return folder


def rows(answer: Answer) -> list[str]:
    """The lines, with single spaces."""
    return [" ".join(line.split()) for line in answer.out.splitlines()]


class TestChip:
    def test_what_it_says_and_is_worth(self, place: Path) -> None:
        answer = call("document", str(place / "chip"), "--trust", str(place / "trust"))
        assert answer.code == 0
        first, *rest = answer.out.splitlines()
        assert first.startswith("authentic: signed by the state; whether the chip itself was there is not proven")
        assert ["weakest", "link", "liveness"] in [line.split() for line in rest]
        assert ["surname", "ERIKSSON", "signed"] in [line.split() for line in rest]
        assert not [line for line in rest if "optional_data_2" in line]

    def test_what_it_has_besides_the_zone_is_said_too(self, place: Path) -> None:
        answer = call("document", place / "chip", "--trust", place / "trust")
        assert {"full_name ANNA MARIA ERIKSSON signed", "issuing_authority UTOPIA signed"} <= set(rows(answer))
        assert "personal_number" not in answer.out
        answer = call("document", place / "chip", "--trust", place / "trust", "--json", "--probe", place / "P001.jpg")
        fields = answer.json["document"]["fields"]
        assert fields["full_name"] == {"value": "ANNA MARIA ERIKSSON", "standing": "signed"}
        assert fields["optional_data_2"]["value"] is None

    def test_without_a_person_there_is_no_decision(self, place: Path) -> None:
        answer = call("document", place / "chip", "--trust", place / "trust", "--json")
        assert answer.json.keys() == {"holds", "document", "pages"}
        assert (answer.json["holds"], answer.json["pages"]) == (True, [])

    def test_nobody_is_believed_by_default(self, place: Path) -> None:
        answer = call("document", str(place / "chip"))
        assert answer.code == 1
        assert answer.out.startswith("not authentic")
        assert "signer unknown" in answer.out
        assert "ERIKSSON" not in answer.out
        assert "surname" not in answer.out
        assert "visavis trust add" in answer.err

    def test_the_hint_is_for_who_believes_nobody(self, place: Path, tmp_path: Path) -> None:
        (tmp_path / "xy.cer").write_bytes(Authority.make(country="XY").data)
        answer = call("document", place / "chip", "--trust", tmp_path)
        assert (answer.code, "signer unknown" in answer.out, answer.err) == (1, True, "")

    def test_one_that_was_changed(self, place: Path, tmp_path: Path) -> None:
        for number, data in enumerate(issued().files()):
            (tmp_path / f"{number}.bin").write_bytes(data.replace(b"ERIKSSON", b"ERIKSSOM"))
        answer = call("document", str(tmp_path), "--trust", str(place / "trust"), "--json")
        assert answer.code == 1
        told = json.loads(answer.out)["document"]
        assert told["links"]["authenticity"] == {"status": "failed", "reasons": ["group_altered"]}

    @pytest.mark.parametrize(("person", "code", "outcome"), [("P001", 0, "match"), ("P005", 1, "no_match")])
    def test_who_holds_it(self, place: Path, person: str, code: int, outcome: str) -> None:
        probe = str(place / f"{person}.jpg")
        answer = call("document", str(place / "chip"), "--trust", str(place / "trust"), "--probe", probe, "--json")
        told = json.loads(answer.out)
        assert (answer.code, told["outcome"]) == (code, outcome)
        assert bool(told["document"]["fields"]) == (outcome == "match")

    def test_only_what_is_asked_for_is_said(self, place: Path) -> None:
        answer = call("document", str(place / "chip"), "--trust", str(place / "trust"), "--field", "over_18", "--json")
        assert json.loads(answer.out)["document"]["fields"] == {"over_18": {"value": True, "standing": "signed"}}
        assert "1974" not in answer.out

    def test_what_is_asked_for_is_said_though_it_is_empty(self, place: Path) -> None:
        asked = ("--field", "over_18", "--field", "over_120", "--field", "address")
        answer = call("document", place / "chip", "--trust", place / "trust", *asked)
        assert rows(answer)[-3:] == ["over_18 yes signed", "over_120 no signed", "address - signed"]

    def test_presence_cannot_be_required_since_nothing_challenges_the_chip(self, place: Path) -> None:
        assert "--require" in call("document", place / "chip", "--require", "authentic").wrong_use

    def test_one_that_is_refused_is_compared_with_nobody_and_that_is_said(self, place: Path) -> None:
        answer = call("document", place / "chip", "--probe", place / "P001.jpg")
        assert answer.code == 1
        assert rows(answer)[-1] == "inconclusive: nobody was compared, since the document was not authentic"


class TestPage:
    """The photo shows what is set here."""

    @pytest.fixture(autouse=True)
    def reader(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def read(*_: object, today: date) -> Page:
            self.today = today
            return self.others.pop(0) if self.others else Page((), self.zone, PORTRAIT)

        self.zone: MachineReadableZone = ZONE
        self.others: list[Page] = []
        monkeypatch.setattr(PageReader, "read", read)

    @pytest.mark.parametrize(("form", "code"), [(MrzFormat.TD3, 0), (MrzFormat.MRV_A, 1), (MrzFormat.MRV_B, 1)])
    def test_a_visa_is_not_what_was_asked_for(self, place: Path, form: MrzFormat, code: int) -> None:
        self.zone = replace(ZONE, format=form)
        answer = call("document", str(place / "P001.jpg"), "--json")
        told = json.loads(answer.out)["document"]["links"]["reading"]
        assert (answer.code, told["reasons"]) == (code, ["visa"] if code else [])

    def test_one_without_the_chip_that_is_asked_for(self, place: Path) -> None:
        asked = ("--require", "authentic_presence_not_proven", "--probe", place / "P001.jpg")
        answer = call("document", place / "P001.jpg", *asked)
        lines = rows(answer)
        assert answer.code == 1
        assert lines[:2] == ["not taken: its chip is asked for", "a page: nothing shows that it is genuine"]
        assert "authenticity not enough; the chip is asked for" in lines
        assert lines[-1] == "inconclusive: nobody was compared, since the document was not taken: its chip is asked for"

    def test_one_that_has_expired(self, place: Path) -> None:
        self.zone = replace(ZONE, expiry_date=replace(ZONE.expiry_date, value=date(2020, 1, 1)))
        answer = call("document", place / "P001.jpg")
        assert (answer.code, rows(answer)[0]) == (1, "not taken: it has expired")
        assert "expiry expired" in rows(answer)
        answer = call("document", place / "P001.jpg", "--expired")
        assert (answer.code, rows(answer)[0]) == (0, "a page: nothing shows that it is genuine")
        assert "expiry expired; taken all the same" in rows(answer)

    def test_what_is_wrong_with_a_photo_is_said_of_it(self, place: Path) -> None:
        bad = Page((PageReason.BLURRED, PageReason.CUT_EDGES))
        pages = [{"file": "P001.jpg", "reasons": []}, {"file": "P005.jpg", "reasons": ["blurred", "cut_edges"]}]
        given = ("document", place / "P001.jpg", place / "P005.jpg")
        self.others = [Page((), ZONE, PORTRAIT), bad]
        answer = call(*given)
        assert answer.code == 0
        assert {f"P005.jpg: {_ADVICE['blurred']}", f"P005.jpg: {_ADVICE['cut_edges']}"} <= set(rows(answer))
        assert "P001.jpg" not in answer.out
        self.others = [Page((), ZONE, PORTRAIT), bad]
        told = call(*given, "--json").json
        assert (told["holds"], told["pages"]) == (True, pages)
        self.others = [Page((PageReason.NO_ZONE,)), bad]
        told = call(*given, "--json", "--probe", place / "P001.jpg").json
        assert (told["outcome"], told["pages"][1]) == ("inconclusive", pages[1])

    def test_the_sides_of_a_card_lack_nothing(self, place: Path) -> None:
        front = Page((PageReason.NO_ZONE,), None, PORTRAIT)
        back = Page((PageReason.NO_PORTRAIT,), replace(ZONE, format=MrzFormat.TD1))
        self.others = [front, back]
        answer = call("document", place / "P001.jpg", place / "P005.jpg", "--json")
        assert (answer.code, [page["reasons"] for page in answer.json["pages"]]) == (0, [[], []])

    def test_two_documents(self, place: Path) -> None:
        number = replace(ZONE.document_number, value="OTHER")
        self.others = [Page((), ZONE, PORTRAIT), Page((), replace(ZONE, document_number=number), PORTRAIT)]
        answer = call("document", place / "P001.jpg", place / "P005.jpg")
        assert (answer.code, rows(answer)[0]) == (2, "not read for certain")
        assert _ADVICE["several_documents"] in rows(answer)

    def test_there_is_advice_for_every_reason(self) -> None:
        assert _ADVICE.keys() == {*(reason.value for reason in PageReason), UNCONFIRMED}

    @pytest.mark.skipif(sys.platform == "win32", reason="a process has no time zone of its own")
    @pytest.mark.parametrize(("zone", "code"), [("WEST+12", 0), ("EAST-14", 1)])
    def test_today_is_the_machines(self, place: Path, monkeypatch: pytest.MonkeyPatch, zone: str, code: int) -> None:
        """In the west the document's last day has not gone by, at whatever time this runs."""
        yesterday_in_the_east = (datetime.now(UTC) + timedelta(hours=14) - timedelta(days=1)).date()
        self.zone = replace(ZONE, expiry_date=replace(ZONE.expiry_date, value=yesterday_in_the_east))
        with monkeypatch.context() as there:
            there.setenv("TZ", zone)
            time.tzset()
            answer = call("document", str(place / "P001.jpg"))
        time.tzset()
        assert answer.code == code
        assert (self.today > yesterday_in_the_east) == bool(code)


class TestFaults:
    def test_a_field_that_there_is_not(self, place: Path) -> None:
        answer = call("document", str(place / "chip"), "--field", "colour")
        assert answer.code == 3
        assert "[input_invalid]" in answer.err

    @pytest.mark.parametrize(
        ("name", "data", "code"),
        [
            ("notes.txt", b"no photo\n", "image_unsupported"),
            ("DG11.bin", b"", "image_empty"),
            ("sod.bin", b"\x77\x82\x10\x00\x30", "chip_malformed"),
            ("again.bin", issued().sod, "chip_malformed"),
            ("cut.jpg", encoded(pixels("P001", "amateur_selfie", 300), "JPEG")[:900], "image_truncated"),
        ],
    )
    def test_the_file_is_named(self, place: Path, tmp_path: Path, name: str, data: bytes, code: str) -> None:
        good = [each for each in issued().files() if name == "again.bin" or each[:1] != data[:1]]
        for number, each in enumerate(good):
            (tmp_path / f"{number}.bin").write_bytes(each)
        (tmp_path / name).write_bytes(data)
        answer = call("document", tmp_path, "--trust", place / "trust", "--json")
        fault = answer.json["error"]
        assert (answer.code, answer.json["holds"], fault["code"], fault["parameter"]) == (3, None, code, name)
        assert answer.fault == f"visavis: {fault['message']} [{code}]"
        assert fault["message"].startswith(f"{name}: ")

    @pytest.mark.parametrize(("number", "data"), [(1, b"\x61\x04\x5f\x1f\x01A"), (2, b"\x75\x03\x01\x01\x00")])
    def test_the_file_is_named_that_the_state_signed_as_it_is(
        self, place: Path, tmp_path: Path, number: int, data: bytes
    ) -> None:
        groups = issued().groups | {number: data}
        for name, each in ({"sod": Authority.make(country="UT").signer().sod(groups)} | groups).items():
            (tmp_path / f"{name}.bin").write_bytes(each)
        answer = call("document", tmp_path, "--trust", place / "trust")
        assert answer.fault.startswith(f"visavis: {number}.bin: ")
        assert answer.fault.endswith(" [chip_malformed]")

    def test_the_photo_of_the_person_is_named(self, place: Path, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("no photo")
        probes = ("--probe", place / "P001.jpg", "--probe", tmp_path / "notes.txt")
        answer = call("document", place / "chip", "--trust", place / "trust", *probes, "--json")
        assert (answer.code, answer.json["outcome"], answer.json["error"]["parameter"]) == (3, None, "notes.txt")
        assert answer.fault.startswith("visavis: notes.txt: the file is text")

    def test_more_sides_than_a_document_has(self, place: Path) -> None:
        answer = call("document", *[place / "P001.jpg"] * 3)
        assert "2 photos at most" in answer.fault
        assert "[input_invalid]" in answer.fault

    def test_a_chip_that_is_not_whole(self, place: Path) -> None:
        answer = call("document", str(place / "chip" / "0.bin"), "--json")
        assert answer.code == 3
        assert json.loads(answer.out)["error"]["code"] == "chip_incomplete"

    def test_a_folder_without_anything(self, tmp_path: Path) -> None:
        assert "no file is in this folder" in call("document", tmp_path).fault

    def test_a_folder_with_too_much(self, tmp_path: Path) -> None:
        for number in range(21):
            (tmp_path / str(number)).touch()
        assert "21 files are in this folder" in call("document", tmp_path).fault

    @pytest.mark.parametrize("option", ["--trust", "--folder"])
    @pytest.mark.parametrize("shown", ["chip", "P001.jpg"])
    def test_a_folder_that_is_not_there(self, place: Path, tmp_path: Path, option: str, shown: str) -> None:
        answer = call("document", place / shown, option, tmp_path / "none")
        assert "there is no such folder" in answer.fault

    def test_a_photo_of_no_document(self, place: Path) -> None:
        answer = call("document", str(place / "P001.jpg"), "--json")
        told = json.loads(answer.out)["document"]
        assert answer.code == 2
        assert told["links"]["reading"]["status"] == "inconclusive"
        assert told["links"]["reading"]["reasons"]
        assert answer.json["holds"] is False

    def test_a_photo_of_no_document_says_nothing(self, place: Path) -> None:
        answer = call("document", place / "P001.jpg", "--field", "surname")
        assert rows(answer)[0] == "not read"
        assert rows(answer)[-1] == f"P001.jpg: {_ADVICE['no_document']}"
        assert "genuine" not in answer.out

    def test_one_beside_a_document(self, place: Path) -> None:
        answer = call("document", SPECIMEN, place / "P001.jpg")
        assert (answer.code, rows(answer)[0]) == (0, "a page: nothing shows that it is genuine")
        assert f"P001.jpg: {_ADVICE['no_document']}" in rows(answer)
