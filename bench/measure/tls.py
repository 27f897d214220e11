"""Servers that speak TLS with the same certificate, and the client that downloads from them.

Each also listens without TLS (`url`), for what is not measured. The client runs as a process of its own
(`python -m measure.tls JSON`): a thread for each stream, which waits in OpenSSL's read and throws away what it got. A client
of TLS has to decrypt, so it takes more of the machine than one that lets the kernel drop everything.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.certificates import Authority, Pair
from harness.process import free_port
from harness.vidimus import TlsVidimus

from measure.case import Sample, Subject
from measure.load import WrongAnswers
from measure.nginx import MeasuredNginx
from measure.process_tree import Meter

GIB = 1 << 30
MIB = 1 << 20

NGINX = " listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"


class TlsSubject(Subject, Protocol):
    """A server with an address for clients that speak TLS."""

    @property
    def tls_address(self) -> str: ...


class TlsNginx(MeasuredNginx):
    """Serves the files in `root`."""

    def __init__(self, directory: Path, root: Path, pair: Pair):
        port = free_port()
        self.tls_address = f"127.0.0.1:{port}"
        super().__init__(directory, root, NGINX.format(port=port, certificate=pair.certificate, key=pair.key))


class MeasuredTlsVidimus(TlsVidimus):
    """Ours, whose processes can be looked at."""

    @property
    def tls_address(self) -> str:
        return self.tls_url.removeprefix("https://")

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]


def downloaded(server: TlsSubject, authority: Authority, path: str, size: int, streams: int, answers: int) -> Sample:
    """Downloads `path`, which is `size` bytes long, `answers` times over `streams` connections. MiB/s, and CPU seconds to be
    counted by GiB."""
    plan = {
        "address": server.tls_address,
        "authority": str(authority.file),
        "path": path,
        "size": size,
        "streams": streams,
        "answers": answers,
    }
    meter = Meter(server.pids)
    done = subprocess.run(
        [sys.executable, "-m", "measure.tls", json.dumps(plan)], stdout=subprocess.PIPE, text=True, check=False
    )
    cpu, peak = meter.read()
    if done.returncode != 0:
        raise WrongAnswers(f"{server.name}: the client ended with {done.returncode}")
    report = json.loads(done.stdout)
    seconds, moved_bytes = report["seconds"], report["bytes"]
    detail = {"seconds": seconds, "client_cpu_share": report["cpu"] / seconds, "bits_of_the_key": report["bits"]}
    return Sample(moved_bytes / MIB / seconds, moved_bytes / GIB, detail, cpu, peak)


class Downloads:
    """Connections that share the work."""

    def __init__(self, plan: dict[str, Any]):
        self.plan = plan
        self.context = ssl.create_default_context(cafile=plan["authority"])
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.left = plan["answers"]
        self.lock = threading.Lock()
        self.bytes = 0
        self.bits = 0
        self.failures: list[str] = []

    def take(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def stream(self) -> None:
        try:
            host, port = self.plan["address"].split(":")
            with (
                socket.create_connection((host, int(port))) as plain,
                self.context.wrap_socket(plain, server_hostname=host) as connection,
            ):
                cipher = connection.cipher()
                self.bits = cipher[2] if cipher else 0
                while self.take():
                    self.download(connection)
        except (OSError, ValueError) as error:
            self.failures.append(repr(error))

    def download(self, connection: ssl.SSLSocket) -> None:
        connection.sendall(f"GET {self.plan['path']} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(16384)
            if not part:
                raise ValueError("the server closed the connection before it answered")
            head += part
        head, begin = head.split(b"\r\n\r\n", 1)
        if head.split()[1] != b"200":
            raise ValueError(head.decode(errors="replace"))
        got = len(begin)
        buffer = memoryview(bytearray(MIB))
        while got < self.plan["size"]:
            read = connection.recv_into(buffer)
            if not read:
                raise ValueError("the answer ended too early")
            got += read
        with self.lock:
            self.bytes += got

    def run(self) -> None:
        threads = [threading.Thread(target=self.stream) for _ in range(self.plan["streams"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            raise SystemExit(self.failures[0])


def main(plans: Sequence[str]) -> None:
    downloads = Downloads(json.loads(plans[0]))
    begin = time.monotonic()
    downloads.run()
    seconds = time.monotonic() - begin
    report = {"seconds": seconds, "bytes": downloads.bytes, "bits": downloads.bits, "cpu": time.process_time()}
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
