"""Every example runs as a user would run it, with warnings as errors."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from cloudflow_async import ClientClosedError, CloudFlow, OAuth2Auth, OutcomeUnknownError
from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.techflow import TechFlow
from tests.asgi_server import serving
from tests.browser import chromium
from tests.deliveries import SECRET, SignedDelivery, delivery

EXAMPLES = Path(__file__).parent.parent / "examples"

PRINTED = {
    "create_and_pause": [
        "created 'Welcome mail', active",
        "gone: resource_not_found",
        "now paused",
        "runs: 1, steps: ['fetch_data', 'send_email']",
    ],
    "fan_out": [
        "1502 executions of 12 pipelines in 21 pages",
        "completed: 1374, failed: 121, running: 7",
        (
            "pipe_unknown: GET /pipelines/{pipeline_id}/executions: 404 resource_not_found: "
            "Pipeline 'pipe_unknown' does not exist or has been deleted"
        ),
    ],
    "list_and_page": ["collected: 25", "first page: 10 of 25", "rows 21 to 25"],
    "migrate_techflow": [
        "wf_2 'Report': to be copied, with a webhook trigger",
        "In all: 1 skipped, 2 to be copied",
        "In all: 2 copied, 1 skipped",
        "In all: 1 skipped, 2 there already",
    ],
    "webhook_end_to_end": [
        "handler: workflow.completed",
        "handler: workflow.started",
        "sender: pipeline.completed delivered, answers [204]",
        "sender: workflow.completed delivered, answers ['lost', 204, 204]",
        "sender: workflow.started delivered, answers [204]",
        "waited for: completed",
    ],
    "worker": [
        "active: done",
        (
            "no-such-status: PATCH /workflows/{workflow_id}: 400 invalid_parameter: "
            "The 'status' field must be one of active, paused, archived"
        ),
        "paused: done",
    ],
}


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_script(name: str) -> None:
    """A script ends well, prints what it should and warns of nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert [] == sorted(set(PRINTED[name]) - set(done.stdout.splitlines()))
    # What is printed once in the list is printed once.
    assert all(done.stdout.splitlines().count(line) == 1 for line in PRINTED[name])


def test_all_examples_are_tested() -> None:
    """No example is left out here."""
    served = {"web_app", "web_login", "webhooks_aiohttp", "webhooks_fastapi"}

    assert {*PRINTED, *served} == {path.stem for path in EXAMPLES.glob("*.py")}


async def test_migration_that_fails_half_way() -> None:
    """Telling changes nothing; after a lost answer the next run copies what is missing, once."""
    migrate = load("migrate_techflow").migrate
    async with Emulator() as emulator:
        ids = {emulator.techflow.add_workflow(description=text) for text in ("a", "", None)}
        async with (
            TechFlow(emulator.techflow.api_key, base_url=emulator.techflow.base_url) as tf,
            CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf,
        ):
            await migrate(tf, cf, apply=False)
            told = {request.method for request in emulator.requests}
            emulator.inject(Fault(method="POST", route="/workflows", nth=2, drop="after"))
            with pytest.raises(OutcomeUnknownError):
                await migrate(tf, cf, apply=True)
            await migrate(tf, cf, apply=True)
            await migrate(tf, cf, apply=True)
            copies = await cf.workflows.list().collect()

    assert {"GET"} == told
    assert sorted(f"[TechFlow {workflow_id}]" for workflow_id in ids) == sorted(
        str(copy.description).removeprefix("a ") for copy in copies
    )


async def test_web_app() -> None:
    """The app shows a workflow, knows an unknown one, and bounds the wait of a visitor."""
    module = load("web_app")
    async with Emulator() as emulator:
        workflow_id = emulator.add_workflow(name="Nightly report")
        cf = CloudFlow(emulator.api_key, base_url=emulator.base_url)
        runner = web.AppRunner(module.make_app(cf))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}/workflows/") as visitor:
            async with visitor.get(workflow_id) as answer:
                shown = await answer.json()
            async with visitor.get("wf_unknown") as answer:
                unknown = answer.status
            emulator.inject(Fault(status=429, retry_after=42))
            async with visitor.get(workflow_id) as answer:
                busy = answer.status
        await runner.cleanup()

    assert {"name": "Nightly report", "status": "active"} == shown
    assert (404, 503) == (unknown, busy)
    with pytest.raises(Exception, match="closed"):
        await cf.workflows.get(workflow_id)


@attrs.frozen
class LoginSite:
    """The app with the logins, on its emulator."""

    url: str
    emulator: Emulator
    site: Any

    def visitor(self) -> aiohttp.ClientSession:
        """Return a browser of its own, as far as cookies and redirects go."""
        return aiohttp.ClientSession(self.url, cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def log_in(self, visitor: aiohttp.ClientSession, **answer: Any) -> tuple[int, str]:
        """Log in as a person would; return what the browser then shows."""
        async with visitor.get("/login", allow_redirects=False) as sent:
            callback = self.emulator.approve(sent.headers["Location"], **answer)
        return await self.open(visitor, callback)

    async def open(self, visitor: aiohttp.ClientSession, url: str) -> tuple[int, str]:
        """Return what a browser shows of a URL."""
        async with visitor.get(url) as answer:
            return answer.status, await answer.text()

    def token_requests(self) -> int:
        """Return how often the emulator was asked for a token."""
        return sum(request.path == "/oauth/token" for request in self.emulator.requests)


@pytest.fixture
async def login_site() -> AsyncIterator[LoginSite]:
    """Run the app with the logins against an emulator with one workflow."""
    module = load("web_login")
    async with Emulator() as emulator:
        emulator.add_workflow(name="Nightly <report>")
        client = emulator.add_client(confidential=True)
        redirect_uris: list[str] = []
        site = module.Site(
            lambda: OAuth2Auth(
                client.client_id,
                client_secret=client.client_secret,
                scopes=["workflows:read"],
                redirect_uri=redirect_uris[0],
                authorize_url=emulator.authorize_url,
                token_url=emulator.token_url,
            ),
            base_url=emulator.base_url,
        )
        runner = web.AppRunner(site.app())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        redirect_uris.append(f"{url}/callback")
        yield LoginSite(url, emulator, site)
        clients = [client for _, client in site.visitors.values()]
        await runner.cleanup()
        for client in clients:
            with pytest.raises(ClientClosedError):
                await client.workflows.list()


async def test_web_login(login_site: LoginSite) -> None:
    """Two people log in side by side, each with a token of their own, and one logs out."""
    async with login_site.visitor() as one, login_site.visitor() as other:
        before = await login_site.open(one, "/")
        shown = [
            await login_site.log_in(one, subject="one"),
            await login_site.log_in(other, subject="other"),
        ]
        tokens = {
            request.headers["Authorization"]
            for request in login_site.emulator.requests
            if request.path.endswith("/workflows")
        }
        async with one.post("/logout") as answer:
            after = await answer.text()
        still_there = await login_site.open(other, "/")

    assert "Log in with CloudFlow" in before[1]
    assert [200, 200] == [status for status, _ in shown]
    assert all("Nightly &lt;report&gt;" in text for _, text in shown)
    assert (2, 2) == (len(tokens), login_site.token_requests())
    assert "Log in with CloudFlow" in after
    assert "Nightly" in still_there[1]
    assert (1, 0) == (len(login_site.site.visitors), len(login_site.site.logins))


async def test_web_login_that_is_denied(login_site: LoginSite) -> None:
    """The person is told, and no token is asked for."""
    async with login_site.visitor() as visitor:
        status, text = await login_site.log_in(visitor, deny=True)

    assert 403 == status
    assert "access_denied" in text
    assert 0 == login_site.token_requests()


async def test_web_login_of_another_browser(login_site: LoginSite) -> None:
    """Whoever is sent somebody else's callback is not logged in by it, nor is it redeemed."""
    async with login_site.visitor() as one, login_site.visitor() as other:
        async with one.get("/login", allow_redirects=False) as sent:
            callback = login_site.emulator.approve(sent.headers["Location"])
        strangers = await login_site.open(other, callback)
        async with other.get("/login", allow_redirects=False):
            mixed = await login_site.open(other, callback)

    assert (400, 403) == (strangers[0], mixed[0])
    assert 0 == login_site.token_requests()


async def test_web_login_that_has_ended(login_site: LoginSite) -> None:
    """Where the token is revoked, the browser is sent to log in again; other faults say so."""
    async with login_site.visitor() as visitor:
        await login_site.log_in(visitor)
        login_site.emulator.inject(Fault(status=400))
        async with visitor.get("/") as answer:
            broken = answer.status
        ((auth, _),) = login_site.site.visitors.values()
        token = await auth.token()
        login_site.emulator.revoke(token.refresh_token.reveal())
        async with visitor.get("/", allow_redirects=False) as answer:
            ended = answer.status, answer.headers["Location"]

    assert 502 == broken
    assert (303, "/login") == ended


@pytest.mark.slow
async def test_web_login_in_a_browser(login_site: LoginSite) -> None:
    """From the link through the consent page to the workflows, by hand."""
    async with chromium() as browser:
        tab = await browser.open(login_site.url)
        await tab.click("a")
        await tab.wait_for_text("Sign in as")
        await tab.click("button[value=allow]")
        shown = await tab.wait_for_text("Your workflows")
        await tab.click("button")
        await tab.wait_for_text("Log in with CloudFlow")

    assert "Nightly <report>" in shown
    assert [] == [error for error in tab.errors if "favicon" not in error]


async def test_web_login_demo() -> None:
    """Run by itself, it brings an emulator along, and stops it."""
    module = load("web_login")
    runner = web.AppRunner(await module.demo())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as visitor:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/login"
        async with visitor.get(url) as answer:
            question = await answer.text()
        await runner.cleanup()
        with pytest.raises(aiohttp.ClientConnectorError):
            await visitor.get(answer.url)

    assert "Sign in as" in question


async def test_webhooks_aiohttp(capsys: pytest.CaptureFixture[str]) -> None:
    """Each delivery is reported once, whatever else comes to that address."""
    runner = web.AppRunner(load("webhooks_aiohttp").make_app(SECRET))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/cloudflow-webhook"
    failed, forged = delivery("workflow.failed"), delivery(secret="whsec_" + "A" * 32)
    statuses = [
        await post(url, sent)
        for sent in (failed, failed, forged, delivery("workflow.started", id="msg_2"))
    ]
    await runner.cleanup()

    assert [204, 204, 401, 204] == statuses
    assert [
        "workflow wf_8x7k2m9p: execution exec_9k3m7n2q failed",
        "workflow.failed, happened 2026-01-24 10:45:00+00:00, delivered as msg_1",
        "workflow.started, happened 2026-01-24 10:45:00+00:00, delivered as msg_2",
    ] == capsys.readouterr().out.splitlines()


async def test_webhooks_fastapi() -> None:
    """Deliveries change what the app's own routes show, each one once."""
    data = {"pipeline_id": "pipe_4x9k2m"}
    completed, failed = (
        delivery(f"pipeline.{end}", id=f"msg_{end}", data=data) for end in ("completed", "failed")
    )
    async with serving(load("webhooks_fastapi").make_app(SECRET)) as url:
        hook = f"{url}/cloudflow-webhook"
        statuses = [await post(hook, sent) for sent in (completed, failed, failed)]
        async with aiohttp.ClientSession(url) as visitor:
            async with visitor.get("/pipelines/pipe_4x9k2m") as answer:
                ends = await answer.json()
            async with visitor.get("/cloudflow-webhook") as answer:
                got = answer.status

    assert [204, 204, 204] == statuses
    assert {"pipeline.completed": 1, "pipeline.failed": 1} == ends
    assert 405 == got


async def post(url: str, sent: SignedDelivery) -> int:
    """Post a delivery as a sender does, who follows no redirect; return the status."""
    async with (
        aiohttp.ClientSession() as sender,
        sender.post(url, data=sent.body, headers=sent.headers, allow_redirects=False) as answer,
    ):
        return answer.status


def load(name: str) -> ModuleType:
    """Return an example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
