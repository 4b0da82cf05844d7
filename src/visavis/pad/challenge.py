"""What a person is asked to do, drawn anew for each capture."""

import secrets
from itertools import permutations

from visavis.pad.value import Step

_L, _R, _N = Step.TURN_LEFT, Step.TURN_RIGHT, Step.NOD
SEQUENCES = tuple(
    sorted({order for steps in ((_L, _R, _N), (_L, _L, _R, _N), (_L, _R, _R, _N)) for order in permutations(steps)})
)
"""To either side at least once, and a nod: 30 of them. Who replays another capture is right once in as many times."""


def draw_steps() -> tuple[Step, ...]:
    """One of them, all alike likely, from the system's randomness."""
    return secrets.choice(SEQUENCES)
