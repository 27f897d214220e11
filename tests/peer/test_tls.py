"""What others' clients make of our TLS: curl, the Python `openstack` and ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.client import Client, cold_python_client, our_client
from harness.glance import Options
from harness.vidimus import TlsVidimus

SIZE = 20_000_001


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsVidimus]:
    with TlsVidimus(tmp_path_factory.mktemp("tls"), authority.issue("server"), Options()) as running:
        yield running


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(params=["python", "ours"])
def client(request: pytest.FixtureRequest, server: TlsVidimus, tmp_path: Path) -> Client:
    made = cold_python_client if request.param == "python" else our_client
    return made(server.tls_url, tmp_path)


class Curl:
    """The program, believing one authority."""

    def __init__(self, authority: Authority):
        program = shutil.which("curl")
        assert program, "curl is not installed"
        self.argv = [program, "--silent", "--show-error", "--noproxy", "*", "--cacert", str(authority.file)]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        argv = [*self.argv, *map(str, arguments)]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)


@pytest.fixture
def curl(authority: Authority) -> Curl:
    return Curl(authority)


@pytest.fixture
def file(curl: Curl, server: TlsVidimus, data: Path) -> str:
    """The address of the data of an image."""
    fields = {"name": "of curl", "disk_format": "raw", "container_format": "bare"}
    made = curl.run("--json", json.dumps(fields), f"{server.tls_url}/v2/images")
    url = f"{server.tls_url}/v2/images/{json.loads(made.stdout)['id']}/file"
    typed = "Content-Type: application/octet-stream"
    sent = curl.run("--fail", "--header", typed, "--upload-file", data, url)
    assert sent.returncode == 0, sent.stderr
    return url


def test_a_client_works_when_it_is_told_the_authority(client: Client, authority: Authority, data: Path, tmp_path: Path) -> None:
    def run(*arguments: str | Path) -> bytes:
        return client.run("--os-cacert", authority.file, *arguments).ok().out

    created = json.loads(run("image", "create", "-f", "json", "--disk-format", "raw", "--file", data, "mine"))
    assert created["status"] == "active" and created["size"] == SIZE
    for attempt in ("from the store", "from the cache"):
        copy = tmp_path / attempt
        run("image", "save", "--file", copy, created["id"])
        assert copy.read_bytes() == data.read_bytes(), attempt
    run("cached", "image", "queue", created["id"])
    assert created["id"] in run("cached", "image", "list", "-f", "value").decode()
    listed = json.loads(run("image", "list", "-f", "json", "--name", "mine", "--limit", "1"))
    assert [image["Name"] for image in listed] == ["mine"]
    run("image", "delete", created["id"])


def test_a_client_that_does_not_know_the_authority_refuses(client: Client, server: TlsVidimus) -> None:
    before = server.log.read_text()
    refused = client.run("image", "list")
    assert refused.code == 1 and refused.err
    assert server.log.read_text() == before, "it asked somebody it cannot believe"


def test_curl_gets_every_byte_of_both_versions_whole_and_in_parts(curl: Curl, file: str, data: Path, tmp_path: Path) -> None:
    content = data.read_bytes()
    for version in ("1.2", "1.3"):
        got = curl.run("--fail", f"--tlsv{version}", "--tls-max", version, file)
        assert got.returncode == 0, got.stderr
        assert got.stdout == content, version
    assert curl.run("--tls-max", "1.1", file).returncode != 0
    for start, end in ((0, 0), (65_535, 65_536), (1_000_000, 9_000_000), (SIZE - 1, SIZE - 1)):
        assert curl.run("--fail", "--range", f"{start}-{end}", file).stdout == content[start : end + 1]
    # An end that is asked for after the beginning came.
    part = tmp_path / "part"
    part.write_bytes(content[:7_000_001])
    done = curl.run("--fail", "--continue-at", "-", "--output", part, file)
    assert done.returncode == 0, done.stderr
    assert part.read_bytes() == content


def test_who_leaves_in_the_middle_disturbs_nobody(curl: Curl, file: str, data: Path) -> None:
    for _ in range(3):
        slow = subprocess.Popen([*curl.argv, "--limit-rate", "100k", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert slow.stdout and slow.stdout.read(50_000)
        slow.kill()
        slow.wait()
        slow.stdout.close()
    assert curl.run("--fail", file).stdout == data.read_bytes()


def test_a_file_that_was_cut_is_not_passed_for_the_whole(curl: Curl, file: str, data: Path, server: TlsVidimus) -> None:
    assert curl.run("--fail", file).returncode == 0
    slow = subprocess.Popen([*curl.argv, "--limit-rate", "4M", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert slow.stdout and slow.stderr
    got = slow.stdout.read(100_000)
    cached = server.dir / "cache" / file.split("/")[-2]
    os.truncate(cached, SIZE // 2)
    got += slow.stdout.read()
    told = slow.stderr.read().decode()
    slow.stdout.close()
    slow.stderr.close()
    assert slow.wait() != 0, "curl took it for the whole"
    assert len(got) <= SIZE // 2 and data.read_bytes().startswith(got), told


def test_curl_without_tls_is_told_what_is_wrong(curl: Curl, server: TlsVidimus) -> None:
    url = server.tls_url.replace("https://", "http://")
    told = curl.run("--write-out", "%{http_code}", f"{url}/v2/images")
    assert told.stdout.decode() == "This address speaks TLS: ask with https://\n400", told.stderr


def test_mutual_tls(authority: Authority, curl: Curl, tmp_path: Path) -> None:
    asks = {"tls_client_ca_file": str(authority.file)}
    with TlsVidimus(tmp_path / "mutual", authority.issue("mutual"), Options(), asks) as server:
        friend = authority.issue("friend")
        stranger = Authority(tmp_path / "stranger", "Somebody else").issue("friend")
        url = f"{server.tls_url}/v2/images"
        assert curl.run("--fail", url).returncode != 0
        assert curl.run("--fail", "--cert", stranger.certificate, "--key", stranger.key, url).returncode != 0
        listed = curl.run("--fail", "--cert", friend.certificate, "--key", friend.key, url)
        assert json.loads(listed.stdout)["images"] == []
        python = cold_python_client(server.tls_url, tmp_path)
        shows = ("--os-cert", friend.certificate, "--os-key", friend.key, "--os-cacert", authority.file)
        assert python.run(*shows, "image", "list", "-f", "json").ok().text.strip() == "[]"
        assert python.run("--os-cacert", authority.file, "image", "list").code != 0
