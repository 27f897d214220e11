"""An `openstack` program as a subprocess: Python's or ours, without Keystone, with nothing of the user's around it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.vidimus import find_program

# The SDK says this of every endpoint without Keystone behind it. Ours has no reason to.
NOISE = ("Cannot determine endpoint data for service image",)


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    def ok(self) -> Result:
        assert self.code == 0, f"exit {self.code}\n{self.out.decode(errors='replace')}\n{self.err}"
        return self


class Client:
    """One program against one server; its home is an empty folder, so no clouds.yaml is found."""

    def __init__(self, name: str, program: Path, url: str, home: Path):
        self.name = name
        self.program = program
        self.url = url
        self.home = home

    def run(self, *arguments: str | Path, stdin: bytes | None = None, terminal: bool = False) -> Result:
        """Standard input is empty unless given. With `terminal` it is one, and nothing is typed."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "OS_AUTH_TYPE": "none",
            "OS_ENDPOINT": self.url,
        }
        argv = [str(self.program), *map(str, arguments)]
        master, slave = pty.openpty() if terminal else (-1, subprocess.DEVNULL)
        try:
            source = {"input": stdin} if stdin is not None else {"stdin": slave}
            done = subprocess.run(argv, capture_output=True, env=env, cwd=self.home, check=False, timeout=120, **source)
        finally:
            if terminal:
                os.close(master)
                os.close(slave)
        errors = done.stderr.decode(errors="replace").splitlines()
        return Result(done.returncode, done.stdout, "\n".join(line for line in errors if line not in NOISE))


def python_client(url: str, home: Path) -> Client:
    return Client("python", Path(sys.executable).parent / "openstack", url, home)


def our_client(url: str, home: Path) -> Client:
    return Client("ours", find_program("openstack", "OPENSTACK_BIN"), url, home)
