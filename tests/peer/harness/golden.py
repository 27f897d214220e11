"""Runs scenarios on a server and turns its answers into something that can be compared.

What legitimately differs between two runs (the time, the request id, the address) is replaced by a word. Everything
else stays as it is: a difference that is meant belongs in `replay/differences.py`, with its reason.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness import raw_http
from harness.raw_http import Answer
from harness.server import Server
from replay.steps import LOSE_DATA, TASKS_END, Scenario, Step

HEADERS = (
    "content-type",
    "content-length",
    "content-range",
    "content-md5",
    "location",
    "allow",
    "accept-patch",
    "accept-ranges",
    "retry-after",
    "www-authenticate",
    "openstack-image-import-methods",
    "openstack-image-store-ids",
    "x-openstack-request-id",
    "vary",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
)

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\b20[2-9]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?")
SCHEMA_DUMP = re.compile(r"\n+Failed validating .*", re.DOTALL)
PATIENCE = 15.0

Golden = dict[str, Any]


def record(server: Server, scenarios: Iterable[Scenario], admin: Mapping[str, str] | None = None) -> dict[str, Golden]:
    """Every answer by `scenario/step`. `admin` are the headers of one, where not everybody is."""
    answers: dict[str, Golden] = {}
    for scenario in scenarios:
        clean(server.url, admin)
        for step in scenario.steps:
            if step.method == LOSE_DATA:
                (server.store_dir / step.path).unlink()
            elif step.method == TASKS_END:
                wait_for_tasks(server.dir)
            else:
                answers[f"{scenario.name}/{step.name}"] = normalised(server.url, step, perform(server.url, step))
    clean(server.url, admin)
    return answers


def wait_for_tasks(folder: Path) -> None:
    """Looks into the database itself, which disturbs nobody who writes to it. What does not end is for the next step to show."""
    deadline = time.monotonic() + PATIENCE
    with closing(sqlite3.connect(f"file:{folder / 'glance.sqlite'}?mode=ro", uri=True)) as database:
        while time.monotonic() < deadline:
            (left,) = database.execute("SELECT count(*) FROM tasks WHERE status IN ('pending', 'processing')").fetchone()
            if left == 0:
                return
            time.sleep(0.02)


def perform(base: str, step: Step) -> Answer:
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = raw_http.send(base, step.method, step.path, step.headers, step.body)
        if step.until is None or time.monotonic() > deadline or holds(step, answer):
            return answer
        time.sleep(0.05)


def holds(step: Step, answer: Answer) -> bool:
    assert step.until is not None
    try:
        return step.until(json.loads(answer.body))
    except (ValueError, LookupError, TypeError):
        return False


def clean(base: str, admin: Mapping[str, str] | None = None) -> None:
    """Removes what a scenario left: copies, queue entries, images, also protected and hidden ones."""
    asked = {"Accept": "application/json", **(admin or {})}
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch", **(admin or {})}
    unprotect = json.dumps([{"op": "replace", "path": "/protected", "value": False}]).encode()
    raw_http.send(base, "DELETE", "/v2/cache", asked, None)
    raw_http.send(base, "DELETE", "/v2/queued_images", asked, None)
    for hidden in ("false", "true"):
        listing = raw_http.send(base, "GET", f"/v2/images?limit=1000&visibility=all&os_hidden={hidden}", asked, None)
        for image in json.loads(listing.body)["images"]:
            if image["protected"]:
                raw_http.send(base, "PATCH", f"/v2/images/{image['id']}", patch, unprotect)
            raw_http.send(base, "DELETE", f"/v2/images/{image['id']}", asked, None)
    _clean_metadefs(base, asked)


def _clean_metadefs(base: str, caller: Mapping[str, str]) -> None:
    """Resource types stay: no request takes them away again."""
    asked = {**caller, "Content-Type": "application/json"}
    listing = raw_http.send(base, "GET", "/v2/metadefs/namespaces?limit=1000", asked, None)
    for namespace in json.loads(listing.body).get("namespaces", []):
        path = f"/v2/metadefs/namespaces/{quote(namespace['namespace'], safe='')}"
        if namespace["protected"]:
            body = {"namespace": namespace["namespace"], "owner": namespace["owner"]}
            raw_http.send(base, "PUT", path, asked, json.dumps(body).encode())
        raw_http.send(base, "DELETE", path, asked, None)


def normalised(base: str, step: Step, answer: Answer) -> Golden:
    golden: Golden = {"request": f"{step.method} {step.path[:200]}", "status": answer.status}
    headers = {key: _header(base, key, answer) for key in HEADERS if key in answer.headers}
    golden["headers"] = headers
    golden["body"] = _body(base, answer)
    if answer.broken:
        golden["broken"] = True
    return golden


def comparable(golden: Golden) -> Golden:
    """An answer without what no client could rely on."""
    headers = dict(golden["headers"])
    if golden["status"] in (204, 304):
        # Compat: a 204 has no body by definition. Whether its length and type are told is nobody's concern.
        headers.pop("content-length", None)
    if golden["body"] == "":
        headers.pop("content-type", None)
    body = _without_schema_dump(golden["body"])
    if golden["request"].startswith("GET /v2/schemas/"):
        body = _without_descriptions(body)
    return {**golden, "headers": headers, "body": body}


def alike(expected: Golden, got: Golden) -> Golden:
    """`got` without a right length that Glance leaves out; it ends such answers by closing the connection."""
    if "content-length" in expected["headers"] or got["headers"].get("content-length") != "right":
        return got
    return {**got, "headers": {key: value for key, value in got["headers"].items() if key != "content-length"}}


def _without_descriptions(schema: Any) -> Any:
    """Schemas must be the same in what they allow; how they explain it is free."""
    if isinstance(schema, dict):
        return {
            key: _without_descriptions(value)
            for key, value in schema.items()
            if not (key == "description" and isinstance(value, str))
        }
    return [_without_descriptions(item) for item in schema] if isinstance(schema, list) else schema


def _without_schema_dump(body: Any) -> Any:
    """Glance quotes the failed part of the schema as Python prints it; the sentence before says the same."""
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return {**body, "message": SCHEMA_DUMP.sub("", body["message"])}
    return SCHEMA_DUMP.sub("", body) if isinstance(body, str) else body


def _header(base: str, key: str, answer: Answer) -> str:
    value = answer.headers[key]
    if key == "content-length":
        return "right" if answer.body == b"" or int(value) == len(answer.body) else f"wrong: {value}"
    if key in ("allow", "openstack-image-store-ids"):
        return ", ".join(sorted(part.strip() for part in value.split(",")))
    return _text(base, value)


def _body(base: str, answer: Answer) -> Any:
    if answer.headers.get("content-type", "").startswith("application/json"):
        try:
            return _value(base, json.loads(answer.body))
        except ValueError:
            pass
    try:
        text = answer.body.decode()
    except UnicodeDecodeError:
        text = ""
    if len(answer.body) > 4096 or (answer.body and not text):
        return f"<{len(answer.body)} bytes>"
    return _text(base, text)


def _value(base: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _member(base, key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_value(base, item) for item in value]
    return _text(base, value) if isinstance(value, str) else value


def _member(base: str, key: str, value: Any) -> Any:
    if key in ("last_accessed", "last_modified") and isinstance(value, int | float):
        return "<epoch>" if abs(value - time.time()) < 3600 else f"not now: {value}"
    # The number of a row in Glance's table of cached images, reused or not as the database pleases.
    if key == "id" and isinstance(value, int):
        return "<row>"
    # Compat: Glance keeps tags in a set, their order means nothing.
    if key == "tags" and isinstance(value, list) and not any(isinstance(tag, dict) for tag in value):
        return sorted(_text(base, str(tag)) for tag in value)
    # The order of copies is the order of rows, which Glance does not ask the database for.
    if key == "cached_images" and isinstance(value, list):
        value = sorted(value, key=lambda entry: str(entry["image_id"]))
    return _value(base, value)


def _text(base: str, text: str) -> str:
    host = base.removeprefix("http://")
    text = REQUEST_ID.sub("<request id>", text.replace(base, "<base>").replace(host, "<host>"))
    return TIME.sub("<time>", text)
