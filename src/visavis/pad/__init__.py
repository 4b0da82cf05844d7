"""Frames of a head that turns, to whether it is one: presentation attack detection (ISO/IEC 30107) by geometry.

In: the frames of one face, from a frontal one on. Out: a `View` a frame, a `Relief` a turn, and a `PadResult`. It deters prints
and photos on screens; masks, and video that is made to the challenge, are outside what it can tell. A network that an operator
brings may look at single frames besides.
"""

from visavis.pad.challenge import SEQUENCES, draw_steps
from visavis.pad.follow import FRONTAL, Follower
from visavis.pad.passive import PassiveModel, PassiveNetwork
from visavis.pad.relief import relief
from visavis.pad.value import Axis, PadReason, PadResult, PadStatus, Relief, Step, View
from visavis.pad.verdict import judge

__all__ = [
    "FRONTAL",
    "SEQUENCES",
    "Axis",
    "Follower",
    "PadReason",
    "PadResult",
    "PadStatus",
    "PassiveModel",
    "PassiveNetwork",
    "Relief",
    "Step",
    "View",
    "draw_steps",
    "judge",
    "relief",
]
