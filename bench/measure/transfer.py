"""Clients that only move image data, over any number of connections, as cheaply as they can.

They run as a process of their own (`python -m measure.transfer JSON`), so that their CPU time is not the runner's. What is
downloaded is thrown away inside the kernel (`MSG_TRUNC`), which costs about half of reading it: on a machine that runs
both sides, a client that reads everything would be what is measured. Lengths are checked, bytes are not; the tests
do that.
"""

from __future__ import annotations

import json
import os
import random
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure.case import Sample, Subject
from measure.load import WrongAnswers
from measure.process_tree import Meter

GIB = 1 << 30
MIB = 1 << 20


def moved(server: Subject, **plan: Any) -> Sample:
    """Runs a client and returns MiB/s, with CPU seconds to be counted by GiB. `plan` is what `main` takes."""
    meter = Meter(server.pids)
    with client(server, plan) as child:
        assert child.stdout
        answer = child.stdout.read()
        cpu, peak = meter.read()
    return sample_of(server, child, answer, cpu, peak)


def held(server: Subject, **plan: Any) -> Sample:
    """The peak of the server's memory in MiB while a client holds its connections open."""
    meter = Meter(server.pids)
    with client(server, plan) as child:
        assert child.stdout and child.stdin
        # Says so when all connections are where they should be, and leaves when told.
        answer = child.stdout.readline()
        cpu, peak = meter.read()
        child.stdin.close()
    sample = sample_of(server, child, answer, cpu, peak)
    return Sample(peak, 0, sample.detail, cpu, peak)


@contextmanager
def client(server: Subject, plan: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    plan = {**plan, "address": server.url.removeprefix("http://")}
    argv = [sys.executable, "-m", "measure.transfer", json.dumps(plan)]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        assert child.stdin
        child.stdin.close()
        child.wait()


def sample_of(server: Subject, child: subprocess.Popen[str], answer: str, cpu: float, peak: float) -> Sample:
    if child.returncode != 0 or not answer:
        raise WrongAnswers(f"{server.name}: the client ended with {child.returncode}")
    report = json.loads(answer)
    seconds, moved_bytes = report["seconds"], report["bytes"]
    detail = {"seconds": seconds, "client_cpu_share": report["cpu"] / seconds, "answers_per_second": report["answers"] / seconds}
    return Sample(moved_bytes / MIB / seconds, moved_bytes / GIB, detail, cpu, peak)


class Download:
    """One connection that asks for a path again and again."""

    # What is left of an answer that has no length.
    ENDLESS = 1 << 62

    def __init__(self, plan: dict[str, Any], numbers: random.Random):
        self.plan = plan
        self.numbers = numbers
        self.answers = 0
        self.got = 0
        self.connection: socket.socket | None = None

    def connect(self) -> socket.socket:
        host, port = self.plan["address"].split(":")
        connection = socket.socket()
        if "receive_buffer" in self.plan:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.plan["receive_buffer"])
        connection.connect((host, int(port)))
        return connection

    def ask(self) -> None:
        """Sends a request, over a new connection where the server closed the last one."""
        if self.connection is None:
            self.connection = self.connect()
        self.connection.setblocking(True)
        headers = "Host: here\r\n"
        length = self.plan.get("range")
        if length:
            start = self.numbers.randrange(self.plan["size"] - length)
            headers += f"Range: bytes={start}-{start + length - 1}\r\n"
        self.connection.sendall(f"GET {self.plan['path']} HTTP/1.1\r\n{headers}\r\n".encode())
        self.connection.setblocking(False)
        self.head = b""
        self.left = -1
        self.least = self.ENDLESS

    def take(self, buffer: memoryview) -> bool:
        """Reads what is there; whether the answer is whole now."""
        assert self.connection
        try:
            if self.left < 0:
                part = self.connection.recv(16384)
                if not part:
                    raise SystemExit("the server closed the connection before it answered")
                self.head += part
                if b"\r\n\r\n" not in self.head:
                    return False
                head, body = self.head.split(b"\r\n\r\n", 1)
                lines = head.decode().lower().split("\r\n")
                if lines[0].split()[1] not in ("200", "206"):
                    raise SystemExit(lines[0])
                values = dict(line.split(": ", 1) for line in lines[1:])
                self.closes = values.get("connection") == "close" or "content-length" not in values
                self.got += len(body)
                if "content-length" not in values:
                    # Glance through uWSGI, which ends the connection with the answer; frames of chunks count as bytes.
                    self.least = self.plan.get("range") or self.plan["size"]
                    self.left = self.ENDLESS
                else:
                    self.left = int(values["content-length"])
                self.left -= len(body)
            else:
                read = self.connection.recv_into(buffer, min(self.left, len(buffer)), socket.MSG_TRUNC)
                if not read:
                    if self.ENDLESS - self.left < self.least:
                        raise SystemExit("the answer ended too early")
                    self.left = 0
                self.left -= read
                self.got += read
        except BlockingIOError:
            return False
        if self.left == 0:
            self.answers += 1
            return True
        return False

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


def download(plan: dict[str, Any]) -> tuple[int, int]:
    """`streams` connections ask for `path` until there were `answers`. Bytes, answers."""
    numbers = random.Random(1)
    streams = [Download(plan, numbers) for _ in range(plan["streams"])]
    selector = selectors.DefaultSelector()
    buffer = memoryview(bytearray(4 * MIB))
    left = plan["answers"]
    for stream in streams:
        stream.ask()
        left -= 1
        assert stream.connection
        selector.register(stream.connection, selectors.EVENT_READ, stream)
    while selector.get_map():
        for key, _ in selector.select():
            stream = key.data
            if not stream.take(buffer):
                continue
            selector.unregister(key.fileobj)
            if stream.closes or left <= 0:
                stream.close()
            if left > 0:
                left -= 1
                stream.ask()
                selector.register(stream.connection, selectors.EVENT_READ, stream)
    return sum(stream.got for stream in streams), sum(stream.answers for stream in streams)


def hold(plan: dict[str, Any]) -> tuple[list[Download], int]:
    """`streams` connections that ask once; they read the answer, or with `stalls` only its beginning."""
    numbers = random.Random(1)
    streams = []
    buffer = memoryview(bytearray(4 * MIB))
    for _ in range(plan["streams"]):
        stream = Download(plan, numbers)
        stream.ask()
        assert stream.connection
        stream.connection.setblocking(True)
        while not stream.take(buffer):
            if plan.get("stalls") and stream.left > 0:
                break
        streams.append(stream)
    # What the servers still do with the last of them.
    time.sleep(1)
    return streams, sum(stream.got for stream in streams)


def upload(plan: dict[str, Any]) -> tuple[int, int]:
    """The file, to each of `paths` at once."""
    host, port = plan["address"].split(":")
    size = os.path.getsize(plan["file"])
    failures: list[object] = []

    def put(path: str) -> None:
        try:
            send(path)
        except OSError as error:
            failures.append(error)

    def send(path: str) -> None:
        with socket.create_connection((host, int(port))) as connection, Path(plan["file"]).open("rb") as file:
            head = f"PUT {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n"
            connection.sendall(head.encode())
            connection.sendfile(file)
            answer = connection.recv(65536)
            if b" 204 " not in answer.split(b"\r\n")[0]:
                failures.append(answer)

    threads = [threading.Thread(target=put, args=(path,)) for path in plan["paths"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"an upload was refused: {failures[0]!r}")
    return size * len(threads), len(threads)


def main() -> None:
    plan = json.loads(sys.argv[1])
    begin = time.monotonic()
    kept: list[Download] = []
    if "file" in plan:
        size, answers = upload(plan)
    elif plan.get("holds"):
        kept, size = hold(plan)
        answers = len(kept)
    else:
        size, answers = download(plan)
    seconds = time.monotonic() - begin
    print(json.dumps({"seconds": seconds, "bytes": size, "answers": answers, "cpu": time.process_time()}), flush=True)
    if kept:
        sys.stdin.read()


if __name__ == "__main__":
    main()
