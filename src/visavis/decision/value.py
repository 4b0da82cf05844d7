"""The decision and its parts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from visavis._version import __version__
from visavis.decision.document import DocumentReport, Finding, LinkStatus
from visavis.decision.policy import Policy
from visavis.face import Face, Quality
from visavis.pad import PadResult
from visavis.weights import Calibration, FalseMatchRate


class Outcome(StrEnum):
    """What a verification says."""

    MATCH = "match"
    NO_MATCH = "no_match"
    INCONCLUSIVE = "inconclusive"


class PhotoReason(StrEnum):
    """Why a photo could not be compared."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    FRAMES_DISAGREE = "frames_disagree"


class PairReason(StrEnum):
    """What decided."""

    SCORE_REACHES_THRESHOLD = "score_reaches_threshold"
    SCORE_BELOW_THRESHOLD = "score_below_threshold"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """What was found in one photo, or in that of several frames which is most like the others.

    reasons: why it cannot be compared; empty when it can. size_px: (width, height) of the upright original. face and
    quality: those of the dominant face, None without one. frame: which of the frames it is, counted from 0. frames: how many
    could be compared, and are fused where they agree.
    """

    reasons: tuple[PhotoReason, ...]
    size_px: tuple[int, int]
    face: Face | None = None
    quality: Quality | None = None
    frame: int = 0
    frames: int = 1


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """score: cosine in [-1, 1], higher is more alike. fmr: how often two different people reach it, by the calibration."""

    score: float
    fmr: FalseMatchRate

    def __repr__(self) -> str:
        return "<Comparison>"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model made the embeddings. sha256: of its file, in hex."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds on the wall clock. The two photos are worked on side by side where there are threads for it."""

    reference_ms: float
    probe_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, repr=False)
class Decision:
    """The answer to: is this the person they claim to be?

    `comparison` is None exactly when the outcome is inconclusive. threshold: the score that the policy asks for, by the
    calibration. liveness: of the capture that the probe is from; None where it was not checked. document: what the reference's
    document is worth; None where it is from none. A decision has no truth value: say which outcome is meant.
    """

    outcome: Outcome
    reason: PairReason
    reference: PhotoReport
    probe: PhotoReport
    comparison: Comparison | None
    policy: Policy
    threshold: float
    model: ModelRef
    calibration: Calibration
    timings: Timings | None = None
    liveness: PadResult | None = None
    document: DocumentReport | None = None

    def __bool__(self) -> NoReturn:
        raise TypeError("a Decision has three outcomes and no truth value; compare decision.outcome with Outcome.MATCH")

    def __repr__(self) -> str:
        return f"<Decision {self.outcome.value} ({self.reason.value}) at FMR {self.policy.name}>"

    @property
    def extrapolated(self) -> bool:
        """Whether the policy's FMR target lies beyond what the calibration's data can show."""
        return self.policy.fmr_target < self.calibration.extrapolated_below

    @property
    def _liveness_finding(self) -> Finding:
        if self.liveness is None:
            return Finding(LinkStatus.NOT_CHECKED)
        return Finding(LinkStatus(self.liveness.status.value), tuple(reason.value for reason in self.liveness.reasons))

    @property
    def _face_finding(self) -> Finding:
        if self.outcome is Outcome.INCONCLUSIVE:
            reasons = tuple(reason.value for reason in (*self.reference.reasons, *self.probe.reasons))
            return Finding(LinkStatus.INCONCLUSIVE if reasons else LinkStatus.NOT_CHECKED, reasons)
        return Finding(LinkStatus.PASSED if self.outcome is Outcome.MATCH else LinkStatus.FAILED, (self.reason.value,))

    def to_dict(self) -> dict[str, Any]:
        """The decision as plain values for JSON; the keys are stable."""
        score, fmr = (None, None) if self.comparison is None else (self.comparison.score, self.comparison.fmr)
        return {
            "outcome": self.outcome.value,
            "reasons": {
                "reference": [reason.value for reason in self.reference.reasons],
                "probe": [reason.value for reason in self.probe.reasons],
                "pair": [self.reason.value],
            },
            "score": None if score is None else round(score, 6),
            "fmr": None
            if fmr is None
            else {
                "value": float(f"{fmr.value:.3g}"),
                "lower": float(f"{fmr.lower:.3g}"),
                "upper": float(f"{fmr.upper:.3g}"),
                "extrapolated": fmr.extrapolated,
            },
            "policy": {
                "name": self.policy.name,
                "fmr_target": self.policy.fmr_target,
                "threshold": round(self.threshold, 6),
                "version": self.policy.version,
                "condition": self.policy.condition,
                "extrapolated": self.extrapolated,
            },
            "model": {"id": self.model.id, "sha256": self.model.sha256},
            "calibration": {
                "dataset": self.calibration.dataset,
                "pairs": {
                    "mated": self.calibration.mated_pairs,
                    "non_mated": self.calibration.non_mated_pairs,
                },
                "date": self.calibration.date,
            },
            "liveness": {"status": "not_checked", "method": None, "reasons": [], "turns": []}
            if self.liveness is None
            else self.liveness.to_dict(),
            "document": None
            if self.document is None
            else self.document.to_dict(liveness=self._liveness_finding, face=self._face_finding),
            "faces": {"reference": _face(self.reference), "probe": _face(self.probe)},
            "timings_ms": None
            if self.timings is None
            else {
                "reference": round(self.timings.reference_ms, 2),
                "probe": round(self.timings.probe_ms, 2),
                "total": round(self.timings.total_ms, 2),
            },
            "version": __version__,
        }


def _face(photo: PhotoReport) -> dict[str, Any] | None:
    if photo.face is None:
        return None
    return {
        "box_px": [round(value, 1) for value in photo.face.box_px],
        "frame": photo.frame,
        "frames": photo.frames,
        "quality": {
            name: {"raw": measure.raw, "score": measure.score} for name, measure in (photo.quality or {}).items()
        },
    }
