"""The authorization server over real sockets, as strict as it can be."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.credentials.tokens import TokenBook
from cloudflow_async.emulator.oauth.clients import BUILT_IN, ClientBook
from cloudflow_async.emulator.oauth.server import CONSENT_SECONDS, AuthorizationServer, OAuthCall
from tests.emulator.conftest import Answer, Clock
from tests.emulator.oauth_flow import (
    REDIRECT_URI,
    VERIFIER,
    OAuthFlow,
    answer_in,
    changed,
    oauth_flow,
)


@pytest.fixture
async def flow(emulator: Emulator) -> AsyncIterator[OAuthFlow]:
    """Return the client's side of the flow."""
    async with oauth_flow(emulator) as flow:
        yield flow


def problem(answer: Answer) -> tuple[int, str]:
    """Return status and code of a token endpoint's error, which nobody may store."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"[ !#-\[\]-~]+", answer.json["error_description"])
    return answer.status, answer.json["error"]


def form_of(page: Answer, **changes: str | None) -> dict[str, str]:
    """Return what the form of a consent page sends when a person allows."""
    match = re.search(rb'name="transaction" value="([a-z0-9]+)"', page.body)

    assert match is not None
    fields = {"transaction": match[1].decode(), "subject": "ada", "decision": "allow"}
    return changed(fields, changes)


async def test_the_whole_flow(flow: OAuthFlow) -> None:
    """Page, consent, code, tokens, API, refresh, API."""
    page = await flow.open(flow.url())
    consented = await flow.answer_form(form_of(page))
    brought = answer_in(consented.headers["Location"])
    tokens = (await flow.exchange(brought["code"])).json
    fresh = (await flow.refresh(tokens["refresh_token"])).json
    statuses = [await flow.status_with(one["access_token"]) for one in (tokens, fresh)]

    assert (page.status, consented.status) == (200, 303)
    assert consented.headers["Location"].startswith(REDIRECT_URI + "?")
    assert (brought["state"], brought["iss"]) == ("xyz", flow.emulator.issuer)
    assert tokens["scope"] == fresh["scope"] == "workflows:read pipelines:read"
    assert statuses == [200, 200]
    assert flow.emulator.requests[-1].identity == "ada via cloudflow-cli"


async def test_scopes_are_enforced(flow: OAuthFlow) -> None:
    """What was not asked for cannot be done."""
    tokens = await flow.log_in(scope="analytics:read")

    assert await flow.status_with(tokens["access_token"]) == 403


async def test_a_denial_brings_no_code(flow: OAuthFlow) -> None:
    """But an error with state and issuer."""
    page = await flow.open(flow.url())
    denied = await flow.answer_form(form_of(page, decision="deny", subject=None))
    brought = answer_in(denied.headers["Location"])

    assert denied.status == 303
    assert (brought["error"], brought["state"]) == ("access_denied", "xyz")
    assert "code" not in brought


@pytest.mark.parametrize("decision", [None, "", "Allow", "yes"])
async def test_what_is_not_clearly_allowed_is_denied(flow: OAuthFlow, decision: str | None) -> None:
    """Only the very word of the button allows."""
    page = await flow.open(flow.url())
    answer = await flow.answer_form(form_of(page, decision=decision))

    assert answer_in(answer.headers["Location"])["error"] == "access_denied"


@pytest.mark.parametrize("subject", [None, "", "  ", "x" * 65, "a\nb", "a\x00b"])
async def test_a_name_that_will_not_do_is_asked_for_again(
    flow: OAuthFlow, subject: str | None
) -> None:
    """The same page takes the next answer."""
    page = await flow.open(flow.url())
    again = await flow.answer_form(form_of(page, subject=subject))
    answer = await flow.answer_form(form_of(again, subject=" ada "))

    assert again.status == 400
    assert b'aria-invalid="true"' in again.body
    assert "code" in answer_in(answer.headers["Location"])


async def test_a_consent_page_is_answered_once(flow: OAuthFlow) -> None:
    """A second click, as well as one after a denial, brings nobody anywhere."""
    form = form_of(await flow.open(flow.url()))
    answers = [await flow.answer_form(form | {"decision": it}) for it in ("deny", "allow", "deny")]

    assert [answer.status for answer in answers] == [303, 400, 400]
    assert [b"answered before" in answer.body for answer in answers] == [False, True, True]


@pytest.mark.parametrize(("age", "status"), [(CONSENT_SECONDS - 1, 303), (CONSENT_SECONDS, 400)])
async def test_a_consent_page_waits_ten_minutes(
    flow: OAuthFlow, clock: Clock, age: float, status: int
) -> None:
    """On the emulator's clock."""
    form = form_of(await flow.open(flow.url()))
    clock.now += age

    assert (await flow.answer_form(form)).status == status


@pytest.mark.parametrize(
    "body", ["", "decision=allow&subject=ada", "transaction=x&decision=allow", "transaction=%FF"]
)
async def test_an_answer_to_no_question_is_refused(flow: OAuthFlow, body: str) -> None:
    """Missing, made up, unreadable."""
    answer = await flow.answer_form(body)

    assert answer.status == 400
    assert "Location" not in answer.headers


async def test_parameters_beside_the_transaction_change_nothing(flow: OAuthFlow) -> None:
    """What was checked is what counts."""
    form = form_of(await flow.open(flow.url()))
    evil = {"redirect_uri": "https://evil.example/", "scope": "admin:full", "state": "evil"}
    answer = await flow.answer_form(form | evil)
    brought = answer_in(answer.headers["Location"])
    tokens = (await flow.exchange(brought["code"])).json

    assert answer.headers["Location"].startswith(REDIRECT_URI)
    assert brought["state"] == "xyz"
    assert tokens["scope"] == "workflows:read pipelines:read"


async def test_a_repeated_transaction_is_refused(flow: OAuthFlow) -> None:
    """It stays open for a clear answer."""
    form = form_of(await flow.open(flow.url()))
    twice = f"{urlencode(form)}&transaction={form['transaction']}"
    statuses = [(await flow.answer_form(body)).status for body in (twice, form)]

    assert statuses == [400, 303]


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_the_form_of_another_site_is_refused(flow: OAuthFlow, origin: str) -> None:
    """The page's own origin is not."""
    form = form_of(await flow.open(flow.url()))
    foreign = await flow.answer_form(form, Origin=origin)
    own = await flow.answer_form(form, Origin=flow.emulator.issuer)

    assert (foreign.status, own.status) == (403, 303)


REFUSED_REQUESTS: dict[str, dict[str, str | None]] = {
    "no client": {"client_id": None},
    "unknown client": {"client_id": "nobody"},
    "no redirect URI": {"redirect_uri": None},
    "foreign redirect URI": {"redirect_uri": "https://evil.example/callback"},
    "user name in the redirect URI": {"redirect_uri": "http://127.0.0.1@evil.example/"},
    "fragment in the redirect URI": {"redirect_uri": REDIRECT_URI + "#x"},
}


@pytest.mark.parametrize("changes", REFUSED_REQUESTS.values(), ids=REFUSED_REQUESTS)
async def test_a_request_of_an_uncertain_sender_ends_on_a_page(
    flow: OAuthFlow, changes: dict[str, str | None]
) -> None:
    """There is no redirect that could lead astray."""
    answer = await flow.open(flow.url(**changes))

    assert answer.status == 400
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Location" not in answer.headers


REPORTED_REQUESTS: dict[str, tuple[dict[str, str | None], str]] = {
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "PKCE without a method": ({"code_challenge_method": None}, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "short challenge": ({"code_challenge": "x" * 42}, "invalid_request"),
    "unknown scope": ({"scope": "everything"}, "invalid_scope"),
}


@pytest.mark.parametrize(
    ("changes", "error"), REPORTED_REQUESTS.values(), ids=list(REPORTED_REQUESTS)
)
async def test_a_wrong_request_is_reported_to_its_sender(
    flow: OAuthFlow, changes: dict[str, str | None], error: str
) -> None:
    """No person is asked."""
    answer = await flow.open(flow.url(**changes))
    brought = answer_in(answer.headers["Location"])

    assert answer.status == 303
    assert (brought["error"], brought["state"]) == (error, "xyz")
    assert "code" not in brought


async def test_a_scope_beyond_the_clients_is_reported(flow: OAuthFlow) -> None:
    """However much the person may do."""
    client = flow.emulator.add_client(scopes=["workflows:read"])
    answer = await flow.open(flow.url(client_id=client.client_id))

    assert answer_in(answer.headers["Location"])["error"] == "invalid_scope"


@pytest.mark.parametrize("name", ["response_type", "state", "scope", "code_challenge", "x"])
async def test_a_repeated_parameter_is_reported(flow: OAuthFlow, name: str) -> None:
    """Even one that means nothing."""
    answer = await flow.open(flow.url(x="1") + f"&{name}=1")

    assert answer_in(answer.headers["Location"])["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_repeated_sender_ends_on_a_page(flow: OAuthFlow, name: str) -> None:
    """Nobody knows which one is meant."""
    answer = await flow.open(flow.url() + f"&{name}=1")

    assert (answer.status, "Location" in answer.headers) == (400, False)


WRONG_EXCHANGES: dict[str, tuple[dict[str, str | None], tuple[int, str]]] = {
    "no verifier": ({"code_verifier": None}, (400, "invalid_request")),
    "short verifier": ({"code_verifier": "x" * 42}, (400, "invalid_request")),
    "another verifier": ({"code_verifier": VERIFIER[::-1]}, (400, "invalid_grant")),
    "no redirect URI": ({"redirect_uri": None}, (400, "invalid_request")),
    "another port": ({"redirect_uri": "http://127.0.0.1:1/callback"}, (400, "invalid_grant")),
    "another client": ({"client_id": "other"}, (400, "invalid_grant")),
    "no client": ({"client_id": None}, (401, "invalid_client")),
    "unknown client": ({"client_id": "nobody"}, (401, "invalid_client")),
    "secret of a public client": ({"client_secret": "x"}, (401, "invalid_client")),
    "password grant": ({"grant_type": "password"}, (400, "unsupported_grant_type")),
    "client credentials": ({"grant_type": "client_credentials"}, (400, "unsupported_grant_type")),
    "no grant type": ({"grant_type": None}, (400, "invalid_request")),
    "no code": ({"code": None}, (400, "invalid_request")),
    "unknown code": ({"code": "cfac_x"}, (400, "invalid_grant")),
}


@pytest.mark.parametrize(("changes", "error"), WRONG_EXCHANGES.values(), ids=list(WRONG_EXCHANGES))
async def test_a_wrong_exchange_brings_nothing(
    flow: OAuthFlow, changes: dict[str, str | None], error: tuple[int, str]
) -> None:
    """Only an error in the words of RFC 6749; 401s carry a challenge."""
    flow.emulator.add_client("other")
    answer = await flow.exchange(flow.code(), **changes)

    assert problem(answer) == error
    assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)


@pytest.mark.parametrize(
    "name", ["grant_type", "code", "redirect_uri", "client_id", "code_verifier", "x"]
)
async def test_a_repeated_parameter_of_a_token_request_is_refused(
    flow: OAuthFlow, name: str
) -> None:
    """Also with the same value; the code is not spent by it."""
    fields = {
        "grant_type": "authorization_code",
        "code": flow.code(),
        "redirect_uri": REDIRECT_URI,
        "client_id": BUILT_IN,
        "code_verifier": VERIFIER,
        "x": "1",
    }
    twice = await flow.post(f"{urlencode(fields)}&{urlencode({name: fields[name]})}")

    assert problem(twice) == (400, "invalid_request")
    assert (await flow.post(fields)).status == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/x"])
async def test_token_requests_are_forms(flow: OAuthFlow, kind: str) -> None:
    """Whatever is in them."""
    body = urlencode({"grant_type": "authorization_code", "client_id": BUILT_IN})
    answer = await flow.post(body, **{"Content-Type": kind})

    assert problem(answer) == (400, "invalid_request")


@pytest.mark.parametrize("query", ["client_id=cloudflow-cli", "client_secret=x", "code=x", "x="])
async def test_nothing_of_a_token_request_stands_in_the_url(flow: OAuthFlow, query: str) -> None:
    """URLs end in logs."""
    url = f"{flow.emulator.token_url}?{query}"
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": BUILT_IN}
    async with flow.session.post(url, data=form) as response:
        body = await response.json()

    assert (response.status, body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/oauth/token", "POST"),
        ("/oauth/authorize", "GET, POST"),
        ("/.well-known/oauth-authorization-server", "GET"),
    ],
)
async def test_other_methods_are_not_allowed(flow: OAuthFlow, path: str, methods: str) -> None:
    """The answer names those that are."""
    url = flow.emulator.issuer + path
    async with flow.session.request("DELETE", url) as response:
        assert (response.status, response.headers["Allow"]) == (405, methods)


async def test_other_paths_do_not_exist(flow: OAuthFlow) -> None:
    """There is neither introspection nor registration."""
    answer = await flow.open(flow.emulator.issuer + "/oauth/introspect")

    assert answer.status == 404


@pytest.mark.parametrize("way", ["client_secret_post", "client_secret_basic"])
async def test_a_confidential_client_proves_itself(flow: OAuthFlow, way: str) -> None:
    """In the body or by Basic; without, or with another secret, it gets nothing."""
    client = flow.emulator.add_client(confidential=True)

    async def attempt(secret: str | None) -> Answer:
        code = flow.code(client_id=client.client_id)
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        }
        if secret is not None and way == "client_secret_basic":
            pair = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
            return await flow.post(fields, Authorization=f"Basic {pair}")
        proof = {"client_id": client.client_id, "client_secret": secret}
        return await flow.post(changed(fields, proof))

    good, bad, none = [await attempt(it) for it in (client.client_secret, "wrong", None)]

    assert good.status == 200
    assert [problem(answer) for answer in (bad, none)] == [(401, "invalid_client")] * 2
    assert bad.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(("age", "status"), [(59, 200), (60, 400)])
async def test_a_code_lives_for_a_minute(
    flow: OAuthFlow, clock: Clock, age: float, status: int
) -> None:
    """On the emulator's clock."""
    code = flow.code()
    clock.now += age

    assert (await flow.exchange(code)).status == status


async def test_a_code_that_comes_twice_revokes_what_it_brought(flow: OAuthFlow) -> None:
    """Access and refresh token."""
    code = flow.code()
    tokens = (await flow.exchange(code)).json
    again = await flow.exchange(code)

    assert problem(again) == (400, "invalid_grant")
    assert await flow.status_with(tokens["access_token"]) == 401
    assert problem(await flow.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_a_refresh_token_that_comes_twice_revokes_its_family(flow: OAuthFlow) -> None:
    """The newest tokens with it."""
    first = await flow.log_in()
    second = (await flow.refresh(first["refresh_token"])).json
    again = await flow.refresh(first["refresh_token"])

    assert problem(again) == (400, "invalid_grant")
    assert await flow.status_with(second["access_token"]) == 401
    assert problem(await flow.refresh(second["refresh_token"])) == (400, "invalid_grant")


async def test_scopes_of_a_refresh_can_only_shrink(flow: OAuthFlow) -> None:
    """Asking for more is an error that costs nothing."""
    tokens = await flow.log_in()
    more = await flow.refresh(tokens["refresh_token"], scope="workflows:read admin:full")
    less = await flow.refresh(tokens["refresh_token"], scope="workflows:read")

    assert problem(more) == (400, "invalid_scope")
    assert less.json["scope"] == "workflows:read"


async def test_a_refresh_token_of_another_client_is_worth_nothing(flow: OAuthFlow) -> None:
    """And stays good for its own."""
    other = flow.emulator.add_client()
    tokens = await flow.log_in()
    stolen = await flow.refresh(tokens["refresh_token"], client_id=other.client_id)

    assert problem(stolen) == (400, "invalid_grant")
    assert (await flow.refresh(tokens["refresh_token"])).status == 200


async def test_a_client_can_be_left_without_refresh_tokens(flow: OAuthFlow) -> None:
    """As the document's sample has none."""
    client = flow.emulator.add_client(refresh=False)
    answer = await flow.exchange(flow.code(client_id=client.client_id), client_id=client.client_id)

    assert "refresh_token" not in answer.json


async def test_access_tokens_end_on_the_emulators_clock(flow: OAuthFlow, clock: Clock) -> None:
    """After 3600 seconds; the refresh token brings the next."""
    tokens = await flow.log_in()
    clock.now += 3599
    before = await flow.status_with(tokens["access_token"])
    clock.now += 1
    after = await flow.status_with(tokens["access_token"])
    fresh = (await flow.refresh(tokens["refresh_token"])).json

    assert tokens["expires_in"] == 3600
    assert (before, after) == (200, 401)
    assert await flow.status_with(fresh["access_token"]) == 200


async def test_tokens_can_be_revoked_from_outside(flow: OAuthFlow) -> None:
    """An access token alone, a refresh token with its family."""
    tokens, plain = await flow.log_in(), flow.emulator.add_token("workflows:read")
    usable = [await flow.status_with(text) for text in (tokens["access_token"], plain)]
    for text in (tokens["refresh_token"], plain):
        flow.emulator.revoke(text)
    revoked = [await flow.status_with(text) for text in (tokens["access_token"], plain)]

    assert (usable, revoked) == ([200, 200], [401, 401])


async def test_approving_does_what_a_person_does(flow: OAuthFlow) -> None:
    """As anybody, for some of the scopes, or not at all."""
    some = flow.emulator.approve(flow.url(), subject="eve", scopes=["pipelines:read"])
    tokens = (await flow.exchange(answer_in(some)["code"])).json
    denied = answer_in(flow.emulator.approve(flow.url(), deny=True))
    await flow.status_with(tokens["access_token"])

    assert tokens["scope"] == "pipelines:read"
    assert flow.emulator.requests[-1].identity == "eve via cloudflow-cli"
    assert (denied["error"], denied["state"]) == ("access_denied", "xyz")


@pytest.mark.parametrize(
    ("changes", "answer", "reason"),
    [
        ({"client_id": "nobody"}, {}, "no client 'nobody'"),
        ({"code_challenge_method": "plain"}, {}, "S256"),
        ({}, {"scopes": ["admin:full"]}, "asked for: pipelines:read, workflows:read"),
        ({}, {"scopes": []}, "asked for"),
        ({}, {"subject": ""}, "subject: A name is missing"),
    ],
)
async def test_what_cannot_be_approved_says_why(
    flow: OAuthFlow, changes: dict[str, str], answer: dict[str, Any], reason: str
) -> None:
    """The same reasons that the page would have."""
    with pytest.raises(ValueError, match=reason):
        flow.emulator.approve(flow.url(**changes), **answer)


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/authorize/", ""])
async def test_only_authorize_urls_can_be_approved(flow: OAuthFlow, path: str) -> None:
    """Another endpoint has no consent page."""
    with pytest.raises(ValueError, match="does not end in /oauth/authorize"):
        flow.emulator.approve(flow.emulator.issuer + path + "?client_id=x")


async def test_the_server_describes_itself(flow: OAuthFlow) -> None:
    """RFC 8414: where its endpoints are, and how little it accepts."""
    url = flow.emulator.issuer + "/.well-known/oauth-authorization-server"
    metadata = (await flow.open(url)).json

    assert metadata["issuer"] == flow.emulator.issuer
    assert metadata["authorization_endpoint"] == flow.emulator.authorize_url
    assert metadata["token_endpoint"] == flow.emulator.token_url
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert metadata["scopes_supported"] == list(SCOPES)
    assert metadata["authorization_response_iss_parameter_supported"] is True


async def test_faults_hit_the_token_endpoint_too(flow: OAuthFlow) -> None:
    """The code is not spent by one that answers instead."""
    flow.emulator.inject(Fault(route="/oauth/token", status=503))
    code = flow.code()
    statuses = [(await flow.exchange(code)).status for _ in range(2)]

    assert statuses == [503, 200]


NAMES = st.sampled_from(
    [
        *("grant_type", "code", "refresh_token", "redirect_uri", "client_id", "client_secret"),
        *("code_verifier", "scope", "transaction", "subject", "decision", "x"),
    ]
)
VALUES = st.one_of(
    st.sampled_from(["authorization_code", "refresh_token", BUILT_IN, VERIFIER, "allow", "%", ""]),
    st.text(),
)
FORMS = st.one_of(
    st.binary(),
    st.lists(st.tuples(NAMES, VALUES)).map(
        lambda pairs: urlencode(pairs, errors="surrogatepass").encode()
    ),
)
AUTHORIZATIONS = st.one_of(
    st.none(),
    st.text(),
    st.binary().map(lambda pair: f"Basic {base64.b64encode(pair).decode()}"),
)


@given(body=FORMS, authorization=AUTHORIZATIONS, path=st.sampled_from(["token", "authorize"]))
def test_no_form_breaks_the_server(body: bytes, authorization: str | None, path: str) -> None:
    """Each is answered with an error of the client's."""
    server = AuthorizationServer(lambda: 0.0, 0, TokenBook(0), ClientBook(0), require_pkce=True)
    headers = CIMultiDict[str]() if authorization is None else {"Authorization": authorization}
    reply = server.handle(
        OAuthCall(
            method="POST",
            path=f"/oauth/{path}",
            query=MultiDict(),
            body=body,
            content_type="application/x-www-form-urlencoded",
            headers=CIMultiDictProxy(CIMultiDict(headers)),
            now=0.0,
            base="http://127.0.0.1:8787",
        )
    )

    assert reply.status in {400, 401}


@given(pairs=st.lists(st.tuples(st.one_of(NAMES, st.text()), VALUES)))
def test_no_query_breaks_the_server(pairs: list[tuple[str, str]]) -> None:
    """Each ends on a page or in a redirect."""
    server = AuthorizationServer(lambda: 0.0, 0, TokenBook(0), ClientBook(0), require_pkce=True)
    sender = [("client_id", BUILT_IN), ("redirect_uri", REDIRECT_URI)]
    reply = server.handle(
        OAuthCall(
            method="GET",
            path="/oauth/authorize",
            query=MultiDict([*sender, *pairs]),
            body=b"",
            content_type=None,
            headers=CIMultiDictProxy(CIMultiDict()),
            now=0.0,
            base="http://127.0.0.1:8787",
        )
    )

    assert reply.status in {303, 400}
