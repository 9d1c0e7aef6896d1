"""JWTs that a server has to refuse, each for a reason of its own, and good ones to compare with.

All are made for an emulator to which `register()` has introduced two applications.
"""

from __future__ import annotations

import base64
import functools
import hmac
import json
from collections.abc import Callable
from typing import Any

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from cloudflow_async.emulator import Emulator

ISSUER = "your-app-id"
KEY_ID = "key-1"
OTHER_ISSUER = "other-app-id"
OTHER_KEY_ID = "key-2"
SCOPES = ("workflows:read", "workflows:write")
"""The most that tokens of `ISSUER` may claim."""

Sign = Callable[[bytes], bytes]
Changes = dict[str, Any]


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key of this name, the same each time in one run."""
    return rsa.generate_private_key(65537, bits)


def private_pem(name: str) -> bytes:
    """Return a key as its owner keeps it."""
    return rsa_key(name).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    """Return the half of a key that may be given away."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def register(emulator: Emulator) -> None:
    """Introduce two applications, with a key each."""
    for issuer, key_id in ((ISSUER, KEY_ID), (OTHER_ISSUER, OTHER_KEY_ID)):
        pem = public_pem(rsa_key(issuer))
        emulator.add_jwt_key(pem, issuer=issuer, key_id=key_id, scopes=SCOPES)


def good_claims(now: float) -> dict[str, Any]:
    """Return the claims of the API document's sample, with a scope that reads."""
    return {
        "iss": ISSUER,
        "sub": "user-12345",
        "aud": "https://api.cloudflow.io",
        "exp": int(now) + 3600,
        "iat": int(now),
        "scope": "workflows:read workflows:write",
    }


def good_header() -> dict[str, Any]:
    """Return the header that goes with `good_claims()`."""
    return {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}


def rs256(data: bytes) -> bytes:
    """Sign as the application does."""
    return rsa_key(ISSUER).sign(data, padding.PKCS1v15(), hashes.SHA256())


def encoded(part: bytes | dict[str, Any] | list[Any]) -> str:
    """Return a part of a token; what is not bytes is written as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(
    header: bytes | dict[str, Any], payload: bytes | dict[str, Any] | list[Any], sign: Sign = rs256
) -> str:
    """Return a token of these parts."""
    signing_input = f"{encoded(header)}.{encoded(payload)}"
    return f"{signing_input}.{encoded(sign(signing_input.encode()))}"


def token(
    now: float, *, header: Changes | None = None, claims: Changes | None = None, sign: Sign = rs256
) -> str:
    """Return a good token, with some members changed; those that are changed to `...` are left out.

    Args:
        now: Unix seconds; it is issued then.
        header: Changes to `good_header()`.
        claims: Changes to `good_claims()`.
        sign: Makes the signature.
    """
    changed_header = {**good_header(), **(header or {})}
    changed_claims = {**good_claims(now), **(claims or {})}
    return signed(_without_dots(changed_header), _without_dots(changed_claims), sign)


def _without_dots(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ...}


@attrs.frozen
class Forgery:
    """A token that has to be refused."""

    name: str
    reason: str
    """Part of what the refusal says."""

    build: Callable[[float], str]
    """Makes it, for an emulator on whose clock it is so late (Unix seconds)."""


def _with_header(name: str, reason: str, sign: Sign = rs256, **header: Any) -> Forgery:
    return Forgery(name, reason, lambda now: token(now, header=header, sign=sign))


def _with_claims(name: str, reason: str, **claims: Any) -> Forgery:
    return Forgery(name, reason, lambda now: token(now, claims=claims))


def _with_times(name: str, reason: str, **offsets: float) -> Forgery:
    """Return one whose claims lie so many seconds after now."""

    def build(now: float) -> str:
        return token(now, claims={name: int(now) + offset for name, offset in offsets.items()})

    return Forgery(name, reason, build)


def _signed_by(name: str, sign: Sign) -> Forgery:
    return Forgery(name, "the signature does not fit", lambda now: token(now, sign=sign))


def _no_signature(data: bytes) -> bytes:
    return b""


def _hmac_with_public_key(digest: str) -> Sign:
    """Return the classic: a server that lets the token choose takes the public key as a secret."""
    return lambda data: hmac.digest(public_pem(rsa_key(ISSUER)), data, digest)


def _rs512(data: bytes) -> bytes:
    return rsa_key(ISSUER).sign(data, padding.PKCS1v15(), hashes.SHA512())


def _ps256(data: bytes) -> bytes:
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
    return rsa_key(ISSUER).sign(data, salted, hashes.SHA256())


def _es256(data: bytes) -> bytes:
    key = ec.derive_private_key(7, ec.SECP256R1())
    pair = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return b"".join(number.to_bytes(32, "big") for number in pair)


def _own_key(data: bytes) -> bytes:
    return rsa_key("attacker").sign(data, padding.PKCS1v15(), hashes.SHA256())


def _small_key(data: bytes) -> bytes:
    return rsa_key("small", 1024).sign(data, padding.PKCS1v15(), hashes.SHA256())


def _other_issuer(data: bytes) -> bytes:
    return rsa_key(OTHER_ISSUER).sign(data, padding.PKCS1v15(), hashes.SHA256())


def _own_jwk() -> dict[str, str]:
    numbers = rsa_key("attacker").public_key().public_numbers()
    return {
        "kty": "RSA",
        "n": encoded(numbers.n.to_bytes(256, "big")),
        "e": encoded(numbers.e.to_bytes(3, "big")),
    }


def _with_claim_twice(now: float) -> str:
    payload = json.dumps({**good_claims(now), "exp": int(now) - 1})
    return signed(good_header(), f'{payload[:-1]}, "exp": {int(now) + 3600}}}'.encode())


def _with_algorithm_twice(now: float) -> str:
    return signed(b'{"alg": "none", "typ": "JWT", "alg": "RS256"}', good_claims(now))


def _without_signature(now: float) -> str:
    return token(now).rpartition(".")[0] + "."


def _with_short_signature(now: float) -> str:
    return token(now, sign=lambda data: rs256(data)[:-1])


def _with_another_payload(now: float) -> str:
    """Return a good signature under what was not signed."""
    header, _, signature = token(now).split(".")
    return f"{header}.{encoded({**good_claims(now), 'sub': 'somebody-else'})}.{signature}"


def _with_padding(now: float) -> str:
    return token(now) + "=="


def _with_standard_alphabet(now: float) -> str:
    header, payload, signature = token(now).split(".")
    return f"{header}.{payload}.{'+' + signature[1:]}"


def _with_leftover_bits(now: float) -> str:
    """Return another spelling of the same signature, whose last character holds unused bits."""
    text = token(now)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def _with_space(now: float) -> str:
    return token(now).replace(".", ". ", 1)


def _with_utf16(now: float) -> str:
    return signed(good_header(), json.dumps(good_claims(now)).encode("utf-16"))


def _with_long_number(now: float) -> str:
    """Return a token whose `exp` has more digits than Python reads."""
    payload = json.dumps({**good_claims(now), "exp": 0})
    return signed(good_header(), payload.replace('"exp": 0', f'"exp": {"9" * 5000}').encode())


def _nested(now: float) -> str:
    return signed({**good_header(), "cty": "JWT"}, token(now).encode())


def _token_as_payload(now: float) -> str:
    return signed(good_header(), token(now).encode())


_ALGORITHM = "the algorithm is not RS256"
_EXPIRY_RANGE = "the claim 'exp' is not 1 to 3600 seconds after 'iat'"
_KEY_ID = "the issuer has no key of that id"

FORGERIES = (
    _with_header("alg none", _ALGORITHM, _no_signature, alg="none"),
    _with_header("alg None", _ALGORITHM, _no_signature, alg="None"),
    _with_header("alg nOnE", _ALGORITHM, _no_signature, alg="nOnE"),
    _with_header("HS256 with public key", _ALGORITHM, _hmac_with_public_key("sha256"), alg="HS256"),
    _with_header("HS384 with public key", _ALGORITHM, _hmac_with_public_key("sha384"), alg="HS384"),
    _with_header("RS512", _ALGORITHM, _rs512, alg="RS512"),
    _with_header("PS256", _ALGORITHM, _ps256, alg="PS256"),
    _with_header("ES256", _ALGORITHM, _es256, alg="ES256"),
    _with_header("lower case alg", _ALGORITHM, alg="rs256"),
    _with_header("alg list", _ALGORITHM, alg=["RS256"]),
    _with_header("alg missing", _ALGORITHM, alg=...),
    _with_header("another type", "the type in the header", typ="at+jwt"),
    _with_header("type null", "the type in the header", typ=None),
    _with_header("embedded jwk", "'jwk'", _own_key, jwk=_own_jwk()),
    _with_header("jku", "'jku'", _own_key, jku="https://evil.example/keys.json"),
    _with_header("x5u", "'x5u'", _own_key, x5u="https://evil.example/chain.pem"),
    _with_header("x5c", "'x5c'", _own_key, x5c=["MIIB"]),
    _with_header("crit", "'crit'", crit=["exp"]),
    _with_header("b64 false", "'b64'", b64=False),
    _with_header("unknown kid", _KEY_ID, kid="key-9"),
    _with_header("empty kid", _KEY_ID, kid=""),
    _with_header("kid of another issuer", _KEY_ID, _other_issuer, kid=OTHER_KEY_ID),
    _with_header("kid path", _KEY_ID, kid="../../../../dev/null"),
    _with_header("kid query", _KEY_ID, kid="x' UNION SELECT 'secret"),
    _with_header("kid number", "the key id is not a string", kid=1),
    _with_header("kid null", "the key id is not a string", kid=None),
    Forgery("alg twice", "a member twice", _with_algorithm_twice),
    _with_claims("aud wrong", "'aud'", aud="https://api.example.com"),
    _with_claims("aud list", "'aud'", aud=["https://api.cloudflow.io"]),
    _with_claims("aud beginning", "'aud'", aud="https://api.cloudflow.i"),
    _with_claims("aud longer", "'aud'", aud="https://api.cloudflow.io/"),
    *(
        _with_claims(f"{name} missing", f"the claim '{name}' is missing", **{name: ...})
        for name in ("iss", "sub", "aud", "exp", "iat", "scope")
    ),
    _with_claims("exp string", "'exp' is not an integer", exp="9999999999"),
    _with_claims("exp float", "'exp' is not an integer", exp=9999999999.0),
    _with_claims("exp boolean", "'exp' is not an integer", exp=True),
    _with_claims("exp null", "'exp' is not an integer", exp=None),
    _with_claims("exp huge", _EXPIRY_RANGE, exp=10**30),
    _with_claims("exp beyond a double", _EXPIRY_RANGE, exp=10**400),
    Forgery("exp beyond reading", "the payload is not JSON", _with_long_number),
    _with_claims("exp infinite", "the payload is not JSON", exp=float("inf")),
    _with_claims("exp negative", "the token has expired", exp=-1),
    _with_claims("iat string", "'iat' is not an integer", iat="1"),
    _with_claims("iat negative", _EXPIRY_RANGE, iat=-(10**30)),
    _with_times("too long a life", _EXPIRY_RANGE, exp=3601),
    _with_times("no life", _EXPIRY_RANGE, iat=30, exp=30),
    _with_times("a life backwards", _EXPIRY_RANGE, iat=31, exp=30),
    _with_times("iat in the future", "issued in the future", iat=61, exp=120),
    _with_times("nbf in the future", "not valid yet", nbf=61),
    _with_claims("nbf string", "'nbf' is not an integer", nbf="0"),
    _with_times("expired", "the token has expired", iat=-3600, exp=-1),
    _with_times("expires now", "the token has expired", iat=-3600, exp=0),
    _with_claims("sub empty", "'sub'", sub=""),
    _with_claims("sub blank", "'sub'", sub=" "),
    _with_claims("sub number", "'sub'", sub=12345),
    _with_claims("iss list", "'iss'", iss=[ISSUER]),
    _with_claims("iss unknown", "'iss'", iss="nobody"),
    Forgery("exp twice", "a member twice", _with_claim_twice),
    _with_claims("scope list", "'scope' is not a string", scope=["workflows:read"]),
    _with_claims("scope unknown", "'scope' is not a list", scope="workflows:read all"),
    _with_claims("scope with two spaces", "'scope' is not a list", scope="workflows:read  "),
    _with_claims("scope with commas", "'scope' is not a list", scope="workflows:read,admin:full"),
    _with_claims("scope beyond the issuer's", "asks for more", scope="admin:full"),
    _signed_by("key of 1024 bits", _small_key),
    _signed_by("key of somebody", _own_key),
    _signed_by("key of another issuer", _other_issuer),
    _signed_by("PSS padding", _ps256),
    Forgery("payload exchanged", "the signature does not fit", _with_another_payload),
    Forgery("signature stripped", "the signature is empty", _without_signature),
    Forgery("signature truncated", "the signature does not fit", _with_short_signature),
    Forgery("padded base64", "not base64url", _with_padding),
    Forgery("standard base64", "not base64url", _with_standard_alphabet),
    Forgery("leftover bits", "not base64url", _with_leftover_bits),
    Forgery("one character too many", "not base64url", lambda now: token(now)[:-1]),
    Forgery("whitespace", "the Authorization header", _with_space),
    Forgery("four parts", "three parts", lambda now: token(now) + ".AAAA"),
    Forgery("five parts", "three parts", lambda now: token(now) + ".AAAA.AAAA"),
    Forgery("nested token", "'cty'", _nested),
    Forgery("token as payload", "the payload is not JSON", _token_as_payload),
    Forgery("payload list", "not a JSON object", lambda _now: signed(good_header(), [])),
    Forgery("payload not UTF-8", "not JSON", lambda _now: signed(good_header(), b'{"\xff": 1}')),
    Forgery("payload UTF-16", "not JSON", _with_utf16),
    Forgery("payload deep", "not JSON", lambda _now: signed(good_header(), b"[" * 5000)),
    Forgery("header list", "the header is not", lambda now: signed(b"[]", good_claims(now))),
    Forgery("empty parts", "the header is empty", lambda _now: ".."),
)
"""What a server must not accept, whatever library it uses."""
