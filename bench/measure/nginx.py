"""An nginx that sends files by `sendfile`: what downloads are measured against."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness.process import ServerProcess, free_port

CONFIG = """
worker_processes {processes};
daemon off;
user root;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_body_temp_path {dir}/tmp-body; proxy_temp_path {dir}/tmp-proxy; fastcgi_temp_path {dir}/tmp-fastcgi;
  uwsgi_temp_path {dir}/tmp-uwsgi; scgi_temp_path {dir}/tmp-scgi;
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port};{tls} root {root}; }}
}}
"""


class MeasuredNginx:
    """Serves the files in `root`."""

    name = "nginx"

    def __init__(self, directory: Path, root: Path, tls: str = ""):
        """`tls` are further directives of its server."""
        program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if not program:
            raise FileNotFoundError("nginx is not installed")
        self.dir = directory.resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = self.dir / "nginx.conf"
        config.write_text(CONFIG.format(dir=self.dir, root=root, port=port, tls=tls, processes=os.cpu_count()))
        self._process = ServerProcess([program, "-c", str(config), "-p", str(self.dir)], self.dir / "nginx.log", os.environ, self.dir)
        self._process.wait_until_answers(self.url, timeout=30)

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def stop(self) -> None:
        self._process.stop()
