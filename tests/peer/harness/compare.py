"""Records the replay scenarios on both servers and tells where they differ.

`python -m harness.compare --glance FILE [--vidimus FILE]` writes the answers as JSON. With both, each case that differs
and is not listed is printed with what was expected and what came.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from harness.glance import Glance
from harness.golden import alike, comparable, record
from harness.vidimus import Vidimus
from replay import SCENARIOS
from replay.differences import DIFFERENCES
from replay.metadef_differences import DIFFERENCES as METADEF_DIFFERENCES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.compare")
    parser.add_argument("--glance", type=Path, required=True, help="file for Glance's answers; read if it is there")
    parser.add_argument("--vidimus", type=Path, help="file for our answers; always written anew")
    arguments = parser.parse_args()
    if not arguments.glance.exists():
        with tempfile.TemporaryDirectory() as folder, Glance(Path(folder)) as server:
            arguments.glance.write_text(json.dumps(record(server, SCENARIOS), indent=1))
    if arguments.vidimus is None:
        return
    with tempfile.TemporaryDirectory() as folder, Vidimus(Path(folder)) as server:
        ours = record(server, SCENARIOS)
        arguments.vidimus.write_text(json.dumps(ours, indent=1))
    theirs = json.loads(arguments.glance.read_text())
    by_case = {case: difference for difference in [*DIFFERENCES, *METADEF_DIFFERENCES] for case in difference.cases}
    different = 0
    for case, golden in theirs.items():
        expected = comparable(golden)
        if case in by_case:
            expected = by_case[case].overlay(expected)
        got = alike(expected, comparable(ours[case]))
        if got != expected:
            different += 1
            print(f"## {case}\n{golden['request']}")
            for part in sorted({*expected, *got}):
                if expected.get(part) != got.get(part):
                    print(f"  {part}: expected {json.dumps(expected.get(part))[:700]}")
                    print(f"  {' ' * len(part)}       got {json.dumps(got.get(part))[:700]}")
    print(f"{different} of {len(theirs)} cases differ")


if __name__ == "__main__":
    main()
