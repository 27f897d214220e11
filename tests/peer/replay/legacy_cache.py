"""The routes of the cache management middleware, which glance-cache-manage uses."""

from replay.steps import NOBODY, Ids, Scenario, cache_holds, create_raw, download, get, lose_data, request, upload

M = Ids(0x70)

SCENARIOS = [
    Scenario(
        "legacy cache",
        [
            get("no copies", "/v2/cached_images"),
            get("no queue", "/v2/queued_images"),
            create_raw("create", M[1]),
            upload("upload", M[1], b"some data"),
            download("download", M[1]),
            get("one copy", "/v2/cached_images", until=lambda body: len(body["cached_images"]) == 1),
            create_raw("create second", M[2]),
            upload("upload second", M[2], b"more data"),
            lose_data(M[2]),
            request("queue cached", "PUT", f"/v2/queued_images/{M[1]}"),
            request("queue", "PUT", f"/v2/queued_images/{M[2]}"),
            get("queued", "/v2/queued_images"),
            request("post a queue entry", "POST", f"/v2/queued_images/{M[2]}"),
            get("one queue entry", f"/v2/queued_images/{M[2]}"),
            request("delete one copy", "DELETE", f"/v2/cached_images/{M[1]}"),
            request("delete one copy again", "DELETE", f"/v2/cached_images/{M[1]}"),
            get("copies after delete", "/v2/cached_images"),
            request("delete one queue entry", "DELETE", f"/v2/queued_images/{M[2]}"),
            request("delete one queue entry again", "DELETE", f"/v2/queued_images/{M[2]}"),
            get("none queued", "/v2/queued_images"),
            request("queue once more", "PUT", f"/v2/queued_images/{M[2]}"),
            request("delete all queue entries", "DELETE", "/v2/queued_images"),
            request("delete all queue entries again", "DELETE", "/v2/queued_images"),
            download("download again", M[1]),
            get("one copy again", "/v2/cache", until=cache_holds(1, 0)),
            request("delete all copies", "DELETE", "/v2/cached_images"),
            request("delete all copies again", "DELETE", "/v2/cached_images"),
            request("post copies", "POST", "/v2/cached_images"),
            request("put copies", "PUT", "/v2/cached_images"),
            get("at v1", "/v1/cached_images"),
            get("clean at the end", "/v2/cache"),
        ],
    ),
    Scenario(
        "legacy queue of what is not there",
        [
            request("queue unknown", "PUT", f"/v2/queued_images/{NOBODY}"),
            request("queue no uuid", "PUT", "/v2/queued_images/some-name"),
            request("delete no uuid", "DELETE", "/v2/queued_images/some-name"),
            request("delete unknown copy", "DELETE", f"/v2/cached_images/{NOBODY}"),
            request("delete copy of no uuid", "DELETE", "/v2/cached_images/some-name"),
        ],
    ),
]
