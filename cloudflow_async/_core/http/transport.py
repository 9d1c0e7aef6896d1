"""Send one request over one pooled connection: the only client code that opens sockets.

What aiohttp does on its own account, and is stopped from here:

- It hands bytes that a server wrote unasked on an idle connection to the next request, so
  that all answers are shifted by one: `_Connector` drops such connections.
- It sends a GET, PUT or DELETE again on a lost connection, which neither the attempt counter nor
  the limiter would see: switched off.
- It follows redirects with an ``X-API-Key`` header to other hosts, keeps cookies, and
  decompresses a body of any size: switched off, ignored, and capped while it streams.
- It closes a connection on which a body's framing is broken, and lets the reader of the body
  wait on: `_Protocol` wakes it.
- It adds a credential of the netrc file to requests that have one, ignores https proxies of the
  environment, and sends the headers for a proxy only where it opens a tunnel: proxies are looked
  up and signed for here.
- Its exceptions show URLs with their query and all headers, and cannot be pickled: each
  becomes a `TransportError` that is not chained to it.
"""

# ruff: noqa: SLF001 - the guards need what aiohttp keeps to itself; no other file does

from __future__ import annotations

import asyncio
import functools
import io
import os
import select
import ssl
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError, LineTooLong
from yarl import URL

from cloudflow_async._core.errors import (
    ClientClosedError,
    CloudFlowError,
    InvalidArgumentError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
    WrongLoopError,
)
from cloudflow_async._core.messages import Reply, Request
from cloudflow_async._core.support import forks

from .proxy import Proxy, environment_proxy
from .timeouts import Watch

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of a decompressed body that are accepted, unless told otherwise."""

LARGEST_ERROR_BODY = 64 * 1024
"""Bytes of an error's body that are read."""

LARGEST_HEADER = 8190
"""Bytes of one line of an answer's head that are accepted, unless told otherwise."""

HIGHEST_HEADER_BOUND = 256 * 1024
"""Bytes; the highest bound that a line of a head may be given."""

MOST_HEADERS = 512
"""Lines of an answer's head that are accepted; aiohttp's own default is 128."""


_CONNECT_SHARE = 0.8
_LONGEST_CONNECT = 10.0
_KEEP_ALIVE = 15.0
_DNS_CACHE = 60
_LARGEST_PIECE = 1024 * 1024
_PROXY_NEEDS_CREDENTIALS = 407
_PROXY_MAY_RECOVER = frozenset({502, 503, 504})


def nothing() -> None:
    """Do nothing."""


_ON_SEND: ContextVar[Callable[[], None]] = ContextVar("on_send", default=nothing)
"""What the exchange under way is told by when its request begins to leave."""


class Connections(NamedTuple):
    """The connections of a pool."""

    open: int = 0
    """In use or kept for the next request."""

    in_use: int = 0
    """Carrying a request."""


class Transport(Protocol):
    """Exchanges one request for one reply."""

    async def exchange(
        self,
        request: Request,
        headers: Mapping[str, str],
        *,
        timeout: float,
        on_send: Callable[[], None] = nothing,
    ) -> Reply:
        """Send `request` once and return the whole answer, whatever its status.

        `on_send` is called when it begins to leave: whoever cancels before that has sent nothing.
        Cancelling closes the connection and leaves nothing behind.

        Raises:
            TransportError: No complete answer came within `timeout` seconds, or a proxy refused
                the request.
        """
        ...

    @property
    def is_open(self) -> bool:
        """Whether there is a pool to close."""
        ...

    def connections(self) -> Connections:
        """Return how many connections there are."""
        ...

    async def close(self) -> None:
        """Close what this transport opened; a second call does nothing."""
        ...

    def abandon(self) -> None:
        """Drop what an event loop that has ended left behind."""
        ...


class AiohttpTransport:
    """The transport over aiohttp; its pool opens at first use.

    Args:
        base_url: What the target of each request is appended to.
        max_connections: Size of the pool.
        max_body: Bytes of a decompressed body that are accepted.
        max_header: Bytes of one line of an answer's head that are accepted.
        http: A caller's session, which decides how connections are made; it is never closed.
            `lent_session` says which of its settings are used and which are refused.
        user_agent: Value of the ``User-Agent`` header.
        proxy: Is used for all requests, whatever the environment says.
        trust_env: Whether proxies of the environment are used.  A netrc file may have the
            credential for a proxy, never that for the server: each request has one, ours.
        ssl_context: For servers, and https proxies, with certificates of a private authority.

    Raises:
        InvalidArgumentError: The session has settings that would not be used, or overrides one
            of the last three arguments; or the last is no `ssl.SSLContext`.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own, all but one have a default
        self,
        base_url: str,
        *,
        max_connections: int = 20,
        max_body: int = LARGEST_BODY,
        max_header: int = LARGEST_HEADER,
        http: aiohttp.ClientSession | None = None,
        user_agent: str = "",
        proxy: Proxy | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
            raise InvalidArgumentError(
                f"ssl_context must be an ssl.SSLContext, not {type(ssl_context).__name__}; for a "
                "private authority, ssl.create_default_context(cafile=...)."
            )
        if http is not None:
            # Most programs lend no session.
            from .lent_session import (  # noqa: PLC0415 - see above
                check_lent_session,
                lent_proxy,
                most_connections,
            )

            check_lent_session(
                http,
                base_url=base_url,
                proxy=proxy,
                trust_env=trust_env,
                ssl_context=ssl_context,
            )
            proxy = lent_proxy(http)
            trust_env = http.trust_env
            max_connections = most_connections(http, max_connections)
        self._base_url = base_url
        self._is_tls = URL(base_url).scheme == "https"  # HTTPS:// is accepted too
        self._max_connections = max_connections
        self._max_body = max_body
        self._max_header = max_header
        self._lent = http
        self._headers = {
            "Accept": "application/json",
            # Brotli and zstd are not offered, even where aiohttp could read them: the cap on
            # the body is tested for these two.
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": user_agent,
        }
        self._proxy = proxy
        self._asks_environment = trust_env and proxy is None
        self._ssl_context = ssl_context
        self._http: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: Watch | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a pool to close."""
        return self._http is not None

    @property
    def max_connections(self) -> int:
        """Most connections at a time; a lent session's connector may allow fewer than asked."""
        return self._max_connections

    def connections(self) -> Connections:
        """Return how many connections the pool has; those of a lent one are its owner's too."""
        connector = None if self._http is None else self._http.connector
        if connector is None:
            return Connections()
        in_use = len(connector._acquired)
        return Connections(in_use + sum(map(len, connector._conns.values())), in_use)

    async def exchange(
        self,
        request: Request,
        headers: Mapping[str, str],
        *,
        timeout: float,
        on_send: Callable[[], None] = nothing,
    ) -> Reply:
        """Send `request` once; see `Transport.exchange`."""
        leaving = _ON_SEND.set(sending := _Sending(on_send))
        try:
            http = self._http
            if http is None or http.closed:
                http = self._open()
            assert self._watch is not None
            with self._watch.scope(timeout):
                if self._asks_environment:
                    self._proxy = await asyncio.to_thread(environment_proxy, self._base_url)
                    self._asks_environment = False
                return await self._exchange(http, request, headers, timeout)
        except InvalidArgumentError:  # of the environment's proxy
            raise
        except (aiohttp.ClientError, OSError, ValueError) as caught:
            error = _translate(
                caught, request, timeout, sent=sending.begun, max_header=self._max_header
            )
        finally:
            _ON_SEND.reset(leaving)
            # Those who record tracebacks with local variables find no credential here.
            del headers
        # Raised outside of the block, aiohttp's exception is not its context.
        raise error

    async def close(self) -> None:
        """Close the pool; a lent session stays open."""
        http = self._forget()
        if http is not None:
            await http.close()

    def abandon(self) -> None:
        """Drop the pool without waiting; its sockets are closed, those of a lent one are not."""
        http = self._forget()
        if http is None:
            return
        connector = http.connector
        http.detach()
        if self._lent is None and connector is not None and self._loop is not None:
            _drop_pool(connector, loop_ended=self._loop.is_closed())

    def leave(self) -> None:
        """Leave the pool to the parent; see `forks`."""
        http = self._forget()
        if http is None:
            return
        connector = http.connector
        http.detach()
        if self._lent is None and connector is not None:
            # To this process, the parent's loop has ended.
            _drop_pool(connector, loop_ended=True)

    async def _exchange(
        self,
        http: aiohttp.ClientSession,
        request: Request,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Reply:
        begun = time.perf_counter()
        proxy = self._proxy
        to_proxy: Mapping[str, str] = {}
        if proxy is not None:
            # Beyond a tunnel, which TLS needs, the proxy sees no header of the request.
            if self._is_tls:
                to_proxy = proxy.sign(to_proxy)
            else:
                headers = proxy.sign(headers)
        exchange = http.request(
            request.method,
            URL(self._base_url + request.target, encoded=True),
            headers=headers,
            data=_payload(request.body),
            allow_redirects=False,
            timeout=_connect_within(timeout),
            proxy=None if proxy is None else proxy.url,
            proxy_headers=to_proxy,
        )
        del headers, to_proxy  # as above: a cancellation keeps this frame too
        async with exchange as answer:
            body = await _read(answer, self._max_body, f"{request.method} {request.path}")
        return Reply(
            status=answer.status,
            headers=answer.headers,
            body=body,
            elapsed=time.perf_counter() - begun,
        )

    def _open(self) -> aiohttp.ClientSession:
        lent = self._lent
        http = aiohttp.ClientSession(
            connector=self._connector() if lent is None else lent.connector,
            connector_owner=lent is None,
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            max_line_size=self._max_header,
            max_field_size=self._max_header,
            max_headers=MOST_HEADERS,
            **({} if lent is None else _settings_of(lent)),
        )
        http._retry_connection = False
        forks.watch(self)
        self._http = http
        self._loop = asyncio.get_running_loop()
        self._watch = Watch()
        return http

    def _forget(self) -> aiohttp.ClientSession | None:
        http, self._http = self._http, None
        if self._watch is not None:
            self._watch.stop()
        return http

    def _connector(self) -> aiohttp.TCPConnector:
        return _Connector(
            limit=self._max_connections,
            keepalive_timeout=_KEEP_ALIVE,
            ttl_dns_cache=_DNS_CACHE,
            ssl=True if self._ssl_context is None else self._ssl_context,
        )


def _settings_of(lent: aiohttp.ClientSession) -> dict[str, Any]:
    """Return what the client's own session takes from a lent one; see `lent_session.USED`."""
    if lent.closed:
        raise ClientClosedError("The aiohttp session given as http= was closed by its owner.")
    if lent._loop is not asyncio.get_running_loop():
        raise WrongLoopError(
            "The aiohttp session given as http= belongs to another event loop; make the session "
            "and the client on the loop that uses them."
        )
    return {
        "trace_configs": lent.trace_configs,
        "read_bufsize": lent._read_bufsize,
        "version": lent.version,
    }


class _Sending:
    """Knows whether a request has begun to leave, and tells it on."""

    __slots__ = ("_on_send", "begun")

    def __init__(self, on_send: Callable[[], None]) -> None:
        self.begun = False
        self._on_send = on_send

    def __call__(self) -> None:
        """Note that it begins to leave."""
        self.begun = True
        self._on_send()


class _Request(aiohttp.ClientRequest):
    """A request that tells when it has a connection, and begins to leave."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send it."""
        _ON_SEND.get()()
        return await super().send(conn)


class _Protocol(ResponseHandler):
    """A connection whose end is the end of a body, however it comes about.

    After an error in a body's framing aiohttp closes the connection, and leaves whoever reads the
    body waiting.
    """

    __slots__ = ()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wake who reads a body that will not go on."""
        body = self._payload
        super().connection_lost(exc)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("its framing is broken"))


class _Connector(aiohttp.TCPConnector):
    """A pool that reuses no connection on which the server wrote something unasked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = functools.partial(_Protocol, loop=self._loop)  # type: ignore[assignment]

    async def _get(self, key, traces):  # type: ignore[no-untyped-def]  # aiohttp's private types
        while (connection := await super()._get(key, traces)) is not None:
            if not _is_spoilt(connection):
                break
            connection.close()
        return connection


def _is_spoilt(connection: Connection) -> bool:
    """Return whether an idle connection brought bytes or its end, read by the loop or not."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or protocol.should_close:
        return True
    socket = transport.get_extra_info("socket")
    return socket is not None and _is_readable(socket.fileno())


def _is_readable(descriptor: int) -> bool:
    # select() takes no descriptor above 1023, and Windows has nothing else.
    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


@lru_cache(maxsize=8)  # a client has one or two
def _connect_within(timeout: float) -> aiohttp.ClientTimeout:
    connect = min(_LONGEST_CONNECT, timeout * _CONNECT_SHARE)
    return aiohttp.ClientTimeout(total=None, connect=connect)


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    # Of more bytes than this in one piece aiohttp warns.
    return io.BytesIO(body) if body is not None and len(body) > _LARGEST_PIECE else body


async def _read(answer: aiohttp.ClientResponse, largest: int, call: str) -> bytes:
    if answer.status == _PROXY_NEEDS_CREDENTIALS:
        answer.close()
        raise _JudgedError(_refused_by_proxy(call, answer.status))
    failed = answer.status >= 400
    cap = LARGEST_ERROR_BODY if failed else largest
    stream = answer.content
    chunks: list[bytes] = []
    size = 0
    # Asking a stream that has ended costs as much as asking one that has something.
    while not stream.at_eof():
        chunk = await stream.readany()
        size += len(chunk)
        if size > cap:
            answer.close()
            if failed:
                break
            raise _JudgedError(
                ResponseTooLargeError(
                    f"{call}: the answer is larger than {cap} bytes.", retryable=False
                )
            )
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _JudgedError(ValueError):
    """Carries an error of ours out of the frames that know the answer."""

    def __init__(self, error: TransportError) -> None:
        super().__init__()
        self.error = error


def _translate(
    caught: Exception, request: Request, timeout: float, *, sent: bool, max_header: int
) -> CloudFlowError:
    """Return the error of ours that an exception of aiohttp's or the system's stands for.

    Args:
        caught: The exception.
        request: The request that failed.
        timeout: Seconds that the exchange had.
        sent: Whether the request had begun to leave.
        max_header: Bytes that a line of the head might have.
    """
    call = f"{request.method} {request.path}"
    if isinstance(caught, _JudgedError):
        return caught.error
    if isinstance(caught, TimeoutError):
        return _timed_out(caught, call, timeout, sent=sent)
    if isinstance(caught, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
        return _not_connected(caught, call)
    if isinstance(caught, ValueError):
        return InvalidArgumentError(f"{call}: its URL or a header of it cannot be sent.")
    return _failed(caught, call, sent=sent, max_header=max_header)


def _timed_out(
    caught: TimeoutError, call: str, timeout: float, *, sent: bool
) -> RequestTimeoutError:
    if isinstance(caught, aiohttp.ConnectionTimeoutError) or not sent:
        return RequestTimeoutError(f"{call}: no connection in time.", sent=False)
    return RequestTimeoutError(f"{call}: no complete answer within {timeout:g} seconds.")


def _failed(caught: Exception, call: str, *, sent: bool, max_header: int) -> TransportError:
    refused = _refused_by_parser(caught)
    if problem := _problem_of_head(refused, max_header):
        return ResponseTooLargeError(
            f"{call}: the head of the answer is too large: {problem}", sent=sent, retryable=False
        )
    return TransportError(
        f"{call}: {'the connection failed' if sent else 'cannot connect'} ({_reason(caught)}).",
        sent=sent,
        # An encoding that was not asked for would come again.
        retryable=not isinstance(refused, ContentEncodingError),
    )


def _refused_by_parser(caught: Exception) -> BaseException | None:
    """Return why the head of an answer was refused; None: that is not what happened."""
    if not isinstance(caught, aiohttp.ClientResponseError) or caught.__cause__ is None:
        return None
    return caught.__cause__.__cause__


def _problem_of_head(refused: BaseException | None, max_header: int) -> str | None:
    """Say which bound a head exceeds; None: none of them."""
    if isinstance(refused, LineTooLong):
        return (
            f"a line of it is longer than {max_header} bytes; max_header_bytes= raises the bound."
        )
    if isinstance(refused, BadHttpMessage) and refused.message.startswith("Too many headers"):
        return f"it has more than {MOST_HEADERS} lines."
    return None


def _refused_by_proxy(call: str, status: int) -> TransportError:
    """Return the error for an answer of a proxy, which has passed nothing on to the server."""
    if status == _PROXY_NEEDS_CREDENTIALS:
        problem = (
            "the proxy refused the request (407): it needs credentials: "
            "give proxy='http://user:password@host:port'."
        )
    else:
        problem = f"the proxy refused to connect to the server ({status})."
    return TransportError(f"{call}: {problem}", sent=False, retryable=status in _PROXY_MAY_RECOVER)


def _not_connected(
    caught: aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError, call: str
) -> TransportError:
    if isinstance(caught, aiohttp.ClientHttpProxyError):
        return _refused_by_proxy(call, caught.status)
    place = ""
    if isinstance(caught, aiohttp.ClientConnectorCertificateError):
        reason, retryable = "its certificate is not trusted", False
    elif isinstance(caught, aiohttp.ClientSSLError):
        reason, retryable = "the TLS handshake failed", False
    else:
        reason, retryable = _reason(caught), True
        place = " to the proxy" if isinstance(caught, aiohttp.ClientProxyConnectionError) else ""
    return TransportError(
        f"{call}: cannot connect{place} ({reason}).", sent=False, retryable=retryable
    )


def _reason(caught: Exception) -> str:
    # Only what cannot hold a header or a query: the system's own words, or the type's name.
    inner = getattr(caught, "os_error", caught)
    if not isinstance(inner, OSError) or not inner.errno:
        return type(caught).__name__
    # Errors of a name look-up have negative numbers, and words of their own.
    return os.strerror(inner.errno) if inner.errno > 0 else str(inner.strerror)


def _drop_pool(connector: aiohttp.BaseConnector, *, loop_ended: bool) -> None:
    """Close a pool's sockets at once, and leave nothing that warns of being unclosed."""
    pool: Any = connector  # aiohttp can only close it while its loop runs
    idle = [protocol for queue in pool._conns.values() for protocol, _ in queue]
    for protocol in [*pool._acquired, *idle]:
        if loop_ended:
            _close_socket(protocol.transport)
        else:
            protocol.abort()
    pool._conns.clear()
    pool._acquired.clear()
    pool._closed = True


def _close_socket(transport: Any) -> None:
    # asyncio's transports cannot close themselves once their loop is closed, and would warn.
    tls = getattr(transport, "_ssl_protocol", None)
    if tls is not None:
        transport._closed = True
        transport = tls._transport
    if (socket := getattr(transport, "_sock", None)) is not None:
        socket.close()
        transport._sock = None
