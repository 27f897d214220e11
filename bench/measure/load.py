"""Runs the load generator, and says no when the server did not answer as it should."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence

from measure.case import Sample, Subject
from measure.process_tree import Meter


class WrongAnswers(Exception):
    """The server refused or failed, so there is nothing to compare."""


def load(
    server: Subject,
    requests: Sequence[str],
    *,
    seconds: float = 2.0,
    connections: int = 16,
    count: int | None = None,
    headers: Mapping[str, str] | None = None,
    in_order: bool = False,
) -> Sample:
    """Requests per second over some connections. `requests` are `METHOD /path [body]`; all answers must be 2xx."""
    address = server.url.removeprefix("http://")
    argv = [os.environ["VIDIMUS_LOAD"], address, "--connections", str(connections), "--seconds", str(seconds)]
    if count is not None:
        argv += ["--requests", str(count)]
    for name, value in (headers or {}).items():
        argv += ["--header", f"{name}: {value}"]
    if in_order:
        argv.append("--in-order")
    meter = Meter(server.pids)
    child = subprocess.Popen([*argv, *requests], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    answer = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    cpu, peak = meter.read()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise WrongAnswers(f"{server.name}: the load generator failed")
    report = json.loads(answer)
    bad = {status: n for status, n in report["statuses"].items() if not status.startswith("2")}
    if bad or report["unanswered"] or not report["requests"]:
        raise WrongAnswers(f"{server.name}: {requests[0]}: {report}")
    return Sample(
        value=report["per_second"],
        work=report["requests"],
        detail={
            "p50_ms": report["p50_us"] / 1000,
            "p99_ms": report["p99_us"] / 1000,
            "bytes_per_answer": report["bytes"] / report["requests"],
            "client_cpu_share": (usage.ru_utime + usage.ru_stime) / report["seconds"],
        },
        cpu_seconds=cpu,
        peak_mib=peak,
    )
