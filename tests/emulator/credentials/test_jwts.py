"""Tokens that applications sign themselves."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.credentials.identities import SCOPES as ALL_SCOPES
from cloudflow_async.emulator.credentials.identities import Identity
from cloudflow_async.emulator.credentials.jws import JwtRefused
from cloudflow_async.emulator.credentials.jwts import JwtVerifier
from tests.emulator.conftest import NOON, Answer, Api
from tests.emulator.forged_tokens import (
    FORGERIES,
    ISSUER,
    KEY_ID,
    OTHER_ISSUER,
    SCOPES,
    Forgery,
    good_claims,
    private_pem,
    public_pem,
    register,
    rs256,
    rsa_key,
    token,
)


def verifier(*, key_id: str | None = KEY_ID, scopes: tuple[str, ...] = SCOPES) -> JwtVerifier:
    """Return one that knows a single application."""
    made = JwtVerifier()
    pem = public_pem(rsa_key(ISSUER))
    made.add_key(pem, issuer=ISSUER, key_id=key_id, scopes=scopes, account="acme")
    return made


async def ask(api: Api, text: str) -> Answer:
    """Send a request with a bearer token."""
    return await api("GET", "/workflows", key=None, headers={"Authorization": f"Bearer {text}"})


async def test_a_token_as_the_document_makes_it_is_accepted(api: Api, emulator: Emulator) -> None:
    """Signed by the library of the sample, with the claims of the sample and without a `kid`."""
    emulator.add_jwt_key(public_pem(rsa_key(ISSUER)), issuer=ISSUER)
    answer = await ask(api, jwt.encode(good_claims(NOON), private_pem(ISSUER), algorithm="RS256"))

    assert answer.status == 200
    assert emulator.requests[0].identity == "jwt your-app-id/user-12345"


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
async def test_a_forged_token_is_refused(api: Api, emulator: Emulator, forgery: Forgery) -> None:
    """With the documented error, for the very reason for which it was made."""
    register(emulator)
    answer = await ask(api, forgery.build(NOON))

    assert answer.error == (401, "authentication_failed", None)
    assert forgery.reason in answer.json["error"]["message"]
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert emulator.requests[0].identity is None


def test_there_are_forgeries_of_every_promised_kind() -> None:
    """Each has a name of its own."""
    names = {forgery.name for forgery in FORGERIES}

    assert len(FORGERIES) == len(names)
    assert len(names) >= 47


def test_a_token_stands_for_its_subject() -> None:
    """Issuer and subject share a budget, whatever scopes a token asks for."""
    known = verifier()
    full = known.verify(token(NOON), NOON)
    less = known.verify(token(NOON, claims={"scope": ""}), NOON)
    other = known.verify(token(NOON, claims={"sub": "user-2"}), NOON)

    assert full == Identity(
        name="jwt your-app-id/user-12345",
        scopes=frozenset(SCOPES),
        account="acme",
        budget=("jwt", "your-app-id", "user-12345"),
    )
    assert (less.scopes, less.budget) == (frozenset(), full.budget)
    assert other.budget != full.budget


def test_a_token_is_verified_by_the_keys_of_its_id() -> None:
    """Without an id, by those that were registered without one, of which there may be several."""
    known = verifier(key_id=None)
    pem = public_pem(rsa_key("next"))
    known.add_key(pem, issuer=ISSUER, key_id="key-3", scopes=ALL_SCOPES, account="default")
    tokens = [
        token(NOON, header={"kid": ...}),
        token(NOON, header={"kid": "key-3"}, sign=lambda data: signature_of("next", data)),
    ]

    assert ["acme", "default"] == [known.verify(one, NOON).account for one in tokens]

    for header in ({"kid": "key-3"}, {"kid": ...}):
        signer = "next" if header["kid"] is ... else ISSUER
        forged = token(NOON, header=header, sign=lambda data, by=signer: signature_of(by, data))
        with pytest.raises(JwtRefused, match="signature"):
            known.verify(forged, NOON)


def test_a_token_without_an_id_needs_a_key_without_one() -> None:
    """As `Emulator.add_jwt_key` documents it."""
    with pytest.raises(JwtRefused, match="has no 'kid', and each key of the issuer has an id"):
        verifier().verify(token(NOON, header={"kid": ...}), NOON)


def signature_of(name: str, data: bytes) -> bytes:
    """Return a signature by the key of this name."""
    return jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(data, rsa_key(name))


def test_a_key_without_an_id_has_no_name() -> None:
    """A token that names one means another key."""
    known = verifier(key_id=None)
    accepted = known.verify(token(NOON, header={"kid": ...}), NOON)

    assert accepted.account == "acme"

    with pytest.raises(JwtRefused, match="no key of that id"):
        known.verify(token(NOON), NOON)


def test_full_administration_may_claim_all() -> None:
    """An issuer who may claim `admin:full` may claim less."""
    identity = verifier(scopes=("admin:full",)).verify(token(NOON), NOON)

    assert identity.scopes == set(SCOPES)


def test_every_change_of_a_signature_is_noticed() -> None:
    """One bit of each byte."""
    known = verifier()
    accepted = 0
    for position in range(256):
        forged = token(NOON, sign=lambda data, at=position: flipped(rs256(data), at))
        try:
            known.verify(forged, NOON)
        except JwtRefused:
            continue
        accepted += 1

    assert accepted == 0


def flipped(signature: bytes, position: int) -> bytes:
    """Return the signature with one bit changed."""
    changed = bytearray(signature)
    changed[position] ^= 1
    return bytes(changed)


def pem_of(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """Return the public half of a key that is none for RS256."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize(
    ("pem", "advice"),
    [
        (private_pem(ISSUER), "register the public half"),
        (private_pem(ISSUER).decode(), "register the public half"),
        (public_pem(rsa_key("small", 1024)), "2048 bits or more"),
        (pem_of(ec.derive_private_key(7, ec.SECP256R1())), "2048 bits or more"),
        (pem_of(ed25519.Ed25519PrivateKey.generate()), "2048 bits or more"),
        (b"", "not a public key in PEM form"),
        ("ssh-rsa AAAA", "not a public key in PEM form"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a public key"),
    ],
)
def test_only_public_rsa_keys_are_registered(pem: bytes | str, advice: str) -> None:
    """The error says what would do; a private key does not belong on a server."""
    with pytest.raises(ValueError, match=advice) as caught:
        Emulator().add_jwt_key(pem, issuer=ISSUER)

    assert "BEGIN" not in str(caught.value)


def test_a_key_can_be_registered_as_text() -> None:
    """Its scopes are all there are, its account the emulator's own."""
    emulator = Emulator()
    emulator.add_jwt_key(public_pem(rsa_key(ISSUER)).decode(), issuer=ISSUER)
    claims = {"scope": "admin:full"}
    identity = emulator._app.jwts.verify(token(NOON, header={"kid": ...}, claims=claims), NOON)

    assert (identity.scopes, identity.account) == ({"admin:full"}, "default")


def test_what_cannot_be_told_apart_is_not_registered() -> None:
    """An id that the issuer has used, no issuer, an undocumented scope; others may share the id."""
    emulator, pem = Emulator(), public_pem(rsa_key(ISSUER))
    emulator.add_jwt_key(pem, issuer=ISSUER, key_id=KEY_ID)
    emulator.add_jwt_key(pem, issuer=OTHER_ISSUER, key_id=KEY_ID)

    with pytest.raises(ValueError, match="already"):
        emulator.add_jwt_key(pem, issuer=ISSUER, key_id=KEY_ID)
    with pytest.raises(ValueError, match="issuer must not be empty"):
        emulator.add_jwt_key(pem, issuer="")
    with pytest.raises(ValueError, match="unknown scope all"):
        emulator.add_jwt_key(pem, issuer=ISSUER, scopes=["all"])
