"""What is shown of a document: read one at a time, by the last day anywhere, and nothing of it that no decision needs."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import cast

import numpy as np
import pytest

from tests.conftest import encoded
from tests.document.chip.issued import issued
from tests.session import Clock, Person, Prepared
from visavis.decision import DocumentTerms
from visavis.document import Document, PageReader, Trust
from visavis.document.page import Page, PageReason
from visavis.errors import ChipMalformed, Overloaded, RateLimited
from visavis.image import Photo
from visavis.session import (
    Against,
    Capture,
    Desk,
    Documents,
    LivenessPolicy,
    Models,
    Papers,
    SessionStatus,
    Vault,
    VerificationSession,
    Wanted,
    expire_sessions,
    look_at_papers,
    read_papers,
    submit,
)
from visavis.session.hosted import LEASE, open_session
from visavis.session.papers import PAGES_MAX, PLACE_S
from visavis.session.submission import READING_LEASE

SIDE = encoded(np.zeros((60, 80, 3), np.uint8), "PNG")
SIDES = Papers(pages=(SIDE, SIDE))
UNREAD = [bytes([tag, 1, 0]) for tag in (0x63, 0x76, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6D, 0x70)]
"""DG3 to DG10, DG13 and DG16."""


@dataclass
class Reader:
    """Reads no page before it may."""

    begun: threading.Event = field(default_factory=threading.Event)
    may: threading.Event = field(default_factory=threading.Event)
    days: list[date] = field(default_factory=list)

    def read(self, photo: Photo, *, today: date) -> Page:
        self.days.append(today)
        self.begun.set()
        assert self.may.wait(20)
        return Page((PageReason.NO_DOCUMENT,))


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def desk(memory_vault: Vault, reader: Reader) -> Desk:
    documents = Documents(cast("PageReader", reader), Trust.empty)
    signer = memory_vault.audit_signer
    return Desk(memory_vault, Models(Prepared()), "https://verify.example", signer, documents=documents)


@pytest.fixture
def apart() -> Iterator[Callable[..., Future[object]]]:
    """Has something done meanwhile."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


def opened(desk: Desk, *fields: str) -> tuple[VerificationSession, str]:
    terms, never = DocumentTerms(fields=fields), LivenessPolicy.NOT_CHECKED
    wanted = Wanted("door", "document-1e-4", Against.DOCUMENT, liveness=never, document=terms)
    return open_session(desk, application="shop", wanted=wanted)


class TestPlaces:
    def test_one_document_of_a_session_is_read_at_a_time(
        self, desk: Desk, reader: Reader, apart: Callable[..., Future[object]]
    ) -> None:
        (session, secret), (other, _) = opened(desk), opened(desk)
        first = apart(look_at_papers, desk, session, SIDES)
        assert reader.begun.wait(10)
        for again in (
            lambda: look_at_papers(desk, session, SIDES),
            lambda: read_papers(desk, session, SIDES),
            lambda: submit(desk, session.id, secret, Capture([Person(1).photo()], papers=SIDES)),
        ):
            with pytest.raises(RateLimited, match="being looked at") as refused:
                again()
            assert refused.value.retry_after_s
        second = apart(look_at_papers, desk, other, SIDES)  # which waits for the place
        reader.may.set()
        for done in (first, second):
            assert done.exception(10) is None
        assert len(reader.days) == 4
        look_at_papers(desk, session, SIDES)

    def test_also_after_one_that_cannot_be_read(self, desk: Desk) -> None:
        session, _ = opened(desk)
        for _ in range(2):
            with pytest.raises(ChipMalformed):
                look_at_papers(desk, session, Papers(chip=(b"x",)))

    def test_who_finds_no_place_is_turned_away(
        self, desk: Desk, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.session.papers.PLACE_S", 0.05)
        assert desk.documents is not None
        session, secret = opened(desk)
        with desk.documents.places:
            for _ in range(2):
                with pytest.raises(Overloaded) as refused:
                    look_at_papers(desk, session, SIDES)
                assert refused.value.retry_after_s
            with pytest.raises(Overloaded):
                submit(desk, session.id, secret, Capture([Person(1).photo()], papers=SIDES))
        assert reader.days == []
        reader.may.set()
        after = submit(desk, session.id, secret, Capture([Person(1).photo()], papers=SIDES))
        assert (after.status, after.last_error) == (SessionStatus.REQUIRES_INPUT, "no_document")

    def test_no_submission_ends_while_it_waits(
        self, desk: Desk, reader: Reader, clock: Clock, apart: Callable[..., Future[object]]
    ) -> None:
        session, secret = opened(desk)
        done = apart(submit, desk, session.id, secret, Capture([Person(1).photo()], papers=SIDES))
        assert reader.begun.wait(10)
        clock.now += LEASE + timedelta(seconds=PAGES_MAX * PLACE_S)
        expire_sessions(desk.vault)
        reader.may.set()
        after = done.result(10)
        assert isinstance(after, type(session))
        assert (after.status, after.last_error) == (SessionStatus.REQUIRES_INPUT, "no_document")
        assert timedelta(seconds=PAGES_MAX * PLACE_S) < READING_LEASE - LEASE


class TestDays:
    """The specimen's last day is 15 April 2032, its holder's birthday 12 August."""

    def looked(self, desk: Desk, clock: Clock, now: datetime) -> tuple[str, ...]:
        clock.now = now
        assert desk.documents is not None
        trusting = replace(desk, documents=replace(desk.documents, trust=lambda: issued().trust))
        session, _ = opened(trusting)
        report, document = look_at_papers(trusting, session, Papers(chip=tuple(issued().files())))
        assert isinstance(document, Document)
        return report.reasons

    def test_a_document_is_good_until_its_last_day_is_over_everywhere(self, desk: Desk, clock: Clock) -> None:
        assert self.looked(desk, clock, datetime(2032, 4, 16, 11, 59, tzinfo=UTC)) == ()
        assert self.looked(desk, clock, datetime(2032, 4, 16, 12, tzinfo=UTC)) == ("document_expired",)


class TestWhatIsNeeded:
    def test_the_rest_is_left_out(self) -> None:
        needed = issued().files()
        papers = Papers((SIDE,), (UNREAD[0], *needed, UNREAD[1]))
        assert papers.chip == tuple(needed)
        assert list(papers.kept().values()) == [SIDE, *needed]

    @pytest.mark.parametrize("file", UNREAD)
    def test_each_group_that_is_not_read(self, file: bytes) -> None:
        assert Papers(chip=(file,)).chip == ()

    @pytest.mark.parametrize(
        "file", [b"", b"x", *(bytes([tag]) for tag in (0x60, 0x77, 0x61, 0x75, 0x6B, 0x6C, 0x6E, 0x6F))]
    )
    def test_what_is_read_or_is_no_group_stays(self, file: bytes) -> None:
        assert Papers(chip=(file,)).chip == (file,)
