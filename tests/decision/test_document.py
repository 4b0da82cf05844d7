"""What a document is worth: each link of the chain, and the weakest."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from tests.document.chip.signed import passive
from visavis.decision import (
    DocumentReport,
    DocumentTerms,
    Finding,
    Link,
    LinkStatus,
    judge_document,
)
from visavis.document import Authenticity, Chip, Document, FieldStanding, Source, fields_of
from visavis.document.chip import ReadingNote
from visavis.document.mrz import MachineReadableZone, MrzFormat, Standing, read_zone
from visavis.document.page import Page, PageReason
from visavis.errors import InputInvalid

TODAY = date(2012, 4, 15)
"""The last day on which Doc 9303's example of a passport is valid."""
ZONE = read_zone(
    ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"), today=TODAY
)
CARD = replace(ZONE, format=MrzFormat.TD1)
PORTRAIT = np.zeros((8, 6, 3), np.uint8)
PASSED, NOT_CHECKED = Finding(LinkStatus.PASSED), Finding(LinkStatus.NOT_CHECKED)


def page(*reasons: PageReason, zone: MachineReadableZone | None = ZONE, portrait: bool = True) -> Page:
    return Page(reasons, zone, PORTRAIT.copy() if portrait else None)


def chip(*reasons: str, present: bool = False, zone: MachineReadableZone = ZONE) -> Chip:
    if reasons:
        return Chip(passive(), False, reasons, ())
    return Chip(passive(), present, (), () if present else (ReadingNote.PRESENCE_NOT_PROVEN.value,), zone, PORTRAIT)


def judged(document: Document, today: date = TODAY, **terms: Any) -> DocumentReport:
    return judge_document(document, DocumentTerms(**terms), today=today)


def weakest(report: DocumentReport, *, liveness: Finding = PASSED, face: Finding = PASSED) -> Link:
    return report.weakest(report.chain(liveness=liveness, face=face))


class TestPage:
    def test_it_holds_and_is_no_proof(self) -> None:
        report = judged(Document.of([page()]))
        assert report.holds
        assert (report.verdict, report.reasons) == (Authenticity.PAGE_ONLY, ())
        assert weakest(report) is Link.AUTHENTICITY

    def test_why_it_could_not_be_read_is_told(self) -> None:
        report = judged(Document.of([page(PageReason.GLARE, zone=None)]))
        assert not report.holds
        assert report.reading == Finding(LinkStatus.INCONCLUSIVE, ("glare",))
        assert weakest(report) is Link.READING

    def test_two_sides_of_a_card_are_one_document(self) -> None:
        front = page(PageReason.NO_ZONE, zone=None)
        back = page(PageReason.NO_PORTRAIT, portrait=False, zone=CARD)
        report = judged(Document.of([front, back]))
        assert report.holds
        assert report.authenticity == Finding(LinkStatus.PASSED, ("sides_not_compared",))
        assert judged(Document.of([front])).reasons == ("no_zone",)
        assert judged(Document.of([back])).reasons == ("no_portrait",)

    def test_a_card_of_ones_own_before_the_passport_of_another_does_not_help(self) -> None:
        """Zone and portrait of a page are of one photo, and a second portrait is refused."""
        own, stolen = page(PageReason.NO_ZONE, zone=None), page()
        for pages in ([own, stolen], [stolen, own]):
            document = Document.of(pages)
            assert document.portrait is stolen.portrait
            assert judged(document).reasons == ("several_documents",)
        headless = page(PageReason.NO_PORTRAIT, portrait=False)
        assert Document.of([own, headless]).portrait is None

    def test_a_ghost_image_on_the_back_of_a_card_is_not_its_portrait(self) -> None:
        front, back = page(PageReason.NO_ZONE, zone=None), page(zone=CARD)
        document = Document.of([back, front])
        assert document.portrait is front.portrait
        assert judged(document).holds

    @pytest.mark.parametrize("form", [MrzFormat.MRV_A, MrzFormat.MRV_B])
    def test_a_visa_is_no_identity_document(self, form: MrzFormat) -> None:
        report = judged(Document.of([page(zone=replace(ZONE, format=form))]))
        assert report.reading == Finding(LinkStatus.FAILED, ("visa",))

    def test_a_number_of_fillers_confirms_nothing(self) -> None:
        empty = replace(ZONE, document_number=replace(ZONE.document_number, value=None))
        assert judged(Document.of([page(zone=empty)])).reasons == ("fields_unconfirmed",)

    def test_each_photo_is_told_its_own_faults(self) -> None:
        front, back = page(PageReason.NO_ZONE, zone=None), page(PageReason.GLARE, PageReason.ZONE_UNREADABLE, zone=None)
        assert Document.of([front]).faults == (("no_zone",),)
        assert Document.of([front, back]).faults == ((), ("glare",))
        assert Document.of([front, front]).faults == (("no_zone",), ("no_zone",))
        assert Document.of([page(PageReason.ZONE_UNREADABLE, zone=None)]).faults == (("zone_unreadable",),)

    def test_two_documents_are_none(self) -> None:
        other = replace(ZONE, document_number=replace(ZONE.document_number, value="L898902C4"))
        report = judged(Document.of([page(), page(zone=other)]))
        assert report.reading == Finding(LinkStatus.INCONCLUSIVE, ("several_documents",))
        assert judged(Document.of([page(), page()])).reasons == ("several_documents",)  # which of two portraits?

    def test_a_field_that_is_not_confirmed_is_not_read(self) -> None:
        doubtful = replace(ZONE, document_number=replace(ZONE.document_number, standing=Standing.UNCHECKED))
        report = judged(Document.of([page(zone=doubtful)]))
        assert report.reading == Finding(LinkStatus.INCONCLUSIVE, ("fields_unconfirmed",))

    def test_a_chip_may_be_required(self) -> None:
        report = judged(Document.of([page()]), authenticity=Authenticity.PRESENCE_NOT_PROVEN)
        assert report.authenticity == Finding(LinkStatus.FAILED, ("chip_required",))

    def test_of_what_is_no_document_nothing_is_said(self) -> None:
        report = judged(Document.of([page(PageReason.NO_DOCUMENT, zone=None, portrait=False)]))
        assert report.authenticity == NOT_CHECKED
        assert weakest(report) is Link.READING

    def test_there_must_be_something(self) -> None:
        with pytest.raises(ValueError, match="from its chip"):
            Document.of([])


class TestChip:
    def test_its_files_alone_may_be_a_copy(self) -> None:
        report = judged(Document.of([], chip()))
        assert report.holds
        assert report.verdict is Authenticity.PRESENCE_NOT_PROVEN
        assert report.authenticity == Finding(LinkStatus.PASSED, ("presence_not_proven",))
        assert weakest(report) is Link.AUTHENTICITY

    def test_its_answer_proves_it(self) -> None:
        report = judged(Document.of([], chip(present=True)))
        assert report.verdict is Authenticity.AUTHENTIC
        assert weakest(report) is Link.FACE
        assert weakest(report, liveness=NOT_CHECKED) is Link.LIVENESS

    def test_presence_may_be_required(self) -> None:
        report = judged(Document.of([], chip()), authenticity=Authenticity.AUTHENTIC)
        assert report.reasons == ("chip_presence_required",)

    def test_what_failed_is_not_read(self) -> None:
        report = judged(Document.of([page()], chip("signature_wrong")))
        assert report.verdict is Authenticity.FAILED
        assert report.reasons == ("signature_wrong",)
        assert report.reading.status is LinkStatus.NOT_CHECKED
        assert weakest(report) is Link.AUTHENTICITY

    def test_a_page_that_says_something_else_fails(self) -> None:
        other = replace(ZONE, document_number=replace(ZONE.document_number, value="L898902C4"))
        assert judged(Document.of([page(zone=other)], chip(present=True))).reasons == ("page_differs_from_chip",)
        assert judged(Document.of([page()], chip())).sources == (Source.PAGE, Source.CHIP)
        misread = replace(other, document_number=replace(other.document_number, standing=Standing.UNCHECKED))
        report = judged(Document.of([page(zone=misread)], chip(present=True)))
        assert report.holds
        assert report.sources == (Source.CHIP,)
        assert report.authenticity.reasons == ("page_not_compared",)


class TestExpiry:
    def test_it_is_valid_on_its_last_day(self) -> None:
        assert judged(Document.of([page()])).expiry == PASSED

    def test_and_not_on_the_next(self) -> None:
        report = judged(Document.of([page()]), date(2012, 4, 16))
        assert report.expiry == Finding(LinkStatus.FAILED, ("document_expired",))
        assert weakest(report) is Link.EXPIRY

    def test_it_may_be_accepted_and_is_told(self) -> None:
        report = judged(Document.of([page()]), date(2012, 4, 16), expired_accepted=True)
        assert report.expiry == Finding(LinkStatus.PASSED, ("document_expired",))

    def test_some_never_expire(self) -> None:
        endless = replace(ZONE, expiry_date=replace(ZONE.expiry_date, value=None))
        assert judged(Document.of([page(zone=endless)]), date(2099, 1, 1)).expiry == PASSED

    def test_a_date_that_is_not_sure_is_none(self) -> None:
        unsure = replace(ZONE, expiry_date=replace(ZONE.expiry_date, standing=Standing.UNCHECKED))
        assert judged(Document.of([page(zone=unsure)])).expiry == Finding(LinkStatus.INCONCLUSIVE, ("expiry_unknown",))


class TestWeakest:
    @pytest.mark.parametrize(
        ("liveness", "face", "link"),
        [
            (Finding(LinkStatus.FAILED), NOT_CHECKED, Link.LIVENESS),
            (PASSED, Finding(LinkStatus.FAILED), Link.FACE),
            (Finding(LinkStatus.INCONCLUSIVE), Finding(LinkStatus.FAILED), Link.FACE),
            (Finding(LinkStatus.INCONCLUSIVE), NOT_CHECKED, Link.LIVENESS),
        ],
    )
    def test_what_failed_comes_before_what_is_open(self, liveness: Finding, face: Finding, link: Link) -> None:
        assert weakest(judged(Document.of([page()])), liveness=liveness, face=face) is link


class TestTerms:
    @pytest.mark.parametrize("fields", [("surname", "surname"), ("colour",), ("over_0",), ("over_121",), ("over_018",)])
    def test_what_no_document_answers_is_refused(self, fields: tuple[str, ...]) -> None:
        with pytest.raises(InputInvalid):
            DocumentTerms(fields=fields)

    def test_a_document_that_failed_is_none_to_ask_for(self) -> None:
        with pytest.raises(InputInvalid):
            DocumentTerms(Authenticity.FAILED)


class TestFields:
    def said(self, document: Document, name: str, today: date = TODAY) -> tuple[Any, FieldStanding]:
        (said,) = fields_of(document, [name], today=today).values()
        return said.value, said.standing

    @pytest.mark.parametrize(
        ("name", "value", "standing"),
        [
            ("document_number", "L898902C3", FieldStanding.CHECKED),
            ("birth_date", "1974-08-12", FieldStanding.CHECKED),
            ("surname", "ERIKSSON", FieldStanding.UNCHECKED),
            ("given_names", "ANNA MARIA", FieldStanding.UNCHECKED),
            ("over_37", True, FieldStanding.CHECKED),
            ("over_38", False, FieldStanding.CHECKED),
            ("full_name", None, FieldStanding.UNCHECKED),
        ],
    )
    def test_of_a_page(self, name: str, value: object, standing: FieldStanding) -> None:
        assert self.said(Document.of([page()]), name) == (value, standing)

    def test_of_a_chip_all_are_signed(self) -> None:
        assert self.said(Document.of([], chip()), "surname") == ("ERIKSSON", FieldStanding.SIGNED)

    def test_an_age_is_reached_on_the_birthday(self) -> None:
        document = Document.of([page()])
        assert self.said(document, "over_38", date(2012, 8, 11))[0] is False
        assert self.said(document, "over_38", date(2012, 8, 12))[0] is True

    def test_an_age_by_a_date_that_is_not_confirmed_is_not_told(self) -> None:
        unsure = replace(ZONE, birth_date=replace(ZONE.birth_date, standing=Standing.UNCHECKED))
        assert self.said(Document.of([page(zone=unsure)]), "over_18") == (None, FieldStanding.UNCHECKED)

    def test_nothing_but_what_was_asked_for_is_told(self) -> None:
        assert set(fields_of(Document.of([page()]), ["over_18"], today=TODAY)) == {"over_18"}

    def test_it_is_silent(self) -> None:
        document = Document.of([page()], chip())
        said = repr((document, fields_of(document, ["surname"], today=TODAY), judged(document)))
        assert "ERIKSSON" not in said
        assert "1974" not in said
