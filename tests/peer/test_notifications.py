"""What other services are told: the same requests make Glance and us tell the same, in the same order."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.api import Api
from harness.glance import Glance, Options
from harness.notifications import Listener, Notification, record, until_last
from harness.source import Source
from harness.vidimus import Vidimus, beside_glance
from replay.callers import ADMIN
from replay.notification_differences import DIFFERENCES
from replay.notifications import CAP, one_store, three_stores

LOGGED = {"oslo_messaging_notifications": {"driver": "log"}}
SECTIONS = {"import_filtering_opts": {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[]"}, **LOGGED}
ONE = Options(identity=True, sections=SECTIONS, extra={"image_size_cap": str(CAP)})
THREE = Options(identity=True, cache=False, flavor="", sections=SECTIONS, backends=("fast", "slow", "cold"))
SITES = ((ONE, one_store), (THREE, three_stores))
NAMES = [scenario.name for _, build in SITES for scenario in build("http://127.0.0.1:1")]
SECRETS = ("canary-1", "canary-2", "canary-3", "file://")

Streams = dict[str, list[Notification]]


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with Source() as running:
        yield running


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory, source: Source) -> Streams:
    streams: Streams = {}
    for options, build in SITES:
        with Glance(tmp_path_factory.mktemp("told-glance"), options=options) as server:
            streams.update(record(server, build(source.url), ADMIN))
    return streams


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory, source: Source) -> Streams:
    streams: Streams = {}
    for options, build in SITES:
        with beside_glance(tmp_path_factory.mktemp("told-vidimus"), options) as server:
            streams.update(record(server, build(source.url), ADMIN))
            logged = server.log.read_text()
            assert not [secret for secret in SECRETS if secret in logged]
    return streams


@pytest.mark.parametrize("scenario", NAMES)
def test_the_same_is_told(scenario: str, of_glance: Streams, of_vidimus: Streams) -> None:
    expected = of_glance[scenario]
    for difference in DIFFERENCES:
        if scenario in difference.scenarios:
            changed = difference.change(expected)
            assert changed != expected, f"no difference any more: {difference.reason}"
            expected = changed
    told = of_vidimus[scenario]
    assert [one["event_type"] for one in told] == [one["event_type"] for one in expected]
    assert told == expected


@pytest.mark.parametrize("scenario", NAMES)
def test_members_have_the_same_order(scenario: str, of_glance: Streams, of_vidimus: Streams) -> None:
    """Nobody should care; people who compare two logs do."""
    orders = {one["event_type"]: list(one["payload"]) for one in of_glance[scenario] if isinstance(one["payload"], dict)}
    for one in of_vidimus[scenario]:
        assert list(one) == ["message_id", "publisher_id", "event_type", "priority", "payload", "timestamp"]
        order = orders.get(one["event_type"])
        if order and isinstance(one["payload"], dict):
            assert list(one["payload"])[: len(order)] == order


def abort(server: Glance | Vidimus, image: str) -> None:
    """Reads the beginning of a download and resets the connection."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"GET /v2/images/{image}/file HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connection.recv(1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("name", ["glance", "vidimus"])
def test_a_download_that_breaks_off_is_told_as_an_error(name: str, tmp_path: Path) -> None:
    options = Options(sections=LOGGED)
    size = 64 << 20
    with Glance(tmp_path, options=options) if name == "glance" else beside_glance(tmp_path, options) as server:
        api = Api(server)
        image = api.create(b"x" * size, owner="somebody")
        # Compat: of an image that is not cached Glance tells nothing when its download breaks off.
        api.fill(image)
        listener = Listener(server)
        abort(server, image)
        [told] = [told for told in listener.wait("image.send") if told["event_type"] == "image.send"]
        assert told["priority"] == "ERROR"
        sent = told["payload"].pop("bytes_sent")
        assert 0 < sent < size
        assert told["payload"] == {
            "image_id": image,
            "owner_id": "somebody",
            "receiver_tenant_id": None,
            "receiver_user_id": None,
            "destination_ip": "127.0.0.1",
        }


def test_a_first_download_that_breaks_off_is_told_too(tmp_path: Path) -> None:
    size = 64 << 20
    with beside_glance(tmp_path, Options(sections=LOGGED)) as server:
        image = Api(server).create(b"x" * size)
        listener = Listener(server)
        abort(server, image)
        [told] = [told for told in listener.wait("image.send") if told["event_type"] == "image.send"]
        assert told["priority"] == "ERROR"
        assert told["payload"]["bytes_sent"] < size


def events(server: Glance | Vidimus) -> list[str]:
    """The types of what a server tells about an image with a member, data and a download, and a tag definition."""
    listener = Listener(server)
    api = Api(server)
    image = api.create(b"abc")
    api.send("POST", f"/v2/images/{image}/members", b'{"member": "other"}', Content_Type="application/json")
    api.download(image)
    body = b'{"namespace": "n", "owner": "me", "tags": [{"name": "t"}]}'
    api.send("POST", "/v2/metadefs/namespaces", body, Content_Type="application/json")
    return [told["event_type"] for told in until_last(server, listener, {})]


EVERY_EVENT = [
    "image.create",
    "image.update",
    "image.prepare",
    "image.upload",
    "image.activate",
    "image.update",
    "image.member.create",
    "image.send",
    "metadef_namespace.create",
    "metadef_tag.create",
]


@pytest.mark.parametrize("name", ["glance", "vidimus"])
@pytest.mark.parametrize(
    ("disabled", "expected"),
    [
        ("", EVERY_EVENT),
        ("image.update,metadef_tag", [event for event in EVERY_EVENT if event not in ("image.update", "metadef_tag.create")]),
    ],
)
def test_disabled_notifications(name: str, disabled: str, expected: list[str], tmp_path: Path) -> None:
    options = Options(cache=False, flavor="", sections=LOGGED, extra={"disabled_notifications": disabled})
    with Glance(tmp_path, options=options) if name == "glance" else beside_glance(tmp_path, options) as server:
        assert events(server) == expected


@pytest.mark.parametrize("name", ["glance", "vidimus"])
def test_the_publisher_has_the_name_it_is_given(name: str, tmp_path: Path) -> None:
    options = Options(cache=False, flavor="", sections=LOGGED, extra={"default_publisher_id": "image.host1"})
    with Glance(tmp_path, options=options) if name == "glance" else beside_glance(tmp_path, options) as server:
        listener = Listener(server)
        Api(server).create()
        [told] = listener.wait("image.create")
        assert told["publisher_id"] == "image.host1"


@pytest.mark.parametrize("name", ["glance", "vidimus"])
def test_without_a_driver_nothing_is_told(name: str, tmp_path: Path) -> None:
    options = Options(cache=False, flavor="")
    with Glance(tmp_path, options=options) if name == "glance" else beside_glance(tmp_path, options) as server:
        Api(server).create(b"abc")
        assert "oslo.messaging.notification" not in server.log.read_text()
