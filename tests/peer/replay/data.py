"""Image data: upload, download, ranges, and what the format check lets through."""

import hashlib
import struct

from replay.steps import NOBODY, Ids, Scenario, create, create_raw, download, get, request, upload

U = Ids(0x40)
R = Ids(0x41)
F = Ids(0x42)
T = "application/octet-stream"

ABC = b"abcdefghijklmnopqrstuvwxyz"

RANGES = {
    "first byte": "bytes=0-0",
    "middle": "bytes=5-9",
    "from": "bytes=20-",
    "from zero": "bytes=0-",
    "last three": "bytes=-3",
    "last of all": "bytes=-26",
    "last of more": "bytes=-100",
    "last zero": "bytes=-0",
    "end clamped": "bytes=20-100",
    "exactly all": "bytes=0-25",
    "start at the size": "bytes=26-",
    "start beyond": "bytes=30-40",
    "backwards": "bytes=9-5",
    "several": "bytes=0-1,3-4",
    "no dash": "bytes=7",
    "nothing": "bytes=",
    "other unit": "lines=1-2",
    "words": "bytes=a-b",
    "spaces": "bytes= 1 - 2",
    "capital unit": "Bytes=1-2",
    "negative": "bytes=-1-2",
    "huge": "bytes=0-99999999999999999999",
    "empty header": "",
}

CONTENT_RANGES = {
    "content-range": "bytes 1-2/26",
    "content-range open": "bytes 1-2/*",
    "content-range beyond": "bytes 30-40/50",
    "content-range backwards": "bytes 4-1/26",
    "content-range bad": "bytes nonsense",
}


def qcow2_header(size: int) -> bytes:
    """An empty but sound version 3 qcow2 of the given virtual size."""
    header = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, size, 0, 1, 65536 * 3, 65536, 1, 0, 0, 0, 0, 0, 4, 104)
    return header.ljust(65536 * 4, b"\0")


def qcow2_with_backing(size: int) -> bytes:
    """The same with a backing file, which no server should follow."""
    name = b"/etc/passwd"
    image = bytearray(qcow2_header(size))
    struct.pack_into(">QI", image, 8, 512, len(name))
    image[512 : 512 + len(name)] = name
    return bytes(image)


def iso() -> bytes:
    """The volume descriptors of an ISO 9660 image and nothing more."""
    image = bytearray(2048 * 24)
    image[32768:32775] = b"\x01CD001\x01"
    struct.pack_into("<I", image, 32768 + 80, 24)
    struct.pack_into(">I", image, 32768 + 84, 24)
    struct.pack_into("<H", image, 32768 + 128, 2048)
    struct.pack_into(">H", image, 32768 + 130, 2048)
    image[34816:34823] = b"\xffCD001\x01"
    return bytes(image)


UPLOAD = Scenario(
    "upload",
    [
        create_raw("create", U[1]),
        download("download before", U[1]),
        upload("without data yet: wrong type", U[1], b"x", Content_Type="text/plain"),
        request("no content type", "PUT", f"/v2/images/{U[1]}/file", {}, b"x"),
        request("json content type", "PUT", f"/v2/images/{U[1]}/file", {"Content-Type": "application/json"}, b"x"),
        upload("size header no number", U[1], b"x", x_openstack_image_size="big"),
        upload("size header too big", U[1], b"x", x_openstack_image_size="7"),
        get("show after refusals", f"/v2/images/{U[1]}"),
        upload("upload", U[1], ABC),
        get("show", f"/v2/images/{U[1]}"),
        download("download", U[1]),
        download("download again", U[1]),
        upload("upload again", U[1], b"other"),
        upload("upload unknown", NOBODY, b"x"),
        upload("upload not a uuid", "some-name", b"x"),
        download("download unknown", NOBODY),
        download("download not a uuid", "some-name"),
        create_raw("create for size header", U[2]),
        upload("size header right", U[2], ABC, x_openstack_image_size="26"),
        get("show with size header", f"/v2/images/{U[2]}"),
        create_raw("create for nothing", U[3]),
        upload("upload nothing", U[3], b""),
        get("show nothing", f"/v2/images/{U[3]}"),
        download("download nothing", U[3]),
        create("create without formats", id=U[4], name="no formats"),
        upload("upload without formats", U[4], b"x"),
        create("create without container", id=U[5], name="no container", disk_format="raw"),
        upload("upload without container", U[5], b"x"),
        create("create ovf", id=U[6], disk_format="raw", container_format="ovf"),
        upload("upload ovf", U[6], b"not inspected"),
        get("show ovf", f"/v2/images/{U[6]}"),
        create_raw("create for chunks", U[7]),
        request("upload in chunks", "PUT", f"/v2/images/{U[7]}/file", {"Content-Type": T, "Transfer-Encoding": "chunked"}, ABC * 1000),
        get("show chunks", f"/v2/images/{U[7]}"),
        download("download chunks", U[7]),
        create_raw("create big", U[8]),
        upload("upload big", U[8], hashlib.sha512(b"seed").digest() * 4096),
        get("show big", f"/v2/images/{U[8]}"),
        create_raw("create for a store", U[9]),
        upload("upload to a store on a site with one", U[9], b"x", X_Image_Meta_Store="somewhere"),
        get("download with preference", f"/v2/images/{U[1]}/file?prefer=somewhere"),
        request("post file", "POST", f"/v2/images/{U[1]}/file", {"Content-Type": T}, b"x"),
        request("delete file", "DELETE", f"/v2/images/{U[1]}/file"),
        request("download with a body", "GET", f"/v2/images/{U[1]}/file", {"Content-Type": "application/json"}, b"{}"),
    ],
)

RANGE = Scenario(
    "ranges",
    [
        create_raw("create", R[1]),
        upload("upload", R[1], ABC),
        *(download(f"before any cache: {name}", R[1], {"Range": value}) for name, value in RANGES.items()),
        *(download(name, R[1], {"Content-Range": value}) for name, value in CONTENT_RANGES.items()),
        download("whole", R[1]),
        *(download(f"once cached: {name}", R[1], {"Range": value}) for name, value in RANGES.items()),
        create_raw("create empty", R[2]),
        upload("upload empty", R[2], b""),
        download("range of nothing", R[2], {"Range": "bytes=0-"}),
        create_raw("create queued", R[3]),
        download("range of queued", R[3], {"Range": "bytes=0-1"}),
    ],
)


def format_case(number: int, name: str, disk_format: str, content: bytes) -> list:
    """An image of a format, its data, and what the image says afterwards."""
    return [
        create(f"create {name}", id=F[number], disk_format=disk_format, container_format="bare"),
        upload(f"upload {name}", F[number], content),
        get(f"show {name}", f"/v2/images/{F[number]}"),
    ]


FORMATS = Scenario(
    "formats",
    [
        *format_case(1, "qcow2", "qcow2", qcow2_header(1 << 30)),
        *format_case(2, "iso", "iso", iso()),
        *format_case(3, "raw", "raw", ABC),
        *format_case(4, "raw as qcow2", "qcow2", ABC * 1000),
        *format_case(5, "qcow2 as raw", "raw", qcow2_header(1 << 30)),
        *format_case(6, "qcow2 as vmdk", "vmdk", qcow2_header(1 << 30)),
        *format_case(7, "iso as raw", "raw", iso()),
        *format_case(8, "raw as iso", "iso", ABC * 2000),
        *format_case(9, "backing file", "qcow2", qcow2_with_backing(1 << 30)),
        *format_case(10, "cut qcow2", "qcow2", qcow2_header(1 << 30)[:60]),
        *format_case(11, "ami", "ami", ABC),
        *format_case(12, "qcow2 as ami", "ami", qcow2_header(1 << 30)),
        *format_case(13, "raw as vhd", "vhd", ABC * 100),
        *format_case(14, "raw as vdi", "vdi", ABC * 100),
        *format_case(15, "raw as vhdx", "vhdx", ABC * 100),
        *format_case(16, "raw as ploop", "ploop", ABC * 100),
    ],
)

SCENARIOS = [UPLOAD, RANGE, FORMATS]
