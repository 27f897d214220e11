"""The Image API as a test needs it to prepare and to look: short calls that must succeed."""

from __future__ import annotations

import json
import time
from typing import Any

from harness import raw_http
from harness.raw_http import Answer
from harness.server import Server
from replay.steps import PATCH_V21

PATIENCE = 15.0


class Api:
    """What stands here is not under test; a refusal is an error of the test."""

    def __init__(self, server: Server):
        self.server = server
        self.url = server.url

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        sent = {"Accept": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
        answer = raw_http.send(self.url, method, path, sent, body)
        assert 200 <= answer.status < 300 and not answer.broken, f"{method} {path}: {answer}"
        return answer

    def get(self, path: str) -> Any:
        return json.loads(self.send("GET", path).body)

    def create(self, content: bytes | None = None, **fields: Any) -> str:
        """A raw image unless told otherwise; active when it is given content. Answers its id."""
        image = {"disk_format": "raw", "container_format": "bare", **fields}
        answer = self.send("POST", "/v2/images", json.dumps(image).encode(), Content_Type="application/json")
        identity: str = json.loads(answer.body)["id"]
        if content is not None:
            self.upload(identity, content)
        return identity

    def create_waiting(self, **fields: Any) -> str:
        """An active image that is queued for the cache and stays so, since its data is gone."""
        image = self.create(b"gone", **fields)
        (self.server.store_dir / image).unlink()
        self.send("PUT", f"/v2/queued_images/{image}")
        return image

    def upload(self, image: str, content: bytes) -> None:
        self.send("PUT", f"/v2/images/{image}/file", content, Content_Type="application/octet-stream")

    def download(self, image: str) -> bytes:
        return self.send("GET", f"/v2/images/{image}/file").body

    def show(self, image: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.get(f"/v2/images/{image}")
        return shown

    def patch(self, image: str, *operations: dict[str, Any]) -> None:
        self.send("PATCH", f"/v2/images/{image}", json.dumps(operations).encode(), Content_Type=PATCH_V21)

    def names(self) -> list[str]:
        return sorted(image["name"] for image in self.get("/v2/images?limit=1000")["images"])

    def cached(self) -> list[str]:
        return sorted(entry["image_id"] for entry in self.get("/v2/cache")["cached_images"])

    def queued(self) -> list[str]:
        return sorted(self.get("/v2/cache")["queued_images"])

    def wait_cached(self, *images: str) -> None:
        """Until exactly these are cached: a copy appears after the answer that caused it."""
        deadline = time.monotonic() + PATIENCE
        while self.cached() != sorted(images):
            assert time.monotonic() < deadline, f"cached {self.cached()}, expected {sorted(images)}"
            time.sleep(0.05)

    def fill(self, *images: str) -> None:
        """Copies of these, and of no other, in the cache."""
        for image in images:
            self.download(image)
        self.wait_cached(*images)
