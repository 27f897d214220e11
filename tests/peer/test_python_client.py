"""The Python `openstack` program, unmodified, against Glance and against us."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from pathlib import Path

import pytest
import yaml

from harness.api import Api
from harness.client import Client, cold_python_client
from harness.disks import Disk
from harness.server import Server

LIST_FORMATS = ("csv", "json", "table", "value", "yaml")
SHOW_FORMATS = ("json", "shell", "table", "value", "yaml")
SOME = b"some image data"


def rows(output_format: str, text: str) -> list[list[str]]:
    """The cells of a list in any format, as text."""
    if output_format == "csv":
        return list(csv.reader(io.StringIO(text)))[1:]
    if output_format in ("json", "yaml"):
        loaded = json.loads(text) if output_format == "json" else yaml.safe_load(text)
        return [[str(row[key]) for key in row] for row in loaded]
    if output_format == "table":
        lines = [line for line in text.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return [line.split(" ") for line in text.splitlines()]


def fields(output_format: str, text: str) -> dict[str, str]:
    """The fields of a shown image in a format that names them, as text."""
    if output_format in ("json", "yaml"):
        loaded = json.loads(text) if output_format == "json" else yaml.safe_load(text)
        return {key: str(value) for key, value in loaded.items()}
    if output_format == "shell":
        return dict(re.findall(r'^(\w+)="(.*)"$', text, re.MULTILINE))
    return {row[0]: row[1] for row in rows("table", text)}


@pytest.mark.parametrize("kind", ["qcow2", "iso", "raw", "vmdk", "vdi", "vhdx"])
def test_create_and_save_keep_every_byte(api: Api, python: Client, disks: dict[str, Disk], tmp_path: Path, kind: str) -> None:
    disk = disks[kind]
    created = json.loads(
        python.run("image", "create", "-f", "json", "--disk-format", kind, "--file", disk.path, "mine").ok().out
    )
    assert created["status"] == "active"
    assert created["size"] == len(disk.content)
    assert created["checksum"] == hashlib.md5(disk.content).hexdigest()
    assert created["properties"]["os_hash_value"] == hashlib.sha512(disk.content).hexdigest()
    assert created["virtual_size"] == disk.virtual_size
    for attempt in ("from the store", "from the cache"):
        copy = tmp_path / attempt
        assert python.run("image", "save", "--file", copy, "mine").ok().out == b""
        assert copy.read_bytes() == disk.content
        api.wait_cached(created["id"])


def test_in_a_process_of_its_own(server: Server, api: Api, disks: dict[str, Disk], tmp_path: Path) -> None:
    """All other tests fork a process that has imported the client; this one starts it as a user does."""
    python = cold_python_client(server.url, tmp_path)
    created = json.loads(python.run("image", "create", "-f", "json", "--file", disks["raw"].path, "mine").ok().out)
    python.run("image", "save", "--file", tmp_path / "copy", "mine").ok()
    assert (tmp_path / "copy").read_bytes() == disks["raw"].content
    api.wait_cached(created["id"])
    python.run("cached", "image", "clear").ok()
    assert api.cached() == []


def test_save_to_standard_output(api: Api, python: Client) -> None:
    api.create(SOME, name="mine")
    assert python.run("image", "save", "mine").ok().out == SOME


def test_create_from_standard_input(api: Api, python: Client) -> None:
    created = json.loads(python.run("image", "create", "-f", "json", "mine", stdin=SOME).ok().out)
    assert api.download(created["id"]) == SOME


def test_create_without_data(api: Api, python: Client) -> None:
    created = json.loads(python.run("image", "create", "-f", "json", "mine", terminal=True).ok().out)
    assert created["status"] == "queued"
    assert api.show(created["id"])["size"] is None


def test_create_with_everything(api: Api, python: Client, disks: dict[str, Disk]) -> None:
    identity = "0badcafe-0000-4000-8000-000000000001"
    if identity in [image["id"] for image in api.get("/v2/images")["images"]]:
        pytest.fail("left over")
    arguments = ["--id", identity, "--container-format", "bare", "--disk-format", "iso", "--min-disk", "1", "--min-ram", "64"]
    flags = ["--protected", "--public", "--property", "os_distro=debian", "--property", "a=b=c", "--tag", "t1", "--tag", "t2"]
    path = disks["iso"].path
    shown = python.run("image", "create", "-f", "json", *arguments, *flags, "--file", path, "full").ok()
    image = api.show(json.loads(shown.out)["id"])
    expected = {
        "id": identity,
        "name": "full",
        "min_disk": 1,
        "min_ram": 64,
        "protected": True,
        "visibility": "public",
        "os_distro": "debian",
        "a": "b=c",
        "status": "active",
        "owner_specified.openstack.object": "images/full",
    }
    assert {key: image[key] for key in expected} == expected
    assert sorted(image["tags"]) == ["t1", "t2"]


@pytest.mark.parametrize("output_format", SHOW_FORMATS)
def test_create_prints_the_image(api: Api, python: Client, disks: dict[str, Disk], output_format: str) -> None:
    done = python.run("image", "create", "-f", output_format, "--file", disks["raw"].path, "mine").ok()
    [image] = api.get("/v2/images")["images"]
    if output_format == "value":
        assert image["id"] in done.text.splitlines() and image["checksum"] in done.text.splitlines()
    else:
        printed = fields(output_format, done.text)
        assert printed["id"] == image["id"]
        assert printed["checksum"] == image["checksum"]
        assert printed["size"] == str(image["size"])


@pytest.mark.parametrize("output_format", LIST_FORMATS)
def test_list(api: Api, python: Client, output_format: str) -> None:
    first = api.create(SOME, name="first")
    second = api.create(name="second")
    done = python.run("image", "list", "-f", output_format, "--sort", "name:asc").ok()
    assert rows(output_format, done.text) == [[first, "first", "active"], [second, "second", "queued"]]


@pytest.mark.parametrize("output_format", LIST_FORMATS)
def test_list_long(api: Api, python: Client, output_format: str) -> None:
    image = api.create(SOME, name="only", owner="me")
    done = python.run("image", "list", "--long", "-f", output_format).ok()
    [row] = rows(output_format, done.text)
    expected = [image, "only", "raw", "bare", str(len(SOME)), hashlib.md5(SOME).hexdigest(), "active", "shared", "False", "me", "sha512"]
    if output_format == "yaml":
        assert set(expected) <= set(row)
    else:
        assert row[: len(expected)] == expected


FILTERS = [
    (["--public"], {"pub"}),
    (["--private"], {"priv"}),
    (["--community"], {"comm"}),
    (["--shared"], {"plain", "tagged"}),
    (["--all"], {"pub", "priv", "comm", "plain", "tagged"}),
    (["--name", "plain"], {"plain"}),
    (["--status", "active"], {"plain"}),
    (["--tag", "red"], {"tagged"}),
    (["--property", "colour=blue"], {"tagged"}),
    (["--hidden"], {"hid"}),
    (["--limit", "1", "--sort", "name:asc"], 1),
    (["--max-items", "2"], 2),
    (["--sort", "name:desc"], {"pub", "priv", "plain", "tagged"}),
]


@pytest.mark.parametrize(("arguments", "names"), FILTERS, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_list_filters(api: Api, python: Client, arguments: list[str], names: set[str] | int) -> None:
    api.create(name="pub", visibility="public")
    api.create(name="priv", visibility="private")
    api.create(name="comm", visibility="community")
    api.create(name="hid", os_hidden=True)
    api.create(name="tagged", tags=["red"], colour="blue")
    api.create(SOME, name="plain")
    printed = python.run("image", "list", "-f", "value", "-c", "Name", *arguments).ok().text.split()
    if isinstance(names, int):
        assert len(printed) == names
    else:
        assert set(printed) == names


def test_list_pages_on(api: Api, python: Client) -> None:
    """More images than a page of the server holds, which is 25."""
    for number in range(30):
        api.create(name=f"image-{number:02}")
    printed = python.run("image", "list", "-f", "value", "-c", "Name").ok().text.split()
    assert sorted(printed) == [f"image-{number:02}" for number in range(30)]
    marked = python.run("image", "list", "-f", "value", "-c", "Name", "--marker", "image-05").ok().text.split()
    assert sorted(marked) == [f"image-{number:02}" for number in range(5)]


@pytest.mark.parametrize("output_format", SHOW_FORMATS)
def test_show(api: Api, python: Client, output_format: str) -> None:
    image = api.create(SOME, name="mine", tags=["red"], colour="blue")
    for asked in (image, "mine"):
        done = python.run("image", "show", "-f", output_format, asked).ok()
        if output_format == "value":
            assert {image, "mine", "active", "['red']"} <= set(done.text.splitlines())
            continue
        printed = fields(output_format, done.text)
        assert printed["id"] == image
        assert printed["size"] == str(len(SOME))
        assert "colour" in printed["properties"] and "blue" in printed["properties"]


def test_show_human_readable(api: Api, python: Client) -> None:
    api.create(bytes(3 << 20), name="mine")
    assert python.run("image", "show", "--human-readable", "-f", "value", "-c", "size", "mine").ok().text == "3.1M\n"


def test_set(api: Api, python: Client) -> None:
    image = api.create(name="before", tags=["old"], colour="red")
    flags = ["--name", "after", "--min-disk", "2", "--min-ram", "128", "--disk-format", "qcow2", "--container-format", "ovf"]
    more = ["--protected", "--community", "--property", "colour=blue", "--property", "shape=round", "--tag", "new", "--os-distro", "debian"]
    assert python.run("image", "set", *flags, *more, "--hidden", "before").ok().out == b""
    expected = {
        "name": "after",
        "min_disk": 2,
        "min_ram": 128,
        "disk_format": "qcow2",
        "container_format": "ovf",
        "protected": True,
        "visibility": "community",
        "colour": "blue",
        "shape": "round",
        "os_distro": "debian",
        "os_hidden": True,
    }
    shown = api.show(image)
    assert {key: shown[key] for key in expected} == expected
    assert sorted(shown["tags"]) == ["new", "old"]


def test_set_activation(api: Api, python: Client) -> None:
    image = api.create(SOME, name="mine")
    python.run("image", "set", "--deactivate", "mine").ok()
    assert api.show(image)["status"] == "deactivated"
    python.run("image", "set", "--activate", "mine").ok()
    assert api.show(image)["status"] == "active"


def test_unset(api: Api, python: Client) -> None:
    image = api.create(name="mine", tags=["a", "b"], colour="red", shape="round")
    assert python.run("image", "unset", "--tag", "a", "--property", "colour", "mine").ok().out == b""
    shown = api.show(image)
    assert shown["tags"] == ["b"]
    assert "colour" not in shown and shown["shape"] == "round"


def test_unset_what_is_not_there(api: Api, python: Client) -> None:
    # Without any property at all the client trips over itself.
    api.create(name="mine", shape="round")
    done = python.run("image", "unset", "--tag", "a", "--property", "colour", "mine")
    assert done.code == 1
    assert "tag unset failed, 'a' is a nonexistent tag" in done.err
    assert "property unset failed, 'colour' is a nonexistent property" in done.err


def test_delete(api: Api, python: Client) -> None:
    for name in ("one", "two", "three"):
        api.create(SOME, name=name)
    assert python.run("image", "delete", "one", "two").ok().out == b""
    assert api.names() == ["three"]


def test_delete_protected(api: Api, python: Client) -> None:
    image = api.create(name="mine", protected=True)
    done = python.run("image", "delete", "mine")
    assert done.code == 1
    assert f"403 Forbidden: Image {image} is protected and cannot be deleted." in done.err
    assert "Failed to delete 1 of 1 images." in done.err


@pytest.mark.parametrize("output_format", LIST_FORMATS)
def test_cached_image_list(api: Api, python: Client, tmp_path: Path, output_format: str) -> None:
    image = api.create(SOME, name="mine")
    api.create(SOME, name="other")
    python.run("image", "save", "--file", tmp_path / "copy", "mine").ok()
    api.wait_cached(image)
    done = python.run("cached", "image", "list", "-f", output_format).ok()
    [row] = rows(output_format, done.text)
    if output_format == "yaml":
        assert {image, "cached", str(len(SOME)), "0"} <= set(row)
    else:
        assert row[:2] == [image, "cached"]
        assert row[-2:] == [str(len(SOME)), "0"]
    assert re.search(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", done.text)


@pytest.mark.parametrize("output_format", LIST_FORMATS)
def test_cached_image_list_empty(api: Api, python: Client, output_format: str) -> None:
    printed = python.run("cached", "image", "list", "-f", output_format).ok().text
    assert rows(output_format, printed) == []


def test_cached_image_queue(api: Api, python: Client) -> None:
    images = [api.create(SOME, name=name) for name in ("one", "two")]
    assert python.run("cached", "image", "queue", "one", images[1]).ok().out == b""
    api.wait_cached(*images)
    assert api.queued() == []


def test_cached_image_delete(api: Api, python: Client) -> None:
    one, two = (api.create(SOME, name=name) for name in ("one", "two"))
    api.fill(one, two)
    assert python.run("cached", "image", "delete", "one").ok().out == b""
    assert api.cached() == [two]
    python.run("cached", "image", "delete", "one", two).ok()
    assert api.cached() == []


@pytest.mark.parametrize(
    ("arguments", "cached", "queued"),
    [([], False, False), (["--cache"], False, True), (["--queue"], True, False)],
    ids=["both", "cache", "queue"],
)
def test_cached_image_clear(api: Api, python: Client, arguments: list[str], cached: bool, queued: bool) -> None:
    copy = api.create(SOME, name="copy")
    api.fill(copy)
    waiting = api.create_waiting(name="waiting")
    assert python.run("cached", "image", "clear", *arguments).ok().out == b""
    assert api.cached() == ([copy] if cached else [])
    assert api.queued() == ([waiting] if queued else [])
    assert api.download(copy) == SOME


ERRORS = [
    (["image", "show", "nope"], 1, "No Image found for nope"),
    (["image", "save", "nope"], 1, "No Image found for nope"),
    (["image", "set", "--name", "x", "nope"], 1, "No Image found for nope"),
    (["image", "unset", "--tag", "x", "nope"], 1, "No Image found for nope"),
    (["image", "delete", "nope"], 1, "Multi Backend support not enabled."),
    (["cached", "image", "queue", "nope"], 1, "Failed to queue image with name or ID 'nope': No Image found for nope"),
    (["cached", "image", "delete", "nope"], 1, "Failed to delete image with name or ID 'nope': No Image found for nope"),
    (["image", "show", "twice"], 1, "More than one Image exists with the name 'twice'."),
    (["cached", "image", "queue", "queued"], 1, "Only images with status active can be targeted for queueing"),
    (["image", "create", "--file", "/does/not/exist", "x"], 1, "'/does/not/exist' is not a valid file"),
    (["image", "create", "--disk-format", "qcow2", "--file", "FILE", "x"], 1, "415"),
    (["image", "set", "--disk-format", "qcow2", "active"], 1, "403"),
    (["image", "list", "--limit", "-1"], 2, "argument --limit: --limit expected a non-negative integer"),
    (["image", "list", "--sort", "weight"], 1, ""),
    (["image", "list", "--marker", "nope"], 1, "No Image found for nope"),
    (["cached", "image", "clear", "--cache", "--queue"], 0, ""),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_errors(api: Api, python: Client, tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    (tmp_path / "file").write_bytes(SOME)
    api.create(name="twice")
    api.create(name="twice")
    api.create(name="queued")
    api.create(SOME, name="active")
    done = python.run(*[str(tmp_path / "file") if word == "FILE" else word for word in arguments])
    assert (done.code, done.out) == (code, b"")
    assert message in done.err


def test_refused_upload_leaves_no_image(api: Api, python: Client, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(SOME)
    python.run("image", "create", "--disk-format", "qcow2", "--file", tmp_path / "file", "x")
    assert api.names() == []
