"""A real Barbican under uWSGI: SQLite, keys under a key of its own, callers from a Keystone."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from openstack.connection import Connection

from harness.process import Running, ServerProcess, free_port

BIN = Path(sys.executable).parent
PASTE = Path(sys.prefix) / "etc" / "barbican" / "barbican-api-paste.ini"


class Barbican(Running):
    """A Barbican that answers, from the constructor's return until `stop`."""

    name = "barbican"

    def __init__(self, directory: Path, authtoken: Mapping[str, str], port: int = 0):
        self.dir = directory.resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._write_config(authtoken)
        # An empty database takes the tables at once; the history of migrations takes ten times as long.
        self._process = ServerProcess(self._uwsgi(), self.dir / "barbican.log", self._env, self.dir)
        try:
            self._process.wait_until_answers(f"{self.url}/", timeout=120)
        except BaseException:
            self.stop()
            raise

    def keep(self, owner: Connection, kind: str, payload: bytes | str) -> str:
        """Has a secret of this kind kept for the owner; answers with its id. Text is kept as text."""
        body = {"name": kind, "secret_type": kind}
        if isinstance(payload, bytes):
            encoded = base64.b64encode(payload).decode()
            body |= {"payload": encoded, "payload_content_type": "application/octet-stream", "payload_content_encoding": "base64"}
        else:
            body |= {"payload": payload, "payload_content_type": "text/plain"}
        answer = owner.session.post(f"{self.url}/v1/secrets", json=body)
        return answer.json()["secret_ref"].rsplit("/", 1)[1]

    def use(self, owner: Connection, secret: str) -> None:
        """Has somebody be registered as a consumer of the secret."""
        body = {"service": "cinder", "resource_type": "volume", "resource_id": secret}
        version = {"OpenStack-API-Version": "key-manager 1.1"}
        owner.session.post(f"{self.url}/v1/secrets/{secret}/consumers", json=body, headers=version)

    def has(self, owner: Connection, secret: str) -> bool:
        answer = owner.session.get(f"{self.url}/v1/secrets/{secret}", raise_exc=False)
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200

    @property
    def _env(self) -> dict[str, str]:
        # The only way to tell it where its configuration is: below its home.
        return {**os.environ, "HOME": str(self.dir), "PYTHONWARNINGS": "ignore"}

    def _write_config(self, authtoken: Mapping[str, str]) -> None:
        sections: dict[str, Mapping[str, str]] = {
            "DEFAULT": {"use_stderr": "true", "host_href": self.url, "db_auto_create": "true"},
            "database": {"connection": f"sqlite:///{self.dir / 'barbican.sqlite'}"},
            "keystone_authtoken": authtoken,
            "simple_crypto_plugin": {"kek": Fernet.generate_key().decode()},
        }
        folder = self.dir / ".barbican"
        folder.mkdir(exist_ok=True)
        text = "\n".join(
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
            for section, options in sections.items()
        )
        (folder / "barbican.conf").write_text(text)

    def _uwsgi(self) -> list[str]:
        return [
            str(BIN / "uwsgi"),
            "--http-socket", f"127.0.0.1:{self.port}",
            "--virtualenv", sys.prefix,
            "--paste", f"config:{PASTE}",
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
