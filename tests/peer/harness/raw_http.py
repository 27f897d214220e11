"""One HTTP request over one connection, sent exactly as given and read to the end.

Not for use as a client: it neither follows nor repairs. A server that answers before it has read the whole body is
heard all the same, and a connection that breaks is an answer too.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """Status 0 stands for no answer at all; `broken` for a body that ended early."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: bool = False


def send(base: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float = 60) -> Answer:
    address = urlsplit(base)
    assert address.hostname and address.port
    with socket.create_connection((address.hostname, address.port), timeout=timeout) as connection:
        try:
            connection.sendall(_head(address.netloc, method, path, headers, body))
            if body:
                connection.sendall(_chunked(body) if _is_chunked(headers) else body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return _read(connection, method)


def _is_chunked(headers: Mapping[str, str]) -> bool:
    return headers.get("Transfer-Encoding") == "chunked"


def _head(host: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: {host}")
    lines.append("Connection: close")
    lines.extend(f"{key}: {value}" for key, value in headers.items())
    if not _is_chunked(headers) and (body is not None or method in ("POST", "PUT", "PATCH")):
        lines.append(f"Content-Length: {len(body or b'')}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _chunked(body: bytes, size: int = 1000) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _read(connection: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
    except (http.client.HTTPException, ConnectionResetError):
        return Answer(0, {}, b"", broken=True)
    headers = {key.lower(): value for key, value in response.getheaders()}
    try:
        return Answer(response.status, headers, response.read())
    except http.client.IncompleteRead as early:
        return Answer(response.status, headers, early.partial, broken=True)
    except ConnectionResetError:
        return Answer(response.status, headers, b"", broken=True)
