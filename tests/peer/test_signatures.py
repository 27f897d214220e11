"""Signed images, and keys that go with their image: the same Barbican behind both servers, the same certificates and signatures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from harness.barbican import Barbican
from harness.client import Client
from harness.cloud import Cloud, Region
from harness.signer import HASHES, Signer, dsa_signer, ec_signer, ed25519_signer, encode, rsa_signer
from harness.vidimus import find_program
from replay.steps import PATCH_V21

DATA = b"the data of a signed image, whoever sends it " * 3000
NO_ID = "00000000-0000-4000-8000-000000000000"
PATIENCE = 20.0


class Caller:
    """Somebody who is signed in at one of the two."""

    def __init__(self, region: Region, cloud: str):
        self.url = region.url
        with region.connect(cloud) as connection:
            self.token = connection.session.get_token()

    def send(self, method: str, path: str, body: object = None, data: bytes | None = None) -> requests.Response:
        headers = {"X-Auth-Token": self.token, "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/octet-stream"
        return requests.request(method, f"{self.url}/v2/{path}", json=body, data=data, headers=headers, timeout=60)

    def create(self, **properties: str) -> str:
        answer = self.send("POST", "images", {"disk_format": "raw", "container_format": "bare", **properties})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def patch(self, image: str, path: str, value: str) -> None:
        headers = {"X-Auth-Token": self.token, "Content-Type": PATCH_V21}
        steps = json.dumps([{"op": "replace", "path": path, "value": value}])
        requests.patch(f"{self.url}/v2/images/{image}", steps, headers=headers, timeout=60).raise_for_status()

    def show(self, image: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.send("GET", f"images/{image}").json()
        return shown


@dataclass(frozen=True)
class Vault:
    """What the key manager keeps for demo, by name."""

    signers: Mapping[str, Signer]
    secrets: Mapping[str, str]

    def properties(self, name: str, key_type: str = "RSA-PSS", method: str = "SHA-256", **changes: str) -> dict[str, str]:
        """An image's, as its signer would set them; `changes` replaces some."""
        right = {
            "img_signature": encode(self.signers[name].sign(changes.pop("signed", "").encode() or DATA, method)),
            "img_signature_hash_method": method,
            "img_signature_key_type": key_type,
            "img_signature_certificate_uuid": self.secrets[name],
        }
        return {**right, **{f"img_signature{key}": value for key, value in changes.items()}}


@pytest.fixture(scope="module")
def barbican(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Barbican]:
    with Barbican(tmp_path_factory.mktemp("barbican"), cloud.tokens, cloud.barbican_port) as running:
        yield running


@pytest.fixture(scope="module")
def vault(cloud: Cloud, barbican: Barbican) -> Vault:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    signers = {
        "rsa": rsa_signer(),
        "short salt": rsa_signer(salt=32),
        "expired": rsa_signer(until=yesterday),
        "dsa": dsa_signer(),
        "p384": ec_signer(ec.SECP384R1()),
        "p521": ec_signer(ec.SECP521R1()),
        "p256": ec_signer(ec.SECP256R1()),
        "ed25519": ed25519_signer(),
    }
    with cloud.regions["glance"].connect("devstack") as demo:
        secrets = {name: barbican.keep(demo, "certificate", signer.pem) for name, signer in signers.items()}
        rsa = signers["rsa"]
        secrets["chain"] = barbican.keep(demo, "certificate", b"a comment\n" + rsa.pem + signers["dsa"].pem)
        secrets["text"] = barbican.keep(demo, "certificate", rsa.pem.decode())
        secrets["broken"] = barbican.keep(demo, "certificate", b"no certificate at all")
        secrets["opaque"] = barbican.keep(demo, "opaque", rsa.pem)
        secrets["passphrase"] = barbican.keep(demo, "passphrase", "word")
        secrets["symmetric"] = barbican.keep(demo, "symmetric", b"k" * 32)
        secrets["private"] = barbican.keep(demo, "private", rsa.private_pem)
        secrets["public"] = barbican.keep(demo, "public", rsa.public_pem)
    with cloud.regions["glance"].connect("devstack-alt") as alt:
        secrets["foreign"] = barbican.keep(alt, "certificate", rsa.pem)
    return Vault(signers, secrets)


def cases(vault: Vault, url: str) -> dict[str, dict[str, str]]:
    """Properties of an image whose data is `DATA`."""
    right = vault.properties("rsa")
    secrets = vault.secrets
    signature = right["img_signature"]
    return {
        **{f"rsa {method}": vault.properties("rsa", method=method) for method in HASHES},
        **{f"dsa {method}": vault.properties("dsa", "DSA", method) for method in HASHES},
        "p384": vault.properties("p384", "ECC_SECP384R1", "SHA-384"),
        "p521": vault.properties("p521", "ECC_SECP521R1", "SHA-512"),
        "p256 as p384": vault.properties("p256", "ECC_SECP384R1"),
        "certificate by its URL": right | {"img_signature_certificate_uuid": f"{url}/v1/secrets/{secrets['rsa']}"},
        "certificate in capitals": right | {"img_signature_certificate_uuid": secrets["rsa"].upper()},
        "certificate among others": right | {"img_signature_certificate_uuid": secrets["chain"]},
        "expired certificate": vault.properties("expired"),
        "broken lines": right | {"img_signature": signature[:70] + "\n" + signature[70:] + "\n"},
        "three properties": {name: value for name, value in right.items() if name != "img_signature_key_type"},
        "only the signature": {"img_signature": "anything"},
        "other data": vault.properties("rsa", signed="other data"),
        "another key": right | {"img_signature_certificate_uuid": secrets["short salt"]},
        "short salt": vault.properties("short salt"),
        "another hash": right | {"img_signature_hash_method": "SHA-512"},
        "truncated signature": right | {"img_signature": encode(b"x" * 255)},
        "no signature": right | {"img_signature": ""},
        "no base64": right | {"img_signature": signature[:-3]},
        "no digits": right | {"img_signature": "%%%"},
        "beyond ASCII": right | {"img_signature": "ä" + signature},
        "unknown hash": right | {"img_signature_hash_method": "MD5"},
        "hash in small letters": right | {"img_signature_hash_method": "sha-256"},
        "unknown key type": right | {"img_signature_key_type": "RSA"},
        "dsa signature as rsa": vault.properties("dsa", "RSA-PSS"),
        "rsa signature as ec": vault.properties("rsa", "ECC_SECP384R1"),
        "ec signature as dsa": vault.properties("p384", "DSA"),
        "ed25519": vault.properties("ed25519", "ECC_SECP384R1"),
        "ec signature of junk": vault.properties("p384", "ECC_SECP384R1") | {"img_signature": "anything"},
        "no certificate": right | {"img_signature_certificate_uuid": NO_ID},
        "no id": right | {"img_signature_certificate_uuid": "not-an-id"},
        "certificate of another project": right | {"img_signature_certificate_uuid": secrets["foreign"]},
        "broken certificate": right | {"img_signature_certificate_uuid": secrets["broken"]},
        "certificate as text": right | {"img_signature_certificate_uuid": secrets["text"]},
        "curve the peer lost": right | {"img_signature_key_type": "ECC_SECT571R1"},
        **{
            f"{kind} secret": right | {"img_signature_certificate_uuid": secrets[kind]}
            for kind in ("opaque", "passphrase", "symmetric", "private", "public")
        },
    }


# What is answered otherwise, on purpose: by case, what we say and why.
UPLOADS_DIFFER = {
    "certificate as text": "Glance answers 500 to a certificate that the key manager keeps as text; the text is PEM all the same",
    "broken certificate": "which library could not read it, and where its manual is, is nobody's business",
    "curve the peer lost": "Glance's cryptography has no binary curves any more; OpenSSL still has",
}


def upload(caller: Caller, properties: Mapping[str, str]) -> dict[str, Any]:
    """What came of it: the answer, the image behind it, and whether another try finds the way free."""
    image = caller.create(**properties)
    answer = caller.send("PUT", f"images/{image}/file", data=DATA)
    shown = caller.show(image)
    seen = {
        "status": answer.status_code,
        "said": answer.text.replace(image, "<the image>"),
        "image": {key: shown[key] for key in ("status", "size", "checksum")},
        "data": caller.send("GET", f"images/{image}/file").status_code,
    }
    caller.send("DELETE", f"images/{image}")
    return seen


def both(cloud: Cloud) -> tuple[Caller, Caller]:
    return Caller(cloud.regions["glance"], "devstack"), Caller(cloud.regions["vidimus"], "devstack")


def test_uploads(cloud: Cloud, barbican: Barbican, vault: Vault, subtests: pytest.Subtests) -> None:
    glance, vidimus = both(cloud)
    seen = {}
    for case, properties in cases(vault, barbican.url).items():
        with subtests.test(case):
            peer, ours = upload(glance, properties), seen.setdefault(case, upload(vidimus, properties))
            assert (ours == peer) == (case not in UPLOADS_DIFFER), (peer, ours)
    taken = {case for case, ours in seen.items() if ours["status"] == 204}
    refused = {case for case, ours in seen.items() if ours["status"] == 400}
    assert taken | refused == seen.keys()
    assert {"rsa SHA-256", "dsa SHA-512", "p384", "p521", "expired certificate", "certificate as text"} <= taken
    assert {"other data", "no certificate", "no id", "broken certificate", "curve the peer lost"} <= refused
    assert all(ours["image"]["status"] == "queued" and ours["data"] == 204 for case, ours in seen.items() if case in refused)


def test_an_image_can_be_uploaded_after_its_signature_was_corrected(cloud: Cloud, vault: Vault) -> None:
    for caller in both(cloud):
        image = caller.create(**vault.properties("rsa", signed="other data"))
        assert caller.send("PUT", f"images/{image}/file", data=DATA).status_code == 400
        right = vault.properties("rsa")["img_signature"]
        caller.patch(image, "/img_signature", right)
        assert caller.send("PUT", f"images/{image}/file", data=DATA).status_code == 204
        assert caller.show(image)["status"] == "active"


def test_our_client_signs(cloud: Cloud, vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(vault.signers["rsa"].private_pem)
    (tmp_path / "data").write_bytes(DATA)
    for region in cloud.regions.values():
        auth = {"OS_CLIENT_CONFIG_FILE": str(region.home / "clouds.yaml"), "OS_CLOUD": "devstack"}
        client = Client(find_program("openstack", "OPENSTACK_BIN"), region.url, tmp_path, auth)
        create = ["image", "create", "-f", "json", "signed", "--file", str(tmp_path / "data")]
        create += ["--sign-key-path", str(tmp_path / "key.pem"), "--sign-cert-id"]
        made = client.run(*create, vault.secrets["rsa"])
        assert made.code == 0, made.err
        image = json.loads(made.text)
        assert image["status"] == "active" and image["properties"]["img_signature_key_type"] == "RSA-PSS"
        refused = client.run(*create, vault.secrets["expired"])
        assert refused.code == 1 and "BadRequestException: 400" in refused.err
        # The image that was refused is taken back.
        named = json.loads(client.run("image", "list", "-f", "json", "--name", "signed").text)
        assert [row["ID"] for row in named] == [image["id"]]


def imported(caller: Caller, properties: Mapping[str, str], **more: object) -> tuple[str, str, list[str]]:
    """The status of image and task after an import from staging, and the stores that have the data."""
    image = caller.create(**properties)
    assert caller.send("PUT", f"images/{image}/stage", data=DATA).status_code == 204
    begun = caller.send("POST", f"images/{image}/import", {"method": {"name": "glance-direct"}, **more})
    assert begun.status_code == 202, begun.text
    deadline = time.monotonic() + PATIENCE
    while True:
        task = caller.send("GET", f"images/{image}/tasks").json()["tasks"][-1]
        if task["status"] in ("success", "failure"):
            break
        assert time.monotonic() < deadline, task
        time.sleep(0.1)
    shown = caller.show(image)
    stores = [store for store in shown.get("stores", "").split(",") if store]
    return shown["status"], task["status"], stores


def test_imports(cloud: Cloud, vault: Vault) -> None:
    glance, vidimus = both(cloud)
    right, wrong = vault.properties("rsa"), vault.properties("rsa", signed="other data")
    everywhere = {"all_stores": True}
    assert imported(glance, right) == imported(vidimus, right) == ("active", "success", ["fast"])
    peer, ours = imported(glance, right, **everywhere), imported(vidimus, right, **everywhere)
    assert peer == ours and ours[0] == "active" and len(ours[2]) == 2
    # The peer leaves the image importing for ever, as after every failed import.
    assert imported(glance, wrong)[1:] == ("failure", [])
    assert imported(vidimus, wrong) == ("queued", "failure", [])
    assert imported(vidimus, wrong, **everywhere) == ("queued", "failure", [])
    unverifiable = right | {"img_signature_certificate_uuid": NO_ID}
    assert imported(glance, unverifiable)[1:] == ("failure", [])
    # What is staged is not at fault.
    assert imported(vidimus, unverifiable) == ("uploading", "failure", [])


def test_keys_go_with_their_images(cloud: Cloud, barbican: Barbican) -> None:
    seen = []
    for caller, region in zip(both(cloud), cloud.regions.values(), strict=True):
        with region.connect("devstack") as demo, region.connect("devstack-alt") as alt:
            mine = [barbican.keep(demo, "symmetric", b"k" * 32) for _ in range(5)]
            foreign = barbican.keep(alt, "symmetric", b"k" * 32)
            barbican.use(demo, mine[4])

            def deleted(key: str, caller: Caller = caller, **policy: str) -> int:
                named = {f"cinder_encryption_key_{name}": value for name, value in {"id": key, **policy}.items()}
                return caller.send("DELETE", f"images/{caller.create(**named)}").status_code

            answers = [
                deleted(mine[0], deletion_policy="on_image_deletion"),
                deleted(f"{barbican.url}/v1/secrets/{mine[1]}", deletion_policy="on_image_deletion"),
                deleted(mine[2], deletion_policy="do_not_delete"),
                deleted(mine[3]),
                deleted(mine[4], deletion_policy="on_image_deletion"),
                deleted(foreign, deletion_policy="on_image_deletion"),
                deleted(NO_ID, deletion_policy="on_image_deletion"),
            ]
            left = [barbican.has(demo, key) for key in mine] + [barbican.has(alt, foreign)]
            seen.append((answers, left))
            # The peer keeps such an image for ever, with 500 to every try.
            wanted = {"glance": 500, "vidimus": 204}[region.name]
            assert deleted("no id", deletion_policy="on_image_deletion") == wanted
    assert seen[0] == seen[1]
    assert seen[1] == ([204] * 7, [False, False, True, True, True, True])
