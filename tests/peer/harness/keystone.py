"""A real Keystone under uWSGI: fernet tokens, SQLite, the people that the clients' functional tests sign in as.

One Keystone serves several image services, each in a region of its own, so that everything but the server is the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import openstack
from cryptography.fernet import Fernet
from openstack.connection import Connection

from harness.process import Running, ServerProcess, free_port

BIN = Path(sys.executable).parent
PASSWORD = "correct horse"


@dataclass(frozen=True)
class Person:
    """Who signs in: as the cloud of this name in `clouds.yaml`."""

    cloud: str
    user: str
    project: str
    roles: tuple[str, ...]


# Devstack's, by name and by what they may do.
PEOPLE = (
    Person("devstack-admin", "admin", "admin", ("admin",)),
    Person("devstack", "demo", "demo", ("member", "reader")),
    Person("devstack-alt", "alt_demo", "alt_demo", ("member", "reader")),
)
SYSTEM_ADMIN = "devstack-system-admin"
# As whom image services ask about tokens.
SERVICE = Person("service", "glance", "service", ("admin", "service"))


def sign_in(url: str, person: Person) -> dict[str, str]:
    """What keystoneauth needs to sign in at the Keystone with this URL."""
    return {
        "auth_url": url,
        "username": person.user,
        "password": PASSWORD,
        "user_domain_id": "default",
        "project_name": person.project,
        "project_domain_id": "default",
    }


def authtoken(url: str) -> Mapping[str, str]:
    """`[keystone_authtoken]`: how keystonemiddleware asks the Keystone with this URL about tokens."""
    return {"www_authenticate_uri": url, "auth_type": "password", **sign_in(url, SERVICE)}


class Keystone(Running):
    """A Keystone that answers, from the constructor's return until `stop`, and knows `PEOPLE`."""

    name = "keystone"

    def __init__(self, directory: Path, port: int = 0):
        self.dir = directory.resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/v3"
        self.log = self.dir / "keystone.log"
        self._write_config()
        self._manage("db_sync")
        urls = ("--bootstrap-public-url", self.url, "--bootstrap-internal-url", self.url)
        self._manage("bootstrap", "--bootstrap-password", PASSWORD, *urls)
        self._process = ServerProcess(self._uwsgi(), self.log, self._env, self.dir)
        try:
            self._process.wait_until_answers(self.url, timeout=120)
            self.admin = self._connect()
            self._add_people()
            self._identity_service = self.admin.identity.find_service("keystone")
            self._image_service = self.admin.identity.create_service(name="glance", type="image")
        except BaseException:
            self.stop()
            raise

    def add_image_service(self, region: str, url: str) -> None:
        """Makes a region of this Keystone and an image service."""
        identity = self.admin.identity
        identity.create_region(id=region)
        for service, endpoint in ((self._identity_service, self.url), (self._image_service, url)):
            identity.create_endpoint(service_id=service.id, interface="public", region_id=region, url=endpoint)

    def clouds(self, region: str) -> str:
        """The text of a `clouds.yaml` with a cloud for each of `PEOPLE`, and one for the whole system's admin."""
        named = {person.cloud: {"auth": sign_in(self.url, person), "region_name": region} for person in PEOPLE}
        system = {name: value for name, value in sign_in(self.url, PEOPLE[0]).items() if not name.startswith("project")}
        named[SYSTEM_ADMIN] = {"auth": {**system, "system_scope": "all"}, "region_name": region}
        # JSON is YAML.
        return json.dumps({"clouds": named}, indent=2)

    def _connect(self) -> Connection:
        return openstack.connect(auth=sign_in(self.url, PEOPLE[0]), load_yaml_config=False, load_envvars=False)

    def _add_people(self) -> None:
        """Users, projects and their roles; the admin and the roles are there from the bootstrap."""
        identity = self.admin.identity
        roles = {role.name: role for role in identity.roles()}
        for person in (*PEOPLE[1:], SERVICE):
            project = identity.create_project(name=person.project, domain_id="default")
            user = identity.create_user(name=person.user, password=PASSWORD, domain_id="default")
            for name in person.roles:
                identity.assign_project_role_to_user(project, user, roles[name])

    @property
    def _env(self) -> dict[str, str]:
        files = {"OS_KEYSTONE_CONFIG_DIR": str(self.dir), "OS_KEYSTONE_CONFIG_FILES": "keystone.conf"}
        return {**os.environ, **files, "PYTHONWARNINGS": "ignore", "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}

    def _uwsgi(self) -> list[str]:
        return [
            str(BIN / "uwsgi"),
            "--http-socket", f"127.0.0.1:{self.port}",
            "--virtualenv", sys.prefix,
            "--module", "keystone.wsgi.api:application",
            "--processes", "1",
            "--threads", "8",
            "--master",
            "--enable-threads",
            "--lazy-apps",
            "--need-app",
            "--die-on-term",
            "--buffer-size", "65535",
            "--add-header", "Connection: close",
            "--worker-reload-mercy", "5",
        ]  # fmt: skip

    def _manage(self, *arguments: str) -> None:
        argv = [str(BIN / "keystone-manage"), "--config-file", str(self.dir / "keystone.conf"), *arguments]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self._env, cwd=self.dir, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")

    def _write_config(self) -> None:
        sections: dict[str, dict[str, str]] = {
            "DEFAULT": {"use_stderr": "true"},
            "database": {"connection": f"sqlite:///{self.dir / 'keystone.sqlite'}"},
            # The slowness of the hash keeps nobody out of a test.
            "identity": {"password_hash_rounds": "4"},
            # A validation is 75 statements otherwise. There is one process, so its own memory serves.
            "cache": {"enabled": "true", "backend": "dogpile.cache.memory"},
        }
        for name in ("fernet_tokens", "fernet_receipts", "credential"):
            folder = self.dir / name
            folder.mkdir(mode=0o700, exist_ok=True)
            # What `fernet_setup` would leave: the next key and the one in use.
            for number in range(2):
                (folder / str(number)).write_bytes(Fernet.generate_key())
            sections[name] = {"key_repository": str(folder)}
        text = "\n".join(
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
            for section, options in sections.items()
        )
        (self.dir / "keystone.conf").write_text(text)
