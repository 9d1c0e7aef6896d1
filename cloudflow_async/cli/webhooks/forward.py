"""Forward deliveries to another address, by default on this machine only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from multidict import CIMultiDict

from cloudflow_async._core.http.response import printable
from cloudflow_async.cli.shared.console import CommandError, say
from cloudflow_async.emulator.deliveries.sending import Outcome, post
from cloudflow_async.emulator.deliveries.targets import (
    REACHES,
    RefusedTargetError,
    Targets,
    reach_of,
)

_NO_ANSWER: Final = 502
_OF_THE_CONNECTION: Final = frozenset(
    [
        *("host", "content-length", "connection", "keep-alive", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "expect"),
    ]
)
"""RFC 9110, 7.6.1: what concerns this connection alone, and what is made anew for the next."""


class Forwarder:
    """Sends bodies and headers on as they came.

    Args:
        url: Where to.
        allow_remote: Whether that may be another machine.
    """

    def __init__(self, url: str, *, allow_remote: bool) -> None:
        self._url = url
        self._targets = Targets(REACHES if allow_remote else ("loopback",))

    async def check(self, own_port: int) -> None:
        """See whether anything can go there.

        Args:
            own_port: Of the listener, which must not send deliveries to itself.

        Raises:
            CommandError: Nothing can.
        """
        try:
            target = await self._targets.find(self._url)
        except RefusedTargetError as error:
            raise CommandError(f"--forward: {error}; see --allow-remote.") from error
        except OSError as error:
            raise CommandError("--forward: the host name cannot be looked up.") from error
        is_here = any(reach_of(address) == "loopback" for address in target.addresses)
        if is_here and target.url.port == own_port:
            raise CommandError("--forward: that is the address that listens.")

    async def pass_on(self, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
        """Send a delivery on, and return the status that came back; 502 where none did."""
        outcome = await post(self._url, body, _fields(headers), targets=self._targets)
        return _status(outcome)


def _status(outcome: Outcome) -> int:
    if outcome.status is None:
        say(f"not forwarded: {printable(outcome.error or '')}")
        return _NO_ANSWER
    return outcome.status


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    # Repeated ones stay repeated.
    texts = ((_text(name), _text(value)) for name, value in headers)
    return CIMultiDict(
        (name, value) for name, value in texts if name.lower() not in _OF_THE_CONNECTION
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
