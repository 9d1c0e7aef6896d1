"""Token requests over real sockets: what is sent, how often, and what is said of failures."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import attrs
import pytest

from cloudflow_async._core.auth.oauth2 import token_endpoint
from cloudflow_async._core.auth.oauth2.authorization import new_request
from cloudflow_async._core.auth.oauth2.token_endpoint import LARGEST_ANSWER, TokenEndpoint
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import (
    CredentialError,
    InvalidArgumentError,
    LoginError,
    ReauthenticationRequiredError,
    TokenRequestError,
)
from cloudflow_async._core.support.secret import Secret
from tests import certificates
from tests.core.auth.exposure import exposed_by, spellings
from tests.raw_server import (
    Peer,
    RawServer,
    Script,
    Sent,
    answer,
    answering,
    dropping,
    resetting,
    saying,
    stalling,
)
from tests.virtual_time import EPOCH

CLIENT = "my:app"
CLIENT_SECRET = "s3cret canary/+0123456789"
CODE = "code-canary-0123456789"
REFRESH = "refresh canary/0123456789"
REDIRECT = "http://127.0.0.1:8787/callback?a=b"
SCOPES = frozenset({"workflows:read"})
REQUEST = new_request(
    authorize_url="https://auth.cloudflow.io/oauth/authorize",
    client_id=CLIENT,
    redirect_uri=REDIRECT,
    scopes=SCOPES,
    now=EPOCH,
)
TOKEN = Token(access_token="old-access", refresh_token=REFRESH, scopes=["a"])
SECRETS = [CLIENT_SECRET, CODE, REFRESH, REQUEST.verifier.reveal()]


def granting(**more: object) -> bytes:
    """Return an answer with a token."""
    token = {"access_token": "new-access-canary", "token_type": "bearer", "expires_in": 3600}
    return answer(json.dumps(token | more).encode(), headers={"Cache-Control": "no-store"})


def refusing(status: int, body: object = b"", **headers: str) -> bytes:
    """Return an answer with an error."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer(data, status=status, headers=headers)


def endpoint(url: str, **given: Any) -> TokenEndpoint:
    """Return an endpoint for a public client."""
    arguments: dict[str, Any] = {
        "client_id": CLIENT,
        "client_secret": None,
        "method": "client_secret_post",
        "timeout": 30.0,
        "ssl_context": None,
        "trust_env": False,
        "clock": lambda: EPOCH,
    }
    return TokenEndpoint(f"{url}/oauth/token", **(arguments | given))


def confidential(url: str, method: str = "client_secret_post", **given: Any) -> TokenEndpoint:
    """Return an endpoint for a client with a secret."""
    return endpoint(url, client_secret=Secret(CLIENT_SECRET), method=method, **given)


async def redeem(asked: TokenEndpoint) -> Token:
    """Redeem the code."""
    return await asked.exchange(Secret(CODE), REQUEST)


async def refresh(asked: TokenEndpoint) -> Token:
    """Refresh the token."""
    return await asked.refresh(TOKEN)


Ask = Callable[[TokenEndpoint], Any]


async def failure_of(ask: Ask, *scripts: Script, **given: Any) -> tuple[CredentialError, int]:
    """Return the error with which a token request fails, and how many arrived."""
    async with RawServer(*scripts) as server:
        with pytest.raises(CredentialError) as caught:
            await ask(confidential(server.url, **given))
    return caught.value, len(server.requests)


async def outcome_of(*scripts: Script, **given: Any) -> tuple[Token, RawServer]:
    """Return the token that a refresh ends with, and the server."""
    async with RawServer(*scripts) as server:
        token = await refresh(endpoint(server.url, **given))
    return token, server


def form_of(sent: Sent) -> dict[str, str]:
    """Return the form in a body."""
    pairs = parse_qsl(sent.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def headers_of(sent: Sent) -> Mapping[str, str]:
    """Return the headers of a request, in lower case."""
    lines = sent.head.decode().split("\r\n")[1:-2]
    return {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}


async def test_a_public_client_redeems_a_code() -> None:
    """RFC 6749, 4.1.3, and 7636, 4.5: the redirect URI to the letter, and the verifier."""
    async with RawServer(answering(granting(refresh_token="r"))) as server:
        token = await redeem(endpoint(server.url))

    assert "new-access-canary" == token.access_token.reveal()
    assert SCOPES == token.scopes
    assert EPOCH + 3600 == token.expires_at
    assert {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": REDIRECT,
        "code_verifier": REQUEST.verifier.reveal(),
        "client_id": CLIENT,
    } == form_of(server.requests[0])


async def test_a_public_client_refreshes() -> None:
    """RFC 6749, 6: without a scope it asks for what the token had."""
    token, server = await outcome_of(answering(granting(refresh_token="next")))

    assert Secret("next") == token.refresh_token
    assert frozenset({"a"}) == token.scopes
    assert {
        "grant_type": "refresh_token",
        "refresh_token": REFRESH,
        "client_id": CLIENT,
    } == form_of(server.requests[0])


@pytest.mark.parametrize("ask", [redeem, refresh])
async def test_a_request_is_a_form_post_for_json(ask: Ask) -> None:
    """One request on one connection, which is closed after it; no credential in its URL."""
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(granting())
        await peer.client_goes()
        closed.set()

    async with RawServer(script) as server:
        await ask(endpoint(server.url))
        async with asyncio.timeout(5):
            await closed.wait()
    sent = server.requests[0]

    assert 1 == server.connections == len(server.requests)
    assert ("POST", "/oauth/token") == (sent.method, sent.target)
    assert "application/x-www-form-urlencoded" == headers_of(sent)["content-type"]
    assert "application/json" == headers_of(sent)["accept"]
    assert headers_of(sent)["user-agent"].startswith("cloudflow-async/")
    assert "authorization" not in headers_of(sent)


@pytest.mark.parametrize("ask", [redeem, refresh])
async def test_a_secret_goes_into_the_body(ask: Ask) -> None:
    """``client_secret_post``: id and secret beside the rest."""
    async with RawServer(answering(granting())) as server:
        await ask(confidential(server.url))
    form = form_of(server.requests[0])

    assert (CLIENT, CLIENT_SECRET) == (form["client_id"], form["client_secret"])
    assert "authorization" not in headers_of(server.requests[0])


@pytest.mark.parametrize("ask", [redeem, refresh])
async def test_a_secret_goes_into_the_header(ask: Ask) -> None:
    """``client_secret_basic``: encoded, so that a colon in the id does no harm, and only there."""
    async with RawServer(answering(granting())) as server:
        await ask(confidential(server.url, "client_secret_basic"))
    form = form_of(server.requests[0])
    kind, _, text = headers_of(server.requests[0])["authorization"].partition(" ")

    assert "Basic" == kind
    assert "my%3Aapp:s3cret%20canary%2F%2B0123456789" == base64.b64decode(text).decode()
    assert not {"client_id", "client_secret"} & form.keys()


async def test_a_public_client_has_no_header() -> None:
    """Whatever the method that was set: there is nothing to show."""
    _, server = await outcome_of(answering(granting()), method="client_secret_basic")

    assert CLIENT == form_of(server.requests[0])["client_id"]
    assert "authorization" not in headers_of(server.requests[0])


@pytest.mark.parametrize(
    ("path", "target"), [("", "/"), ("/", "/"), ("/t/%2F?tenant=a%20b", "/t/%2F?tenant=a%20b")]
)
async def test_the_url_is_used_as_it_stands(path: str, target: str) -> None:
    """A query of its own is kept (RFC 6749, 3.2); errors show the path alone."""
    async with RawServer(answering(granting()), dropping) as server:
        arguments: dict[str, Any] = {"client_secret": None, "method": "client_secret_post"}
        asked = TokenEndpoint(
            f"{server.url}{path}",
            client_id=CLIENT,
            timeout=5.0,
            ssl_context=None,
            trust_env=False,
            clock=lambda: EPOCH,
            **arguments,
        )
        await refresh(asked)
        with pytest.raises(TokenRequestError) as caught:
            await redeem(asked)

    assert target == server.requests[0].target
    assert f"POST {target.partition('?')[0]}:" in str(caught.value)
    assert "tenant" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": "http://auth.cloudflow.io"}, "token_url must be https"),
        ({"url": "https://auth.cloudflow.io#"}, "token_url must have neither a fragment"),
        ({"client_id": "canary\r\n"}, "client_id must be"),
        ({"client_secret": Secret("canary\r\n")}, "client_secret must be"),
        ({"client_secret": Secret("canaryé")}, "client_secret must be"),
        ({"client_secret": Secret("")}, "client_secret must be"),
        ({"client_secret": Secret("x" * 4097)}, "client_secret must be"),
        ({"client_secret": Secret("canary"), "method": "private_key_jwt"}, "client_secret_post, "),
        ({"method": "canary"}, "client_secret_post, client_secret_basic"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], message: str) -> None:
    """When it is made, and without showing it."""
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        endpoint(**({"url": "https://auth.cloudflow.io"} | given))

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("length", [1, 4096])
def test_a_client_secret_may_be_short_or_long(length: int) -> None:
    """RFC 6749, A.2, bounds it nowhere; we do, well beyond what any server gives."""
    made = endpoint("https://auth.cloudflow.io", client_secret=Secret("x" * length))

    assert isinstance(made, TokenEndpoint)


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("policy", "scripts", "waited"),
    [("_NOT_SENT", (), 0.5 + 1.0), ("_SENT", (resetting, answering(granting())), 0.5)],
)
async def test_a_person_who_waits_is_answered_soon(
    policy: str, scripts: tuple[Script, ...], waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pauses together take a second and a half, at most."""
    patient = attrs.evolve(getattr(token_endpoint, policy), chance=lambda: 1.0)
    monkeypatch.setattr(token_endpoint, policy, patient)
    began_at = asyncio.get_running_loop().time()
    if scripts:
        await outcome_of(*scripts)
    else:
        with pytest.raises(TokenRequestError):
            await refresh(endpoint("http://127.0.0.1:1"))

    assert waited == pytest.approx(asyncio.get_running_loop().time() - began_at, abs=0.2)


def test_its_attributes_do_not_show_the_secret() -> None:
    """Tools that print `vars()` of everything find a `Secret`."""
    assert CLIENT_SECRET not in str(vars(confidential("https://auth.cloudflow.io")))


async def test_a_token_without_a_refresh_token_is_not_sent() -> None:
    """There is nothing to ask with."""
    with pytest.raises(ReauthenticationRequiredError, match="Log in again"):
        await endpoint("https://127.0.0.1:1").refresh(Token(access_token="a"))


@pytest.mark.virtual_time
async def test_a_token_lives_from_when_it_was_asked_for(virtual_clock: Callable[[], float]) -> None:
    """A slow answer does not make it live longer than the server thinks."""

    async def slow(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(20)
        await peer.send(granting())

    await asyncio.sleep(100)
    token, _ = await outcome_of(slow, clock=virtual_clock)

    assert pytest.approx(EPOCH + 100 + 3600, abs=0.1) == token.expires_at


CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access_token": "new-access-canary'
LOST = {
    "dropped": dropping,
    "reset": resetting,
    "stalled": stalling,
    "garbage": saying(b"garbage\r\n\r\n"),
    "half an answer": saying(CUT),
    "not gzip": answering(answer(b"{}", headers={"Content-Encoding": "gzip"})),
    "500": answering(refusing(500)),
    "502 html": answering(refusing(502, b"<html>Bad Gateway</html>")),
    "503": answering(refusing(503, {"error": "temporarily_unavailable"})),
    "504": answering(refusing(504)),
}
"""Failures that pass, after which the refresh token may be spent."""

TOO_LONG = {
    "429": refusing(429, **{"Retry-After": "31"}),
    "429 in a billion": refusing(429, **{"Retry-After": "1000000000"}),
    "503 in a billion": refusing(503, **{"Retry-After": "1000000000"}),
}

WRONG = {
    "501": refusing(501),
    "404": refusing(404, b"<html>"),
    "999": refusing(999),
    "400": refusing(400, {"error": "invalid_request"}),
    "401": refusing(401, {"error": "invalid_client"}),
    "403": refusing(403, {"error": {"code": "insufficient_permissions"}}),
    "429 for good": refusing(429, {"error": {"code": "quota_exceeded"}}),
    "redirect": refusing(307, Location="/elsewhere"),
    "html": answer(b"<html>", headers={"Content-Type": "text/html"}),
    "empty": answer(b""),
    "{}": answer(),
    "cut JSON": answer(b'{"access_token": "new-acc'),
    "NaN": granting()[:-1].replace(b"3600", b" NaN") + b"}",
    "no type": answer(b'{"access_token": "new-access-canary"}'),
    "large": answer(b" " * (LARGEST_ANSWER + 1)),
}
"""Answers that stay the same however often they are asked for."""


@pytest.mark.virtual_time
@pytest.mark.parametrize("script", LOST.values(), ids=LOST.keys())
async def test_a_lost_answer_is_asked_for_once_more(script: Script) -> None:
    """With the same refresh token, within a second or so of its failure."""
    started_at = asyncio.get_running_loop().time()
    token, server = await outcome_of(script, answering(granting()))

    assert "new-access-canary" == token.access_token.reveal()
    assert 2 == len(server.requests)
    assert server.requests[0].body == server.requests[1].body
    assert asyncio.get_running_loop().time() - started_at < 32


@pytest.mark.virtual_time
@pytest.mark.parametrize("script", LOST.values(), ids=LOST.keys())
async def test_a_token_endpoint_that_stays_broken_is_asked_twice(script: Script) -> None:
    """Then the error says that it may pass."""
    error, arrived = await failure_of(refresh, script)

    assert isinstance(error, TokenRequestError)
    assert error.retryable
    assert 2 == arrived
    assert "anew" not in str(error)


@pytest.mark.virtual_time
async def test_a_refresh_token_spent_on_a_lost_answer_ends_the_login() -> None:
    """A strict server takes the second request for a theft: a person has to log in."""
    spent = answering(refusing(400, {"error": "invalid_grant"}))
    error, arrived = await failure_of(refresh, resetting, spent)

    assert isinstance(error, ReauthenticationRequiredError)
    assert 2 == arrived


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "scripts",
    [
        (script, answering(granting()))
        for script in [*LOST.values(), *map(answering, TOO_LONG.values())]
    ],
    ids=[*LOST, *TOO_LONG],
)
async def test_a_code_is_sent_once(scripts: tuple[Script, ...]) -> None:
    """Whatever becomes of the answer: servers revoke everything when a code comes twice."""
    error, arrived = await failure_of(redeem, *scripts)

    assert isinstance(error, TokenRequestError)
    assert str(error).endswith("Start the login anew.")
    assert 1 == arrived


@pytest.mark.parametrize("ask", [redeem, refresh])
@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG.keys())
async def test_an_answer_that_is_wrong_is_asked_for_once(ask: Ask, said: bytes) -> None:
    """It would come again; a redirect's target hears nothing."""
    error, arrived = await failure_of(ask, answering(said))

    assert isinstance(error, TokenRequestError)
    assert 1 == arrived


@pytest.mark.parametrize(
    ("ask", "kind"), [(redeem, LoginError), (refresh, ReauthenticationRequiredError)]
)
async def test_a_grant_that_is_not_accepted_is_sent_once(
    ask: Ask, kind: type[CredentialError]
) -> None:
    """It will not become valid."""
    error, arrived = await failure_of(ask, answering(refusing(400, {"error": "invalid_grant"})))

    assert kind is type(error)
    assert 1 == arrived


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("said", "at_least"),
    [
        (refusing(429, **{"Retry-After": "30"}), 30),
        (refusing(429, {"error": {"code": "rate_limit_exceeded", "retry_after": 7}}), 7),
        (refusing(429, b"<html>", **{"Retry-After": "2.5"}), 2.5),
        (refusing(503, **{"Retry-After": "12"}), 12),
        (refusing(429), 0),
    ],
)
async def test_a_wait_that_is_asked_for_is_kept(said: bytes, at_least: float) -> None:
    """Once, up to 30 seconds, and hardly longer than asked."""
    started_at = asyncio.get_running_loop().time()
    _, server = await outcome_of(answering(said), answering(granting()))
    waited = asyncio.get_running_loop().time() - started_at

    assert 2 == len(server.requests)
    assert at_least <= waited < at_least + 1.1


@pytest.mark.virtual_time
async def test_patience_ends_after_one_wait() -> None:
    """A token endpoint that goes on asking for patience is an error that may pass."""
    error, arrived = await failure_of(
        refresh, answering(refusing(429, b"", **{"Retry-After": "20"}))
    )

    assert isinstance(error, TokenRequestError)
    assert (429, True) == (error.status, error.retryable)
    assert 2 == arrived
    assert 20 <= asyncio.get_running_loop().time() < 22


@pytest.mark.virtual_time
@pytest.mark.parametrize("said", TOO_LONG.values(), ids=TOO_LONG.keys())
async def test_a_wait_that_is_too_long_is_not_begun(said: bytes) -> None:
    """The error comes at once, and says that it may pass."""
    error, arrived = await failure_of(refresh, answering(said))

    assert isinstance(error, TokenRequestError)
    assert error.retryable
    assert 1 == arrived
    assert asyncio.get_running_loop().time() < 1


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a self-signed certificate with its key."""
    return certificates.self_signed(tmp_path_factory.mktemp("tls"))


async def hanging_up(peer: Peer) -> None:
    """Reset a connection before anything was sent on it."""
    peer.reset()


@pytest.mark.virtual_time
async def test_what_did_not_leave_is_tried_three_times(pem: Path) -> None:
    """Nothing can be spent by it: here a TLS handshake is reset."""
    async with RawServer(hanging_up) as server:
        with pytest.raises(TokenRequestError, match="cannot connect") as caught:
            await refresh(endpoint(server.url.replace("http:", "https:")))

    assert 3 == server.connections
    assert (None, True) == (caught.value.status, caught.value.retryable)
    assert asyncio.get_running_loop().time() < 2


async def test_a_code_that_did_not_leave_is_tried_once() -> None:
    """It is one attempt, whatever the reason."""
    async with RawServer(hanging_up) as server:
        with pytest.raises(TokenRequestError, match="cannot connect"):
            await redeem(endpoint(server.url.replace("http:", "https:")))

    assert 1 == server.connections


@pytest.mark.virtual_time
@pytest.mark.parametrize("ask", [redeem, refresh])
async def test_a_refused_connection_is_told_as_one(ask: Ask) -> None:
    """In the system's words, without the query of the URL."""
    async with RawServer(dropping) as server:
        url = server.url
    with pytest.raises(TokenRequestError, match=r"POST /oauth/token: cannot connect .*refused"):
        await ask(endpoint(url))


@pytest.mark.virtual_time
async def test_all_failures_together_are_bounded(pem: Path) -> None:
    """Two connections that did not come about, then two answers that were lost: four tries."""
    serving = certificates.serving(pem)

    async def losing(peer: Peer) -> None:
        await peer.start_tls(serving)
        await dropping(peer)

    context = certificates.trusting(pem)
    async with RawServer(hanging_up, hanging_up, losing) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(TokenRequestError):
            await refresh(endpoint(url, ssl_context=context))

    assert (4, 2) == (server.connections, len(server.requests))


@pytest.mark.parametrize("ask", [redeem, refresh])
async def test_a_certificate_that_is_not_trusted_is_refused_once(ask: Ask, pem: Path) -> None:
    """The secrets do not go out."""
    context = certificates.serving(pem)

    async def handshake(peer: Peer) -> None:
        await peer.start_tls(context)
        await peer.request()

    async with RawServer(handshake) as server:
        with pytest.raises(TokenRequestError, match="certificate is not trusted") as caught:
            await ask(confidential(server.url.replace("http:", "https:")))

    assert not caught.value.retryable
    assert (1, 0) == (server.connections, len(server.requests))


async def test_a_private_authority_can_be_trusted(pem: Path) -> None:
    """With a context of its own, the same certificate is accepted."""
    context: ssl.SSLContext = certificates.trusting(pem)
    async with RawServer(answering(granting()), tls=certificates.serving(pem)) as server:
        token = await refresh(endpoint(server.url, ssl_context=context))

    assert "new-access-canary" == token.access_token.reveal()


@pytest.mark.parametrize("trust_env", [True, False])
async def test_a_proxy_of_the_environment_is_used_on_demand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, trust_env: bool
) -> None:
    """Else the environment has no say in where secrets go."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    async with (
        RawServer(answering(granting())) as proxy,
        RawServer(answering(granting())) as server,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        await refresh(endpoint(server.url, trust_env=trust_env))

    assert (int(trust_env), int(not trust_env)) == (proxy.connections, server.connections)


@pytest.mark.virtual_time
@pytest.mark.parametrize("ask", [redeem, refresh])
async def test_the_timeout_bounds_one_exchange(ask: Ask) -> None:
    """A server that does not answer holds a login for that long, and a refresh twice."""
    error, arrived = await failure_of(ask, stalling, timeout=3.0)

    assert "no complete answer within 3 seconds" in str(error)
    assert 3 * arrived <= asyncio.get_running_loop().time() < 3 * arrived + 1


@pytest.mark.parametrize("ask", [redeem, refresh])
async def test_cancelling_closes_the_connection(ask: Ask) -> None:
    """At once, and nothing is sent again."""
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def holding(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.client_goes()
        gone.set()

    async with RawServer(holding) as server, asyncio.timeout(5):
        task = asyncio.create_task(ask(endpoint(server.url)))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()

    assert 1 == server.connections


def repeating(status: int) -> Script:
    """Return a script that answers with all that it was sent, in several encodings."""

    async def script(peer: Peer) -> None:
        sent = await peer.request()
        secrets = [*form_of(sent).values(), CLIENT_SECRET]
        told = " ".join(text for secret in secrets for text in spellings(secret))
        told = f"{sent.body.decode()} {headers_of(sent).get('authorization')} {told}"
        body = {"error": f"bad {told}"[:200], "error_description": told}
        await peer.send(refusing(status, body))

    return script


FAILING = LOST | {name: answering(said) for name, said in (WRONG | TOO_LONG).items()}
FAILING |= {f"repeating {status}": repeating(status) for status in (200, 302, 400, 401, 429, 500)}


@pytest.mark.virtual_time
@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
@pytest.mark.parametrize("ask", [redeem, refresh])
@pytest.mark.parametrize("script", FAILING.values(), ids=FAILING.keys())
async def test_no_failure_shows_a_secret(
    caplog: pytest.LogCaptureFixture, ask: Ask, script: Script, method: str
) -> None:
    """Neither error, chain, traceback with its locals, nor any log, in any encoding."""
    with caplog.at_level(logging.DEBUG):
        error, _ = await failure_of(ask, script, method=method)
    shown = exposed_by(error) + caplog.text
    basic = f"{quote(CLIENT, safe='')}:{quote(CLIENT_SECRET, safe='')}"

    for secret in [*SECRETS, "new-access-canary", basic]:
        assert [] == [text for text in spellings(secret) if text in shown]
    assert error.__cause__ is error.__context__ is None


async def test_the_refreshed_token_is_not_shown_either() -> None:
    """A server knows the access token too, short as it may be."""
    told = answering(refusing(400, {"error": "odd", "error_description": "was old-access"}))
    error, _ = await failure_of(refresh, told)

    assert "odd (was ***)" in str(error)
