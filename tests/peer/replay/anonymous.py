"""Callers whom nobody has confirmed, where `allow_anonymous_access` lets them read: with the rules that ship and with open ones."""

from __future__ import annotations

from collections.abc import Mapping

from replay.callers import ABC, ADMIN, by, caller, furnish
from replay.steps import NOBODY, Ids, Scenario, Step, create, download, get, patch, request, send_json, upload

A = Ids(0x120)

# What an operator writes who wants everybody to read what is public.
OPEN = "\n".join(f'"{rule}": "@"' for rule in ("get_image", "get_images", "download_image", "add_image", "modify_image", "delete_image"))

STRANGERS: dict[str, Mapping[str, str]] = {
    "nobody": {},
    "invalid": {**caller("owner", "member", "reader"), "X-Identity-Status": "Invalid"},
    "claimant": {"X-User-Id": "root", "X-Project-Id": "admin", "X-Roles": "admin"},
}


def reads() -> list[Step]:
    names = ("private", "shared", "public", "community", "ownerless")
    return [
        *(get(f"show {name}", f"/v2/images/{A[number]}") for number, name in enumerate(names, 1)),
        *(download(f"download {name}", A[number]) for number, name in enumerate(names, 1)),
        get("show nobody", f"/v2/images/{NOBODY}"),
        get("list public", "/v2/images?visibility=public"),
        get("list community", "/v2/images?visibility=community"),
        get("list private", "/v2/images?visibility=private"),
        get("members", f"/v2/images/{A[2]}/members"),
        get("image schema", "/v2/schemas/image"),
        get("import methods", "/v2/info/import"),
        get("versions", "/versions"),
        get("tasks", "/v2/tasks"),
        get("namespaces", "/v2/metadefs/namespaces"),
    ]


def writes() -> list[Step]:
    public = A[3]
    return [
        create("create", id=A[9], name="mine"),
        patch("rename", public, [{"op": "replace", "path": "/name", "value": "mine"}]),
        patch("rename ownerless", A[5], [{"op": "replace", "path": "/name", "value": "mine"}]),
        upload("upload", public, ABC),
        request("stage", "PUT", f"/v2/images/{public}/stage", {"Content-Type": "application/octet-stream"}, ABC),
        send_json("import", "POST", f"/v2/images/{public}/import", {"method": {"name": "glance-direct"}}),
        request("tag", "PUT", f"/v2/images/{public}/tags/mine"),
        request("remove a tag", "DELETE", f"/v2/images/{public}/tags/old"),
        request("deactivate", "POST", f"/v2/images/{public}/actions/deactivate"),
        request("reactivate", "POST", f"/v2/images/{public}/actions/reactivate"),
        send_json("share", "POST", f"/v2/images/{A[2]}/members", {"member": "mine"}),
        send_json("accept", "PUT", f"/v2/images/{A[2]}/members/accepted", {"status": "rejected"}),
        request("remove a member", "DELETE", f"/v2/images/{A[2]}/members/accepted"),
        send_json("create a namespace", "POST", "/v2/metadefs/namespaces", {"namespace": "mine"}),
        request("delete", "DELETE", f"/v2/images/{public}"),
        request("delete ownerless", "DELETE", f"/v2/images/{A[5]}"),
        request("delete nobody", "DELETE", f"/v2/images/{NOBODY}"),
    ]


SCENARIOS = [
    Scenario(
        "anonymous",
        [
            *(by(ADMIN, step) for step in furnish(A)),
            *(by(headers, step, f"{name}: ") for name, headers in STRANGERS.items() for step in reads() + writes()),
            by(ADMIN, get("show public at last", f"/v2/images/{A[3]}")),
        ],
    )
]
