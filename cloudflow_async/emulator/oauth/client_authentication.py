"""Find out which client sends a token request, and whether it can prove it."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote_plus

import attrs
from multidict import CIMultiDictProxy

from cloudflow_async.emulator.base.oauth_errors import TokenError

from .clients import ClientBook, OAuthClient
from .parameters import Parameters

_FOUR = r"[A-Za-z0-9+/]{4}"
_PADDED = r"[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}="
_BASIC = re.compile(rf"(?i:basic) +(?P<pair>(?:{_FOUR})*(?:{_PADDED})?)")


@attrs.frozen
class _Claim:
    """Who somebody says to be."""

    client_id: str
    secret: str | None = attrs.field(repr=False)


def authenticate(
    headers: CIMultiDictProxy[str], form: Parameters, clients: ClientBook
) -> OAuthClient:
    """Return the client that sends a token request (RFC 6749, section 2.3).

    Raises:
        TokenError: It says who it is in two ways, or not at all, or does not prove it; or a
            public client sends a secret, which it cannot have.
    """
    authorizations = headers.getall("Authorization", [])
    if len(authorizations) > 1:
        raise TokenError("invalid_request", "there is more than one Authorization header")
    claim = _by_header(authorizations[0], form) if authorizations else _by_body(form)
    client = clients.find(claim.client_id)
    if client is None:
        raise _unknown("there is no such client")
    _check_secret(client, claim.secret)
    return client


def _by_body(form: Parameters) -> _Claim:
    client_id = form.get("client_id")
    if client_id is None:
        raise _unknown("client_id is missing")
    return _Claim(client_id, form.get("client_secret"))


def _by_header(header: str, form: Parameters) -> _Claim:
    if form.get("client_secret") is not None:
        raise TokenError("invalid_request", "the client authenticates in more than one way")
    claim = _read_basic(header)
    if form.get("client_id") not in (None, claim.client_id):
        raise TokenError("invalid_request", "header and body name different clients")
    return claim


def _read_basic(header: str) -> _Claim:
    """Decode both halves as a form would have them (RFC 6749, section 2.3.1)."""
    match = _BASIC.fullmatch(header)
    if match is None:
        raise _unknown("the Authorization header is not Basic")
    try:
        pair = base64.b64decode(match["pair"]).decode("utf-8")
        client_id, secret = [unquote_plus(half, errors="strict") for half in pair.split(":")]
    except ValueError:
        raise _unknown("the Authorization header does not hold a client and its secret") from None
    return _Claim(client_id, secret)


def _check_secret(client: OAuthClient, secret: str | None) -> None:
    if client.client_secret is None:
        if secret is not None:
            raise _unknown("a public client has no secret")
    elif secret is None:
        raise _unknown("the client's secret is missing")
    elif not client.has_secret(secret):
        raise _unknown("the client's secret is wrong")


def _unknown(description: str) -> TokenError:
    return TokenError("invalid_client", description)
