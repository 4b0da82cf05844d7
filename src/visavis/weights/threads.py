"""How many threads this process may really use: its affinity, and its cgroup's CPU quota.

A container limited to two CPUs on a host of 64 must not start 64 threads: they would share two CPUs' worth of time and
spend it waiting for each other.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path


def available_threads(root: Path = Path("/")) -> int:
    """At least 1. `root` is where /proc and /sys are found (tests lay their own)."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    quota = cgroup_quota(root)
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def cgroup_quota(root: Path = Path("/")) -> float | None:
    """CPUs that the cgroup grants, or None without a limit. The tightest limit up the tree counts; v2 and v1."""
    mount = root / "sys/fs/cgroup"
    quotas: list[float] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            quotas += _up(mount, group, lambda folder: _v2(_text(folder / "cpu.max")))
        elif "cpu" in controllers.split(","):
            for base in (mount / "cpu", mount / controllers):
                quotas += _up(base, group, _v1)
    return min(quotas, default=None)


def _up(base: Path, group: str, read: Callable[[Path], float | None]) -> list[float]:
    """The quota of the group and of each group above it. Inside a container the group's own path may be hidden."""
    parts = [part for part in group.split("/") if part and part != ".."]
    folders = [base.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
    return [quota for quota in map(read, folders) if quota is not None]


def _v2(text: str) -> float | None:
    words = text.split()
    return _ratio(words[0], words[1]) if len(words) == 2 else None


def _v1(folder: Path) -> float | None:
    return _ratio(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _ratio(quota: str, period: str) -> float | None:
    """None for "max", -1 and anything that is no number of a kernel's (64 bits)."""
    if not all(text.isdecimal() and len(text) <= 20 for text in (quota, period)):
        return None
    return int(quota) / int(period) if int(quota) and int(period) else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return ""
