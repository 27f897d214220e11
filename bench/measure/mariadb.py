"""A MariaDB of the bench's own, for a Glance that keeps its images there: in one folder, on a free loopback port."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from harness.process import NotReady, ServerProcess, free_port

# As a small site would set it; all else is MariaDB's default, with every commit on disk before it counts.
OPTIONS = ("--innodb-buffer-pool-size=1G", "--max-connections=400", "--skip-log-bin", "--skip-name-resolve")


class MariaDb:
    """Answers from the constructor's return until `stop`. A folder that has a database already is used as it is."""

    def __init__(self, directory: Path):
        self.dir = directory.resolve()
        self.data = self.dir / "data"
        self.socket = self.dir / "socket"
        self.port = free_port()
        if not self.data.exists():
            self.dir.mkdir(parents=True, exist_ok=True)
            argv = ["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal"]
            argv += ["--skip-test-db", "--user=root"]
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        self.start()
        self.run("CREATE DATABASE IF NOT EXISTS glance CHARACTER SET utf8mb3", database="")

    @property
    def url(self) -> str:
        """What Glance is told to connect to."""
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/glance?charset=utf8"

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def start(self) -> None:
        self._process = self._spawn()

    def stop(self) -> None:
        """Ends it in order, so that the folder can be copied."""
        self._process.stop(patience=120)

    def run(self, sql: str, database: str = "glance") -> None:
        """Statements, which must all succeed."""
        argv = ["mariadb", "--no-defaults", "--user=root", f"--socket={self.socket}", *([database] if database else [])]
        done = subprocess.run(argv, input=sql, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"MariaDB refused: {done.stderr}")

    def _spawn(self) -> ServerProcess:
        program = shutil.which("mariadbd", path="/usr/sbin:/usr/libexec:/usr/bin")
        if not program:
            raise FileNotFoundError("MariaDB is not installed")
        argv = [program, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}", f"--port={self.port}"]
        argv += ["--bind-address=127.0.0.1", f"--pid-file={self.dir / 'pid'}", "--user=root", *OPTIONS]
        process = ServerProcess(argv, self.dir / "mariadb.log", {"PATH": "/usr/bin:/bin"}, self.dir)
        deadline = time.monotonic() + 60
        ping = ["mariadb-admin", "--no-defaults", "--user=root", f"--socket={self.socket}", "ping"]
        while subprocess.run(ping, capture_output=True, check=False).returncode != 0:
            if not process.is_running() or time.monotonic() > deadline:
                process.kill()
                raise NotReady(f"MariaDB does not answer\n{process.log_tail()}")
            time.sleep(0.1)
        return process
