"""Planted tokens are found in nothing that keeping and printing them shows."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend

from cloudflow_async import CloudFlow
from cloudflow_async._core.auth.anonymous import AnonymousAuth
from cloudflow_async._core.auth.api_key.api_key import ApiKeyAuth
from cloudflow_async._core.auth.chain import AuthChain
from cloudflow_async._core.auth.jwt.jwt import JWTAuth
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.protocol import Refusal
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.stores.keyring_store import KeyringTokenStore
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore, TokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.messages import Request
from tests.canaries import (
    ACCESS_TOKEN,
    API_KEY,
    CLIENT_SECRET,
    NEXT_KEY,
    REFRESH_TOKEN,
    Lookout,
    pem_body,
)
from tests.core.auth.pems import PASSWORD, encrypted_pem

pytestmark = pytest.mark.virtual_time

REQUEST = Request(method="GET", path="/x", target="/x")
NOWHERE = "http://127.0.0.1:1/v2"


def _token() -> Token:
    return Token(
        access_token=ACCESS_TOKEN, refresh_token=REFRESH_TOKEN, expires_at=4e9, scopes=["a:read"]
    )


def _kept(**changes: object) -> bytes:
    content = {
        "version": 1,
        "access_token": ACCESS_TOKEN,
        "refresh_token": REFRESH_TOKEN,
        "expires_at": 4e9,
        "scopes": ["a:read"],
    }
    return json.dumps({**content, **changes}).encode()


FILES: dict[str, Callable[[Path], object]] = {
    "good": lambda path: _write(path, _kept()),
    "cut": lambda path: _write(path, _kept()[:-9]),
    "no UTF-8": lambda path: _write(path, _kept() + b"\xff"),
    "another version": lambda path: _write(path, _kept(version=REFRESH_TOKEN)),
    "bad access token": lambda path: _write(path, _kept(access_token=f"{ACCESS_TOKEN} \n")),
    "bad refresh token": lambda path: _write(path, _kept(refresh_token=f"{REFRESH_TOKEN}\n")),
    "bad end": lambda path: _write(path, _kept(expires_at=ACCESS_TOKEN)),
    "bad scopes": lambda path: _write(path, _kept(scopes=[[ACCESS_TOKEN]])),
    "scopes as text": lambda path: _write(path, _kept(scopes=ACCESS_TOKEN)),
    "a list": lambda path: _write(path, json.dumps([ACCESS_TOKEN, REFRESH_TOKEN]).encode()),
    "open to others": lambda path: (_write(path, _kept()), path.chmod(0o644)),
    "a link": lambda path: path.symlink_to(_write(path.with_name("other"), _kept())),
    "a second name": lambda path: os.link(_write(path, _kept()), path.with_name("other")),
    "a directory": lambda path: path.mkdir(),
    "an open directory": lambda path: (_write(path, _kept()), path.parent.chmod(0o777)),
    "below a file": lambda path: (path.parent.rmdir(), path.parent.write_bytes(_kept())),
}


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


async def _load(store: TokenStore) -> object:
    return await store.load()


async def _save(store: TokenStore) -> object:
    async with store.locked():
        return await store.save(_token())


async def _remove(store: TokenStore) -> object:
    return await store.save(None)


async def _sign(store: TokenStore) -> object:
    auth = OAuth2Auth("an app", client_secret=CLIENT_SECRET, store=store, token_url=NOWHERE)
    await auth.sign(REQUEST)
    return auth


async def _answer_refusal(store: TokenStore) -> object:
    auth = OAuth2Auth("an app", client_secret=CLIENT_SECRET, store=store, token_url=NOWHERE)
    await auth.renew(Refusal(signed=await auth.sign(REQUEST)))
    return auth


async def _replace(store: TokenStore) -> object:
    auth = OAuth2Auth("an app", store=store)
    await auth._tokens.replace(_token())
    return auth


async def _log_out(store: TokenStore) -> object:
    return await OAuth2Auth("an app", store=store).logout()


USES = [_load, _save, _remove, _sign, _answer_refusal, _replace, _log_out]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", FILES)
async def test_token_files_show_no_token(
    lookout: Lookout,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    use: Callable[[TokenStore], Awaitable[object]],
    kind: str,
) -> None:
    """Damaged, open to others, or not to be written."""
    path = tmp_path / "tokens" / "default.json"
    path.parent.mkdir(mode=0o700)
    FILES[kind](path)
    store = FileTokenStore(path)
    await lookout.watch(use(store))
    lookout.see("store", store)
    lookout.read("output", "".join(capfd.readouterr()))

    assert [] == lookout.finds()


class LeakyKeyring(KeyringBackend):
    """A keyring that says what it was told, in values or in errors."""

    priority = 1.0

    def __init__(self, kept: str | None) -> None:
        super().__init__()
        self._kept = kept

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept."""
        return self._kept

    def set_password(self, service: str, username: str, password: str) -> None:
        """Fail, and say with what."""
        raise RuntimeError(f"cannot keep {password}")

    def delete_password(self, service: str, username: str) -> None:
        """Fail, and say of what."""
        raise RuntimeError(f"cannot remove {self._kept}")


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "kept", [_kept(), _kept()[:-9], _kept(version=0)], ids=["good", "cut", "0"]
)
async def test_keyrings_show_no_token(
    lookout: Lookout,
    tmp_path: Path,
    use: Callable[[TokenStore], Awaitable[object]],
    kept: bytes,
) -> None:
    """Not even those whose errors do."""
    before = keyring.get_keyring()
    keyring.set_keyring(LeakyKeyring(kept.decode()))
    store = KeyringTokenStore("somebody", lock_path=tmp_path / "lock")
    try:
        await lookout.watch(use(store))
    finally:
        keyring.set_keyring(before)
    lookout.see("store", store)

    assert [] == lookout.finds()


def _things(path: Path) -> dict[str, object]:
    api_key, token = ApiKeyAuth(API_KEY, next_key=NEXT_KEY), _token()
    oauth2 = OAuth2Auth("x", client_secret=CLIENT_SECRET, store=MemoryTokenStore(token))
    jwt = JWTAuth("an app", "me", encrypted_pem(), password=PASSWORD)
    return {
        "API key": api_key,
        "OAuth 2.0": oauth2,
        "JWT": jwt,
        "chain": AuthChain(api_key, oauth2, jwt, AnonymousAuth()),
        "client": CloudFlow(API_KEY),
        "client of OAuth 2.0": CloudFlow(auth=oauth2),
        "view": CloudFlow(auth=jwt).with_options(deadline=1.0),
        "token": token,
        "store": MemoryTokenStore(token),
        "request": OAuth2Auth("x", redirect_uri="https://a.example").authorization_request(),
    }


async def test_what_people_print_shows_no_credential(lookout: Lookout, tmp_path: Path) -> None:
    """Neither printed, nor taken apart, copied or pickled."""
    lookout.plant("password", PASSWORD)
    lookout.plant("private key", pem_body(encrypted_pem()))
    for name, thing in _things(tmp_path).items():
        lookout.see(name, thing)
        lookout.copies(name, thing)

    assert [] == lookout.finds()


BAD_TOKENS: dict[str, Mapping[str, Any]] = {
    "access token": {"access_token": f"{ACCESS_TOKEN} "},
    "refresh token": {"access_token": ACCESS_TOKEN, "refresh_token": f"{REFRESH_TOKEN}\n"},
    "end": {"access_token": ACCESS_TOKEN, "expires_at": "tomorrow"},
    "scopes": {"access_token": ACCESS_TOKEN, "scopes": "workflows:read"},
}


@pytest.mark.parametrize("bad", BAD_TOKENS)
async def test_tokens_that_are_none_are_not_shown(lookout: Lookout, bad: str) -> None:
    """The constructor's error names the field."""

    async def make() -> Token:
        return Token(**BAD_TOKENS[bad])

    await lookout.watch(make())

    assert [] == lookout.finds()
