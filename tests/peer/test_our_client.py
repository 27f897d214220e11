"""Our `openstack` beside the Python one: on either server, the same words out, the same exit code, the same effect.

Each command runs once with each client on a stock of its own, prepared in the same way. Ids and times of that stock are
replaced before comparing; nothing else is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness import golden
from harness.api import Api
from harness.client import Client, Result, our_client
from harness.disks import Disk
from harness.server import Server
from harness.warm_python import WarmPython

SOME = b"some image data"
LIST_FORMATS = ("csv", "json", "table", "value", "yaml")
SHOW_FORMATS = ("json", "shell", "table", "value", "yaml")


@dataclass
class Outcome:
    """What a user of a command would notice, now or later."""

    code: int
    out: str
    err: str
    files: dict[str, bytes]
    images: list[dict[str, Any]]
    cached: list[str]
    queued: list[str]


@dataclass(frozen=True)
class Command:
    """`{plain}` in the words is the id of the image of that name, `{folder}` a folder with the files to upload."""

    words: tuple[str, ...]
    stdin: bytes | None = None
    terminal: bool = False
    # For commands that make something happen behind their answer: what is cached in the end, by name.
    becomes_cached: tuple[str, ...] | None = None
    name: str = ""

    def __str__(self) -> str:
        return self.name or " ".join(self.words)


def command(line: str, *more: str, **options: Any) -> Command:
    return Command((*line.split(), *more), **options)


def prepare(api: Api) -> dict[str, str]:
    """The stock that every command finds; two copies cached, one marker queued."""
    images = {
        "plain": api.create(SOME, name="plain", owner="somebody"),
        "rich": api.create(
            bytes(3 << 20), name="rich", tags=["t1"], colour="blue", shape="round", min_disk=2, min_ram=64, visibility="public"
        ),
        "queued": api.create(name="queued", disk_format="qcow2"),
        "hidden": api.create(name="hidden", os_hidden=True),
        "kept": api.create(name="kept", protected=True),
        "twice": api.create(name="twice"),
        "other twice": api.create(name="twice", visibility="community"),
        "waiting": api.create_waiting(name="waiting"),
    }
    api.fill(images["plain"], images["rich"])
    return images


def prepare_for_reading(api: Api) -> dict[str, str]:
    """More to look at, which no command changes."""
    images = {
        **prepare(api),
        "bare": api.create(name="bare", disk_format=None, container_format=None),
        "Ünïcode ☃": api.create(name="Ünïcode ☃", note='quo"te, co,mma'),
        "shared": api.create(name="shared", visibility="shared"),
    }
    for project in ("a-project", "another"):
        api.send("POST", f"/v2/images/{images['shared']}/members", json.dumps({"member": project}).encode())
    return images


CREATES = [
    *(command(f"image create -f {form} --file {{folder}}/raw new --tag t --property a=b") for form in SHOW_FORMATS),
    command("image create --file {folder}/qcow2 --disk-format qcow2 -f json new"),
    command("image create --file {folder}/iso --disk-format iso -f json new"),
    command("image create -f json new", stdin=SOME, name="image create from a pipe"),
    command("image create -f json new", terminal=True, name="image create without data"),
    command("image create -f value -c name -c size new --id 0badcafe-0000-4000-8000-{nonce} --public --protected --min-disk 1 --min-ram 2"),
    command("image create -f json new --private --container-format ovf --disk-format vmdk --property a=b=c --property d="),
    command("image create -f json new --community --file {folder}/raw --progress"),
    command("image create --file {folder}/raw --disk-format qcow2 new"),
    command("image create --file {folder}/missing new"),
    command("image create --file {folder}/raw new --id {plain}"),
    command("image create --file {folder}/raw new --id short"),
    command("image create new --size 5", stdin=SOME, name="image create with a wrong size"),
]

LISTS = [
    *(command(f"image list -f {form}") for form in LIST_FORMATS),
    *(command(f"image list --long -f {form}") for form in LIST_FORMATS),
    *(command(f"image list --name nothing -f {form}") for form in LIST_FORMATS),
    *(
        command(f"image list {options}")
        for options in (
            "--public", "--private", "--community", "--shared", "--all", "--hidden", "--status queued", "--tag t1",
            "--property colour=blue", "--name twice --all", "--sort name", "--sort name:asc,id:desc", "--sort size:desc",
            "--limit 2", "--limit 0", "--limit x", "--max-items 3", "--marker plain", "--marker nope", "--sort weight",
            "--sort name:up", "--member-status all", "-c Name --sort-column Name", "-c Name -c Status --sort name:asc",
            "--sort-column Name --sort-descending", "-c Nothing", "--long -c Size --sort name:asc", "--status nope",
            "--public --private", "--property colour", "-f value -c ID", "-f csv --quote minimal", "-f csv --quote none -c Name",
            "-f csv --quote all", "-f json --noindent", "--max-width 60", "--fit-width", "-f nonsense", "--page-size 2",
            "extra", "--nonsense",
        )
    ),
]  # fmt: skip

SHOWS = [
    *(command(f"image show rich -f {form}") for form in SHOW_FORMATS),
    *(command(f"image show bare -f {form}") for form in SHOW_FORMATS),
    *(command(f"image show -f {form}", "Ünïcode ☃") for form in SHOW_FORMATS),
    command("image show {plain}"),
    command("image show hidden"),
    command("image show rich --human-readable"),
    command("image show rich -c name -c size"),
    command("image show rich -c properties -f value"),
    command("image show rich -f shell --prefix img_"),
    command("image show rich -f json --noindent"),
    command("image show rich --max-width 50"),
    command("image show rich -c nothing"),
    command("image show bare --print-empty"),
    command("image show twice"),
    command("image show nope"),
    command("image show"),
    command("image show plain rich"),
]

CHANGES = [
    *(
        command(f"image set {options}")
        for options in (
            "plain --name renamed", "plain --property a=b --property c=", "rich --property colour=red", "plain --tag x --tag y",
            "plain --protected", "kept --unprotected", "plain --public", "plain --private", "plain --community", "plain --shared",
            "plain --min-disk 4 --min-ram 5", "queued --disk-format raw --container-format ovf", "plain --disk-format qcow2",
            "plain --deactivate", "plain --activate", "queued --deactivate", "plain --hidden", "hidden --unhidden", "plain --os-distro debian --os-version 12",
            "plain --architecture x86_64 --kernel-id {rich}", "{plain} --name by-id", "plain", "nope --name x", "twice --name x",
            "plain --min-disk 99999999999",
        )
    ),
    *(
        command(f"image unset {options}")
        for options in (
            "rich --tag t1", "rich --property colour", "rich --tag t1 --property colour --property shape", "rich --tag nope",
            "rich --property nope", "rich --tag nope --property nope", "rich", "nope --tag x", "rich --property name",
        )
    ),
    *(
        command(f"image delete {options}")
        for options in ("plain", "{plain} rich", "kept", "nope", "plain nope", "twice", "plain kept rich", "plain --store x")
    ),
]  # fmt: skip

SAVES = [
    command("image save plain --file {folder}/copy"),
    command("image save {rich} --file {folder}/copy"),
    command("image save plain"),
    command("image save plain --file {folder}/copy --chunk-size 4"),
    command("image save queued --file {folder}/copy"),
    command("image save nope --file {folder}/copy"),
    command("image save plain --file {folder}/missing/copy"),
]

CACHES = [
    command("cached image queue plain", becomes_cached=("plain", "rich")),
    command("cached image queue nope plain"),
    command("cached image queue queued"),
    command("cached image queue queued nope"),
    command("cached image queue twice"),
    command("cached image delete plain"),
    command("cached image delete plain {rich}"),
    command("cached image delete nope"),
    command("cached image delete queued"),
    command("cached image delete plain nope rich"),
    command("cached image clear"),
    command("cached image clear --cache"),
    command("cached image clear --queue"),
    command("cached image clear --cache --queue"),
]

CACHE_LISTS = [
    *(command(f"cached image list -f {form}") for form in LIST_FORMATS),
    command("cached image list -c ID -c State --sort-column State"),
    command("cached image list --sort-column ID --sort-descending"),
    command("cached image list --long"),
    command("cached image list extra"),
]

# What the argument parser refuses, before anything is sent.
AROUND_IMPORTS = [
    *(command(f"image import info -f {form}") for form in SHOW_FORMATS),
    *(
        command(f"image {words}")
        for words in (
            "import info -c nothing", "import info extra", "import info --fit-width", "stores list", "stores list --detail", "stores list extra",
            "task list", "task list -f csv", "task list --limit 1", "task list --status success", "task list --status failure", "task list --type import",
            "task list --sort-key created_at --sort-dir asc", "task list --sort-key weight --limit 1", "task list --sort-dir up",
            "task list --marker nope", "task list --marker {plain}", "task list --limit -1", "task list --max-items x", "task list --status odd",
            "task list -c ID -c Type --sort-column Type", "task show nope", "task show", "task show {plain}",
            "member list shared", "member get shared a-project", "member list plain", "member list nope", "member list {shared} -c Status", "member list", "member get shared nobody",
            "member get nope a-project", "member get shared", "member list shared --project-domain x",
            "import plain", "import queued", "import nope", "import bare", "import queued --method web-download", "import queued --uri http://h/x",
            "import queued --method web-download --uri nothing", "import plain --method web-download --uri http://h/x",
            "import queued --method copy-image --all-stores", "import plain --method copy-image", "import plain --method glance-download",
            "import queued --remote-region r", "import queued --remote-image r", "import queued --remote-service-interface r",
            "import queued --method odd", "import", "import queued --store a --all-stores", "import queued --allow-failure --disallow-failure",
            "import --store a queued", "stage", "stage nope", "stage queued --size 0", "stage queued --size x",
        )
    ),
]  # fmt: skip

# An import that starts belongs to a project, so the rest of this is in `test_signed_in.py`.
STAGES = [
    command("image stage queued --file {folder}/qcow2"),
    command("image stage {queued} --file {folder}/raw --size 15 --progress"),
    command("image stage queued", stdin=SOME, name="image stage from a pipe"),
    command("image stage queued", terminal=True, name="image stage without data"),
    command("image stage queued --size 3", terminal=True, name="image stage of a size without data"),
    command("image stage queued --file {folder}/missing"),
    command("image stage plain --file {folder}/raw"),
    command("image stage plain --file {folder}/missing"),
]

USAGE = [
    command(line)
    for line in (
        "image create new --disk-format floppy", "image create new --public --private", "image create new --property novalue",
        "image create", "image create new --size 0", "image create new --min-disk x", "image set plain --min-disk x",
        "image set plain --property novalue", "image set plain --protected --unprotected", "image set --name x",
        "image set plain --owner x", "image delete", "image save", "image unset", "cached image queue", "cached image delete",
        "cached image clear --both", "cached image clear extra",
        "image create new --file a --volume b", "image set plain --visibility public",
    )
]  # fmt: skip

# Where we do better than the Python client on purpose: the command, what changes in the outcome, and why.
DIFFERENCES: dict[str, tuple[dict[str, Any], str]] = {
    "image set queued --deactivate": (
        {
            "code": 1,
            "err": "ForbiddenException: 403: Client Error for url: <url>/v2/images/<queued>............................"
            "/actions/deactivate, 403 Forbidden: Not allowed to deactivate image in status &#x27;queued&#x27;",
        },
        "Python does not look at the answer and reports success",
    ),
    "cached image clear --cache --queue": (
        {"cached": []},
        "both given together mean both; Python lets the last one win, which loses somebody's intent",
    ),
}

READS = [*LISTS, *SHOWS, *CACHE_LISTS, *AROUND_IMPORTS, *USAGE]
WRITES = [*CREATES, *CHANGES, *SAVES, *CACHES, *STAGES]
# The names of the files that `furnish` puts down.
GIVEN = {"qcow2", "iso", "raw"}


@dataclass(frozen=True)
class Place:
    """Where commands run: a server, the folder with files to upload, and how either client is made."""

    server: Server
    folder: Path
    images: dict[str, str]

    def run(self, client: Client, step: Command) -> Result:
        slots = {**self.images, "folder": str(self.folder), "nonce": self.images["plain"][-12:]}
        return client.run(*(word.format_map(slots) for word in step.words), stdin=step.stdin, terminal=step.terminal)


def look(place: Place, done: Result) -> Outcome:
    api = Api(place.server)
    asked = "/v2/images?limit=1000&visibility=all&os_hidden="
    found = [image for hidden in ("false", "true") for image in api.get(asked + hidden)["images"]]
    known = {identity: f"<{name}>" for name, identity in place.images.items()}
    for image in found:
        known.setdefault(image["id"], f"<made {image['name']}>")
        image["tags"] = sorted(image["tags"])
    texts = Texts(known, {place.server.url: "<url>", str(place.folder): "<folder>", place.images["plain"][-12:]: "<nonce>"})
    return Outcome(
        code=done.code,
        out=texts.plain(done.out.decode(errors="replace")),
        err=texts.plain(done.err),
        files={path.name: path.read_bytes() for path in sorted(place.folder.iterdir()) if path.name not in GIVEN},
        images=sorted((texts.value(image) for image in found), key=lambda image: str(image["id"])),
        cached=sorted(texts.plain(entry) for entry in api.cached()),
        queued=sorted(texts.plain(entry) for entry in api.queued()),
    )


class Texts:
    """Puts the same word in place of what is new in each run, of the same length, so that tables keep their shape."""

    def __init__(self, ids: dict[str, str], others: dict[str, str]):
        self._words = {identity: name.ljust(36, ".") for identity, name in ids.items()} | others

    def plain(self, text: str) -> str:
        for value, word in self._words.items():
            text = text.replace(value, word)
        # What a command made and removed again, which only its error still names.
        text = re.sub(r"(?!ffffffff)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<some other id>", text)
        text = re.sub(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d", "<the date and time>", text)
        # Microseconds print only when there are any, to the width of the widest.
        return re.sub(r"(?<=<the date and time>)(\.\d{6})?", "", text)

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self.plain(value) if isinstance(value, str) else value


@pytest.mark.parametrize("line", ["image", "image lst", "cached", "cached image", "imag list", "nonsense"])
def test_unknown_command(place: Place, warm: WarmPython, tmp_path: Path, line: str) -> None:
    """The same refusal in the same place; the list of what might have been meant is shorter with us."""
    expected = Client(warm, place.server.url, tmp_path).run(*line.split())
    got = our_client(place.server.url, tmp_path).run(*line.split())
    assert (got.code, got.text.splitlines()[:1], got.err) == (expected.code, expected.text.splitlines()[:1], expected.err)


def furnish(folder: Path, disks: dict[str, Disk]) -> None:
    folder.mkdir()
    for name in ("qcow2", "iso"):
        (folder / name).write_bytes(disks[name].content)
    (folder / "raw").write_bytes(SOME)


@pytest.fixture(scope="module", params=["glance", "vidimus"])
def place(request: pytest.FixtureRequest, disks: dict[str, Disk], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A stock that all commands that only read share."""
    server: Server = request.getfixturevalue(request.param)
    golden.clean(server.url)
    folder = tmp_path_factory.mktemp("place") / "files"
    furnish(folder, disks)
    return Place(server, folder, prepare_for_reading(Api(server)))


@pytest.mark.parametrize("step", READS, ids=str)
def test_reads_like_python(place: Place, warm: WarmPython, tmp_path: Path, step: Command) -> None:
    expected = place.run(Client(warm, place.server.url, tmp_path), step)
    got = place.run(our_client(place.server.url, tmp_path), step)
    assert (got.code, got.text, complaint(got)) == (expected.code, expected.text, complaint(expected))


def complaint(done: Result) -> str:
    """What went wrong. The usage that goes before a refusal of the parser shows how it was written, not what it takes."""
    if done.code != 2:
        return done.err
    return "\n".join(line for line in done.err.splitlines() if ": error: " in line)


@pytest.mark.parametrize("step", WRITES, ids=str)
def test_works_like_python(server: Server, warm: WarmPython, disks: dict[str, Disk], tmp_path: Path, step: Command) -> None:
    python = Client(warm, server.url, tmp_path)
    expected = outcome(python, server, disks, tmp_path / "python", step)
    if str(step) in DIFFERENCES:
        better = replace(expected, **DIFFERENCES[str(step)][0])
        assert better != expected, "no difference any more"
        expected = better
    assert outcome(our_client(server.url, tmp_path), server, disks, tmp_path / "ours", step) == expected


def outcome(client: Client, server: Server, disks: dict[str, Disk], folder: Path, step: Command) -> Outcome:
    """Runs the command on a fresh stock and looks at everything afterwards."""
    golden.clean(server.url)
    furnish(folder, disks)
    api = Api(server)
    place = Place(server, folder, prepare(api))
    done = place.run(client, step)
    if step.becomes_cached is not None:
        api.wait_cached(*(place.images[name] for name in step.becomes_cached))
    return look(place, done)
