"""Virtual machines as they are exported: OVA archives that the task `import` brings, on a site that unpacks them.

What is unpacked: the one disk the OVF names, and of the OVF the properties that `ovf-metadata.json` asks for.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any

from replay.callers import ADMIN, by
from replay.import_plugins import RAW, disk
from replay.imports import MEMBER, acting_unless
from replay.legacy_tasks import task
from replay.steps import Ids, Scenario, Step, create_raw, get, tasks_end

METADATA = json.dumps({"cim_pasd": ["InstructionSet", "ProcessorArchitecture", "Speed"]})
IDS = Ids(0xB3)
CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ProcessorAllocationSettingData"
FILES = '<References><File ovf:id="file1" ovf:href="disk.vmdk"/></References>'
DISKS = '<DiskSection><Info>disks</Info><Disk ovf:diskId="one" ovf:fileRef="file1" ovf:capacity="1"/></DiskSection>'
PROCESSOR = (
    "<pasd:InstructionSet> DMTF:x86:64 \n</pasd:InstructionSet><pasd:Speed/><pasd:Colour>red</pasd:Colour>"
    "<other:InstructionSet>of others</other:InstructionSet>"
)


def described(
    files: str = FILES, disks: str = DISKS, rest: str = PROCESSOR, prolog: str = '<?xml version="1.0" encoding="UTF-8"?>\n'
) -> str:
    return (
        f'{prolog}<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"'
        f' xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:pasd="{CIM}" xmlns:other="urn:other">'
        f"{files}{disks}<VirtualSystem><Item>{rest}</Item></VirtualSystem></Envelope>"
    )


def packed(*members: tuple[str, bytes | str], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """An archive; a member whose content is a text is a description, or a link that leads to where `->` says."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str) and content.startswith("->"):
                member.type, member.linkname = tarfile.SYMTYPE, content[2:]
                archive.addfile(member)
                continue
            data = content.encode() if isinstance(content, str) else content
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def machine(ovf: bytes | str, **more: Any) -> bytes:
    return packed(("machine.ovf", ovf), ("disk.vmdk", RAW), **more)


# Only administrators may, even where others may begin tasks.
BY_A_MEMBER = "by a member"
LONG = "folder/" * 30 + "disk.vmdk"
SOUND: dict[str, tuple[str, bytes]] = {
    "plain": ("raw", machine(described())),
    "disk first": ("raw", packed(("disk.vmdk", RAW), ("machine.mf", b"SHA256"), ("machine.ovf", described()))),
    "vmdk": ("vmdk", packed(("machine.ovf", described()), ("disk.vmdk", disk("vmdk", "-o", "subformat=streamOptimized")))),
    "long name": ("raw", packed(("m.ovf", described(FILES.replace("disk.vmdk", LONG))), (LONG, RAW), form=tarfile.GNU_FORMAT)),
    "pax": ("raw", packed(("m.ovf", described(FILES.replace("disk.vmdk", LONG))), (LONG, RAW), form=tarfile.PAX_FORMAT)),
    "two descriptions": ("raw", packed(("a.ovf", described()), ("b.ovf", b"nothing"), ("disk.vmdk", RAW))),
    "same name twice": ("raw", packed(("disk.vmdk", b"old"), ("machine.ovf", described()), ("disk.vmdk", RAW))),
    "disks before files": ("raw", machine(described(DISKS, FILES))),
    "two files": ("raw", machine(described(FILES.replace("<File", '<File ovf:id="x" ovf:href="y"/><File', 1)))),
    "no namespaces": ("raw", machine(described(FILES.replace("ovf:", ""), DISKS.replace("ovf:", "")))),
    "processor twice": ("raw", machine(described(rest=PROCESSOR + "<pasd:Speed>7</pasd:Speed>"))),
    "escaped": ("raw", machine(described(rest="<pasd:Speed>a &amp;&#x41; <![CDATA[<b>]]></pasd:Speed>"))),
    "child": ("raw", machine(described(rest="<pasd:Speed>a<pasd:InstructionSet>b</pasd:InstructionSet>c</pasd:Speed>"))),
    "utf-16": ("raw", machine(described(prolog='<?xml version="1.0" encoding="UTF-16"?>').encode("utf-16"))),
    "latin-1": (
        "raw",
        machine(
            described(rest="<pasd:Speed>é</pasd:Speed>", prolog='<?xml version="1.0" encoding="ISO-8859-1"?>').encode("latin-1")
        ),
    ),
    "document type": ("raw", machine(described(prolog="<!DOCTYPE Envelope>"))),
    "empty disk": ("raw", packed(("machine.ovf", described()), ("disk.vmdk", b""))),
}
UNSOUND: dict[str, tuple[str, bytes]] = {
    "no archive": ("raw", RAW),
    "empty archive": ("raw", packed()),
    "gzip": ("raw", gzip.compress(machine(described()), mtime=0)),
    "no description": ("raw", packed(("disk.vmdk", RAW))),
    "description is a link": ("raw", packed(("machine.ovf", "->other"), ("other", described()), ("disk.vmdk", RAW))),
    "disk is a link": ("raw", packed(("machine.ovf", described()), ("disk.vmdk", "->other"), ("other", RAW))),
    "disk is a link out": ("raw", packed(("machine.ovf", described()), ("disk.vmdk", "->/etc/passwd"))),
    "two disks": ("raw", machine(described(disks=DISKS.replace("</DiskSection>", '<Disk ovf:fileRef="x"/></DiskSection>')))),
    "no disk": ("raw", machine(described(disks="<DiskSection/>"))),
    "no section": ("raw", machine(described(disks=""))),
    "no references": ("raw", machine(described(files=""))),
    "no file reference": ("raw", machine(described(disks='<DiskSection><Disk ovf:diskId="one"/></DiskSection>'))),
    "unknown file": ("raw", machine(described(disks=DISKS.replace("file1", "file2")))),
    "disk not there": ("raw", packed(("machine.ovf", described()))),
    "disk outside": ("raw", machine(described(FILES.replace("disk.vmdk", "/etc/passwd")))),
    "no xml": ("raw", machine("nothing of the kind")),
    "cut xml": ("raw", machine(described()[:-20])),
    "entities": ("raw", machine(described(rest="<pasd:Speed>&a;</pasd:Speed>", prolog='<!DOCTYPE a [<!ENTITY a "b">]>'))),
    "unknown entity": ("raw", machine(described(rest="<pasd:Speed>&a;</pasd:Speed>"))),
    "external": ("raw", machine(described(prolog='<!DOCTYPE a SYSTEM "file:///etc/passwd">'))),
    "cut": ("raw", machine(described())[:4000]),
    "wrong format": ("qcow2", machine(described())),
    BY_A_MEMBER: ("raw", machine(described())),
}


def files() -> dict[str, bytes]:
    """What a source has to have, by name."""
    return {f"{name.replace(' ', '-')}.ova": content for name, (_, content) in {**SOUND, **UNSOUND}.items()}


def inputs(source: str) -> dict[str, tuple[int, dict[str, Any]]]:
    """The tasks by name: number of the image that finds them again, and input."""
    kinds = {name: kind for name, (kind, _) in {**SOUND, **UNSOUND}.items()}
    return {
        name: (
            number,
            {
                "import_from": f"{source}/{name.replace(' ', '-')}.ova",
                "import_from_format": "raw",
                "image_properties": {
                    "name": f"ova {name}",
                    "disk_format": kind,
                    "container_format": "ova",
                    "colour": "red",
                    **({"owner": "owner"} if name == BY_A_MEMBER else {}),
                },
                "image_id": IDS[number],
            },
        )
        for number, (name, kind) in enumerate(kinds.items(), start=1)
    }


def scenarios(source: str) -> list[Scenario]:
    steps: list[Step] = []
    for name, (number, given) in inputs(source).items():
        image = IDS[number]
        steps += [
            create_raw(f"create for {name}", image),
            by(MEMBER if name == BY_A_MEMBER else ADMIN, task(f"start {name}", "import", given)),
            tasks_end(f"end of {name}"),
            get(f"task of {name}", f"/v2/images/{image}/tasks"),
            get(f"images of {name}", f"/v2/images?name=ova%20{name.replace(' ', '%20')}"),
        ]
    return [Scenario("ova", acting_unless(ADMIN, steps))]
