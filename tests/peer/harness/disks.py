"""Disk images as users have them: made by qemu-img and xorriso, not by us."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    path: Path
    disk_format: str
    virtual_size: int

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


def make_disks(folder: Path) -> dict[str, Disk]:
    """One of each format by name; the content is the same on every run."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "disk.raw"
    raw.write_bytes(random.Random(7).randbytes(3 << 20) + bytes(5 << 20))
    disks = {"raw": Disk(raw, "raw", 8 << 20)}
    for disk_format, argument in (("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vdi", "vdi"), ("vhdx", "vhdx")):
        path = folder / f"disk.{disk_format}"
        options = ["-o", "subformat=streamOptimized"] if disk_format == "vmdk" else []
        _run("qemu-img", "convert", "-f", "raw", "-O", argument, *options, str(raw), str(path))
        disks[disk_format] = Disk(path, disk_format, 8 << 20)
    disks["iso"] = _iso(folder)
    return disks


def _iso(folder: Path) -> Disk:
    tree = folder / "tree"
    tree.mkdir(exist_ok=True)
    (tree / "readme.txt").write_text("a medium to install nothing from\n")
    (tree / "payload").write_bytes(random.Random(8).randbytes(1 << 20))
    path = folder / "medium.iso"
    _run("xorriso", "-as", "mkisofs", "-quiet", "-V", "NOTHING", "-J", "-R", "-o", str(path), str(tree))
    return Disk(path, "iso", path.stat().st_size)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
