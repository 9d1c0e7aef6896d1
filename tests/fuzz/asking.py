"""What is checked before anything is sent: URLs, ids, queries, paths and headers."""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote

from yarl import URL

from cloudflow_async._core.errors import CrossOriginError, InvalidArgumentError
from cloudflow_async._core.http.urls import (
    check_base_url,
    check_header,
    check_oauth_url,
    check_path,
    same_origin_path,
    target,
)

from .campaign import Campaign, Try
from .decoding import plainly
from .mutating import ODD_TEXTS, changed_text
from .oracles import check_message

_BASE: Final = "https://api.cloudflow.io/v2"
_LOOPBACK: Final = ipaddress.ip_network("127.0.0.0/8")
_URLS: Final = (
    _BASE,
    f"{_BASE}/webhooks/wf_1/trigger?x=1",
    "https://API.cloudflow.io:443/v2/workflows",
    "https://auth.cloudflow.io/oauth/token?prompt=consent",
    "http://localhost:8787/v2",
    "http://127.0.0.1:8787/v2/",
    "http://[::1]:8787",
    "https://api@evil.io/v2/x",
    "https://api.cloudflow.io.evil.io/v2/x",
    "https://api.cloudflow.io@evil.io/v2/x",
    "https://evil.io\\@api.cloudflow.io/v2/x",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://[::ffff:127.0.0.1]/",
)
_ODD_URLS: Final = (
    *ODD_TEXTS,
    *("/..", "/%2e%2e/", "%2f", "@evil.io", ".evil.io", ":443", ":0", ":99999", "//evil.io"),
    *("http:", "https://", "file:///", "127.0.0.1", "localhost", "[::1]", "%40", "\u3002", "user:"),
)


@contextmanager
def _without_look_ups(attempt: Try) -> Iterator[Try]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a host name was looked up")

    with patch.object(socket, "getaddrinfo", refuse):
        yield attempt


def _ask_url(chance: random.Random) -> str:
    url = changed_text(chance.choice(_URLS), chance, odd=_ODD_URLS)
    accepted = [_base_url(url), _oauth_url(url), _own_url(url)]
    return "accepted" if any(accepted) else "refused"


def _base_url(url: str) -> bool:
    try:
        kept = check_base_url(url)
    except InvalidArgumentError as error:
        check_message(error)
        return False
    # What goes on the wire is made of it in this way.
    parsed = URL(f"{kept}/workflows/wf_1", encoded=True)
    _check_place(parsed)
    assert not parsed.raw_query_string, f"{url!a} has a query"
    assert parsed.raw_path.endswith("/workflows/wf_1")
    return True


def _oauth_url(url: str) -> bool:
    try:
        kept = check_oauth_url("token_url", url)
    except InvalidArgumentError as error:
        check_message(error)
        return False
    _check_place(URL(kept, encoded=True))
    return True


def _check_place(parsed: URL) -> None:
    assert parsed.raw_user is None, f"{parsed} has a user"
    assert parsed.raw_password is None, f"{parsed} has a password"
    assert not parsed.raw_fragment, f"{parsed} has a fragment"
    assert parsed.scheme in {"http", "https"}
    assert ".." not in unquote(parsed.raw_path).replace("\\", "/").split("/")
    if parsed.scheme == "http":
        host = parsed.raw_host or ""
        assert host.lower() in {"localhost", "::1"} or ipaddress.ip_address(host) in _LOOPBACK


def _own_url(url: str) -> bool:
    try:
        path = same_origin_path(url, _BASE)
    except CrossOriginError as error:
        check_message(error)
        return False
    for parsed in (URL(url, encoded=True), URL(_BASE + path, encoded=True), URL(_BASE + path)):
        host = (parsed.raw_host or "").lower()
        assert ("https", "api.cloudflow.io", 443) == (parsed.scheme, host, parsed.port), path
        assert parsed.raw_user is None
        assert unquote(parsed.path).startswith("/v2/"), path
    return True


_IDS: Final = (
    "wf_8x7k2m9p",
    "a/b",
    "../admin",
    "a?x=1#f",
    "%2e%2e",
    "a;b\\c",
    "日本 é🎉",
    "..",
    "",
)


def _ask_path(chance: random.Random) -> str:
    id_ = changed_text(chance.choice(_IDS), chance)
    pairs = [(changed_text("status", chance), changed_text(id_, chance)) for _ in range(2)]
    try:
        made = target("/workflows/{workflow_id}", {"workflow_id": id_}, pairs)
    except InvalidArgumentError as error:
        check_message(error)
        return "refused"
    path, _, query = made.partition("?")
    assert id_ == unquote(path.rpartition("/")[2], errors="strict"), f"{id_!a} became {path}"
    assert path.count("/") == 2, f"{id_!a} became {path}"
    assert id_ not in {"", ".", ".."}
    given = [(name, value) for name, value in pairs]
    assert given == parse_qsl(query, keep_blank_values=True), f"{given!a} became {query}"
    assert made == URL(f"{_BASE}{made}", encoded=True).raw_path_qs.removeprefix("/v2")
    return "sent"


def _ask_own_path(chance: random.Random) -> str:
    path = changed_text(chance.choice(("/workflows", "/a/b%20c", "/v2/../x", "/a//b")), chance)
    try:
        kept = check_path(path)
    except InvalidArgumentError as error:
        check_message(error)
        return "refused"
    parsed = URL(f"{_BASE}{kept}")
    assert parsed.raw_path.startswith("/v2/"), f"{path!a} leads to {parsed}"
    assert parsed.raw_host == "api.cloudflow.io"
    return "sent"


def _ask_header(chance: random.Random) -> str:
    value: Any = changed_text("cf_live_abc123 Mozilla/5.0", chance)
    try:
        kept = check_header("user_agent", value)
    except InvalidArgumentError as error:
        check_message(error)
        return "refused"
    assert value == kept
    assert all(" " <= char <= "~" for char in kept), f"{kept!a} can be sent"
    return "sent"


CAMPAIGNS = [
    Campaign(
        name="urls",
        words="disguised URLs: none but our own origin, none but https or this machine",
        quick=3_000,
        deep=300_000,
        outcomes=frozenset({"accepted", "refused"}),
        prepare=lambda: _without_look_ups(_ask_url),
    ),
    Campaign(
        name="paths",
        words="odd ids and queries: what a server reads is what was given",
        quick=2_000,
        deep=200_000,
        outcomes=frozenset({"sent", "refused"}),
        prepare=lambda: plainly(_ask_path),
    ),
    Campaign(
        name="own-paths",
        words="odd paths of the caller's: none leaves the base URL",
        quick=1_000,
        deep=100_000,
        outcomes=frozenset({"sent", "refused"}),
        prepare=lambda: plainly(_ask_own_path),
    ),
    Campaign(
        name="headers",
        words="odd header values: printable ASCII alone is sent",
        quick=1_000,
        deep=100_000,
        outcomes=frozenset({"sent", "refused"}),
        prepare=lambda: plainly(_ask_header),
    ),
]
