"""Several credentials in order: the first that has something signs, from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import attrs

from cloudflow_async._core.errors import (
    CredentialError,
    InvalidArgumentError,
    NoCredentialsError,
    ReauthenticationRequiredError,
    TokenRequestError,
)
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.messages import Request
from cloudflow_async._core.public import public
from cloudflow_async._core.rate_limit.limits import RateLimits
from cloudflow_async._core.support.log import log_of
from cloudflow_async._core.support.validation import describe

from .api_key.api_key import VARIABLE as KEY_VARIABLE
from .discovery import Finder, discover, title
from .profiles.profiles import read_profile
from .protocol import Auth, Refusal, check_auth
from .scopes import known_scopes
from .single_flight import SingleFlight

_LOG = log_of()
_LONGEST_REASON = 300
_DEFAULT_ADVICE = (
    f"Set {KEY_VARIABLE}, or run 'cloudflow login', or give the client api_key=, auth= or profile=."
)
_OWN_ADVICE = "Make one of them usable, or add another."


@attrs.define(eq=False)
class _Provider:
    """A credential of a chain, perhaps one that is looked for only when it is its turn."""

    name: str
    """In errors and logs; of a caller's own class only what it is called."""

    shown: str
    """In the chain's repr."""

    find: Finder

    auth: Auth | None = None
    """What was found."""

    warned: str | None = None
    """Of what the log has been told."""

    async def sign(self, request: Request) -> Mapping[str, str]:
        if self.auth is None:
            self.auth = await self.find()
        return await self.auth.sign(request)

    def warn(self, reason: str) -> None:
        """Tell the log once why it is passed over."""
        if reason != self.warned:
            self.warned = reason
            _LOG.warning("Credentials: %s cannot be used and is passed over: %s", self.name, reason)


@attrs.frozen
class _Choice:
    """The credential that signed first, and with it the request that it was chosen for."""

    auth: Auth
    request: Request = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)


@public("cloudflow_async")
class AuthChain:
    """Asks credentials in order; the first that signs a request signs all from then on.

    A credential that raises `CredentialError` is passed over: it has nothing, nobody has logged
    in, or it cannot be used, which is logged as a warning.  Every other error ends the call, and
    so does a token endpoint that is down, for that must not change who one is.  Once one is
    chosen, its errors are its own: the chain never goes on to another.

    Args:
        *providers: The credentials; a chain may be one of them.

    Raises:
        InvalidArgumentError: There is none, or one of them does not sign.
    """

    def __init__(self, *providers: Auth) -> None:
        if not providers:
            raise InvalidArgumentError("An AuthChain needs at least one credential.")
        for provider in providers:
            check_auth("A member of an AuthChain", provider)
        self._start([_given(provider) for provider in providers])

    def _start(
        self,
        providers: Sequence[_Provider],
        *,
        base_url: str | None = None,
        limits: RateLimits | None = None,
        advice: str = _OWN_ADVICE,
    ) -> None:
        self._providers = tuple(providers)
        self._base_url = base_url
        self._limits = limits
        self._advice = advice
        self._chosen: Auth | None = None
        self._chosen_name: str | None = None
        self._request: Request | None = None
        self._choosing = SingleFlight(self._choose, cool_down=0.0, name="choice of a credential")

    @classmethod
    def default(
        cls,
        profile: str | None = None,
        *,
        base_url: str | None = None,
        network: Mapping[str, Any] | None = None,
    ) -> AuthChain:
        """Return the chain of a bare ``CloudFlow()``.

        In order: the environment variable ``CLOUDFLOW_API_KEY``; the variables
        ``CLOUDFLOW_JWT_*``, see `JWTAuth.from_environment`; the profile of the configuration
        file that ``CLOUDFLOW_PROFILE`` names, or else the profile ``default``.  Variables are
        read when a request is signed.  The profile is read at once, unless the environment has a
        credential: then only if that turns out to be unusable.

        A credential is passed over if it belongs to another base URL than the one that the
        chain is for (`base_url`): a profile's own, or ``CLOUDFLOW_BASE_URL`` for those of the
        environment.

        Args:
            profile: Chosen explicitly: this profile alone, read at once.
            base_url: Where the credentials may go, wherever they belong to; None: see the
                property `base_url`.
            network: How the token requests of a profile's login are made: the arguments `http`,
                `proxy`, `trust_env` and `ssl_context` of `OAuth2Auth`.

        Raises:
            CredentialError: The profile that was named, by `profile` or in the environment, is
                missing or cannot be used.  The profile ``default`` is merely looked for.
        """
        chain = cls.__new__(cls)
        start = chain._start  # noqa: SLF001 - one of our own
        if profile is not None:
            found = read_profile(profile)
            only = attrs.evolve(_given(found.auth(network)), name=title(profile))
            start([only], base_url=base_url or found.base_url, limits=found.limits)
            return chain
        looked = discover(base_url, network)
        start(
            [_Provider(name, name, find) for name, find in looked.finders],
            base_url=looked.base_url,
            limits=looked.limits,
            advice=_DEFAULT_ADVICE,
        )
        return chain

    def __repr__(self) -> str:
        return f"AuthChain({', '.join(provider.shown for provider in self._providers)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A credential cannot be pickled; make it anew where it is needed.")

    @property
    def base_url(self) -> str | None:
        """Where its credentials go; None: that is up to the client.

        Of a default chain: what was given, or else the profile's, ``CLOUDFLOW_BASE_URL``, or the
        documented one.
        """
        return self._base_url

    @property
    def limits(self) -> RateLimits | None:
        """The rate limits of its profile's tier; None: the documented ones."""
        return self._limits

    @property
    def chosen(self) -> Auth | None:
        """The credential that signs; None: none did so far."""
        return self._chosen

    @property
    def chosen_name(self) -> str | None:
        """What errors call the chosen credential, such as ``CLOUDFLOW_API_KEY``; None as before."""
        return self._chosen_name

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the chosen credential is allowed to do; None: that is not known."""
        return None if self._chosen is None else known_scopes(self._chosen)

    async def sign(self, request: Request) -> Mapping[str, str]:
        """Return the headers of the chosen credential, choosing it at the first call.

        Those who wait for the choice at the same time wait for one; cancelling it does not end
        it for the others.

        Raises:
            NoCredentialsError: None of them signs; `tried` says why.
            CredentialError: The chosen one's own.
        """
        if self._chosen is not None:
            return await self._chosen.sign(request)
        self._request = request
        choice = await self._choosing.run()
        if choice.request is request:
            return choice.headers
        return await choice.auth.sign(request)

    async def renew(self, refusal: Refusal) -> bool:
        """Return what the chosen credential answers; False if there is none."""
        return False if self._chosen is None else await self._chosen.renew(refusal)

    async def settled(self) -> None:
        """Return when the chosen credential is not being renewed."""
        settled = getattr(self._chosen, "settled", None)
        if settled is not None:
            await settled()

    async def _choose(self) -> _Choice:
        request, self._request = self._request, None
        assert request is not None, "sign() leaves it here"
        tried: list[tuple[str, str]] = []
        for provider in self._providers:
            headers = await _try(provider, request, tried)
            if headers is not None:
                assert provider.auth is not None, "it signed"
                self._chosen, self._chosen_name = provider.auth, provider.name
                _LOG.debug("Credentials: %s is used", provider.name)
                return _Choice(provider.auth, request, headers)
        reasons = "; ".join(f"({at}) {name}: {why}" for at, (name, why) in enumerate(tried, 1))
        raise NoCredentialsError(
            f"No usable credentials were found. Tried in order: {reasons}. {self._advice}",
            tried=tuple(tried),
        )


async def _try(
    provider: _Provider, request: Request, tried: list[tuple[str, str]]
) -> Mapping[str, str] | None:
    """Return the headers of a credential, or None if it is passed over, and note why."""
    try:
        return await provider.sign(request)
    except TokenRequestError as error:
        if error.retryable:
            raise
        problem: CredentialError = error
    except CredentialError as error:
        problem = error
    reason = _reason(problem)
    if not isinstance(problem, NoCredentialsError | ReauthenticationRequiredError):
        provider.warn(reason)
    inner = problem.tried if isinstance(problem, NoCredentialsError) else ()
    tried.extend(inner or [(provider.name, reason)])
    return None


def _reason(error: CredentialError) -> str:
    reason = printable(error.message).strip().removesuffix(".")
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}..."


def _given(provider: Auth) -> _Provider:
    async def find() -> Auth:
        return provider

    return _Provider(type(provider).__name__, describe(provider), find)
