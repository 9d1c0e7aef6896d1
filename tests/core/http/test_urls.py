"""Base URLs, paths and queries: what is accepted, and what goes on the wire."""

from __future__ import annotations

import socket
from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.errors import CrossOriginError, InvalidArgumentError
from cloudflow_async._core.http.urls import (
    Origin,
    check_base_url,
    check_header,
    check_oauth_url,
    check_path,
    origin,
    same_origin_path,
    target,
)

BASE = "https://api.cloudflow.io/v2"


@pytest.fixture(autouse=True)
def _no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No URL is judged by asking a name server."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a host name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.cloudflow.io/v2", "https://api.cloudflow.io/v2"),
        ("https://api.cloudflow.io/v2/", "https://api.cloudflow.io/v2"),
        ("https://api.cloudflow.io:8443", "https://api.cloudflow.io:8443"),
        ("http://localhost:8787/v2", "http://localhost:8787/v2"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://127.255.0.9", "http://127.255.0.9"),
        ("http://[::1]:8787/", "http://[::1]:8787"),
    ],
)
def test_a_base_url_is_https_or_this_machine(url: str, kept: str) -> None:
    """TLS anywhere, plain http on loopback; a slash at the end does not matter."""
    assert kept == check_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.cloudflow.io",
        "http://127.0.0.1.evil",
        "http://localhost.evil",
        "http://localhost.",
        "http://127.0.0.1@evil",
        "http://2130706433",
        "http://0177.0.0.1",
        "http://0x7f.1",
        "http://127.1",
        "http://[::ffff:8.8.8.8]",
        "http://[::ffff:127.0.0.1]",
        "http://[127.0.0.1]",
        "http://[::2]",
        "http://0.0.0.0",
        "http://①②⑦.0.0.1",
        "ftp://localhost",
        "//x",
        "x",
        "",
        "https://",
        "https://user@api.cloudflow.io",
        "https://user:pass@api.cloudflow.io",
        "https://api.cloudflow.io?x=1",
        "https://api.cloudflow.io/v2?",
        "https://api.cloudflow.io#x",
        "https://api.cloudflow.io:0",
        "https://api.cloudflow.io:65536",
        "https://api.cloudflow.io:https",
        "https://api.cloudflow.io:",
        "https://api.cloudflow.io/v2/../admin",
        "https://api.cloudflow.io\\@evil",
        "https://api .cloudflow.io",
        "https://[::1",
        "\thttps://api.cloudflow.io",
        None,
    ],
)
def test_any_other_base_url_is_refused(url: str) -> None:
    """Disguises of loopback, user info, queries, other schemes: none may get the credential."""
    with pytest.raises(InvalidArgumentError, match=r"^The base URL must"):
        check_base_url(url)


def test_plain_http_elsewhere_has_to_be_asked_for() -> None:
    """An explicit flag accepts it, but nothing else that is wrong."""
    assert "http://10.0.0.7/v2" == check_base_url("http://10.0.0.7/v2", allow_insecure_http=True)
    with pytest.raises(InvalidArgumentError):
        check_base_url("http://user@10.0.0.7", allow_insecure_http=True)


def test_a_refused_base_url_is_not_shown() -> None:
    """It may hold a password."""
    with pytest.raises(InvalidArgumentError) as caught:
        check_base_url("https://user:canary@api.cloudflow.io")

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.cloudflow.io/oauth/authorize",
        "https://auth.cloudflow.io/oauth/authorize/",
        "https://auth.cloudflow.io/oauth/authorize?prompt=consent&audience=a%20b",
        "https://auth.cloudflow.io",
        "http://127.0.0.1:8787/callback",
        "http://[::1]:8787/callback?a=b",
        "http://localhost/callback",
    ],
)
def test_an_oauth_url_is_kept_as_it_stands(url: str) -> None:
    """Servers compare redirect URIs character by character, and endpoints may have a query."""
    assert url == check_oauth_url("token_url", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.cloudflow.io/oauth/token",
        "http://localhost.evil/oauth/token",
        "http://127.0.0.1@evil/oauth/token",
        "http://0.0.0.0/callback",
        "https://auth.cloudflow.io/oauth/token#x",
        "https://auth.cloudflow.io/oauth/token?a=b#",
        "https://auth.cloudflow.io/oauth/../token",
        "https://canary@auth.cloudflow.io/oauth/token",
        "https://auth.cloudflow.io/a b",
        "https://auth.cloudflow.io/a\r\nb",
        "com.example.app:/callback",
        "urn:ietf:wg:oauth:2.0:oob",
        "javascript:alert(1)",
        "/callback",
        "",
        None,
    ],
)
def test_any_other_oauth_url_is_refused(url: str) -> None:
    """By the name of the argument: a code or a secret would go there."""
    with pytest.raises(InvalidArgumentError, match=r"^token_url must") as caught:
        check_oauth_url("token_url", url)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://API.cloudflow.io/x", Origin("https", "api.cloudflow.io", 443)),
        ("HTTP://localhost", Origin("http", "localhost", 80)),
        ("http://[::1]:8787/", Origin("http", "[::1]", 8787)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: Origin) -> None:
    """Case does not matter, and the port is there even when the URL leaves it out."""
    assert expected == origin(url)


def test_an_origin_reads_as_one() -> None:
    """Errors show it so."""
    assert "https://api.cloudflow.io:443" == str(origin(BASE))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://api.cloudflow.io/v2/hooks/1?a=b%20c", "/hooks/1?a=b%20c"),
        ("https://API.CLOUDFLOW.IO:443/v2/hooks/a%2Fb#x", "/hooks/a%2Fb"),
    ],
)
def test_a_url_of_the_same_origin_gives_its_path(url: str, path: str) -> None:
    """Relative to the base URL, as it stands, without the fragment."""
    assert path == same_origin_path(url, BASE)


def test_a_base_url_without_a_path_holds_all_of_its_origin() -> None:
    """There is no prefix to stay below."""
    assert "/hooks/1" == same_origin_path("http://localhost:1/hooks/1", "http://localhost:1")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.io/v2/x",
        "https://api.cloudflow.io:8443/v2/x",
        "http://api.cloudflow.io/v2/x",
        "//evil.io/v2/x",
        "https://api.cloudflow.io@evil.io/v2/x",
        "https://api.cloudflow.io.evil.io/v2/x",
        "https://api.cloudflow.io./v2/x",
        "https://äpi.cloudflow.io/v2/x",
        "https://evil.io\\@api.cloudflow.io/v2/x",
        "https://api.cloudflow.io\t.evil.io/v2/x",
        "https:///v2/x",
        "https://[::1/v2/x",
        "file:///v2/x",
        "/v2/x",
        "",
    ],
)
def test_a_url_elsewhere_is_refused(url: str) -> None:
    """Credentials go to the client's own origin, whatever the disguise."""
    with pytest.raises(CrossOriginError):
        same_origin_path(url, BASE)


@pytest.mark.parametrize(
    "path", ["/v1/x", "/v2", "/v20/x", "/v2/../admin", "/v2/%2E%2e/admin", "/v2/..%2fadmin"]
)
def test_a_url_that_leaves_the_base_path_is_refused(path: str) -> None:
    """Neither openly nor after a server has decoded it."""
    with pytest.raises(CrossOriginError, match="below"):
        same_origin_path(f"https://api.cloudflow.io{path}", BASE)


@pytest.mark.parametrize(
    "id",
    [
        "wf_8x7k2m9p",
        "a/b",
        "../admin",
        "..a",
        "...",
        "a?x=1",
        "a#f",
        "%2e%2e",
        "%2F",
        "a;b",
        "a\\b",
        "a b",
        "a+b",
        "a&b=c",
        "a:b@c",
        "é",
        "日本",
        "🎉",
        "~-._",
        " ",
        "{x}",
        "x" * 256,
    ],
)
def test_an_id_is_one_segment_of_the_path(id: str) -> None:
    """Nothing in it leads elsewhere: it is encoded with no character left out."""
    path = target("/workflows/{workflow_id}", {"workflow_id": id}, [])

    assert "/workflows/" + quote(id, safe="") == path
    assert 2 == path.count("/")


@pytest.mark.parametrize(
    "id",
    ["", ".", "..", "x" * 257, "\0", "a\r\nb", "a\tb", "\x7f", "\ud800", None, 7, b"wf_1"],
)
def test_an_id_that_cannot_be_a_segment_is_refused(id: str) -> None:
    """Before anything is sent, by the parameter's name, without showing what it held."""
    with pytest.raises(InvalidArgumentError, match="workflow_id") as caught:
        target("/workflows/{workflow_id}", {"workflow_id": id}, [])

    assert caught.value.__context__ is None


@given(st.text(min_size=1, max_size=256))
def test_any_id_comes_back_from_its_segment_or_is_refused(id: str) -> None:
    """What a server decodes is what was asked for."""
    try:
        path = target("/workflows/{workflow_id}", {"workflow_id": id}, [])
    except InvalidArgumentError:
        return

    assert id == unquote(path.rpartition("/")[2])


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_any_query_comes_back_or_is_refused(query: list[tuple[str, str]]) -> None:
    """A server reads the names and values that were given, in their order."""
    try:
        text = target("/workflows", {}, query).partition("?")[2]
    except InvalidArgumentError:
        return

    assert query == parse_qsl(text, keep_blank_values=True)


def test_a_query_that_cannot_be_encoded_is_refused() -> None:
    """Half of a surrogate pair is nothing that UTF-8 has; the value is not shown."""
    with pytest.raises(InvalidArgumentError, match="'status'") as caught:
        target("/workflows", {}, [("status", "canary\ud800")])

    assert caught.value.__context__ is None


def test_a_name_that_cannot_be_encoded_is_cut() -> None:
    """It is the caller's, and as long as the caller likes."""
    with pytest.raises(InvalidArgumentError, match=r"^'x{40}' has") as caught:
        target("/workflows", {}, [("x" * 4000 + "\ud800", "active")])

    assert len(str(caught.value)) < 200


def test_a_path_without_parameters_stands_as_it_is() -> None:
    """Braces in a path that the caller gives are not a template."""
    assert "/a/{b}" == target("/a/{b}", {}, [])


@pytest.mark.parametrize("path", ["/", "/workflows", "/workflows/wf_1/", "/a//b", "/a%20b", "/..."])
def test_a_path_below_the_base_url_is_accepted(path: str) -> None:
    """As it stands: it is the caller's to encode."""
    assert path == check_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "workflows",
        "https://evil.io/",
        "//evil.io/",
        "/a?b=1",
        "/a#b",
        "/a b",
        "/a\\b",
        "/a\nb",
        "/é",
        "/.",
        "/..",
        "/a/../b",
        "/a/%2e%2E/b",
        "/a/.%2e",
        "/..%2Fadmin",
        "/..%5Cadmin",
        None,
    ],
)
def test_a_path_that_could_leave_the_base_url_is_refused(path: str) -> None:
    """No other host, no way upwards, no query in disguise."""
    with pytest.raises(InvalidArgumentError, match=r"^A path"):
        check_path(path)


@pytest.mark.parametrize("value", ["", "cf_live_x", "Bearer a.b-c_d~e+f/g==", "!\"#$%&'()*"])
def test_a_header_takes_printable_ascii(value: str) -> None:
    """It is returned as it is."""
    assert value == check_header("The user agent", value)


@pytest.mark.parametrize("bad", [*"\r\n\0\t\v\f\x1b\x7f", "é", "\ud800"])
def test_a_header_takes_no_control_characters(bad: str) -> None:
    """None anywhere, and the error names the header without its value."""
    for value in (f"{bad}canary", f"can{bad}ary", f"canary{bad}"):
        with pytest.raises(InvalidArgumentError, match=r"^The user agent") as caught:
            check_header("The user agent", value)

        assert value not in str(caught.value)


def test_a_header_is_a_str() -> None:
    """Bytes are not guessed at."""
    with pytest.raises(InvalidArgumentError, match="must be a str, not bytes"):
        check_header("The user agent", b"x")  # type: ignore[arg-type]
