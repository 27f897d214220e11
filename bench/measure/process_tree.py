"""What a server and all its processes have used: CPU seconds and memory, read from /proc.

A server may be more than one process group: what it keeps its database in belongs to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def members(leaders: Sequence[int]) -> Iterator[Path]:
    """The processes of the groups that `leaders` lead."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.getpgid(int(entry.name)) in leaders:
                yield entry
        except ProcessLookupError:
            continue


def cpu_seconds(leaders: Sequence[int]) -> float:
    """User and system time of the groups, with that of children that ended and were waited for."""
    ticks = 0
    for process in members(leaders):
        try:
            text = (process / "stat").read_text()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2 :].split()
        ticks += sum(int(value) for value in fields[11:15])
    return ticks / TICKS


def forget_peak(leaders: Sequence[int]) -> None:
    """Lets the peak of memory begin anew."""
    for process in members(leaders):
        try:
            (process / "clear_refs").write_text("5")
        except OSError:
            continue


def peak_mib(leaders: Sequence[int]) -> float:
    """The sum of each process's peak since `forget_peak`. Pages that processes share count in each."""
    kib = 0
    for process in members(leaders):
        try:
            status = (process / "status").read_text()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return kib / 1024


@dataclass
class Meter:
    """Measures between its making and `read`."""

    leaders: Sequence[int]

    def __post_init__(self) -> None:
        forget_peak(self.leaders)
        self._before = cpu_seconds(self.leaders)

    def cpu_so_far(self) -> float:
        """CPU seconds since the processes began."""
        return cpu_seconds(self.leaders)

    def read(self) -> tuple[float, float]:
        """CPU seconds, peak MiB."""
        return cpu_seconds(self.leaders) - self._before, peak_mib(self.leaders)
