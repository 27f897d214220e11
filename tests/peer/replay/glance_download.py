"""Importing from the Glance of another region: what is asked for, what comes, and what becomes of the image.

The remote images are there before: `REMOTE` says which.
"""

from __future__ import annotations

import json
from typing import Any

from replay.callers import caller
from replay.imports import acting, after, importing
from replay.steps import NOBODY, Ids, Scenario, Step, create, create_raw, get, request

TOKEN = "a-token-nobody-may-see"
CONTENT = b"an image of another region\n" * 1000
QCOW2 = "no such thing\n".encode() * 100
HERE = Ids(0xC0)
THERE = Ids(0xC1)

# Remote images by number: their fields and their data; without data they are queued.
REMOTE: dict[int, tuple[dict[str, Any], bytes | None]] = {
    1: (
        {
            "disk_format": "raw",
            "container_format": "bare",
            "hw_disk_bus": "scsi",
            "hw_rng_model": "virtio",
            "os_type": "linux",
            "os_distro": "debian",
            "trait:HW_CPU_X86_AVX": "required",
            "colour": "blue",
            "min_disk": 7,
            "tags": ["remote"],
        },
        CONTENT,
    ),
    2: ({"disk_format": "raw", "container_format": "bare"}, None),
    3: ({"disk_format": "qcow2", "container_format": "ovf"}, QCOW2),
}


def catalog(url: str, silent: str) -> list[dict[str, Any]]:
    """Two regions: `West` is the remote site, whose internal address nobody answers; `East` has no image service."""
    return [
        {"type": "compute", "name": "nova", "endpoints": [{"region": "East", "publicURL": silent}]},
        {
            "type": "image",
            "name": "glance",
            "endpoints": [{"region": "West", "publicURL": url, "internalURL": silent}],
        },
    ]


def member(told: list[dict[str, Any]], token: str = TOKEN) -> dict[str, str]:
    return {
        **caller("owner", "member", "reader"),
        "X-Auth-Token": token,
        "X-Service-Catalog": json.dumps(told),
    }


def far(image: str, region: str = "West", **more: Any) -> dict[str, Any]:
    return {"name": "glance-download", "glance_region": region, "glance_image_id": image, **more}


def scenarios(told: list[dict[str, Any]]) -> list[Scenario]:
    checks = [
        create_raw("create", HERE[1]),
        importing("no region", HERE[1], {"name": "glance-download", "glance_image_id": THERE[1]}),
        importing("no image", HERE[1], {"name": "glance-download", "glance_region": "West"}),
        importing("no uuid", HERE[1], far("some-name")),
        importing("no uuid of a right length", HERE[1], far("z" * 32)),
        importing("unknown here", NOBODY, far(THERE[1])),
        create("create without formats", id=HERE[2]),
        importing("without formats", HERE[2], far(THERE[1])),
        importing("disabled method", HERE[1], {"name": "copy-picture"}),
        get("show", f"/v2/images/{HERE[1]}"),
    ]
    good = [
        create_raw("create", HERE[3], hw_rng_model="old", own="mine"),
        importing("import", HERE[3], far(THERE[1])),
        *after("import", HERE[3]),
        request("download", "GET", f"/v2/images/{HERE[3]}/file"),
        importing("import active", HERE[3], far(THERE[1])),
        create_raw("create for small region", HERE[4]),
        importing("small region", HERE[4], far(THERE[1], "wEST", glance_service_interface="public")),
        *after("small region", HERE[4]),
    ]
    bad: list[Step] = []
    for number, (name, method) in enumerate(
        {
            "queued there": far(THERE[2]),
            "unknown there": far(NOBODY),
            "unknown region": far(THERE[1], "North"),
            "region without images": far(THERE[1], "East"),
            "silent interface": far(THERE[1], glance_service_interface="internal"),
            "unknown interface": far(THERE[1], glance_service_interface="secret"),
        }.items(),
        start=10,
    ):
        bad += [
            create_raw(f"create for {name}", HERE[number], hw_disk_bus="own"),
            importing(name, HERE[number], method),
            *after(name, HERE[number]),
        ]
    formats = [
        create_raw("create", HERE[20], hw_disk_bus="own"),
        importing("import", HERE[20], far(THERE[3])),
        *after("import", HERE[20]),
    ]
    strangers = [
        create_raw("create", HERE[21]),
        *acting(member(told, "a-token-nobody-knows"), [importing("import", HERE[21], far(THERE[1]))]),
        *after("import", HERE[21]),
    ]
    by_member = member(told)
    return [
        Scenario(f"glance-download {name}", acting_unless(by_member, steps))
        for name, steps in {"checks": checks, "good": good, "bad": bad, "formats": formats, "strangers": strangers}.items()
    ]


def acting_unless(headers: dict[str, str], steps: list[Step]) -> list[Step]:
    """The steps by this caller, where they are nobody's yet."""
    return [step if "X-Project-Id" in step.headers else acting(headers, [step])[0] for step in steps]
