"""One database, one store, one cache folder: what either program wrote, the other one goes on with.

Both run on the same `glance-api.conf` and address, one after the other.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from harness.api import Api
from harness.glance import Glance
from harness.process import free_port
from harness.vidimus import Vidimus
from replay.data import qcow2_header

Server = Glance | Vidimus
Start = Callable[[], AbstractContextManager[Server]]

QCOW2 = qcow2_header(1 << 30)
CONTENT = {name: hashlib.sha512(name.encode()).digest() * 5000 for name in ("plain", "cached", "gone")}


class House:
    """The folder that both live in, and how each is started in it."""

    def __init__(self, folder: Path):
        self.dir = folder
        self.port = free_port()

    def glance(self) -> Glance:
        return Glance(self.dir, self.port)

    def vidimus(self) -> Vidimus:
        config = self.dir / "glance-api.conf"
        if not config.exists():
            Glance.write_config(self.dir, self.port)
        return Vidimus(self.dir, self.port, ["--config-file", str(config)])

    def stored_files(self) -> set[str]:
        return {path.name for path in (self.dir / "images").iterdir() if path.is_file()}

    def cached_files(self) -> set[str]:
        return {path.name for path in (self.dir / "cache").iterdir() if path.is_file() and len(path.name) == 36}


@pytest.fixture(params=["glance then vidimus", "vidimus then glance"])
def order(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[House, Start, Start]:
    house = House(tmp_path)
    both: tuple[Start, Start] = (house.glance, house.vidimus)
    return (house, *both) if request.param.startswith("glance") else (house, *reversed(both))


def furnish(api: Api) -> dict[str, str]:
    """Images in every state that lasts, by name."""
    images = {name: api.create(content, name=name) for name, content in CONTENT.items()}
    images["queued"] = api.create(name="queued", disk_format="qcow2", min_disk=3)
    images["rich"] = api.create(
        b"rich", name="rich", tags=["t1", "t2"], colour="blue", empty="", visibility="public", protected=True, owner="somebody"
    )
    images["hidden"] = api.create(b"hidden", name="hidden", os_hidden=True)
    images["deactivated"] = api.create(b"deactivated", name="deactivated")
    api.send("POST", f"/v2/images/{images['deactivated']}/actions/deactivate")
    api.patch(images["rich"], {"op": "remove", "path": "/empty"}, {"op": "add", "path": "/shape", "value": "round"})
    api.fill(images["cached"])
    api.send("DELETE", f"/v2/images/{images['gone']}")
    return images


def test_the_other_finds_everything(order: tuple[House, Start, Start]) -> None:
    house, first, second = order
    with first() as server:
        api = Api(server)
        images = furnish(api)
        before = {name: api.show(image) for name, image in images.items() if name != "gone"}
        listed = api.get("/v2/images")
        cached = api.get("/v2/cache")
    with second() as server:
        api = Api(server)
        after = {name: api.show(image) for name, image in images.items() if name != "gone"}
        for image in (*before.values(), *after.values()):
            image["tags"] = sorted(image["tags"])
        assert after == before
        assert [image["id"] for image in api.get("/v2/images")["images"]] == [image["id"] for image in listed["images"]]
        assert to_the_second(api.get("/v2/cache")) == to_the_second(cached)
        for name in ("plain", "cached"):
            assert api.download(images[name]) == CONTENT[name]
            assert after[name]["os_hash_value"] == hashlib.sha512(CONTENT[name]).hexdigest()


def to_the_second(cache: dict[str, Any]) -> list[tuple[object, ...]]:
    """The copies without the fraction of their times, which the files in the folder need not keep."""
    assert cache["queued_images"] == []
    return [
        (copy["image_id"], copy["size"], copy["hits"], int(copy["last_accessed"]), int(copy["last_modified"]))
        for copy in cache["cached_images"]
    ]


def test_the_other_goes_on_from_there(order: tuple[House, Start, Start]) -> None:
    house, first, second = order
    with first() as server:
        images = furnish(Api(server))
        assert images["gone"] not in house.stored_files()
    with second() as server:
        api = Api(server)
        api.upload(images["queued"], QCOW2)
        api.send("POST", f"/v2/images/{images['deactivated']}/actions/reactivate")
        api.patch(images["rich"], {"op": "replace", "path": "/protected", "value": False}, {"op": "remove", "path": "/colour"})
        api.send("DELETE", f"/v2/images/{images['rich']}/tags/t1")
        api.send("PUT", f"/v2/images/{images['rich']}/tags/t3")
        api.send("DELETE", f"/v2/images/{images['cached']}")
        assert images["cached"] not in house.stored_files() | house.cached_files()
        new = api.create(b"new", name="new")
        api.fill(new)
    with first() as server:
        api = Api(server)
        assert api.cached() == [new]
        assert api.show(images["queued"])["status"] == "active"
        assert api.download(images["queued"]) == QCOW2
        assert api.show(images["deactivated"])["status"] == "active"
        rich = api.show(images["rich"])
        assert sorted(rich["tags"]) == ["t2", "t3"]
        assert "colour" not in rich and rich["shape"] == "round" and rich["protected"] is False
        assert api.download(new) == b"new"
        assert sorted(api.names()) == ["deactivated", "new", "plain", "queued", "rich"]


def test_null_is_null_to_both(order: tuple[House, Start, Start]) -> None:
    house, first, second = order
    described = {name: {"type": ["null", "string"]} for name in ("kernel_id", "ramdisk_id")}
    (house.dir / "schema-image.json").write_text(json.dumps(described))
    with first() as server:
        api = Api(server)
        image = api.create(kernel_id=None, ramdisk_id="", colour="red")
        assert shown(api, image) == {"kernel_id": None, "ramdisk_id": "", "colour": "red"}
    with sqlite3.connect(house.dir / "glance.sqlite") as database:
        # As version 1 of the API left them.
        database.execute("update image_properties set value = null where name = 'colour'")
    with second() as server:
        api = Api(server)
        assert shown(api, image) == {"kernel_id": None, "ramdisk_id": "", "colour": ""}
        api.patch(image, *({"op": "replace", "path": f"/{name}", "value": value} for name, value in CHANGED.items()))
    with first() as server:
        assert shown(Api(server), image) == {**CHANGED, "colour": ""}


CHANGED = {"kernel_id": "k", "ramdisk_id": None}


def shown(api: Api, image: str) -> dict[str, Any]:
    return {name: value for name, value in api.show(image).items() if name in ("kernel_id", "ramdisk_id", "colour")}


def test_ids_stay_used_and_the_schema_stays_glances(order: tuple[House, Start, Start]) -> None:
    house, first, second = order
    with first() as server:
        images = furnish(Api(server))
    with second() as server, pytest.raises(AssertionError, match="already exists"):
        Api(server).create(id=images["gone"])
    with sqlite3.connect(house.dir / "glance.sqlite") as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("2024_1_contract01",)]
        assert database.execute("select count(*) from images where deleted").fetchone() == (1,)
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("pragma foreign_key_check").fetchall() == []


def test_glance_finds_no_work_in_a_database_of_ours(tmp_path: Path) -> None:
    """Table by table and column by column, what we create is what `glance-manage db sync` creates."""
    ours, theirs = House(tmp_path / "ours"), House(tmp_path / "theirs")
    for house in (ours, theirs):
        house.dir.mkdir()
    ours.vidimus().stop()
    theirs.glance().stop()
    assert schema_of(ours.dir / "glance.sqlite") == schema_of(theirs.dir / "glance.sqlite")


def schema_of(path: Path) -> dict[str, object]:
    """Columns, foreign keys and the columns of each index; what begins with `vidimus_` is ours and not Glance's business."""
    with sqlite3.connect(path) as database:
        tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        return {table: table_of(database, table) for table in tables if not table.startswith(("sqlite_", "vidimus_"))}


def table_of(database: sqlite3.Connection, table: str) -> object:
    columns = sorted(row[1:] for row in database.execute(f"pragma table_info('{table}')"))
    references = sorted(row[2:5] for row in database.execute(f"pragma foreign_key_list('{table}')"))
    indexes = sorted(
        (
            [column[2] for column in database.execute(f"pragma index_info('{name}')")],
            unique,
            name if not name.startswith("sqlite_autoindex") else "",
        )
        for _, name, unique, *_ in database.execute(f"pragma index_list('{table}')")
        if not name.startswith("vidimus_")
    )
    return columns, references, indexes
