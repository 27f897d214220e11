"""Imports through plugins, and into several stores at the same time."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from replay.callers import ADMIN
from replay.imports import MEMBER, acting, acting_unless, after, ended, importing, settled, stage, web
from replay.steps import Ids, Scenario, Step, create, create_raw, download, get

RAW = bytes(range(256)) * 256
# Small enough to be sent about, large enough for every format's granularity.
DISK_BYTES = 1 << 20


@cache
def disk(disk_format: str, *options: str) -> bytes:
    """A disk that begins with `RAW`, in a format of qemu-img."""
    with tempfile.TemporaryDirectory() as folder:
        raw, made = Path(folder) / "raw", Path(folder) / "made"
        raw.write_bytes(RAW + bytes(DISK_BYTES - len(RAW)))
        argv = ["qemu-img", "convert", "-f", "raw", "-O", disk_format, *options, str(raw), str(made)]
        subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
        return made.read_bytes()


@cache
def vhd_as_raw() -> bytes:
    """The disk in the `vhd`, whose size the format rounds up."""
    with tempfile.TemporaryDirectory() as folder:
        vhd, raw = Path(folder) / "vhd", Path(folder) / "raw"
        vhd.write_bytes(disk("vpc"))
        argv = ["qemu-img", "convert", "-f", "vpc", "-O", "raw", str(vhd), str(raw)]
        subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
        return raw.read_bytes()


def leading_to(field: str) -> bytes:
    """A qcow2 that takes its data from a file of the host."""
    with tempfile.TemporaryDirectory() as folder:
        made, other = Path(folder) / "made", Path(folder) / "other"
        other.write_bytes(bytes(DISK_BYTES))
        options = ["-o", f"data_file={other},data_file_raw=on"] if field == "data" else ["-b", str(other), "-F", "raw"]
        argv = ["qemu-img", "create", "-q", "-f", "qcow2", *options, str(made), str(DISK_BYTES)]
        subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
        return made.read_bytes()


def nested() -> bytes:
    """A disk whose content is a disk."""
    with tempfile.TemporaryDirectory() as folder:
        inner, outer = Path(folder) / "inner", Path(folder) / "outer"
        inner.write_bytes(disk("qcow2"))
        argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(inner), str(outer)]
        subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
        return outer.read_bytes()


def damaged() -> bytes:
    """A qcow2 whose first table lies where none can lie."""
    made = bytearray(disk("qcow2"))
    made[40:48] = (7).to_bytes(8, "big")
    return bytes(made)


def zipped(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def medium() -> bytes:
    """As much of an ISO 9660 volume as tells what it is."""
    volume = bytearray(40 * 1024)
    volume[32768:32774] = b"\x01CD001"
    volume[32774] = 1
    return bytes(volume)


def partitioned() -> bytes:
    """A raw disk with one partition."""
    made = bytearray(64 * 1024)
    made[446:462] = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\0\0\0", 1, 100)
    made[510:512] = b"\x55\xaa"
    return bytes(made)


# An extent is a file of the host (CVE-2022-47951).
FLAT_VMDK = b"""# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="monolithicFlat"
RW 128 FLAT "/etc/passwd" 0
"""

IDS = Ids(0xB0)
SOUND: dict[str, tuple[int, str, bytes]] = {
    "raw": (1, "raw", RAW),
    "qcow2": (2, "qcow2", disk("qcow2")),
    "vmdk": (3, "vmdk", disk("vmdk", "-o", "subformat=streamOptimized")),
    "sparse vmdk": (4, "vmdk", disk("vmdk")),
    "vdi": (5, "vdi", disk("vdi")),
    "vhdx": (6, "vhdx", disk("vhdx")),
    "vhd": (7, "vhd", disk("vpc")),
    "partitioned": (8, "raw", partitioned()),
    "medium": (9, "iso", medium()),
    "gzip": (10, "raw", gzip.compress(RAW, mtime=0)),
    "gzip of qcow2": (11, "qcow2", gzip.compress(disk("qcow2"), mtime=0)),
    "zip": (12, "raw", zipped(disk=RAW)),
    "zip out of its folder": (13, "raw", zipped(**{"../../disk": RAW})),
    "two gzips": (14, "raw", gzip.compress(RAW, mtime=0) + gzip.compress(b"more" * 128, mtime=0)),
}
UNSOUND: dict[str, tuple[int, str, bytes]] = {
    "qcow2 as raw": (21, "raw", disk("qcow2")),
    "raw as qcow2": (22, "qcow2", RAW),
    "medium as raw": (23, "raw", medium()),
    "backing file": (24, "qcow2", leading_to("backing")),
    "data file": (25, "qcow2", leading_to("data")),
    "flat vmdk": (26, "vmdk", FLAT_VMDK),
    "damaged qcow2": (27, "qcow2", damaged()),
    "ami": (28, "ami", RAW),
    "qcow2 in qcow2": (29, "qcow2", nested()),
}
# Where Glance has these fail, it leaves the image in `importing`.
BROKEN_ARCHIVES: dict[str, tuple[int, str, bytes]] = {
    "cut gzip": (31, "raw", gzip.compress(RAW, mtime=0)[:-9]),
    "two in a zip": (32, "raw", zipped(a=b"a", b=b"b")),
    "lha": (33, "raw", b"xx-lh5-" + RAW),
}


def staged(name: str, number: int, disk_format: str, content: bytes, container: str = "bare") -> list[Step]:
    image = IDS[number]
    return [
        create(f"create {name}", id=image, disk_format=disk_format, container_format=container),
        stage(f"stage {name}", image, content),
        importing(f"import {name}", image, "glance-direct"),
    ]


def unlocked(body: Any) -> bool:
    """For `until`: Glance drops the lock a moment after the task has ended, and keeps the image in `importing`."""
    return "os_glance_import_task" not in body


def scenarios(source: str) -> list[Scenario]:
    """On a site that decompresses, injects `colour` and converts to raw."""
    steps: list[Step] = []
    for name, (number, disk_format, content) in SOUND.items():
        steps += staged(name, number, disk_format, content)
        steps += [*after(name, IDS[number]), download(f"download {name}", IDS[number])]
    for name, (number, disk_format, content) in UNSOUND.items():
        # What qemu-img says of a damaged disk is another version's choice of words.
        answers = after(name, IDS[number])[: 2 if name == "damaged qcow2" else 3]
        steps += [*staged(name, number, disk_format, content), *answers]
    for name, (number, disk_format, content) in BROKEN_ARCHIVES.items():
        steps += [
            *staged(name, number, disk_format, content),
            get(f"tasks of {name}", f"/v2/images/{IDS[number]}/tasks", until=ended),
            get(f"show {name}", f"/v2/images/{IDS[number]}", until=unlocked),
        ]
    steps += [
        # What failed can be tried again with other data.
        stage("stage after qcow2 as raw", IDS[21], RAW),
        importing("import after qcow2 as raw", IDS[21], "glance-direct"),
        *after("after qcow2 as raw", IDS[21]),
        *staged("compressed", 41, "raw", gzip.compress(RAW, mtime=0), "compressed"),
        *after("compressed", IDS[41]),
        create_raw("create for web", IDS[42]),
        importing("import web", IDS[42], web(f"{source}/abc")),
        *after("web", IDS[42]),
        *acting(
            ADMIN,
            [
                *staged("as admin", 43, "raw", RAW),
                get("show as admin", f"/v2/images/{IDS[43]}", until=settled),
            ],
        ),
        create("create with colour", id=IDS[44], disk_format="raw", container_format="bare", colour="blue"),
        stage("stage with colour", IDS[44], RAW),
        importing("import with colour", IDS[44], "glance-direct"),
        get("show with colour", f"/v2/images/{IDS[44]}", until=settled),
    ]
    return [Scenario("plugins", acting_unless(MEMBER, steps))]


def parallel_scenarios(source: str) -> list[Scenario]:
    """On a site with the stores `fast` (the default), `slow` and `cold` that fills two at the same time."""
    ids = Ids(0xB1)
    steps: list[Step] = []
    for number, (name, more) in enumerate(
        {
            "all": {"all_stores": True},
            "two": {"stores": ["cold", "slow"]},
            "one": {"stores": ["slow"]},
        }.items(),
        start=1,
    ):
        steps += [
            create_raw(f"create for {name}", ids[number]),
            stage(f"stage for {name}", ids[number], RAW),
            importing(f"to {name}", ids[number], "glance-direct", **more),
            *after(name, ids[number]),
            download(f"download {name}", ids[number]),
        ]
    steps += [
        create_raw("create for web", ids[5]),
        importing("web", ids[5], web(f"{source}/abc"), all_stores=True),
        *after("web", ids[5]),
        create_raw("create for missing", ids[6]),
        importing("missing", ids[6], web(f"{source}/missing"), all_stores=True),
        *after("missing", ids[6]),
        create("create wrong", id=ids[7], disk_format="qcow2", container_format="bare"),
        stage("stage wrong", ids[7], RAW),
        importing("wrong", ids[7], "glance-direct", all_stores=True),
        get("tasks of wrong", f"/v2/images/{ids[7]}/tasks", until=ended),
        get("show wrong", f"/v2/images/{ids[7]}", until=unlocked),
        create_raw("create for any", ids[8]),
        stage("stage for any", ids[8], RAW),
        importing("any", ids[8], "glance-direct", all_stores=True, all_stores_must_succeed=False),
        get("tasks of any", f"/v2/images/{ids[8]}/tasks", until=ended),
    ]
    return [Scenario("parallel", acting_unless(MEMBER, steps))]
