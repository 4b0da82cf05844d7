"""The rule itself."""

from dataclasses import replace

from visavis.decision.policy import Policy
from visavis.decision.value import (
    Comparison,
    Decision,
    ModelRef,
    Outcome,
    PairReason,
    PhotoReason,
    PhotoReport,
    Timings,
)
from visavis.weights import Calibration


def acquisition_reasons(photo: PhotoReport, policy: Policy) -> tuple[PhotoReason, ...]:
    """Why the photo cannot be compared under the policy: what was found at capture, and the policy's own limits."""
    if photo.face is not None and photo.face.inter_eye_distance_px < policy.inter_eye_distance_min_px:
        return (*photo.reasons, PhotoReason.FACE_TOO_SMALL)
    return photo.reasons


def decide(
    *,
    reference: PhotoReport,
    probe: PhotoReport,
    score: float | None,
    policy: Policy,
    calibration: Calibration,
    model: ModelRef,
    timings: Timings | None = None,
) -> Decision:
    """Judge one comparison.

    score: in [-1, 1], or None when a photo gave no embedding; it is disregarded when a photo breaks the policy's limits.
    Raises PolicyUnsupported when the calibration does not reach the policy's FMR target, or says nothing of documents.
    """
    calibration = calibration.under(policy.condition)
    threshold = calibration.threshold(policy.fmr_target)
    reference = replace(reference, reasons=acquisition_reasons(reference, policy))
    probe = replace(probe, reasons=acquisition_reasons(probe, policy))
    if score is None or reference.reasons or probe.reasons:
        comparison, outcome, reason = None, Outcome.INCONCLUSIVE, PairReason.NOT_COMPARED
    else:
        comparison = Comparison(score, calibration.false_match_rate(score))
        if score >= threshold:
            outcome, reason = Outcome.MATCH, PairReason.SCORE_REACHES_THRESHOLD
        else:
            outcome, reason = Outcome.NO_MATCH, PairReason.SCORE_BELOW_THRESHOLD
    return Decision(
        outcome, reason, reference, probe, comparison, policy, threshold, model, calibration, timings
    )  # fmt: skip
