"""`schema-image.json` in both of its layouts means to us what it means to Glance."""

from __future__ import annotations

import pytest

from harness.comparison import Comparison
from harness.glance import Glance, Options
from harness.golden import Golden, record
from harness.vidimus import beside_glance
from replay.callers import ADMIN
from replay.custom_schema import FILES, SCENARIOS

CASES = [f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps]

COMPARISON = Comparison(CASES, ())


@pytest.fixture(scope="module", params=FILES)
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Golden, Golden]]:
    options = Options(identity=True, files={"schema-image.json": FILES[request.param]})
    with Glance(tmp_path_factory.mktemp("schema-glance"), options=options) as server:
        theirs = record(server, SCENARIOS, ADMIN)
    with beside_glance(tmp_path_factory.mktemp("schema-vidimus"), options) as server:
        ours = record(server, SCENARIOS, ADMIN)
    return {case: (theirs[case], ours[case]) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, answers: dict[str, tuple[Golden, Golden]]) -> None:
    theirs, ours = answers[case]
    COMPARISON.require_same(case, {case: theirs}, {case: ours})
