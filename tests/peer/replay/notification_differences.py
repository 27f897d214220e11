"""What we tell differently from Glance, on purpose, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.notifications import Notification
from replay.steps import Ids

Stream = list[Notification]


@dataclass(frozen=True)
class Difference:
    """`change` makes of what Glance tells about these scenarios what we tell."""

    reason: str
    scenarios: tuple[str, ...]
    change: Callable[[Stream], Stream]


def with_payload(told: Notification, **members: Any) -> Notification:
    return {**told, "payload": {**told["payload"], **members}}


def addressed(stream: Stream) -> Stream:
    return [
        with_payload(told, destination_ip="127.0.0.1") if told["event_type"] == "image.send" else told for told in stream
    ]


def without_checksum_of_nothing(stream: Stream) -> Stream:
    return [
        with_payload(told, checksum=None)
        if told["event_type"] == "image.update" and told["payload"]["status"] == "queued"
        else told
        for told in stream
    ]


DEFINITION = dict.fromkeys(
    (
        "type",
        "title",
        "description",
        "default",
        "minimum",
        "maximum",
        "enum",
        "pattern",
        "minLength",
        "maxLength",
        "confidential",
        "items",
        "uniqueItems",
        "minItems",
        "maxItems",
        "additionalItems",
    )
)
ALL = {
    "type": "array",
    "title": "Everything",
    "description": "all there is",
    "default": "a",
    "minimum": 1,
    "maximum": 9,
    "enum": ["a", "b"],
    "pattern": "^[ab]$",
    "maxLength": 5,
    "items": {"type": "string", "enum": ["a"]},
    "uniqueItems": True,
    "minItems": 1,
    "maxItems": 3,
}


def with_object_of_everything(stream: Stream) -> Stream:
    at = next(at for at, told in enumerate(stream) if told["event_type"] == "metadef_object.update")
    whole = with_payload(
        stream[at - 1],
        name="whole",
        name_old="whole",
        properties=[
            {"name": "all", **DEFINITION, **ALL},
            {"name": "n", **DEFINITION, "type": "integer", "title": "N", "default": "0"},
        ],
    )
    return [*stream[:at], whole, *stream[at:]]


LOCK = "os_glance_import_task"


def unlocked(told: Notification) -> Notification:
    kept = {name: value for name, value in told["payload"]["properties"].items() if name != LOCK}
    return with_payload(told, properties=kept)


def is_update(told: Notification) -> bool:
    return told.get("event_type") == "image.update"


def begun_at_once(stream: Stream) -> Stream:
    """The image becomes importing before the task is taken up."""
    told = list(stream)
    for at in range(1, len(told) - 1):
        is_first = told[at].get("event_type") == "task.processing" and not is_update(told[at - 1])
        if is_first and is_update(told[at + 1]):
            told[at], told[at + 1] = told[at + 1], told[at]
            if at + 2 < len(told) and told[at + 2] == told[at]:
                # Of a copy Glance tells the beginning twice.
                told[at + 2] = {}
    return [one for one in told if one]


def ended_at_once(stream: Stream) -> Stream:
    """The last step of an import drops the lock. Where all stores must succeed, it also records the data."""
    told = list(stream)
    for at, one in enumerate(stream):
        if one["event_type"] == "task.success":
            told[at - 1] = unlocked(stream[at - 1])
            names = [earlier["event_type"] for earlier in stream[at - 4 : at - 2]]
            if stream[at]["payload"]["owner"] == "admin" or "image.activate" in names:
                told[at - 2] = {}
        if one["event_type"] == "task.failure" and is_update(stream[at - 1]):
            told[at - 1] = unlocked(stream[at - 1])
    return [one for one in told if one]


def sent_back(stream: Stream) -> Stream:
    """The image of the last import that failed is queued again."""
    at = max(at for at, told in enumerate(stream) if told["event_type"] == "task.failure")
    back = with_payload(stream[at - 1], status="queued", size=None)
    return [*stream[: at - 1], back, *stream[at:]]


def recorded_at_last(stream: Stream) -> Stream:
    """Of an image that is to be in all of its stores nothing is known until it is."""
    return [
        with_payload(told, size=None, checksum=None, virtual_size=None)
        if told["event_type"] in ("image.update", "image.prepare") and told["payload"]["status"] == "importing"
        and told["payload"]["checksum"]
        else told
        for told in stream
    ]


def taken_in_two_steps(stream: Stream) -> Stream:
    """The first makes the data known, the second what is in it."""
    told = []
    for at, one in enumerate(stream):
        following = stream[at + 1]["event_type"] if at + 1 < len(stream) else ""
        if is_update(one) and following.startswith("task."):
            told.append(unlocked(one))
        elif one["event_type"] != "image.send" and (not is_update(one) or following == "image.send"):
            told.append(one)
    return told


DIFFERENCES = [
    Difference(
        "a location is taken in two steps, and to read data for its hash is not to send it to anybody",
        tuple(f"told: location {name}" for name in ("without a hash", "with its hash", "with another hash")),
        taken_in_two_steps,
    ),
    Difference(
        "an image is importing as soon as that is answered, and not when its task is taken up",
        ("told: imports", "told: stores"),
        begun_at_once,
    ),
    Difference(
        "the end of an import is one step, after which its lock is gone",
        ("told: imports", "told: stores"),
        ended_at_once,
    ),
    Difference(
        "an image whose data was refused goes back to queued; Glance leaves it importing for ever",
        ("told: imports",),
        sent_back,
    ),
    Difference(
        "size and checksum are recorded together with the last of the copies that must all succeed",
        ("told: stores",),
        recorded_at_last,
    ),
    Difference(
        "who gets an image is always told where it goes; Glance says so only of cached ones",
        ("told: downloads", "told: stores"),
        addressed,
    ),
    Difference(
        "an image whose data was refused has no checksum",
        ("told: uploads",),
        without_checksum_of_nothing,
    ),
    Difference(
        "Glance tells nobody of an object with a list among its properties, since it cannot write its own message down",
        ("told: metadefs",),
        with_object_of_everything,
    ),
]
