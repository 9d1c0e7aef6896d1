"""What a client is sent over a socket: answers, whole and damaged."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Literal, NoReturn, TypeAlias, cast

import attrs

from cloudflow_async import CloudFlow, RetryPolicy
from cloudflow_async._core.auth import ApiKeyAuth
from cloudflow_async._core.errors import CloudFlowError, OutcomeUnknownError
from cloudflow_async.cloudflow.workflows import WebhookTrigger
from tests.doubles import OpenLimiter
from tests.faults.catalogue import FAULTS
from tests.faults.operations import document, list_page
from tests.faults.server import Answer
from tests.raw_server import Peer, RawServer

from .campaign import AsyncTry, Campaign
from .mutating import ODD_BYTES, changed_bytes, changed_json, pieces
from .oracles import check_message

Ending: TypeAlias = Literal["closes", "resets", "goes on"]
Call: TypeAlias = Callable[[CloudFlow], Awaitable[object]]

_KEY: Final = "cf_live_canary_7d1f0e5b9a"
_TIMEOUT: Final = 1.0
_DEADLINE: Final = 5.0
_MOST_RECORDED: Final = 32 * 1024


@attrs.define
class _Recorder:
    """Takes down what a script says, in the place of a connection."""

    said: bytes = b""

    async def send(self, data: bytes) -> None:
        self.said += data
        if len(self.said) > _MOST_RECORDED:
            raise ConnectionError

    async def read(self, size: int) -> bytes:
        return b""

    async def _end(self, *_: object) -> NoReturn:
        raise ConnectionError

    client_goes = request = start_tls = _end

    def reset(self) -> None:
        """Do nothing."""

    half_close = stop_reading = reset


async def corpus(good: Answer) -> list[bytes]:
    """Return an answer in several forms, and spoilt in each way that the catalogue has."""
    heads = {"Content-Type": "application/json"}
    small = attrs.evolve(good, headers=heads)
    body = good.body
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:20], body[20:]) if part
    )
    chunked = small.head(b"Transfer-Encoding: chunked", b"X-RateLimit-Remaining: 3")
    packed = gzip.compress(body, mtime=0)
    forms = [
        bytes(small),
        chunked + chunks + b"0\r\n\r\n",
        small.head(b"Content-Encoding: gzip", b"Content-Length: %d" % len(packed)) + packed,
        small.head(b"Connection: close") + body,
        b"HTTP/1.1 100 Continue\r\n\r\n" + bytes(small),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        bytes(Answer(status=429, body=document("rate_limited.429.json"), headers=heads)),
        bytes(Answer(status=400, body=document("error.400.json"), headers=heads)),
    ]
    for fault in FAULTS:
        for way in fault.ways:
            if way.at == "request" and way.do is not None:
                recorder = _Recorder()
                # Those of lists know nothing to do to other documents.
                with contextlib.suppress(OSError, EOFError, LookupError, TypeError):
                    await way.do(cast(Peer, recorder), small)
                forms.append(recorder.said[:_MOST_RECORDED])
    return [*dict.fromkeys(form for form in forms if form)]


async def _list(client: CloudFlow) -> object:
    return [row async for row in client.workflows.list(page_size=3, max_items=3)]


async def _create(client: CloudFlow) -> object:
    return await client.workflows.create(name="New", trigger=WebhookTrigger(), steps=[])


_CALLS: Final[tuple[tuple[Call, Answer], ...]] = (
    (
        lambda client: client.workflows.get("wf_8x7k2m9p"),
        Answer(body=document("get_workflow.200.json")),
    ),
    (_create, Answer(status=201, body=document("create_workflow.201.json"))),
    (_list, Answer(body=json.dumps(list_page(0, 3)).encode())),
    (lambda client: client.workflows.delete("wf_8x7k2m9p"), Answer()),
    (
        lambda client: client.analytics.workflow_metrics("wf_8x7k2m9p", period="7d"),
        Answer(body=document("workflow_metrics.200.json")),
    ),
)


class Stage:
    """A client, and a server that answers it as it is told."""

    def __init__(self) -> None:
        self.server = RawServer(self._converse)
        self.client = CloudFlow(auth=ApiKeyAuth(_KEY), base_url="http://localhost")
        self.known: list[list[bytes]] = []
        self._answer: list[bytes] = []
        self._ending: Ending = "goes on"

    async def open(self, stack: contextlib.AsyncExitStack) -> Stage:
        """Open both, and collect what answers are made of."""
        await stack.enter_async_context(self.server)
        client = CloudFlow(
            auth=ApiKeyAuth(_KEY),
            base_url=self.server.url,
            limiter=OpenLimiter(),
            retry=RetryPolicy(attempts=1, throttled_attempts=1),
            timeout=_TIMEOUT,
            deadline=_DEADLINE,
            max_response_bytes=2**20,
        )
        self.client = await stack.enter_async_context(client)
        self.known = [await corpus(good) for _, good in _CALLS]
        return self

    async def _converse(self, peer: Peer) -> None:
        while True:
            await peer.request()
            for piece in self._answer:
                await peer.send(piece)
                await asyncio.sleep(0.0001)
            if self._ending == "resets":
                peer.reset()
            if self._ending != "goes on":
                return

    async def ask(self, number: int, answer: list[bytes], ending: Ending) -> str:
        """Make a call, and return what came of it."""
        call, _ = _CALLS[number]
        self._answer, self._ending = answer, ending
        self.server.requests.clear()
        try:
            found = repr(await call(self.client))
        except CloudFlowError as error:
            self._check(error, number)
            found = f"{type(error).__name__}: {error}"
        # A connection that is being closed would be the next call's to stumble over.
        await asyncio.sleep(0.01)
        assert self.client.statistics().connections_in_use == 0, "a connection is left in use"
        return found

    def _check(self, error: CloudFlowError, number: int) -> None:
        check_message(error, _KEY)
        if isinstance(error, OutcomeUnknownError):
            assert _CALLS[number][0] is _create, "a read cannot have been applied"
            assert len(self.server.requests) <= 1, "a creation was sent again"


@contextlib.asynccontextmanager
async def _answering() -> AsyncIterator[AsyncTry]:
    async with contextlib.AsyncExitStack() as stack:
        stage = await Stage().open(stack)

        async def attempt(chance: random.Random) -> str:
            number = chance.randrange(len(_CALLS))
            data = _spoilt(stage.known[number], _CALLS[number][1], chance)
            endings: tuple[Ending, ...] = ("closes", "closes", "resets", "goes on", "goes on")
            found = await stage.ask(number, pieces(data, chance), chance.choice(endings))
            if chance.random() < 0.05:
                good = bytes(_CALLS[0][1])
                again = await stage.ask(0, [good], "goes on")
                assert again.startswith("Workflow("), f"the next call ended in {again:.200}"
            return found.partition(": ")[0] if "Error: " in found[:40] else "answer"

        yield attempt


_ODD_ANSWERS: Final = (
    *ODD_BYTES,
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 ", b"HTTP/1.0", b"ICY 200", b"\r\n\r\n", b"0\r\n\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n", b"Connection: upgrade\r\n"),
    *(b"Upgrade: websocket\r\n", b"Set-Cookie: a=b\r\n", b"Location: https://evil.io/\r\n"),
    *(b"Retry-After: 1000000000\r\n", b"X-RateLimit-Remaining: 0\r\n", b" folded\r\n", b"Trailer"),
    *(b" 101 ", b" 204 ", b" 304 ", b" 301 ", b" 999 ", b" 500 ", b" 429 ", b" 206 ", b" -1 "),
    *(b"ffffffffffffffff\r\n", b"-5\r\n", b"1;x=y\r\n", b"X" * 9000, b"X: y\r\n" * 200),
)


def _spoilt(known: list[bytes], good: Answer, chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.02:
        return bytes(good)
    if kind < 0.3:
        # With a length that fits, a body gets through to those who read it.
        body = json.dumps(changed_json(json.loads(good.body), chance)).encode()
        body = changed_bytes(body, chance) if chance.random() < 0.4 else body
        status = chance.choice((good.status, good.status, 200, 400, 404, 429, 500, 503))
        return bytes(Answer(status=status, body=body))
    data = chance.choice(known)
    if kind < 0.4:
        other = chance.choice(known)
        data = data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]
    return changed_bytes(data, chance, odd=_ODD_ANSWERS)


@contextlib.asynccontextmanager
async def _slicing() -> AsyncIterator[AsyncTry]:
    async with contextlib.AsyncExitStack() as stack:
        stage = await Stage().open(stack)
        whole: dict[tuple[int, bytes], str] = {}

        async def attempt(chance: random.Random) -> str:
            number = chance.randrange(len(_CALLS))
            known = stage.known[number]
            data = chance.choice(known if chance.random() < 0.5 else known[:GOOD_FORMS])
            if (number, data) not in whole:
                whole[number, data] = await stage.ask(number, [data], "closes")
            parts = _parts(data, chance)
            found = await stage.ask(number, parts, "closes")
            if data.endswith(_GARBAGE) and "TransportError" not in found:
                # In one segment with the body aiohttp refuses both: then it is asked again.
                return "in two"
            assert _without_type(whole[number, data]) == _without_type(found), f"{parts!a:.1500}"
            return "byte by byte" if len(parts) > 2 else "in two"

        yield attempt


def _parts(data: bytes, chance: random.Random) -> list[bytes]:
    if len(data) < _SHORT and chance.random() < 0.01:
        return bytewise(data)
    at = chance.randint(1, min(len(data), _MOST_RECORDED // 8))
    return [data[:at], data[at:]]


def _without_type(found: str) -> str:
    """Return an outcome without the name that aiohttp gives to it: head and body have their own."""
    return re.sub(r"Client\w+Error|ServerDisconnectedError", "...", found)


_GARBAGE: Final = b"garbage\r\n\r\n"


def bytewise(data: bytes) -> list[bytes]:
    """Return bytes one by one."""
    return [data[at : at + 1] for at in range(len(data))]


_SHORT: Final = 1200

GOOD_FORMS: Final = 8
"""Answers of a corpus that are as they should be."""


CAMPAIGNS: Final[list[Campaign]] = [
    Campaign(
        name="responses",
        words="damaged answers through a socket: a result, or one of our errors, in time",
        quick=2_000,
        deep=100_000,
        outcomes=frozenset({"answer", "TransportError", "DecodeError", "OutcomeUnknownError"}),
        serve=_answering,
    ),
    Campaign(
        name="slices",
        words="answers in pieces: the same as in one",
        quick=200,
        deep=100_000,
        outcomes=frozenset({"in two"}),
        serve=_slicing,
    ),
]
