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


DIFFERENCES = [
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
