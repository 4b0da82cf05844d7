"""From the reliefs of a capture's turns to a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from visavis.pad.value import Axis, PadReason, PadResult, PadStatus, Relief, Step

# Set on 2026-11-25 on simulated captures (benchmarks/pad.py) of people of the setting half of lfw-dev: 96 of heads, and of prints
# that were turned 23 flat, 21 on a screen, 23 bent, 23 folded by 35 degrees, 23 by 50, 22 by 70, 21 with holes.
ANGLE_MIN_DEG = 15.0
"""The turns to a side count from here on, by the farthest that is seen of them."""
TIP_MIN = 0.21
"""Of a side: heads 0.25 to 0.58; prints and screens up to 0.02 when flat, 0.07 with holes, 0.18 when bent or folded by 50
degrees. Less than the depth itself, since points near the tip stand less far out than it does."""
BRIDGE_MIN, BRIDGE_SIDE_MIN = 0.06, 0.03
"""By how much the tip stands out before the nasion, over both sides, and on each. On a print that is folded along the nose or
bent round a cylinder both stand out alike. Over both sides: heads 0.07 to 0.34, prints folded by 70 degrees up to 0.05, all
others up to 0.04."""
NASION_MIN = 0.2
"""Of nasion and tip, on a side: heads from 0.30. Less is no nose that grows out of a face."""
AGREE = 0.5
"""The smaller of the tip's depths by the two sides over the larger: heads from 0.63."""


@dataclass(frozen=True, slots=True)
class _Side:
    """What all turns to one side tell together, each weighing as much as it has views. bridge: of the tip before the nasion."""

    angle_deg: float
    tip: float
    bridge: float


def judge(turns: Sequence[tuple[Step, Relief | None]]) -> PadResult:
    """Whether a head was turned as it was asked to. turns: what each step told, None where it told nothing; to either side at
    least once. What cannot be told is asked for again; what was told and is no head's fails."""
    told = tuple(relief for _, relief in turns if relief is not None)
    if len(told) < len(turns):
        return PadResult(PadStatus.INCONCLUSIVE, (PadReason.NOT_FOLLOWED,), told)
    sideways = [(step.side, relief) for step, relief in turns if step.axis is Axis.SIDEWAYS and relief is not None]
    sides = [_side([relief for side, relief in sideways if side == each]) for each in {side for side, _ in sideways}]
    if len(sides) < 2 or min(side.angle_deg for side in sides) < ANGLE_MIN_DEG:
        return PadResult(PadStatus.INCONCLUSIVE, (PadReason.NOT_TURNED,), told)
    reasons = _reasons(sides)
    if PadReason.FLAT not in reasons and any(relief.side != side for side, relief in sideways):
        reasons.append(PadReason.WRONG_TURN)
    return PadResult(PadStatus.FAILED if reasons else PadStatus.PASSED, tuple(reasons), told)


def _side(reliefs: Sequence[Relief]) -> _Side:
    views = sum(relief.views for relief in reliefs)
    tip, nasion = (sum(getattr(each, name) * each.views for each in reliefs) / views for name in ("tip", "nasion"))
    return _Side(max(relief.angle_deg for relief in reliefs), tip, tip - nasion)


def _reasons(sides: Sequence[_Side]) -> list[PadReason]:
    tips, bridges = [side.tip for side in sides], [side.bridge for side in sides]
    if min(tips) < TIP_MIN:
        return [PadReason.FLAT]
    reasons = []
    put_on = any(side.bridge > (1 - NASION_MIN) * side.tip for side in sides)
    if sum(bridges) / len(bridges) < BRIDGE_MIN or min(bridges) < BRIDGE_SIDE_MIN or put_on:
        reasons.append(PadReason.BENT)
    if min(tips) < AGREE * max(tips):
        reasons.append(PadReason.SIDES_DISAGREE)
    return reasons
