"""A webhook router as an aiohttp.web handler, and as an ASGI app for Starlette, FastAPI and others.

Both take a POST whose body is of bounded size, comes in time and is not compressed; the rest is
the router's.  Their answers are a status without a body:

    204   handled; or it was handled before; or nobody listens
    400   signed, but unreadable
    401   it cannot be trusted
    405   not a POST
    408   the body did not come in time
    409   another process is handling it
    413   the body is too large
    415   the body is compressed
    500   a handler raised; the sender will try again
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from typing import Any, Final, TypeAlias

import attrs
from aiohttp import web

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.webhooks.router import Router

__all__ = ["WebhookApp", "webhook_handler"]

AiohttpHandler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
_Read: TypeAlias = Callable[[], Awaitable[bytes]]

_LARGEST_BODY: Final = 256 * 1024
_SLOWEST_BODY: Final = 5.0
_MOST_DIGITS: Final = 18
_ALLOW: Final = {405: {"Allow": "POST"}}


def webhook_handler(
    router: Router, *, max_body: int = _LARGEST_BODY, body_timeout: float = _SLOWEST_BODY
) -> AiohttpHandler:
    """Return a handler for the routes of aiohttp.web.

    Args:
        router: Verifies the deliveries and calls the handlers.
        max_body: Most bytes of a body.
        body_timeout: Seconds in which the whole body has to come.

    Raises:
        InvalidArgumentError: A bound is out of range.

    Example:
        ```python
        app.router.add_post("/hooks", webhook_handler(router))
        ```
    """
    desk = _Desk(router=router, max_body=max_body, body_timeout=body_timeout)

    async def handle(request: web.Request) -> web.Response:
        read = _Payload(request).read
        try:
            status = await desk.answer(request.method, request.raw_headers, read)
        except _GoneError:
            # Nobody reads the answer, and to aiohttp an error would be one of the app.
            status = 400
        answer = web.Response(status=status, headers=_ALLOW.get(status))
        if status == 408:
            answer.force_close()
        return answer

    return handle


class WebhookApp:
    """A plain ASGI app, which needs no framework and fits into any.

    In Starlette and FastAPI it is the endpoint of a route: ``Route("/hooks", WebhookApp(router))``.
    Mounted, it would be found at ``/hooks/`` only, and senders follow no redirect.  It can also be
    served alone, at every path.

    Args:
        router: Verifies the deliveries and calls the handlers.
        max_body: Most bytes of a body.
        body_timeout: Seconds in which the whole body has to come.

    Raises:
        InvalidArgumentError: A bound is out of range.
    """

    def __init__(
        self,
        router: Router,
        *,
        max_body: int = _LARGEST_BODY,
        body_timeout: float = _SLOWEST_BODY,
    ) -> None:
        self._desk = _Desk(router=router, max_body=max_body, body_timeout=body_timeout)

    def __repr__(self) -> str:
        return f"WebhookApp({self._desk.router!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; websockets are refused.

        Raises:
            NotImplementedError: A kind of scope that ASGI 3 does not have.
        """
        kind = scope["type"]
        if kind == "http":
            await self._answer(scope, receive, send)
        elif kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise NotImplementedError(f"no ASGI scope of type {kind!r} is known")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"]]
        try:
            status = await self._desk.answer(scope["method"], headers, _Stream(receive).read)
        except _GoneError:
            return
        fields = [*_fields(status, scope.get("http_version", "1.1"))]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": b""})


@attrs.frozen(kw_only=True)
class _Desk:
    """What both have in common: the bounds of what is handed to the router."""

    router: Router
    max_body: int
    body_timeout: float

    def __attrs_post_init__(self) -> None:
        if self.max_body < 1:
            raise InvalidArgumentError("max_body must be at least 1 byte.")
        if not self.body_timeout > 0:
            raise InvalidArgumentError("body_timeout must be more than 0 seconds.")

    async def answer(self, method: str, headers: _Headers, read: _Read) -> int:
        """Return the status; `read` gives the next bytes of the body, none at its end."""
        refusal = self._refuse(method, headers)
        if refusal is not None:
            return refusal
        body = await self._receive(read)
        return body if isinstance(body, int) else await self.router.handle(body, headers)

    def _refuse(self, method: str, headers: _Headers) -> int | None:
        if method != "POST":
            return 405
        if any(value not in {b"", b"identity"} for value in _all(headers, b"content-encoding")):
            return 415
        if any(self._is_too_long(value) for value in _all(headers, b"content-length")):
            return 413
        return None

    def _is_too_long(self, length: bytes) -> bool:
        # int() refuses thousands of digits with an error of its own.
        return length.isdigit() and (len(length) > _MOST_DIGITS or int(length) > self.max_body)

    async def _receive(self, read: _Read) -> bytes | int:
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_timeout):
                while chunk := await read():
                    body += chunk
                    if len(body) > self.max_body:
                        return 413
        except TimeoutError:
            return 408
        return bytes(body)


def _all(headers: _Headers, name: bytes) -> Iterator[bytes]:
    return (value.strip().lower() for found, value in headers if found.lower() == name)


class _GoneError(Exception):
    """The sender went before its body was complete."""


@attrs.define
class _Payload:
    """The body of an aiohttp request, chunk by chunk."""

    request: web.Request
    begun: bool = False

    async def read(self) -> bytes:
        """Return the next bytes; none at the end."""
        if self.request.can_read_body:
            return await self._read_on()
        # Some middleware may have read it; then aiohttp has kept it.
        kept = b"" if self.begun else await self.request.read()
        self.begun = True
        return kept

    async def _read_on(self) -> bytes:
        self.begun = True
        try:
            return await self.request.content.readany()
        except ConnectionError:
            pass
        raise _GoneError


@attrs.define
class _Stream:
    """The body of an ASGI request, chunk by chunk."""

    receive: Receive
    more: bool = True

    async def read(self) -> bytes:
        """Return the next bytes; none at the end."""
        chunk = b""
        while self.more and not chunk:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            self.more = message.get("more_body", False)
            chunk = message.get("body", b"")
        return chunk


async def _live(receive: Receive, send: Send) -> None:
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


def _fields(status: int, http_version: str) -> Iterator[tuple[bytes, bytes]]:
    for name, value in _ALLOW.get(status, {}).items():
        yield name.lower().encode(), value.encode()
    # RFC 9110, 8.6: a 204 has no length.
    if status != 204:
        yield b"content-length", b"0"
    # RFC 9113, 8.2.2: from HTTP/2 on connections have no header of their own.
    if status == 408 and http_version.startswith("1"):
        yield b"connection", b"close"
