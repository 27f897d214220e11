"""What we answer differently from Glance, on purpose, and why.

A difference says exactly what stands in place of Glance's answer: an overlay over it. A case whose answer is neither
Glance's nor the overlaid one fails, and so does a difference that no longer is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Difference:
    """`cases` are names (`scenario/step`); a header of `None` is absent; a body of `...` is left as it is, `merge` goes
    over its members."""

    reason: str
    cases: tuple[str, ...]
    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = ...
    merge: Mapping[str, Any] = field(default_factory=dict)

    def overlay(self, golden: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(golden)
        # Whatever we mean to do differently, we do not mean to cut the connection.
        changed.pop("broken", None)
        if self.status is not None:
            changed["status"] = self.status
        headers = {**golden["headers"], **self.headers}
        changed["headers"] = {key: value for key, value in headers.items() if value is not None}
        if self.body is not ...:
            changed["body"] = self.body
        if self.merge:
            changed["body"] = {**changed["body"], **self.merge}
        return changed


def refusal(title: str, code: int, message: str) -> dict[str, str]:
    """The JSON form of an error."""
    return {"message": f"{message}<br /><br />\n\n\n", "code": f"{code} {title}", "title": title}


def queued_image(image: str, **fields: Any) -> dict[str, Any]:
    """An image nobody has uploaded to, as it is shown."""
    nothing = ("name", "disk_format", "container_format", "size", "virtual_size", "checksum", "owner", "os_hash_algo", "os_hash_value")
    return {
        **dict.fromkeys(nothing),
        "id": image,
        "visibility": "shared",
        "status": "queued",
        "protected": False,
        "min_ram": 0,
        "min_disk": 0,
        "os_hidden": False,
        "created_at": "<time>",
        "updated_at": "<time>",
        "tags": [],
        "self": f"/v2/images/{image}",
        "file": f"/v2/images/{image}/file",
        "schema": "/v2/schemas/image",
        **fields,
    }


# Compat: WebOb's order of the words of this one, which is not that of any other.
UNAVAILABLE = "The Range requested is not available.<br /><br />\nInvalid Range header.\n\n"

DIFFERENCES: list[Difference] = [
    Difference(
        "a page meant for people",
        ("healthcheck/html",),
        body="<html><head><title>Healthcheck Status</title></head><body><h2>Result of 1 checks:</h2><p>OK</p></body></html>",
    ),
    Difference(
        "the OpenAPI document is read there, by GET; the peer takes the path for an unknown version",
        ("root/post to the document",),
        status=405,
        headers={"allow": "GET, HEAD"},
        body={
            "message": "The method POST is not allowed for this resource. <br /><br />\n",
            "code": "405 Method Not Allowed",
            "title": "Method Not Allowed",
        },
    ),
    Difference(
        "images without a size have a place in the order, so the page after one of them is not empty",
        ("list/marker and sort by size",),
        merge={
            "images": [
                queued_image(
                    "00000020-0000-4000-8000-000000000004",
                    name="delta",
                    disk_format="raw",
                    container_format="ovf",
                    visibility="private",
                    protected=True,
                )
            ],
            "next": "/v2/images?sort=size%3Aasc&limit=1&marker=00000020-0000-4000-8000-000000000004",
        },
    ),
    Difference(
        "a property may have any name that is not reserved; Glance trips over one of its own attributes",
        ("patch pointers/extra_properties",),
        status=200,
        body=queued_image("00000030-0000-4000-8000-000000000006", extra_properties="x"),
    ),
    Difference(
        "Glance prints the name of a variable of its template in place of the missing type",
        ("patch media types/no media type",),
        merge={
            "message": "The request media type  is not supported by this server.\n<br /><br />\nImage PATCH expects Content-Type"
            " one of: application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch"
        },
    ),
    Difference(
        "Glance prints the name of a variable of its template in place of the missing type",
        ("upload/no content type",),
        merge={
            "message": "The request media type  is not supported by this server.\n<br /><br />\nInvalid content type "
        },
    ),
    Difference(
        "bad input is the caller's mistake, not the server's",
        ("create/array",),
        status=400,
        body=refusal("Bad Request", 400, "Request body must be a JSON object."),
    ),
    Difference(
        "bad input is the caller's mistake, not the server's",
        ("patch pointers/path a number",),
        status=400,
        body=refusal("Bad Request", 400, "The 'path' of an operation must be a string."),
    ),
    Difference(
        "a body that nobody reads does no harm",
        ("cache/queue with a body",),
        status=202,
        headers={"content-type": None},
        body="",
    ),
    Difference(
        "a body that nobody reads does no harm",
        ("cache/clean with json",),
        status=200,
        headers={"content-type": None},
        body="",
    ),
    Difference(
        "a body that nobody reads does no harm",
        ("cache/prune with json",),
        status=200,
        body={"total_files_pruned": 0, "total_bytes_pruned": 0},
    ),
    Difference(
        "a body that nobody reads does no harm",
        ("clear/with a body",),
        status=204,
        headers={"content-type": None, "content-length": None},
        body="",
    ),
    Difference(
        "the length of a name is limited in an update as it is in a create",
        ("patch/add property name of 256",),
        status=400,
        body=refusal("Bad Request", 400, "Custom property should not be greater than 255 characters."),
    ),
    Difference(
        "an image without data has no range; Glance breaks the connection",
        ("ranges/range of queued",),
        status=204,
        headers={"x-openstack-request-id": "<request id>"},
    ),
    Difference(
        "a refused upload leaves no trace; Glance keeps the hashes of what it refused, and the data",
        (
            "formats/show raw as qcow2",
            "formats/show qcow2 as vmdk",
            "formats/show raw as iso",
            "formats/show backing file",
            "formats/show cut qcow2",
            "formats/show qcow2 as ami",
            "formats/show raw as vhd",
            "formats/show raw as vdi",
            "formats/show raw as vhdx",
        ),
        merge={"checksum": None, "os_hash_algo": None, "os_hash_value": None},
    ),
    Difference(
        "paths are UTF-8; Glance takes each byte for a character",
        ("tags/show unicode",),
        merge={"tags": ["\u00fc"]},
    ),
    Difference(
        "four-byte characters are refused in every place, as everywhere else in Glance",
        ("tags/add four-byte",),
        status=400,
        headers={"content-type": "application/json", "content-length": "right"},
        body=refusal("Bad Request", 400, "Param values can't contain 4 byte unicode."),
    ),
    Difference(
        "paths are UTF-8; Glance takes each byte for a character",
        ("show and delete/show four-byte id",),
        body=refusal("Not Found", 404, "No image found with ID \U0001f4bf"),
    ),
    Difference(
        "the answer is the same whether the image is cached or not; Glance's cache ignores what the API refuses",
        ("upload/download with preference",),
        status=400,
        headers={"content-type": "application/json", "content-md5": None},
        body=refusal(
            "Bad Request",
            400,
            "Store selection for download is not available when multiple backends are not enabled.",
        ),
    ),
    Difference(
        "the answer is the same whether the image is cached or not; Glance's cache ignores what the API refuses",
        ("upload/download with a body",),
        status=400,
        headers={"content-type": "application/json", "content-md5": None},
        body=refusal("Bad Request", 400, "A body is not expected with this request."),
    ),
    Difference(
        "the answer is the same whether the image is cached or not; Glance's cache ignores what the API refuses",
        ("ranges/once cached: empty header",),
        status=416,
        headers={"content-type": "application/json", "content-md5": None},
        body={
            "message": UNAVAILABLE,
            "code": "416 Request Range Not Satisfiable",
            "title": "Request Range Not Satisfiable",
        },
    ),
    Difference(
        "a range is served from the cache, so it counts as a hit",
        ("cache/still cached",),
        merge={
            "cached_images": [
                {
                    "id": "<row>",
                    "image_id": "00000060-0000-4000-8000-000000000001",
                    "last_accessed": "<epoch>",
                    "last_modified": "<epoch>",
                    "size": 26,
                    "hits": 2,
                    "checksum": None,
                }
            ]
        },
    ),
    Difference(
        "spaces around the value of a header do not belong to it",
        ("clear/spaces around",),
        status=204,
        headers={"content-type": None, "content-length": None},
        body="",
    ),
    Difference(
        "the method is refused before the body is looked at",
        ("upload/post file",),
        status=405,
        headers={"allow": "GET, PUT"},
        body={
            "message": "The method POST is not allowed for this resource. <br /><br />\n",
            "code": "405 Method Not Allowed",
            "title": "Method Not Allowed",
        },
    ),
    Difference(
        "only images can be queued and cached",
        (
            "legacy queue of what is not there/queue no uuid",
            "legacy queue of what is not there/delete no uuid",
            "legacy queue of what is not there/delete copy of no uuid",
        ),
        status=400,
        body=refusal("Bad Request", 400, "Invalid image id: some-name"),
    ),
    Difference(
        "Glance reads a project's name in a path byte by byte, and so cannot find again what it has added itself",
        ("members/show unicode",),
        status=200,
        body={
            "member_id": "Projekt ü",
            "image_id": "00000072-0000-4000-8000-000000000001",
            "status": "pending",
            "created_at": "<time>",
            "updated_at": "<time>",
            "schema": "/v2/schemas/member",
        },
    ),
    Difference(
        "the column has room for 255; only SQLite takes more",
        ("members/add of 256",),
        status=400,
        body=refusal("Bad Request", 400, "Member can't be longer than 255 characters."),
    ),
    Difference(
        "bad input is not our fault, so no 500",
        ("members/add a list", "members/add an object"),
        status=400,
        body=refusal("Bad Request", 400, "Member must be a string"),
    ),
]

LISTS_WITHOUT_PROJECT = (
    "",
    "&visibility=all",
    "&visibility=private",
    "&visibility=shared",
    "&visibility=public",
    "&visibility=community",
    "&member_status=all",
    "&member_status=pending",
    "&member_status=rejected",
    "&member_status=accepted",
    "&visibility=shared&member_status=all",
    "&visibility=shared&member_status=rejected",
    "&owner=owner",
    "&limit=1",
    "&marker=00000081-0000-4000-8000-000000000001",
)

# Those of `test_http_callers.py`.
CALLER_DIFFERENCES: list[Difference] = [
    Difference(
        "A caller without a project is in the same project as everything that has none, says oslo.policy, and Glance then "
        "shows such a caller every image that is shared with anybody. Keystone gives out no such tokens; here they list "
        "nothing.",
        tuple(f"listing/member without project: list {query}" for query in LISTS_WITHOUT_PROJECT),
        status=403,
        body=refusal("Forbidden", 403, "You are not authorized to complete get_images action."),
    ),
    Difference(
        "Glance refuses to let an owner `replace` /owner and lets it `add`, which gives the image away all the same; its "
        "answer then is 403 although it was done, where the former owner cannot see the image any more.",
        tuple(
            f"giving/owner member: add /owner other of {visibility}"
            for visibility in ("private", "shared", "public", "community")
        ),
        status=403,
        body={
            "message": "Access was denied to this resource.<br /><br />\nOwner can't be updated by non admin.\n\n",
            "code": "403 Forbidden",
            "title": "Forbidden",
        },
    ),
]
