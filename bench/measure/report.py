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


def ratios(result: Result, subject: str, against: str, cpu: bool = False) -> list[float]:
    """How many times better the subject is than another server, round by round: what both suffered in one round cancels out."""
    better = (lambda a, b: a / b) if result.case.more_is_better and not cpu else (lambda a, b: b / a)

    def values(name: str) -> list[float]:
        samples = result.samples.get(name, [])
        return [sample.cpu_seconds / sample.work if sample.work else 0 for sample in samples] if cpu else [s.value for s in samples]

    return [better(a, b) for a, b in zip(values(subject), values(against)) if a > 0 and b > 0]


def verdict(target: Target, result: Result) -> str:
    """Whether the subject does what it should, and where it is."""
    name = target.subject or result.scene.subject
    values = [sample.value for sample in result.samples.get(name, [])]
    if not values:
        return "not measured"
    if target.factor is not None:
        found = ratios(result, name, target.against, target.cpu)
        if not found:
            return "not measured"
        # Said the way the target is: as many times as good, or as much.
        shown = 1 / median(found) if "at most" in target.text else median(found)
        return f"{'met' if median(found) >= target.factor else 'missed'} ({number(shown)})"
    assert target.value is not None
    is_met = median(values) >= target.value if result.case.more_is_better else median(values) <= target.value
    return f"{'met' if is_met else 'missed'} ({number(median(values))})"


def table(results: Sequence[Result]) -> str:
    """One line for each server and case."""
    head = ("case", "server", "median", "range", "unit", "ours better", "CPU ms per 1", "peak MiB", "target")
    rows = [head]
    for result in results:
        case, scene = result.case, result.scene
        for name, samples in result.samples.items():
            values = [sample.value for sample in samples]
            found = [] if name == scene.subject else ratios(result, scene.subject, name)
            targets = [target for target in case.targets if name == (target.subject or scene.subject)]
            rows.append(
                (
                    case.name,
                    name,
                    number(median(values)),
                    f"{number(min(values))} to {number(max(values))}",
                    case.unit,
                    f"{number(median(found))} times" if found else "",
                    number(cpu_per_unit(samples)),
                    number(median(sample.peak_mib for sample in samples)),
                    "; ".join(f"{target.text}: {verdict(target, result)}" for target in targets),
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(results: Sequence[Result], about: dict[str, object]) -> str:
    """The same for the documentation: a table for each scene, a line for each case."""
    lines = [
        f"{about['time']}: {about['cores']} cores ({about['cpu']}), {about['memory_mib']} MiB, Linux {about['kernel']}, "
        f"load {number(float(str(about['load'])))} before and {number(float(str(about['load_at_end'])))} after, {about['rounds']} rounds.",
    ]
    scenes: dict[str, list[Result]] = {}
    for result in results:
        scenes.setdefault(result.scene.title, []).append(result)
    for title, of_scene in scenes.items():
        lines += ["", f"### {title}", ""]
        lines += ["| case | | value | ours is better | CPU | peak MiB |", "|---|---|---|---|---|---|"]
        for result in of_scene:
            for position, (name, samples) in enumerate(result.samples.items()):
                found = [] if name == result.scene.subject else ratios(result, result.scene.subject, name)
                cpu = cpu_per_unit(samples)
                cells = (
                    f"{result.case.name}, {result.case.unit}" if position == 0 else "",
                    name,
                    number(median(sample.value for sample in samples)),
                    f"{number(median(found))} times" if found else "",
                    f"{number(cpu / 1000)} s/GiB" if result.case.work == "GiB" else f"{number(cpu)} ms" if result.case.work and cpu else "",
                    number(median(sample.peak_mib for sample in samples)) if any(sample.peak_mib for sample in samples) else "",
                )
                lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "### Targets", "", "| case | target | |", "|---|---|---|"]
    for result in results:
        lines += [f"| {result.case.name} | {target.text} | {verdict(target, result)} |" for target in result.case.targets]
    left_out = [(result, name, why) for result in results for name, why in result.failures.items()]
    if left_out:
        lines += ["", "Answered wrongly, and therefore left out:", ""]
        lines += [f"- {result.case.name}, {name}: {why.splitlines()[0][:200]}" for result, name, why in left_out]
    return "\n".join(lines)


BEGIN, END = "<!-- written by bench/run -->", "<!-- end of what bench/run writes -->"


def write_figures(page: Path, text: str) -> None:
    """Puts the figures between the two marks of the page."""
    before, mark, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{page} has no place for the figures: {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


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
            found = ratios(result, result.scene.subject, name)
            servers[name] = {
                "median": median(sample.value for sample in samples),
                "subject_is_better": median(found) if found else None,
                "samples": [vars(sample) for sample in samples],
            }
        cases.append(
            {
                "case": result.case.name,
                "scene": result.scene.name,
                "unit": result.case.unit,
                "more_is_better": result.case.more_is_better,
                "subject": result.scene.subject,
                "targets": [{"text": target.text, "verdict": verdict(target, result)} for target in result.case.targets],
                "servers": servers,
                "failures": result.failures,
            }
        )
    return json.dumps({"machine": about, "cases": cases}, indent=1)
