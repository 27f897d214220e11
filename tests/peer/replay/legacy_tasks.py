"""Tasks that clients start with `POST /v2/tasks`, on a site with one store.

A task is found again by the image its input names, which has nothing else to do with it.
"""

from __future__ import annotations

from typing import Any

from replay.callers import ADMIN
from replay.imports import acting, acting_unless
from replay.steps import Ids, Scenario, Step, create_raw, get, send_json, tasks_end

IDS = Ids(0xB2)
BARE = {"disk_format": "raw", "container_format": "bare"}


def task(name: str, kind: str, given: Any) -> Step:
    return send_json(name, "POST", "/v2/tasks", {"type": kind, "input": given})


def inputs(source: str) -> dict[str, tuple[int, str, dict[str, Any]]]:
    """What becomes of tasks that are begun, by name: number of the image, type, input."""

    def of(properties: Any, uri: str = f"{source}/abc", **more: Any) -> dict[str, Any]:
        return {"import_from": uri, "import_from_format": "raw", "image_properties": properties, **more}

    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "plain": ("import", of({"name": "plain", **BARE})),
        "everything": (
            "import",
            of(
                {
                    "name": "everything",
                    **BARE,
                    "colour": "red",
                    "number": 5,
                    "truth": True,
                    "nothing": None,
                    "tags": ["one"],
                    "min_disk": 3,
                    "min_ram": 5,
                    "visibility": "public",
                    "os_hidden": False,
                    "owner": "somebody",
                },
                colour="ignored",
            ),
        ),
        "redirect": ("import", of({"name": "redirect", **BARE}, f"{source}/moved")),
        "container": ("import", of({"name": "container", "disk_format": "raw", "container_format": "ova"})),
        "missing": ("import", of({"name": "missing", **BARE}, f"{source}/missing")),
        "stray": ("import", of({"name": "stray", **BARE}, f"{source}/stray")),
        "wrong format": ("import", of({"name": "wrong format", "disk_format": "qcow2", "container_format": "bare"})),
        "no formats": ("import", of({"name": "no formats"})),
        "status": ("import", of({"name": "status", **BARE, "status": "active"})),
        "locations": ("import", of({"name": "locations", **BARE, "locations": []})),
        "properties are a list": ("import", of([])),
        "no properties": ("import", {"import_from": f"{source}/abc", "import_from_format": "raw"}),
        "no format": ("import", {"import_from": f"{source}/abc", "image_properties": BARE}),
        "api import": ("api_image_import", {"import_req": {"method": {"name": "glance-direct"}}}),
        "location without address": ("location_import", {"validation_data": {}}),
        "location without validation": ("location_import", {"loc_url": f"{source}/abc"}),
        "location": ("location_import", {"loc_url": f"{source}/abc", "validation_data": {}}),
    }
    return {
        name: (number, kind, {**given, "image_id": IDS[number]})
        for number, (name, (kind, given)) in enumerate(kinds.items(), start=1)
    }


def scenarios(source: str) -> list[Scenario]:
    sound = {"import_from": f"{source}/abc", "import_from_format": "raw", "image_properties": BARE}
    refused = {
        "no source": {key: value for key, value in sound.items() if key != "import_from"},
        "empty source": {**sound, "import_from": ""},
        "a number": {**sound, "import_from": 7},
        "file": {**sound, "import_from": "file:///etc/passwd"},
        "filesystem": {**sound, "import_from": "filesystem:///etc/passwd"},
        "ftp": {**sound, "import_from": "ftp://127.0.0.1/x"},
        "upper case": {**sound, "import_from": "HTTP://127.0.0.1/x"},
        "metadata": {**sound, "import_from": "http://169.254.169.254/latest"},
        "nothing": None,
    }
    steps = [task(f"refused: {name}", "import", given) for name, given in refused.items()]
    for name, (number, kind, given) in inputs(source).items():
        image = IDS[number]
        steps += [
            create_raw(f"create for {name}", image),
            task(f"start {name}", kind, given),
            tasks_end(f"end of {name}"),
            get(f"task of {name}", f"/v2/images/{image}/tasks"),
            get(f"images of {name}", f"/v2/images?name={name.replace(' ', '%20')}"),
        ]
    return [Scenario("legacy tasks", acting_unless(ADMIN, acting(ADMIN, steps)))]
