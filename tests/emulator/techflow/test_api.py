"""TechFlow as a service: keys, limit, errors without a body, and what it shares with CloudFlow."""

from __future__ import annotations

import io
import logging
import random
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import pytest

from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from cloudflow_async.emulator.base.rate_limiter import LimitsMode
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding
from tests.emulator.conftest import NOON, Answer, Api, Clock
from tests.emulator.http.test_connections import raw, statuses

CHALLENGE = 'Bearer realm="techflow"'


def sleek(answer: Answer) -> tuple[int, bytes, str]:
    """Return what an error is: its status, and that there is nothing else."""
    return answer.status, answer.body, answer.headers["Content-Length"]


async def test_no_error_has_a_body(ask: Api, emulator: Emulator) -> None:
    """Whatever it is that is wrong; a request id and the time it has, but no rate limit headers."""
    emulator.techflow.add_workflow(id="wf_1")
    answers = [
        await ask("POST", "/workflows", json={}),
        await ask("GET", "/workflows", key=None),
        await ask("GET", "/workflows", headers={"Host": "evil.example"}),
        await ask("GET", "/workflows", headers={"Origin": "http://evil.example"}),
        await ask("GET", "/nowhere"),
        await ask("GET", "/workflows/wf_2"),
        await ask("PATCH", "/workflows/wf_1"),
        await ask("POST", "/workflows", data=io.BytesIO(b" " * 1_048_577)),
    ]
    shown = {name.lower() for answer in answers for name in answer.headers}

    assert [400, 401, 403, 403, 404, 404, 405, 413] == [answer.status for answer in answers]
    assert [(answer.status, b"", "0") for answer in answers] == [*map(sleek, answers)]
    assert len(answers) == len({answer.headers["X-Request-Id"] for answer in answers})
    assert {NOON} == {
        parsedate_to_datetime(answer.headers["Date"]).timestamp() for answer in answers
    }
    assert not [name for name in shown if "ratelimit" in name or name == "content-type"]


async def test_a_wrong_method_is_told_the_right_ones(ask: Api) -> None:
    """In the order of the document; there is no PATCH."""
    answer = await ask("PATCH", "/workflows/wf_1")

    assert (405, "GET, PUT, DELETE") == (answer.status, answer.headers["Allow"])


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], ""),
        ([("X-API-Key", "{key}")], ""),
        ([("Authorization", "Bearer nobody")], "no such key"),
        ([("Authorization", "Bearer {cloudflow}")], "no such key"),
        ([("Authorization", "Bearer {token}")], "no such key"),
        ([("Authorization", "{key}")], "the Authorization header is not 'Bearer' and a key"),
        ([("Authorization", "Basic {key}")], "the Authorization header is not 'Bearer' and a key"),
        ([("Authorization", "Bearer {key}")] * 2, "the request carries more than one credential"),
    ],
)
async def test_only_a_bearer_key_of_its_own_is_a_credential(
    ask: Api, emulator: Emulator, headers: list[tuple[str, str]], reason: str
) -> None:
    """Neither a key in CloudFlow's header nor CloudFlow's keys and tokens; the challenge says why.

    Also what does not exist is a 401: nothing is told to strangers.
    """
    known = {
        "key": emulator.techflow.api_key,
        "cloudflow": emulator.api_key,
        "token": emulator.add_token("admin:full"),
    }
    sent = [(name, value.format(**known)) for name, value in headers]
    answer = await ask("GET", "/workflows", key=None, headers=sent)
    unknown = await ask("GET", "/nowhere", key=None, headers=sent)
    told = f'{CHALLENGE}, error="invalid_token", error_description="{reason}"'

    assert [(401, b"", "0")] * 2 == [sleek(answer), sleek(unknown)]
    assert (told if reason else CHALLENGE) == answer.headers["WWW-Authenticate"]


async def test_the_scheme_has_no_case_and_other_credentials_do_not_count(
    ask: Api, emulator: Emulator
) -> None:
    """`Authorization` alone decides."""
    headers = {
        "Authorization": f"bEARER {emulator.techflow.api_key}",
        "X-API-Key": "cf_test_whatever",
    }
    answer = await ask("GET", "/workflows", key=None, headers=headers)

    assert 200 == answer.status


async def test_its_keys_are_none_of_cloudflows(api: Api, emulator: Emulator) -> None:
    """In neither of CloudFlow's headers."""
    key = emulator.techflow.api_key
    by_key = await api("GET", "/workflows", key=key)
    by_token = await api("GET", "/workflows", key=None, headers={"Authorization": f"Bearer {key}"})

    assert [401, 401] == [by_key.status, by_token.status]


async def test_the_hundred_first_request_of_a_minute_is_a_429(
    ask: Api, emulator: Emulator, clock: Clock
) -> None:
    """The document names no burst, and shows neither a body nor a hint how long to wait."""
    accepted = [await ask("GET", "/workflows") for _ in range(100)]
    refused = await ask("GET", "/workflows")
    clock.now += 0.6
    again = await ask("GET", "/workflows")
    entries = emulator.requests
    hints = ("retry-after", "x-ratelimit")

    assert {200} == {answer.status for answer in accepted}
    assert (429, b"", "0") == sleek(refused)
    assert not [name for name in refused.headers if name.lower().startswith(hints)]
    assert 200 == again.status
    assert [99, 0, 0] == [entries[number].rate_limit_remaining for number in (0, 99, 100)]


@pytest.mark.parametrize("mode", ["bucket", "fixed", "sliding", "windows"])
async def test_the_limit_is_counted_in_the_emulators_mode(mode: LimitsMode, clock: Clock) -> None:
    """After a third of a minute a bucket has some again, the others have not."""
    limits = EmulatorLimits(requests=3, burst=3)
    emulator = Emulator(techflow_limits=limits, limits_mode=mode, clock=clock)
    async with emulator:
        seen = [await knock(emulator) for _ in range(4)]
        clock.now += 20
        seen.append(await knock(emulator))
        clock.now += 40
        seen.append(await knock(emulator))

    assert [200, 200, 200, 429, 200 if mode == "bucket" else 429, 200] == seen


async def knock(emulator: Emulator) -> int:
    """Ask for the list, and return the status."""
    (status,) = statuses(await raw(emulator, request(emulator, "GET", "/workflows")))
    return status


def request(emulator: Emulator, method: str, path: str, body: bytes = b"") -> bytes:
    """Return a well-formed request that ends its connection."""
    base = emulator.techflow.base_url
    host, _, prefix = base.removeprefix("http://").partition("/")
    head = (
        f"{method} /{prefix}{path} HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {emulator.techflow.api_key}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


async def test_each_key_has_its_own_limit_and_strangers_have_none(clock: Clock) -> None:
    """And CloudFlow's is another one."""
    emulator = Emulator(techflow_limits=EmulatorLimits(requests=1, burst=1), clock=clock)
    async with emulator:
        first = [await knock(emulator) for _ in range(2)]
        other = request(emulator, "GET", "/workflows").replace(
            emulator.techflow.api_key.encode(), emulator.techflow.add_key().encode()
        )
        stranger = other.replace(b"Bearer tf_", b"Bearer xx_")
        seen = [statuses(await raw(emulator, one)) for one in (other, other, *[stranger] * 30)]
        cloudflow = other.replace(b"/techflow/v2", b"/v2")
        (answered,) = statuses(await raw(emulator, cloudflow))

    assert [200, 429] == first
    assert [[200], [429], *[[401]] * 30] == seen
    assert 401 == answered
    assert [None] * 30 == [one.rate_limit_remaining for one in emulator.requests[4:34]]


async def test_the_limits_of_cloudflow_do_not_count_here(clock: Clock) -> None:
    """Who has spent the one budget has still the other."""
    limits = EmulatorLimits(requests=1, burst=1)
    async with Emulator(rate_limits=limits, anonymous_limits=limits, clock=clock) as emulator:
        spent = request(emulator, "GET", "/workflows").replace(b"/techflow/v2", b"/v2")
        spending = [statuses(await raw(emulator, spent)) for _ in range(2)]
        seen = [await knock(emulator) for _ in range(2)]

    assert [[401], [429]] == spending
    assert [200, 200] == seen


async def test_the_request_log_tells_the_two_apis_apart(
    ask: Api, api: Api, emulator: Emulator, techflow: TechFlowSeeding
) -> None:
    """By the path and the route, which have the prefix here, and by the name of the caller."""
    await ask("GET", "/workflows/wf_1?a=1", key=techflow.add_key())
    await ask("GET", "/nowhere")
    await ask("GET", "/workflows", key=None)
    await api("GET", "/workflows/wf_1")
    seen = [(one.path, one.route, one.identity, one.status) for one in emulator.requests]

    assert [
        ("/techflow/v2/workflows/wf_1", "/techflow/v2/workflows/{workflow_id}", "TechFlow key 2"),
        ("/techflow/v2/nowhere", None, "TechFlow key 1"),
        ("/techflow/v2/workflows", "/techflow/v2/workflows", None),
        ("/v2/workflows/wf_1", "/workflows/{workflow_id}", "key 1"),
    ] == [one[:3] for one in seen]
    assert [404, 404, 401, 404] == [one[3] for one in seen]
    assert "1" == emulator.requests[0].query["a"]


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("/techflow/v2/workflows", (503, 200)),
        ("/techflow/v2/workflows/{workflow_id}", (200, 200)),
        ("/workflows", (200, 503)),
        (None, (503, 503)),
    ],
)
async def test_a_fault_hits_the_api_that_its_route_names(
    ask: Api, api: Api, emulator: Emulator, route: str | None, expected: tuple[int, int]
) -> None:
    """Without a route it hits both."""
    emulator.inject(Fault(route=route, status=503, times=None))
    answers = await ask("GET", "/workflows"), await api("GET", "/workflows")

    assert expected == tuple(answer.status for answer in answers)


async def test_a_fault_can_be_for_one_workflow(ask: Api, emulator: Emulator) -> None:
    """Its path is named with the prefix, too."""
    for identifier in ("wf_1", "wf_2"):
        emulator.techflow.add_workflow(id=identifier)
    emulator.inject(Fault(route="/techflow/v2/workflows/wf_1", status=500, times=None))
    seen = [(await ask("GET", f"/workflows/wf_{number}")).status for number in (1, 2)]

    assert [500, 200] == seen


@pytest.mark.parametrize(
    ("body", "sent"), [("html", b"<html>"), (b'{"why": 1}', b'{"why": 1}'), ("empty", b"")]
)
async def test_a_fault_can_give_an_error_a_body(
    ask: Api, emulator: Emulator, body: str | bytes, sent: bytes
) -> None:
    """The document shows none, which does not mean that none ever comes."""
    emulator.inject(Fault(status=429, body=body, headers={"Retry-After": "7"}))
    answer = await ask("GET", "/workflows")

    assert (429, sent) == (answer.status, answer.body[: len(sent) or None])
    assert "7" == answer.headers["Retry-After"]


async def test_a_fault_for_a_route_that_does_not_exist_is_refused(emulator: Emulator) -> None:
    """The message lists those that there are, of both APIs."""
    with pytest.raises(ValueError, match=r"no route /techflow.*/executions, .*/techflow/v2/work"):
        emulator.inject(Fault(route="/techflow/v2/workflows/{id}", status=500))


@pytest.fixture
async def seeded() -> AsyncIterator[Emulator]:
    """Return a running emulator with another seed."""
    async with Emulator(seed=7) as running:
        yield running


async def test_keys_follow_from_the_seed(emulator: Emulator, seeded: Emulator) -> None:
    """They look like development keys, and disturb none of the others."""
    same = Emulator(seed=7)

    assert same.techflow.api_key == seeded.techflow.api_key
    assert same.techflow.add_key() == seeded.techflow.add_key()
    assert emulator.techflow.api_key != seeded.techflow.api_key
    assert seeded.techflow.api_key.startswith("tf_test_")
    assert Emulator(seed=7).api_key == seeded.api_key


async def test_a_reset_empties_both(
    ask: Api, emulator: Emulator, techflow: TechFlowSeeding
) -> None:
    """Workflows, history, webhooks, switches and spent budgets go; keys stay, and ids repeat."""
    first = techflow.add_workflow()
    techflow.configure_webhook("http://127.0.0.1:1/")
    techflow.bare_executions = True
    await ask("POST", f"/workflows/{first}/execute")
    spent = emulator.requests[0].rate_limit_remaining
    emulator.reset()
    answer = await ask("GET", "/executions")

    assert {"executions": []} == answer.json
    assert [] == techflow.workflows
    assert [] == techflow.emit("execution.failed", {})
    assert spent == emulator.requests[0].rate_limit_remaining
    assert first == techflow.add_workflow()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_random_bytes_never_give_a_500(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    """Hundreds of mutated requests: no 5xx, nothing in the log."""
    chance = random.Random(seed)
    body = b'{"name": "n", "description": "d", "triggers": ["manual"], "a": {}}'
    seen: set[int] = set()
    for _ in range(100):
        emulator.reset()
        emulator.techflow.add_workflow(id="a")
        method = chance.choice(["POST", "PUT", "GET"])
        path = chance.choice(["/workflows", "/workflows/a", "/workflows/a/execute", "/executions"])
        data = bytearray(request(emulator, method, path, body if method != "GET" else b""))
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(data))
            data[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        seen |= set(statuses(await raw(emulator, bytes(data), moment=0.01)))

    assert not {status for status in seen if status >= 500}
    assert {400, 401} <= seen
    assert [] == [record for record in caplog.records if record.levelno > logging.INFO]
