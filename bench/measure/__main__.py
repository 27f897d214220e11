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
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from measure import cases, report
from harness.process import NotReady
from measure.case import Effort, Result, Scene, Subject
from measure.load import WrongAnswers

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def scenes(effort: Effort) -> list[Scene]:
    """Those of every module in `cases`."""
    found: list[Scene] = []
    for module in sorted(pkgutil.iter_modules(cases.__path__), key=lambda module: module.name):
        found += importlib.import_module(f"measure.cases.{module.name}").scenes(effort)
    return found


def chosen(words: Sequence[str], effort: Effort) -> list[Scene]:
    """The scenes with those of their cases that a word is in; without words all."""
    kept = []
    for scene in scenes(effort):
        some = [case for case in scene.cases if not words or any(word in case.name for word in words)]
        if some:
            kept.append(replace(scene, cases=some))
    return kept


def run(scene: Scene, rounds: int, keep: Path | None) -> list[Result]:
    """Sets the scene and visits its cases, and in each its servers, in turn. A server that answers a case wrongly is left
    out of it from then on, and the result says so."""
    results = [Result(scene, case) for case in scene.cases]
    directory = Path(tempfile.mkdtemp(prefix=f"bench-{scene.name}-", dir=keep))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        servers = scene.start(directory)
        for server in servers:
            stack.callback(server.stop)
        for turn in range(rounds):
            for result in results:
                if result.case.rounds is None or turn < result.case.rounds:
                    shift = turn % len(servers)
                    visit(result, [*servers[shift:], *servers[:shift]], f"{turn + 1}/{rounds}")
    for result in results:
        # Always in the same order, whoever came first in the first round; ours before those it is compared with.
        order = sorted(servers, key=lambda server: server.name != scene.subject)
        result.samples = {server.name: result.samples[server.name] for server in order if server.name in result.samples}
    return results


def visit(result: Result, servers: Sequence[Subject], turn: str) -> None:
    """One case, once on each server."""
    case = result.case
    for server in servers:
        if server.name in case.without or server.name in result.failures:
            continue
        try:
            sample = case.measure(server)
        except (WrongAnswers, NotReady) as error:
            result.failures[server.name] = str(error)
            say(f"  {turn}  {case.name}  {error}")
            continue
        result.samples.setdefault(server.name, []).append(sample)
        say(f"  {turn}  {case.name}  {server.name}  {report.number(sample.value)} {case.unit}")


def say(text: str) -> None:
    """For who watches; the table alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure Vidimus against Glance on this machine.")
    parser.add_argument("words", nargs="*", help="run cases whose name contains one of these")
    parser.add_argument("--list", action="store_true", help="print the cases and stop")
    parser.add_argument("--quick", action="store_true", help="everything once, and less of it: ten minutes instead of an hour")
    parser.add_argument("--rounds", type=int, help="how often each case is measured: 3, with --quick 1")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--figures", type=Path, default=PAGE, help="the page that a run of all cases writes its figures into")
    parser.add_argument("--no-figures", action="store_true", help="write them into no page")
    parser.add_argument("--scratch", type=Path, help="make the servers' folders in here instead of the temporary folder")
    arguments = parser.parse_args()
    effort = Effort(arguments.rounds or (1 if arguments.quick else 3), arguments.quick)
    picked = chosen(arguments.words, effort)
    if arguments.list:
        for scene in picked:
            for case in scene.cases:
                print(f"{case.name}  ({'; '.join(target.text for target in case.targets) or 'no target'})")
        return 0
    if not picked:
        parser.error("no case has one of these words in its name; --list names them")
    # So that the servers are stopped and their folders removed, as after an interrupt.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    about = {**report.machine(), "rounds": effort.rounds, "quick": effort.quick}
    results: list[Result] = []
    for scene in picked:
        begin = time.monotonic()
        say(f"== {scene.name}")
        results += run(scene, effort.rounds, arguments.scratch)
        say(f"   {time.monotonic() - begin:.0f} s")
    measured = [result for result in results if result.samples]
    about["load_at_end"] = os.getloadavg()[0]
    print("  ".join(f"{key}: {value}" for key, value in about.items()))
    print(report.table(measured))
    failures = [(result, name) for result in results for name in result.failures]
    for result, name in failures:
        print(f"left out: {result.case.name}: {result.failures[name]}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(report.to_json(measured, about))
    if not arguments.words and not arguments.no_figures:
        report.write_figures(arguments.figures, report.markdown(measured, about))
    # What others cannot do is a finding; what ours cannot do is a failure.
    return int(any(name == result.scene.subject for result, name in failures))


if __name__ == "__main__":
    sys.exit(main())
