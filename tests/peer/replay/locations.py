"""Locations: given by PATCH and by their own route, on servers of others, with and without a quota.

`source` has the file `abc` of 26,000 bytes under any query, the redirect `moved` to it, one named `stray` to an address of the link, an
`empty` file, and a `busy` one that is refused.
"""

from __future__ import annotations

import hashlib
from typing import Any

from harness.source import ABC
from replay.callers import ADMIN, by, caller
from replay.imports import importing, settled, stage, web
from replay.steps import (
    NOBODY,
    PATCH_V20,
    Ids,
    Scenario,
    Step,
    create,
    create_raw,
    download,
    get,
    patch,
    request,
    send_json,
    upload,
)

MEMBER = caller("owner", "member", "reader")
READER = caller("owner", "reader")
OTHER = caller("other", "member", "reader")
SERVICE = caller("service", "service")
PASSED_ON = {**MEMBER, "X-Service-Identity-Status": "Confirmed", "X-Service-Roles": "service"}

MD5 = hashlib.md5(ABC).hexdigest()
SHA256 = hashlib.sha256(ABC).hexdigest()
SHA512 = hashlib.sha512(ABC).hexdigest()
OTHER512 = hashlib.sha512(b"other").hexdigest()


def scenario(name: str, steps: list[Step]) -> Scenario:
    """Steps that say nothing about their caller are an admin's."""
    return Scenario(name, [step if "X-Roles" in step.headers else by(ADMIN, step) for step in steps])


def place(url: str, metadata: Any = None, **more: Any) -> dict[str, Any]:
    return {"url": url, "metadata": {} if metadata is None else metadata, **more}


def checked(value: str = SHA512, algo: str = "sha512", **more: str) -> dict[str, str]:
    return {"os_hash_algo": algo, "os_hash_value": value, **more}


def add(name: str, image: str, location: Any, at: str = "-") -> Step:
    return patch(name, image, [{"op": "add", "path": f"/locations/{at}", "value": location}])


def replace(name: str, image: str, locations: Any) -> Step:
    return patch(name, image, [{"op": "replace", "path": "/locations", "value": locations}])


def remove(name: str, image: str, at: str) -> Step:
    return patch(name, image, [{"op": "remove", "path": f"/locations/{at}"}])


def post(name: str, image: str, body: Any) -> Step:
    return send_json(name, "POST", f"/v2/images/{image}/locations", body)


def locations(name: str, image: str) -> Step:
    return get(name, f"/v2/images/{image}/locations")


def show(name: str, image: str) -> Step:
    return get(name, f"/v2/images/{image}")


def hashed(body: Any) -> bool:
    """For `until`: no task holds the image, and the hash is known."""
    return settled(body) and body["os_hash_value"] is not None


def ended(body: Any) -> bool:
    """For `until`: the tasks of an image, if it has any."""
    return all(task["status"] in ("success", "failure") for task in body["tasks"])


def after(name: str, image: str) -> list[Step]:
    """The image once its task is over, and what the task says."""
    return [
        get(f"show {name}", f"/v2/images/{image}", until=settled),
        get(f"tasks of {name}", f"/v2/images/{image}/tasks", until=ended),
    ]


def refused_urls(source: str) -> dict[str, str]:
    return {
        "a file": "file:///etc/passwd",
        "no file": "file:///nowhere/at/all",
        "another file": "filesystem:///etc/passwd",
        "a reference to swift": "swift+config://ref1/container/object",
        "a store that is not there": "s3://bucket/key",
        "ceph": "rbd://fsid/pool/image/snap",
        "no scheme": "127.0.0.1/x",
        "a word": "nonsense",
        "a metadata service": "http://169.254.169.254/latest",
        "another host": "http://10.0.0.1/x",
        "a decimal host": "http://2130706433/x",
        "no host": "http:///x",
        "what is not there": f"{source}/missing",
        "what is refused": f"{source}/busy",
        "nothing in it": f"{source}/empty",
        "a redirect away": f"{source}/stray",
        "no server": "http://127.0.0.1:1/x",
        "capitals": source.replace("http", "HTTP") + "/abc",
        "credentials": source.replace("http://", "http://user:secret@") + "/abc",
        "half credentials": source.replace("http://", "http://user@") + "/abc",
        "a port of letters": "http://127.0.0.1:x/abc",
    }


def patches(source: str, base: int) -> list[Scenario]:
    adding, many, lists, checks, states, who = (Ids(base + number) for number in range(6))
    abc = f"{source}/abc"
    bodies: dict[str, Any] = {
        "a word": "x",
        "null": None,
        "a list": [],
        "nothing": {},
        "no url": {"metadata": {}},
        "no metadata": {"url": abc},
        "metadata is null": {"url": abc, "metadata": None},
        "metadata is a list": {"url": abc, "metadata": []},
        "url is a number": place(7),  # type: ignore[arg-type]
        "url is empty": place(""),
        "url is long": place(f"{abc}?{'x' * 256}"),
        "number in metadata": place(abc, {"n": 1}),
        "null in metadata": place(abc, {"n": None}),
        "number deep in metadata": place(abc, {"n": {"m": ["x", 1]}}),
        "four bytes": place(f"{abc}?\U0001f600"),
        "validation data is a word": place(abc, validation_data="x"),
        "validation data is empty": place(abc, validation_data={}),
        "validation data without value": place(abc, validation_data={"os_hash_algo": "sha512"}),
        "validation data with more": place(abc, validation_data=checked(more="x")),
        "short checksum": place(abc, validation_data=checked(checksum="abc")),
        "long value": place(abc, validation_data=checked("0" * 129)),
    }
    adding_steps = [
        create_raw("create", adding[1]),
        # Glance asks the server of a queued image's location before it asks whether it may: only servers of ours are named.
        *(add(f"refused: {name}", adding[1], place(url)) for name, url in refused_urls(source).items()
          if name not in ("capitals", "credentials", "a metadata service", "another host", "a decimal host")),
        *(add(f"body: {name}", adding[1], body) for name, body in bodies.items()),
        show("still queued", adding[1]),
        add("first", adding[1], place(abc)),
        show("active", adding[1]),
        download("download", adding[1]),
        download("a range", adding[1], {"Range": "bytes=5-9"}),
        download("a suffix", adding[1], {"Range": "bytes=-5"}),
        download("from the start", adding[1], {"Range": "bytes=0-"}),
        download("beyond the end", adding[1], {"Range": "bytes=26000-"}),
        download("content range", adding[1], {"Content-Range": "bytes 5-9/*"}),
        add("the same again", adding[1], place(abc)),
        add("the same with other metadata", adding[1], place(abc, {"a": "b"})),
        show("twice the same", adding[1]),
        request("delete", "DELETE", f"/v2/images/{adding[1]}"),
        create_raw("create for a redirect", adding[2]),
        add("redirect", adding[2], place(f"{source}/moved")),
        download("download the redirect", adding[2]),
        create("create without formats", id=adding[3]),
        add("without formats", adding[3], place(abc)),
        show("still without formats", adding[3]),
        patch(
            "formats and location",
            adding[3],
            [
                {"op": "replace", "path": "/disk_format", "value": "raw"},
                {"op": "replace", "path": "/container_format", "value": "bare"},
                {"op": "add", "path": "/locations/-", "value": place(abc)},
                {"op": "add", "path": "/colour", "value": "red"},
            ],
        ),
        show("formats and location both", adding[3]),
        create_raw("create for drafts", adding[4]),
        patch("draft 4", adding[4], [{"add": "/locations/-", "value": place(abc)}], PATCH_V20),
        patch("draft 4 again", adding[4], [{"add": "/locations/-", "value": place(f"{abc}?2")}], PATCH_V20),
        patch("draft 4 removes", adding[4], [{"remove": "/locations/0"}], PATCH_V20),
        show("after drafts", adding[4]),
        create_raw("create for nothing", adding[5]),
        patch(
            "the second is wrong",
            adding[5],
            [
                {"op": "add", "path": "/locations/-", "value": place(abc)},
                {"op": "add", "path": "/locations/-", "value": place("file:///etc/passwd")},
            ],
        ),
        show("nothing happened", adding[5]),
        create_raw("create for capitals", adding[6]),
        add("capitals", adding[6], place(source.replace("http", "HTTP") + "/abc")),
        create_raw("create for credentials", adding[7]),
        add("credentials", adding[7], place(source.replace("http://", "http://user:secret@") + "/abc")),
        create_raw("create for extra members", adding[8]),
        add("extra members", adding[8], place(abc, colour="red", status="deleted")),
        show("after extra members", adding[8]),
        create_raw("create for another store", adding[9]),
        add("another store", adding[9], place(abc, {"store": "nowhere", "colour": "red"})),
        show("after another store", adding[9]),
    ]
    many_steps = [
        create_raw("create", many[1]),
        remove("remove from none", many[1], "0"),
        add("first", many[1], place(abc)),
        add("at the front", many[1], place(f"{abc}?2", {"colour": {"of": ["red", "blue"]}}), "0"),
        show("two", many[1]),
        *(add(f"position {at}", many[1], place(f"{abc}?3"), at) for at in ("x", "-1", "1x", "~0")),
        add("far behind", many[1], place(f"{abc}?3"), "17"),
        show("three", many[1]),
        add("one too many", many[1], place(f"{abc}?4")),
        add("one too many, and refused", many[1], place("file:///etc/passwd")),
        patch("no position", many[1], [{"op": "add", "path": "/locations", "value": place(abc)}]),
        patch("too deep", many[1], [{"op": "add", "path": "/locations/0/url", "value": abc}]),
        patch("replace one", many[1], [{"op": "replace", "path": "/locations/0", "value": place(abc)}]),
        patch("remove all", many[1], [{"op": "remove", "path": "/locations"}]),
        *(remove(f"remove {at}", many[1], at) for at in ("3", "x", "-1")),
        remove("remove the first", many[1], "0"),
        show("after the first", many[1]),
        remove("remove the end", many[1], "-"),
        show("after the end", many[1]),
        remove("remove the last", many[1], "0"),
        remove("remove the last at the end", many[1], "-"),
        patch(
            "there and back",
            many[1],
            [
                {"op": "add", "path": "/locations/-", "value": place(f"{abc}?9")},
                {"op": "remove", "path": "/locations/1"},
            ],
        ),
        show("as before", many[1]),
        download("still there", many[1]),
    ]
    list_steps = [
        create_raw("create", lists[1]),
        replace("with none", lists[1], []),
        replace("with a word", lists[1], "x"),
        replace("with what is refused", lists[1], [place(abc), place("file:///etc/passwd")]),
        replace("twice the same", lists[1], [place(abc), place(abc)]),
        replace("too many", lists[1], [place(f"{abc}?{number}") for number in range(4)]),
        replace("with a number in metadata", lists[1], [place(abc, {"n": 1})]),
        show("still queued", lists[1]),
        replace("two", lists[1], [place(abc), place(f"{abc}?2", {"colour": "red"})]),
        show("active", lists[1]),
        replace("new metadata", lists[1], [place(f"{abc}?2", {"colour": "blue"}), place(abc, {"a": "b"})]),
        show("with new metadata", lists[1]),
        replace("others", lists[1], [place(f"{abc}?3")]),
        replace("one of the two", lists[1], [place(abc)]),
        replace("one more", lists[1], [place(abc), place(f"{abc}?2"), place(f"{abc}?3")]),
        replace("none", lists[1], []),
        replace("null", lists[1], None),
        show("as it was", lists[1]),
        download("download", lists[1]),
        create("create without formats", id=lists[2]),
        replace("without formats", lists[2], [place(abc)]),
        patch("unset", lists[1], [{"op": "remove", "path": "/locations/1"}]),
        show("one left", lists[1]),
    ]
    check_bodies: dict[str, Any] = {
        "another algorithm": checked(SHA256, "sha256"),
        "no hexadecimal": checked("x" * 128),
        "too short": checked("00"),
        "odd": checked("0" * 127),
        "checksum is no hexadecimal": checked(checksum="x" * 32),
        "unknown algorithm": checked("00", "sha9"),
    }
    check_steps = [
        create_raw("create", checks[1]),
        *(add(name, checks[1], place(abc, validation_data=body)) for name, body in check_bodies.items()),
        replace(
            "two that differ",
            checks[1],
            [place(abc, validation_data=checked()), place(f"{abc}?2", validation_data=checked(OTHER512))],
        ),
        show("still queued", checks[1]),
        add("right", checks[1], place(abc, validation_data=checked(checksum=MD5))),
        show("known", checks[1]),
        add("the same hash again", checks[1], place(f"{abc}?2", validation_data=checked(checksum=MD5))),
        add("another hash", checks[1], place(f"{abc}?3", validation_data=checked(OTHER512))),
        add("another checksum", checks[1], place(f"{abc}?3", validation_data=checked(checksum="0" * 32))),
        show("two", checks[1]),
        create_raw("create without checksum", checks[2]),
        add("without checksum", checks[2], place(abc, validation_data=checked())),
        show("known but for the checksum", checks[2]),
        add("checksum afterwards", checks[2], place(f"{abc}?2", validation_data=checked(checksum=MD5))),
        create_raw("create unknown", checks[3]),
        add("unknown", checks[3], place(abc)),
        show("nothing known", checks[3]),
        add("hash afterwards", checks[3], place(f"{abc}?2", validation_data=checked())),
        create_raw("create lies", checks[4]),
        add("a lie", checks[4], place(abc, validation_data=checked(OTHER512, checksum="0" * 32))),
        show("believed", checks[4]),
        create_raw("create capitals", checks[5]),
        add("capitals", checks[5], place(abc, validation_data=checked(SHA512.upper()))),
        show("capitals kept", checks[5]),
    ]
    state_steps = [
        create_raw("create staged", states[1]),
        stage("stage", states[1]),
        add("add to staged", states[1], place(abc)),
        replace("replace of staged", states[1], [place(abc)]),
        remove("remove from staged", states[1], "0"),
        create_raw("create active", states[2]),
        upload("upload", states[2], ABC),
        add("add to uploaded", states[2], place(abc)),
        patch("deactivate first", states[2], [{"op": "add", "path": "/colour", "value": "red"}]),
        request("deactivate", "POST", f"/v2/images/{states[2]}/actions/deactivate"),
        add("add to deactivated", states[2], place(f"{abc}?2")),
        replace("replace of deactivated", states[2], [place(abc)]),
        remove("remove from deactivated", states[2], "0"),
        locations("locations of deactivated", states[2]),
        create_raw("create another size", states[3]),
        upload("upload less", states[3], b"less"),
        add("add more", states[3], place(abc)),
        show("how much", states[3]),
        add("to nobody", NOBODY, place(abc)),
        add("to no uuid", "some-name", place(abc)),
    ]
    who_steps = [
        by(MEMBER, create_raw("create", who[1])),
        by(READER, add("reader adds", who[1], place(abc))),
        by(OTHER, add("other adds", who[1], place(abc))),
        by(OTHER, add("other adds what is refused", who[1], place("file:///etc/passwd"))),
        by(SERVICE, add("service adds", who[1], place(abc))),
        by(MEMBER, add("owner adds", who[1], place(abc))),
        by(MEMBER, add("owner adds another", who[1], place(f"{abc}?2"))),
        by(READER, show("reader sees", who[1])),
        by(MEMBER, remove("owner removes", who[1], "1")),
        by(READER, remove("reader removes", who[1], "1")),
        by(MEMBER, replace("owner replaces with none", who[1], [])),
        by(MEMBER, replace("owner replaces", who[1], [place(abc, {"a": "b"}), place(f"{abc}?2")])),
        by(READER, replace("reader replaces", who[1], [place(abc), place(f"{abc}?2")])),
        patch("publish", who[1], [{"op": "replace", "path": "/visibility", "value": "public"}]),
        by(OTHER, show("others see", who[1])),
        by(OTHER, add("other adds to public", who[1], place(f"{abc}?3"))),
        by(OTHER, remove("other removes from public", who[1], "0")),
        remove("admin removes", who[1], "1"),
        request("deactivate", "POST", f"/v2/images/{who[1]}/actions/deactivate"),
        by(MEMBER, show("owner sees deactivated", who[1])),
        show("admin sees deactivated", who[1]),
    ]
    return [
        scenario("add", adding_steps),
        scenario("many", many_steps),
        scenario("lists", list_steps),
        scenario("checks", check_steps),
        scenario("states", state_steps),
        scenario("who", who_steps),
    ]


def posts(source: str, base: int, *, with_failures: bool = True) -> list[Scenario]:
    asking, hashes, who = (Ids(base + number) for number in range(3))
    abc = f"{source}/abc"
    bodies: dict[str, Any] = {
        "a list": [],
        "a number": 7,
        "nothing": {},
        "no url": {"validation_data": checked()},
        "url is null": {"url": None},
        "url is a number": {"url": 7},
        "url is empty": {"url": ""},
        "validation data is null": {"url": abc, "validation_data": None},
        "validation data is a word": {"url": abc, "validation_data": "x"},
        "no value": {"url": abc, "validation_data": {"os_hash_algo": "sha512"}},
        "no algorithm": {"url": abc, "validation_data": {"os_hash_value": SHA512}},
        "unknown algorithm": {"url": abc, "validation_data": checked(algo="sha9")},
        "algorithm is a number": {"url": abc, "validation_data": {"os_hash_algo": 7, "os_hash_value": SHA512}},
        "long value": {"url": abc, "validation_data": checked("0" * 129)},
        "no hexadecimal": {"url": abc, "validation_data": checked("x" * 128)},
        "odd": {"url": abc, "validation_data": checked("0" * 127)},
        "too short": {"url": abc, "validation_data": checked("00")},
        "a checksum": {"url": abc, "validation_data": checked(checksum=MD5)},
        "no hexadecimal, and refused": {"url": "http://10.0.0.1/x", "validation_data": checked("x" * 128)},
        "four bytes": {"url": f"{abc}?\U0001f600", "validation_data": checked("x" * 128)},
    }
    refused = refused_urls(source)
    json_type = {"Content-Type": "application/json"}
    path = f"/v2/images/{asking[1]}/locations"
    asking_steps = [
        create_raw("create", asking[1]),
        *(post(f"body: {name}", asking[1], body) for name, body in bodies.items()),
        request("no body", "POST", path, json_type, b""),
        request("no json", "POST", path, json_type, b"{"),
        request("no type", "POST", path, {}, b'{"url": "x"}'),
        post("to nobody", NOBODY, {"url": abc}),
        post("to no uuid", "some-name", {"url": abc}),
        *(
            post(f"refused: {name}", asking[1], {"url": refused[name]})
            for name in ("a metadata service", "another host", "a decimal host", "no host", "a port of letters")
        ),
        locations("none yet", asking[1]),
        locations("of nobody", NOBODY),
        locations("of no uuid", "some-name"),
        *(request(f"{method} it", method, path) for method in ("PUT", "DELETE", "PATCH", "HEAD")),
        get("with a body", path, json_type, body=b"{}"),
        show("still queued", asking[1]),
        get("no tasks", f"/v2/images/{asking[1]}/tasks"),
        create_raw("create staged", asking[2]),
        stage("stage", asking[2]),
        post("to staged", asking[2], {"url": abc}),
        create_raw("create active", asking[3]),
        upload("upload", asking[3], ABC),
        post("to active", asking[3], {"url": abc}),
        post("to active, refused", asking[3], {"url": "http://10.0.0.1/x"}),
        locations("of active", asking[3]),
    ]
    failing = (
        "a file",
        "no file",
        "another file",
        "a reference to swift",
        "a store that is not there",
        "no scheme",
        "a word",
        "what is not there",
        "what is refused",
        "nothing in it",
        "a redirect away",
        "no server",
        "half credentials",
    )
    hash_steps: list[Step] = [
        create_raw("create", hashes[1]),
        post("give", hashes[1], {"url": abc}),
        get("show", f"/v2/images/{hashes[1]}", until=hashed),
        *after("given", hashes[1]),
        locations("locations", hashes[1]),
        download("download", hashes[1]),
        post("give again", hashes[1], {"url": f"{abc}?2"}),
    ]
    for number, (name, body) in enumerate(
        {
            "sha512": checked(),
            "sha256": checked(SHA256, "sha256"),
            "md5": checked(MD5, "md5"),
            "empty": {},
            "capitals": checked(SHA512.upper()),
        }.items(),
        start=2,
    ):
        hash_steps += [
            create_raw(f"create for {name}", hashes[number]),
            post(f"give {name}", hashes[number], {"url": abc, "validation_data": body}),
            *after(name, hashes[number]),
        ]
    hash_steps += [
        create_raw("create for a lie", hashes[7]),
        post("a lie", hashes[7], {"url": abc, "validation_data": checked(OTHER512)}),
        *after("a lie", hashes[7]),
        locations("after a lie", hashes[7]),
        post("the truth", hashes[7], {"url": abc, "validation_data": checked()}),
        get("after the truth", f"/v2/images/{hashes[7]}", until=settled),
        create("create without formats", id=hashes[8]),
        post("without formats", hashes[8], {"url": abc}),
        *after("without formats", hashes[8]),
    ]
    for number, name in enumerate(failing if with_failures else (), start=9):
        image = hashes[number]
        hash_steps += [
            create_raw(f"create for {name}", image),
            post(f"give {name}", image, {"url": refused_urls(source)[name]}),
            *after(name, image),
        ]
    who_steps = [
        by(MEMBER, create_raw("create", who[1])),
        *(
            by(headers, post(f"{name} gives a file", who[1], {"url": "file:///etc/passwd"}))
            for name, headers in {"owner": MEMBER, "reader": READER, "other": OTHER}.items()
        ),
        by(MEMBER, post("owner gives what no store reads", who[1], {"url": "httpx://127.0.0.1/x", "validation_data": checked("00")})),
        by(READER, post("reader gives", who[1], {"url": abc})),
        by(OTHER, post("other gives", who[1], {"url": abc})),
        by(MEMBER, post("owner gives", who[1], {"url": abc})),
        by(MEMBER, get("owner sees", f"/v2/images/{who[1]}", until=hashed)),
        by(MEMBER, locations("owner asks", who[1])),
        by(READER, locations("reader asks", who[1])),
        by(OTHER, locations("other asks", who[1])),
        by(SERVICE, locations("service asks", who[1])),
        by(PASSED_ON, locations("service asks for owner", who[1])),
        locations("admin asks", who[1]),
        by(MEMBER, create_raw("create public", who[2], visibility="shared")),
        patch("publish", who[2], [{"op": "replace", "path": "/visibility", "value": "public"}]),
        by(OTHER, post("other gives to public", who[2], {"url": abc})),
        by(OTHER, locations("other asks of public", who[2])),
        by(SERVICE, locations("service asks of public", who[2])),
        by(SERVICE, post("service gives to public", who[2], {"url": abc})),
        get("after service", f"/v2/images/{who[2]}", until=settled),
        request("deactivate", "POST", f"/v2/images/{who[2]}/actions/deactivate"),
        by(SERVICE, locations("service asks of deactivated", who[2])),
        locations("admin asks of deactivated", who[2]),
        by(MEMBER, create_raw("create for service", who[3])),
        by(PASSED_ON, post("service gives for owner", who[3], {"url": abc})),
        get("after service for owner", f"/v2/images/{who[3]}", until=hashed),
    ]
    return [scenario("asking", asking_steps), scenario("hashes", hash_steps), scenario("asked by", who_steps)]


def stores(source: str, base: int) -> list[Scenario]:
    """Where the web is one of several stores."""
    copies = Ids(base)
    abc = f"{source}/abc"
    steps = [
        get("stores", "/v2/info/stores"),
        get("stores in detail", "/v2/info/stores/detail"),
        create_raw("create to upload", copies[1]),
        upload("upload to the web", copies[1], ABC, x_image_meta_store="mirror"),
        show("after the upload", copies[1]),
        importing("import to the web", copies[1], web(abc), stores=["mirror"]),
        get("after the import to the web", f"/v2/images/{copies[1]}", until=settled),
        importing("import to all", copies[1], web(abc), all_stores=True),
        get("after the import", f"/v2/images/{copies[1]}", until=settled),
        create_raw("create", copies[2]),
        add("add", copies[2], place(abc)),
        importing("copy to the web", copies[2], "copy-image", stores=["mirror"]),
        importing("copy", copies[2], "copy-image", stores=["fast"]),
        get("after the copy", f"/v2/images/{copies[2]}", until=settled),
        download("a range of two", copies[2], {"Range": "bytes=5-9"}),
        request("take it off the web", "DELETE", f"/v2/stores/mirror/{copies[2]}"),
        show("off the web", copies[2]),
        request("take it off the web again", "DELETE", f"/v2/stores/mirror/{copies[2]}"),
        download("a range of one", copies[2], {"Range": "bytes=5-9"}),
        remove("remove the only one", copies[2], "0"),
        create_raw("create for the web alone", copies[3]),
        add("add to the web alone", copies[3], place(abc)),
        request("take the only one", "DELETE", f"/v2/stores/mirror/{copies[3]}"),
        create_raw("create a copy", copies[4]),
        upload("upload", copies[4], ABC),
        add("add beside", copies[4], place(abc)),
        show("beside", copies[4]),
        remove("remove the upload", copies[4], "0"),
        show("the web alone", copies[4]),
        download("from the web", copies[4]),
    ]
    return [scenario("copies", steps)]


def quotas(source: str, base: int) -> list[Scenario]:
    """With room for 60,000 bytes in each project."""
    uploads, elsewhere = (Ids(base + number) for number in range(2))
    abc = f"{source}/abc"
    chunked = {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}
    upload_steps = [
        create_raw("create", uploads[1]),
        upload("too much at once", uploads[1], b"x" * 60001),
        request("too much in chunks", "PUT", f"/v2/images/{uploads[1]}/file", chunked, b"x" * 70000),
        show("after too much", uploads[1]),
        create_raw("create another", uploads[7]),
        request("far too much in chunks", "PUT", f"/v2/images/{uploads[7]}/file", chunked, b"x" * 2000000),
        create_raw("create to fit", uploads[8]),
        upload("fits", uploads[8], b"x" * 60000),
        show("fitted", uploads[8]),
        create_raw("create more", uploads[2]),
        upload("no room", uploads[2], b"x"),
        create_raw("create for chunks", uploads[9]),
        request("no room in chunks", "PUT", f"/v2/images/{uploads[9]}/file", chunked, b"x"),
        create_raw("create for nothing", uploads[10]),
        upload("nothing", uploads[10], b""),
        show("after no room", uploads[2]),
        create_raw("create to stage", uploads[5]),
        stage("stage", uploads[5], b"x" * 30000),
        importing("import staged", uploads[5], "glance-direct"),
        get("tasks of staged", f"/v2/images/{uploads[5]}/tasks", until=ended),
        show("after staged", uploads[5]),
        by(MEMBER, create_raw("create in another project", uploads[3])),
        by(MEMBER, upload("room in another project", uploads[3], b"x" * 50000)),
        by(MEMBER, create_raw("create more in another project", uploads[4])),
        by(MEMBER, upload("no room in another project", uploads[4], b"x" * 10001)),
        by(MEMBER, upload("just room in another project", uploads[4], b"x" * 10000)),
        request("delete", "DELETE", f"/v2/images/{uploads[8]}"),
        create_raw("create after delete", uploads[6]),
        upload("room again", uploads[6], b"x" * 50000),
    ]
    elsewhere_steps = [
        create_raw("create", elsewhere[1]),
        upload("upload", elsewhere[1], b"x" * 30000),
        create_raw("create for the web", elsewhere[2]),
        add("add", elsewhere[2], place(abc)),
        add("add again", elsewhere[2], place(f"{abc}?2")),
        create_raw("create for more", elsewhere[3]),
        add("no room", elsewhere[3], place(abc)),
        add("no room for what is not there", elsewhere[3], place(f"{source}/missing")),
        replace("no room to replace", elsewhere[3], [place(abc)]),
        replace("no room to replace by two", elsewhere[3], [place(abc), place(f"{abc}?2")]),
        replace("new metadata", elsewhere[2], [place(abc, {"a": "b"})]),
        show("still queued", elsewhere[3]),
        post("post", elsewhere[3], {"url": abc}),
        *after("post", elsewhere[3]),
        importing("import", elsewhere[3], web(abc)),
        *after("import", elsewhere[3]),
        by(MEMBER, create_raw("create in another project", elsewhere[4])),
        by(MEMBER, post("post in another project", elsewhere[4], {"url": abc})),
        by(MEMBER, get("after it", f"/v2/images/{elsewhere[4]}", until=hashed)),
    ]
    return [scenario("uploads", upload_steps), scenario("elsewhere", elsewhere_steps)]


def unhashed(source: str, base: int) -> list[Scenario]:
    """Where hashes are not computed."""
    images = Ids(base)
    abc = f"{source}/abc"
    steps: list[Step] = []
    for number, (name, body) in enumerate({"nothing": None, "right": checked(), "a lie": checked(OTHER512, "sha512")}.items(), start=1):
        given = {"url": abc} if body is None else {"url": abc, "validation_data": body}
        steps += [
            create_raw(f"create for {name}", images[number]),
            post(f"give {name}", images[number], given),
            *after(name, images[number]),
        ]
    return [scenario("unhashed", steps)]
