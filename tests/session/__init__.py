"""What the tests of the protocols share: a clock that is set by hand, people made of random numbers, and a spy on the store.

Most tests need many people and no networks: for them a photo is the bytes of an embedding, and `Prepared` looks at it by reading
them. Everything after that, the comparison and the calibration included, is the product's own.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from visavis.decision import Decision, PhotoReason, PhotoReport, Policy
from visavis.embedding import Embedding
from visavis.errors import EmptyImage, UnsupportedImage
from visavis.face import Face
from visavis.session import (
    Against,
    ConsentText,
    Enrolment,
    Expected,
    LivenessPolicy,
    Models,
    PasskeyClaim,
    Probe,
    Shreds,
    Store,
    Transaction,
    Vault,
    Verification,
    Wanted,
    renew_claim,
    verify_claim,
)
from visavis.template import Claim, ClaimType, OperatorKeys, Secret
from visavis.verifier import EMBEDDER, Acquisition, PhotoInput, Verifier
from visavis.weights import Calibration, ModelCard, shipped_card

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONSENT = "I agree that a reference of my face is kept to open the door."
NOBODY = b"nobody"
"""A photo that shows no face."""
_EYES = b"eyes "
"""Put before a photo, with a number: how many pixels the eyes in it are apart."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Person:
    """A face that nobody has: a direction at random, from which each photo differs a little."""

    seed: int

    @property
    def vector(self) -> NDArray[np.float32]:
        return _unit(np.random.default_rng((self.seed, 0)).normal(size=128))

    def photo(self, number: int = 0, *, eyes_px: int = 120) -> bytes:
        """A photo; each number is another one. Two of them score about 0.9, photos of two people about 0."""
        random = np.random.default_rng((self.seed, 1, number))
        vector = _unit(self.vector + 0.03 * random.normal(size=128))
        return _EYES + eyes_px.to_bytes(2, "big") + vector.tobytes()


def _unit(vector: NDArray[Any]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


class Prepared(Verifier):
    """A verifier that reads what it finds in a photo, and runs no network.

    seen: the photos it looked at. It compares and decides as ever.
    """

    def __init__(self, card: ModelCard | None = None, calibration: Calibration | None = None) -> None:
        self.card = shipped_card(EMBEDDER) if card is None else card
        if calibration is not None:
            self.calibration = calibration
        self.seen: list[PhotoInput] = []

    def acquire(
        self, photo: PhotoInput, *, central_face: bool = False, faces: Sequence[Face] | None = None
    ) -> Acquisition:
        self.seen.append(photo)
        if not isinstance(photo, bytes):
            raise UnsupportedImage("expected the bytes of an embedding")
        if not photo:
            raise EmptyImage("the photo is empty")
        if photo == NOBODY:
            return Acquisition(PhotoReport((PhotoReason.NO_FACE,), (1000, 1000)), None, 1.0)
        eyes_px, data = 120, photo
        if photo.startswith(_EYES):
            eyes_px, data = int.from_bytes(photo[5:7], "big"), photo[7:]
        if len(data) != 4 * 128:
            raise UnsupportedImage("expected the bytes of an embedding")
        return acquisition(np.frombuffer(data, np.float32).copy(), self, eyes_px=eyes_px)

    def acquire_frames(self, frames: Sequence[PhotoInput], *, policy: Policy) -> Acquisition:
        return self.acquire(*frames)

    def verify(self, *, reference: Any, probe: Any, policy: str | Policy = "1e-4") -> Decision:
        found = [self.acquire(photo) for photo in (reference, *([probe] if isinstance(probe, bytes) else probe))]
        return self.compare(reference=found[0], probe=found[1], policy=policy)

    def __exit__(self, *_: object) -> None:
        """There are no threads to end."""


def acquisition(vector: NDArray[np.float32], verifier: Verifier, *, eyes_px: float = 120.0) -> Acquisition:
    """What a verifier makes of a good photo of this face."""
    landmarks = np.array([[300, 300], [300 + eyes_px, 300], [360, 360], [320, 420], [400, 420]], dtype=np.float32)
    face = Face((200.0, 200.0, 2 * eyes_px, 2.5 * eyes_px), landmarks, 0.95)
    return Acquisition(PhotoReport((), (1000, 1000), face), Embedding(vector, verifier.card.sha256), 1.0)


def older_model(letter: str = "0") -> Prepared:
    """A verifier with another model: the same one under another hash."""
    current = Prepared()
    return Prepared(replace(current.card, sha256=letter * 64), current.calibration)


def consent_text(purpose: str = "door", *, days: int = 365, renewal: bool = False) -> ConsentText:
    return ConsentText.of(
        CONSENT, version="2026-01", locale="en", purpose=purpose, retention_days=days, renewal=renewal
    )


def begin(
    vault: Vault,
    name: str = "anna",
    *,
    verifier: Verifier | None = None,
    purpose: str = "door",
    days: int = 365,
    renewal: bool = False,
    replaces: bool = False,
) -> Enrolment:
    return Enrolment.begin(
        vault,
        verifier or Prepared(),
        subject=name,
        consent=consent_text(purpose, days=days, renewal=renewal),
        recorded_by="the desk",
        replace=replaces,
    )


def enrol(
    vault: Vault,
    person: Person,
    name: str = "anna",
    *,
    captures: int = 1,
    passkey: PasskeyClaim | None = None,
    **how: Any,
) -> Claim:
    """Enrol a person, and hand out the claim."""
    with begin(vault, name, **how) as enrolment:
        for number in range(captures):
            assert enrolment.capture(person.photo(number)).reasons == ()
        return enrolment.finish(passkey=passkey)


def uploaded(against: Against = Against.UPLOAD, subject_id: str | None = None, **more: Any) -> Wanted:
    """A verification for the door, to which photos are uploaded."""
    return Wanted("door", "1e-4", against, subject_id, liveness=LivenessPolicy.NOT_CHECKED, **more)


def subject_id(vault: Vault, name: str = "anna") -> str:
    with vault.store.reading() as tx:
        subject = tx.subjects.named(name)
    assert subject is not None
    return subject.id


def verify(
    vault: Vault,
    claim: Claim | str,
    photo: PhotoInput,
    *,
    policy: str | Policy = "1e-4",
    purpose: str = "door",
    expected: str | None = None,
    models: Models | None = None,
    **how: Any,
) -> Verification:
    return verify_claim(
        vault,
        models or Models(Prepared()),
        claim=claim if isinstance(claim, str) else claim.text(),
        probe=Probe([photo]),
        policy=policy,
        expected=Expected(purpose, expected),
        **how,
    )


def renew(
    vault: Vault,
    claim: Claim,
    photo: PhotoInput,
    *,
    policy: str = "1e-4",
    expected: str | None = None,
    models: Models | None = None,
    **how: Any,
) -> Claim | None:
    """The new claim, after a match."""
    return renew_claim(
        vault,
        models or Models(Prepared()),
        claim=claim.text(),
        probe=Probe([photo]),
        policy=policy,
        expected=Expected("door", expected),
        **how,
    )[1]


def copy(source: Path, target: Path) -> Path:
    """A back-up as SQLite makes one."""
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as made:
        original.backup(made)
    target.chmod(0o600)
    return target


def another_claim(record_id: bytes) -> Claim:
    """A well-formed claim for a record that is not the one it opens with."""
    return Claim(record_id, Secret.random(), ClaimType.RANDOM)


def events(vault: Vault) -> list[str]:
    """What the audit log says happened."""
    return [entry["event"] for entry in log(vault)]


def log(vault: Vault) -> list[dict[str, Any]]:
    with vault.store.reading() as tx:
        return [entry.to_dict() for entry in tx.audit.entries()]


class _Watched:
    """Passes every call on, and tells of it first."""

    def __init__(self, thing: object, name: str, tell: Callable[[str], None]) -> None:
        self._thing, self._name, self._tell = thing, name, tell

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._thing, method)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._tell(f"{self._name}.{method}")
            return found(*arguments, **named)

        return call


class Spy:
    """A vault whose every use of store, shreds and keys is written down, in order.

    before: called with the name of each use before it happens, to break it off or to let something else happen first.
    """

    def __init__(self, vault: Vault, before: Callable[[str], None] | None = None) -> None:
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._before, self._store = before, vault.store
        self.vault = replace(
            vault,
            store=cast("Store", self),
            shreds=cast("Shreds", _Watched(vault.shreds, "shreds", self._tell)),
            keys=cast("OperatorKeys", _Watched(vault.keys, "keys", self._tell)),
        )
        _ = self.vault.decoy  # made once, at the first refusal; not to be counted with it
        self.calls.clear()

    def _tell(self, name: str) -> None:
        with self._lock:
            self.calls.append(name)
        if self._before is not None:
            self._before(name)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        self._tell("writing")
        with self._store.writing() as tx:
            yield self._watched(tx)
            self._tell("keep")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        self._tell("reading")
        with self._store.reading() as tx:
            yield self._watched(tx)

    def scrub(self) -> None:
        self._tell("scrub")
        self._store.scrub()

    def _watched(self, tx: Transaction) -> Transaction:
        return Transaction(
            **{each.name: _Watched(getattr(tx, each.name), each.name, self._tell) for each in fields(tx)}
        )

    def during(self, act: Callable[[], object]) -> list[str]:
        """The calls that it makes, whatever becomes of it."""
        self.calls.clear()
        with suppress(Exception):
            act()
        return list(self.calls)

    def count(self) -> Counter[str]:
        return Counter(self.calls)
