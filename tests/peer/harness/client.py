"""An `openstack` program as a subprocess: Python's or ours, with nothing of the user's around it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.vidimus import find_program
from harness.warm_python import WarmPython

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
    """One program against one server; its home is an empty folder, so no clouds.yaml is found.

    `auth` are the variables it signs in with. Without, it does not sign in.
    """

    def __init__(self, program: Path | WarmPython, url: str, home: Path, auth: Mapping[str, str] | None = None):
        self.program = program
        self.url = url
        self.home = home
        self.auth = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": url} if auth is None else auth

    def run(self, *arguments: str | Path, stdin: bytes | None = None, terminal: bool = False) -> Result:
        """Standard input is empty unless given. With `terminal` it is one, and nothing is typed."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            **self.auth,
        }
        argv = [str(argument) for argument in arguments]
        with tempfile.TemporaryDirectory() as name, _source(Path(name), stdin, terminal) as source:
            out, err = Path(name, "out"), Path(name, "err")
            if isinstance(self.program, WarmPython):
                code = self.program.run(argv, env, self.home, source, out, err)
            else:
                code = _spawn(self.program, argv, env, self.home, source, out, err)
            errors = err.read_text(errors="replace").splitlines()
            return Result(code, out.read_bytes(), "\n".join(line for line in errors if line not in NOISE))


@contextmanager
def _source(folder: Path, stdin: bytes | None, terminal: bool) -> Iterator[str]:
    """The name of what a command reads as its standard input."""
    if terminal:
        master, slave = pty.openpty()
        try:
            yield os.ttyname(slave)
        finally:
            os.close(master)
            os.close(slave)
    elif stdin is None:
        yield os.devnull
    else:
        (folder / "in").write_bytes(stdin)
        yield str(folder / "in")


def _spawn(program: Path, argv: list[str], env: dict[str, str], cwd: Path, source: str, out: Path, err: Path) -> int:
    with open(source, "rb") as stdin, out.open("wb") as stdout, err.open("wb") as stderr:
        done = subprocess.run(
            [program, *argv], stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, check=False, timeout=120
        )
    return done.returncode


def cold_python_client(url: str, home: Path) -> Client:
    """Exactly as a user starts it."""
    return Client(Path(sys.executable).parent / "openstack", url, home)


def our_client(url: str, home: Path) -> Client:
    return Client(find_program("openstack", "OPENSTACK_BIN"), url, home)
