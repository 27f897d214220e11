"""The Python `openstack` without its start-up time: imported once, forked for each command.

Run as a program it reads one JSON object a line (`argv`, `env`, `cwd`, and files for `stdin`, `stdout`, `stderr`), runs
openstackclient's own `main` in a child of a process that did nothing but import, and answers with the exit code. The
client is as unmodified as in a process of its own; it only starts in a tenth of the time.

With a socket to listen on as its argument it obeys whoever connects, several at a time. `WarmOpenstack` makes an `openstack` of
that for programs that look for one on their search path.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import NoReturn


class WarmPython:
    """The forking process as its user sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.warm_python"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            text=True,
        )

    def run(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: str, out: Path, err: Path) -> int:
        assert self._process.stdin and self._process.stdout
        order = {"argv": list(argv), "env": dict(env), "cwd": str(cwd), "stdin": stdin, "stdout": str(out), "stderr": str(err)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


OPENSTACK = """#!{python} -IS
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({socket!r})
mine = f"/proc/{{os.getpid()}}/fd"
files = {{"stdin": f"{{mine}}/0", "stdout": f"{{mine}}/1", "stderr": f"{{mine}}/2"}}
order = {{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), **files}}
line.sendall(json.dumps(order).encode() + b"\\n")
sys.exit(int(line.makefile().readline()))
"""


class WarmOpenstack:
    """`folder`, put in front of a search path, has the Python `openstack` in it until `stop`.

    Where it looks for `clouds.yaml` is settled when it is imported: in `home`.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        place = str(folder / "socket")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.warm_python", place],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=home,
            env={**os.environ, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        assert self._process.stdout
        # It says so when it listens.
        if not self._process.stdout.readline():
            raise RuntimeError(f"the warm client ended with {self._process.wait()}")
        program = folder / "openstack"
        program.write_text(OPENSTACK.format(python=sys.executable, socket=place))
        program.chmod(0o755)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def obey(order: Mapping[str, object]) -> int:
    """In the child: becomes what `openstack` would be, and answers with its exit code."""
    flags = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY | os.O_CREAT | os.O_TRUNC, "stderr": os.O_WRONLY | os.O_CREAT | os.O_TRUNC}
    for number, (name, flag) in enumerate(flags.items()):
        opened = os.open(str(order[name]), flag, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    os.chdir(str(order["cwd"]))
    sys.argv = ["openstack", *order["argv"]]  # type: ignore[misc]
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    from openstackclient import shell

    try:
        code = shell.main(sys.argv[1:])
    except SystemExit as leaving:
        code = leaving.code
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def listen(place: str) -> NoReturn:
    """A child for each who connects: it reads the order, obeys and answers."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    print("listening", flush=True)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            code = 1
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                code = obey(json.loads(line.makefile().readline()))
            finally:
                line.sendall(f"{code}\n".encode())
                os._exit(code)
        line.close()


def main() -> None:
    places = sys.argv[1:]
    # It takes its name from here when it is imported.
    sys.argv = ["openstack"]
    # What a command would import anyway.
    import openstack.connection  # noqa: F401
    import openstack.image.v2._proxy  # noqa: F401
    import openstackclient.image.v2.cache  # noqa: F401
    import openstackclient.image.v2.image  # noqa: F401
    import openstackclient.shell  # noqa: F401
    from cliff.command import _get_distributions_by_modules

    # Every command loads all commands there are, of every service, and looks up which packages are installed.
    for group in entry_points().groups:
        for point in entry_points(group=group) if group.startswith(("openstack.", "keystoneauth1.")) else ():
            # Some need packages that are not there; the client passes them over, too.
            with suppress(ImportError, AttributeError):
                point.load()
    _get_distributions_by_modules()
    # What is here stays: children need not copy it to find that out.
    gc.freeze()

    if places:
        listen(places[0])
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = obey(json.loads(line))
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    main()
