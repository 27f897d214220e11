"""Deleted images that wait for the scrubber: what is left of them for anybody to see."""

from __future__ import annotations

from replay.callers import ADMIN, by, caller
from replay.differences import Difference, refusal
from replay.steps import NOBODY, Ids, Scenario, Step, create_raw, download, get, patch, request, send_json, upload

D = Ids(0x110)

OWNER = caller("owner", "member", "reader")
OTHER = caller("other", "member", "reader")


def delete(name: str, image: str) -> Step:
    return request(name, "DELETE", f"/v2/images/{image}")


def gone(image: str) -> list[Step]:
    """Whatever one may ask of an image that is not there any more."""
    return [
        get("show", f"/v2/images/{image}"),
        download("download", image),
        get("list", "/v2/images"),
        get("list all", "/v2/images?visibility=all"),
        get("list by status", "/v2/images?status=pending_delete"),
        get("list deleted", "/v2/images?status=deleted"),
        get("list by deleted", "/v2/images?deleted=true"),
        get("list behind it", f"/v2/images?marker={image}"),
        get("members", f"/v2/images/{image}/members"),
        get("locations", f"/v2/images/{image}/locations"),
        get("tasks", f"/v2/images/{image}/tasks"),
        request("tag", "PUT", f"/v2/images/{image}/tags/new"),
        request("deactivate", "POST", f"/v2/images/{image}/actions/deactivate"),
        patch("rename", image, [{"op": "replace", "path": "/name", "value": "other"}]),
        upload("upload", image, b"again"),
        send_json("share", "POST", f"/v2/images/{image}/members", {"member": "friend"}),
        create_raw("create again", image),
        delete("delete again", image),
    ]


# Before anybody scrubs: `wakeup_time` is longer than a test.
DELAYED = [
    Scenario(
        "delayed",
        [
            by(OWNER, create_raw("create", D[1], tags=["t"], colour="red")),
            by(OWNER, upload("upload first", D[1], b"data")),
            by(OWNER, send_json("share first", "POST", f"/v2/images/{D[1]}/members", {"member": "other"})),
            by(OWNER, create_raw("create without data", D[2])),
            by(OWNER, create_raw("create protected", D[3], protected=True)),
            by(OWNER, upload("upload protected", D[3], b"data")),
            by(OWNER, create_raw("create deactivated", D[4])),
            by(OWNER, upload("upload deactivated", D[4], b"data")),
            by(ADMIN, request("deactivate it", "POST", f"/v2/images/{D[4]}/actions/deactivate")),
            by(OTHER, delete("delete by a member", D[1])),
            by(OWNER, delete("delete", D[1])),
            by(OWNER, delete("delete without data", D[2])),
            by(OWNER, delete("delete protected", D[3])),
            by(OWNER, delete("delete deactivated", D[4])),
            by(OWNER, delete("delete nobody", NOBODY)),
            by(OWNER, get("show protected", f"/v2/images/{D[3]}")),
            by(ADMIN, get("show deactivated", f"/v2/images/{D[4]}")),
            *(by(OWNER, step, "owner: ") for step in gone(D[1])),
            *(by(OTHER, step, "member: ") for step in gone(D[1])),
            *(by(ADMIN, step, "admin: ") for step in gone(D[1])),
            *(by(OWNER, step, "without data: ") for step in gone(D[2])),
            by(OWNER, create_raw("create another deactivated", D[5])),
            by(OWNER, upload("upload another deactivated", D[5], b"data")),
            by(ADMIN, request("deactivate another", "POST", f"/v2/images/{D[5]}/actions/deactivate")),
            by(ADMIN, delete("delete another deactivated as admin", D[5])),
            by(ADMIN, request("reactivate another", "POST", f"/v2/images/{D[5]}/actions/reactivate")),
        ],
    )
]

STAYS = "a deactivated image can be deleted; Glance refuses it to an admin, and leaves its data in the store when its owner does it"

DIFFERENCES = (
    Difference(
        reason=STAYS,
        cases=("delayed/delete another deactivated as admin",),
        status=204,
        headers={"content-type": None, "content-length": None},
        body="",
    ),
    Difference(
        reason=STAYS,
        cases=("delayed/reactivate another",),
        status=404,
        headers={"content-type": "application/json", "content-length": "right"},
        body=refusal("Not Found", 404, f"No image found with ID {D[5]}"),
    ),
)
