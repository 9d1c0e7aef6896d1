"""The consent page in a browser: from the authorize URL to the callback, as people see it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from cloudflow_async import CloudFlow
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async.emulator import Emulator
from tests.browser import Page, chromium
from tests.contrast import SMALLEST, lowest_contrast
from tests.emulator.oauth_flow import OAuthFlow, answer_in, oauth_flow

pytestmark = pytest.mark.slow

PHONE, DESK = 375, 1024
"""Widths in CSS pixels."""

TEXTS = "h1, p, strong, code, li, label, input, button"


@attrs.frozen
class Visit:
    """A page in a browser, and the client that sent it there."""

    page: Page
    flow: OAuthFlow
    callback: str
    """A redirect URI at which something answers."""

    async def ask(self, **changes: str) -> None:
        """Open the consent page."""
        await self.page.goto(self.flow.url(redirect_uri=self.callback, **changes))

    async def arrival(self) -> dict[str, str]:
        """Return what the callback brought."""
        return answer_in(await self.page.wait_for_url(self.callback))


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request with an empty page."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n"
        writer.write(head + b"Connection: close\r\n\r\n")
    writer.close()


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """Return a browser with an emulator to ask and an application that takes the answer."""
    async with (
        await asyncio.start_server(greet, "127.0.0.1", 0) as application,
        Emulator() as emulator,
        oauth_flow(emulator) as flow,
        chromium() as browser,
    ):
        port = application.sockets[0].getsockname()[1]
        yield Visit(await browser.open(), flow, f"http://127.0.0.1:{port}/callback")


async def test_a_click_on_allow_brings_a_code_that_is_worth_tokens(visit: Visit) -> None:
    """The name that was typed is the name that the API knows; the console stays silent."""
    await visit.ask()
    await visit.page.fill("#subject", "ada")
    await visit.page.click("button.allow")
    brought = await visit.arrival()
    tokens = await visit.flow.exchange(brought["code"], redirect_uri=visit.callback)
    status = await visit.flow.status_with(tokens.json["access_token"])

    assert (brought["state"], brought["iss"]) == ("xyz", visit.flow.emulator.issuer)
    assert (tokens.status, status) == (200, 200)
    assert visit.flow.emulator.requests[-1].identity == "ada via cloudflow-cli"
    assert visit.page.errors == []


async def test_a_login_at_a_terminal_from_url_to_token(visit: Visit) -> None:
    """The client's own listener takes the answer, and the token signs a call."""
    emulator, url = visit.flow.emulator, asyncio.get_running_loop().create_future()
    auth = OAuth2Auth(
        emulator.client_id,
        scopes=["workflows:read"],
        authorize_url=emulator.authorize_url,
        token_url=emulator.token_url,
    )
    login = asyncio.create_task(auth.login(open_browser=False, show_url=url.set_result))
    await visit.page.goto(await url)
    await visit.page.click("button.allow")
    token = await login
    async with CloudFlow(auth=auth, base_url=emulator.base_url) as cf:
        await cf.workflows.list()

    assert token.scopes == frozenset({"workflows:read"})
    assert emulator.requests[-1].identity == "user-12345 via cloudflow-cli"
    assert visit.page.errors == []


async def test_deny_by_keyboard_alone(visit: Visit) -> None:
    """Tab goes through field, Allow and Deny in this order, and nowhere else."""
    await visit.ask()
    names = []
    for _ in range(3):
        await visit.page.press("Tab")
        focused = await visit.page.focused()
        names.append(focused.name if focused else None)
    await visit.page.press("Enter")
    brought = await visit.arrival()

    assert names == ["Sign in as", "Allow", "Deny"]
    assert (brought["error"], brought["state"]) == ("access_denied", "xyz")
    assert visit.page.errors == []


async def test_enter_in_the_field_allows(visit: Visit) -> None:
    """The first button of a form is the one that Enter presses."""
    await visit.ask()
    await visit.page.press("Tab")
    await visit.page.press("Enter")

    assert "code" in await visit.arrival()


async def test_without_a_name_the_form_is_not_sent_but_can_be_denied(visit: Visit) -> None:
    """The browser itself asks for the name, and only where one is needed."""
    await visit.ask()
    await visit.page.fill("#subject", "")
    await visit.page.click("button.allow")
    sent = [request.method for request in visit.flow.emulator.requests]
    await visit.page.click("button[value=deny]")
    brought = await visit.arrival()

    assert "POST" not in sent
    assert brought["error"] == "access_denied"


async def test_a_name_of_blanks_is_asked_for_again(visit: Visit) -> None:
    """The page says what was wrong, where a screen reader reads it, and then goes on."""
    await visit.ask()
    await visit.page.fill("#subject", "  ")
    await visit.page.click("button.allow")
    text = await visit.page.wait_for_text("A name is missing.")
    focused = await visit.page.focused()
    await visit.page.type("ada")
    await visit.page.press("Enter")

    assert "Allow CloudFlow CLI" in text
    assert focused.name == "Sign in as"
    assert focused.properties["invalid"] == "true"
    assert "code" in await visit.arrival()


async def test_a_screen_reader_is_told_what_is_asked_and_how_to_answer(visit: Visit) -> None:
    """Heading, list, field and buttons have names; the title says what the page is about."""
    await visit.ask()
    tree = [(node.role, node.name) for node in await visit.page.accessibility_tree()]
    wanted = [
        ("heading", "Allow CloudFlow CLI to use CloudFlow for you?"),
        ("textbox", "Sign in as"),
        ("button", "Allow"),
        ("button", "Deny"),
    ]
    controls = [entry for entry in tree if entry[0] in {"heading", "textbox", "button", "link"}]

    assert controls == wanted
    assert [role for role, _ in tree].count("listitem") == 2
    assert "main" in [role for role, _ in tree]
    assert await visit.page.title() == "Allow CloudFlow CLI? - CloudFlow emulator"
    assert await visit.page.evaluate("document.documentElement.lang") == "en"


async def test_a_name_with_a_script_in_it_is_a_text(visit: Visit) -> None:
    """Nothing that a client brings becomes part of the page's code."""
    name = '<script>document.title = "taken"</script><img src=x onerror=alert(1)>"\'&'
    client = visit.flow.emulator.add_client(name=name)
    await visit.ask(client_id=client.client_id, state='"><script>alert(1)</script>')
    text = await visit.page.text()

    assert f"Allow {name} to use CloudFlow for you?" in text
    assert await visit.page.evaluate("document.querySelectorAll('script, img').length") == 0
    assert await visit.page.title() == f"Allow {name}? - CloudFlow emulator"
    assert visit.page.errors == []


async def test_a_doubtful_request_stays_on_a_page_that_says_why(visit: Visit) -> None:
    """The browser is sent nowhere."""
    uri = "https://evil.example/callback"
    await visit.page.goto(visit.flow.url(redirect_uri=uri))

    assert "This request cannot be answered" in await visit.page.text()
    assert f"'{uri}' is not registered" in await visit.page.text()
    assert (await visit.page.url()).startswith(visit.flow.emulator.authorize_url)


@pytest.mark.parametrize("kind", ["question", "wrong", "refusal"])
async def test_every_page_fits_and_can_be_read(visit: Visit, tmp_path: Path, kind: str) -> None:
    """No sideways scrolling, and contrast enough, with names of any length; it is kept to see."""
    name = "Quarterly" * 8 if kind == "wrong" else "Acme Dashboards"
    client = visit.flow.emulator.add_client(name=name)
    scope = "workflows:read workflows:write pipelines:read analytics:read"
    uri = "http://127.0.0.1:9/other" if kind == "refusal" else visit.callback
    await visit.page.goto(visit.flow.url(client_id=client.client_id, scope=scope, redirect_uri=uri))
    if kind == "wrong":
        await visit.page.fill("#subject", " ")
        await visit.page.click("button.allow")
        await visit.page.wait_for_text("A name is missing.")
    for width, dark in itertools.product([PHONE, DESK], [False, True]):
        await visit.page.show_as(width=width, height=900, dark=dark)
        await visit.page.screenshot(tmp_path / f"{kind}-{width}-{'dark' if dark else 'light'}.png")
        contrast = await lowest_contrast(visit.page, TEXTS)

        assert await visit.page.overflow() == 0
        assert contrast >= SMALLEST
