"""The two ends of a login: where a person is sent, and what comes back with them.

No I/O and no clock.  The authorization code grant with PKCE (RFC 6749, 4.1; RFC 7636; RFC 9207;
API document: OAuth 2.0).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, Self, cast
from urllib.parse import parse_qs, quote, urlencode

import attrs

from cloudflow_async._core.errors import CrossOriginError, InvalidArgumentError, LoginError
from cloudflow_async._core.http.urls import check_oauth_url, origin
from cloudflow_async._core.public import public
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.validation import is_finite, to_list

from .errors import OAuthError

LIFETIME: Final = 600.0
"""Seconds from an authorization request to its callback."""

LONGEST_CALLBACK: Final = 8192
"""Characters of a callback that are read."""

_SKEW: Final = 60.0
"""Seconds by which the clock of another process, that made the request, may be ahead."""

_RANDOM_BYTES: Final = 32
_MOST_PARAMETERS: Final = 50
_ONCE: Final = ("state", "code", "iss", "error", "error_description")

_CLIENT_ID = re.compile(r"[\x20-\x7e]{1,1024}", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}", re.ASCII)
_STATE = re.compile(r"[\x21-\x7e]{22,512}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}", re.ASCII)
_CODE = re.compile(r"[\x20-\x7e]+", re.ASCII)
_NOT_IN_A_URL = re.compile(r"[^\x21-\x7e]")
# A URL or a path, with or without a query; else all of it is the query.
_BEFORE_QUERY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|/)[^?]*(?:\?|$)|[^?=&]*\?")


def check_client_id(client_id: str) -> str:
    """Return the id of an OAuth client.

    Raises:
        InvalidArgumentError: It is empty or has characters that none has (RFC 6749, A.1).
    """
    if not _matches(_CLIENT_ID, client_id):
        raise InvalidArgumentError("client_id must be a str of printable ASCII that is not empty.")
    return client_id


def check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return scopes as a set; those that the API document does not name pass.

    Raises:
        InvalidArgumentError: They are one str, or one of them is no scope (RFC 6749, 3.3).
    """
    found = to_list("scopes", scopes, "['workflows:read']")
    if not all(_matches(_SCOPE, scope) for scope in found):
        raise InvalidArgumentError(
            "A scope is a str of printable ASCII without spaces, quotes and backslashes."
        )
    return frozenset(found)


def _redirect_uri(value: str) -> str:
    return check_oauth_url("redirect_uri", value)


def _url(value: object) -> Secret:
    return Secret(check_oauth_url("url", cast(str, _text(value))))


def _state(value: object) -> Secret:
    return _matching("state", value, _STATE)


def _verifier(value: object) -> Secret:
    return _matching("verifier", value, _VERIFIER)


def _matching(name: str, value: object, allowed: re.Pattern[str]) -> Secret:
    text = _text(value)
    if not _matches(allowed, text):
        raise InvalidArgumentError(f"{name} is not what an authorization request made.")
    return Secret(cast(str, text))


def _matches(allowed: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and allowed.fullmatch(value) is not None


def _is_a(kind: type, value: object) -> bool:
    return isinstance(value, kind)


def _text(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


def _created_at(value: object) -> float:
    if not is_finite(value):
        raise InvalidArgumentError("created_at must be a Unix time in seconds.")
    return float(value)


@public("cloudflow_async")
@attrs.frozen(kw_only=True, init=False)
class AuthorizationRequest:
    """A login under way: the URL to open, and what is needed when the person comes back.

    It belongs to the one person who logs in: keep it where only their next request finds it, in
    a session on the server or in an encrypted cookie.  It serves for 10 minutes.  It shows
    neither state nor verifier, and is not pickled: `to_dict` is the way to store it.

    Raises:
        InvalidArgumentError: A value is none that `new_request` makes; it is not shown.
    """

    _url: Secret = attrs.field(alias="url", converter=_url, repr=False)

    state: Secret = attrs.field(converter=_state)
    """Ties the callback to this request."""

    verifier: Secret = attrs.field(converter=_verifier)
    """PKCE's proof that who redeems the code is who asked for it (RFC 7636)."""

    redirect_uri: str = attrs.field(converter=_redirect_uri)
    """Where the person comes back to."""

    created_at: float = attrs.field(converter=_created_at)
    """Unix time in seconds."""

    scopes: frozenset[str] = attrs.field(converter=check_scopes)
    """What was asked for; empty: what the server grants by default."""

    def __init__(
        self,
        *,
        url: str | Secret,
        state: str | Secret,
        verifier: str | Secret,
        redirect_uri: str,
        created_at: float,
        scopes: Iterable[str],
    ) -> None:
        try:
            self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]  # attrs makes it
                url=url,
                state=state,
                verifier=verifier,
                redirect_uri=redirect_uri,
                created_at=created_at,
                scopes=scopes,
            )
        except InvalidArgumentError as error:
            problem = error.with_traceback(None)
        else:
            return
        # Error trackers record local variables, and these are among them.
        del self, url, state, verifier
        raise problem

    @property
    def url(self) -> str:
        """What the browser opens."""
        return self._url.reveal()

    def to_dict(self) -> dict[str, object]:
        """Return it as values that JSON has; state and verifier are among them, in plain text."""
        return {
            "url": self.url,
            "state": self.state.reveal(),
            "verifier": self.verifier.reveal(),
            "redirect_uri": self.redirect_uri,
            "created_at": self.created_at,
            "scopes": sorted(self.scopes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_dict` gave; other keys are ignored.

        Raises:
            InvalidArgumentError: It is something else; no value is shown.
        """
        names = [field.alias for field in attrs.fields(cls)]
        if not _is_a(Mapping, data) or not set(names) <= set(data):
            raise InvalidArgumentError(
                f"A stored authorization request is a dict with {', '.join(names)}."
            )
        values = {name: data[name] for name in names}
        del data
        return cls(**{name: values.pop(name) for name in names})

    def __reduce__(self) -> NoReturn:
        raise TypeError("An authorization request is not pickled or copied; use to_dict().")


def new_request(
    *,
    authorize_url: str,
    client_id: str,
    redirect_uri: str,
    scopes: Iterable[str],
    now: float,
) -> AuthorizationRequest:
    """Return a request with a state and a verifier of its own.

    Args:
        authorize_url: A query that it has is kept, such as ``?prompt=consent``.
        client_id: Who asks.
        redirect_uri: https, or http on loopback; goes out character by character.
        scopes: What is asked for; none asks for what the server grants by default.
        now: Unix time in seconds.

    Raises:
        InvalidArgumentError: One of them cannot be used.
    """
    state, verifier, wanted = _random(), _random(), check_scopes(scopes)
    parameters = {
        "response_type": "code",
        "client_id": check_client_id(client_id),
        "redirect_uri": check_oauth_url("redirect_uri", redirect_uri),
        "scope": " ".join(sorted(wanted)),
        "state": state.reveal(),
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    if not wanted:
        del parameters["scope"]
    return AuthorizationRequest(
        url=_with_query(check_oauth_url("authorize_url", authorize_url), parameters),
        state=state,
        verifier=verifier,
        redirect_uri=redirect_uri,
        created_at=now,
        scopes=wanted,
    )


def challenge(verifier: Secret) -> str:
    """Return what the authorization request shows of a verifier (RFC 7636, 4.2, S256)."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def read_callback(
    callback: str,
    request: AuthorizationRequest,
    *,
    now: float,
    issuer: str | None,
    authorize_url: str,
) -> Secret:
    """Return the code that a callback brings, if the callback can be trusted.

    Args:
        callback: The URL, its path with the query, or the query alone, percent-encoded as it
            came.  Scheme, host and path are not looked at: behind a proxy they are others.
        request: What the person was sent with.  That it serves once is the caller's to see to.
        now: Unix time in seconds.
        issuer: What ``iss`` has to be (RFC 9207); None: where it is given, it has to be of the
            origin of `authorize_url`.
        authorize_url: Where the person was sent.

    Raises:
        LoginError: The login was refused, or the callback belongs to another login, is too old,
            or is not what a server sends.  Nothing is to be sent to the token endpoint.
    """
    found = _judge(callback, request, now, issuer, authorize_url)
    # Error trackers record local variables, and the code is one of a callback's parameters.
    del callback
    if isinstance(found, LoginError):
        raise found
    return found


def _judge(
    callback: str, request: AuthorizationRequest, now: float, issuer: str | None, authorize_url: str
) -> Secret | LoginError:
    problem = _form_problem(callback)
    if problem is not None:
        return _distrust(problem)
    answer = _parameters(callback)
    if answer is None:
        return _distrust("cannot be decoded")
    problem = (
        _state_problem(answer, request)
        or _repeated(answer)
        or _age_problem(now - request.created_at)
        or _issuer_problem(answer, issuer, authorize_url)
    )
    return _distrust(problem) if problem is not None else _code(answer, request, issuer)


def _form_problem(callback: object) -> str | None:
    if not isinstance(callback, str):
        return f"must be a str, not {type(callback).__name__}"
    if len(callback) > LONGEST_CALLBACK:
        return f"is longer than {LONGEST_CALLBACK} characters"
    if _NOT_IN_A_URL.search(callback.strip()):
        return "has characters that no URL has"
    if "#" in callback:
        return "has a fragment, and a code comes in the query"
    return None


def _parameters(callback: str) -> dict[str, list[str]] | None:
    text = callback.strip()
    before = _BEFORE_QUERY.match(text)
    query = text[before.end() :] if before else text
    try:
        return parse_qs(
            query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:  # too many of them, or no UTF-8
        return None


def _state_problem(answer: Mapping[str, list[str]], request: AuthorizationRequest) -> str | None:
    given = answer.get("state", [])
    if len(given) != 1:
        return "has no state" if not given else "has more than one state"
    # Secrets are compared in constant time.
    return None if Secret(given[0]) == request.state else "has the state of another login"


def _repeated(answer: Mapping[str, list[str]]) -> str | None:
    name = next((name for name in _ONCE if len(answer.get(name, [])) > 1), None)
    return None if name is None else f"has more than one {name}"


def _age_problem(age: float) -> str | None:
    if age > LIFETIME:
        return f"came more than {LIFETIME:g} seconds after its login began"
    # Written so that a clock which is no number does not pass.
    return None if age >= -_SKEW else "came before its login began: is the clock right?"


def _issuer_problem(
    answer: Mapping[str, list[str]], issuer: str | None, authorize_url: str
) -> str | None:
    given = answer.get("iss")
    if given is None:
        return None
    if issuer is None and _same_origin(given[0], authorize_url):
        return None
    if issuer is not None and given[0] == issuer:
        return None
    return "was sent by another authorization server (iss) than the login was begun with"


def _same_origin(url: str, other: str) -> bool:
    try:
        return origin(url) == origin(other)
    except CrossOriginError:
        return False


def _code(
    answer: Mapping[str, list[str]], request: AuthorizationRequest, issuer: str | None
) -> Secret | LoginError:
    if "error" in answer:
        return _refused(answer, request)
    if issuer is not None and "iss" not in answer:
        return _distrust("does not say which authorization server sent it (iss)")
    if "code" not in answer:
        return _distrust("has no code")
    code = answer["code"][0]
    return Secret(code) if _CODE.fullmatch(code) else _distrust("has a code that none can be")


def _refused(answer: Mapping[str, list[str]], request: AuthorizationRequest) -> LoginError:
    told = OAuthError.read(
        answer["error"][0],
        answer.get("error_description", [None])[0],
        [request.state, *map(Secret, answer.get("code", []))],
    )
    return LoginError(f"The login was refused: {told}.", error=told.error)


def _distrust(problem: str) -> LoginError:
    return LoginError(f"The callback {problem}. Start the login anew.")


def _random() -> Secret:
    return Secret(secrets.token_urlsafe(_RANDOM_BYTES))


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    place, _, query = url.partition("?")
    taken = sorted(parse_qs(query, keep_blank_values=True).keys() & parameters.keys())
    if taken:
        raise InvalidArgumentError(
            f"authorize_url already has {', '.join(taken)}, which each login sets."
        )
    ours = urlencode(parameters, quote_via=quote, safe="")
    return f"{place}?{query}&{ours}" if query else f"{place}?{ours}"
