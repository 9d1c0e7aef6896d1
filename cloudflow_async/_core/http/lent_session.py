"""Which settings of a caller's `aiohttp.ClientSession`, given as ``http=``, are used.

The session decides how connections are made.  Requests and answers are the client's own: a setting
that would change them is refused by name, because the client would not use it.  The three tables
below together name each parameter of `aiohttp.ClientSession`.  Parameters of its connector are all
used, because the connector itself is.
"""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import attrs
from aiohttp.client import DEFAULT_TIMEOUT
from yarl import URL

from cloudflow_async._core.errors import InvalidArgumentError

from .proxy import Proxy, basic, read_proxy

USED: Final = frozenset(
    {
        "connector",
        "proxy",
        "proxy_auth",
        "read_bufsize",
        "ssl_shutdown_timeout",  # belongs to the connector that the session makes
        "trace_configs",
        "trust_env",
        "version",
    }
)
"""Parameters that hold for the client's requests too."""

NOT_USED: Final[Mapping[str, str]] = {
    "auto_decompress": "the client decompresses each answer, up to max_response_bytes",
    "connector_owner": "the client closes neither the session nor its connector",
    "fallback_charset_resolver": "answers are JSON, which is UTF-8",
    "json_serialize": "the client encodes bodies; a value that it cannot encode is refused",
    "json_serialize_bytes": "the same",
    "loop": "the client runs on the loop of the session",
    "requote_redirect_url": "the client follows redirects by rules of its own",
    "ws_response_class": "there are no WebSockets",
}
"""Parameters without a meaning for the client, and why."""


@attrs.frozen
class Refused:
    """A parameter that is refused."""

    is_set: Callable[[Any, URL], object]
    """Whether a session has it; given the session and the base URL of the client."""

    instead: str
    """What the caller has to do."""


_PARAMETERS: Final = inspect.signature(aiohttp.ClientSession).parameters


def _differs(parameter: str) -> Callable[[Any, URL], object]:
    """Return whether a session has another value than aiohttp's default."""
    default = _PARAMETERS[parameter].default
    return lambda session, _: getattr(session, f"_{parameter}") != default


_COOKIES: Final = Refused(
    lambda session, url: session.cookie_jar.filter_cookies(url),
    "the client sends no cookies",
)
_TIMEOUT: Final = Refused(
    lambda session, _: session.timeout != DEFAULT_TIMEOUT, "give timeout= to the client"
)
_HEADER_SIZE: Final = "give max_header_bytes= to the client"

REFUSED: Final[Mapping[str, Refused]] = {
    "auth": Refused(
        lambda session, _: session.auth is not None,
        "the client signs requests with the credential given as auth=",
    ),
    "base_url": Refused(
        lambda session, _: session._base_url is not None,  # noqa: SLF001 - no public name
        "give base_url= to the client",
    ),
    "cookies": _COOKIES,
    "cookie_jar": _COOKIES,
    "headers": Refused(
        lambda session, _: session.headers,
        "give user_agent= to the client, headers= to its request(), and the credentials of a "
        "proxy in the URL of the session's proxy=",
    ),
    "max_field_size": Refused(_differs("max_field_size"), _HEADER_SIZE),
    "max_headers": Refused(
        _differs("max_headers"), "the client reads up to 128 headers, which is aiohttp's default"
    ),
    "max_line_size": Refused(_differs("max_line_size"), _HEADER_SIZE),
    "middlewares": Refused(
        lambda session, _: session._middlewares,  # noqa: SLF001 - the same
        "the client signs, counts and repeats requests itself; to watch them, give trace_configs= "
        "to the session",
    ),
    "raise_for_status": Refused(
        # True asks for what the client does anyway.
        lambda session, _: callable(session.raise_for_status),
        "the client raises an error of its own for each status of 300 and above",
    ),
    "request_class": Refused(_differs("request_class"), "the client has a class of its own"),
    "response_class": Refused(_differs("response_class"), "the client has a class of its own"),
    "skip_auto_headers": Refused(
        lambda session, _: session.skip_auto_headers, "give user_agent= to the client"
    ),
    "timeout": _TIMEOUT,
    "conn_timeout": _TIMEOUT,
    "read_timeout": _TIMEOUT,
}
"""Parameters that would change requests or answers, with what to do instead."""

_LEND_CONNECTIONS: Final = (
    "To lend its connections alone, give http=aiohttp.ClientSession("
    "connector=session.connector, connector_owner=False)"
)


def check_lent_session(
    session: aiohttp.ClientSession,
    *,
    base_url: str,
    proxy: Proxy | None,
    trust_env: bool,
    ssl_context: ssl.SSLContext | None,
) -> None:
    """Refuse a session with settings that would not be used, and arguments that it overrides.

    Args:
        session: What was given as ``http=``.
        base_url: Where requests go.
        proxy: The argument beside it, as the two that follow.
        trust_env: Is accepted where the session says the same.
        ssl_context: Belongs to the session's connector.

    Raises:
        InvalidArgumentError: The message names the setting and says what to do instead.
    """
    if type(session) is not aiohttp.ClientSession:
        raise InvalidArgumentError(
            "http must be an aiohttp.ClientSession (what a subclass adds would not be used), "
            f"not {type(session).__name__}."
        )
    if session.closed:
        raise InvalidArgumentError("The session given as http= is closed.")
    _check_arguments(session, proxy=proxy, trust_env=trust_env, ssl_context=ssl_context)
    url = URL(base_url)
    for name, refused in REFUSED.items():
        if refused.is_set(session, url):
            raise InvalidArgumentError(
                f"The session given as http= has {name}=, which would not be used: "
                f"{refused.instead}. {_LEND_CONNECTIONS}."
            )


def lent_proxy(session: aiohttp.ClientSession) -> Proxy | None:
    """Return the proxy that a session was made with; None: it has none.

    Raises:
        InvalidArgumentError: It is not an http or https proxy.
    """
    url, auth = session._default_proxy, session._default_proxy_auth  # noqa: SLF001 - no public name
    try:
        proxy = read_proxy(
            "The proxy of the session given as http=", None if url is None else str(url)
        )
        if proxy is None or auth is None:
            return proxy
        return attrs.evolve(proxy, credential=basic(auth.login, auth.password, auth.encoding))
    finally:
        # A traceback that shows variables shows no password.
        del url, auth


def most_connections(session: aiohttp.ClientSession, most: int) -> int:
    """Return how many connections to one server the session's connector opens, `most` at most."""
    connector = session.connector
    assert connector is not None, "an open session has one"
    # To aiohttp, 0 is no limit.
    return min([most, *filter(None, (connector.limit, connector.limit_per_host))])


def _check_arguments(
    session: aiohttp.ClientSession,
    *,
    proxy: Proxy | None,
    trust_env: bool,
    ssl_context: ssl.SSLContext | None,
) -> None:
    if proxy is not None:
        raise InvalidArgumentError(
            "proxy= cannot be combined with http=, whose session decides how connections are "
            "made: give proxy= to the session."
        )
    if ssl_context is not None:
        raise InvalidArgumentError(
            "ssl_context= cannot be combined with http=, whose session decides how connections "
            "are made: give ssl= to the session's connector, "
            "aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))."
        )
    if trust_env and not session.trust_env:
        raise InvalidArgumentError(
            "trust_env=True cannot be combined with http=, whose session decides how connections "
            "are made: give trust_env=True to the session."
        )
