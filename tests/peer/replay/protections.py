"""Property protections: what each kind of caller may do with protected properties."""

from __future__ import annotations

from collections.abc import Mapping

from harness.glance import Options
from replay.callers import ADMIN, by, caller
from replay.steps import PATCH_V20, Ids, Scenario, Step, create, get, patch

P = Ids(0xB0)

ROLES = """\
[^x_admin]
create = admin
read = admin
update = admin
delete = admin

[^x_seen$]
create = admin
read = @
update = Member
delete = !

[^x_service]
create = service
read = service, member
update = service
delete = service

[^x_nobody]
create = !
read = !
update = !
delete = !

[^x_once]
create = @
read = @
update =
delete =

[colour|shape]
create = member
read = @
update = member
delete = member
"""

POLICIES = """\
[^x_admin]
create = admins
read = admins
update = admins
delete = admins

[^x_seen$]
create = admins
read = @
update = members
delete = !

[.*]
create = members
read = @
update = members
delete = members
"""

FORMATS: dict[str, Options] = {
    "roles": Options(
        identity=True, extra={"property_protection_file": "protections.conf"}, files={"protections.conf": ROLES}
    ),
    "policies": Options(
        identity=True,
        extra={"property_protection_file": "protections.conf", "property_protection_rule_format": "policies"},
        files={"protections.conf": POLICIES, "policy.yaml": '"admins": "role:admin"\n"members": "role:member"\n'},
    ),
}

CALLERS = {
    "admin": ADMIN,
    "member": caller("owner", "member", "reader"),
    "reader": caller("owner", "reader"),
    "member by a service": caller(
        "owner", "member", "reader", X_Service_Identity_Status="Confirmed", X_Service_Roles="service"
    ),
}
NAMES = ("x_admin_note", "x_seen", "x_service_note", "x_nobody", "x_once", "colour", "my_shape", "unmatched", "os_glance_note")


def tried(number: int, who: str, headers: Mapping[str, str]) -> list[Step]:
    """On an image that has what could be created by anybody, and on one without any of it."""
    empty, full = P[number * 100], P[number * 100 + 1]
    steps = [
        by(ADMIN, create(f"{who}: empty", id=empty, owner="owner")),
        by(ADMIN, create(f"{who}: full", id=full, owner="owner", x_admin_note="1", x_seen="1", x_once="1", colour="red")),
        by(headers, get(f"{who}: show", f"/v2/images/{full}")),
        by(headers, get(f"{who}: list", "/v2/images?sort=id:asc")),
    ]
    for offset, name in enumerate(NAMES, 2):
        image = P[number * 100 + offset]
        operations = {
            "add": (empty, {"op": "add", "path": f"/{name}", "value": "2"}),
            "replace what it has not got": (empty, {"op": "replace", "path": f"/{name}x", "value": "2"}),
            "replace": (full, {"op": "replace", "path": f"/{name}", "value": "3"}),
            "add over": (full, {"op": "add", "path": f"/{name}", "value": "4"}),
            "remove": (full, {"op": "remove", "path": f"/{name}"}),
        }
        steps.append(by(headers, create(f"{who}: create with {name}", id=image, **{name: "1"})))
        for what, (target, operation) in operations.items():
            steps.append(by(headers, patch(f"{who}: {what} {name}", target, [operation])))
        steps.append(by(headers, patch(f"{who}: old add {name}", full, [{"add": f"/{name}", "value": "5"}], PATCH_V20)))
    return [*steps, by(headers, get(f"{who}: show at the end", f"/v2/images/{full}"))]


SCENARIOS = [
    Scenario(
        "protections",
        [step for number, (who, headers) in enumerate(CALLERS.items(), 1) for step in tried(number, who, headers)],
    )
]
