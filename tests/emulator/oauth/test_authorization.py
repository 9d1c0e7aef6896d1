"""Authorization requests: what can be asked, and who gets to hear that it cannot."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.base.oauth_errors import AuthorizationError, UnsafeRequestError
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.oauth.authorization import AuthorizationRequest, read_authorization
from cloudflow_async.emulator.oauth.clients import ClientBook
from cloudflow_async.emulator.oauth.parameters import Parameters
from tests.emulator.oauth_flow import CHALLENGE, Changes, answer_in, changed

ISSUER = "http://127.0.0.1:8787"
URI = "https://app.example/callback"

GOOD = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": URI,
    "scope": "workflows:read pipelines:read",
    "state": "xyz",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def read(*more: tuple[str, str], **changes: Changes) -> AuthorizationRequest:
    """Read a request, of a client that may do everything but administer."""
    clients = ClientBook(0)
    clients.add("all", redirect_uris=[URI])
    clients.add("app", redirect_uris=[URI, URI + "?tenant=1"], scopes=SCOPES[:-1])
    clients.add("admin", redirect_uris=[URI], scopes=["admin:full"])
    pairs = [*changed(GOOD, changes).items(), *more]
    return read_authorization(Parameters(pairs), clients, issuer=ISSUER)


def refusal_of(*more: tuple[str, str], **changes: Changes) -> tuple[str, dict[str, str]]:
    """Return the reason for which a request is refused, and what its sender gets to hear."""
    with pytest.raises(AuthorizationError) as caught:
        read(*more, **changes)
    url = caught.value.callback_url

    assert url.startswith(URI + "?")
    return str(caught.value), answer_in(url)


def test_a_good_request_is_read() -> None:
    """Client, scopes, challenge and way back; nothing secret in its repr."""
    request = read()

    assert request.client.client_id == "app"
    assert request.scopes == {"workflows:read", "pipelines:read"}
    assert request.challenge == CHALLENGE
    assert answer_in(request.way_back.url(code="c")) == {
        "code": "c",
        "state": "xyz",
        "iss": ISSUER,
    }
    assert CHALLENGE not in repr(request)
    assert "xyz" not in repr(request)


def test_unknown_parameters_and_prompts_are_ignored() -> None:
    """As RFC 6749 wants it, section 3.1."""
    assert read(prompt="login", nonce="n", resource="https://x.example") == read()


@pytest.mark.parametrize("state", ["a b&c=d#e", "é+%20", '"><script>', "x" * 2000])
def test_the_state_comes_back_exactly(state: str) -> None:
    """Whatever it holds."""
    assert answer_in(read(state=state).way_back.url(code="c"))["state"] == state


def test_without_a_state_none_comes_back() -> None:
    """It is recommended, not required."""
    assert "state" not in answer_in(read(state=None).way_back.url(code="c"))


def test_parameters_of_the_redirect_uri_stay() -> None:
    """The answer is added to them."""
    url = read(redirect_uri=URI + "?tenant=1").way_back.url(code="c")

    assert answer_in(url)["tenant"] == "1"
    assert answer_in(url)["code"] == "c"


@pytest.mark.parametrize(
    ("client_id", "scopes"), [("all", frozenset(SCOPES[:-1])), ("admin", frozenset(SCOPES[-1:]))]
)
@pytest.mark.parametrize("scope", [None, ""])
def test_without_scopes_all_are_meant_but_full_administration(
    client_id: str, scopes: frozenset[str], scope: str | None
) -> None:
    """Unless the client may do nothing else."""
    assert read(client_id=client_id, scope=scope).scopes == scopes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", None),
        ("client_id", ""),
        ("client_id", "nobody"),
        ("redirect_uri", None),
        ("redirect_uri", ""),
        ("redirect_uri", URI + "/"),
        ("redirect_uri", "https://evil.example/callback"),
    ],
)
def test_an_unknown_sender_gets_no_answer(name: str, value: str | None) -> None:
    """Client and redirect URI are looked at before anything else, even a worse mistake."""
    with pytest.raises(UnsafeRequestError, match=name.partition("_")[0]):
        read(**{name: value, "response_type": "token"})


@pytest.mark.parametrize("name", GOOD)
def test_no_parameter_can_be_there_twice(name: str) -> None:
    """Not even with the same value; where the sender is in doubt, nobody is answered."""
    twice = (name, GOOD[name])
    if name in {"client_id", "redirect_uri"}:
        with pytest.raises(UnsafeRequestError, match=f"{name} is there more than once"):
            read(twice)
        return
    reason, answer = refusal_of(twice)

    assert reason == "invalid_request: a parameter is there more than once"
    assert ("state" in answer) == (name != "state")


@pytest.mark.parametrize(
    ("changes", "error", "about"),
    [
        ({"response_type": None}, "invalid_request", "response_type"),
        ({"response_type": "token"}, "unsupported_response_type", "response_type"),
        ({"response_type": "code token"}, "unsupported_response_type", "response_type"),
        ({"response_type": "Code"}, "unsupported_response_type", "response_type"),
        ({"code_challenge": None}, "invalid_request", "code_challenge is missing"),
        ({"code_challenge_method": None}, "invalid_request", "S256"),
        ({"code_challenge_method": "plain"}, "invalid_request", "S256"),
        ({"code_challenge_method": "s256"}, "invalid_request", "S256"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request", "43"),
        ({"code_challenge": CHALLENGE + "A"}, "invalid_request", "43"),
        ({"code_challenge": CHALLENGE[:-1] + "="}, "invalid_request", "43"),
        ({"code_challenge": CHALLENGE[:-1] + "+"}, "invalid_request", "43"),
        ({"code_challenge": CHALLENGE + "\n"}, "invalid_request", "43"),
        ({"scope": "workflows:delete"}, "invalid_scope", "documented"),
        ({"scope": "workflows:read,pipelines:read"}, "invalid_scope", "documented"),
        ({"scope": "workflows:read  pipelines:read"}, "invalid_scope", "single space"),
        ({"scope": " workflows:read"}, "invalid_scope", "single space"),
        ({"scope": "workflows:read\tpipelines:read"}, "invalid_scope", "single space"),
        ({"scope": "Workflows:Read"}, "invalid_scope", "documented"),
        ({"scope": "workflows:read admin:full"}, "invalid_scope", "may not ask"),
    ],
)
def test_what_is_wrong_is_told_to_the_sender(
    changes: dict[str, str | None], error: str, about: str
) -> None:
    """With the RFC's code, a reason, the state and the issuer, and never a code."""
    reason, answer = refusal_of(**changes)

    assert reason.startswith(f"{error}: ")
    assert about in answer["error_description"]
    assert answer == {
        "error": error,
        "error_description": reason.removeprefix(f"{error}: "),
        "state": "xyz",
        "iss": ISSUER,
    }


def test_a_denial_is_an_answer_too() -> None:
    """With state and issuer, and without a code."""
    answer = answer_in(read().denied())

    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "xyz", ISSUER)
    assert "code" not in answer
