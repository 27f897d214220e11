"""A small cloud: one Keystone, and behind it the image services to compare, each in a region of its own.

A region's folder is a home: with it as the current folder every client finds `clouds.yaml` and signs in as one of `PEOPLE`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import openstack
from openstack.connection import Connection

from harness.auth_proxy import AuthProxy
from harness.glance import Glance, Options
from harness.keystone import Keystone, authtoken
from harness.process import free_port
from harness.server import Server
from harness.vidimus import beside_glance


@dataclass(frozen=True)
class Region:
    """One image service as the catalog shows it."""

    server: Server
    url: str
    home: Path

    @property
    def name(self) -> str:
        return self.server.name

    def connect(self, cloud: str) -> Connection:
        """Signs in as the person that `clouds.yaml` has under this name."""
        config = openstack.config.OpenStackConfig(config_files=[str(self.home / "clouds.yaml")], load_envvars=False)
        return Connection(config=config.get_one(cloud=cloud))

    def env(self) -> dict[str, str]:
        """For a client: nothing of the user's but the search path, and the home."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}


class Cloud:
    """Everything runs from the constructor's return until `stop`."""

    def __init__(self, directory: Path):
        port = free_port()
        tokens = self.tokens = authtoken(f"http://127.0.0.1:{port}/v3")
        # Where both look for a key manager; who needs one starts it there.
        self.barbican_port = free_port()
        keys = {"barbican_endpoint": f"http://127.0.0.1:{self.barbican_port}", "auth_endpoint": tokens["auth_url"]}
        options = Options(
            flavor="keystone+cachemanagement",
            backends=("fast", "slow"),
            # Ours does not read the first, Glance not the second.
            sections={"keystone_authtoken": tokens, "vidimus": {"auth": "proxy"}, "barbican": keys},
        )
        with ExitStack() as stack, ThreadPoolExecutor() as pool:
            # Both take their time, and neither needs the other to start.
            starting = pool.submit(Glance, directory / "glance", options=options)
            try:
                self.keystone = stack.enter_context(Keystone(directory / "keystone", port))
            finally:
                glance = stack.enter_context(starting.result())
            vidimus = stack.enter_context(beside_glance(directory / "vidimus", options))
            proxy = stack.enter_context(AuthProxy(directory / "proxy", vidimus.url, tokens))
            self.regions = {
                server.name: self._region(directory, server, url) for server, url in ((glance, glance.url), (vidimus, proxy.url))
            }
            self._running = stack.pop_all()

    def _region(self, directory: Path, server: Server, url: str) -> Region:
        self.keystone.add_image_service(server.name, url)
        home = directory / f"home-{server.name}"
        home.mkdir()
        (home / "clouds.yaml").write_text(self.keystone.clouds(server.name))
        return Region(server, url, home)

    def stop(self) -> None:
        self._running.close()
