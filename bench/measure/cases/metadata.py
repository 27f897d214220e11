"""Showing, listing, making and deleting images, against Glance and against ourselves with fewer images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from measure import seed
from measure.case import Case, Sample, Scene, Subject, Target
from measure.load import load
from measure.servers import MeasuredVidimus, both, glance_options

PAGE = 25
ADMIN = {"X-User-Id": "u", "X-Project-Id": "f" * 32, "X-Roles": "admin,member,reader", "X-Identity-Status": "Confirmed"}
MEMBER = {**ADMIN, "X-Project-Id": seed.PROJECT, "X-Roles": "member,reader"}

# Each makes an image and removes it again.
CREATE_AND_DELETE = [
    'POST /v2/images {"id": "{uuid}", "name": "made", "disk_format": "raw", "container_format": "bare", "os_distro": "debian"}',
    "DELETE /v2/images/{uuid}",
]


def scenes() -> list[Scene]:
    return [against_glance(1_000), against_glance(100_000), against_fewer()]


def requests(paths: Sequence[str], **how: object) -> Callable[[Subject], Sample]:
    """Requests per second with 16 connections."""
    return lambda server: load(server, [f"GET {path}" for path in paths], **how)  # type: ignore[arg-type]


def against_glance(count: int) -> Scene:
    def start(directory: Path) -> Sequence[Subject]:
        servers = both(directory, glance_options())
        for server in servers:
            server.stop()
            seed.put_seed(count, server.dir / "glance.sqlite")
            server.start()
            load(server, [f"GET /v2/images?limit={PAGE}"], count=8, connections=8)
        return servers

    some = [f"/v2/images/{seed.image_id(number)}" for number in range(0, count, max(count // 64, 1))]
    page = f"/v2/images?limit={PAGE}"
    deep = f"{page}&marker={seed.image_id(count // 20)}"
    public = f"{page}&visibility=public"
    hundred = Target("at least 100 times Glance", factor=100)
    few = {"seconds": 1.5}
    cases = [
        Case(f"list 25 of {count:,}", "requests/s", requests([page], **few), target=hundred),
        Case(f"list 25 of {count:,}, deep", "requests/s", requests([deep], **few)),
        Case(f"list 25 of {count:,}, public", "requests/s", requests([public], **few)),
    ]
    if count == 1_000:
        cases += [
            Case(f"show one of {count:,}", "requests/s", requests(some, **few), target=hundred),
            # With more connections Glance answers many with 500, because SQLite is locked.
            Case("create and delete", "requests/s", lambda server: load(server, CREATE_AND_DELETE, connections=1)),
        ]
    return Scene(f"images-{count}", start, cases)


class Sized(MeasuredVidimus):
    """Ours with so many images, trusting the identity in the headers as behind a proxy."""

    def __init__(self, directory: Path, count: int):
        super().__init__(directory, glance_options(identity=True))
        self.name = f"{count:,} images"
        self.count = count
        self.stop()
        seed.put_seed(count, self.dir / "glance.sqlite")
        self.start()


def against_fewer() -> Scene:
    """A page must cost the same however many images there are and however far back it begins."""
    counts = (1_000, 100_000, 1_000_000)

    def start(directory: Path) -> Sequence[Subject]:
        return [Sized(directory / str(count), count) for count in counts]

    def marked(position: float) -> Callable[[Sized], str]:
        return lambda server: f"&marker={seed.image_id(int(server.count * position))}"

    def page(filters: str, marker: Callable[[Sized], str], headers: Mapping[str, str]) -> Callable[[Subject], Sample]:
        def measure(server: Subject) -> Sample:
            assert isinstance(server, Sized)
            path = f"/v2/images?limit={PAGE}{filters}{marker(server)}"
            sample = load(server, [f"GET {path}"], connections=1, seconds=0.7, headers=headers)
            return Sample(sample.detail["p50_ms"], sample.work, sample.detail, sample.cpu_seconds, sample.peak_mib)

        return measure

    nowhere = lambda server: ""  # noqa: E731
    first = {"first": nowhere, "deep": marked(0.05)}
    as_many = Target("at most 1.5 times as long as with 1,000", factor=1 / 1.5)
    cases = []
    for caller, headers in (("admin", ADMIN), ("project", MEMBER)):
        for filters, words in (
            ("", "all"),
            ("&visibility=public", "public"),
            (f"&owner={seed.PROJECT}", "of one owner"),
            ("&visibility=shared&member_status=all", "shared"),
            ("&os_hidden=false&created_at=lt:2030-01-01T00:00:00Z", "by time"),
        ):
            for where, marker in first.items():
                name = f"page as {caller}, {words}, {where}"
                cases.append(Case(name, "ms", page(filters, marker, headers), more_is_better=False, target=as_many))
    return Scene("pages", start, cases, baseline="1,000 images", subject="1,000,000 images")
