"""The listener for the end of a login: what it takes, what it refuses, what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth.oauth2 import loopback_pages as pages
from cloudflow_async._core.auth.oauth2.loopback import LoopbackListener
from cloudflow_async._core.errors import InvalidArgumentError, LoginError
from tests.browser import chromium

CODE = "SplxlOBeZQQYbYS6WxSbIA"
TARGET = f"/callback?code={CODE}&state=xyz"


def authority(listener: LoopbackListener) -> str:
    """Return host and port of a listener."""
    return listener.redirect_uri.split("/")[2]


async def connect(listener: LoopbackListener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to a listener."""
    host, _, port = authority(listener).rpartition(":")
    return await asyncio.open_connection(host.strip("[]").replace("localhost", "127.0.0.1"), port)


async def say(listener: LoopbackListener, data: bytes) -> bytes:
    """Send bytes on a connection of their own and return all that comes back."""
    reader, writer = await connect(listener)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return answer


async def get(
    listener: LoopbackListener,
    target: str = TARGET,
    *,
    method: str = "GET",
    host: str | None = None,
    fields: str = "",
) -> bytes:
    """Send a request as a browser does and return the whole answer."""
    name = authority(listener) if host is None else host
    head = f"{method} {target} HTTP/1.1\r\nHost: {name}\r\nAccept: text/html\r\n{fields}\r\n"
    return await say(listener, head.encode())


@asynccontextmanager
async def waiting(
    accept: Callable[[str], Any] = str, **options: Any
) -> AsyncIterator[tuple[LoopbackListener, asyncio.Task[Any]]]:
    """Listen, and wait for the answer in a task."""
    async with LoopbackListener(**options) as listener:
        task = asyncio.create_task(listener.callback(accept))
        try:
            yield listener, task
        finally:
            task.cancel()
            await asyncio.wait([task])


def refuse(target: str) -> None:
    """Accept nothing."""
    del target
    raise LoginError("The callback has the state of another login.")


def is_closed(listener: LoopbackListener) -> bool:
    """Return whether nothing listens on a listener's port any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(authority(listener).rpartition(":")[2]))) != 0


async def test_the_answer_is_shown_to_accept_and_the_browser_told_that_all_is_done() -> None:
    """`callback` returns what `accept` makes of path and query."""
    async with waiting(lambda target: (target, 7)) as (listener, task):
        page = await get(listener)

        assert (TARGET, 7) == await task
        assert pages.DONE == page
    assert is_closed(listener)


async def test_by_default_a_free_port_of_this_machine_is_taken() -> None:
    """The redirect URI has it, and two logins at a time do not meet."""
    async with LoopbackListener() as first, LoopbackListener(path="/done") as second:
        ports = {authority(listener) for listener in (first, second)}

        assert 2 == len(ports)
        assert f"http://{authority(first)}/callback" == first.redirect_uri
        assert f"http://{authority(second)}/done" == second.redirect_uri
        assert {"127.0.0.1"} == {port.partition(":")[0] for port in ports}
        assert f"LoopbackListener('{first.redirect_uri}')" == repr(first)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("redirect_uri", [None, "http://localhost/callback"])
async def test_no_other_machine_reaches_it(redirect_uri: str | None) -> None:
    """The system lists it at 127.0.0.1 alone, for localhost too."""
    async with LoopbackListener(redirect_uri) as listener:
        port = int(authority(listener).rpartition(":")[2])
        tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
        rows = [row.split()[1] for table in tables for row in table.read_text().splitlines()[1:]]

    assert [f"0100007F:{port:04X}"] == [row for row in rows if row.endswith(f":{port:04X}")]


@pytest.mark.parametrize(
    ("given", "expected", "target"),
    [
        ("http://127.0.0.1/callback", "http://127.0.0.1:PORT/callback", "/callback?code=1"),
        ("http://127.0.0.1:0/a/b", "http://127.0.0.1:PORT/a/b", "/a/b?code=1"),
        ("http://localhost/callback", "http://localhost:PORT/callback", "/callback?code=1"),
        ("http://127.0.0.1", "http://127.0.0.1:PORT", "/?code=1"),
        ("http://127.0.0.1/", "http://127.0.0.1:PORT/", "/?code=1"),
        ("http://[::1]/callback", "http://[::1]:PORT/callback", "/callback?code=1"),
    ],
)
async def test_a_redirect_uri_without_a_port_gets_a_free_one(
    given: str, expected: str, target: str
) -> None:
    """Nothing else about it changes: the token request must repeat it exactly."""
    async with waiting(redirect_uri=given) as (listener, task):
        port = authority(listener).rpartition(":")[2]
        await get(listener, target)

        assert expected.replace("PORT", port) == listener.redirect_uri
        assert target == await task


async def test_a_redirect_uri_with_a_port_is_used_as_it_is() -> None:
    """For clients whose registration names the port."""
    async with LoopbackListener() as first:
        uri = first.redirect_uri
    async with waiting(redirect_uri=uri) as (listener, task):
        await get(listener)

        assert uri == listener.redirect_uri
        assert TARGET == await task


async def test_a_port_in_use_is_a_login_error_that_says_so() -> None:
    """And no OSError, nor is one held by it."""
    async with LoopbackListener() as first:
        with pytest.raises(LoginError, match="another program uses the port") as caught:
            await LoopbackListener(first.redirect_uri).__aenter__()

    assert caught.value.__context__ is None
    assert authority(first).rpartition(":")[2] in str(caught.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (OSError("no number"), "OSError"),
    ],
)
async def test_whatever_keeps_it_from_listening_is_a_login_error(
    error: OSError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the system's own words, where it has any."""

    async def start_server(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(asyncio, "start_server", start_server)

    with pytest.raises(LoginError, match=f"browser's answer: {reason}"):
        await LoopbackListener().__aenter__()


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://127.0.0.1/callback",
        "http://example.com/callback",
        "http://0.0.0.0/callback",
        "http://127.0.0.2/callback",
        "http://127.1/callback",
        "http://localhost.example.com/callback",
        "http://user@127.0.0.1/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1/callback?a=b",
        "http://127.0.0.1/callback#a",
        "http://127.0.0.1/a/../callback",
        "http://127.0.0.1/a/./callback",
        "http://127.0.0.1/a/%2e%2e/callback",
        "http://127.0.0.1/call back",
        "http://127.0.0.1/callback\n",
        "http://127.0.0.1\\callback",
        "urn:ietf:wg:oauth:2.0:oob",
        "",
        7,
    ],
)
def test_a_redirect_uri_elsewhere_is_refused(redirect_uri: Any) -> None:
    """With the name of what a web app uses instead."""
    with pytest.raises(InvalidArgumentError, match=r"authorization_request\(\) and exchange\(\)"):
        LoopbackListener(redirect_uri)


@pytest.mark.parametrize("port", [1, 65535])
def test_any_port_may_be_registered(port: int) -> None:
    """From the first to the last that there is."""
    redirect_uri = f"http://localhost:{port}/callback"

    assert redirect_uri == LoopbackListener(redirect_uri).redirect_uri


@pytest.mark.parametrize("path", ["callback", "/a?b", "@example.com/", ":99999/"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """It cannot lead to another host."""
    with pytest.raises(InvalidArgumentError):
        LoopbackListener(path=path)


async def test_a_login_error_of_accept_is_raised_at_once_and_the_browser_told() -> None:
    """A wrong state with a code ends the login: nobody waits for two minutes."""
    async with waiting(refuse) as (listener, task):
        page = await get(listener, "/callback?code=1&state=wrong")

        with pytest.raises(LoginError, match="another login"):
            await task
        assert page == pages.FAILED
        assert page.startswith(b"HTTP/1.1 400 ")


async def test_whatever_else_accept_raises_reaches_the_caller() -> None:
    """It is the caller's own error; the browser is not told that all is done."""
    async with waiting(lambda target: 1 / 0) as (listener, task):
        page = await get(listener)

        with pytest.raises(ZeroDivisionError):
            await task
        assert page == pages.FAILED


def request_of(head: str) -> Callable[[LoopbackListener], Awaitable[bytes]]:
    """Return what sends a request's head, with HOST and LF filled in."""

    def send(listener: LoopbackListener) -> Awaitable[bytes]:
        return say(listener, head.replace("HOST", authority(listener)).encode("latin-1"))

    return send


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (404, "GET /favicon.ico HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (404, "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (404, "GET /callback/ HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (404, "GET /callbac%6b?code=1 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (404, "GET //callback?code=1 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (404, "GET /x?/callback HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (404, "POST /other HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (405, "POST /callback?code=1 HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"),
        (405, "OPTIONS /callback HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (405, "HEAD /callback?code=1 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (400, "GET /callback?code=1 HTTP/1.1\r\n\r\n"),
        (400, "GET /callback?code=1 HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n"),
        (400, "GET /callback?code=1 HTTP/1.1\r\nHost: HOST\r\n folded: x\r\n\r\n"),
        (400, "GET /callback?code=1 HTTP/1.1\r\nHost: HOST\r\nno colon\r\n\r\n"),
        (400, "GET /callback?code=1 HTTP/1.1\r\nHost: HOST\r\nA: \x00\r\n\r\n"),
        (400, "GET /callback?code=1 HTTP/1.1\nHost: HOST\r\n\r\n"),
        (400, "GET http://HOST/callback?code=1 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (400, "GET /callback?code=\xe9 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (400, "GET /callback?code=1 HTTP/2.0\r\nHost: HOST\r\n\r\n"),
        (400, "GET  /callback?code=1 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (400, "get /callback?code=1 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (400, "GET /callback?code=1\r\nHost: HOST\r\n\r\n"),
        (400, "\x16\x03\x01\x02\x00\x01\r\n\r\n"),
        (400, "\r\n\r\n"),
        (431, "GET /callback?code=" + "a" * 9000 + " HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (431, "GET /callback HTTP/1.1\r\nHost: HOST\r\nA: " + "a" * 200_000 + "\r\n\r\n"),
        (431, "a" * 9000),
    ],
)
async def test_what_is_not_the_answer_is_refused_and_the_wait_goes_on(
    status: int, head: str
) -> None:
    """The favicon, other programs, other methods, and what is no HTTP at all."""
    async with waiting() as (listener, task):
        refused = await request_of(head)(listener)
        await get(listener)

        assert str(status).encode() == refused.split(b" ")[1]
        assert TARGET == await task


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost:PORT",
        "[::1]:PORT",
        "attacker.example:PORT",
        "127.0.0.1.nip.io:PORT",
        "127.0.0.1:PORT, attacker.example",
        "attacker.example@127.0.0.1:PORT",
    ],
)
async def test_a_page_whose_host_name_leads_here_is_refused(host: str) -> None:
    """DNS rebinding: only the listener's own host and port are answered."""
    async with waiting() as (listener, task):
        port = authority(listener).rpartition(":")[2]
        refused = await get(listener, host=host.replace("PORT", port))
        await get(listener)

        assert pages.NOT_UNDERSTOOD == refused
        assert TARGET == await task


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80"])
async def test_the_port_of_http_may_be_left_out_of_the_host(host: str) -> None:
    """As browsers do; a port that only the administrator can take is not needed to show it."""
    async with LoopbackListener() as listener:
        listener._know_port(80)
        here = listener._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        reader, writer = await asyncio.open_connection("127.0.0.1", here)
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()

    assert pages.NOT_FOUND == answer


async def test_connections_that_say_nothing_do_not_hold_up_the_answer() -> None:
    """Browsers open some ahead of need."""
    async with waiting() as (listener, task):
        silent = [await connect(listener) for _ in range(10)]
        await get(listener)

        assert TARGET == await task
    # With the listener gone, they are closed, and not by their own time limits.
    assert [b""] * 10 == [await reader.read() for reader, _ in silent]
    for _, writer in silent:
        writer.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize("said", [b"", b"GET /callback?co"])
async def test_a_connection_has_five_seconds_to_ask(said: bytes) -> None:
    """Then it is closed without an answer, and the wait goes on."""
    loop = asyncio.get_running_loop()
    async with waiting() as (listener, task):
        reader, writer = await connect(listener)
        writer.write(said)
        begun = loop.time()
        answer = await reader.read()
        writer.close()

        assert b"" == answer
        assert 5.0 == pytest.approx(loop.time() - begun, abs=0.01)
        await get(listener)
        assert TARGET == await task


@pytest.mark.virtual_time
async def test_no_more_than_32_connections_are_held() -> None:
    """The next one is closed at once; when they have had their time, there is room again."""
    async with waiting() as (listener, task):
        held = [await connect(listener) for _ in range(32)]
        refused = b""
        with suppress(ConnectionError):
            refused = await get(listener)

        assert refused == b""
        assert not task.done()
        for reader, writer in held:
            await reader.read()
            writer.close()
        await get(listener)
        assert TARGET == await task


@pytest.mark.virtual_time
async def test_a_client_that_does_not_go_is_sent_away_after_its_page() -> None:
    """A second after the page, the connection is closed from here."""
    loop = asyncio.get_running_loop()
    async with waiting() as (listener, _):
        reader, writer = await connect(listener)
        writer.write(b"x\r\n\r\n")
        page = await reader.read()
        begun = loop.time()
        while listener._connections:  # noqa: ASYNC110 - it ends without a signal
            await asyncio.sleep(0.1)
        writer.close()

    assert pages.NOT_UNDERSTOOD == page
    assert 1.0 == pytest.approx(loop.time() - begun, abs=0.15)


async def test_a_client_that_resets_its_connection_changes_nothing() -> None:
    """It has gone, and the next one is served."""
    async with waiting() as (listener, task):
        _, writer = await connect(listener)
        writer.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
        )
        writer.transport.abort()
        await get(listener)

        assert TARGET == await task


async def test_an_answer_that_comes_before_it_is_waited_for_is_kept() -> None:
    """A browser can be faster than the program that opened it."""
    async with LoopbackListener() as listener:
        answering = asyncio.create_task(get(listener))
        while not listener._arrived.is_set():  # noqa: ASYNC110 - watched from outside
            await asyncio.sleep(0)

        assert TARGET == await listener.callback(str)
        assert pages.DONE == await answering


async def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    """Its connection ends with the listener, without a page."""
    async with LoopbackListener() as listener:
        reader, writer = await connect(listener)
        writer.write(f"GET {TARGET} HTTP/1.1\r\nHost: {authority(listener)}\r\n\r\n".encode())
        await listener._arrived.wait()

    assert b"" == await reader.read()
    writer.close()


async def test_a_second_answer_is_none() -> None:
    """A connection that is open already when the answer comes gets nothing out of it."""
    async with LoopbackListener() as listener:
        reader, writer = await connect(listener)
        while not listener._connections:  # noqa: ASYNC110 - watched from outside
            await asyncio.sleep(0)
        answering = asyncio.create_task(get(listener))
        await listener._arrived.wait()
        other = TARGET.replace(CODE, "other")
        writer.write(f"GET {other} HTTP/1.1\r\nHost: {authority(listener)}\r\n\r\n".encode())
        second = await reader.read()
        writer.close()

        assert pages.NOT_FOUND == second
        assert TARGET == await listener.callback(str)
        await answering


async def test_a_browser_that_is_gone_before_its_page_does_not_undo_the_answer() -> None:
    """What it brought has arrived."""
    async with LoopbackListener() as listener:
        _, writer = await connect(listener)
        writer.write(f"GET {TARGET} HTTP/1.1\r\nHost: {authority(listener)}\r\n\r\n".encode())
        await listener._arrived.wait()
        writer.transport.abort()
        await asyncio.sleep(0)

        assert TARGET == await listener.callback(str)


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_cancelling_closes_the_port(times: int) -> None:
    """And ends the connections: Ctrl-C during a login, however often, leaves nothing behind."""
    listener = LoopbackListener()

    async def login() -> None:
        async with listener:
            await listener.callback(str)

    task = asyncio.create_task(login())
    while listener._server is None:  # noqa: ASYNC110 - watched from outside
        await asyncio.sleep(0)
    reader, writer = await connect(listener)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_closed(listener)
    with suppress(ConnectionError):
        assert b"" == await reader.read()
    writer.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_comes_at_the_very_end_is_ended_too(turns: int) -> None:
    """Wherever the event loop has got to with it when the listener goes."""
    loop = asyncio.get_running_loop()
    with socket.socket() as late:
        async with LoopbackListener() as listener:
            late.connect(("127.0.0.1", int(authority(listener).rpartition(":")[2])))
            for _ in range(turns):
                await asyncio.sleep(0)
        late.setblocking(False)
        with suppress(ConnectionError):
            assert b"" == await loop.sock_recv(late, 1)

    assert 0.0 == pytest.approx(loop.time(), abs=0.1)


@pytest.mark.virtual_time
async def test_a_time_limit_is_the_callers() -> None:
    """`asyncio.timeout` around `callback`, after which the port is closed."""
    async with LoopbackListener() as listener:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(120):
                await listener.callback(str)

    assert is_closed(listener)


ALL_PAGES = [
    pages.DONE,
    pages.FAILED,
    pages.NOT_UNDERSTOOD,
    pages.NOT_FOUND,
    pages.NOT_ALLOWED,
    pages.TOO_LARGE,
]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.split(b"\r\n")[0].decode()[9:])
def test_every_page_is_whole_and_locked_down(page: bytes) -> None:
    """Its length is right, nobody keeps it, and it neither runs nor loads anything."""
    head, _, body = page.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])

    assert str(len(body)) == fields["Content-Length"]
    assert "no-store" == fields["Cache-Control"]
    assert "no-referrer" == fields["Referrer-Policy"]
    assert "nosniff" == fields["X-Content-Type-Options"]
    assert "close" == fields["Connection"]
    assert "text/html; charset=utf-8" == fields["Content-Type"]
    assert "default-src 'none'" in fields["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in fields["Content-Security-Policy"]
    assert b'<html lang="en">' in body
    assert b"<script" not in body


async def test_a_head_request_gets_no_body() -> None:
    """It gets what a GET request would get, up to the body."""
    async with LoopbackListener() as listener:
        here, elsewhere = [await get(listener, way, method="HEAD") for way in (TARGET, "/x")]

    assert here.endswith(b"\r\nAllow: GET\r\n\r\n")
    assert pages.NOT_ALLOWED.startswith(here)
    assert pages.NOT_FOUND.startswith(elsewhere)
    assert elsewhere.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("accept", [str, refuse])
async def test_nothing_of_a_request_is_reflected(accept: Callable[[str], Any]) -> None:
    """A script in error_description stays where it is."""
    target = "/callback?error=access_denied&error_description=<script>alert(1)</script>&state=mark"
    async with waiting(accept) as (listener, task):
        page = await get(listener, target, fields="X-Mark: mark\r\n")
        await asyncio.wait([task])

    assert b"script" not in page
    assert b"mark" not in page
    task.exception()


async def test_the_code_is_nowhere_to_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in logs, nor in what the listener is, nor in the frames that an error keeps."""
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    async with waiting(refuse) as (listener, task):
        await get(listener)
        with pytest.raises(LoginError) as caught:
            await task
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        told = "".join(frames.format()) + repr(vars(listener)) + caplog.text

    assert CODE not in told


@pytest.mark.slow
@pytest.mark.parametrize(("accept", "title"), [(str, "close this window"), (refuse, "failed")])
async def test_a_real_browser_shows_the_page(
    accept: Callable[[str], Any], title: str, tmp_path: Path
) -> None:
    """Its console is silent, its one heading is read aloud, and it fits a phone in the dark."""
    async with chromium() as browser, waiting(accept) as (listener, task):
        tab = await browser.open(f"{listener.redirect_uri}?code={CODE}&state=xyz")
        await asyncio.wait([task])
        await tab.show_as(width=375, height=667, dark=True)
        headings = [node for node in await tab.accessibility_tree() if node.role == "heading"]
        await tab.screenshot(tmp_path / "page.png")
        overflow = await tab.overflow()

    assert [title] == [title for node in headings if title in node.name]
    assert [] == [error for error in tab.errors if "status of 400" not in error]
    assert overflow == 0
    assert (task.exception() is None) == (accept is str)
