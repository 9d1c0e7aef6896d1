"""JSON Web Tokens: what they say, how long they are used, and what a refusal teaches."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from cloudflow_async._core.auth import Refusal
from cloudflow_async._core.auth.jwt.jwt import JWTAuth
from cloudflow_async._core.auth.jwt.signing_key import SigningKey
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureFileError,
    InsecureKeyFileWarning,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.messages import Request
from tests.core.auth.exposure import exposed_by
from tests.core.auth.leaks import shows
from tests.core.auth.pems import PASSWORD, encrypted_pem, other_pem, rsa_key, rsa_pem

REQUEST = Request(method="GET", path="/workflows", target="/workflows")
NOW = 1_769_251_500.75
PEM = rsa_pem()
CANARY = "canary-5up3r-s3cr3t"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the time in Unix seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each signature."""
    made: list[int] = []
    sign = SigningKey.sign

    def count(self: SigningKey, *arguments: Any) -> Any:
        made.append(1)
        return sign(self, *arguments)

    monkeypatch.setattr(SigningKey, "sign", count)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with a key that only its owner can read."""
    path = tmp_path / "key.pem"
    _replace(path, PEM)
    return path


@pytest.fixture
def from_file(file: Path, clock: Clock) -> JWTAuth:
    """Return a credential whose key lies in the file."""
    return make(file, clock=clock)


def make(private_key: Any = PEM, **options: Any) -> JWTAuth:
    """Return a credential with the document's own values."""
    return JWTAuth(issuer="your-app-id", subject="user-12345", private_key=private_key, **options)


async def token_of(auth: JWTAuth) -> str:
    """Return the token that signs a request now."""
    headers = await auth.sign(REQUEST)
    assert ["Authorization"] == [*headers]
    kind, _, token = headers["Authorization"].partition(" ")
    assert "Bearer" == kind
    return token


def claims_of(token: str, number: int = 0) -> dict[str, Any]:
    """Return what a token says, its signature verified with a public key."""
    claims: dict[str, Any] = jwt.decode(
        token,
        rsa_key(number=number).public_key(),
        algorithms=["RS256"],
        audience="https://api.cloudflow.io",
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


def refusal(token: str, date: float | None = None) -> Refusal:
    """Return a 401 to a token."""
    return Refusal(signed={"Authorization": f"Bearer {token}"}, date=date)


async def test_a_token_has_the_documented_claims(clock: Clock) -> None:
    """API document, JWT Tokens: six claims, whole seconds, an hour from ``iat`` to ``exp``."""
    auth = make(clock=clock, scopes=["workflows:read", "workflows:write", "workflows:read"])
    token = await token_of(auth)

    assert {
        "iss": "your-app-id",
        "sub": "user-12345",
        "aud": "https://api.cloudflow.io",
        "iat": int(NOW) - 30,
        "exp": int(NOW) - 30 + 3600,
        "scope": "workflows:read workflows:write",
    } == claims_of(token)
    assert {"alg": "RS256", "typ": "JWT"} == jwt.get_unverified_header(token)
    assert all(type(claims_of(token)[name]) is int for name in ("iat", "exp"))


async def test_the_rest_can_be_chosen(clock: Clock) -> None:
    """The key's id, the audience, a shorter life, no scopes."""
    auth = make(clock=clock, key_id="key-1", audience="https://example.org", lifetime=90.9)
    token = await token_of(auth)
    claims = jwt.decode(token, options={"verify_signature": False})

    assert "key-1" == jwt.get_unverified_header(token)["kid"]
    assert ("https://example.org", "") == (claims["aud"], claims["scope"])
    assert 90 == claims["exp"] - claims["iat"]
    assert frozenset() == auth.scopes


def test_scopes_are_known_before_the_first_token() -> None:
    """So that a call that lacks one is not sent; there is no end yet."""
    auth = make(scopes=iter(["workflows:read"]))

    assert frozenset({"workflows:read"}) == auth.scopes
    assert auth.expires_at is None


async def test_a_token_is_used_until_a_minute_before_its_end(clock: Clock) -> None:
    """The next one is there before a request on its way can come too late."""
    auth = make(clock=clock)
    first = await token_of(auth)
    assert auth.expires_at is not None
    clock.now = auth.expires_at - 60.001
    still = await token_of(auth)
    clock.now = auth.expires_at - 60
    second = await token_of(auth)

    assert first == still
    assert first != second


@pytest.mark.parametrize(("lifetime", "used"), [(61.0, 9.0), (90.0, 19.0), (120.0, 29.0)])
async def test_a_short_life_is_used_too(clock: Clock, lifetime: float, used: float) -> None:
    """A minute before the end of a life of a minute would be before its beginning."""
    auth = make(clock=clock, lifetime=lifetime)
    first = await token_of(auth)
    clock.now += used

    assert first == await token_of(auth)


async def test_a_thousand_tasks_share_one_signature_for_each_lifetime(
    clock: Clock, signatures: list[int]
) -> None:
    """The first time, and when the hour is over."""
    auth = make(clock=clock)
    first = await asyncio.gather(*(token_of(auth) for _ in range(1000)))
    clock.now += 3600
    second = await asyncio.gather(*(token_of(auth) for _ in range(1000)))

    assert [1, 1] == [len(set(first)), len(set(second))]
    assert 2 == len(signatures)


async def test_a_cancelled_caller_leaves_the_signature_to_the_others(signatures: list[int]) -> None:
    """It has a task of its own."""
    auth = make(lambda: _later(PEM))
    tasks = [asyncio.create_task(token_of(auth)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(ends[0], asyncio.CancelledError)
    assert ends[1] == ends[2]
    assert 1 == len(signatures)


async def _later(value: bytes) -> bytes:
    await asyncio.sleep(0)
    return value


def test_a_token_goes_on_from_loop_to_loop(signatures: list[int]) -> None:
    """Three `asyncio.run` in a row, the second within a lifetime and the third after it."""
    clock = Clock()
    auth = make(lambda: _later(PEM), clock=clock)
    tokens = [asyncio.run(token_of(auth)), asyncio.run(token_of(auth))]
    clock.now += 3600
    tokens.append(asyncio.run(token_of(auth)))

    assert tokens[0] == tokens[1] != tokens[2]
    assert 2 == len(signatures)


async def test_a_long_key_signs_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold up the event loop for more than 2 ms."""
    threads: list[Any] = []
    to_thread = asyncio.to_thread

    async def note(function: Any, *arguments: Any, **options: Any) -> Any:
        threads.append(function.__name__)
        return await to_thread(function, *arguments, **options)

    monkeypatch.setattr(asyncio, "to_thread", note)
    monkeypatch.setattr(SigningKey, "is_slow", property(lambda _: True))
    token = await token_of(make())

    assert ["sign"] == threads
    assert "your-app-id" == claims_of(token)["iss"]


async def test_a_clock_that_went_back_makes_a_new_token(clock: Clock) -> None:
    """The server would find ``iat`` in the future; half a minute does not matter."""
    auth = make(clock=clock)
    first = await token_of(auth)
    clock.now -= 29
    still = await token_of(auth)
    clock.now -= 2

    assert first == still
    assert claims_of(await token_of(auth))["iat"] == int(clock.now) - 30


async def test_a_clock_that_leapt_ahead_makes_a_new_token(clock: Clock) -> None:
    """A laptop wakes up after the token's end."""
    auth = make(clock=clock)
    await auth.sign(REQUEST)
    clock.now += 86_400

    assert claims_of(await token_of(auth))["iat"] == int(clock.now) - 30


@pytest.mark.parametrize("skew", [-600, -6, 6, 600, 86_400])
async def test_a_refusal_teaches_the_servers_clock(clock: Clock, skew: float) -> None:
    """The next token is dated by it, and so are those after it, without another refusal."""
    auth = make(clock=clock)
    first = await token_of(auth)
    renewed = await auth.renew(refusal(first, date=clock.now + skew))
    second = claims_of(await token_of(auth))
    clock.now += 3600
    third = claims_of(await token_of(auth))

    assert renewed
    assert int(NOW + skew) - 30 == second["iat"]
    assert int(NOW + skew) - 30 + 3600 == third["iat"]


async def test_what_was_learned_of_a_clock_is_told(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose clock is wrong by minutes has more than this to mend."""
    caplog.set_level(logging.INFO, "cloudflow_async")
    auth = make(clock=clock)
    await auth.renew(refusal(await token_of(auth), date=clock.now - 600))

    assert ["JWTs are dated by the server's clock, -600 s from this one's"] == caplog.messages


async def test_a_clock_that_was_set_right_is_noticed(clock: Clock) -> None:
    """What was learned is compared anew at each refusal."""
    auth = make(clock=clock)
    await auth.renew(refusal(await token_of(auth), date=clock.now + 600))
    clock.now += 600
    token = await token_of(auth)
    renewed = await auth.renew(refusal(token, date=clock.now))

    assert renewed
    assert int(clock.now) - 30 == claims_of(await token_of(auth))["iat"]


@pytest.mark.parametrize("date", [None, NOW, NOW + 4.9, NOW - 4.4, 0.0, NOW + 86_401])
async def test_a_refusal_that_teaches_nothing_is_final(clock: Clock, date: float | None) -> None:
    """The key is the same, the clock is right (or the other one nonsense), the token fresh."""
    auth = make(clock=clock)
    token = await token_of(auth)
    clock.now += 0.5

    assert not await auth.renew(refusal(token, date))
    assert token == await token_of(auth)


async def test_what_was_learned_is_not_learned_again(clock: Clock) -> None:
    """A second refusal of a token that is dated by the server's clock is final."""
    auth = make(clock=clock)
    await auth.renew(refusal(await token_of(auth), date=clock.now + 600))

    assert not await auth.renew(refusal(await token_of(auth), date=clock.now + 601))


async def test_an_older_token_is_worth_another_try(clock: Clock) -> None:
    """The server may count its age in a way of its own, or have forgotten what it knew."""
    auth = make(clock=clock)
    first = await token_of(auth)
    clock.now += 10

    assert await auth.renew(refusal(first, date=clock.now))
    assert first != await token_of(auth)


async def test_a_refusal_of_an_earlier_token_needs_no_signature(
    clock: Clock, signatures: list[int]
) -> None:
    """Others renewed it while the answer was on its way."""
    auth = make(clock=clock)
    first = await token_of(auth)
    clock.now += 3600
    await auth.sign(REQUEST)

    assert await auth.renew(refusal(first))
    assert await make().renew(refusal(first))
    assert 2 == len(signatures)


async def test_a_thousand_refusals_make_one_token(clock: Clock, signatures: list[int]) -> None:
    """Whoever comes first learns for all."""
    auth = make(clock=clock)
    seen = refusal(await token_of(auth), date=clock.now + 600)
    renewed = await asyncio.gather(*(auth.renew(seen) for _ in range(1000)))

    assert {True} == set(renewed)
    assert 2 == len(signatures)


async def test_a_refusal_makes_a_file_be_read_again(
    from_file: JWTAuth, file: Path, clock: Clock
) -> None:
    """A rotated key is used at once."""
    first = await token_of(from_file)
    unchanged = await from_file.renew(refusal(first))
    _replace(file, rsa_pem(number=1))
    renewed = await from_file.renew(refusal(first))

    assert (False, True) == (unchanged, renewed)
    assert "your-app-id" == claims_of(await token_of(from_file), number=1)["iss"]


async def test_the_next_token_is_signed_with_the_files_key_of_then(
    from_file: JWTAuth, file: Path, clock: Clock
) -> None:
    """Without a refusal too."""
    first = await token_of(from_file)
    _replace(file, rsa_pem(number=1))
    still = await token_of(from_file)
    clock.now += 3600

    assert first == still
    assert "your-app-id" == claims_of(await token_of(from_file), number=1)["iss"]


async def test_a_lost_file_is_survived_until_the_server_refuses(
    from_file: JWTAuth, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the key of before, even if it was lost before the first token, and a WARNING."""
    os.unlink(file)
    token = await token_of(from_file)

    assert "your-app-id" == claims_of(token)["iss"]
    assert [logging.WARNING] == [record.levelno for record in caplog.records]
    assert "the one before is used: The file '" in caplog.text
    with pytest.raises(CredentialError, match=r"key.pem' cannot be read: no such file"):
        await from_file.renew(refusal(token))


async def test_a_callable_that_fails_later_is_survived_too(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What it raised may show anything, so only its type is told."""

    def vault() -> bytes:
        if clock.now == NOW:
            return PEM
        raise OSError(CANARY)

    auth = make(vault, clock=clock)
    await auth.sign(REQUEST)
    clock.now += 3600
    token = await token_of(auth)

    assert clock.now - 31 < claims_of(token)["iat"]
    assert "the one before is used: OSError" in caplog.text
    assert CANARY not in caplog.text
    with pytest.raises(OSError, match=CANARY):
        await auth.renew(refusal(token))


async def test_a_callable_is_checked_at_its_first_use() -> None:
    """A key that cannot sign is told of then; what the callable raises is passed on."""
    with pytest.raises(CredentialError, match="The private key cannot sign: it is of the kind EC"):
        await make(lambda: other_pem("EC")).sign(REQUEST)
    with pytest.raises(ZeroDivisionError):
        await make(lambda: 1 // 0).sign(REQUEST)


@pytest.mark.parametrize(
    ("private_key", "password", "reason"),
    [
        (other_pem("EC"), None, "of the kind EC"),
        (other_pem("Ed25519"), None, "of the kind Ed25519"),
        (other_pem("public").decode(), None, "is a public key"),
        (rsa_pem(1024).decode(), None, "has only 1024 bits"),
        (encrypted_pem(), None, "no password was given"),
        (encrypted_pem(), CANARY, "the password is wrong"),
        (CANARY.encode(), None, "is not the PEM text"),
        (f"-----BEGIN PRIVATE KEY-----\n{CANARY}", None, "is damaged"),
        (CANARY, None, "The file whose path was given cannot be read"),
        (b"", None, "is empty"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_at_once(
    private_key: Any, password: str | None, reason: str
) -> None:
    """And neither key nor password stand in the message, or in variables of our frames."""
    with pytest.raises(CredentialError, match=reason) as caught:
        make(private_key, password=password)

    shown = exposed_by(caught.value)
    assert CANARY not in shown
    assert not any(line in shown for line in _lines(private_key))


def _lines(pem: str | bytes) -> list[str]:
    text = pem if isinstance(pem, str) else pem.decode()
    return [line for line in text.splitlines() if "-----" not in line]


@pytest.mark.skipif(os.name == "nt", reason="permissions are not in the mode there")
def test_a_file_that_others_may_read_is_warned_of_or_refused(file: Path) -> None:
    """At the line that made the credential."""
    file.chmod(0o640)

    with pytest.warns(InsecureKeyFileWarning, match="0640") as caught:
        make(file)
    with pytest.raises(InsecureFileError, match="0640"):
        make(file, strict=True)

    assert [__file__] == [it.filename for it in caught]


@pytest.mark.parametrize(
    "options",
    [
        {"lifetime": 60},
        {"lifetime": 3600.5},
        {"lifetime": True},
        {"lifetime": "3600"},
        {"lifetime": float("nan")},
        {"scopes": "workflows:read"},
        {"scopes": ["workflows:read workflows:write"]},
        {"scopes": ["workflows:read", None]},
        {"scopes": [""]},
        {"key_id": ""},
        {"key_id": "a\nb"},
        {"audience": None},
        {"issuer": " "},
        {"subject": 7},
        {"private_key": None},
        {"password": b"hunter2"},
    ],
)
def test_what_cannot_be_used_is_refused_without_showing_the_key(options: dict[str, Any]) -> None:
    """The argument is named."""
    arguments = {"issuer": "app", "subject": "user", "private_key": PEM, "password": PASSWORD}

    with pytest.raises(InvalidArgumentError, match=next(iter(options))) as caught:
        JWTAuth(**{**arguments, **options})

    assert _lines(PEM)[0] not in exposed_by(caught.value)
    assert PASSWORD not in exposed_by(caught.value)


def test_it_says_for_whom_it_signs() -> None:
    """So that a program that has several can tell them apart."""
    auth = make()

    assert ("your-app-id", "user-12345") == (auth.issuer, auth.subject)


def test_it_tells_who_it_is() -> None:
    """And nothing that is secret."""
    auth = make(key_id="key-1", scopes=["workflows:read"])

    assert (
        "JWTAuth(issuer='your-app-id', subject='user-12345', key_id='key-1', "
        "scopes=['workflows:read'])"
    ) == repr(auth)


async def test_it_shows_neither_key_nor_password_nor_token() -> None:
    """Not even to those who walk through its attributes."""
    auth = make(encrypted_pem(), password=PASSWORD)
    token = await token_of(auth)

    assert not shows(auth, _lines(encrypted_pem())[3])
    assert not shows(auth, PASSWORD)
    assert not shows(auth, token[-20:])


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """A credential is made anew in each process."""
    with pytest.raises(TypeError, match="make it anew"):
        travel(make())


def set_variables(patch: pytest.MonkeyPatch, **values: str) -> None:
    """Set variables whose names begin with ``CLOUDFLOW_JWT_``."""
    for name, value in values.items():
        patch.setenv(f"CLOUDFLOW_JWT_{name}", value)


NEEDED = {"ISSUER": "your-app-id", "SUBJECT": "user-12345"}


def test_the_environment_can_hold_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key as text, with its line breaks written as many files of variables have them."""
    text = encrypted_pem().decode().replace("\n", "\\n")
    set_variables(monkeypatch, **NEEDED, PRIVATE_KEY=text, PRIVATE_KEY_PASSWORD=PASSWORD)
    set_variables(monkeypatch, KEY_ID="key-1", SCOPES="workflows:read  pipelines:read")
    auth = JWTAuth.from_environment()
    token = asyncio.run(token_of(auth))

    assert "workflows:read pipelines:read" == claims_of(token)["scope"]
    assert "key-1" == jwt.get_unverified_header(token)["kid"]


def test_the_environment_can_name_a_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """The rest has its defaults."""
    set_variables(monkeypatch, **NEEDED, PRIVATE_KEY_FILE=str(file))

    assert "JWTAuth(issuer='your-app-id', subject='user-12345', key_id=None, scopes=[])" == repr(
        JWTAuth.from_environment()
    )


def test_an_empty_environment_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was given; variables that are blank are not set."""
    set_variables(monkeypatch, ISSUER=" ", SCOPES="")

    with pytest.raises(
        NoCredentialsError,
        match="CLOUDFLOW_JWT_ISSUER, CLOUDFLOW_JWT_SUBJECT, CLOUDFLOW_JWT_PRIVATE_KEY or "
        "CLOUDFLOW_JWT_PRIVATE_KEY_FILE not set",
    ):
        JWTAuth.from_environment()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({**NEEDED}, "signed: CLOUDFLOW_JWT_PRIVATE_KEY or CLOUDFLOW_JWT_PRIVATE_KEY_FILE not set"),
        ({"SUBJECT": "me", "PRIVATE_KEY": PEM.decode()}, "CLOUDFLOW_JWT_ISSUER not set"),
        ({**NEEDED, "PRIVATE_KEY": "x", "PRIVATE_KEY_FILE": "y"}, "Set only one of"),
        ({**NEEDED, "PRIVATE_KEY": CANARY}, "is not the PEM text of a private key"),
        ({**NEEDED, "PRIVATE_KEY_FILE": "/nowhere"}, "The file '/nowhere' cannot be read"),
        ({**NEEDED, "PRIVATE_KEY": PEM.decode(), "SCOPES": "\xe9"}, "cannot be used: scopes is a"),
        ({"KEY_ID": "key-1"}, "CLOUDFLOW_JWT_ISSUER, CLOUDFLOW_JWT_SUBJECT, CLOUDFLOW_JWT_PRIV"),
    ],
)
def test_half_an_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], reason: str
) -> None:
    """Somebody meant it; what is missing is named, and nothing secret."""
    set_variables(monkeypatch, **values)

    with pytest.raises(CredentialError, match=reason) as caught:
        JWTAuth.from_environment()

    assert not isinstance(caught.value, NoCredentialsError)
    assert CANARY not in exposed_by(caught.value)
    assert _lines(PEM)[0] not in exposed_by(caught.value)


@pytest.mark.slow
def test_the_libraries_are_loaded_with_the_first_key() -> None:
    """They cost more than 100 ms, which programs with another credential need not spend."""
    program = (
        "import sys, cloudflow_async._core.auth.jwt.jwt as it; "
        "it.JWTAuth('app', 'user', lambda: b''); "
        "print(sorted({'cryptography', 'jwt'} & {*sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert ("[]\n", "") == (run.stdout, run.stderr)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    os.replace(new, path)
