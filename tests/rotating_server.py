"""A token endpoint and an API behind it: refresh tokens rotate, and an old one ends the login."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
from aiohttp import web

from cloudflow_async._core.auth.token import Token

Answer = Callable[["RotatingServer"], Awaitable[web.StreamResponse]]

CODE = "code-canary-0123456789"
LIFE = 3600.0


@attrs.define(eq=False)
class RotatingServer:
    """The server's books; one login, whose tokens are numbered."""

    clock: Callable[[], float]
    """Unix time in seconds."""

    url: str = ""
    generation: int = 1
    """Number of the newest pair of tokens."""

    accepts: bool = True
    """Whether the API accepts any token at all."""

    revoked: bool = False
    """Whether an old refresh token came back."""

    expires_at: float = 0.0
    """When the newest access token ends."""

    delay: float = 0.05
    """Seconds that a token request takes."""

    answer: Answer | None = None
    """What the token endpoint answers instead."""

    forms: list[dict[str, str]] = attrs.field(factory=list)
    """What came to the token endpoint."""

    was_asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set by the first token request."""

    closing: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set at the end of the test."""

    calls: Counter[str] = attrs.field(factory=Counter)
    """How often each call came to the API, by its parameter ``n``."""

    statuses: Counter[int] = attrs.field(factory=Counter)
    """What the API answered."""

    def __attrs_post_init__(self) -> None:
        self.expires_at = self.clock() + LIFE

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return f"{self.url}/token"

    @property
    def authorize_url(self) -> str:
        """The authorization endpoint, which nobody opens."""
        return f"{self.url}/authorize"

    @property
    def base_url(self) -> str:
        """The API."""
        return f"{self.url}/v2"

    def token(self) -> Token:
        """Return the newest pair of tokens."""
        return Token(
            access_token=f"access-canary-{self.generation}",
            refresh_token=f"refresh-canary-{self.generation}",
            expires_at=self.expires_at,
        )

    def expire(self) -> None:
        """Accept the newest access token no longer, whatever was said of its end."""
        self.expires_at = self.clock()

    async def give_token(self, request: web.Request) -> web.StreamResponse:
        """Answer a token request."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.was_asked.set()
        await asyncio.sleep(self.delay)
        if self.answer is not None:
            return await self.answer(self)
        given = form.get("refresh_token", form.get("code"))
        self.revoked = self.revoked or given not in {CODE, f"refresh-canary-{self.generation}"}
        if self.revoked:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.generation += 1
        self.expires_at = self.clock() + LIFE
        return web.json_response(
            {
                "access_token": f"access-canary-{self.generation}",
                "refresh_token": f"refresh-canary-{self.generation}",
                "token_type": "bearer",
                "expires_in": LIFE,
                "session_state": "unknown to us",
            }
        )

    async def give_page(self, request: web.Request) -> web.Response:
        """Answer a call of the API."""
        self.calls[request.query.get("n", "")] += 1
        header = f"Bearer access-canary-{self.generation}"
        known = request.headers.get("Authorization") == header
        accepted = known and self.accepts and self.clock() < self.expires_at
        status = 200 if accepted else 401
        self.statuses[status] += 1
        return web.json_response({}, status=status)


@contextlib.asynccontextmanager
async def rotating_server(clock: Callable[[], float]) -> AsyncIterator[RotatingServer]:
    """Run the server on a free port of 127.0.0.1."""
    server = RotatingServer(clock)
    app = web.Application()
    app.router.add_post("/token", server.give_token)
    app.router.add_get("/v2/{path:.*}", server.give_page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        server.closing.set()
        await runner.cleanup()
