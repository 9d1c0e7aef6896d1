"""The inspection page in a browser: what a person sees who debugs a handler."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import attrs
import pytest

from cloudflow_async import CloudFlow
from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from tests.browser import Page, chromium
from tests.contrast import SMALLEST, lowest_contrast
from tests.emulator.conftest import Clock
from tests.emulator.receiver import Receiver

pytestmark = pytest.mark.slow

PHONE, TABLET, DESK = 375, 976, 1280
"""Widths in CSS pixels; the one in the middle is just too wide for cards."""

TEXTS = "h1, h2, p, code, a, th, td, dt, dd, pre, li, span, summary, button, time"
HOSTILE = "'\"></pre><script>document.title='taken'</script><img src=x onerror=alert(1)>"
LOOK_NOW = "document.dispatchEvent(new Event('visibilitychange'))"
"""What the page's script takes for a tab that comes to the front: it asks at once."""


@attrs.frozen
class RequestContext:
    """The page in a browser, and what can happen meanwhile."""

    page: Page
    emulator: Emulator
    http: aiohttp.ClientSession
    clock: Clock

    async def open(self) -> None:
        """Show the page."""
        await self.page.goto(self.emulator.inspection_url)

    async def send(self, path: str, *, key: str | None = None, **headers: str) -> None:
        """Send a request to the API."""
        sent = {"X-API-Key": key or self.emulator.api_key, **headers}
        async with self.http.get(self.emulator.base_url + path, headers=sent) as answer:
            await answer.read()

    async def subscribe(self, url: str, *events: str) -> None:
        """Register a webhook, with a budget of its own."""
        key = self.emulator.add_key("workflows:write")
        async with CloudFlow(key, base_url=self.emulator.base_url) as cf:
            await cf.webhooks.create(url=url, events=list(events))

    async def row(self, identifier: str) -> str:
        """Return the text of one row."""
        script = f"document.getElementById('{identifier}').innerText"
        return str(await self.page.evaluate(script))

    async def columns(self, table: str) -> list[list[str]]:
        """Return the texts of a table's cells, row by row."""
        script = f"""[...document.querySelectorAll('#{table} tbody tr')]
            .map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"""
        found: list[list[str]] = await self.page.evaluate(script)
        return found


@pytest.fixture
async def visit() -> AsyncIterator[RequestContext]:
    """Return a browser beside an emulator whose clock is turned by hand."""
    clock = Clock()
    limits = EmulatorLimits(requests=3, burst=3)
    async with (
        Emulator(clock=clock, rate_limits=limits) as emulator,
        aiohttp.ClientSession() as http,
        chromium() as browser,
    ):
        yield RequestContext(await browser.open(), emulator, http, clock)


async def deliver_in_all_ways(visit: RequestContext, good: Receiver, gone: Receiver) -> None:
    """Make deliveries: one that arrived, one whose webhook is gone, one that is tried again."""
    await visit.subscribe(good.url, "workflow.completed")
    await visit.subscribe(gone.url, "workflow.failed")
    await visit.subscribe("http://10.1.2.3/" + "long/" * 30, "workflow.failed")
    visit.emulator.emit("workflow.completed", {"workflow_id": "wf_1"})
    visit.emulator.emit("workflow.failed", {"workflow_id": "wf_1"})
    await visit.emulator.wait_for_deliveries()


async def test_an_empty_page_says_what_to_do(visit: RequestContext) -> None:
    """And opening it is not among the requests, nor is anything that the browser asks for."""
    await visit.open()
    text = await visit.page.text()

    assert "No request has arrived yet." in text
    assert "Nothing has been delivered yet." in text
    assert await visit.page.title() == "Inspection - CloudFlow emulator"
    assert visit.emulator.requests == []
    assert visit.page.errors == []


async def test_requests_are_seen_with_status_and_rate_limit(visit: RequestContext) -> None:
    """A success, a fault, a wrong key, an empty budget; newest first."""
    visit.emulator.inject(Fault(route="/workflows", nth=2, status=500))
    key = visit.emulator.add_key("workflows:read")
    for path in ("/workflows?limit=5", "/workflows", "/nowhere", "/workflows"):
        await visit.send(path, key=key)
    await visit.send("/workflows", key="cf_live_nobody_knows_this_key")
    await visit.open()
    rows = await visit.columns("requests")

    assert [(row[0], row[2], row[3], row[4]) for row in rows] == [
        ("GET /v2/workflows", "401", "unknown", "19"),
        ("GET /v2/workflows", "429", "key 2", "0"),
        ("GET /v2/nowhere", "404", "key 2", "0"),
        ("GET /v2/workflows", "500", "key 2", "1"),
        ("GET /v2/workflows?limit=5", "200", "key 2", "2"),
    ]
    assert visit.page.errors == []


async def test_details_show_headers_without_credentials(visit: RequestContext) -> None:
    """They open by keyboard, and tell keys apart by their ends."""
    await visit.send("/workflows", Cookie="session=0123456789abcdef")
    await visit.open()
    for _ in range(5):
        await visit.page.press("Tab")
    opened = await visit.page.focused()
    await visit.page.press("Enter")
    text = await visit.page.wait_for_text("Headers")
    page = str(await visit.page.evaluate("document.documentElement.outerHTML"))

    assert opened.name == "GET /v2/workflows"
    assert f"X-API-Key: ***{visit.emulator.api_key[-4:]}" in text
    assert "Cookie: ***cdef" in text
    assert visit.emulator.api_key not in page
    assert "0123456789abcdef" not in page


async def test_deliveries_are_seen_with_their_attempts(visit: RequestContext) -> None:
    """Delivered, given up, and one that is tried again until it has failed."""
    async with Receiver() as good, Receiver(410) as gone:
        await deliver_in_all_ways(visit, good, gone)
        await visit.open()
        refused, disabled, delivered = await visit.columns("deliveries")
        for _ in range(7):
            visit.clock.now += 36_000
            await visit.emulator.wait_for_deliveries()
        await visit.page.reload()
        failed = (await visit.columns("deliveries"))[0]

    assert (delivered[2], delivered[3]) == ("delivered", "2026-01-24 12:00:00.000 204")
    assert (disabled[2], disabled[3]) == ("webhook disabled", "2026-01-24 12:00:00.000 410")
    assert refused[2] == "pending"
    assert "refused: 10.1.2.3 is a private address" in refused[3]
    assert "next 2026-01-24 12:00:05.000" in refused[3]
    assert failed[2] == "failed"
    assert failed[3].count("refused") == 8
    assert "next" not in failed[3]
    assert visit.page.errors == []


async def test_resend_by_mouse(visit: RequestContext) -> None:
    """The receiver gets it again, and the page tells, next to the button that was pressed."""
    async with Receiver() as good, Receiver(410) as gone:
        await deliver_in_all_ways(visit, good, gone)
        await visit.open()
        delivery_id = visit.emulator.deliveries[0].id
        visit.clock.now += 60
        await visit.page.click(f"#resend-{delivery_id}")
        await visit.page.wait_for_text("Sent again")
        await visit.emulator.wait_for_deliveries()
        await visit.page.evaluate(LOOK_NOW)
        await visit.page.wait_for_text("12:01:00.000 204")
        focused = await visit.page.focused()

    assert [one.id for one in good.received] == [delivery_id] * 2
    assert "Sent again" in await visit.row(delivery_id)
    assert focused.name == f"Resend workflow.completed, {delivery_id}"
    assert visit.page.errors == []


async def test_resend_by_keyboard_alone(visit: RequestContext) -> None:
    """The buttons are reached by Tab; Shift and Tab goes there from the end."""
    async with Receiver() as good:
        await visit.subscribe(good.url, "workflow.completed")
        visit.emulator.emit("workflow.completed", {})
        await visit.emulator.wait_for_deliveries()
        await visit.open()
        await visit.page.press("Tab", shift=True)
        await visit.page.press("Enter")
        await visit.page.wait_for_text("Sent again")
        await visit.emulator.wait_for_deliveries()

    assert len(good.received) == 2


async def test_the_page_keeps_itself_up_to_date(visit: RequestContext) -> None:
    """What is new appears, from nothing on; what was opened stays open, and keeps the focus."""
    await visit.open()
    await visit.send("/workflows?limit=1")
    await visit.page.evaluate(LOOK_NOW)
    await visit.page.wait_for_text("limit=1")
    await visit.page.evaluate("document.querySelector('tbody tr').isTheSame = true")
    await visit.page.evaluate("document.querySelector('summary').focus()")
    await visit.page.press("Enter")
    await visit.page.wait_for_text("Headers")
    await visit.send("/workflows?limit=2")
    await visit.page.evaluate(LOOK_NOW)
    text = await visit.page.wait_for_text("limit=2")
    focused = await visit.page.focused()
    same = "[...document.querySelectorAll('tbody tr')].map((row) => row.isTheSame || false)"

    assert await visit.page.evaluate(same) == [False, True]
    assert text.index("limit=2") < text.index("limit=1")
    assert "2, newest first" in text
    assert "Headers" in text
    assert focused.name == "GET /v2/workflows?limit=1"
    assert visit.page.errors == []


async def test_a_row_that_changes_stays_open_and_keeps_the_focus(visit: RequestContext) -> None:
    """A person reads the details of a delivery while it is tried again."""
    async with Receiver(500, 204) as receiver:
        await visit.subscribe(receiver.url, "workflow.completed")
        visit.emulator.emit("workflow.completed", {"workflow_id": "wf_seen"})
        await visit.emulator.wait_for_deliveries()
        await visit.open()
        await visit.page.click("#deliveries summary")
        await visit.page.wait_for_text("wf_seen")
        visit.clock.now += 5
        await visit.emulator.wait_for_deliveries()
        await visit.page.evaluate(LOOK_NOW)
        text = await visit.page.wait_for_text("12:00:05.000 204")
        focused = await visit.page.focused()

    assert "wf_seen" in text
    assert focused.name == "workflow.completed"
    assert visit.page.errors == []


async def test_after_a_reset_the_page_is_empty_again(visit: RequestContext) -> None:
    """And fills again with what comes next."""
    await visit.send("/workflows?limit=1")
    await visit.send("/workflows?limit=2")
    await visit.open()
    visit.emulator.reset()
    await visit.page.evaluate(LOOK_NOW)
    await visit.page.wait_for_text("No request has arrived yet.")
    await visit.send("/workflows?limit=3")
    await visit.page.evaluate(LOOK_NOW)
    await visit.page.wait_for_text("limit=3")
    rows = await visit.columns("requests")

    assert [row[0] for row in rows] == ["GET /v2/workflows?limit=3"]
    assert visit.page.errors == []


async def test_rows_that_stand_for_something_else_after_a_reset_are_exchanged(
    visit: RequestContext,
) -> None:
    """Those that stand for nothing any more go."""
    await visit.send("/workflows?limit=1")
    await visit.send("/workflows?limit=2")
    await visit.open()
    visit.emulator.reset()
    await visit.send("/workflows?limit=3")
    await visit.page.evaluate(LOOK_NOW)
    await visit.page.wait_for_text("limit=3")
    rows = await visit.columns("requests")

    assert [row[0] for row in rows] == ["GET /v2/workflows?limit=3"]


async def test_a_person_can_stop_the_changes(visit: RequestContext) -> None:
    """Nothing moves until they go on, and both is said."""
    await visit.open()
    await visit.page.click("#pause")
    await visit.page.wait_for_text("Updates are paused.")
    await visit.send("/workflows?limit=1")
    before = len(visit.page.requests)
    await visit.page.evaluate(LOOK_NOW)
    paused = await visit.page.text()
    after = len(visit.page.requests)
    await visit.page.click("#pause")
    text = await visit.page.wait_for_text("limit=1")

    assert "limit=1" not in paused
    assert after == before
    assert "New entries appear by themselves." in text


async def test_an_emulator_that_has_gone_is_told(visit: RequestContext) -> None:
    """What was last seen stays; when it is back, the page goes on."""
    await visit.send("/workflows?limit=1")
    await visit.open()
    await visit.emulator.stop()
    await visit.page.evaluate(LOOK_NOW)
    text = await visit.page.wait_for_text("The emulator does not answer.")

    assert "limit=1" in text


async def test_without_script_the_page_works_as_well(visit: RequestContext) -> None:
    """It is read again by its link, and delivers again by its buttons."""
    await visit.page.call("Emulation.setScriptExecutionDisabled", value=True)
    async with Receiver() as good:
        await visit.subscribe(good.url, "workflow.completed")
        visit.emulator.emit("workflow.completed", {})
        await visit.emulator.wait_for_deliveries()
        await visit.open()
        tree = {(node.role, node.name) for node in await visit.page.accessibility_tree()}
        await visit.page.press("Tab", shift=True)
        await visit.page.press("Enter")
        await visit.page.wait_for_text("Sent again")
        await visit.emulator.wait_for_deliveries()

    assert ("button", "Pause") not in tree
    assert ("link", "Reload") in tree
    assert len(good.received) == 2


async def test_what_senders_and_receivers_say_is_only_text(visit: RequestContext) -> None:
    """Paths, queries, headers, bodies, event names, URLs, answers; the console stays silent."""

    async def mock(request: Any) -> aiohttp.web.Response:
        return aiohttp.web.Response(status=500, text=HOSTILE)

    async with Receiver(mock) as receiver:
        await visit.subscribe(f"{receiver.url}?{quote(HOSTILE)}", "workflow.failed")
        visit.emulator.emit(HOSTILE, {HOSTILE: HOSTILE})
        await visit.emulator.wait_for_deliveries()
        path = f"{visit.emulator.base_url}/{HOSTILE}?{HOSTILE}"
        headers = {"X-Odd": HOSTILE, "X-API-Key": HOSTILE}
        async with visit.http.post(path, headers=headers, data=HOSTILE.encode()) as answer:
            assert answer.status == 401
        await visit.open()
        script = "for (const one of document.querySelectorAll('details')) one.open = true"
        await visit.page.evaluate(script)
        text = await visit.page.text()
        await visit.page.evaluate(LOOK_NOW)
        await visit.send("/workflows")
        await visit.page.evaluate(LOOK_NOW)
        await visit.page.wait_for_text("GET /v2/workflows")

    assert text.count("<script>document.title='taken'</script>") >= 4
    assert await visit.page.evaluate("document.querySelectorAll('script, img').length") == 1
    assert await visit.page.title() == "Inspection - CloudFlow emulator"
    assert visit.page.errors == []


async def test_a_screen_reader_is_told_what_is_there(visit: RequestContext) -> None:
    """Headings, tables with named columns, and buttons that say what they send; on a phone too."""
    async with Receiver() as good:
        await visit.subscribe(good.url, "workflow.completed")
        (delivery_id,) = visit.emulator.emit("workflow.completed", {})
        await visit.emulator.wait_for_deliveries()
    trees = []
    for width in (DESK, PHONE):
        await visit.page.show_as(width=width)
        await visit.open()
        nodes = await visit.page.accessibility_tree()
        trees.append([(node.role, node.name) for node in nodes])
    roles = {"heading", "link", "button", "table", "columnheader", "DisclosureTriangle"}
    wanted = [
        ("heading", "What happened in the CloudFlow emulator"),
        *[("link", name) for name in ("Requests", "Deliveries", "Reload")],
        ("button", "Pause"),
        ("heading", "Requests"),
        ("table", "Requests"),
        *[("columnheader", name) for name in ("Request", "Time (UTC)", "Status")],
        *[("columnheader", name) for name in ("Caller", "Requests left", "Body")],
        ("DisclosureTriangle", "POST /v2/webhooks"),
        ("heading", "Deliveries"),
        ("table", "Deliveries"),
        *[("columnheader", name) for name in ("Event", "Time (UTC)", "State")],
        *[("columnheader", name) for name in ("Attempts", "Action")],
        ("DisclosureTriangle", "workflow.completed"),
        ("button", f"Resend workflow.completed, {delivery_id}"),
    ]

    for tree in trees:
        assert sorted(entry for entry in tree if entry[0] in roles) == sorted(wanted)
        assert [role for role, _ in tree].count("row") == 4
        assert [role for role, _ in tree].count("cell") == 11
        assert ("status", "") in tree
    assert await visit.page.evaluate("document.documentElement.lang") == "en"


async def test_the_page_fits_and_can_be_read(visit: RequestContext, tmp_path: Path) -> None:
    """No sideways scrolling, and contrast enough, with everything opened; it is kept to see."""
    async with Receiver() as good, Receiver(410) as gone:
        await visit.send("/" + "long" * 60, **{"X-Long": "word" * 200})
        await deliver_in_all_ways(visit, good, gone)
        await visit.open()
        await visit.page.click(f"#resend-{visit.emulator.deliveries[0].id}")
        await visit.page.wait_for_text("Sent again")
    script = "for (const one of document.querySelectorAll('details')) one.open = {}"
    for width, dark, opened in itertools.product([PHONE, TABLET, DESK], [False, True], [0, 1]):
        await visit.page.show_as(width=width, height=1000, dark=dark)
        await visit.page.evaluate(script.format("true" if opened else "false"))
        await visit.page.evaluate("scrollTo(0, 0)")
        name = f"{width}-{'dark' if dark else 'light'}-{'opened' if opened else 'closed'}.png"
        await visit.page.screenshot(tmp_path / name)
        contrast = await lowest_contrast(visit.page, TEXTS)

        assert await visit.page.overflow() == 0
        assert contrast >= SMALLEST
