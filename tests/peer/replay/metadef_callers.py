"""Who may do what with metadata definitions: every kind of caller, a public and a private namespace, every operation."""

from __future__ import annotations

from typing import Any

from replay.callers import ADMIN, CALLERS, by, everyone
from replay.metadefs import OBJECT, PROPERTY, ROOT, ns
from replay.steps import Scenario, Step, get, request, send_json

CONTENT: dict[str, Any] = {
    "resource_type_associations": [{"name": "r", "prefix": "p_"}],
    "objects": [OBJECT],
    "properties": {"a": PROPERTY},
    "tags": [{"name": "t"}],
}


def furnish() -> list[Step]:
    """One of each visibility for the project `owner`."""
    return [
        by(ADMIN, send_json(f"create {name}", "POST", ROOT, {"namespace": name, "visibility": name, "owner": "owner", **CONTENT}))
        for name in ("public", "private")
    ]


READING = Scenario(
    "metadef reading",
    [
        *furnish(),
        *everyone(
            [
                get("list", ROOT),
                get("list public", ROOT + "?visibility=public"),
                get("list from private", ROOT + "?marker=private"),
                get("resource types", "/v2/metadefs/resource_types"),
                *(
                    get(f"{kind} of {name}", ns(name, *path))
                    for name in ("public", "private", "nobody")
                    for kind, path in {
                        "all": (),
                        "objects": ("objects",),
                        "object": ("objects", "cpu"),
                        "properties": ("properties",),
                        "property": ("properties", "a"),
                        "property by type": ("properties", "p_a?resource_type=r"),
                        "tags": ("tags",),
                        "tag": ("tags", "t"),
                        "associations": ("resource_types",),
                    }.items()
                ),
            ],
            CALLERS,
        ),
    ],
)

PLAIN = {name: headers for name, headers in CALLERS.items() if not name.startswith("admin")}

WRITING = Scenario(
    "metadef writing",
    [
        *furnish(),
        *everyone(
            [
                send_json("create", "POST", ROOT, {"namespace": "mine"}),
                send_json("create with content", "POST", ROOT, {"namespace": "mine", **CONTENT}),
                *(
                    step
                    for name in ("public", "private", "nobody")
                    for step in (
                        send_json(f"update {name}", "PUT", ns(name), {"namespace": name}),
                        send_json(f"create object in {name}", "POST", ns(name, "objects"), {"name": "o"}),
                        send_json(f"update object of {name}", "PUT", ns(name, "objects", "cpu"), {"name": "cpu"}),
                        request(f"delete object of {name}", "DELETE", ns(name, "objects", "cpu")),
                        request(f"delete objects of {name}", "DELETE", ns(name, "objects")),
                        send_json(f"create property in {name}", "POST", ns(name, "properties"), {"name": "p", **PROPERTY}),
                        send_json(f"update property of {name}", "PUT", ns(name, "properties", "a"), {"name": "a", **PROPERTY}),
                        request(f"delete property of {name}", "DELETE", ns(name, "properties", "a")),
                        request(f"delete properties of {name}", "DELETE", ns(name, "properties")),
                        request(f"create tag in {name}", "POST", ns(name, "tags", "x")),
                        send_json(f"create tags in {name}", "POST", ns(name, "tags"), {"tags": [{"name": "x"}]}),
                        send_json(f"rename tag of {name}", "PUT", ns(name, "tags", "t"), {"name": "x"}),
                        request(f"delete tag of {name}", "DELETE", ns(name, "tags", "t")),
                        request(f"delete tags of {name}", "DELETE", ns(name, "tags")),
                        send_json(f"associate {name}", "POST", ns(name, "resource_types"), {"name": "s"}),
                        request(f"dissociate {name}", "DELETE", ns(name, "resource_types", "r")),
                        request(f"delete {name}", "DELETE", ns(name)),
                    )
                ),
            ],
            PLAIN,
        ),
    ],
)

OWNING = Scenario(
    "metadef owning",
    [
        by(ADMIN, send_json("create", "POST", ROOT, {"namespace": "mine"})),
        by(ADMIN, send_json("create for another", "POST", ROOT, {"namespace": "theirs", "owner": "owner"})),
        by(ADMIN, send_json("reset", "PUT", ns("theirs"), {"namespace": "theirs"})),
        by(CALLERS["owner member"], get("no longer seen", ns("theirs"))),
        by(ADMIN, get("list", ROOT)),
    ],
)

SCENARIOS = [READING, WRITING, OWNING]
