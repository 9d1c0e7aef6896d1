"""What lets somebody in: callbacks of a login, signed tokens, hosts, and where events may go."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import json
import random
import re
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from cloudflow_async._core.auth.oauth2.authorization import AuthorizationRequest, read_callback
from cloudflow_async._core.auth.oauth2.loopback import LoopbackListener
from cloudflow_async._core.errors import LoginError
from cloudflow_async.emulator.credentials.jws import JwtRefused
from cloudflow_async.emulator.credentials.jwts import JwtVerifier
from cloudflow_async.emulator.deliveries.targets import RefusedTargetError, Targets
from cloudflow_async.emulator.http.origin_check import is_own_host, is_own_origin
from tests.core.webhooks import mutations
from tests.emulator import forged_tokens
from tests.virtual_time import EPOCH

from .campaign import AsyncTry, Campaign, Try
from .decoding import plainly
from .mutating import (
    ODD_BYTES,
    ODD_TEXTS,
    changed_bytes,
    changed_json,
    changed_text,
    pieces,
)
from .oracles import check_message

_STATE: Final = "canary-state-0123456789abcdef"
_CODE: Final = "canary-code-42"
_AUTHORIZE: Final = "https://auth.cloudflow.io/oauth/authorize"
_REQUEST: Final = AuthorizationRequest(
    url=f"{_AUTHORIZE}?state={_STATE}",
    state=_STATE,
    verifier="v" * 43,
    redirect_uri="http://127.0.0.1:8000/callback",
    created_at=EPOCH,
    scopes=["workflows:read"],
)
_CALLBACKS: Final = (
    f"http://127.0.0.1:8000/callback?code={_CODE}&state={_STATE}",
    f"/callback?state={_STATE}&code={_CODE}&iss=https%3A%2F%2Fauth.cloudflow.io",
    f"code={_CODE}&state={_STATE}",
    f"?error=access_denied&error_description=The%20user%0Asaid%20no&state={_STATE}",
    f"/callback?code={_CODE}&state={_STATE}&code=another",
    f"/callback?code={_CODE}&state=of-another-login-0123456789",
)
_ODD_QUERIES: Final = (
    *ODD_TEXTS,
    *("&code=x", "&state=x", f"&state={_STATE}", "&iss=https://evil.io", "&error=", ";", "+"),
    *("%", "%zz", "%c3%28", "%00", "&" * 60, "?", "#", "code", "=", "%26state%3D", "a=b&" * 60),
)


def _return(chance: random.Random) -> str:
    callback = changed_text(chance.choice(_CALLBACKS), chance, odd=_ODD_QUERIES)
    issuer = chance.choice((None, None, "https://auth.cloudflow.io"))
    age = chance.choice((1.0, 1.0, 1.0, 599.0, 601.0, -59.0, -61.0, float("nan")))
    try:
        code = read_callback(
            callback, _REQUEST, now=EPOCH + age, issuer=issuer, authorize_url=_AUTHORIZE
        )
    except LoginError as error:
        # What the server gives as its error is shown, though there be a code in it.
        check_message(error, *(each for each in (_STATE, _CODE) if each not in _refusals(callback)))
        return "refused"
    text = callback.strip()
    # What is neither URL nor path may be a query with a question mark in it.
    readings = [
        parse_qsl(query, keep_blank_values=True) for query in (text, text.partition("?")[2])
    ]
    wanted = [("code", code.reveal()), ("state", _STATE)]
    assert wanted in [_told(reading) for reading in readings], ascii(callback)
    assert -60 <= age <= 600, "it came too late"
    return "code"


def _refusals(callback: str) -> str:
    # What is neither URL nor path may be a query with a question mark in it.
    readings = [parse_qsl(query) for query in (callback, callback.partition("?")[2])]
    return " ".join(value for reading in readings for name, value in reading if name == "error")


def _told(parameters: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pair for pair in parameters if pair[0] in {"code", "state", "error"})


_ASKED: Final = (
    b"GET /callback?code=%s&state=%s HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n"
    % (_CODE.encode(), _STATE.encode())
)


@contextlib.asynccontextmanager
async def _listeners() -> AsyncIterator[AsyncTry]:
    async def attempt(chance: random.Random) -> str:
        async with LoopbackListener() as listener:
            host = urlsplit(listener.redirect_uri).netloc
            data = changed_bytes(_ASKED.replace(b"{host}", host.encode()), chance, odd=_ODD_HEADS)
            waiting = asyncio.create_task(listener.callback(lambda target: target))
            page = await talk(
                urlsplit(listener.redirect_uri).port or 0, data, chance, until=waiting
            )
            if waiting.done():
                assert waiting.result().startswith("/callback")
                told = data.lower().replace(b" ", b"").replace(b"\t", b"")
                assert f"host:{host}\r\n".encode() in told, f"of another host: {data!r:.300}"
                return "callback"
            waiting.cancel()
        status = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", page)
        assert status is None or status[1].startswith(b"4"), page[:80]
        return "refused" if status else "no answer"

    yield attempt


_ODD_HEADS: Final = (
    *ODD_BYTES,
    *(b"POST", b"HEAD", b"HTTP/1.0", b"HTTP/2.0", b"Host: evil.io\r\n", b"\r\n\r\n", b": "),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"),
)


async def talk(
    port: int,
    data: bytes,
    chance: random.Random,
    *,
    until: asyncio.Future[str] | None = None,
    patience: float | None = None,
) -> bytes:
    """Return what a server on this machine answers to bytes, in one piece or several.

    Args:
        port: Where it listens.
        data: What it is told.
        chance: Decides on the pieces, and on whether the end of them is told.
        until: Ends it too.
        patience: Seconds after which it is ended; None: the server has to end it.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(OSError):
            for piece in pieces(data, chance):
                writer.write(piece)
                await asyncio.sleep(0.001)
            if chance.random() < 0.7:
                writer.write_eof()
        reading = asyncio.ensure_future(_read_all(reader))
        ends: set[asyncio.Future[bytes] | asyncio.Future[str]] = {reading}
        if until is not None:
            ends.add(until)
        await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        await asyncio.wait([reading])
        return b"" if reading.cancelled() else reading.result()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            data += piece
    return data


@contextlib.contextmanager
def _verifying() -> Iterator[Try]:
    verifier = JwtVerifier()
    verifier.add_key(
        forged_tokens.public_pem(forged_tokens.rsa_key(forged_tokens.ISSUER)),
        issuer=forged_tokens.ISSUER,
        key_id=forged_tokens.KEY_ID,
        scopes=forged_tokens.SCOPES,
        account="default",
    )
    good = forged_tokens.token(EPOCH)
    forged = [forgery.build(EPOCH) for forgery in forged_tokens.FORGERIES]

    def attempt(chance: random.Random) -> str:
        kind = chance.random()
        if kind < 0.1:
            return _signed_by_its_owner(verifier, chance)
        text = _spoilt(good if kind < 0.6 else chance.choice(forged), chance)
        try:
            verifier.verify(text, EPOCH)
        except JwtRefused as error:
            check_message(error)
            return "refused"
        assert text == good, f"accepted: {text!a}"
        return "accepted"

    yield attempt


def _spoilt(text: str, chance: random.Random) -> str:
    if chance.random() < 0.02:
        return text
    parts = text.split(".")
    if chance.random() < 0.4:
        place = chance.randrange(len(parts))
        with contextlib.suppress(ValueError):
            data = base64.urlsafe_b64decode(parts[place] + "==")
            parts[place] = forged_tokens.encoded(changed_bytes(data, chance))
        return ".".join(parts)
    return changed_text(text, chance)


def _signed_by_its_owner(verifier: JwtVerifier, chance: random.Random) -> str:
    claims = changed_json(forged_tokens.good_claims(EPOCH), chance)
    if not isinstance(claims, dict):
        claims = {}
    text = forged_tokens.signed(forged_tokens.good_header(), json.dumps(claims).encode())
    try:
        identity = verifier.verify(text, EPOCH)
    except JwtRefused as error:
        check_message(error)
        return "its owner's refused"
    assert identity.scopes <= {*forged_tokens.SCOPES, *_INCLUDED}, identity.scopes
    assert claims["iat"] <= EPOCH + 60, claims
    assert 0 < claims["exp"] - claims["iat"] <= 3600, claims
    assert ("https://api.cloudflow.io", forged_tokens.ISSUER) == (claims["aud"], claims["iss"])
    assert isinstance(claims["sub"], str)
    assert claims["sub"], "nobody came in"
    return "its owner's accepted"


_INCLUDED: Final = frozenset({"pipelines:read", "analytics:read"})

_HOSTS: Final = ("localhost:8787", "127.0.0.1:8787", "[::1]:8787", "evil.io:8787", "127.0.0.1")
_ODD_HOSTS: Final = (
    *ODD_TEXTS,
    *(".evil.io", "evil.io:8787", "@", ":8787", ":80", "0x7f.1", "2130706433", "[", "]", "%31"),
    *("[::1]@", "[::ffff:127.0.0.1]", "0.0.0", "127.1", ",", " ", "\u3002", "0177.0.0.1"),
)


def _visit(chance: random.Random) -> str:
    host = changed_text(chance.choice(_HOSTS), chance, odd=_ODD_HOSTS)
    if chance.random() < 0.05:
        host = chance.choice(_HOSTS)
    own = is_own_host(host, 8787)
    assert own == is_own_origin(f"http://{host}", 8787)
    assert not is_own_origin(f"https://{host}", 8787)
    if not own:
        return "foreign"
    name, _, port = host.rpartition(":")
    assert port.isascii(), f"{host!a} is taken for this machine"
    assert int(port) == 8787, f"{host!a} is taken for this machine"
    assert name.lower() == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
    return "own"


_TARGETS: Final = (
    "http://127.0.0.1:9000/hook",
    "http://localhost:9000/hook",
    "http://[::1]:9000/hook",
    "http://169.254.169.254/latest",
    "http://10.0.0.7/hook",
    "https://hooks.example.com/x",
    "http://[::ffff:169.254.169.254]/",
    "http://127.0.0.1:8787/v2/workflows",
)
_FOUND: Final = (
    *("127.0.0.1", "::1", "10.0.0.7", "169.254.169.254", "8.8.8.8", "::ffff:169.254.169.254"),
    *("fe80::1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "0.0.0.1", "192.0.2.1"),
)


@contextlib.asynccontextmanager
async def _delivering() -> AsyncIterator[AsyncTry]:
    async def attempt(chance: random.Random) -> str:
        answers = chance.choices(_FOUND, k=chance.randint(0, 2))

        async def resolve(host: str, port: int) -> list[str]:
            return answers

        targets = Targets(["loopback"], resolve)
        targets.own_port = 8787
        url = changed_text(chance.choice(_TARGETS), chance, odd=_ODD_HOSTS)
        try:
            found = await targets.find(url)
        except RefusedTargetError as error:
            check_message(error)
            return "refused"
        assert found.addresses, "there is nowhere to connect to"
        assert all(address.is_loopback for address in found.addresses), f"{url!a} leads out"
        assert found.url.port != 8787, f"{url!a} leads to the emulator"
        assert found.url.scheme in {"http", "https"}
        return "found"

    yield attempt


@contextlib.contextmanager
def _without_look_ups(attempt: Try) -> Iterator[Try]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a host name was looked up")

    before, socket.getaddrinfo = socket.getaddrinfo, refuse
    try:
        yield attempt
    finally:
        socket.getaddrinfo = before


_BATCH: Final = 100


def _deliver(chance: random.Random) -> str:
    """Try a hundred deliveries at once: that is how their mutations are made."""
    tally = mutations.run(_BATCH, chance.randrange(2**32))
    assert not tally.foreign, f"foreign exceptions: {tally.foreign}"
    assert not tally.false_accepts, f"accepted though not signed: {tally.false_accepts[:3]}"
    return f"{_BATCH} deliveries"


CAMPAIGNS = [
    Campaign(
        name="callbacks",
        words="forged callbacks of a login: a code with its own state, or a refusal",
        quick=2_000,
        deep=200_000,
        outcomes=frozenset({"code", "refused"}),
        prepare=lambda: plainly(_return),
    ),
    Campaign(
        name="listener",
        words="damaged requests to the port that waits for a login",
        quick=150,
        deep=10_000,
        outcomes=frozenset({"callback", "refused"}),
        serve=_listeners,
    ),
    Campaign(
        name="signed-tokens",
        words="forged and damaged JWTs: none is accepted but the one that was signed",
        quick=1_000,
        deep=57_000,
        outcomes=frozenset({"accepted", "refused", "its owner's accepted", "its owner's refused"}),
        prepare=_verifying,
    ),
    Campaign(
        name="hosts",
        words="disguised Host and Origin headers: none is this machine that is not",
        quick=2_000,
        deep=200_000,
        outcomes=frozenset({"own", "foreign"}),
        prepare=lambda: _without_look_ups(_visit),
    ),
    Campaign(
        name="targets",
        words="disguised URLs of webhooks, and resolvers that lie: none leads out",
        quick=1_000,
        deep=100_000,
        outcomes=frozenset({"found", "refused"}),
        serve=_delivering,
    ),
    Campaign(
        name="webhooks",
        words="damaged deliveries, a hundred for each input: signed, or refused",
        quick=10,
        deep=10_000,
        outcomes=frozenset({f"{_BATCH} deliveries"}),
        prepare=lambda: plainly(_deliver),
    ),
]
