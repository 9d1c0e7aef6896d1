"""Handle a delivery in ``cloudflow webhooks listen``: verify, show, forward."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import Any, Final

from aiohttp import web

from cloudflow_async._core.errors import WebhookPayloadError, WebhookVerificationError
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.webhooks import MemoryDedupeStore, SecretEncoding, WebhookEvent
from cloudflow_async._core.webhooks.router import DONE, FAILED, NOT_TRUSTED, UNREADABLE
from cloudflow_async.cli.export.output.output import Output
from cloudflow_async.cli.shared.console import CommandError, say
from cloudflow_async.cloudflow.router import WebhookRouter
from cloudflow_async.web import AiohttpHandler, webhook_handler

from .event_lines import event_json, event_line
from .forward import Forwarder

_REACHED: Final[ContextVar[bool]] = ContextVar("_REACHED")
_REFUSALS: Final = {
    405: "it is no POST",
    408: "its body did not come in time",
    413: "its body is larger than 256 KiB",
    415: "its body is compressed",
}
"""Answers to what is no delivery at all."""


class Receiver(WebhookRouter):
    """Shows each delivery that can be trusted, and tells why another one cannot.

    A delivery that comes again is shown again, and marked: whoever looks for a mistake wants to
    see it.

    Args:
        secret: What deliveries are signed with.
        encoding: How the key is made of it.
        patterns: Which types are shown, such as ``workflow.*``; none: all.
        output: Where the lines go.
        as_json: Whether they are JSON.
        forwarder: Where deliveries go on to; None: nowhere.
    """

    def __init__(
        self,
        secret: Secret,
        encoding: SecretEncoding,
        output: Output,
        *,
        patterns: Sequence[str] = (),
        as_json: bool = False,
        forwarder: Forwarder | None = None,
    ) -> None:
        super().__init__(secret.reveal(), secret_encoding=encoding)
        self._patterns = patterns or ("*",)
        self._output = output
        self._as_json = as_json
        self._forwarder = forwarder
        self._seen = MemoryDedupeStore()
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails when lines cannot be written any more."""

    async def handle(self, body: bytes, headers: Any) -> int:
        """Show a delivery, and return the status to answer with."""
        _REACHED.set(True)
        try:
            event = self._read(body, headers)
        except WebhookVerificationError as error:
            status = UNREADABLE if isinstance(error, WebhookPayloadError) else NOT_TRUSTED
            _tell_rejected(status, error.message)
            return status
        if not any(fnmatchcase(event.type, pattern) for pattern in self._patterns):
            return DONE
        repeated = await self._is_repeated(event)
        status = await self._pass_on(body, headers)
        return await self._show(event, body, repeated=repeated, status=status)

    async def _is_repeated(self, event: WebhookEvent) -> bool:
        repeated = await self._seen.claim(event.id) == "done"
        await self._seen.finish(event.id)
        return repeated

    async def _pass_on(self, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
        return await self._forwarder.pass_on(body, headers) if self._forwarder else DONE

    async def _show(self, event: WebhookEvent, body: bytes, *, repeated: bool, status: int) -> int:
        line = self._line(event, body, repeated=repeated, status=status)
        try:
            await self._output.write(line.encode("utf-8") + b"\n")
            await self._output.flush()
        except (BrokenPipeError, CommandError) as error:
            if not self.broken.done():
                self.broken.set_exception(error)
            return FAILED
        return status

    def _line(self, event: WebhookEvent, body: bytes, *, repeated: bool, status: int) -> str:
        if self._as_json:
            return event_json(event, body, repeated=repeated, answered=status)
        notes = ["repeated"] if repeated else []
        if self._forwarder:
            notes.append(f"-> {status}")
        return "  ".join([event_line(event), *notes])


def listener(receiver: Receiver) -> AiohttpHandler:
    """Return the handler of a web server; what never reaches the receiver is told as well."""
    handle: Callable[[web.Request], Any] = webhook_handler(receiver)

    async def handle_and_tell(request: web.Request) -> web.StreamResponse:
        _REACHED.set(False)
        response: web.StreamResponse = await handle(request)
        if not _REACHED.get() and response.status in _REFUSALS:
            _tell_rejected(response.status, f"{_REFUSALS[response.status]}.")
        return response

    return handle_and_tell


def _tell_rejected(status: int, why: str) -> None:
    say(f"rejected with {status}: {why}")
