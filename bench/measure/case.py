"""What a case is: something that is done to each of some servers, over and over, and gives a number each time.

A scene is what its cases have in common: the servers, and the data they begin with. It is set up once; then every
round visits every case, and in it every server, in an order that turns with the round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Subject(Protocol):
    """A running server, whichever it is. `pid` leads the process group that everything of it belongs to."""

    name: str
    url: str
    dir: Path

    @property
    def pid(self) -> int: ...

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
    """What `subject` is held to: its value at least (or at most) `factor` times the `baseline`'s, or its value itself at
    least (or at most) `value`."""

    text: str
    factor: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class Case:
    """`measure` is called with one server at a time and does the work once."""

    name: str
    unit: str
    measure: Callable[[Subject], Sample]
    more_is_better: bool = True
    target: Target | None = None
    # Servers of the scene that this case leaves out, because it would take for ever there or means nothing.
    without: Sequence[str] = ()
    rounds: int | None = None
    # Compared with this server instead of the scene's baseline.
    baseline: str | None = None


@dataclass
class Scene:
    """`start` gives the servers, by name, in a folder of the scene's own; they are stopped by the runner."""

    name: str
    start: Callable[[Path], Sequence[Subject]]
    cases: Sequence[Case]
    # The server the others are compared with, and the one that is held to the targets.
    baseline: str = "glance"
    subject: str = "vidimus"


@dataclass
class Result:
    """All samples of a case, by server, in the order of the rounds; `failure` says why there are no more."""

    scene: Scene
    case: Case
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failure: str = ""
