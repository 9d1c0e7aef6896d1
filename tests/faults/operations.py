"""The operations that faults are tried on: a read, a creation, a refresh of a token, a list.

Each opens a client against a `FaultServer`, makes its call, and knows what success looks like and
how many attempts were made.  Times are those of the virtual clock.
"""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from cloudflow_async import CloudFlow, RetryPolicy
from cloudflow_async._core.auth import ApiKeyAuth, Auth
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore, TokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async.cloudflow.workflows import WebhookTrigger, WorkflowSummary
from tests import canaries
from tests.raw_server import Sent

from .server import Answer, FaultServer
from .tls import good, trusting

TIMEOUT: Final = 1.0
"""Seconds for one attempt."""

DEADLINE: Final = 300.0
"""Seconds for a call; longer than any series of attempts and waits that is promised."""

RETRY: Final = RetryPolicy(base=0.005)

CALLERS: Final = 3
"""Who wait for one refresh of a token."""

LIFE: Final = 3600.0
"""Seconds for which a token lives."""

ROWS: Final = 8
PAGE_SIZE: Final = 3


@attrs.define
class Clock:
    """The clock by which a token expires."""

    ahead: float = 0.0
    """Seconds."""

    def __call__(self) -> float:
        """Return the Unix time."""
        return time.time() + self.ahead


@attrs.define(kw_only=True)
class Trial(ABC):
    """An operation that is tried on a server."""

    server: FaultServer
    """Where things go wrong."""

    client: CloudFlow

    healthy: FaultServer
    """Another server, the API's where tokens are tried."""

    clock: Clock = attrs.field(factory=Clock)
    """The client's."""

    name: ClassVar[str]
    most: ClassVar[int] = 3
    """Attempts of what is retried."""

    most_throttled: ClassVar[int] = 5
    """Attempts of what the server asks to have patience for."""

    @abstractmethod
    async def call(self) -> None:
        """Make the call; returns only if it succeeded as it should."""

    async def use(self) -> None:
        """Make a call that goes well, before one that does the same once more."""
        await self.call()

    async def prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """Do what comes before the attempt that goes wrong."""

    async def again(self) -> None:
        """Show that the client works, once the server does."""
        await self.call()

    @property
    def attempts(self) -> int:
        """Attempts that the client counted."""
        return self.client.statistics().requests


class Get(Trial):
    """Reads a workflow."""

    name = "GET"

    async def call(self) -> None:
        """Get it."""
        workflow = await self.client.workflows.get("wf_8x7k2m9p")

        assert "Data Processing Pipeline" == workflow.name


class Post(Trial):
    """Creates a workflow."""

    name = "POST"
    description = "Processes customer data"

    async def call(self) -> None:
        """Create it."""
        created = await self.client.workflows.create(
            name="New Pipeline", description=self.description, trigger=WebhookTrigger(), steps=[]
        )

        assert "wf_9k3m7n2q" == created.id


@attrs.define(kw_only=True)
class Tok(Trial):
    """Refreshes a token, for which several callers wait."""

    name = "TOK"
    most_throttled = 2

    @property
    def attempts(self) -> int:
        """The endpoint's own count: token requests are not in the client's statistics."""
        return self.server.sends

    async def call(self) -> None:
        """Let them call; each gets an error of its own when there is no token."""
        calls = (self.client.workflows.get("wf_8x7k2m9p") for _ in range(CALLERS))
        found = await asyncio.gather(*calls, return_exceptions=True)
        errors = [each for each in found if isinstance(each, BaseException)]
        if errors:
            assert CALLERS == len({id(error) for error in errors})
            assert 1 == len({(type(error), str(error)) for error in errors})
            raise errors[0]

    async def use(self) -> None:
        """Refresh the token, and let the new one expire."""
        await self.call()
        self.clock.ahead += LIFE

    async def again(self) -> None:
        """Call once more, after the second in which a token endpoint that failed is spared."""
        await asyncio.sleep(1.1)
        await self.call()


@attrs.define(kw_only=True)
class Page(Trial):
    """Reads a list whose second page goes wrong."""

    name = "PAGE"

    pages: Pages[WorkflowSummary] = attrs.field(init=False)
    seen: list[str] = attrs.field(factory=list)
    _rows: AsyncIterator[WorkflowSummary] = attrs.field(init=False)
    _before: int = 0

    def __attrs_post_init__(self) -> None:
        self.pages = self.client.workflows.list(page_size=PAGE_SIZE, prefetch=0)
        self._rows = aiter(self.pages)

    @property
    def attempts(self) -> int:
        """Those of the pages after the first."""
        return self.client.statistics().requests - self._before

    async def use(self) -> None:
        """Do nothing: the page that goes wrong is not the first."""

    async def prepare(self) -> None:
        """Read the first page."""
        self.seen += [(await anext(self._rows)).id for _ in range(PAGE_SIZE)]
        self._before = self.client.statistics().requests
        self.server.sends = 0

    async def call(self) -> None:
        """Read on to the end of the list, or of what one request gives."""
        self.seen += [(await anext(self._rows)).id]

        assert [f"wf_{number}" for number in range(len(self.seen))] == self.seen

    async def again(self) -> None:
        """Go on after the last row that was delivered: none is lost, none comes twice."""
        rest = self.client.workflows.list(page_size=PAGE_SIZE, start=self.pages.bookmark)
        self.seen += [row.id async for row in rest]

        assert [f"wf_{number}" for number in range(ROWS)] == self.seen


_DOCUMENTS = Path(__file__).parents[1] / "documents" / "cloudflow"

OPERATIONS: Final[dict[str, type[Trial]]] = {kind.name: kind for kind in (Get, Post, Tok, Page)}


def api(sent: Sent) -> Answer:
    """Answer as the API does (API document: Endpoints)."""
    url = urlsplit(sent.target)
    headers = {"Content-Type": "application/json"}
    if url.path == "/token":
        return Answer(body=_token(canaries.NEXT_ACCESS_TOKEN), headers=headers)
    if sent.method == "POST":
        body = document("create_workflow.201.json")
        return Answer(status=201, body=body, headers=headers)
    if url.path == "/workflows":
        query = parse_qs(url.query)
        page = list_page(int(query["offset"][0]), int(query["limit"][0]))
        return Answer(body=json.dumps(page).encode(), headers=headers)
    return Answer(body=document("get_workflow.200.json"), headers=headers)


@functools.cache
def document(name: str) -> bytes:
    """Return a sample of the API document."""
    return (_DOCUMENTS / name).read_bytes()


def list_page(offset: int, limit: int, *, rows: int = ROWS) -> dict[str, Any]:
    """Return a page of a list of workflows."""
    data = [row(number) for number in range(offset, min(offset + limit, rows))]
    about = {"total": rows, "limit": limit, "offset": offset}
    return {"data": data, "pagination": {**about, "has_more": offset + len(data) < rows}}


def row(number: int) -> dict[str, Any]:
    """Return a row of a list of workflows."""
    shown: dict[str, Any] = json.loads(document("list_workflows.200.json"))["data"][0]
    return {**shown, "id": f"wf_{number}"}


def _token(access_token: str) -> bytes:
    answer = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(LIFE),
        "refresh_token": canaries.NEXT_REFRESH_TOKEN,
    }
    return json.dumps(answer).encode()


def _token_api(server: FaultServer) -> Any:
    def answer(sent: Sent) -> Answer:
        if server.spent:
            return Answer(status=400, body=b'{"error": "invalid_grant"}')
        return api(sent)

    return answer


@asynccontextmanager
async def trial(
    name: str,
    *,
    tls: bool = False,
    host: str = "127.0.0.1",
    auth: Callable[[], Auth] | None = None,
    store: TokenStore | None = None,
    **options: Any,
) -> AsyncIterator[Trial]:
    """Open an operation on servers of its own, for the length of the block.

    Args:
        name: GET, POST, TOK or PAGE.
        tls: Whether the server speaks TLS, with a certificate that the client trusts.
        host: By which name the client calls it.
        auth: Makes what the client signs with, where that is not what is tried.
        store: Where a login is kept with which the client signs; its token has expired.
        **options: Of the client.
    """
    kind = OPERATIONS[name]
    options["ssl_context"] = trusting() if tls else None
    serving = good() if tls else None
    async with FaultServer(api, tls=serving, host=host) as server, FaultServer(api) as healthy:
        clock = Clock()
        if kind is Tok:
            server.api = _token_api(server)
        elif store is not None:
            auth = functools.partial(_login, healthy.base_url, store=store, clock=clock)
        urls = server.base_url, healthy.base_url
        async with client_of(name, *urls, auth=auth, store=store, clock=clock, **options) as client:
            yield kind(server=server, client=client, healthy=healthy, clock=clock)


def client_of(
    name: str,
    url: str,
    healthy_url: str,
    *,
    auth: Callable[[], Auth] | None = None,
    store: TokenStore | None = None,
    clock: Callable[[], float] = time.time,
    **options: Any,
) -> CloudFlow:
    """Return the client of an operation.

    Args:
        name: GET, POST, TOK or PAGE.
        url: Of the server that is tried: the API's, or of the token endpoint.
        healthy_url: Of the API where tokens are tried.
        auth: Makes what it signs with; None: a key, or the login that is tried.
        store: Where the login is kept.
        clock: That of the login.
        **options: Of the client.
    """
    chosen = {"timeout": TIMEOUT, "deadline": DEADLINE, "retry": RETRY, **options}
    if OPERATIONS[name] is Tok:
        tls = {"timeout": chosen["timeout"], "ssl_context": chosen.get("ssl_context")}
        signing: Auth = _login(url, store=store, clock=clock, **tls)
        return CloudFlow(auth=signing, base_url=healthy_url, **chosen)
    signing = ApiKeyAuth(canaries.API_KEY) if auth is None else auth()
    return CloudFlow(auth=signing, base_url=url, **chosen)


EXPIRED: Final = Token(
    access_token=canaries.ACCESS_TOKEN, refresh_token=canaries.REFRESH_TOKEN, expires_at=1.0
)
"""What has to be refreshed."""


def _login(
    url: str,
    *,
    store: TokenStore | None,
    clock: Callable[[], float],
    timeout: float = TIMEOUT,
    ssl_context: ssl.SSLContext | None = None,
) -> OAuth2Auth:
    return OAuth2Auth(
        "app",
        client_secret=canaries.CLIENT_SECRET,
        store=MemoryTokenStore(EXPIRED) if store is None else store,
        authorize_url="https://127.0.0.1/authorize",
        token_url=f"{url}/token",
        timeout=timeout,
        ssl_context=ssl_context,
        clock=clock,
    )
