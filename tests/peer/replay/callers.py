"""Who may do what: every kind of caller, every visibility, every operation.

For servers that are told by a proxy who calls. An image of each visibility belongs to the project `owner`; the shared one
is also `accepted`'s, `pending`'s and `rejected`'s, who answered as they are called. `other` has nothing to do with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from replay.steps import PATCH_V21, Ids, Scenario, Step, create_raw, download, get, patch, request, send_json, upload

ABC = b"abcdefghijklmnopqrstuvwxyz"


def caller(project: str | None, *roles: str, **more: str) -> dict[str, str]:
    headers = {"X-Identity-Status": "Confirmed", "X-User-Id": f"user of {project}", "X-Roles": ",".join(roles)}
    if project is not None:
        headers["X-Project-Id"] = project
    return {**headers, **{key.replace("_", "-"): value for key, value in more.items()}}


ADMIN = caller("admin", "admin", "member", "reader")

CALLERS: dict[str, dict[str, str]] = {
    "admin": ADMIN,
    "admin role alone": caller("admin", "Admin"),
    "owner member": caller("owner", "member", "reader"),
    "owner reader": caller("owner", "reader"),
    "owner without roles": caller("owner"),
    "other member": caller("other", "member", "reader"),
    "other reader": caller("other", "reader"),
    "pending member": caller("pending", "member", "reader"),
    "accepted member": caller("accepted", "member", "reader"),
    "accepted reader": caller("accepted", "reader"),
    "rejected member": caller("rejected", "member", "reader"),
    "service": caller("service", "service"),
    "service for other": caller(
        "other", "member", "reader", X_Service_Identity_Status="Confirmed", X_Service_Roles="service"
    ),
    "member without project": caller(None, "member", "reader"),
    "system reader": caller(None, "reader", OpenStack_System_Scope="all"),
    "no token": {},
    "bad token": {**caller("owner", "member", "reader"), "X-Identity-Status": "Invalid"},
}

# Those who differ from one another nearly everywhere; the others are heard where they could make a difference.
CAST = {
    name: headers
    for name, headers in CALLERS.items()
    if name not in ("admin role alone", "owner without roles", "service for other", "system reader", "bad token")
}

VISIBILITIES = ("private", "shared", "public", "community")


def by(headers: Mapping[str, str], step: Step, prefix: str = "") -> Step:
    return replace(step, name=prefix + step.name, headers={**step.headers, **headers})


def everyone(steps: Iterable[Step], callers: Mapping[str, Mapping[str, str]] = CAST) -> list[Step]:
    """Each step by each caller."""
    steps = list(steps)
    return [by(headers, step, f"{name}: ") for name, headers in callers.items() for step in steps]


def furnish(ids: Ids, *, active: bool = True) -> list[Step]:
    """An image of each visibility, and one nobody owns."""
    steps = []
    for number, visibility in enumerate(VISIBILITIES, 1):
        steps.append(create_raw(f"create {visibility}", ids[number], visibility=visibility, owner="owner", tags=["old"]))
    steps.append(create_raw("create ownerless", ids[5], visibility="shared", owner=None))
    if active:
        steps += [upload(f"upload {number}", ids[number], ABC) for number in range(1, 6)]
    for project in ("pending", "accepted", "rejected"):
        steps.append(send_json(f"share with {project}", "POST", f"/v2/images/{ids[2]}/members", {"member": project}))
        if project != "pending":
            path = f"/v2/images/{ids[2]}/members/{project}"
            steps.append(send_json(f"{project} answers", "PUT", path, {"status": project}))
    return [by(ADMIN, step) for step in steps]


def images(ids: Ids) -> dict[str, str]:
    return {**{visibility: ids[number] for number, visibility in enumerate(VISIBILITIES, 1)}, "ownerless": ids[5]}


def nothing_queued(body: Any) -> bool:
    """For `until`, also where the list is refused."""
    return not body.get("queued_images")


def all_cached(body: Any) -> bool:
    """For `until`: the five images are there, or the caller may not know."""
    return len(body.get("cached_images", range(5))) == 5


SEE, LIST, CHANGE, DATA, CACHED, MAKE, GIVE, MEMBERS, CACHE, ONCE, ACT = (Ids(0x80 + number) for number in range(11))

SEEING = Scenario(
    "seeing",
    [*furnish(SEE), *everyone((get(f"show {name}", f"/v2/images/{image}") for name, image in images(SEE).items()), CALLERS)],
)

LISTING = Scenario(
    "listing",
    [
        *furnish(LIST),
        *everyone(
            get(f"list {query}", f"/v2/images?sort=id:asc{query}")
            for query in (
                "",
                "&visibility=all",
                "&visibility=private",
                "&visibility=shared",
                "&visibility=public",
                "&visibility=community",
                "&member_status=all",
                "&member_status=pending",
                "&member_status=rejected",
                "&member_status=accepted",
                "&visibility=shared&member_status=all",
                "&visibility=shared&member_status=rejected",
                "&owner=owner",
                "&limit=1",
                f"&marker={LIST[1]}",
            )
        ),
    ],
)

CHANGING = Scenario(
    "changing",
    [
        *furnish(CHANGE),
        *everyone(
            step
            for name, image in images(CHANGE).items()
            for step in (
                patch(f"rename {name}", image, [{"op": "replace", "path": "/name", "value": "renamed"}]),
                patch(f"add a property to {name}", image, [{"op": "add", "path": "/colour", "value": "red"}]),
                patch(f"change nothing of {name}", image, []),
                patch(f"lose what {name} has not", image, [{"op": "remove", "path": "/shape"}]),
                request(f"tag {name}", "PUT", f"/v2/images/{image}/tags/new"),
                request(f"untag {name}", "DELETE", f"/v2/images/{image}/tags/never"),
                patch(f"locations of {name}", image, [{"op": "replace", "path": "/locations", "value": []}]),
                upload(f"upload again to {name}", image, b"other"),
            )
        ),
    ],
)

DOWNLOADING = Scenario(
    "downloading",
    [
        *furnish(DATA),
        *(
            step
            for who, headers in CAST.items()
            for name, image in images(DATA).items()
            for step in (
                by(ADMIN, request(f"{who}: forget {name}", "DELETE", f"/v2/cache/{image}")),
                by(headers, download(f"{who}: not cached {name}", image)),
                by(headers, download(f"{who}: part of {name}", image, {"Range": "bytes=0-3"})),
            )
        ),
    ],
)

DOWNLOADING_CACHED = Scenario(
    "downloading cached",
    [
        *furnish(CACHED),
        *(by(ADMIN, download(f"fill {name}", image)) for name, image in images(CACHED).items()),
        by(ADMIN, get("all cached", "/v2/cache", until=lambda body: len(body["cached_images"]) == 5)),
        *everyone(download(f"cached {name}", image) for name, image in images(CACHED).items()),
        *(
            by(ADMIN, request(f"deactivate {name}", "POST", f"/v2/images/{image}/actions/deactivate"))
            for name, image in images(CACHED).items()
        ),
        *everyone(
            step
            for name, image in images(CACHED).items()
            for step in (
                download(f"deactivated {name}", image),
                get(f"show deactivated {name}", f"/v2/images/{image}"),
            )
        ),
    ],
)


def making(number: int, name: str, headers: Mapping[str, str]) -> list[Step]:
    """What a caller creates, and what it can make of it afterwards."""
    steps = []
    for kind, visibility in enumerate((None, *VISIBILITIES)):
        fields = {} if visibility is None else {"visibility": visibility}
        steps.append(create_raw(f"create {visibility}", MAKE[number * 100 + kind], **fields))
    steps.append(create_raw("create for owner", MAKE[number * 100 + 10], owner="owner"))
    steps.append(create_raw("create for other", MAKE[number * 100 + 11], owner="other"))
    steps.append(create_raw("create for nobody", MAKE[number * 100 + 12], owner=None))
    steps.append(create_raw("create public for other", MAKE[number * 100 + 13], owner="other", visibility="public"))
    steps.append(create_raw("create reserved", MAKE[number * 100 + 14], os_glance_x="1"))
    steps.append(send_json("create with a status", "POST", "/v2/images", {"status": "active"}))
    steps.append(send_json("create nonsense", "POST", "/v2/images", {"name": 1}))
    return [by(headers, step, f"{name}: ") for step in steps]


MAKING = Scenario(
    "making", [step for number, (name, headers) in enumerate(CAST.items(), 1) for step in making(number, name, headers)]
)


def giving(number: int, name: str, headers: Mapping[str, str]) -> list[Step]:
    """Changes of visibility and owner, each on an image of its own, since the next would meet another image."""
    steps = []
    at = number * 100
    for source in VISIBILITIES:
        for operation in (
            *({"op": "replace", "path": "/visibility", "value": target} for target in VISIBILITIES),
            {"op": "replace", "path": "/owner", "value": "other"},
            {"op": "add", "path": "/owner", "value": "other"},
            {"op": "replace", "path": "/protected", "value": True},
        ):
            at += 1
            what = f"{operation['op']} {operation['path']} {operation['value']} of {source}"
            steps.append(by(ADMIN, create_raw(f"{name}: {what}: create", GIVE[at], visibility=source, owner="owner")))
            steps.append(by(headers, patch(f"{name}: {what}", GIVE[at], [operation])))
    return steps


GIVING_CALLERS = ("admin", "owner member", "owner reader", "other member", "service")
GIVING = Scenario(
    "giving",
    [step for number, name in enumerate(GIVING_CALLERS, 1) for step in giving(number, name, CALLERS[name])],
)


def member_steps(prefix: str, image: str) -> list[Step]:
    path = f"/v2/images/{image}/members"
    return [
        get(f"list members of {prefix}", path),
        get(f"show member accepted of {prefix}", f"{path}/accepted"),
        get(f"show member pending of {prefix}", f"{path}/pending"),
        get(f"show no member of {prefix}", f"{path}/nobody"),
        send_json(f"answer for accepted of {prefix}", "PUT", f"{path}/accepted", {"status": "accepted"}),
        send_json(f"answer for pending of {prefix}", "PUT", f"{path}/pending", {"status": "pending"}),
        send_json(f"nonsense for accepted of {prefix}", "PUT", f"{path}/accepted", {"status": "perhaps"}),
        send_json(f"add accepted to {prefix}", "POST", path, {"member": "accepted"}),
        request(f"remove nobody from {prefix}", "DELETE", f"{path}/nobody"),
    ]


def adding(number: int, name: str, headers: Mapping[str, str]) -> list[Step]:
    """Adds and removes a member that no other caller meets."""
    path = f"/v2/images/{MEMBERS[2]}/members"
    return [
        by(headers, send_json(f"{name}: add new", "POST", path, {"member": f"new-{number}"})),
        by(ADMIN, send_json(f"{name}: add for removal", "POST", path, {"member": f"old-{number}"})),
        by(headers, request(f"{name}: remove", "DELETE", f"{path}/old-{number}")),
        by(headers, request(f"{name}: remove pending", "DELETE", f"{path}/pending")),
        by(ADMIN, send_json(f"{name}: add pending again", "POST", path, {"member": "pending"})),
        by(headers, request(f"{name}: remove accepted", "DELETE", f"{path}/accepted")),
        by(ADMIN, send_json(f"{name}: add accepted again", "POST", path, {"member": "accepted"})),
        by(ADMIN, send_json(f"{name}: accept again", "PUT", f"{path}/accepted", {"status": "accepted"})),
        by(ADMIN, get(f"{name}: members now", path)),
    ]


SHARING = Scenario(
    "sharing",
    [
        *furnish(MEMBERS, active=False),
        *everyone(step for name, image in images(MEMBERS).items() for step in member_steps(name, image)),
        *(step for number, (name, headers) in enumerate(CAST.items(), 1) for step in adding(number, name, headers)),
    ],
)


def once(number: int, name: str, headers: Mapping[str, str]) -> list[Step]:
    """What can be done to an image only once: data and deletion, each on an image of its own."""
    steps = []
    for kind, visibility in enumerate(VISIBILITIES, 1):
        image, protected = ONCE[number * 100 + kind], ONCE[number * 100 + 10 + kind]
        steps.append(by(ADMIN, create_raw(f"{name}: create {visibility}", image, visibility=visibility, owner="owner")))
        if visibility == "shared":
            path = f"/v2/images/{image}/members"
            steps.append(by(ADMIN, send_json(f"{name}: share", "POST", path, {"member": "accepted"})))
        steps += [by(headers, download(f"{name}: download queued {visibility}", image))]
        steps += [by(headers, upload(f"{name}: upload {visibility}", image, ABC))]
        steps += [by(headers, request(f"{name}: delete {visibility}", "DELETE", f"/v2/images/{image}"))]
        steps += [by(headers, get(f"{name}: show deleted {visibility}", f"/v2/images/{image}"))]
        more = {"visibility": visibility, "owner": "owner", "protected": True}
        steps.append(by(ADMIN, create_raw(f"{name}: create protected {visibility}", protected, **more)))
        steps.append(by(headers, request(f"{name}: delete protected {visibility}", "DELETE", f"/v2/images/{protected}")))
    return steps


ONLY_ONCE = Scenario(
    "only once", [step for number, (name, headers) in enumerate(CAST.items(), 1) for step in once(number, name, headers)]
)

ACTING = Scenario(
    "acting",
    [
        *furnish(ACT),
        *everyone(
            step
            for name, image in images(ACT).items()
            for step in (
                request(f"deactivate {name}", "POST", f"/v2/images/{image}/actions/deactivate"),
                request(f"reactivate {name}", "POST", f"/v2/images/{image}/actions/reactivate"),
            )
        ),
    ],
)

CACHING = Scenario(
    "caching",
    [
        *furnish(CACHE),
        *everyone(
            (
                get("list cache", "/v2/cache", until=nothing_queued),
                *(request(f"queue {name}", "PUT", f"/v2/cache/{image}") for name, image in images(CACHE).items()),
                request("queue unknown", "PUT", f"/v2/cache/{CACHE[99]}"),
                get("settled", "/v2/cache", until=all_cached),
                *(get(f"nodes of {name}", f"/v2/cache/nodes/{image}") for name, image in images(CACHE).items()),
                *(request(f"delete {name}", "DELETE", f"/v2/cache/{image}") for name, image in images(CACHE).items()),
                request("delete unknown", "DELETE", f"/v2/cache/{CACHE[99]}"),
                request("clear", "DELETE", "/v2/cache"),
                request("clean", "POST", "/v2/cache/clean"),
                request("prune", "POST", "/v2/cache/prune"),
                get("cached by the old route", "/v2/cached_images"),
                get("queued by the old route", "/v2/queued_images"),
                request("delete by the old route", "DELETE", f"/v2/cached_images/{CACHE[1]}"),
            )
        ),
    ],
)

AROUND = Scenario(
    "around",
    everyone(
        (
            get("image schema", "/v2/schemas/image"),
            get("member schema", "/v2/schemas/member"),
            get("import methods", "/v2/info/import"),
            get("stores", "/v2/info/stores"),
            get("stores in detail", "/v2/info/stores/detail"),
            get("usage", "/v2/info/usage"),
            get("nothing here", "/v2/nothing"),
            get("versions", "/versions"),
            get("root", "/"),
            request("wrong method", "PUT", "/v2/images"),
            patch("patch unknown", CACHE[98], [{"op": "add", "path": "/a", "value": "b"}]),
            request("patch as json", "PATCH", f"/v2/images/{CACHE[98]}", {"Content-Type": "application/json"}, b"[]"),
            request("patch malformed", "PATCH", f"/v2/images/{CACHE[98]}", {"Content-Type": PATCH_V21}, b"["),
        ),
        CALLERS,
    ),
)

SCENARIOS = [
    SEEING,
    LISTING,
    CHANGING,
    DOWNLOADING,
    DOWNLOADING_CACHED,
    MAKING,
    GIVING,
    SHARING,
    ONLY_ONCE,
    ACTING,
    CACHING,
    AROUND,
]
