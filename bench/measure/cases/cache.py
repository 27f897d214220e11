"""The commands on the cache, with many cached images, and starting up with them."""

from __future__ import annotations

import http.client
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from measure import seed
from measure.case import Case, Sample, Scene, Subject, Target
from measure.load import WrongAnswers
from measure.process_tree import Meter
from measure.servers import MeasuredGlance, MeasuredVidimus, both, glance_options

# Bytes of a cached file: what is measured is the number of files.
SIZE = 16


def scenes() -> list[Scene]:
    return [commands(100), commands(10_000), commands(100_000), client(10_000)]


def commands(count: int) -> Scene:
    def start(directory: Path) -> Sequence[Subject]:
        servers = both(directory, glance_options(processes=1))
        for server in servers:
            server.stop()
            seed.put_seed(max(count, 1_000), server.dir / "glance.sqlite")
            server.start()
        return servers

    fill = filler(count)
    glance_cannot_wait = ("glance",) if count > 10_000 else ()
    listed = Target("at least 50 times as fast as Glance", factor=50) if count == 10_000 else None
    cleared = Target("at least 100 times as fast as Glance", factor=100) if count == 10_000 else None
    started = Target("at most 1 s", value=1000) if count == 100_000 else None
    cases = [
        Case(f"cache list, {count:,} entries", "ms", filled(fill, listing(count)), False, listed, glance_cannot_wait),
        Case(f"cache clear, {count:,} entries", "ms", filled(fill, clearing), False, cleared, glance_cannot_wait, rounds=3),
        Case(f"start with {count:,} cached files", "ms", starting(fill), False, started, glance_cannot_wait, rounds=3),
    ]
    if count == 100:
        cases.append(Case("start with an empty cache", "ms", starting(empty), False))
    return Scene(f"cache-{count}", start, cases)


Measured = MeasuredGlance | MeasuredVidimus


def filler(count: int) -> Callable[[Measured], None]:
    """Puts files into the cache of a stopped server, and the rows that Glance keeps of them."""

    def fill(server: Measured) -> None:
        empty(server)
        ids = [seed.image_id(number) for number in range(count)]
        for image_id in ids:
            (server.cache_dir / image_id).write_bytes(b"x" * SIZE)
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


def filled(fill: Callable[[Measured], None], work: Callable[[Measured], float]) -> Callable[[Subject], Sample]:
    """Restarts the server on a full cache, asks it once for something else, and does the work."""

    def measure(server: Subject) -> Sample:
        assert isinstance(server, (MeasuredGlance, MeasuredVidimus))
        server.stop()
        fill(server)
        server.start()
        ask(server, "GET", "/v2/images?limit=1")
        meter = Meter(server.pid)
        took = work(server)
        cpu, peak = meter.read()
        return Sample(took, 1, {}, cpu, peak)

    return measure


def listing(count: int) -> Callable[[Measured], float]:
    def work(server: Measured) -> float:
        # Ours brings the rows of the database in step with the first.
        ask(server, "GET", "/v2/cache")
        begin = time.monotonic()
        body = ask(server, "GET", "/v2/cache")
        took = time.monotonic() - begin
        if body.count(b'"image_id"') != count:
            raise WrongAnswers(f"{server.name}: {body.count(b'image_id')} cached images listed instead of {count}")
        return took * 1000

    return work


def clearing(server: Measured) -> float:
    begin = time.monotonic()
    ask(server, "DELETE", "/v2/cache")
    took = time.monotonic() - begin
    if b'"image_id"' in ask(server, "GET", "/v2/cache"):
        raise WrongAnswers(f"{server.name}: something is cached after a clear")
    return took * 1000


def starting(fill: Callable[[Measured], None]) -> Callable[[Subject], Sample]:
    """From the start of the process to its first answer."""

    def measure(server: Subject) -> Sample:
        assert isinstance(server, (MeasuredGlance, MeasuredVidimus))
        server.stop()
        fill(server)
        begin = time.monotonic()
        server.start()
        ask(server, "GET", "/v2/images?limit=1")
        took = time.monotonic() - begin
        meter = Meter(server.pid)
        return Sample(took * 1000, 1, {}, meter.cpu_so_far(), meter.read()[1])

    return measure


def ask(server: Measured, method: str, path: str) -> bytes:
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
    def pid(self) -> int:
        return self.server.pid

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

    few = Target("at most 20 ms", value=20)
    cases = [
        Case("client: --version", "ms", running("--version"), False, few),
        Case(f"client: cached image list, {count:,} entries", "ms", running("cached", "image", "list"), False),
        Case("client: image list --limit 25", "ms", running("image", "list", "--limit", "25"), False, few),
    ]
    return Scene("client", start, cases, baseline="python-openstackclient", subject="openstack")
