"""How often a claim may be tried, and a live capture: NIST SP 800-63B-4, 3.2.3."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from visavis.errors import RateLimited
from visavis.session.ports import Attempts, Failures
from visavis.template import Claim

REMEMBERED = timedelta(days=30)
"""For how long failed attempts count, unless they are so many that their claim is not tried again."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """failures_free: so many attempts in a row may fail before each next one must wait for `delay`. failures_max: after so many
    the claim is not tried again. openings_per_minute: of all claims together, each one an HMAC of the operator's key.
    """

    failures_free: int = 5
    delay: timedelta = timedelta(seconds=30)
    failures_max: int = 50
    openings_per_minute: int = 6_000


DEFAULT_ATTEMPT_LIMITS = AttemptLimits()


def attempt_key(claim: Claim) -> bytes:
    """Under what a claim's attempts are counted: a hash of the whole claim, so that who knows a record's id alone cannot use up
    its subject's attempts, and a record that exists is counted as one that does not."""
    return sha256(b"visavis attempt v1" + claim.record_id + claim.secret.view).digest()


def admit(attempts: Attempts, key: bytes, claim: Claim, *, limits: AttemptLimits, now: datetime) -> None:
    """Count an attempt as failed before it is made. Raises RateLimited where it must not be made; then it does not count."""
    failed, last = attempts.begin(key, claim.record_id, at=now)
    if failed >= limits.failures_max:
        raise RateLimited(f"this claim failed {failed} times in a row and is not tried again; enrol anew")
    # Clocks of several processes differ by little; one that was set back must not lock anybody out for as long.
    if failed >= limits.failures_free and last is not None and abs(now - last) < limits.delay:
        _refuse(f"this claim failed {failed} times in a row", (last + limits.delay - now).total_seconds())
    if attempts.count_opening(int(now.timestamp()) // 60) > limits.openings_per_minute:
        _refuse("more claims are tried than this installation admits", 60 - now.timestamp() % 60)


CAPTURE_FAILURES, CAPTURE_WINDOW, CAPTURE_LOCK = 5, timedelta(minutes=3), timedelta(minutes=30)
"""So many live captures that do not pass, within such a time, lock for such a time."""


def failure_keys(session_id: str, token: str | None = None) -> list[bytes]:
    """Under what a capture that does not pass is counted: its session, and the text of the claim or credential shown; not
    its subject, whom others could lock out then who have no claim."""
    names = [f"session {session_id}"] + ([] if token is None else [f"token {token}"])
    return [sha256(f"visavis capture v1 {name}".encode()).digest() for name in names]


def admit_capture(failures: Failures, keys: Sequence[bytes], *, now: datetime) -> None:
    """Raises RateLimited while captures are locked."""
    for key in keys:
        times = failures.of(key)
        for first, last in zip(times, times[CAPTURE_FAILURES - 1 :], strict=False):
            if last - first <= CAPTURE_WINDOW and now < last + CAPTURE_LOCK:
                _refuse("too many captures did not pass", (last + CAPTURE_LOCK - now).total_seconds())


def _refuse(why: str, retry_after_s: float) -> None:
    error = RateLimited(f"{why}; try again in {retry_after_s:.0f} s")
    error.retry_after_s = retry_after_s
    raise error
