"""The applications that may ask people for access, and where answers to them may go."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable

import attrs

from cloudflow_async.emulator.base.seeded_random import letters, seeded
from cloudflow_async.emulator.credentials.identities import SCOPES, known_scopes

BUILT_IN = "cloudflow-cli"
"""The public client that is there from the beginning; it takes answers on any loopback port."""

# What a path and a query may hold (RFC 3986); backslashes and spaces mislead browsers.
_REST = r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
_QUERY = r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
_PORT = r"(?::(?P<port>[1-9][0-9]{0,4}))?"
_LOOPBACK = re.compile(
    rf"(?P<host>http://(?:127\.0\.0\.1|\[::1\]|localhost)){_PORT}(?P<rest>{_REST}{_QUERY})"
)
_WEB = re.compile(rf"https://(?:[a-z0-9-]+\.)*[a-z0-9-]+{_PORT}{_REST}{_QUERY}")
_PRIVATE = re.compile(rf"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:{_REST}{_QUERY}")
_OWN_PARAMETERS = re.compile(r"[?&](?:code|state|iss|error|error_description)=")
_HIGHEST_PORT = 65535

_CLIENT_ID = re.compile(r"[!-~]{1,256}")


@attrs.frozen(kw_only=True)
class OAuthClient:
    """An application that is registered with the authorization server."""

    client_id: str

    client_secret: str | None = attrs.field(default=None, repr=False)
    """None for a public client, which cannot keep one."""

    name: str
    """What the consent page calls it."""

    redirect_uris: tuple[str, ...]
    """Where answers may go.  One that begins with `http` means the loopback address with any
    port."""

    scopes: frozenset[str]
    """The most that it may ask for."""

    refresh: bool = True
    """Whether it gets refresh tokens."""

    any_loopback: bool = False
    """Whether answers may go to every path on the loopback address, registered or not."""

    def takes_answers_at(self, redirect_uri: str) -> bool:
        """Tell whether a redirect URI is one of the registered ones, to the letter.

        Only the port of a loopback address may be another one (RFC 8252, section 7.3).
        """
        loopback = _loopback(redirect_uri)
        if loopback is None:
            return redirect_uri in self.redirect_uris
        return self.any_loopback or loopback in map(_loopback, self.redirect_uris)

    def has_secret(self, secret: str) -> bool:
        """Tell whether this is its secret, in a time that tells nothing about it."""
        expected = (self.client_secret or "").encode()
        presented = secret.encode("utf-8", "surrogatepass")
        return self.client_secret is not None and hmac.compare_digest(expected, presented)


class ClientBook:
    """All clients of one emulator, the same in every run with the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = seeded(seed, "clients")
        built_in = OAuthClient(
            client_id=BUILT_IN,
            name="CloudFlow CLI",
            redirect_uris=(),
            scopes=frozenset(SCOPES),
            any_loopback=True,
        )
        self._clients = {BUILT_IN: built_in}

    def add(
        self,
        client_id: str | None = None,
        *,
        name: str = "Demo app",
        redirect_uris: Iterable[str] = ("http://127.0.0.1/callback",),
        confidential: bool = False,
        client_secret: str | None = None,
        scopes: Iterable[str] = SCOPES,
        refresh: bool = True,
    ) -> OAuthClient:
        """Register a client.

        Args:
            client_id: None: made up.
            name: What the consent page calls it.
            redirect_uris: Where answers may go: https, a private scheme with a dot in its name,
                or http on 127.0.0.1, [::1] or localhost, where any port is accepted.
            confidential: Whether it gets a secret, without which it is not served then.
            client_secret: The secret of a confidential client; None: made up.
            scopes: The most that it may ask for.
            refresh: Whether it gets refresh tokens.

        Raises:
            ValueError: A client id that exists or has odd characters, an empty secret, a redirect
                URI that is none of the above, no redirect URI, or a scope that the API document
                does not name.
        """
        if client_secret == "":
            raise ValueError("client_secret must not be empty")
        free_id = self._free_id(client_id)
        made_up = "cfcs_" + letters(self._random, 40) if confidential else None
        client = OAuthClient(
            client_id=free_id,
            client_secret=made_up if client_secret is None else client_secret,
            name=name,
            redirect_uris=_checked(redirect_uris),
            scopes=known_scopes(scopes),
            refresh=refresh,
        )
        self._clients[client.client_id] = client
        return client

    def find(self, client_id: str) -> OAuthClient | None:
        """Return the client of this id, or None."""
        return self._clients.get(client_id)

    def _free_id(self, client_id: str | None) -> str:
        if client_id is None:
            return "client_" + letters(self._random, 12)
        if not _CLIENT_ID.fullmatch(client_id):
            raise ValueError("client_id must be 1 to 256 visible ASCII characters")
        if client_id in self._clients:
            raise ValueError(f"client_id {client_id!r} is taken")
        return client_id


def _checked(redirect_uris: Iterable[str]) -> tuple[str, ...]:
    if isinstance(redirect_uris, str):
        raise ValueError("redirect_uris must be a list, not a single string")  # noqa: TRY004
    checked = tuple(redirect_uris)
    if not checked:
        raise ValueError("a client needs at least one redirect URI")
    for uri in checked:
        if not _is_registrable(uri):
            raise ValueError(
                f"redirect URI {uri!r} must be https, a private scheme such as com.example.app:/, "
                "or http on 127.0.0.1, [::1] or localhost, without fragment or user name, and "
                "without parameters that the answer brings"
            )
    return checked


def _is_registrable(uri: str) -> bool:
    known = _loopback(uri) or _has_good_port(_WEB.fullmatch(uri)) or _PRIVATE.fullmatch(uri)
    return bool(known) and not _OWN_PARAMETERS.search(uri)


def _loopback(uri: str) -> tuple[str, str] | None:
    """Return host and what comes after the port, or None for another kind of address."""
    match = _LOOPBACK.fullmatch(uri)
    if match is None or not _has_good_port(match):
        return None
    return match["host"], match["rest"]


def _has_good_port(match: re.Match[str] | None) -> bool:
    return match is not None and int(match["port"] or 1) <= _HIGHEST_PORT
