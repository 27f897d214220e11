"""What becomes of an import when something goes wrong: no image is ever stuck, nothing is left behind.

Only ours is asked: Glance leaves many of these images in `importing` for ever (`replay/import_differences.py`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness import raw_http
from harness.glance import Options
from harness.source import ABC, BIG, Source
from harness.vidimus import Vidimus, beside_glance
from replay.callers import ADMIN, caller

MEMBER = caller("owner", "member", "reader")
FILTER = {"import_filtering_opts": {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[]"}}
OPTIONS = Options(identity=True, cache=False, flavor="", sections=FILTER, backends=("fast", "slow"))


class Site:
    """One server and what can be seen of it from outside."""

    def __init__(self, server: Vidimus):
        self.server = server
        self.staging = server.dir / "staging"

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        sent = {"Accept": "application/json", "Content-Type": kind, **(headers or MEMBER)}
        answer = raw_http.send(self.server.url, method, path, sent, raw)
        told = json.loads(answer.body) if answer.body.startswith(b"{") else answer.body
        return answer.status, told

    def create(self, **fields: str) -> str:
        status, image = self.call("POST", "/v2/images", {"disk_format": "raw", "container_format": "bare", **fields})
        assert status == 201
        return str(image["id"])

    def stage(self, image: str, data: bytes = ABC) -> None:
        assert self.call("PUT", f"/v2/images/{image}/stage", data)[0] == 204

    def start(self, image: str, method: Any, headers: dict[str, str] | None = None, **more: Any) -> Any:
        named = {"name": method} if isinstance(method, str) else method
        return self.call("POST", f"/v2/images/{image}/import", {"method": named, **more}, headers)

    def show(self, image: str) -> Any:
        return self.call("GET", f"/v2/images/{image}", headers=ADMIN)[1]

    def wait(self, image: str) -> Any:
        """The image once nothing works on it any more."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            shown = self.show(image)
            if "os_glance_import_task" not in shown and shown["status"] != "importing":
                return shown
            time.sleep(0.05)
        raise AssertionError(f"stuck: {shown}\n{self.server.log_tail()}")

    def task(self, image: str) -> Any:
        """The last task of an image."""
        return self.call("GET", f"/v2/images/{image}/tasks", headers=ADMIN)[1]["tasks"][-1]

    def copies(self, image: str) -> set[str]:
        return {store for store in ("fast", "slow") if (self.server.store_dir / store / image).exists()}

    def leftovers(self) -> list[Path]:
        """Files nobody will ever look at."""
        folders = [self.staging, *(self.server.store_dir / store for store in ("fast", "slow"))]
        return [path for folder in folders for path in (folder / ".vidimus-incoming").glob("*")]

    def break_store(self, store: str) -> None:
        shutil.rmtree(self.server.store_dir / store)

    def mend_store(self, store: str) -> None:
        (self.server.store_dir / store / ".vidimus-incoming").mkdir(parents=True)

    def kill(self) -> None:
        """No word of farewell."""
        self.server._process.kill()

    def restart_killed(self) -> None:
        self.kill()
        self.server._process = self.server._spawn()

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.server.dir / "glance.sqlite", timeout=30)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with beside_glance(tmp_path_factory.mktemp("import-faults"), OPTIONS) as server:
        yield Site(server)


@pytest.fixture
def source() -> Iterator[Source]:
    with Source() as running:
        yield running


def web(source: Source, name: str) -> dict[str, str]:
    return {"name": "web-download", "uri": f"{source.url}/{name}"}


def staged_since(site: Site, image: str) -> None:
    """Waits until a fetch is under way."""
    until = time.monotonic() + 30
    while not any(path.name.startswith(image) for path in (site.staging / ".vidimus-incoming").glob("*")):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_source_that_breaks_off_is_resumed(site: Site, source: Source) -> None:
    image = site.create()
    assert site.start(image, web(source, "cut"))[0] == 202
    shown = site.wait(image)
    assert (shown["status"], shown["size"]) == ("active", len(BIG)), site.task(image)
    assert shown["os_hash_value"] == hashlib.sha512(BIG).hexdigest()
    assert source.cuts == len(BIG) // (1 << 20) - 1
    # Not a byte was asked for twice.
    assert source.sent == len(BIG)


def test_halves_that_may_not_belong_together_are_not_joined(site: Site, source: Source) -> None:
    image = site.create()
    site.start(image, web(source, "cut-without-tag"))
    assert site.wait(image)["status"] == "queued"
    assert "cannot be resumed" in site.task(image)["message"]
    assert not (site.staging / image).exists()


def test_redirects_end(site: Site, source: Source) -> None:
    image = site.create()
    site.start(image, web(source, "round"))
    assert site.wait(image)["status"] == "queued"
    assert "redirects without end" in site.task(image)["message"]


def test_a_kill_during_a_download_gives_the_image_back(site: Site, source: Source) -> None:
    image = site.create()
    site.start(image, web(source, "slow"), stores=["fast", "slow"])
    staged_since(site, image)
    site.restart_killed()
    shown = site.show(image)
    assert shown["status"] == "queued"
    assert "os_glance_import_task" not in shown
    task = site.task(image)
    assert (task["status"], task["message"]) == ("failure", "The server stopped before the import was done.")
    assert site.leftovers() == []
    source.release.set()
    assert site.start(image, web(source, "big"))[0] == 202
    assert site.wait(image)["status"] == "active"


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.2, 0.5, 0.9])
def test_a_kill_during_an_import_of_staged_data_keeps_it(site: Site, delay: float) -> None:
    image = site.create()
    data = BIG * 4
    site.stage(image, data)
    assert site.start(image, "glance-direct", stores=["fast", "slow"])[0] == 202
    time.sleep(delay)
    site.restart_killed()
    shown = site.show(image)
    assert "os_glance_import_task" not in shown
    if shown["status"] != "active":
        assert (shown["status"], shown["size"]) == ("uploading", len(data))
        assert site.copies(image) == set()
        assert site.start(image, "glance-direct", stores=["fast", "slow"])[0] == 202
        shown = site.wait(image)
    assert shown["status"] == "active"
    assert shown["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert site.copies(image) == {"fast", "slow"}
    assert site.leftovers() == []


def test_a_kill_during_staging_gives_the_image_back(site: Site) -> None:
    image = site.create()
    head = f"PUT /v2/images/{image}/stage HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 9999999\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in MEMBER.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", site.server.port)) as connection:
        connection.sendall(head.encode() + bytes(1 << 20))
        staged_since(site, image)
        site.restart_killed()
    assert site.show(image)["status"] == "queued"
    assert site.leftovers() == []
    site.stage(image)


def test_one_broken_store_of_two_stops_all_and_keeps_what_is_staged(site: Site) -> None:
    image = site.create()
    site.stage(image)
    site.break_store("slow")
    try:
        site.start(image, "glance-direct", stores=["fast", "slow"])
        shown = site.wait(image)
        assert (shown["status"], shown["size"], shown["checksum"]) == ("uploading", len(ABC), None)
        assert "slow" in shown["os_glance_failed_import"]
        assert "`slow`" in site.task(image)["message"]
        assert site.copies(image) == set()
    finally:
        site.mend_store("slow")
    assert site.start(image, "glance-direct", stores=["fast", "slow"])[0] == 202
    shown = site.wait(image)
    assert (shown["status"], shown["stores"], shown["os_glance_failed_import"]) == ("active", "fast,slow", "")


def test_one_broken_store_of_two_is_left_out_where_not_all_must_succeed(site: Site) -> None:
    image = site.create()
    site.stage(image)
    site.break_store("fast")
    try:
        site.start(image, "glance-direct", stores=["fast", "slow"], all_stores_must_succeed=False)
        shown = site.wait(image)
        assert (shown["status"], shown["stores"], shown["os_glance_failed_import"]) == ("active", "slow", "fast")
        assert (site.task(image)["status"], "`fast`" in site.task(image)["message"]) == ("success", True)
    finally:
        site.mend_store("fast")
    assert site.start(image, "copy-image", ADMIN, stores=["fast"])[0] == 202
    shown = site.wait(image)
    assert (shown["stores"], shown["os_glance_failed_import"]) == ("slow,fast", "")


def test_a_copy_of_damaged_data_is_refused(site: Site, source: Source) -> None:
    image = site.create()
    site.start(image, web(source, "abc"), stores=["fast"])
    assert site.wait(image)["status"] == "active"
    (site.server.store_dir / "fast" / image).write_bytes(ABC[:-1] + b"!")
    assert site.start(image, "copy-image", ADMIN, stores=["slow"])[0] == 202
    shown = site.wait(image)
    assert (shown["status"], shown["stores"], shown["os_glance_failed_import"]) == ("active", "fast", "slow")
    assert site.copies(image) == {"fast"}


def test_an_image_deleted_during_its_import_leaves_nothing(site: Site, source: Source) -> None:
    image = site.create()
    site.start(image, web(source, "slow"))
    staged_since(site, image)
    assert site.call("DELETE", f"/v2/images/{image}")[0] == 204
    source.release.set()
    until = time.monotonic() + 60
    while site.leftovers() or (site.staging / image).exists() or site.copies(image):
        assert time.monotonic() < until
        time.sleep(0.1)
    with site.database() as database:
        while True:
            (status,) = database.execute("SELECT status FROM tasks WHERE image_id = ?", (image,)).fetchone()
            if status == "failure":
                break
            assert time.monotonic() < until, status
            time.sleep(0.1)


def test_deleting_a_staged_image_removes_the_data(site: Site) -> None:
    image = site.create()
    site.stage(image)
    assert (site.staging / image).read_bytes() == ABC
    site.call("DELETE", f"/v2/images/{image}")
    assert not (site.staging / image).exists()


def test_of_many_imports_at_once_one_begins(site: Site) -> None:
    image = site.create()
    site.stage(image, BIG)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(site.start(image, "glance-direct")[0])) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202] + [409] * 11
    assert site.wait(image)["status"] == "active"


@pytest.mark.parametrize(
    ("status", "minutes", "answer"),
    [
        ("processing", 10, 409),
        ("processing", 59, 409),
        ("processing", 61, 202),
        ("pending", 61, 409),
        ("pending", 121, 202),
        ("success", 59, 409),
        ("failure", 61, 202),
        (None, 0, 202),
    ],
)
def test_a_lock_left_behind_expires(site: Site, source: Source, status: str | None, minutes: int, answer: int) -> None:
    image = site.create()
    site.start(image, web(source, "abc"), stores=["fast"])
    site.wait(image)
    task, then = str(uuid.uuid4()), (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with site.database() as database:
        lock = "INSERT INTO image_properties (image_id, name, value, created_at, updated_at, deleted) VALUES (?, ?, ?, ?, ?, 0)"
        database.execute(lock, (image, "os_glance_import_task", task, then, then))
        database.execute(
            "UPDATE image_properties SET value = 'slow' WHERE image_id = ? AND name = 'os_glance_importing_to_stores'", (image,)
        )
        if status is not None:
            database.execute(
                "INSERT INTO tasks (id, type, status, owner, image_id, created_at, updated_at, deleted)"
                " VALUES (?, 'api_image_import', ?, 'owner', ?, ?, ?, 0)",
                (task, status, image, then, then),
            )
            database.execute(
                "INSERT INTO task_info (task_id, input) VALUES (?, ?)", (task, json.dumps({"image_id": image, "backend": ["slow"]}))
            )
    told = site.start(image, "copy-image", ADMIN, stores=["slow"])
    assert told[0] == answer, told
    if answer == 202:
        shown = site.wait(image)
        assert (shown["stores"], shown["os_glance_importing_to_stores"]) == ("fast,slow", "")
        if status in ("pending", "processing"):
            assert site.call("GET", f"/v2/tasks/{task}", headers=ADMIN)[1]["message"] == "Expired lock preempted"
    else:
        assert "Image has active task" in told[1]["message"]


def test_staged_data_of_images_that_are_gone_is_removed_at_start(site: Site) -> None:
    kept, gone = site.create(), str(uuid.uuid4())
    site.stage(kept)
    strange = site.staging / "not-an-image"
    for path in (site.staging / gone, site.staging / f"{gone}.qcow2", strange):
        path.write_bytes(b"left")
    site.restart_killed()
    assert not (site.staging / gone).exists()
    assert not (site.staging / f"{gone}.qcow2").exists()
    assert strange.exists()
    assert (site.staging / kept).exists()


def test_an_import_under_way_is_finished_before_the_server_ends(site: Site) -> None:
    image = site.create()
    site.stage(image, BIG)
    site.start(image, "glance-direct")
    site.server.restart()
    assert site.show(image)["status"] == "active"
