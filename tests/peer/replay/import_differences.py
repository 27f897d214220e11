"""What we answer differently about imports, on purpose, and why."""

from __future__ import annotations

import hashlib
from typing import Any

from harness.source import ABC
from replay import import_plugins, legacy_tasks, ova
from replay.differences import Difference, queued_image, refusal
from replay.steps import Ids

FLOW, STORES = Ids(0xA2), Ids(0xA8)


def failed_task(image: str, request: dict[str, Any], stores: list[str | None], message: str) -> dict[str, Any]:
    """The tasks of an image whose one import failed."""
    task = {
        "id": "<random>",
        "type": "api_image_import",
        "status": "failure",
        "owner": "owner",
        "expires_at": "<time>",
        "created_at": "<time>",
        "updated_at": "<time>",
        "deleted_at": None,
        "deleted": False,
        "image_id": image,
        "request_id": "<request id>",
        "user_id": "user of owner",
        "input": {"image_id": image, "import_req": request, "backend": stores},
        "result": None,
        "message": message,
    }
    return {"tasks": [task]}


GLANCE_DIRECT = {"method": {"name": "glance-direct"}}
WHY = "the task says why it failed, and not only that it did"


def plugin_differences() -> list[Difference]:
    """On the site with plugins."""
    ids = import_plugins.IDS

    def told(name: str, cause: str, reason: str = WHY) -> Difference:
        number = {**import_plugins.UNSOUND, **import_plugins.BROKEN_ARCHIVES}[name][0]
        return Difference(reason, (f"plugins/tasks of {name}",), body=failed_task(ids[number], GLANCE_DIRECT, [None], cause))

    def converting(name: str, cause: str) -> Difference:
        return told(name, f"Plugin image_conversion: {cause}")

    def unpacking(name: str, cause: str) -> Difference:
        return told(name, f"Plugin image_decompression: {cause}")

    tried_twice = failed_task(
        ids[21], GLANCE_DIRECT, [None], "Plugin image_conversion: The image is declared as raw, but its data is qcow2."
    )["tasks"]
    succeeded = {**tried_twice[0], "status": "success", "message": "Copied 0 MiB", "result": {"image_id": ids[21]}}
    return [
        converting("qcow2 as raw", "The image is declared as raw, but its data is qcow2."),
        converting("raw as qcow2", "The image is declared as qcow2, but its data is raw."),
        converting("medium as raw", "The image is declared as raw, but its data is iso."),
        converting("backing file", "Image failed safety checks"),
        converting("data file", "Image failed safety checks"),
        converting("flat vmdk", "Image failed safety checks"),
        converting("ami", "The image is declared as ami, but its data is raw."),
        converting("qcow2 in qcow2", "Converted to raw, the image is taken for qcow2."),
        unpacking("cut gzip", "The archive is damaged: incomplete deflate stream."),
        unpacking("two in a zip", "The archive has 2 files in it and must have one."),
        unpacking("lha", "LHA archives are not unpacked here."),
        Difference(WHY, ("plugins/tasks of after qcow2 as raw",), body={"tasks": [*tried_twice, succeeded]}),
        Difference(
            "what a plugin refuses sends the image back to `queued`; Glance leaves it in `importing` for ever",
            tuple(f"plugins/show {name}" for name in import_plugins.BROKEN_ARCHIVES),
            merge={"status": "queued", "size": None},
        ),
        Difference(
            "qemu-img reads a `vhd`; Glance calls it by a name qemu-img does not know",
            ("plugins/show vhd",),
            merge=of_vhd(),
        ),
        Difference(
            "qemu-img reads a `vhd`; Glance calls it by a name qemu-img does not know",
            ("plugins/tasks of vhd",),
            body={
                "tasks": [
                    {
                        **failed_task(ids[7], GLANCE_DIRECT, [None], "Copied 1 MiB")["tasks"][0],
                        "status": "success",
                        "result": {"image_id": ids[7]},
                    }
                ]
            },
        ),
        Difference(
            "qemu-img reads a `vhd`; Glance calls it by a name qemu-img does not know",
            ("plugins/download vhd",),
            status=200,
            headers={
                "content-type": "application/octet-stream",
                "content-length": "right",
                "content-md5": str(of_vhd()["checksum"]),
            },
            body=f"<{len(import_plugins.vhd_as_raw())} bytes>",
        ),
    ]


def of_vhd() -> dict[str, Any]:
    """What there is to know of the converted `vhd`."""
    raw = import_plugins.vhd_as_raw()
    return {
        "status": "active",
        "disk_format": "raw",
        "size": len(raw),
        "virtual_size": len(raw),
        "checksum": hashlib.md5(raw).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(raw).hexdigest(),
    }


def legacy_differences(source: str) -> list[Difference]:
    """Of tasks that clients start."""
    causes = {
        "missing": "Fetching the data failed: the server answered with status 404",
        "stray": "Fetching the data failed: it redirects to a URI that does not pass filtering",
        "wrong format": "Image disk_format qcow2 does not match stream data raw",
        "no formats": "'disk_format' must be in 'image_properties'",
        "status": "'image_properties' must not have 'status'",
        "locations": "'image_properties' must not have 'locations'",
        "properties are a list": "'image_properties' must be an object",
        "api import": "Images are imported with POST /v2/images/{image_id}/import.",
        "location": "Locations are added with POST /v2/images/{image_id}/locations.",
    }
    started = legacy_tasks.inputs(source)

    def failed(name: str, cause: str) -> Difference:
        number, kind, given = started[name]
        task = failed_task(legacy_tasks.IDS[number], {}, [], cause)["tasks"][0]
        task |= {"type": kind, "owner": "admin", "user_id": "user of admin", "input": given}
        return Difference(WHY, (f"legacy tasks/task of {name}",), body={"tasks": [task]})

    return [
        *(failed(name, cause) for name, cause in causes.items()),
        Difference(
            "bad input is the caller's mistake, not the server's",
            ("legacy tasks/refused: a number",),
            status=400,
            headers={"content-type": "application/json"},
            body=refusal("Bad Request", 400, "Invalid location: 7"),
        ),
    ]


def ova_differences(source: str) -> list[Difference]:
    """Of virtual machines that are unpacked."""
    archive, description = "The OVA archive cannot be unpacked: ", "The OVF file "
    entities = f"{description}has entities in it, which are not allowed."
    missing = f"{archive}the disk its OVF file names is not in it."
    causes = {
        "no archive": f"{archive}it is no tar archive.",
        "empty archive": f"{archive}it is no tar archive.",
        "gzip": f"{archive}it is no tar archive.",
        "no description": f"{archive}there is no OVF file in it.",
        "disk is a link out": missing,
        "two disks": f"{description}describes several disks, and an image has only one.",
        "no disk": f"{description}describes no disk.",
        "no section": f"{description}describes no disk.",
        "no references": f"{description}does not name the file of its disk.",
        "no file reference": f"{description}does not say in which file its disk is.",
        "unknown file": f"{description}does not name the file of its disk.",
        "disk not there": missing,
        "disk outside": missing,
        "no xml": f"{description}is no XML.",
        "cut xml": f"{description}is no sound XML: syntax error: tag not closed: `>` not found before end of input.",
        "entities": entities,
        "unknown entity": entities,
        "cut": f"{archive}it ends too early.",
        ova.BY_A_MEMBER: "OVA archives are unpacked for administrators only.",
    }
    started = ova.inputs(source)

    def failed(name: str, cause: str) -> Difference:
        number, given = started[name]
        task = failed_task(ova.IDS[number], {}, [], cause)["tasks"][0]
        owner = "owner" if name == ova.BY_A_MEMBER else "admin"
        task |= {"type": "import", "owner": owner, "user_id": f"user of {owner}", "input": given}
        return Difference(WHY, (f"ova/task of {name}",), body={"tasks": [task]})

    return [
        *(failed(name, cause) for name, cause in causes.items()),
        Difference(
            "what fails leaves nothing behind; Glance fails to clean up after an archive that is compressed",
            ("ova/images of gzip",),
            merge={"images": []},
        ),
    ]


def parallel_differences(source: str) -> list[Difference]:
    """On the site that fills two stores at the same time."""
    ids = Ids(0xB1)
    stores: list[str | None] = ["fast", "slow", "cold"]
    missing = {"method": {"name": "web-download", "uri": f"{source}/missing"}, "all_stores": True}
    unchecked = "what is not what it is declared to be is refused, into however many stores it goes"
    return [
        *(
            Difference(
                "the size of the disk is known, into however many stores it goes",
                (f"parallel/show {name}",),
                merge={"virtual_size": size},
            )
            for name, size in (("all", len(import_plugins.RAW)), ("two", len(import_plugins.RAW)), ("web", len(ABC)))
        ),
        Difference(
            WHY,
            ("parallel/tasks of missing",),
            body=failed_task(ids[6], missing, stores, "Fetching the data failed: the server answered with status 404"),
        ),
        Difference(
            unchecked,
            ("parallel/tasks of wrong",),
            body=failed_task(
                ids[7],
                {**GLANCE_DIRECT, "all_stores": True},
                stores,
                "Image disk_format qcow2 does not match stream data raw",
            ),
        ),
        Difference(
            unchecked,
            ("parallel/show wrong",),
            body={
                **queued_image(ids[7], disk_format="qcow2", container_format="bare", owner="owner"),
                "os_glance_importing_to_stores": "",
                "os_glance_failed_import": "cold,fast,slow",
            },
        ),
        Difference(
            "Glance lists its own folders as stores once it has used them",
            (*(f"parallel/create for {name}" for name in ("two", "one", "web", "missing", "any")), "parallel/create wrong"),
            headers={"openstack-image-store-ids": "cold, fast, slow"},
        ),
    ]


def differences(source: str) -> list[Difference]:
    def download(name: str) -> dict[str, Any]:
        return {"method": {"name": "web-download", "uri": f"{source}/{name}"}}

    unsent = "Fetching the data failed: the server answered with status 404"
    stuck = (
        "an import that fails sends the image back to where its owner can go on from; Glance leaves it in `importing`, or"
        " in `uploading` under a lock, for ever"
    )
    returned = {
        **queued_image(FLOW[7], disk_format="qcow2", container_format="bare", owner="owner"),
        "os_glance_importing_to_stores": "",
        "os_glance_failed_import": "",
    }
    return [
        Difference(
            "Glance prints the name of a variable of its template in place of the missing type",
            ("staging/no type",),
            merge={
                "message": "The request media type  is not supported by this server.\n<br /><br />\nInvalid content type "
            },
        ),
        Difference(
            "the method is refused before the body is looked at",
            ("staging/post",),
            status=405,
            headers={"allow": "PUT"},
            body={
                "message": "The method POST is not allowed for this resource. <br /><br />\n",
                "code": "405 Method Not Allowed",
                "title": "Method Not Allowed",
            },
        ),
        Difference(
            "bad input is the caller's mistake, not the server's",
            ("import checks/an array",),
            status=400,
            body=refusal("Bad Request", 400, "Import request requires a 'method' field."),
        ),
        Difference(
            WHY, ("imports/tasks of missing",), body=failed_task(FLOW[4], download("missing"), [None], unsent)
        ),
        Difference(
            WHY,
            ("imports/tasks of stray",),
            body=failed_task(
                FLOW[5],
                download("stray"),
                [None],
                "Fetching the data failed: it redirects to a URI that does not pass filtering",
            ),
        ),
        Difference(
            WHY,
            ("stores/tasks of missing",),
            body=failed_task(
                STORES[6], {**download("missing"), "stores": ["fast", "slow"]}, ["fast", "slow"], unsent
            ),
        ),
        Difference(
            stuck,
            ("imports/tasks of wrong format",),
            body=failed_task(
                FLOW[7],
                {"method": {"name": "glance-direct"}},
                [None],
                "Image disk_format qcow2 does not match stream data raw",
            ),
        ),
        Difference(stuck, ("imports/show wrong format",), body=returned),
        Difference(
            stuck,
            ("imports/stage after wrong format",),
            status=204,
            headers={"content-type": None, "content-length": None},
            body="",
        ),
        *legacy_differences(source),
        *ova_differences(source),
        *plugin_differences(),
        *parallel_differences(source),
        Difference(
            "Glance lists its own folders as stores once it has used them",
            tuple(f"stores/create for {name}" for name in ("two", "all", "any", "header", "missing")),
            headers={"openstack-image-store-ids": "cold, fast, slow"},
        ),
    ]
