"""What we answer differently about metadata definitions, on purpose, and why."""

from __future__ import annotations

from replay.callers import CALLERS
from replay.differences import Difference, refusal


def bad_request(reason: str, message: str, *cases: str) -> Difference:
    return Difference(
        reason,
        cases,
        status=400,
        headers={"content-type": "application/json", "location": None},
        body=refusal("Bad Request", 400, message),
    )


STUMBLES = "Glance's schema lets it through and its typed attributes stumble over it, which ends in a 500"
ARRAYS = "Glance takes an array for an object and stumbles over it, which ends in a 500"
BODIES = "Glance passes the body on to where nobody expects it, which ends in a 500"
PAGES = "Glance does not look at it before it uses it, which ends in a 500"
LENGTHS = "Glance leaves the lengths to the database: MySQL refuses, which ends in a 500, and SQLite does not look"
LETTERS = "Glance refuses what a MySQL column cannot hold in some places and forgets it in others"
PATHS = "Glance takes the bytes of a path for Latin-1, so that what has other letters in its name is beyond reach"


def namespace(name: str, **fields: object) -> dict[str, object]:
    return {
        "namespace": name,
        "visibility": "private",
        "protected": False,
        "owner": "me",
        "created_at": "<time>",
        "updated_at": "<time>",
        "self": f"/v2/metadefs/namespaces/{name}",
        "schema": "/v2/schemas/metadefs/namespace",
        **fields,
    }


DIFFERENCES = [
    bad_request(
        ARRAYS,
        "Request body must be a JSON object.",
        "metadef resource types/refuse array",
        "metadef namespaces/update with array",
        "metadef objects/refuse array",
        "metadef objects/update with array",
        "metadef properties/refuse array",
        "metadef properties/update with array",
        "metadef tags/rename with array",
        "metadef tags/replace with array",
        "metadef refusals/array",
    ),
    bad_request(
        BODIES,
        "A body is not expected with this request.",
        "metadef objects/delete all with a body",
        "metadef properties/delete with a body",
    ),
    bad_request(
        PAGES,
        "limit param must be an integer",
        "metadef lists/limit no number",
        "metadef lists/limit empty",
    ),
    bad_request(
        PAGES,
        "Invalid sort key: weight",
        "metadef lists/sort key unknown",
        "metadef tags/list sort key unknown",
    ),
    bad_request(STUMBLES, "Mandatory field missing: tags", "metadef tags/replace without list"),
    bad_request(
        STUMBLES,
        "Unknown attribute: required",
        "metadef objects/refuse property with required",
        "metadef properties/refuse required",
        "metadef refusals/property with required",
    ),
    bad_request(
        STUMBLES,
        "Unknown attribute: colour",
        "metadef objects/update with unknown in property",
        "metadef refusals/association with unknown",
        "metadef refusals/property with unknown",
        "metadef refusals/object with unknown",
        "metadef refusals/tag with unknown",
    ),
    bad_request(
        STUMBLES,
        "Mandatory field missing: name",
        "metadef refusals/association without name",
        "metadef refusals/object without name",
        "metadef refusals/tag without name",
    ),
    bad_request(
        STUMBLES,
        "Invalid input for attribute enum",
        "metadef properties/refuse enum of numbers",
        "metadef refusals/property with numbers as enum",
    ),
    bad_request(
        STUMBLES,
        "Mandatory field missing: items.type",
        "metadef properties/refuse items of no type",
        "metadef refusals/property with items of no type",
    ),
    bad_request(STUMBLES, "Unknown attribute: items.pattern", "metadef properties/refuse items with unknown"),
    bad_request(STUMBLES, "Unknown attribute: items.b", "metadef refusals/property with unknown in items"),
    bad_request(LENGTHS, "Name of resource type is longer than 80 characters", "metadef refusals/association name too long"),
    bad_request(LENGTHS, "Name of property is longer than 80 characters", "metadef refusals/property name too long"),
    bad_request(LENGTHS, "Name of object is longer than 80 characters", "metadef refusals/object name too long"),
    bad_request(
        LENGTHS,
        "Name of tag is longer than 80 characters",
        "metadef refusals/tag name too long",
        "metadef letters/long tags",
    ),
    bad_request(
        LETTERS,
        "Couldn't create metadata tag: Name can't contain 4 byte unicode characters.",
        "metadef letters/four-byte tag",
        "metadef letters/four-byte tags",
    ),
    bad_request(
        LETTERS,
        "Couldn't create metadata property: Enum can't contain 4 byte unicode characters.",
        "metadef letters/four-byte enum",
    ),
    bad_request(
        LETTERS,
        "Couldn't create metadata resource type association: Name can't contain 4 byte unicode characters.",
        "metadef letters/four-byte association",
    ),
    Difference(
        LETTERS,
        ("metadef letters/show",),
        body=namespace(
            "n",
            objects=[
                {
                    "name": "ö",
                    "required": ["ä"],
                    "properties": {"ä": {"type": "string", "title": "Ä"}},
                    "created_at": "<time>",
                    "updated_at": "<time>",
                    "self": "/v2/metadefs/namespaces/n/objects/ö",
                    "schema": "/v2/schemas/metadefs/object",
                }
            ],
            tags=[{"name": "ü"}, {"name": "é"}],
        ),
    ),
    Difference(PATHS, ("metadef letters/tag beyond ascii",), merge={"name": "ü"}),
    Difference(PATHS, ("metadef letters/show beyond ascii",), status=200, body=namespace("füll", description="über")),
    Difference(
        PATHS,
        ("metadef letters/show four-byte",),
        body=refusal("Not Found", 404, "Metadata definition namespace=\U0001f4bf was not found."),
    ),
    Difference(
        "a header holds no letters beyond ASCII; the path in it is escaped",
        ("metadef letters/beyond ascii",),
        headers={"location": "<base>/v2/metadefs/namespaces/f%C3%BCll"},
    ),
    Difference(
        "a name that is taken is a conflict, not a failure of the server",
        ("metadef objects/rename to one there is",),
        status=409,
        body=refusal(
            "Conflict",
            409,
            "Invalid update. It would result in a duplicate metadata definition object with the same name=bare in namespace=n.",
        ),
    ),
    Difference(
        "a name that is taken is a conflict, not a failure of the server",
        ("metadef properties/rename to one there is",),
        status=409,
        body=refusal(
            "Conflict",
            409,
            "Invalid update. It would result in a duplicate metadata definition property with the same name=whole in"
            " namespace=n.",
        ),
    ),
    Difference(
        "an empty marker is answered like any other that is unknown",
        ("metadef lists/marker empty",),
        body=refusal("Not Found", 404, "Metadata definition namespace= was not found."),
    ),
    Difference(
        "without Keystone nobody has a project, and Glance fails on a namespace that nobody owns",
        ("metadef refusals/without owner",),
        status=201,
        headers={"location": "<base>/v2/metadefs/namespaces/unowned"},
        body=namespace("unowned", owner="admin"),
    ),
    Difference(
        "without Keystone nobody has a project, and Glance fails on a namespace that nobody owns",
        ("metadef namespaces/update without owner",),
        status=200,
        body=namespace("plain", owner="admin"),
    ),
    Difference(
        "a parameter nobody knows has no effect; Glance looks for one it knows and fails",
        ("metadef properties/show with other parameter",),
        status=200,
        body={"name": "p", "type": "string", "title": "Title"},
    ),
    Difference(
        "a parameter nobody knows has no effect; Glance looks for one it knows and fails",
        ("metadef namespaces/show with other parameter",),
        status=200,
        body=namespace("plain"),
    ),
]

HIDDEN = "what is hidden is answered like what does not exist, so that nobody can tell one from the other"

# Everybody who is nobody's admin and not of the namespace's project. Those without a token are asked for one.
STRANGERS = tuple(
    name
    for name, headers in CALLERS.items()
    if not name.startswith(("admin", "owner")) and headers.get("X-Identity-Status") == "Confirmed"
)


def not_found(name: str, *cases: str) -> Difference:
    message = f"Metadata definition namespace={name} was not found."
    return Difference(HIDDEN, cases, status=404, body=refusal("Not Found", 404, message))


CALLER_DIFFERENCES = [
    not_found(
        "private",
        *(f"metadef reading/{name}: {step} of private" for name in STRANGERS for step in ("all", "objects", "object")),
        *(
            f"metadef writing/{name}: {step} private"
            for name in STRANGERS
            for step in ("create object in", "update object of", "delete object of")
        ),
        # The rule for listing refuses the others before anybody looks for the marker.
        *(
            f"metadef reading/{name}: list from private"
            for name in STRANGERS
            if "reader" in CALLERS[name]["X-Roles"] and "OpenStack-System-Scope" not in CALLERS[name]
        ),
    ),
    not_found("theirs", "metadef owning/no longer seen"),
]
