"""Many processes, one login: a server that rotates refresh tokens, and one file between them."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.token import Token

_ROOT = Path(__file__).parent.parent.parent
_LIFE = 3600
_TASKS = 50

_WORKER = """
import asyncio, sys
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.protocol import Refusal
from cloudflow_async._core.errors import CloudFlowError
from cloudflow_async._core.messages import Request

REQUEST = Request(method="GET", path="/workflows", target="/workflows")

async def main(path, token_url, tasks):
    now = 0.0
    auth = OAuth2Auth(
        "app", store=FileTokenStore(path), token_url=token_url, clock=lambda: now
    )

    async def call(refused):
        try:
            if refused and not await auth.renew(Refusal(signed=refused)):
                return "no other token"
            return (await auth.sign(REQUEST))["Authorization"].removeprefix("Bearer ")
        except CloudFlowError as error:
            return type(error).__name__

    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        now, is_refused = float(line.split()[1]), line.startswith("refused")
        refused = await auth.sign(REQUEST) if is_refused else None
        print(*{*await asyncio.gather(*(call(refused) for _ in range(tasks)))}, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


class RotatingServer:
    """A token endpoint that gives each refresh token once, and ends the login at its reuse."""

    def __init__(self) -> None:
        self.login = Token(access_token="access-0", refresh_token="refresh-0", expires_at=0)
        self.refreshes = 0
        self.answers: list[int] = []
        self.is_revoked = False
        self.stops_at: str | None = None
        self.stopped = asyncio.Event()
        self.lost = asyncio.Event()
        self._valid = "refresh-0"
        self._spent: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one token request."""
        form = await request.post()
        # Others may come in between, as they may where two machines share a database.
        await asyncio.sleep(0.01)
        await self._stop_at("before the rotation")
        reply = self._rotate(str(form["refresh_token"]))
        await self._stop_at("after the rotation")
        self.answers.append(reply.status)
        return reply

    async def _stop_at(self, step: str) -> None:
        if step != self.stops_at:
            return
        self.stops_at = None
        self.stopped.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.lost.set()

    def _rotate(self, refresh_token: str) -> web.Response:
        self.is_revoked = self.is_revoked or refresh_token in self._spent
        if self.is_revoked or refresh_token != self._valid:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.refreshes += 1
        self._spent.add(refresh_token)
        self._valid = f"refresh-{self.refreshes}-{secrets.token_hex(4)}"
        return web.json_response(
            {
                "access_token": self.access_token,
                "token_type": "Bearer",
                "expires_in": _LIFE,
                "refresh_token": self._valid,
            }
        )

    @property
    def access_token(self) -> str:
        """The one that was given last."""
        return f"access-{self.refreshes}"


class Worker:
    """A process that makes calls with the shared token, each time it is told to."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._ears = process.stdin
        self._mouth = process.stdout

    def tell(self, what: str, now: float) -> None:
        """Have all its tasks make a call; its clock is at `now`."""
        self._ears.write(f"{what} {now}\n".encode())

    async def hear(self) -> str:
        """Return the different tokens, or errors, of its tasks."""
        return (await self._mouth.readline()).decode().strip()

    async def stop(self) -> None:
        """End it."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self._ears.close()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Return what ends processes before the server."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def server() -> RotatingServer:
    """Return the token endpoint's state."""
    return RotatingServer()


@pytest.fixture
async def token_url(server: RotatingServer, stack: AsyncExitStack) -> str:
    """Return where the token endpoint listens."""
    app = web.Application()
    app.router.add_post("/oauth/token", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    return f"http://{host}:{port}/oauth/token"


@pytest.fixture
async def store(server: RotatingServer, tmp_path: Path) -> FileTokenStore:
    """Return the store of a login whose access token has ended."""
    store = FileTokenStore(tmp_path / "token.json")
    await store.save(server.login)
    return store


async def _start(
    count: int, stack: AsyncExitStack, path: Path, token_url: str, tasks: int = _TASKS
) -> list[Worker]:
    workers = []
    for _ in range(count):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-c", _WORKER, str(path), token_url, str(tasks)),
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        workers.append(Worker(process))
        stack.push_async_callback(workers[-1].stop)

    assert ["ready"] * count == [await worker.hear() for worker in workers]
    return workers


@pytest.mark.slow
async def test_eight_processes_of_fifty_tasks_spend_each_refresh_token_once(
    server: RotatingServer,
    store: FileTokenStore,
    token_url: str,
    stack: AsyncExitStack,
    tmp_path: Path,
) -> None:
    """One refresh for each end of a token, by the clock or by a 401; the login lasts."""
    workers = await _start(8, stack, tmp_path / "token.json", token_url)
    rounds = [
        *(("expired", 10, 1), ("alive", 20, 1), ("refused", 30, 2)),
        *(("expired", 2 * _LIFE, 3), ("expired", 4 * _LIFE, 4), ("alive", 4 * _LIFE + 10, 4)),
    ]
    for what, now, refreshes in rounds:
        for worker in workers:
            worker.tell(what, now)
        found = [await worker.hear() for worker in workers]

        assert [f"access-{refreshes}"] * 8 == found
        assert [200] * refreshes == server.answers

    assert not server.is_revoked
    saved = await store.load()
    assert saved is not None
    assert server.access_token == saved.access_token.reveal()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "ends_in", "is_kept"),
    [
        ("before the rotation", "access-1", True),
        ("after the rotation", "ReauthenticationRequiredError", False),
    ],
)
async def test_a_process_killed_in_the_middle_of_a_refresh_does_not_stop_the_others(
    server: RotatingServer,
    store: FileTokenStore,
    token_url: str,
    stack: AsyncExitStack,
    tmp_path: Path,
    step: str,
    ends_in: str,
    is_kept: bool,
) -> None:
    """Its lock ends with it; a new refresh token that died with it costs one login, no more."""
    first, second = await _start(2, stack, tmp_path / "token.json", token_url, tasks=3)
    server.stops_at = step
    first.tell("expired", 10)
    await server.stopped.wait()
    second.tell("expired", 10)
    await first.stop()
    await server.lost.wait()

    assert ends_in == await second.hear()
    assert 1 == len(server.answers)
    assert is_kept == (await store.load() is not None)
    async with asyncio.timeout(1), store.locked():
        pass
