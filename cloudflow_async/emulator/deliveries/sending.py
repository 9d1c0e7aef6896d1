"""One attempt to deliver: a POST, and what came of it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult

from .targets import RefusedTargetError, Target, Targets

PATIENCE = 10.0
"""Seconds for an attempt, from looking up the name to the end of the answer."""

_LARGEST_ANSWER = 64 * 1024
_LONGEST_REASON = 200


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of an attempt."""

    status: int | None = None
    """Of the answer; None: there was none."""

    error: str | None = None
    """Why there was no answer."""

    answer: bytes = b""
    """Body of the answer, its first 64 KiB, as it came."""


async def post(url: str, body: bytes, headers: Mapping[str, str], *, targets: Targets) -> Outcome:
    """Send a body where the rules allow it; whatever goes wrong is in the outcome."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _exchange(await targets.find(url), body, headers)
    except RefusedTargetError as refusal:
        return Outcome(error=f"refused: {refusal}")
    except TimeoutError:
        return Outcome(error=f"no answer within {PATIENCE:.0f} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(error=_reason(error))


async def _exchange(target: Target, body: bytes, headers: Mapping[str, str]) -> Outcome:
    # Each attempt has a session of its own: it keeps neither connections nor cookies, and knows
    # no other addresses than those that were checked for it.
    connector = aiohttp.TCPConnector(
        resolver=_PinnedResolver(target), use_dns_cache=False, force_close=True
    )
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
        ) as session,
        session.post(target.url, data=body, headers=headers, allow_redirects=False) as response,
    ):
        return Outcome(status=response.status, answer=await _read(response))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    answer = bytearray()
    async for chunk in response.content.iter_any():
        answer += chunk
        if len(answer) >= _LARGEST_ANSWER:
            break
    return bytes(answer[:_LARGEST_ANSWER])


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    return text.encode("unicode_escape").decode()[:_LONGEST_REASON]


class _PinnedResolver(AbstractResolver):
    """Answers what was found before, so that the name is not looked up a second time."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the checked addresses."""
        del family
        return [_result(host, port, address) for address in self._target.addresses]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _result(
    host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> ResolveResult:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )
