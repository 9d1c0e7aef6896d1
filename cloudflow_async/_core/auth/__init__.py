"""Credentials: what signs a request, and what answers a refusal."""

from .anonymous import AnonymousAuth
from .api_key import ApiKeyAuth
from .protocol import Auth

__all__ = ["AnonymousAuth", "ApiKeyAuth", "Auth"]
