"""What can go wrong between an application and the service, as types with a stable code."""

from visavis.errors import VisavisError


class ServiceError(VisavisError):
    """The service answered with a fault.

    status: of the answer. code: the service's, as docs/errors.md lists them; `http_` and the status where what answered names
    none (a proxy, say), `answer_unreadable` where it is not what was expected. parameter: what was at fault, where one thing was.
    request_id: by which the operator finds the request in the log. retry_after_s: when to ask again, None where that is not said.
    """

    code = "service_error"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        parameter: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.parameter, self.request_id, self.retry_after_s = status, parameter, request_id, retry_after_s
        self.code = code  # type: ignore[misc]  # one class for all codes, also for those of later versions


class ServiceUnreachable(VisavisError):
    """No answer came. The message says whether the request may have been carried out all the same."""

    code = "service_unreachable"


class SignatureInvalid(VisavisError):
    """What came is not signed by who it should be from, or not now."""

    code = "signature_invalid"


class EventSeen(VisavisError):
    """The event's signature is good, and the event was received before. Answer it as if it were new: it is sent until it is
    accepted."""

    code = "event_seen"


class ReportRefused(VisavisError):
    """The report is the service's, and not the one that was expected. claim: which of its claims says something else."""

    code = "report_refused"

    def __init__(self, message: str, *, claim: str) -> None:
        super().__init__(message)
        self.claim = claim
