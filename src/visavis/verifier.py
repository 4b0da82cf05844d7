"""The pipeline in one place: two photos in, one decision out.

photo ─► one dominant face ─► landmarks ─► aligned face ─► embedding ┐
                                                                     ├─► score ─► decision under a policy
photo ─► one dominant face ─► landmarks ─► aligned face ─► embedding ┘
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Literal, Self, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.decision import (
    DEFAULT_DOCUMENT_POLICY,
    DEFAULT_POLICY,
    Decision,
    DocumentTerms,
    ModelRef,
    Outcome,
    PhotoReason,
    PhotoReport,
    Policy,
    Timings,
    acquisition_reasons,
    decide,
    for_photos,
    judge_document,
    policy_named,
)
from visavis.document import Document, fields_of
from visavis.embedding import Embedder, Embedding, compare, fuse
from visavis.errors import ImageError, InputInvalid, PolicyUnsupported, TooManyComparisons, VisavisError
from visavis.face import AlignedFace, Face, FaceDetector, align, assess, central, dominant, image_showing
from visavis.image import DEFAULT_LIMITS, Image, Limits, Photo
from visavis.pad import PadResult
from visavis.weights import (
    Cache,
    Calibration,
    EngineName,
    ModelCard,
    ModelStore,
    Places,
    Precision,
    available_threads,
    make_engine,
    shipped_card,
    user_cache_folder,
)

PARTNERS_MAX = 40
"""With how many others one photo may be paired in one batch. Friction against turning verification into a search, not a
lock: who edits the code can lift it."""

_DETECTOR = "yunet-2023mar"
EMBEDDER = "sface-2021dec"
"""The id of the embedding model that is used where none is named."""

Key = TypeVar("Key", bound=Hashable)
FRAMES_MAX = 10
"""How many frames may be fused: more bring nothing, and cost time."""
FRAMES_ALIKE = 0.7
"""Score that every two frames must reach to be of one capture. Of 4,113 bursts simulated from lfw-dev's photos 0.07 % hold
two that do not, with a dark frame in them 2.7 % (2026-11-25). Fusing scales up what frames have in common with a stranger, the
more the less alike they are: who chose them freely would gain from that, and whoever mixed two people's would pass as either."""
PhotoInput = bytes | bytearray | memoryview | NDArray[np.uint8] | Photo
"""The bytes of an image file, an upright RGB array (H, W, 3) uint8, or a `Photo` made of either."""


@dataclass(frozen=True, slots=True, repr=False)
class Acquisition:
    """What one photo gave: the report, and the dominant face's embedding where there is one."""

    report: PhotoReport
    embedding: Embedding | None
    elapsed_ms: float

    def __repr__(self) -> str:
        return "<Acquisition>"


class Verifier(AbstractContextManager["Verifier"]):
    """Verifies one probe against one reference. Loads its models once; every method may be called from many threads.

    engine: 'openvino' (CPU), 'onnxruntime' (CPU) or 'cuda'. threads: how many networks run at a time; by default the CPUs
    that this process may use. model: the card of the embedding model. places: where model files are looked for.
    Switches OpenCV's own threads off in this process.
    in_hand: photos in hand for each thread: while one waits for Python, another computes; the more, the less is left for
    whatever else the process does.
    cache_folder: where downloaded, folded and compiled models are kept, by default the user's own cache folder; None keeps
    none and starts slower.
    Raises a ModelError when a model is missing, changed or unreadable, or the engine is unavailable.
    """

    def __init__(
        self,
        *,
        engine: EngineName = "openvino",
        threads: int | None = None,
        model: ModelCard | None = None,
        places: Places | None = None,
        cache_folder: Path | Literal["user"] | None = "user",
        limits: Limits = DEFAULT_LIMITS,
        precision: Precision = "fastest",
        in_hand: int = 3,
    ) -> None:
        cv2.setNumThreads(1)  # photos are what runs side by side; OpenCV would start a thread for every CPU of the host
        self.threads = available_threads() if threads is None else threads
        self.card = shipped_card(EMBEDDER) if model is None else model
        self._limits = limits
        folder = user_cache_folder() if cache_folder == "user" else cache_folder
        cache = Cache(folder)
        inference = make_engine(engine, threads=self.threads, cache=cache)
        self.engine = inference.name, inference.version
        self.store = ModelStore(
            places=places or Places(cache=folder),
            cache=cache,
            engine=inference,
        )
        self._detector = FaceDetector(self.store, shipped_card(_DETECTOR))
        self.embedder = Embedder(self.store, self.card, precision)
        # More photos are in hand than networks run at a time: while one waits for Python, another computes.
        self._pool = ThreadPoolExecutor(in_hand * self.threads, thread_name_prefix="visavis")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Wait for work in progress and end the threads. The verifier cannot be used afterwards."""
        self._pool.shutdown(cancel_futures=True)

    @cached_property
    def calibration(self) -> Calibration:
        """The model's calibration table. Raises PolicyUnsupported when it has none, ManifestInvalid when it is broken."""
        if self.card.calibration is None:
            raise PolicyUnsupported(
                f"the model {self.card.id} has no calibration table, so no score of it stands for an FMR; calibrate it first"
            )
        return Calibration.parse(self.card.calibration, model_sha256=self.card.sha256)

    @property
    def precision(self) -> str:
        """What embeddings are computed in: 'float32' or 'bfloat16'."""
        return self.embedder.precision

    def verify(
        self,
        *,
        reference: PhotoInput,
        probe: PhotoInput | Sequence[PhotoInput],
        policy: str | Policy = DEFAULT_POLICY,
    ) -> Decision:
        """Decide whether the person in `probe` is the one in `reference`.

        probe: a photo, or a sequence of up to 10 frames of one capture. Those that can be compared are fused into one
        probe; where two of them are too unlike each other, the decision is inconclusive for the reason `frames_disagree`.
        Raises an ImageError when a photo is no usable image, PolicyUnknown or PolicyUnsupported for the policy, InputInvalid
        for no frame or too many. A photo without exactly one dominant face, or with one too small for the policy, is an
        inconclusive decision.
        """
        started = perf_counter()
        policy = self.policy_for(policy)
        several = isinstance(probe, Sequence) and not isinstance(probe, (bytes, bytearray, memoryview, str))
        frames = cast("Sequence[PhotoInput]", probe if several else (probe,))
        first = self._pool.submit(self.acquire, reference)
        others = self._submit_frames(frames)
        acquired = _result_of(first, "reference")
        return self._decide(acquired, self._fused(others, policy), policy, started)

    def verify_document(
        self,
        document: Document,
        probe: PhotoInput | Sequence[PhotoInput],
        *,
        terms: DocumentTerms,
        today: date,
        policy: str | Policy = DEFAULT_DOCUMENT_POLICY,
    ) -> Decision:
        """Decide whether the person in `probe` is the holder of an identity document.

        Where the document is not what the terms ask for, nobody is compared with it, and the decision is inconclusive. What it
        says is in the decision after a match alone. today: the day that it is. A chip's portrait is as good as a photo, so the
        decision on it is by the policy for photos with the same FMR target. Raises what `verify` does, and InputInvalid for a
        policy that is not for documents.
        """
        policy = self.document_policy_for(policy)
        if document.chip is not None:
            policy = self.policy_for(for_photos(policy))
        report = judge_document(document, terms, today=today)
        if not report.holds or document.portrait is None:
            return replace(self.not_compared(policy), document=report)
        decision = self.verify(reference=document.portrait, probe=probe, policy=policy)
        if decision.outcome is Outcome.MATCH:
            report = replace(report, said=fields_of(document, terms.fields, today=today))
        return replace(decision, document=report)

    def verify_pairs(
        self,
        pairs: Sequence[tuple[Key, Key]],
        read: Callable[[Key], PhotoInput],
        *,
        policy: str | Policy = DEFAULT_POLICY,
        start: int = 0,
    ) -> Iterator[Decision | VisavisError]:
        """Verify a list of (reference, probe) pairs, named by keys that `read` turns into photos, from number `start` on.

        Yields one result a pair, in order; a fault with one photo is yielded in place of the decisions that needed it. A
        photo in several pairs is read and embedded once, and forgotten after its last. `read` is called on the verifier's own
        threads, and must not call the verifier.
        Raises TooManyComparisons at once when a key is paired with more than 40 others, PolicyUnknown, PolicyUnsupported.
        """
        chosen = self.policy_for(policy)
        refuse_searches(pairs)
        return self._results(pairs[start:], read, chosen)

    def acquire(
        self, photo: PhotoInput, *, central_face: bool = False, faces: Sequence[Face] | None = None
    ) -> Acquisition:
        """Find, measure and embed the one dominant face of a photo.

        central_face: take the face nearest the photo's centre, as evaluations on labelled data sets do that centre it; the
        report's reasons still say why a verification would not compare the photo, or not this face. faces: what `faces` found in
        it, where that is known.
        Raises an ImageError when the photo is no usable image.
        """
        started = perf_counter()
        photo = self._photo(photo)
        report, embedding = self._acquire(photo, central_face, self.faces(photo) if faces is None else faces)
        return Acquisition(report, embedding, (perf_counter() - started) * 1e3)

    def faces(self, photo: Photo) -> tuple[Face, ...]:
        """All faces in a photo, the largest first, as they are first found. Raises an ImageError when it cannot be decoded."""
        return self._detector.detect(photo)

    def compare(self, *, reference: Acquisition, probe: Acquisition, policy: str | Policy = DEFAULT_POLICY) -> Decision:
        """Decide on two acquisitions of this verifier's model. Raises ModelMismatch, PolicyUnknown, PolicyUnsupported."""
        started = perf_counter() - (reference.elapsed_ms + probe.elapsed_ms) / 1e3  # as if one came after the other
        return self._decide(reference, probe, self.policy_for(policy), started)

    def acquire_frames(self, frames: Sequence[PhotoInput], *, policy: Policy) -> Acquisition:
        """Acquire 1 to 10 frames of one capture as one probe, as `verify` does.

        Raises InputInvalid for another number, an ImageError when one of them is no usable image.
        """
        return self._fused(self._submit_frames(frames), policy)

    def not_compared(self, policy: str | Policy, liveness: PadResult | None = None) -> Decision:
        """The decision on a live capture that did not pass, or a document that is not taken: nothing is looked at.

        Raises PolicyUnknown, PolicyUnsupported.
        """
        nothing = Acquisition(PhotoReport((), (0, 0)), None, 0.0)
        return replace(self.compare(reference=nothing, probe=nothing, policy=policy), liveness=liveness, timings=None)

    def agree(self, one: Embedding, other: Embedding, policy: Policy) -> bool:
        """Whether two embeddings of this verifier's model are as alike as the policy asks for."""
        calibration = self.calibration.under(policy.condition)
        score = compare(one, other, non_mated_mean=calibration.non_mated_mean)
        return score >= calibration.threshold(policy.fmr_target)

    def _submit_frames(self, frames: Sequence[PhotoInput]) -> list[Future[Acquisition]]:
        if not 1 <= len(frames) <= FRAMES_MAX:
            raise InputInvalid(f"expected 1 to {FRAMES_MAX} frames of one capture, got {len(frames)}")
        return [self._pool.submit(self.acquire, frame) for frame in frames]

    def _fused(self, pending: Sequence[Future[Acquisition]], policy: Policy) -> Acquisition:
        """One acquisition from those of the frames of one capture.

        Frames that could not be compared by themselves are left out; the rest weigh alike, since weighting them by quality was
        measured to bring nothing. The report is that of the frame most like all the others, or of the first where none is usable.
        """
        frames = [_result_of(frame, "probe", number) for number, frame in enumerate(pending)]
        usable = {
            number: frame.embedding
            for number, frame in enumerate(frames)
            if frame.embedding is not None and not acquisition_reasons(frame.report, policy)
        }
        if len(usable) < 2:
            number = next(iter(usable), 0)
            return replace(frames[number], report=replace(frames[number].report, frame=number))
        alike = {one: {other: compare(usable[one], usable[other]) for other in usable} for one in usable}
        middle = max(alike, key=lambda number: sum(alike[number].values()))
        report = replace(frames[middle].report, frame=middle, frames=len(usable))
        elapsed_ms = max(frame.elapsed_ms for frame in frames)
        if min(min(scores.values()) for scores in alike.values()) < FRAMES_ALIKE:
            return Acquisition(replace(report, reasons=(PhotoReason.FRAMES_DISAGREE,)), None, elapsed_ms)
        return Acquisition(report, fuse(list(usable.values()), [1.0] * len(usable)), elapsed_ms)

    def align(self, photo: PhotoInput, face: Face) -> AlignedFace:
        """The face as the model sees it."""
        return align(self._image(self._photo(photo), face), face, self.embedder.contract)

    def _acquire(self, photo: Photo, central_face: bool, faces: Sequence[Face]) -> tuple[PhotoReport, Embedding | None]:
        found = dominant(faces)
        reasons = (PhotoReason(found),) if isinstance(found, str) else ()
        nearest = central(faces, photo.size_px) if central_face else None
        if nearest is not None:
            if nearest is not found:
                reasons = (PhotoReason.SEVERAL_FACES,)
            found = nearest
        if isinstance(found, str):
            return PhotoReport(reasons, photo.size_px), None
        face = self._detector.refine(photo, found)
        image = self._image(photo, face)
        aligned = align(image, face, self.embedder.contract)
        (embedding,) = self.embedder.embed([aligned])
        return PhotoReport(reasons, photo.size_px, face, assess(image, face, aligned)), embedding

    def _image(self, photo: Photo, face: Face) -> Image:
        """The photo at a scale that shows the face at least as finely as the model looks at it."""
        right, left = self.embedder.contract.landmarks_px[:2]
        return image_showing(photo, face, abs(left[0] - right[0]))

    def _decide(self, reference: Acquisition, probe: Acquisition, policy: Policy, started: float) -> Decision:
        score = None
        if reference.embedding is not None and probe.embedding is not None:
            score = compare(
                reference.embedding,
                probe.embedding,
                non_mated_mean=self.calibration.under(policy.condition).non_mated_mean,
            )
        return decide(
            reference=reference.report,
            probe=probe.report,
            score=score,
            policy=policy,
            calibration=self.calibration,
            model=ModelRef(self.card.id, self.card.sha256),
            timings=Timings(reference.elapsed_ms, probe.elapsed_ms, (perf_counter() - started) * 1e3),
        )

    def _results(
        self, pairs: Sequence[tuple[Key, Key]], read: Callable[[Key], PhotoInput], policy: Policy
    ) -> Iterator[Decision | VisavisError]:
        """Photos are acquired ahead of the pair that is being decided, a few per thread, and counted out of memory."""
        uses = Counter(key for pair in pairs for key in pair)
        pending: dict[Key, Future[Acquisition]] = {}
        ahead = 0
        try:
            for index, pair in enumerate(pairs):
                while ahead < len(pairs) and ahead <= index + 4 * self.threads:
                    for key in pairs[ahead]:
                        if key not in pending:
                            pending[key] = self._pool.submit(self._read_and_acquire, read, key)
                    ahead += 1
                yield self._result(pending, pair, policy)
                for key in pair:
                    uses[key] -= 1
                    if not uses[key]:
                        pending.pop(key, None)
        finally:
            for future in pending.values():
                future.cancel()

    def _read_and_acquire(self, read: Callable[[Key], PhotoInput], key: Key) -> Acquisition:
        return self.acquire(read(key))

    def _result(
        self, pending: dict[Key, Future[Acquisition]], pair: tuple[Key, Key], policy: Policy
    ) -> Decision | VisavisError:
        started = perf_counter()
        try:
            reference, probe = _result_of(pending[pair[0]], "reference"), _result_of(pending[pair[1]], "probe")
            return self._decide(reference, probe, policy, started)
        except VisavisError as error:
            return error
        except Exception as error:  # noqa: BLE001 - one pair must not end a batch of thousands
            return VisavisError(f"unexpected {type(error).__name__} while working on this pair")

    def _photo(self, photo: PhotoInput) -> Photo:
        return photo if isinstance(photo, Photo) else Photo(photo, limits=self._limits)

    def policy_for(self, policy: str | Policy) -> Policy:
        """The policy, if there is one of that name and the calibration supports it. Raises PolicyUnknown, PolicyUnsupported."""
        chosen = policy if isinstance(policy, Policy) else policy_named(policy)
        self.calibration.under(chosen.condition).threshold(chosen.fmr_target)
        return chosen

    def document_policy_for(self, policy: str | Policy) -> Policy:
        """The same, of one for portraits in documents. Raises InputInvalid for another."""
        chosen = self.policy_for(policy)
        if chosen.condition != "document":
            raise InputInvalid(
                f"the policy {chosen.name} is not for portraits in documents; take {DEFAULT_DOCUMENT_POLICY}, say"
            )
        return chosen


def _result_of(
    acquisition: Future[Acquisition], parameter: Literal["reference", "probe"], frame: int = 0
) -> Acquisition:
    """The acquisition; an error with the photo says which of them it was."""
    try:
        return acquisition.result()
    except ImageError as error:
        named = type(error)(*error.args)
        named.parameter, named.frame = parameter, frame
        raise named from error


def refuse_searches(pairs: Sequence[tuple[Key, Key]]) -> None:
    """Raises TooManyComparisons when a key is paired with more than 40 others."""
    partners: defaultdict[Key, set[Key]] = defaultdict(set)
    for reference, probe in pairs:
        partners[reference].add(probe)
        partners[probe].add(reference)
    most = max(map(len, partners.values()), default=0)
    if most > PARTNERS_MAX:
        raise TooManyComparisons(
            f"one photo is paired with {most} others; at most {PARTNERS_MAX} are allowed. visavis verifies claims one to one "
            "and does not search"
        )
