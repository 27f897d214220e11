"""Runs openstackclient and our program side by side against one Glance and compares what a user sees.

    python compare.py --ours ../../../../target/debug/openstack --endpoint http://127.0.0.1:9292

Run it with the Python of an environment that has python-openstackclient, against a Glance that asks for no token and
whose images may be created and deleted. Standard output, standard error and exit code of every case must be the same;
ids, times and the usage lines of argparse are masked. Cases named in KNOWN differ on purpose, each for the reason given.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FORMATS_LIST = ["table", "json", "yaml", "csv", "value"]
FORMATS_SHOW = ["table", "json", "yaml", "value", "shell"]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?")
# openstacksdk says this of its own accord where there is no catalog to ask for the versions of an API.
NOISE = "Cannot determine endpoint data for service image\n"
REQUEST = re.compile(r"req-[0-9a-f-]{36}")

KNOWN = {
    "image list --project someproject": "without an Identity service we take the project for an id",
    "image create project": "the same",
    "image set owner": "the same",
    "image set owner, after": "the same",
    "image set reject": "the same",
    "image create import": "openstackclient does not look at the answer; we report what the server says",
    "image create empty name": "openstacksdk cannot be given an empty name",
    "endpoint and token": "osc-lib means to choose admin_token here and does not",
    "no credentials": "we say how to give what is missing",
    "no auth url": "the same",
    "refused connection": "we say why there is no connection",
    "image set --deactivate queued": "openstackclient does not look at the answer; we report the server's refusal",
    "image set --activate queued": "the same",
    "image show --human-readable queued": "openstackclient fails with a KeyError where there is no size",
    "cached image clear, no cache": "we add the cause",
    "image set --accept without project": "openstackclient fails with an AttributeError",
    "image create --volume": "not supported, and said so",
    "image create --sign": "not supported, and said so",
    "no such service": "the list of similar commands is of our commands",
    "image creat": "the same",
    "--version": "our name and version",
}


class Run:
    """One finished process."""

    def __init__(self, argv: list[str], env: dict[str, str], stdin: bytes | None, cwd: str):
        source = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(argv, env=env, capture_output=True, cwd=cwd, timeout=120, **source)
        self.out = done.stdout.decode(errors="backslashreplace")
        self.err = done.stderr.decode(errors="backslashreplace")
        self.code = done.returncode


class Comparison:
    def __init__(self, peer: str, ours: str, endpoint: str, only: str | None):
        self.clients = {"peer": peer, "ours": ours}
        self.endpoint = endpoint
        self.only = only
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "CLIFF_"))}
        self.env |= {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": endpoint, "PYTHONWARNINGS": "ignore", "COLUMNS": "200"}
        self.dirs = {name: tempfile.mkdtemp(prefix=f"compare-{name}-") for name in self.clients}
        self.cases = 0
        self.known: list[str] = []
        self.different: list[str] = []

    def run(self, client: str, *words: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> Run:
        return Run([self.clients[client], *words], self.env | (env or {}), stdin, self.dirs[client])

    def file(self, name: str, content: bytes) -> None:
        for folder in self.dirs.values():
            Path(folder, name).write_bytes(content)

    def same(self, name: str, *words: str, stdin: bytes | None = None, env: dict[str, str] | None = None, mask_ids: bool = False) -> None:
        """The same command line, which changes nothing that the other run would see."""
        self.each(name, {client: list(words) for client in self.clients}, stdin, env, mask_ids)

    def each(self, name: str, words: dict[str, list[str]], stdin: bytes | None = None, env: dict[str, str] | None = None, mask_ids: bool = True) -> None:
        """A command line per client, each on images of its own."""
        if self.only and self.only not in name:
            return
        self.cases += 1
        with ThreadPoolExecutor() as pool:
            runs = {c: pool.submit(self.run, c, *words[c], stdin=stdin, env=env) for c in self.clients}
        seen = {c: self.mask(run.result(), mask_ids, c) for c, run in runs.items()}
        if seen["peer"] == seen["ours"]:
            return
        if name in KNOWN:
            self.known.append(name)
            return
        self.different.append(name)
        print(f"--- {name}: {' '.join(words['ours'])}")
        for label, index in (("code", 0), ("out", 1), ("err", 2)):
            if seen["peer"][index] != seen["ours"][index]:
                print(f"  peer {label}: {seen['peer'][index]!r}\n  ours {label}: {seen['ours'][index]!r}")

    def mask(self, run: Run, ids: bool, client: str) -> tuple[int, str, str]:
        out, err = run.out, REQUEST.sub("REQUEST", run.err).replace(NOISE, "")
        # argparse prints a usage block of several lines; its last line says what is wrong.
        if run.code == 2 and err.startswith("usage:"):
            err = err.strip().splitlines()[-1]
        for pattern, text in ((TIME, "TIME"), (UUID, "UUID")) if ids else ():
            out, err = pattern.sub(text, out), pattern.sub(text, err)
        out, err = out.replace(self.dirs[client], "DIR"), err.replace(self.dirs[client], "DIR")
        return run.code, out, err

    def create(self, *words: str, stdin: bytes = b"") -> str:
        """An image for both to look at; by the peer."""
        run = self.run("peer", "image", "create", "-f", "value", "-c", "id", *words, stdin=stdin)
        if run.code:
            raise RuntimeError(run.err)
        return run.out.strip()

    def create_each(self, *words: str, stdin: bytes = b"") -> dict[str, str]:
        return {client: self.create(*words, stdin=stdin) for client in self.clients}


HOSTILE = [
    "--property", "quoted=a \"b\" 'c'", "--property", "colon: x=y: z", "--property", "wide=漢字 é", "--property", "empty=",
    "--property", "number=12", "--property", "truth=true", "--property", "nothing=null", "--property", "lines=a\nb", "--property", "tab=a\tb",
    "--property", "long=" + "word " * 40, "--property", "hw_cpu_cores=4", "--property", "hw_boot_menu=Yes", "--property", "os_type=linux",
    "--property", "hw:odd-key=1", "--property", "dash=- a", "--property", "back=a\\b", "--tag", "zebra", "--tag", "ape", "--tag", "mid dle",
]  # fmt: skip


def show_and_list(c: Comparison, ids: dict[str, str]) -> None:
    for image in ("hostile", "plain", "queued", "hidden-one"):
        for fmt in FORMATS_SHOW:
            c.same(f"image show {image} -f {fmt}", "image", "show", image, "-f", fmt)
    c.same("image show by id", "image", "show", ids["plain"])
    c.same("image show noindent", "image", "show", "hostile", "-f", "json", "--noindent")
    c.same("image show columns", "image", "show", "hostile", "-c", "ID", "-c", "Properties", "-c", "tags")
    c.same("image show no column", "image", "show", "plain", "-c", "bogus")
    c.same("image show prefix", "image", "show", "plain", "-f", "shell", "--prefix", "img_")
    for width in ("40", "80", "120"):
        c.same(f"image show width {width}", "image", "show", "hostile", "--max-width", width)
        c.same(f"image list width {width}", "image", "list", "--long", "--max-width", width)
    c.same("image show width variable", "image", "show", "hostile", env={"CLIFF_MAX_TERM_WIDTH": "60"})
    c.same("image show fit-width", "image", "show", "hostile", "--fit-width")
    c.same("image show --human-readable", "image", "show", "plain", "--human-readable")
    c.same("image show --human-readable queued", "image", "show", "queued", "--human-readable")
    c.same("image show abbreviated", "image", "show", "plain", "--hum", "--form", "json")
    c.same("image show missing", "image", "show", "nosuch")
    c.same("image show missing id", "image", "show", "00000000-0000-0000-0000-000000000000")
    c.same("image show duplicate", "image", "show", "twin")
    c.same("image show odd name", "image", "show", "a b/c?d")
    c.same("image show empty name", "image", "show", "")
    for fmt in FORMATS_LIST:
        c.same(f"image list -f {fmt}", "image", "list", "-f", fmt)
        c.same(f"image list --long -f {fmt}", "image", "list", "--long", "-f", fmt)
        c.same(f"image list nothing -f {fmt}", "image", "list", "--name", "nosuch", "-f", fmt)
    c.same("image list nothing printed", "image", "list", "--name", "nosuch", "--print-empty")
    for quote in ("all", "minimal", "nonnumeric", "none"):
        c.same(f"image list quote {quote}", "image", "list", "--long", "-f", "csv", "--quote", quote)
    filters = [
        ["--public"], ["--private"], ["--shared"], ["--community"], ["--all"], ["--name", "plain"], ["--status", "queued"], ["--status", "bogus"],
        ["--tag", "zebra"], ["--tag", "zebra", "--tag", "ape"], ["--hidden"], ["--limit", "1"], ["--limit", "0"], ["--max-items", "2"],
        ["--limit", "1", "--max-items", "2"], ["--marker", "plain", "--limit", "2"], ["--marker", ids["plain"]], ["--marker", "nosuch"],
        ["--property", "os_type=linux"], ["--property", "number=12"], ["--property", "size=3000"], ["--property", "protected=True"],
        ["--property", "status=active"], ["--property", "bogus=1"], ["--property", "number=12", "--property", "truth=true"],
        ["--member-status", "ALL"], ["--page-size", "3"], ["--project", "someproject"],
        ["--sort", "name:desc"], ["--sort", "size"], ["--sort", "size:desc,name"], ["--sort", "created_at"], ["--sort", "is_protected,id:desc"],
        ["--sort", "bogus"], ["--sort", "name:up"], ["--sort", ":asc"], ["--sort", "name:"], ["--sort", ""], ["--sort", "tags"],
        ["--sort-column", "Status", "--sort-column", "name", "--sort-descending"], ["--sort-column", "nosuch"], ["-c", "Name", "-c", "ID"], ["-c", "nope"],
        ["--limit", "-1"], ["--limit", "x"], ["--member-status", "bogus"], ["--property", "nokey"], ["--property", "=x"],
        ["--public", "--private"], ["--sort-ascending", "--sort-descending"], ["--bogus"], ["surplus"], ["-f", "shell"], ["-f"], ["--quote", "x"],
        ["--name"], ["--long=1"], ["-c"], ["--lon"], ["--so", "name"],
    ]  # fmt: skip
    for words in filters:
        c.same(f"image list {' '.join(words)}", "image", "list", "--long" if "--marker" in words else "--all", *words)


def create(c: Comparison) -> None:
    c.file("a.img", bytes(range(256)) * 20)
    for fmt in FORMATS_SHOW:
        c.each(f"image create -f {fmt}", {k: ["image", "create", "--file", "a.img", "made", "-f", fmt] for k in c.clients})
    both = lambda *words: {client: ["image", "create", *words] for client in c.clients}  # noqa: E731
    c.each("image create options", both("made", "--file", "a.img", "--disk-format", "qcow2", "--container-format", "ovf", "--min-disk", "1", "--min-ram", "5", "--protected", "--private", *HOSTILE, "-f", "json"))
    c.each("image create unprotected", both("made", "--file", "a.img", "--unprotected", "--community", "--size", "5120"))
    c.each("image create import", both("made", "--file", "a.img", "--import", "-c", "name"))
    c.each("image create progress", both("made", "--file", "a.img", "--progress", "-f", "value"))
    c.each("image create stdin", both("made", "-f", "json"), stdin=b"x" * 1000)
    c.each("image create stdin size", both("made", "--size", "1000", "-f", "json"), stdin=b"x" * 1000)
    c.each("image create wrong size", both("made", "--size", "10", "--file", "a.img"))
    c.each("image create no stdin", both("made", "-f", "json"))
    c.each("image create no file", both("made", "--file", "nosuch.img"))
    c.each("image create quoted no file", both("made", "--file", "no'such.img"))
    c.each("image create directory", both("made", "--file", "/tmp"))
    c.each("image create no name", both())
    c.each("image create two names", both("a", "b"))
    c.each("image create bad format", both("a", "--disk-format", "bogus"))
    c.each("image create gpt", both("a", "--disk-format", "gpt", "--file", "a.img"))
    c.each("image create bad container", both("a", "--container-format", "compressed"))
    c.each("image create bad min-disk", both("a", "--min-disk", "x"))
    c.each("image create negative min-disk", both("a", "--min-disk", "-1"))
    c.each("image create size 0", both("a", "--size", "0"))
    c.each("image create size x", both("a", "--size", "x"))
    c.each("image create bad id", both("a", "--id", "nonsense", "--file", "a.img"))
    c.each("image create public and private", both("a", "--public", "--private"))
    c.each("image create protected twice", both("a", "--protected", "--unprotected"))
    c.each("image create file and volume", both("a", "--file", "a.img", "--volume", "v"))
    c.each("image create bad property", both("a", "--property", "x"))
    c.each("image create int property", both("a", "--property", "min_disk=x", "--file", "a.img"))
    c.each("image create reserved property", both("a", "--property", "checksum=x", "--file", "a.img"))
    c.each("image create long name", both("n" * 300, "--file", "a.img"))
    c.each("image create long tag", both("a", "--tag", "t" * 300, "--file", "a.img"))
    c.each("image create empty name", both("", "--file", "a.img", "-f", "json"))
    c.each("image create project", both("a", "--project", "p1", "--file", "a.img", "-f", "json"))
    for option in ("location", "copy-from", "checksum", "store"):
        c.each(f"image create --{option}", both("a", f"--{option}", "x"))
    c.each("image create --volume", both("a", "--volume", "x"))
    c.each("image create --sign", both("a", "--sign-key-path", "x", "--file", "a.img"))


def change(c: Comparison) -> None:
    ids = c.create_each("changing", "--property", "a=1", "--property", "os_type=linux", "--tag", "t1", "--tag", "t2")

    def step(name: str, *words: str) -> None:
        c.each(name, {k: ["image", *words[:1], *words[1:], ids[k]] for k in c.clients})
        c.each(f"{name}, after", {k: ["image", "show", ids[k], "-f", "json"] for k in c.clients})

    step("image set nothing", "set")
    step("image set name", "set", "--name", "changed")
    step("image set properties", "set", *[w for w in HOSTILE if w not in ("mid dle",) and w != "lines=a\nb"][:20])
    step("image set tags", "set", "--tag", "t3", "--tag", "t1")
    step("image set numbers", "set", "--min-disk", "4", "--min-ram", "0")
    step("image set formats", "set", "--disk-format", "qcow2")
    step("image set words", "set", "--architecture", "x86_64", "--instance-id", "i", "--os-distro", "debian", "--os-version", "12", "--kernel-id", "5cd57b4a-5d5a-4c0a-8c4f-0a6e6a3c7a8b")
    step("image set instance-uuid", "set", "--instance-uuid", "00000000-0000-0000-0000-000000000001")
    step("image set kernel id wrong", "set", "--kernel-id", "k")
    step("image set protected", "set", "--protected")
    step("image set protected again, delete", "delete")
    step("image set unprotected", "set", "--unprotected")
    step("image set hidden", "set", "--hidden")
    step("image set unhidden", "set", "--unhidden")
    step("image set visibility", "set", "--community")
    step("image set attribute by name", "set", "--property", "is_hidden=true")
    step("image set reserved", "set", "--property", "checksum=1")
    step("image set deactivate", "set", "--deactivate")
    step("image set activate", "set", "--activate")
    step("image set reject", "set", "--reject", "--project", "nosuch")
    step("image set --accept without project", "set", "--accept")
    step("image set dead option", "set", "--visibility", "public")
    step("image set conflict", "set", "--hidden", "--unhidden")
    step("image set conflict 2", "set", "--accept", "--reject")
    step("image set conflict 3", "set", "--activate", "--deactivate")
    step("image set bad choice", "set", "--container-format", "x")
    step("image unset property", "unset", "--property", "a")
    step("image unset property again", "unset", "--property", "a")
    step("image unset known property", "unset", "--property", "os_type")
    step("image unset known property again", "unset", "--property", "os_type")
    step("image unset field", "unset", "--property", "min_disk")
    step("image unset wire name", "unset", "--property", "os_hidden")
    step("image unset tag", "unset", "--tag", "t1")
    step("image unset tags", "unset", "--tag", "t1", "--tag", "t2")
    step("image unset both wrong", "unset", "--tag", "nope", "--property", "nope", "--property", "number")
    step("image unset nothing", "unset")
    step("image set owner", "set", "--project", "p2")
    queued = {"peer": None, "ours": None}
    for client in queued:
        queued[client] = queued_image(c.endpoint, f"queued-{client}")
    for word in ("--deactivate", "--activate"):
        c.each(f"image set {word} queued", {k: ["image", "set", word, queued[k]] for k in c.clients})
    c.same("image set missing", "image", "set", "nosuch", "--name", "x")
    c.same("image set no image", "image", "set", "--name", "x")
    c.same("image unset missing", "image", "unset", "nosuch", "--tag", "x")
    for name in ("image set", "image unset", "image delete", "image save", "image show"):
        c.same(f"{name} without arguments", *name.split())
        c.same(f"{name} bogus option", *name.split(), "x", "--bogus")


def delete(c: Comparison) -> None:
    ids = c.create_each("doomed")
    c.each("image delete", {k: ["image", "delete", ids[k]] for k in c.clients})
    c.each("image delete again", {k: ["image", "delete", ids[k]] for k in c.clients})
    c.same("image delete missing", "image", "delete", "nosuch")
    c.same("image delete missing among", "image", "delete", "nosuch", "twin")
    c.same("image delete duplicate", "image", "delete", "twin", "twin")
    ids = c.create_each("doomed", "--protected")
    c.each("image delete protected", {k: ["image", "delete", ids[k], "twin"] for k in c.clients})
    ids = c.create_each("doomed")
    c.each("image delete store", {k: ["image", "delete", "--store", "nosuch", ids[k]] for k in c.clients})


def save(c: Comparison) -> None:
    c.same("image save stdout", "image", "save", "plain")
    c.same("image save stdout empty", "image", "save", "empty")
    c.same("image save file", "image", "save", "plain", "--file", "saved.img")
    if not c.only and len({Path(folder, "saved.img").read_bytes() for folder in c.dirs.values()}) != 1:
        c.different.append("image save content")
    c.same("image save chunk", "image", "save", "plain", "--file", "saved.img", "--chunk-size", "7", "--store-preference", "a", "--store-preference", "b")
    c.same("image save nowhere", "image", "save", "plain", "--file", "no/such/folder.img")
    c.same("image save folder", "image", "save", "plain", "--file", "/tmp")
    c.same("image save queued", "image", "save", "queued")
    c.same("image save queued file", "image", "save", "queued", "--file", "queued.img")
    c.same("image save missing", "image", "save", "nosuch")
    c.same("image save duplicate", "image", "save", "twin")
    c.same("image save bad chunk", "image", "save", "plain", "--chunk-size", "x")
    deactivated = c.create("deactivated", stdin=b"data")
    c.run("peer", "image", "set", "--deactivate", deactivated)
    c.same("image save deactivated", "image", "save", deactivated)


def cache(c: Comparison) -> None:
    images = [c.create(f"cache-{n}", stdin=os.urandom(3000 + n)) for n in range(3)]
    c.run("peer", "cached", "image", "clear")
    for fmt in FORMATS_LIST:
        c.same(f"cached image list empty -f {fmt}", "cached", "image", "list", "-f", fmt)
    for image in images[:2]:
        c.run("peer", "image", "save", image, "--file", "x")
    for fmt in FORMATS_LIST:
        c.same(f"cached image list cached -f {fmt}", "cached", "image", "list", "-f", fmt)
    c.same("cached image list sorted", "cached", "image", "list", "--sort-column", "Size", "--sort-descending")
    c.same("cached image list no column", "cached", "image", "list", "-c", "bogus")
    c.same("cached image queue id", "cached", "image", "queue", queued_image(c.endpoint, "q1"))
    c.same("cached image queue", "cached", "image", "queue", "cache-2")
    for fmt in FORMATS_LIST:
        c.same(f"cached image list mixed -f {fmt}", "cached", "image", "list", "-f", fmt)
    c.same("cached image queue missing", "cached", "image", "queue", "nosuch", "cache-0")
    c.same("cached image queue twin", "cached", "image", "queue", "twin", "nosuch")
    c.same("cached image delete missing", "cached", "image", "delete", "nosuch", "twin")
    c.same("cached image delete", "cached", "image", "delete", "cache-0")
    c.same("cached image delete none", "cached", "image", "delete", "plain")
    c.same("cached image list deleted", "cached", "image", "list")
    for words in (["--queue"], ["--cache"], []):
        c.same(f"cached image clear {words}", "cached", "image", "clear", *words)
        c.same(f"cached image list after clear {words}", "cached", "image", "list")
    for name in ("queue", "delete"):
        c.same(f"cached image {name} without arguments", "cached", "image", name)
    c.same("cached image clear surplus", "cached", "image", "clear", "x")
    c.same("cached image list surplus", "cached", "image", "list", "x")


def program(c: Comparison) -> None:
    c.same("--version", "--version")
    c.same("no such service", "server", "lst")
    c.same("image creat", "imgae", "list")
    c.same("globals behind", "image", "list", "--os-auth-type", "none", "--os-endpoint", c.endpoint, env={"OS_AUTH_TYPE": "", "OS_ENDPOINT": ""})
    c.same("globals before", "--os-auth-type=none", "--os-endpoint", c.endpoint, "image", "list", env={"OS_AUTH_TYPE": "", "OS_ENDPOINT": ""})
    c.same("globals short", "--os-auth-t", "none", "--os-endpoint", c.endpoint, "image", "list", env={"OS_AUTH_TYPE": "", "OS_ENDPOINT": ""})
    c.same("admin_token", "--os-auth-type", "admin_token", "--os-token", "t", "--os-endpoint", f"{c.endpoint}/v2", "image", "list", env={"OS_AUTH_TYPE": "", "OS_ENDPOINT": ""})
    c.same("endpoint and token", "--os-token", "t", "--os-endpoint", f"{c.endpoint}/v2", "image", "list", env={"OS_AUTH_TYPE": "", "OS_ENDPOINT": ""})
    none = {"OS_AUTH_TYPE": "", "OS_ENDPOINT": ""}
    c.same("no credentials", "image", "list", env=none)
    c.same("no password", "image", "list", env=none | {"OS_USERNAME": "u", "OS_AUTH_URL": "http://127.0.0.1:1/v3"})
    c.same("no auth url", "image", "list", env=none | {"OS_USERNAME": "u", "OS_PASSWORD": "p"})
    c.same("unknown cloud", "--os-cloud", "nosuch", "image", "list", env=none)
    c.same("bad interface", "--os-interface", "x", "image", "list")
    c.same("ambiguous global", "--os-proj", "x", "image", "list")
    c.same("global without value", "image", "list", "--os-cloud")
    c.same("verbose and quiet", "-v", "-q", "image", "list")
    c.same("quiet", "-q", "image", "show", "nosuch")
    c.same("verify and insecure", "--verify", "--insecure", "image", "list")
    c.same("help on nothing", "help", "nosuch")
    c.same("refused connection", "image", "list", env={"OS_ENDPOINT": "http://127.0.0.1:1"})


def no_cache(c: Comparison, endpoint: str) -> None:
    env = {"OS_ENDPOINT": endpoint}
    image = c.run("peer", "image", "create", "plain", "-f", "value", "-c", "id", stdin=b"x", env=env).out.strip()
    c.same("cached image list, no cache", "cached", "image", "list", env=env)
    c.same("cached image queue, no cache", "cached", "image", "queue", image, env=env)
    c.same("cached image delete, no cache", "cached", "image", "delete", image, env=env)
    c.same("cached image clear, no cache", "cached", "image", "clear", env=env)


def call(method: str, url: str, body: object = None, kind: str = "application/json") -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def queued_image(endpoint: str, name: str) -> str:
    """An image without data, which openstackclient makes on a terminal only."""
    return call("POST", f"{endpoint}/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare"})["id"]


def delete_all(endpoint: str) -> None:
    for hidden in ("false", "true"):
        while images := call("GET", f"{endpoint}/v2/images?limit=100&os_hidden={hidden}&visibility=all")["images"]:
            for image in images:
                url = f"{endpoint}/v2/images/{image['id']}"
                if image["protected"]:
                    patch = [{"op": "replace", "path": "/protected", "value": False}]
                    call("PATCH", url, patch, "application/openstack-images-v2.1-json-patch")
                call("DELETE", url)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", default=str(Path(sys.executable).parent / "openstack"))
    parser.add_argument("--ours", required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--without-cache", help="endpoint of a Glance whose cache is off")
    parser.add_argument("--only", help="run the cases with this text in their name")
    parser.add_argument("--part", action="append", choices=["show", "save", "cache", "create", "change", "delete", "program"])
    arguments = parser.parse_args()
    c = Comparison(arguments.peer, str(Path(arguments.ours).resolve()), arguments.endpoint, arguments.only)
    delete_all(arguments.endpoint)
    ids = {
        "plain": c.create("plain", stdin=b"plain data" * 300),
        "hostile": c.create("hostile", *HOSTILE, stdin=b"hostile" * 100),
        "empty": c.create("empty", "--property", "only=one"),
    }
    c.create("twin", stdin=b"1")
    c.create("twin", stdin=b"2")
    hidden = c.create("hidden-one", stdin=b"3")
    c.run("peer", "image", "set", "--hidden", hidden)
    queued_image(arguments.endpoint, "queued")
    parts = {
        "show": lambda: show_and_list(c, ids), "save": lambda: save(c), "cache": lambda: cache(c), "create": lambda: create(c),
        "change": lambda: change(c), "delete": lambda: delete(c), "program": lambda: program(c),
    }  # fmt: skip
    for name in arguments.part or parts:
        parts[name]()
    if arguments.without_cache:
        no_cache(c, arguments.without_cache)
    print(f"{c.cases} cases, {len(c.different)} different, {len(c.known)} different on purpose: {c.known}")
    return 1 if c.different else 0


if __name__ == "__main__":
    sys.exit(main())
