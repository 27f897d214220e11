"""The definition files Glance ships with, loaded by both: every answer about them must be the same.

The files are Glance's and stay where its package put them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import raw_http
from harness.glance import Glance
from harness.vidimus import Vidimus, run_tool

FILES = Path(sys.prefix) / "etc" / "glance" / "metadefs"
SPACES = "/v2/metadefs/namespaces"


class Loaded:
    """Both servers, with all files loaded by the tools of each."""

    def __init__(self, glance: Glance, vidimus: Vidimus):
        self.urls = {"glance": glance.url, "vidimus": vidimus.url}
        self.data_dir = vidimus.data_dir

    def get(self, of: str, path: str) -> Any:
        answer = raw_http.send(self.urls[of], "GET", path, {"Accept": "application/json"}, None)
        assert answer.status == 200, f"{of} {path}: {answer}"
        return without_times(json.loads(answer.body))

    def tool(self, action: str, *arguments: str) -> str:
        return run_tool("db", "--data-dir", str(self.data_dir), action, *arguments)


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in ("created_at", "updated_at")}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def by_name(items: list[dict[str, Any]], key: str = "name") -> list[dict[str, Any]]:
    """Glance loads files as the folder lists them, so what is in order of creation has no order."""
    return sorted(items, key=lambda item: str(item[key]))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    with Glance(tmp_path_factory.mktemp("files-glance")) as glance, Vidimus(tmp_path_factory.mktemp("files-vidimus")) as vidimus:
        glance._manage("db", "load_metadefs", "--path", str(FILES))
        both = Loaded(glance, vidimus)
        both.tool("load-metadefs", "--path", str(FILES))
        yield both


def test_namespaces(loaded: Loaded) -> None:
    listed = {of: by_name(loaded.get(of, f"{SPACES}?limit=1000")["namespaces"], "namespace") for of in loaded.urls}
    for namespaces in listed.values():
        for namespace in namespaces:
            namespace["resource_type_associations"] = by_name(namespace.get("resource_type_associations", []))
    assert listed["vidimus"] == listed["glance"]
    assert len(listed["glance"]) == len(list(FILES.glob("*.json")))


def test_all_that_is_in_them(loaded: Loaded) -> None:
    names = [namespace["namespace"] for namespace in loaded.get("glance", f"{SPACES}?limit=1000")["namespaces"]]
    for name in names:
        theirs, ours = (loaded.get(of, f"{SPACES}/{name}") for of in ("glance", "vidimus"))
        for shown in (theirs, ours):
            shown["resource_type_associations"] = by_name(shown.get("resource_type_associations", []))
            shown["tags"] = by_name(shown.get("tags", []))
        assert ours == theirs, name


def test_resource_types(loaded: Loaded) -> None:
    types = {of: by_name(loaded.get(of, "/v2/metadefs/resource_types")["resource_types"]) for of in loaded.urls}
    assert types["vidimus"] == types["glance"]


def test_loading_again_skips_and_merges(loaded: Loaded, tmp_path: Path) -> None:
    namespace = loaded.get("vidimus", f"{SPACES}?limit=1")["namespaces"][0]["namespace"]
    more = {"namespace": namespace, "description": "changed", "tags": [{"name": "a new one"}]}
    (tmp_path / "more.json").write_text(json.dumps(more))

    def load(*options: str) -> dict[str, Any]:
        loaded.tool("load-metadefs", "--path", str(tmp_path), *options)
        shown: dict[str, Any] = loaded.get("vidimus", f"{SPACES}/{namespace}")
        return shown

    before = load()
    assert before["description"] != "changed"
    merged = load("--merge")
    assert merged["description"] == before["description"]
    assert {"name": "a new one"} in merged["tags"]
    assert load("--merge", "--prefer_new")["description"] == "changed"
    assert set(load("--merge", "--overwrite")) == {
        "namespace",
        "description",
        "visibility",
        "protected",
        "owner",
        "tags",
        "self",
        "schema",
    }


def test_export_can_be_loaded_by_both(loaded: Loaded, tmp_path: Path) -> None:
    loaded.tool("export-metadefs", "--path", str(tmp_path))
    assert len(list(tmp_path.glob("*.json"))) == len(list(FILES.glob("*.json")))
    names = [namespace["namespace"] for namespace in loaded.get("vidimus", f"{SPACES}?limit=1000")["namespaces"]]
    before = {name: loaded.get("vidimus", f"{SPACES}/{name}") for name in names}
    loaded.tool("unload-metadefs")
    assert loaded.get("vidimus", SPACES)["namespaces"] == []
    assert loaded.get("vidimus", "/v2/metadefs/resource_types")["resource_types"] == []
    loaded.tool("load-metadefs", "--path", str(tmp_path))
    assert {name: loaded.get("vidimus", f"{SPACES}/{name}") for name in names} == before
