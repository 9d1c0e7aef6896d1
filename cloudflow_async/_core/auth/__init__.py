"""Credentials: what signs a request, and what answers a refusal."""

from .anonymous import AnonymousAuth
from .api_key import ApiKeyAuth
from .protocol import Auth, Refusal
from .scopes import check_scope, known_scopes

__all__ = ["AnonymousAuth", "ApiKeyAuth", "Auth", "Refusal", "check_scope", "known_scopes"]
