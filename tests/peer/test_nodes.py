"""Two nodes of one site: what one of them has staged, the other imports and deletes by asking it.

Each node stands behind an authenticating proxy of its own, which is the address by which the other knows it.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import raw_http
from harness.front import Front
from harness.glance import Glance, Options
from harness.process import free_port
from harness.source import ABC
from harness.vidimus import Vidimus
from replay.callers import caller

TOKEN = "a-token-nobody-may-see"
MEMBER = {**caller("owner", "member", "reader"), "X-Auth-Token": TOKEN}
STRANGER = {**MEMBER, "X-Auth-Token": "a-token-nobody-knows"}


@dataclass
class Node:
    """One of the two, and the proxy in front of it."""

    server: Glance | Vidimus
    front: Front

    @property
    def staging(self) -> Path:
        return self.server.dir / "staging"

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] = MEMBER) -> raw_http.Answer:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        return raw_http.send(self.server.url, method, path, {"Accept": "application/json", "Content-Type": kind, **headers}, raw)

    def begin(self, image: str, headers: dict[str, str] = MEMBER) -> raw_http.Answer:
        return self.call("POST", f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}}, headers)

    def show(self, image: str) -> Any:
        return json.loads(self.call("GET", f"/v2/images/{image}").body)


@dataclass
class Site:
    asked: Node
    staging: Node
    folder: Path

    def staged(self) -> str:
        """An image whose data the second node has."""
        answer = self.staging.call("POST", "/v2/images", {"disk_format": "raw", "container_format": "bare"})
        image = str(json.loads(answer.body)["id"])
        assert self.staging.call("PUT", f"/v2/images/{image}/stage", ABC).status == 204
        return image

    def settled(self, image: str) -> Any:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            shown = self.asked.show(image)
            if "os_glance_import_task" not in shown and shown["status"] != "importing":
                return shown
            time.sleep(0.05)
        raise AssertionError(f"stuck: {shown}")

    def move_stage_host(self, image: str, url: str) -> None:
        self._change_stage_host(image, "value", url)

    def make_hash_host(self, image: str) -> None:
        """As if the second node were computing the hash of the image's data, however long that takes."""
        self._change_stage_host(image, "name", "os_glance_hash_op_host")

    def _change_stage_host(self, image: str, column: str, value: str) -> None:
        with sqlite3.connect(self.folder / "shared.sqlite", timeout=30) as database:
            changed = database.execute(
                f"UPDATE image_properties SET {column} = ? WHERE image_id = ? AND name = 'os_glance_stage_host'", (value, image)
            )
            assert changed.rowcount == 1


def node(folder: Path, name: str, kind: str) -> Node:
    front = Front({TOKEN: caller("owner", "member", "reader")})
    options = Options(
        identity=True,
        passes_tokens=True,
        cache=False,
        flavor="",
        extra={"worker_self_reference_url": front.url},
        sections={
            "database": {"connection": f"sqlite:///{folder / 'shared.sqlite'}"},
            "glance_store": {"stores": "file", "default_store": "file", "filesystem_store_datadir": str(folder / "images")},
            # Never asked.
            "keystone_authtoken": {"auth_url": "http://127.0.0.1:9/", "www_authenticate_uri": "http://127.0.0.1:9/"},
        },
    )
    port = free_port()
    directory = folder / name
    if kind == "glance":
        server: Glance | Vidimus = Glance(directory, port, options)
    else:
        Glance.write_config(directory, port, options)
        server = Vidimus(directory, port, ["--config-file", str(directory / "glance-api.conf")])
    front.target = server.url
    return Node(server, front)


PAIRS = [("glance", "glance"), ("glance", "vidimus"), ("vidimus", "glance"), ("vidimus", "vidimus")]


@pytest.fixture(scope="module", params=PAIRS, ids=[f"{first} asks {second}" for first, second in PAIRS])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "images").mkdir()
    first, second = request.param
    running = Site(node(folder, "first", first), node(folder, "second", second), folder)
    yield running
    for each in (running.asked, running.staging):
        each.server.stop()
        each.front.stop()


def only_ours(site: Site) -> None:
    """Glance means to answer the same, and answers 500: its client raises errors that it does not know."""
    if site.asked.server.name == "glance":
        pytest.skip("Glance does not come that far")


def test_what_the_other_has_staged_is_imported_there(site: Site) -> None:
    image = site.staged()
    answer = site.asked.begin(image)
    assert (answer.status, answer.body) == (202, b"")
    assert site.settled(image)["status"] == "active"
    assert (site.folder / "images" / image).read_bytes() == ABC
    assert not (site.staging.staging / image).exists()
    # The id is that of the node that does it, where its log lines are.
    assert answer.headers["x-openstack-request-id"] == site.staging.front.request_ids[-1]
    method, path, headers = site.staging.front.seen[-1]
    assert (method, path, headers["x-auth-token"]) == ("POST", f"/v2/images/{image}/import", TOKEN)


def test_what_the_other_has_staged_is_deleted_there(site: Site) -> None:
    image = site.staged()
    assert site.asked.call("DELETE", f"/v2/images/{image}").status == 204
    assert not (site.staging.staging / image).exists()
    assert site.asked.call("GET", f"/v2/images/{image}").status == 404
    assert [seen[:2] for seen in site.staging.front.seen[-1:]] == [("DELETE", f"/v2/images/{image}")]


def test_what_the_other_computes_the_hash_of_is_deleted_there(site: Site) -> None:
    image = site.staged()
    site.make_hash_host(image)
    assert site.asked.call("DELETE", f"/v2/images/{image}").status == 204
    assert not (site.staging.staging / image).exists()
    assert site.asked.call("GET", f"/v2/images/{image}").status == 404
    assert [seen[:2] for seen in site.staging.front.seen[-1:]] == [("DELETE", f"/v2/images/{image}")]
    # On the node that computes it, nobody else is asked.
    image, asked = site.staged(), len(site.asked.front.seen) + len(site.staging.front.seen)
    site.make_hash_host(image)
    assert site.staging.call("DELETE", f"/v2/images/{image}").status == 204
    assert len(site.asked.front.seen) + len(site.staging.front.seen) == asked


def test_what_a_node_has_staged_itself_it_does_itself(site: Site) -> None:
    image, asked = site.staged(), len(site.asked.front.seen) + len(site.staging.front.seen)
    assert site.staging.begin(image).status == 202
    assert site.settled(image)["status"] == "active"
    image = site.staged()
    assert site.staging.call("DELETE", f"/v2/images/{image}").status == 204
    assert len(site.asked.front.seen) + len(site.staging.front.seen) == asked


def test_a_refusal_of_the_other_is_the_answer(site: Site) -> None:
    only_ours(site)
    image = site.staged()
    for answer in (site.asked.begin(image, STRANGER), site.asked.call("DELETE", f"/v2/images/{image}", headers=STRANGER)):
        assert answer.status == 401
        assert json.loads(answer.body)["message"] == "who are you?<br /><br />\n\n\n"
    assert site.asked.show(image)["status"] == "uploading"
    assert (site.staging.staging / image).exists()


def test_a_node_that_is_gone(site: Site) -> None:
    only_ours(site)
    image = site.staged()
    site.move_stage_host(image, f"http://127.0.0.1:{free_port()}")
    answer = site.asked.begin(image)
    assert (answer.status, json.loads(answer.body)["message"]) == (504, "Stage host is unavailable<br /><br />\n\n\n")
    assert site.asked.show(image)["status"] == "uploading"
    assert site.asked.call("DELETE", f"/v2/images/{image}").status == 204
    assert site.asked.call("GET", f"/v2/images/{image}").status == 404


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", b"nonsense\r\n\r\n"])
def test_a_node_that_answers_nonsense(site: Site, said: bytes) -> None:
    only_ours(site)
    image = site.staged()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site.move_stage_host(image, f"http://127.0.0.1:{listener.getsockname()[1]}")

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        for status, ask in (
            (502, lambda: site.asked.begin(image)),
            (204, lambda: site.asked.call("DELETE", f"/v2/images/{image}")),
        ):
            thread = threading.Thread(target=answer_once)
            thread.start()
            assert ask().status == status
            thread.join()


def test_a_failing_node_leaves_the_deletion_to_the_one_that_was_asked(site: Site) -> None:
    only_ours(site)
    image = site.staged()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site.move_stage_host(image, f"http://127.0.0.1:{listener.getsockname()[1]}")

        def fail() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=fail)
        thread.start()
        assert site.asked.call("DELETE", f"/v2/images/{image}").status == 204
        thread.join()
    assert site.asked.call("GET", f"/v2/images/{image}").status == 404


def test_nothing_goes_round_in_circles(site: Site) -> None:
    only_ours(site)
    image = site.staged()
    # Another name of the node itself: no node thinks that it is the one.
    own = Front(site.asked.front.callers)
    own.target = site.asked.server.url
    with own:
        site.move_stage_host(image, own.url)
        answer = site.asked.begin(image)
        assert (answer.status, len(own.seen)) == (503, 1)
        assert "is not on this node" in json.loads(answer.body)["message"]
        assert site.asked.call("DELETE", f"/v2/images/{image}").status == 204
        assert len(own.seen) == 2


def test_tokens_are_in_no_log(site: Site) -> None:
    for each in (site.asked, site.staging):
        if each.server.name == "vidimus":
            assert TOKEN not in each.server.log.read_text()
