"""Keys of every type, their certificates, and signatures made as the clients make them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA-224": hashes.SHA224(),
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}


@dataclass(frozen=True)
class Signer:
    """A key, and what the key manager is given of it."""

    sign: Callable[[bytes, str], bytes]
    pem: bytes
    private_pem: bytes
    public_pem: bytes


def rsa_signer(salt: int | None = None, until: datetime | None = None) -> Signer:
    """Signs with as much salt as there is room for, unless told how much."""
    key = rsa.generate_private_key(65537, 2048)

    def sign(data: bytes, method: str) -> bytes:
        algorithm = HASHES[method]
        length = padding.PSS.MAX_LENGTH if salt is None else salt
        return key.sign(data, padding.PSS(padding.MGF1(algorithm), length), algorithm)

    return _signer(key, sign, until)


def dsa_signer() -> Signer:
    key = dsa.generate_private_key(2048)
    return _signer(key, lambda data, method: key.sign(data, HASHES[method]))


def ec_signer(curve: ec.EllipticCurve) -> Signer:
    key = ec.generate_private_key(curve)
    return _signer(key, lambda data, method: key.sign(data, ec.ECDSA(HASHES[method])))


def ed25519_signer() -> Signer:
    key = ed25519.Ed25519PrivateKey.generate()
    return _signer(key, lambda data, _method: key.sign(data))


def encode(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def _signer(key, sign: Callable[[bytes, str], bytes], until: datetime | None = None) -> Signer:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer of images")])
    now = datetime.now(UTC)
    until = until or now + timedelta(days=30)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, until) - timedelta(days=1))
        .not_valid_after(until)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Signer(sign, certificate.public_bytes(pem), private, public)
