"""Imports as openstacksdk and the Python client make them, against Glance and against us."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import openstack
import pytest
from keystoneauth1 import noauth, session
from openstack.connection import Connection

from harness.glance import Glance, Options
from harness.server import Server
from harness.source import ABC, Source
from harness.vidimus import beside_glance
from replay.callers import ADMIN

FILTER = {"import_filtering_opts": {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[]"}}
OPTIONS = Options(identity=True, cache=False, flavor="", sections=FILTER, backends=("fast", "slow", "cold"))


@pytest.fixture(scope="module", params=["glance", "vidimus"])
def importer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sdk-imports")
    running = Glance(folder, options=OPTIONS) if request.param == "glance" else beside_glance(folder, OPTIONS)
    with running as server:
        yield server


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with Source() as running:
        yield running


@pytest.fixture
def connection(importer: Server) -> Iterator[Connection]:
    auth = noauth.NoAuth(endpoint=importer.url)
    made = session.Session(auth=auth, additional_headers=dict(ADMIN))
    connected = openstack.connection.Connection(session=made, image_endpoint_override=importer.url, oslo_conf=None)
    yield connected
    connected.close()


def queued(connection: Connection) -> Any:
    return connection.image.create_image("imported", disk_format="raw", container_format="bare", allow_duplicates=True)


def wait(connection: Connection, image: Any, status: str) -> Any:
    return connection.image.wait_for_status(image, status, failures=["killed"], interval=0.1, wait=30)


def stores(connection: Connection, image: Any) -> list[str]:
    """The SDK knows no attribute for these."""
    return sorted(connection.image.get(f"/images/{image.id}").json()["stores"].split(","))


def downloaded(connection: Connection, image: Any) -> bytes:
    output = io.BytesIO()
    connection.image.download_image(image, output=output)
    return output.getvalue()


def test_web_download(connection: Connection, source: Source) -> None:
    image = queued(connection)
    connection.image.import_image(image, method="web-download", uri=f"{source.url}/abc")
    image = wait(connection, image, "active")
    assert (image.size, stores(connection, image)) == (len(ABC), ["fast"])
    assert downloaded(connection, image) == ABC


def test_staged_data_to_some_stores(connection: Connection) -> None:
    image = queued(connection)
    connection.image.stage_image(image, data=io.BytesIO(ABC))
    assert connection.image.get_image(image).status == "uploading"
    connection.image.import_image(image, method="glance-direct", stores=["slow", "cold"])
    image = wait(connection, image, "active")
    assert stores(connection, image) == ["cold", "slow"]
    assert downloaded(connection, image) == ABC


def test_staged_data_to_all_stores(connection: Connection) -> None:
    image = queued(connection)
    connection.image.stage_image(image, data=io.BytesIO(ABC))
    connection.image.import_image(image, method="glance-direct", all_stores=True, all_stores_must_succeed=True)
    image = wait(connection, image, "active")
    assert stores(connection, image) == ["cold", "fast", "slow"]


def test_create_image_with_import(connection: Connection) -> None:
    image = connection.image.create_image(
        "created", data=io.BytesIO(ABC), disk_format="raw", container_format="bare", use_import=True, allow_duplicates=True
    )
    image = wait(connection, image, "active")
    assert downloaded(connection, image) == ABC


def is_held(connection: Connection, image: Any) -> bool:
    return "os_glance_import_task" in connection.image.get(f"/images/{image.id}").json()


def test_copy_and_delete_a_copy(connection: Connection, source: Source) -> None:
    image = queued(connection)
    connection.image.import_image(image, method="web-download", uri=f"{source.url}/abc")
    wait(connection, image, "active")
    until = time.monotonic() + 30
    connection.image.import_image(image, method="copy-image", stores=["slow"])
    # Until its task has ended, Glance cannot delete a copy.
    while stores(connection, image) != ["fast", "slow"] or is_held(connection, image):
        assert time.monotonic() < until
        time.sleep(0.1)
    connection.image.delete_image(image, store="fast")
    assert stores(connection, image) == ["slow"]
    assert downloaded(connection, image) == ABC


def test_tasks(connection: Connection, source: Source) -> None:
    image = queued(connection)
    connection.image.import_image(image, method="web-download", uri=f"{source.url}/abc")
    wait(connection, image, "active")
    until = time.monotonic() + 30
    while True:
        tasks = [task for task in connection.image.tasks() if task.type == "api_image_import"]
        if tasks and all(task.status == "success" for task in tasks):
            break
        assert time.monotonic() < until
        time.sleep(0.1)
    task = connection.image.get_task(tasks[0].id)
    assert task.result == {"image_id": image.id}
    assert task.input["import_req"]["method"]["uri"] == f"{source.url}/abc"
    assert task.expires_at


def test_refusals(connection: Connection) -> None:
    image = queued(connection)
    # The SDK does not look at the answer, so only what happens counts.
    connection.image.import_image(image, method="web-download", uri="http://169.254.169.254/latest")
    connection.image.import_image(image, method="glance-direct")
    assert connection.image.get_image(image).status == "queued"
    methods = connection.image.get_import_info().import_methods["value"]
    assert methods == ["glance-direct", "web-download", "copy-image"]
