"""Starts what is measured, each in a folder and a process group of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.glance import Glance, Options
from harness.vidimus import Vidimus
from measure import seed
from measure.mariadb import MariaDb

# What a small site runs Glance with.
GLANCE_PROCESSES = 2


def glance_options(**different: object) -> Options:
    """As the suites start Glance, with more than one process and a cache."""
    return Options(**{"processes": GLANCE_PROCESSES, **different})  # type: ignore[arg-type]


class MeasuredGlance(Glance):
    """A Glance whose processes can be looked at."""

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def start(self) -> None:
        """Starts it after `stop`."""
        self._process = self._spawn()


class GlanceOnMariaDb(MeasuredGlance):
    """A Glance with its database in a MariaDB that is started for it and counts as part of it."""

    name = "glance on MariaDB"

    def __init__(self, directory: Path, options: Options, images: int = 0):
        """With so many images in its database."""
        self._mariadb = MariaDb(seed.copied_mariadb(images, directory / "mariadb"))
        try:
            sections = {**options.sections, "database": {"connection": self._mariadb.url}}
            super().__init__(directory / "glance", options=replace(options, sections=sections))
        except BaseException:
            self._mariadb.stop()
            raise
        if images and not seed.has_mariadb(images):
            try:
                self._mariadb.run(seed.mariadb_statements(images))
            finally:
                self.stop()
            seed.keep_mariadb(images, self._mariadb.dir)
            self.start()

    def start(self) -> None:
        self._mariadb.start()
        super().start()

    @property
    def pids(self) -> list[int]:
        return [*super().pids, *self._mariadb.pids]

    def stop(self) -> None:
        super().stop()
        self._mariadb.stop()


class MeasuredVidimus(Vidimus):
    """Ours, on the configuration file a Glance with these options would have."""

    def __init__(self, directory: Path, options: Options):
        Glance.write_config(directory, 0, options)
        super().__init__(directory, 0, ["--config-file", str(directory / "glance-api.conf")])
        self.cache_dir = self.dir / "cache"

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def start(self) -> None:
        """Starts it after `stop`."""
        self._process = self._spawn()


Measured = MeasuredGlance | MeasuredVidimus


def started(*make: Callable[[], Measured]) -> list[Measured]:
    """What each gives; if one fails, those before it are stopped."""
    servers: list[Measured] = []
    try:
        for one in make:
            servers.append(one())
    except BaseException:
        for server in servers:
            server.stop()
        raise
    return servers


def seeded(server: Measured, count: int) -> Measured:
    """The same server on an SQLite database of so many images."""
    server.stop()
    seed.put_seed(count, server.dir / "glance.sqlite")
    server.start()
    return server


def both(directory: Path, options: Options) -> list[Measured]:
    """Glance and ours, empty, with the same settings."""
    return started(lambda: MeasuredGlance(directory / "glance", options=options), lambda: MeasuredVidimus(directory / "vidimus", options))
