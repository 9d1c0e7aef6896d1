"""What servers and clients speak TLS with: an authority of this process, and bad certificates."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)

_SIGNS_CERTIFICATES: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@attrs.frozen
class Authority:
    """Signs certificates."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, name: str) -> Authority:
        """Return a new one."""
        return cls(_name(name), ec.generate_private_key(ec.SECP256R1()))

    def certificate(self) -> x509.Certificate:
        """Return its own certificate."""
        return self._sign(self.name, self.key, address=None, ends=_DAY)

    def context(self, *, address: str = "127.0.0.1", ends: dt.timedelta = _DAY) -> ssl.SSLContext:
        """Return what a server with a certificate of this authority speaks TLS with."""
        key = ec.generate_private_key(ec.SECP256R1())
        return serving(key, self._sign(_name(address), key, address=address, ends=ends))

    def own_context(self) -> ssl.SSLContext:
        """Return what a server speaks TLS with that is its own authority."""
        return serving(self.key, self._sign(self.name, self.key, address="127.0.0.1", ends=_DAY))

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        address: str | None,
        ends: dt.timedelta,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * _DAY)
            .not_valid_after(now + ends)
            .add_extension(
                x509.BasicConstraints(ca=address is None, path_length=None), critical=True
            )
            # Without these, Python 3.13 and later trust no chain (RFC 5280, 4.2.1).
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        if address is None:
            builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
        if address is not None:
            name = x509.IPAddress(ipaddress.ip_address(address))
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def serving(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
    """Return the context of a server with this certificate."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context


@functools.cache
def _authority(name: str = "The authority of these tests") -> Authority:
    return Authority.new(name)


@functools.cache
def good() -> ssl.SSLContext:
    """Return the context of a server that clients trust."""
    return _authority().context()


@functools.cache
def trusting() -> ssl.SSLContext:
    """Return the context of a client that trusts the authority of these tests."""
    pem = _authority().certificate().public_bytes(serialization.Encoding.PEM)
    return ssl.create_default_context(cadata=pem.decode())


@functools.cache
def _self_signed() -> ssl.SSLContext:
    return _authority("Nobody").own_context()


@functools.cache
def _expired() -> ssl.SSLContext:
    return _authority().context(ends=-_DAY)


@functools.cache
def _of_another_host() -> ssl.SSLContext:
    return _authority().context(address="127.0.0.9")


@functools.cache
def _of_another_authority() -> ssl.SSLContext:
    return _authority("Somebody").context()


BAD: Final[Mapping[str, Callable[[], ssl.SSLContext]]] = {
    "self-signed": _self_signed,
    "expired": _expired,
    "another host": _of_another_host,
    "another authority": _of_another_authority,
}
"""What servers speak TLS with that must not be trusted, made when it is needed."""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
