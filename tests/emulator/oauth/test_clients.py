"""Applications and their redirect URIs."""

from __future__ import annotations

import re

import pytest

from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.oauth.clients import BUILT_IN, ClientBook, OAuthClient


def with_redirects(*redirect_uris: str) -> OAuthClient:
    """Return a client that takes answers at these URIs."""
    return ClientBook(0).add(redirect_uris=redirect_uris)


def built_in() -> OAuthClient:
    """Return the client that is there from the beginning."""
    client = ClientBook(0).find(BUILT_IN)

    assert client is not None
    return client


def test_clients_repeat_with_the_seed() -> None:
    """Ids and secrets follow from it."""
    first, same, other = (ClientBook(seed).add(confidential=True) for seed in (7, 7, 8))

    assert re.fullmatch(r"client_[a-z0-9]{12}", first.client_id)
    assert first == same
    assert first.client_id != other.client_id
    assert first.client_secret != other.client_secret


def test_a_client_is_found_by_its_id() -> None:
    """Whole and to the letter."""
    book = ClientBook(0)
    client = book.add("my-app")

    assert book.find("my-app") is client
    assert [book.find(other) for other in ("", "my-ap", "My-App", "my-app ")] == [None] * 4


def test_a_secret_is_not_shown() -> None:
    """Only confidential clients have one; nothing is the secret of a public one."""
    public, confidential = ClientBook(0).add(), ClientBook(0).add(confidential=True)
    secret = confidential.client_secret or ""

    assert public.client_secret is None
    assert [public.has_secret(text) for text in ("", "x")] == [False, False]
    assert confidential.has_secret(secret)
    wrong = ["", secret[:-1], secret + "x", "ключ", "\udcff"]
    assert [confidential.has_secret(text) for text in wrong] == [False] * len(wrong)
    assert secret not in repr(confidential)


@pytest.mark.parametrize(
    "client_id", ["", "my app", "my-äpp", "my\napp", "x" * 257, BUILT_IN, "taken"]
)
def test_odd_and_taken_ids_are_refused(client_id: str) -> None:
    """An id is 1 to 256 visible ASCII characters, and of one client."""
    book = ClientBook(0)
    book.add("taken")
    with pytest.raises(ValueError, match="client_id"):
        book.add(client_id)


def test_an_undocumented_scope_is_refused() -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match=r"workflows:delete.*workflows:read"):
        ClientBook(0).add(scopes=["workflows:delete"])


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "https://app.example:8443/callback?tenant=a%20b",
        "https://app.example",
        "http://127.0.0.1",
        "http://127.0.0.1:8080/callback?x=1",
        "http://[::1]/callback",
        "http://localhost/",
        "com.example.app:/callback",
    ],
)
def test_web_loopback_and_private_addresses_can_be_registered(uri: str) -> None:
    """And are taken as they are."""
    assert with_redirects(uri).takes_answers_at(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "callback",
        "http://app.example/callback",
        "http://10.0.0.7/callback",
        "http://127.0.0.2/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:*/*",
        "http://me@127.0.0.1/callback",
        "https://me@app.example/callback",
        "https://App.example/callback",
        "https://app.example:99999/callback",
        "https://app.example/callback#here",
        "https://app.example/a b",
        "https://app.example/a\\b",
        "https://app.example/%zz",
        "https://app.example/callback?code=1",
        "https://app.example/callback?x=1&state=2",
        "https://*.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/callback",
        "https://app.example/callback\n",
    ],
)
def test_other_addresses_cannot_be_registered(uri: str) -> None:
    """Plain http beyond loopback, fragments, user names, scripts, patterns, answers in advance."""
    with pytest.raises(ValueError, match="redirect URI"):
        with_redirects(uri)


def test_a_client_needs_a_redirect_uri_in_a_list() -> None:
    """A string is a list of letters, which nobody means."""
    with pytest.raises(ValueError, match="at least one"):
        with_redirects()
    with pytest.raises(ValueError, match="not a single string"):
        ClientBook(0).add(redirect_uris="https://app.example/callback")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_loopback_address_is_taken_with_any_port(host: str) -> None:
    """A native application gets its port when it starts (RFC 8252, section 7.3)."""
    client = with_redirects(f"http://{host}:8080/callback?x=1")
    ports = ["", ":1", ":8080", ":65535"]

    assert [client.takes_answers_at(f"http://{host}{port}/callback?x=1") for port in ports] == [
        True
    ] * len(ports)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000/other",
        "http://127.0.0.1:5000/callback/",
        "http://127.0.0.1:5000/Callback",
        "http://127.0.0.1:5000/callback/../callback",
        "http://127.0.0.1:5000/%63allback",
        "http://127.0.0.1:5000/callback?x=1",
        "http://127.0.0.1:5000/callback?",
        "http://127.0.0.1:5000/callback#",
        "http://127.0.0.1:5000/callback ",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:05000/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:5000@evil.example/callback",
        "http://me@127.0.0.1:5000/callback",
        "http://127.1:5000/callback",
        "http://2130706433:5000/callback",
        "http://127.0.0.2:5000/callback",
        "http://localhost:5000/callback",
        "http://[::1]:5000/callback",
        "HTTP://127.0.0.1:5000/callback",
        "https://127.0.0.1:5000/callback",
        "http://127.0.0.1:5000\\callback",
        "http://127.0.0.1:\N{ARABIC-INDIC DIGIT FIVE}/callback",
    ],
)
def test_apart_from_the_port_a_loopback_address_is_exact(uri: str) -> None:
    """Other hosts, paths, queries, spellings."""
    assert not with_redirects("http://127.0.0.1/callback").takes_answers_at(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/",
        "https://sub.app.example/callback",
        "https://app.example.evil.example/callback",
        "http://app.example/callback",
        "https://APP.example/callback",
        "",
    ],
)
def test_other_addresses_are_exact_with_their_ports(uri: str) -> None:
    """Nothing but the very string is accepted."""
    assert not with_redirects("https://app.example/callback").takes_answers_at(uri)


def test_the_built_in_client_takes_answers_on_every_loopback_address() -> None:
    """And nowhere else; it is public, and may ask for everything."""
    client = built_in()
    good = ["http://127.0.0.1:5000", "http://[::1]:1/x/y?z=1", "http://localhost:65535/callback"]
    bad = ["https://127.0.0.1/", "http://app.example/", "http://127.0.0.1:*/*", "", "http://0/"]

    assert [client.takes_answers_at(uri) for uri in good] == [True] * len(good)
    assert [client.takes_answers_at(uri) for uri in bad] == [False] * len(bad)
    assert (client.client_secret, client.scopes) == (None, frozenset(SCOPES))
