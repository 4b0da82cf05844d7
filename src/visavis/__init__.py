"""visavis: is this the person they claim to be? One-to-one face verification.

    from visavis import Outcome, Verifier

    verifier = Verifier()
    decision = verifier.verify(reference=passport_photo_bytes, probe=camera_photo_bytes)
    if decision.outcome is Outcome.MATCH:
        ...

Names load when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from visavis._version import __version__

if TYPE_CHECKING:
    from visavis.decision import POLICIES, Comparison, Decision, Outcome, Policy
    from visavis.errors import VisavisError
    from visavis.image import Limits, Photo
    from visavis.verifier import Verifier
    from visavis.weights import ModelCard, Places, read_manifest

__all__ = [
    "POLICIES",
    "Comparison",
    "Decision",
    "Limits",
    "ModelCard",
    "Outcome",
    "Photo",
    "Places",
    "Policy",
    "Verifier",
    "VisavisError",
    "__version__",
    "read_manifest",
]

_ROOMS = {
    "visavis.decision": ("POLICIES", "Comparison", "Decision", "Outcome", "Policy"),
    "visavis.errors": ("VisavisError",),
    "visavis.image": ("Limits", "Photo"),
    "visavis.verifier": ("Verifier",),
    "visavis.weights": ("ModelCard", "Places", "read_manifest"),
}


def __getattr__(name: str) -> Any:
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(import_module(room), name)
    raise AttributeError(f"module 'visavis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
