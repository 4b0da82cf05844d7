"""A comparison, judged: match, no match, or inconclusive, with the reasons.

In: what was found in each photo, the comparison score, the model's calibration and a policy. Out: a `Decision`. Pure
functions of their arguments.
"""

from visavis.decision.decide import acquisition_reasons, decide
from visavis.decision.document import (
    FIELDS_MAX,
    DocumentReport,
    DocumentTerms,
    Finding,
    Link,
    LinkStatus,
    judge_document,
)
from visavis.decision.policy import DEFAULT_DOCUMENT_POLICY, DEFAULT_POLICY, POLICIES, Policy, for_photos, policy_named
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
    "DEFAULT_DOCUMENT_POLICY",
    "DEFAULT_POLICY",
    "FIELDS_MAX",
    "POLICIES",
    "Comparison",
    "Decision",
    "DocumentReport",
    "DocumentTerms",
    "Finding",
    "Link",
    "LinkStatus",
    "ModelRef",
    "Outcome",
    "PairReason",
    "PhotoReason",
    "PhotoReport",
    "Policy",
    "Timings",
    "acquisition_reasons",
    "decide",
    "for_photos",
    "judge_document",
    "policy_named",
]
