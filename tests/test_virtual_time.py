"""The loop in which the tests of limits, waits and deadlines run."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import web

from tests.virtual_time import EPOCH, DeadlockError, VirtualTimeLoop

pytestmark = pytest.mark.virtual_time

_HOUR = 3600.0


@pytest.fixture
async def server_url() -> AsyncIterator[str]:
    """Serve the value of ``n``, a virtual second after it was asked for."""

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response(text=request.query["n"])

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/"
    await runner.cleanup()


async def test_an_hour_of_sleep_takes_no_real_time() -> None:
    """Sleeping moves the loop's clock by as much, and takes next to no time."""
    loop = asyncio.get_running_loop()
    real, virtual = time.monotonic(), loop.time()
    await asyncio.sleep(_HOUR)

    assert pytest.approx(_HOUR) == loop.time() - virtual
    assert time.monotonic() - real < 1


async def test_timers_fire_in_their_order() -> None:
    """Jumps go from timer to timer and pass over none."""
    loop = asyncio.get_running_loop()
    fired: list[float] = []
    for delay in (30.0, 0.5, 86_400 * 2.0, 7.0):
        loop.call_later(delay, fired.append, delay)
    await asyncio.sleep(86_400 * 3)

    assert [0.5, 7.0, 30.0, 86_400 * 2.0] == fired


async def test_a_rest_lost_in_rounding_still_moves_the_clock() -> None:
    """A wait too short for the clock's digits moves it nevertheless, as it does in real time."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(_HOUR)
    before = loop.time()
    await asyncio.sleep(1e-13)

    assert loop.time() > before


def test_a_wait_of_years_is_an_error() -> None:
    """A wait so long that timers lose their digits raises instead of never ending."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner, pytest.raises(OverflowError):
        runner.run(asyncio.sleep(3e8))


async def test_a_real_server_and_client_talk_in_it(server_url: str) -> None:
    """HTTP over real sockets works, and the clock moves by the server's delays alone."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:

        async def ask(n: int) -> tuple[str, float]:
            await asyncio.sleep(n * 0.42)
            async with session.get(server_url, params={"n": n}) as response:
                return await response.text(), loop.time() - started_at

        started_at = loop.time()
        answers = await asyncio.gather(*(ask(n) for n in range(100)))

    assert [str(n) for n in range(100)] == [text for text, _ in answers]
    assert pytest.approx([n * 0.42 + 1 for n in range(100)]) == [at for _, at in answers]


async def test_bytes_under_way_are_not_jumped_over() -> None:
    """A body larger than the sockets' buffers arrives before the next timer, though a far one."""
    size = 20_000_000

    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(size))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(send, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        async with asyncio.timeout(_HOUR):
            received = await reader.read(-1)
        writer.close()
        await writer.wait_closed()

    assert size == len(received)
    assert pytest.approx(0, abs=1) == asyncio.get_running_loop().time()


async def test_a_thread_is_not_jumped_over() -> None:
    """The loop waits for a job in a thread before a timer that is far away."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_HOUR):
        await asyncio.to_thread(time.sleep, 0.02)

    assert loop.time() < 1


async def test_timers_fire_while_a_thread_works() -> None:
    """While a thread works, a near timer still fires, after its real time."""
    released = threading.Event()
    asyncio.get_running_loop().call_later(0.01, released.set)
    async with asyncio.timeout(_HOUR):
        was_released = await asyncio.to_thread(released.wait, 10)

    assert was_released


async def test_a_failed_job_lets_the_clock_jump_again() -> None:
    """A thread that raises counts as done."""
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(divmod, 1, 0)
    real = time.monotonic()
    await asyncio.sleep(_HOUR)

    assert time.monotonic() - real < 1


async def test_a_host_name_is_looked_up_in_real_time() -> None:
    """A look-up runs in a thread, which the clock does not jump over."""
    async with asyncio.timeout(_HOUR):
        found = await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    assert found
    assert asyncio.get_running_loop().time() < _HOUR


def test_a_deadlock_is_an_error() -> None:
    """A loop in which nothing can happen any more raises, and names the tasks that wait."""

    async def wait_for_nothing() -> None:
        await asyncio.Event().wait()

    with (
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
        pytest.raises(DeadlockError, match="wait_for_nothing"),
    ):
        runner.run(wait_for_nothing())


async def test_the_virtual_clock_tells_unix_time(virtual_clock: Callable[[], float]) -> None:
    """The clock that servers and credentials get moves with the loop's timers."""
    before = virtual_clock()
    await asyncio.sleep(90)

    assert EPOCH <= before
    assert pytest.approx(90) == virtual_clock() - before
