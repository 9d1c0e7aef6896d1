"""Credentials: what signs a request, and what answers a 401.

chain           `AuthChain`: the first credential that has something signs
discovery       where credentials are looked for when none were given
profiles/       named credentials in the configuration file
oauth2/         OAuth 2.0: logins, and a token that is renewed
jwt/            JSON Web Tokens that this process signs
api_key/        API keys
stores/         where tokens are kept, and files that only their owner can read
single_flight   runs work once for all concurrent callers, in a task that none can cancel
token           an access token, with what is needed to get the next one
scopes          what a credential is known to be allowed
anonymous       no credential
warn            warnings that point at the caller's line
protocol        `Auth`: what the session asks of a credential
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .anonymous import AnonymousAuth
    from .api_key.api_key import ApiKeyAuth
    from .chain import AuthChain
    from .jwt.jwt import JWTAuth
    from .oauth2.authorization import AuthorizationRequest
    from .oauth2.oauth2 import OAuth2Auth
    from .protocol import Auth, Refusal, check_auth
    from .scopes import check_scope, known_scopes
    from .stores.file_store import FileTokenStore
    from .stores.keyring_store import KeyringTokenStore
    from .stores.token_store import MemoryTokenStore, TokenStore
    from .token import Token

__all__ = [
    "AnonymousAuth",
    "ApiKeyAuth",
    "Auth",
    "AuthChain",
    "AuthorizationRequest",
    "FileTokenStore",
    "JWTAuth",
    "KeyringTokenStore",
    "MemoryTokenStore",
    "OAuth2Auth",
    "Refusal",
    "Token",
    "TokenStore",
    "check_auth",
    "check_scope",
    "known_scopes",
]

_HOMES = {
    "AnonymousAuth": ".anonymous",
    "ApiKeyAuth": ".api_key.api_key",
    "Auth": ".protocol",
    "AuthChain": ".chain",
    "AuthorizationRequest": ".oauth2.authorization",
    "FileTokenStore": ".stores.file_store",
    "JWTAuth": ".jwt.jwt",
    "KeyringTokenStore": ".stores.keyring_store",
    "MemoryTokenStore": ".stores.token_store",
    "OAuth2Auth": ".oauth2.oauth2",
    "Refusal": ".protocol",
    "Token": ".token",
    "TokenStore": ".stores.token_store",
    "check_auth": ".protocol",
    "check_scope": ".scopes",
    "known_scopes": ".scopes",
}

if not TYPE_CHECKING:  # pragma: no branch - only type checkers go past it

    def __getattr__(name: str) -> object:
        """Load a credential at its first use: a program has one or two of them."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
        return value
