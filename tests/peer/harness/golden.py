"""Runs scenarios on a server and turns its answers into something that can be compared.

What legitimately differs between two runs (the time, the request id, the address) is replaced by a word. Everything
else stays as it is: a difference that is meant belongs in `replay/differences.py`, with its reason.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from harness import raw_http
from harness.raw_http import Answer
from replay.steps import Scenario, Step

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
)

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\b20[2-9]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?")
SCHEMA_DUMP = re.compile(r"\n+Failed validating .*", re.DOTALL)
PATIENCE = 15.0

Golden = dict[str, Any]


def record(base: str, scenarios: Iterable[Scenario]) -> dict[str, Golden]:
    """Every answer by `scenario/step`."""
    answers: dict[str, Golden] = {}
    for scenario in scenarios:
        clean(base)
        for step in scenario.steps:
            answers[f"{scenario.name}/{step.name}"] = normalised(base, step, perform(base, step))
    clean(base)
    return answers


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


def clean(base: str) -> None:
    """Removes what a scenario left: copies, queue entries, images, also protected and hidden ones."""
    asked = {"Accept": "application/json"}
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    unprotect = json.dumps([{"op": "replace", "path": "/protected", "value": False}]).encode()
    raw_http.send(base, "DELETE", "/v2/cache", asked, None)
    raw_http.send(base, "DELETE", "/v2/queued_images", asked, None)
    for hidden in ("false", "true"):
        listing = raw_http.send(base, "GET", f"/v2/images?limit=1000&visibility=all&os_hidden={hidden}", asked, None)
        for image in json.loads(listing.body)["images"]:
            if image["protected"]:
                raw_http.send(base, "PATCH", f"/v2/images/{image['id']}", patch, unprotect)
            raw_http.send(base, "DELETE", f"/v2/images/{image['id']}", asked, None)


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
    return {**golden, "headers": headers, "body": _without_schema_dump(golden["body"])}


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
    if key == "tags" and isinstance(value, list):
        return sorted(_text(base, str(tag)) for tag in value)
    return _value(base, value)


def _text(base: str, text: str) -> str:
    host = base.removeprefix("http://")
    text = REQUEST_ID.sub("<request id>", text.replace(base, "<base>").replace(host, "<host>"))
    return TIME.sub("<time>", text)
