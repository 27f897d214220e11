"""Tags, one by one."""

from replay.steps import NOBODY, Ids, Scenario, Step, create, get, request

T = Ids(0x50)


def tag(name: str, method: str, image: str, label: str, body: bytes | None = None) -> Step:
    return request(name, method, f"/v2/images/{image}/tags/{label}", {}, body)


SCENARIOS = [
    Scenario(
        "tags",
        [
            create("create", id=T[1], tags=["first"]),
            tag("add", "PUT", T[1], "second"),
            tag("add again", "PUT", T[1], "second"),
            tag("add escaped", "PUT", T[1], "with%20space"),
            tag("add of 255", "PUT", T[1], "t" * 255),
            tag("add of 256", "PUT", T[1], "t" * 256),
            tag("add empty", "PUT", T[1], ""),
            tag("add with escaped slash", "PUT", T[1], "a%2Fb"),
            tag("add with a body", "PUT", T[1], "third", b"{}"),
            get("show", f"/v2/images/{T[1]}"),
            tag("remove", "DELETE", T[1], "first"),
            tag("remove again", "DELETE", T[1], "first"),
            tag("remove unknown", "DELETE", T[1], "never"),
            tag("get", "GET", T[1], "second"),
            tag("post", "POST", T[1], "second"),
            get("collection", f"/v2/images/{T[1]}/tags"),
            tag("add to unknown", "PUT", NOBODY, "x"),
            tag("remove from unknown", "DELETE", NOBODY, "x"),
            tag("add to no uuid", "PUT", "some-name", "x"),
            get("show at the end", f"/v2/images/{T[1]}"),
            create("create for other scripts", id=T[3]),
            tag("add unicode", "PUT", T[3], "%C3%BC"),
            get("show unicode", f"/v2/images/{T[3]}"),
            tag("add four-byte", "PUT", T[3], "%F0%9F%92%BF"),
            tag("remove unicode", "DELETE", T[3], "%C3%BC"),
            create("create with 128", id=T[2], tags=[f"t{number:03}" for number in range(128)]),
            tag("add the 129th", "PUT", T[2], "too-many"),
            tag("add one that is there", "PUT", T[2], "t000"),
        ],
    ),
]
