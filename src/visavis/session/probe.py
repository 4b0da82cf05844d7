"""Photos at hand, and the models that look at them."""

from collections.abc import Sequence
from dataclasses import dataclass

from visavis.decision import Policy
from visavis.errors import ModelMismatch, TooManyComparisons
from visavis.verifier import Acquisition, PhotoInput, Verifier


@dataclass(frozen=True, slots=True)
class Models:
    """current: makes new references. older: only for comparing with references that were made before."""

    current: Verifier
    older: Sequence[Verifier] = ()

    def of(self, model: bytes) -> Verifier:
        """The verifier of a model, by the first 8 bytes of its SHA-256. Raises ModelMismatch when it is not at hand."""
        for verifier in (self.current, *self.older):
            if bytes.fromhex(verifier.card.sha256[:16]) == model:
                return verifier
        raise ModelMismatch(f"the reference was made with the model {model.hex()}…, which is not configured")


class Probe:
    """The frames of one capture. They are looked at when, and only if, a claim has opened its record, and serve that one alone:
    verification is one to one."""

    def __init__(self, frames: Sequence[PhotoInput]) -> None:
        self._frames = frames
        self._acquired: dict[str, Acquisition] = {}
        self._serves: bytes | None = None

    @classmethod
    def of(cls, acquisition: Acquisition, verifier: Verifier) -> "Probe":
        """A capture that this verifier has looked at already."""
        probe = cls(())
        probe._acquired[verifier.card.sha256] = acquisition
        return probe

    def serve(self, reference: bytes) -> None:
        """Be compared with the reference of this id. Raises TooManyComparisons after another one."""
        if self._serves not in (None, reference):
            raise TooManyComparisons(
                "this capture was compared with another reference before; a verification is one to one, so capture anew"
            )
        self._serves = reference

    def acquired(self, verifier: Verifier, policy: Policy) -> Acquisition:
        """What the verifier's model made of them. Raises what `Verifier.acquire_frames` does."""
        known = self._acquired.get(verifier.card.sha256)
        if known is None:
            known = self._acquired[verifier.card.sha256] = verifier.acquire_frames(self._frames, policy=policy)
        return known
