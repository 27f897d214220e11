"""The cache: list, queue, delete, clear, clean, prune, nodes."""

from replay.steps import NOBODY, Ids, Scenario, Step, cache_holds, create_raw, download, get, lose_data, request, upload

C = Ids(0x60)
G = Ids(0x61)
Q = Ids(0x62)

ABC = b"abcdefghijklmnopqrstuvwxyz"


def clear(name: str, target: str | None = None, header: str = "x-image-cache-clear-target") -> Step:
    return request(name, "DELETE", "/v2/cache", {} if target is None else {header: target})


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

def fill(number: int, image: str) -> list[Step]:
    """An active image of which the cache holds a copy."""
    return [
        create_raw(f"create {number}", image),
        upload(f"upload {number}", image, ABC),
        download(f"download {number}", image),
    ]


def waiting(number: int, image: str) -> list[Step]:
    """An active image that stays queued. By the legacy route: Glance fetches what the other one queues, fails and forgets."""
    return [
        create_raw(f"create {number}", image),
        upload(f"upload {number}", image, ABC),
        lose_data(image),
        queue(f"queue {number}", image),
    ]


def queue(name: str, image: str) -> Step:
    return request(name, "PUT", f"/v2/queued_images/{image}")


def seen(name: str, cached: int, queued: int) -> Step:
    return get(name, "/v2/cache", until=cache_holds(cached, queued))


CLEAR = Scenario(
    "clear",
    [
        *fill(1, G[1]),
        *fill(2, G[2]),
        *waiting(3, G[3]),
        *waiting(4, G[4]),
        seen("filled", 2, 2),
        clear("unknown target", "images"),
        clear("unknown target both", "both"),
        clear("targets as a list", "cache,queue"),
        seen("nothing cleared", 2, 2),
        clear("queue", "queue"),
        seen("copies are still there", 2, 0),
        queue("queue 3 again", G[3]),
        clear("cache", "cache"),
        seen("the queue is still there", 0, 1),
        download("refill", G[1]),
        seen("refilled", 1, 1),
        clear("no header"),
        seen("nothing at all", 0, 0),
        clear("nothing"),
        download("refill for the empty target", G[1]),
        queue("queue for the empty target", G[3]),
        seen("refilled for the empty target", 1, 1),
        clear("empty target", ""),
        seen("empty target clears both", 0, 0),
        download("refill for capitals", G[1]),
        queue("queue for capitals", G[3]),
        seen("refilled for capitals", 1, 1),
        clear("capitals", "CACHE"),
        seen("capitals clear", 0, 1),
        clear("header in capitals", "Queue", "X-Image-Cache-Clear-Target"),
        seen("header in capitals clears", 0, 0),
        clear("spaces around", " queue "),
        request("with a body", "DELETE", "/v2/cache", {"Content-Type": "application/json"}, b"{}"),
        get("image is still there", f"/v2/images/{G[1]}"),
        download("data is still there", G[1]),
        seen("cached again", 1, 0),
    ],
)

QUEUE = Scenario(
    "queue",
    [
        *waiting(1, Q[1]),
        *waiting(2, Q[2]),
        seen("two queued in order", 0, 2),
        queue("queue again", Q[1]),
        seen("still in order", 0, 2),
        request("queue by the other route", "PUT", f"/v2/cache/{Q[2]}"),
        request("delete queued", "DELETE", f"/v2/cache/{Q[1]}"),
        seen("one queued", 0, 1),
        request("delete image of a queue entry", "DELETE", f"/v2/images/{Q[2]}"),
    ],
)

SCENARIOS = [CACHE, CLEAR, QUEUE]
