"""What web pages of other origins may do, with several configurations: the same as Glance lets them."""

from __future__ import annotations

import pytest

from harness.glance import Glance, Options
from harness.golden import Golden, alike, comparable, record
from harness.vidimus import beside_glance
from replay.callers import ADMIN
from replay.cors import CONFIGURATIONS, SCENARIOS

CASES = [f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps]


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Golden, Golden]]:
    options = Options(identity=True, sections={"cors": CONFIGURATIONS[request.param]})
    with Glance(tmp_path_factory.mktemp("cors-glance"), options=options) as server:
        theirs = record(server, SCENARIOS, ADMIN)
    with beside_glance(tmp_path_factory.mktemp("cors-vidimus"), options) as server:
        ours = record(server, SCENARIOS, ADMIN)
    return {case: (theirs[case], ours[case]) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, answers: dict[str, tuple[Golden, Golden]]) -> None:
    expected, got = map(comparable, answers[case])
    assert alike(expected, got) == expected
