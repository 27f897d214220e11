"""Uploads against Glance, and against programs that do nothing but hash."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from measure import data
from measure.case import Case, Sample, Scene, Subject, Target
from measure.servers import both, glance_options
from measure.transfer import GIB, MIB, moved

# One upload is as large; eight at once are as much together.
SIZE = GIB


def scenes() -> list[Scene]:
    return [uploads()]


class Hashes:
    """No server: hashes a file that is in memory and does nothing else. Nobody can be faster and know the hashes."""

    url = ""

    def __init__(self, directory: Path, name: str, algorithms: Sequence[str]):
        self.dir = directory
        self.name = name
        self.algorithms = algorithms
        # Something to be looked at in the table's columns of CPU and memory.
        self._process = subprocess.Popen(["sleep", "infinity"], start_new_session=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def hash(self, file: Path, streams: int) -> Sample:
        """The whole file by each algorithm, each on a thread of its own, `streams` times at once."""

        def run(algorithm: str) -> None:
            digest = hashlib.new(algorithm)
            with file.open("rb", buffering=0) as source:
                while part := source.read(MIB):
                    digest.update(part)

        threads = [threading.Thread(target=run, args=(name,)) for name in self.algorithms for _ in range(streams)]
        begin, cpu = time.monotonic(), time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
        moved_bytes = streams * file.stat().st_size
        return Sample(moved_bytes / MIB / seconds, moved_bytes / GIB, {"seconds": seconds}, cpu)


def uploads() -> Scene:
    def start(directory: Path) -> Sequence[Subject]:
        return [
            *both(directory, glance_options()),
            Hashes(directory, "slower hash alone", ["sha512"]),
            Hashes(directory, "both hashes", ["md5", "sha512"]),
        ]

    def upload(streams: int) -> Callable[[Subject], Sample]:
        def measure(server: Subject) -> Sample:
            file = data.noise(SIZE // streams)
            if isinstance(server, Hashes):
                return server.hash(file, streams)
            images = [data.new_image(server) for _ in range(streams)]
            sample = moved(server, file=str(file), paths=[f"/v2/images/{image}/file" for image in images])
            for image in images:
                data.ask(server, "DELETE", f"/v2/images/{image}")
            return sample

        return measure

    one, eight = upload(1), upload(8)
    four_times = Target("at least 4 times Glance", factor=4)
    nearly = Target("at least 0.9 times the slower hash alone", factor=0.9)
    cases = [
        Case("upload, 1 GiB, 1 stream", "MiB/s", one, target=four_times),
        Case("upload, 1 GiB, 1 stream, against the hash", "MiB/s", one, target=nearly, baseline="slower hash alone", without=["glance"]),
        # On SQLite Glance refuses some of eight at once, because the database is locked.
        Case("upload, 128 MiB each, 8 streams", "MiB/s", eight, baseline="both hashes", without=["glance"]),
    ]
    return Scene("uploads", start, cases)
