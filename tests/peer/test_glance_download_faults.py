"""What becomes of an import from another region whose server does not do as it should. Only ours is asked: Glance believes it.

Also the hash that a web-download can be given, which Glance does not know.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import pytest

from harness.glance import Options
from harness.source import ABC, BIG, Source
from harness.vidimus import beside_glance
from replay.callers import caller
from replay.glance_download import TOKEN, catalog, far
from test_import_faults import FILTER, Site, web

REMOTE = "c9b9b8c2-6b7e-4d6f-9a70-0f4e7f4c8e55"
METHODS = {"debug": "true", "enabled_import_methods": "[web-download,glance-direct,copy-image,glance-download]", "image_property_quota": "5"}
PROTECTIONS = """[^hw_locked$]
create = admin
read = admin,member,reader
update = admin
delete = admin
[.*]
create = admin,member
read = admin,member,reader
update = admin,member
delete = admin,member
"""
OPTIONS = Options(
    identity=True,
    cache=False,
    flavor="",
    sections=FILTER,
    backends=("fast", "slow"),
    extra={**METHODS, "property_protection_file": "protections.conf"},
    files={"protections.conf": PROTECTIONS},
)
Answer = Callable[[BaseHTTPRequestHandler], None]


class FarGlance:
    """A server that says of an image what it is told to say, and sends its data in some way."""

    def __init__(self, data: Answer, **fields: Any):
        self.told: list[tuple[str, str | None]] = []
        self.image = {
            "status": "active",
            "size": len(BIG),
            "disk_format": "raw",
            "container_format": "bare",
            "checksum": hashlib.md5(BIG).hexdigest(),
            "os_hash_algo": "sha512",
            "os_hash_value": hashlib.sha512(BIG).hexdigest(),
            **fields,
        }
        far_glance = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                far_glance.told.append((self.path, self.headers.get("X-Auth-Token")))
                if self.path == f"/v2/images/{REMOTE}/file":
                    data(self)
                else:
                    send(self, json.dumps(far_glance.image).encode())

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> FarGlance:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def send(handler: BaseHTTPRequestHandler, data: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def whole(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BIG)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """As Glance: ranges are known, and no tag tells whether it is still the same."""
    start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(BIG) - start))
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(BIG) - 1}/{len(BIG)}")
    handler.end_headers()
    handler.wfile.write(BIG[start : start + (3 << 20)])
    handler.close_connection = True


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with beside_glance(tmp_path_factory.mktemp("far-faults"), OPTIONS) as server:
        yield Site(server)


def fetch(site: Site, remote: FarGlance, **fields: str) -> tuple[Any, Any]:
    """The image and its task, after the import."""
    image = site.create(**fields)
    told = {
        **caller("owner", "member", "reader"),
        "X-Auth-Token": TOKEN,
        "X-Service-Catalog": json.dumps(catalog(remote.url, remote.url)),
    }
    assert site.start(image, far(REMOTE), told, stores=["fast", "slow"])[0] == 202
    return site.wait(image), site.task(image)


def is_as_before(site: Site, shown: Any) -> bool:
    return (
        (shown["status"], shown["size"], shown["disk_format"], shown["container_format"]) == ("queued", None, "iso", "ovf")
        and shown["hw_disk_bus"] == "own"
        and "os_type" not in shown
        and not (site.staging / shown["id"]).exists()
        and site.copies(shown["id"]) == set()
        and site.leftovers() == []
    )


OWN = {"disk_format": "iso", "container_format": "ovf", "hw_disk_bus": "own"}


def test_a_cut_is_resumed_though_nothing_but_the_hash_tells_that_it_fits(site: Site) -> None:
    with FarGlance(cut, os_type="linux", hw_disk_bus="scsi", colour="blue") as remote:
        shown, task = fetch(site, remote, **OWN)
        assert (shown["status"], shown["size"], shown["stores"]) == ("active", len(BIG), "fast,slow"), task
        assert shown["os_hash_value"] == hashlib.sha512(BIG).hexdigest()
        assert (shown["disk_format"], shown["container_format"]) == ("raw", "bare")
        assert (shown["os_type"], shown["hw_disk_bus"], shown.get("colour")) == ("linux", "scsi", None)
        assert {token for _, token in remote.told} == {TOKEN}


@pytest.mark.parametrize(
    ("data", "fields", "cause"),
    [
        (lambda handler: send(handler, BIG[:-1] + b"!"), {}, "not what its sha512 hash says"),
        (lambda handler: send(handler, BIG[:-1] + b"!"), {"os_hash_algo": "odd"}, "not what its md5 hash says"),
        (lambda handler: send(handler, BIG[:-1]), {}, "should have"),
        (lambda handler: send(handler, b"", 500), {}, "status 500"),
        (lambda handler: send(handler, b"", 302, Location="http://169.254.169.254/"), {}, "does not pass filtering"),
        (whole, {"status": "deactivated"}, "has to be active and is deactivated"),
        (whole, {"size": None}, "it has no size"),
        (whole, {"disk_format": "secret"}, "its disk_format secret is not enabled at this site"),
        (whole, {"disk_format": "qcow2", "os_type": "linux"}, "does not match stream data raw"),
        (whole, {f"hw_{number}": "x" for number in range(5)}, "limit has been exceeded"),
        (whole, {"hw_locked": "x"}, "its property hw_locked may not be set here"),
    ],
)
def test_a_failure_leaves_the_image_as_it_was(site: Site, data: Answer, fields: dict[str, Any], cause: str) -> None:
    with FarGlance(data, hw_disk_bus="scsi", **fields) as remote:
        shown, task = fetch(site, remote, **OWN)
        assert is_as_before(site, shown), shown
        assert cause in task["message"]


def test_the_token_goes_to_no_other_server(site: Site) -> None:
    with FarGlance(whole) as other, FarGlance(lambda handler: send(handler, b"", 302, Location=f"{other.url}/v2/images/{REMOTE}/file")) as remote:
        shown, task = fetch(site, remote)
        assert shown["status"] == "active", task
        assert other.told == [(f"/v2/images/{REMOTE}/file", None)]
    assert TOKEN not in site.server.log.read_text()


@pytest.fixture
def source() -> Iterator[Source]:
    with Source() as running:
        yield running


def proven(source: Source, name: str, algorithm: str, value: str) -> dict[str, Any]:
    return {**web(source, name), "validation_data": {"os_hash_algo": algorithm, "os_hash_value": value}}


def test_a_web_download_is_compared_with_the_hash_it_is_given(site: Site, source: Source) -> None:
    right = site.create()
    assert site.start(right, proven(source, "abc", "sha256", hashlib.sha256(ABC).hexdigest()))[0] == 202
    assert site.wait(right)["status"] == "active"
    wrong = site.create()
    assert site.start(wrong, proven(source, "abc", "sha256", hashlib.sha256(BIG).hexdigest()))[0] == 202
    assert site.wait(wrong)["status"] == "queued"
    assert "not what its sha256 hash says" in site.task(wrong)["message"]
    assert not (site.staging / wrong).exists()
    # With a hash, halves may be joined that nothing else holds together.
    cut_off = site.create()
    site.start(cut_off, proven(source, "cut-without-tag", "sha256", hashlib.sha256(BIG).hexdigest()))
    assert site.wait(cut_off)["status"] == "active"
    for algorithm, value in (("crc32", "00"), ("sha256", "00"), ("md5", "x" * 32)):
        assert site.start(site.create(), proven(source, "abc", algorithm, value))[0] == 400


def test_a_password_in_a_uri_is_in_no_log(site: Site, source: Source) -> None:
    image = site.create()
    uri = f"{source.url}/abc".replace("http://", "http://user:pass-word@")
    assert site.start(image, {"name": "web-download", "uri": uri})[0] == 202
    assert site.wait(image)["status"] == "active"
    assert site.start(site.create(), {"name": "web-download", "uri": "http://user:pass-word@127.0.0.2/x"})[0] == 400
    lost = site.create()
    site.start(lost, {"name": "web-download", "uri": uri.replace("/abc", "/nothing")})
    assert site.wait(lost)["status"] == "queued"
    assert "pass-word" not in site.server.log.read_text()
