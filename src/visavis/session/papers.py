"""An identity document, as a person shows it: photos of its sides, the files of its chip, or both. In this order:

(1) Where the chip is to prove that it is there, it is challenged. Nothing of the challenge is kept: it comes from the operator's
    key, the session and the time.
(2) The client reads the chip, has it answer, takes photos, and sends what it has.
(3) The document is read, one of a session at a time. What is wrong with it is told before anybody is filmed; nothing of it is
    kept.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

from visavis.decision import DocumentReport, DocumentTerms, judge_document
from visavis.document import Document, PageReader, Presence, PresenceChallenge, Trust, is_unread_group, read_chip
from visavis.document.page import Page
from visavis.errors import ChipChallengeExpired, InputInvalid, Overloaded, RateLimited, SessionClosed
from visavis.image import Limits, Photo
from visavis.session.hosted import Desk
from visavis.session.inquiry import OPEN, Against, AnySession, Wanted

PAGES_MAX, CHIP_FILES_MAX, COMMANDS_MAX = 2, 10, 10
"""Of one document: its sides, the files of its chip, and the commands that the chip answers."""
CHALLENGE_LIFE = timedelta(minutes=10)
PAGE_LIMITS = Limits(max_pixels=25_000_000)
PLACE_S = 10.0
"""For how long a place to read a page is waited for."""
_AGAIN_S = 5.0
"""After which who was turned away may try again."""
_CHALLENGE = re.compile(r"([0-9]{1,9})\.([0-9]{1,12})")


@dataclass(frozen=True, slots=True, repr=False)
class ChipAnswer:
    """What a chip answered to a challenge. challenge: as it was given out. active: its signature. chip: its answers to the
    commands, status words included."""

    challenge: str
    active: bytes | None = None
    chip: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Papers:
    """What is shown of a document. pages: photos, one a side. chip: its files, in any order; those that no decision needs are
    left out, so that nothing reads or keeps them."""

    pages: tuple[bytes, ...] = ()
    chip: tuple[bytes, ...] = ()
    answer: ChipAnswer | None = None

    def __post_init__(self) -> None:
        if len(self.pages) > PAGES_MAX or len(self.chip) > CHIP_FILES_MAX:
            raise InputInvalid(
                f"a document has {PAGES_MAX} sides that are looked at, and its chip {CHIP_FILES_MAX} files at most"
            )
        if self.answer is not None and len(self.answer.chip) > COMMANDS_MAX:
            raise InputInvalid(f"a chip answers {COMMANDS_MAX} commands at most")
        object.__setattr__(self, "chip", tuple(file for file in self.chip if not is_unread_group(file)))

    def __repr__(self) -> str:
        return "<Papers>"

    def kept(self) -> dict[str, bytes]:
        """What evidence is made of, by what it is."""
        sides = {f"document-{number}": page for number, page in enumerate(self.pages, 1)}
        return sides | {f"chip-{number}": file for number, file in enumerate(self.chip, 1)}


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """A document that was read, and what it was read from."""

    document: Document
    papers: Papers


@dataclass(frozen=True, slots=True)
class Documents:
    """What documents are read with. trust: the states whose signatures are believed, as of now. places: for reading pages at a
    time, which takes long, so that others are served besides."""

    reader: PageReader
    trust: Callable[[], Trust]
    places: threading.BoundedSemaphore = field(default_factory=threading.BoundedSemaphore)
    _in_work: set[str] = field(default_factory=set, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @contextmanager
    def alone(self, session_id: str) -> Iterator[None]:
        """Nothing else is read for this session for the length of the block. Raises RateLimited where something is already."""
        with self._lock:
            if session_id in self._in_work:
                error = RateLimited("a document of this session is being looked at; wait for the answer")
                error.retry_after_s = _AGAIN_S
                raise error
            self._in_work.add(session_id)
        try:
            yield
        finally:
            with self._lock:
                self._in_work.remove(session_id)

    def read(self, photo: Photo, *, today: date) -> Page:
        """Read a page as soon as there is a place. Raises Overloaded where none comes free soon."""
        if not self.places.acquire(timeout=PLACE_S):
            error = Overloaded("more documents are submitted than this service can read")
            error.retry_after_s = _AGAIN_S
            raise error
        try:
            return self.reader.read(photo, today=today)
        finally:
            self.places.release()


def challenge_chip(desk: Desk, session: AnySession) -> tuple[str, PresenceChallenge]:
    """Challenge the chip of the document that is shown to a session (1). Returns the challenge's name and the challenge.

    Raises InputInvalid where the session is about no document, SessionClosed where it takes none any more.
    """
    terms_of(session)
    _require_open(session)
    name = f"{desk.vault.keys.current}.{int(desk.vault.clock().timestamp())}"
    return name, _challenge(desk, session, name)


def read_papers(desk: Desk, session: AnySession, papers: Papers) -> Shown:
    """Read the document (3).

    Raises InputInvalid where the session is about none, or nothing is shown; RateLimited while another one is read for the
    session; Overloaded; an ImageError for a photo; a DocumentError for files of a chip that cannot be read.
    """
    terms_of(session)
    documents = _documents(desk)
    if not papers.pages and not papers.chip:
        raise InputInvalid("submit photos of the document, or the files of its chip")
    now = desk.vault.clock()
    with documents.alone(session.id):
        chip = None
        if papers.chip:
            answer = papers.answer
            presence = None
            if answer is not None:
                presence = Presence(_challenge(desk, session, answer.challenge), answer.active, answer.chip)
            chip = read_chip(papers.chip, trust=documents.trust(), now=now, presence=presence)
        photos = [Photo(page, limits=PAGE_LIMITS) for page in papers.pages]
        pages = [documents.read(photo, today=now.date()) for photo in photos]
    return Shown(Document.of(pages, chip), papers)


def look_at_papers(desk: Desk, session: AnySession, papers: Papers) -> tuple[DocumentReport, Document]:
    """What a document that is shown would be worth to the session, and the document.

    Raises what `read_papers` does, and SessionClosed where the session takes none any more.
    """
    _require_open(session)
    document = read_papers(desk, session, papers).document
    return judge_document(document, terms_of(session), today=today_of(desk)), document


def today_of(desk: Desk) -> date:
    """The day by which documents are judged: that of the last time zone, UTC-12, since nobody knows where the person is.

    So a document is expired when its last day is over everywhere, and who is told to be over an age is so everywhere.
    """
    return (desk.vault.clock() - timedelta(hours=12)).date()


def _require_open(session: AnySession) -> None:
    if session.status not in OPEN:
        raise SessionClosed(f"the session is {session.status.value}; no document is looked at any more")


def terms_of(session: AnySession) -> DocumentTerms:
    """What a session asks of a document. Raises InputInvalid for one that is about none."""
    wanted = session.wanted
    if not isinstance(wanted, Wanted) or wanted.against is not Against.DOCUMENT or wanted.document is None:
        raise InputInvalid("this session is about no identity document")
    return wanted.document


def _documents(desk: Desk) -> Documents:
    if desk.documents is None:
        raise InputInvalid("no identity documents are read here")
    return desk.documents


def _challenge(desk: Desk, session: AnySession, name: str) -> PresenceChallenge:
    """The challenge of that name. Raises ChipChallengeExpired for one that was not given out in the last minutes."""
    found, now, keys = _CHALLENGE.fullmatch(name), desk.vault.clock().timestamp(), desk.vault.keys
    fresh = found is not None and -1 <= now - int(found[2]) <= CHALLENGE_LIFE.total_seconds()
    if found is None or not fresh or not 1 <= int(found[1]) <= keys.current:
        raise ChipChallengeExpired(
            "the chip answered no challenge of the last ten minutes; ask for a new one, and read it again"
        )
    return PresenceChallenge(keys.mac(int(found[1]), f"visavis chip v1 {session.id} {name}".encode()))
