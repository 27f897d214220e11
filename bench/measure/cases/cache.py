"""The commands on the cache, with many cached images, and starting up with them."""

from __future__ import annotations

import http.client
import os
import shutil
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from measure import limits, seed
from measure.case import Case, Effort, Sample, Scene, Subject, Target
from measure.load import WrongAnswers
from measure.process_tree import Meter
from measure.servers import Measured, MeasuredGlance, MeasuredVidimus, glance_options, seeded, started

# Bytes of a cached file: what is measured is the number of files.
SIZE = 16

# Bytes of one entry in the list.
LISTED = 170

CONSTANT = "constant answers"
NOTE_ALONE = "a note for good alone"

# How often a filled cache is listed; it can be cleared but once.
LISTS = 5


def scenes(effort: Effort) -> list[Scene]:
    return [commands(effort, count) for count in (100, 10_000, 100_000)] + [client(100), client(10_000)]


def commands(effort: Effort, count: int) -> Scene:
    # Glance's sweep through so many rows takes minutes.
    glances = count < 100_000 or not effort.quick

    def start(directory: Path) -> Sequence[Subject]:
        options = glance_options(processes=1)
        make = [lambda: seeded(MeasuredVidimus(directory / "vidimus", options), max(count, 1_000))]
        if glances:
            make.append(lambda: seeded(MeasuredGlance(directory / "glance", options=options), max(count, 1_000)))
        return [
            *started(*make),
            limits.Server(CONSTANT, directory, lambda port: ["constant", port, str(count * LISTED), "1"]),
            limits.Program(NOTE_ALONE, directory / "noted", lambda _: ["note", str(directory / "noted")]),
        ]

    visit = Visit(count)
    many = count == 10_000
    listed = [Target("at least 50 times as fast as Glance", factor=50)] if many else []
    cleared = [Target("at least 100 times as fast as Glance", factor=100)] if many else []
    begun = [Target("at most 1 s", value=1000)] if count == 100_000 else []
    rounds = 1 if count == 100_000 else None
    every = [CONSTANT, NOTE_ALONE]
    cases = [
        Case(f"start with {count:,} cached files", "ms", visit.started, False, begun, every, rounds=rounds, work="start"),
        Case(f"cache list, {count:,} entries", "ms", visit.listed, False, listed, [NOTE_ALONE], rounds=rounds, work="list"),
        Case(f"cache clear, {count:,} entries", "ms", visit.cleared, False, cleared, [CONSTANT], rounds=rounds, work="clear"),
    ]
    if count == 100:
        cases.append(Case("start with an empty cache", "ms", starting, False, without=every, work="start"))
    return Scene(f"cache-{count}", f"The cache, {count:,} entries", start, cases)


class Visit:
    """Fills a cache once for all that is measured of it: the start, a list, a clear."""

    def __init__(self, count: int):
        self.count = count
        self._fill = filler(count)
        self._found: dict[tuple[str, str], Sample] = {}

    def started(self, server: Measured) -> Sample:
        return self._take("start", server)

    def listed(self, server: Measured | limits.Server) -> Sample:
        if isinstance(server, limits.Server):
            asked = [timed(server, "GET", "/v2/images")[0] for _ in range(LISTS)]
            return Sample(statistics.median(asked) * 1000)
        return self._take("list", server)

    def cleared(self, server: Measured | limits.Program) -> Sample:
        if isinstance(server, limits.Program):
            # Among as many files that are new: what the sync has to do for them is part of it.
            server.dir.mkdir()
            for number in range(self.count):
                (server.dir / str(number)).write_bytes(b"x" * SIZE)
            report, cpu, peak = server.run()
            shutil.rmtree(server.dir)
            return Sample(report["ms"], 1, {}, cpu, peak)
        return self._take("clear", server)

    def _take(self, what: str, server: Measured) -> Sample:
        if (server.name, what) not in self._found:
            self._visit(server)
        return self._found.pop((server.name, what))

    def _visit(self, server: Measured) -> None:
        server.stop()
        self._fill(server)
        self._found[server.name, "start"] = start_of(server)
        for what, work, times in (("list", listing(self.count), LISTS + 1), ("clear", clearing, 1)):
            meter = Meter(server.pids)
            took = work(server)
            cpu, peak = meter.read()
            self._found[server.name, what] = Sample(took, times, {}, cpu, peak)


def filler(count: int) -> Callable[[Measured], None]:
    """Puts files into the cache of a stopped server, and the rows that Glance keeps of them."""

    def fill(server: Measured) -> None:
        empty(server)
        ids = [seed.image_id(number) for number in range(count)]
        content = b"x" * SIZE
        for image_id in ids:
            file = os.open(f"{server.cache_dir}/{image_id}", os.O_WRONLY | os.O_CREAT, 0o640)
            os.write(file, content)
            os.close(file)
        database = sqlite3.connect(server.dir / "glance.sqlite", timeout=60)
        with database:
            found = database.execute("SELECT node_reference_id FROM node_reference WHERE node_reference_url = ?", (server.url,))
            row = found.fetchone()
            node = row[0] if row else database.execute(
                "INSERT INTO node_reference (node_reference_url) VALUES (?)", (server.url,)
            ).lastrowid  # fmt: skip
            now = "2026-01-01 00:00:00.000000"
            database.executemany(
                "INSERT INTO cached_images (image_id, last_accessed, last_modified, size, hits, node_reference_id)"
                " VALUES (?, ?, ?, ?, 0, ?)",
                ((image_id, now, now, SIZE, node) for image_id in ids),
            )
        database.close()

    return fill


def empty(server: Measured) -> None:
    """Takes out whatever is cached, of a stopped server."""
    for entry in os.scandir(server.cache_dir):
        if entry.is_file():
            os.unlink(entry.path)
    database = sqlite3.connect(server.dir / "glance.sqlite", timeout=60)
    with database:
        database.execute("DELETE FROM cached_images")
    database.close()


def starting(server: Measured) -> Sample:
    server.stop()
    empty(server)
    return start_of(server)


def start_of(server: Measured) -> Sample:
    """From the start of the process to its first answer."""
    begin = time.monotonic()
    server.start()
    ask(server, "GET", "/v2/images?limit=1")
    took = time.monotonic() - begin
    meter = Meter(server.pids)
    return Sample(took * 1000, 1, {}, meter.cpu_so_far(), meter.read()[1])


def listing(count: int) -> Callable[[Measured], float]:
    def work(server: Measured) -> float:
        # Ours brings the rows of the database in step with the first.
        ask(server, "GET", "/v2/cache")
        took = []
        for _ in range(LISTS):
            seconds, body = timed(server, "GET", "/v2/cache")
            took.append(seconds)
            if body.count(b'"image_id"') != count:
                raise WrongAnswers(f"{server.name}: {body.count(b'image_id')} cached images listed instead of {count}")
        return statistics.median(took) * 1000

    return work


def clearing(server: Measured) -> float:
    begin = time.monotonic()
    ask(server, "DELETE", "/v2/cache")
    took = time.monotonic() - begin
    if b'"image_id"' in ask(server, "GET", "/v2/cache"):
        raise WrongAnswers(f"{server.name}: something is cached after a clear")
    return took * 1000


def timed(server: Subject, method: str, path: str) -> tuple[float, bytes]:
    begin = time.monotonic()
    body = ask(server, method, path)
    return time.monotonic() - begin, body


def ask(server: Subject, method: str, path: str) -> bytes:
    """The body of the answer, which must be a good one."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=900)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status // 100 != 2:
        raise WrongAnswers(f"{server.name}: {method} {path}: {answer.status} {body[:200]!r}")
    return body


class Client:
    """A command line client on a server of ours."""

    def __init__(self, name: str, program: Path, server: MeasuredVidimus):
        self.name = name
        self.url = server.url
        self.dir = server.dir
        self.program = program
        self.server = server

    @property
    def pids(self) -> list[int]:
        return self.server.pids

    def stop(self) -> None:
        self.server.stop()


def client(count: int) -> Scene:
    """Both clients ask the same server, which is ours."""

    def start(directory: Path) -> Sequence[Subject]:
        server = MeasuredVidimus(directory / "vidimus", glance_options(processes=1))
        server.stop()
        seed.put_seed(1_000, server.dir / "glance.sqlite")
        filler(count)(server)
        server.start()
        from harness.glance import BIN

        return [
            Client("python-openstackclient", BIN / "openstack", server),
            Client("openstack", Path(os.environ["OPENSTACK_BIN"]), server),
        ]

    def running(*arguments: str) -> Callable[[Subject], Sample]:
        def measure(client: Subject) -> Sample:
            assert isinstance(client, Client)
            env = {**os.environ, "OS_AUTH_TYPE": "none", "OS_ENDPOINT": client.url}
            begin = time.monotonic()
            done = subprocess.run([client.program, *arguments], env=env, capture_output=True, check=False)
            took = time.monotonic() - begin
            if done.returncode != 0:
                raise WrongAnswers(f"{client.name}: {done.stderr.decode()[-300:]}")
            return Sample(took * 1000, 1)

        return measure

    fast = [
        Target("at least 50 times as fast as the Python client", factor=50, against="python-openstackclient"),
        Target("at most 20 ms", value=20),
    ]
    cases = [Case(f"openstack cached image list, {count:,} entries", "ms", running("cached", "image", "list"), False, fast, work="")]
    if count == 100:
        cases += [
            Case("openstack --version", "ms", running("--version"), False, fast, work=""),
            Case("openstack image list --limit 25", "ms", running("image", "list", "--limit", "25"), False, fast, work=""),
        ]
    return Scene(f"client-{count}", f"The client, {count:,} entries in the cache", start, cases, subject="openstack")
