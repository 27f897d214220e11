"""Staging, importing, tasks, and copies in several stores.

Everything here is asked by a caller with a project: without one Glance cannot write its task down.
"""

from __future__ import annotations

from typing import Any

from replay.callers import ADMIN, by, caller
from replay.steps import NOBODY, Ids, Scenario, Step, create, create_raw, get, patch, request, send_json, tasks_end, upload

ABC = b"abcdefghijklmnopqrstuvwxyz"
MEMBER = caller("owner", "member", "reader")
READER = caller("owner", "reader")
OTHER = caller("other", "member", "reader")
QCOW2 = "nothing of the kind\n".encode() * 100


def stage(name: str, image: str, content: bytes = ABC, /, **headers: str) -> Step:
    sent = {"Content-Type": "application/octet-stream", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return request(name, "PUT", f"/v2/images/{image}/stage", sent, content)


def importing(name: str, image: str, method: Any, **more: Any) -> Step:
    body = {"method": {"name": method} if isinstance(method, str) else method, **more}
    return send_json(name, "POST", f"/v2/images/{image}/import", body)


def web(uri: str) -> dict[str, str]:
    return {"name": "web-download", "uri": uri}


def settled(body: Any) -> bool:
    """For `until`: no import holds the image."""
    return "os_glance_import_task" not in body and body["status"] != "importing"


def ended(body: Any) -> bool:
    """For `until`: the tasks of an image."""
    return bool(body["tasks"]) and all(task["status"] in ("success", "failure") for task in body["tasks"])


def after(name: str, image: str) -> list[Step]:
    """The image once its import is over, and what the tasks say."""
    return [
        tasks_end(f"end of {name}"),
        get(f"show {name}", f"/v2/images/{image}", until=settled),
        get(f"tasks of {name}", f"/v2/images/{image}/tasks", until=ended),
    ]


def acting(headers: dict[str, str], steps: list[Step]) -> list[Step]:
    return [by(headers, step) for step in steps]


def scenarios(source: str) -> list[Scenario]:
    """`source` is a server that has the file `abc`, the redirect `moved` to it and one named `stray` to an address of the link."""
    staging, validation, flow, tasks = (Ids(0xA0 + number) for number in range(4))
    stage_steps = [
        create_raw("create", staging[1]),
        stage("wrong type", staging[1], b"x", Content_Type="text/plain"),
        request("no type", "PUT", f"/v2/images/{staging[1]}/stage", {}, b"x"),
        stage("size is no number", staging[1], b"x", x_openstack_image_size="big"),
        stage("unknown", NOBODY),
        stage("no uuid", "some-name"),
        request("get", "GET", f"/v2/images/{staging[1]}/stage"),
        request("post", "POST", f"/v2/images/{staging[1]}/stage", {"Content-Type": "application/octet-stream"}, b"x"),
        stage("stage", staging[1]),
        get("show staged", f"/v2/images/{staging[1]}"),
        stage("stage again", staging[1]),
        upload("upload staged", staging[1], ABC),
        get("download staged", f"/v2/images/{staging[1]}/file"),
        patch("rename staged", staging[1], [{"op": "replace", "path": "/name", "value": "renamed"}]),
        patch("change the format of staged", staging[1], [{"op": "replace", "path": "/disk_format", "value": "qcow2"}]),
        create("create without formats", id=staging[2]),
        stage("stage without formats", staging[2]),
        importing("import without formats", staging[2], "glance-direct"),
        create_raw("create empty", staging[3]),
        stage("stage nothing", staging[3], b""),
        get("show nothing staged", f"/v2/images/{staging[3]}"),
        create_raw("create for another size", staging[4]),
        stage("other size", staging[4], ABC, x_openstack_image_size="7"),
        get("show other size", f"/v2/images/{staging[4]}"),
        create_raw("create active", staging[5]),
        upload("upload active", staging[5], ABC),
        stage("stage active", staging[5]),
        request("delete staged", "DELETE", f"/v2/images/{staging[1]}"),
        get("show deleted", f"/v2/images/{staging[1]}"),
        create_raw("create in chunks", staging[6]),
        request(
            "in chunks",
            "PUT",
            f"/v2/images/{staging[6]}/stage",
            {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"},
            ABC * 1000,
        ),
        get("show in chunks", f"/v2/images/{staging[6]}"),
    ]
    queued, staged, active, bare = (validation[number] for number in range(1, 5))
    bodies: dict[str, Any] = {
        "no method": {},
        "no name": {"method": {}},
        "unknown method": {"method": {"name": "carrier-pigeon"}},
        "disabled method": {"method": {"name": "glance-download"}},
        "method is null": {"method": {"name": None}},
        "all_stores is a word": {"method": {"name": "glance-direct"}, "all_stores": "yes"},
        "must is a number": {"method": {"name": "glance-direct"}, "all_stores_must_succeed": 1},
        "both wrong": {"method": {"name": "glance-direct"}, "all_stores": 1, "all_stores_must_succeed": 1},
        "unknown key": {"method": {"name": "glance-direct"}, "colour": "red"},
    }
    refused = {
        "file": "file:///etc/passwd",
        "ftp": "ftp://127.0.0.1/x",
        "no scheme": "127.0.0.1/x",
        "empty": "",
        "other host": "http://10.0.0.1/x",
        "metadata": "http://169.254.169.254/latest",
        "decimal": "http://2130706433/x",
        "octal": "http://0177.0.0.1/x",
        "mapped": "http://[::ffff:127.0.0.1]/x",
        "no host": "http:///x",
    }
    check_steps = [
        create_raw("create queued", queued),
        create_raw("create staged", staged),
        stage("stage", staged),
        create_raw("create active", active),
        upload("upload", active, ABC),
        create("create bare of formats", id=bare),
        *(send_json(name, "POST", f"/v2/images/{queued}/import", body) for name, body in bodies.items()),
        request("no body", "POST", f"/v2/images/{queued}/import", {"Content-Type": "application/json"}, b""),
        request("no json", "POST", f"/v2/images/{queued}/import", {"Content-Type": "application/json"}, b"{"),
        request("a number", "POST", f"/v2/images/{queued}/import", {"Content-Type": "application/json"}, b"7"),
        request("an array", "POST", f"/v2/images/{queued}/import", {"Content-Type": "application/json"}, b"[]"),
        importing("method is a word", queued, "x"),
        request("get", "GET", f"/v2/images/{queued}/import"),
        importing("unknown image", NOBODY, "glance-direct"),
        importing("no uuid", "some-name", "glance-direct"),
        *(
            importing(f"{method} of {name}", image, method)
            for method in ("glance-direct", "web-download", "copy-image")
            for name, image in {"queued": queued, "staged": staged, "active": active, "bare": bare}.items()
            if (method, name) != ("glance-direct", "staged")
        ),
        *(importing(f"refused: {name}", queued, web(uri)) for name, uri in refused.items()),
        importing("not all must succeed", queued, web(f"{source}/abc"), all_stores_must_succeed=False),
        get("still queued", f"/v2/images/{queued}"),
        get("tasks of queued", f"/v2/images/{queued}/tasks"),
        by(READER, importing("reader, wrong status", queued, "glance-direct")),
        by(READER, importing("reader", queued, web(f"{source}/abc"))),
        by(OTHER, importing("other", queued, web(f"{source}/abc"))),
        by(READER, stage("reader stages", queued)),
        by(OTHER, stage("other stages", queued)),
        by(OTHER, get("tasks for other", f"/v2/images/{queued}/tasks")),
        get("tasks of unknown", f"/v2/images/{NOBODY}/tasks"),
        get("tasks of no uuid", "/v2/images/some-name/tasks"),
    ]
    flow_steps = [
        create_raw("create", flow[1]),
        stage("stage", flow[1], ABC * 1000),
        importing("direct", flow[1], "glance-direct"),
        *after("direct", flow[1]),
        get("download direct", f"/v2/images/{flow[1]}/file"),
        importing("direct again", flow[1], "glance-direct"),
        create_raw("create for web", flow[2]),
        importing("web", flow[2], web(f"{source}/abc")),
        *after("web", flow[2]),
        get("download web", f"/v2/images/{flow[2]}/file"),
        create_raw("create for redirect", flow[3]),
        importing("redirect", flow[3], web(f"{source}/moved")),
        *after("redirect", flow[3]),
        create_raw("create for missing", flow[4]),
        importing("missing", flow[4], web(f"{source}/missing")),
        *after("missing", flow[4]),
        importing("once more after missing", flow[4], web(f"{source}/abc")),
        get("show once more", f"/v2/images/{flow[4]}", until=settled),
        create_raw("create for stray", flow[5]),
        importing("stray", flow[5], web(f"{source}/stray")),
        *after("stray", flow[5]),
        create_raw("create with ignored stores", flow[6]),
        importing("ignored stores", flow[6], web(f"{source}/abc"), stores=["nowhere"], all_stores=True),
        get("show ignored stores", f"/v2/images/{flow[6]}", until=settled),
        create("create wrong format", id=flow[7], disk_format="qcow2", container_format="bare"),
        stage("stage wrong format", flow[7], QCOW2),
        importing("wrong format", flow[7], "glance-direct"),
        get("tasks of wrong format", f"/v2/images/{flow[7]}/tasks", until=ended),
        get("show wrong format", f"/v2/images/{flow[7]}"),
        stage("stage after wrong format", flow[7], QCOW2),
        create("create ovf", id=flow[8], disk_format="qcow2", container_format="ovf"),
        importing("ovf", flow[8], web(f"{source}/abc")),
        get("show ovf", f"/v2/images/{flow[8]}", until=settled),
    ]
    task_steps = [
        create_raw("create", tasks[1]),
        importing("import", tasks[1], web(f"{source}/abc")),
        get("wait", f"/v2/images/{tasks[1]}", until=settled),
        *acting(
            ADMIN,
            [
                get("unknown task", f"/v2/tasks/{NOBODY}"),
                get("no uuid", "/v2/tasks/some-name"),
                request("delete task", "DELETE", f"/v2/tasks/{NOBODY}"),
                request("delete task, text", "DELETE", f"/v2/tasks/{NOBODY}", accept=None),
                request("put task", "PUT", f"/v2/tasks/{NOBODY}"),
                request("delete tasks", "DELETE", "/v2/tasks"),
                *(
                    get(f"list {query}", f"/v2/tasks?{query}")
                    for query in (
                        "limit=0",
                        "limit=-1",
                        "limit=x",
                        "limit=1",
                        "sort_dir=up",
                        "sort_key=size",
                        "status=done",
                        "type=api_image_import",
                        "type=import",
                        "status=pending&owner=nobody",
                        "marker=x",
                        f"marker={NOBODY}",
                        "owner=nobody",
                        "limit=1&sort_key=updated_at&sort_dir=asc",
                        "limit=1&status=success",
                        "colour=red&owner=nobody",
                    )
                ),
                *(
                    send_json(f"create {name}", "POST", "/v2/tasks", body)
                    for name, body in {
                        "nothing": {},
                        "without input": {"type": "import"},
                        "without type": {"input": {}},
                        "unknown type": {"type": "x", "input": {}},
                        "input is a word": {"type": "import", "input": "x"},
                        "sound": {"type": "import", "input": {"import_from": f"{source}/abc", "import_from_format": "raw"}},
                    }.items()
                ),
                get("schema", "/v2/schemas/task"),
                get("schema of list", "/v2/schemas/tasks"),
            ],
        ),
        get("list as member", "/v2/tasks"),
        get("show as member", f"/v2/tasks/{NOBODY}"),
        request("delete as member", "DELETE", f"/v2/tasks/{NOBODY}"),
        send_json("create as member", "POST", "/v2/tasks", {}),
        request("delete copy on a site with one store", "DELETE", f"/v2/stores/fast/{tasks[1]}"),
    ]
    return [
        Scenario("staging", acting_unless(MEMBER, stage_steps)),
        Scenario("import checks", acting_unless(MEMBER, check_steps)),
        Scenario("imports", acting_unless(MEMBER, flow_steps)),
        Scenario("tasks", acting_unless(MEMBER, task_steps)),
    ]


def acting_unless(headers: dict[str, str], steps: list[Step]) -> list[Step]:
    """Every step whose caller is not said yet."""
    return [step if "X-Identity-Status" in step.headers else by(headers, step) for step in steps]


def store_scenarios(source: str) -> list[Scenario]:
    """On a site with the stores `fast` (the default), `slow` and `cold`."""
    ids = Ids(0xA8)
    queued = ids[1]
    steps = [
        create_raw("create queued", queued),
        *(
            importing(f"refused: {name}", queued, web(f"{source}/abc"), **more)
            for name, more in {
                "unknown store": {"stores": ["nowhere"]},
                "one unknown store": {"stores": ["fast", "nowhere"]},
                "both": {"stores": ["fast"], "all_stores": True},
            }.items()
        ),
        by({"X-Image-Meta-Store": "fast"}, importing("header and stores", queued, web(f"{source}/abc"), stores=["fast"])),
        by({"X-Image-Meta-Store": "fast"}, importing("header and all", queued, web(f"{source}/abc"), all_stores=True)),
        by({"X-Image-Meta-Store": "nowhere"}, importing("unknown header", queued, web(f"{source}/abc"))),
        importing("to the default", queued, web(f"{source}/abc")),
        *after("default", queued),
        create_raw("create for two", ids[2]),
        importing("to two", ids[2], web(f"{source}/abc"), stores=["slow", "cold"]),
        *after("two", ids[2]),
        create_raw("create for all", ids[3]),
        importing("to all", ids[3], web(f"{source}/abc"), all_stores=True),
        *after("all", ids[3]),
        create_raw("create for any", ids[4]),
        stage("stage for any", ids[4]),
        importing("to any", ids[4], "glance-direct", all_stores=True, all_stores_must_succeed=False),
        *after("any", ids[4]),
        create_raw("create for header", ids[5]),
        by({"X-Image-Meta-Store": "cold"}, importing("by header", ids[5], web(f"{source}/abc"))),
        *after("header", ids[5]),
        create_raw("create for missing", ids[6]),
        importing("missing", ids[6], web(f"{source}/missing"), stores=["fast", "slow"]),
        *after("missing", ids[6]),
        importing("copy as member", queued, "copy-image", stores=["slow"]),
        *acting(
            {**ADMIN},
            [
                importing("copy where it is", queued, "copy-image", stores=["fast"]),
                importing("copy to unknown", queued, "copy-image", stores=["nowhere"]),
                importing("copy", queued, "copy-image", stores=["slow"]),
                *after("copied", queued),
                importing("copy to the rest", queued, "copy-image", all_stores=True),
                get("show copied to the rest", f"/v2/images/{queued}", until=settled),
                importing("copy when all have it", queued, "copy-image", all_stores=True),
                get("download copied", f"/v2/images/{queued}/file"),
                request("take from unknown store", "DELETE", f"/v2/stores/nowhere/{queued}"),
                request("take from unknown image", "DELETE", f"/v2/stores/fast/{NOBODY}"),
                request("take from no uuid", "DELETE", "/v2/stores/fast/some-name"),
                request("take from fast", "DELETE", f"/v2/stores/fast/{queued}"),
                get("show without fast", f"/v2/images/{queued}"),
                request("take from fast again", "DELETE", f"/v2/stores/fast/{queued}"),
                request("take from slow", "DELETE", f"/v2/stores/slow/{queued}"),
                request("take the last", "DELETE", f"/v2/stores/cold/{queued}"),
                get("download the last", f"/v2/images/{queued}/file"),
                request("take from queued", "DELETE", f"/v2/stores/fast/{ids[6]}"),
            ],
        ),
        request("take as member", "DELETE", f"/v2/stores/fast/{ids[3]}"),
        by(OTHER, request("take as other", "DELETE", f"/v2/stores/fast/{ids[3]}")),
        by(READER, request("take as reader", "DELETE", f"/v2/stores/fast/{ids[3]}")),
        request("get a copy", "GET", f"/v2/stores/fast/{ids[3]}"),
    ]
    return [Scenario("stores", acting_unless(MEMBER, steps))]


