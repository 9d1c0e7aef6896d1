"""A server that speaks bytes, and a client of the TechFlow API on it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudflow_async.techflow import TechFlow
from tests.raw_server import RawServer, Script, Sent, answer, answering

KEY = "the-key-of-this-test"
DOCUMENTS = Path(__file__).parent.parent / "documents" / "techflow"
WORKFLOW = {"id": "wf_123", "name": "My Workflow", "status": "active"}


@attrs.frozen
class Served:
    """A client, and the server that it speaks to."""

    tf: TechFlow
    server: RawServer

    @property
    def requests(self) -> list[Sent]:
        """What came over the wire."""
        return self.server.requests

    @property
    def lines(self) -> list[str]:
        """Method and target of each request."""
        return [f"{sent.method} {sent.target}" for sent in self.requests]

    def body(self, number: int = -1) -> Any:
        """Return the JSON that a request carried."""
        return json.loads(self.requests[number].body)


Serve = Callable[..., Awaitable[Served]]


def as_json(value: object, **options: Any) -> bytes:
    """Return a response with a JSON body."""
    return answer(json.dumps(value).encode(), **options)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return a function that starts a server and opens a client on it.

    The server is given answers, or scripts for its connections.
    """
    async with AsyncExitStack() as stack:

        async def serve(*steps: bytes | Script, **options: Any) -> Served:
            answers = [step for step in steps if isinstance(step, bytes)]
            scripts = [step for step in steps if not isinstance(step, bytes)]
            if answers:
                scripts.append(answering(*answers))
            server = await stack.enter_async_context(RawServer(*scripts))
            given = {"api_key": KEY, "base_url": f"{server.url}/v2"} | options
            return Served(await stack.enter_async_context(TechFlow(**given)), server)

        yield serve
