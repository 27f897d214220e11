"""Staging, imports, tasks and copies: the same requests to Glance and to us, on a site with one store and with three."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.comparison import Comparison
from harness.glance import Glance, Options
from harness.golden import Golden, comparable, record
from harness.process import free_port
from harness.source import Source
from harness.vidimus import beside_glance
from replay import import_plugins, legacy_tasks, ova
from replay.callers import ADMIN
from replay.import_differences import differences
from replay.imports import scenarios, store_scenarios
from replay.steps import NO_REQUESTS

PORT = free_port()
FILTER = {"import_filtering_opts": {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[]"}}
ONE = Options(identity=True, cache=False, flavor="", sections=FILTER)
THREE = Options(identity=True, cache=False, flavor="", sections=FILTER, backends=("fast", "slow", "cold"))
PLUGGED = Options(
    identity=True,
    cache=False,
    flavor="",
    sections={
        **FILTER,
        "image_import_opts": {
            "image_import_plugins": "[no_op,image_decompression,inject_image_metadata,image_conversion]"
        },
        "inject_metadata_properties": {"inject": "colour:red,os_glance_colour:red"},
        "image_conversion": {"output_format": "raw"},
    },
)
PARALLEL = Options(
    identity=True,
    cache=False,
    flavor="",
    sections={**FILTER, "image_import_opts": {"max_parallel_stores": "2"}},
    backends=("fast", "slow", "cold"),
)
UNPACKING = Options(
    identity=True,
    cache=False,
    flavor="",
    sections={**FILTER, "task": {"work_dir": "{dir}/tasks"}},
    files={"ovf-metadata.json": ova.METADATA, "policy.yaml": '"tasks_api_access": ""\n'},
)
SITES = (
    (ONE, lambda source: [*scenarios(source), *legacy_tasks.scenarios(source)]),
    (THREE, store_scenarios),
    (PLUGGED, import_plugins.scenarios),
    (PARALLEL, import_plugins.parallel_scenarios),
    (UNPACKING, ova.scenarios),
)
CASES = [
    f"{scenario.name}/{step.name}"
    for _, build in SITES
    for scenario in build(f"http://127.0.0.1:{PORT}")
    for step in scenario.steps
    if step.method not in NO_REQUESTS
]
DIFFERENCES = differences(f"http://127.0.0.1:{PORT}")
# Ids that a server made up; those of the scenarios look otherwise.
RANDOM_ID = re.compile(r"\b(?![0-9a-f]{8}-0000-4000-8000-)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with Source(PORT, files=ova.files()) as running:
        yield running


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory, source: Source) -> dict[str, Golden]:
    answers = {}
    for options, build in SITES:
        with Glance(tmp_path_factory.mktemp("imports-glance"), options=options) as server:
            answers.update(record(server, build(source.url), ADMIN))
    return answers


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory, source: Source) -> dict[str, Golden]:
    answers = {}
    for options, build in SITES:
        with beside_glance(tmp_path_factory.mktemp("imports-vidimus"), options) as server:
            answers.update(record(server, build(source.url), ADMIN))
    return answers


def without_random(golden: Golden) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(RANDOM_ID.sub("<random>", json.dumps(comparable(golden))))
    return told


COMPARISON = Comparison(CASES, DIFFERENCES, without_random)


def test_differences_name_cases_that_exist_once() -> None:
    COMPARISON.require_differences_once()


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    COMPARISON.require_same(case, of_glance, of_vidimus)
