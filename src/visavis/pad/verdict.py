"""From the reliefs of a capture's turns to a verdict."""

from collections.abc import Sequence

from visavis.pad.value import Axis, PadReason, PadResult, PadStatus, Relief, Step

ANGLE_MIN_DEG = 15.0
"""A turn to a side counts from here on, by what is seen of it."""
TIP_MIN = 0.22
RATIO = (0.30, 0.72)
"""Of nasion and tip. On a print that is folded along the nose or bent round a cylinder both stand out alike: about 1."""
AGREE = 0.5
"""The smaller of the tip's depths by the two sides over the larger."""


def judge(turns: Sequence[tuple[Step, Relief | None]]) -> PadResult:
    """Whether a head was turned as it was asked to. turns: what each step told, None where it told nothing; to either side at
    least once. What cannot be told is asked for again; what was told and is no head's fails."""
    told = tuple(relief for _, relief in turns if relief is not None)
    sideways = [(step, relief) for step, relief in turns if step.axis is Axis.SIDEWAYS and relief is not None]
    if len(told) < len(turns):
        return PadResult(PadStatus.INCONCLUSIVE, (PadReason.NOT_FOLLOWED,), told)
    if {step.side for step, _ in sideways} != {1, -1} or min(each.angle_deg for _, each in sideways) < ANGLE_MIN_DEG:
        return PadResult(PadStatus.INCONCLUSIVE, (PadReason.NOT_TURNED,), told)
    reasons = tuple(_reasons(sideways))
    return PadResult(PadStatus.FAILED if reasons else PadStatus.PASSED, reasons, told)


def _reasons(sideways: Sequence[tuple[Step, Relief]]) -> list[PadReason]:
    tips = [relief.tip for _, relief in sideways]
    if min(tips) < TIP_MIN:
        return [PadReason.FLAT]
    reasons = []
    if not all(RATIO[0] <= relief.nasion / relief.tip <= RATIO[1] for _, relief in sideways):
        reasons.append(PadReason.BENT)
    if min(tips) < AGREE * max(tips):
        reasons.append(PadReason.SIDES_DISAGREE)
    if any(relief.side != step.side for step, relief in sideways):
        reasons.append(PadReason.WRONG_TURN)
    return reasons
