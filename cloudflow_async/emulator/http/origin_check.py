"""Refuse requests that a web page on another site could have made the browser send.

A page can reach a server on the loopback address by giving its own host name that address (DNS
rebinding): such a request carries the page's host name in `Host`.
"""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:(?P<port>\d{1,5}))?", flags=re.ASCII | re.IGNORECASE
)
_HTTP_PORT = 80


def is_own_host(host: str, port: int, *, remote: bool = False) -> bool:
    """Tell whether a `Host` header means this server.

    Args:
        host: The header's value.
        port: The port that the server listens on.
        remote: Whether addresses beyond the loopback ones are served as well.
    """
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or _HTTP_PORT) != port:
        return False
    return _is_local_name(match["name"].lower(), remote=remote)


def is_own_origin(origin: str, port: int, *, remote: bool = False) -> bool:
    """Tell whether an `Origin` header means a page of this server."""
    scheme, separator, host = origin.partition("://")
    return bool(separator) and scheme == "http" and is_own_host(host, port, remote=remote)


def is_loopback_peer(address: str | None) -> bool:
    """Tell whether a connection comes from this machine.

    Args:
        address: Of the peer; None: not known.
    """
    try:
        peer = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(peer, ipaddress.IPv6Address):
        # How a socket for both families shows 127.0.0.1.
        return (peer.ipv4_mapped or peer).is_loopback
    return peer.is_loopback


def check_listening_host(host: str, *, allow_remote: bool) -> None:
    """Refuse to listen where other machines could connect.

    Raises:
        ValueError: `host` is neither 127.0.0.1 nor ::1, and remote clients are not allowed.
    """
    if host not in {"127.0.0.1", "::1"} and not allow_remote:
        raise ValueError(
            f"host {host!r} could be reached by other machines: use 127.0.0.1 or ::1, "
            "or say allow_remote=True"
        )


def _is_local_name(name: str, *, remote: bool) -> bool:
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return remote or address.is_loopback
