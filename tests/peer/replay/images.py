"""Images without their data: create, show, delete, activation."""

from replay.steps import NOBODY, Ids, Scenario, create, create_raw, download, get, patch, request, send_json, upload

I = Ids(0x10)
D = Ids(0x11)
A = Ids(0x12)

CREATE = Scenario(
    "create",
    [
        create("only an id", id=I[1]),
        get("show only an id", f"/v2/images/{I[1]}"),
        create(
            "everything",
            id=I[2],
            name="everything",
            disk_format="qcow2",
            container_format="bare",
            visibility="public",
            protected=False,
            min_ram=512,
            min_disk=10,
            os_hidden=False,
            tags=["one", "two"],
            owner="a-project",
            os_distro="debian",
            empty="",
        ),
        get("show everything", f"/v2/images/{I[2]}"),
        create("every visibility: private", id=I[3], visibility="private"),
        create("every visibility: community", id=I[4], visibility="community"),
        create("every visibility: shared", id=I[5], visibility="shared"),
        create("unknown visibility", id=I[6], visibility="secret"),
        create("id taken", id=I[1]),
        create("id not a uuid", id="not-a-uuid"),
        create("id in capitals", id=I[7].upper().replace("0000-4000", "ABCD-4000")),
        create("null name", id=I[8], name=None),
        create("unicode name", id=I[9], name="Überraschung ☃"),
        create("four-byte name", id=I[10], name="\U0001f4bf"),
        create("name of 255", id=I[11], name="n" * 255),
        create("name of 256", id=I[12], name="n" * 256),
        create("name a number", id=I[13], name=7),
        create("unknown disk format", id=I[14], disk_format="floppy"),
        create("unknown container format", id=I[15], container_format="box"),
        create("null formats", id=I[16], disk_format=None, container_format=None),
        create("negative min_ram", id=I[17], min_ram=-1),
        create("negative min_disk", id=I[18], min_disk=-1),
        create("min_ram too big", id=I[19], min_ram=2147483648),
        create("min_disk a string", id=I[20], min_disk="10"),
        create("protected a string", id=I[21], protected="yes"),
        create("extra property a number", id=I[22], cores=4),
        create("extra property null", id=I[23], note=None),
        create("extra property a list", id=I[24], note=["a"]),
        create("extra property name of 256", id=I[25], **{"k" * 256: "v"}),
        create("extra property name of 255", id=I[26], **{"k" * 255: "v"}),
        create("tags doubled", id=I[27], tags=["same", "same"]),
        create("tags not a list", id=I[28], tags="one"),
        create("tag of 256", id=I[29], tags=["t" * 256]),
        create("129 tags", id=I[30], tags=[f"t{number}" for number in range(129)]),
        create("129 properties", id=I[31], **{f"p{number}": "v" for number in range(129)}),
        *(
            create(f"read-only {key}", id=I[40], **{key: value})
            for key, value in {
                "status": "active",
                "size": 7,
                "checksum": "b1946ac92492d2347c6235b4d2611184",
                "virtual_size": 7,
                "created_at": "2020-01-01T00:00:00Z",
                "updated_at": "2020-01-01T00:00:00Z",
                "direct_url": "file:///etc/passwd",
                "self": "/v2/images/x",
                "file": "/v2/images/x/file",
                "schema": "/v2/schemas/image",
                "stores": "a",
            }.items()
        ),
        *(
            create(f"reserved {key}", id=I[41], **{key: value})
            for key, value in {
                "locations": [],
                "location": "file:///etc/passwd",
                "deleted": "False",
                "deleted_at": "2020-01-01T00:00:00Z",
                "os_glance_import_task": "x",
            }.items()
        ),
        send_json("array", "POST", "/v2/images", []),
        send_json("string", "POST", "/v2/images", "x"),
        request("no body", "POST", "/v2/images", {"Content-Type": "application/json"}),
        request("empty body", "POST", "/v2/images", {"Content-Type": "application/json"}, b""),
        request("not json", "POST", "/v2/images", {"Content-Type": "application/json"}, b"{nope"),
        request("not utf-8", "POST", "/v2/images", {"Content-Type": "application/json"}, b'{"name": "\xff"}'),
        request("without content type", "POST", "/v2/images", {}, b'{"id": "%s"}' % I[50].encode()),
        request("as text", "POST", "/v2/images", {"Content-Type": "text/plain"}, b'{"id": "%s"}' % I[51].encode()),
        request("location header by host", "POST", "/v2/images", {"Host": "images.example.org"}, b'{"id": "%s"}' % I[52].encode()),
    ],
)

SHOW_AND_DELETE = Scenario(
    "show and delete",
    [
        get("show unknown", f"/v2/images/{NOBODY}"),
        get("show not a uuid", "/v2/images/some-name"),
        get("show four-byte id", "/v2/images/%F0%9F%92%BF"),
        get("show with slash", f"/v2/images/{NOBODY}/"),
        get("unknown below an image", f"/v2/images/{NOBODY}/nothing"),
        create("create", id=D[1], name="mortal"),
        get("show by id in capitals", f"/v2/images/{D[1].upper()}"),
        request("delete", "DELETE", f"/v2/images/{D[1]}"),
        request("delete again", "DELETE", f"/v2/images/{D[1]}"),
        get("show deleted", f"/v2/images/{D[1]}"),
        patch("update deleted", D[1], [{"op": "replace", "path": "/name", "value": "x"}]),
        upload("upload to deleted", D[1], b"x"),
        download("download deleted", D[1]),
        create("id never used again", id=D[1]),
        create("create protected", id=D[2], protected=True),
        request("delete protected", "DELETE", f"/v2/images/{D[2]}"),
        patch("unprotect", D[2], [{"op": "replace", "path": "/protected", "value": False}]),
        request("delete unprotected", "DELETE", f"/v2/images/{D[2]}"),
        request("delete unknown", "DELETE", f"/v2/images/{NOBODY}"),
        request("delete not a uuid", "DELETE", "/v2/images/some-name"),
        create_raw("create with data", D[3]),
        upload("upload", D[3], b"some data"),
        request("delete with a body", "DELETE", f"/v2/images/{D[3]}", {}, b"{}"),
        request("delete with data", "DELETE", f"/v2/images/{D[3]}"),
        download("download after delete", D[3]),
    ],
)

ACTIVATION = Scenario(
    "activation",
    [
        create_raw("create", A[1]),
        request("deactivate queued", "POST", f"/v2/images/{A[1]}/actions/deactivate"),
        request("reactivate queued", "POST", f"/v2/images/{A[1]}/actions/reactivate"),
        upload("upload", A[1], b"some data"),
        request("reactivate active", "POST", f"/v2/images/{A[1]}/actions/reactivate"),
        request("deactivate", "POST", f"/v2/images/{A[1]}/actions/deactivate"),
        get("show deactivated", f"/v2/images/{A[1]}"),
        request("deactivate again", "POST", f"/v2/images/{A[1]}/actions/deactivate"),
        download("download deactivated as admin", A[1]),
        request("reactivate", "POST", f"/v2/images/{A[1]}/actions/reactivate"),
        get("show reactivated", f"/v2/images/{A[1]}"),
        request("deactivate unknown", "POST", f"/v2/images/{NOBODY}/actions/deactivate"),
        request("deactivate by GET", "GET", f"/v2/images/{A[1]}/actions/deactivate"),
        request("unknown action", "POST", f"/v2/images/{A[1]}/actions/explode"),
    ],
)

SCENARIOS = [CREATE, SHOW_AND_DELETE, ACTIVATION]
