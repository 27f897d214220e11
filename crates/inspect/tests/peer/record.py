#!/usr/bin/env python3
"""Records what Glance makes of a corpus of disks, for tests/peer.rs.

Run with the Python of a virtual environment that holds Glance, and qemu-img on the path:

    python record.py > corpus.json

Every disk goes through glance.location.ImageProxy.set_data, with the store replaced by one that reads the data to its
end in pieces of 64 KiB, as the file store does. Two things that change from run to run are evened out: the order of
formats in "Multiple formats detected", and disks by qemu-img, whose bytes are recorded beside the verdicts.
"""

import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import types
import warnings

warnings.filterwarnings("ignore")

from glance.api.v2 import image_data  # noqa: F401  registers the options
from glance import location
from glance.common import exception, utils
from glance_store.common import utils as store_utils
from oslo_config import cfg
from oslo_utils.imageutils import format_inspector

CONF = cfg.CONF
CONF([], default_config_files=[])
KIB = 1024
FORMATS = list(format_inspector.ALL_FORMATS)
DECLARED = FORMATS + ["ami", "aki", "ploop"]
RULES = {
    "strict": (True, []),
    "lenient": (False, []),
    "tolerant": (True, ["mbr"]),
}


# The peer

def verdict(data, disk_format, rules, piece):
    require_match, nonfatal = rules
    CONF.set_override("require_image_format_match", require_match, "image_format")
    CONF.set_override("gpt_safety_checks_nonfatal", nonfatal, "image_format")
    image = types.SimpleNamespace(container_format="bare", disk_format=disk_format, extra_properties={},
                                  status="saving", virtual_size=None)
    seen = {}

    def upload(stream, verifier, backend, size):
        seen["wrapper"] = stream
        for _ in store_utils.chunkreadable(utils.wrap_data_for_store_upload(stream), piece):
            pass

    proxy = types.SimpleNamespace(image=image, context=None, _upload_to_store=upload)
    try:
        location.ImageProxy.set_data(proxy, io.BytesIO(data))
        outcome = "ok %s" % image.virtual_size
    except exception.InvalidImageData as error:
        outcome = str(error)
    head, _, names = outcome.partition("Multiple formats detected: ")
    if names:
        names = sorted(names.split(","), key=FORMATS.index)
        outcome = "Multiple formats detected: " + ",".join(names)
    try:
        formats = [name for name in FORMATS if name in {str(i) for i in seen["wrapper"].formats}]
    except Exception as error:
        formats = ["!" + type(error).__name__]
    return outcome, formats


def record(data):
    outcomes = {}
    for rule, settings in RULES.items():
        for disk_format in DECLARED:
            outcome, formats = verdict(data, disk_format, settings, 64 * KIB)
            outcomes.setdefault(rule, {}).setdefault(outcome, []).append(disk_format)
    if outcomes["tolerant"] == outcomes["strict"]:
        del outcomes["tolerant"]
    # One entry for all declarations that only differ in their own name.
    for table in outcomes.values():
        for detected in FORMATS:
            general = "Image disk_format %s does not match stream data " + detected
            names = [n for n in DECLARED if table.get(general % n) == [n]]
            for name in names:
                del table[general % name]
            if names:
                table[general % "*"] = names
    varies = any(verdict(data, d, RULES["strict"], piece)[0] != verdict(data, d, RULES["strict"], 64 * KIB)[0]
                 for d in ("raw", formats[0] if formats[0] in FORMATS else "vmdk")
                 for piece in ((4096, 4 * KIB * KIB) if len(data) > 100000 else (61, 512, 4 * KIB * KIB)))
    result = {"formats": formats, "outcomes": outcomes}
    if varies:
        result["varies_with_piece_size"] = True
    return result


# The disks

def disk(length, *pieces):
    data = bytearray(length)
    for offset, content in pieces:
        data[offset:offset + len(content)] = content
    return bytes(data)


def qemu(fmt, size="1M", options=None, extra=()):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "disk")
        command = ["qemu-img", "create", "-q", "-f", fmt, *extra, *(["-o", options] if options else []), path, size]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(path, "rb") as stream:
            return stream.read()


def convert(fmt, options):
    with tempfile.TemporaryDirectory() as folder:
        source, path = os.path.join(folder, "source"), os.path.join(folder, "disk")
        with open(source, "wb") as stream:
            stream.write(b"data" * 40000)
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", fmt, "-o", options, source, path], check=True)
        with open(path, "rb") as stream:
            return stream.read()


def luks():
    secret = ("--object", "secret,id=key,data=passphrase")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "disk")
        subprocess.run(["qemu-img", "create", "-q", *secret, "-f", "luks", "-o", "key-secret=key,iter-time=10", path, "64K"],
                       check=True)
        with open(path, "rb") as stream:
            data = stream.read()
    # Key material is nothing but noise here.
    return data[:592] + bytes(len(data) - 592)


def iso(blocks=20, block=2048, magic=b"CD001", kind=1, length=40 * KIB):
    return disk(length, (32 * KIB, bytes([kind]) + magic + b"\x01"),
                (32 * KIB + 80, struct.pack("<LL", blocks, 0)),
                (32 * KIB + 128, struct.pack("<HH", block, 0)))


def entry(boot=0, start=(0, 2, 0), kind=0xEE, lba=1, sectors=100):
    return struct.pack("<B3BB3BII", boot, *start, kind, 0xFF, 0xFF, 0xFF, lba, sectors)


def mbr(*entries, length=2048, more=()):
    pieces = [(446 + 16 * i, e) for i, e in enumerate(entries)]
    return disk(length, *pieces, (510, b"\x55\xaa"), *more)


def qcow2_header(version=3, backing=0, features=0, size=10 << 20, length=512):
    return disk(max(length, 80), (0, struct.pack(">4sIQIIQ", b"QFI\xfb", version, backing, 0, 16, size)),
                (72, struct.pack(">Q", features)))[:length]


TEXT = """# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="%s"

# Extent description
%s

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.adapterType = "ide"
"""
EXTENT = 'RW 2048 SPARSE "disk.vmdk"'


def vmdk(text=None, version=1, desc=1, count=20, sectors=2048, gd=21, length=64 * KIB, magic=b"KDMV"):
    text = TEXT % ("monolithicSparse", EXTENT) if text is None else text
    if isinstance(text, str):
        text = text.encode("utf-8")
    header = struct.pack("<4sIIQQQQIQQ", magic, version, 3, sectors, 128, desc, count, 512, 0, gd)
    return disk(length, (0, header), (512, text))


def footer(version=3, desc=1, count=20, gd=21, magic=b"KDMV", marker=3, val=1, size=0, end=b"", pad=b""):
    head = disk(512, (0, struct.pack("<QII", val, size, marker)), (100, pad))
    foot = disk(512, (0, struct.pack("<4sIIQQQQIQQ", magic, version, 3, 2048, 128, desc, count, 512, 0, gd)))
    return head + foot + disk(512, (0, end))


def streamed(foot, length=8 * KIB, **header):
    header = {"version": 3, "gd": 2 ** 64 - 1, "text": TEXT % ("streamOptimized", EXTENT)} | header
    return vmdk(length=length, **header) + foot


def corpus():
    yield "empty", b""
    yield "one byte", b"x"
    yield "text", b"just some text\n" * 100
    yield "zeros", bytes(100 * KIB)
    yield "text then binary", b"#" * 600 + b"\xff\xfe" * 100
    yield "text then binary after 64 KiB", b"#" * 70000 + b"\xff\xfe" * 100
    yield "text then zero then binary", b"#" * 600 + b"\x00\xff\xfe" * 100
    yield "utf-8 text", ("caf\u00e9 " * 200).encode()

    yield "qcow2 qemu v3", qemu("qcow2")
    yield "qcow2 qemu v2", qemu("qcow2", options="compat=0.10")
    yield "qcow2 qemu zstd", qemu("qcow2", options="compression_type=zstd")
    yield "qcow2 qemu lazy refcounts", qemu("qcow2", options="lazy_refcounts=on")
    yield "qcow2 qemu backing", qemu("qcow2", options="backing_file=/etc/passwd,backing_fmt=raw", extra=("-u",))
    yield "qcow2 qemu extended l2", qemu("qcow2", options="extended_l2=on,cluster_size=128k")
    with tempfile.TemporaryDirectory() as folder:
        yield "qcow2 qemu data file", qemu("qcow2", options="data_file=%s/data" % folder)
    for version in (0, 1, 2, 3, 4):
        yield "qcow2 version %d" % version, qcow2_header(version)
    for bit in (0, 1, 2, 3, 4, 5, 7, 8, 15, 31, 63):
        yield "qcow2 feature bit %d" % bit, qcow2_header(features=1 << bit)
        yield "qcow2 v2 feature bit %d" % bit, qcow2_header(2, features=1 << bit)
    yield "qcow2 backing low", qcow2_header(backing=1)
    yield "qcow2 backing high", qcow2_header(backing=1 << 63)
    yield "qcow2 size zero", qcow2_header(size=0)
    yield "qcow2 size 2^63-1", qcow2_header(size=2 ** 63 - 1)
    yield "qcow2 size 2^63", qcow2_header(size=2 ** 63)
    yield "qcow2 511 bytes", qcow2_header()[:511]
    yield "qcow2 with mbr signature", disk(512, (0, qcow2_header()), (510, b"\x55\xaa"))
    yield "qcow2 with iso", disk(40 * KIB, (0, iso()), (0, qcow2_header()))

    yield "qed qemu", qemu("qed")
    yield "qed short", b"QED\x00" + bytes(100)
    yield "qed", b"QED\x00" + bytes(600)

    yield "vhd qemu dynamic", qemu("vpc")
    yield "vhd qemu fixed", qemu("vpc", options="subformat=fixed")
    yield "vhd short", b"conectix" + bytes(100)
    yield "vhd 511", b"conectix" + bytes(503)
    yield "vhd 512", b"conectix" + bytes(504)

    yield "vdi qemu", qemu("vdi")
    yield "vdi qemu static", qemu("vdi", options="static=on", size="64K")
    yield "vdi 511", disk(511, (0x40, struct.pack("<I", 0xBEDA107F)))

    yield "vhdx qemu", qemu("vhdx", size="5M")
    yield "vhdx qemu fixed", qemu("vhdx", size="1M", options="subformat=fixed")
    yield "vhdx magic only", b"vhdxfile" + bytes(50)
    yield "vhdx no table", b"vhdxfile" + bytes(300 * KIB)

    yield "iso", iso()
    yield "iso secondary", iso(kind=2)
    yield "iso boot record", iso(kind=0)
    yield "iso udf 2", iso(magic=b"NSR02")
    yield "iso udf 3", iso(magic=b"NSR03")
    yield "iso block 512", iso(block=512)
    yield "iso no blocks", iso(blocks=0)
    yield "iso one byte short", iso(length=34 * KIB)[:-1]
    yield "iso just long enough", iso(length=34 * KIB)
    yield "iso large", iso(blocks=2 ** 32 - 1, block=65535)
    hybrid = mbr(entry(0x80, (1, 1, 0), 0x17, 0, 20))
    yield "iso and mbr", disk(40 * KIB, (0, iso()), (0, hybrid[:512]))
    yield "iso and gpt", disk(40 * KIB, (0, iso()), (0, mbr(entry())[:512]))
    yield "iso and bad mbr", disk(40 * KIB, (0, iso()), (0, mbr(entry(boot=3))[:512]))
    yield "iso and fat", disk(40 * KIB, (0, iso()), (0x10, b"\x02"), (0x15, b"\xf8"), (510, b"\x55\xaa"))
    yield "iso and luks", disk(40 * KIB, (0, iso()), (0, b"LUKS\xba\xbe\x00\x01"))
    yield "iso, gpt and vdi", disk(40 * KIB, (0, iso()), (0, mbr(entry())[:512]), (0x40, struct.pack("<I", 0xBEDA107F)))
    yield "luks and gpt", disk(2048, (0, mbr(entry())), (0, b"LUKS\xba\xbe\x00\x01"))

    yield "gpt", mbr(entry())
    yield "mbr", mbr(entry(0x80, (1, 1, 0), 0x83, 2048, 100))
    yield "mbr two", mbr(entry(0x80, (1, 1, 0), 0x83, 2048), entry(0, (1, 1, 0), 0x82, 4096))
    yield "mbr none", mbr()
    yield "mbr bad boot flag", mbr(entry(0x81, (1, 1, 0), 0x83, 2048))
    yield "mbr bad boot flag of unused", mbr(entry(0x80, (1, 1, 0), 0x83, 2048), entry(7, kind=0))
    yield "gpt and more", mbr(entry(), entry(0, (1, 1, 0), 0x83, 2048))
    yield "gpt second", mbr(entry(kind=0), entry())
    yield "gpt bad chs", mbr(entry(start=(0, 1, 0)))
    yield "gpt bad lba", mbr(entry(lba=0))
    yield "fat", mbr(entry(), more=((0x10, b"\x02"), (0x15, b"\xf8")))
    yield "one fat", mbr(entry(), more=((0x10, b"\x01"), (0x15, b"\xf8")))
    yield "fat on floppy", mbr(entry(), more=((0x10, b"\x02"), (0x15, b"\xf0")))
    yield "mbr 512", mbr(entry(), length=512)
    yield "mbr 511", mbr(entry(), length=512)[:511]

    yield "luks qemu", luks()
    for length in (6, 8, 100, 167, 168, 200, 591, 592, 600, 4096):
        yield "luks %d bytes" % length, disk(max(length, 110), (0, b"LUKS\xba\xbe\x00\x01"),
                                             (104, struct.pack(">I", 1)))[:length]
    yield "luks 2", disk(4096, (0, b"LUKS\xba\xbe\x00\x02"))
    yield "luks payload at end", disk(4096, (0, b"LUKS\xba\xbe\x00\x01"), (104, struct.pack(">I", 8)))
    yield "luks payload behind end", disk(4096, (0, b"LUKS\xba\xbe\x00\x01"), (104, struct.pack(">I", 9)))

    for kind in ("monolithicSparse", "streamOptimized"):
        yield "vmdk qemu " + kind, qemu("vmdk", options="subformat=" + kind)
    yield "vmdk qemu monolithicFlat", qemu("vmdk", options="subformat=monolithicFlat")
    yield "vmdk qemu twoGbMaxExtentSparse", qemu("vmdk", options="subformat=twoGbMaxExtentSparse")
    yield "vmdk qemu twoGbMaxExtentFlat", qemu("vmdk", options="subformat=twoGbMaxExtentFlat")
    yield "vmdk qemu streamOptimized with data", convert("vmdk", "subformat=streamOptimized")
    for version in (0, 1, 2, 3, 4):
        yield "vmdk version %d" % version, vmdk(version=version)
    yield "vmdk bad version with footer", streamed(footer(), version=9)
    for sector in (0, 1, 2, 2 ** 55, 2 ** 63):
        yield "vmdk descriptor at %d" % sector, vmdk(desc=sector)
    yield "vmdk misplaced descriptor with footer", streamed(footer(), desc=2)
    for count in (0, 1, 2, 20, 127, 128, 2000, 2 ** 40, 2 ** 63):
        yield "vmdk descriptor of %d" % count, vmdk(count=count)
    yield "vmdk huge disk", vmdk(sectors=2 ** 62)
    yield "vmdk no sectors", vmdk(sectors=0)
    for length in (3, 4, 40, 63, 64, 100, 511, 512, 600, 10751, 10752):
        yield "vmdk %d bytes" % length, vmdk()[:length]
    good = TEXT % ("monolithicSparse", EXTENT)
    texts = {
        "flat": TEXT % ("monolithicFlat", EXTENT),
        "custom": TEXT % ("custom", EXTENT),
        "upper case": good.upper(),
        "no type": good.replace("createType", "someType"),
        "path": good.replace("disk.vmdk", "/etc/passwd"),
        "relative path": good.replace("disk.vmdk", "../disk.vmdk"),
        "backslash": good.replace("disk.vmdk", "..\\\\disk"),
        "no extent": good.replace(EXTENT, ""),
        "rdonly": good.replace("RW", "RDONLY"),
        "noaccess": good.replace("RW", "NOACCESS"),
        "other access": good.replace("RW", "WO"),
        "tab extent": good.replace("RW ", "RW\t"),
        "indented extent": good.replace("RW ", " \t RW "),
        "unit separator extent": good.replace("RW ", "\x1f RW "),
        "stray line": good + "hello world\n",
        "stray word": good + "hello\n",
        "key with space": good + "a key = value\n",
        "field": good + "parentFileNameHint=/etc/passwd\n",
        "carriage returns": good.replace("\n", "\r\n"),
        "latin": good.replace("# Extent", "# \u00c9xtent"),
        "nothing": "",
        "type in comment first": '# createType="monolithicSparse"\n' + TEXT % ("monolithicFlat", EXTENT),
        "long type": TEXT % ("x" * 64, EXTENT),
        "almost long type": TEXT % ("x" * 63, EXTENT),
        "open type": good.split('Sparse"')[0],
        "empty type": TEXT % ("", EXTENT),
        "second extent with path": good.replace(EXTENT, EXTENT + '\nRW 1 FLAT "/dev/sda" 0'),
        "ddb with path": good + 'ddb.x = "/etc"\n',
        "nul then junk": good + "\x00junk /etc",
    }
    for name, text in texts.items():
        yield "vmdk with " + name, vmdk(text)
        yield "text vmdk with " + name, text.encode()
    yield "text vmdk 63 bytes", b'createType="monolithicFlat"\n'.ljust(63, b"#")
    yield "text vmdk 64 bytes", b'createType="monolithicFlat"\n'.ljust(64, b"#")
    yield "text vmdk padded", (TEXT % ("monolithicFlat", EXTENT)).encode() + bytes(600)
    long_comment = "#" * 600 + "\n"
    yield "text vmdk after long comment", (long_comment + TEXT % ("monolithicFlat", EXTENT)).encode()
    yield "text vmdk after 70000 bytes", ("#" * 70000 + "\n" + TEXT % ("monolithicFlat", EXTENT)).encode()
    yield "text vmdk with late latin", (long_comment + (TEXT % ("monolithicFlat", EXTENT)) + "# \u00e9\n").encode()
    yield "text vmdk sparse with late latin", (long_comment + good + "# \u00e9\n").encode()
    yield "text with late latin", (long_comment * 2 + "# \u00e9\n").encode()

    yield "vmdk footer", streamed(footer())
    feet = {
        "other magic": {"magic": b"VMDK"}, "other version": {"version": 1}, "other place": {"desc": 2},
        "other count": {"count": 19}, "another footer": {"gd": 2 ** 64 - 1}, "no marker": {"marker": 2},
        "marker size": {"size": 1}, "marker value": {"val": 0}, "marker padding": {"pad": b"x"},
        "no end": {"end": b"\x01"}, "end size": {"end": bytes(9) + b"\x01"}, "late end": {"end": bytes(500) + b"\x01"},
    }
    for name, fields in feet.items():
        yield "vmdk footer with " + name, streamed(footer(**fields))
    yield "vmdk footer missing", streamed(b"")
    yield "vmdk footer short", streamed(footer())[:1200]
    yield "vmdk footer and bad descriptor", streamed(footer(), text="hello")
    yield "vmdk footer cut", streamed(footer())[:-1]
    yield "vmdk footer with more behind", streamed(footer()) + b"x"


def mutations(bases):
    """Damage where headers are, and cut-off ends."""
    chance = random.Random(20)
    areas = {
        "qcow2 qemu v3": [(0, 112)], "vhd qemu dynamic": [(0, 48)], "vdi qemu": [(0x40, 0x48), (0x170, 0x178)],
        "vhdx qemu": [(0, 8), (0x30000, 0x30090), (0x200000, 0x2000E0), (0x210000, 0x210040)],
        "vmdk qemu monolithicSparse": [(0, 64), (512, 1024)], "vmdk qemu streamOptimized": [(0, 64), (512, 1024)],
        "vmdk footer": [(0, 64), (512, 1024), (8192, 9728)], "iso": [(32768, 32776), (32848, 32856), (32896, 32900)],
        "iso and gpt": [(440, 512), (32768, 32776)], "gpt": [(446, 512)], "luks qemu": [(0, 8), (100, 112)],
    }
    for base, ranges in areas.items():
        data = bases[base]
        for number in range(14):
            patch = []
            for _ in range(chance.choice((1, 1, 2))):
                start, end = chance.choice(ranges)
                value = chance.choice((0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, chance.randrange(256)))
                patch.append([chance.randrange(start, end), "%02x" % value])
            yield "%s, damage %d" % (base, number), base, patch, None
        ends = {chance.randrange(len(data)), chance.randrange(min(len(data), 1024))}
        if base == "vhdx qemu":
            ends |= {0x30000, 0x3FFFF, 0x40000, 0x200000, 0x20FFFF, 0x210000, 0x21FFFF, 0x220000}
        for end in sorted(ends):
            yield "%s, cut at %d" % (base, end), base, [], end
    # Chains of tables that lead astray.
    for name, offset, content in (
        ("metadata region behind the end", 0x30010 + 32 + 16, None), ("no regions", 0x30008, b"\x00" * 4),
        ("2048 regions", 0x30008, b"\x00\x08\x00\x00"), ("no items", 0x20000A, b"\x00\x00"),
        ("2047 items", 0x20000A, b"\xff\x07"), ("2048 items", 0x20000A, b"\x00\x08"),
        ("65535 items", 0x20000A, b"\xff\xff"), ("no signature", 0x200000, b"x"),
    ):
        if content is not None:
            yield "vhdx with " + name, "vhdx qemu", [[offset, content.hex()]], None
    data = bases["vhdx qemu"]
    size_id = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
    region_id = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
    item, region = data.index(size_id), data.index(region_id)
    for length in (0, 1, 7, 9, 2 ** 16, 2 ** 17, 2 ** 32 - 1):
        yield "vhdx size item of %d" % length, "vhdx qemu", [[item + 20, struct.pack("<I", length).hex()]], None
    for offset in (0, 32, 0x8000, 0xFFFF, 0x10000, 0x10004, 2 ** 32 - 1):
        yield "vhdx size item at %d" % offset, "vhdx qemu", [[item + 16, struct.pack("<I", offset).hex()]], None
    for offset in (0, 0x10000, 0x30000, 0x3F000, 0x40000, 0x100000, 2 ** 40, 2 ** 64 - 1):
        yield "vhdx metadata at %d" % offset, "vhdx qemu", [[region + 16, struct.pack("<Q", offset).hex()]], None


def pieces(data):
    """The parts that are not zero, as (offset, hex)."""
    result, step = [], 16
    for offset in range(0, len(data), step):
        part = data[offset:offset + step].rstrip(b"\x00")
        if not part:
            continue
        last = result[-1] if result else None
        if last and last[0] + len(last[1]) + step >= offset + 1:
            last[1].extend(bytes(offset - last[0] - len(last[1])) + part)
        else:
            result.append([offset, bytearray(part)])
    return [[offset, part.hex()] for offset, part in result]


def runs(data):
    """Like pieces, with long runs of one byte as (offset, hex, count)."""
    result = []
    for offset, text in pieces(data):
        if len(text) > 4000 and len(set(bytes.fromhex(text)[:60000])) == 1:
            content = bytes.fromhex(text)
            count = len(content) - len(content.lstrip(content[:1]))
            result.append([offset, text[:2], count])
            if content[count:]:
                result.append([offset + count, content[count:].hex()])
        else:
            result.append([offset, text])
    return result


def main():
    bases, cases = {}, []
    for name, data in corpus():
        assert name not in bases, name
        bases[name] = data
        cases.append({"name": name, "length": len(data), "pieces": runs(data)} | record(data))
        print(len(cases), name, len(data), file=sys.stderr)
    for name, base, patch, length in mutations(bases):
        data = bytearray(bases[base])
        for offset, content in patch:
            content = bytes.fromhex(content)
            data[offset:offset + len(content)] = content
        data = bytes(data[:length])
        case = {"name": name, "base": base, "length": len(data), "pieces": patch}
        cases.append(case | record(data))
        print(len(cases), name, file=sys.stderr)
    print("[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]")


if __name__ == "__main__":
    main()
