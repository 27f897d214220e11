"""What a server and all its processes have used: CPU seconds and memory, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def members(leader: int) -> Iterator[Path]:
    """The processes of the group that `leader` leads."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.getpgid(int(entry.name)) == leader:
                yield entry
        except ProcessLookupError:
            continue


def cpu_seconds(leader: int) -> float:
    """User and system time of the group, with that of children that ended and were waited for."""
    ticks = 0
    for process in members(leader):
        try:
            text = (process / "stat").read_text()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2 :].split()
        ticks += sum(int(value) for value in fields[11:15])
    return ticks / TICKS


def forget_peak(leader: int) -> None:
    """Lets the peak of memory begin anew."""
    for process in members(leader):
        try:
            (process / "clear_refs").write_text("5")
        except OSError:
            continue


def peak_mib(leader: int) -> float:
    """The sum of each process's peak since `forget_peak`. Pages that processes share count in each."""
    kib = 0
    for process in members(leader):
        try:
            status = (process / "status").read_text()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return kib / 1024


@dataclass
class Meter:
    """Measures between its making and `read`."""

    leader: int

    def __post_init__(self) -> None:
        forget_peak(self.leader)
        self._before = cpu_seconds(self.leader)

    def cpu_so_far(self) -> float:
        """CPU seconds since the processes began."""
        return cpu_seconds(self.leader)

    def read(self) -> tuple[float, float]:
        """CPU seconds, peak MiB."""
        return cpu_seconds(self.leader) - self._before, peak_mib(self.leader)
