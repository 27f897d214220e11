"""What we answer differently from Glance, on purpose, and why.

A difference says exactly what stands in place of Glance's answer: an overlay over it. A case whose answer is neither
Glance's nor the overlaid one fails, and so does a difference that no longer is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Difference:
    """`cases` are names (`scenario/step`); a header of `None` is absent; a body of `...` is left as it is."""

    reason: str
    cases: tuple[str, ...]
    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = ...

    def overlay(self, golden: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(golden)
        # Whatever we mean to do differently, we do not mean to cut the connection.
        changed.pop("broken", None)
        if self.status is not None:
            changed["status"] = self.status
        headers = {**golden["headers"], **self.headers}
        changed["headers"] = {key: value for key, value in headers.items() if value is not None}
        if self.body is not ...:
            changed["body"] = self.body
        return changed


def refusal(title: str, code: int, message: str) -> dict[str, str]:
    """The JSON form of an error."""
    return {"message": f"{message}<br /><br />\n\n\n", "code": f"{code} {title}", "title": title}


DIFFERENCES: list[Difference] = []
