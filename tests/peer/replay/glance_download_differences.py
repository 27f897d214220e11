"""What we answer differently about images of another region, on purpose, and why."""

from __future__ import annotations

from typing import Any

from replay.differences import Difference
from replay.glance_download import HERE, THERE, far
from replay.import_differences import failed_task
from replay.steps import NOBODY

WHY = "the task says why it failed, and not only that it did"


def failed(name: str, number: int, method: dict[str, Any], message: str) -> Difference:
    asked = {"glance_service_interface": "public", **method}
    return Difference(WHY, (f"glance-download {name}",), body=failed_task(HERE[number], {"method": asked}, [None], message))


READING, FINDING = "Reading the remote image failed", "Finding the remote image failed"
DIFFERENCES = [
    failed(
        "bad/tasks of queued there", 10, far(THERE[2]), "The remote image cannot be used: it has to be active and is queued"
    ),
    failed("bad/tasks of unknown there", 11, far(NOBODY), f"{READING}: the server answered with status 404"),
    failed(
        "bad/tasks of unknown region",
        12,
        far(THERE[1], "North"),
        f"{FINDING}: the service catalog has no image service in region `North`",
    ),
    failed(
        "bad/tasks of region without images",
        13,
        far(THERE[1], "East"),
        f"{FINDING}: the service catalog has no image service in region `East`",
    ),
    failed(
        "bad/tasks of silent interface",
        14,
        far(THERE[1], glance_service_interface="internal"),
        f"{READING}: the connection failed",
    ),
    failed(
        "bad/tasks of unknown interface",
        15,
        far(THERE[1], glance_service_interface="secret"),
        f"{FINDING}: the image service in region `West` has no `secret` endpoint",
    ),
    failed("strangers/tasks of import", 21, far(THERE[1]), f"{READING}: the server answered with status 401"),
]
