"""What other services are told about: one of everything that changes something.

Asked by callers with a project, since that is in the notifications, and on two sites: with one store and a cache, and with
three stores.
"""

from __future__ import annotations

from typing import Any

from replay.callers import ADMIN, by, caller
from replay.imports import acting_unless, after, importing, settled, stage, web
from replay.locations import OTHER512, checked
from replay.members import add as add_member
from replay.members import answer as answer_member
from replay.members import members
from replay.metadefs import OBJECT, PROPERTY, WHOLE_PROPERTY, delete, ns, post, put
from replay.metadefs import create as create_namespace
from replay.steps import NOBODY, Ids, Scenario, create, create_raw, download, get, patch, request, send_json, tasks_end, upload
from replay.tags import tag

ABC = b"abcdefghijklmnopqrstuvwxyz"
MEMBER = caller("owner", "member", "reader")
OTHER = caller("other", "member", "reader")
READER = caller("owner", "reader")
QCOW2 = b"nothing of the kind\n" * 100
CAP = 100_000


def overwrite(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def images() -> list[Scenario]:
    i, d, u = Ids(0xE0), Ids(0xE1), Ids(0xE2)
    return [
        Scenario(
            "told: images",
            acting_unless(
                MEMBER,
                [
                    create("only an id", id=i[1]),
                    create(
                        "everything",
                        id=i[2],
                        name="Überraschung ☃\t\x7f\u2028",
                        disk_format="qcow2",
                        container_format="bare",
                        visibility="private",
                        protected=True,
                        min_ram=512,
                        min_disk=10,
                        os_hidden=True,
                        tags=["one", "two"],
                        os_distro="debian",
                        empty="",
                        admin_password="canary-1",
                        note="password=canary-2 and 'auth_token': 'canary-3'",
                    ),
                    by(ADMIN, create("public", id=i[3], visibility="public", owner="somebody")),
                    create("refused", id=i[4], visibility="secret"),
                    create("id taken", id=i[1]),
                    patch("rename", i[1], [overwrite("/name", "new")]),
                    patch("to the same", i[1], [overwrite("/name", "new")]),
                    patch("nothing", i[1], []),
                    patch("a property", i[1], [{"op": "add", "path": "/colour", "value": "red"}]),
                    patch("refused too", i[1], [overwrite("/status", "active")]),
                    by(OTHER, patch("by somebody else", i[1], [overwrite("/name", "theirs")])),
                    tag("add a tag", "PUT", i[1], "first"),
                    tag("add it again", "PUT", i[1], "first"),
                    tag("remove a tag", "DELETE", i[1], "first"),
                    tag("remove it again", "DELETE", i[1], "first"),
                    request("delete protected", "DELETE", f"/v2/images/{i[2]}"),
                    patch("unprotect", i[2], [overwrite("/protected", False)]),
                    request("delete", "DELETE", f"/v2/images/{i[2]}"),
                    request("delete again", "DELETE", f"/v2/images/{i[2]}"),
                    request("delete unknown", "DELETE", f"/v2/images/{NOBODY}"),
                ],
            ),
        ),
        Scenario(
            "told: members",
            acting_unless(
                MEMBER,
                [
                    create("create", id=i[5], name="shared"),
                    add_member("add", i[5], "other"),
                    add_member("add again", i[5], "other"),
                    by(OTHER, answer_member("accept", i[5], "other", "accepted")),
                    by(OTHER, answer_member("accept again", i[5], "other", "accepted")),
                    by(OTHER, answer_member("perhaps", i[5], "other", "perhaps")),
                    request("remove", "DELETE", members(i[5], "other")),
                    request("remove again", "DELETE", members(i[5], "other")),
                ],
            ),
        ),
        Scenario(
            "told: uploads",
            acting_unless(
                MEMBER,
                [
                    create_raw("create", u[1], tags=["a"], kind="sort"),
                    upload("upload", u[1], ABC),
                    upload("upload again", u[1], ABC),
                    create("create wrong", id=u[2], disk_format="qcow2", container_format="bare"),
                    upload("upload wrong", u[2], QCOW2),
                    create_raw("create large", u[3]),
                    upload("upload large", u[3], b"x" * (CAP + 1)),
                    create_raw("create for another size", u[4]),
                    upload("upload another size", u[4], ABC, x_openstack_image_size="7"),
                    create("create without formats", id=u[5]),
                    upload("upload without formats", u[5], ABC),
                    create_raw("create empty", u[6]),
                    upload("upload nothing", u[6], b""),
                    create("create ovf", id=u[7], disk_format="qcow2", container_format="ovf"),
                    upload("upload ovf", u[7], ABC),
                    create_raw("create for chunks", u[8]),
                    upload("upload in chunks", u[8], ABC * 100, Transfer_Encoding="chunked"),
                    by(OTHER, upload("upload to another's", u[8], ABC)),
                    create_raw("create protected from readers", u[9]),
                    by(READER, upload("upload as reader", u[9], ABC)),
                    upload("upload of wrong type", u[9], ABC, Content_Type="text/plain"),
                ],
            ),
        ),
        Scenario(
            "told: downloads",
            acting_unless(
                MEMBER,
                [
                    create_raw("create", d[1], visibility="shared"),
                    download("nothing there", d[1]),
                    upload("upload", d[1], ABC * 1000),
                    download("from the store", d[1]),
                    by(ADMIN, get("cached", "/v2/cache", until=lambda body: len(body["cached_images"]) == 1)),
                    by(OTHER, download("not theirs", d[1])),
                    by(ADMIN, download("from the cache", d[1])),
                    download("a range", d[1], {"Range": "bytes=5-9"}),
                    download("from the middle", d[1], {"Range": "bytes=1000-"}),
                    download("no such range", d[1], {"Range": "bytes=99999-"}),
                    request("deactivate", "POST", f"/v2/images/{d[1]}/actions/deactivate"),
                    request("deactivate again", "POST", f"/v2/images/{d[1]}/actions/deactivate"),
                    download("deactivated", d[1]),
                    request("reactivate", "POST", f"/v2/images/{d[1]}/actions/reactivate"),
                    request("reactivate again", "POST", f"/v2/images/{d[1]}/actions/reactivate"),
                    by(ADMIN, request("empty the cache", "DELETE", "/v2/cache")),
                    download("a range from the store", d[1], {"Range": "bytes=0-0"}),
                    create_raw("create empty", d[2]),
                    upload("upload nothing", d[2], b""),
                    download("nothing", d[2]),
                    request("delete", "DELETE", f"/v2/images/{d[1]}"),
                ],
            ),
        ),
    ]


def metadefs() -> list[Scenario]:
    steps = [
        create_namespace("bare", namespace="bare"),
        create_namespace(
            "filled",
            namespace="filled",
            display_name="Filled",
            description="with all",
            visibility="public",
            protected=True,
            properties={"p": PROPERTY, "q": WHOLE_PROPERTY},
            objects=[OBJECT, {"name": "empty object"}],
            tags=[{"name": "one"}, {"name": "two"}],
            resource_type_associations=[{"name": "OS::Nova::Server", "prefix": "hw_", "properties_target": "image"}, {"name": "plain"}],
        ),
        create_namespace("again", namespace="bare"),
        put("update", ns("bare"), {"namespace": "bare", "owner": "me", "description": "changed"}),
        put("rename", ns("bare"), {"namespace": "named", "owner": "me"}),
        delete("delete protected", ns("filled")),
        put("unprotect", ns("filled"), {"namespace": "filled", "owner": "me", "visibility": "public", "protected": False}),
        post("add an object", ns("named", "objects"), OBJECT),
        post("add an empty object", ns("named", "objects"), {"name": "empty"}),
        post("add an object of everything", ns("named", "objects"), {"name": "whole", "properties": {"all": WHOLE_PROPERTY, "n": {"title": "N", "type": "integer", "minimum": 0, "default": 0, "readonly": True}}}),
        post("add an object again", ns("named", "objects"), OBJECT),
        put("update an object", ns("named", "objects", "empty"), {"name": "empty", "description": "not so", "required": ["a"]}),
        put("rename an object", ns("named", "objects", "empty"), {"name": "full", "properties": {"a": PROPERTY}}),
        delete("delete an object", ns("named", "objects", "full")),
        delete("delete an object again", ns("named", "objects", "full")),
        post("add a property", ns("named", "properties"), {"name": "p", **PROPERTY}),
        post("add a whole property", ns("named", "properties"), {"name": "whole", **WHOLE_PROPERTY}),
        post("add a property of zeros", ns("named", "properties"), {"name": "zero", "title": "Z", "type": "integer", "minimum": 0, "default": 0}),
        put("update a property", ns("named", "properties", "p"), {"name": "p", "title": "Other", "type": "string", "enum": ["a"]}),
        put("rename a property", ns("named", "properties", "p"), {"name": "r", **PROPERTY}),
        delete("delete a property", ns("named", "properties", "r")),
        delete("delete a property again", ns("named", "properties", "r")),
        request("add a tag", "POST", ns("named", "tags", "t")),
        request("add a tag again", "POST", ns("named", "tags", "t")),
        put("rename a tag", ns("named", "tags", "t"), {"name": "s"}),
        put("rename a tag to itself", ns("named", "tags", "s"), {"name": "s"}),
        post("add tags", ns("named", "tags"), {"tags": [{"name": "a"}, {"name": "b"}]}),
        request("append tags", "POST", ns("named", "tags"), {"Content-Type": "application/json", "X-Openstack-Append": "True"}, b'{"tags": [{"name": "c"}]}'),
        post("add no tags", ns("named", "tags"), {"tags": []}),
        delete("delete a tag", ns("named", "tags", "a")),
        delete("delete a tag again", ns("named", "tags", "a")),
        post("for a type", ns("named", "resource_types"), {"name": "OS::Cinder::Volume", "prefix": "v_", "properties_target": "metadata"}),
        post("for a type again", ns("named", "resource_types"), {"name": "OS::Cinder::Volume"}),
        post("for a plain type", ns("named", "resource_types"), {"name": "plain"}),
        delete("not for a type", ns("named", "resource_types", "OS::Cinder::Volume")),
        delete("not for a type again", ns("named", "resource_types", "OS::Cinder::Volume")),
        delete("delete objects", ns("filled", "objects")),
        delete("delete objects again", ns("filled", "objects")),
        delete("delete properties", ns("filled", "properties")),
        delete("delete tags", ns("filled", "tags")),
        delete("delete filled", ns("filled")),
        delete("delete named", ns("named")),
        delete("delete unknown", ns("nobody")),
    ]
    return [Scenario("told: metadefs", acting_unless(ADMIN, steps))]


def locations(source: str) -> list[Scenario]:
    ids = Ids(0xE6)
    places: dict[str, dict[str, Any]] = {
        "without a hash": {"url": f"{source}/abc"},
        "with its hash": {"url": f"{source}/abc", "validation_data": checked()},
        "with another hash": {"url": f"{source}/abc", "validation_data": checked(OTHER512)},
        "of what is missing": {"url": f"{source}/missing"},
        "refused": {"url": "http://10.0.0.1/x"},
    }
    return [
        Scenario(
            f"told: location {name}",
            acting_unless(
                MEMBER,
                [
                    create_raw("create", ids[number]),
                    send_json("give", "POST", f"/v2/images/{ids[number]}/locations", place),
                    tasks_end("end"),
                    get("show", f"/v2/images/{ids[number]}", until=settled),
                ],
            ),
        )
        for number, (name, place) in enumerate(places.items(), start=1)
    ]


def one_store(source: str) -> list[Scenario]:
    """`source` as for `replay.imports`."""
    i = Ids(0xE4)
    imports = [
        create_raw("create staged", i[1]),
        stage("stage", i[1], ABC * 1000),
        importing("direct", i[1], "glance-direct"),
        *after("direct", i[1]),
        create_raw("create for web", i[2]),
        importing("web", i[2], web(f"{source}/abc")),
        *after("web", i[2]),
        create_raw("create for missing", i[3]),
        importing("missing", i[3], web(f"{source}/missing")),
        *after("missing", i[3]),
        importing("refused", i[3], web("http://10.0.0.1/x")),
        importing("unknown method", i[3], "carrier-pigeon"),
        create("create wrong", id=i[4], disk_format="qcow2", container_format="bare"),
        stage("stage wrong", i[4], QCOW2),
        importing("wrong", i[4], "glance-direct"),
        tasks_end("end of wrong"),
        create_raw("create to be staged", i[5]),
        stage("stage for delete", i[5]),
        request("delete staged", "DELETE", f"/v2/images/{i[5]}"),
    ]
    tasks = [
        send_json("import nothing", "POST", "/v2/tasks", {"type": "import", "input": {}}),
        send_json("of unknown type", "POST", "/v2/tasks", {"type": "x", "input": {}}),
        request("delete a task", "DELETE", f"/v2/tasks/{NOBODY}"),
    ]
    return [
        *images(),
        *metadefs(),
        *locations(source),
        Scenario("told: imports", acting_unless(MEMBER, imports)),
        Scenario("told: tasks", acting_unless(ADMIN, tasks)),
    ]


def three_stores(source: str) -> list[Scenario]:
    """On a site with the stores `fast` (the default), `slow` and `cold`."""
    s = Ids(0xE8)
    steps = [
        create_raw("create", s[1]),
        upload("upload", s[1], ABC),
        create_raw("create for another store", s[2]),
        upload("upload to another store", s[2], ABC, X_Image_Meta_Store="cold"),
        create_raw("create for no store", s[3]),
        upload("upload to no store", s[3], ABC, X_Image_Meta_Store="nowhere"),
        download("download", s[1]),
        create_raw("create for all", s[4]),
        importing("to all", s[4], web(f"{source}/abc"), all_stores=True),
        *after("all", s[4]),
        create_raw("create for any", s[5]),
        stage("stage for any", s[5]),
        importing("to any", s[5], "glance-direct", stores=["slow", "cold"], all_stores_must_succeed=False),
        *after("any", s[5]),
        by(ADMIN, importing("copy", s[1], "copy-image", stores=["slow"])),
        *after("copy", s[1]),
        by(ADMIN, request("delete a copy", "DELETE", f"/v2/stores/slow/{s[1]}")),
        by(ADMIN, request("delete a copy again", "DELETE", f"/v2/stores/slow/{s[1]}")),
        by(ADMIN, request("delete the last copy", "DELETE", f"/v2/stores/cold/{s[2]}")),
        by(ADMIN, importing("copy to where it is", s[1], "copy-image", stores=["fast"])),
        request("delete", "DELETE", f"/v2/images/{s[4]}"),
    ]
    return [Scenario("told: stores", acting_unless(MEMBER, steps))]
