"""The processor, how many of its cores this process may use, and how long idle threads keep one.

Those it may run on, within the quota of its container: one that may use 2 of 64 cores still sees
all 64, and as many workers or threads would wait for each other.
"""

import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# Rounds that a thread of libgomp's, OpenMP for torch, keeps its core while it waits for the others.
# Nearly all of its usual 300,000 are in vain where other work has the core that they wait for.
BRIEFLY = {"GOMP_SPINCOUNT": "1000"}
CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def processor() -> str:
    """The processor's name, where Linux gives it; else its architecture."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def available() -> int:
    """Cores that may be used, at least 1."""
    return min(visible(), quota() or visible())


def visible() -> int:
    """Cores that this process may run on, without regard to a quota of their time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def wait_briefly() -> None:
    """Let threads that wait leave their cores to others, unless the environment says how long they
    wait. Must be called before a library with OpenMP is imported; child processes inherit it."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.update(BRIEFLY | os.environ)


def quota() -> int | None:
    """Cores whose time the control groups of this process grant it, rounded up; None for no limit.

    Version 2 says it in `cpu.max`, version 1 in `cpu.cfs_quota_us` and `cpu.cfs_period_us`
    (https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu). The least of all groups above counts.
    """
    limits = [limit for group in _groups() if (limit := _limit(group))]
    return max(1, math.ceil(min(limits))) if limits else None


def _groups() -> Iterator[Path]:
    """Folders of the groups that this process is in, and of all above them."""
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUPS / controllers
        group = root / place.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(root))


def _limit(group: Path) -> float | None:
    try:
        if (both := group / "cpu.max").exists():
            granted, period = both.read_text().split()
        else:
            granted = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        return int(granted) / int(period) if int(granted) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # none is set: "max"
        return None
