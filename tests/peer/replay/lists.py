"""Lists: filters, order, pages."""

from replay.steps import NOBODY, Ids, Scenario, Step, create, create_raw, get, request, upload

L = Ids(0x20)

STOCK = [
    create_raw("alpha", L[1], tags=["red", "round"], min_ram=128, os_distro="debian", owner="one"),
    create("beta", id=L[2], name="beta", disk_format="qcow2", container_format="bare", visibility="public", tags=["red"], min_disk=5),
    create("gamma", id=L[3], name="gamma", disk_format="iso", container_format="bare", visibility="community", owner="two"),
    create("delta", id=L[4], name="delta", disk_format="raw", container_format="ovf", visibility="private", protected=True),
    create("hidden", id=L[5], name="hidden", os_hidden=True, os_distro="debian"),
    create("name with comma", id=L[6], name="a,b", os_distro="fedora"),
    create("name twice", id=L[7], name="alpha"),
    upload("data", L[1], b"0123456789"),
]


def listing(name: str, query: str) -> Step:
    return get(name, f"/v2/images?{query}")


def escaped(text: str) -> str:
    return text.replace(",", "%2C").replace('"', "%22").replace(" ", "%20")


FILTERS = {
    "name": "name=alpha",
    "name unknown": "name=omega",
    "name in": "name=in:alpha,beta",
    "name in quoted": "name=in:" + escaped('"a,b",beta'),
    "name in one": "name=in:beta",
    "name in bad quotes": "name=in:" + escaped('a"b"'),
    "name eq": "name=eq:beta",
    "name other operator": "name=neq:beta",
    "name with comma": "name=" + escaped("a,b"),
    "name empty": "name=",
    "status": "status=active",
    "status in": "status=in:queued,saving",
    "status unknown": "status=sleeping",
    "status deleted": "status=deleted",
    "id": f"id={L[2]}",
    "id in": f"id=in:{L[2]},{L[3]}",
    "visibility public": "visibility=public",
    "visibility private": "visibility=private",
    "visibility shared": "visibility=shared",
    "visibility community": "visibility=community",
    "visibility all": "visibility=all",
    "visibility unknown": "visibility=secret",
    "visibility empty": "visibility=",
    "member status": "member_status=all",
    "member status unknown": "member_status=maybe",
    "owner": "owner=one",
    "disk format": "disk_format=qcow2",
    "disk format in": "disk_format=in:iso,raw",
    "container format": "container_format=ovf",
    "size min": "size_min=10",
    "size max": "size_max=9",
    "size min and max": "size_min=1&size_max=10",
    "size min no number": "size_min=big",
    "size": "size=10",
    "min ram": "min_ram=128",
    "min ram min": "min_ram_min=100",
    "min disk": "min_disk=5",
    "protected": "protected=true",
    "protected false": "protected=false",
    "protected capital": "protected=True",
    "hidden": "os_hidden=true",
    "hidden capital": "os_hidden=TRUE",
    "hidden false": "os_hidden=false",
    "hidden maybe": "os_hidden=maybe",
    "tag": "tag=red",
    "tags": "tag=red&tag=round",
    "tag unknown": "tag=blue",
    "extra property": "os_distro=debian",
    "extra property and hidden": "os_distro=debian&os_hidden=true",
    "extra property unknown": "colour=blue",
    "checksum": "checksum=781e5e245d69b566979b86e28d23f2c7",
    "hash algorithm": "os_hash_algo=sha512",
    "created after": "created_at=gt:2001-01-01T00:00:00Z",
    "created before": "created_at=lt:2001-01-01T00:00:00Z",
    "created at": "created_at=2001-01-01T00:00:00Z",
    "created not at": "created_at=neq:2001-01-01T00:00:00Z",
    "created some day": "created_at=gte:yesterday",
    "created other operator": "created_at=in:2001-01-01T00:00:00Z",
    "updated since": "updated_at=gte:2001-01-01T00:00:00Z",
    "changes since": "changes-since=2001-01-01T00:00:00Z",
    "two filters": "name=alpha&status=active",
}

ORDERS = {
    "sort key": "sort_key=name",
    "sort key and dir": "sort_key=name&sort_dir=asc",
    "sort keys": "sort_key=name&sort_key=id&sort_dir=asc&sort_dir=desc",
    "sort keys, one dir": "sort_key=status&sort_key=name&sort_dir=asc",
    "sort dirs do not match": "sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=desc",
    "sort": "sort=name",
    "sort with dir": "sort=name:asc",
    "sort by several": "sort=status:asc,name:desc",
    "sort by size": "sort=size:desc,id:asc",
    "sort by disk format": "sort=disk_format:asc,id:asc",
    "sort by visibility": "sort=visibility:asc",
    "sort key unknown": "sort_key=weight",
    "sort dir unknown": "sort_dir=sideways",
    "sort dir unknown, new form": "sort=name:sideways",
    "sort both ways": "sort=name&sort_key=id",
    "sort empty": "sort=",
}

PAGES = {
    "limit": "limit=2",
    "limit with filter": "limit=1&name=alpha",
    "limit equals count": "limit=5",
    "limit more than there is": "limit=100",
    "limit beyond the maximum": "limit=100000",
    "limit zero": "limit=0",
    "limit negative": "limit=-1",
    "limit no number": "limit=many",
    "limit empty": "limit=",
    "marker": f"marker={L[6]}",
    "marker and limit": f"marker={L[6]}&limit=2",
    "marker at the end": f"marker={L[1]}",
    "marker and sort": f"marker={L[2]}&sort=name:asc",
    "marker and sort by size": f"marker={L[2]}&sort=size:asc&limit=1",
    "marker unknown": f"marker={NOBODY}",
    "marker no uuid": "marker=here",
    "marker hidden": f"marker={L[5]}",
    "limit and sort": "limit=2&sort=name:asc",
    "limit and tag": "limit=1&tag=red",
}

SCENARIOS = [
    Scenario(
        "list",
        [
            get("empty", "/v2/images"),
            *STOCK,
            get("all", "/v2/images"),
            get("with slash", "/v2/images/"),
            get("query only a mark", "/v2/images?"),
            *(listing(f"filter {name}", query) for name, query in FILTERS.items()),
            *(listing(name, query) for name, query in ORDERS.items()),
            *(listing(name, query) for name, query in PAGES.items()),
            get("four-byte filter", "/v2/images?name=%F0%9F%92%BF"),
            get("broken escape", "/v2/images?name=%ZZ"),
            get("not utf-8", "/v2/images?name=%FF"),
            request("with a body", "GET", "/v2/images", {"Content-Type": "application/json"}, b"{}"),
        ],
    ),
]
