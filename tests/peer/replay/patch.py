"""Updates by JSON patch."""

from functools import partial

from replay.steps import NOBODY, PATCH_V20, PATCH_V21, Ids, Scenario, Step, create, create_raw, get, patch, request, upload

P = Ids(0x30)


def op(operation: str, path: str, *value: object) -> dict[str, object]:
    change: dict[str, object] = {"op": operation, "path": path}
    if value:
        change["value"] = value[0]
    return change


def one_of(image: str, name: str, operation: str, path: str, *value: object) -> Step:
    return patch(name, image, [op(operation, path, *value)])


one = partial(one_of, P[1])


READ_ONLY = ["created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url", "self", "file", "schema", "id", "os_hash_algo", "os_hash_value"]  # fmt: skip
RESERVED = ["location", "deleted", "deleted_at", "os_glance_import_task"]
BASE = ["name", "visibility", "protected", "min_ram", "tags", "owner", "os_hidden", "disk_format"]

SCENARIOS = [
    Scenario(
        "patch",
        [
            create("create", id=P[1], name="before", tags=["old"], colour="red"),
            one("replace name", "replace", "/name", "after"),
            one("replace name by null", "replace", "/name", None),
            one("add name", "add", "/name", "again"),
            one("replace min_ram", "replace", "/min_ram", 64),
            one("replace min_ram by a string", "replace", "/min_ram", "64"),
            one("replace min_ram by a negative", "replace", "/min_ram", -1),
            one("replace protected", "replace", "/protected", True),
            one("replace protected back", "replace", "/protected", False),
            one("replace hidden", "replace", "/os_hidden", True),
            one("replace hidden back", "replace", "/os_hidden", False),
            one("replace visibility", "replace", "/visibility", "public"),
            one("replace visibility by an unknown one", "replace", "/visibility", "secret"),
            one("replace formats while queued", "replace", "/disk_format", "raw"),
            one("replace container while queued", "replace", "/container_format", "bare"),
            one("replace by an unknown format", "replace", "/disk_format", "floppy"),
            one("replace owner", "replace", "/owner", "somebody"),
            one("add owner", "add", "/owner", "somebody-else"),
            one("replace tags", "replace", "/tags", ["new", "newer"]),
            one("replace tags by a string", "replace", "/tags", "new"),
            one("add a tag by index", "add", "/tags/-", "newest"),
            one("add property", "add", "/shape", "round"),
            one("add property that exists", "add", "/shape", "square"),
            one("add property with escaped name", "add", "/a~1b~0c", "x"),
            one("replace property", "replace", "/colour", "blue"),
            one("replace property by empty", "replace", "/colour", ""),
            one("replace property by a number", "replace", "/colour", 7),
            one("replace property by null", "replace", "/colour", None),
            one("replace missing property", "replace", "/taste", "sour"),
            one("remove property", "remove", "/shape"),
            one("remove missing property", "remove", "/shape"),
            one("add removed property again", "add", "/shape", "oval"),
            create("create for a long name", id=P[5]),
            one_of(P[5], "add property name of 256", "add", "/" + "k" * 256, "v"),
            one("add four-byte value", "add", "/disc", "\U0001f4bf"),
            get("show after all this", f"/v2/images/{P[1]}"),
            patch("several", P[1], [op("replace", "/name", "several"), op("add", "/a", "1"), op("remove", "/colour")]),
            patch("all or nothing", P[1], [op("replace", "/name", "lost"), op("remove", "/missing")]),
            get("nothing", f"/v2/images/{P[1]}"),
            patch("empty list", P[1], []),
            *(one(f"read-only {key}", "replace", f"/{key}", "x") for key in READ_ONLY),
            *(one(f"reserved {key}", "add", f"/{key}", "x") for key in RESERVED),
            *(one(f"remove base {key}", "remove", f"/{key}") for key in BASE),
            one("add os_hash_algo", "add", "/os_hash_algo", "md5"),
            one("locations", "add", "/locations/-", {"url": "http://example.org/x", "metadata": {}}),
            one("replace locations", "replace", "/locations", []),
            one("remove location", "remove", "/locations/0"),
        ],
    ),
    Scenario(
        "patch pointers",
        [
            create("create", id=P[2], name="before"),
            one_of(P[2], "no slash", "replace", "name", "x"),
            one_of(P[2], "double slash", "replace", "//name", "x"),
            one_of(P[2], "slash at the end", "replace", "/name/", "x"),
            one_of(P[2], "slash alone", "add", "/", "x"),
            one_of(P[2], "too deep", "add", "/a/b", "x"),
            one_of(P[2], "bad escape", "add", "/a~2b", "x"),
            one_of(P[2], "empty", "add", "", "x"),
            one_of(P[2], "spaces", "replace", "/ name ", "x"),
            create("create for a bad name", id=P[6]),
            one_of(P[6], "extra_properties", "add", "/extra_properties", "x"),
            patch("path a number", P[2], [{"op": "add", "path": 7, "value": "x"}]),
            patch("no path", P[2], [{"op": "add", "value": "x"}]),
            patch("no op", P[2], [{"path": "/name", "value": "x"}]),
            patch("no value", P[2], [{"op": "add", "path": "/name"}]),
            patch("remove with value", P[2], [{"op": "remove", "path": "/name", "value": "x"}]),
            patch("unknown op", P[2], [op("move", "/name", "x")]),
            patch("test op", P[2], [op("test", "/name", "before")]),
            patch("op not an object", P[2], ["replace"]),
            patch("object", P[2], {"op": "replace", "path": "/name", "value": "x"}),
            patch("string", P[2], "x"),
            patch("null", P[2], None),
            patch("unknown key in op", P[2], [{"op": "replace", "path": "/name", "value": "y", "why": "x"}]),
            patch("unknown image", NOBODY, [op("replace", "/name", "x")]),
            patch("not a uuid", "some-name", [op("replace", "/name", "x")]),
            get("show", f"/v2/images/{P[2]}"),
        ],
    ),
    Scenario(
        "patch media types",
        [
            create("create", id=P[3], name="before"),
            patch("draft 4 replace", P[3], [{"replace": "/name", "value": "four"}], PATCH_V20),
            patch("draft 4 add", P[3], [{"add": "/four", "value": "x"}], PATCH_V20),
            patch("draft 4 add existing", P[3], [{"add": "/four", "value": "y"}], PATCH_V20),
            patch("draft 4 remove", P[3], [{"remove": "/four"}], PATCH_V20),
            patch("draft 4 without an operation", P[3], [{"value": "x"}], PATCH_V20),
            patch("draft 4 with two operations", P[3], [{"add": "/a", "remove": "/b", "value": "x"}], PATCH_V20),
            patch("draft 10 as draft 4", P[3], [op("replace", "/name", "x")], PATCH_V20),
            patch("draft 4 as draft 10", P[3], [{"replace": "/name", "value": "x"}], PATCH_V21),
            patch("plain json", P[3], [op("replace", "/name", "x")], "application/json"),
            patch("standard patch", P[3], [op("replace", "/name", "x")], "application/json-patch+json"),
            patch("with charset", P[3], [op("replace", "/name", "x")], f"{PATCH_V21}; charset=utf-8"),
            request("no media type", "PATCH", f"/v2/images/{P[3]}", {}, b"[]"),
            request("no body", "PATCH", f"/v2/images/{P[3]}", {"Content-Type": PATCH_V21}),
            request("not json", "PATCH", f"/v2/images/{P[3]}", {"Content-Type": PATCH_V21}, b"[{"),
        ],
    ),
    Scenario(
        "patch active",
        [
            create_raw("create", P[4]),
            upload("upload", P[4], b"data"),
            patch("disk format", P[4], [op("replace", "/disk_format", "qcow2")]),
            patch("container format", P[4], [op("replace", "/container_format", "ovf")]),
            patch("name", P[4], [op("replace", "/name", "renamed")]),
            patch("hash", P[4], [op("replace", "/os_hash_value", "x")]),
            get("show", f"/v2/images/{P[4]}"),
        ],
    ),
]
