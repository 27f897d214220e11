"""The same cases answered by both servers: the answers must be the same, except where we mean to differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from harness.golden import Golden, alike, comparable


class Difference(Protocol):
    """What `replay.differences` has more of."""

    @property
    def reason(self) -> str: ...

    @property
    def cases(self) -> tuple[str, ...]: ...

    def overlay(self, golden: Mapping[str, Any]) -> dict[str, Any]: ...


class Comparison:
    """`without` takes out of an answer what differs between two runs of the same server."""

    def __init__(
        self,
        cases: Iterable[str],
        differences: Iterable[Difference],
        without: Callable[[Golden], dict[str, Any]] = comparable,
    ):
        self._cases = set(cases)
        self._named = [(case, difference) for difference in differences for case in difference.cases]
        self._differences = dict(self._named)
        self._without = without

    def require_differences_once(self) -> None:
        named = [case for case, _ in self._named]
        assert sorted(set(named) - self._cases) == []
        assert sorted({case for case in named if named.count(case) > 1}) == []

    def require_same(self, case: str, of_glance: Mapping[str, Golden], of_vidimus: Mapping[str, Golden]) -> None:
        expected = self._without(of_glance[case])
        difference = self._differences.get(case)
        if difference is not None:
            overlaid = difference.overlay(expected)
            assert overlaid != expected, f"no difference any more: {difference.reason}"
            expected = overlaid
        assert alike(expected, self._without(of_vidimus[case])) == expected
