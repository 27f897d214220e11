"""What a scenario is made of: requests as data, in order, on images whose ids it chose itself.

Ids are given on create and grow with the order of creation, so answers need no matching of ids and the default order
of a list does not depend on whether two images were created in the same second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Not a request: the file of the image that `path` names disappears from the store. Such an image stays queued for the
# cache, because its data cannot be fetched.
LOSE_DATA = "(lose data)"
# Not a request: every task has ended.
TASKS_END = "(tasks end)"
# What has no answer to be compared.
NO_REQUESTS = (LOSE_DATA, TASKS_END)

PATCH_V21 = "application/openstack-images-v2.1-json-patch"
PATCH_V20 = "application/openstack-images-v2.0-json-patch"


@dataclass(frozen=True)
class Step:
    """One request. With `until` it is repeated until the answer satisfies it; the last answer counts."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    until: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Scenario:
    """Steps that build on each other. Everything they left behind is removed before the next scenario."""

    name: str
    steps: list[Step]

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        doubled = {name for name in names if names.count(name) > 1}
        assert not doubled, f"{self.name}: {doubled}"


class Ids:
    """The image ids of a scenario: `Ids(7)[1]`, `Ids(7)[2]`, … sort as they are numbered."""

    def __init__(self, scenario: int):
        self._scenario = scenario

    def __getitem__(self, number: int) -> str:
        return f"{self._scenario:08x}-0000-4000-8000-{number:012x}"


# An id that no scenario creates.
NOBODY = "ffffffff-0000-4000-8000-000000000000"


def request(
    name: str,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    accept: str | None = "application/json",
    until: Callable[[Any], bool] | None = None,
) -> Step:
    """A request as it stands; asks for JSON unless told otherwise, since that decides the form of errors."""
    sent = {} if accept is None else {"Accept": accept}
    return Step(name, method, path, {**sent, **(headers or {})}, body, until)


def get(name: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Step:
    return request(name, "GET", path, headers, **more)


def send_json(name: str, method: str, path: str, value: Any, content_type: str = "application/json") -> Step:
    return request(name, method, path, {"Content-Type": content_type}, json.dumps(value).encode())


def create(name: str, /, **fields: Any) -> Step:
    return send_json(name, "POST", "/v2/images", fields)


def create_raw(name: str, image: str, /, **fields: Any) -> Step:
    """A queued image that is ready for data."""
    return create(name, id=image, name=name, disk_format="raw", container_format="bare", **fields)


def patch(name: str, image: str, operations: Any, content_type: str = PATCH_V21) -> Step:
    return send_json(name, "PATCH", f"/v2/images/{image}", operations, content_type)


def upload(name: str, image: str, content: bytes, /, **headers: str) -> Step:
    sent = {"Content-Type": "application/octet-stream", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return request(name, "PUT", f"/v2/images/{image}/file", sent, content)


def download(name: str, image: str, headers: Mapping[str, str] | None = None) -> Step:
    return get(name, f"/v2/images/{image}/file", headers)


def lose_data(image: str) -> Step:
    return Step(f"lose {image}", LOSE_DATA, image)


def cache_holds(cached: int, queued: int) -> Callable[[Any], bool]:
    """For `until` on `GET /v2/cache`: prefetching happens behind the answer."""
    return lambda body: len(body["cached_images"]) == cached and len(body["queued_images"]) == queued


def tasks_end(name: str) -> Step:
    """Nobody asks meanwhile: whoever lists tasks writes, and Glance's own threads find SQLite's database locked."""
    return Step(name, TASKS_END, "")
