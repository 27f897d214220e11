"""An operator's policy file means the same to both servers, for every kind of caller."""

from __future__ import annotations

import pytest

from harness.glance import Glance
from harness.golden import Golden, alike, comparable, record
from harness.vidimus import beside_glance
from replay.callers import ADMIN
from replay.policy_file import OPTIONS, SCENARIOS

CASES = [f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Golden, Golden]]:
    with Glance(tmp_path_factory.mktemp("policy-glance"), options=OPTIONS) as server:
        theirs = record(server, SCENARIOS, ADMIN)
    with beside_glance(tmp_path_factory.mktemp("policy-vidimus"), OPTIONS) as server:
        ours = record(server, SCENARIOS, ADMIN)
    return {case: (theirs[case], ours[case]) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, answers: dict[str, tuple[Golden, Golden]]) -> None:
    expected, got = map(comparable, answers[case])
    assert alike(expected, got) == expected
