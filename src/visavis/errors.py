"""Faults, as types with a stable code.

Outcomes are values and faults are exceptions: a poor photo or a non-match is a `Decision`; a file that is no image,
a model file with the wrong hash or a policy that the calibration cannot support is one of these. Each says what was
expected, what came and what to do next. No message holds pixels, embeddings or a photo's contents.
"""

from typing import ClassVar, Literal


class VisavisError(Exception):
    """Base of every fault that visavis raises on purpose.

    `code` is stable: programs may branch on it; the message is for people and may change.
    """

    code: ClassVar[str] = "fault"


# --- images ---------------------------------------------------------------------------------------------------------


class ImageError(VisavisError):
    """The bytes are not an image that can be used.

    parameter: which photo of a verification it is, 'reference' or 'probe', where that is known. frame: which of several frames,
    counted from 0.
    """

    code = "image_unusable"
    parameter: Literal["reference", "probe"] | None = None
    frame: int = 0


class EmptyImage(ImageError):
    """There are no bytes at all."""

    code = "image_empty"


class UnsupportedImage(ImageError):
    """The bytes are something else than an image in a supported format."""

    code = "image_unsupported"


class TruncatedImage(ImageError):
    """The file ends before its picture does."""

    code = "image_truncated"


class DamagedImage(ImageError):
    """The file names a supported format and breaks its rules."""

    code = "image_damaged"


class ImageTooLarge(ImageError):
    """The file has more bytes or pixels than the limits allow; nothing was decoded."""

    code = "image_too_large"


# --- models and engines ---------------------------------------------------------------------------------------------


class ModelError(VisavisError):
    """A model cannot be used."""

    code = "model_unusable"


class ModelNotFound(ModelError):
    """No place that is searched holds the model file."""

    code = "model_not_found"


class ModelHashMismatch(ModelError):
    """The file's SHA-256 differs from its card's: nothing was loaded."""

    code = "model_hash_mismatch"


class ModelUnreadable(ModelError):
    """The file has the right hash, and no engine can make a model of it."""

    code = "model_unreadable"


class ManifestInvalid(ModelError):
    """A model manifest or calibration table breaks its format."""

    code = "manifest_invalid"


class ModelMismatch(ModelError):
    """Two embeddings come from different models and cannot be compared."""

    code = "model_mismatch"


class EngineUnavailable(ModelError):
    """The inference engine asked for is not installed or has no such device."""

    code = "engine_unavailable"


# --- requests -------------------------------------------------------------------------------------------------------


class PolicyUnknown(VisavisError):
    """No policy has this name."""

    code = "policy_unknown"


class PolicyUnsupported(VisavisError):
    """The model's calibration says nothing about the policy's FMR target."""

    code = "policy_unsupported"


class TooManyComparisons(VisavisError):
    """A list pairs one photo with more than 40 others (SCOPE: verification is one to one)."""

    code = "too_many_comparisons"


class InputInvalid(VisavisError):
    """A file or argument from the user is not what the command expects."""

    code = "input_invalid"


class OutputUnwritable(VisavisError):
    """A result cannot be written where the user asked for it."""

    code = "output_unwritable"


class ExtraMissing(VisavisError):
    """The feature needs an optional dependency that is not installed."""

    code = "extra_missing"
