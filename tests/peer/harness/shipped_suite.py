"""Runs a test suite that ships inside an installed Python package, in a process of its own, and says how each test went."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import testtools
from subunit import ByteStreamToStreamResult


@dataclass(frozen=True)
class Result:
    """`status` is subunit's word: success, fail or skip. `details` is what the test left to read."""

    status: str
    details: str


def run_suite(package: str, env: Mapping[str, str], cwd: Path) -> dict[str, Result]:
    """By test id, every test that discovery finds in the package; one that cannot be imported is there as failed."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed")
    folder = Path(found.origin).parent
    top = folder.parents[package.count(".")]
    # What stestr, which these projects use, starts for each of its workers.
    argv = [sys.executable, "-m", "subunit.run", "discover", "-t", str(top), "-s", str(folder)]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, env={**env, "PYTHONWARNINGS": "ignore"}, cwd=cwd, check=False
    )
    results: dict[str, Result] = {}

    def note(test: dict[str, Any]) -> None:
        details = {name: content.as_text() for name, content in (test["details"] or {}).items()}
        results[test["id"]] = Result(test["status"], "\n".join(f"{name}: {text}" for name, text in details.items()))

    sink = testtools.StreamToDict(note)
    sink.startTestRun()
    # Tests print, too.
    ByteStreamToStreamResult(io.BytesIO(done.stdout), non_subunit_name="printed").run(sink)
    sink.stopTestRun()
    results.pop("printed", None)
    if not results:
        raise RuntimeError(f"{package}: no test ran, exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return results
