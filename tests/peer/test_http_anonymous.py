"""Callers whom nobody has confirmed: refused, or let in to read, as Glance does it."""

from __future__ import annotations

import pytest

from harness.comparison import Comparison
from harness.glance import Glance, Options
from harness.golden import Golden, record
from harness.vidimus import beside_glance
from replay.anonymous import OPEN, SCENARIOS
from replay.callers import ADMIN

ALLOWED = {"allow_anonymous_access": "true"}
SITES = {
    "refused": Options(identity=True, files={"policy.yaml": OPEN}),
    "shipped rules": Options(identity=True, extra=ALLOWED),
    "open rules": Options(identity=True, extra=ALLOWED, files={"policy.yaml": OPEN}),
}
CASES = [f"{scenario.name}/{step.name}" for scenario in SCENARIOS for step in scenario.steps]

COMPARISON = Comparison(CASES, ())


@pytest.fixture(scope="module", params=SITES)
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Golden, Golden]]:
    options = SITES[request.param]
    with Glance(tmp_path_factory.mktemp("anonymous-glance"), options=options) as server:
        theirs = record(server, SCENARIOS, ADMIN)
    with beside_glance(tmp_path_factory.mktemp("anonymous-vidimus"), options) as server:
        ours = record(server, SCENARIOS, ADMIN)
    return {case: (theirs[case], ours[case]) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_answer(case: str, answers: dict[str, tuple[Golden, Golden]]) -> None:
    theirs, ours = answers[case]
    COMPARISON.require_same(case, {case: theirs}, {case: ours})
