"""Downloads of a cached image over TLS, against nginx with the same certificate. Glance speaks no TLS itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.certificates import Authority

from measure import data
from measure.case import Case, Effort, Sample, Scene, Subject, Target
from measure.servers import glance_options
from measure.tls import GIB, MIB, MeasuredTlsVidimus, TlsNginx, TlsSubject, downloaded

# For one stream, and for many, each of which gets a whole file as well.
LARGE, SMALL = GIB, 128 * MIB


def scenes(effort: Effort) -> list[Scene]:
    state = CachedOverTls(effort)
    return [Scene("cached-downloads-over-tls", "Downloads of a cached image over TLS", state.start, state.cases())]


@dataclass
class CachedOverTls:
    """Two images that every server has in its cache."""

    effort: Effort
    paths: dict[tuple[str, int], str] = field(default_factory=dict)
    authority: Authority | None = None

    def start(self, directory: Path) -> Sequence[Subject]:
        authority = self.authority = Authority(directory / "certificates")
        pair = authority.issue("server")
        root = directory / "files"
        root.mkdir()
        files = {size: data.noise(size) for size in (LARGE, SMALL)}
        for size, file in files.items():
            os.symlink(file, root / str(size))
            self.paths["nginx", size] = f"/{size}"
        nginx = TlsNginx(directory / "nginx", root, pair)
        ours = MeasuredTlsVidimus(directory / "vidimus", pair, glance_options())
        for size, file in files.items():
            self.paths[ours.name, size] = data.image_of(ours, file)
            for server in (nginx, ours):
                # The first fills the cache, the second comes out of it.
                for _ in range(2):
                    self.download(server, size, 1, 1)
        return [nginx, ours]

    def download(self, server: TlsSubject, size: int, streams: int, answers: int) -> Sample:
        assert self.authority
        return downloaded(server, self.authority, self.paths[server.name, size], size, streams, answers)

    def cases(self) -> Sequence[Case]:
        targets = [
            Target("at least 0.97 times nginx", factor=0.97, against="nginx"),
            Target("CPU at most 1.15 times nginx", factor=1 / 1.15, against="nginx", cpu=True),
        ]
        cases = []
        for streams, size, answers in ((1, LARGE, 2), (16, SMALL, 32)):
            what = "1 GiB" if size == GIB else f"{size // MIB} MiB"
            name = f"cached download over TLS, {what}, {streams} stream{'s' if streams > 1 else ''}"
            measure = self.measure(size, streams, answers // self.effort.some(1, 2))
            cases.append(Case(name, "MiB/s", measure, targets=targets, work="GiB"))
        return cases

    def measure(self, size: int, streams: int, answers: int) -> Callable[[TlsSubject], Sample]:
        return lambda server: self.download(server, size, streams, answers)
