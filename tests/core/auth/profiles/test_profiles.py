"""Profiles: from the file to a credential."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudflow_async._core.auth import AnonymousAuth, ApiKeyAuth, Refusal
from cloudflow_async._core.auth.jwt.jwt import JWTAuth
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.profiles.profiles import (
    Profile,
    make_profile,
    profile_names,
    read_profile,
    token_path,
)
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import (
    CredentialError,
    CredentialWarning,
    LoginError,
    NoCredentialsError,
    ReauthenticationRequiredError,
)
from cloudflow_async._core.messages import Request
from tests.core.auth.exposure import exposed_by
from tests.core.auth.leaks import shows
from tests.core.auth.pems import PASSWORD, encrypted_pem, rsa_pem

CANARY = "cf_live_canary0123456789"
REQUEST = Request(method="GET", path="/workflows", target="/workflows")

Write = Callable[..., Profile]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return what writes a profile called work and reads it again."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("CLOUDFLOW_CONFIG", str(path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def write_and_read(auth: str, *lines: str) -> Profile:
        path.write_text("\n".join(["[profiles.work]", f'auth = "{auth}"', *lines]))
        return read_profile("work")

    return write_and_read


def _private(path: Path, content: str | bytes) -> str:
    path.touch(mode=0o600)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path.name


def test_a_profile(write: Write, tmp_path: Path) -> None:
    """It says where it is from, and where its client speaks to."""
    profile = write("anonymous", 'base_url = "https://a/v2/"')

    assert ("work", tmp_path / "config.toml", "anonymous", "https://a/v2") == (
        profile.name,
        profile.path,
        profile.kind,
        profile.base_url,
    )
    assert isinstance(profile.auth(), AnonymousAuth)


def test_a_profile_that_does_not_stand_there_yet(write: Write) -> None:
    """It is what it would be if it did."""
    written = write("oauth2", 'client_id = "my-app"', 'base_url = "https://a/v2/"')
    values = {"auth": "oauth2", "client_id": "my-app", "base_url": "https://a/v2/"}

    assert written == make_profile("work", values)
    assert written.token_path == make_profile("work", values).token_path


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("a/b", {"auth": "anonymous"}, "The name of a profile has 1 to 64 letters"),
        ("work", {"auth": "oauth2"}, "profile 'work': 'client_id' is missing"),
        ("work", {"auth": "oauth2", "client_secret": CANARY}, "'client_secret' would be a secret"),
    ],
)
def test_a_profile_that_could_not_stand_there(
    name: str, values: dict[str, str], told: str, write: Write
) -> None:
    """Its values are checked as those of the file are, and not shown."""
    with pytest.raises(CredentialError, match=told) as caught:
        make_profile(name, values)

    assert CANARY not in str(caught.value)


def test_which_profiles_there_are(write: Write, tmp_path: Path) -> None:
    """In the file's order; without a file there is none."""
    assert () == profile_names()
    (tmp_path / "config.toml").write_text("[profiles.b]\n[profiles.a]\n")

    assert ("b", "a") == profile_names()


def test_no_file(tmp_path: Path) -> None:
    """The error names the path."""
    missing = tmp_path / "missing.toml"

    with pytest.raises(NoCredentialsError, match=r"no profile 'work': .*missing\.toml' is missing"):
        read_profile("work", {"CLOUDFLOW_CONFIG": str(missing)})


@pytest.mark.parametrize(
    "use",
    [
        lambda environ: read_profile("work", environ),
        lambda environ: make_profile("work", {"auth": "none"}, environ),
        lambda environ: token_path("../work", environ),
        lambda environ: profile_names({**environ, "CLOUDFLOW_CONFIG": "/"}),
    ],
    ids=["read", "made", "tokens", "names"],
)
def test_the_environment_does_not_show_in_a_traceback(
    tmp_path: Path, use: Callable[[Mapping[str, str]], object]
) -> None:
    """Whoever records local variables would record all secrets of a machine."""
    environ = {"CLOUDFLOW_CONFIG": str(tmp_path / "missing.toml"), "PASSWORD": CANARY}
    with pytest.raises(CredentialError) as caught:
        use(environ)

    assert CANARY not in exposed_by(caught.value)


def test_a_secret_in_the_file_is_not_shown(write: Write) -> None:
    """Neither in the message nor among the variables of our frames."""
    with pytest.raises(CredentialError, match="'api_key' would be a secret") as caught:
        write("api_key", f'api_key = "{CANARY}"')

    assert CANARY not in exposed_by(caught.value)


def test_a_key_of_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read when a request is signed."""
    auth = write("api_key", 'api_key_env = "MY_KEY"').auth()
    with pytest.raises(NoCredentialsError, match=r"profile 'work': the variable .* 'api_key_env'"):
        _run(auth.sign(REQUEST))
    monkeypatch.setenv("MY_KEY", CANARY)

    assert {"X-API-Key": CANARY} == _run(auth.sign(REQUEST))
    assert not shows(auth, CANARY)


async def test_a_key_in_a_file(write: Write, tmp_path: Path) -> None:
    """Its path is seen from the folder of the configuration; a rotated key is found on a 401."""
    name = _private(tmp_path / "key", f"{CANARY}\n")
    auth = write("api_key", f'api_key_file = "{name}"').auth()
    signed = await auth.sign(REQUEST)
    _private(tmp_path / "key", "cf_live_rotated")

    assert {"X-API-Key": CANARY} == signed
    assert await auth.renew(Refusal(signed=signed))
    assert {"X-API-Key": "cf_live_rotated"} == await auth.sign(REQUEST)


async def test_a_second_key(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a rotation it takes over once the first is refused."""
    monkeypatch.setenv("MY_KEY", CANARY)
    name = _private(tmp_path / "key", "cf_live_next")
    auth = write("api_key", 'api_key_env = "MY_KEY"', f'next_key_file = "{name}"').auth()
    signed = await auth.sign(REQUEST)

    assert {"X-API-Key": CANARY} == signed
    assert await auth.renew(Refusal(signed=signed))
    assert {"X-API-Key": "cf_live_next"} == await auth.sign(REQUEST)


def test_a_key_in_the_keyring(write: Write) -> None:
    """It is not asked for before it is needed."""
    assert isinstance(write("api_key", 'api_key_keyring = "service/user"').auth(), ApiKeyAuth)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
def test_the_age_of_a_key(write: Write, form: str) -> None:
    """API document, Security Notes: "Rotate keys every 90 days"."""
    old = (datetime.now(UTC) - timedelta(days=85)).strftime(form)
    young = (datetime.now(UTC) - timedelta(days=3)).strftime(form)
    write("api_key", 'api_key_env = "MY_KEY"', f"created_at = {young}").auth()

    with pytest.warns(CredentialWarning, match="days"):
        write("api_key", 'api_key_env = "MY_KEY"', f"created_at = {old}").auth()


async def test_a_login(write: Write, tmp_path: Path) -> None:
    """The token lies in a file of the profile's own; without one a person has to log in."""
    profile = write("oauth2", 'client_id = "app"', 'scopes = ["workflows:read"]')
    auth = profile.auth()
    with pytest.raises(ReauthenticationRequiredError):
        await auth.sign(REQUEST)
    await FileTokenStore(profile.token_path).save(Token(access_token="access"))

    assert {"Authorization": "Bearer access"} == await profile.auth().sign(REQUEST)
    assert profile.token_path.is_relative_to(tmp_path / "state")


def test_options_of_a_login(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """All reach the credential, the client's secret too."""
    monkeypatch.setenv("SECRET", "canary-secret")
    profile = write(
        "oauth2",
        'client_id = "app"',
        'client_secret_env = "SECRET"',
        'authorize_url = "https://a/authorize"',
        'token_url = "https://a/token"',
        'redirect_uri = "https://app/callback"',
        'issuer = "https://a"',
        'token_endpoint_auth_method = "client_secret_basic"',
        'token_store = "keyring"',
    )
    auth = profile.auth()
    assert isinstance(auth, OAuth2Auth)
    url = str(auth.authorization_request().url)

    assert url.startswith("https://a/authorize?")
    assert "client_id=app" in url
    assert "https%3A%2F%2Fapp%2Fcallback" in url
    assert not shows(auth, "canary-secret")


async def test_the_issuer_of_a_login(write: Write) -> None:
    """Where a profile names it, a callback that does not is not believed."""
    profile = write(
        "oauth2",
        'client_id = "app"',
        'redirect_uri = "https://app/callback"',
        'issuer = "https://a"',
    )
    auth = profile.auth()
    assert isinstance(auth, OAuth2Auth)
    request = auth.authorization_request()

    with pytest.raises(LoginError, match=r"\(iss\)"):
        await auth.exchange(f"code=c&state={request.state.reveal()}", request)


def test_a_login_without_its_secret(write: Write) -> None:
    """A variable that is not set is noticed when the credential is made."""
    with pytest.raises(NoCredentialsError, match="'client_secret_env' names is missing"):
        write("oauth2", 'client_id = "app"', 'client_secret_env = "SECRET"').auth()


@pytest.mark.parametrize("way", ["env", "file"])
async def test_a_jwt(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Its key lies in a file or in the environment, and so may the password."""
    monkeypatch.setenv("PEM", encrypted_pem().decode())
    place = "PEM" if way == "env" else _private(tmp_path / "key.pem", encrypted_pem())
    auth = write(
        "jwt",
        'issuer = "app"',
        'subject = "user"',
        f'private_key_{way} = "{place}"',
        f'private_key_password_file = "{_private(tmp_path / "password", PASSWORD)}"',
        'scopes = ["workflows:read"]',
        'key_id = "k1"',
        "lifetime = 600",
    ).auth()
    signed = await auth.sign(REQUEST)

    assert isinstance(auth, JWTAuth)
    assert signed["Authorization"].startswith("Bearer eyJ")
    assert frozenset({"workflows:read"}) == auth.scopes
    assert "issuer='app', subject='user', key_id='k1'" in repr(auth)


def test_a_jwt_with_its_key_in_the_keyring(write: Write) -> None:
    """It is not asked for before a token is signed."""
    lines = ('issuer = "app"', 'subject = "user"', 'private_key_keyring = "service/user"')

    assert isinstance(write("jwt", *lines).auth(), JWTAuth)


def test_what_the_credential_refuses(write: Write, tmp_path: Path) -> None:
    """The message says which profile it stands in."""
    name = _private(tmp_path / "key.pem", rsa_pem())
    profile = write(
        "jwt", 'issuer = "a"', 'subject = "b"', f'private_key_file = "{name}"', "lifetime = 9999"
    )

    with pytest.raises(CredentialError, match=r"config\.toml', profile 'work': .*lifetime"):
        profile.auth()


def test_where_tokens_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the profile's name; a configuration file in another place has tokens of its own."""
    usual = platformdirs.user_config_path("cloudflow") / "config.toml"
    folder = platformdirs.user_state_path("cloudflow") / "tokens"
    first = token_path("work", {"CLOUDFLOW_CONFIG": str(tmp_path / "a.toml")})
    second = token_path("work", {"CLOUDFLOW_CONFIG": str(tmp_path / "b.toml")})

    assert folder / "work.json" == token_path("work", {})
    assert folder / "work.json" == token_path("work", {"CLOUDFLOW_CONFIG": str(usual)})
    assert first != second
    assert {folder} == {first.parent, second.parent}
    with pytest.raises(CredentialError, match="The name of a profile"):
        token_path("../work")


@pytest.mark.skipif(os.name == "nt", reason="paths differ there")
def test_tokens_are_found_again_by_the_next_version() -> None:
    """Who has logged in stays logged in."""
    path = token_path("work", {"CLOUDFLOW_CONFIG": "/etc/cloudflow.toml"})

    assert "work-756ed6be85de.json" == path.name


def test_a_token_file_of_ones_own(write: Write, tmp_path: Path) -> None:
    """As seen from the folder of the configuration."""
    lines = ('client_id = "app"', 'token_file = "here/token.json"')

    assert tmp_path / "here" / "token.json" == write("oauth2", *lines).token_path
    assert Path("~/t").expanduser() == write("oauth2", lines[0], 'token_file = "~/t"').token_path


_TEXTS = st.sampled_from(["MY_KEY", "a/b", "https://a/v2", "key", "", "\x00", "é"]) | st.text()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["api_key", "oauth2", "jwt", "anonymous"]),
    st.dictionaries(
        st.sampled_from(
            [
                "api_key_env",
                "api_key_keyring",
                "next_key_env",
                "client_id",
                "client_secret_env",
                "issuer",
                "subject",
                "scopes",
                "private_key_file",
                "private_key_env",
                "lifetime",
                "token_url",
                "redirect_uri",
            ]
        ),
        _TEXTS | st.lists(_TEXTS, max_size=2) | st.floats(),
        max_size=4,
    ),
)
def test_any_profile(tmp_path: Path, kind: str, values: dict[str, Any]) -> None:
    """It ends in a credential, or in an error of ours, when it is read or when it is made."""
    tomli_w = pytest.importorskip("tomli_w")
    path, required = (
        tmp_path / "config.toml",
        {
            "api_key": {"api_key_env": "MY_KEY"},
            "oauth2": {"client_id": "app"},
            "jwt": {"issuer": "a", "subject": "b", "private_key_env": "MY_KEY"},
            "anonymous": {},
        },
    )
    document = {"profiles": {"work": {**required[kind], **values, "auth": kind}}}
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    auth: object = None
    problem = None
    try:
        auth = read_profile("work", {"CLOUDFLOW_CONFIG": str(path)}).auth()
    except CredentialError as error:
        problem = error.message

    assert (auth is None) == bool(problem)


def _run(coroutine: Any) -> Any:
    """Return what a coroutine returns that waits for nothing."""
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    return caught.value.value
