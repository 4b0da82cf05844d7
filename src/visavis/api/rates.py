"""How often one may ask: by key and by address, and more rarely what fails.

Each process counts for itself: behind several of them the limits are so much higher.
"""

import threading
import time
from collections.abc import Callable

from visavis.errors import RateLimited

_PRUNED_AT = 10_000


class Rate:
    """So many a minute for each name, all of them at once if one likes (the generic cell rate algorithm). For several threads."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = 60 / per_minute, clock
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, name: str) -> None:
        """Raises RateLimited where nothing is left for this name; counts nothing."""
        wait_s = self._full_at.get(name, 0.0) + self._every_s - 60 - self._clock()
        if wait_s > 1e-9:
            error = RateLimited(f"too many requests; try again in {max(1, round(wait_s))} s")
            error.retry_after_s = wait_s
            raise error

    def take(self, name: str) -> None:
        """Count one. Raises RateLimited, and counts none, where nothing is left."""
        with self._lock:
            self.check(name)
            now = self._clock()
            if len(self._full_at) >= _PRUNED_AT:
                self._full_at = {each: at for each, at in self._full_at.items() if at > now}
            self._full_at[name] = max(now, self._full_at.get(name, 0.0)) + self._every_s
