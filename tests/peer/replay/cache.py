"""The cache: list, queue, delete, clear, clean, prune, nodes."""

from replay.steps import NOBODY, Ids, Scenario, Step, cache_holds, create_raw, download, get, request, upload

C = Ids(0x60)
G = Ids(0x61)

ABC = b"abcdefghijklmnopqrstuvwxyz"


def clear(name: str, target: str | None = None, header: str = "x-image-cache-clear-target") -> Step:
    return request(name, "DELETE", "/v2/cache", {} if target is None else {header: target})


def fill(number: int, image: str) -> list[Step]:
    """An active image of which the cache holds a copy."""
    return [
        create_raw(f"create {number}", image),
        upload(f"upload {number}", image, ABC),
        download(f"download {number}", image),
    ]


CACHE = Scenario(
    "cache",
    [
        get("list empty", "/v2/cache"),
        create_raw("create", C[1]),
        request("queue queued image", "PUT", f"/v2/cache/{C[1]}"),
        upload("upload", C[1], ABC),
        get("not cached by upload", "/v2/cache"),
        request("queue", "PUT", f"/v2/cache/{C[1]}"),
        get("prefetched", "/v2/cache", until=cache_holds(1, 0)),
        download("hit", C[1]),
        get("one hit", "/v2/cache", until=lambda body: body["cached_images"][0]["hits"] == 1),
        download("range of a cached image", C[1], {"Range": "bytes=0-1"}),
        request("queue cached", "PUT", f"/v2/cache/{C[1]}"),
        get("still cached", "/v2/cache", until=cache_holds(1, 0)),
        request("queue with a body", "PUT", f"/v2/cache/{C[1]}", {"Content-Type": "application/json"}, b"{}"),
        get("nodes", f"/v2/cache/nodes/{C[1]}"),
        request("delete", "DELETE", f"/v2/cache/{C[1]}"),
        get("list after delete", "/v2/cache"),
        request("delete again", "DELETE", f"/v2/cache/{C[1]}"),
        get("nodes of none", f"/v2/cache/nodes/{C[1]}"),
        download("miss", C[1]),
        get("cached by download", "/v2/cache", until=cache_holds(1, 0)),
        request("queue unknown", "PUT", f"/v2/cache/{NOBODY}"),
        request("queue no uuid", "PUT", "/v2/cache/some-name"),
        request("delete unknown", "DELETE", f"/v2/cache/{NOBODY}"),
        request("delete no uuid", "DELETE", "/v2/cache/some-name"),
        get("nodes unknown", f"/v2/cache/nodes/{NOBODY}"),
        get("show one", f"/v2/cache/{C[1]}"),
        request("post to the cache", "POST", "/v2/cache"),
        request("put the cache", "PUT", "/v2/cache"),
        get("list with slash", "/v2/cache/"),
        request("delete image of a cached copy", "DELETE", f"/v2/images/{C[1]}"),
        get("copy gone with the image", "/v2/cache"),
        request("clean", "POST", "/v2/cache/clean"),
        request("prune", "POST", "/v2/cache/prune"),
        request("clean by GET", "GET", "/v2/cache/clean"),
        request("prune by PUT", "PUT", "/v2/cache/prune"),
        request("clean with json", "POST", "/v2/cache/clean", {"Content-Type": "application/json"}, b"{}"),
        request("prune with json", "POST", "/v2/cache/prune", {"Content-Type": "application/json"}, b"{}"),
    ],
)

# Queue markers come from the legacy route, because what `PUT /v2/cache/{id}` queues is fetched at once.
CLEAR = Scenario(
    "clear",
    [
        *fill(1, G[1]),
        *fill(2, G[2]),
        create_raw("create 3", G[3]),
        upload("upload 3", G[3], ABC),
        get("filled", "/v2/cache", until=cache_holds(2, 0)),
        clear("unknown target", "images"),
        clear("unknown target both", "both"),
        clear("targets as a list", "cache,queue"),
        get("nothing cleared", "/v2/cache"),
        clear("queue only", "queue"),
        get("copies are still there", "/v2/cache"),
        clear("cache", "cache"),
        get("no copies", "/v2/cache"),
        *[download(f"refill {number}", G[number]) for number in (1, 2)],
        get("refilled", "/v2/cache", until=cache_holds(2, 0)),
        clear("no header"),
        get("nothing at all", "/v2/cache"),
        clear("empty"),
        download("refill once more", G[1]),
        get("refilled once more", "/v2/cache", until=cache_holds(1, 0)),
        clear("empty target", ""),
        get("empty target clears both", "/v2/cache"),
        download("refill for capitals", G[1]),
        get("refilled for capitals", "/v2/cache", until=cache_holds(1, 0)),
        clear("capitals", "CACHE"),
        get("capitals clear", "/v2/cache"),
        download("refill for header in capitals", G[1]),
        get("refilled for header in capitals", "/v2/cache", until=cache_holds(1, 0)),
        clear("header in capitals", "cache", "X-Image-Cache-Clear-Target"),
        get("header in capitals clears", "/v2/cache"),
        clear("spaces around", " queue "),
        request("with a body", "DELETE", "/v2/cache", {"Content-Type": "application/json"}, b"{}"),
        get("image is still there", f"/v2/images/{G[1]}"),
        download("data is still there", G[1]),
    ],
)

SCENARIOS = [CACHE, CLEAR]
