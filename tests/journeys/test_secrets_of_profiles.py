"""Planted secrets are found in nothing that reading profiles shows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async import CloudFlow, RetryPolicy
from cloudflow_async._core.auth.profiles.profiles import read_profile
from cloudflow_async._core.messages import Request
from tests.canaries import (
    API_KEY,
    CLIENT_SECRET,
    KEY_PASSWORD,
    Lookout,
    configure,
    pem_body,
)
from tests.core.auth.pems import rsa_pem

pytestmark = pytest.mark.virtual_time

REQUEST = Request(method="GET", path="/x", target="/x")
NOWHERE = "http://127.0.0.1:1/v2"


PROFILES: dict[str, Mapping[str, str]] = {
    "a key": {"auth": "api_key", "api_key": API_KEY},
    "a key as its name": {"auth": "api_key", "api_key_env": API_KEY},
    "a key as its file": {"auth": "api_key", "api_key_file": API_KEY},
    "a key as its entry": {"auth": "api_key", "api_key_keyring": API_KEY},
    "a key as another": {"auth": "api_key", "api_kye": API_KEY},
    "a key as the kind": {"auth": API_KEY},
    "a key as the tier": {"auth": "anonymous", "tier": API_KEY},
    "a key in the URL": {"auth": "anonymous", "base_url": f"https://me:{API_KEY}@api.example"},
    "a client's secret": {"auth": "oauth2", "client_id": "x", "client_secret": CLIENT_SECRET},
    "a client's secret as its name": {
        "auth": "oauth2",
        "client_id": "x",
        "client_secret_env": CLIENT_SECRET,
    },
    "a bad client's secret": {"auth": "oauth2", "client_id": "x", "client_secret_env": "BAD"},
    "a bad id": {"auth": "oauth2", "client_id": "ä", "client_secret_env": "GOOD"},
    "bad scopes": {"auth": "oauth2", "client_id": "x", "scopes": CLIENT_SECRET},
    "a bad key": {"auth": "api_key", "api_key_env": "BAD"},
    "a good key": {"auth": "api_key", "api_key_env": "GOOD"},
    "a password": {"auth": "jwt", "private_key_password": KEY_PASSWORD},
    "a private key": {"auth": "jwt", "private_key": rsa_pem().decode()},
    "a private key as its file": {
        "auth": "jwt",
        "issuer": "a",
        "subject": "b",
        "private_key_file": rsa_pem().decode(),
    },
    "a bare private key as its file": {
        "auth": "jwt",
        "issuer": "a",
        "subject": "b",
        "private_key_file": pem_body(rsa_pem()),
    },
}


async def _of_profile() -> object:
    profile = await asyncio.to_thread(read_profile, "default")
    auth = await asyncio.to_thread(profile.auth)
    await auth.sign(REQUEST)
    return profile, auth


async def _of_client() -> object:
    async with await asyncio.to_thread(_open_client, profile="default") as client:
        return await client.request("GET", "/x")


async def _of_bare_client() -> object:
    async with await asyncio.to_thread(_open_client) as client:
        return await client.request("GET", "/x")


def _open_client(**options: Any) -> CloudFlow:
    return CloudFlow(base_url=NOWHERE, retry=RetryPolicy.never(), **options)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("use", [_of_profile, _of_client, _of_bare_client])
@pytest.mark.parametrize("kind", PROFILES)
async def test_profiles_show_no_secret(
    lookout: Lookout, tmp_path: Path, kind: str, use: Callable[[], Awaitable[object]]
) -> None:
    """Not even one that was written where none belongs."""
    lookout.plant("private key", pem_body(rsa_pem()))
    os.environ["BAD"], os.environ["GOOD"] = f"{API_KEY}\n{CLIENT_SECRET}", API_KEY
    configure(tmp_path / "config.toml", **PROFILES[kind])
    await lookout.watch(use())

    assert [] == lookout.finds()


BROKEN = {
    "no TOML": f'[profiles.default]\napi_key = "{API_KEY}',
    "no UTF-8": f'[profiles.default]\napi_key = "{API_KEY}\udcff"',
    "no table": f'[profiles]\ndefault = "{API_KEY}"',
    "secret beside it": f'api_key = "{API_KEY}"\n[profiles.default]\nauth = "anonymous"',
}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("use", [_of_profile, _of_client, _of_bare_client])
@pytest.mark.parametrize("kind", BROKEN)
async def test_broken_configurations_show_no_secret(
    lookout: Lookout, tmp_path: Path, kind: str, use: Callable[[], Awaitable[object]]
) -> None:
    """The file is named, and the line, but nothing of what stands there."""
    path = tmp_path / "config.toml"
    path.write_bytes(BROKEN[kind].encode("utf-8", "surrogateescape"))
    os.environ["CLOUDFLOW_CONFIG"] = str(path)
    await lookout.watch(use())

    assert [] == lookout.finds()
