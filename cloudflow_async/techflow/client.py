"""The client of the TechFlow API."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Final

from cloudflow_async._core.auth import Auth
from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.http.proxy import read_proxy
from cloudflow_async._core.http.retry import RetryPolicy
from cloudflow_async._core.http.transport import LARGEST_BODY, LARGEST_HEADER
from cloudflow_async._core.options import Options
from cloudflow_async._core.public import public
from cloudflow_async._core.rate_limit.limiter import Limiter
from cloudflow_async._core.rate_limit.limits import RateLimits

from .executions import Executions
from .keys import BearerKeyAuth
from .workflows import Workflows

if TYPE_CHECKING:
    import aiohttp

BASE_URL: Final = "https://api.techflow.com/v2"
"""API document: Base URL."""

BASE_URL_VARIABLE: Final = "TECHFLOW_BASE_URL"

LIMITS: Final = RateLimits(requests=100, per=60.0, burst=100, burst_per=60.0)
"""API document, Rate Limiting: "100 requests per minute per API key".

It names neither bursts nor headers, so that no 60 seconds see more than 100.
"""


@public("cloudflow_async.techflow")
class TechFlow(Client):
    """The client of the TechFlow API: ``async with TechFlow("your_key") as tf``.

    It behaves like `CloudFlow`, and so do the options that are not explained here.  The errors are
    the same, too: `CloudFlowError` is the root of them.  TechFlow documents no body for errors:
    the status decides, `server_message` is what can be read as a message, and `body` has the
    beginning of what came.

    Args:
        api_key: An API key; short for ``auth=BearerKeyAuth(api_key)``.
        auth: Another credential.  Without either, the key is that of the environment variable
            ``TECHFLOW_API_KEY``, read when it is needed.
        base_url: Where the API is.  None: if the key comes from the environment, what the
            variable ``TECHFLOW_BASE_URL`` says, or else the documented one.
        limits: None: the documented 100 a minute.
        max_response_bytes: Bytes of a decompressed answer that are accepted; a list comes in one.
        max_header_bytes: Bytes of one line of an answer's head that are accepted, at most 262,144;
            raise it where a gateway adds longer ones.  A head may have 512 lines.
        check_response_ids: Whether an answer with another ``id`` than was asked for is refused with
            a `ResponseMismatchError`.  False is for a mock server that answers with one sample.

    Raises:
        InvalidArgumentError: An argument cannot be used.
    """

    workflows: Workflows
    """List, get, create, update, replace, delete and execute workflows."""

    executions: Executions
    """The history of executions."""

    def __init__(  # noqa: PLR0913 - each is an option of its own, all have a default
        self,
        api_key: str | None = None,
        *,
        auth: Auth | None = None,
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
            if base_url is None:
                base_url = _usual_url(given=api_key is not None or auth is not None)
            route = read_proxy("proxy", proxy)
            chosen = _choose(api_key, auth)
        finally:
            # From here on a traceback that shows variables shows neither key nor password.
            del api_key, proxy
        super().__init__(
            chosen,
            base_url=base_url,
            limits=limits,
            usual_limits=LIMITS,
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
        self.executions = Executions(self._session, options)


def _choose(api_key: str | None, auth: Auth | None) -> Auth:
    try:
        if api_key is None:
            return BearerKeyAuth.from_environment() if auth is None else auth
        if auth is not None:
            raise InvalidArgumentError("Give one of api_key and auth, not both.")
        return BearerKeyAuth(api_key)
    finally:
        del api_key


def _usual_url(*, given: bool) -> str:
    # A key that was given goes only where the caller or the document says.
    found = "" if given else os.environ.get(BASE_URL_VARIABLE, "").strip()
    return found or BASE_URL
