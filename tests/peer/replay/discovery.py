"""Schemas and what the site says about itself."""

from replay.steps import Scenario, get, request

SCENARIOS = [
    Scenario(
        "schemas",
        [
            get("image", "/v2/schemas/image"),
            get("images", "/v2/schemas/images"),
            get("member", "/v2/schemas/member"),
            get("members", "/v2/schemas/members"),
            get("unknown", "/v2/schemas/nothing"),
            get("collection", "/v2/schemas"),
            request("post image", "POST", "/v2/schemas/image"),
            request("delete images", "DELETE", "/v2/schemas/images"),
        ],
    ),
    Scenario(
        "info",
        [
            get("import", "/v2/info/import"),
            get("stores", "/v2/info/stores"),
            get("stores detail", "/v2/info/stores/detail"),
            get("usage", "/v2/info/usage"),
            get("unknown", "/v2/info/nothing"),
            request("post import", "POST", "/v2/info/import"),
            request("put stores", "PUT", "/v2/info/stores"),
        ],
    ),
]
