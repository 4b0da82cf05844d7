"""What is seen of a face that turns, and what follows from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ACROSS = 0.7
"""From here on a turn is one to a side, below its counterpart a nod."""


class Axis(StrEnum):
    """The way a head is turned."""

    SIDEWAYS = "sideways"
    NOD = "nod"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How a face stands in one frame, beside the frontal frame that points are followed from.

    tilt_deg: angle between the planes of eye and mouth corners in the two frames, 0..90. across: how far it is a turn of the head
    to a side, 1, rather than a nod, 0. tip, nasion: (2,) float64, how far the nose's tip and its root moved against that plane,
    in inter-eye distances of the frontal frame, along the face's own axes: from its right eye to its left, and down; nan where
    they cannot be followed.
    """

    tilt_deg: float
    across: float
    tip: NDArray[np.float64]
    nasion: NDArray[np.float64]

    def __post_init__(self) -> None:
        self.tip.flags.writeable = self.nasion.flags.writeable = False

    def __repr__(self) -> str:
        return "<View>"

    @property
    def axis(self) -> Axis | None:
        """Which way the face is turned; None where it is neither."""
        if self.across >= _ACROSS:
            return Axis.SIDEWAYS
        return Axis.NOD if self.across <= 1 - _ACROSS else None


class Step(StrEnum):
    """What a person is asked to do, left and right being their own."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    NOD = "nod"

    @property
    def axis(self) -> Axis:
        """The way that the head is turned."""
        return Axis.NOD if self is Step.NOD else Axis.SIDEWAYS

    @property
    def side(self) -> int:
        """Where the tip of the nose goes: 1 towards the left eye, -1 towards the right; 0 where it is not asked for."""
        return {Step.TURN_LEFT: 1, Step.TURN_RIGHT: -1}.get(self, 0)


@dataclass(frozen=True, slots=True)
class Relief:
    """What one turn tells of a face's relief. angle_deg: as far as it turned. tip, nasion: how far tip and root of the nose stand
    in front of the plane of eye and mouth corners, in inter-eye distances. views: of how many frames. side: 1 where the tip moved
    from the right eye to the left (or down), -1 the other way; 0 where it did not move."""

    axis: Axis
    angle_deg: float
    tip: float
    nasion: float
    views: int
    side: int


METHOD = "turns-1"
"""How it was judged: raised whenever the same frames could be judged otherwise."""


class PadStatus(StrEnum):
    """INCONCLUSIVE: the capture does not say, and another one may."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class PadReason(StrEnum):
    """Why, by stable codes."""

    FLAT = "flat"
    """The nose does not stand out of the face's plane as a nose does."""
    BENT = "bent"
    """Root and tip of the nose stand out alike, as on a print that is bent or folded."""
    SIDES_DISAGREE = "sides_disagree"
    """Turned one way the face has another relief than turned the other way."""
    WRONG_TURN = "wrong_turn"
    """The head was turned another way than was asked for."""
    NOT_TURNED = "not_turned"
    """The head was not turned far enough to tell."""
    NOT_FOLLOWED = "not_followed"
    """The face could not be followed: too dark, blurred, fast or far away."""
    NOT_POSITIONED = "not_positioned"
    """No still frames of one face that looks at the camera came in time."""
    INTERRUPTED = "interrupted"
    """The face was out of sight, or another one beside it, too often."""
    PERSON_CHANGED = "person_changed"
    """The frames are not all of one person."""
    ARTEFACT = "artefact"
    """A model that looks at single frames takes one for a print, a screen or a mask."""


@dataclass(frozen=True, slots=True)
class PadResult:
    """The verdict on one capture (ISO/IEC 30107-1: presentation attack detection). reasons: none where it passed. turns: what
    each turn told. passive: id of the model that was to look at single frames besides."""

    status: PadStatus
    reasons: tuple[PadReason, ...]
    turns: tuple[Relief, ...]
    passive: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: a few figures of geometry, by which nobody is known again."""
        return {
            "status": self.status.value,
            "method": METHOD if self.passive is None else f"{METHOD}+{self.passive}",
            "reasons": [reason.value for reason in self.reasons],
            "turns": [
                {
                    "axis": turn.axis.value,
                    "angle_deg": round(turn.angle_deg, 1),
                    "tip": round(turn.tip, 3),
                    "nasion": round(turn.nasion, 3),
                    "views": turn.views,
                }
                for turn in self.turns
            ],
        }
