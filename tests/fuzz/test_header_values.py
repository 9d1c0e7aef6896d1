"""Control characters in whatever becomes a header: refused before anything is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloudflow_async import CloudFlow
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.errors import InvalidArgumentError
from tests.raw_server import RawServer, answering


async def _given(make: Callable[[str], object], value: str) -> None:
    make(value)


async def _sent(headers: dict[str, str], url: str) -> None:
    async with CloudFlow("cf_test_0123456789", base_url=url) as client:
        await client.request("GET", "/workflows", headers=headers)


PLACES: dict[str, Callable[[str, str], Awaitable[Any]]] = {
    "API key": lambda value, url: _given(lambda key: CloudFlow(key, base_url=url), value),
    "user agent": lambda value, url: _given(
        lambda agent: CloudFlow("cf_test_0123456789", base_url=url, user_agent=agent), value
    ),
    "value of a header": lambda value, url: _sent({"X-Trace": value}, url),
    "name of a header": lambda value, url: _sent({value: "x"}, url),
    "client id": lambda value, _: _given(OAuth2Auth, value),
    "client secret": lambda value, _: _given(
        lambda secret: OAuth2Auth("app", client_secret=secret), value
    ),
    "scope": lambda value, _: _given(lambda scope: OAuth2Auth("app", scopes=[scope]), value),
}


@pytest.mark.parametrize("place", PLACES)
async def test_a_control_character_is_refused(place: str) -> None:
    """By an error of ours that does not show the value, with nothing sent."""
    async with RawServer(answering(b"")) as server:
        for char in "\r\n\0\t\v\f\x1b\x7f\x85":
            with pytest.raises(InvalidArgumentError) as caught:
                await PLACES[place](f"can{char}ary", server.url)

            assert "ary" not in str(caught.value)
        assert 0 == server.connections
