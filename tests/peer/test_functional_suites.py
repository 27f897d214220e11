"""The clients' own functional tests, as their packages ship them, signed in at a real Keystone: what passes against Glance
passes against us, also with our `openstack` in the place of theirs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.cloud import Cloud, Region
from harness.disks import Disk
from harness.shipped_suite import Result, run_suite
from harness.vidimus import find_program
from harness.warm_python import WarmOpenstack

SDK = "openstack.tests.functional.image.v2"
CLIENT = "openstackclient.tests.functional.image.v2"

# What our `openstack` does not have and their tests call. One that is not needed any more fails the test.
NOT_OURS = ("image metadef", "token issue")


@pytest.fixture(scope="module")
def regions(cloud: Cloud, disks: dict[str, Disk]) -> dict[str, Region]:
    """Both with what a devstack has: an image everybody may boot."""
    for region in cloud.regions.values():
        disk = disks["qcow2"]
        with region.connect("devstack-admin") as admin:
            admin.image.create_image(
                "cirros", filename=str(disk.path), disk_format="qcow2", container_format="bare", visibility="public"
            )
        # A test uploads the file of this name that its own checkout has.
        (region.home / "CONTRIBUTING.rst").write_text("Any text will do.\n")
    return cloud.regions


@pytest.fixture(scope="module")
def their_openstack(regions: dict[str, Region], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """For each region, what to put in front of the search path."""
    folder = tmp_path_factory.mktemp("path")
    warm = {name: WarmOpenstack(folder / name, region.home) for name, region in regions.items()}
    yield {name: client.folder for name, client in warm.items()}
    for client in warm.values():
        client.stop()


@pytest.fixture(scope="module")
def our_openstack(regions: dict[str, Region], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("path")
    (folder / "openstack").symlink_to(find_program("openstack", "OPENSTACK_BIN"))
    return dict.fromkeys(regions, folder)


def run_on_both(package: str, regions: dict[str, Region], paths: Mapping[str, Path]) -> dict[str, dict[str, Result]]:
    """By server, by test id. The servers are independent, so the suite runs against both at once."""

    def run(region: Region) -> dict[str, Result]:
        # Five seconds for a test are too few beside other work.
        env = {**region.env(), "OS_TEST_TIMEOUT": "120", "OS_LOG_CAPTURE": "true"}
        if region.name in paths:
            env["PATH"] = f"{paths[region.name]}{os.pathsep}{env['PATH']}"
        return run_suite(package, env, region.home)

    with ThreadPoolExecutor() as pool:
        running = {name: pool.submit(run, region) for name, region in regions.items()}
        return {name: future.result() for name, future in running.items()}


def tell(report: list[str], title: str, outcome: dict[str, dict[str, Result]]) -> None:
    """Every test with its result on every server."""
    ids = sorted({test for results in outcome.values() for test in results})
    report.append(f"{title}: {len(ids)} tests")
    report.append(f"{'':4}{'  '.join(f'{name:7}' for name in outcome)}  test")
    for test in ids:
        statuses = [results[test].status if test in results else "absent" for results in outcome.values()]
        report.append(f"{'':4}{'  '.join(f'{status:7}' for status in statuses)}  {test}")


def assert_as_on_glance(outcome: dict[str, dict[str, Result]]) -> None:
    glance, vidimus = outcome["glance"], outcome["vidimus"]
    assert any(result.status == "success" for result in glance.values()), f"nothing passes on Glance: {next(iter(glance.values()))}"
    assert glance.keys() == vidimus.keys()
    broken = [test for test, result in glance.items() if result.status == "success" and vidimus[test].status != "success"]
    assert not broken, "\n".join(f"{test}: {vidimus[test].status}\n{vidimus[test].details}" for test in broken)


def test_openstacksdk(regions: dict[str, Region], report: list[str]) -> None:
    outcome = run_on_both(SDK, regions, {})
    tell(report, "openstacksdk's functional image tests", outcome)
    assert_as_on_glance(outcome)


def test_python_openstackclient(regions: dict[str, Region], their_openstack: dict[str, Path], report: list[str]) -> None:
    outcome = run_on_both(CLIENT, regions, their_openstack)
    tell(report, "python-openstackclient's functional image tests", outcome)
    assert_as_on_glance(outcome)


def test_our_openstack(regions: dict[str, Region], our_openstack: dict[str, Path], report: list[str]) -> None:
    outcome = run_on_both(CLIENT, regions, our_openstack)
    tell(report, "python-openstackclient's functional image tests with our openstack", outcome)
    needs = {test: missing_command(result) for results in outcome.values() for test, result in results.items()}
    for test, command in sorted(needs.items()):
        if command:
            report.append(f"{'':4}needs `openstack {command}`  {test}")
    failed = [
        f"{test} on {server}: {result.status}\n{result.details}"
        for server, results in outcome.items()
        for test, result in results.items()
        if result.status != "success" and not needs[test].startswith(NOT_OURS)
    ]
    assert not failed, "\n".join(failed)
    used = {known for known in NOT_OURS if any(command.startswith(known) for command in needs.values())}
    assert used == set(NOT_OURS), f"not needed, or there by now: {set(NOT_OURS) - used}"


def missing_command(result: Result) -> str:
    """The command our client refused because it does not have it; empty when the test ended otherwise."""
    refused = re.search(r"openstack: '([a-z ]+)[^']*' is not an openstack command", result.details)
    return refused[1].strip() if refused and result.status == "fail" else ""
