"""What a case is: something that is done to each of some servers, over and over, and gives a number each time.

A scene is what its cases have in common: the servers, and the data they begin with. It is set up once; then every
round visits every case, and in it every server, in an order that turns with the round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class Subject(Protocol):
    """A running server, whichever it is. `pids` lead the process groups that everything of it belongs to."""

    name: str
    url: str
    dir: Path

    @property
    def pids(self) -> Sequence[int]: ...

    def stop(self) -> None: ...


@dataclass
class Sample:
    """One measurement. `value` in the case's unit; `work` is what the CPU seconds were spent on, such as requests."""

    value: float
    work: float = 0.0
    detail: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0


@dataclass(frozen=True)
class Target:
    """What is held to what: at least `factor` times as good as the server `against`, or its value at least (or at most)
    `value`. Good is what the case measures, or with `cpu` the CPU seconds for one of what was done."""

    text: str
    factor: float | None = None
    against: str = "glance"
    value: float | None = None
    cpu: bool = False
    # Who is held to it, where that is not the scene's subject.
    subject: str | None = None


@dataclass(frozen=True)
class Effort:
    """How much time there is. A quick run does everything once, and less of it."""

    rounds: int
    quick: bool

    def some(self, full: Any, quick: Any) -> Any:
        """Which of two amounts fits into the time."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Case:
    """`measure` is called with one server at a time and does the work once."""

    name: str
    unit: str
    measure: Callable[[Any], Sample]
    more_is_better: bool = True
    targets: Sequence[Target] = ()
    # Servers of the scene that this case leaves out, because it would take for ever there or means nothing.
    without: Sequence[str] = ()
    rounds: int | None = None
    # What CPU seconds are counted by.
    work: str = "request"


@dataclass
class Scene:
    """`start` gives the servers, by name, in a folder of the scene's own; they are stopped by the runner."""

    name: str
    title: str
    start: Callable[[Path], Sequence[Subject]]
    cases: Sequence[Case]
    # The server that the others are compared with.
    subject: str = "vidimus"


@dataclass
class Result:
    """All samples of a case, by server, in the order of the rounds; `failures` says why a server has no more."""

    scene: Scene
    case: Case
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
