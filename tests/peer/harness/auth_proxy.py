"""Keystone's middleware as a proxy of its own: it checks the token and says in headers who calls.

This is how a server with `[vidimus] auth = proxy` stands behind Keystone. `AuthProxy` starts it under uWSGI, which loads
this module and asks it for `application`; everything passes through as a stream, in both directions.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.process import Running, ServerProcess, free_port

BIN = Path(sys.executable).parent
SETTINGS = "AUTH_PROXY_SETTINGS"
PIECE = 1 << 16
# Of one connection, not of the request.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}


class AuthProxy(Running):
    """A proxy that answers, from the constructor's return until `stop`."""

    name = "auth proxy"

    def __init__(self, directory: Path, upstream: str, authtoken: Mapping[str, str]):
        self.dir = directory.resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = json.dumps({"upstream": upstream, "authtoken": dict(authtoken)})
        env = {**os.environ, SETTINGS: settings, "PYTHONWARNINGS": "ignore"}
        self._process = ServerProcess(self._uwsgi(port), self.dir / "auth-proxy.log", env, Path(__file__).parents[1])
        self._process.wait_until_answers(f"{self.url}/versions", timeout=60)

    def _uwsgi(self, port: int) -> list[str]:
        return [
            str(BIN / "uwsgi"),
            "--http-socket", f"127.0.0.1:{port}",
            "--http-chunked-input",
            "--http-auto-chunked",
            "--virtualenv", sys.prefix,
            "--wsgi", "harness.auth_proxy",
            "--callable", "application",
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


class Forward:
    """The WSGI application behind the middleware."""

    def __init__(self, upstream: str):
        parts = urlsplit(upstream)
        assert parts.hostname and parts.port
        self.address = (parts.hostname, parts.port)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        headers = request_headers(environ)
        target = environ.get("REQUEST_URI") or environ["PATH_INFO"]
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        body: Iterable[bytes] | None = None
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
            body = chunks()
        elif environ.get("CONTENT_LENGTH"):
            headers["Content-Length"] = environ["CONTENT_LENGTH"]
            body = counted(environ["wsgi.input"], int(environ["CONTENT_LENGTH"]))
        connection.request(environ["REQUEST_METHOD"], target, body, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason}", kept)
        return pieces(answer, connection)


def request_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """As the client sent them, with what the middleware added and took away."""
    headers = {}
    for key, value in environ.items():
        name = key.removeprefix("HTTP_").replace("_", "-").title()
        # The middleware says `None` of what a token is silent about.
        if value and (key == "CONTENT_TYPE" or (key.startswith("HTTP_") and name.lower() not in HOP_BY_HOP)):
            headers[name] = value
    headers["Connection"] = "close"
    return headers


def chunks() -> Iterator[bytes]:
    """A chunked body, which uWSGI gives out in a way of its own."""
    import uwsgi  # type: ignore[import-not-found]

    while piece := uwsgi.chunked_read():
        yield piece


def counted(source: Any, left: int) -> Iterator[bytes]:
    while left and (piece := source.read(min(left, PIECE))):
        left -= len(piece)
        yield piece


def pieces(answer: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> Iterator[bytes]:
    try:
        while piece := answer.read(PIECE):
            yield piece
    finally:
        connection.close()


def build() -> Callable[..., Iterable[bytes]]:
    from keystonemiddleware.auth_token import AuthProtocol

    settings = json.loads(os.environ[SETTINGS])
    # Glance's pipeline, too, lets requests without a token pass and answers them itself.
    return AuthProtocol(Forward(settings["upstream"]), {"delay_auth_decision": "true", **settings["authtoken"]})


if SETTINGS in os.environ:
    application = build()
