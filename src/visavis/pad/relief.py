"""From the views of one turn to the relief of what was turned."""

from collections.abc import Sequence
from math import radians, sin

import numpy as np

from visavis.pad.value import Axis, Relief, View

_TILT_MIN_DEG = 8.0
"""Views that are turned less say little: there parallax and noise are alike."""
_VIEWS_MIN = 3


def relief(views: Sequence[View | None], axis: Axis) -> Relief | None:
    """What the views of one turn, from the frontal frame to its end, tell. None where they are too few.

    A point that stands d in front of the plane moves by d·sin(angle) against it, seen from afar; so d is fitted to all views by
    least squares. Near to a camera it comes out somewhat larger, for all depths alike.
    """
    column = 0 if axis is Axis.SIDEWAYS else 1
    used = [
        view
        for view in views
        if view is not None
        and view.tilt_deg >= _TILT_MIN_DEG
        and view.axis is axis
        and np.isfinite([view.tip[column], view.nasion[column]]).all()
    ]
    if len(used) < _VIEWS_MIN:
        return None
    sines = np.array([sin(radians(view.tilt_deg)) for view in used])
    tips, nasions = (np.array([getattr(view, name)[column] for view in used]) for name in ("tip", "nasion"))
    tip, nasion = (float((sines * moved).sum() / (sines**2).sum()) for moved in (tips, nasions))
    side = int(np.sign(tip))
    return Relief(axis, max(view.tilt_deg for view in used), abs(tip), nasion * side, len(used), side)
