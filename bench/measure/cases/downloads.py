"""Downloads from the page cache and from a cold cache, against nginx with `sendfile` and against Glance."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from measure import data
from measure.case import Case, Effort, Sample, Scene, Subject, Target
from measure.nginx import MeasuredNginx
from measure.servers import MeasuredVidimus, both, glance_options
from measure.transfer import GIB, MIB, held, moved

WARM = GIB
COLD = 256 * MIB
COLD_CLIENTS = 100


def scenes(effort: Effort) -> list[Scene]:
    return [cached(effort), *connections(), cold()]


def nginx_beside(directory: Path, file: Path) -> tuple[MeasuredNginx, str]:
    """An nginx that has this file, and where."""
    root = directory / "files"
    root.mkdir()
    os.symlink(file, root / "image")
    return MeasuredNginx(directory / "nginx", root), "/image"


@dataclass
class Cached:
    """An image that every server has in its cache."""

    effort: Effort
    paths: dict[str, str] = field(default_factory=dict)

    def start(self, directory: Path) -> Sequence[Subject]:
        file = data.noise(WARM)
        nginx, self.paths["nginx"] = nginx_beside(directory, file)
        servers = [nginx, *both(directory, glance_options())]
        for server in servers[1:]:
            self.paths[server.name] = data.image_of(server, file)
        for server in servers:
            # The first fills the cache, the second comes out of it.
            for _ in range(2):
                self.download(server, 1, 1)
        return servers

    def download(self, server: Subject, streams: int, answers: int, **plan: int) -> Sample:
        return moved(server, path=self.paths[server.name], size=WARM, streams=streams, answers=answers, **plan)

    def speed(self, streams: int, answers: int, **plan: int) -> Callable[[Subject], Sample]:
        return lambda server: self.download(server, streams, answers, **plan)

    def cases(self) -> Sequence[Case]:
        nearly = Target("at least 0.97 times nginx", factor=0.97, against="nginx")
        cheap = [
            Target("CPU at most 1.15 times nginx", factor=1 / 1.15, against="nginx", cpu=True),
            Target("CPU at most 0.25 times Glance", factor=1 / 0.25, cpu=True),
        ]
        cases = []
        for streams, answers, plan, targets in (
            (1, 2, {}, [nearly, *cheap]),
            (16, 32, {"range": 128 * MIB}, [nearly, *cheap]),
            (200, 400, {"range": 16 * MIB}, [nearly]),
            (16, 1600, {"range": MIB}, []),
        ):
            what = f"random ranges of {plan['range'] // MIB} MiB" if plan else "1 GiB"
            name = f"cached download, {what}, {streams} stream{'s' if streams > 1 else ''}"
            answers = answers // self.effort.some(1, 2)
            # Glance cuts some of so many: each takes a thread of its sixteen.
            without = ["glance"] if streams == 200 else []
            cases.append(Case(name, "MiB/s", self.speed(streams, answers, **plan), targets=targets, without=without, work="GiB"))
        return cases


def cached(effort: Effort) -> Scene:
    state = Cached(effort)
    return Scene("cached-downloads", "Downloads of a cached image", state.start, state.cases())


@dataclass
class Connections:
    """Servers that nothing was asked of before: memory that was needed once is not always given back."""

    paths: dict[str, str] = field(default_factory=dict)

    def start(self, directory: Path) -> Sequence[Subject]:
        file = data.noise(COLD)
        nginx, self.paths["nginx"] = nginx_beside(directory, file)
        ours = MeasuredVidimus(directory / "vidimus", glance_options())
        self.paths[ours.name] = data.image_of(ours, file)
        moved(ours, path=self.paths[ours.name], streams=1, answers=1)
        return [nginx, ours]

    def case(self, name: str, limit: int, **plan: object) -> Case:
        def measure(server: Subject) -> Sample:
            return held(server, path=self.paths[server.name], size=COLD, holds=True, **plan)

        return Case(name, "MiB", measure, more_is_better=False, targets=[Target(f"at most {limit} MiB", value=limit)], rounds=1, work="")


def connections() -> list[Scene]:
    """Glance is left out: each of its connections takes one of its sixteen threads."""
    stalled, idle = Connections(), Connections()
    stalls = stalled.case("memory with 200 downloads that stand still", 60, streams=200, stalls=True, receive_buffer=65536)
    idles = idle.case("memory with 10,000 idle connections", 300, streams=10_000, range=1)
    return [
        Scene("stalled-downloads", "Downloads that stand still", stalled.start, [stalls]),
        Scene("idle-connections", "Idle connections", idle.start, [idles]),
    ]


@dataclass
class Cold:
    """An image that is in no cache when a measurement begins."""

    paths: dict[str, str] = field(default_factory=dict)
    opens: dict[str, data.Opens] = field(default_factory=dict)

    def start(self, directory: Path) -> Sequence[Subject]:
        file = data.noise(COLD)
        nginx, self.paths["nginx"] = nginx_beside(directory, file)
        servers = both(directory, glance_options())
        for server in servers:
            self.paths[server.name] = data.image_of(server, file)
            image = self.paths[server.name].split("/")[3]
            self.opens[server.name] = data.Opens(server.store_dir / image)
        return [nginx, *servers]

    def forget(self, server: Subject) -> None:
        if server.name == "nginx":
            return
        data.ask(server, "DELETE", "/v2/cache")
        self.opens[server.name].count()

    def one(self, server: Subject) -> Sample:
        self.forget(server)
        return moved(server, path=self.paths[server.name], size=COLD, streams=1, answers=1)

    def many(self, server: Subject) -> Sample:
        """Seconds until all have everything. nginx has the file and is asked by one client, as often."""
        self.forget(server)
        streams = 1 if server.name == "nginx" else COLD_CLIENTS
        sample = moved(server, path=self.paths[server.name], size=COLD, streams=streams, answers=COLD_CLIENTS)
        detail = dict(sample.detail)
        if server.name in self.opens:
            detail["store_reads"] = self.opens[server.name].count()
        return Sample(detail["seconds"], sample.work, detail, sample.cpu_seconds, sample.peak_mib)

    def store_reads(self, server: Subject) -> Sample:
        """How often the store's file is opened by as many clients at once."""
        return Sample(self.many(server).detail["store_reads"])


def cold() -> Scene:
    state = Cold()
    cheaply = Target("at most 1.3 times one client of nginx after the other", factor=1 / 1.3, against="nginx")
    many = f"cold download, 256 MiB, {COLD_CLIENTS} clients"
    cases = [
        Case("cold download, 256 MiB, 1 client", "MiB/s", state.one, work="GiB"),
        Case(many, "s", state.many, more_is_better=False, targets=[cheaply], rounds=2, work="GiB"),
        Case(
            f"store reads of {COLD_CLIENTS} cold clients",
            "reads",
            state.store_reads,
            more_is_better=False,
            targets=[Target("one", value=1)],
            without=["nginx"],
            rounds=1,
            work="",
        ),
    ]
    return Scene("cold-downloads", "Downloads of an image that is not cached", state.start, cases)
