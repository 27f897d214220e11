"""Who may do what with metadata definitions, asked of Glance and of us by every kind of caller."""

from __future__ import annotations

from typing import Any

import pytest

from harness.glance import Glance, Options
from harness.golden import Golden, alike, comparable, record
from harness.vidimus import beside_glance
from replay.callers import ADMIN
from replay.metadef_callers import SCENARIOS
from replay.metadef_differences import CALLER_DIFFERENCES

CASES = [f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps]
BY_CASE = {case: difference for difference in CALLER_DIFFERENCES for case in difference.cases}
OPTIONS = Options(identity=True)


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with Glance(tmp_path_factory.mktemp("callers-glance"), options=OPTIONS) as server:
        return record(server, SCENARIOS, ADMIN)


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with beside_glance(tmp_path_factory.mktemp("callers-vidimus"), OPTIONS) as server:
        return record(server, SCENARIOS, ADMIN)


def test_differences_name_cases_that_exist() -> None:
    assert sorted(set(BY_CASE) - set(CASES)) == []


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    expected: dict[str, Any] = comparable(of_glance[case])
    difference = BY_CASE.get(case)
    if difference is not None:
        overlaid = difference.overlay(expected)
        assert overlaid != expected, f"no difference any more: {difference.reason}"
        expected = overlaid
    assert alike(expected, comparable(of_vidimus[case])) == expected
