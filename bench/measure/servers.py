"""Starts what is measured, each in a folder and a process group of its own."""

from __future__ import annotations

from pathlib import Path

from harness.glance import Glance, Options
from harness.vidimus import Vidimus

# What a small site runs Glance with.
GLANCE_PROCESSES = 2


def glance_options(**different: object) -> Options:
    """As the suites start Glance, with more than one process and a cache."""
    return Options(**{"processes": GLANCE_PROCESSES, **different})  # type: ignore[arg-type]


class MeasuredGlance(Glance):
    """A Glance whose processes can be looked at."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Starts it after `stop`."""
        self._process = self._spawn()


class MeasuredVidimus(Vidimus):
    """Ours, on the configuration file a Glance with these options would have."""

    def __init__(self, directory: Path, options: Options):
        Glance.write_config(directory, 0, options)
        super().__init__(directory, 0, ["--config-file", str(directory / "glance-api.conf")])
        self.cache_dir = self.dir / "cache"

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Starts it after `stop`."""
        self._process = self._spawn()


def both(directory: Path, options: Options) -> tuple[MeasuredGlance, MeasuredVidimus]:
    """Glance and ours, empty, with the same settings."""
    glance = MeasuredGlance(directory / "glance", options=options)
    try:
        return glance, MeasuredVidimus(directory / "vidimus", options)
    except BaseException:
        glance.stop()
        raise
