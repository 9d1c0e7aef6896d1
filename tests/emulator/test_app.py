"""The way of one request: guards, budget, fault, credentials, endpoint."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
import pytest

from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.oauth.server import OAuthCall
from tests.emulator.conftest import NOON, Answer, Api, Clock, until

RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def rates(answer: Answer) -> tuple[int, ...]:
    """Return limit, remaining and reset of an answer."""
    return tuple(int(answer.headers[name]) for name in RATE_HEADERS)


async def test_every_answer_carries_budget_date_and_request_id(
    api: Api, emulator: Emulator
) -> None:
    """Successes, errors of every kind, and what no endpoint ever saw."""
    path = f"/workflows/{emulator.add_workflow()}"
    answers = [
        await api("GET", "/workflows"),
        await api("DELETE", path),
        await api("GET", path),
        await api("GET", "/workflows?limit=0"),
        await api("PUT", path),
        await api("GET", "/nowhere"),
        await api("GET", "/workflows", key="cf_test_wrong"),
        await api("GET", "/workflows", key=emulator.add_key()),
        await api("GET", "/workflows", headers={"Host": "evil.example"}),
        await api("GET", "/workflows", headers={"Origin": "http://evil.example"}),
        await api("POST", "/workflows", data=b"{"),
        await api("POST", "/workflows", data=io.BytesIO(b" " * 1_048_577)),
    ]
    statuses = [answer.status for answer in answers]
    dates = [parsedate_to_datetime(answer.headers["Date"]).timestamp() for answer in answers]
    identifiers = [answer.headers["X-Request-Id"] for answer in answers]

    assert statuses == [200, 204, 404, 400, 405, 404, 401, 403, 403, 403, 400, 413]
    assert all(rates(answer) for answer in answers)
    assert dates == [NOON] * len(answers)
    assert len(set(identifiers)) == len(answers)
    assert all(
        answer.json["error"]["request_id"] == answer.headers["X-Request-Id"]
        for answer in answers[2:]
    )


async def test_no_answer_invites_other_origins(api: Api) -> None:
    """There are no CORS headers."""
    answer = await api("OPTIONS", "/workflows")

    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


async def test_unknown_routes_and_methods_are_told_apart(api: Api) -> None:
    """404 for a path, 405 with the right methods for a method."""
    unknown = await api("GET", "/nowhere")
    wrong = await api("DELETE", "/workflows")

    assert unknown.error == (404, "resource_not_found", None)
    assert wrong.error == (405, "method_not_allowed", None)
    assert wrong.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (None, {}),
        ("", {}),
        ("cf_live_a1b2c3d4e5f6g7h8i9j0", {}),
        (None, {"Authorization": "Bearer cf_test_x"}),
    ],
)
async def test_without_a_valid_key_everything_is_a_401(
    api: Api, key: str | None, headers: dict[str, str]
) -> None:
    """Also what does not exist: nothing is told to strangers."""
    known = await api("GET", "/workflows", key=key, headers=headers)
    unknown = await api("GET", "/nowhere", key=key, headers=headers)

    assert known.error == (401, "authentication_failed", None)
    assert unknown.error == (401, "authentication_failed", None)


async def test_a_bearer_token_is_not_a_key(api: Api, emulator: Emulator) -> None:
    """The right key in the wrong header does not help."""
    header = {"Authorization": f"Bearer {emulator.api_key}"}
    answer = await api("GET", "/workflows", key=None, headers=header)

    assert answer.status == 401


async def test_two_keys_are_none(api: Api, emulator: Emulator) -> None:
    """A repeated header says nothing certain."""
    headers = [("X-API-Key", emulator.api_key), ("X-API-Key", emulator.api_key)]
    async with aiohttp.ClientSession() as session:
        response = await session.get(emulator.base_url + "/workflows", headers=headers)

    assert response.status == 401


async def test_a_key_beside_a_token_is_a_401(api: Api, emulator: Emulator) -> None:
    """Both are good; which one counts would be anybody's guess."""
    headers = {"Authorization": f"Bearer {emulator.add_token(*SCOPES)}"}
    both = await api("GET", "/workflows", headers=headers)
    token_only = await api("GET", "/workflows", key=None, headers=headers)

    assert both.error == (401, "authentication_failed", None)
    assert token_only.status == 200


async def test_the_request_log_names_who_asked(api: Api, emulator: Emulator) -> None:
    """By names that are no secrets; nobody for those who were not let in."""
    bearer = {"Authorization": f"Bearer {emulator.add_token('workflows:read')}"}
    await api("GET", "/workflows")
    await api("DELETE", "/workflows/x", key=None, headers=bearer)
    await api("GET", "/workflows", key="cf_test_wrong")
    await api("GET", "/workflows", headers={"Host": "evil.example"})

    assert [entry.identity for entry in emulator.requests] == [
        "key 1",
        "user-12345",
        None,
        "key 1",
    ]


async def test_tokens_of_one_user_share_a_budget(api: Api, emulator: Emulator) -> None:
    """The limit is "per authenticated user", not per token."""
    first, second, other = (
        emulator.add_token("workflows:read", subject=subject)
        for subject in ("user-1", "user-1", "user-2")
    )
    left = [
        rates(await api("GET", "/workflows", key=None, headers={"Authorization": f"Bearer {one}"}))
        for one in (first, second, other)
    ]

    assert [149, 148, 149] == [remaining for _, remaining, _ in left]


@attrs.define
class Elsewhere:
    """What a client asks outside the API."""

    session: aiohttp.ClientSession
    origin: str

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Send one request without credentials."""
        async with self.session.request(method, self.origin + path, **options) as response:
            return Answer(response.status, response.headers, await response.read())


@pytest.fixture
async def elsewhere(emulator: Emulator) -> AsyncIterator[Elsewhere]:
    """Return a client of the authorization server."""
    async with aiohttp.ClientSession() as session:
        yield Elsewhere(session, emulator.issuer)


async def test_the_authorization_server_has_no_rate_limit(
    elsewhere: Elsewhere, api: Api, emulator: Emulator
) -> None:
    """It is another host in the document: it names no budget and spends none."""
    answers = [await elsewhere.ask("GET", "/oauth/nowhere") for _ in range(21)]
    stranger = await api("GET", "/workflows", key=None)

    assert {404} == {answer.status for answer in answers}
    assert not [name for name in answers[0].headers if name.startswith("X-RateLimit")]
    assert rates(stranger)[:2] == (20, 19)
    assert emulator.requests[0].rate_limit_remaining is None


async def test_the_authorization_server_gets_what_was_sent(
    elsewhere: Elsewhere, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method, path, query with repetitions, body, headers, the time and its own address."""
    calls: list[OAuthCall] = []

    def handle(call: OAuthCall) -> Reply:
        calls.append(call)
        return Reply(status=200, raw=b"<p>", headers={"Content-Type": "text/html"})

    monkeypatch.setattr(emulator._app.oauth, "handle", handle)
    answer = await elsewhere.ask(
        "POST",
        "/oauth/token?a=1&a=%C3%A9",
        data=b"x=y",
        headers={"Content-Type": "text/x-own", "Authorization": "Basic eDp5"},
    )
    (call,) = calls

    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (
        200,
        b"<p>",
        "text/html",
    )
    assert (call.method, call.path, call.body) == ("POST", "/oauth/token", b"x=y")
    assert call.query.getall("a") == ["1", "é"]
    assert (call.content_type, call.headers["authorization"]) == ("text/x-own", "Basic eDp5")
    assert (call.now, call.base) == (NOON, emulator.issuer)


async def test_the_request_log_records_what_the_authorization_server_was_asked(
    elsewhere: Elsewhere, emulator: Emulator
) -> None:
    """The form is there to look at, but not in the repr."""
    await elsewhere.ask("POST", "/oauth/token", data={"client_secret": "SECRET"})
    (entry,) = emulator.requests

    assert (entry.route, entry.identity) == ("/oauth/token", None)
    assert entry.body == b"client_secret=SECRET"
    assert entry.status is not None
    assert "SECRET" not in repr(entry)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
async def test_the_authorization_server_is_guarded_too(
    elsewhere: Elsewhere, headers: dict[str, str]
) -> None:
    """A page on another site can neither rebind nor post to it."""
    answer = await elsewhere.ask("POST", "/oauth/token", headers=headers)

    assert answer.error == (403, "insufficient_permissions", None)


async def test_the_authorization_server_does_not_read_a_large_body(elsewhere: Elsewhere) -> None:
    """The same limit as for the API."""
    answer = await elsewhere.ask("POST", "/oauth/token", data=iter_bytes(b"x" * 1_048_577))

    assert answer.error == (413, "payload_too_large", None)


async def test_the_authorization_server_can_fail(
    elsewhere: Elsewhere, api: Api, emulator: Emulator
) -> None:
    """A fault for its path leaves the API alone."""
    emulator.inject(Fault(route="/oauth/token", status=503))
    healthy = await api("GET", "/workflows")
    faulty = await elsewhere.ask("POST", "/oauth/token")
    after = await elsewhere.ask("POST", "/oauth/token")

    assert (healthy.status, faulty.status) == (200, 503)
    assert after.status < 500


async def test_the_budget_is_spent_request_by_request(api: Api, clock: Clock) -> None:
    """The bucket's headers: what is left, and when it is full again."""
    first, second = await api("GET", "/workflows"), await api("GET", "/nowhere")
    clock.now += 0.6
    third = await api("GET", "/workflows?limit=0")

    assert rates(first) == (100, 149, NOON + 1)
    assert rates(second) == (100, 148, NOON + 2)
    assert rates(third) == (100, 148, NOON + 2)


async def test_a_spent_budget_is_a_429_that_costs_nothing(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """After the wait that it names the next request is served."""
    for _ in range(150):
        await api("GET", "/nowhere")
    refused = [await api("POST", "/workflows", json={"name": "x"}) for _ in range(5)]
    clock.now += refused[-1].json["error"]["retry_after"]
    served = await api("GET", "/workflows")

    assert [answer.status for answer in refused] == [429] * 5
    assert refused[0].json["error"]["retry_after"] == 1
    assert "Retry-After" not in refused[0].headers
    assert rates(refused[0]) == (100, 0, NOON + 1)
    assert (served.status, served.json["data"]) == (200, [])
    assert emulator.requests[-2].body == b'{"name": "x"}'


async def test_a_retry_after_header_is_sent_on_demand(clock: Clock) -> None:
    """With 429s only."""
    limits = EmulatorLimits(requests=1, burst=1)
    async with (
        Emulator(clock=clock, anonymous_limits=limits, retry_after_header=True) as emulator,
        aiohttp.ClientSession() as session,
    ):
        first, second = [await session.get(emulator.base_url) for _ in range(2)]

    assert (first.status, second.status) == (401, 429)
    assert "Retry-After" not in first.headers
    assert second.headers["Retry-After"] == "60"


async def test_strangers_share_twenty_a_minute(api: Api, emulator: Emulator) -> None:
    """No key and wrong keys together; the owner of a key does not notice."""
    for number in range(20):
        await api("GET", "/workflows", key=None if number % 2 else f"cf_test_{number}")
    stranger = await api("GET", "/workflows", key="cf_test_new")
    owner = await api("GET", "/workflows")

    assert stranger.status == 429
    assert rates(stranger)[0] == 20
    assert rates(owner)[:2] == (100, 149)


async def test_each_key_has_its_own_budget(api: Api, emulator: Emulator) -> None:
    """What one spends the other keeps."""
    other = emulator.add_key("workflows:read")
    await api("GET", "/workflows")
    answer = await api("GET", "/workflows", key=other)

    assert rates(answer)[1] == 149


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "127.0.0.1"}, {"Origin": "http://evil.example"}]
)
async def test_requests_from_elsewhere_are_refused_before_they_are_counted(
    api: Api, emulator: Emulator, headers: dict[str, str]
) -> None:
    """Foreign hosts, wrong ports and foreign origins, the key being right."""
    answer = await api("GET", "/workflows", headers=headers)
    after = await api("GET", "/workflows")

    assert answer.error == (403, "insufficient_permissions", None)
    assert emulator.requests[0].rate_limit_remaining is None
    assert rates(after)[1] == 149


async def test_a_page_of_the_emulator_itself_is_not_foreign(api: Api, emulator: Emulator) -> None:
    """Its own origin is accepted."""
    origin = emulator.base_url.removesuffix("/v2")
    answer = await api("GET", "/workflows", headers={"Origin": origin})

    assert answer.status == 200


async def test_the_request_log_tells_what_arrived(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """Paths as on the wire, queries decoded, bodies, times, routes and outcomes."""
    clock.now += 0.25
    await api("POST", "/workflows/a%2Fb?x=1&x=%C3%A9", data=b"{}", headers={"X-Mark": "m"})
    await api("GET", "/nowhere")
    first, second = emulator.requests

    assert (first.method, first.path) == ("POST", "/v2/workflows/a%2Fb")
    assert first.query.getall("x") == ["1", "é"]
    assert first.headers["x-mark"] == "m"
    assert first.body == b"{}"
    assert first.received_at == NOON + 0.25
    assert (first.route, second.route) == ("/workflows/{workflow_id}", None)
    assert (first.status, second.status) == (405, 404)
    assert (first.rate_limit_remaining, second.rate_limit_remaining) == (149, 148)
    assert first.request_id != second.request_id
    assert first.connection == second.connection == 1


async def test_a_request_in_flight_has_no_status_yet(api: Api, emulator: Emulator) -> None:
    """It stands in the request log from its arrival on."""
    seen: list[int | None] = []
    emulator.inject(Fault(before=lambda it: seen.append(it.requests[-1].status)))
    await api("GET", "/workflows")

    assert seen == [None]
    assert emulator.requests[-1].status == 200


async def test_a_body_that_cannot_be_decoded_is_a_400(api: Api, emulator: Emulator) -> None:
    """Also a broken compression; it is counted, and nothing is logged as an error."""
    encoded = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = await api("POST", "/workflows", data=b"not gzip", headers=encoded)

    assert answer.error == (400, "invalid_json", None)
    assert rates(answer)[1] == 149


async def test_a_large_body_is_refused(api: Api, emulator: Emulator) -> None:
    """One byte more than 1 MiB, announced or not."""
    mebibyte = b" " * (1024 * 1024 - 2) + b"{}"
    fits = await api("POST", "/workflows", data=iter_bytes(mebibyte))
    larger = await api("POST", "/workflows", data=iter_bytes(b" " + mebibyte))

    assert fits.error == (400, "missing_required_field", "name")
    assert larger.error == (413, "payload_too_large", None)


async def iter_bytes(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in pieces, so that aiohttp sends it in chunks."""
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


async def test_a_client_can_ask_before_it_sends(api: Api) -> None:
    """`Expect: 100-continue` is answered; without it curl would wait a second."""
    answer = await api("POST", "/workflows", json={}, expect100=True)

    assert answer.error == (400, "missing_required_field", "name")


async def test_a_status_fault_answers_instead_of_the_endpoint(api: Api, emulator: Emulator) -> None:
    """Nothing is created; the request is counted and recorded all the same."""
    emulator.inject(Fault(method="POST", status=503))
    new = {"name": "x", "trigger": {"type": "webhook"}, "steps": []}
    faulty = await api("POST", "/workflows", json=new)
    after = await api("GET", "/workflows")

    assert faulty.error == (503, "service_unavailable", None)
    assert after.json["pagination"]["total"] == 0
    assert [entry.status for entry in emulator.requests] == [503, 200]
    assert rates(faulty)[1] == 149


async def test_a_processed_fault_takes_effect_and_denies_it(api: Api, emulator: Emulator) -> None:
    """The answer that gets lost on the way."""
    emulator.inject(Fault(method="POST", status=502, body="html", processed=True))
    new = {"name": "x", "trigger": {"type": "webhook"}, "steps": []}
    faulty = await api("POST", "/workflows", json=new)
    after = await api("GET", "/workflows")

    assert (faulty.status, faulty.headers["Content-Type"]) == (502, "text/html")
    assert after.json["pagination"]["total"] == 1


@pytest.mark.parametrize(("drop", "total"), [("before", 0), ("after", 1)])
async def test_a_dropped_connection_gives_no_answer(
    api: Api, emulator: Emulator, drop: str, total: int
) -> None:
    """Before or after the request took its effect; the next one is served."""
    emulator.inject(Fault(method="POST", drop=drop))  # type: ignore[arg-type]
    new = {"name": "x", "trigger": {"type": "webhook"}, "steps": []}
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api("POST", "/workflows", json=new)
    after = await api("GET", "/workflows")

    assert after.json["pagination"]["total"] == total
    assert [entry.status for entry in emulator.requests] == [None, 200]
    assert [entry.connection for entry in emulator.requests] == [1, 2]


@pytest.mark.parametrize("size", [0, 10])
async def test_a_truncated_answer_promises_more_than_it_sends(
    api: Api, emulator: Emulator, size: int
) -> None:
    """The connection ends in the middle of the body."""
    emulator.inject(Fault(truncate=size))
    with pytest.raises(aiohttp.ClientPayloadError, match=f"received {size} of 75 bytes"):
        await api("GET", "/workflows")

    assert emulator.requests[0].status == 200


async def test_an_answer_without_a_body_can_be_truncated_too(api: Api, emulator: Emulator) -> None:
    """All of nothing arrives, and the connection ends."""
    emulator.inject(Fault(method="DELETE", truncate=5))
    answer = await api("DELETE", f"/workflows/{emulator.add_workflow()}")

    assert (answer.status, answer.body) == (204, b"")


async def test_a_fault_can_bend_the_headers(api: Api, emulator: Emulator) -> None:
    """Replace some, repeat some, and leave out the budget; the endpoint answers as ever."""
    emulator.inject(Fault(headers=[("X-RateLimit-Reset", "soon"), ("X-RateLimit-Reset", "later")]))
    emulator.inject(Fault(rate_limit_headers=False, nth=2))
    bent, bare = await api("GET", "/workflows"), await api("GET", "/workflows")

    assert (bent.status, bare.status) == (200, 200)
    assert bent.headers.getall("X-RateLimit-Reset") == ["soon", "later"]
    assert bent.headers["X-RateLimit-Limit"] == "100"
    assert not [name for name in RATE_HEADERS if name in bare.headers]


async def test_faults_hit_templates_and_concrete_paths(api: Api, emulator: Emulator) -> None:
    """Both without the `/v2`."""
    emulator.inject(Fault(route="/workflows/{workflow_id}", status=500, nth=2))
    emulator.inject(Fault(route="/workflows/wf_1", status=502))
    answers = [await api("GET", f"/workflows/{name}") for name in ("wf_1", "wf_1", "wf_2")]

    assert [answer.status for answer in answers] == [502, 500, 404]


async def test_rows_can_be_inserted_between_two_pages(api: Api, emulator: Emulator) -> None:
    """What a reader of pages has to live with: a row that it has seen comes again."""
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, 4)
    path = f"/pipelines/{pipeline}/executions?limit=2"
    emulator.inject(Fault(nth=2, before=lambda it: it.add_executions(pipeline)))
    first, second = await api("GET", path), await api("GET", path + "&offset=2")

    assert first.ids[1] == second.ids[0]


async def test_the_limiter_stands_before_the_faults(api: Api, emulator: Emulator) -> None:
    """A 429 uses up no fault; a fault is used up by requests without credentials as well."""
    for _ in range(20):
        await api("GET", "/workflows", key=None)
    emulator.inject(Fault(status=500))
    refused = await api("GET", "/workflows", key=None)
    hit = await api("GET", "/workflows", key=emulator.add_key())

    assert (refused.status, hit.status) == (429, 500)


@pytest.mark.virtual_time
async def test_a_delayed_request_does_not_outlive_a_reset(api: Api, emulator: Emulator) -> None:
    """What was held back when everything was forgotten acts on nothing that comes after."""
    emulator.inject(Fault(delay=60))
    held = asyncio.ensure_future(
        api("POST", "/webhooks", json={"url": "https://x.example", "events": ["workflow.failed"]})
    )
    await until(lambda: len(emulator.requests) == 1)
    emulator.reset()

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await held

    again = await api(
        "POST", "/webhooks", json={"url": "https://x.example", "events": ["workflow.failed"]}
    )
    assert again.status == 201


async def test_a_request_whose_body_comes_after_a_reset_is_forgotten(emulator: Emulator) -> None:
    """Its head arrived in an earlier life; it gets no answer and leaves no trace."""
    address = urlsplit(emulator.base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST /v2/webhooks HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 2\r\n\r\n"
    writer.write(head.encode())
    await until(lambda: len(emulator.requests) == 1)
    emulator.reset()
    writer.write(b"{}")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert (b"", []) == (answer, emulator.requests)


@pytest.mark.virtual_time
async def test_a_delay_passes_on_the_running_loop(api: Api, emulator: Emulator) -> None:
    """An hour is over at once on a virtual clock; other requests overtake."""
    loop = asyncio.get_running_loop()
    emulator.inject(Fault(delay=3600))
    begun = loop.time()
    slow = asyncio.create_task(api("GET", "/workflows", timeout=aiohttp.ClientTimeout(7200)))
    await asyncio.sleep(1)
    quick = await api("GET", "/workflows")
    overtook = not slow.done()
    answer = await slow

    assert (quick.status, answer.status, overtook) == (200, 200, True)
    assert loop.time() - begun >= 3600


async def test_a_reset_begins_again_at_the_seed(api: Api, emulator: Emulator) -> None:
    """State, request log, faults, budgets and ids; the keys keep working."""
    other = emulator.add_key("workflows:read")

    async def play() -> tuple[list[str], list[str], tuple[int, ...]]:
        names = [emulator.add_workflow(), *emulator.add_executions(emulator.add_pipeline(), 3)]
        answers = [await api("GET", "/workflows"), await api("GET", "/nowhere", key=other)]
        return names, [one.headers["X-Request-Id"] for one in answers], rates(answers[0])

    first = await play()
    emulator.inject(Fault(status=500, times=None))
    emulator.reset()
    requests_after_reset = emulator.requests
    second = await play()

    assert first == second
    assert requests_after_reset == []
