"""`python -m measure`: chooses the cases, runs the rounds, prints what came out. `bench/run` calls it."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from measure import cases, report
from measure.case import Result, Scene
from measure.load import WrongAnswers


def scenes() -> list[Scene]:
    """Those of every module in `cases`."""
    found: list[Scene] = []
    for module in sorted(pkgutil.iter_modules(cases.__path__), key=lambda module: module.name):
        found += importlib.import_module(f"measure.cases.{module.name}").scenes()
    return found


def chosen(words: Sequence[str]) -> list[Scene]:
    """The scenes with those of their cases that a word is in; without words all."""
    kept = []
    for scene in scenes():
        some = [case for case in scene.cases if not words or any(word in case.name for word in words)]
        if some:
            kept.append(replace(scene, cases=some))
    return kept


def run(scene: Scene, rounds: int, keep: Path | None) -> list[Result]:
    """Sets the scene and visits its cases, and in each its servers, in turn. A case that a server answers wrongly is given
    up, and says so."""
    results = [Result(scene, case) for case in scene.cases]
    directory = Path(tempfile.mkdtemp(prefix=f"bench-{scene.name.replace('/', '-')}-", dir=keep))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        servers = scene.start(directory)
        for server in servers:
            stack.callback(server.stop)
        for turn in range(rounds):
            for result in results:
                if result.failure or (result.case.rounds is not None and turn >= result.case.rounds):
                    continue
                shift = turn % len(servers)
                for server in [*servers[shift:], *servers[:shift]]:
                    if server.name in result.case.without:
                        continue
                    try:
                        sample = result.case.measure(server)
                    except WrongAnswers as error:
                        result.failure = str(error)
                        say(f"  {turn + 1}/{rounds}  {result.case.name}  {error}")
                        break
                    result.samples.setdefault(server.name, []).append(sample)
                    say(f"  {turn + 1}/{rounds}  {result.case.name}  {server.name}  {report.number(sample.value)} {result.case.unit}")
    for result in results:
        # Always in the same order, whoever came first in the first round.
        result.samples = {server.name: result.samples[server.name] for server in servers if server.name in result.samples}
    return results


def say(text: str) -> None:
    """For who watches; the table alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure Vidimus against Glance on this machine.")
    parser.add_argument("words", nargs="*", help="run cases whose name contains one of these")
    parser.add_argument("--list", action="store_true", help="print the cases and stop")
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is measured")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--scratch", type=Path, help="make the servers' folders in here instead of the temporary folder")
    arguments = parser.parse_args()
    picked = chosen(arguments.words)
    if arguments.list:
        for scene in picked:
            for case in scene.cases:
                print(f"{case.name}  ({scene.name}; {case.target.text if case.target else 'no target'})")
        return 0
    if not picked:
        parser.error("no case has one of these words in its name; --list names them")
    # So that the servers are stopped and their folders removed, as after an interrupt.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    about = report.machine()
    results: list[Result] = []
    for scene in picked:
        say(f"== {scene.name}")
        results += run(scene, arguments.rounds, arguments.scratch)
    measured = [result for result in results if result.samples]
    about["load_at_end"] = os.getloadavg()[0]
    print("  ".join(f"{key}: {value}" for key, value in about.items()))
    print(report.table(measured))
    failures = [f"{result.case.name}: {result.failure}" for result in results if result.failure]
    for failure in failures:
        print(f"given up: {failure}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(report.to_json(measured, about))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
