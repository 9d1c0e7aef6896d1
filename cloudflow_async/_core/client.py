"""What the clients of all APIs have in common: they own a session, and give views of it."""

from __future__ import annotations

import platform
import re
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

import attrs

from .auth import AnonymousAuth, Auth, check_auth
from .codec.decode import prepare
from .errors import InvalidArgumentError
from .http.proxy import Proxy
from .http.response import Response
from .http.retry import RetryPolicy
from .http.transport import (
    HIGHEST_HEADER_BOUND,
    LARGEST_BODY,
    LARGEST_HEADER,
    AiohttpTransport,
)
from .http.urls import check_base_url, check_header, check_path
from .messages import UNSET, RateLimitStatus, Statistics, Unset
from .options import Options
from .paging.pages import Pages
from .rate_limit.limiter import Limiter, LocalLimiter
from .rate_limit.limits import Priority, RateLimits
from .resource import QueryValue, make_request
from .session import Session
from .support.validation import check_flag, check_int, check_kind, check_methods, describe
from .support.version import VERSION

if TYPE_CHECKING:
    import aiohttp

    from .fan_out.estimate import Estimate
    from .fan_out.fan_out import FanOut

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_OURS = frozenset(
    {"authorization", "x-api-key", "cookie", "host", "content-length", "transfer-encoding"}
)
_LIMITER = "a Limiter, such as LocalLimiter(...)"
_LIMITER_METHODS = ("acquire", "observe", "release", "forecast", "status", "statistics")


class Client:
    """Owns a session; its resources send through it.

    Constructing one does no I/O and needs no event loop; the pool opens at first use, or on
    entering ``async with``, whose end closes it.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own, all have a default
        self,
        auth: Auth,
        *,
        base_url: str,
        limits: RateLimits | None = None,
        usual_limits: RateLimits | None = None,
        limiter: Limiter | None = None,
        reserve: int = 0,
        retry: RetryPolicy | None = None,
        timeout: float = 30.0,
        deadline: float | None = None,
        max_wait: float | None = None,
        max_connections: int = 100,
        max_response_bytes: int = LARGEST_BODY,
        max_header_bytes: int = LARGEST_HEADER,
        http: aiohttp.ClientSession | None = None,
        user_agent: str | None = None,
        follow_redirects: bool = False,
        check_response_ids: bool = True,
        proxy: Proxy | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        allow_insecure_http: bool = False,
    ) -> None:
        check_auth("auth", auth)
        check_int("max_connections", max_connections, 1)
        check_int("max_response_bytes", max_response_bytes, 1)
        check_int("max_header_bytes", max_header_bytes, 1, HIGHEST_HEADER_BOUND)
        check_flag("trust_env", trust_env)
        check_flag("allow_insecure_http", allow_insecure_http)
        self._base_url = check_base_url(base_url, allow_insecure_http=allow_insecure_http)
        prepare()
        transport = AiohttpTransport(
            self._base_url,
            max_connections=max_connections,
            max_body=max_response_bytes,
            max_header=max_header_bytes,
            http=http,
            user_agent=_user_agent(user_agent),
            proxy=proxy,
            trust_env=trust_env,
            ssl_context=ssl_context,
        )
        _check_limiter(limiter, limits, reserve)
        if limiter is None:
            limiter = LocalLimiter(
                limits or usual_limits or _limits_of(auth),
                max_in_flight=transport.max_connections,
                reserve=reserve,
            )
        self._session = Session(
            base_url=self._base_url, transport=transport, limiter=limiter, auth=auth
        )
        self._owns_session = True
        self._use(
            Options(
                timeout=timeout,
                deadline=deadline,
                max_wait=max_wait,
                retry=RetryPolicy() if retry is None else retry,
                follow_redirects=follow_redirects,
                check_response_ids=check_response_ids,
            )
        )

    def _use(self, options: Options) -> None:
        """Make the resources of this client, or view, send with these options."""
        self._options = options

    def __repr__(self) -> str:
        state = "closed" if self._session.closed else "open"
        return f"<{type(self).__name__} {self._base_url} {describe(self._session.auth)} {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A client cannot be pickled or copied: make one in each process; "
            "with_options() gives a view that shares its pool."
        )

    async def __aenter__(self) -> Self:
        self._session.bind()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the pool; idempotent.

        Calls that wait end at once with `ClientClosedError`, those on the wire have 5 seconds, as
        has a renewal of the credential; half a second and one second when the task that closes is
        being cancelled, as by Ctrl-C.
        A view made by `with_options` closes nothing.

        Raises:
            WrongLoopError: It is in use on another event loop that still runs.
        """
        if self._owns_session:
            await self._session.close()

    async def close(self) -> None:
        """Do the same as `aclose()`."""
        await self.aclose()

    @property
    def base_url(self) -> str:
        """Where requests go, without a trailing slash."""
        return self._base_url

    @property
    def rate_limit(self) -> RateLimitStatus:
        """Where this client stands with its rate limit."""
        return self._session.rate_limit()

    def statistics(self) -> Statistics:
        """Return counters since the client was made."""
        return self._session.statistics()

    def with_options(
        self,
        *,
        timeout: float | Unset = UNSET,
        deadline: float | Unset | None = UNSET,
        max_wait: float | Unset | None = UNSET,
        retry: RetryPolicy | Unset = UNSET,
        retry_non_idempotent: bool | Unset = UNSET,
        check_response_ids: bool | Unset = UNSET,
        follow_redirects: bool | Unset = UNSET,
        priority: Priority | Unset = UNSET,
    ) -> Self:
        """Return a view with other options that shares pool, limiter and credential.

        Args:
            timeout: Seconds for one attempt on the wire.
            deadline: Seconds for a whole call; None: no bound.
            max_wait: Most seconds to wait for the rate limit; 0 fails at once; None: no bound.
            retry: How often and how patiently to try again.
            retry_non_idempotent: Send a POST or PATCH again although it may have been applied.
            check_response_ids: Refuse an answer that names another resource than was asked for.
            follow_redirects: Whether a GET follows redirects below the base URL.
            priority: ``"high"`` passes ahead of ``"normal"`` calls in the line for the rate
                limit, and those ahead of ``"low"`` ones; see `Limiter.acquire`.

        Raises:
            InvalidArgumentError: An option is of another kind, or out of range.
        """
        changes: dict[str, Any] = {
            "timeout": timeout,
            "deadline": deadline,
            "max_wait": max_wait,
            "retry": retry,
            "retry_non_idempotent": retry_non_idempotent,
            "check_response_ids": check_response_ids,
            "follow_redirects": follow_redirects,
            "priority": priority,
        }
        given = {name: value for name, value in changes.items() if value is not UNSET}
        return self._view(attrs.evolve(self._options, **given))

    def _view(self, options: Options) -> Self:
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._owns_session = False
        view._use(options)
        return view

    async def estimate(
        self, listing: Pages[Any] | FanOut[Any], *, sample: int | None = None
    ) -> Estimate:
        """Look at first pages, and return what reading a list, or many, will cost.

        The first pages of a fan-out (of up to 1,000 lists) are kept, so that it does not fetch
        them again; look at it before its first row is asked for, in its ``async with`` or before.
        That of a single list is fetched again when the list is read.  Histories cut by ``slices``
        are guessed from their length, a little high.

        Args:
            listing: What a `list` method, `executions` or `fan_out` returned.
            sample: Of a fan-out, how many lists to look at, from which to guess the others; None:
                at all.  An iterator of ids is read to its end.

        Raises:
            InvalidArgumentError: `listing` is neither, or `sample` is out of range.
            InvalidStateError: The iteration has begun.
            CloudFlowError: A first page cannot be had, and the fan-out does not collect errors.
        """
        from .fan_out.estimate import estimate  # noqa: PLC0415 - not every program reads many histories

        return await estimate(listing, self._session.forecast, sample)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, QueryValue] | None = None,
        json: object = UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request that has no method of its own, with the same waits and retries.

        Args:
            method: HTTP method.
            path: Path below the base URL, such as ``/workflows``; it is sent as it is.
            params: Query parameters; those that are None are left out.
            json: Body; any JSON value or one of the models.
            headers: Further headers; the credential's own are refused.

        Returns:
            The answer, if its status is 200 to 299.

        Raises:
            InvalidArgumentError: Method, path, parameters, body or headers cannot be sent.
        """
        check_kind("method", method, str, "an HTTP method, such as 'GET'")
        if method.upper() not in _METHODS:
            raise InvalidArgumentError(f"method must be one of {', '.join(sorted(_METHODS))}.")
        check_kind("params", params, (Mapping, type(None)), "a mapping of names to values")
        check_kind("headers", headers, (Mapping, type(None)), "a mapping of names to values")
        request = make_request(
            method.upper(),
            check_path(path),
            segments={},
            query=(params or {}).items(),
            body=json,
            headers=_check_headers(headers or {}),
            expects_json=False,
        )
        # A body may hold a secret, and error trackers record local variables.
        del json
        return await self._session.send(request, self._options)


def _check_limiter(limiter: object, limits: object, reserve: int) -> None:
    advice = "Did you mean limits=?" if isinstance(limiter, RateLimits) else ""
    if limiter is not None:
        check_methods("limiter", limiter, _LIMITER_METHODS, _LIMITER, advice)
    if limits is not None:
        advice = "Did you mean limiter=?" if isinstance(limits, LocalLimiter) else ""
        check_kind("limits", limits, RateLimits, "RateLimits(...)", advice)
    if limiter is not None and limits is not None:
        raise InvalidArgumentError("Give one of limits and limiter, not both.")
    if limiter is not None and reserve:
        raise InvalidArgumentError(
            "reserve= goes with the limiter that the client makes itself; "
            "give it to yours: LocalLimiter(reserve=...)."
        )


def _limits_of(auth: Auth) -> RateLimits | None:
    return RateLimits.unauthenticated() if isinstance(auth, AnonymousAuth) else None


def _user_agent(given: str | None) -> str:
    if given is not None:
        return check_header("user_agent", given)
    return f"cloudflow-async/{VERSION} Python/{platform.python_version()}"


def _check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        check_kind("A header's name", name, str, "a str")
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidArgumentError("A header's name has only letters, digits and hyphens.")
        if name.lower() in _OURS:
            raise InvalidArgumentError(f"The header {name} is set by the client itself.")
        check_header(f"The header {name}", value)
    return headers
