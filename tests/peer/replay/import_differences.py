"""What we answer differently about imports, on purpose, and why."""

from __future__ import annotations

from typing import Any

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


def differences(source: str) -> list[Difference]:
    def download(name: str) -> dict[str, Any]:
        return {"method": {"name": "web-download", "uri": f"{source}/{name}"}}

    why = "the task says why it failed, and not only that it did"
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
            why, ("imports/tasks of missing",), body=failed_task(FLOW[4], download("missing"), [None], unsent)
        ),
        Difference(
            why,
            ("imports/tasks of stray",),
            body=failed_task(
                FLOW[5],
                download("stray"),
                [None],
                "Fetching the data failed: it redirects to a URI that does not pass filtering",
            ),
        ),
        Difference(
            why,
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
        Difference(
            "tasks of type `import`, deprecated for long, are not run",
            ("tasks/create sound",),
            status=400,
            headers={"location": None},
            body=refusal(
                "Bad Request",
                400,
                "Tasks cannot be started directly at this site. Use POST /v2/images/{image_id}/import.",
            ),
        ),
        Difference(
            "Glance lists its own folders as stores once it has used them",
            tuple(f"stores/create for {name}" for name in ("two", "all", "any", "header", "missing")),
            headers={"openstack-image-store-ids": "cold, fast, slow"},
        ),
    ]
