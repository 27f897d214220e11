"""What web pages of other origins are told: preflights, and answers that carry the headers of the filter."""

from __future__ import annotations

from replay.callers import ADMIN, by
from replay.steps import NOBODY, Ids, Scenario, Step, create_raw, download, get, request, upload

C = Ids(0x90)

HORIZON = "https://horizon.example.com"
CONFIGURATIONS = {
    "closed": {},
    "two origins": {
        "allowed_origin": f"{HORIZON},https://skyline.example.com:8443",
        "expose_headers": "X-Image-Meta-Checksum,X-Openstack-Request-Id",
        "max_age": "60",
    },
    "anybody": {"allowed_origin": "*", "allow_credentials": "false", "max_age": "0"},
    "own lists": {
        "allowed_origin": f"{HORIZON},*",
        "expose_headers": "",
        "allow_methods": "GET,PUT",
        "allow_headers": "X-Own,x-second",
    },
}


def preflight(name: str, origin: str | None = HORIZON, method: str | None = "GET", headers: str | None = None, **more: str) -> Step:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    sent = {key: value for key, value in asked.items() if value is not None}
    return request(f"preflight {name}", "OPTIONS", more.get("path", "/v2/images"), sent)


def simple(name: str, origin: str = HORIZON, path: str = "/v2/images", **headers: str) -> Step:
    return get(f"read {name}", path, {"Origin": origin, **headers})


SCENARIOS = [
    Scenario(
        "cors",
        [
            preflight("plain"),
            preflight("without an origin", None),
            preflight("of an empty origin", ""),
            preflight("of an unknown origin", "https://elsewhere.example.com"),
            preflight("of the second origin", "https://skyline.example.com:8443"),
            preflight("of another port", "https://skyline.example.com"),
            preflight("of another scheme", "http://horizon.example.com"),
            preflight("in capitals", "HTTPS://HORIZON.EXAMPLE.COM"),
            preflight("with a slash", HORIZON + "/"),
            preflight("of null", "null"),
            preflight("of a star", "*"),
            preflight("without a method", method=None),
            *(preflight(f"for {method}", method=method) for method in ("PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")),
            preflight("for a strange method", method="BREW"),
            preflight("for a small method", method="put"),
            preflight("for an empty method", method=""),
            preflight("with a known header", headers="X-Auth-Token"),
            preflight("with a small header", headers="x-auth-token"),
            preflight("with a simple header", headers="Content-Type"),
            preflight("with several headers", headers="X-Auth-Token, content-type ,X-Roles"),
            preflight("with an unknown header", headers="X-Auth-Token,X-Unknown"),
            preflight("with an own header", headers="X-OWN, X-Second"),
            preflight("with an empty header", headers=""),
            preflight("with commas alone", headers=", ,"),
            preflight("of an image", path=f"/v2/images/{NOBODY}"),
            preflight("of nothing", path="/nothing/here"),
            preflight("of the root", path="/"),
            preflight("of the versions", path="/versions"),
            preflight("of the health check", path="/healthcheck"),
            request("options without anything", "OPTIONS", "/v2/images"),
            request("options of the versions", "OPTIONS", "/versions"),
            request("options of the health check", "OPTIONS", "/healthcheck"),
            by(ADMIN, preflight("by an admin")),
            by(ADMIN, create_raw("create", C[1])),
            by(ADMIN, upload("upload", C[1], b"data")),
            by(ADMIN, simple("a list")),
            by(ADMIN, simple("a list as a stranger", "https://elsewhere.example.com")),
            by(ADMIN, simple("a list as null", "null")),
            by(ADMIN, simple("an image", path=f"/v2/images/{C[1]}")),
            by(ADMIN, simple("data", path=f"/v2/images/{C[1]}/file")),
            by(ADMIN, simple("data again", path=f"/v2/images/{C[1]}/file")),
            by(ADMIN, simple("part of the data", path=f"/v2/images/{C[1]}/file", Range="bytes=0-1")),
            by(ADMIN, simple("what is not there", path=f"/v2/images/{NOBODY}")),
            by(ADMIN, simple("no route", path="/v2/nothing")),
            by(ADMIN, simple("a refused request", path="/v2/images?limit=-1")),
            by(ADMIN, request("delete", "DELETE", f"/v2/images/{C[1]}", {"Origin": HORIZON})),
            by(ADMIN, request("wrong method", "PUT", "/v2/images", {"Origin": HORIZON})),
            by(ADMIN, download("no origin", C[1])),
            simple("without a token"),
            simple("the root", path="/"),
            simple("the versions", path="/versions"),
            simple("the way to the root", path="/v2"),
            simple("the health check", path="/healthcheck"),
        ],
    )
]
