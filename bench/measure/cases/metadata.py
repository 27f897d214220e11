"""Showing, listing, making and deleting images, against Glance and against ourselves with fewer images."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import data, limits, seed
from measure.case import Case, Effort, Sample, Scene, Subject, Target
from measure.load import load
from measure.servers import GlanceOnMariaDb, MeasuredGlance, MeasuredVidimus, glance_options, seeded, started

PAGE = 25
ADMIN = {"X-User-Id": "u", "X-Project-Id": "f" * 32, "X-Roles": "admin,member,reader", "X-Identity-Status": "Confirmed"}
MEMBER = {**ADMIN, "X-Project-Id": seed.PROJECT, "X-Roles": "member,reader"}

# Each makes an image and removes it again.
CREATE_AND_DELETE = [
    'POST /v2/images {"id": "{uuid}", "name": "made", "disk_format": "raw", "container_format": "bare", "os_distro": "debian"}',
    "DELETE /v2/images/{uuid}",
]

CONSTANT = "constant answers"
PAGES_ALONE = "SQLite alone"
COMMITS_ALONE = "commits alone"


def scenes(effort: Effort) -> list[Scene]:
    return [against_glance(effort, count) for count in (1_000, 100_000, 1_000_000)] + [against_fewer(effort)]


def against_glance(effort: Effort, count: int) -> Scene:
    # A Glance that takes seconds for a page is asked by few, and few times.
    slow = count == 1_000_000
    how: dict[str, Any] = {"seconds": effort.some(1.5, 0.8), **({"connections": 2} if slow else {})}
    some = [f"/v2/images/{seed.image_id(number)}" for number in range(0, count, max(count // 64, 1))]
    page = f"/v2/images?limit={PAGE}"
    deep = f"{page}&marker={seed.image_id(count // 20)}"
    public = f"{page}&visibility=public"
    filtered = f"{page}&disk_format=qcow2&os_distro=ubuntu&sort=name:asc"
    # More pages than a server can keep in memory, so that the database is asked.
    strides = [f"{page}&marker={seed.image_id(number)}" for number in range(PAGE, count, max(count // 499, 1))]

    def start(directory: Path) -> Sequence[Subject]:
        options = glance_options()
        servers: list[Any] = list(
            started(
                lambda: seeded(MeasuredGlance(directory / "glance", options=options), count),
                lambda: GlanceOnMariaDb(directory / "on-mariadb", options, count),
                lambda: seeded(MeasuredVidimus(directory / "vidimus", options), count),
            )
        )
        for server in servers:
            load(server, [f"GET {page}"], count=2 if slow else 8, connections=2)
        if slow:
            return servers
        ours = servers[-1]
        sizes = [len(data.ask(ours, "GET", path)) for path in (page, some[0])]
        database = directory / "alone.sqlite"
        shutil.copyfile(seed.seeded(count, database), database)
        seconds = str(how["seconds"])
        return [
            *servers,
            limits.Server(CONSTANT, directory, lambda port: ["constant", port, *map(str, sizes)]),
            limits.Program(PAGES_ALONE, directory, lambda _: ["pages", str(database), seconds]),
            limits.Program(COMMITS_ALONE, directory, lambda _: ["commits", str(database), seconds]),
        ]

    def asking(paths: Sequence[str]) -> Callable[[Any], Sample]:
        """Requests per second with 16 connections."""

        def measure(server: Any) -> Sample:
            if isinstance(server, limits.Program):
                return server.rate()
            return load(server, [f"GET {path}" for path in paths], **how)

        return measure

    def making(server: Any) -> Sample:
        if isinstance(server, limits.Program):
            alone = server.rate()
            # Two requests make and delete one.
            return Sample(alone.value * 2, alone.work * 2, alone.detail, alone.cpu_seconds, alone.peak_mib)
        return load(server, CREATE_AND_DELETE, connections=1, seconds=how["seconds"])

    hundred = [Target(f"at least 100 times {who}", factor=100, against=who) for who in ("glance", "glance on MariaDB")]
    no_reads, no_commits = [PAGES_ALONE], [COMMITS_ALONE]
    cases = [
        Case(f"list 25 of {count:,}", "requests/s", asking([page]), targets=hundred, without=no_commits),
        Case(f"list 25 of {count:,}, deep", "requests/s", asking([deep]), without=[*no_commits, *no_reads]),
        Case(f"list 25 of {count:,}, public", "requests/s", asking([public]), without=[*no_commits, *no_reads]),
        Case(f"list 25 of {count:,}, filtered, by name", "requests/s", asking([filtered]), without=[*no_commits, *no_reads]),
        Case(f"list 25 of {count:,}, always another page", "requests/s", asking(strides), without=no_commits),
    ]
    if slow:
        # Filters and sorting make Glance read all of the million; it answers in minutes.
        cases = [case for case in cases if "filtered" not in case.name and "public" not in case.name]
        cases = [Case(case.name, case.unit, case.measure, without=case.without, rounds=1) for case in cases]
    if count == 1_000:
        cases += [
            Case("show one of 1,000", "requests/s", asking(some), targets=hundred, without=[*no_commits, *no_reads]),
            # With more connections Glance answers many with 500, because SQLite is locked.
            Case("create and delete, 1 connection", "requests/s", making, without=[CONSTANT, *no_reads]),
        ]
    return Scene(f"images-{count}", f"Images among {count:,}", start, cases)


class Sized(MeasuredVidimus):
    """Ours with so many images, trusting the identity in the headers as behind a proxy."""

    def __init__(self, directory: Path, count: int):
        super().__init__(directory, glance_options(identity=True))
        self.name = f"{count:,} images"
        self.count = count
        self.marker = ""
        seeded(self, count)


class Deep:
    """The same server, asked for a page far back."""

    def __init__(self, server: Sized):
        self.name = f"{server.name}, deep"
        self.url, self.dir, self.count = server.url, server.dir, server.count
        self.marker = f"&marker={seed.image_id(server.count // 20)}"
        self._server = server

    @property
    def pids(self) -> Sequence[int]:
        return self._server.pids

    def stop(self) -> None:
        """It stops with the server it is."""


def against_fewer(effort: Effort) -> Scene:
    """A page must cost the same however many images there are and however far back it begins."""

    def start(directory: Path) -> Sequence[Subject]:
        few, many, most = started(
            *(lambda count=count: Sized(directory / str(count), count) for count in (1_000, 100_000, 1_000_000))  # type: ignore[misc]
        )
        assert isinstance(most, Sized)
        return [few, many, most, Deep(most)]

    def page(filters: str, headers: Mapping[str, str], changes: bool) -> Callable[[Any], Sample]:
        def measure(server: Sized | Deep) -> Sample:
            path = f"/v2/images?limit={PAGE}{filters}{server.marker}"
            requests = [f"GET {path}"]
            if changes:
                # Written before each page and not counted. Nothing that was read before is of use then.
                tag = f"/v2/images/{seed.image_id(7)}/tags/measured"
                requests = [f"~PUT {tag}", *requests, f"~DELETE {tag}", *requests]
            load(server, requests, connections=1, count=8, headers=headers)
            sample = load(server, requests, connections=1, seconds=effort.some(0.6, 0.4), headers=headers)
            return Sample(sample.detail["p50_ms"], sample.work, sample.detail, sample.cpu_seconds, sample.peak_mib)

        return measure

    most = "1,000,000 images"
    targets = [
        Target("at most 1.5 times as long as with 1,000", factor=1 / 1.5, against="1,000 images", subject=most),
        Target("deep at most 1.5 times as long as first", factor=1 / 1.5, against=most, subject=f"{most}, deep"),
    ]
    cases = []
    for caller, headers in (("admin", ADMIN), ("project", MEMBER)):
        for filters, words in (
            ("", "all"),
            ("&visibility=public", "public"),
            (f"&owner={seed.PROJECT}", "of one owner"),
            ("&visibility=shared&member_status=all", "shared"),
            ("&os_hidden=false&created_at=lt:2030-01-01T00:00:00Z", "by time"),
        ):
            name = f"page of 25 as {caller}, {words}"
            for changes, when in ((False, "again"), (True, "after a change")):
                measure = page(filters, headers, changes)
                cases.append(Case(f"{name}, {when}", "ms", measure, more_is_better=False, targets=targets))
    return Scene("pages", "A page among many", start, cases, subject=most)
