"""A headless Chromium, driven over the DevTools protocol: pages as people see them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest

from tests.browser_process import installed, running

_SECONDS = 8.0
"""For anything that a page is waited for."""

_BETWEEN_LOOKS = 0.02
_LARGEST_MESSAGE = 64 * 1024 * 1024


@attrs.frozen
class Node:
    """One element as a screen reader is told of it."""

    role: str
    """Such as ``button``, ``heading``, ``textbox``."""

    name: str
    """What is read aloud."""

    properties: dict[str, Any]
    """Such as ``focused``, ``level``, ``required``."""


@attrs.frozen
class _Key:
    code: str
    number: int
    text: str = ""


_KEYS = {
    "Tab": _Key("Tab", 9),
    "Enter": _Key("Enter", 13, "\r"),
    "Escape": _Key("Escape", 27),
    " ": _Key("Space", 32, " "),
    "Backspace": _Key("Backspace", 8),
    "ArrowUp": _Key("ArrowUp", 38),
    "ArrowDown": _Key("ArrowDown", 40),
}
_SHIFT = 8


class BrowserError(AssertionError):
    """The browser refused a command, or a page has not what a test looks for."""


class Page:
    """One tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.errors: list[str] = []
        """What the console shows as errors, and exceptions of scripts."""

        self.requests: list[str] = []
        """The URL of each request, redirects and pages included, in order."""

        self._browser = browser
        self._target = target
        self._session = session
        self._loads = 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return its result."""
        return await self._browser.call(method, session=self._session, **parameters)

    async def goto(self, url: str) -> None:
        """Open a URL and wait until it is loaded, even if all that loads is an error page."""
        before = self._loads
        await self.call("Page.navigate", url=url)
        await self._until(lambda: self._loads > before, f"a load of {url}")

    async def reload(self) -> None:
        """Load the page again and wait until that is done."""
        before = self._loads
        await self.call("Page.reload")
        await self._until(lambda: self._loads > before, "a second load")

    async def url(self) -> str:
        """Return what the address bar shows, even where nothing answered."""
        history = await self.call("Page.getNavigationHistory")
        return str(history["entries"][history["currentIndex"]]["url"])

    async def title(self) -> str:
        """Return the tab's title."""
        return str(await self.evaluate("document.title"))

    async def text(self) -> str:
        """Return the text that can be seen."""
        return str(await self.evaluate("document.body ? document.body.innerText : ''"))

    async def evaluate(self, expression: str) -> Any:
        """Return the JSON value of a script's expression; a page's CSP does not apply to it."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def click(self, selector: str) -> None:
        """Press the mouse on the middle of the first element of a CSS selector."""
        box = await self._ask(
            selector,
            "element.scrollIntoView({block: 'center'});"
            "const box = element.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]",
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=box[0],
                y=box[1],
                button="left",
                clickCount=1,
            )

    async def fill(self, selector: str, text: str) -> None:
        """Replace a field's text as typing would."""
        await self._ask(selector, "element.focus(); element.select()")
        await self.type(text)

    async def type(self, text: str) -> None:
        """Type into what has the focus, in place of what is selected there."""
        if text:
            await self.call("Input.insertText", text=text)
        else:
            await self.press("Backspace")

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key: Tab, Enter, Escape, Backspace, an arrow or the space."""
        pressed = _KEYS[key]
        event = {
            "key": key,
            "code": pressed.code,
            "windowsVirtualKeyCode": pressed.number,
            "modifiers": _SHIFT if shift else 0,
        }
        down = "keyDown" if pressed.text else "rawKeyDown"
        await self.call("Input.dispatchKeyEvent", type=down, text=pressed.text, **event)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    async def focused(self) -> Node:
        """Wait until something has the keyboard's focus, and return it.

        A page is shown before it gives the focus to what asks for it.
        """

        async def found() -> Node | None:
            for node in await self.accessibility_tree():
                if node.properties.get("focused") and node.role != "RootWebArea":
                    return node
            return None

        node: Node = await self._poll(found, "the focus")
        return node

    async def accessibility_tree(self) -> list[Node]:
        """Return what a screen reader is told, in the order of the document."""
        answer = await self.call("Accessibility.getFullAXTree")
        return [_node(node) for node in answer["nodes"] if not node.get("ignored")]

    async def wait_for_url(self, wanted: str | Callable[[str], bool]) -> str:
        """Wait until the address begins with a prefix or fulfils a predicate; return it."""

        async def arrived() -> str | None:
            url = await self.url()
            fits = url.startswith(wanted) if isinstance(wanted, str) else wanted(url)
            return url if fits and self._browser.is_idle(self._target) else None

        return str(await self._poll(arrived, f"the address {wanted}"))

    async def wait_for_text(self, wanted: str) -> str:
        """Wait until the page shows a text; return all of what it shows."""

        async def shown() -> str | None:
            text = await self.text()
            return text if wanted in text else None

        return str(await self._poll(shown, f"the text {wanted!r}"))

    async def show_as(
        self, *, width: int = 1024, height: int = 768, dark: bool = False, scale: float = 1.0
    ) -> None:
        """Set the size of the window in CSS pixels, and the colours that its owner prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        root = "document.documentElement"
        return int(await self.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))

    async def screenshot(self, path: Path) -> None:
        """Write what is seen as a PNG file."""
        answer = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def close(self) -> None:
        """Close the tab."""
        await self._browser.call("Target.closeTarget", targetId=self._target)

    def notice(self, method: str, event: dict[str, Any]) -> None:
        """Keep what an event tells."""
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Network.requestWillBeSent":
            if event["request"]["url"].startswith("http"):
                self.requests.append(event["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in {"error", "assert"}:
            self.errors.append(str(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            entry = event["entry"]
            self.errors.append(f"{entry['text']} ({entry.get('url', '')})")

    async def _ask(self, selector: str, body: str) -> Any:
        """Return the value of a function's body about the first element of a selector."""
        found = f"document.querySelector({json.dumps(selector)})"
        script = f"(() => {{const element = {found}; if (!element) return 'none'; {body}}})()"
        value = await self.evaluate(script)
        if value == "none":
            raise BrowserError(f"The page has no {selector}.")
        return value

    async def _until(self, happened: Callable[[], bool], what: str) -> None:
        async def look() -> bool:
            return happened()

        await self._poll(look, what)

    async def _poll(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        found: Any = None
        try:
            async with asyncio.timeout(_SECONDS):
                while not (found := await self._look(look)):  # noqa: ASYNC110 - it is outside
                    await asyncio.sleep(_BETWEEN_LOOKS)
        except TimeoutError:
            raise BrowserError(f"{what} did not come; the page is {await self.url()}") from None
        return found

    async def _look(self, look: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await look()
        except BrowserError:
            return None  # the document changed under the question


class Browser:
    """A running Chromium with a profile of its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._busy: set[str] = set()

    async def open(self, url: str = "about:blank") -> Page:
        """Return a new tab in which a URL is loaded."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self, target, attached["sessionId"])
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
            await page.call(f"{domain}.enable")
        # The mouse and the focus behave as in the window in front.
        await page.call("Page.bringToFront")
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await page.show_as()
        if url != "about:blank":
            await page.goto(url)
        return page

    async def call(
        self, method: str, *, session: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self._socket.send_json(message)
            async with asyncio.timeout(_SECONDS):
                return await answer
        finally:
            del self._answers[number]

    def is_idle(self, target: str) -> bool:
        """Return whether a tab loads nothing just now."""
        return target not in self._busy

    async def listen(self) -> None:
        """Hand out answers and events until the browser goes."""
        async for message in self._socket:
            self._receive(json.loads(message.data))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BrowserError("The browser has gone."))

    def _receive(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            self._notice(message)
            return
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(BrowserError(str(message["error"])))
        else:
            answer.set_result(message["result"])

    def _notice(self, message: dict[str, Any]) -> None:
        method, event = message["method"], message["params"]
        # The main frame of a tab has the tab's own id.
        if method == "Page.frameStartedLoading":
            self._busy.add(event["frameId"])
        elif method == "Page.frameStoppedLoading":
            self._busy.discard(event["frameId"])
        page = self._pages.get(message.get("sessionId", ""))
        if page is not None:
            page.notice(method, event)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a Chromium for one test; the test is skipped where none is installed."""
    program = installed()
    if program is None:
        pytest.skip("chromium is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with running(program, profile) as address, aiohttp.ClientSession() as http:
            socket = http.ws_connect(address, max_msg_size=_LARGEST_MESSAGE)
            async with socket as connected:
                browser = Browser(connected)
                listening = asyncio.create_task(browser.listen())
                try:
                    yield browser
                    with contextlib.suppress(BrowserError):
                        await browser.call("Browser.close")
                finally:
                    listening.cancel()
                    await asyncio.wait([listening])


def _node(node: dict[str, Any]) -> Node:
    properties = {
        described["name"]: described["value"].get("value")
        for described in node.get("properties", [])
    }
    return Node(_text(node, "role"), _text(node, "name"), properties)


def _text(node: dict[str, Any], key: str) -> str:
    return str(node.get(key, {}).get("value", ""))
