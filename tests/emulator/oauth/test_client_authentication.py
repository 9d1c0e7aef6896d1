"""Which client sends a token request."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from cloudflow_async.emulator.base.oauth_errors import TokenError
from cloudflow_async.emulator.oauth.client_authentication import authenticate
from cloudflow_async.emulator.oauth.clients import ClientBook
from cloudflow_async.emulator.oauth.parameters import Parameters

BOOK = ClientBook(0)
PUBLIC = BOOK.add("public")
CONFIDENTIAL = BOOK.add("https://app.example/id", confidential=True)
SECRET = CONFIDENTIAL.client_secret or ""
ID = CONFIDENTIAL.client_id


def basic(*halves: str, scheme: str = "Basic") -> str:
    """Return an Authorization header as RFC 6749 has it."""
    pair = ":".join(quote_plus(half) for half in halves)
    return f"{scheme} {base64.b64encode(pair.encode()).decode()}"


def raw(pair: bytes) -> str:
    """Return an Authorization header with any bytes in it."""
    return f"Basic {base64.b64encode(pair).decode()}"


def client_of(*headers: str, **form: str) -> str:
    """Return the id of the client that is recognised."""
    sent = CIMultiDict[str]()
    for header in headers:
        sent.add("Authorization", header)
    return authenticate(CIMultiDictProxy(sent), Parameters(form.items()), BOOK).client_id


def test_clients_authenticate_as_they_like_best() -> None:
    """A secret in the body or in the header, whose scheme has no case; a public one by its id."""
    names = [
        client_of(client_id="public"),
        client_of(client_id=ID, client_secret=SECRET),
        client_of(basic(ID, SECRET)),
        client_of(basic(ID, SECRET, scheme="bAsIc")),
        client_of(basic(ID, SECRET), client_id=ID),
    ]

    assert names == ["public", ID, ID, ID, ID]


@pytest.mark.parametrize(
    ("headers", "form", "reason"),
    [
        ([], {}, "client_id is missing"),
        ([], {"client_secret": SECRET}, "client_id is missing"),
        ([], {"client_id": "nobody"}, "no such client"),
        ([], {"client_id": ID}, "secret is missing"),
        ([], {"client_id": ID, "client_secret": ""}, "secret is missing"),
        ([], {"client_id": ID, "client_secret": SECRET[:-1]}, "secret is wrong"),
        ([], {"client_id": ID, "client_secret": "ключ"}, "secret is wrong"),
        ([], {"client_id": "public", "client_secret": "x"}, "public client has no secret"),
        ([basic(ID, "wrong")], {}, "secret is wrong"),
        ([basic(ID, "")], {}, "secret is wrong"),
        ([basic("nobody", SECRET)], {}, "no such client"),
        ([basic("public", "")], {}, "public client has no secret"),
        ([basic("public", "x")], {}, "public client has no secret"),
        ([basic(ID)], {}, "does not hold a client"),
        ([raw(f"{ID}:{SECRET}".encode())], {}, "does not hold a client"),
        ([raw(b"a:\xff")], {}, "does not hold a client"),
        ([raw(b"a:%FF")], {}, "does not hold a client"),
        (["Basic YTpi="], {}, "not Basic"),
        (["Basic YTp"], {}, "not Basic"),
        (["Basic "], {}, "does not hold a client"),
        (["Basic !"], {}, "not Basic"),
        (["Basic"], {}, "not Basic"),
        ([""], {"client_id": "public"}, "not Basic"),
        ([f"Bearer {SECRET}"], {"client_id": "public"}, "not Basic"),
    ],
)
def test_who_does_not_prove_it_is_nobody(
    headers: list[str], form: dict[str, str], reason: str
) -> None:
    """Missing, unknown, wrong, undecodable; a secret that a public client cannot have."""
    with pytest.raises(TokenError, match=f"invalid_client: .*{reason}"):
        client_of(*headers, **form)


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ([basic(ID, SECRET)], {"client_secret": SECRET}),
        ([basic(ID, SECRET)], {"client_id": ID, "client_secret": "wrong"}),
        ([basic(ID, SECRET)], {"client_id": "public"}),
        ([basic(ID, SECRET), basic(ID, SECRET)], {}),
    ],
)
def test_one_way_to_authenticate_is_enough(headers: list[str], form: dict[str, str]) -> None:
    """Two at once are refused, whether they agree or not (RFC 6749, section 2.3)."""
    with pytest.raises(TokenError, match="invalid_request"):
        client_of(*headers, **form)
