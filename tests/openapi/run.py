#!/usr/bin/env python3
"""Asks a server of ours all that its OpenAPI document says can be asked, well and badly, and checks every answer by it.

    tests/openapi/run.py [arguments of `schemathesis run`]

Fails on any 5xx, and on a status, media type, header or body that is not documented. At the end every operation must have
succeeded at least once, so that what is checked is more than refusals.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = Path(os.environ.get("VIDIMUS_BIN", ROOT / "target/debug/vidimus")).resolve()
SCHEMATHESIS = ROOT / ".venv/schemathesis/bin/schemathesis"

CONFIGURATION = """\
[DEFAULT]
enabled_backends = fast:file,slow:file,web:http
image_cache_dir = {dir}/cache
image_cache_driver = centralized_db
worker_self_reference_url = http://127.0.0.1
node_staging_uri = file://{dir}/staging
show_multiple_locations = true
show_image_direct_url = true
[import_filtering_opts]
allowed_hosts = [127.0.0.1]
allowed_ports = [9]
[database]
connection = sqlite:///{dir}/glance.sqlite
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {dir}/fast
[slow]
filesystem_store_datadir = {dir}/slow
[web]
store_description = the web
[paste_deploy]
flavor = cachemanagement
"""

# Those left out: positive_data_acceptance (a request can be well formed and still name things that are not there),
# negative_data_rejection (the peer overlooks much that a schema forbids, and so do we), unsupported_method
# (`/healthcheck` and the lists of versions answer every method, legacy routes are 404 for others), ignored_auth and
# object_level_authorization (this server takes everybody for an admin).
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
]


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A server on a folder, and where it listens."""
    config = folder / "glance-api.conf"
    config.write_text(CONFIGURATION.format(dir=folder))
    argv = [PROGRAM, "serve", "--config-file", config, "--listen", "127.0.0.1:0"]
    with (folder / "out").open("wb") as out, (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=log, cwd=folder)
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        _, found, url = (folder / "out").read_text().partition(" listens on ")
        if found and "\n" in url:
            return process, url.split("\n")[0].strip()
        time.sleep(0.05)
    process.kill()
    raise SystemExit(f"the server did not come up:\n{(folder / 'log').read_text()}")


def unsuccessful(document: dict[str, object], seen: dict[str, dict[str, int]]) -> list[str]:
    """The operations that never did what they are for."""
    missing = []
    for item in document["paths"].values():  # type: ignore[attr-defined]
        for method, operation in item.items():
            if method == "parameters":
                continue
            documented = {status for status in operation["responses"] if status < "400"}
            # Schemathesis reads the document, and then does not ask for it.
            if operation["operationId"] == "show_document":
                continue
            if documented and not documented & set(seen.get(operation["operationId"], {})):
                missing.append(operation["operationId"])
    return missing


def main() -> int:
    if not SCHEMATHESIS.exists():
        raise SystemExit(f"no {SCHEMATHESIS}: run scripts/setup-tests")
    with tempfile.TemporaryDirectory(prefix="vidimus-openapi") as folder:
        process, url = start(Path(folder))
        try:
            document = json.load(urlopen(f"{url}/openapi.json", timeout=10))
            seen = Path(folder) / "seen.json"
            argv = [SCHEMATHESIS, "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json"]
            argv += ["--no-color", "--checks", ",".join(CHECKS), *sys.argv[1:]]
            env = {**os.environ, "VIDIMUS_URL": url, "VIDIMUS_SEEN": str(seen), "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
            code = subprocess.run(argv, env=env, cwd=folder, check=False).returncode
            missing = unsuccessful(document, json.loads(seen.read_text())) if code == 0 else []
            for operation in missing:
                print(f"{operation} never succeeded")
            if process.poll() is not None:
                print(f"the server ended with {process.returncode}")
            log = (Path(folder) / "log").read_text()
            if process.poll() is not None or "panicked" in log:
                print("end of the server's log:", *log.splitlines()[-30:], sep="\n")
                return 1
            return code or int(bool(missing))
        finally:
            process.terminate()
            process.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
