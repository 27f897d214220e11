"""Image data in servers: files to send, images that hold them, and what counts who reads them."""

from __future__ import annotations

import ctypes
import json
import os
import urllib.request
from pathlib import Path

from measure.case import Subject
from measure.load import WrongAnswers

KEPT = Path(__file__).resolve().parents[2] / "target" / "bench" / "files"


def noise(size: int) -> Path:
    """A file of so many bytes that no compression would shrink, kept for the next run."""
    kept = KEPT / f"noise-{size}"
    if kept.exists() and kept.stat().st_size == size:
        return kept
    KEPT.mkdir(parents=True, exist_ok=True)
    growing = kept.with_suffix(".new")
    with growing.open("wb") as file:
        left = size
        while left:
            part = os.urandom(min(left, 16 << 20))
            file.write(part)
            left -= len(part)
    growing.rename(kept)
    return kept


def ask(server: Subject, method: str, path: str, body: object = None, data: Path | None = None) -> bytes:
    """One request, which must succeed."""
    headers = {"Content-Type": "application/octet-stream" if data else "application/json"}
    content = data.open("rb") if data else (json.dumps(body).encode() if body is not None else None)
    if data:
        headers["Content-Length"] = str(data.stat().st_size)
    request = urllib.request.Request(f"{server.url}{path}", data=content, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=600) as answer:
            return answer.read()
    except OSError as error:
        raise WrongAnswers(f"{server.name}: {method} {path}: {error}") from error


def new_image(server: Subject) -> str:
    """An image without data."""
    fields = {"name": "measured", "disk_format": "raw", "container_format": "bare"}
    return json.loads(ask(server, "POST", "/v2/images", fields))["id"]


def image_of(server: Subject, file: Path) -> str:
    """An image with this file as its data; the path of that data."""
    image = new_image(server)
    ask(server, "PUT", f"/v2/images/{image}/file", data=file)
    return f"/v2/images/{image}/file"


class Opens:
    """Counts how often a file is opened, as inotify tells."""

    OPEN = 0x20

    def __init__(self, file: Path):
        libc = ctypes.CDLL(None, use_errno=True)
        self._queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if libc.inotify_add_watch(self._queue, bytes(file), self.OPEN) < 0:
            raise OSError(ctypes.get_errno(), "the file cannot be watched")

    def count(self) -> int:
        """How often since the last call."""
        events = 0
        while True:
            try:
                events += len(os.read(self._queue, 65536)) // 16
            except BlockingIOError:
                return events

    def close(self) -> None:
        os.close(self._queue)
