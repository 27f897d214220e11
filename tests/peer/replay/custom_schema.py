"""`schema-image.json` beside the configuration: what of it the schemas show, and what it forbids."""

from __future__ import annotations

import json

from replay.callers import ADMIN, by
from replay.steps import Ids, Scenario, create, get, patch, request

S = Ids(0xA0)

PROPERTIES = {
    "architecture": {"description": "Of the processor", "type": "string", "enum": ["x86_64", "aarch64"]},
    "kernel_id": {"type": ["null", "string"], "pattern": "^[0-9a-f]{8}$", "description": "A kernel"},
    "os_distro": {"type": "string", "maxLength": 10},
    "instance_uuid": {"type": "string"},
}

FILES = {
    "flat": json.dumps(PROPERTIES),
    "extended": json.dumps({"properties": PROPERTIES, "required": ["os_distro"]}),
    "extended without required": json.dumps({"properties": PROPERTIES}),
    "nothing required": json.dumps({"properties": PROPERTIES, "required": []}),
    "empty": "{}",
}

SCENARIOS = [
    Scenario(
        "custom schema",
        [
            by(ADMIN, step)
            for step in (
                get("image schema", "/v2/schemas/image"),
                get("images schema", "/v2/schemas/images"),
                create("create plain", id=S[1], name="plain"),
                create("create with the required one", id=S[2], os_distro="debian"),
                create("create with all", id=S[3], os_distro="debian", architecture="x86_64", kernel_id="0123abcd"),
                create("create with others", id=S[4], os_distro="debian", colour="red"),
                create("create with a wrong word", id=S[5], os_distro="debian", architecture="vax"),
                create("create with a wrong pattern", id=S[5], os_distro="debian", kernel_id="x"),
                create("create with null", id=S[6], os_distro="debian", kernel_id=None),
                create("create with too long a word", id=S[5], os_distro="debian gnu/linux"),
                create("create with a number", id=S[5], os_distro="debian", instance_uuid=7),
                get("show null", f"/v2/images/{S[6]}"),
                patch("change the name", S[2], [{"op": "replace", "path": "/name", "value": "n"}]),
                patch("add a custom one", S[2], [{"op": "add", "path": "/architecture", "value": "aarch64"}]),
                patch("add a wrong word", S[2], [{"op": "add", "path": "/architecture", "value": "vax"}]),
                patch("change to a wrong word", S[3], [{"op": "replace", "path": "/architecture", "value": "vax"}]),
                patch("set the required one", S[3], [{"op": "replace", "path": "/os_distro", "value": "fedora"}]),
                patch("remove the required one", S[3], [{"op": "remove", "path": "/os_distro"}]),
                patch("set null", S[3], [{"op": "replace", "path": "/kernel_id", "value": None}]),
                patch("add another", S[3], [{"op": "add", "path": "/shape", "value": "round"}]),
                request("tag", "PUT", f"/v2/images/{S[3]}/tags/new"),
                get("show", f"/v2/images/{S[3]}"),
            )
        ],
    )
]
