"""The version documents, the health check, and paths that lead nowhere."""

from replay.steps import Scenario, get, request

VERSION_MEDIA = "application/vnd.openstack.images-v"

SCENARIOS = [
    Scenario(
        "root",
        [
            get("slash", "/"),
            get("slash without accept", "/", accept=None),
            get("slash as html", "/", accept="text/html"),
            get("versions", "/versions"),
            get("versions with slash", "/versions/"),
            get("versions as html", "/versions", accept="text/html"),
            request("post slash", "POST", "/"),
            request("delete versions", "DELETE", "/versions"),
            request("post to the document", "POST", "/openapi.json"),
            get("v2", "/v2"),
            get("v2 slash", "/v2/"),
            get("v1", "/v1/images"),
            get("v3", "/v3/images"),
            get("unknown word", "/images"),
            get("unknown under v2", "/v2/nothing"),
            get("unknown under v2 as html", "/v2/nothing", accept="text/html"),
            get("v2.0", "/v2.0/images"),
            get("v2.9", "/v2.9/images"),
            get("v2.10 needs several stores", "/v2.10/images"),
            get("v2.18", "/v2.18/images"),
            get("v2.19", "/v2.19/images"),
            get("version by media type", "/images", accept=f"{VERSION_MEDIA}2.5"),
            get("version by media type and path", "/v2/images", accept=f"{VERSION_MEDIA}2.5"),
            get("unknown version by media type", "/images", accept=f"{VERSION_MEDIA}3.0"),
            get("versions by another host name", "/versions", {"Host": "images.example.org"}),
        ],
    ),
    Scenario(
        "healthcheck",
        [
            get("plain", "/healthcheck", accept="text/plain"),
            get("without accept", "/healthcheck", accept=None),
            get("anything", "/healthcheck", accept="*/*"),
            get("json", "/healthcheck"),
            get("html", "/healthcheck", accept="text/html"),
            request("head", "HEAD", "/healthcheck"),
            request("post", "POST", "/healthcheck"),
            get("below", "/healthcheck/deep", accept="text/plain"),
        ],
    ),
]
