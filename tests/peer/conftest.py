"""The two servers as fixtures: one of each for the whole run, emptied before each test that uses it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("harness.comparison")

from harness import golden  # noqa: E402
from harness.api import Api  # noqa: E402
from harness.client import Client  # noqa: E402
from harness.cloud import Cloud  # noqa: E402
from harness.disks import Disk, make_disks  # noqa: E402
from harness.glance import Glance  # noqa: E402
from harness.server import Server  # noqa: E402
from harness.vidimus import Vidimus  # noqa: E402
from harness.warm_python import WarmPython  # noqa: E402

REPORTS = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def glance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glance]:
    with Glance(tmp_path_factory.mktemp("glance")) as server:
        yield server


@pytest.fixture(scope="session")
def vidimus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vidimus]:
    with Vidimus(tmp_path_factory.mktemp("vidimus")) as server:
        yield server


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Further instances of both, behind a real Keystone."""
    running = Cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is tried on Glance shows that the test is right. Now and then Glance answers 500 where it did not before, which
    says nothing about the test; ours has one try."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.callspec.params.get("server") == "glance":
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print at the end of the run, whether it passed or not."""
    return request.config.stash.setdefault(REPORTS, [])


@pytest.fixture(params=["glance", "vidimus"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the two in turn: what Glance does not pass is a mistake in the test."""
    running: Server = request.getfixturevalue(request.param)
    golden.clean(running.url)
    return running


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmPython]:
    process = WarmPython()
    yield process
    process.stop()


@pytest.fixture
def python(server: Server, warm: WarmPython, tmp_path: Path) -> Client:
    """The Python `openstack`, unmodified."""
    return Client(warm, server.url, tmp_path)


@pytest.fixture(scope="session")
def disks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Disk]:
    return make_disks(tmp_path_factory.mktemp("disks"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """A failure shows the end of the log of the server it happened on."""
    report = yield
    if report.when == "call" and report.failed:
        for name in ("server", "glance", "vidimus"):
            running = getattr(item, "funcargs", {}).get(name)
            if isinstance(running, Glance | Vidimus):
                report.sections.append((f"end of the log of {running.name}", running.log_tail()))
                break
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(REPORTS, []):
        terminalreporter.write_line(line)
