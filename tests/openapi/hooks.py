"""What schemathesis cannot know: things for its requests to be about, and how a patch is written.

A generated id belongs to no image, so most requests would end at 404. Here two of three are pointed at something that is
there, and is made again if the request before has deleted it. Which statuses each operation has answered is counted; the
file is read by `run.py`.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import uuid
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import requests
import schemathesis

URL = os.environ["VIDIMUS_URL"]
SEEN = Path(os.environ["VIDIMUS_SEEN"])
PATCHES = [f"application/openstack-images-v2.{minor}-json-patch" for minor in (0, 1)]

chance = random.Random(7)
seen: defaultdict[str, Counter[int]] = defaultdict(Counter)


class House:
    """The server as its owner uses it: every request has to succeed, or finds done what it wants."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.images: dict[str, str] = {}

    def ask(self, method: str, path: str, **arguments: Any) -> requests.Response:
        answer = self.session.request(method, f"{URL}/v2{path}", timeout=30, **arguments)
        if answer.status_code >= 400 and answer.status_code not in (404, 409):
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def image(self, data: bytes | None = None, **fields: Any) -> str:
        image = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        body = {"id": image, "name": "house", "disk_format": "raw", "container_format": "bare", **fields}
        self.ask("POST", "/images", json=body)
        if data is not None:
            self.upload(image, data)
        return image

    def upload(self, image: str, data: bytes, where: str = "file") -> None:
        self.ask("PUT", f"/images/{image}/{where}", data=data, headers={"Content-Type": "application/octet-stream"})

    def kept(self, kind: str) -> str:
        """An image of this kind, which is there still."""
        if kind not in self.images or self.ask("GET", f"/images/{self.images[kind]}").status_code == 404:
            self.images[kind] = self.image(os.urandom(2048), visibility="shared")
        return self.images[kind]

    def staged(self) -> str:
        image = self.image()
        self.upload(image, b"staged", "stage")
        return image

    def copied(self) -> str:
        """An image with data in both stores."""
        image = self.image(b"copied")
        wanted = {"method": {"name": "copy-image"}, "stores": ["slow"]}
        self.ask("POST", f"/images/{image}/import", json=wanted)
        while "slow" not in self.ask("GET", f"/images/{image}").json().get("stores", ""):
            pass
        return image

    def namespace(self) -> str:
        base = "/metadefs/namespaces"
        self.ask("POST", base, json={"namespace": "house"})
        self.ask("POST", f"{base}/house/properties", json={"name": "name", "title": "t", "type": "string"})
        self.ask("POST", f"{base}/house/objects", json={"name": "name"})
        self.ask("POST", f"{base}/house/tags/name")
        self.ask("POST", f"{base}/house/resource_types", json={"name": "name"})
        return "house"

    def task(self) -> str:
        tasks = self.ask("GET", "/tasks").json()["tasks"]
        if not tasks:
            self.copied()
            return self.task()
        return str(chance.choice(tasks)["id"])


house = House()


def point(operation: str, path: str, parameters: dict[str, Any]) -> None:
    """Makes the parameters of the path mean something."""
    if "{namespace}" in path:
        parameters["namespace"] = house.namespace()
        if "{name}" in path and operation != "create_tag":
            parameters["name"] = "name"
    elif path.startswith("/v2/tasks/"):
        parameters["id"] = house.task()
    elif operation == "delete_copy":
        parameters["store"], parameters["image"] = chance.choice(["fast", "slow"]), house.copied()
    elif operation in ("upload_image", "stage_image", "add_location"):
        parameters["id"] = house.image()
    elif operation == "import_image":
        parameters["id"] = house.staged()
    elif operation == "delete_image":
        parameters["id"] = house.image(b"x")
    elif operation in ("deactivate_image", "reactivate_image"):
        parameters["id"] = house.kept("switched")
    elif "{id}" in path:
        parameters["id"] = house.kept("shared")
        if "{member}" in path:
            parameters["member"] = "member"
            house.ask("POST", f"/images/{parameters['id']}/members", json={"member": "member"})
        if operation == "remove_tag":
            parameters["tag"] = "tag"
            house.ask("PUT", f"/images/{parameters['id']}/tags/tag")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    operation = str(case.operation.definition.raw["operationId"])
    if not case.path_parameters or chance.random() > 0.67:
        return
    point(operation, case.operation.path, case.path_parameters)
    # Hardly ever would a generated body ask for what the image is staged for.
    if operation == "import_image" and isinstance(case.body, dict) and chance.random() < 0.5:
        case.body.clear()
        case.body["method"] = {"name": "glance-direct"}
    # Nor would a generated address be one that is looked at; what is found there is said in the task.
    if operation == "add_location" and isinstance(case.body, dict) and chance.random() < 0.5:
        case.body.clear()
        case.body["url"] = "http://127.0.0.1:9/image"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    seen[str(case.operation.definition.raw["operationId"])][response.status_code] += 1


@atexit.register
def write_seen() -> None:
    SEEN.write_text(json.dumps(seen))


@schemathesis.serializer(*PATCHES)
def patch(context: Any, value: Any) -> bytes:
    return json.dumps(value).encode()
