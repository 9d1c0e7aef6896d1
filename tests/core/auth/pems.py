"""Private keys of all kinds as PEM text; each is made once."""

from __future__ import annotations

import functools
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

PASSWORD = "correct horse battery"

_TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
_PKCS8 = serialization.PrivateFormat.PKCS8


def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Return an RSA key; another one for each number."""
    return _rsa_key(bits, number)


def rsa_pem(bits: int = 2048, number: int = 0) -> bytes:
    """Return the PEM text of `rsa_key`."""
    return _private(rsa_key(bits, number))


@functools.cache
def encrypted_pem(*, traditional: bool = False) -> bytes:
    """Return the PEM text of an RSA key, encrypted with `PASSWORD`."""
    return _private(rsa_key(), _TRADITIONAL if traditional else _PKCS8, PASSWORD)


@functools.cache
def other_pem(kind: str) -> bytes:
    """Return the PEM text of something that is no RSA private key."""
    plain = serialization.PublicFormat.SubjectPublicKeyInfo
    makers = {
        "EC": lambda: _private(ec.generate_private_key(ec.SECP256R1())),
        "Ed25519": lambda: _private(ed25519.Ed25519PrivateKey.generate()),
        "DSA": lambda: _private(dsa.generate_private_key(2048)),
        "OpenSSH": lambda: _private(rsa_key(), serialization.PrivateFormat.OpenSSH),
        "public": lambda: rsa_key().public_key().public_bytes(serialization.Encoding.PEM, plain),
    }
    return makers[kind]()


def _private(key: Any, form: Any = _PKCS8, password: str | None = None) -> bytes:
    encryption: Any = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password.encode())
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, form, encryption)
    return pem


@functools.cache
def _rsa_key(bits: int, number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)
