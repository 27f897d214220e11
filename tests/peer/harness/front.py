"""An authenticating proxy as keystonemiddleware is one: it knows tokens, and tells the server behind it whose they are."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

# What a client cannot say itself.
CLAIMS = ("x-identity-status", "x-user", "x-project", "x-roles", "x-role", "x-tenant", "x-domain", "x-service-", "openstack-system")


class Front:
    """Listens from the constructor's return; `target` is the server behind it, `callers` the headers that belong to a token."""

    def __init__(self, callers: Mapping[str, Mapping[str, str]]):
        self.callers = callers
        self.target = ""
        self.catalog: list[dict[str, Any]] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.request_ids: list[str | None] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = {key.lower(): value for key, value in self.headers.items()}
                front.seen.append((self.command, self.path, given))
                claims = front.callers.get(given.get("x-auth-token", ""))
                if claims is None:
                    self.answer(401, {"Content-Type": "application/json"}, b'{"message": "who are you?<br /><br />\\n\\n\\n"}')
                    return
                kept = {
                    key: value
                    for key, value in given.items()
                    if not key.startswith(CLAIMS) and key not in ("host", "content-length", "connection", "accept-encoding")
                }
                told = {**claims, "X-Service-Catalog": json.dumps(front.catalog)}
                address = urlsplit(front.target)
                connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
                try:
                    connection.request(self.command, self.path, body or None, {**kept, **told})
                    response = connection.getresponse()
                    front.request_ids.append(response.getheader("x-openstack-request-id"))
                    headers = {key: value for key, value in response.getheaders() if key.lower() not in HOP}
                    self.answer(response.status, headers, response.read())
                finally:
                    connection.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

            def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Front:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


HOP = ("connection", "content-length", "transfer-encoding", "keep-alive", "date", "server")
