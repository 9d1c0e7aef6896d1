"""Where deliveries may go: an address is looked up once, checked, and connected to.

A URL given to `POST /webhooks` would otherwise make the emulator send requests, with a body of
somebody's choice, to whatever the machine can reach.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias

import attrs
from yarl import URL

Address: TypeAlias = IPv4Address | IPv6Address
Reach: TypeAlias = Literal["loopback", "private", "public"]
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes host name and port, returns addresses, or raises OSError."""

REACHES: tuple[Reach, ...] = ("loopback", "private", "public")

_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TUNNELS = tuple(map(ipaddress.ip_network, ("2002::/16", "2001::/32")))
"""Forms that carry an IPv4 address which something on the way would unpack."""

_UNICAST = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "2000::/3")))
"""All of the internet; the rest of IPv6 has special uses."""

_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")
"""What `getaddrinfo` may take for an IPv4 address, such as 127.1, 0x7f.1 and 2130706433."""


class RefusedTargetError(Exception):
    """Nothing is delivered there; the message says why."""


@attrs.frozen
class Target:
    """Where one delivery goes."""

    url: URL
    addresses: tuple[Address, ...]
    """To connect to, without asking again; a name could mean other ones by then."""


class Targets:
    """The rules of one emulator.

    Args:
        allowed: What may be reached: `loopback`, `private`, `public`.
        resolve: Looks up host names; None: as the system does.

    Raises:
        ValueError: `allowed` names something else.
    """

    def __init__(self, allowed: Iterable[str], resolve: Resolve | None = None) -> None:
        self._allowed = frozenset(allowed)
        if unknown := self._allowed - set(REACHES):
            raise ValueError(
                f"webhooks can go to {', '.join(REACHES)}, not to {', '.join(sorted(unknown))}"
            )
        self._resolve = resolve or _resolve
        self.own_port: int | None = None
        """The port of the emulator itself, to which nothing is delivered."""

    async def find(self, url: str) -> Target:
        """Return where to connect for a URL.

        Raises:
            RefusedTargetError: That is not allowed.
            OSError: The name cannot be looked up.
        """
        parsed, host = _parse(url)
        addresses = _literal(host) or await self._look_up(host, parsed.port or 0)
        for address in addresses:
            self._check(address, parsed.port)
        return Target(parsed, addresses)

    async def _look_up(self, host: str, port: int) -> tuple[Address, ...]:
        found = dict.fromkeys(await self._resolve(host, port))
        if not found:
            raise RefusedTargetError("the host name has no address")
        return tuple(map(ipaddress.ip_address, found))

    def _check(self, address: Address, port: int | None) -> None:
        reach = reach_of(address)
        if reach is None:
            raise RefusedTargetError(f"nothing is delivered to {address}")
        if reach not in self._allowed:
            raise RefusedTargetError(
                f"{address} is a {reach} address, and webhooks go to "
                f"{', '.join(sorted(self._allowed)) or 'nowhere'} only"
            )
        if port == self.own_port and _is_of_this_machine(address):
            raise RefusedTargetError("that is the emulator itself")


def reach_of(address: Address) -> Reach | None:
    """Return how far away an address is; None: nothing is ever delivered there.

    None goes for link-local ones (169.254.169.254 is where clouds keep credentials), multicast,
    unspecified, reserved and shared ones, and for those of tunnels.
    """
    address = _unmapped(address)
    if address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
        return "public" if reach_of(inner) == "public" else None
    if address.is_loopback:
        return "loopback"
    if _is_in(address, _PRIVATE):
        return "private"
    special = address.is_multicast or not address.is_global or _is_in(address, _TUNNELS)
    return "public" if _is_in(address, _UNICAST) and not special else None


def _parse(url: str) -> tuple[URL, str]:
    try:
        parsed = URL(url)
    except (ValueError, IndexError):  # yarl raises the latter for http://[::1]@/
        raise RefusedTargetError("the URL cannot be read") from None
    if parsed.scheme not in {"http", "https"}:
        raise RefusedTargetError("only http and https are spoken")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise RefusedTargetError("the URL has a user name or a password in it")
    if not parsed.raw_host:
        raise RefusedTargetError("the URL has no host")
    return parsed, parsed.raw_host


def _literal(host: str) -> tuple[Address, ...]:
    """Return the address that a host is written as; none when it is a name."""
    try:
        return (ipaddress.ip_address(host),)
    except ValueError:
        pass
    if not _HOST_NAME.fullmatch(host) or _ENDS_IN_NUMBER.fullmatch(host):
        raise RefusedTargetError("the host is neither a name nor an address in its usual form")
    return ()


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _unmapped(address: Address) -> Address:
    """Return what the kernel connects to for an IPv4 address in the clothes of an IPv6 one."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_in(
    address: Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> bool:
    return any(address in network for network in networks)


def _is_of_this_machine(address: Address) -> bool:
    address = _unmapped(address)
    if address.is_loopback:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Only an address of one's own can be bound to.
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
