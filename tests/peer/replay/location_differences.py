"""What we answer differently about locations and storage quotas, on purpose, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replay.differences import Difference, queued_image, refusal
from replay.locations import ABC, MD5, SHA512
from replay.steps import Ids

ONE, THREE, HIDDEN, QUOTA = "one store", "three stores", "hidden", "quota"


@dataclass(frozen=True)
class Changed(Difference):
    """A difference that is worked out from the body of the answer."""

    change: Callable[[Any], Any] = lambda body: body

    def overlay(self, golden: Mapping[str, Any]) -> dict[str, Any]:
        changed = super().overlay(golden)
        return {**changed, "body": self.change(changed["body"])}


def on(sites: Iterable[str], *cases: str) -> tuple[str, ...]:
    return tuple(f"{site}: {case}" for site in sites for case in cases)


def bad_request(message: str) -> dict[str, str]:
    return refusal("Bad Request", 400, message)


def saying(*messages: str) -> Callable[[Any], Any]:
    """The tasks, with these messages."""

    def change(body: Any) -> Any:
        assert len(body["tasks"]) == len(messages)
        pairs = zip(body["tasks"], messages, strict=True)
        return {"tasks": [{**task, "message": message} for task, message in pairs]}

    return change


def as_saved(body: Any) -> Any:
    """An image with its locations as they are found afterwards."""
    return {**body, "locations": [{"url": one["url"], "metadata": one["metadata"]} for one in body["locations"]]}


def queued_again(body: Any) -> Any:
    """An image whose location was taken off."""
    kept = {key: value for key, value in body.items() if key not in ("direct_url", "stores", "os_glance_import_task")}
    return {**kept, **({"locations": []} if "locations" in body else {}), "status": "queued", "size": None}


def taken(body: Any) -> Any:
    """An image that was given its data after all."""
    return {
        **body,
        "status": "active",
        "size": len(ABC),
        "checksum": MD5,
        "os_hash_algo": "sha512",
        "os_hash_value": SHA512,
    }


def differences(source: str) -> list[Difference]:
    sites, all_sites = (ONE, THREE), (ONE, THREE, HIDDEN)
    trips = "Glance trips over metadata that is neither text nor made of it"
    told = "the task says why it failed, and not only that it did"
    kept = "a location that could not be taken is taken off again; Glance leaves it in the way of every other try"
    unmatched = "os_hash_value: ({}) not matched with actual os_hash_value: ({})"
    other = "e25ac3845f8cbe12801a2dfa5a89d4c55dc47900f3b6edc9a9ee590f3c2b9312f665d0039c93828b7b58f33950bc817a0955a9c5000a8d3e280569f08745ca68"
    invalid = ("what is not there", "what is refused", "nothing in it", "a redirect away", "no server", "half credentials")
    no_formats = "Properties disk_format, container_format must be set prior to saving data."
    quota = "The size of the data {} will exceed the limit. {} bytes remaining."
    metadata = "The image metadata key {} has an invalid type of {}. Only dict, list, and unicode are supported."
    stopped = "data is stopped where it becomes too much; Glance stores all of it first, and then says how much it was"
    stuck = "an upload that is refused gives the image back; Glance leaves it in `saving` for ever"

    def odd(case: str, key: str, kind: str) -> Difference:
        return Difference(trips, on(sites, case), status=400, body=bad_request(metadata.format(key, kind)))

    def redirected(site: str, image: str, metadata: dict[str, str], **more: str) -> Difference:
        url = f"{source}/moved"
        shown = queued_image(
            image,
            name="create for a redirect",
            disk_format="raw",
            container_format="bare",
            owner="admin",
            status="active",
            size=len(ABC),
            locations=[{"url": url, "metadata": metadata}],
            direct_url=url,
            **more,
        )
        return Difference(
            "a redirect without a host leads to the same one", (f"{site}: add/redirect",), status=200, body=shown
        )

    return [
        odd("add/body: number in metadata", "n", "number"),
        odd("add/body: null in metadata", "n", "null"),
        odd("add/body: number deep in metadata", "m[1]", "number"),
        odd("lists/with a number in metadata", "n", "number"),
        Difference(
            "where a location may not lead nothing is asked, and so nothing is known about it",
            on(sites, "add/refused: a redirect away"),
            body=bad_request("Invalid location"),
        ),
        redirected(ONE, Ids(0xC0)[2], {}),
        redirected(THREE, Ids(0xD0)[2], {"store": "mirror"}, stores="mirror"),
        Difference(
            "a redirect without a host leads to the same one",
            on(sites, "add/download the redirect"),
            status=200,
            headers={"content-type": "application/octet-stream"},
            body="<26000 bytes>",
        ),
        Changed(
            "a change is answered with what was saved; Glance repeats what was sent",
            on(
                sites,
                "add/extra members",
                "checks/right",
                "checks/the same hash again",
                "checks/without checksum",
                "checks/a lie",
                "checks/capitals",
            ),
            change=as_saved,
        ),
        Difference(
            "Glance shows the rows of its database",
            on(sites, "lists/others", "lists/one of the two", "lists/one more"),
            body=bad_request("Original locations is not empty"),
        ),
        Difference(
            "locations can be listed as well as added",
            on(all_sites, *(f"asking/{method} it" for method in ("PUT", "DELETE", "PATCH", "HEAD"))),
            headers={"allow": "GET, POST"},
        ),
        Difference(
            "Glance trips over the body of a request that has none",
            on(all_sites, "asking/with a body"),
            status=400,
            body=bad_request("A body is not expected with this request."),
        ),
        Difference(
            "who may not change an image is told so at once, and not in a task",
            on(all_sites, "asked by/service gives to public"),
            status=403,
            headers={"content-type": "application/json"},
            body=refusal("Forbidden", 403, "You do not own this image"),
        ),
        Changed(kept, on(sites, "hashes/show capitals", "hashes/show a lie"), change=queued_again),
        Changed(kept, on(all_sites, "hashes/show without formats"), change=queued_again),
        Difference(kept, on(all_sites, "hashes/after a lie"), body=[]),
        Changed(kept, on(all_sites, "hashes/after the truth"), change=taken),
        Changed(
            told,
            on(all_sites, "hashes/tasks of capitals"),
            change=saying(unmatched.format(SHA512.upper(), SHA512)),
        ),
        Changed(told, on(all_sites, "hashes/tasks of a lie"), change=saying(unmatched.format(other, SHA512))),
        Changed(told, on(all_sites, "hashes/tasks of without formats"), change=saying(no_formats)),
        Changed(
            told,
            on(sites, *(f"hashes/tasks of {name}" for name in invalid)),
            change=saying("Invalid location"),
        ),
        Changed(stuck, on([QUOTA], "uploads/after too much"), change=lambda body: {**body, "status": "queued"}),
        Difference(
            stopped,
            on([QUOTA], "uploads/too much in chunks", "uploads/far too much in chunks"),
            body=refusal(
                "Request Entity Too Large", 413, f"Image exceeds the storage quota: {quota.format(None, 60000)}"
            ),
        ),
        Changed(
            told,
            on([QUOTA], "uploads/tasks of staged"),
            change=saying(f"Store `file`: Image exceeds the storage quota: {quota.format(30000, 0)}"),
        ),
        Changed(
            "an import that fails sends the image back to where its owner can go on from",
            on([QUOTA], "uploads/after staged"),
            change=lambda body: {**body, "status": "uploading"},
        ),
        Changed(
            told,
            on([QUOTA], "elsewhere/tasks of post"),
            change=saying(f"Denying attempt to upload image because it exceeds the quota: {quota.format(26000, 4000)}"),
        ),
        Changed(
            told,
            on([QUOTA], "elsewhere/tasks of import"),
            change=saying(
                f"Denying attempt to upload image because it exceeds the quota: {quota.format(26000, 4000)}",
                f"Store `file`: Image exceeds the storage quota: {quota.format(26000, 4000)}",
            ),
        ),
    ]
