"""Proxies: which URLs and variables are accepted, and that no password is shown."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from yarl import URL

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.http.proxy import Proxy, basic, environment_proxy, read_proxy
from tests.core.auth.exposure import exposed_by

SERVER = "https://api.example:8443/v2"


def user_of(proxy: Proxy | None) -> str | None:
    """Return ``name:password`` of the header that a proxy gets."""
    assert proxy is not None
    header = proxy.sign({}).get("Proxy-Authorization")
    return None if header is None else b64decode(header.removeprefix("Basic ")).decode()


@pytest.mark.parametrize(
    ("given", "url", "user"),
    [
        ("http://proxy", "http://proxy", None),
        ("http://proxy/", "http://proxy", None),
        ("HTTP://proxy:3128", "http://proxy:3128", None),
        ("https://proxy.example:3129", "https://proxy.example:3129", None),
        ("http://[::1]:3128", "http://[::1]:3128", None),
        ("http://me:secret@proxy:3128", "http://proxy:3128", "me:secret"),
        ("http://me@proxy", "http://proxy", "me:"),
        ("http://@proxy", "http://proxy", None),
        ("http://me:a%40b%3Ac%2F@proxy", "http://proxy", "me:a@b:c/"),
        ("http://me:a@b@proxy", "http://proxy", "me:a@b"),
        ("http://me:%C3%A9@proxy", "http://proxy", "me:é"),
    ],
)
def test_a_url_is_taken_apart(given: str, url: str, user: str | None) -> None:
    """The URL that is connected to has no user info; the header has it, decoded."""
    proxy = read_proxy("proxy", given)

    assert proxy is not None
    assert URL(url) == proxy.url
    assert user == user_of(proxy)
    assert proxy is read_proxy("proxy", proxy)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "proxy:3128",
        "//canary@proxy",
        "me:canary-0123456789@proxy:3128",
        "http://",
        "http://me:canary-0123456789@",
        "http://me:canary/0123456789@proxy:3128",
        "http://me:canary?0123456789@proxy:3128",
        "http://me:canary#0123456789@proxy:3128",
        "http://me:canary 0123456789@proxy:3128",
        "http://me:canary\r\n0123456789@proxy:3128",
        "http://me:canary-é@proxy:3128",
        "http://me:canary-\udc80@proxy:3128",
        "http://me:canary-0123456789@proxy:3128/path",
        "http://me:canary-0123456789@proxy:3128?a=b",
        "http://me:canary-0123456789@proxy:0",
        "http://me:canary-0123456789@proxy:65536",
        "http://me:canary-0123456789@pro xy",
        "ftp://me:canary-0123456789@proxy",
        "http://me:canary-0123456789@[::1",
    ],
)
def test_a_url_that_cannot_be_used_is_refused(given: str) -> None:
    """The error says how a proxy's URL looks, and shows nothing of the one that was given."""
    with pytest.raises(InvalidArgumentError, match="must look like 'http://host:port'") as caught:
        read_proxy("proxy", given)

    assert "canary" not in exposed_by(caught.value)


@pytest.mark.parametrize("scheme", ["socks", "socks4", "socks5", "SOCKS5H"])
def test_a_socks_proxy_is_refused_with_advice(scheme: str) -> None:
    """The error names the package and the argument that make SOCKS work."""
    with pytest.raises(InvalidArgumentError, match=r"http=aiohttp\.ClientSession.*aiohttp_socks"):
        read_proxy("proxy", f"{scheme}://me:secret@proxy:1080")


@pytest.mark.parametrize("given", [1, b"http://proxy", URL("http://me:secret@proxy"), ["http://p"]])
def test_a_proxy_of_another_type_is_refused(given: object) -> None:
    """The error names the type."""
    with pytest.raises(InvalidArgumentError, match=f"must be a str, not {type(given).__name__}"):
        read_proxy("proxy", given)  # type: ignore[arg-type]


def test_a_proxy_does_not_show_its_credential() -> None:
    """Its representation has the URL alone."""
    assert "Proxy(url=URL('http://proxy'))" == repr(read_proxy("proxy", "http://me:secret@proxy"))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return a function that sets variables, in an environment without proxies."""
    for scheme in ("HTTP", "HTTPS", "ALL", "NO"):
        monkeypatch.delenv(f"{scheme}_PROXY", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".lower(), raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine proxy login me password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.mark.parametrize(
    ("variables", "server", "url"),
    [
        ({}, SERVER, None),
        ({"HTTPS_PROXY": "http://one"}, SERVER, "http://one"),
        ({"https_proxy": "http://one"}, SERVER, "http://one"),
        ({"HTTPS_PROXY": "https://one"}, SERVER, "https://one"),
        ({"HTTPS_PROXY": "one:3128"}, SERVER, "http://one:3128"),
        ({"HTTPS_PROXY": ""}, SERVER, None),
        ({"HTTP_PROXY": "http://one"}, SERVER, None),
        ({"HTTP_PROXY": "http://one"}, "http://api.example", "http://one"),
        ({"HTTPS_PROXY": "http://one"}, "http://api.example", None),
        ({"ALL_PROXY": "http://all"}, SERVER, "http://all"),
        ({"ALL_PROXY": "http://all", "HTTPS_PROXY": "http://one"}, SERVER, "http://one"),
        ({"HTTPS_PROXY": "http://one", "NO_PROXY": "other.example"}, SERVER, "http://one"),
        ({"HTTPS_PROXY": "http://one", "NO_PROXY": "a.b,api.example"}, SERVER, None),
        ({"HTTPS_PROXY": "http://one", "NO_PROXY": ".example"}, SERVER, None),
        ({"HTTPS_PROXY": "http://one", "NO_PROXY": "api.example:8443"}, SERVER, None),
        ({"HTTPS_PROXY": "http://one", "NO_PROXY": "api.example:443"}, SERVER, "http://one"),
        ({"HTTPS_PROXY": "http://one", "NO_PROXY": "*"}, SERVER, None),
        ({"HTTP_PROXY": "http://one", "NO_PROXY": "::1"}, "http://[::1]:8080", None),
    ],
)
def test_the_environment_names_a_proxy(
    environment: Callable[..., None], variables: dict[str, str], server: str, url: str | None
) -> None:
    """The variable of the server's scheme decides, then ALL_PROXY; NO_PROXY comes first."""
    environment(**variables)

    proxy = environment_proxy(server)

    assert url == (None if proxy is None else str(proxy.url))


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ("http://me:secret@proxy", "me:secret"),
        ("me:secret@proxy:3128", "me:secret"),
        ("http://proxy", "me:from-netrc"),
        ("http://other", None),
    ],
)
def test_the_credential_for_the_environments_proxy(
    environment: Callable[..., None], value: str, user: str | None
) -> None:
    """It comes with the URL, or else from the netrc file."""
    environment(HTTPS_PROXY=value)

    assert user == user_of(environment_proxy(SERVER))


def test_a_variable_that_cannot_be_used_is_named(environment: Callable[..., None]) -> None:
    """The error names the variable and does not show its value."""
    environment(ALL_PROXY="socks5://me:canary-0123456789@proxy")

    with pytest.raises(InvalidArgumentError, match="ALL_PROXY in the environment is a SOCKS") as e:
        environment_proxy(SERVER)

    assert "canary" not in exposed_by(e.value)


def test_an_encoding_never_shows_a_password() -> None:
    """A character that the encoding of a lent session lacks is replaced rather than reported."""
    assert "Basic bWU6Pw==" == basic("me", "\N{SNOWMAN}", "latin1").reveal()
