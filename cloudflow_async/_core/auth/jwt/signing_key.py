"""The RSA key that signs JWTs: checked, and kept in the form that signs fast.

To load a key from its text costs a hundred times as much as to sign with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from cloudflow_async._core.errors import CredentialError
from cloudflow_async._core.support.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers

_FEWEST_BITS = 2048
_FAST_BITS = 3072
_NEEDED = f"an RSA private key of at least {_FEWEST_BITS} bits, in PEM form, is needed"


@attrs.frozen
class SigningKey:
    """An RSA private key; equal to another if it is the same key."""

    _private: RSAPrivateKey = attrs.field(repr=False, eq=False)
    _public: RSAPublicNumbers = attrs.field(repr=False)
    _encode: Callable[..., str] = attrs.field(repr=False, eq=False)

    @property
    def is_slow(self) -> bool:
        """Whether a signature takes longer than an event loop should be held up, some 2 ms."""
        return self._private.key_size > _FAST_BITS

    def sign(self, claims: Mapping[str, object], headers: Mapping[str, str]) -> Secret:
        """Return a JWT, signed with RS256."""
        return Secret(
            self._encode(dict(claims), self._private, algorithm="RS256", headers=dict(headers))
        )


def load_signing_key(pem: Secret, password: Secret | None, *, label: str) -> SigningKey:
    r"""Return the key of a PEM text, one character for each byte; this blocks for 30 ms or more.

    Args:
        pem: Line breaks may be written as ``\n``, as they are in many environment files.
        password: Not used if the key is not encrypted.
        label: What messages call it.

    Raises:
        CredentialError: It is no RSA private key of at least 2048 bits, or its password is
            missing or wrong.  The message shows neither.
    """
    found = _load(pem, password)
    if isinstance(found, str):
        raise CredentialError(f"{label} cannot sign: it {found}; {_NEEDED}.")
    return found


def _load(pem: Secret, password: Secret | None) -> SigningKey | str:
    """Return the key, or what is wrong with it."""
    pem = _with_line_breaks(pem)
    if problem := _look(pem, password):
        return problem
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

    try:
        private = _parse(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _unreadable(pem)
    if not isinstance(private, RSAPrivateKey):
        return f"is of the kind {type(private).__name__.removesuffix('PrivateKey')}"
    if private.key_size < _FEWEST_BITS:
        return f"has only {private.key_size} bits"
    return SigningKey(private, private.public_key().public_numbers(), _encoder())


def _encoder() -> Callable[..., str]:
    # Pyright takes jwt.py, beside this file, for the library.
    import jwt  # noqa: PLC0415 - 85 ms that only those who sign have to spend

    return jwt.encode  # pyright: ignore[reportAttributeAccessIssue]


def _parse(pem: Secret, password: Secret | None) -> Any:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - slow to import

    # Nothing is named here: an exception would show the text among its frame's variables.
    return serialization.load_pem_private_key(
        pem.reveal().encode("latin-1"),
        _password(password) if password is not None and _is_encrypted(pem) else None,
    )


def _password(password: Secret) -> bytes:
    return password.reveal().encode("utf-8", "surrogatepass")


def _look(pem: Secret, password: Secret | None) -> str | None:
    """Return what can be said without parsing, in words that help more than a parser's."""
    text = pem.reveal()
    if not text.strip():
        return "is empty"
    if "-----BEGIN OPENSSH PRIVATE KEY-----" in text:
        return "is in OpenSSH's own form (ssh-keygen -p -m PKCS8 -f FILE converts it)"
    if "PRIVATE KEY-----" not in text:
        kinds = [kind for kind in ("PUBLIC KEY", "CERTIFICATE") if f"{kind}-----" in text]
        return f"is a {kinds[0].lower()}" if kinds else "is not the PEM text of a private key"
    if _is_encrypted(pem) and not (password and password.reveal()):
        return "is encrypted, and no password was given"
    return None


def _unreadable(pem: Secret) -> str:
    if _is_encrypted(pem):
        return "is encrypted, and the password is wrong (or the text is damaged)"
    return "is damaged, or of a kind that is not known"


def _is_encrypted(pem: Secret) -> bool:
    return "ENCRYPTED" in pem.reveal()


def _with_line_breaks(pem: Secret) -> Secret:
    if "\n" in pem.reveal().strip():
        return pem
    return Secret(pem.reveal().replace("\\n", "\n"))
