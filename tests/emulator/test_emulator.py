"""`Emulator`: starting, stopping, keys and faults."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from tests.emulator.conftest import Api, Clock, until
from tests.emulator.receiver import Receiver
from tests.lifecycle.cycles import LONGEST, repeat, with_deliveries, with_request


def open_files() -> int:
    """Return how many file descriptors the process holds."""
    return len(os.listdir("/dev/fd"))


async def test_it_listens_on_a_free_loopback_port() -> None:
    """Two at once have ports of their own."""
    async with Emulator() as one, Emulator() as other:
        first, second = urlsplit(one.base_url), urlsplit(other.base_url)

    assert (first.scheme, first.hostname, first.path) == ("http", "127.0.0.1", "/v2")
    assert first.port != second.port


async def test_no_other_machine_reaches_it() -> None:
    """The system lists its port at 127.0.0.1 alone."""
    async with Emulator() as emulator:
        port = urlsplit(emulator.base_url).port
        tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
        rows = [row.split()[1] for table in tables for row in table.read_text().splitlines()[1:]]

    assert {f"0100007F:{port:04X}"} == {row for row in rows if row.endswith(f":{port:04X}")}


async def test_it_listens_on_ipv6_when_asked() -> None:
    """The address is written in brackets."""
    async with Emulator(host="::1") as emulator, aiohttp.ClientSession() as session:
        response = await session.get(emulator.base_url + "/workflows")

        assert emulator.base_url.startswith("http://[::1]:")
        assert response.status == 401


def test_other_machines_are_not_served_unless_asked_for() -> None:
    """The refusal comes with the construction."""
    with pytest.raises(ValueError, match="allow_remote=True"):
        Emulator(host="192.168.1.2")


async def test_it_can_be_constructed_without_a_loop_and_started_later() -> None:
    """Starting twice and stopping twice changes nothing."""
    emulator = Emulator()
    await emulator.stop()
    await asyncio.gather(emulator.start(), emulator.start())
    address = emulator.base_url
    await emulator.start()

    assert address == emulator.base_url

    await asyncio.gather(emulator.stop(), emulator.stop())


async def test_without_being_started_it_has_no_address() -> None:
    """The error says how to start it, the repr tells the state."""
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="async with"):
        _ = emulator.base_url
    async with emulator:
        running = repr(emulator)

    assert repr(emulator) == "<Emulator stopped, 0 requests>"
    assert running.startswith("<Emulator on http://127.0.0.1:")


def test_it_runs_on_one_loop_after_another() -> None:
    """State and keys outlive the loop."""
    emulator = Emulator(clock=Clock())
    emulator.add_workflow()

    async def total() -> int:
        async with emulator, aiohttp.ClientSession() as session:
            headers = {"X-API-Key": emulator.api_key}
            response = await session.get(emulator.base_url + "/workflows", headers=headers)
            page = await response.json()
            return int(page["pagination"]["total"])

    assert [asyncio.run(total()), asyncio.run(total())] == [1, 1]


async def test_stopping_frees_the_port() -> None:
    """The next one can have it at once."""
    async with Emulator() as emulator:
        port = urlsplit(emulator.base_url).port
    async with Emulator(port=port or 0) as successor:
        assert urlsplit(successor.base_url).port == port


async def test_a_taken_port_is_an_error_that_leaves_nothing() -> None:
    """It can be started when the port is free again."""
    async with Emulator() as emulator:
        port = urlsplit(emulator.base_url).port or 0
        rival = Emulator(port=port)
        with pytest.raises(OSError, match="in use"):
            await rival.start()
    async with rival:
        assert rival.base_url == f"http://127.0.0.1:{port}/v2"


async def test_stopping_does_not_wait_for_clients() -> None:
    """Idle connections, half a request, an answer nobody reads, an hour's delay: all end now."""
    loop = asyncio.get_running_loop()
    async with Emulator():
        pass  # some event loops open a file with their first server
    before = open_files()
    emulator = Emulator()
    emulator.inject(Fault(delay=3600))
    await emulator.start()
    parts = urlsplit(emulator.base_url)
    idle, half, slow = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(3)]
    half[1].write(b"POST /v2/workflows HTTP/1.1\r\n")
    slow[1].write(f"GET /v2/workflows HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    await until(lambda: bool(emulator.requests))
    begun = loop.time()
    await emulator.stop()
    took = loop.time() - begun
    endings = [await reader.read() for reader, _ in (idle, half, slow)]
    for _, writer in (idle, half, slow):
        writer.close()
        await writer.wait_closed()

    assert took < 2
    assert endings == [b"", b"", b""]
    assert open_files() == before


async def test_an_answer_that_nobody_reads_does_not_hold_up_the_end() -> None:
    """Its connection is cut."""
    emulator = Emulator()
    emulator.inject(Fault(status=200, body=b"x" * 50_000_000))
    await emulator.start()
    parts = urlsplit(emulator.base_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as client:
        client.sendall(f"GET /v2/workflows HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        await until(lambda: any(entry.status for entry in emulator.requests))
        await emulator.stop()

        assert len(asyncio.all_tasks()) == 1


@pytest.mark.slow
async def test_starting_and_stopping_leaks_nothing() -> None:
    """A hundred times, with a request each."""
    found = await repeat(with_request, 100)

    assert found.before == found.after
    assert found.longest <= LONGEST


@pytest.mark.slow
async def test_starting_and_stopping_with_deliveries_leaks_nothing() -> None:
    """Fifty times, with one that was made, one that is on its way and one that comes later."""
    found = await repeat(with_deliveries, 50)

    assert found.before == found.after
    assert found.longest <= LONGEST


async def test_where_webhooks_may_go_is_checked_at_construction() -> None:
    """The words for it are few."""
    with pytest.raises(ValueError, match="not to intranet"):
        Emulator(allow_webhooks_to=["intranet"])  # type: ignore[list-item]  # the point


async def test_the_key_follows_from_the_seed() -> None:
    """So examples can print it."""
    assert Emulator(seed=3).api_key == Emulator(seed=3).api_key
    assert Emulator(seed=3).api_key != Emulator(seed=4).api_key


async def test_a_key_with_undocumented_scopes_is_refused() -> None:
    """The error names the documented ones."""
    with pytest.raises(ValueError, match="pipelines:write"):
        Emulator().add_key("workflows:delete")


async def test_the_authorization_server_is_on_the_same_port(emulator: Emulator) -> None:
    """Its addresses have no `/v2`, and without being started there are none."""
    origin = emulator.base_url.removesuffix("/v2")

    assert emulator.issuer == origin
    assert emulator.authorize_url == origin + "/oauth/authorize"
    assert emulator.token_url == origin + "/oauth/token"

    for name in ("issuer", "authorize_url", "token_url"):
        with pytest.raises(RuntimeError, match="async with"):
            getattr(Emulator(), name)


async def test_a_client_is_there_and_others_can_be_added() -> None:
    """Public ones have no secret."""
    emulator = Emulator()
    added = emulator.add_client("demo-app")
    confidential = emulator.add_client(confidential=True)

    assert (emulator.client_id, added.client_id) == ("cloudflow-cli", "demo-app")
    assert added.client_secret is None
    assert confidential.client_secret is not None


async def test_consent_can_be_given_without_a_browser(emulator: Emulator) -> None:
    """Or refused; a request that the page would not show is an error that says why."""
    parameters = {
        "response_type": "code",
        "client_id": emulator.client_id,
        "redirect_uri": "http://127.0.0.1:49152/callback",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "scope": "workflows:read",
        "state": "af0ifjsldkj",
    }
    url = f"{emulator.authorize_url}?{urlencode(parameters)}"
    given = parse_qs(urlsplit(emulator.approve(url, scopes=["workflows:read"])).query)
    denied = parse_qs(urlsplit(emulator.approve(url, deny=True)).query)

    assert given.keys() == {"code", "state", "iss"}
    assert denied["error"] == ["access_denied"]
    assert given["state"] == denied["state"] == ["af0ifjsldkj"]

    with pytest.raises(ValueError, match="client_id"):
        emulator.approve(emulator.authorize_url)


async def test_a_token_ends_when_it_expires_or_is_revoked(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """Before that it opens what its scopes open."""
    texts = [emulator.add_token("workflows:read", expires_in=60) for _ in range(2)]

    async def statuses() -> list[int]:
        headers = [{"Authorization": f"Bearer {text}"} for text in texts]
        return [(await api("GET", "/workflows", key=None, headers=one)).status for one in headers]

    fresh = await statuses()
    emulator.revoke(texts[0])
    clock.now += 59
    revoked = await statuses()
    clock.now += 1

    assert (fresh, revoked, await statuses()) == ([200, 200], [401, 200], [401, 401])


def test_a_fault_for_a_template_that_does_not_exist_is_refused() -> None:
    """It would never hit; the error lists the templates."""
    emulator = Emulator()
    emulator.inject(Fault(route="/no/such/path", status=500))

    with pytest.raises(ValueError, match="pipeline_id}/executions"):
        emulator.inject(Fault(route="/workflows/{id}", status=500))


async def test_faults_can_be_taken_off_duty(api: Api, emulator: Emulator) -> None:
    """State and request log stay."""
    emulator.inject(Fault(status=500, times=None))
    faulty = await api("GET", "/workflows")
    emulator.clear_faults()
    healthy = await api("GET", "/workflows")

    assert (faulty.status, healthy.status) == (500, 200)
    assert len(emulator.requests) == 2


async def test_the_time_is_real_without_a_clock() -> None:
    """A request is recorded at the instant at which it arrived."""
    before = time.time()
    async with Emulator() as emulator, aiohttp.ClientSession() as session:
        await session.get(emulator.base_url)
        received_at = emulator.requests[0].received_at

    assert before <= received_at <= time.time()


async def test_the_same_seed_gives_the_same_request_log() -> None:
    """With faults left to chance."""

    async def play(seed: int) -> list[tuple[int | None, str]]:
        async with Emulator(clock=Clock(), seed=seed) as emulator:
            emulator.inject(Fault(status=500, times=None, probability=0.4))
            async with aiohttp.ClientSession() as session:
                for _ in range(15):
                    await session.get(emulator.base_url)
            return [(entry.status, entry.request_id) for entry in emulator.requests]

    assert await play(1) == await play(1)
    assert await play(1) != await play(2)


async def test_it_keeps_the_last_requests_and_deliveries() -> None:
    """So that one that runs for weeks does not grow; deliveries that are due are kept."""
    async with Emulator(max_recorded=3) as emulator, aiohttp.ClientSession() as session:
        headers = {"X-API-Key": emulator.api_key}
        url = "http://127.0.0.1:9/nobody"
        hook = {"url": url, "events": ["workflow.started", "workflow.completed"]}
        await session.post(f"{emulator.base_url}/webhooks", json=hook, headers=headers)
        for _ in range(5):
            await session.get(f"{emulator.base_url}/workflows?limit=1", headers=headers)

        assert ["/v2/workflows"] * 3 == [request.path for request in emulator.requests]

        workflow = emulator.add_workflow(trigger={"type": "webhook"})
        for _ in range(4):
            await session.post(f"{emulator.base_url}/webhooks/{workflow}/trigger", headers=headers)
        pending = [delivery for delivery in emulator.deliveries if delivery.state == "pending"]

        assert len(pending) >= 4


async def test_a_delivery_that_has_ended_is_dropped_for_a_new_one() -> None:
    """The oldest first."""
    async with (
        Receiver() as receiver,
        Emulator(max_recorded=2) as emulator,
        aiohttp.ClientSession() as session,
    ):
        headers = {"X-API-Key": emulator.api_key}
        hook = {"url": receiver.url, "events": ["workflow.started"]}
        await session.post(f"{emulator.base_url}/webhooks", json=hook, headers=headers)
        workflow = emulator.add_workflow(trigger={"type": "webhook"})
        emulator.plan_runs(workflow, seconds=0)
        for _ in range(4):
            await session.post(f"{emulator.base_url}/webhooks/{workflow}/trigger", headers=headers)
            await emulator.wait_for_deliveries()

        assert 4 == len(receiver.received)
        assert ["delivered"] * 2 == [delivery.state for delivery in emulator.deliveries]


async def test_without_limits_no_answer_tells_of_any() -> None:
    """For both APIs and without a credential: nothing is counted."""
    off = {"rate_limits": "off", "anonymous_limits": "off", "techflow_limits": "off"}
    async with Emulator(**off) as emulator, aiohttp.ClientSession() as session:
        keys = [{"X-API-Key": emulator.api_key}, {}]
        answers = [
            await session.get(f"{emulator.base_url}/workflows", headers=key)
            for key in keys
            for _ in range(200)
        ]
        bearer = {"Authorization": f"Bearer {emulator.techflow.api_key}"}
        url = f"{emulator.techflow.base_url}/workflows"
        answers += [await session.get(url, headers=bearer) for _ in range(200)]

    assert {200, 401} == {answer.status for answer in answers}
    assert not any(name for answer in answers for name in answer.headers if "RateLimit" in name)


async def test_a_key_of_ones_own_is_accepted() -> None:
    """Instead of the one that follows from the seed; other keys stay what they are."""
    async with Emulator(api_key="my-local-key") as emulator, aiohttp.ClientSession() as session:
        answer = await session.get(
            f"{emulator.base_url}/workflows", headers={"X-API-Key": "my-local-key"}
        )

        assert (200, "my-local-key") == (answer.status, emulator.api_key)
        assert Emulator().add_key() == emulator.add_key()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("rate_limits", (100, 60)),
        ("rate_limits", "unlimited"),
        ("anonymous_limits", 20),
        ("techflow_limits", {}),
        ("limits_mode", "Bucket"),
        ("limits_mode", ["bucket"]),
        ("api_key", ""),
        ("api_key", "two words"),
        ("api_key", "line\nbreak"),
        ("max_recorded", 0),
        ("max_recorded", "10"),
        ("clock", 5),
        ("seed", "x"),
        ("seed", True),
        ("port", 70000),
        ("port", "8787"),
    ],
)
def test_a_wrong_kind_is_refused_when_it_is_constructed(argument: str, value: object) -> None:
    """By name, and with what was meant."""
    options: dict[str, Any] = {argument: value}
    with pytest.raises(ValueError, match=argument):
        Emulator(**options)


@pytest.mark.parametrize("field", ["requests", "per", "burst", "burst_window"])
@pytest.mark.parametrize("value", [0, "100", None, True, float("inf")])
def test_limits_are_numbers_above_zero(field: str, value: object) -> None:
    """A field of another kind is named."""
    options: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=f"^{field} must be"):
        EmulatorLimits(**options)


async def test_the_documents_own_token_request_is_taken_where_pkce_is_not_required() -> None:
    """With the fields that "OAuth 2.0" prints and no verifier; a challenge that is given counts."""
    async with Emulator(require_pkce=False) as emulator, aiohttp.ClientSession() as session:
        redirect_uri = "https://yourapp.com/callback"
        client = emulator.add_client(
            "YOUR_CLIENT_ID",
            redirect_uris=[redirect_uri],
            confidential=True,
            client_secret="YOUR_CLIENT_SECRET",
        )
        asked = {"response_type": "code", "client_id": client.client_id}
        asked["redirect_uri"] = redirect_uri
        callback = emulator.approve(f"{emulator.authorize_url}?{urlencode(asked)}")
        form = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(callback).query)["code"][0],
            "client_id": "YOUR_CLIENT_ID",
            "client_secret": "YOUR_CLIENT_SECRET",
            "redirect_uri": redirect_uri,
        }
        answer = await session.post(emulator.token_url, data=form)

        assert 200 == answer.status
        assert "Bearer" == (await answer.json())["token_type"]

        asked |= {"code_challenge": "short", "code_challenge_method": "S256"}
        with pytest.raises(ValueError, match="code_challenge must be 43"):
            emulator.approve(f"{emulator.authorize_url}?{urlencode(asked)}")


def test_a_secret_of_ones_own_is_not_empty() -> None:
    """It would let everybody in."""
    with pytest.raises(ValueError, match="client_secret must not be empty"):
        Emulator().add_client("app", confidential=True, client_secret="")
