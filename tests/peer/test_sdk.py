"""openstacksdk, unmodified and as a library, against Glance and against us."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import openstack
import pytest
from keystoneauth1 import noauth, session
from openstack import exceptions
from openstack.connection import Connection
from openstack.image.v2.image import Image

from harness.api import Api
from harness.disks import Disk

SOME = b"some image data"


@pytest.fixture
def connection(api: Api) -> Iterator[Connection]:
    auth = noauth.NoAuth(endpoint=api.url)
    made = openstack.connection.Connection(session=session.Session(auth=auth), image_endpoint_override=api.url, oslo_conf=None)
    yield made
    made.close()


def stored(connection: Connection, name: str, content: bytes = SOME, **fields: object) -> Image:
    return connection.image.create_image(
        name, data=io.BytesIO(content), disk_format="raw", container_format="bare", allow_duplicates=True, **fields
    )


@pytest.mark.parametrize("kind", ["qcow2", "iso"])
def test_create_from_file_and_download(connection: Connection, disks: dict[str, Disk], tmp_path: Path, kind: str) -> None:
    disk = disks[kind]
    created = connection.image.create_image(
        "mine", filename=str(disk.path), disk_format=kind, container_format="bare", validate_checksum=True
    )
    image = connection.image.get_image(created.id)
    assert (image.status, image.size) == ("active", len(disk.content))
    assert image.hash_algo == "sha512"
    assert image.hash_value == hashlib.sha512(disk.content).hexdigest()
    assert image.checksum == hashlib.md5(disk.content).hexdigest()
    for _ in ("from the store", "from the cache"):
        copy = tmp_path / "copy"
        connection.image.download_image(image, output=str(copy))
        assert copy.read_bytes() == disk.content


def test_create_is_idempotent_by_checksum(connection: Connection, disks: dict[str, Disk]) -> None:
    again = [
        connection.image.create_image("mine", filename=str(disks["iso"].path), disk_format="iso", validate_checksum=True)
        for _ in range(2)
    ]
    assert again[0].id == again[1].id


def test_upload_image(connection: Connection) -> None:
    image = connection.image.upload_image(container_format="bare", disk_format="raw", data=SOME, name="mine")
    assert connection.image.get_image(image.id).status == "active"


def test_failed_create_leaves_nothing(connection: Connection) -> None:
    with pytest.raises(exceptions.SDKException):
        connection.image.create_image("mine", data=io.BytesIO(SOME), disk_format="qcow2", container_format="bare")
    assert list(connection.image.images()) == []


def test_download_as_stream(connection: Connection) -> None:
    content = bytes(range(256)) * 4096
    image = stored(connection, "mine", content)
    response = connection.image.download_image(image, stream=True)
    pieces = list(response.iter_content(chunk_size=65536))
    assert b"".join(pieces) == content
    assert response.headers["content-md5"] == hashlib.md5(content).hexdigest()


def test_download_into_an_open_file(connection: Connection) -> None:
    image = stored(connection, "mine")
    output = io.BytesIO()
    connection.image.download_image(image, output=output, chunk_size=4)
    assert output.getvalue() == SOME


def test_download_of_a_queued_image_is_empty(connection: Connection, api: Api) -> None:
    image = connection.image.get_image(api.create(name="mine"))
    assert connection.image.download_image(image).content == b""


def test_images(connection: Connection, api: Api) -> None:
    big = stored(connection, "big", bytes(1000))
    small = stored(connection, "small", visibility="public", tags=["red"])
    queued = api.create(name="queued", protected=True)
    hidden = api.create(name="hidden", os_hidden=True)

    def found(**query: object) -> set[str]:
        return {image.id for image in connection.image.images(**query)}

    assert found() == {big.id, small.id, queued}
    assert found(name="big") == {big.id}
    assert found(id=small.id) == {small.id}
    assert found(status="queued") == {queued}
    assert found(visibility="public") == {small.id}
    assert found(tag="red") == {small.id}
    assert found(size_min=500) == {big.id}
    assert found(size_min=1, size_max=500) == {small.id}
    assert found(is_hidden=True) == {hidden}
    assert found(is_protected=True) == {queued}
    assert found(limit=1) == {big.id, small.id, queued}
    ordered = [image.name for image in connection.image.images(sort="name:asc")]
    assert ordered == ["big", "queued", "small"]
    ordered = [image.name for image in connection.image.images(sort_key="name", sort_dir="desc", limit=2)]
    assert ordered == ["small", "queued", "big"]


def test_pages(connection: Connection, api: Api) -> None:
    names = [f"image-{number:02}" for number in range(30)]
    for name in names:
        api.create(name=name)
    assert sorted(image.name for image in connection.image.images()) == names
    assert [image.name for image in connection.image.images(limit=7, sort="name:asc")] == names


def test_find(connection: Connection, api: Api) -> None:
    image = api.create(name="mine")
    hidden = api.create(name="hidden", os_hidden=True)
    api.create(name="twice")
    api.create(name="twice")
    assert connection.image.find_image("mine").id == image
    assert connection.image.find_image(image).id == image
    assert connection.image.find_image("hidden").id == hidden
    assert connection.image.find_image("nope") is None
    with pytest.raises(exceptions.NotFoundException):
        connection.image.find_image("nope", ignore_missing=False)
    with pytest.raises(exceptions.DuplicateResource):
        connection.image.find_image("twice")


def test_update(connection: Connection, api: Api) -> None:
    image = connection.image.get_image(api.create(name="before", colour="red"))
    updated = connection.image.update_image(image, name="after", min_ram=64, is_protected=True, is_hidden=True, os_distro="debian")
    assert (updated.name, updated.min_ram, updated.is_protected, updated.os_distro) == ("after", 64, True, "debian")
    shown = api.show(image.id)
    assert (shown["name"], shown["protected"], shown["os_hidden"], shown["colour"]) == ("after", True, True, "red")
    assert connection.image.update_image_properties(updated, {"shape": "round"}, hw_disk_bus="virtio")
    shown = api.show(image.id)
    assert (shown["shape"], shown["hw_disk_bus"]) == ("round", "virtio")
    connection.image.update_image(image.id, is_protected=False)
    assert api.show(image.id)["protected"] is False


def test_update_refused(connection: Connection, api: Api) -> None:
    image = api.create(name="mine")
    with pytest.raises(exceptions.BadRequestException, match="400: Client Error for url"):
        connection.image.update_image(image, min_ram=-1)


def test_tags(connection: Connection, api: Api) -> None:
    image = connection.image.get_image(api.create(name="mine"))
    connection.image.add_tag(image, "red")
    connection.image.add_tag(image, "round")
    connection.image.remove_tag(image, "red")
    assert api.show(image.id)["tags"] == ["round"]
    with pytest.raises(exceptions.NotFoundException):
        connection.image.remove_tag(image, "red")


def test_delete(connection: Connection, api: Api) -> None:
    image = stored(connection, "mine")
    connection.image.delete_image(image.id, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        connection.image.get_image(image.id)
    connection.image.delete_image(image.id)
    with pytest.raises(exceptions.NotFoundException):
        connection.image.delete_image(image.id, ignore_missing=False)
    protected = api.create(name="protected", protected=True)
    with pytest.raises(exceptions.ForbiddenException, match="is protected and cannot be deleted"):
        connection.image.delete_image(protected)


def test_activation(connection: Connection) -> None:
    image = stored(connection, "mine")
    connection.image.deactivate_image(image)
    assert connection.image.get_image(image.id).status == "deactivated"
    connection.image.reactivate_image(image)
    assert connection.image.get_image(image.id).status == "active"


def test_what_the_site_says(connection: Connection) -> None:
    assert connection.image.get_images_schema().name == "images"
    schema = connection.image.get_image_schema()
    assert {"id", "status", "visibility", "os_hash_value"} <= set(schema.properties)
    assert connection.image.get_import_info().import_methods["type"] == "array"
    with pytest.raises(exceptions.NotFoundException, match="Multi backend is not supported at this site"):
        list(connection.image.stores())


def test_cache_entries(connection: Connection, api: Api) -> None:
    image = stored(connection, "mine")
    assert connection.image.get_image_cache().cached_images == []
    connection.image.queue_image(image.id)
    api.wait_cached(image.id)
    connection.image.download_image(image)
    cache = connection.image.get_image_cache()
    [entry] = cache.cached_images
    assert (entry.image_id, entry.size) == (image.id, len(SOME))
    assert cache.queued_images == []
    assert list(connection.image.cached_image_nodes(image.id)) == [api.url]
    connection.image.cache_delete_image(image.id)
    assert connection.image.get_image_cache().cached_images == []


def test_queue_refused(connection: Connection, api: Api) -> None:
    with pytest.raises(exceptions.BadRequestException, match="Only images with status active"):
        connection.image.queue_image(api.create(name="mine"))
    with pytest.raises(exceptions.NotFoundException):
        connection.image.queue_image("ffffffff-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    ("target", "cached", "queued"), [("both", False, False), ("cache", False, True), ("queue", True, False)]
)
def test_clear_cache(connection: Connection, api: Api, target: str, cached: bool, queued: bool) -> None:
    image = stored(connection, "mine")
    api.fill(image.id)
    waiting = api.create_waiting(name="waiting")
    connection.image.clear_cache(target)
    assert api.cached() == ([image.id] if cached else [])
    assert api.queued() == ([waiting] if queued else [])


def test_clean_and_prune(connection: Connection) -> None:
    image = stored(connection, "mine")
    connection.image.download_image(image)
    connection.image.clean_cache()
    pruned = connection.image.prune_cache()
    assert pruned == {"total_files_pruned": 0, "total_bytes_pruned": 0}
