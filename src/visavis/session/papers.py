"""An identity document, as a person shows it: photos of its sides, the files of its chip, or both. In this order:

(1) Where the chip is to prove that it is there, it is challenged. Nothing of the challenge is kept: it comes from the operator's
    key, the session and the time.
(2) The client reads the chip, has it answer, takes photos, and sends what it has.
(3) The document is read. What is wrong with it is told before anybody is filmed; nothing of it is kept.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from visavis.decision import DocumentReport, DocumentTerms, judge_document
from visavis.document import Document, PageReader, Presence, PresenceChallenge, Trust, read_chip
from visavis.errors import InputInvalid, SessionClosed
from visavis.image import Limits, Photo
from visavis.session.hosted import Desk, shown_to
from visavis.session.inquiry import OPEN, Against, AnySession, Wanted

PAGES_MAX, CHIP_FILES_MAX, COMMANDS_MAX = 2, 10, 10
"""Of one document: its sides, the files of its chip, and the commands that the chip answers."""
CHALLENGE_LIFE = timedelta(minutes=10)
PAGE_LIMITS = Limits(max_pixels=25_000_000)
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
    """What is shown of a document. pages: photos, one a side. chip: its files, in any order."""

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


def challenge_chip(desk: Desk, session_id: str, secret: str) -> tuple[str, PresenceChallenge]:
    """Challenge the chip of the document that is shown to a session (1). Returns the challenge's name and the challenge.

    Raises ClientSecretRefused, or InputInvalid where the session is about no document.
    """
    session = shown_to(desk, session_id, secret)
    terms_of(session)
    _require_open(session)
    name = f"{desk.vault.keys.current}.{int(desk.vault.clock().timestamp())}"
    return name, _challenge(desk, session, name)


def read_papers(desk: Desk, session: AnySession, papers: Papers) -> Shown:
    """Read the document (3).

    Raises InputInvalid where the session is about none, or nothing is shown; an ImageError for a photo; a DocumentError for files
    of a chip that cannot be read.
    """
    terms_of(session)
    documents = _documents(desk)
    if not papers.pages and not papers.chip:
        raise InputInvalid("submit photos of the document, or the files of its chip")
    now = desk.vault.clock()
    chip = None
    if papers.chip:
        answer = papers.answer
        presence = None
        if answer is not None:
            presence = Presence(_challenge(desk, session, answer.challenge), answer.active, answer.chip)
        chip = read_chip(papers.chip, trust=documents.trust(), now=now, presence=presence)
    photos = [Photo(page, limits=PAGE_LIMITS) for page in papers.pages]
    pages = []
    for photo in photos:
        with documents.places:
            pages.append(documents.reader.read(photo, today=now.date()))
    return Shown(Document.of(pages, chip), papers)


def look_at_papers(desk: Desk, session: AnySession, papers: Papers) -> tuple[DocumentReport, Document]:
    """What a document that is shown would be worth to the session, and the document.

    Raises what `read_papers` does, and SessionClosed where the session takes none any more.
    """
    _require_open(session)
    document = read_papers(desk, session, papers).document
    return judge_document(document, terms_of(session), today=desk.vault.clock().date()), document


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
    """The challenge of that name. Raises InputInvalid for one that was not given out in the last minutes."""
    found, now, keys = _CHALLENGE.fullmatch(name), desk.vault.clock().timestamp(), desk.vault.keys
    fresh = found is not None and -1 <= now - int(found[2]) <= CHALLENGE_LIFE.total_seconds()
    if found is None or not fresh or not 1 <= int(found[1]) <= keys.current:
        raise InputInvalid(
            "the chip answered no challenge of the last ten minutes; ask for a new one, and read it again"
        )
    return PresenceChallenge(keys.mac(int(found[1]), f"visavis chip v1 {session.id} {name}".encode()))
