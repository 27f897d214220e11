"""Our `openstack` beside the Python one at a real Keystone: every way to sign in, projects by name, sharing, several stores."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.client import Client, Result
from harness.cloud import Cloud, Region
from harness.keystone import PASSWORD
from harness.vidimus import find_program
from harness.warm_python import WarmPython

LIST_FORMATS = ("csv", "json", "table", "value", "yaml")
SHOW_FORMATS = ("json", "shell", "table", "value", "yaml")


@pytest.fixture(scope="module", params=["glance", "vidimus"])
def region(request: pytest.FixtureRequest, cloud: Cloud) -> Region:
    return cloud.regions[request.param]


@dataclass(frozen=True)
class Both:
    """Both programs, signed in in the same way."""

    python: Client
    ours: Client

    def compare(self, line: str, *more: str) -> Result:
        """Runs the command with each and answers with ours, once all that can be seen of it is the same."""
        words = (*line.split(), *more)
        expected, got = self.python.run(*words), self.ours.run(*words)
        assert seen(got) == seen(expected), line
        return got


def seen(done: Result) -> tuple[int, str, str]:
    """What there is to see, but of a refusal by the parser not the usage in front, which says the same in other words."""
    err = done.err.splitlines()[-1] if done.code == 2 else done.err
    return done.code, plain(done.text), plain(err)


def plain(text: str) -> str:
    """Without what differs between two runs one after the other."""
    text = re.sub(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?", "<the date and time>", text)
    return re.sub(r"req-[0-9a-f-]{36}", "<the request>", text)


def both(warm: WarmPython, region: Region, home: Path, auth: Mapping[str, str]) -> Both:
    ours = find_program("openstack", "OPENSTACK_BIN")
    return Both(Client(warm, region.url, home, auth), Client(ours, region.url, home, auth))


def person(region: Region, cloud: str) -> dict[str, str]:
    """Signs in as one of those in `clouds.yaml`."""
    return {"OS_CLIENT_CONFIG_FILE": str(region.home / "clouds.yaml"), "OS_CLOUD": cloud}


@pytest.fixture
def admin(warm: WarmPython, region: Region, tmp_path: Path) -> Both:
    return both(warm, region, tmp_path, person(region, "devstack-admin"))


@pytest.fixture
def demo(warm: WarmPython, region: Region, tmp_path: Path) -> Both:
    return both(warm, region, tmp_path, person(region, "devstack"))


@pytest.fixture(scope="module")
def mine(region: Region) -> str:
    """The id of an image that only demo's project sees."""
    with region.connect("devstack") as connection:
        made = connection.image.create_image("mine", data=b"mine", disk_format="raw", container_format="bare", visibility="private")
    return str(made.id)


def by_password(region: Region, cloud: Cloud) -> dict[str, str]:
    return {
        "OS_AUTH_URL": cloud.keystone.url,
        "OS_USERNAME": "demo",
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "demo",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_REGION_NAME": region.name,
    }


def by_ids(region: Region, cloud: Cloud) -> dict[str, str]:
    with region.connect("devstack") as connection:
        ids = {"OS_USER_ID": connection.current_user_id, "OS_PROJECT_ID": connection.current_project_id}
    return {
        # The version is found out.
        "OS_AUTH_URL": cloud.keystone.url.removesuffix("/v3"),
        "OS_AUTH_TYPE": "v3password",
        "OS_PASSWORD": PASSWORD,
        "OS_REGION_NAME": region.name,
        **ids,
    }


def by_token(region: Region, cloud: Cloud) -> dict[str, str]:
    with region.connect("devstack") as connection:
        token = connection.auth_token
    return {
        "OS_AUTH_URL": cloud.keystone.url,
        "OS_AUTH_TYPE": "v3token",
        "OS_TOKEN": token,
        "OS_PROJECT_NAME": "demo",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": region.name,
    }


def by_application_credential(region: Region, cloud: Cloud) -> dict[str, str]:
    with region.connect("devstack") as connection:
        made = connection.identity.create_application_credential(
            user=connection.current_user_id, name=uuid.uuid4().hex, secret="a secret"
        )
    return {
        "OS_AUTH_URL": cloud.keystone.url,
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": made.id,
        "OS_APPLICATION_CREDENTIAL_SECRET": "a secret",
        "OS_REGION_NAME": region.name,
    }


def by_named_application_credential(region: Region, cloud: Cloud) -> dict[str, str]:
    with region.connect("devstack") as connection:
        made = connection.identity.create_application_credential(
            user=connection.current_user_id, name=uuid.uuid4().hex, secret="another secret"
        )
    return {
        "OS_AUTH_URL": cloud.keystone.url,
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_NAME": made.name,
        "OS_APPLICATION_CREDENTIAL_SECRET": "another secret",
        "OS_USERNAME": "demo",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": region.name,
    }


@pytest.mark.parametrize(
    "way", [by_password, by_ids, by_token, by_application_credential, by_named_application_credential], ids=lambda way: way.__name__
)
def test_every_way_to_sign_in(way, cloud: Cloud, warm: WarmPython, region: Region, mine: str, tmp_path: Path) -> None:
    clients = both(warm, region, tmp_path, way(region, cloud))
    assert mine in clients.compare(f"image show {mine} -f json").ok().text
    clients.compare("image list --private -f json").ok()


@pytest.mark.parametrize("name", ["devstack", "devstack-alt", "devstack-admin", "devstack-system-admin"])
def test_everybody_sees_what_is_theirs(name: str, warm: WarmPython, region: Region, mine: str, tmp_path: Path) -> None:
    clients = both(warm, region, tmp_path, person(region, name))
    shown = clients.compare(f"image show {mine} -f value -c name")
    assert (shown.code == 0) == (name in ("devstack", "devstack-admin")), shown


def test_options_sign_in_too(cloud: Cloud, warm: WarmPython, region: Region, mine: str, tmp_path: Path) -> None:
    clients = both(warm, region, tmp_path, {})
    options = {name.lower().replace("_", "-"): value for name, value in by_password(region, cloud).items()}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    clients.compare(f"image show {mine} -f json", *words).ok()


WRONG = {
    "password": (by_password, {"OS_PASSWORD": "wrong"}),
    "user": (by_password, {"OS_USERNAME": "nobody"}),
    "project": (by_password, {"OS_PROJECT_NAME": "nothing"}),
    "another's project": (by_password, {"OS_PROJECT_NAME": "alt_demo"}),
    "domain": (by_password, {"OS_USER_DOMAIN_NAME": "nowhere"}),
    "region": (by_password, {"OS_REGION_NAME": "nowhere"}),
    "interface": (by_password, {"OS_INTERFACE": "internal"}),
    "token": (by_token, {"OS_TOKEN": "nonsense"}),
    "credential": (by_application_credential, {"OS_APPLICATION_CREDENTIAL_ID": "nonsense"}),
    "secret": (by_application_credential, {"OS_APPLICATION_CREDENTIAL_SECRET": "nonsense"}),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_the_same_words(
    what: str, cloud: Cloud, warm: WarmPython, region: Region, tmp_path: Path
) -> None:
    way, wrong = WRONG[what]
    clients = both(warm, region, tmp_path, {**way(region, cloud), **wrong})
    assert clients.compare("image list").code == 1


def test_sharing(admin: Both, demo: Both, region: Region) -> None:
    """Projects by name and id; what one project offers, the other takes."""
    with region.connect("devstack-admin") as connection:
        image = connection.image.create_image("to share", data=b"x", disk_format="raw", container_format="bare", visibility="shared").id
    with region.connect("devstack") as connection:
        project = connection.current_project_id
    for name in ("demo", project, "demo --project-domain default", "demo --project-domain Default"):
        outputs = []
        for client in (admin.python, admin.ours):
            outputs.append(plain(client.run(*f"image add project {image} {name}".split()).ok().text))
            if (name, client) == ("demo", admin.ours):
                for form in SHOW_FORMATS:
                    admin.compare(f"image member get {image} {project} -f {form}").ok()
            client.run(*f"image remove project {image} {name}".split()).ok()
        assert outputs[0] == outputs[1]
    assert admin.compare(f"image member get {image} nobody").code == 1
    admin.compare(f"image member list {image}").ok()
    admin.ours.run("image", "add", "project", "to share", "demo").ok()
    assert "is duplicated" in admin.compare(f"image add project {image} demo").err
    for form in LIST_FORMATS:
        assert project in admin.compare(f"image member list {image} -f {form}").ok().text
    assert image not in demo.compare("image list --shared -f value -c ID").ok().text
    demo.ours.run("image", "set", image, "--accept").ok()
    assert image in demo.compare("image list --shared -f value -c ID").ok().text
    assert "accepted" in demo.compare(f"image member list {image} -f value").ok().text
    assert demo.compare(f"image add project {image} alt_demo").code == 1
    for _ in range(2):
        # The second time there is nothing to remove, which is no mistake.
        admin.ours.run("image", "remove", "project", image, "demo").ok()
    assert admin.compare(f"image member list {image}").ok().text.strip() == ""
    for line in ("image add project nope demo", "image remove project nope demo", "image member list nope", "image add project"):
        assert admin.compare(line).code != 0
    nobody = admin.ours.run("image", "add", "project", image, "nobody")
    # Where Python says nothing at all.
    assert (nobody.code, nobody.err) == (1, "No project with a name or ID of 'nobody' exists.")


def test_an_owner_is_named(admin: Both, region: Region) -> None:
    with region.connect("devstack-alt") as connection:
        project = connection.current_project_id
    given = admin.ours.run("image", "create", "given", "--project", "alt_demo", "-f", "value", "-c", "owner").ok()
    assert given.text.strip() == project
    assert "given" in admin.compare("image list --project alt_demo").ok().text
    admin.ours.run("image", "set", "given", "--project", "demo").ok()
    assert "given" not in admin.compare("image list --project alt_demo --project-domain default").ok().text


@pytest.mark.parametrize("form", LIST_FORMATS)
def test_stores(admin: Both, demo: Both, form: str) -> None:
    assert "slow" in admin.compare(f"image stores list -f {form}").ok().text
    details = admin.compare(f"image stores list --detail -f {form}").ok().text
    assert "data_dir" in details
    assert demo.compare(f"image stores list --detail -f {form}").code == 1


def wait_for_imports(region: Region, image: str) -> None:
    """Glance on SQLite does one thing at a time, so nothing is asked of it before it is done."""
    deadline = time.monotonic() + 60
    with region.connect("devstack-admin") as connection:
        while not all(task["status"] in ("success", "failure") for task in connection.image.get(f"/images/{image}/tasks").json()["tasks"]):
            assert time.monotonic() < deadline, image
            time.sleep(0.1)


def test_imports_and_their_tasks(admin: Both, demo: Both, region: Region) -> None:
    outputs = []
    for client in (admin.python, admin.ours):
        made = client.run(*"image create imported -f value -c id".split(), terminal=True).ok().text.strip()
        said = [client.run("image", "import", made)]
        said.append(client.run("image", "stage", made, stdin=b"staged").ok())
        said.append(client.run("image", "stage", made, stdin=b"again"))
        said.append(client.run("image", "import", made, "--store", "slow").ok())
        wait_for_imports(region, made)
        said.append(client.run(*f"image show {made} -f json".split()).ok())
        outputs.append([(code, out.replace(made, "<id>"), err.replace(made, "<id>")) for code, out, err in map(seen, said)])
    assert outputs[0] == outputs[1]
    with region.connect("devstack-admin") as connection:
        task = connection.image.get(f"/images/{made}/tasks").json()["tasks"][0]["id"]
    for form in SHOW_FORMATS:
        assert made in admin.compare(f"image task show {task} -f {form}").ok().text
    for form in LIST_FORMATS:
        assert task in admin.compare(f"image task list -f {form} --sort-key created_at --sort-dir desc").ok().text
    for words in ("--limit 1 --sort-key id", "--status success --limit 2", "--status failure", f"--marker {task} --sort-key id"):
        admin.compare(f"image task list {words}").ok()
    assert demo.compare("image task list").code == 1
    assert demo.compare(f"image task show {task}").code == 1
    assert len(admin.ours.run(*"image task list --max-items 1 -f value".split()).ok().text.splitlines()) == 1


def test_copies_go_to_other_stores(admin: Both, region: Region) -> None:
    """Python never waits, whatever it is told; ours shows where the data is in the end."""
    outputs = []
    for client in (admin.python, admin.ours):
        made = client.run(*"image create copied -f value -c id".split(), stdin=b"to copy").ok().text.strip()
        assert client.run(*f"image import {made} --method copy-image".split()).code == 1
        shown = client.run(*f"image import {made} --method copy-image --store slow -f json".split()).ok()
        outputs.append(plain(shown.text).replace(made, "<id>"))
        wait_for_imports(region, made)
        assert "slow" in client.run(*f"image show {made} -f value -c properties".split()).ok().text
    assert outputs[0] == outputs[1]
    made = admin.ours.run(*"image create waited -f value -c id".split(), stdin=b"to copy").ok().text.strip()
    words = f"image import {made} --method copy-image --all-stores --disallow-failure --wait -f json".split()
    assert sorted(json.loads(admin.ours.run(*words).ok().text)["properties"]["stores"].split(",")) == ["fast", "slow"]
