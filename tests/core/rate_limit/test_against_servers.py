"""Herds of requests against servers that count in different ways and say more or less of it."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from cloudflow_async._core.errors import RateLimitedError
from cloudflow_async._core.http.response import read_rate_limit
from cloudflow_async._core.http.retry import RetryPolicy
from cloudflow_async._core.messages import RateLimitSeen, Reply
from cloudflow_async._core.rate_limit import limiter as module
from cloudflow_async._core.rate_limit.limiter import LocalLimiter
from cloudflow_async._core.rate_limit.limits import EPSILON, RateLimits
from cloudflow_async._core.rate_limit.server_budget import ServerBudget
from tests.core.rate_limit.queues import idle, now
from tests.core.rate_limit.servers import (
    COUNTS,
    EPOCH,
    STYLES,
    Hint,
    RequestRate,
    Server,
    Sliding,
    Spacing,
    call,
    call_within_budget,
    herd,
)


def ideal(mode: str, count: int, phase: float, latency: float) -> float:
    """Return the seconds that nobody could beat with 20 requests under way at a time."""
    windows, rest = divmod(count - 1, 100)
    own = (count - 150) * 0.6
    if mode == "bucket":
        return own + latency
    first = 60 - phase % 60 if mode == "fixed" else 60.0
    return max(first + 60 * (windows - 1), own) + (rest // 20 + 1) * latency


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("phase", [0.0, 0.37, 17.9])
@pytest.mark.parametrize(("latency", "over"), [(0.0, 1.02), (0.05, 1.02), (1.0, 1.05)])
async def test_a_herd_earns_no_429_and_loses_no_time(
    mode: str, phase: float, latency: float, over: float
) -> None:
    """Under each reading of the document, 300 at once: 0 refused, at most 2 % over the ideal.

    At a second of latency each question how things stand costs one: at most 5 %.
    """
    server = Server(count=COUNTS[mode](), phase=phase, latency=lambda: latency)
    took = await herd(LocalLimiter(), server, 300)

    assert [] == server.refused
    assert took <= over * ideal(mode, 300, phase, latency)
    assert list(range(300)) == sorted(server.seen)


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("says_date", [True, False])
async def test_what_is_left_is_read_in_each_form(
    monkeypatch: pytest.MonkeyPatch,
    virtual_clock: Callable[[], float],
    mode: str,
    style: str,
    says_date: bool,
) -> None:
    """A reset in milliseconds, and the headers of each draft: 300 at once, 0 refused."""
    monkeypatch.setattr(module, "time", SimpleNamespace(time=virtual_clock))
    server = Server(
        count=COUNTS[mode](), style=style, phase=0.37, says_date=says_date, latency=lambda: 0.05
    )
    took = await herd(LocalLimiter(), server, 300)

    assert (0 if says_date or style.startswith("draft") else 5) >= len(server.refused)
    assert took <= 1.03 * ideal(mode, 300, 0.37, 0.05)


@pytest.mark.slow
@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
async def test_a_long_herd_earns_no_429_and_loses_no_time(mode: str) -> None:
    """The same for 1,000."""
    server = Server(count=COUNTS[mode](), phase=0.37, latency=lambda: 0.05)
    limiter = LocalLimiter()
    took = await herd(limiter, server, 1000)

    assert [] == server.refused
    assert took <= 1.02 * ideal(mode, 1000, 0.37, 0.05)
    assert idle(limiter)


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("seed", range(4))
async def test_answers_out_of_order_earn_no_429(mode: str, seed: int) -> None:
    """Latencies from 10 ms to half a second shuffle them; nothing is lost by it but the way."""
    chance = random.Random(seed)
    phase = chance.uniform(0, 30)
    server = Server(count=COUNTS[mode](), phase=phase, latency=lambda: chance.uniform(0.01, 0.5))
    took = await herd(LocalLimiter(), server, 300)

    assert [] == server.refused
    assert took <= 1.04 * ideal(mode, 300, phase, 0.25)


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("skew", [-86_400.0, -300.37, 300.37, 86_400.0])
async def test_a_clock_that_is_wrong_earns_no_429(mode: str, skew: float) -> None:
    """The server's ``Date`` tells by how much; ours is not asked."""
    server = Server(count=COUNTS[mode](), skew=skew, latency=lambda: 0.05)
    took = await herd(LocalLimiter(), server, 300)

    assert [] == server.refused
    assert took <= 1.02 * max(
        ideal(mode, 300, skew, 0.05), ideal(mode, 300, 0.0, 0.05) if mode != "fixed" else 0.0
    )


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("skew", [-300.0, 0.0, 300.0])
async def test_a_server_without_date_costs_little(
    monkeypatch: pytest.MonkeyPatch, virtual_clock: Callable[[], float], mode: str, skew: float
) -> None:
    """With the right time on our wall it costs nothing, with a wrong one a few questions."""
    monkeypatch.setattr(module, "time", SimpleNamespace(time=virtual_clock))
    server = Server(count=COUNTS[mode](), skew=skew, says_date=False, latency=lambda: 0.05)
    took = await herd(LocalLimiter(), server, 300)

    assert (0 if skew == 0 else 5) >= len(server.refused)
    assert took <= 1.05 * ideal(mode, 300, 0.0, 0.05)


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
async def test_two_processes_on_one_key_finish_together(mode: str) -> None:
    """They may refuse each other a few, and lose none."""
    server = Server(count=COUNTS[mode](), latency=lambda: 0.05)
    policy = RetryPolicy(chance=random.Random(1).random)
    took = max(
        await asyncio.gather(
            herd(LocalLimiter(), server, 150, policy), herd(LocalLimiter(), server, 150, policy)
        )
    )

    assert took <= 1.05 * ideal(mode, 300, 0.0, 0.05)


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize(
    ("clients", "headers", "hint", "over", "refusals", "most_lost"),
    [
        (2, True, "body", 1.1, 60, 0),
        (2, False, "body", 1.15, 130, 1),
        (2, False, None, 1.15, 160, 1),
        (4, True, None, 1.1, 180, 0),
        (8, True, None, 1.1, 350, 0),
    ],
)
async def test_processes_in_lockstep_lose_next_to_nothing(
    mode: str,
    clients: int,
    headers: bool,
    hint: Hint | None,
    over: float,
    refusals: int,
    most_lost: int,
) -> None:
    """They share a key and begin together; with headers none is lost, without them one at most."""
    server = Server(count=COUNTS[mode](), headers=headers, hint=hint, latency=lambda: 0.05)

    async def client(seed: int) -> int:
        chance = random.Random(seed).random
        policy = RetryPolicy(chance=chance)
        limiter = LocalLimiter(chance=chance)
        return await call_within_budget(limiter, server, policy, 400 // clients)

    lost = await asyncio.gather(*(client(seed) for seed in range(clients)))

    assert sum(lost) <= most_lost
    assert now() <= over * ideal(mode, 400, 0.0, 0.05)
    assert refusals >= len(server.refused)


async def test_a_timer_that_rings_a_trifle_early_lets_one_leave() -> None:
    """A pause of which rounding is left over is over; what may leave is asked all the same."""
    budget = ServerBudget(60.0, lambda: 0.0)
    budget.send(0.0)
    budget.observe(RateLimitSeen(throttled=True, retry_after=10.0), 0.0, 0.0, 0.0)
    early = 10.0 - EPSILON / 2

    assert 0.0 == budget.wait(early)

    budget.send(early)

    assert 1.0 < budget.wait(11.0)


@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("latency", [0.001, 0.05, 1.0])
@pytest.mark.parametrize("hint", ["header", "body", "html", None])
async def test_a_server_that_only_refuses_loses_nobody(
    mode: str, latency: float, hint: Hint | None
) -> None:
    """No headers, a 429 with a wait in the header, in the body, or a page of HTML."""
    chance = random.Random(2)
    server = Server(
        count=COUNTS[mode](),
        headers=False,
        hint=hint,
        latency=lambda: latency * chance.uniform(0.5, 1.5),
    )
    took = await herd(LocalLimiter(), server, 300)

    assert took <= 1.15 * ideal(mode, 300, 0.0, 1.5 * latency)


@pytest.mark.slow
@pytest.mark.virtual_time
@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("hint", ["body", None])
async def test_a_server_that_only_refuses_loses_nobody_of_a_thousand(
    mode: str, hint: Hint | None
) -> None:
    """The same for 1,000; a refusal in twenty answers is what it takes to learn."""
    server = Server(
        count=COUNTS[mode](), headers=False, hint=hint, phase=0.37, latency=lambda: 0.05
    )
    took = await herd(LocalLimiter(), server, 1000)

    assert took <= 1.15 * ideal(mode, 1000, 0.37, 0.05)
    assert 100 >= len(server.refused)


@pytest.mark.virtual_time
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("per_second", [16.0, 100 / 60, 2.0])
@pytest.mark.parametrize(
    "limits", [None, RateLimits(requests=1000, burst=1000)], ids=["own", "big"]
)
@pytest.mark.parametrize(
    ("burst", "latency", "over", "refusals"),
    [(0, 0.005, 1.15, 20), (0, 0.05, 1.25, 20), (5, 0.005, 1.15, 28), (20, 0.05, 1.2, 31)],
)
async def test_the_spacing_of_a_server_that_only_refuses_is_learned(
    status: int,
    per_second: float,
    limits: RateLimits | None,
    burst: int,
    latency: float,
    over: float,
    refusals: int,
) -> None:
    """Nginx `limit_req`, without a burst and with one: 300 at once, none lost, few refused."""
    chance = random.Random(3)
    count = Spacing(per_second=per_second, burst=burst)
    server = Server(
        count=count,
        headers=False,
        hint=None,
        refuses_with=status,
        latency=lambda: latency * chance.uniform(0.9, 1.1),
    )
    limiter = LocalLimiter(limits, chance=random.Random(1).random)
    policy = RetryPolicy(chance=random.Random(2).random)
    lost = await call_within_budget(limiter, server, policy, 300)
    own = 150 * 0.6 if limits is None else 0.0

    assert 0 == lost
    assert refusals >= len(server.refused)
    assert now() <= over * max((299 - burst) * count.interval, own)


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", [160, 17, 20])
@pytest.mark.parametrize("latency", [0.005, 0.05, 0.5])
async def test_the_rate_of_a_server_that_counts_refused_requests_too_is_learned(
    limit: int, latency: float
) -> None:
    """Haproxy's `http_req_rate(10s)`: 300 at once, none lost, at most 1.3 times the ideal."""
    chance = random.Random(3)
    server = Server(
        count=RequestRate(limit=limit),
        headers=False,
        hint=None,
        latency=lambda: latency * chance.uniform(0.9, 1.1),
    )
    limiter = LocalLimiter(RateLimits(requests=1000, burst=1000), chance=random.Random(1).random)
    policy = RetryPolicy(chance=random.Random(2).random)
    lost = await call_within_budget(limiter, server, policy, 300)

    assert 0 == lost
    assert 45 >= len(server.refused)
    assert now() <= 1.3 * 300 / (limit / 10)


@pytest.mark.virtual_time
async def test_one_caller_after_another_learns_the_spacing() -> None:
    """There are no others to ask in its place."""
    server = Server(count=Spacing(per_second=2.0), headers=False, hint=None, latency=lambda: 0.005)
    limiter = LocalLimiter(RateLimits(requests=1000, burst=1000), chance=random.Random(1).random)
    policy = RetryPolicy(chance=random.Random(2).random)
    lost = [await call_within_budget(limiter, server, policy, 1) for _ in range(100)]

    assert 0 == sum(lost)
    assert 15 >= len(server.refused)
    assert now() <= 1.4 * 99 * 0.5


@pytest.mark.virtual_time
async def test_an_outage_does_not_stop_the_traffic_as_a_limit_does() -> None:
    """Nothing but 503 for 10 seconds: soon afterwards calls succeed at the first attempt."""
    server = Server(
        count=Sliding(log=deque([EPOCH - 50.0] * 100)), headers=False, hint=None, refuses_with=503
    )
    limiter = LocalLimiter(chance=random.Random(1).random)
    while now() < 10.0:
        await call(limiter, server, RetryPolicy.never())
    began_at = now()

    assert await call(limiter, server, RetryPolicy.never()) is None
    assert now() - began_at < 5.0


@pytest.mark.virtual_time
@pytest.mark.parametrize("lie", ["0", "1"])
async def test_a_server_whose_waits_are_too_short_is_not_hammered(lie: str) -> None:
    """A handful may be lost to it, and one in ten answers is a refusal, not nine in ten."""
    server = Server(count=COUNTS["sliding"](), headers=False, hint=None, latency=lambda: 0.05)
    answer = server.exchange

    async def lying(name: int = 0) -> Reply:
        reply = await answer(name)
        return Reply(
            status=reply.status,
            headers={**reply.headers, "Retry-After": lie},
            body=reply.body,
            elapsed=0.0,
        )

    limiter, policy = LocalLimiter(), RetryPolicy(chance=random.Random(1).random)
    ends = await asyncio.gather(
        *(call(limiter, SimpleNamespace(exchange=lying), policy, name) for name in range(300))  # type: ignore[arg-type]
    )

    assert 5 >= sum(end is not None for end in ends)
    assert 60 >= len(server.refused)


@pytest.mark.slow
@pytest.mark.virtual_time
async def test_one_429_pauses_the_whole_client_once() -> None:
    """Of 1,000 calls none leaves before the wait is over but those under way; all finish."""
    server = Server(count=COUNTS["sliding"](), headers=False, hint="header", latency=lambda: 0.05)
    limiter = LocalLimiter()
    await herd(limiter, server, 1000)
    first = server.refused[0]
    early = [at for at in server.refused + server.accepted if first < at < first + 58.0]

    assert 20 > len(early)
    assert 10 >= limiter.statistics()["pauses"]
    assert 1000 == len(server.accepted)


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Remaining": "-1", "Reset": "-1"},
        {"Remaining": "nan", "Reset": "nan", "Limit": "nan"},
        {"Remaining": "inf", "Reset": "inf", "Limit": "inf"},
        {"Remaining": "", "Reset": "", "Limit": ""},
        {"Remaining": "abc", "Reset": "tomorrow", "Limit": "many"},
        {"Remaining": "5, 5", "Reset": "1, 2", "Limit": "100, 100"},
        {"Remaining": "0", "Reset": "0"},
        {"Remaining": "0"},
        {"Remaining": "1"},
        {"Remaining": "0", "Reset": "past"},
        {"Remaining": "5", "Reset": "past"},
        {"Remaining": "0", "Reset": "soon"},
        {"Remaining": "0", "Reset": "far"},
        {"Remaining": "5", "Reset": "far"},
        {"Remaining": "0", "Reset": "milliseconds"},
        {"Remaining": "0", "Reset": "9" * 26},
        {"Remaining": "500", "Limit": "100", "Reset": "soon"},
        {"Remaining": "0", "Limit": "0", "Reset": "soon"},
        {"Remaining": "50", "Limit": "999999999999", "Reset": "soon"},
        {"Limit": "1"},
    ],
    ids=str,
)
@pytest.mark.parametrize("skew", [-86_400.0, -300.0, 300.0, 86_400.0])
@pytest.mark.parametrize("says_date", [True, False])
async def test_headers_that_make_no_sense_stop_nobody(
    monkeypatch: pytest.MonkeyPatch,
    virtual_clock: Callable[[], float],
    headers: Mapping[str, str],
    skew: float,
    says_date: bool,
) -> None:
    """Whatever they say, the next request leaves within a minute, and the state can be shown."""
    monkeypatch.setattr(module, "time", SimpleNamespace(time=virtual_clock))
    limiter = LocalLimiter()
    times = [0.0]

    async def one() -> None:
        permit = await limiter.acquire()
        times.append(now())
        unix = EPOCH + skew + now()
        resets = {
            "past": unix - 5,
            "soon": unix + 30,
            "far": unix + 3.2e8,
            "milliseconds": unix * 1e3,
        }
        sent = {
            f"X-RateLimit-{name}": str(int(resets[text])) if text in resets else text
            for name, text in headers.items()
        }
        if says_date:
            sent["Date"] = formatdate(unix, usegmt=True)
        await asyncio.sleep(0.1)
        limiter.observe(
            permit, read_rate_limit(Reply(status=200, headers=sent, body=b"", elapsed=0))
        )
        assert limiter.status().limit is not None

    await asyncio.gather(*(one() for _ in range(12)))
    gaps = [after - before for before, after in itertools.pairwise(times)]

    assert max(gaps) <= 60.2


@pytest.mark.virtual_time
@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_a_jump_of_the_wall_clock_changes_no_wait(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """All waits are on the monotonic clock, resets by the server's ``Date``."""
    monkeypatch.setattr(
        module, "time", SimpleNamespace(time=lambda: EPOCH + now() + jump * (now() > 30))
    )
    server = Server(count=COUNTS["sliding"](), latency=lambda: 0.05)
    took = await herd(LocalLimiter(), server, 300)

    assert [] == server.refused
    assert took <= 1.01 * ideal("sliding", 300, 0.0, 0.05)


@pytest.mark.virtual_time
async def test_a_call_that_is_refused_to_the_end_says_so() -> None:
    """Five attempts, then the last 429."""
    server = Server(count=Sliding(log=deque([EPOCH + 86_400.0] * 100)), headers=False, hint=None)
    end = await call(LocalLimiter(), server, RetryPolicy())

    assert isinstance(end, RateLimitedError)
    assert 5 == end.attempts == len(server.refused)
