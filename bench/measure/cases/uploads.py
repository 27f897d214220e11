"""Uploads against Glance, and against programs that do a part of what an upload is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from measure import data, limits
from measure.case import Case, Effort, Sample, Scene, Subject, Target
from measure.servers import GlanceOnMariaDb, MeasuredGlance, MeasuredVidimus, glance_options, started
from measure.transfer import GIB, MIB, moved

SLOWER_HASH = "SHA-512 alone"
BOTH_HASHES = "both hashes alone"
RECEIVED = "receive and drop"
RECEIVED_HASHED = "receive and hash"
ALL = "receive, hash and write"


def scenes(effort: Effort) -> list[Scene]:
    return [uploads(effort)]


def uploads(effort: Effort) -> Scene:
    # One upload is as large; eight at once are as much together.
    size = effort.some(GIB, 512 * MIB)

    def start(directory: Path) -> Sequence[Subject]:
        file = str(directory / "received")
        servers: list[Any] = list(
            started(
                lambda: MeasuredGlance(directory / "glance", options=glance_options()),
                lambda: GlanceOnMariaDb(directory / "on-mariadb", glance_options()),
                lambda: MeasuredVidimus(directory / "vidimus", glance_options()),
            )
        )
        return [
            *servers,
            limits.Program(SLOWER_HASH, directory, lambda asked: ["hash", *asked, "sha512"]),  # type: ignore[misc]
            limits.Program(BOTH_HASHES, directory, lambda asked: ["hash", *asked, "md5", "sha512"]),  # type: ignore[misc]
            limits.Server(RECEIVED, directory, lambda port: ["receive", port, file, "drop"]),
            limits.Server(RECEIVED_HASHED, directory, lambda port: ["receive", port, file, "hash"]),
            limits.Server(ALL, directory, lambda port: ["receive", port, file, "all"]),
        ]

    def upload(streams: int) -> Callable[[Any], Sample]:
        def measure(server: Any) -> Sample:
            file = data.noise(size // streams)
            if isinstance(server, limits.Program):
                report, cpu, peak = server.run([str(file), str(streams)])
                return Sample(size / MIB / report["seconds"], size / GIB, report, cpu, peak)
            if isinstance(server, limits.Server):
                return moved(server, file=str(file), paths=["/"] * streams)
            images = [data.new_image(server) for _ in range(streams)]
            sample = moved(server, file=str(file), paths=[f"/v2/images/{image}/file" for image in images])
            for image in images:
                data.ask(server, "DELETE", f"/v2/images/{image}")
            return sample

        return measure

    targets = [
        Target("at least 0.9 times the slower hash alone", factor=0.9, against=SLOWER_HASH),
        Target("at least 4 times Glance", factor=4),
    ]
    cases = [
        Case(f"upload, {size // MIB} MiB, 1 stream", "MiB/s", upload(1), targets=targets, work="GiB"),
        # On SQLite Glance refuses some of eight at once, because the database is locked.
        Case(f"upload, {size // 8 // MIB} MiB each, 8 streams", "MiB/s", upload(8), without=["glance"], work="GiB"),
    ]
    return Scene("uploads", "Uploads", start, cases)
