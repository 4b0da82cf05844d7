"""Documents in the shell: what they say, what they are worth, and who holds them."""

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.cli import call
from tests.conftest import encoded, pixels
from tests.document.chip.issued import ZONE as ZONE_TEXT
from tests.document.chip.issued import issued
from tests.document.chip.pki import Authority
from visavis.document import PageReader
from visavis.document.mrz import MachineReadableZone, MrzFormat, read_zone
from visavis.document.page import Page

ZONE = read_zone((ZONE_TEXT[:44], ZONE_TEXT[44:]), today=date(2026, 11, 22))


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


class TestChip:
    def test_what_it_says_and_is_worth(self, place: Path) -> None:
        answer = call("document", str(place / "chip"), "--trust", str(place / "trust"))
        assert answer.code == 0
        first, *rest = answer.out.splitlines()
        assert first.startswith("authentic: signed by the state; whether the chip itself was there is not proven")
        assert ["weakest", "link", "liveness"] in [line.split() for line in rest]
        assert ["surname", "ERIKSSON", "signed"] in [line.split() for line in rest]

    def test_nobody_is_believed_by_default(self, place: Path) -> None:
        answer = call("document", str(place / "chip"))
        assert answer.code == 1
        assert answer.out.startswith("not authentic")
        assert "signer unknown" in answer.out
        assert "ERIKSSON" not in answer.out

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

    def test_presence_may_be_required(self, place: Path) -> None:
        answer = call("document", str(place / "chip"), "--trust", str(place / "trust"), "--require", "authentic")
        assert answer.code == 1
        assert "chip presence required" in answer.out


class TestPage:
    """The photo shows what is set here."""

    @pytest.fixture(autouse=True)
    def reader(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def read(*_: object, today: date) -> Page:
            self.today = today
            return Page((), self.zone, np.zeros((8, 6, 3), np.uint8))

        self.zone: MachineReadableZone = ZONE
        monkeypatch.setattr(PageReader, "read", read)

    @pytest.mark.parametrize(("form", "code"), [(MrzFormat.TD3, 0), (MrzFormat.MRV_A, 1), (MrzFormat.MRV_B, 1)])
    def test_a_visa_is_not_what_was_asked_for(self, place: Path, form: MrzFormat, code: int) -> None:
        self.zone = replace(ZONE, format=form)
        answer = call("document", str(place / "P001.jpg"), "--json")
        told = json.loads(answer.out)["document"]["links"]["reading"]
        assert (answer.code, told["reasons"]) == (code, ["visa"] if code else [])

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

    def test_a_chip_that_is_not_whole(self, place: Path) -> None:
        answer = call("document", str(place / "chip" / "0.bin"), "--json")
        assert answer.code == 3
        assert json.loads(answer.out)["error"]["code"] == "chip_incomplete"

    def test_a_folder_without_anything(self, tmp_path: Path) -> None:
        assert call("document", str(tmp_path)).code == 3

    def test_a_trust_folder_that_is_not_there(self, place: Path, tmp_path: Path) -> None:
        answer = call("document", str(place / "chip"), "--trust", str(tmp_path / "none"))
        assert answer.code == 3

    def test_a_photo_of_no_document(self, place: Path) -> None:
        answer = call("document", str(place / "P001.jpg"), "--json")
        told = json.loads(answer.out)["document"]
        assert answer.code == 2
        assert told["links"]["reading"]["status"] == "inconclusive"
        assert told["links"]["reading"]["reasons"]
