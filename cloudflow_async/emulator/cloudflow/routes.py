"""Which path and method lead where, in the order of the API document."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from cloudflow_async.emulator.base.paths import PREFIX, Match, fit, pick
from cloudflow_async.emulator.base.problems import Problem, Reply

from . import endpoints
from .endpoints import Call


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
    Route("GET", "/workflows", "workflows:read", endpoints.list_workflows),
    Route("POST", "/workflows", "workflows:write", endpoints.create_workflow),
    Route("GET", "/workflows/{workflow_id}", "workflows:read", endpoints.get_workflow),
    Route("PATCH", "/workflows/{workflow_id}", "workflows:write", endpoints.update_workflow),
    Route("DELETE", "/workflows/{workflow_id}", "workflows:write", endpoints.delete_workflow),
    Route(
        "GET", "/pipelines/{pipeline_id}/executions", "pipelines:read", endpoints.list_executions
    ),
    Route(
        "GET",
        "/analytics/workflows/{workflow_id}",
        "analytics:read",
        endpoints.get_workflow_metrics,
    ),
    Route("POST", "/webhooks", "workflows:write", endpoints.create_webhook),
    Route("POST", "/webhooks/{workflow_id}/trigger", "workflows:write", endpoints.trigger_workflow),
)
"""The document names scopes, but not which endpoint needs which: the last column is our reading."""

TEMPLATES = tuple(dict.fromkeys(route.template for route in ROUTES))
"""All templates, once each."""


def match_path(path: str) -> Match | None:
    """Return what a path as on the wire fits in the CloudFlow API, or None."""
    return fit(path, TEMPLATES, prefix=PREFIX)


def find_route(method: str, match: Match | None) -> Route:
    """Return the endpoint for a method on a path, or raise the 404 or the 405."""
    if match is None:
        raise Problem(404)
    return pick(method, {one.method: one for one in ROUTES if one.template == match.template})
