"""Proxies: read from an argument, a lent session or the environment, without showing passwords."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import getproxies, proxy_bypass

import attrs
from aiohttp.helpers import basicauth_from_netrc, netrc_from_env
from yarl import URL

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.support.secret import Secret

_HEADER: Final = "Proxy-Authorization"
_HIGHEST_PORT = 65535
_PROXY = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^\x00-\x20/?#\x7f]*)@)?"
    r"(?P<place>(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?)/?",
    re.ASCII,
)
_FORM = (
    "must look like 'http://host:port' or 'http://user:password@host:port'; special characters "
    "of user and password are percent-encoded, such as %40 for @"
)
_SOCKS = (
    "is a SOCKS proxy, which aiohttp does not support itself. Install aiohttp-socks and give "
    "http=aiohttp.ClientSession(connector=aiohttp_socks.ProxyConnector.from_url(...))"
)


@attrs.frozen
class Proxy:
    """A proxy and, apart from its URL, the credential for it."""

    url: URL
    """http or https, without user and password."""

    credential: Secret | None = attrs.field(default=None, repr=False)
    """Value of the ``Proxy-Authorization`` header; None: the proxy gets none."""

    def sign(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return `headers` with the credential for the proxy, if there is one."""
        if self.credential is None:
            return headers
        return {**headers, _HEADER: self.credential.reveal()}


def read_proxy(name: str, given: str | Proxy | None) -> Proxy | None:
    """Return the proxy that a URL describes; one that was read before is returned as it is.

    Args:
        name: Of the setting, for the error.
        given: The URL; None: no proxy.

    Raises:
        InvalidArgumentError: The URL cannot be used; it is not shown, because it may hold a
            password.
    """
    if given is None or isinstance(given, Proxy):
        return given
    try:
        found = _parse(given)
    finally:
        # From here on a traceback that shows variables shows no password.
        del given
    if isinstance(found, str):
        raise InvalidArgumentError(f"{name} {found}.")
    return found


def environment_proxy(base_url: str) -> Proxy | None:
    """Return the proxy that the environment names for a server; None: it is reached directly.

    ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the scheme of the server's URL, else ``ALL_PROXY``; not
    for hosts in ``NO_PROXY``.  The password may also come from the netrc file, so this can read
    a file.

    Raises:
        InvalidArgumentError: The variable's value cannot be used.
    """
    server = urlsplit(base_url)
    # NO_PROXY may have hosts with a port and without.
    if proxy_bypass(server.hostname or "") or proxy_bypass(server.netloc):
        return None
    for scheme in (server.scheme, "all"):
        proxy = read_proxy(f"{scheme.upper()}_PROXY in the environment", _variable(scheme))
        if proxy is not None:
            return proxy if proxy.credential is not None else _with_netrc(proxy)
    return None


def basic(user: str, password: str, encoding: str = "utf-8") -> Secret:
    """Return the value of a header with user and password (RFC 7617)."""
    # An error of the encoding would carry the password, so none may be raised.
    return _basic(f"{user}:{password}".encode(encoding, "replace"))


def _parse(url: object) -> Proxy | str:
    """Return the proxy, or what is wrong with its URL; this raises nothing."""
    if not isinstance(url, str):
        return f"must be a str, not {type(url).__name__}"
    match = _PROXY.fullmatch(url) if url.isascii() else None
    if match is None:
        return _FORM
    scheme = match["scheme"].lower()
    if scheme.startswith("socks"):
        return _SOCKS
    if scheme not in {"http", "https"} or not 0 < int(match["port"] or 80) <= _HIGHEST_PORT:
        return _FORM
    user = unquote_to_bytes(match["user"] or "")
    credential = _basic(user if b":" in user else user + b":") if user else None
    return Proxy(URL(f"{scheme}://{match['place']}"), credential)


def _basic(user: bytes) -> Secret:
    return Secret(f"Basic {b64encode(user).decode('ascii')}")


def _variable(scheme: str) -> str | None:
    url = getproxies().get(scheme)
    # As for curl, a proxy is http unless its URL says otherwise.
    return f"http://{url}" if url and "://" not in url else url or None


def _with_netrc(proxy: Proxy) -> Proxy:
    try:
        found = basicauth_from_netrc(netrc_from_env(), proxy.url.host or "")
    except LookupError:
        return proxy
    return attrs.evolve(proxy, credential=basic(found.login, found.password))
