"""Our own server, started like the peer: one folder, one loopback port, up when it answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.certificates import Pair
from harness.glance import Glance, Options
from harness.process import Running, ServerProcess, free_port

ROOT = Path(__file__).resolve().parents[3]


def find_program(name: str, variable: str) -> Path:
    """The program named by the environment variable, or the newest build of it in the checkout."""
    if variable in os.environ:
        return Path(os.environ[variable]).resolve()
    built = [ROOT / "target" / profile / name for profile in ("debug", "release")]
    there = [path for path in built if path.is_file()]
    if not there:
        raise FileNotFoundError(f"no {name}: run cargo build or set {variable}")
    return max(there, key=lambda path: path.stat().st_mtime)


class Vidimus(Running):
    """A Vidimus that answers, from the constructor's return until `stop`."""

    name = "vidimus"

    def __init__(self, directory: Path, port: int = 0, arguments: Sequence[str] = ()):
        self.dir = directory.resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.dir / "vidimus.log"
        self.data_dir = self.dir / "data"
        # As in `Glance.write_config` where arguments name that file.
        self.store_dir = (self.dir if arguments else self.data_dir) / "images"
        self.arguments = list(arguments)
        self._process = self._spawn()

    def restart(self) -> None:
        """Ends the server and starts it on the same folder and port."""
        self.stop()
        self._process = self._spawn()

    def _spawn(self) -> ServerProcess:
        program = find_program("vidimus", "VIDIMUS_BIN")
        arguments = self.arguments or ["--data-dir", str(self.data_dir)]
        argv = [str(program), "serve", "--listen", f"127.0.0.1:{self.port}", *arguments]
        process = ServerProcess(argv, self.log, os.environ, self.dir)
        process.wait_until_answers(f"{self.url}/versions", timeout=60)
        return process


class TlsVidimus(Vidimus):
    """Listens with TLS (`tls_url`) and without (`url`), on the configuration that a `Glance` with these options would have.
    `tls` are further options of `[vidimus]`."""

    def __init__(self, directory: Path, pair: Pair, options: Options, tls: Mapping[str, str] | None = None):
        ours = {"tls_cert_file": str(pair.certificate), "tls_key_file": str(pair.key), **(tls or {})}
        with_tls = replace(options, sections={**options.sections, "vidimus": ours})
        Glance.write_config(directory, 0, with_tls)
        plain = f"http://127.0.0.1:{free_port()}"
        config = str(directory / "glance-api.conf")
        super().__init__(directory, 0, ["--config-file", config, "--listen", plain])
        self.tls_url = f"https://127.0.0.1:{self.port}"
        self.url = plain


def beside_glance(directory: Path, options: Options) -> Vidimus:
    """A Vidimus on the configuration that a `Glance` with these options would have."""
    port = free_port()
    Glance.write_config(directory, port, options)
    return Vidimus(directory, port, ["--config-file", str(directory / "glance-api.conf")])


def run_tool(*arguments: str) -> str:
    """A management command of ours, which must succeed."""
    program = find_program("vidimus", "VIDIMUS_BIN")
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
