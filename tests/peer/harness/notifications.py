"""The notifications a server has written to its log, as they would travel on the bus, and what of them can be compared.

Both servers log one line for each: its level, the logger `oslo.messaging.notification.<event type>` and the message as JSON.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from harness import raw_http
from harness.golden import PATIENCE, REQUEST_ID, TIME, clean, perform, wait_for_tasks
from harness.raw_http import Answer
from replay.steps import TASKS_END, Scenario, Step

LINE = re.compile(r" (INFO|ERROR) .*?\boslo\.messaging\.notification\.(\S+?):?(?: \[[^]]*\])? (\{.*)$")
# Ids that a server made up; those of the scenarios look otherwise.
RANDOM_ID = re.compile(r"\b(?![0-9a-f]{8}-0000-4000-8000-)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
LAST = "the last image"

Notification = dict[str, Any]


class Logging(Protocol):
    """A server with a log, in the folder of its database."""

    url: str
    dir: Path

    @property
    def log(self) -> Any: ...


class Listener:
    """Hears what a server tells from now on."""

    def __init__(self, server: Logging):
        self.server = server
        self._from = server.log.stat().st_size

    def heard(self) -> list[Notification]:
        """So far, oldest first."""
        with self.server.log.open("rb") as log:
            log.seek(self._from)
            text = log.read().decode()
        # A line that is still being written does not count yet.
        found = (LINE.search(line) for line in text[: text.rfind("\n") + 1].splitlines())
        return [self._read(*match.groups()) for match in found if match]

    def wait(self, *events: str, count: int = 1) -> list[Notification]:
        """What was heard, once one of `events` is among it so many times."""
        deadline = time.monotonic() + PATIENCE
        while sum(told["event_type"] in events for told in self.heard()) < count:
            assert time.monotonic() < deadline, f"no {events}: {[told['event_type'] for told in self.heard()]}"
            time.sleep(0.02)
        return self.heard()

    def _read(self, level: str, logger: str, message: str) -> Notification:
        # Glance's log has the exception behind the message of a failure.
        told: Notification = json.JSONDecoder().raw_decode(message)[0]
        # The line must not say anything else than the message in it.
        assert (level, logger) == (told["priority"], told["event_type"])
        return told


def record(server: Logging, scenarios: Iterable[Scenario], admin: Mapping[str, str]) -> dict[str, list[Notification]]:
    """What the server tells about each scenario, from its first request to its last."""
    streams = {}
    for scenario in scenarios:
        clean(server.url, admin)
        listener = Listener(server)
        sent = imports = 0
        for step in scenario.steps:
            if step.method == TASKS_END:
                wait_for_tasks(server.dir)
                listener.wait("task.success", "task.failure", count=imports)
                continue
            answer = perform(server.url, step)
            if is_download(step, answer):
                # Told after the last byte, so the client may have it before.
                sent += 1
                listener.wait("image.send", count=sent)
            imports += is_import(step, answer)
            if step.until:
                # The end of a task is told after it can be seen.
                listener.wait("task.success", "task.failure", count=imports)
        streams[scenario.name] = [
            comparable(told, server.url) for told in until_last(server, listener, admin)
        ]
    clean(server.url, admin)
    return streams


def is_download(step: Step, answer: Answer) -> bool:
    return step.method == "GET" and step.path.endswith("/file") and answer.status in (200, 206)


def is_import(step: Step, answer: Answer) -> bool:
    return step.method == "POST" and step.path.endswith(("/import", "/locations")) and answer.status == 202


def until_last(server: Logging, listener: Listener, admin: Mapping[str, str]) -> list[Notification]:
    """All that was told until now: an image is created for no other reason than to hear of it."""
    successes = sum(told["event_type"] == "task.success" for told in listener.heard())
    # Told a moment after the task has ended.
    listener.wait("task.run", count=successes)
    asked = {"Content-Type": "application/json", **admin}
    answer = raw_http.send(server.url, "POST", "/v2/images", asked, json.dumps({"name": LAST}).encode())
    assert answer.status == 201
    last = json.loads(answer.body)["id"]
    deadline = time.monotonic() + PATIENCE
    while True:
        heard = listener.heard()
        for at, told in enumerate(heard):
            if told["event_type"] == "image.create" and told["payload"]["id"] == last:
                return heard[:at]
        assert time.monotonic() < deadline, "a new image is not told"
        time.sleep(0.02)


def comparable(told: Notification, base: str) -> Notification:
    """A notification without what differs between two runs: ids made up on the way, times, the server's address."""
    return {key: _value(base, key, value) for key, value in told.items()}


def _value(base: str, key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _value(base, key, member) for key, member in value.items()}
    if isinstance(value, list):
        # Compat: Glance keeps tags in a set, and stores to be reached too; their order means nothing.
        items = [_value(base, "", item) for item in value]
        return sorted(items) if key in ("tags", "os_glance_importing_to_stores") else items
    if isinstance(value, str):
        value = value.replace(base, "<base>")
        return RANDOM_ID.sub("<random>", TIME.sub("<time>", REQUEST_ID.sub("<request id>", value)))
    return value
