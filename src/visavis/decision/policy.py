"""Policies: how rarely a stranger may match, and what a photo must offer to be compared at all."""

from dataclasses import dataclass, replace

from visavis.errors import PolicyUnknown
from visavis.weights import Condition


@dataclass(frozen=True, slots=True)
class Policy:
    """A named rule.

    name: the FMR target as it is written. fmr_target: the share of non-mated comparisons that may match, in 0..1.
    version: raised whenever a policy of the same name would decide differently. inter_eye_distance_min_px: faces whose
    eyes are nearer each other, in pixels of the original photo, are not compared. condition: what the reference is, and with that
    which scores the FMR is calibrated on.
    """

    name: str
    fmr_target: float
    version: int = 1
    inter_eye_distance_min_px: float = 32.0
    condition: Condition = "photo"


DEFAULT_POLICY = "1e-4"
DEFAULT_DOCUMENT_POLICY = "document-1e-4"

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("1e-3", 1e-3),
        Policy("1e-4", 1e-4),
        Policy("1e-5", 1e-5),
        Policy("1e-6", 1e-6),
        Policy("document-1e-3", 1e-3, condition="document"),
        Policy("document-1e-4", 1e-4, condition="document"),
        Policy("document-1e-5", 1e-5, condition="document"),
    )
}


def for_photos(policy: Policy) -> Policy:
    """The policy with the same FMR target for references that are photos."""
    return replace(policy, name=policy.name.removeprefix("document-"), condition="photo")


def policy_named(name: str) -> Policy:
    """The policy with this name. Raises PolicyUnknown with the names there are."""
    try:
        return POLICIES[name]
    except (KeyError, TypeError):
        raise PolicyUnknown(f"there is no policy {name!r}; choose from {', '.join(POLICIES)}") from None
