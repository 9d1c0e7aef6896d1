"""``cloudflow whoami``: which credential is used."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth import FileTokenStore, Token
from cloudflow_async._core.auth.profiles.profiles import token_path
from cloudflow_async.cli import main
from cloudflow_async.cli.account import whoami as who
from cloudflow_async.emulator import Emulator, Fault
from tests.cli.conftest import Serve
from tests.core.auth.pems import rsa_pem

OAUTH2 = 'auth = "oauth2"\nclient_id = "my-app"\n'
JWT = 'auth = "jwt"\nissuer = "app"\nsubject = "user-1"\nprivate_key_file = "key.pem"\n'
BASE_URL = "https://api.cloudflow.io/v2"


def _profile(config: Path, text: str, name: str = "default") -> None:
    config.write_text(f"[profiles.{name}]\n{text}")


def _keep(token: Token, name: str = "default") -> None:
    asyncio.run(FileTokenStore(token_path(name)).save(token))


def _token(*, lives: float | None = 3600, renews: bool = True) -> Token:
    return Token(
        access_token="access-canary",
        refresh_token="refresh-canary" if renews else None,
        expires_at=None if lives is None else time.time() + lives,
        scopes=frozenset({"workflows:read", "admin:full"}),
    )


def _facts(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return what was told, on standard output alone; no secret is in it."""
    out, err = capsys.readouterr()

    assert "" == err
    assert "canary" not in out
    return {line[2:13].strip(): line[14:] for line in out.splitlines()}


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("cf_live_canary", "API key, for production"),
        ("cf_test_canary", "API key, for development"),
        ("other-canary", "API key"),
    ],
)
def test_a_key_of_the_environment(
    key: str, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it is for is in its first letters; what it may do is not known here."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", key)
    assert 0 == main(["whoami"])

    assert {
        "found in": "CLOUDFLOW_API_KEY",
        "credential": kind,
        "scopes": "not known",
        "base URL": BASE_URL,
    } == _facts(capsys)


def test_a_private_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose tokens it signs, until when they last, and that the next one comes by itself."""
    monkeypatch.setenv("CLOUDFLOW_JWT_ISSUER", "my-app")
    monkeypatch.setenv("CLOUDFLOW_JWT_SUBJECT", "user-1")
    monkeypatch.setenv("CLOUDFLOW_JWT_PRIVATE_KEY", rsa_pem().decode())
    monkeypatch.setenv("CLOUDFLOW_JWT_SCOPES", "pipelines:read workflows:read")
    assert 0 == main(["whoami"])
    facts = _facts(capsys)

    assert "CLOUDFLOW_JWT_*" == facts["found in"]
    assert "JWT of my-app for user-1" == facts["credential"]
    assert "pipelines:read, workflows:read" == facts["scopes"]
    assert re.fullmatch(
        r"20..-..-..T..:..:..Z, in 59 min \d\d s; renewed by itself", facts["expires"]
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'auth = "api_key"\napi_key_env = "MY_KEY"\n',
            {"credential": "API key, for development", "scopes": "not known"},
        ),
        (
            'auth = "api_key"\napi_key_file = "key"\nbase_url = "https://a/v2"\n',
            {"credential": "API key, for production", "base URL": "https://a/v2"},
        ),
        (JWT, {"credential": "JWT of app for user-1", "scopes": "none"}),
        (
            OAUTH2,
            {"credential": "OAuth 2.0, client my-app", "scopes": "admin:full, workflows:read"},
        ),
        ('auth = "anonymous"\n', {"credential": "none: requests are anonymous"}),
    ],
)
def test_a_profile_of_each_kind(
    text: str,
    told: dict[str, str],
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By its name, although the environment has a key."""
    for name, secret in (("key", b"cf_live_canary"), ("key.pem", rsa_pem())):
        (config.parent / name).touch(mode=0o600)
        (config.parent / name).write_bytes(secret)
    monkeypatch.setenv("MY_KEY", "cf_test_canary")
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_canary")
    _keep(_token(), "work")
    _profile(config, text, "work")
    assert 0 == main(["whoami", "--profile", "work"])
    facts = _facts(capsys)

    assert {"found in": "profile work", "base URL": BASE_URL, **told}.items() <= facts.items()


@pytest.mark.parametrize(("scopes", "told"), [([], "none"), (None, "not known")])
def test_a_login_without_scopes(
    scopes: list[str] | None, told: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that was granted no scope is told from a token whose scopes are not known."""
    _profile(config, OAUTH2)
    _keep(Token(access_token="a", expires_at=time.time() + 3600, scopes=scopes))
    assert 0 == main(["whoami"])

    assert told == _facts(capsys)["scopes"]


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ({}, r"20..-..-..T..:..:..Z, in (1 h 00 min|59 min \d\d s); renewed by itself"),
        ({"renews": False}, r"20.*Z, in .*; then you have to log in again"),
        ({"lives": None}, r"not known; renewed by itself"),
    ],
    ids=["renewed", "to log in again", "not known"],
)
def test_until_when_one_is_logged_in(
    token: dict[str, Any], told: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And whether a person has to do something then."""
    _profile(config, OAUTH2)
    _keep(_token(**token))
    assert 0 == main(["whoami"])

    assert re.fullmatch(told, _facts(capsys)["expires"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OAUTH2, "profile default: Nobody is logged in"),
        (OAUTH2, "`cloudflow login`"),
        ('auth = "api_key"\n', "give exactly one of 'api_key_env', 'api_key_file'"),
        ('auth = "api_key"\napi_key_env = "MY_KEY"\n', "the variable of the environment that "),
        ('auth = "api_key"\napi_key = "canary"\n', "'api_key' would be a secret"),
        ('auth = "magic"\n', "'auth' must be one of api_key, oauth2, jwt, anonymous"),
        ("auth = canary\n", "it is no TOML; see line 2"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--profile", "default"]])
def test_a_profile_that_cannot_be_used(
    text: str,
    told: str,
    arguments: list[str],
    config: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line says what is wrong with it, with exit status 2."""
    _profile(config, text)
    assert 2 == main(["whoami", *arguments])
    out, err = capsys.readouterr()

    assert ("", 1) == (out, err.count("\n"))
    assert told in err
    assert "canary" not in err


def test_a_login_that_has_expired(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person has to log in again, and is told how."""
    _profile(config, OAUTH2)
    _keep(_token(lives=-1, renews=False))
    assert 2 == main(["whoami"])

    assert "The access token has expired or was refused" in (err := capsys.readouterr().err)
    assert "`cloudflow login`" in err


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    """What was looked for is told, and what to do."""
    assert 2 == main(["whoami"])
    out, err = capsys.readouterr()

    assert "" == out
    assert err.startswith("error: no credential: set CLOUDFLOW_API_KEY, or run `cloudflow login`.")
    assert 1 == err.count("\n")


def test_a_profile_that_is_not_there(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are there are named."""
    _profile(config, OAUTH2, "work")
    assert 2 == main(["whoami", "--profile", "wrok"])

    assert f"error: '{config}' has no profile 'wrok'; it has: work.\n" == capsys.readouterr().err


def test_the_api_accepts_it(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """One request asks it; without the option, there is none."""
    assert 0 == main(["whoami"])
    assert [] == emulator.requests
    assert 0 == main(["whoami", "--check"])
    out = capsys.readouterr().out

    assert out.endswith(f"  base URL    {emulator.base_url}\n  the API     accepts it\n")
    assert ["GET /v2/workflows"] == [f"{sent.method} {sent.path}" for sent in emulator.requests]


def test_the_api_accepts_it_for_other_things(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A credential may be good and still not be for workflows."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", emulator.add_key("analytics:read"))
    assert 0 == main(["whoami", "--check"])

    assert "accepts it, but not for reading workflows" == _facts(capsys)["the API"]


def test_the_api_refuses_it(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which credential it was is told before."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_canary")
    assert 1 == main(["whoami", "--check"])
    out, err = capsys.readouterr()

    assert "  credential  API key, for production\n" in out
    assert "canary" not in out + err
    assert err.startswith(f"error: {emulator.base_url} refuses this credential: 401 authent")
    assert 1 == err.count("\n")


def test_the_api_cannot_tell(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that fails nor one that is not there."""
    serve().inject(Fault(status=501, times=None))
    failing = main(["whoami", "--check"]), capsys.readouterr().err
    monkeypatch.setenv("CLOUDFLOW_BASE_URL", "http://127.0.0.1:9/v2")
    missing = main(["whoami", "--check"]), capsys.readouterr().err

    assert (1, 1) == (failing[0], missing[0])
    assert " cannot tell: 501" in failing[1]
    assert "error: http://127.0.0.1:9/v2 cannot tell: cannot connect (Conn" in missing[1]


def test_a_signal_ends_the_question(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was told so far stays told."""

    async def interrupt(_: object) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(who, "ask_api", interrupt)
    assert 130 == main(["whoami", "--check"])

    assert {"found in", "credential", "scopes", "base URL"} == _facts(capsys).keys()
