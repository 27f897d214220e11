"""The same images of another region imported by Glance and by us. The other region is a real Glance, behind a proxy that knows tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness import raw_http
from harness.comparison import Comparison
from harness.front import Front
from harness.glance import Glance, Options
from harness.golden import Golden, comparable, record
from harness.process import free_port
from harness.vidimus import Vidimus, beside_glance
from replay.callers import ADMIN, caller
from replay.glance_download import REMOTE, THERE, TOKEN, catalog, scenarios
from replay.glance_download_differences import DIFFERENCES
from replay.steps import NO_REQUESTS

FILTER = {"import_filtering_opts": {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[]"}}
METHODS = {"enabled_import_methods": "[glance-direct,web-download,copy-image,glance-download]"}
LOCAL = Options(identity=True, cache=False, flavor="", sections=FILTER, extra=METHODS)
CASES = [
    f"{scenario.name}/{step.name}" for scenario in scenarios([]) for step in scenario.steps if step.method not in NO_REQUESTS
]


def furnish(server: Glance | Vidimus) -> None:
    headers = caller("owner", "member", "reader")
    for number, (fields, data) in REMOTE.items():
        body = json.dumps({"id": THERE[number], **fields}).encode()
        sent = {**headers, "Content-Type": "application/json"}
        assert raw_http.send(server.url, "POST", "/v2/images", sent, body).status == 201
        if data is not None:
            sent = {**headers, "Content-Type": "application/octet-stream"}
            assert raw_http.send(server.url, "PUT", f"/v2/images/{THERE[number]}/file", sent, data).status == 204, number


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The catalog of a remote site that runs."""
    lenient = Options(
        identity=True,
        cache=False,
        flavor="",
        sections={"image_format": {"require_image_format_match": "false"}},
    )
    with (
        Glance(tmp_path_factory.mktemp("remote"), options=lenient) as remote,
        Front({TOKEN: caller("owner", "member", "reader")}) as front,
    ):
        furnish(remote)
        front.target = remote.url
        yield catalog(front.url, f"http://127.0.0.1:{free_port()}")


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory, told: list[dict[str, Any]]) -> dict[str, Golden]:
    with Glance(tmp_path_factory.mktemp("far-glance"), options=LOCAL) as server:
        return record(server, scenarios(told), ADMIN)


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory, told: list[dict[str, Any]]) -> dict[str, Golden]:
    with beside_glance(tmp_path_factory.mktemp("far-vidimus"), LOCAL) as server:
        answers = record(server, scenarios(told), ADMIN)
        assert TOKEN not in server.log.read_text()
        return answers


def without_random(golden: Golden) -> dict[str, Any]:
    """Without the ids of tasks, which the server makes up."""
    answer: dict[str, Any] = comparable(golden)
    if isinstance(answer["body"], dict):
        tasks = [{**task, "id": "<random>"} for task in answer["body"].get("tasks", [])]
        answer = {**answer, "body": {**answer["body"], **({"tasks": tasks} if tasks else {})}}
    return answer


COMPARISON = Comparison(CASES, DIFFERENCES, without_random)


def test_differences_name_cases_that_exist_once() -> None:
    COMPARISON.require_differences_once()


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    COMPARISON.require_same(case, of_glance, of_vidimus)
