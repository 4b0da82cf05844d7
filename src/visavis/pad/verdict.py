"""From the reliefs of a capture's turns to a verdict."""

from collections.abc import Sequence

from visavis.pad.value import Axis, PadReason, PadResult, PadStatus, Relief

ANGLE_MIN_DEG = 15.0
"""A turn to a side counts from here on, by what is seen of it."""
TIP_MIN = 0.22
RATIO = (0.30, 0.72)
"""Of nasion and tip. On a print that is folded along the nose or bent round a cylinder both stand out alike: it is about 1."""
AGREE = 0.5
"""The smaller of the tip's depths by the two sides over the larger."""


def judge(turns: Sequence[Relief | None]) -> PadResult:
    """Whether a head was turned. turns: of both sides at least; None for one that told nothing."""
    told = tuple(turn for turn in turns if turn is not None)
    sideways = [turn for turn in told if turn.axis is Axis.SIDEWAYS]
    if len(told) < len(turns):
        return PadResult(PadStatus.INCONCLUSIVE, (PadReason.NOT_FOLLOWED,), told)
    if len(sideways) < 2 or min(turn.angle_deg for turn in sideways) < ANGLE_MIN_DEG:
        return PadResult(PadStatus.INCONCLUSIVE, (PadReason.NOT_TURNED,), told)
    reasons = []
    if min(turn.tip for turn in sideways) < TIP_MIN:
        reasons.append(PadReason.FLAT)
    elif not all(RATIO[0] <= turn.nasion / turn.tip <= RATIO[1] for turn in sideways):
        reasons.append(PadReason.BENT)
    if min(turn.tip for turn in sideways) < AGREE * max(turn.tip for turn in sideways):
        reasons.append(PadReason.SIDES_DISAGREE)
    return PadResult(PadStatus.FAILED if reasons else PadStatus.PASSED, tuple(reasons), told)
