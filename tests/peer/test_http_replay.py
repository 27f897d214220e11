"""The same raw requests to Glance and to us: status, headers and body must be the same.

`replay/` holds the requests, `replay/differences.py` what may differ. `python -m harness.compare` writes both
servers' answers to files.
"""

from __future__ import annotations

import pytest

from harness.comparison import Comparison
from harness.glance import Glance
from harness.golden import Golden, record
from harness.vidimus import Vidimus
from replay import SCENARIOS
from replay.differences import DIFFERENCES as OTHER_DIFFERENCES
from replay.metadef_differences import DIFFERENCES as METADEF_DIFFERENCES
from replay.steps import NO_REQUESTS

CASES = [
    f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps if step.method not in NO_REQUESTS
]
DIFFERENCES = [*OTHER_DIFFERENCES, *METADEF_DIFFERENCES]


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with Glance(tmp_path_factory.mktemp("replay-glance")) as server:
        return record(server, SCENARIOS)


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with Vidimus(tmp_path_factory.mktemp("replay-vidimus")) as server:
        return record(server, SCENARIOS)


COMPARISON = Comparison(CASES, DIFFERENCES)


def test_differences_name_cases_that_exist_once() -> None:
    COMPARISON.require_differences_once()


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    COMPARISON.require_same(case, of_glance, of_vidimus)
