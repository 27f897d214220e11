"""Samples to a table for people and JSON for everything else."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

from measure.case import Result, Sample, Target


def baseline_of(result: Result) -> str:
    """The server that the others of a case are compared with."""
    return result.case.baseline or result.scene.baseline


def ratios(result: Result, name: str) -> list[float]:
    """How many times better than the baseline, round by round: what both suffered in one round cancels out."""
    baseline = result.samples.get(baseline_of(result), [])
    own = result.samples.get(name, [])
    better = (lambda a, b: a / b) if result.case.more_is_better else (lambda a, b: b / a)
    return [better(a.value, b.value) for a, b in zip(own, baseline) if a.value > 0 and b.value > 0]


def verdict(target: Target, result: Result) -> str:
    """Whether the subject does what it should."""
    name = result.scene.subject
    values = [sample.value for sample in result.samples.get(name, [])]
    if not values:
        return "not measured"
    if target.factor is not None:
        found = ratios(result, name)
        if not found:
            return "not measured"
        return "met" if median(found) >= target.factor else "missed"
    assert target.value is not None
    is_met = median(values) >= target.value if result.case.more_is_better else median(values) <= target.value
    return "met" if is_met else "missed"


def table(results: Sequence[Result]) -> str:
    """One line for each server and case."""
    head = ("case", "server", "median", "range", "unit", "times baseline", "CPU ms per 1", "peak MiB", "target")
    rows = [head]
    for result in results:
        case, scene = result.case, result.scene
        for name, samples in result.samples.items():
            values = [sample.value for sample in samples]
            found = [] if name == baseline_of(result) else ratios(result, name)
            target = ""
            if name == scene.subject and case.target:
                target = f"{case.target.text}: {verdict(case.target, result)}"
            rows.append(
                (
                    case.name,
                    name,
                    number(median(values)),
                    f"{number(min(values))} to {number(max(values))}",
                    case.unit,
                    number(median(found)) if found else "",
                    number(cpu_per_unit(samples)),
                    number(median(sample.peak_mib for sample in samples)),
                    target,
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def cpu_per_unit(samples: Sequence[Sample]) -> float:
    """Milliseconds of CPU for one request, file or GiB; 0 where nobody counted them."""
    found = [sample.cpu_seconds * 1000 / sample.work for sample in samples if sample.work]
    return median(found) if found else 0.0


def number(value: float) -> str:
    """Three digits that matter."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> dict[str, object]:
    """What the figures belong to."""
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load": os.getloadavg()[0],
    }


def to_json(results: Sequence[Result], about: dict[str, object]) -> str:
    """Everything, sample by sample."""
    cases = []
    for result in results:
        servers = {}
        for name, samples in result.samples.items():
            found = ratios(result, name)
            servers[name] = {
                "median": median(sample.value for sample in samples),
                "times_baseline": median(found) if found else None,
                "samples": [vars(sample) for sample in samples],
            }
        cases.append(
            {
                "case": result.case.name,
                "scene": result.scene.name,
                "unit": result.case.unit,
                "more_is_better": result.case.more_is_better,
                "baseline": baseline_of(result),
                "target": result.case.target and {"text": result.case.target.text, "verdict": verdict(result.case.target, result)},
                "servers": servers,
            }
        )
    return json.dumps({"machine": about, "cases": cases}, indent=1)
