"""Locations, the web as a store, and storage quotas: the same requests to Glance and to us, on several sites."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.comparison import Comparison
from harness.glance import Glance, Options
from harness.golden import Golden, comparable, record
from harness.process import free_port
from harness.source import Source
from harness.vidimus import beside_glance
from replay.callers import ADMIN
from replay.location_differences import differences
from replay.locations import patches, posts, quotas, stores, unhashed
from replay.steps import Scenario
from test_http_imports import RANDOM_ID

PORT = free_port()
FILTER = {"import_filtering_opts": {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[]"}}


def site(**extra: str) -> Options:
    return Options(identity=True, cache=False, flavor="", sections=FILTER, extra=extra)


def web_site(**extra: str) -> Options:
    return Options(
        identity=True, cache=False, flavor="", sections=FILTER, extra=extra, backends=("fast", "slow"), web_stores=("mirror",)
    )


SHOWN = {"show_multiple_locations": "true", "show_image_direct_url": "true", "image_location_quota": "3"}

SITES: dict[str, tuple[Options, Callable[[str], list[Scenario]]]] = {
    "one store": (site(**SHOWN), lambda source: patches(source, 0xC0) + posts(source, 0xC8)),
    "three stores": (
        web_site(**SHOWN),
        lambda source: patches(source, 0xD0) + posts(source, 0xD8) + stores(source, 0xDC),
    ),
    "hidden": (site(), lambda source: posts(source, 0xE0, with_failures=False)),
    "quota": (site(user_storage_quota="60000B", **SHOWN), lambda source: quotas(source, 0xE4)),
    "no hash": (site(do_secure_hash="false"), lambda source: unhashed(source, 0xE8)),
}


def prefixed(name: str, answers: dict[str, Golden]) -> dict[str, Golden]:
    return {f"{name}: {case}": answer for case, answer in answers.items()}


CASES = [
    f"{name}: {scenario.name}/{step.name}"
    for name, (_, build) in SITES.items()
    for scenario in build(f"http://127.0.0.1:{PORT}")
    for step in scenario.steps
]
DIFFERENCES = differences(f"http://127.0.0.1:{PORT}")


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with Source(PORT) as running:
        yield running


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory, source: Source) -> dict[str, Golden]:
    answers = {}
    for name, (options, build) in SITES.items():
        folder = tmp_path_factory.mktemp("locations-glance")
        with Glance(folder, options=options) as server:
            answers.update(prefixed(name, anywhere(folder, record(server, build(source.url), ADMIN))))
    return answers


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory, source: Source) -> dict[str, Golden]:
    answers = {}
    for name, (options, build) in SITES.items():
        folder = tmp_path_factory.mktemp("locations-vidimus")
        with beside_glance(folder, options) as server:
            answers.update(prefixed(name, anywhere(folder, record(server, build(source.url), ADMIN))))
    return answers


def anywhere(folder: Path, answers: dict[str, Golden]) -> dict[str, Golden]:
    """The same, whatever folder the server's data is in."""
    told: dict[str, Golden] = json.loads(json.dumps(answers).replace(str(folder), "<folder>"))
    return told


def without_random(golden: Golden) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(RANDOM_ID.sub("<random>", json.dumps(comparable(golden))))
    stores = told["headers"].get("openstack-image-store-ids")
    if stores is not None:
        # Once it has used them, Glance lists its own folders as stores, now and then.
        named = [name for name in stores.split(", ") if not name.startswith("os_glance_")]
        told["headers"]["openstack-image-store-ids"] = ", ".join(named)
    return told


COMPARISON = Comparison(CASES, DIFFERENCES, without_random)


def test_differences_name_cases_that_exist_once() -> None:
    COMPARISON.require_differences_once()


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    COMPARISON.require_same(case, of_glance, of_vidimus)
