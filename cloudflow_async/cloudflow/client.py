"""The client of the CloudFlow API."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from cloudflow_async._core.auth import ApiKeyAuth, Auth
from cloudflow_async._core.auth.api_key.api_key import BASE_URL
from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.http.proxy import read_proxy
from cloudflow_async._core.http.retry import RetryPolicy
from cloudflow_async._core.http.transport import LARGEST_BODY, LARGEST_HEADER
from cloudflow_async._core.options import Options
from cloudflow_async._core.public import public
from cloudflow_async._core.rate_limit.limiter import Limiter
from cloudflow_async._core.rate_limit.limits import RateLimits

from .analytics import Analytics
from .pipelines import Execution, Pipelines
from .waiting import Waits
from .webhooks import Webhooks
from .workflows import Workflows

if TYPE_CHECKING:
    import aiohttp


@public("cloudflow_async")
class CloudFlow(Client):
    """The client of the CloudFlow API: ``async with CloudFlow("cf_live_...") as cf``.

    Use one client for the whole life of an application: it owns the pool of connections and the
    budget of requests.  Constructing it needs no running event loop, and does no I/O but for one:
    a profile, asked for or looked for, is read from its file at once, because it may say where
    the API is.

    Args:
        api_key: An API key; short for ``auth=ApiKeyAuth(api_key)``.
        auth: Another credential.
        profile: A profile of the configuration file, with its credential, base URL and tier.
            Without any of the three, credentials are looked for: see `AuthChain.default`.
        base_url: Where the API is; https, or http on loopback.  None: what the profile says; or,
            if credentials are looked for, the environment variable ``CLOUDFLOW_BASE_URL``; or the
            documented one.  Given explicitly, whatever credential there is goes there.
        limits: The limits of the key, such as ``RateLimits.enterprise()``.  None: those of the
            profile's tier, or else the documented ones, until the server tells of other ones.
        limiter: Decides when a request may leave, in place of `limits`.  None: a `LocalLimiter`
            of this client's own, with `max_connections` requests in flight at most.
        reserve: Requests of the limiter's budget that only calls of high priority may use, for
            those that a person waits for: ``cf.with_options(priority="high")``.  A limiter of
            your own has its own.
        retry: How often and how patiently to try again; None: `RetryPolicy()`.
        timeout: Seconds for one attempt on the wire.
        deadline: Seconds for a whole call with its waits and retries; None: no bound.
        max_wait: Most seconds that a call waits for the rate limit; 0 fails at once; None: no
            bound.
        max_connections: Most connections, and most requests in flight; beside `http` it bounds
            the latter, as the limits of the session's connector do.
        max_response_bytes: Bytes of a decompressed answer that are accepted.
        max_header_bytes: Bytes of one line of an answer's head that are accepted, at most 262,144;
            raise it where a gateway adds longer ones.  A head may have 512 lines.
        http: A session of your own, which decides how connections are made: its connector,
            `proxy`, `trust_env`, `version`, `read_bufsize` and `trace_configs` are used.  It is
            never closed.  Settings of it that would change requests (`headers`, `cookies`,
            `timeout`, `middlewares` and others) are refused: requests are the client's own.
            Its pool lacks one guard of ours: a connection on which a server wrote unasked is
            not dropped.
        user_agent: Value of the ``User-Agent`` header; None names this package.
        follow_redirects: Whether a GET follows redirects; only ever below the base URL.
        check_response_ids: Whether an answer that names another resource than was asked for, in its
            ``id``, ``workflow_id`` or ``pipeline_id``, is refused with a `ResponseMismatchError`.
            False is for a mock server that answers with the samples of the API document, whatever
            it is asked for; elsewhere it hides that a proxy or cache has mixed up answers.  The
            offset of a page is checked in any case: of a list that is repeated for each page, only
            the first page can be read, as by ``await cf.workflows.list()``.
        proxy: URL of an http or https proxy for all requests, such as
            ``http://user:password@proxy.example:3128``; `trust_env` and ``NO_PROXY`` do not apply
            to it.  The credential in it is sent to the proxy alone, and never shown.
        trust_env: Whether the proxies of ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` are
            used, but for hosts in ``NO_PROXY``; they are read once, at the first request.
        ssl_context: For a server, or an https proxy, whose certificate is signed by a private
            authority, and for client certificates.
            The token requests of a login that the client finds in a profile are made with `http`,
            `proxy`, `trust_env` and `ssl_context` too; an `OAuth2Auth` has its own.
        allow_insecure_http: Accept plain http beyond loopback: credentials are then readable on
            the way.

    Raises:
        InvalidArgumentError: An argument cannot be used.
        CredentialError: The profile that was asked for, here or by ``CLOUDFLOW_PROFILE``, is
            missing or cannot be used.
    """

    workflows: Workflows
    """List, get, create, update, delete and trigger workflows."""

    pipelines: Pipelines
    """Executions of pipelines."""

    analytics: Analytics
    """Metrics of workflows."""

    webhooks: Webhooks
    """Webhook endpoints."""

    def __init__(  # noqa: PLR0913 - each is an option of its own, all have a default
        self,
        api_key: str | None = None,
        *,
        auth: Auth | None = None,
        profile: str | None = None,
        base_url: str | None = None,
        limits: RateLimits | None = None,
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
        proxy: str | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        allow_insecure_http: bool = False,
    ) -> None:
        try:
            route = read_proxy("proxy", proxy)
            network = {
                "http": http,
                "proxy": route,
                "trust_env": trust_env,
                "ssl_context": ssl_context,
            }
            place = _choose(api_key, auth, profile, base_url, network)
        finally:
            # From here on a traceback that shows variables shows neither key nor password.
            del api_key, proxy
        self._waits = Waits[Execution]()
        super().__init__(
            place.auth,
            base_url=place.base_url,
            limits=limits,
            usual_limits=place.limits,
            limiter=limiter,
            reserve=reserve,
            retry=retry,
            timeout=timeout,
            deadline=deadline,
            max_wait=max_wait,
            max_connections=max_connections,
            max_response_bytes=max_response_bytes,
            max_header_bytes=max_header_bytes,
            http=http,
            user_agent=user_agent,
            follow_redirects=follow_redirects,
            check_response_ids=check_response_ids,
            proxy=route,
            trust_env=trust_env,
            ssl_context=ssl_context,
            allow_insecure_http=allow_insecure_http,
        )

    def _use(self, options: Options) -> None:
        super()._use(options)
        self.workflows = Workflows(self._session, options)
        self.pipelines = Pipelines(self._session, options, self._waits)
        self.analytics = Analytics(self._session, options)
        self.webhooks = Webhooks(self._session, options)

    async def aclose(self) -> None:
        """Close the pool; idempotent.

        Calls that wait, and waits for executions, end at once with `ClientClosedError`; calls on
        the wire have 5 seconds.  A view made by `with_options` closes nothing.

        Raises:
            WrongLoopError: It is in use on another event loop that still runs.
        """
        if self._owns_session:
            self._waits.close()
        await super().aclose()


@attrs.frozen
class _Place:
    """Who one is, and where."""

    auth: Auth
    base_url: str
    limits: RateLimits | None = None


def _choose(
    api_key: str | None,
    auth: Auth | None,
    profile: str | None,
    base_url: str | None,
    network: Mapping[str, Any],
) -> _Place:
    try:
        if sum(given is not None for given in (api_key, auth, profile)) > 1:
            raise InvalidArgumentError("Give one of api_key, auth and profile, not both.")
        if api_key is not None:
            return _Place(ApiKeyAuth(api_key), _or_usual(base_url))
    finally:
        del api_key
    return _look_up(auth, profile, base_url, network)


def _look_up(
    auth: Auth | None, profile: str | None, base_url: str | None, network: Mapping[str, Any]
) -> _Place:
    # These are a fifth of the time that importing this package takes, and those who give a key
    # need none of them.
    from cloudflow_async._core.auth.chain import AuthChain  # noqa: PLC0415 - see above
    from cloudflow_async._core.auth.profiles.profiles import read_profile  # noqa: PLC0415 - the same

    if profile is not None:
        found = read_profile(profile)
        return _Place(found.auth(network), _or_usual(base_url, found.base_url), found.limits)
    if auth is None:
        auth = AuthChain.default(base_url=base_url, network=network)
    if isinstance(auth, AuthChain):
        return _Place(auth, _or_usual(base_url, auth.base_url), auth.limits)
    return _Place(auth, _or_usual(base_url))


def _or_usual(*urls: str | None) -> str:
    return next((url for url in urls if url is not None), BASE_URL)
