"""Who may do what with metadata definitions, asked of Glance and of us by every kind of caller."""

from __future__ import annotations

import pytest

from harness.comparison import Comparison
from harness.glance import Glance, Options
from harness.golden import Golden, record
from harness.vidimus import beside_glance
from replay.callers import ADMIN
from replay.metadef_callers import SCENARIOS
from replay.metadef_differences import CALLER_DIFFERENCES

CASES = [f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps]
OPTIONS = Options(identity=True)


@pytest.fixture(scope="module")
def of_glance(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with Glance(tmp_path_factory.mktemp("callers-glance"), options=OPTIONS) as server:
        return record(server, SCENARIOS, ADMIN)


@pytest.fixture(scope="module")
def of_vidimus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    with beside_glance(tmp_path_factory.mktemp("callers-vidimus"), OPTIONS) as server:
        return record(server, SCENARIOS, ADMIN)


COMPARISON = Comparison(CASES, CALLER_DIFFERENCES)


def test_differences_name_cases_that_exist_once() -> None:
    COMPARISON.require_differences_once()


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, of_glance: dict[str, Golden], of_vidimus: dict[str, Golden]) -> None:
    COMPARISON.require_same(case, of_glance, of_vidimus)
