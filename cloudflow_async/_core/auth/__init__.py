"""Credentials: what signs a request, and what answers a refusal.

The files, in the order in which one is found, signs, and stands on others:

    chain               several credentials in order; the first that has something signs
    discovery           where credentials are looked for when none were given
    profiles            who one is, by name, in the configuration file
    profile_format          ... what may stand there: a table, no I/O
    profile_secrets         ... the secrets that it names
    config_file             ... where the file is
    oauth2              OAuth 2.0: logins, and a token that is refreshed
    loopback, browser       the person's way there and back (loopback_pages: what they see)
    authorization           PKCE, the request, the reading of a callback: no I/O
    token_source            have a token that is accepted; the refresh (held_token: when)
    token_endpoint          token requests
    token_answers           ... and what their answers mean: no I/O (oauth_errors)
    jwt                 JSON Web Tokens (jwt_claims, private_key_source, signing_key)
    api_key             API keys (api_key_source)
    secret_file, callback, warn     what keys come from, and what is said about that
    single_flight       one run at a time of work that many ask for
    file_store, keyring_store       tokens that outlive the process
    token_store             ... the protocol, and memory
    token_json, file_lock, private_paths, threads       ... what the stores stand on
    token               an access token, with what is needed to get the next one
    scopes              what a credential is known to be allowed
    anonymous           no credential
    protocol            what the session asks of a credential
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .anonymous import AnonymousAuth
    from .api_key import ApiKeyAuth
    from .authorization import AuthorizationRequest
    from .chain import AuthChain
    from .file_store import FileTokenStore
    from .jwt import JWTAuth
    from .keyring_store import KeyringTokenStore
    from .oauth2 import OAuth2Auth
    from .protocol import Auth, Refusal, check_auth
    from .scopes import check_scope, known_scopes
    from .token import Token
    from .token_store import MemoryTokenStore, TokenStore

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
    "ApiKeyAuth": ".api_key",
    "Auth": ".protocol",
    "AuthChain": ".chain",
    "AuthorizationRequest": ".authorization",
    "FileTokenStore": ".file_store",
    "JWTAuth": ".jwt",
    "KeyringTokenStore": ".keyring_store",
    "MemoryTokenStore": ".token_store",
    "OAuth2Auth": ".oauth2",
    "Refusal": ".protocol",
    "Token": ".token",
    "TokenStore": ".token_store",
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
