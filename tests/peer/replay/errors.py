"""Refusals by method, by media type and in the form the caller asked for."""

import json

from replay.steps import NOBODY, Ids, Scenario, create_raw, get, request

E = Ids(0x80)

ROUTES = {
    "images": "/v2/images",
    "image": f"/v2/images/{E[1]}",
    "file": f"/v2/images/{E[1]}/file",
    "tag": f"/v2/images/{E[1]}/tags/x",
    "cache": "/v2/cache",
    "cached image": f"/v2/cache/{E[1]}",
    "schema": "/v2/schemas/image",
    "import info": "/v2/info/import",
    "stores info": "/v2/info/stores",
    "unknown": "/v2/nothing",
}

# HEAD and OPTIONS stand for what no route takes; PATCH and POST for what only some do.
METHODS = ("HEAD", "OPTIONS", "PATCH", "POST", "BREW")

TAKEN = {("images", "POST"), ("image", "PATCH")}

ACCEPTS = {
    "none": None,
    "any": "*/*",
    "json": "application/json",
    "html": "text/html",
    "plain": "text/plain",
    "json first": "application/json, text/html;q=0.5",
    "html first": "text/html, application/json;q=0.5",
    "json less": "application/json;q=0.1, text/html",
    "xml": "application/xml",
    "text of any kind": "text/*",
    "application of any kind": "application/*",
    "json and any": "application/json, */*",
    "browser": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "nonsense": "nonsense",
    "empty": "",
}

TOO_MANY_TAGS = json.dumps({"tags": [f"t{number}" for number in range(129)]}).encode()

SCENARIOS = [
    Scenario(
        "methods",
        [
            create_raw("create", E[1]),
            *(
                request(f"{method} {name}", method, path)
                for name, path in ROUTES.items()
                for method in METHODS
                if (name, method) not in TAKEN
            ),
            request("PUT images", "PUT", "/v2/images"),
            request("DELETE images", "DELETE", "/v2/images"),
            request("PUT image", "PUT", f"/v2/images/{E[1]}"),
        ],
    ),
    Scenario(
        "accept",
        [
            *(get(f"404 as {name}", f"/v2/images/{NOBODY}", accept=value) for name, value in ACCEPTS.items()),
            *(get(f"400 as {name}", "/v2/images?limit=-1", accept=value) for name, value in ACCEPTS.items()),
            *(
                request(f"bad clear target as {name}", "DELETE", "/v2/cache", {"x-image-cache-clear-target": "x"}, accept=value)
                for name, value in ACCEPTS.items()
            ),
            *(request(f"405 as {name}", "PUT", "/v2/images", accept=value) for name, value in ACCEPTS.items()),
            *(get(f"unrouted as {name}", "/v2/nothing", accept=value) for name, value in ACCEPTS.items()),
            *(
                request(f"415 as {name}", "PATCH", f"/v2/images/{NOBODY}", {"Content-Type": "text/plain"}, b"[]", accept=value)
                for name, value in ACCEPTS.items()
            ),
            *(
                request(f"413 as {name}", "POST", "/v2/images", {"Content-Type": "application/json"}, TOO_MANY_TAGS, accept=value)
                for name, value in ACCEPTS.items()
            ),
            get("html is escaped", "/v2/images?visibility=%3Cb%3E%26%22%27", accept="text/html"),
            get("json is not html", "/v2/images?visibility=%3Cb%3E%26%22%27"),
            get("text is not html", "/v2/images?visibility=%3Cb%3E%26%22%27", accept=None),
            *(get(f"list as {name}", "/v2/images", accept=value) for name, value in ACCEPTS.items()),
        ],
    ),
    Scenario(
        "request ids",
        [
            get("given", "/v2/images", {"X-OpenStack-Request-ID": "req-11111111-2222-3333-4444-555555555555"}),
            get("given badly", "/v2/images", {"X-OpenStack-Request-ID": "mine"}),
            get("too long", "/v2/images", {"X-OpenStack-Request-ID": "r" * 65}),
            get("of 64", "/v2/images", {"X-OpenStack-Request-ID": "r" * 64}),
            get("microversion header", "/v2/images", {"OpenStack-API-Version": "image 2.15"}),
            get("token of nobody", "/v2/images", {"X-Auth-Token": "anything"}),
            get("long path", "/v2/images/" + "x" * 2000),
        ],
    ),
]
