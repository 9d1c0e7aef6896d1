"""Where paths lead: the prefixes of the services, and the templates that a path fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import unquote

import attrs

from .problems import Problem

_T = TypeVar("_T")

PREFIX = "/v2"
"""What every path begins with ("Base URL")."""

AUTHORIZE_PATH = "/oauth/authorize"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
METADATA_PATH = "/.well-known/oauth-authorization-server"
AUTHORIZATION_PATHS = (AUTHORIZE_PATH, TOKEN_PATH, METADATA_PATH)
"""What the authorization server answers; in the document it is a host of its own."""

TECHFLOW_PREFIX = "/techflow/v2"
"""What every path of the TechFlow API begins with; in its document it is a host of its own."""

INSPECTION_PATH = "/_emulator"
REDELIVERY_PATH = "/_emulator/redeliver"
"""What people use to see what happened; nothing that a client would find at the service."""


@attrs.frozen
class Match:
    """The template that a path fits, and its parameters, decoded."""

    template: str
    parameters: dict[str, str]


def fit(path: str, templates: Iterable[str], *, prefix: str) -> Match | None:
    """Return the first of some templates, which have no prefix, that a path with one fits."""
    if not path.startswith(prefix + "/"):
        return None
    segments = [unquote(segment) for segment in path.removeprefix(prefix).split("/")]
    for template in templates:
        parameters = _parameters(template.split("/"), segments)
        if parameters is not None:
            return Match(template, parameters)
    return None


def pick(method: str, endpoints: Mapping[str, _T]) -> _T:
    """Return the endpoint for a method among those of one path, or raise the 405."""
    if method not in endpoints:
        raise Problem(405, headers={"Allow": ", ".join(endpoints)})
    return endpoints[method]


def match_authorization(path: str) -> Match | None:
    """Return what a path as on the wire fits at the authorization server, or None."""
    return Match(path, {}) if path in AUTHORIZATION_PATHS else None


def is_for_authorization_server(path: str) -> bool:
    """Tell whether a path as on the wire leads to the authorization server."""
    return path.startswith(("/oauth/", "/.well-known/"))


def is_for_techflow(path: str) -> bool:
    """Tell whether a path as on the wire leads to the TechFlow API, of whatever version."""
    return path.startswith("/techflow/")


def is_for_inspection(path: str) -> bool:
    """Tell whether a path as on the wire leads to the inspection page."""
    return path == INSPECTION_PATH or path.startswith(INSPECTION_PATH + "/")


def _parameters(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    parameters = {}
    for expected, segment in zip(template, segments, strict=True):
        if expected.startswith("{") and segment:
            parameters[expected.strip("{}")] = segment
        elif expected != segment:
            return None
    return parameters
