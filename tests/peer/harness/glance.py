"""A real Glance under uWSGI, without Keystone, with everything it writes in one folder.

`python -m harness.glance --dir DIR --port 0` prints the URL and serves until its standard input closes or it is
told to end. The suites use `Glance` directly.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from harness.process import Running, ServerProcess, free_port

BIN = Path(sys.executable).parent
PASTE = Path(sys.prefix) / "etc" / "glance" / "glance-api-paste.ini"


@dataclass
class Options:
    """What a test may want to be different. `backends` names file stores, `web_stores` beside them such that read the web. `extra` are lines for `[DEFAULT]`, `sections` whole further sections, `files` what lies
    beside the configuration. `{dir}` in a value is the server's folder.

    With `identity`, who calls is what the headers of a proxy say (`X-Project-Id`, `X-Roles`, …), and the shipped rules
    apply; without, every caller is an admin. With `passes_tokens` too, it can ask another server with a caller's token.
    """

    flavor: str = "cachemanagement"
    backends: Sequence[str] = ()
    web_stores: Sequence[str] = ()
    processes: int = 1
    cache: bool = True
    cache_driver: str = "centralized_db"
    extra: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    identity: bool = False
    passes_tokens: bool = False


# What keystonemiddleware does beside checking tokens, and Glance relies on when it asks another server in a caller's name.
KEYSTONE_OPTIONS = """
from oslo_config import cfg

cfg.CONF.register_opts([cfg.StrOpt("auth_url"), cfg.StrOpt("www_authenticate_uri")], group="keystone_authtoken")


def filter_factory(_global_conf, **_local_conf):
    return lambda application: application
"""


class Glance(Running):
    """A Glance that answers, from the constructor's return until `stop`."""

    name = "glance"

    def __init__(self, directory: Path, port: int = 0, options: Options | None = None):
        self._prepare(directory, port, options)
        self._manage("db", "sync")
        if (self.dir / "glance.sqlite").exists():
            # Else whoever asks how a task is getting on can make it fail: its thread finds the database locked.
            with closing(sqlite3.connect(self.dir / "glance.sqlite")) as database:
                database.execute("PRAGMA journal_mode = WAL")
        self._process = self._spawn()

    @classmethod
    def write_config(cls, directory: Path, port: int, options: Options | None = None) -> None:
        """The folder as `Glance` would prepare it, with nothing started and no database yet."""
        cls.__new__(cls)._prepare(directory, port, options)

    def _prepare(self, directory: Path, port: int, options: Options | None) -> None:
        self.options = options or Options()
        self.dir = directory.resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.dir / "glance.log"
        self.store_dir = self.dir / "images"
        self.cache_dir = self.dir / "cache"
        self._write_config()

    def restart(self) -> None:
        """Ends the server and starts it on the same folder and port."""
        self.stop()
        self._process = self._spawn()

    @property
    def _env(self) -> dict[str, str]:
        return {
            **os.environ,
            "OS_GLANCE_CONFIG_DIR": str(self.dir),
            "PYTHONWARNINGS": "ignore",
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def _spawn(self) -> ServerProcess:
        process = ServerProcess(self._uwsgi(), self.log, self._env, self.dir)
        process.wait_until_answers(f"{self.url}/versions", timeout=120)
        return process

    def _uwsgi(self) -> list[str]:
        return [
            str(BIN / "uwsgi"),
            "--http-socket", f"127.0.0.1:{self.port}",
            "--http-chunked-input",
            "--http-auto-chunked",
            "--virtualenv", sys.prefix,
            # Else Glance takes uWSGI for the Python that limits what qemu-img may use.
            "--py-sys-executable", sys.executable,
            "--pythonpath", str(self.dir),
            "--module", "glance.wsgi.api:application",
            "--processes", str(self.options.processes),
            "--threads", "8",
            "--master",
            "--enable-threads",
            "--lazy-apps",
            "--need-app",
            "--die-on-term",
            "--buffer-size", "65535",
            # uWSGI closes every connection; unless it says so, clients write into one that is going away.
            "--add-header", "Connection: close",
            "--so-keepalive",
            "--worker-reload-mercy", "5",
        ]  # fmt: skip

    def _manage(self, *arguments: str) -> None:
        argv = [str(BIN / "glance-manage"), "--config-file", str(self.dir / "glance-api.conf"), *arguments]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self._env, cwd=self.dir, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")

    def _write_config(self) -> None:
        for folder in (self.store_dir, self.cache_dir, self.dir / "staging", self.dir / "tasks", self.dir / "lock"):
            folder.mkdir(parents=True, exist_ok=True)
        default = {
            "debug": "false",
            "use_stderr": "true",
            "worker_self_reference_url": self.url,
            "node_staging_uri": f"file://{self.dir / 'staging'}",
        }
        if self.options.cache:
            default["image_cache_dir"] = str(self.cache_dir)
            default["image_cache_driver"] = self.options.cache_driver
        sections: dict[str, dict[str, str]] = {
            "DEFAULT": default,
            # Python's driver gives up on a lock after five seconds, and Glance then answers 500 or forgets its task.
            "database": {"connection": f"sqlite:///{self.dir / 'glance.sqlite'}?timeout=60"},
            "oslo_concurrency": {"lock_path": str(self.dir / "lock")},
            "oslo_policy": {"policy_file": str(self.dir / "policy.yaml")},
            "paste_deploy": {"flavor": self.options.flavor, "config_file": str(self._paste())},
        }
        if self.options.backends:
            enabled = [f"{name}:file" for name in self.options.backends] + [f"{name}:http" for name in self.options.web_stores]
            default["enabled_backends"] = ",".join(enabled)
            sections.update({name: {"store_description": f"store {name}"} for name in self.options.web_stores})
            sections["glance_store"] = {"default_backend": self.options.backends[0]}
            for name in self.options.backends:
                folder = self.store_dir / name
                folder.mkdir(exist_ok=True)
                sections[name] = {"filesystem_store_datadir": str(folder), "store_description": f"store {name}"}
            sections["os_glance_staging_store"] = {"filesystem_store_datadir": str(self.dir / "staging")}
            sections["os_glance_tasks_store"] = {"filesystem_store_datadir": str(self.dir / "tasks")}
        else:
            sections["glance_store"] = {
                "stores": "file,http",
                "default_store": "file",
                "filesystem_store_datadir": str(self.store_dir),
            }
        default.update(self.options.extra)
        if self.options.identity:
            # Unknown to Glance, which takes the headers from whoever sends them.
            sections["vidimus"] = {"auth": "proxy"}
        sections.update({name: dict(options) for name, options in self.options.sections.items()})
        text = "\n".join(
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
            for section, options in sections.items()
        )
        (self.dir / "glance-api.conf").write_text(text.replace("{dir}", str(self.dir)))
        for name, content in self.options.files.items():
            (self.dir / name).write_text(content)
        # Without Keystone a request carries no role, so the shipped rules would refuse nearly all of them.
        if not self.options.identity and not self.options.flavor.startswith("keystone"):
            (self.dir / "policy.yaml").write_text('"context_is_admin": "@"\n')

    def _paste(self) -> Path:
        """The shipped pipelines; those without Keystone read the identity headers if asked to."""
        if not self.options.identity:
            return PASTE
        pipelines = PASTE.read_text().replace(" unauthenticated-context ", " context ")
        # These filters read a file of their own, which they look for where packages install it.
        project = "oslo_config_project = glance\n"
        pipelines = pipelines.replace(project, f"{project}oslo_config_file = {self.dir / 'glance-api.conf'}\n")
        if self.options.passes_tokens:
            (self.dir / "keystone_options.py").write_text(KEYSTONE_OPTIONS)
            pipelines = pipelines.replace(" context ", " keystone_options context ")
            pipelines += "\n[filter:keystone_options]\npaste.filter_factory = keystone_options:filter_factory\n"
        paste = self.dir / "glance-api-paste.ini"
        paste.write_text(pipelines)
        return paste


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.glance", description="Run a real Glance without Keystone.")
    parser.add_argument("--dir", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 for a free one")
    parser.add_argument("--flavor", default="cachemanagement", help="paste pipeline ('' for the plain one)")
    parser.add_argument("--backends", default="", help="comma-separated names of file stores; none: one store")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--no-cache", action="store_true", help="leave image_cache_dir unset")
    parser.add_argument("--cache-driver", default="centralized_db", choices=("centralized_db", "sqlite", "xattr"))
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="line for [DEFAULT]")
    arguments = parser.parse_args()
    options = Options(
        flavor=arguments.flavor,
        backends=[name for name in arguments.backends.split(",") if name],
        processes=arguments.processes,
        cache=not arguments.no_cache,
        cache_driver=arguments.cache_driver,
        extra=dict(line.split("=", 1) for line in arguments.set),
    )

    def leave(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    with Glance(arguments.dir, arguments.port, options) as glance:
        print(glance.url, flush=True)
        try:
            while sys.stdin.buffer.read(65536):
                pass
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
