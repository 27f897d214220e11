"""Members, as an admin sees them: codes, words and what the fields may hold. Who else may do what: `callers.py`."""

from replay.steps import NOBODY, Ids, Scenario, Step, create, get, request, send_json

M = Ids(0x72)


def members(image: str, member: str = "") -> str:
    return f"/v2/images/{image}/members" + (f"/{member}" if member else "")


def add(name: str, image: str, member: object) -> Step:
    return send_json(name, "POST", members(image), {"member": member})


def answer(name: str, image: str, member: str, status: object) -> Step:
    return send_json(name, "PUT", members(image, member), {"status": status})


SCENARIOS = [
    Scenario(
        "members",
        [
            create("create", id=M[1], name="shared"),
            get("none", members(M[1])),
            add("add", M[1], "project-b"),
            add("add a second", M[1], "project-a"),
            add("add again", M[1], "project-b"),
            get("list", members(M[1])),
            get("show", members(M[1], "project-b")),
            answer("accept", M[1], "project-b", "accepted"),
            answer("reject", M[1], "project-b", "rejected"),
            answer("back to pending", M[1], "project-b", "pending"),
            answer("accept for good", M[1], "project-b", "accepted"),
            answer("unknown status", M[1], "project-b", "perhaps"),
            answer("status in capitals", M[1], "project-b", "Accepted"),
            answer("status of null", M[1], "project-b", None),
            answer("status as a list", M[1], "project-b", ["accepted"]),
            answer("status of a stranger", M[1], "project-x", "accepted"),
            get("list with answers", members(M[1])),
            get("show a stranger", members(M[1], "project-x")),
            request("remove", "DELETE", members(M[1], "project-b")),
            request("remove again", "DELETE", members(M[1], "project-b")),
            get("show what was removed", members(M[1], "project-b")),
            get("list without", members(M[1])),
            add("add what was removed", M[1], "project-b"),
            get("list with it again", members(M[1])),
            add("add with spaces", M[1], "project with spaces"),
            get("show with spaces", members(M[1], "project%20with%20spaces")),
            add("add unicode", M[1], "Projekt ü"),
            get("show unicode", members(M[1], "Projekt%20%C3%BC")),
            add("add four-byte", M[1], "project \N{OPTICAL DISC}"),
            add("add with a slash", M[1], "a/b"),
            get("show with a slash", members(M[1], "a%2Fb")),
            add("add of 255", M[1], "m" * 255),
            add("add of 256", M[1], "m" * 256),
            add("add nothing", M[1], ""),
            add("add null", M[1], None),
            add("add zero", M[1], 0),
            add("add an empty list", M[1], []),
            add("add an empty object", M[1], {}),
            add("add false", M[1], False),
            add("add a list", M[1], ["project-c"]),
            add("add an object", M[1], {"id": "project-c"}),
            send_json("add without a member", "POST", members(M[1]), {"name": "project-c"}),
            send_json("add with more", "POST", members(M[1]), {"member": "project-d", "status": "accepted", "more": 1}),
            send_json("add a bare list", "POST", members(M[1]), ["project-c"]),
            send_json("add a bare string", "POST", members(M[1]), "project-c"),
            request("add no body", "POST", members(M[1])),
            request("add broken json", "POST", members(M[1]), {"Content-Type": "application/json"}, b"{"),
            send_json("answer without a status", "PUT", members(M[1], "project-b"), {"state": "accepted"}),
            send_json("answer with a list", "PUT", members(M[1], "project-b"), ["accepted"]),
            request("answer without a body", "PUT", members(M[1], "project-b")),
            request("list with a body", "GET", members(M[1]), {"Content-Type": "application/json"}, b"{}"),
            request("show with a body", "GET", members(M[1], "project-b"), {"Content-Type": "application/json"}, b"{}"),
            request("remove with a body", "DELETE", members(M[1], "project-b"), {"Content-Type": "application/json"}, b"{}"),
            request("put the list", "PUT", members(M[1])),
            request("delete the list", "DELETE", members(M[1])),
            request("patch a member", "PATCH", members(M[1], "project-b")),
            request("post a member", "POST", members(M[1], "project-b")),
            get("list with a slash", members(M[1]) + "/"),
            get("list of unknown", members(NOBODY)),
            get("list of no uuid", members("some-name")),
            add("add to unknown", NOBODY, "project-b"),
            add("add to no uuid", "some-name", "project-b"),
            get("show of unknown", members(NOBODY, "project-b")),
            answer("answer of unknown", NOBODY, "project-b", "accepted"),
            request("remove from unknown", "DELETE", members(NOBODY, "project-b")),
            get("image afterwards", f"/v2/images/{M[1]}"),
            get("member schema", "/v2/schemas/member"),
            get("members schema", "/v2/schemas/members"),
            request("delete a schema", "DELETE", "/v2/schemas/member"),
        ],
    ),
    Scenario(
        "members of images that are not shared",
        [
            step
            for number, visibility in enumerate(("private", "public", "community"), 2)
            for step in (
                create(f"create {visibility}", id=M[number], visibility=visibility),
                add(f"add to {visibility}", M[number], "project-b"),
                get(f"list of {visibility}", members(M[number])),
                get(f"show of {visibility}", members(M[number], "project-b")),
                answer(f"answer of {visibility}", M[number], "project-b", "accepted"),
                request(f"remove from {visibility}", "DELETE", members(M[number], "project-b")),
            )
        ],
    ),
    Scenario(
        "member quota",
        [
            create("create", id=M[9]),
            *(add(f"add {number:03}", M[9], f"project-{number:03}") for number in range(128)),
            add("one too many", M[9], "project-128"),
            add("one that is there", M[9], "project-000"),
            request("make room", "DELETE", members(M[9], "project-000")),
            add("add into the room", M[9], "project-128"),
            add("too many again", M[9], "project-000"),
        ],
    ),
]
