import os
from collections.abc import Mapping
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.weights import available_threads
from visavis.weights.threads import cgroup_quota


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty machine, without /proc and /sys."""
    return tmp_path


@pytest.fixture
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


class TestVersion2:
    @pytest.mark.parametrize(
        ("limit", "quota"),
        [("200000 100000", 2.0), ("50000 100000", 0.5), ("150000 100000\n", 1.5), ("max 100000", None)],
    )
    def test_quota_and_period(self, limit: str, quota: float | None, root: Path) -> None:
        lay(root, {"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/cpu.max": limit})
        assert cgroup_quota(root) == quota

    @pytest.mark.parametrize(("outer", "inner"), [("300000", "100000"), ("100000", "300000"), ("max", "100000")])
    def test_the_tightest_limit_up_the_tree_counts(self, outer: str, inner: str, root: Path) -> None:
        lay(
            root,
            {
                "proc/self/cgroup": "0::/outer/middle/inner\n",
                "sys/fs/cgroup/outer/cpu.max": f"{outer} 100000",
                "sys/fs/cgroup/outer/middle/cpu.max": "max 100000",
                "sys/fs/cgroup/outer/middle/inner/cpu.max": f"{inner} 100000",
            },
        )
        assert cgroup_quota(root) == 1.0

    @pytest.mark.parametrize("group", ["/", "/docker/0123456789ab", "/../../app"])
    def test_inside_a_container_the_limit_is_at_the_root(self, group: str, root: Path) -> None:
        lay(root, {"proc/self/cgroup": f"0::{group}\n", "sys/fs/cgroup/cpu.max": "400000 100000"})
        assert cgroup_quota(root) == 4.0


class TestVersion1:
    @pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
    def test_quota_and_period(self, mount: str, root: Path) -> None:
        lay(
            root,
            {
                "proc/self/cgroup": "12:memory:/app\n4:cpu,cpuacct:/app\n0::/\n",
                f"sys/fs/cgroup/{mount}/app/cpu.cfs_quota_us": "250000\n",
                f"sys/fs/cgroup/{mount}/app/cpu.cfs_period_us": "100000\n",
            },
        )
        assert cgroup_quota(root) == 2.5

    def test_minus_one_is_no_limit_and_a_group_above_may_have_one(self, root: Path) -> None:
        files = {
            "proc/self/cgroup": "4:cpu:/outer/inner\n",
            "sys/fs/cgroup/cpu/outer/inner/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/outer/inner/cpu.cfs_period_us": "100000",
        }
        lay(root, files)
        assert cgroup_quota(root) is None
        lay(
            root,
            {
                "sys/fs/cgroup/cpu/outer/cpu.cfs_quota_us": "100000",
                "sys/fs/cgroup/cpu/outer/cpu.cfs_period_us": "50000",
            },
        )
        assert cgroup_quota(root) == 2.0

    def test_another_controllers_group_says_nothing(self, root: Path) -> None:
        lay(
            root,
            {
                "proc/self/cgroup": "4:cpuset:/app\n",
                "sys/fs/cgroup/cpu/app/cpu.cfs_quota_us": "100000",
                "sys/fs/cgroup/cpu/app/cpu.cfs_period_us": "100000",
            },
        )
        assert cgroup_quota(root) is None


class TestNoLimit:
    def test_without_cgroups(self, root: Path) -> None:
        assert cgroup_quota(root) is None

    def test_a_group_without_limits(self, root: Path) -> None:
        lay(root, {"proc/self/cgroup": "0::/app\n"})
        assert cgroup_quota(root) is None

    @pytest.mark.parametrize(
        "limit",
        ["", "max", "100000", "1 2 3", "a b", "0 100000", "100000 0", "-1 100000", "1.5 1", "9" * 5000 + " 1", "² 1"],
        ids=range(11),
    )
    def test_what_is_no_limit_is_ignored(self, limit: str, root: Path) -> None:
        lay(root, {"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/cpu.max": limit})
        assert cgroup_quota(root) is None

    @pytest.mark.parametrize("text", ["", "\n", "0", "0:", "::", "junk", "0::/a\0b", "0::/" + "x" * 5000], ids=range(8))
    def test_a_list_of_groups_that_makes_no_sense(self, text: str, root: Path) -> None:
        lay(root, {"proc/self/cgroup": text})
        assert cgroup_quota(root) is None

    @settings(deadline=None)
    @given(groups=st.binary() | st.text().map(lambda text: f"0::/{text}\n1:cpu:{text}".encode()), limit=st.binary())
    def test_garbage_never_raises(self, groups: bytes, limit: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
        root = tmp_path_factory.getbasetemp() / "garbage"
        lay(root, {"proc/self/cgroup": groups, "sys/fs/cgroup/cpu.max": limit, "sys/fs/cgroup/cpu/cpu.max": limit})
        assert cgroup_quota(root) is None or 0 < (cgroup_quota(root) or 0) < inf
        assert available_threads(root) >= 1

    @settings(deadline=None)
    @given(quota=st.text("0123456789max- ", max_size=30), period=st.text("0123456789 ", max_size=30))
    def test_nearly_numbers_never_raise(
        self, quota: str, period: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        root = tmp_path_factory.getbasetemp() / "nearly"
        lay(
            root,
            {
                "proc/self/cgroup": "0::/\n1:cpu:/\n",
                "sys/fs/cgroup/cpu.max": f"{quota} {period}",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota,
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": period,
            },
        )
        found = cgroup_quota(root)
        assert found is None or 0 < found < inf
        assert available_threads(root) >= 1


class TestAvailableThreads:
    @pytest.mark.usefixtures("eight_cpus")
    @pytest.mark.parametrize(
        ("limit", "threads"),
        [("max 100000", 8), ("1600000 100000", 8), ("300000 100000", 3), ("250000 100000", 3), ("1000 100000", 1)],
    )
    def test_the_quota_is_rounded_up_and_never_exceeds_the_affinity(self, limit: str, threads: int, root: Path) -> None:
        lay(root, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": limit})
        assert available_threads(root) == threads

    @pytest.mark.parametrize(("cpus", "threads"), [(4, 4), (None, 1)])
    def test_without_affinity_the_machines_cpus_count(
        self, cpus: int | None, threads: int, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: cpus)
        assert available_threads(root) == threads

    def test_this_machine_has_at_least_one(self) -> None:
        assert 1 <= available_threads() <= (os.cpu_count() or 1)


def lay(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
