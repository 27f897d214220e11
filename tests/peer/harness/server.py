"""What the suites ask of a running server, whichever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Server(Protocol):
    """`store_dir` holds the data of each image in a file named after it."""

    name: str
    url: str
    dir: Path
    store_dir: Path

    def restart(self) -> None: ...

    def stop(self) -> None: ...

    def log_tail(self) -> str: ...
