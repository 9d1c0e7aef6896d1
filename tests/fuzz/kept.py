"""What is read from files: the configuration, kept tokens and checkpoints."""

from __future__ import annotations

import contextlib
import json
import os
import random
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from cloudflow_async._core.auth.profiles.profiles import profile_names, read_profile
from cloudflow_async._core.auth.stores import token_json
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import (
    CheckpointError,
    CredentialError,
    CredentialWarning,
    InvalidArgumentError,
)
from cloudflow_async._core.fan_out.checkpoint import Checkpoint
from tests.cloudflow.pipelines_server import server

from .campaign import AsyncTry, Campaign, Try
from .mutating import Json, changed_bytes, changed_json
from .oracles import check_message

_CANARY: Final = "cf_rt_canary_9b1d"

_CONFIG: Final = b"""\
# Who one is.
[profiles.default]
auth = "api_key"
api_key_env = "MY_KEY"
next_key_env = "MY_NEXT_KEY"
created_at = 2026-01-20
base_url = "https://api.cloudflow.io/v2/"
tier = "enterprise"

[profiles.login]
auth = "oauth2"
client_id = "my-app"
scopes = ["workflows:read", "pipelines:read"]
authorize_url = "https://auth.cloudflow.io/oauth/authorize"
token_url = "https://auth.cloudflow.io/oauth/token"
redirect_uri = "http://127.0.0.1:8000/callback"
token_file = "tokens/login.json"

[profiles.machine]
auth = "jwt"
issuer = "your-app-id"
subject = "user-12345"
private_key_env = "MY_PRIVATE_KEY"
lifetime = 600.0

[profiles.nobody]
auth = "anonymous"
"""
_ODD_TOML: Final = (
    *(b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b'"""', b"'''", b"[[", b"]]", b"[" * 2000),
    *(b"inf", b"nan", b"-1", b"1e400", b"9" * 5000, b"0x10", b"true", b"[]", b"{}", b'""'),
    *(b"1979-05-27T07:32:00", b"07:32:00", b"0001-01-01", b'"\\u0000"', b'"\\ud800"', b"a.b.c = 1"),
    *(b'"a\\u001bb" = 1\n', b'"\\u202e" = 1\n', b"a = 1\na = 2\n", b"=", b"#", b"\n", b"profiles"),
)
_NAMES: Final = ("default", "login", "machine", "nobody")


@contextlib.contextmanager
def _configured() -> Iterator[Try]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        environ = {"CLOUDFLOW_CONFIG": str(path)}

        def attempt(chance: random.Random) -> str:
            path.write_bytes(changed_bytes(_CONFIG, chance, odd=_ODD_TOML))
            with contextlib.suppress(CredentialError):
                profile_names(environ)
            try:
                profile = read_profile(chance.choice(_NAMES), environ)
            except CredentialError as error:
                check_message(error)
                return "refused"
            if not any("keyring" in f"{key} {value}" for key, value in profile.values.items()):
                _make_auth(profile)
            return "profile"

        yield attempt


def _make_auth(profile: Any) -> None:
    with warnings.catch_warnings(), contextlib.suppress(CredentialError):
        warnings.simplefilter("ignore", CredentialWarning)
        profile.auth()


_TOKEN: Final = token_json.write(
    Token(
        access_token="cf_at_canary_1",
        refresh_token=_CANARY,
        expires_at=1769251500.5,
        scopes=["workflows:read"],
    )
)


@contextlib.asynccontextmanager
async def _stored() -> AsyncIterator[AsyncTry]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "token.json"

        async def attempt(chance: random.Random) -> str:
            data = _damaged(_TOKEN, chance)
            try:
                token = token_json.read(data, "The token file")
            except CredentialError as error:
                check_message(error, _CANARY)
                found = "refused"
            else:
                assert json.loads(data.decode())["access_token"] == token.access_token.reveal()
                found = "token"
            if chance.random() < 0.05:
                # The way through the disk takes a thread.
                assert found == await _load(path, data), "the file is read otherwise"
            return found

        yield attempt


async def _load(path: Path, data: bytes) -> str:
    _write(path, data)
    try:
        await FileTokenStore(path).load()
    except CredentialError as error:
        check_message(error, _CANARY)
        return "refused"
    return "token"


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(data)


def _take(path: Path) -> bytes:
    data = path.read_bytes()
    path.unlink()
    return data


def _damaged(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.4:
        return changed_bytes(data, chance)
    return json.dumps(changed_json(json.loads(data), chance)).encode()


@contextlib.asynccontextmanager
async def _checkpointed() -> AsyncIterator[AsyncTry]:
    with tempfile.TemporaryDirectory() as folder, patch.object(os, "fsync", lambda _: None):
        path = Path(folder) / "run.checkpoint"
        kept = [await _interrupted(path, slices) for slices in (None, "2d")]

        async def attempt(chance: random.Random) -> str:
            slices = chance.randrange(2)
            path.write_bytes(_damaged_checkpoint(kept[slices], chance))
            return await _go_on(path, (None, "2d")[slices])

        yield attempt


def _damaged_checkpoint(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return changed_bytes(data, chance)
    value: Json = json.loads(data)
    part = chance.choice(("state", "state", "state", "filters", "note"))
    return json.dumps({**value, part: changed_json(value[part], chance)}).encode()


async def _interrupted(path: Path, slices: Any) -> bytes:
    """Return the checkpoint of a run that was left in its midst."""
    fan_out = _server().fan_out(checkpoint=Checkpoint(path, every=0.0), slices=slices)
    async with fan_out:
        async for _ in fan_out:
            if fan_out.report.rows == 12:
                break
    return _take(path)


async def _go_on(path: Path, slices: Any) -> str:
    fan_out = _server().fan_out(checkpoint=Checkpoint(path), slices=slices)
    try:
        async with fan_out:
            async for _ in fan_out:
                pass
    except (CheckpointError, InvalidArgumentError) as error:
        check_message(error)
        return "refused"
    return "went on"


def _server() -> Any:
    return server({"a": 9, "b": 0, "c": 7})


CAMPAIGNS = [
    Campaign(
        name="config",
        words="damaged configuration files: a profile, or a refusal",
        quick=500,
        deep=100_000,
        outcomes=frozenset({"profile", "refused"}),
        prepare=_configured,
    ),
    Campaign(
        name="token-files",
        words="damaged token files: the token, or a refusal that shows none",
        quick=1_000,
        deep=100_000,
        outcomes=frozenset({"token", "refused"}),
        serve=_stored,
    ),
    Campaign(
        name="checkpoints",
        words="damaged checkpoints: the run goes on, or they are refused",
        quick=100,
        deep=20_000,
        outcomes=frozenset({"went on", "refused"}),
        serve=_checkpointed,
    ),
]
