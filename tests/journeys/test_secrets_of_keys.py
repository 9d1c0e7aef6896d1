"""Planted keys are found in nothing that reading them and signing with them shows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cloudflow_async._core.auth.api_key.api_key import ApiKeyAuth
from cloudflow_async._core.auth.chain import AuthChain
from cloudflow_async._core.auth.jwt.jwt import JWTAuth
from cloudflow_async._core.auth.profiles.profiles import read_profile
from cloudflow_async._core.auth.protocol import Auth, Refusal
from cloudflow_async._core.messages import Request
from tests.canaries import (
    API_KEY,
    KEY_PASSWORD,
    NEXT_KEY,
    Lookout,
    configure,
    pem_body,
)
from tests.core.auth.pems import PASSWORD, encrypted_pem, other_pem, rsa_pem

pytestmark = pytest.mark.virtual_time

REQUEST = Request(method="GET", path="/x", target="/x")
NOWHERE = "http://127.0.0.1:1/v2"


PEMS: dict[str, Callable[[], bytes]] = {
    "good": rsa_pem,
    "encrypted": encrypted_pem,
    "1024 bits": lambda: rsa_pem(1024),
    "EC": lambda: other_pem("EC"),
    "Ed25519": lambda: other_pem("Ed25519"),
    "OpenSSH": lambda: other_pem("OpenSSH"),
    "public": lambda: other_pem("public"),
    "cut": lambda: rsa_pem()[:900],
    "damaged": lambda: rsa_pem().replace(b"A", b"B"),
    "no armour": lambda: pem_body(rsa_pem()).encode(),
    "one line": lambda: rsa_pem().replace(b"\n", b"\\n"),
    "no ASCII": lambda: rsa_pem().replace(b"A", "Ä".encode()),
}
WORDS = [None, PASSWORD, KEY_PASSWORD]


def _from_text(pem: bytes, path: Path, word: str | None) -> Auth:
    return JWTAuth("an app", "me", pem.decode(), password=word)


def _from_bytes(pem: bytes, path: Path, word: str | None) -> Auth:
    return JWTAuth("an app", "me", pem, password=word)


def _from_file(pem: bytes, path: Path, word: str | None) -> Auth:
    path.write_bytes(pem)
    return JWTAuth("an app", "me", path, password=word)


def _from_file_that_changes(pem: bytes, path: Path, word: str | None) -> Auth:
    path.write_bytes(rsa_pem())
    auth = JWTAuth("an app", "me", path, password=word)
    path.write_bytes(pem)
    return auth


def _from_callable(pem: bytes, path: Path, word: str | None) -> Auth:
    return JWTAuth("an app", "me", lambda: pem, password=word)


def _from_coroutine(pem: bytes, path: Path, word: str | None) -> Auth:
    async def call() -> str:
        return pem.decode()

    return JWTAuth("an app", "me", call, password=word)


def _from_variable(pem: bytes, path: Path, word: str | None) -> Auth:
    _set_variables(pem, word)
    return JWTAuth.from_environment()


def _from_chain(pem: bytes, path: Path, word: str | None) -> Auth:
    _set_variables(pem, word)
    return AuthChain.default()


def _set_variables(pem: bytes, word: str | None) -> None:
    os.environ["CLOUDFLOW_JWT_PRIVATE_KEY"] = pem.decode()
    os.environ["CLOUDFLOW_JWT_PRIVATE_KEY_PASSWORD"] = word or ""
    os.environ["CLOUDFLOW_JWT_ISSUER"] = os.environ["CLOUDFLOW_JWT_SUBJECT"] = "an app"


def _from_profile(pem: bytes, path: Path, word: str | None) -> Auth:
    path.write_bytes(pem)
    os.environ["KEY_PASSWORD"] = word or ""
    configure(
        path.with_name("config.toml"),
        auth="jwt",
        issuer="an app",
        subject="me",
        private_key_file=str(path),
        **({} if word is None else {"private_key_password_env": "KEY_PASSWORD"}),
    )
    return read_profile("default").auth()


async def _sign_and_renew(auth: Auth) -> Auth:
    signed = await auth.sign(REQUEST)
    await auth.renew(Refusal(signed=signed, date=4e9))
    await auth.sign(REQUEST)
    return auth


MAKERS = [
    _from_text,
    _from_bytes,
    _from_file,
    _from_file_that_changes,
    _from_callable,
    _from_coroutine,
    _from_variable,
    _from_chain,
    _from_profile,
]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("kind", PEMS)
async def test_keys_show_neither_key_nor_password(
    lookout: Lookout,
    tmp_path: Path,
    kind: str,
    make: Callable[[bytes, Path, str | None], Auth],
) -> None:
    """Wherever the private key comes from, and whatever is wrong with it."""
    pem = PEMS[kind]()
    lookout.plant("password", PASSWORD)
    if kind != "public":
        lookout.plant("private key", pem_body(pem))
    words = WORDS if kind == "encrypted" else [None]

    async def use(word: str | None) -> Auth:
        # In a thread, because reading a file blocks.
        auth = await asyncio.to_thread(make, pem, tmp_path / "key.pem", word)
        return await _sign_and_renew(auth)

    for word in words:
        await lookout.watch(use(word))

    assert [] == lookout.finds()


async def _key(key: Any, **options: Any) -> object:
    auth = ApiKeyAuth(key, **options)
    refused = await auth.sign(REQUEST)
    await auth.renew(Refusal(signed=refused))
    await auth.renew(Refusal(signed=await auth.sign(REQUEST)))
    return auth


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


async def _key_file(path: Path, text: str | None, *, strict: bool = False) -> object:
    if text is not None:
        _write(path, text)
    auth = ApiKeyAuth.from_file(path, strict=strict)
    await auth.renew(Refusal(signed=await auth.sign(REQUEST)))
    return auth


async def _key_variable(text: str) -> object:
    os.environ["CLOUDFLOW_API_KEY"] = text
    auth = AuthChain.default()
    await auth.renew(Refusal(signed=await auth.sign(REQUEST)))
    return auth


def _coroutine(key: str) -> Callable[[], Awaitable[str]]:
    async def call() -> str:
        return key

    return call


KEYS: dict[str, Callable[[Path], Awaitable[object]]] = {
    "good": lambda path: _key(API_KEY, next_key=NEXT_KEY),
    "old": lambda path: _key(API_KEY, created_at=1.0),
    "bad": lambda path: _key(f"{API_KEY}\n"),
    "bad next": lambda path: _key(API_KEY, next_key=f"{NEXT_KEY}\n"),
    "bad date": lambda path: _key(API_KEY, created_at="2026"),
    "bytes": lambda path: _key(API_KEY.encode()),
    "callable": lambda path: _key(lambda: API_KEY, next_key=lambda: NEXT_KEY),
    "bad callable": lambda path: _key(lambda: f"{API_KEY}é"),
    "bytes of a callable": lambda path: _key(API_KEY.encode),
    "coroutine": lambda path: _key(_coroutine(API_KEY)),
    "bad coroutine": lambda path: _key(_coroutine(f"{API_KEY}\0")),
    "file": lambda path: _key_file(path, API_KEY),
    "strict file": lambda path: _key_file(path, API_KEY, strict=True),
    "bad file": lambda path: _key_file(path, f"{API_KEY}\x01\n{NEXT_KEY}"),
    "key as a str": lambda path: _key_file(cast(Path, API_KEY), None),
    "variable": lambda path: _key_variable(API_KEY),
    "bad variable": lambda path: _key_variable(f"{API_KEY}\n{NEXT_KEY}"),
}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("kind", KEYS)
async def test_api_keys_are_not_shown(lookout: Lookout, tmp_path: Path, kind: str) -> None:
    """Usable or not, wherever they come from."""
    await lookout.watch(KEYS[kind](tmp_path / "key"))

    assert [] == lookout.finds()
