"""The RSA key that signs JWTs: which are accepted, and what is said of all others."""

from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.auth.jwt.signing_key import SigningKey, load_signing_key
from cloudflow_async._core.errors import CredentialError
from cloudflow_async._core.support.secret import Secret
from tests.core.auth.exposure import exposed_by
from tests.core.auth.leaks import shows
from tests.core.auth.pems import PASSWORD, encrypted_pem, other_pem, rsa_key, rsa_pem


def load(pem: bytes, password: str | None = None) -> SigningKey:
    """Load a key as a file's content comes."""
    hidden = None if password is None else Secret(password)
    return load_signing_key(Secret(pem.decode("latin-1")), hidden, label="The file 'key.pem'")


def test_it_signs_with_rs256() -> None:
    """What it signs, the public key verifies; the key's id stands in the header."""
    token = load(rsa_pem()).sign({"iss": "app"}, {"kid": "key-1"}).reveal()

    assert {"iss": "app"} == jwt.decode(token, rsa_key().public_key(), algorithms=["RS256"])
    assert {"alg": "RS256", "typ": "JWT", "kid": "key-1"} == jwt.get_unverified_header(token)


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(rsa_pem().replace(b"\n", b"\r\n"), id="Windows line breaks"),
        pytest.param(rsa_pem().replace(b"\n", b"\\n"), id="escaped line breaks"),
        pytest.param(b"\n " + rsa_pem() + b"\n\n", id="blanks around"),
        pytest.param(b"Bag Attributes\n" + rsa_pem(), id="a preamble"),
    ],
)
def test_the_usual_dressings_of_pem_are_accepted(pem: bytes) -> None:
    """Environment files, editors and OpenSSL add them."""
    assert load(rsa_pem()) == load(pem)


@pytest.mark.parametrize("traditional", [False, True])
def test_an_encrypted_key_needs_its_password(traditional: bool) -> None:
    """In both of the usual forms."""
    pem = encrypted_pem(traditional=traditional)

    assert load(rsa_pem()) == load(pem, PASSWORD)


def test_a_password_is_no_harm_to_a_plain_key() -> None:
    """A key may lose its encryption in a rotation, while the variable stays."""
    assert load(rsa_pem()) == load(rsa_pem(), PASSWORD)


REFUSED = {
    "an EC key": (other_pem("EC"), None, "is of the kind EC"),
    "an Ed25519 key": (other_pem("Ed25519"), None, "is of the kind Ed25519"),
    "a DSA key": (other_pem("DSA"), None, "is of the kind DSA"),
    "a public key": (other_pem("public"), None, "is a public key"),
    "a certificate": (b"-----BEGIN CERTIFICATE-----\n", None, "is a certificate"),
    "OpenSSH's form": (other_pem("OpenSSH"), None, "OpenSSH's own form .ssh-keygen -p -m PKCS8"),
    "1024 bits": (rsa_pem(1024), None, "has only 1024 bits"),
    "no password": (encrypted_pem(), None, "is encrypted, and no password was given"),
    "an empty password": (encrypted_pem(), "", "is encrypted, and no password was given"),
    "a wrong password": (encrypted_pem(), "hunter2", "the password is wrong"),
    "half a surrogate pair": (encrypted_pem(), "hunter2\ud800", "the password is wrong"),
    "no password, OpenSSL": (encrypted_pem(traditional=True), None, "no password was given"),
    "a wrong one, OpenSSL": (encrypted_pem(traditional=True), "hunter2", "the password is wrong"),
    "junk": (b"canary\xff\x00", None, "is not the PEM text of a private key"),
    "half of a key": (rsa_pem()[:800], None, "is not the PEM text|is damaged"),
    "a damaged key": (b"-----BEGIN PRIVATE KEY-----\n!" + rsa_pem()[28:], None, "is damaged"),
    "nothing": (b"", None, "is empty"),
    "blanks": (b" \n", None, "is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_sign_is_refused_with_its_reason(name: str) -> None:
    """And with what is needed; the message shows neither key nor password, and nor do frames."""
    pem, password, reason = REFUSED[name]

    with pytest.raises(
        CredentialError, match=f"^The file 'key.pem' cannot sign: it .*({reason})"
    ) as caught:
        load(pem, password)

    assert "an RSA private key of at least 2048 bits, in PEM form, is needed" in str(caught.value)
    assert caught.value.__context__ is None
    assert not any(line in exposed_by(caught.value) for line in _secrets(pem, password))


def _secrets(pem: bytes, password: str | None) -> list[str]:
    lines = [
        line for line in pem.decode("latin-1").split("\n") if len(line) > 5 and "--" not in line
    ]
    return [*lines, password] if password else lines


@given(st.binary(max_size=200), st.sampled_from([b"", b"-----BEGIN PRIVATE KEY-----\n"]))
def test_any_bytes_end_in_one_error(content: bytes, start: bytes) -> None:
    """No parser's own exception comes through."""
    with pytest.raises(CredentialError, match="cannot sign"):
        load(start + content)


def test_keys_are_equal_when_they_are_the_same_key() -> None:
    """Whatever text they came from."""
    assert load(rsa_pem()) != load(rsa_pem(number=1))


def test_it_shows_nothing() -> None:
    """Neither printed nor walked through."""
    assert "SigningKey()" == repr(load(rsa_pem()))
    assert not shows(load(rsa_pem()), rsa_pem().decode().splitlines()[1])


@pytest.mark.slow
@pytest.mark.parametrize(("bits", "slow"), [(2048, False), (3072, False), (3080, True)])
def test_long_keys_are_slow(bits: int, slow: bool) -> None:
    """A signature with 4096 bits takes some 2 ms on a fast machine, 8192 bits take 30 ms."""
    assert slow == load(rsa_pem(bits)).is_slow
