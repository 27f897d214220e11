"""Programs that do one step of what a server does and nothing else: what no server can beat on this machine."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from measure.case import Sample
from measure.load import WrongAnswers


class Program:
    """A program that is started for each measurement, works alone and ends. `work` says how much it did."""

    url = ""
    pids: Sequence[int] = ()

    def __init__(self, name: str, directory: Path, words: Callable[[object], Sequence[str]]):
        """`words` gives the arguments for what a case asks."""
        self.name = name
        self.dir = directory
        self.words = words

    def stop(self) -> None:
        """It has ended."""

    def run(self, asked: object = None) -> tuple[dict[str, float], float, float]:
        """What it printed, its CPU seconds, its peak MiB."""
        argv = [os.environ["VIDIMUS_LIMITS"], *self.words(asked)]
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert child.stdout
        answer = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise WrongAnswers(f"{self.name}: exit {child.returncode}")
        return json.loads(answer), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def rate(self, asked: object = None) -> Sample:
        """How often a second."""
        report, cpu, peak = self.run(asked)
        return Sample(report["per_second"], report["count"], report, cpu, peak)


class Server:
    """A program that listens until it is told to end."""

    def __init__(self, name: str, directory: Path, words: Callable[[str], Sequence[str]]):
        """`words` gives the arguments; the port is 0 for any."""
        self.name = name
        self.dir = directory
        argv = [os.environ["VIDIMUS_LIMITS"], *words("0")]
        # As many files as there may be connections.
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self._child = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
        )
        assert self._child.stdout
        self.url = f"http://127.0.0.1:{self._child.stdout.readline().strip()}"

    @property
    def pids(self) -> list[int]:
        return [self._child.pid]

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()
