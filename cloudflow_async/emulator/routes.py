"""Which path and method lead where, in the order of the API document."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import attrs

from . import cloudflow
from .cloudflow import Call
from .problems import Problem, Reply

PREFIX = "/v2"
"""What every path begins with ("Base URL")."""


@attrs.frozen
class Route:
    """One endpoint."""

    method: str
    template: str
    """Path with `{names}` for parameters, without the prefix."""

    scope: str
    """The scope that a key must have to use it."""

    answer: Callable[[Call], Reply]


ROUTES = (
    Route("GET", "/workflows", "workflows:read", cloudflow.list_workflows),
    Route("POST", "/workflows", "workflows:write", cloudflow.create_workflow),
    Route("GET", "/workflows/{workflow_id}", "workflows:read", cloudflow.get_workflow),
    Route("PATCH", "/workflows/{workflow_id}", "workflows:write", cloudflow.update_workflow),
    Route("DELETE", "/workflows/{workflow_id}", "workflows:write", cloudflow.delete_workflow),
    Route(
        "GET", "/pipelines/{pipeline_id}/executions", "pipelines:read", cloudflow.list_executions
    ),
    Route(
        "GET",
        "/analytics/workflows/{workflow_id}",
        "analytics:read",
        cloudflow.get_workflow_metrics,
    ),
    Route("POST", "/webhooks", "workflows:write", cloudflow.create_webhook),
    Route("POST", "/webhooks/{workflow_id}/trigger", "workflows:write", cloudflow.trigger_workflow),
)
"""The document names scopes, but not which endpoint needs which: the last column is our reading."""

AUTHORIZE_PATH = "/oauth/authorize"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
METADATA_PATH = "/.well-known/oauth-authorization-server"
AUTHORIZATION_PATHS = (AUTHORIZE_PATH, TOKEN_PATH, METADATA_PATH)
"""What the authorization server answers; in the document it is a host of its own."""

INSPECTION_PATH = "/_emulator"
REDELIVERY_PATH = "/_emulator/redeliver"
"""What people use to see what happened; nothing that a client would find at the service."""

TEMPLATES = tuple(dict.fromkeys(route.template for route in ROUTES))
"""All templates, once each."""


@attrs.frozen
class Match:
    """The template that a path fits, and its parameters, decoded."""

    template: str
    parameters: dict[str, str]


def match_path(path: str) -> Match | None:
    """Return what a path as on the wire fits, or None."""
    if path in AUTHORIZATION_PATHS:
        return Match(path, {})
    if not path.startswith(PREFIX + "/"):
        return None
    segments = [unquote(segment) for segment in path.removeprefix(PREFIX).split("/")]
    for template in TEMPLATES:
        parameters = _parameters(template.split("/"), segments)
        if parameters is not None:
            return Match(template, parameters)
    return None


def is_for_authorization_server(path: str) -> bool:
    """Tell whether a path as on the wire leads to the authorization server."""
    return path.startswith(("/oauth/", "/.well-known/"))


def is_for_inspection(path: str) -> bool:
    """Tell whether a path as on the wire leads to the inspection page."""
    return path == INSPECTION_PATH or path.startswith(INSPECTION_PATH + "/")


def find_route(method: str, match: Match | None) -> Route:
    """Return the endpoint for a method on a path, or raise the 404 or the 405."""
    if match is None:
        raise Problem(404)
    routes = {route.method: route for route in ROUTES if route.template == match.template}
    if method not in routes:
        raise Problem(405, headers={"Allow": ", ".join(routes)})
    return routes[method]


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
