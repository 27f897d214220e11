"""Deletions that wait, and data that does not go: what clients are told, what stands in the database, and each one's scrubber
on what the other has put aside.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import raw_http
from harness.comparison import Comparison
from harness.glance import BIN, Glance, Options
from harness.golden import Golden, record
from harness.vidimus import Vidimus, beside_glance, run_tool
from replay.callers import ADMIN
from replay.deletion import DELAYED, DIFFERENCES
from replay.steps import PATCH_V21

CASES = [f"{scenario.name}/{step.name}" for scenario in DELAYED for step in scenario.steps]
WAITING = Options(
    identity=True,
    cache=False,
    flavor="",
    extra={"delayed_delete": "true", "wakeup_time": "86400", "scrub_time": "86400"},
)
ID = "00000110-0000-4000-8000-0000000000aa"
Server = Glance | Vidimus


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with Glance(tmp_path_factory.mktemp("delayed-glance"), options=WAITING) as server:
        return record(server, DELAYED, ADMIN)


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with beside_glance(tmp_path_factory.mktemp("delayed-vidimus"), WAITING) as server:
        return record(server, DELAYED, ADMIN)


COMPARISON = Comparison(CASES, DIFFERENCES)


def test_differences_name_cases_that_exist_once() -> None:
    COMPARISON.require_differences_once()


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    COMPARISON.require_same(case, of_glance, of_vidimus)


def ask(server: Server, method: str, path: str, body: Any = None, kind: str = "application/json") -> raw_http.Answer:
    sent = {"Accept": "application/json", "Content-Type": kind, **ADMIN}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return raw_http.send(server.url, method, path, sent, data)


def furnish(server: Server) -> dict[str, Any]:
    """An active image with everything that can hang on one."""
    fields = {"id": ID, "name": "x", "disk_format": "raw", "container_format": "bare", "tags": ["t"], "colour": "red"}
    assert ask(server, "POST", "/v2/images", fields).status == 201
    assert ask(server, "PUT", f"/v2/images/{ID}/file", b"data", "application/octet-stream").status == 204
    assert ask(server, "POST", f"/v2/images/{ID}/members", {"member": "friend"}).status == 200
    return show(server)


def show(server: Server) -> dict[str, Any]:
    answer = ask(server, "GET", f"/v2/images/{ID}")
    assert answer.status == 200, answer.body
    image: dict[str, Any] = json.loads(answer.body)
    return {key: value for key, value in image.items() if key != "updated_at"}


def rows(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """What is left of the image; the times only as far as there are any."""
    asked = {
        "images": "status, deleted, deleted_at is null",
        "image_locations": "status, deleted, deleted_at is null",
        "image_properties": "name, deleted, deleted_at is null",
        "image_tags": "value, deleted, deleted_at is null",
        "image_members": "member, deleted, deleted_at is null",
    }
    with sqlite3.connect(folder / "glance.sqlite") as database:
        return {table: database.execute(f"select {what} from {table} order by id").fetchall() for table, what in asked.items()}


def their_scrubber(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [BIN / "glance-scrubber", "--config-file", folder / "glance-api.conf", *arguments]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder, check=False)


def our_scrubber(folder: Path, *arguments: str) -> str:
    return run_tool("scrub", "--config-file", str(folder / "glance-api.conf"), *arguments)


def at_once(folder: Path) -> None:
    """From now on nothing waits any longer."""
    config = folder / "glance-api.conf"
    config.write_text(config.read_text().replace("scrub_time = 86400", "scrub_time = 0"))


@pytest.fixture(params=["glance", "vidimus"])
def waiting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, dict[str, Any]]]:
    """A server with an image that was deleted and waits, and that image as it was."""
    server = Glance(tmp_path, options=WAITING) if request.param == "glance" else beside_glance(tmp_path, WAITING)
    with server:
        image = furnish(server)
        assert ask(server, "DELETE", f"/v2/images/{ID}").status == 204
        yield server, image


def test_what_waits_is_the_same_in_the_database(waiting: tuple[Server, dict[str, Any]]) -> None:
    server, _ = waiting
    assert rows(server.dir) == {
        "images": [("pending_delete", 1, 0)],
        "image_locations": [("pending_delete", 1, 0)],
        "image_properties": [("colour", 1, 0)],
        "image_tags": [("t", 1, 0)],
        "image_members": [("friend", 1, 0)],
    }
    assert (server.store_dir / ID).read_bytes() == b"data"


def test_our_scrubber_ends_what_either_has_begun(waiting: tuple[Server, dict[str, Any]]) -> None:
    server, _ = waiting
    assert our_scrubber(server.dir).startswith("0 images scrubbed")
    assert (server.store_dir / ID).exists()
    at_once(server.dir)
    assert our_scrubber(server.dir).startswith("1 images scrubbed")
    assert not (server.store_dir / ID).exists()
    assert rows(server.dir)["images"] == [("deleted", 1, 0)]
    assert rows(server.dir)["image_locations"] == [("deleted", 1, 0)]
    assert our_scrubber(server.dir).startswith("0 images scrubbed")


def test_their_scrubber_ends_what_either_has_begun(waiting: tuple[Server, dict[str, Any]]) -> None:
    server, _ = waiting
    at_once(server.dir)
    done = their_scrubber(server.dir)
    assert done.returncode == 0, done.stderr
    assert not (server.store_dir / ID).exists()
    assert rows(server.dir)["images"] == [("deleted", 1, 0)]
    assert rows(server.dir)["image_locations"] == [("deleted", 1, 0)]
    assert our_scrubber(server.dir).startswith("0 images scrubbed")


def test_an_image_is_restored_whole(waiting: tuple[Server, dict[str, Any]]) -> None:
    server, image = waiting
    our_scrubber(server.dir, "--restore", ID)
    assert show(server) == image
    assert ask(server, "GET", f"/v2/images/{ID}/file").body == b"data"
    members = json.loads(ask(server, "GET", f"/v2/images/{ID}/members").body)["members"]
    assert [member["member_id"] for member in members] == ["friend"]
    refused = their_scrubber(server.dir, "--restore", ID)
    assert "cannot restore the image from active to active" in refused.stderr


def test_the_peer_restores_an_image_without_its_data(tmp_path: Path) -> None:
    """Why ours is not Glance's way."""
    with Glance(tmp_path, options=WAITING) as server:
        furnish(server)
        ask(server, "DELETE", f"/v2/images/{ID}")
        assert their_scrubber(server.dir, "--restore", ID).returncode == 0
        restored = show(server)
        assert restored["status"] == "active"
        assert (restored["tags"], restored.get("colour")) == ([], None)
        assert ask(server, "GET", f"/v2/images/{ID}/file").status == 204


@contextmanager
def held(take: list[str], let_go: list[str]) -> Iterator[None]:
    if subprocess.run(take, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{take[0]} cannot hold a file here")
    try:
        yield
    finally:
        subprocess.run(let_go, check=True)


def immutable(file: Path) -> Any:
    return held(["chattr", "+i", str(file)], ["chattr", "-i", str(file)])


def mounted(file: Path) -> Any:
    return held(["mount", "--bind", str(file), str(file)], ["umount", str(file)])


TWO_STORES = Options(
    identity=True, cache=False, flavor="", backends=("fast", "slow"), extra={"enabled_import_methods": "[copy-image]"}
)


def refused_while(server: Server, hold: Callable[[Path], Any]) -> list[tuple[int, str]]:
    """What is answered to who deletes a copy and an image whose data is held; nothing may change by it."""
    furnish(server)
    copy = {"method": {"name": "copy-image"}, "stores": ["slow"]}
    assert ask(server, "POST", f"/v2/images/{ID}/import", copy).status == 202
    slow, fast = server.store_dir / "slow" / ID, server.store_dir / "fast" / ID
    image = show(server)
    while image["stores"] != "fast,slow" or "os_glance_import_task" in image:
        image = show(server)
    told = []
    with hold(slow):
        told.append(ask(server, "DELETE", f"/v2/stores/slow/{ID}"))
        assert show(server) == image
    with hold(fast):
        told.append(ask(server, "DELETE", f"/v2/images/{ID}"))
        assert show(server) == image
        assert ask(server, "GET", f"/v2/images/{ID}/file").body == b"data"
        rename = [{"op": "replace", "path": "/name", "value": "still there"}]
        assert ask(server, "PATCH", f"/v2/images/{ID}", rename, PATCH_V21).status == 200
    assert ask(server, "DELETE", f"/v2/images/{ID}").status == 204
    assert not slow.exists() and not fast.exists()
    folder = str(server.store_dir)
    return [(answer.status, json.loads(answer.body)["message"].replace(f"{folder}/fast/", "").split("<")[0]) for answer in told]


@pytest.mark.parametrize(
    ("hold", "of_the_copy"),
    [(immutable, (403, f"You cannot delete file {ID}")), (mounted, (409, f"The data for Image {ID} could not be deleted"))],
)
def test_data_that_does_not_go(hold: Callable[[Path], Any], of_the_copy: tuple[int, str], tmp_path: Path) -> None:
    with Glance(tmp_path / "glance", options=TWO_STORES) as server:
        theirs = refused_while(server, hold)
    with beside_glance(tmp_path / "vidimus", TWO_STORES) as server:
        ours = refused_while(server, hold)
    # Glance has no answer for a copy of which the store says so.
    assert theirs[0][0] == 500
    assert ours[0][0] == of_the_copy[0] and ours[0][1].startswith(of_the_copy[1])
    assert theirs[1] == (403, f"You cannot delete file {ID}")
    if hold is immutable:
        assert ours[1] == theirs[1]
    else:
        # It takes all refusals of the system for one of permissions; this one is of a file in use.
        assert ours[1][0] == 409 and ours[1][1].startswith(f"Image {ID} could not be deleted because it is in use")
