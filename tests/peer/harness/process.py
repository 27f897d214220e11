"""A server in a process group of its own, with a log, a readiness check and a certain end.

Knows nothing of what it runs. Servers are waited for by polling a URL, never by sleeping a fixed time.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self


class NotReady(Exception):
    """The server ended or stayed silent before it answered."""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ServerProcess:
    """One running server. The whole group dies with `stop`, also uWSGI's workers."""

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path):
        self.log = log
        with log.open("ab") as sink:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait_until_answers(self, url: str, timeout: float) -> None:
        """Returns once `url` answers with any status, raises `NotReady` with the end of the log otherwise."""
        deadline = time.monotonic() + timeout
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            if self._child.poll() is not None:
                raise NotReady(f"exit {self._child.returncode} before {url} answered\n{self.log_tail()}")
            try:
                opener.open(url, timeout=5).close()
                return
            except urllib.error.HTTPError as error:
                error.close()
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    self.kill()
                    raise NotReady(f"{url} silent for {timeout} s: {error}\n{self.log_tail()}") from error
            time.sleep(0.01)

    def stop(self, patience: float = 10.0) -> None:
        """Asks the group to end and, when it does not, makes it."""
        self._signal(signal.SIGTERM)
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self) -> None:
        """Ends the whole group at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        self._child.wait()

    def is_running(self) -> bool:
        return self._child.poll() is None

    def log_tail(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass


class Running:
    """Something that runs in one process, from its constructor's return until `stop` or the end of a `with`."""

    _process: ServerProcess

    def stop(self) -> None:
        self._process.stop()

    def log_tail(self) -> str:
        return self._process.log_tail()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
