"""Faults, as types with a stable code.

Outcomes are values and faults are exceptions: a poor photo or a non-match is a `Decision`; a file that is no image,
a model file with the wrong hash, a broken seal or a policy that the calibration cannot support is one of these. Each says
what was expected, what came and what to do next. No message holds pixels, embeddings, keys or a photo's contents.
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


# --- sealed templates and claims ------------------------------------------------------------------------------------


class SealError(VisavisError):
    """A stored reference cannot be used."""

    code = "seal_unusable"


class TemplateMalformed(SealError):
    """The bytes of a template break its format."""

    code = "template_malformed"


class SealMalformed(SealError):
    """The bytes of a sealed template break its format; no key was tried."""

    code = "seal_malformed"


class SealBroken(SealError):
    """The keys are right and the sealed bytes were changed."""

    code = "seal_broken"


class ClaimMalformed(SealError):
    """The text is not a claim."""

    code = "claim_malformed"


class ClaimRefused(SealError):
    """The claim opens no record: it is wrong, or its record is unknown, expired or erased. Which of them is not said."""

    code = "claim_refused"


class KeyUnusable(VisavisError):
    """A key is missing, weak, or kept where others can read it."""

    code = "key_unusable"


class CodeUnreadable(VisavisError):
    """The picture does not show exactly one readable code of the kind expected."""

    code = "code_unreadable"


# --- identity documents ---------------------------------------------------------------------------------------------


class DocumentError(VisavisError):
    """What was given of an identity document cannot be used."""

    code = "document_unusable"


class MrzMalformed(DocumentError):
    """The text is no machine-readable zone of any format of ICAO Doc 9303."""

    code = "mrz_malformed"


class ChipMalformed(DocumentError):
    """The bytes of a chip's file break its format."""

    code = "chip_malformed"


class ChipIncomplete(DocumentError):
    """A file of the chip that is needed was not given."""

    code = "chip_incomplete"


class ChipChallengeExpired(DocumentError):
    """The chip answered no challenge that was given out to this session in the last minutes."""

    code = "chip_challenge_expired"


class DocumentRefused(DocumentError):
    """The document is not what the session asks for, so nobody is filmed for it. reasons: why, by their codes."""

    code = "document_refused"

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(f"the document is not what the session asks for: {', '.join(reasons)}")
        self.reasons = reasons


class TrustInvalid(DocumentError):
    """A file is no certificate, revocation list or master list that can be used."""

    code = "trust_invalid"


# --- face credentials -----------------------------------------------------------------------------------------------


class CredentialError(VisavisError):
    """A face credential cannot be relied on."""

    code = "credential_unusable"


class CredentialMalformed(CredentialError):
    """The bytes are not a face credential, or not in the one form in which credentials are written."""

    code = "credential_malformed"


class CredentialAlgorithm(CredentialError):
    """It names an algorithm other than the one that is accepted."""

    code = "credential_algorithm"


class CredentialIssuerUnknown(CredentialError):
    """It is signed by an issuer or a key that this verifier does not trust."""

    code = "credential_issuer_unknown"


class CredentialForged(CredentialError):
    """The signature does not fit what was signed."""

    code = "credential_forged"


class CredentialNotYetValid(CredentialError):
    """It was issued in the future."""

    code = "credential_not_yet_valid"


class CredentialExpired(CredentialError):
    """Its time is over."""

    code = "credential_expired"


class CredentialRevoked(CredentialError):
    """Its issuer has revoked it."""

    code = "credential_revoked"


class CredentialPurpose(CredentialError):
    """It was not issued for this purpose."""

    code = "credential_purpose"


class CredentialUnknown(CredentialError):
    """No credential with this id was issued here."""

    code = "credential_unknown"


class VerifierKeyWrong(CredentialError):
    """It was made for verifiers that hold another key."""

    code = "verifier_key_wrong"


class HolderSecretMissing(CredentialError):
    """It opens only together with its holder's secret."""

    code = "holder_secret_missing"


class HolderSecretMalformed(CredentialError):
    """The text is not a holder's secret."""

    code = "holder_secret_malformed"


class HolderSecretWrong(CredentialError):
    """The secret belongs to another credential, or to none."""

    code = "holder_secret_wrong"


class StatusListMalformed(CredentialError):
    """The bytes are not a status list, or not that of this issuer."""

    code = "status_list_malformed"


class StatusListForged(CredentialError):
    """The status list's signature does not fit."""

    code = "status_list_forged"


class StatusListStale(CredentialError):
    """The status list is too old, or from the future, to say what is revoked now."""

    code = "status_list_stale"


class StatusListFull(CredentialError):
    """All places of the issuer's status list are taken by credentials that are still valid."""

    code = "status_list_full"


# --- subjects and their records -------------------------------------------------------------------------------------


class SubjectUnknown(VisavisError):
    """Nobody is enrolled under this name."""

    code = "subject_unknown"


class SubjectEnrolled(VisavisError):
    """The subject already has a reference for this purpose."""

    code = "subject_enrolled"


class ConsentInvalid(VisavisError):
    """The consent is incomplete, was withdrawn, or does not cover what was asked for."""

    code = "consent_invalid"


class EnrolmentIncomplete(VisavisError):
    """No usable photo has been captured yet, or no more are taken."""

    code = "enrolment_incomplete"


class RateLimited(VisavisError):
    """Too many attempts; nothing was opened. retry_after_s: when the next one is taken, or None where none ever is."""

    code = "rate_limited"
    retry_after_s: float | None = None


class StoreUnusable(VisavisError):
    """The database or the store of shreds is missing, of another version, or cannot be reached."""

    code = "store_unusable"


class EvidenceUnknown(VisavisError):
    """There is no evidence with this id, or not any more."""

    code = "evidence_unknown"


class EvidenceUnreadable(VisavisError):
    """This is no evidence, it was changed, or it was sealed for another key."""

    code = "evidence_unreadable"


class AuditBroken(VisavisError):
    """The audit log was changed, or does not reach a head that was signed."""

    code = "audit_broken"


# --- the service ----------------------------------------------------------------------------------------------------


class ApiKeyRefused(VisavisError):
    """No API key was given, or one that is unknown or revoked."""

    code = "api_key_refused"


class ScopeMissing(VisavisError):
    """The API key is good, and not for this."""

    code = "scope_missing"


class ClientSecretRefused(VisavisError):
    """Not the secret of this session."""

    code = "client_secret_refused"


class Overloaded(VisavisError):
    """The service has more to do than it can do in time; nothing was looked at. retry_after_s: when to try again."""

    code = "overloaded"
    retry_after_s: float | None = None


class RequestTooLarge(VisavisError):
    """The request's body is larger than is read."""

    code = "request_too_large"


class RequestTooSlow(VisavisError):
    """The request's body did not come in time."""

    code = "request_too_slow"


class SessionUnknown(VisavisError):
    """The application has no session, or report, with this id."""

    code = "session_unknown"


class SessionClosed(VisavisError):
    """The session is in a state that does not allow this."""

    code = "session_closed"


class LivenessRequired(VisavisError):
    """The session needs a live capture, and takes no photos."""

    code = "liveness_required"


class OriginRefused(VisavisError):
    """A page of a site that the operator has not named."""

    code = "origin_refused"


class StreamBroken(VisavisError):
    """What came over a live capture's connection is not what follows: out of order, changed, or no message of the protocol."""

    code = "stream_broken"


class EndpointUnknown(VisavisError):
    """The application has no webhook endpoint with this id."""

    code = "endpoint_unknown"


class EventUnknown(VisavisError):
    """The application has no event with this id."""

    code = "event_unknown"


class IdempotencyMismatch(VisavisError):
    """The idempotency key was used for another request."""

    code = "idempotency_mismatch"


class IdempotencyUnfinished(VisavisError):
    """A request with this idempotency key is being answered, or its answer was lost. retry_after_s: when to ask again, None
    where its answer will never come."""

    code = "idempotency_unfinished"
    retry_after_s: float | None = None


# --- requests -------------------------------------------------------------------------------------------------------


class PolicyUnknown(VisavisError):
    """No policy has this name."""

    code = "policy_unknown"


class PolicyUnsupported(VisavisError):
    """The model's calibration says nothing about the policy's FMR target."""

    code = "policy_unsupported"


class TooManyComparisons(VisavisError):
    """A list pairs one photo with more than 40 others, or one capture meets a second reference: verification is one to one."""

    code = "too_many_comparisons"


class InputInvalid(VisavisError):
    """A file or argument from the user is not what the command expects."""

    code = "input_invalid"


class CameraUnusable(VisavisError):
    """The camera is not there, is in use, or gives no pictures."""

    code = "camera_unusable"


class OutputUnwritable(VisavisError):
    """A result cannot be written where the user asked for it."""

    code = "output_unwritable"


class ExtraMissing(VisavisError):
    """The feature needs an optional dependency that is not installed."""

    code = "extra_missing"
