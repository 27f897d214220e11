"""The same raw requests to Glance and to us: status, headers and body must be the same.

`replay/` holds the requests, `replay/differences.py` what may differ. `python -m harness.compare` writes both
servers' answers to files.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness.glance import Glance
from harness.golden import Golden, alike, comparable, record
from harness.vidimus import Vidimus
from replay import SCENARIOS
from replay.differences import DIFFERENCES as OTHER_DIFFERENCES
from replay.metadef_differences import DIFFERENCES as METADEF_DIFFERENCES
from replay.steps import LOSE_DATA

CASES = [
    f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps if step.method != LOSE_DATA
]
DIFFERENCES = [*OTHER_DIFFERENCES, *METADEF_DIFFERENCES]
BY_CASE = {case: difference for difference in DIFFERENCES for case in difference.cases}


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with Glance(tmp_path_factory.mktemp("replay-glance")) as server:
        return record(server, SCENARIOS)


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with Vidimus(tmp_path_factory.mktemp("replay-vidimus")) as server:
        return record(server, SCENARIOS)


def test_differences_name_cases_that_exist_once() -> None:
    named = [case for difference in DIFFERENCES for case in difference.cases]
    assert sorted(set(named) - set(CASES)) == []
    assert sorted({case for case in named if named.count(case) > 1}) == []


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    expected: dict[str, Any] = comparable(of_glance[case])
    difference = BY_CASE.get(case)
    if difference is not None:
        overlaid = difference.overlay(expected)
        assert overlaid != expected, f"no difference any more: {difference.reason}"
        expected = overlaid
    assert alike(expected, comparable(of_vidimus[case])) == expected
