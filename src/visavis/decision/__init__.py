"""A comparison, judged: match, no match, or inconclusive, with the reasons.

In: what was found in each photo, the comparison score, the model's calibration and a policy. Out: a `Decision`. Pure
functions of their arguments.
"""

from visavis.decision.decide import acquisition_reasons, decide
from visavis.decision.policy import DEFAULT_POLICY, POLICIES, Policy, policy_named
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

__all__ = [
    "DEFAULT_POLICY",
    "POLICIES",
    "Comparison",
    "Decision",
    "ModelRef",
    "Outcome",
    "PairReason",
    "PhotoReason",
    "PhotoReport",
    "Policy",
    "Timings",
    "acquisition_reasons",
    "decide",
    "policy_named",
]
