"""Somewhere else on the net: a server that images are downloaded from, with a fault or two."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

ABC = b"abcdefghijklmnopqrstuvwxyz" * 1000
BIG = bytes(range(256)) * 4096 * 8


class Source:
    """`/abc` and `/big` are files, `/moved` leads to the first, `/stray` to a metadata service, `/cut` breaks off, `/empty` has no bytes,
    `/busy` no time. A query changes nothing but the address. `files` are more, by their names."""

    def __init__(self, port: int = 0, cut_every: int = 1 << 20, files: Mapping[str, bytes] | None = None):
        self.cuts = 0
        self.sent = 0
        self.release = threading.Event()
        source = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                sizes = {"/abc": len(ABC), "/big": len(BIG), "/slow": len(BIG), "/empty": 0}
                sizes |= {f"/{name}": len(content) for name, content in (files or {}).items()}
                if self.file in sizes:
                    self.head(200, sizes[self.file])
                else:
                    self.do_GET()

            @property
            def file(self) -> str:
                return self.path.split("?")[0]

            def do_GET(self) -> None:
                if self.file == "/moved":
                    self.redirect("/abc")
                elif self.file == "/stray":
                    self.redirect("http://169.254.169.254/latest")
                elif self.file == "/round":
                    self.redirect("/round")
                elif self.file == "/abc":
                    self.whole(ABC)
                elif self.file == "/empty":
                    self.whole(b"")
                elif self.file == "/busy":
                    self.send_error(503)
                elif self.file == "/big":
                    self.whole(BIG)
                elif self.file == "/slow":
                    self.head(200, len(BIG))
                    self.wfile.write(BIG[: 1 << 20])
                    self.wfile.flush()
                    source.release.wait(120)
                    self.wfile.write(BIG[1 << 20 :])
                elif self.file[1:] in (files or {}):
                    self.whole((files or {})[self.file[1:]])
                elif self.path in ("/cut", "/cut-without-tag"):
                    self.cut(has_tag=self.path == "/cut")
                else:
                    self.send_error(404)

            def redirect(self, where: str) -> None:
                self.send_response(302)
                self.send_header("Location", where)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def head(self, status: int, length: int, **more: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                for name, value in more.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()

            def whole(self, data: bytes) -> None:
                self.head(200, len(data), ETag='"same"')
                self.wfile.write(data)

            def cut(self, has_tag: bool) -> None:
                asked = self.headers.get("Range")
                start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
                more = {"ETag": '"same"'} if has_tag else {}
                if start:
                    more["Content-Range"] = f"bytes {start}-{len(BIG) - 1}/{len(BIG)}"
                self.head(206 if start else 200, len(BIG) - start, **more)
                part = BIG[start : start + cut_every]
                self.wfile.write(part)
                source.sent += len(part)
                if start + len(part) < len(BIG):
                    source.cuts += 1
                    self.close_connection = True

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
